//! Partitions one after the other, as many at a time as there are threads.
//!
//! Above what reads a [`ScatterExec`](super::scatter::ScatterExec): there are more buckets than
//! threads, and each should find the processor's caches and the session's memory to itself. A
//! partition is not even begun before its turn. Its turn lasts until its first row comes out: an
//! aggregate has read everything by then, and nothing waits for a partition whose rows nobody takes.

use std::sync::Arc;

use datafusion::common::{DataFusionError, Result};
use datafusion::execution::{SendableRecordBatchStream, TaskContext};
use datafusion::physical_plan::ExecutionPlan;
use datafusion::physical_plan::stream::RecordBatchStreamAdapter;
use futures::{TryStreamExt, stream};
use tokio::sync::Semaphore;

use super::passing::{Pass, PassingExec};

/// The operator.
pub(crate) type InTurnExec = PassingExec<InTurn>;

/// Whose turn it is.
#[derive(Debug)]
pub(crate) struct InTurn {
    turns: Arc<Semaphore>,
    at_a_time: usize,
}

impl InTurn {
    fn new(at_a_time: usize) -> Self {
        Self { turns: Arc::new(Semaphore::new(at_a_time)), at_a_time }
    }
}

impl InTurnExec {
    /// The partitions of `input`, `at_a_time` (at least one) of them.
    pub(crate) fn new(input: Arc<dyn ExecutionPlan>, at_a_time: usize) -> Self {
        Self::over(input, InTurn::new(at_a_time.max(1)))
    }
}

impl Pass for InTurn {
    const NAME: &'static str = "InTurnExec";

    fn anew(&self) -> Self {
        Self::new(self.at_a_time)
    }

    fn shown(&self) -> String {
        format!("at_a_time={}", self.at_a_time)
    }

    fn execute(
        &self,
        input: &Arc<dyn ExecutionPlan>,
        partition: usize,
        context: Arc<TaskContext>,
    ) -> Result<SendableRecordBatchStream> {
        let (input, schema) = (Arc::clone(input), input.schema());
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
        Ok(Box::pin(RecordBatchStreamAdapter::new(schema, rows)))
    }
}
