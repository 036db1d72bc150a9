//! Operators that hand on the rows of their one input as they are, partition by partition. What they
//! change is when, and whether, those are read: that is their [`Pass`].

use std::fmt;
use std::sync::Arc;

use datafusion::common::tree_node::TreeNodeRecursion;
use datafusion::common::{Result, Statistics, internal_err};
use datafusion::execution::{SendableRecordBatchStream, TaskContext};
use datafusion::physical_expr::PhysicalExpr;
use datafusion::physical_plan::statistics::{ChildStats, StatisticsArgs};
use datafusion::physical_plan::{DisplayAs, DisplayFormatType, ExecutionPlan, PlanProperties};

/// What such an operator does.
pub(crate) trait Pass: fmt::Debug + Send + Sync + Sized + 'static {
    /// The operator's name in plans.
    const NAME: &'static str;

    /// The same over another input, of which nothing was read.
    fn anew(&self) -> Self;

    /// The rows of one partition of the input.
    fn execute(
        &self,
        input: &Arc<dyn ExecutionPlan>,
        partition: usize,
        context: Arc<TaskContext>,
    ) -> Result<SendableRecordBatchStream>;

    /// What a plan shows beside the name.
    fn shown(&self) -> String {
        String::new()
    }
}

/// The operator.
#[derive(Debug)]
pub(crate) struct PassingExec<P> {
    input: Arc<dyn ExecutionPlan>,
    pass: P,
}

impl<P: Pass> PassingExec<P> {
    pub(super) fn over(input: Arc<dyn ExecutionPlan>, pass: P) -> Self {
        Self { input, pass }
    }
}

impl<P: Pass> DisplayAs for PassingExec<P> {
    fn fmt_as(&self, kind: DisplayFormatType, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let shown = self.pass.shown();
        match kind {
            DisplayFormatType::TreeRender => f.write_str(&shown),
            _ if shown.is_empty() => f.write_str(P::NAME),
            _ => write!(f, "{}: {shown}", P::NAME),
        }
    }
}

impl<P: Pass> ExecutionPlan for PassingExec<P> {
    fn name(&self) -> &'static str {
        P::NAME
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
            (Some(input), true) => Ok(Arc::new(Self::over(input, self.pass.anew()))),
            _ => internal_err!("{} has one input", P::NAME),
        }
    }

    fn execute(
        &self,
        partition: usize,
        context: Arc<TaskContext>,
    ) -> Result<SendableRecordBatchStream> {
        self.pass.execute(&self.input, partition, context)
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
