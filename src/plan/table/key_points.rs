//! `FROM key_points(relation, …)`: the points in the lives of customers that matter, one row each.
//!
//! They are those of the aggregate `turning_points` that follow from events, without what follows
//! from silence and statistics.

use std::collections::BTreeMap;

use datafusion::common::{Result, plan_err};
use datafusion::logical_expr::LogicalPlan;
use datafusion::logical_expr::sqlparser::ast::{
    CaseWhen, Expr as SqlExpr, Value, helpers::attached_token::AttachedToken,
};

use super::{AS_OF, KEY, TS, info};
use crate::engine::FunctionInfo;
use crate::error::did_you_mean;
use crate::plan::query::{self, Holes, null};
use crate::plan::relations::{Call, TableFunction};
use crate::udfs::points::event_types;

pub(crate) const FUNCTION: TableFunction = TableFunction {
    name: "key_points",
    parameters: &["key", "ts", "type", "amount", "category", "map", "cart_window", "nth", "as_of"],
    plan,
    documentation,
};

const EXAMPLE: &str = "\
SELECT key, ts, point, ordinal, seconds_since_first FROM key_points(
  (SELECT * FROM (VALUES (7, TIMESTAMP '2018-01-01T09:00:00', 'joined'), (7, TIMESTAMP '2018-01-01T10:00:00', 'purchase'),
    (7, TIMESTAMP '2018-01-02T09:00:00', 'complaint'), (7, TIMESTAMP '2018-01-03T09:00:00', 'complaint')) AS t(customer_id, ts, event_type)),
  map => {'joined': 'signup'}, as_of => TIMESTAMP '2018-02-01T00:00:00');
-- 7 | 2018-01-01T09:00:00 | registered | 1 | 0.0
-- 7 | 2018-01-01T10:00:00 | first_purchase | 1 | 3600.0
-- 7 | 2018-01-02T09:00:00 | complaint | 1 | 86400.0
-- 7 | 2018-01-03T09:00:00 | complaint | 2 | 172800.0";

fn plan(mut call: Call<'_>) -> Result<LogicalPlan> {
    let mut holes = Holes::new();
    holes.insert("key", call.written_or_column("key", "customer_id")?);
    holes.insert("ts", call.written_or_column("ts", "ts")?);
    let event = call.written_or_column("type", "event_type")?;
    let event = match call.written("map") {
        Some(map) => renamed(event, map)?,
        None => event,
    };
    holes.insert("type", event);
    for name in ["amount", "category"] {
        holes.insert(name, call.written_or_column_or_null(name, name));
    }
    for option in ["cart_window", "nth"] {
        holes.insert(option, call.written(option).unwrap_or_else(null));
    }
    holes.insert("as_of", call.as_of()?);
    call.query(
        "WITH lives AS (
  SELECT $key AS key, turning_points($ts, $type, $amount, $category, $as_of, $cart_window, NULL, NULL, NULL, NULL, NULL, $nth) AS turns
  FROM input WHERE $ts <= $as_of AND $key IS NOT NULL GROUP BY $key),
turns AS (
  SELECT key, unnest(turns) AS turn, unnest(range(1, CAST(cardinality(turns) AS BIGINT) + 1)) AS place FROM lives),
points AS (
  SELECT key, place, turn['ts'] AS ts, turn['point'] AS point, turn['detail'] AS detail
  FROM turns WHERE turn['kind'] IN ('milestone', 'key_point', 'turning_point'))
SELECT key, ts, point,
  row_number() OVER (PARTITION BY key, point ORDER BY place) AS ordinal,
  date_part('epoch', ts) - date_part('epoch', first_value(ts) OVER (PARTITION BY key ORDER BY place)) AS seconds_since_first,
  detail
FROM points ORDER BY key, place OFFSET 0",
        &holes,
    )
}

/// The event under its standard name.
fn renamed(event: SqlExpr, map: SqlExpr) -> Result<SqlExpr> {
    let wrong = |e: &SqlExpr| {
        plan_err!(
            "key_points: map must name own events and what they are, such as {{'joined': 'signup'}}, got {e}"
        )
    };
    let mut pairs = BTreeMap::new();
    match &map {
        SqlExpr::Dictionary(fields) => {
            for f in fields {
                let Some(standard) = text(&f.value) else { return wrong(&map) };
                pairs.insert(f.key.value.clone(), standard);
            }
        }
        SqlExpr::Map(entries) => {
            for e in &entries.entries {
                let (Some(own), Some(standard)) = (text(&e.key), text(&e.value)) else {
                    return wrong(&map);
                };
                pairs.insert(own, standard);
            }
        }
        _ => return wrong(&map),
    }
    if pairs.is_empty() {
        return wrong(&map);
    }
    for standard in pairs.values() {
        if !event_types().iter().any(|(name, _)| name == standard) {
            let meant = did_you_mean(standard, event_types().iter().map(|(name, _)| *name));
            return plan_err!(
                "key_points: {standard:?} in map is no standard event; {}",
                meant.unwrap_or_else(|| "\\types lists them".to_string())
            );
        }
    }
    let mut conditions = Vec::with_capacity(pairs.len());
    for (own, standard) in pairs {
        conditions.push(CaseWhen { condition: query::text(&own), result: query::text(&standard) });
    }
    Ok(SqlExpr::Case {
        case_token: AttachedToken::empty(),
        end_token: AttachedToken::empty(),
        operand: Some(Box::new(event.clone())),
        conditions,
        else_result: Some(Box::new(event)),
    })
}

/// The text that a literal says.
fn text(e: &SqlExpr) -> Option<String> {
    match e {
        SqlExpr::Value(v) => match &v.value {
            Value::SingleQuotedString(text) => Some(text.clone()),
            _ => None,
        },
        _ => None,
    }
}

fn documentation() -> FunctionInfo {
    info(
        &FUNCTION,
        "Turning points",
        &[],
        "The points in the lives of customers that matter, one row each with key, ts, point, ordinal (which time the customer comes to this point), seconds_since_first (since the first point of the customer) and detail, by customer and in the order of time. Points are those of the aggregate turning_points that follow from events: registered, subscribed, first_purchase, second_purchase, nth_purchase (detail says which), cross_sell, add_to_cart, checkout and payment (the first of each journey to a purchase), order_cancel, cart_abandon, return, complaint, unsubscribe, upgrade and downgrade; lapses and changes of rate and value are left to it. A cart is abandoned at the end of cart_window after its last add_to_cart or checkout, unless payment or purchase came before; one that still waits at as_of is not told. cross_sell is a purchase in a category not bought before, but for the first purchase. Events that are not standard and not in map, rows with a NULL time, type or key and rows after as_of are ignored; events of one time are in the order of the vocabulary. No rows give no rows. Times are those of tenure.timezone. Memory: as turning_points.",
        &[
            KEY,
            TS,
            ("type", "what happened; default: the column event_type"),
            ("amount", "money of the event; default: the column amount, if there is one"),
            (
                "category",
                "category of what was bought, makes cross_sell; default: the column category, if there is one",
            ),
            ("map", "own names and the standard events they are: {'joined': 'signup'}"),
            ("cart_window", "how long a cart may wait; default INTERVAL '1 day'"),
            ("nth", "numbers of purchases that are points; default [5, 10, 25, 50, 100]"),
            AS_OF,
        ],
        EXAMPLE,
    )
}
