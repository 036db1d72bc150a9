//! Between which values a column lies, by what its files say of themselves.
//!
//! Only what files say is taken, through operators that change no value: an estimate of what a filter
//! leaves would do for a choice between plans, not for a table that has a place for each value.

use std::sync::Arc;

use datafusion::catalog::memory::DataSourceExec;
use datafusion::common::stats::Precision;
use datafusion::common::{Result, ScalarValue};
use datafusion::logical_expr::interval_arithmetic::Interval;
use datafusion::physical_expr::expressions::{CastExpr, Column, Literal};
use datafusion::physical_expr::{PhysicalExpr, ScalarFunctionExpr};
use datafusion::physical_plan::ExecutionPlan;
use datafusion::physical_plan::coalesce_partitions::CoalescePartitionsExec;
use datafusion::physical_plan::coop::CooperativeExec;
use datafusion::physical_plan::filter::FilterExec;
use datafusion::physical_plan::projection::ProjectionExec;
use datafusion::physical_plan::repartition::RepartitionExec;
use datafusion::physical_plan::statistics::{StatisticsArgs, StatisticsContext};

/// What files say of a column.
pub(super) struct Bounds {
    pub(super) least: ScalarValue,
    pub(super) greatest: ScalarValue,
    /// rows of the files, of which `plan` may have fewer
    pub(super) rows: usize,
}

impl Bounds {
    /// Those of a column, or of a function of one, over the rows of `plan`.
    pub(super) fn of(
        e: &Arc<dyn PhysicalExpr>,
        plan: &Arc<dyn ExecutionPlan>,
    ) -> Result<Option<Self>> {
        if let Some(column) = e.downcast_ref::<Column>() {
            return Self::of_column(column.index(), plan);
        }
        if !e.is::<ScalarFunctionExpr>() && !e.is::<CastExpr>() {
            return Ok(None);
        }
        let mut rows = 0;
        let mut given = vec![];
        for arg in e.children() {
            if let Some(literal) = arg.downcast_ref::<Literal>() {
                given.push(Interval::try_new(literal.value().clone(), literal.value().clone())?);
                continue;
            }
            let Some(bounds) = Self::of(arg, plan)? else { return Ok(None) };
            rows = rows.max(bounds.rows);
            given.push(Interval::try_new(bounds.least, bounds.greatest)?);
        }
        let (least, greatest) = e.evaluate_bounds(&given.iter().collect::<Vec<_>>())?.into_bounds();
        let known = !least.is_null() && !greatest.is_null();
        Ok(known.then_some(Self { least, greatest, rows }))
    }

    fn of_column(at: usize, plan: &Arc<dyn ExecutionPlan>) -> Result<Option<Self>> {
        if let Some(projection) = plan.downcast_ref::<ProjectionExec>() {
            let Some(computed) = projection.expr().get(at) else { return Ok(None) };
            return Self::of(&computed.expr, projection.input());
        }
        if let Some(filter) = plan.downcast_ref::<FilterExec>() {
            let at = match filter.projection() {
                Some(kept) => kept.get(at).copied(),
                None => Some(at),
            };
            return at.map_or(Ok(None), |at| Self::of_column(at, filter.input()));
        }
        if plan.is::<RepartitionExec>()
            || plan.is::<CoalescePartitionsExec>()
            || plan.is::<CooperativeExec>()
        {
            let children = plan.children();
            return children.first().map_or(Ok(None), |input| Self::of_column(at, input));
        }
        if !plan.is::<DataSourceExec>() {
            return Ok(None);
        }
        let said = StatisticsContext::new().compute(plan.as_ref(), &StatisticsArgs::new())?;
        let value =
            |said: &Precision<ScalarValue>| said.get_value().filter(|v| !v.is_null()).cloned();
        Ok(said.column_statistics.get(at).and_then(|column| {
            Some(Self {
                least: value(&column.min_value)?,
                greatest: value(&column.max_value)?,
                rows: *said.num_rows.get_value()?,
            })
        }))
    }
}
