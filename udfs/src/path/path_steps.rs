//! `path_steps(value, ts [, flag])`: the path of one customer as steps from one value to the next.
//!
//! The values as text in the order of (time, value), from `path_start` to the first and from the last
//! to `path_end`. Rows whose time or value is NULL are ignored; no rows give an empty list. A path is
//! flagged if one of its rows is. Rows in any order. 16 bytes a row, and each text once; 17 bytes an
//! element of the answers.

use std::sync::{Arc, LazyLock};

use datafusion::arrow::array::{
    Array, ArrayRef, AsArray, BooleanArray, DictionaryArray, Float64Builder, Int32Array,
    StringArray, StructArray,
};
use datafusion::arrow::datatypes::{
    DataType, Field, FieldRef, Fields, Int32Type, TimestampMicrosecondType,
};
use datafusion::common::{Result, ScalarValue, internal_err, plan_err};
use datafusion::logical_expr::expr::AggregateFunction;
use datafusion::logical_expr::function::AccumulatorArgs;
use datafusion::logical_expr::simplify::SimplifyContext;
use datafusion::logical_expr::{AggregateUDF, Documentation, Expr, Signature};
use datafusion_macros::user_doc;

use crate::args::{self, Fill, Param, Ty, option, required};
use crate::lists::{Lists, item};
use crate::payload::Label;
use crate::sequence_aggregate::{Answer, Batch, Sequence, Sequences};
use crate::sequence_function::{SequenceFunction, udaf};

const NAME: &str = "path_steps";
const PARAMS: &[Param] = &[
    required("value", Ty::Any),
    required("ts", Ty::Instant),
    option("flag", Ty::Bool, Fill::Null),
];
/// What comes before the first value of a path, and after the last.
const START: &str = "path_start";
const END: &str = "path_end";
const MICROS: f64 = 1e6;

static UDAF: LazyLock<Arc<AggregateUDF>> = LazyLock::new(udaf::<PathSteps>);

/// The aggregate `path_steps`.
pub fn path_steps_udaf() -> Arc<AggregateUDF> {
    Arc::clone(&UDAF)
}

#[user_doc(
    doc_section(label = "Paths"),
    description = "The path of a customer as steps from one value to the next: LIST<STRUCT<step, next_step, seconds, flagged>>, in the order of time; values of one time are in their own order. The first step comes from path_start, the last goes to path_end; both have no seconds. flagged says whether a row of the path satisfies flag. path_step_counts counts the lists of all customers, and the table function path_transitions does both. Rows whose time or value is NULL are ignored, a NULL flag is false; no rows give an empty list. Memory: 16 bytes a row, each text once, and 17 bytes an element of the answers.",
    syntax_example = "path_steps(value, ts [, flag])",
    sql_example = r#"```sql
SELECT s['step'], s['next_step'], s['seconds'] FROM (
  SELECT unnest(path_steps(page, ts)) AS s
  FROM (VALUES (TIMESTAMP '2018-01-01T10:00:00', 'basket'), (TIMESTAMP '2018-01-01T09:00:00', 'home')) AS t(ts, page));
