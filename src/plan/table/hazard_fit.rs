//! `FROM hazard_fit(relation, event => …, every => …)`: the risk of each period of a customer's life,
//! and what changes it.

use datafusion::common::{Result, plan_err};
use datafusion::logical_expr::LogicalPlan;
use datafusion::logical_expr::sqlparser::ast::{
    BinaryOperator, DictionaryField, Expr as SqlExpr, Ident,
};

use super::{AS_OF, KEY, TS, info};
use crate::engine::FunctionInfo;
use crate::plan::constants::Lengths;
use crate::plan::query::{Holes, call, int};
use crate::plan::relations::{Call, TableFunction};

pub(crate) const FUNCTION: TableFunction = TableFunction {
    name: "hazard_fit",
    parameters: &[
        "event",
        "every",
        "periods",
        "features",
        "baseline",
        "start_when",
        "l2",
        "key",
        "ts",
        "as_of",
    ],
    plan,
    documentation,
};

const EXAMPLE: &str = "\
SELECT period, at_risk, events, round(hazard, 3) AS hazard, round(survival, 3) AS survival, unfinished, model.n FROM hazard_fit(
  (SELECT * FROM (VALUES (1, TIMESTAMP '2018-01-01T00:00:00', 'joined'), (1, TIMESTAMP '2018-01-20T00:00:00', 'left'),
    (2, TIMESTAMP '2018-01-05T00:00:00', 'joined'), (2, TIMESTAMP '2018-02-20T00:00:00', 'left'),
    (3, TIMESTAMP '2018-01-07T00:00:00', 'joined'), (4, TIMESTAMP '2018-02-10T00:00:00', 'joined')) AS t(customer_id, ts, e)),
  event => e = 'left', every => INTERVAL '1 month', periods => 2, baseline => 'steps', as_of => TIMESTAMP '2018-03-09T00:00:00');
-- 1 | 3 | 1 | 0.333 | 0.667 | 1 | 5
-- 2 | 2 | 1 | 0.5 | 0.333 | 0 | 5";

/// How many periods, unless it is said, and at most; and at most with a step for each.
const PERIODS: i64 = 12;
const MOST: i64 = 1_000;
const MOST_STEPS: i64 = 100;

