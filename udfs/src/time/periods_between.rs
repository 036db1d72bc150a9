//! `periods_between(a, b, unit [, timezone, week_start, fiscal_year_start])`: how many days, weeks,
//! months … lie between two times.
//!
//! How often a new period began after `a` and until `b`: 0 within one period, negative if `b` comes
//! first. That is the period of a cohort that starts with the period of `a`. NULL gives NULL. Times
//! and units are those of `period_start`; hours are counted on the wall clock. O(1) a row.

use std::sync::{Arc, LazyLock};

use datafusion::arrow::array::{Array, Int64Array};
use datafusion::arrow::buffer::{NullBuffer, ScalarBuffer};
use datafusion::arrow::datatypes::DataType;
use datafusion::common::{Result, ScalarValue, internal_err};
use datafusion::logical_expr::interval_arithmetic::Interval;
use datafusion::logical_expr::simplify::{ExprSimplifyResult, SimplifyContext};
use datafusion::logical_expr::{
    ColumnarValue, Documentation, Expr, ScalarFunctionArgs, ScalarUDF, ScalarUDFImpl, Signature,
};
use datafusion_macros::user_doc;

use super::calendar::{Call, FISCAL, TIMEZONE, UNIT, WEEK_START};
use super::core::Periods;
use crate::args::{self, Ty, required};

const NAME: &str = "periods_between";
const CALL: Call = Call {
    name: NAME,
    params: &[
        required("a", Ty::Instant),
        required("b", Ty::Instant),
        UNIT,
        TIMEZONE,
        WEEK_START,
        FISCAL,
    ],
    times: 2,
};

static UDF: LazyLock<Arc<ScalarUDF>> =
    LazyLock::new(|| Arc::new(ScalarUDF::from(PeriodsBetween::default())));

/// The function `periods_between`.
pub fn periods_between_udf() -> Arc<ScalarUDF> {
    Arc::clone(&UDF)
}

#[user_doc(
    doc_section(label = "Time"),
    description = "How many periods of the calendar lie between two times: how often a day, a week, a month … began after a and until b. 0 within one period, negative if b comes first. This is the number of a period in a retention table whose cohorts start with the period of a: 23:59 and 00:01 are one day apart. Periods are those of period_start. NULL gives NULL.",
    syntax_example = "periods_between(a, b, unit [, timezone, week_start, fiscal_year_start])",
    sql_example = r#"```sql
