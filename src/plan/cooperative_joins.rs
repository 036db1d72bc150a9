//! Joins that make many rows of few give way between their batches.
//!
//! A statement is cancelled where its operators yield. DataFusion lets scans yield, and a join that
//! makes millions of rows of one scanned batch does not come back to its scan for minutes. A
//! cooperative node above every such join ends that: each batch costs a unit of the task's budget.

use std::sync::Arc;

use datafusion::common::Result;
use datafusion::common::config::ConfigOptions;
use datafusion::common::tree_node::{Transformed, TreeNode};
use datafusion::physical_optimizer::PhysicalOptimizerRule;
use datafusion::physical_plan::ExecutionPlan;
use datafusion::physical_plan::coop::CooperativeExec;
use datafusion::physical_plan::joins::{
    CrossJoinExec, HashJoinExec, NestedLoopJoinExec, SortMergeJoinExec,
};

/// The rule; it stands behind all others.
#[derive(Debug)]
pub(crate) struct CooperativeJoins;

impl PhysicalOptimizerRule for CooperativeJoins {
    fn name(&self) -> &str {
        "cooperative_joins"
    }

    fn optimize(
        &self,
        plan: Arc<dyn ExecutionPlan>,
        _: &ConfigOptions,
    ) -> Result<Arc<dyn ExecutionPlan>> {
        let done = plan.transform_up(|plan| {
            if multiplies(&plan) {
                return Ok(Transformed::yes(Arc::new(CooperativeExec::new(plan)) as _));
            }
            Ok(Transformed::no(plan))
        })?;
        Ok(done.data)
    }

    fn schema_check(&self) -> bool {
        true
    }
}

/// Whether an operator can make more rows than it reads.
fn multiplies(plan: &Arc<dyn ExecutionPlan>) -> bool {
    plan.is::<CrossJoinExec>()
        || plan.is::<NestedLoopJoinExec>()
        || plan.is::<HashJoinExec>()
        || plan.is::<SortMergeJoinExec>()
}
