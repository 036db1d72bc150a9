//! `sessionize(ts, gap [, max_duration, break_when, midnight, timezone]) OVER (PARTITION BY customer
//! ORDER BY ts)`: the number of the session that a row belongs to, from 1.
//!
//! What begins a session is in `core.rs`. A NULL time gives NULL and is no event. Rows of one time
//! are in one session, whatever their order. Times with a zone are compared as instants, and
//! midnight is that of the time zone. Rows must come in the order of time, which is an error
//! otherwise; the frame makes no difference. O(1) a row; the partition is held, 8 bytes a row more
//! than it takes anyway.

use std::str::FromStr;
use std::sync::{Arc, LazyLock};

use chrono_tz::Tz;
use datafusion::arrow::array::{Array, ArrayRef, AsArray, Int64Array};
use datafusion::arrow::datatypes::{DataType, Field, FieldRef, TimestampMicrosecondType};
use datafusion::common::{Result, ScalarValue, exec_err, internal_err, plan_datafusion_err};
use datafusion::logical_expr::function::{
    ExpressionArgs, PartitionEvaluatorArgs, WindowFunctionSimplification, WindowUDFFieldArgs,
};
use datafusion::logical_expr::{
    Documentation, Expr, PartitionEvaluator, Signature, WindowUDF, WindowUDFImpl,
};
use datafusion::physical_expr::PhysicalExpr;
use datafusion::physical_expr::expressions::Literal;
use datafusion_macros::user_doc;

use super::core::{Limits, sessions};
use crate::args::{self, Fill, Param, Ty, option, required};
use crate::summary::core::DAY;
use crate::time::local_time::wall_micros;

const NAME: &str = "sessionize";
const PARAMS: &[Param] = &[
    required("ts", Ty::Instant),
    required("gap", Ty::Interval),
    option("max_duration", Ty::Interval, Fill::Null),
    option("break_when", Ty::Bool, Fill::Null),
    option("midnight", Ty::Bool, Fill::Null),
    option("timezone", Ty::Text, Fill::Timezone),
];
/// Places of two of them.
const BREAK_WHEN: usize = 3;
const TIMEZONE: usize = 5;

static UDWF: LazyLock<Arc<WindowUDF>> =
    LazyLock::new(|| Arc::new(WindowUDF::from(Sessionize::default())));

/// The window function `sessionize`.
pub fn sessionize_udwf() -> Arc<WindowUDF> {
    Arc::clone(&UDWF)
}

#[user_doc(
    doc_section(label = "Sessions"),
    description = "The number of the session that a row belongs to, from 1. A session ends when more than gap passes without a row (exactly gap does not end it), when it would last longer than max_duration, before a row for which break_when is true (a new campaign, for instance), and at midnight if that is asked for. A NULL time gives NULL and is no event. Rows of one time are in one session, whatever their order. Times with a zone are compared as instants. Rows must come in the order of time; the frame makes no difference. Memory: 8 bytes a row of the partition.",
    syntax_example = "sessionize(ts, gap [, max_duration, break_when, midnight, timezone]) OVER (PARTITION BY customer ORDER BY ts)",
    sql_example = r#"```sql
SELECT ts, sessionize(ts, INTERVAL '30 minutes') OVER (ORDER BY ts)
FROM (VALUES (TIMESTAMP '2018-01-01T10:00:00'), (TIMESTAMP '2018-01-01T10:15:00'), (TIMESTAMP '2018-01-01T10:25:00'),
  (TIMESTAMP '2018-01-01T11:30:00'), (TIMESTAMP '2018-01-01T11:45:00'), (TIMESTAMP '2018-01-01T13:00:00')) AS t(ts);