SELECT periods_between(a, b, 'day'), periods_between(a, b, 'month'), periods_between(b, a, 'year')
FROM (VALUES (TIMESTAMP '2017-12-31T23:59:00', TIMESTAMP '2018-01-01T00:01:00')) AS t(a, b);
-- 1 | 1 | -1
```"#,
    argument(name = "a", description = "a timestamp, with or without time zone, or a date"),
    argument(name = "b", description = "another"),
    argument(
        name = "unit",
        description = "'hour', 'day', 'week', 'month', 'quarter', 'year', 'fiscal_quarter' or 'fiscal_year', a constant"
    ),
    argument(
        name = "timezone",
        description = "IANA name, for times with zone; default: `tenure.timezone`"
    ),
    argument(
        name = "week_start",
        description = "first day of the week, 'monday' to 'sunday'; default: `tenure.week_start`"
    ),
    argument(
        name = "fiscal_year_start",
        description = "first month of the fiscal year, 1 to 12; default: `tenure.fiscal_year_start`"
    )
)]
#[derive(Debug, PartialEq, Eq, Hash)]
struct PeriodsBetween {
    signature: Signature,
}

impl Default for PeriodsBetween {
    fn default() -> Self {
        Self { signature: args::signature(CALL.params) }
    }
}

impl ScalarUDFImpl for PeriodsBetween {
    fn name(&self) -> &str {
        CALL.name
    }

    fn signature(&self) -> &Signature {
        &self.signature
    }

    fn coerce_types(&self, types: &[DataType]) -> Result<Vec<DataType>> {
        args::coerce(CALL.name, CALL.params, types)
    }

    fn return_type(&self, _types: &[DataType]) -> Result<DataType> {
        Ok(DataType::Int64)
    }

    fn simplify(&self, given: Vec<Expr>, info: &SimplifyContext) -> Result<ExprSimplifyResult> {
        CALL.simplify(given, info, |full| periods_between_udf().call(full))
    }

    fn invoke_with_args(&self, call: ScalarFunctionArgs) -> Result<ColumnarValue> {
        args::answer(&call.args, Arc::new(counts(&call.args)?))
    }

    /// A later `b` is in no earlier period.
    fn evaluate_bounds(&self, given: &[&Interval]) -> Result<Interval> {
        let [a, b, options @ ..] = given else { return internal_err!("{NAME} needs a and b") };
        let ends = [a.upper(), a.lower(), b.lower(), b.upper()];
        if ends.iter().any(|end| end.is_null()) || options.iter().any(|o| o.lower() != o.upper()) {
            return Interval::make_unbounded(&DataType::Int64);
        }
        let pair = |of: &[&ScalarValue]| {
            ScalarValue::iter_to_array(of.iter().map(|v| (*v).clone())).map(ColumnarValue::Array)
        };
        let (from, to) = ends.split_at(2);
        let options = options.iter().map(|o| Ok(ColumnarValue::Scalar(o.lower().clone())));
        let full = [pair(from), pair(to)].into_iter().chain(options);
        let counts = counts(&full.collect::<Result<Vec<_>>>()?)?;
        Interval::try_new(
            ScalarValue::try_from_array(&counts, 0)?,
            ScalarValue::try_from_array(&counts, 1)?,
        )
    }

    fn documentation(&self) -> Option<&Documentation> {
        self.doc()
    }
}

/// Of all arguments.
fn counts(given: &[ColumnarValue]) -> Result<Int64Array> {
    let (times, unit) = CALL.read(given)?;
    let [a, b] = times.as_slice() else { return internal_err!("{NAME} needs a and b") };
    let [mut from, mut to] = [Periods::of(unit), Periods::of(unit)];
    let pairs = a.values().iter().zip(b.values());
    let counts: ScalarBuffer<i64> = pairs.map(|(a, b)| to.index(*b) - from.index(*a)).collect();
    Ok(Int64Array::try_new(counts, NullBuffer::union(a.nulls(), b.nulls()))?)
}

#[cfg(test)]
mod tests {
    use std::fmt::Write;

    use crate::testing::{run, session};
    use datafusion::common::Result;

    /// Random times, many of them near a change of clocks; see `testdata/time/make.py`.
    #[tokio::test]
    async fn periods_are_those_of_duckdb() -> Result<()> {
        let lines = include_str!("../../testdata/time/duckdb.txt").lines().skip(1);
        let lines: Vec<Vec<&str>> = lines.map(|l| l.split(" | ").collect()).collect();
        assert_eq!(lines.len(), 600);
        let units = ["hour", "day", "week", "month", "quarter", "year"];
        let ctx = session(1, 8192)?;
        for zone in ["Europe/London", "America/New_York", "Asia/Shanghai"] {
            let lines = || lines.iter().filter(|l| l[0] == zone);
            let rows: Vec<String> =
                lines().enumerate().map(|(i, l)| format!("({i}, {}, {})", l[1], l[2])).collect();
            let mut columns = String::new();
            for unit in units {
                write!(columns, "CAST(date_part('epoch', period_start(a, '{unit}')) AS BIGINT), ")
                    .unwrap();
            }
            for unit in units {
                write!(columns, "periods_between(a, b, '{unit}s'), ").unwrap();
            }
            let zoned = |t| format!("arrow_cast({t}, 'Timestamp(Second, Some(\"UTC\"))') AS {t}");
            run(&ctx, &format!("SET tenure.timezone = '{zone}'")).await?;
            let sql = format!(
                "SELECT concat_ws(' ', {}) FROM (SELECT i, {}, {} FROM (VALUES {}) AS t(i, a, b)) ORDER BY i",
                columns.trim_end_matches(", "),
                zoned("a"),
                zoned("b"),
                rows.join(", ")
            );
            let got = run(&ctx, &sql).await?;
            let got: Vec<&str> = got.lines().skip(3).map(|l| l.trim_matches(['|', ' '])).collect();
            for (line, got) in lines().zip(&got) {
                assert_eq!(*got, format!("{} {}", line[3], line[4]), "{zone} {}", line[1]);
            }
            assert_eq!(got.len(), 201, "and the frame of the table");
        }
        Ok(())
    }
}
