//! `window_funnel(window, [mode,] ts, step1, …)`: how far one customer came through the steps.
//!
//! What a chain of steps is, and what the modes ask of it, is defined in `core.rs`. A NULL step is
//! false, rows with a NULL time are ignored, no rows are level 0. Rows in any order; rows of one time
//! may be taken in any order. Times with a zone are compared as instants. Without strict modes O(n)
//! a customer where rows come in order of time, else O(n · steps) and the matching of rows of one
//! time. 20 bytes a row that satisfies a step.
//!
//! Source: ClickHouse's `windowFunnel`, defined as the optimum instead of a scan; Doris 4.1 for every
//! start. Cases: ClickHouse #52844, #37177, #36256, Doris #61935, #62043.

use std::sync::{Arc, LazyLock};

use datafusion::arrow::array::{ArrayRef, Int32Array};
use datafusion::arrow::datatypes::DataType;
use datafusion::common::{Result, ScalarValue};
use datafusion::logical_expr::function::AccumulatorArgs;
use datafusion::logical_expr::{AggregateUDF, Documentation, Signature};
use datafusion_macros::user_doc;

use super::arguments::{self, Funnel};
use super::{clickhouse, core};
use crate::sequence_aggregate::{Answer, Batch, Sequence, Sequences};
use crate::sequence_function::{SequenceFunction, udaf};

static UDAF: LazyLock<Arc<AggregateUDF>> = LazyLock::new(udaf::<WindowFunnel>);

/// The aggregate `window_funnel`.
pub fn window_funnel_udaf() -> Arc<AggregateUDF> {
    Arc::clone(&UDAF)
}

#[user_doc(
    doc_section(label = "Funnels"),
    description = "How far a customer came: the greatest k for which there are rows that satisfy steps 1 to k, in this order of time, the last no later than window after the first. It is the best of all choices of rows, not the first that is found. Rows of one time count in any order, and one row may satisfy several steps. Modes, with commas between: strict_increase (the times of the steps rise), strict_once (a row satisfies one step), strict_order (between the steps there is no other row but repeats of steps taken), allow_reentry (with strict_order: steps that come early are ignored too), fixed (as strict_order, but rows that satisfy no step are ignored), strict_deduplication or strict (no step taken, nor the next one, is repeated between the steps), clickhouse (ClickHouse's answer, which judges only the first start in strict_order and strict_deduplication, and misses chains in strict_increase). In the strict modes every start is tried; what lies at the time of the first or the last step is not between them. A NULL step is false, rows with a NULL time are ignored; no rows give 0. 1 to 64 steps. ClickHouse's way to call it, windowFunnel(3600, 'strict_order')(ts, …), is understood at Tenure's prompt. Memory: 20 bytes a row that satisfies a step (every row with strict_order).",
    syntax_example = "window_funnel(window, [mode,] ts, step1 [, step2, …])",
    sql_example = r#"```sql
SELECT window_funnel(INTERVAL '1 day', ts, e = 'view', e = 'cart', e = 'buy') AS level,
  window_funnel(INTERVAL '1 day', 'strict_order', ts, e = 'view', e = 'cart', e = 'buy') AS strict
FROM (VALUES (TIMESTAMP '2018-01-01T09:00:00', 'view'), (TIMESTAMP '2018-01-01T09:05:00', 'cart'),
  (TIMESTAMP '2018-01-01T09:06:00', 'search'), (TIMESTAMP '2018-01-02T09:00:00', 'buy')) AS t(ts, e);
