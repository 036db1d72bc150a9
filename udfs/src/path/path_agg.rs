//! `path_agg(value, ts [, max_len])`: the path of one customer.
//!
//! The values as text in the order of (time, value), the last `max_len` of them. Rows whose time or
//! value is NULL are ignored; no rows give an empty list. Rows in any order. 16 bytes a row, and each
//! text once.

use std::sync::{Arc, LazyLock};

use datafusion::arrow::array::{Array, ArrayRef, AsArray, StringBuilder};
use datafusion::arrow::datatypes::{DataType, TimestampMicrosecondType};
use datafusion::common::{Result, ScalarValue, exec_err, internal_err, plan_err};
use datafusion::logical_expr::expr::AggregateFunction;
use datafusion::logical_expr::function::AccumulatorArgs;
use datafusion::logical_expr::simplify::SimplifyContext;
use datafusion::logical_expr::{AggregateUDF, Documentation, Expr, Signature};
use datafusion_macros::user_doc;

use super::path_function::path_type;
use crate::args::{self, Fill, Param, Ty, option, required};
use crate::lists::Lists;
use crate::payload::Label;
use crate::sequence_aggregate::{Answer, Batch, Sequence, Sequences};
use crate::sequence_function::{SequenceFunction, udaf};

const NAME: &str = "path_agg";
const PARAMS: &[Param] = &[
    required("value", Ty::Any),
    required("ts", Ty::Instant),
    option("max_len", Ty::Int, Fill::Null),
];

static UDAF: LazyLock<Arc<AggregateUDF>> = LazyLock::new(udaf::<PathAgg>);

/// The aggregate `path_agg`.
pub fn path_agg_udaf() -> Arc<AggregateUDF> {
    Arc::clone(&UDAF)
}

#[user_doc(
    doc_section(label = "Paths"),
    description = "The path of a customer: a list of the values, as text, in the order of time; values of one time are in their own order. With max_len only the last so many. Rows whose time or value is NULL are ignored; no rows give an empty list. Memory: 16 bytes a row, and each text once.",
    syntax_example = "path_agg(value, ts [, max_len])",
    sql_example = r#"```sql
SELECT path_agg(page, ts) AS path, path_agg(page, ts, 2) AS tail
FROM (VALUES (TIMESTAMP '2018-01-01T10:00:00', 'basket'), (TIMESTAMP '2018-01-01T09:00:00', 'home'),
  (TIMESTAMP '2018-01-01T09:05:00', 'tea')) AS t(ts, page);