-- path_start | home | NULL
-- home | basket | 3600.0
-- basket | path_end | NULL
```"#,
    argument(name = "value", description = "a step of the path; told as text"),
    argument(name = "ts", description = "time of the row"),
    argument(name = "flag", description = "a condition that tells paths apart; default: none")
)]
#[derive(Debug, Default, PartialEq, Eq, Hash)]
struct PathSteps;

/// An element of the answer.
pub(super) fn element() -> FieldRef {
    let text = DataType::Dictionary(Box::new(DataType::Int32), Box::new(DataType::Utf8));
    item(&DataType::Struct(Fields::from(vec![
        Field::new("step", text.clone(), true),
        Field::new("next_step", text, true),
        Field::new("seconds", DataType::Float64, true),
        Field::new("flagged", DataType::Boolean, true),
    ])))
}

impl SequenceFunction for PathSteps {
    const NAME: &'static str = NAME;
    type Sequence = Steps;

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
        Ok(DataType::List(element()))
    }

    fn complete(call: AggregateFunction, info: &SimplifyContext) -> Result<Expr> {
        args::complete_aggregate(PARAMS, call, info)
    }

    fn empty(ty: &DataType) -> Result<ScalarValue> {
        ScalarValue::new_default(ty)
    }

    fn sequence(_args: &AccumulatorArgs) -> Result<Steps> {
        Ok(Steps)
    }

    fn documentation(&self) -> Option<&Documentation> {
        self.doc()
    }
}

#[derive(Debug, Clone)]
struct Steps;

impl Sequence for Steps {
    /// the value, and whether the row is flagged
    type Payload = (Label, u8);
    const ANSWER: Answer = Answer { group: 4 + 17, event: 17 };

    fn read(&self, args: &[ArrayRef], batch: &mut Batch<(Label, u8)>) -> Result<()> {
        let [value, ts, flag @ ..] = args else {
            return internal_err!("{NAME} has a value and a time");
        };
        let (value, ts) = (value.as_string::<i32>(), ts.as_primitive::<TimestampMicrosecondType>());
        let flag = flag.first().and_then(|f| f.as_boolean_opt());
        batch.push_each(ts, |row, texts| {
            let label = value.is_valid(row).then(|| texts.label(value.value(row)))?;
            let flagged = flag.is_some_and(|f| f.is_valid(row) && f.value(row));
            Some((ts.value(row), (label, u8::from(flagged))))
        })
    }

    fn finish(&mut self, groups: Sequences<(Label, u8)>) -> Result<ArrayRef> {
        let names: StringArray = groups.texts().all().chain([START, END]).map(Some).collect();
        let (Ok(start), Ok(end)) = (
            i32::try_from(names.len().saturating_sub(2)),
            i32::try_from(names.len().saturating_sub(1)),
        ) else {
            return internal_err!("{NAME}: too many different steps");
        };
        let n = groups.events() + groups.len();
        let (mut steps, mut nexts) = (Vec::with_capacity(n), Vec::with_capacity(n));
        let mut seconds = Float64Builder::with_capacity(n);
        let mut flagged = Vec::with_capacity(n);
        let mut lists = Lists::with_capacity(groups.len());
        groups.each(|rows, _| {
            let mut before: Option<(i64, i32)> = None;
            for (time, (label, _)) in rows {
                let next = label.place().unwrap_or(end);
                steps.push(before.map_or(start, |(_, step)| step));
                nexts.push(next);
                // times apart as far as they can be are no number of microseconds
                seconds.append_option(
                    before.map(|(earlier, _)| time.abs_diff(earlier) as f64 / MICROS),
                );
                before = Some((*time, next));
            }
            if let Some((_, step)) = before {
                steps.push(step);
                nexts.push(end);
                seconds.append_null();
            }
            let one = rows.iter().any(|(_, (_, flag))| *flag > 0);
            flagged.resize(steps.len(), one);
            lists.end_at(steps.len())
        })?;
        let names: ArrayRef = Arc::new(names);
        let column = |keys: Vec<i32>| -> Result<ArrayRef> {
            let keys = Int32Array::from(keys);
            Ok(Arc::new(DictionaryArray::<Int32Type>::try_new(keys, Arc::clone(&names))?))
        };
        let element = element();
        let DataType::Struct(fields) = element.data_type() else {
            return internal_err!("{NAME}: an element is a struct");
        };
        let columns: Vec<ArrayRef> = vec![
            column(steps)?,
            column(nexts)?,
            Arc::new(seconds.finish()),
            Arc::new(BooleanArray::from(flagged)),
        ];
        let cells = StructArray::try_new(fields.clone(), columns, None)?;
        Lists::column(&lists.finish(), Arc::new(cells))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::testing::{batch, same_bits, value};
    use datafusion::arrow::array::{Int64Array, TimestampMicrosecondArray};

    #[tokio::test]
    async fn any_cut_gives_the_same_steps() -> Result<()> {
        let noise = |i: i64| (i * i * 31 + i * 7_919 + 13) % 101;
        let n = 400;
        let ts = |i: i64| (noise(i + 3) % 9 != 5).then(|| noise(i + 1) % 31 * 1_000_000);
        let text = |i: i64| (noise(i) % 8 != 3).then(|| format!("page {}", noise(i + 8) % 4));
        let rows = batch(vec![
            ("k", Arc::new((0..n).map(|i| noise(i) % 9).collect::<Int64Array>())),
            ("ts", Arc::new((0..n).map(ts).collect::<TimestampMicrosecondArray>())),
            ("page", Arc::new((0..n).map(text).collect::<StringArray>())),
        ])?;
        // a dictionary differs with the cut, what it says does not
        let steps = "SELECT unnest(path_steps(page, ts, k % 2 = 0)) AS s FROM t GROUP BY k";
        same_bits(&rows, &format!("SELECT arrow_cast(s['step'], 'Utf8') AS a, arrow_cast(s['next_step'], 'Utf8') AS b, s['seconds'] AS c, s['flagged'] AS d, count(*) FROM ({steps}) GROUP BY 1, 2, 3, 4 ORDER BY 1, 2, 3, 4")).await?;
        Ok(())
    }

    #[tokio::test]
    async fn nobody_takes_no_steps_and_wrong_arguments_are_named() -> Result<()> {
        assert_eq!(value("SELECT path_steps('a', now()) WHERE 1 = 2").await?, "[]");
        for (args, want) in [
            ("[e], ts", "value must be a step, such as text, got List"),
            ("e", "takes 2 to 3 arguments, got 1"),
        ] {
            let sql =
                format!("SELECT path_steps({args}) FROM (SELECT TIMESTAMP '2018-01-01' ts, 'x' e)");
            let e = value(&sql).await.unwrap_err().to_string();
            assert!(e.contains(want) && e.contains(NAME), "{args}: {e}");
        }
        Ok(())
    }
}
