//! `FROM funnel(relation, steps => {…}, window => …)`: how many customers come through each step.
//!
//! One row a step, for each group and interval. Each customer (or session) counts once, with the best
//! of their chains as `funnel_detail` chooses it, or each of their entries, as `funnel_entries` does.

use datafusion::common::{Result, plan_err};
use datafusion::logical_expr::LogicalPlan;
use datafusion::logical_expr::sqlparser::ast::{
    Expr as SqlExpr, FunctionArg, FunctionArgExpr, FunctionArguments, Value,
};

use crate::engine::{FunctionInfo, FunctionKind};
use crate::plan::constants::{Lengths, repeated};
use crate::plan::query::{Holes, int, list, null, text};
use crate::plan::relations::{Call, TableFunction};

pub(crate) const FUNCTION: TableFunction = TableFunction {
    name: "funnel",
    parameters: &[
        "steps",
        "window",
        "key",
        "ts",
        "order",
        "per",
        "session",
        "step_window",
        "exclude",
        "hold",
        "by",
        "by_at",
        "interval",
        "as_of",
    ],
    plan,
    documentation,
};

const EXAMPLE: &str = "\
SELECT step, reached, rate_step, median_seconds FROM funnel(
  (SELECT * FROM (VALUES (7, TIMESTAMP '2018-01-01T09:00:00', 'view'), (7, TIMESTAMP '2018-01-01T09:10:00', 'cart'),
    (8, TIMESTAMP '2018-01-02T09:00:00', 'view'), (9, TIMESTAMP '2018-01-02T10:00:00', 'view'), (9, TIMESTAMP '2018-01-02T10:20:00', 'cart'),
    (9, TIMESTAMP '2018-01-02T11:00:00', 'buy')) AS t(customer_id, ts, e)),
  steps => {'view': e = 'view', 'cart': e = 'cart', 'buy': e = 'buy'}, window => INTERVAL '1 day',
  as_of => TIMESTAMP '2018-02-01T00:00:00');
-- view | 3 | NULL | NULL
-- cart | 2 | 0.6666666666666666 | 900.0
-- buy | 1 | 0.5 | 2400.0";

