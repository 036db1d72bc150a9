//! `engagement_state(active, day [, wau, mau]) OVER (PARTITION BY customer ORDER BY day)`: which of
//! seven states a customer is in on a day.
//!
//! What the states are is in `engagement.rs`. A NULL condition is false; rows of a NULL day give
//! NULL, as do days before the first active one. Rows of one day have one state, whatever their
//! order. Days are those of the session's wall clock. Rows must come in the order of days, which is
//! an error otherwise; the frame makes no difference. O(1) a row; the partition is held, 24 bytes a
//! row more than it takes anyway.

use std::sync::{Arc, LazyLock};

use datafusion::arrow::array::{Array, ArrayRef, AsArray, StringArray};
use datafusion::arrow::datatypes::{DataType, Field, FieldRef, TimestampMicrosecondType};
use datafusion::common::{Result, ScalarValue, exec_err, internal_err, plan_err};
use datafusion::logical_expr::function::{
    ExpressionArgs, PartitionEvaluatorArgs, WindowFunctionSimplification, WindowUDFFieldArgs,
};
use datafusion::logical_expr::{
    Documentation, PartitionEvaluator, Signature, WindowUDF, WindowUDFImpl,
};
use datafusion::physical_expr::PhysicalExpr;
use datafusion_macros::user_doc;

use super::engagement::{Engagement, Limits, states};
use crate::args::{self, Fill, Param, Ty, option, required};
use crate::summary::core::DAY;

const NAME: &str = "engagement_state";
const PARAMS: &[Param] = &[
    required("active", Ty::Bool),
    required("day", Ty::Time),
    option("wau", Ty::Int, Fill::Int(7)),
    option("mau", Ty::Int, Fill::Int(30)),
];
/// Arguments that are columns.
const COLUMNS: usize = 2;

static UDWF: LazyLock<Arc<WindowUDF>> =
    LazyLock::new(|| Arc::new(WindowUDF::from(EngagementState::default())));

/// The window function `engagement_state`.
pub fn engagement_state_udwf() -> Arc<WindowUDF> {
    Arc::clone(&UDWF)
}

#[user_doc(
    doc_section(label = "Retention"),
    description = "Which of seven states a customer is in on a day, in the growth model of Duolingo. An active day is 'new' if it is the first, 'current' if the last active day lies at most wau days back, 'reactivated' if at most mau, and else 'resurrected'. An inactive day is 'at_risk_wau' if the last active day lies at most wau days back, 'at_risk_mau' if at most mau, and else 'dormant'; NULL before the first active day. The days decide, not the rows: days without rows count, and make no row. Several rows of a day have one state, active if any of them is. A NULL condition is false, a NULL day gives NULL. Rows must come in the order of days; the frame makes no difference. Memory: 24 bytes a row of the partition.",
    syntax_example = "engagement_state(active, day [, wau, mau]) OVER (PARTITION BY customer ORDER BY day)",
    sql_example = r#"```sql
SELECT day, engagement_state(active, day) OVER (ORDER BY day)
FROM (VALUES (DATE '2018-01-01', true), (DATE '2018-01-03', true), (DATE '2018-01-04', false),
  (DATE '2018-01-20', true), (DATE '2018-03-01', false), (DATE '2018-03-02', true)) AS t(day, active);
