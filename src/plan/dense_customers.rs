//! Which aggregates have a place for each customer there can be, instead of bringing rows together.
//!
//! That is so where customers are numbers that lie close together, as numbers do that a shop has dealt
//! out one after the other, and where a few bits are kept of each ([`Facts`]). Figures are in
//! `docs/benchmarks.md`.

use std::sync::Arc;

use datafusion::arrow::datatypes::DataType;
use datafusion::common::ScalarValue;
use datafusion::physical_expr::PhysicalExpr;
use datafusion::physical_plan::ExecutionPlan;
use datafusion::physical_plan::aggregates::AggregateExec;

use super::bounds::Bounds;
use crate::operators::dense_aggregate::DenseAggregateExec;
use crate::operators::scatter::ScatterExec;
use crate::udfs::retention::facts::Facts;

/// Bytes of a row of the files that tables may have: rows that are brought together take as many.
const ROW: usize = 4;

/// The same as `aggregate`, which groups what a [`ScatterExec`] brings, in tables of all customers: if
/// all threads' take no more than the rows do otherwise.
pub(super) fn in_place_of(aggregate: &AggregateExec) -> Option<DenseAggregateExec> {
    let input = aggregate.input().downcast_ref::<ScatterExec>()?.input();
    let ([(group, _)], None) = (aggregate.group_expr().expr(), aggregate.limit_options()) else {
        return None;
    };
    let (least, greatest, rows) = whole(group, input)?;
    let facts = aggregate.aggr_expr().iter().map(|each| {
        let args = each.all_expressions().args;
        let bounds = || match args.as_slice() {
            [arg] => whole(arg, input).map(|(least, greatest, _)| (least, greatest)),
            _ => None,
        };
        Facts::of(each.fun().name(), args.len(), bounds).filter(|_| !each.is_distinct())
    });
    let facts = facts.collect::<Option<_>>()?;
    DenseAggregateExec::in_place_of(aggregate, least..=greatest, facts, rows.saturating_mul(ROW))
}

/// The bounds of a whole number, and the rows of its files.
fn whole(e: &Arc<dyn PhysicalExpr>, input: &Arc<dyn ExecutionPlan>) -> Option<(i64, i64, usize)> {
    let ty = e.data_type(&input.schema()).ok()?;
    if !ty.is_integer() || ty == DataType::UInt64 {
        return None;
    }
    let Bounds { least, greatest, rows } = Bounds::of(e, input)?;
    let number = |value: ScalarValue| match value.cast_to(&DataType::Int64) {
        Ok(ScalarValue::Int64(number)) => number,
        _ => None,
    };
    Some((number(least)?, number(greatest)?, rows))
}
