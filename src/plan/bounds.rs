//! Between which values a column lies, by what its files say of themselves.
//!
//! What is made of it has a place for each value, so only what holds of every row is taken: what files
//! say of a column of whole numbers or times, through operators and casts that keep their order. That
//! nothing is known is no error: a value that is filtered out may be one that cannot be cast.

use std::sync::Arc;

use datafusion::arrow::datatypes::DataType;
use datafusion::catalog::memory::DataSourceExec;
use datafusion::common::ScalarValue;
use datafusion::common::stats::Precision;
use datafusion::datasource::physical_plan::FileScanConfig;
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

use crate::udfs::time::periods_between_udf;

/// What files say of a column.
pub(super) struct Bounds {
    pub(super) least: ScalarValue,
    pub(super) greatest: ScalarValue,
    /// rows of the files, of which `plan` may have fewer
    pub(super) rows: usize,
}

impl Bounds {
    /// Those of a column, or of a function of one, over the rows of `plan`.
    pub(super) fn of(e: &Arc<dyn PhysicalExpr>, plan: &Arc<dyn ExecutionPlan>) -> Option<Self> {
        if let Some(column) = e.downcast_ref::<Column>() {
            return Self::of_column(column.index(), plan);
        }
        let schema = plan.schema();
        if let Some(cast) = e.downcast_ref::<CastExpr>() {
            let from = cast.expr().data_type(&schema).ok()?;
            if !keeps_order(&from, &cast.data_type(&schema).ok()?) {
                return None;
            }
        } else if e.downcast_ref::<ScalarFunctionExpr>()?.fun() != periods_between_udf().as_ref() {
            return None;
        }
        let mut rows = 0;
        let mut given = vec![];
        for arg in e.children() {
            let (least, greatest) = match arg.downcast_ref::<Literal>() {
                Some(literal) => (literal.value().clone(), literal.value().clone()),
                None => {
                    let bounds = Self::of(arg, plan)?;
                    rows = rows.max(bounds.rows);
                    (bounds.least, bounds.greatest)
                }
            };
            given.push(Interval::try_new(least, greatest).ok()?);
        }
        let bounds = e.evaluate_bounds(&given.iter().collect::<Vec<_>>()).ok()?;
        let (least, greatest) = bounds.into_bounds();
        (!least.is_null() && !greatest.is_null()).then_some(Self { least, greatest, rows })
    }

    fn of_column(at: usize, plan: &Arc<dyn ExecutionPlan>) -> Option<Self> {
        if let Some(projection) = plan.downcast_ref::<ProjectionExec>() {
            return Self::of(&projection.expr().get(at)?.expr, projection.input());
        }
        if let Some(filter) = plan.downcast_ref::<FilterExec>() {
            let at = match filter.projection() {
                Some(kept) => *kept.get(at)?,
                None => at,
            };
            return Self::of_column(at, filter.input());
        }
        if plan.is::<RepartitionExec>()
            || plan.is::<CoalescePartitionsExec>()
            || plan.is::<CooperativeExec>()
        {
            return Self::of_column(at, plan.children().first()?);
        }
        if !is_read_as_it_is(at, plan)? {
            return None;
        }
        let said = StatisticsContext::new().compute(plan.as_ref(), &StatisticsArgs::new()).ok()?;
        let column = said.column_statistics.get(at)?;
        let value =
            |said: &Precision<ScalarValue>| said.get_value().filter(|v| !v.is_null()).cloned();
        Some(Self {
            least: value(&column.min_value)?,
            greatest: value(&column.max_value)?,
            rows: *said.num_rows.get_value()?,
        })
    }
}

/// Whether a column of files comes as it stands there, and what they say of it are the least and the
/// greatest in the order of its values.
fn is_read_as_it_is(at: usize, plan: &Arc<dyn ExecutionPlan>) -> Option<bool> {
    let source = plan.downcast_ref::<DataSourceExec>()?.data_source();
    let files = source.downcast_ref::<FileScanConfig>()?;
    let plain = match files.file_source().projection() {
        Some(projection) => projection.as_ref().get(at)?.expr.is::<Column>(),
        None => true,
    };
    let ty = plan.schema().fields().get(at)?.data_type().clone();
    Some(plain && (ty.is_integer() || is_day_or_time(&ty)))
}

/// Whether values in order are in order after a cast.
fn keeps_order(from: &DataType, to: &DataType) -> bool {
    (from.is_integer() && to.is_integer()) || (is_day_or_time(from) && is_day_or_time(to))
}

/// A day, or a time of one clock: the same moments, whatever they are called.
fn is_day_or_time(ty: &DataType) -> bool {
    match ty {
        DataType::Date32 => true,
        DataType::Timestamp(_, zone) => zone.as_deref().is_none_or(|zone| zone == "UTC"),
        _ => false,
    }
}
