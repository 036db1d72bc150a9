//! `funnel_detail(window, mode, ts, steps [, exclude, hold, group, step_window])`: how one customer came through
//! the steps.
//!
//! Levels, modes and times of the steps are those of [`window_funnel`](super::window_funnel) and
//! [`window_funnel_events`](super::window_funnel_events). What is added:
//!
//! - `exclude`: a row for which it is true may not lie (in time) between the first and the last
//!   step, unless it is a step itself.
//! - `hold`: all rows of a chain have the same value, as if each value were a customer of its own;
//!   rows without a value are ignored. The value with the highest level counts; of those the one
//!   whose chain is complete first, then the one that starts last, then the least.
//! - `group`: the value at the first step, and `groups` at each; of several rows at that time that
//!   satisfy the step the least.
//! - `step_window`: a limit for each step after the one before it, beside the window; see
//!   [`spaced`](super::spaced).
//!
//! NULL conditions are false, rows with a NULL time are ignored; no rows are level 0. 28 bytes a row
//! that satisfies a step or is excluded (every row with strict_order), and the texts once each.

use std::sync::{Arc, LazyLock};

use datafusion::arrow::datatypes::DataType;
use datafusion::common::{Result, ScalarValue};
use datafusion::logical_expr::expr::AggregateFunction;
use datafusion::logical_expr::function::AccumulatorArgs;
use datafusion::logical_expr::simplify::SimplifyContext;
use datafusion::logical_expr::{AggregateUDF, Documentation, Expr, Signature};
use datafusion_macros::user_doc;

use super::detail::{self, Detail, PARAMS};
use crate::args;
use crate::sequence_function::{SequenceFunction, udaf};

const NAME: &str = "funnel_detail";

static UDAF: LazyLock<Arc<AggregateUDF>> = LazyLock::new(udaf::<FunnelDetail>);

/// The aggregate `funnel_detail`.
pub fn funnel_detail_udaf() -> Arc<AggregateUDF> {
    Arc::clone(&UDAF)
}

#[user_doc(
    doc_section(label = "Funnels"),
    description = "How a customer came through the steps, as a STRUCT: level (as window_funnel counts it), step_ts (the times of the steps, as window_funnel_events chooses them), step_seconds (seconds from the step before; 0 for the first), excluded (without exclude the level would be higher), hold, group and groups. exclude: a row for which it is true must not lie, in time, between the first and the last step, unless it is a step itself. hold: all steps share this value, such as a product or a session; rows without one are ignored; of several values the one with the highest level counts, then the one complete first, then the one that starts last, then the least. group: the value at the first step, groups: at each step; of several rows of that time that satisfy the step the least. step_window: each step is no later than its limit after the step before, the end belongs to it; the window holds as well. NULL conditions are false, rows with a NULL time are ignored; no rows give level 0. At most 63 steps. Memory: 28 bytes a row that satisfies a step or is excluded (every row with strict_order), and each text once.",
    syntax_example = "funnel_detail(window, mode, ts, steps [, exclude, hold, group, step_window])",
    sql_example = r#"```sql
SELECT d.level, d.step_seconds, d.excluded, d.hold, d.group FROM (
  SELECT funnel_detail(INTERVAL '1 day', NULL, ts, [e = 'view', e = 'cart', e = 'buy'], e = 'complaint', product, channel) AS d
  FROM (VALUES (TIMESTAMP '2018-01-01T09:00:00', 'view', 'tea', 'search'), (TIMESTAMP '2018-01-01T09:01:00', 'cart', 'tea', 'direct'),
    (TIMESTAMP '2018-01-01T09:02:00', 'view', 'cup', 'email'), (TIMESTAMP '2018-01-01T09:05:00', 'buy', 'tea', 'direct')) AS t(ts, e, product, channel));