/// What is known of each customer, and then of each step. Wilson's interval at 95 %.
const STEPS: &str = "
attempts AS (SELECT * FROM chains WHERE level >= 1),
steps AS (SELECT unnest($numbers) AS step_no, unnest($names) AS step),
counts AS (
  SELECT a.\"group\", a.interval_start, s.step_no, s.step,
    count(a.level) AS entered,
    count(*) FILTER (WHERE a.level >= s.step_no) AS reached,
    count(*) FILTER (WHERE a.level >= s.step_no - 1) AS before,
    count(*) FILTER (WHERE a.level < s.step_no AND a.open) AS pending,
    median(a.seconds[s.step_no]) FILTER (WHERE a.level >= s.step_no AND s.step_no > 1) AS median_seconds,
    percentile_cont(0.9) WITHIN GROUP (ORDER BY a.seconds[s.step_no]) FILTER (WHERE a.level >= s.step_no AND s.step_no > 1) AS p90_seconds
  FROM steps s LEFT JOIN attempts a ON true
  GROUP BY a.\"group\", a.interval_start, s.step_no, s.step),
rates AS (
  SELECT *, CAST(reached AS DOUBLE) / nullif(entered, 0) AS rate_total, CAST(entered AS DOUBLE) AS n FROM counts)
SELECT \"group\", interval_start, step_no, step, entered, reached, rate_total,
  CASE WHEN step_no > 1 THEN CAST(reached AS DOUBLE) / nullif(before, 0) END AS rate_step,
  CASE WHEN step_no > 1 THEN before - reached ELSE 0 END AS dropped,
  median_seconds, p90_seconds,
  CASE WHEN n > 0 THEN greatest(0.0, (rate_total + 1.9207294 / n - 1.959964 * sqrt((rate_total * (1 - rate_total) + 0.9603647 / n) / n)) / (1 + 3.8414588 / n)) END AS ci_low,
  CASE WHEN n > 0 THEN least(1.0, (rate_total + 1.9207294 / n + 1.959964 * sqrt((rate_total * (1 - rate_total) + 0.9603647 / n) / n)) / (1 + 3.8414588 / n)) END AS ci_high,
  pending, CAST(reached AS DOUBLE) / nullif(entered - pending, 0) AS rate_settled
FROM rates ORDER BY \"group\", interval_start, step_no OFFSET 0";

fn plan(mut call: Call<'_>) -> Result<LogicalPlan> {
    let steps = call.must(
        "steps",
        "steps => {'view': event_type = 'page_view', 'buy': event_type = 'purchase'}",
    )?;
    let (names, conditions) = read_steps(call.function, steps)?;
    let n = i64::try_from(names.len()).unwrap_or(i64::MAX);
    let order = call.word("order", &["ordered", "strict", "any"])?;
    let per = call.word("per", &["customer", "session", "entry"])?;
    let by_at = by_at(&mut call, n)?;
    let mut holes = Holes::new();
    holes.insert("key", call.written_or_column("key", "customer_id")?);
    let mut keys = "$key";
    if per == "session" {
        holes.insert("session", call.written_or_column("session", "session_id")?);
        keys = "$key, $session";
    }
    holes.insert("ts", call.written_or_column("ts", "ts")?);
    let window = call.must("window", "window => INTERVAL '1 day'")?;
    holes.insert("window", call.length("window", window, Lengths::Fixed)?);
    holes.insert("as_of", call.as_of()?);
    holes.insert("by", call.written("by").unwrap_or_else(null));
    holes.insert("numbers", list((1..=n).map(int).collect()));
    if order == "any" && per == "entry" {
        return plan_err!(
            "funnel: per => 'entry' goes with order => 'ordered' or 'strict', not 'any'"
        );
    }
    if let Some(only) = ["exclude", "hold", "interval"].into_iter().find(|name| call.has(name))
        && order == "any"
    {
        return plan_err!("funnel: {only} goes with order => 'ordered' or 'strict', not 'any'");
    }
    let spaced = call.has("step_window");
    if spaced && (order != "ordered" || call.has("exclude")) {
        return plan_err!("funnel: step_window goes with order => 'ordered', and without exclude");
    }
    let labels: Vec<String>;
    let chains = if order == "any" {
        labels = (1..=n).map(|k| format!("any {k} of {n}")).collect();
        any_order(n, keys)
    } else {
        labels = names;
        let interval = call.has("interval");
        if interval {
            call.period("interval", "month", &mut holes)?;
        }
        holes.insert("step_window", step_window(&mut call, n)?);
        for option in ["exclude", "hold"] {
            holes.insert(option, call.written(option).unwrap_or_else(null));
        }
        holes.insert("mode", text(if order == "strict" { "strict_order" } else { "default" }));
        in_order(keys, &by_at, per == "entry", interval, spaced)
    };
    holes.insert("names", list(labels.iter().map(|name| text(name)).collect()));
    holes.insert("conditions", list(conditions));
    call.query(&format!("WITH {chains}, {STEPS}"), &holes)
}

/// Each customer's best chain, or one from each of their entries.
fn in_order(keys: &str, by_at: &str, entries: bool, interval: bool, spaced: bool) -> String {
    let arguments = "$window, $mode, $ts, $conditions, $exclude, $hold, $by, $step_window";
    let detail = if entries {
        format!("unnest(funnel_entries({arguments}))")
    } else {
        format!("funnel_detail({arguments})")
    };
    let interval =
        if interval { "period_start(d['step_ts'][1], $unit)" } else { "CAST(NULL AS TIMESTAMP)" };
    // the limit of the step after the last one that was taken; NULL is none
    let in_time = if spaced {
        " AND coalesce(d['step_ts'][d['level']] + CAST($step_window[d['level']] AS INTERVAL) > $as_of, true)"
    } else {
        ""
    };
    format!(
        "details AS (
  SELECT {detail} AS d
  FROM input WHERE $ts <= $as_of AND $key IS NOT NULL GROUP BY {keys}),
chains AS (
  SELECT d['level'] AS level, d['step_seconds'] AS seconds, {by_at} AS \"group\",
    {interval} AS interval_start, d['step_ts'][1] + $window > $as_of{in_time} AS open
  FROM details)"
    )
}