fn plan(mut call: Call<'_>) -> Result<LogicalPlan> {
    let mut holes = Holes::new();
    holes.insert("key", call.written_or_column("key", "customer_id")?);
    holes.insert("ts", call.written_or_column("ts", "ts")?);
    holes.insert("event", call.must("event", "event => event_type = 'unsubscribe'")?);
    let every = call.must("every", "every => INTERVAL '1 month'")?;
    holes.insert("every", call.length("every", every, Lengths::Positive)?);
    holes.insert("as_of", call.as_of()?);
    let periods = call.int("periods", PERIODS, 1)?;
    let shape = call.word("baseline", &["log", "linear", "steps"])?;
    let most = if shape == "steps" { MOST_STEPS } else { MOST };
    if periods > most {
        return plan_err!(
            "hazard_fit: periods must be at most {most} with baseline => '{shape}', got {periods}"
        );
    }
    holes.insert("end", int(periods + 1));
    let l2 = call.written("l2").unwrap_or_else(|| int(0));
    holes.insert("l2", l2);
    let starts = match call.written("start_when") {
        Some(start) => {
            holes.insert("start", start);
            " AND ($start)"
        }
        None => "",
    };
    let given = features(&mut call)?;
    // what was known when the period began: the row that began the life, but nothing of the period
    let seen = match given {
        None => "SELECT \"$label\" AS label, $features AS features FROM spells WHERE \"$over\"",
        Some(_) => {
            "SELECT \"$label\" AS label, $features AS features
  FROM spells JOIN input ON $key = \"$key\"
    AND (CAST($ts AS TIMESTAMP(6)) < cutoff OR CAST($ts AS TIMESTAMP(6)) = \"$born\")
  WHERE \"$over\"
  GROUP BY \"$key\", period, cutoff, \"$label\""
        }
    };
    holes.insert("features", with_baseline(given.unwrap_or_default(), shape, periods)?);
    // names that no column has: the features are read beside them
    call.query(
        &format!(
            "WITH starts AS (
  SELECT $key AS \"$key\", CAST(min($ts) AS TIMESTAMP(6)) AS \"$born\"
  FROM input WHERE $ts <= $as_of AND $key IS NOT NULL{starts} GROUP BY $key),
ends AS (
  SELECT \"$key\", \"$born\", min(CAST($ts AS TIMESTAMP(6))) FILTER (
    WHERE ($event) AND CAST($ts AS TIMESTAMP(6)) > \"$born\") AS \"$end\"
  FROM starts JOIN input ON $key = \"$key\"
  WHERE $ts <= $as_of AND \"$born\" IS NOT NULL
  GROUP BY \"$key\", \"$born\"),
spells AS (
  SELECT \"$key\", \"$born\", period, cutoff,
    coalesce(\"$end\" < \"$next\", false) AS \"$label\",
    \"$next\" <= CAST($as_of AS TIMESTAMP(6)) AS \"$over\"
  FROM (
    SELECT *, \"$born\" + (period - 1) * $every AS cutoff, \"$born\" + period * $every AS \"$next\"
    FROM (SELECT *, unnest(range(1, $end)) AS period FROM ends) AS lives) AS grid
  WHERE cutoff <= CAST($as_of AS TIMESTAMP(6)) AND coalesce(\"$end\" >= cutoff, true)),
fitted AS (
  SELECT logit_fit(label, features, $l2) AS model FROM ({seen}) AS seen),
counted AS (
  SELECT period, count(*) FILTER (WHERE \"$over\") AS at_risk,
    count(*) FILTER (WHERE \"$over\" AND \"$label\") AS events,
    count(*) FILTER (WHERE NOT \"$over\") AS unfinished
  FROM spells GROUP BY period)
SELECT period, at_risk, events, CAST(events AS DOUBLE) / nullif(at_risk, 0) AS hazard,
  CASE WHEN at_risk > 0 THEN exp(sum(ln(1 - CAST(events AS DOUBLE) / nullif(at_risk, 0))) OVER (ORDER BY period)) END AS survival,
  unfinished, model
FROM counted CROSS JOIN fitted ORDER BY period OFFSET 0"
        ),
        &holes,
    )
}

/// The features that are given, with their names.
fn features(call: &mut Call<'_>) -> Result<Option<Vec<DictionaryField>>> {
    let given = match call.written("features") {
        None => return Ok(None),
        Some(SqlExpr::Dictionary(given)) => given,
        Some(e) => {
            return plan_err!(
                "hazard_fit: features must be aggregates with their names, such as {{'orders': count(*)}}, got {e}"
            );
        }
    };
    let schema = call.schema();
    let own = ["period", "cutoff"].into_iter();
    if let Some(name) = own.into_iter().find(|n| schema.has_column_with_unqualified_name(n)) {
        return plan_err!(
            "hazard_fit: the relation has a column {name}, which features know as that of the life; select it under another name"
        );
    }
    Ok(Some(given).filter(|given| !given.is_empty()))
}

/// The features with those that tell how the risk depends on the column `period`.
fn with_baseline(mut features: Vec<DictionaryField>, shape: &str, periods: i64) -> Result<SqlExpr> {
    let period = || SqlExpr::Identifier(Ident::new("period"));
    let baseline: Vec<(String, SqlExpr)> = match shape {
        "steps" => (2..=periods)
            .map(|j| {
                let (left, right) = (Box::new(period()), Box::new(int(j)));
                (format!("period_{j}"), SqlExpr::BinaryOp { left, op: BinaryOperator::Eq, right })
            })
            .collect(),
        "linear" => vec![("period".into(), period())],
        _ => vec![("log_period".into(), call("ln", [period()]))],
    };
    for (name, value) in baseline {
        if features.iter().any(|f| f.key.value == name) {
            return plan_err!(
                "hazard_fit: {name} among features is what baseline => '{shape}' is called; give it another name"
            );
        }
        features
            .push(DictionaryField { key: Ident::with_quote('\'', name), value: Box::new(value) });
    }
    if features.is_empty() {
        return plan_err!(
            "hazard_fit: one period has no steps; give periods from 2 on, features, or another baseline"
        );
    }
    Ok(SqlExpr::Dictionary(features))
}

fn documentation() -> FunctionInfo {
    info(
        &FUNCTION,
        "Survival",
        &["event", "every"],
        "The risk of each period of a customer's life, and what changes it: a hazard in discrete time (Singer & Willett 1993). A life begins with the customer's first row (that satisfies start_when); its periods are as long as every says, counted from there. A customer is in a period if it had begun by as_of and the event had not come before it. One row for each period that somebody is in: period (1, 2, …), at_risk (customers whose period had ended by as_of), events (those of them whose first row after the beginning of the life that satisfies event lies in it), hazard (events / at_risk) and survival (the chance to come through this period and all before it; both NULL where nobody is at risk), unfinished (customers in it whose period had not ended: left out of all else) and model, the same in every row: logit_fit over one row for each customer and period at risk. Features are aggregates over the customer's rows before the period (`cutoff` is its beginning) and the one that began the life, so a model cannot know what it is to tell; what happened lately is count(*) FILTER (WHERE ts >= cutoff - INTERVAL '30 days'). To them comes the baseline: log_period, which is ln(period), or period, or with baseline => 'steps' one of period_2, period_3, … that is true in its period: without features and l2 the model then gives back hazard, where there are some events and not only events in each (a period without any separates: see note of the model, and l2). logit_predict(model, {'log_period': ln(3), …}) is the risk of one period, explain_logit tells its reasons. An event at the very time at which the life begins is none: give times, not days, where both may be on one. Rows with a NULL time or key and rows after as_of are ignored, NULL conditions are false; where several rows have the time of the beginning, all of them are known from there on. A row with a NULL feature counts in at_risk, and in model.nulls. Without rows there are none. Months are those of the calendar, on the clock of tenure.timezone. Any order of rows gives the same bits if the features' aggregates do. The relation is read several times; with features, each period of a customer is joined with their rows before it. Memory: a row for each customer and period, and 8 bytes a feature of those at risk while the model is fitted.",
        &[
            (
                "event",
                "a condition on a row: what may happen to a customer once, such as event_type = 'unsubscribe'",
            ),
            ("every", "a constant INTERVAL above 0: how long a period is"),
            (
                "periods",
                "how many periods of a life are looked at; default 12, at most 1,000 (100 with steps)",
            ),
            (
                "features",
                "aggregates with their names: {'orders': count(*) FILTER (WHERE event_type = 'purchase'), …}; period and cutoff are known in them; default: none",
            ),
            (
                "baseline",
                "how the risk changes with the period: 'log' (default), 'linear' or 'steps' (freely)",
            ),
            ("start_when", "a condition on the row that begins a life; default: the first row"),
            ("l2", "the ridge of logit_fit; default 0"),
            KEY,
            TS,
            AS_OF,
        ],
        EXAMPLE,
    )
}