-- 3 | 2
```"#,
    argument(
        name = "window",
        description = "a constant INTERVAL without months, or a whole number of seconds; the end belongs to it"
    ),
    argument(name = "mode", description = "constant words with commas between; may be left out"),
    argument(name = "ts", description = "time of the row"),
    argument(name = "step1, …", description = "conditions, in the order of the steps")
)]
#[derive(Debug, Default, PartialEq, Eq, Hash)]
struct WindowFunnel;

impl SequenceFunction for WindowFunnel {
    const NAME: &'static str = "window_funnel";
    const ALIASES: &'static [&'static str] = &["windowfunnel", "windowFunnel"];
    type Sequence = Level;

    fn signature() -> Signature {
        arguments::signature()
    }

    fn coerce(types: &[DataType]) -> Result<Vec<DataType>> {
        arguments::coerce(Self::NAME, types, true)
    }

    fn return_type(_types: &[DataType]) -> Result<DataType> {
        Ok(DataType::Int32)
    }

    fn empty(_ty: &DataType) -> Result<ScalarValue> {
        Ok(ScalarValue::Int32(Some(0)))
    }

    fn sequence(args: &AccumulatorArgs) -> Result<Level> {
        Ok(Level(Funnel::read(Self::NAME, args)?))
    }

    fn documentation(&self) -> Option<&Documentation> {
        self.doc()
    }
}

#[derive(Debug, Clone)]
struct Level(Funnel);

impl Sequence for Level {
    type Payload = u64;
    const ANSWER: Answer = Answer { group: size_of::<i32>(), event: 0 };

    fn read(&self, args: &[ArrayRef], batch: &mut Batch<u64>) -> Result<()> {
        self.0.push(args, batch)
    }

    fn finish(&mut self, groups: Sequences<u64>) -> Result<ArrayRef> {
        let Funnel { rules, clickhouse, .. } = self.0;
        let mut levels: Vec<i32> = Vec::with_capacity(groups.len());
        groups.each(|rows, _| {
            let level = if clickhouse {
                clickhouse::level(rows, &rules)
            } else {
                core::best(rows, &rules).level
            };
            levels.push(i32::try_from(level).unwrap_or(i32::MAX));
            Ok(())
        })?;
        Ok(Arc::new(Int32Array::from(levels)))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::testing::{batch, same_bits, value};
    use datafusion::arrow::array::{
        BooleanArray, Int64Array, TimestampMicrosecondArray, cast::AsArray,
    };
    use datafusion::arrow::datatypes::Int32Type;

    /// The table of StarRocks' documentation: each user's level of four steps within 1,800 seconds.
    #[tokio::test]
    async fn the_users_of_starrocks_documentation_have_its_levels() -> Result<()> {
        let rows = [
            (1, "browse", "11:00:00"),
            (1, "click", "11:10:00"),
            (1, "order", "11:20:00"),
            (1, "pay", "11:30:00"),
            (1, "browse", "11:00:00"),
            (2, "order", "11:00:00"),
            (2, "pay", "11:10:00"),
            (3, "browse", "11:20:00"),
            (3, "click", "12:00:00"),
            (4, "browse", "11:50:00"),
            (4, "click", "12:00:00"),
            (5, "browse", "11:50:00"),
            (5, "click", "12:00:00"),
            (5, "order", "11:10:00"),
            (6, "browse", "11:50:00"),
            (6, "click", "12:00:00"),
            (6, "order", "12:10:00"),
        ];
        let values: Vec<String> = rows
            .iter()
            .map(|(u, e, t)| format!("({u}, '{e}', TIMESTAMP '2022-01-02T{t}')"))
            .collect();
        let levels = value(&format!("SELECT array_agg(l ORDER BY u) FROM (SELECT u, window_funnel(1800, ts, e = 'browse', e = 'click', e = 'order', e = 'pay') l FROM (VALUES {}) t(u, e, ts) GROUP BY u)", values.join(", "))).await?;
        assert_eq!(levels, "[4, 0, 1, 2, 2, 3]");
        Ok(())
    }

    #[tokio::test]
    async fn modes_and_windows_are_given_in_words_and_numbers() -> Result<()> {
        let log = "(VALUES (TIMESTAMP '2018-01-01T00:00:00', 0), (TIMESTAMP '2018-01-01T00:00:00', 1), (TIMESTAMP '2018-01-01T01:00:00', 7), (TIMESTAMP '2018-01-02T00:00:00', 2)) t(ts, e)";
        for (args, want) in [
            ("INTERVAL '1 day', ts", 3),
            ("86400, ts", 3),
            ("86399, ts", 2),
            ("0, ts", 2),
            ("'1 day', ts", 3),
            ("INTERVAL '1 day', NULL::VARCHAR, ts", 3),
            ("INTERVAL '1 day', 'strict_increase', ts", 1),
            ("INTERVAL '1 day', 'strict_order', ts", 2),
            ("INTERVAL '1 day', 'fixed', ts", 3),
            ("INTERVAL '1 day', ' fixed , strict_once', ts", 3),
            ("INTERVAL '1 day', ts::date", 3),
        ] {
            let got =
                value(&format!("SELECT window_funnel({args}, e = 0, e = 1, e = 2) FROM {log}"))
                    .await?;
            assert_eq!(got, want.to_string(), "{args}");
        }
        let alias = value(&format!("SELECT windowFunnel(86400, ts, e = 0) FROM {log}")).await?;
        assert_eq!(alias, "1");
        Ok(())
    }

    #[tokio::test]
    async fn wrong_arguments_are_named() {
        for (args, want) in [
            ("INTERVAL '1 day', ts", "1 to 64 conditions, got 0"),
            (
                "INTERVAL '1 day', ts, true, 1",
                "condition 2 must be a condition (BOOLEAN), got Int64",
            ),
            ("INTERVAL '1 day', 'odd', ts, true", "no mode 'odd'; the modes are strict_increase"),
            ("INTERVAL '1 day', 1.5, true", "ts must be a timestamp or date, got Float64"),
            ("INTERVAL '1 month', ts, true", "use days"),
            ("1.5, ts, true", "window must be an INTERVAL"),
            ("-1, ts, true", "got -1 seconds"),
            ("e, ts, true", "window) must be a constant"),
        ] {
            let sql = format!(
                "SELECT window_funnel({args}) FROM (SELECT TIMESTAMP '2018-01-01' ts, 1 e)"
            );
            let e = value(&sql).await.unwrap_err().to_string();
            assert!(e.contains(want) && e.contains("window_funnel"), "{args}: {e}");
        }
    }

    #[tokio::test]
    async fn the_order_and_the_cut_of_the_rows_make_no_difference() -> Result<()> {
        let noise = |i: i64| (i * 7_919 + 13) % 31;
        let n = 500;
        let condition = |seed: i64, one_in: i64| -> ArrayRef {
            let of = |i: i64| (noise(i + seed) != 7).then(|| noise(i * 3 + seed) % one_in == 0);
            Arc::new((0..n).map(of).collect::<BooleanArray>())
        };
        let rows = batch(vec![
            ("k", Arc::new((0..n).map(|i| noise(i) % 11).collect::<Int64Array>())),
            (
                "ts",
                Arc::new(
                    (0..n)
                        .map(|i| (noise(i + 3) != 5).then(|| noise(i + 1) * 1_000_000))
                        .collect::<TimestampMicrosecondArray>(),
                ),
            ),
            ("a", condition(1, 2)),
            ("b", condition(2, 3)),
            ("c", condition(3, 4)),
        ])?;
        let modes = [
            "strict_increase",
            "strict_once",
            "strict_order",
            "fixed",
            "strict",
            "clickhouse,strict_order,strict_once",
        ];
        let calls: Vec<String> = modes
            .iter()
            .enumerate()
            .map(|(i, m)| format!("window_funnel(9, '{m}', ts, a, b, c) m{i}"))
            .collect();
        let sql = format!(
            "SELECT k, window_funnel(9, ts, a, b, c) l, window_funnel_events(9, ts, a, b, c) e, any_funnel(9, ts, a, b, c) n, {} FROM t GROUP BY k ORDER BY k",
            calls.join(", ")
        );
        let got = same_bits(&rows, &sql).await?;
        let (levels, events) =
            (got.column(1).as_primitive::<Int32Type>(), got.column(2).as_list::<i32>());
        assert!(levels.values().iter().any(|&l| l > 1));
        for row in 0..got.num_rows() {
            assert_eq!(
                levels.value(row),
                events.value_length(row),
                "there is a time for each step"
            );
            assert!(levels.value(row) <= got.column(3).as_primitive::<Int32Type>().value(row));
        }
        same_bits(&rows, "SELECT window_funnel(9, 'strict_order', ts, a, b) FILTER (WHERE k = 1) x, window_funnel_events(9, ts, a, b) y, any_funnel(9, ts, a, b) z FROM t").await?;
        Ok(())
    }
}
