//! `summary_at(times, as_of)`: the summary of purchase times as of any point in time.
//!
//! As `customer_summary`, but a row has its own point in time, so that the life of a customer can be
//! told again point by point: the times are gathered once, with `array_agg`, and summed up as often
//! as needed. Times after `as_of` and NULLs in the list are ignored, equal times are one purchase
//! each; nothing is known of money. No times by `as_of`, or a NULL: NULL. Days are those of the
//! session's wall clock. O(n) a row, O(n log n) if the list is not sorted.

use std::sync::{Arc, LazyLock};

use datafusion::arrow::array::{Array, ArrayRef, AsArray};
use datafusion::arrow::datatypes::{DataType, Field, TimeUnit, TimestampMicrosecondType};
use datafusion::common::{Result, internal_err, plan_err};
use datafusion::logical_expr::simplify::{ExprSimplifyResult, SimplifyContext};
use datafusion::logical_expr::{
    ColumnarValue, Documentation, Expr, ScalarFunctionArgs, ScalarUDF, ScalarUDFImpl, Signature,
};
use datafusion_macros::user_doc;

use super::core::{DAY, Summarizer, Unit};
use super::customer_summary::Columns;
use super::schema;
use crate::args::{self, Param, Ty, required};
use crate::events::Amount;

const NAME: &str = "summary_at";
const PARAMS: &[Param] = &[required("times", Ty::Any), required("as_of", Ty::Time)];

static UDF: LazyLock<Arc<ScalarUDF>> =
    LazyLock::new(|| Arc::new(ScalarUDF::from(SummaryAt::default())));

/// The function `summary_at`.
pub fn summary_at_udf() -> Arc<ScalarUDF> {
    Arc::clone(&UDF)
}

#[user_doc(
    doc_section(label = "Customer summary"),
    description = "The STRUCT of customer_summary from a list of purchase times, as of a point in time that may differ from row to row: times after it do not exist. For stages and models at many points in time from one reading of the events. Nothing is known of money: revenue is 0, monetary_value NULL. Equal times are one purchase each; NULLs in the list are ignored. NULL where there is no time by then, no list or no point in time. Days are those of the times as they are given, without time zone.",
    syntax_example = "summary_at(times, as_of)",
    sql_example = r#"```sql
SELECT s['periods'], s['t'], s['last_ts'] FROM (
  SELECT summary_at([TIMESTAMP '2018-01-01T09:00:00', TIMESTAMP '2018-01-11T12:00:00', TIMESTAMP '2018-02-01T12:00:00'], at) AS s
  FROM (VALUES (TIMESTAMP '2018-01-10'), (TIMESTAMP '2018-01-31')) AS t(at));
