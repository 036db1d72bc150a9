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
use crate::plan::constants::Lengths;
use crate::plan::query::{self, Holes, null};
use crate::plan::relations::{Call, TableFunction};
use crate::udfs::points::event_types;

pub(crate) const FUNCTION: TableFunction = TableFunction {
    name: "key_points",
    parameters: &[
        "key",
        "ts",
        "type",
        "amount",
        "category",
        "product",
        "tier",
        "tiers",
        "map",
        "cart_window",
        "nth",
        "as_of",
    ],
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
    holes.insert("cart_window", call.length_or_null("cart_window", Lengths::Fixed)?);
    holes.insert("nth", call.whole_numbers("nth", 3)?);
    holes.insert("as_of", call.as_of()?);
    let (product, tier) = (call.written("product"), call.written("tier"));
    let mut events = "rows".to_string();
    let mut ctes = String::new();
    if tier.is_some() || call.has("tiers") {
        let Some(tiers) = call.written("tiers").filter(names_tiers) else {
            return plan_err!(
                "key_points: tiers must list the names of tiers from the lowest to the highest, such as ['basic', 'plus', 'pro']"
            );
        };
        holes.insert("tiers", tiers);
        ctes.push_str(TIERS);
        events = "(SELECT key, ts, type, amount, category, product FROM rows UNION ALL SELECT key, ts, type, NULL, NULL, NULL FROM changes)".to_string();
        if tier.is_none() {
            return plan_err!("key_points: tiers needs tier => …, the column that says the tier");
        }
    }
    // a cart is of one product: what the customer as a whole leaves behind is not told
    let unpaid = if product.is_some() {
        ctes.push_str(CARTS);
        " AND NOT (turn['point'] = 'cart_abandon' AND turn['detail'] IS NOT NULL)
  UNION ALL SELECT key, ts, 1, place, point, concat(product, ': ', detail) FROM unpaid"
    } else {
        ""
    };
    holes.insert("product", product.unwrap_or_else(null));
    holes.insert("tier", tier.unwrap_or_else(null));
    call.query(
        &format!(
            "WITH rows AS (
  SELECT $key AS key, $ts AS ts, $type AS type, $amount AS amount, $category AS category,
    CAST($product AS VARCHAR) AS product, CAST($tier AS VARCHAR) AS tier
  FROM input WHERE $ts <= $as_of AND $key IS NOT NULL),
{ctes}lives AS (
  SELECT key, turning_points(ts, type, amount, category, $as_of, $cart_window, NULL, NULL, NULL, NULL, NULL, $nth) AS turns
  FROM {events} GROUP BY key),
turns AS (
  SELECT key, unnest(turns) AS turn, unnest(range(1, CAST(cardinality(turns) AS BIGINT) + 1)) AS place FROM lives),
points AS (
  SELECT key, turn['ts'] AS ts, 0 AS run, place, turn['point'] AS point, turn['detail'] AS detail
  FROM turns WHERE turn['kind'] IN ('milestone', 'key_point', 'turning_point'){unpaid})
SELECT key, ts, point,
  CAST(row_number() OVER (PARTITION BY key, point ORDER BY ts, run, place, detail) AS BIGINT) AS ordinal,
  date_part('epoch', ts) - date_part('epoch', min(ts) OVER (PARTITION BY key)) AS seconds_since_first,
  detail
FROM points ORDER BY key, ts, run, place, detail OFFSET 0"
        ),
        &holes,
    )
}

/// `changes`: an upgrade or downgrade where the tier is another one than it was, unless an event has
/// said so since.
const TIERS: &str = "tiers AS (
  SELECT key, ts, type, array_position($tiers, tier) AS rank,
    sum(CASE WHEN type IN ('upgrade', 'downgrade') THEN 1 ELSE 0 END) OVER (
      PARTITION BY key ORDER BY ts RANGE BETWEEN UNBOUNDED PRECEDING AND CURRENT ROW) AS said
  FROM rows WHERE ts IS NOT NULL),
