//! `sequence_match(pattern, ts, condition1, …)`: whether one customer's rows match a pattern.
//!
//! Patterns are described in `pattern.rs`, matches in `core.rs`. Rows that satisfy no condition are
//! ignored, so that one condition more, even if the pattern does not name it, can change the answer:
//! its rows then lie between others. A NULL condition is false, rows with a NULL time are ignored, no
//! rows give false. Rows of one time are in the order of the conditions that they satisfy: of two the
//! one is later whose highest condition is higher; if that is the same, the next one decides. Times
//! with a zone are compared as instants. O(rows · tokens), whatever the rows and the pattern; 20
//! bytes a row that satisfies a condition, and 16 for each row of the customer at hand that a time
//! guard may still ask about.
//!
//! Source: ClickHouse's `sequenceMatch`, without its limit of steps (ClickHouse #26095). The answer is
//! the same but for `.*` right before a time guard: there ClickHouse counts from the row after the
//! `.*`, Tenure from the row that was taken last. ClickHouse refuses guards in a row today; it once
//! counted each from the row that the guard before had found.

use std::sync::{Arc, LazyLock};

use datafusion::arrow::array::{ArrayRef, BooleanBuilder};
use datafusion::arrow::datatypes::DataType;
use datafusion::common::{Result, ScalarValue};
use datafusion::logical_expr::function::AccumulatorArgs;
use datafusion::logical_expr::{AggregateUDF, Documentation, Signature};
use datafusion_macros::user_doc;

use super::arguments::{self, Search};
use crate::sequence_aggregate::{Answer, Batch, Sequence, Sequences};
use crate::sequence_function::{SequenceFunction, udaf};

static UDAF: LazyLock<Arc<AggregateUDF>> = LazyLock::new(udaf::<SequenceMatch>);

/// The aggregate `sequence_match`.
pub fn sequence_match_udaf() -> Arc<AggregateUDF> {
    Arc::clone(&UDAF)
}

#[user_doc(
    doc_section(label = "Sequences"),
    description = "Whether a customer's rows match a pattern, in the order of time. (?N) is a row that satisfies condition N and . any row; each is the very next row unless something stands between: .* for any number of rows, or a time guard such as (?t<=3600) for any number of rows of which the next one is so much later than the row before the guard. Guards have <=, <, >=, >, == or != and a number of seconds or an ISO-8601 duration without months (PT1H, P1D); several in a row hold together, as in (?1)(?t>=PT1H)(?t<=P1D)(?2). Spaces are allowed. Rows that satisfy no condition are ignored before anything else, so a condition that the pattern does not name still matters: its rows lie between others. Rows of one time are in the order of their highest conditions. A NULL condition is false, rows with a NULL time are ignored; no rows give false. 1 to 64 conditions. There is no limit of steps: the time is that of the rows times the tokens. The answer is that of ClickHouse's sequenceMatch but for .* right before a time guard, where ClickHouse counts from the row after the .* and this function from the row that was taken last. Memory: 20 bytes a row that satisfies a condition.",
    syntax_example = "sequence_match(pattern, ts, condition1 [, condition2, …])",
    sql_example = r#"```sql
SELECT sequence_match('(?1)(?t<=P1D)(?2)', ts, e = 'view', e = 'buy') AS within_a_day,
  sequence_match('(?1)(?2)', ts, e = 'view', e = 'buy') AS next,
  sequence_match('(?1)(?2)', ts, e = 'view', e = 'buy', e = 'search') AS next_but_for_search
FROM (VALUES (TIMESTAMP '2018-01-01T09:00:00', 'view'), (TIMESTAMP '2018-01-01T09:05:00', 'search'),
  (TIMESTAMP '2018-01-01T10:00:00', 'buy')) AS t(ts, e);