/// The limits of the steps after the first: one for each of them.
fn step_window(call: &mut Call<'_>, steps: i64) -> Result<SqlExpr> {
    let Some(e) = call.written("step_window") else { return Ok(null()) };
    match e {
        SqlExpr::Array(limits) if i64::try_from(limits.elem.len()) == Ok(steps - 1) => {
            let limit = |(i, e)| match e {
                // no limit
                SqlExpr::Value(v) if v.value == Value::Null => Ok(SqlExpr::Value(v)),
                e => call.length(&format!("step_window[{i}]"), e, Lengths::Fixed),
            };
            Ok(list((1..).zip(limits.elem).map(limit).collect::<Result<_>>()?))
        }
        e => plan_err!(
            "funnel: step_window must be a list of {} intervals, one for each step after the first, such as [INTERVAL '1 hour', …], got {e}",
            steps - 1
        ),
    }
}

/// How many steps each customer took within a window; the group is that of the first of them.
fn any_order(steps: i64, keys: &str) -> String {
    let each = |between: &str| {
        let steps: Vec<String> = (1..=steps).map(|i| format!("$conditions[{i}]")).collect();
        steps.join(between)
    };
    let (all, any) = (each(", "), each(" OR "));
    format!(
        "chains AS (
  SELECT any_funnel($window, $ts, {all}) AS level, CAST(NULL AS DOUBLE[]) AS seconds,
    first_value(CAST($by AS VARCHAR) ORDER BY $ts, $by) FILTER (WHERE {any}) AS \"group\",
    CAST(NULL AS TIMESTAMP) AS interval_start, CAST(max($ts) FILTER (WHERE {any}) AS TIMESTAMP(6)) + $window > $as_of AS open
  FROM input WHERE $ts <= $as_of AND $key IS NOT NULL GROUP BY {keys})"
    )
}

/// Where the group is taken from.
fn by_at(call: &mut Call<'_>, steps: i64) -> Result<String> {
    let Some(e) = call.written("by_at") else { return Ok("d['groups'][1]".into()) };
    let word = match &e {
        SqlExpr::Value(v) => match &v.value {
            Value::SingleQuotedString(word) => word.to_ascii_lowercase(),
            _ => String::new(),
        },
        _ => String::new(),
    };
    match word.as_str() {
        "first" => Ok("d['groups'][1]".into()),
        "last" => Ok("d['groups'][d['level']]".into()),
        other => match other.strip_prefix("step_").and_then(|k| k.parse::<i64>().ok()) {
            Some(k) if (1..=steps).contains(&k) => Ok(format!("d['groups'][{k}]")),
            _ => plan_err!(
                "funnel: by_at must be 'first', 'last' or 'step_1' to 'step_{steps}', got {e}"
            ),
        },
    }
}

/// Names and conditions of `{'name': condition, …}`, `named_struct('name', condition, …)` or
/// `[condition, …]`.
pub(super) fn read_steps(function: &str, steps: SqlExpr) -> Result<(Vec<String>, Vec<SqlExpr>)> {
    let wrong = |e: &SqlExpr| {
        plan_err!(
            "{function}: steps must be a dictionary of names and conditions such as {{'view': event_type = 'page_view', 'buy': event_type = 'purchase'}}, got {e}"
        )
    };
    let (names, conditions): (Vec<String>, Vec<SqlExpr>) = match steps {
        SqlExpr::Dictionary(fields) => fields.into_iter().map(|f| (f.key.value, *f.value)).unzip(),
        SqlExpr::Array(list) => (1..).zip(list.elem).map(|(i, e)| (format!("step {i}"), e)).unzip(),
        SqlExpr::Function(f) if f.name.to_string().eq_ignore_ascii_case("named_struct") => {
            let FunctionArguments::List(args) = &f.args else {
                return wrong(&SqlExpr::Function(f));
            };
            let mut pairs = vec![];
            for pair in args.args.chunks(2) {
                match pair {
                    [
                        FunctionArg::Unnamed(FunctionArgExpr::Expr(SqlExpr::Value(name))),
                        FunctionArg::Unnamed(FunctionArgExpr::Expr(condition)),
                    ] => match &name.value {
                        Value::SingleQuotedString(name) => {
                            pairs.push((name.clone(), condition.clone()));
                        }
                        _ => return wrong(&SqlExpr::Function(f)),
                    },
                    _ => return wrong(&SqlExpr::Function(f)),
                }
            }
            pairs.into_iter().unzip()
        }
        other => return wrong(&other),
    };
    if conditions.is_empty() || conditions.len() > 63 {
        return plan_err!("{function} takes 1 to 63 steps, got {}", conditions.len());
    }
    if let Some(name) = repeated(&names) {
        return plan_err!(
            "{function}: each step has a name of its own, and {name:?} is given twice"
        );
    }
    Ok((names, conditions))
}

