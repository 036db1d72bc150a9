//! Windows over customers sort the rows of a bucket at a time.
//!
//! DataFusion hashes rows to as many partitions as there are threads and sorts each of them. Where
//! nothing above counts the partitions there may be many more, each of which is sorted as one.

use std::sync::Arc;

use datafusion::common::Result;
use datafusion::common::config::ConfigOptions;
use datafusion::physical_optimizer::PhysicalOptimizerRule;
use datafusion::physical_plan::repartition::RepartitionExec;
use datafusion::physical_plan::sorts::sort::SortExec;
use datafusion::physical_plan::{ExecutionPlan, Partitioning};

use super::partitions::{many, rewrite};
use crate::operators::bucket_sort::BucketSortExec;
use crate::operators::scatter::ScatterExec;

/// The rule.
#[derive(Debug, Default)]
pub(crate) struct SortInBuckets;

impl PhysicalOptimizerRule for SortInBuckets {
    fn optimize(
        &self,
        plan: Arc<dyn ExecutionPlan>,
        config: &ConfigOptions,
    ) -> Result<Arc<dyn ExecutionPlan>> {
        let threads = config.execution.target_partitions;
        rewrite(plan, true, &|plan, free| in_buckets(plan, free, threads))
    }

    fn name(&self) -> &'static str {
        "sort_in_buckets"
    }

    fn schema_check(&self) -> bool {
        true
    }
}

/// `plan` in buckets, if it sorts what was just hashed.
fn in_buckets(
    plan: &dyn ExecutionPlan,
    free: bool,
    threads: usize,
) -> Result<Option<Arc<dyn ExecutionPlan>>> {
    let Some(sort) = plan.downcast_ref::<SortExec>() else { return Ok(None) };
    let Some(exchange) = sort.input().downcast_ref::<RepartitionExec>() else { return Ok(None) };
    let Partitioning::Hash(keys, partitions) = exchange.partitioning() else { return Ok(None) };
    if !sort.preserve_partitioning() || sort.fetch().is_some() {
        return Ok(None);
    }
    let input = exchange.input();
    let buckets = if free { many(input.as_ref(), *partitions)? } else { *partitions };
    let scatter = if free { ScatterExec::uncounted } else { ScatterExec::new };
    let rows = scatter(Arc::clone(input), keys.clone(), buckets);
    let sorted = BucketSortExec::new(Arc::new(rows), sort.expr().clone(), threads)?;
    Ok(Some(Arc::new(sorted)))
}
