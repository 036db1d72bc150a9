//! Which operators may have another number of partitions, and how many.

use std::sync::Arc;

use datafusion::common::Result;
use datafusion::physical_plan::aggregates::{AggregateExec, AggregateMode};
use datafusion::physical_plan::coalesce_partitions::CoalescePartitionsExec;
use datafusion::physical_plan::filter::FilterExec;
use datafusion::physical_plan::projection::ProjectionExec;
use datafusion::physical_plan::repartition::RepartitionExec;
use datafusion::physical_plan::sorts::sort::SortExec;
use datafusion::physical_plan::sorts::sort_preserving_merge::SortPreservingMergeExec;
use datafusion::physical_plan::statistics::{StatisticsArgs, StatisticsContext};
use datafusion::physical_plan::unnest::UnnestExec;
use datafusion::physical_plan::windows::{BoundedWindowAggExec, WindowAggExec};
use datafusion::physical_plan::{ExecutionPlan, replace_children_if_necessary};

use crate::operators::bucket_sort::BucketSortExec;
use crate::operators::dense_aggregate::DenseAggregateExec;
use crate::operators::in_turn::InTurnExec;
use crate::operators::scatter::ScatterExec;

/// Partitions that customers are spread over where nothing counts them, at least: each is small
/// enough for the caches of the processor then. Figures are in `docs/benchmarks.md`.
const MANY: usize = 32;
/// And at most, for all that write to them: each holds a batch back until it is full, and files while
/// memory is short.
const MOST: usize = 256;
/// Rows of a partition, about: what is above holds as many partitions as there are threads.
const ROWS: usize = 1 << 20;

/// How many partitions the rows of `input` are spread over where nothing counts them, as far as it
/// is known how many they are.
pub(super) fn many(input: &dyn ExecutionPlan, threads: usize) -> Result<usize> {
    let known = StatisticsContext::new().compute(input, &StatisticsArgs::new())?;
    let rows = known.num_rows.get_value().copied().unwrap_or(0);
    let most = MOST.checked_div(threads).unwrap_or(MOST).max(MANY);
    Ok(rows.div_ceil(ROWS).clamp(MANY, most).max(threads))
}

/// Replaces operators from the top. `f` gets each of them, and whether nothing above counts its
/// partitions: the rows of all are brought together there, or dealt out anew.
pub(super) fn rewrite(
    plan: Arc<dyn ExecutionPlan>,
    free: bool,
    f: &impl Fn(&dyn ExecutionPlan, bool) -> Result<Option<Arc<dyn ExecutionPlan>>>,
) -> Result<Arc<dyn ExecutionPlan>> {
    let plan = f(plan.as_ref(), free)?.unwrap_or(plan);
    let free = brings_together(&plan) || (free && keeps_apart(&plan));
    let children = plan
        .children()
        .into_iter()
        .map(|c| rewrite(Arc::clone(c), free, f))
        .collect::<Result<_>>()?;
    replace_children_if_necessary(plan, children)
}

fn brings_together(plan: &Arc<dyn ExecutionPlan>) -> bool {
    plan.is::<CoalescePartitionsExec>()
        || plan.is::<SortPreservingMergeExec>()
        || plan.is::<RepartitionExec>()
        || plan.is::<ScatterExec>()
        || plan.is::<DenseAggregateExec>()
}

/// Whether an operator works on each partition by itself, whatever their number.
fn keeps_apart(plan: &Arc<dyn ExecutionPlan>) -> bool {
    plan.is::<ProjectionExec>()
        || plan.is::<FilterExec>()
        || plan.is::<UnnestExec>()
        || plan.is::<WindowAggExec>()
        || plan.is::<BoundedWindowAggExec>()
        || plan.is::<InTurnExec>()
        || plan.is::<BucketSortExec>()
        || plan.downcast_ref::<SortExec>().is_some_and(SortExec::preserve_partitioning)
        || plan.downcast_ref::<AggregateExec>().is_some_and(|a| *a.mode() == AggregateMode::Partial)
}