-- 2018-01-01 | new
-- 2018-01-03 | current
-- 2018-01-04 | at_risk_wau
-- 2018-01-20 | reactivated
-- 2018-03-01 | dormant
-- 2018-03-02 | resurrected
```"#,
    argument(name = "active", description = "whether the customer was active"),
    argument(name = "day", description = "which day: a date or timestamp"),
    argument(name = "wau", description = "days that count as a week; default: 7"),
    argument(name = "mau", description = "days that count as a month, not fewer; default: 30")
)]
#[derive(Debug, PartialEq, Eq, Hash)]
struct EngagementState {
    signature: Signature,
}

impl Default for EngagementState {
    fn default() -> Self {
        Self { signature: args::signature(PARAMS) }
    }
}

impl WindowUDFImpl for EngagementState {
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
        Some(Box::new(|call, info| args::complete_window(PARAMS, call, info)))
    }

    fn field(&self, args: WindowUDFFieldArgs) -> Result<FieldRef> {
        Ok(Arc::new(Field::new(args.name(), DataType::Utf8, true)))
    }

    fn expressions(&self, args: ExpressionArgs) -> Vec<Arc<dyn PhysicalExpr>> {
        // options are no columns
        args.input_exprs().iter().take(COLUMNS).cloned().collect()
    }

    fn partition_evaluator(
        &self,
        args: PartitionEvaluatorArgs,
    ) -> Result<Box<dyn PartitionEvaluator>> {
        let days = |name: &str| match args::constant(NAME, PARAMS, args.input_exprs(), name)? {
            ScalarValue::Int64(Some(days @ 1..)) => Ok(days.unsigned_abs()),
            other => plan_err!("{NAME}: {name} must be a number of days from 1, got {other}"),
        };
        let limits = Limits { wau: days("wau")?, mau: days("mau")? };
        if limits.mau < limits.wau {
            return plan_err!(
                "{NAME}: mau must not be less than wau, got {} and {}",
                limits.mau,
                limits.wau
            );
        }
        Ok(Box::new(States { limits }))
    }

    fn documentation(&self) -> Option<&Documentation> {
        self.doc()
    }
}

#[derive(Debug)]
struct States {
    limits: Limits,
}

impl PartitionEvaluator for States {
    fn evaluate_all(&mut self, values: &[ArrayRef], _num_rows: usize) -> Result<ArrayRef> {
        let [active, day] = values else { return internal_err!("{NAME} needs active and day") };
        let active = active.as_boolean();
        let days = day.as_primitive::<TimestampMicrosecondType>();
        let is_active = |row: usize| active.is_valid(row) && active.value(row);
        let rows: Vec<(Option<i64>, bool)> = days
            .iter()
            .enumerate()
            .map(|(row, t)| (t.map(|t| t.div_euclid(DAY)), is_active(row)))
            .collect();
        match states(&rows, self.limits) {
            Ok(states) => {
                let names = states.iter().map(|s| s.map(Engagement::name));
                Ok(Arc::new(names.collect::<StringArray>()))
            }
            Err(_) => exec_err!(
                "{NAME}: the rows are not in the order of day; write OVER (PARTITION BY … ORDER BY day)"
            ),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::testing::{batch, same_bits};
    use datafusion::arrow::array::{BooleanArray, Int64Array, TimestampMicrosecondArray};

    /// Several rows of a day, active and not, come in any order.
    #[tokio::test]
    async fn any_cut_gives_the_same_bits() -> Result<()> {
        let ts = (0..600i64).map(|i| (i % 11 != 2).then_some(i * i % 997 * DAY / 4));
        let active = (0..600i64).map(|i| (i % 7 > 0).then_some(i % 5 == 0));
        let rows = batch(vec![
            ("c", Arc::new(Int64Array::from_iter_values((0..600i64).map(|i| i * i % 31)))),
            ("ts", Arc::new(TimestampMicrosecondArray::from_iter(ts))),
            ("a", Arc::new(BooleanArray::from_iter(active))),
        ])?;
        let sql = "SELECT c, ts, a, engagement_state(a, ts) OVER (PARTITION BY c ORDER BY CAST(ts AS DATE)) AS s, engagement_state(a, ts, 2, 90) OVER (PARTITION BY c ORDER BY ts)
            FROM t ORDER BY c, ts, a";
        let got = same_bits(&rows, sql).await?;
        let states: std::collections::BTreeSet<_> =
            got.column(3).as_string::<i32>().iter().collect();
        assert_eq!(states.len(), 8, "seven and none: {states:?}");
        Ok(())
    }
}
