//! Rows that may be read once more.
//!
//! Below a nested loop join: where its first input does not fit into the memory, DataFusion (55.2) reads
//! it again, to write it to disk. An exchange below cannot be read twice, and the statement panicked;
//! and what an operator has told its scans to leave out by then, they would leave out again. The second
//! time the rows are those of a plan that begins anew, or, where something is left out, there is not
//! enough memory.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use datafusion::common::tree_node::TreeNode;
use datafusion::common::{Result, resources_err};
use datafusion::execution::{SendableRecordBatchStream, TaskContext};
use datafusion::physical_plan::ExecutionPlan;
use datafusion::physical_plan::aggregates::AggregateExec;
use datafusion::physical_plan::execution_plan::reset_plan_states;
use datafusion::physical_plan::joins::HashJoinExec;
use datafusion::physical_plan::sorts::sort::SortExec;

use super::passing::{Pass, PassingExec};

/// The operator; it has one partition.
pub(crate) type AgainExec = PassingExec<Again>;

/// Whether the rows were read once.
#[derive(Debug, Default)]
pub(crate) struct Again {
    was_read: AtomicBool,
}

impl AgainExec {
    pub(crate) fn new(input: Arc<dyn ExecutionPlan>) -> Self {
        Self::over(input, Again::default())
    }
}

/// Whether an operator tells its scans which rows it will not need.
fn tells_scans(plan: &Arc<dyn ExecutionPlan>) -> bool {
    let first_rows = plan.downcast_ref::<SortExec>().is_some_and(|sort| sort.fetch().is_some());
    let of_all = |a: &AggregateExec| a.group_expr().is_empty();
    first_rows
        || plan.is::<HashJoinExec>()
        || plan.downcast_ref::<AggregateExec>().is_some_and(of_all)
}

impl Pass for Again {
    const NAME: &'static str = "AgainExec";

    fn anew(&self) -> Self {
        Self::default()
    }

    fn execute(
        &self,
        input: &Arc<dyn ExecutionPlan>,
        partition: usize,
        context: Arc<TaskContext>,
    ) -> Result<SendableRecordBatchStream> {
        if !self.was_read.swap(true, Ordering::Relaxed) {
            return input.execute(partition, context);
        }
        if input.exists(|plan| Ok(tells_scans(plan)))? {
            return resources_err!(
                "the rows that each row of a join is compared with do not fit into the memory"
            );
        }
        reset_plan_states(Arc::clone(input))?.execute(partition, context)
    }
}