-- 3 | [0.0, 60.0, 240.0] | false | tea | search
```"#,
    argument(
        name = "window",
        description = "a constant INTERVAL without months, or a whole number of seconds; the end belongs to it"
    ),
    argument(
        name = "mode",
        description = "constant words as for window_funnel, without clickhouse; NULL: default"
    ),
    argument(name = "ts", description = "time of the row"),
    argument(name = "steps", description = "a list of conditions: [step1, step2, …]"),
    argument(name = "exclude", description = "a condition that must not come between the steps"),
    argument(name = "hold", description = "what all steps share; told as text"),
    argument(name = "group", description = "what is told of the first step and of each, as text"),
    argument(
        name = "step_window",
        description = "a constant list of intervals, from the second step on: how long after the step before it the step may be taken, NULL without limit; for the mode default, without exclude"
    )
)]
#[derive(Debug, Default, PartialEq, Eq, Hash)]
struct FunnelDetail;

impl SequenceFunction for FunnelDetail {
    const NAME: &'static str = NAME;
    type Sequence = Detail<false>;

    fn signature() -> Signature {
        args::signature(PARAMS)
    }

    fn coerce(types: &[DataType]) -> Result<Vec<DataType>> {
        detail::coerce(NAME, types)
    }

    fn return_type(types: &[DataType]) -> Result<DataType> {
        Ok(detail::chain_type(types))
    }

    fn complete(call: AggregateFunction, info: &SimplifyContext) -> Result<Expr> {
        args::complete_aggregate(PARAMS, call, info)
    }

    fn empty(ty: &DataType) -> Result<ScalarValue> {
        detail::no_chain(ty)
    }

    fn sequence(args: &AccumulatorArgs) -> Result<Self::Sequence> {
        Detail::new(NAME, args)
    }

    fn documentation(&self) -> Option<&Documentation> {
        self.doc()
    }
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use crate::testing::{batch, same_bits, value};
    use datafusion::arrow::array::{Int64Array, TimestampMicrosecondArray};
    use datafusion::common::Result;

    const LOG: &str = "(VALUES
        (TIMESTAMP '2018-01-01T09:00:00', 'view', 1, 'search'), (TIMESTAMP '2018-01-01T09:01:00', 'view', 2, 'email'),
        (TIMESTAMP '2018-01-01T09:02:00', 'complaint', NULL, NULL), (TIMESTAMP '2018-01-01T09:03:00', 'cart', 2, NULL),
        (TIMESTAMP '2018-01-01T09:04:00', 'buy', 1, NULL), (NULL, 'buy', 2, 'x')) t(ts, e, product, channel)";

    async fn detail(args: &str) -> String {
        let steps = "INTERVAL '1 day', NULL, ts, [e = 'view', e = 'cart', e = 'buy']";
        value(&format!("SELECT funnel_detail({steps}{args}) FROM {LOG}")).await.unwrap()
    }

    #[tokio::test]
    async fn what_is_held_and_what_is_excluded_change_the_level() {
        let free = detail("").await;
        assert!(free.starts_with("{level: 3, step_ts: [2018-01-01T09:01:00, 2018-01-01T09:03:00, 2018-01-01T09:04:00], step_seconds: [0.0, 120.0, 60.0], excluded: false, hold: , group: , groups: [, , ]}"), "{free}");
        let held = detail(", NULL, product, channel").await;
        assert!(
            held.starts_with("{level: 2, step_ts: [2018-01-01T09:01:00, 2018-01-01T09:03:00],"),
            "{held}"
        );
        assert!(
            held.ends_with("excluded: false, hold: 2, group: email, groups: [email, ]}"),
            "{held}"
        );
        let excluded = detail(", e = 'complaint'").await;
        assert!(excluded.starts_with("{level: 1, step_ts: [2018-01-01T09:00:00],"), "{excluded}");
        assert!(excluded.contains("excluded: true"), "{excluded}");
        let apart = detail(", e = 'refund', product").await;
        assert!(apart.starts_with("{level: 2,") && apart.contains("excluded: false"), "{apart}");
    }

    #[tokio::test]
    async fn no_rows_are_level_0() {
        let none = "SELECT funnel_detail(INTERVAL '1 day', NULL, ts, [true]) FROM (SELECT TIMESTAMP '2018-01-01' ts WHERE false)";
        assert_eq!(
            value(none).await.unwrap(),
            "{level: 0, step_ts: [], step_seconds: [], excluded: false, hold: , group: , groups: []}"
        );
    }

    #[tokio::test]
    async fn wrong_arguments_are_named() {
        for (args, want) in [
            ("INTERVAL '1 day', 'strictly', ts, [true]", "no mode 'strictly'"),
            ("INTERVAL '1 day', 'clickhouse', ts, [true]", "no details"),
            ("INTERVAL '1 day', NULL, ts, true", "steps must be a list of conditions"),
            ("INTERVAL '1 month', NULL, ts, [true]", "one fixed length"),
        ] {
            let e = value(&format!("SELECT funnel_detail({args}) FROM {LOG}")).await.unwrap_err();
            assert!(e.to_string().contains(want), "{e}");
        }
    }

    #[tokio::test]
    async fn the_order_and_the_cut_of_the_rows_make_no_difference() -> Result<()> {
        let noise = |i: i64| (i * 7_919 + 13) % 31;
        let n = 400;
        let rows = batch(vec![
            ("k", Arc::new((0..n).map(|i| noise(i) % 9).collect::<Int64Array>())),
            (
                "ts",
                Arc::new(
                    (0..n)
                        .map(|i| (noise(i + 3) != 5).then(|| noise(i + 1) * 1_000_000))
                        .collect::<TimestampMicrosecondArray>(),
                ),
            ),
            ("e", Arc::new((0..n).map(|i| noise(i + 5) % 5).collect::<Int64Array>())),
            (
                "p",
                Arc::new(
                    (0..n)
                        .map(|i| (noise(i) != 3).then(|| noise(i + 8) % 3))
                        .collect::<Int64Array>(),
                ),
            ),
        ])?;
        for mode in ["NULL", "'strict_order'", "'strict_deduplication,strict_once'"] {
            let sql = format!(
                "SELECT k, funnel_detail(20, {mode}, ts, [e = 0, e < 2, e = 3], e = 4, p, e) d FROM t GROUP BY k ORDER BY k"
            );
            same_bits(&rows, &sql).await?;
        }
        Ok(())
    }
}