-- 2018-01-01T10:00:00 | 1
-- 2018-01-01T10:15:00 | 1
-- 2018-01-01T10:25:00 | 1
-- 2018-01-01T11:30:00 | 2
-- 2018-01-01T11:45:00 | 2
-- 2018-01-01T13:00:00 | 3
```"#,
    argument(name = "ts", description = "time of the row"),
    argument(
        name = "gap",
        description = "the longest time between two rows of a session: a constant INTERVAL without months"
    ),
    argument(
        name = "max_duration",
        description = "the longest time from the first row of a session to its last, a constant INTERVAL without months; default: none"
    ),
    argument(
        name = "break_when",
        description = "a condition: a row that satisfies it begins a session"
    ),
    argument(name = "midnight", description = "true: a session ends at midnight; default: false"),
    argument(
        name = "timezone",
        description = "IANA name of the zone whose midnight it is, for a ts with zone; default: `tenure.timezone`"
    )
)]
#[derive(Debug, PartialEq, Eq, Hash)]
struct Sessionize {
    signature: Signature,
}

impl Default for Sessionize {
    fn default() -> Self {
        Self { signature: args::signature(PARAMS) }
    }
}

impl WindowUDFImpl for Sessionize {
    fn name(&self) -> &str {
        NAME
    }

    fn signature(&self) -> &Signature {
        &self.signature
    }

    fn coerce_types(&self, types: &[DataType]) -> Result<Vec<DataType>> {
        args::coerce(NAME, PARAMS, types)
    }

    fn simplify(&self) -> Option<WindowFunctionSimplification> {
        Some(Box::new(|call, info| {
            // also where no midnight is asked for, and where there are no rows
            if let Some(Expr::Literal(timezone, _)) = call.params.args.get(TIMEZONE) {
                zone(timezone)?;
            }
            args::complete_window(PARAMS, call, info)
        }))
    }

    fn field(&self, args: WindowUDFFieldArgs) -> Result<FieldRef> {
        Ok(Arc::new(Field::new(args.name(), DataType::Int64, true)))
    }

    fn expressions(&self, args: ExpressionArgs) -> Vec<Arc<dyn PhysicalExpr>> {
        // options are no columns, nor is a condition that no row satisfies
        let ts = args.input_exprs().iter().take(1);
        let breaks = args.input_exprs().get(BREAK_WHEN).filter(|e| !is_never(e));
        ts.chain(breaks).cloned().collect()
    }

    fn partition_evaluator(
        &self,
        args: PartitionEvaluatorArgs,
    ) -> Result<Box<dyn PartitionEvaluator>> {
        let of = |name| args::constant(NAME, PARAMS, args.input_exprs(), name);
        let length = |name, value: &ScalarValue| {
            args::fixed_micros(NAME, name, value).map(i64::unsigned_abs)
        };
        let longest = match of("max_duration")? {
            none if none.is_null() => u64::MAX,
            longest => length("max_duration", &longest)?,
        };
        let limits = Limits { gap: length("gap", &of("gap")?)?, longest };
        let zoned = args
            .input_fields()
            .first()
            .is_some_and(|f| matches!(f.data_type(), DataType::Timestamp(_, Some(_))));
        // this is asked once a partition, of which there are as many as customers
        let midnight = match of("midnight")? {
            ScalarValue::Boolean(Some(true)) if zoned => Midnight::In(zone(&of("timezone")?)?),
            ScalarValue::Boolean(Some(true)) => Midnight::Wall,
            _ => Midnight::Never,
        };
        Ok(Box::new(Sessions { limits, midnight }))
    }

    fn documentation(&self) -> Option<&Documentation> {
        self.doc()
    }
}

/// Whether a condition is NULL or false as it stands.
fn is_never(condition: &Arc<dyn PhysicalExpr>) -> bool {
    let constant = condition.downcast_ref::<Literal>().map(Literal::value);
    constant.is_some_and(|c| c.is_null() || *c == ScalarValue::Boolean(Some(false)))
}

/// Which midnight ends a session.
#[derive(Debug, Clone, Copy)]
enum Midnight {
    Never,
    /// of times that are on the wall clock
    Wall,
    /// of instants, in a zone
    In(Tz),
}

fn zone(name: &ScalarValue) -> Result<Tz> {
    match name.try_as_str().flatten() {
        None => Ok(Tz::UTC),
        Some(name) => Tz::from_str(name.trim()).map_err(|_| {
            plan_datafusion_err!(
                "{NAME}: {name:?} is no time zone; use an IANA name such as 'Europe/London'"
            )
        }),
    }
}

#[derive(Debug)]
struct Sessions {
    limits: Limits,
    midnight: Midnight,
}

impl PartitionEvaluator for Sessions {
    fn evaluate_all(&mut self, values: &[ArrayRef], _num_rows: usize) -> Result<ArrayRef> {
        let [ts, rest @ ..] = values else { return internal_err!("{NAME} needs ts") };
        let ts = ts.as_primitive::<TimestampMicrosecondType>();
        let breaks = rest.first().map(|b| b.as_boolean()).filter(|b| b.true_count() > 0);
        let nulls = ts.nulls().filter(|n| n.null_count() > 0);
        let ids = sessions(
            ts.values(),
            self.limits,
            |row| nulls.is_none_or(|n| n.is_valid(row)),
            |row| breaks.is_some_and(|b| b.is_valid(row) && b.value(row)),
            |time| match self.midnight {
                Midnight::Never => 0,
                Midnight::Wall => time.div_euclid(DAY),
                // a time that no calendar has lies on no day
                Midnight::In(tz) => wall_micros(time, tz).unwrap_or(time).div_euclid(DAY),
            },
        );
        match ids {
            Ok(ids) => Ok(Arc::new(Int64Array::new(ids.into(), nulls.cloned()))),
            Err(_) => exec_err!(
                "{NAME}: the rows are not in the order of ts; write OVER (PARTITION BY … ORDER BY ts)"
            ),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::testing::{batch, same_bits};
    use datafusion::arrow::array::{BooleanArray, TimestampMicrosecondArray};

    /// Rows of one time come in any order, with and without a break, and customers of any number
    /// of rows in any number of batches.
    #[tokio::test]
    async fn any_cut_gives_the_same_bits() -> Result<()> {
        let minute = 60_000_000;
        let ts = (0..600i64).map(|i| (i % 11 != 2).then_some(i * i % 499 * 17 * minute));
        let breaks = (0..600i64).map(|i| (i % 7 > 0).then_some(i % 5 == 0));
        let rows = batch(vec![
            ("c", Arc::new(Int64Array::from_iter_values((0..600i64).map(|i| i * i % 31)))),
            ("ts", Arc::new(TimestampMicrosecondArray::from_iter(ts.clone()))),
            ("z", Arc::new(TimestampMicrosecondArray::from_iter(ts).with_timezone("UTC"))),
            ("b", Arc::new(BooleanArray::from_iter(breaks))),
        ])?;
        let sql = "SELECT c, ts, b, sessionize(ts, INTERVAL '1 hour') OVER w, sessionize(ts, INTERVAL '3 hours', INTERVAL '4 hours', b, true) OVER w,
              sessionize(z, INTERVAL '3 hours', NULL, NULL, true, 'Asia/Shanghai') OVER w
            FROM t WINDOW w AS (PARTITION BY c ORDER BY ts) ORDER BY c, ts, b";
        let got = same_bits(&rows, sql).await?;
        let ids =
            |i: usize| got.column(i).as_primitive::<datafusion::arrow::datatypes::Int64Type>();
        let most = |i: usize| ids(i).iter().flatten().max();
        assert!((3..6).all(|i| most(i) > Some(20)), "{:?}", [3, 4, 5].map(most));
        assert!((3..6).all(|i| ids(i).null_count() == got.column(1).null_count()));
        same_bits(&rows, "SELECT ts, sessionize(ts, INTERVAL '20 minutes') OVER (ORDER BY ts) FROM t ORDER BY ts").await?;
        Ok(())
    }
}
