//! Partitions one after the other, as many at a time as there are threads.
//!
//! Above what reads a [`ScatterExec`](super::scatter::ScatterExec): there are more buckets than
//! threads, and each should find the processor's caches and the session's memory to itself. A
//! partition is not even begun before its turn. Its turn lasts until its first row comes out: an
//! aggregate has read everything by then, and nothing waits for a partition whose rows nobody takes.

use std::fmt;
use std::sync::Arc;

use datafusion::common::tree_node::TreeNodeRecursion;
use datafusion::common::{DataFusionError, Result, Statistics, internal_err};
use datafusion::execution::{SendableRecordBatchStream, TaskContext};
use datafusion::physical_expr::PhysicalExpr;
use datafusion::physical_plan::statistics::{ChildStats, StatisticsArgs};
use datafusion::physical_plan::stream::RecordBatchStreamAdapter;
use datafusion::physical_plan::{DisplayAs, DisplayFormatType, ExecutionPlan, PlanProperties};
use futures::{TryStreamExt, stream};
use tokio::sync::Semaphore;

/// The operator.
#[derive(Debug)]
pub(crate) struct InTurnExec {
    input: Arc<dyn ExecutionPlan>,
    turns: Arc<Semaphore>,
    at_a_time: usize,
}

impl InTurnExec {
    /// The partitions of `input`, `at_a_time` (at least one) of them.
    pub(crate) fn new(input: Arc<dyn ExecutionPlan>, at_a_time: usize) -> Self {
        let at_a_time = at_a_time.max(1);
        Self { input, turns: Arc::new(Semaphore::new(at_a_time)), at_a_time }
    }
}

impl DisplayAs for InTurnExec {
    fn fmt_as(&self, kind: DisplayFormatType, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match kind {
            DisplayFormatType::TreeRender => write!(f, "at_a_time={}", self.at_a_time),
            _ => write!(f, "InTurnExec: at_a_time={}", self.at_a_time),
        }
    }
}

impl ExecutionPlan for InTurnExec {
    fn name(&self) -> &'static str {
        "InTurnExec"
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
            (Some(input), true) => Ok(Arc::new(Self::new(input, self.at_a_time))),
            _ => internal_err!("InTurnExec has one input"),
        }
    }

    fn execute(
        &self,
        partition: usize,
        context: Arc<TaskContext>,
    ) -> Result<SendableRecordBatchStream> {
        let input = Arc::clone(&self.input);
        let turns = Arc::clone(&self.turns);
        let rows = stream::once(async move {
            let turn =
                turns.acquire_owned().await.map_err(|e| DataFusionError::External(Box::new(e)))?;
            let rows = input.execute(partition, context)?;
            Ok::<_, DataFusionError>(stream::try_unfold(
                (rows, Some(turn)),
                |(mut rows, turn)| async {
                    let next = rows.try_next().await?;
                    drop(turn);
                    Ok(next.map(|batch| (batch, (rows, None))))
                },
            ))
        })
        .try_flatten();
        Ok(Box::pin(RecordBatchStreamAdapter::new(self.schema(), rows)))
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
