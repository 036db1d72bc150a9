//! Joins that make many rows of few give way between their batches.
//!
//! A statement is cancelled where its operators yield. DataFusion lets scans yield, and a join that
//! makes millions of rows of one scanned batch does not come back to its scan for minutes. A
//! cooperative node above every such join ends that: each batch costs a unit of the task's budget. One
//! that keeps few of them makes no batch: it gives way after every batch that it reads. What it reads first
//! it may read twice.

use std::sync::Arc;

use datafusion::common::Result;
use datafusion::common::config::ConfigOptions;
use datafusion::common::tree_node::{Transformed, TreeNode};
use datafusion::physical_optimizer::PhysicalOptimizerRule;
use datafusion::physical_plan::ExecutionPlan;
use datafusion::physical_plan::coop::CooperativeExec;
use datafusion::physical_plan::execution_plan::{ChildrenPropertiesMode, ReplaceChildrenOptions};
use datafusion::physical_plan::joins::{
    CrossJoinExec, HashJoinExec, NestedLoopJoinExec, SortMergeJoinExec,
};

use crate::operators::again::AgainExec;
use crate::operators::give_way::GiveWayExec;

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
            if !multiplies(&plan) {
                return Ok(Transformed::no(plan));
            }
            let plan = if compares_all(&plan) { with_pauses(plan)? } else { plan };
            Ok(Transformed::yes(Arc::new(CooperativeExec::new(plan)) as _))
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

/// Whether an operator compares each batch of its last input with all rows of the first.
fn compares_all(plan: &Arc<dyn ExecutionPlan>) -> bool {
    plan.is::<CrossJoinExec>() || plan.is::<NestedLoopJoinExec>()
}

/// The same join, which gives way after every batch of its last input, and may read its first again.
fn with_pauses(join: Arc<dyn ExecutionPlan>) -> Result<Arc<dyn ExecutionPlan>> {
    let mut inputs: Vec<_> = join.children().into_iter().map(Arc::clone).collect();
    let again = join.is::<NestedLoopJoinExec>();
    if let Some(kept) = inputs.first_mut().filter(|_| again) {
        *kept = Arc::new(AgainExec::new(Arc::clone(kept)));
    }
    if let Some(probed) = inputs.last_mut() {
        *probed = Arc::new(GiveWayExec::new(Arc::clone(probed)));
    }
    let recompute = ReplaceChildrenOptions::new(ChildrenPropertiesMode::Recompute);
    join.replace_children(inputs, recompute)
}