-- true | true | false
```"#,
    argument(name = "pattern", description = "constant text, such as '(?1).*(?2)'"),
    argument(name = "ts", description = "time of the row"),
    argument(
        name = "condition1, …",
        description = "conditions, which the pattern names by their numbers"
    )
)]
#[derive(Debug, Default, PartialEq, Eq, Hash)]
struct SequenceMatch;

impl SequenceFunction for SequenceMatch {
    const NAME: &'static str = "sequence_match";
    const ALIASES: &'static [&'static str] = &["sequencematch", "sequenceMatch"];
    type Sequence = Matches;

    fn signature() -> Signature {
        arguments::signature()
    }

    fn coerce(types: &[DataType]) -> Result<Vec<DataType>> {
        arguments::coerce(Self::NAME, types, false)
    }

    fn return_type(_types: &[DataType]) -> Result<DataType> {
        Ok(DataType::Boolean)
    }

    fn empty(_ty: &DataType) -> Result<ScalarValue> {
        Ok(ScalarValue::Boolean(Some(false)))
    }

    fn sequence(args: &AccumulatorArgs) -> Result<Matches> {
        Ok(Matches(Search::read(Self::NAME, args)?))
    }

    fn documentation(&self) -> Option<&Documentation> {
        self.doc()
    }
}

#[derive(Debug, Clone)]
struct Matches(Search);

impl Sequence for Matches {
    type Payload = u64;
    const ANSWER: Answer = Answer { group: 1, event: 0 };

    fn read(&self, args: &[ArrayRef], batch: &mut Batch<u64>) -> Result<()> {
        self.0.push(args, batch)
    }

    fn finish(&mut self, groups: Sequences<u64>) -> Result<ArrayRef> {
        let mut matches = BooleanBuilder::with_capacity(groups.len());
        groups.each(|rows, _| {
            matches.append_value(self.0.scan.matches(rows));
            Ok(())
        })?;
        Ok(Arc::new(matches.finish()))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::testing::{batch, same_bits, value};
    use datafusion::arrow::array::{
        Array, AsArray, BooleanArray, Int64Array, TimestampMicrosecondArray,
    };
    use datafusion::arrow::datatypes::Int64Type;

    #[tokio::test]
    async fn wrong_arguments_are_named() {
        for (args, want) in [
            (
                "'(?1)(?3)', ts, true, true",
                "pattern '(?1)(?3)', character 7: there is no condition 3; the conditions are 1 to 2",
            ),
            ("'(?1', ts, true", "character 4: a closing parenthesis is missing"),
            ("'(?1)(?t<=P1M)(?1)', ts, true", "months and years have no fixed length"),
            ("'', ts, true", "there is no event"),
            ("NULL, ts, true", "pattern must be text"),
            ("1, ts, true", "pattern must be text such as '(?1).*(?2)', got Int64"),
            ("e, ts, true", "(pattern) must be a constant"),
            ("'(?1)', ts", "1 to 64 conditions, got 0"),
            ("'(?1)', ts, 1", "condition 1 must be a condition (BOOLEAN), got Int64"),
            ("'(?1)', 'partial', ts, true", "ts must be a timestamp or date, got Utf8"),
            ("'(?1)', 1.5, true", "ts must be a timestamp or date, got Float64"),
            ("'(?1)'", "needs a pattern, a time and conditions"),
        ] {
            let sql = format!(
                "SELECT sequence_match({args}) FROM (SELECT TIMESTAMP '2018-01-01' ts, 'x' e)"
            );
            let e = value(&sql).await.unwrap_err().to_string();
            assert!(e.contains(want) && e.contains("sequence_match"), "{args}: {e}");
        }
        let mode = "SELECT sequence_match_events('(?1)', 'most', ts, true) FROM (SELECT TIMESTAMP '2018-01-01' ts)";
        let e = value(mode).await.unwrap_err().to_string();
        assert!(e.contains("there is no mode 'most'; the modes are full, partial"), "{e}");
    }

    #[tokio::test]
    async fn the_order_and_the_cut_of_the_rows_make_no_difference() -> Result<()> {
        let noise = |i: i64| (i * i * 31 + i * 7_919 + 13) % 101;
        let n = 500;
        let condition = |seed: i64, one_in: i64| -> ArrayRef {
            let of = |i: i64| (noise(i + seed) % 7 != 0).then(|| noise(i * 3 + seed) % one_in == 0);
            Arc::new((0..n).map(of).collect::<BooleanArray>())
        };
        let ts = |i: i64| (noise(i + 3) % 9 != 5).then(|| noise(i + 1) % 31 * 1_000_000);
        let rows = batch(vec![
            ("k", Arc::new((0..n).map(|i| noise(i) % 11).collect::<Int64Array>())),
            ("ts", Arc::new((0..n).map(ts).collect::<TimestampMicrosecondArray>())),
            ("a", condition(1, 2)),
            ("b", condition(2, 3)),
            ("c", condition(3, 4)),
        ])?;
        for pattern in ["(?1)(?2)", "(?1)(?t>=1)(?t<=4)(?2).*(?3)", "(?3)(?t!=2)(?2)"] {
            let sql = format!(
                "SELECT k, sequence_match('{pattern}', ts, a, b, c) m, sequence_count('{pattern}', ts, a, b, c) n, sequence_match_events('{pattern}', ts, a, b, c) e, sequence_match_events('{pattern}', 'partial', ts, a, b, c) FILTER (WHERE k <> 3) p FROM t GROUP BY k ORDER BY k"
            );
            let got = same_bits(&rows, &sql).await?;
            let (matches, counts) =
                (got.column(1).as_boolean(), got.column(2).as_primitive::<Int64Type>());
            assert!(matches.true_count() > 0, "{pattern}");
            for row in 0..got.num_rows() {
                assert_eq!(matches.value(row), counts.value(row) > 0);
                let events = got.column(3).as_list::<i32>();
                assert_eq!(matches.value(row), events.value_length(row) > 0);
            }
            assert_eq!(got.column(4).null_count(), 0);
        }
        same_bits(&rows, "SELECT sequence_match('(?1)(?2)', ts, a, b) FILTER (WHERE k = 1) m, sequence_count('(?1)(?2)', ts, a, b) n, sequence_match_events('(?1)(?2)', ts, a, b) e FROM t").await?;
        Ok(())
    }
}