ranks AS (
  SELECT key, ts, rank, lag(rank) OVER (PARTITION BY key ORDER BY ts, rank) AS before,
    said, lag(said) OVER (PARTITION BY key ORDER BY ts, rank) AS said_before
  FROM tiers WHERE rank IS NOT NULL),
changes AS (
  SELECT key, ts, CASE WHEN rank > before THEN 'upgrade' ELSE 'downgrade' END AS type
  FROM ranks WHERE rank <> before AND said = said_before),
";

/// `unpaid`: the carts of each product that were left behind. A payment that names no product is for
/// all.
const CARTS: &str = "carts AS (
  SELECT key, product, ts, type FROM rows
  WHERE product IS NOT NULL AND type IN ('add_to_cart', 'checkout', 'payment', 'purchase', 'cart_abandon')
  UNION ALL
  SELECT r.key, p.product, r.ts, r.type FROM rows r
  JOIN (SELECT DISTINCT key, product FROM rows WHERE product IS NOT NULL AND type IN ('add_to_cart', 'checkout')) p ON p.key = r.key
  WHERE r.product IS NULL AND r.type IN ('payment', 'purchase')),
products AS (
  SELECT key, product, turning_points(ts, type, CAST(NULL AS DOUBLE), NULL, $as_of, $cart_window) AS turns
  FROM carts GROUP BY key, product),
left_behind AS (
  SELECT key, product, unnest(turns) AS turn, unnest(range(1, CAST(cardinality(turns) AS BIGINT) + 1)) AS place FROM products),
unpaid AS (
  SELECT key, product, turn['ts'] AS ts, place, turn['point'] AS point, turn['detail'] AS detail
  FROM left_behind WHERE turn['point'] = 'cart_abandon' AND turn['detail'] IS NOT NULL),
";

/// Whether an expression lists texts.
fn names_tiers(e: &SqlExpr) -> bool {
    matches!(e, SqlExpr::Array(list) if list.elem.len() > 1 && list.elem.iter().all(|e| text(e).is_some()))
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
        "The points in the lives of customers that matter, one row each with key, ts, point, ordinal (which time the customer comes to this point), seconds_since_first (since the first point of the customer) and detail, by customer and in the order of time. Points are those of the aggregate turning_points that follow from events: registered, subscribed, first_purchase, second_purchase, nth_purchase (detail says which), cross_sell, add_to_cart, checkout and payment (the first of each journey to a purchase), order_cancel, cart_abandon, return, complaint, unsubscribe, upgrade and downgrade; lapses and changes of rate and value are left to it. A cart is abandoned at the end of cart_window after its last add_to_cart or checkout, unless payment or purchase came before; one that still waits at as_of is not told. With product each product has a cart of its own: it is abandoned unless a payment or purchase of the same product, or one that names none, came before, and detail names the product. With tier and tiers a customer whose tier is higher than the last one known is upgraded, whose tier is lower downgraded, at the first row that shows it; not if an event upgrade or downgrade has said so since the tier before, or with it; tiers that are not listed say nothing. cross_sell is a purchase in a category not bought before, but for the first purchase. Events that are not standard and not in map, rows with a NULL time, type or key and rows after as_of are ignored; events of one time are in the order of the vocabulary. No rows give no rows. Times are those of tenure.timezone. Memory: as turning_points.",
        &[
            KEY,
            TS,
            ("type", "what happened; default: the column event_type"),
            ("amount", "money of the event; default: the column amount, if there is one"),
            (
                "category",
                "category of what was bought, makes cross_sell; default: the column category, if there is one",
            ),
            (
                "product",
                "what carts are told apart by, such as product_id or the number of a cart; default: a customer has one cart",
            ),
            ("tier", "the tier of the customer as of the row; may be NULL"),
            (
                "tiers",
                "with tier: its values from the lowest to the highest, ['basic', 'plus', 'pro']",
            ),
            ("map", "own names and the standard events they are: {'joined': 'signup'}"),
            ("cart_window", "how long a cart may wait; default INTERVAL '1 day'"),
            ("nth", "numbers of purchases that are points; default [5, 10, 25, 50, 100]"),
            AS_OF,
        ],
        EXAMPLE,
    )
}