fn documentation() -> FunctionInfo {
    let argument = |name: &str, text: &str| (name.to_string(), text.to_string());
    FunctionInfo {
        name: "funnel".to_string(),
        kind: FunctionKind::Table,
        family: "Funnels".to_string(),
        signature: "FROM funnel(relation, steps => {'name': condition, …}, window => … [, key => …, ts => …, order => …, per => …, session => …, step_window => […], exclude => …, hold => …, by => …, by_at => …, interval => …, as_of => …])".to_string(),
        description: "How many customers come through each step: one row a step with group, interval_start, step_no, step, entered (customers at step 1), reached, rate_total (of those who entered), rate_step (of those at the step before), dropped (since the step before), median_seconds and p90_seconds (from the step before), ci_low and ci_high (Wilson's interval of rate_total at 95 %), pending (not there yet, but entered less than window before as_of, and with step_window the last step taken less than the next one's limit before it) and rate_settled (rate_total without the pending). Each customer counts once, with the best chain of steps as funnel_detail chooses it; per => 'session': each session of a customer; per => 'entry': each entry, which is a time at which a customer satisfies step 1, with the best chain that starts then, as funnel_entries tells it (rows of one time are one entry, with hold one for each value; a later row may serve several entries). order => 'strict' lets nothing lie between the steps but repeats; 'any' counts how many of the steps were taken within a window, in any order, and gives no seconds. With by there are rows for each value, of the step that by_at names; NULL is a group. With interval there are rows for each period in which somebody entered, told by its beginning as interval_start: that of step 1 on the calendar of tenure.timezone; else interval_start is NULL. Rates are NULL where nobody is. Rows with a NULL time or key and rows after as_of are ignored. A relation without rows gives one row a step, with zeros. Memory: as funnel_detail.".to_string(),
        arguments: vec![
            argument("relation", "a table, a view, a CTE, TABLE name, or (SELECT …)"),
            argument("steps", "names and conditions in order: {'view': event_type = 'page_view', …}, named_struct(…), or a list of conditions; at most 63"),
            argument("window", "a constant INTERVAL without months, or a text such as '1 day': the last step is no later than this after the first"),
            argument("key", "who comes through; default: the column customer_id"),
            argument("ts", "time; default: the column ts"),
            argument("order", "'ordered' (default), 'strict' or 'any'"),
            argument("per", "'customer' (default), 'session' or 'entry'"),
            argument("session", "with per => 'session'; default: the column session_id"),
            argument("step_window", "a list of constant INTERVALs, one for each step after the first: no later than this after the step before it; NULL is no limit; for order => 'ordered' without exclude"),
            argument("exclude", "a condition that must not come between the steps"),
            argument("hold", "what all steps share, such as a product"),
            argument("by", "what to group by"),
            argument("by_at", "the step whose value of by counts: 'first' (default), 'last' (the last one reached) or 'step_2', …"),
            argument("interval", "'hour', 'day', 'week', 'month', 'quarter', 'year', 'fiscal_quarter' or 'fiscal_year': a row for each period of entry"),
            argument("as_of", "rows after it do not exist; default: tenure.as_of"),
        ],
        example: Some(EXAMPLE.to_string()),
        tenure: true,
    }
}