-- [home, tea, basket] | [tea, basket]
```"#,
    argument(name = "value", description = "a step of the path; told as text"),
    argument(name = "ts", description = "time of the row"),
    argument(
        name = "max_len",
        description = "constant, how many steps at most, from the end; default: all"
    )
)]
#[derive(Debug, Default, PartialEq, Eq, Hash)]
struct PathAgg;

impl SequenceFunction for PathAgg {
    const NAME: &'static str = NAME;
    type Sequence = Path;

    fn signature() -> Signature {
        args::signature(PARAMS)
    }

    fn coerce(types: &[DataType]) -> Result<Vec<DataType>> {
        let mut out = args::coerce(NAME, PARAMS, types)?;
        if let Some(value) = out.first_mut() {
            if value.is_nested() {
                return plan_err!(
                    "{NAME}: value must be a step, such as text, got {value}; it is called {}",
                    args::usage(NAME, PARAMS)
                );
            }
            *value = DataType::Utf8;
        }
        Ok(out)
    }

    fn return_type(_types: &[DataType]) -> Result<DataType> {
        Ok(path_type())
    }

    fn complete(call: AggregateFunction, info: &SimplifyContext) -> Result<Expr> {
        args::complete_aggregate(PARAMS, call, info)
    }

    fn empty(_ty: &DataType) -> Result<ScalarValue> {
        Ok(ScalarValue::List(ScalarValue::new_list_nullable(&[], &DataType::Utf8)))
    }

    fn sequence(args: &AccumulatorArgs) -> Result<Path> {
        match args::constant(NAME, PARAMS, args.exprs, "max_len")? {
            ScalarValue::Int64(Some(n)) => match usize::try_from(n) {
                Ok(max_len) if max_len > 0 => Ok(Path { max_len }),
                _ => plan_err!("{NAME}: max_len must be 1 or more, got {n}"),
            },
            _ => Ok(Path { max_len: usize::MAX }),
        }
    }

    fn documentation(&self) -> Option<&Documentation> {
        self.doc()
    }
}

#[derive(Debug, Clone)]
struct Path {
    max_len: usize,
}

impl Sequence for Path {
    type Payload = Label;
    // a short text for each row, in a buffer that grows by doubling
    const ANSWER: Answer = Answer { group: size_of::<i32>(), event: 48 };

    fn read(&self, args: &[ArrayRef], batch: &mut Batch<Label>) -> Result<()> {
        let [value, ts, ..] = args else {
            return internal_err!("{NAME} has a value and a time");
        };
        let (value, ts) = (value.as_string::<i32>(), ts.as_primitive::<TimestampMicrosecondType>());
        batch.push_each(ts, |row, texts| {
            let label = value.is_valid(row).then(|| texts.label(value.value(row)))?;
            Some((ts.value(row), label))
        })
    }

    fn finish(&mut self, groups: Sequences<Label>) -> Result<ArrayRef> {
        let mut steps = StringBuilder::new();
        let mut lists = Lists::with_capacity(groups.len());
        let mut n = 0;
        groups.each(|rows, texts| {
            let from = rows.len().saturating_sub(self.max_len);
            for text in rows.iter().skip(from).filter_map(|row| texts.get(row.1)) {
                if i32::try_from(steps.values_slice().len() + text.len()).is_err() {
                    return exec_err!(
                        "{NAME}: the paths of one partition hold more than 2 GiB of text; use more partitions (datafusion.execution.target_partitions), or max_len"
                    );
                }
                steps.append_value(text);
                n += 1;
            }
            lists.end_at(n)
        })?;
        Lists::column(&lists.finish(), Arc::new(steps.finish()))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::testing::{batch, same_bits, value};
    use datafusion::arrow::array::{Int64Array, StringArray, TimestampMicrosecondArray};

    #[tokio::test]
    async fn the_order_and_the_cut_of_the_rows_make_no_difference() -> Result<()> {
        let noise = |i: i64| (i * i * 31 + i * 7_919 + 13) % 101;
        let n = 400;
        let ts = |i: i64| (noise(i + 3) % 9 != 5).then(|| noise(i + 1) % 31 * 1_000_000);
        let text = |i: i64| (noise(i) % 8 != 3).then(|| format!("page {}", noise(i + 8) % 4));
        let rows = batch(vec![
            ("k", Arc::new((0..n).map(|i| noise(i) % 9).collect::<Int64Array>())),
            ("ts", Arc::new((0..n).map(ts).collect::<TimestampMicrosecondArray>())),
            ("page", Arc::new((0..n).map(text).collect::<StringArray>())),
        ])?;
        let got = same_bits(&rows, "SELECT k, path_agg(page, ts) p, path_agg(k, ts, 3) FILTER (WHERE k <> 2) q FROM t GROUP BY k ORDER BY k").await?;
        let paths = got.column(1).as_list::<i32>();
        let longest = (0..paths.len()).map(|i| paths.value_length(i)).max();
        assert!(longest.is_some_and(|l| l > 3));
        same_bits(&rows, "SELECT path_agg(page, ts, 5) FROM t").await?;
        Ok(())
    }

    #[tokio::test]
    async fn wrong_arguments_are_named() {
        for (args, want) in [
            ("e, ts, 0", "max_len must be 1 or more, got 0"),
            ("e, ts, n", "(max_len) must be a constant"),
            ("[e], ts", "value must be a step, such as text, got List"),
            ("e", "takes 2 to 3 arguments, got 1"),
            ("e, 1.5", "(ts) must be a timestamp or date"),
        ] {
            let sql = format!(
                "SELECT path_agg({args}) FROM (SELECT TIMESTAMP '2018-01-01' ts, 'x' e, 1 n)"
            );
            let e = value(&sql).await.unwrap_err().to_string();
            assert!(e.contains(want) && e.contains(NAME), "{args}: {e}");
        }
    }
}