-- 1 | 9.0 | 2018-01-01T09:00:00
-- 2 | 30.0 | 2018-01-11T12:00:00
```"#,
    argument(
        name = "times",
        description = "a list of timestamps, in any order, such as array_agg(ts)"
    ),
    argument(name = "as_of", description = "a point in time, inclusive")
)]
#[derive(Debug, PartialEq, Eq, Hash)]
struct SummaryAt {
    signature: Signature,
}

impl Default for SummaryAt {
    fn default() -> Self {
        Self { signature: args::signature(PARAMS) }
    }
}

impl ScalarUDFImpl for SummaryAt {
    fn name(&self) -> &str {
        NAME
    }

    fn signature(&self) -> &Signature {
        &self.signature
    }

    fn coerce_types(&self, types: &[DataType]) -> Result<Vec<DataType>> {
        let mut out = args::coerce(NAME, PARAMS, types)?;
        let fits = match types.first() {
            Some(DataType::List(item) | DataType::LargeList(item)) => matches!(
                item.data_type(),
                DataType::Timestamp(_, None) | DataType::Date32 | DataType::Null
            ),
            Some(DataType::Null) => true,
            _ => false,
        };
        if !fits {
            let got = types.first().map_or_else(String::new, ToString::to_string);
            return plan_err!(
                "{NAME}: argument 1 (times) must be a list of timestamps without time zone, such as array_agg(local_time(ts)), got {got}"
            );
        }
        if let Some(times) = out.first_mut() {
            let time = DataType::Timestamp(TimeUnit::Microsecond, None);
            *times = DataType::List(Arc::new(Field::new_list_field(time, true)));
        }
        Ok(out)
    }

    fn return_type(&self, _types: &[DataType]) -> Result<DataType> {
        Ok(schema::data_type())
    }

    fn simplify(&self, given: Vec<Expr>, info: &SimplifyContext) -> Result<ExprSimplifyResult> {
        args::complete_scalar(PARAMS, given, info, |full| summary_at_udf().call(full))
    }

    fn invoke_with_args(&self, call: ScalarFunctionArgs) -> Result<ColumnarValue> {
        let arrays = ColumnarValue::values_to_arrays(&call.args)?;
        let [times, as_of] = arrays.as_slice() else {
            return internal_err!("{NAME} has times and a point in time");
        };
        summaries(times, as_of).map(ColumnarValue::Array)
    }

    fn documentation(&self) -> Option<&Documentation> {
        self.doc()
    }
}

fn summaries(times: &ArrayRef, as_of: &ArrayRef) -> Result<ArrayRef> {
    let (lists, as_of) = (times.as_list::<i32>(), as_of.as_primitive::<TimestampMicrosecondType>());
    let all = lists.values().as_primitive::<TimestampMicrosecondType>();
    let unit = Unit::new(DAY);
    let (mut summarizer, mut events) = (Summarizer::default(), vec![]);
    let mut columns = Columns::with_capacity(lists.len());
    for (row, at) in as_of.iter().enumerate() {
        events.clear();
        if let (Some(at), true) = (at, lists.is_valid(row))
            && let [from, to, ..] = *lists.value_offsets().get(row..).unwrap_or_default()
        {
            let range = usize::try_from(from).unwrap_or(0)..usize::try_from(to).unwrap_or(0);
            let known = range.filter(|i| all.is_valid(*i)).map(|i| all.value(i));
            events.extend(known.filter(|t| *t <= at).map(|t| (t, Amount::NULL)));
            // a list from array_agg is often sorted, and then this only looks
            events.sort_unstable_by_key(|e| e.0);
        }
        columns.push(summarizer.summarize(&events, at.unwrap_or_default(), unit));
    }
    columns.finish(as_of.values().to_vec(), unit)
}

#[cfg(test)]
mod tests {
    use crate::testing::{run, session, value};
    use datafusion::common::Result;

    /// what `customer_summary` says as of each point in time, one statement each
    #[tokio::test]
    async fn it_is_the_summary_as_of_each_point_in_time() -> Result<()> {
        let ctx = session(2, 64)?;
        ctx.sql("CREATE TABLE log AS SELECT (i * 7919) % 11 AS k, TIMESTAMP '2010-01-01T05:00:00' + CAST(concat((i * i * 31 + i * 17) % 9000, ' hours') AS INTERVAL) AS ts FROM (SELECT unnest(range(0, 400)) AS i)").await?.collect().await?;
        for at in
            ["2009-12-31", "2010-01-03T07:00:00", "2010-04-01", "2010-08-09T10:00:00", "2012-01-01"]
        {
            let all = run(&ctx, &format!("SELECT k, customer_summary(ts, NULL, TIMESTAMP '{at}') AS s FROM log GROUP BY k ORDER BY k")).await?;
            let each = run(&ctx, &format!("SELECT k, summary_at(array_agg(ts), at) AS s FROM log CROSS JOIN (SELECT TIMESTAMP '{at}' AS at) AS a GROUP BY k, at ORDER BY k")).await?;
            assert_eq!(all, each, "{at}");
            assert_eq!(all.contains("frequency: "), at != "2009-12-31", "{all}");
        }
        Ok(())
    }

    #[tokio::test]
    async fn no_times_are_no_summary_and_other_lists_are_refused() -> Result<()> {
        for args in [
            "NULL, TIMESTAMP '2011-01-01'",
            "[TIMESTAMP '2011-01-01'], NULL",
            "[TIMESTAMP '2011-01-02', NULL], TIMESTAMP '2011-01-01'",
            "CAST([] AS TIMESTAMP[]), TIMESTAMP '2011-01-01'",
        ] {
            assert_eq!(
                value(&format!("SELECT summary_at({args}) IS NULL")).await?,
                "true",
                "{args}"
            );
        }
        assert_eq!(
            value("SELECT summary_at([TIMESTAMP '2011-01-01', NULL], TIMESTAMP '2011-01-01')['orders']").await?,
            "1"
        );
        for args in ["5, TIMESTAMP '2011-01-01'", "['a'], TIMESTAMP '2011-01-01'"] {
            let said = value(&format!("SELECT summary_at({args})")).await.unwrap_err().to_string();
            assert!(
                said.contains(
                    "summary_at: argument 1 (times) must be a list of timestamps without time zone"
                ),
                "{said}"
            );
        }
        Ok(())
    }
}
