//! Rows that may be read once more.
//!
//! Below a nested loop join: where its first input does not fit into the memory, DataFusion (55.2) reads
//! it again, to write it to disk. An exchange below cannot be read twice, and the statement panicked;
//! and what an operator has told its scans to leave out by then, they would leave out again. The second
//! time the rows are those of a plan that begins anew, or, where something is left out, there is not
//! enough memory.

use std::fmt;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use datafusion::common::tree_node::{TreeNode, TreeNodeRecursion};
use datafusion::common::{Result, Statistics, internal_err, resources_err};
use datafusion::execution::{SendableRecordBatchStream, TaskContext};
use datafusion::physical_expr::PhysicalExpr;
use datafusion::physical_plan::aggregates::AggregateExec;
use datafusion::physical_plan::execution_plan::reset_plan_states;
use datafusion::physical_plan::joins::HashJoinExec;
use datafusion::physical_plan::sorts::sort::SortExec;
use datafusion::physical_plan::statistics::{ChildStats, StatisticsArgs};
use datafusion::physical_plan::{DisplayAs, DisplayFormatType, ExecutionPlan, PlanProperties};

/// The operator; it has one partition.
#[derive(Debug)]
pub(crate) struct AgainExec {
    input: Arc<dyn ExecutionPlan>,
    was_read: AtomicBool,
}

impl AgainExec {
    pub(crate) fn new(input: Arc<dyn ExecutionPlan>) -> Self {
        Self { input, was_read: AtomicBool::new(false) }
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

impl DisplayAs for AgainExec {
    fn fmt_as(&self, kind: DisplayFormatType, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match kind {
            DisplayFormatType::TreeRender => Ok(()),
            _ => write!(f, "AgainExec"),
        }
    }
}

impl ExecutionPlan for AgainExec {
    fn name(&self) -> &'static str {
        "AgainExec"
    }

    fn properties(&self) -> &Arc<PlanProperties> {
        self.input.properties()
    }

    fn maintains_input_order(&self) -> Vec<bool> {
        vec![true]
    }

    fn benefits_from_input_partitioning(&self) -> Vec<bool> {
        vec![false]
    }

    fn children(&self) -> Vec<&Arc<dyn ExecutionPlan>> {
        vec![&self.input]
    }

    fn apply_expressions(
        &self,
        _f: &mut dyn FnMut(&Arc<dyn PhysicalExpr>) -> Result<TreeNodeRecursion>,
    ) -> Result<TreeNodeRecursion> {
        Ok(TreeNodeRecursion::Continue)
    }

    fn with_new_children(
        self: Arc<Self>,
        mut children: Vec<Arc<dyn ExecutionPlan>>,
    ) -> Result<Arc<dyn ExecutionPlan>> {
        match (children.pop(), children.is_empty()) {
            (Some(input), true) => Ok(Arc::new(Self::new(input))),
            _ => internal_err!("AgainExec has one input"),
        }
    }

    fn execute(
        &self,
        partition: usize,
        context: Arc<TaskContext>,
    ) -> Result<SendableRecordBatchStream> {
        if !self.was_read.swap(true, Ordering::Relaxed) {
            return self.input.execute(partition, context);
        }
        if self.input.exists(|plan| Ok(tells_scans(plan)))? {
            return resources_err!(
                "the rows that each row of a join is compared with do not fit into the memory"
            );
        }
        reset_plan_states(Arc::clone(&self.input))?.execute(partition, context)
    }

    fn child_stats_requests(&self, partition: Option<usize>) -> Vec<ChildStats> {
        vec![ChildStats::At(partition)]
    }

    fn statistics_from_inputs(
        &self,
        inputs: &[Arc<Statistics>],
        _args: &StatisticsArgs,
    ) -> Result<Arc<Statistics>> {
        match inputs {
            [input] => Ok(Arc::clone(input)),
            _ => Ok(Arc::new(Statistics::new_unknown(&self.schema()))),
        }
    }
}
