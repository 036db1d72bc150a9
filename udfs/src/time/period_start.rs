//! `period_start(ts, unit [, timezone, week_start, fiscal_year_start])`: when the day, week, month …
//! began that a time lies in.
//!
//! NULL gives NULL. The answer is wall-clock time of the zone: a day begins at midnight there, also
//! where midnight was left out when clocks changed, and the two hours that share one name when
//! clocks are set back are one period. A timestamp without zone is wall-clock time already. O(1) a
//! row.

use std::sync::{Arc, LazyLock};

use datafusion::arrow::array::TimestampMicrosecondArray;
use datafusion::arrow::datatypes::{DataType, TimeUnit};
use datafusion::common::{Result, exec_datafusion_err, internal_err};
use datafusion::logical_expr::simplify::{ExprSimplifyResult, SimplifyContext};
use datafusion::logical_expr::{
    ColumnarValue, Documentation, Expr, ScalarFunctionArgs, ScalarUDF, ScalarUDFImpl, Signature,
};
use datafusion_macros::user_doc;

use super::calendar::{Call, FISCAL, TIMEZONE, UNIT, WEEK_START};
use super::core::Periods;
use crate::args::{self, Ty, required};

const CALL: Call = Call {
    name: "period_start",
    params: &[required("ts", Ty::Instant), UNIT, TIMEZONE, WEEK_START, FISCAL],
    times: 1,
};

static UDF: LazyLock<Arc<ScalarUDF>> =
    LazyLock::new(|| Arc::new(ScalarUDF::from(PeriodStart::default())));

/// The function `period_start`.
pub fn period_start_udf() -> Arc<ScalarUDF> {
    Arc::clone(&UDF)
}

#[user_doc(
    doc_section(label = "Time"),
    description = "When the period began that a time lies in, on the wall clock of the time zone: a day begins at midnight there, a week with tenure.week_start, a month with its first day. 'quarter' and 'year' are those of the calendar; 'fiscal_quarter' and 'fiscal_year' follow tenure.fiscal_year_start, and a fiscal year is named by the day that it begins. A timestamp without zone is wall-clock time already. The two hours that share one name where clocks are set back are one hour. NULL gives NULL.",
    syntax_example = "period_start(ts, unit [, timezone, week_start, fiscal_year_start])",
    sql_example = r#"```sql
SELECT period_start(ts, 'week'), period_start(ts, 'quarter'), period_start(ts, 'fiscal_year', fiscal_year_start => 4)
FROM (VALUES (TIMESTAMP '2018-03-14T10:30:00')) AS t(ts);
-- 2018-03-12T00:00:00 | 2018-01-01T00:00:00 | 2017-04-01T00:00:00
```"#,
    argument(name = "ts", description = "a timestamp, with or without time zone, or a date"),
    argument(
        name = "unit",
        description = "'hour', 'day', 'week', 'month', 'quarter', 'year', 'fiscal_quarter' or 'fiscal_year', a constant"
    ),
    argument(
        name = "timezone",
        description = "IANA name, for a ts with zone; default: `tenure.timezone`"
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
struct PeriodStart {
    signature: Signature,
}

impl Default for PeriodStart {
    fn default() -> Self {
        Self { signature: args::signature(CALL.params) }
    }
}

impl ScalarUDFImpl for PeriodStart {
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
        Ok(DataType::Timestamp(TimeUnit::Microsecond, None))
    }

    fn simplify(&self, given: Vec<Expr>, info: &SimplifyContext) -> Result<ExprSimplifyResult> {
        CALL.simplify(given, info, |full| period_start_udf().call(full))
    }

    fn invoke_with_args(&self, call: ScalarFunctionArgs) -> Result<ColumnarValue> {
        let (times, unit) = CALL.read(&call.args)?;
        let [ts] = times.as_slice() else { return internal_err!("{} needs ts", CALL.name) };
        let mut periods = Periods::of(unit);
        let mut start = |t: i64| {
            periods.start(t).ok_or_else(|| {
                exec_datafusion_err!("{}: timestamp {t} (µs) is out of range", CALL.name)
            })
        };
        let starts = ts.iter().map(|t| t.map(&mut start).transpose());
        let starts: TimestampMicrosecondArray = starts.collect::<Result<_>>()?;
        args::answer(&call.args, Arc::new(starts))
    }

    fn documentation(&self) -> Option<&Documentation> {
        self.doc()
    }
}
