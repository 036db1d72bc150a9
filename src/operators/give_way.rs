//! Gives way after some rows.
//!
//! Below a join that compares each row with all rows of its other side and keeps few: it makes no batch
//! itself for minutes, and what is cancelled ends where an operator gives way. How many rows it gets at
//! once depends on how long it took for those before.

use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll};
use std::time::{Duration, Instant};

use datafusion::arrow::array::RecordBatch;
use datafusion::arrow::datatypes::SchemaRef;
use datafusion::common::Result;
use datafusion::execution::{RecordBatchStream, SendableRecordBatchStream, TaskContext};
use datafusion::physical_plan::ExecutionPlan;
use futures::{Stream, StreamExt};

use super::passing::{Pass, PassingExec};

/// Rows that are handed on first, of which nothing is known.
const FIRST: usize = 16;
/// So long may some rows take; if they take much less, there are more of them the next time.
const LONG: Duration = Duration::from_millis(50);
const SHORT: Duration = Duration::from_millis(10);

/// The operator.
pub(crate) type GiveWayExec = PassingExec<GiveWay>;

#[derive(Debug)]
pub(crate) struct GiveWay;

impl GiveWayExec {
    pub(crate) fn new(input: Arc<dyn ExecutionPlan>) -> Self {
        Self::over(input, GiveWay)
    }
}

impl Pass for GiveWay {
    const NAME: &'static str = "GiveWayExec";

    fn anew(&self) -> Self {
        Self
    }

    fn execute(
        &self,
        input: &Arc<dyn ExecutionPlan>,
        partition: usize,
        context: Arc<TaskContext>,
    ) -> Result<SendableRecordBatchStream> {
        let input = input.execute(partition, context)?;
        let (rest, handed) = (None, None);
        Ok(Box::pin(GivingWay { input, rest, rows: FIRST, handed, gave: true }))
    }
}

struct GivingWay {
    input: SendableRecordBatchStream,
    /// of the batch of which some rows were handed on
    rest: Option<RecordBatch>,
    /// at once
    rows: usize,
    /// when the last were handed on
    handed: Option<Instant>,
    /// since then
    gave: bool,
}

impl GivingWay {
    /// The next rows of a batch, after those of which it is known how long they took.
    fn some(&mut self, batch: RecordBatch) -> RecordBatch {
        let some = batch.slice(0, self.rows.min(batch.num_rows()));
        let left = batch.num_rows() - some.num_rows();
        self.rest = (left > 0).then(|| batch.slice(some.num_rows(), left));
        self.handed = Some(Instant::now());
        some
    }

    fn learn(&mut self, took: Duration) {
        if took > LONG {
            self.rows = (self.rows / 2).max(1);
        } else if took < SHORT {
            self.rows = self.rows.saturating_mul(2);
        }
    }
}

impl Stream for GivingWay {
    type Item = Result<RecordBatch>;

    fn poll_next(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Option<Self::Item>> {
        if !self.gave {
            self.gave = true;
            cx.waker().wake_by_ref();
            return Poll::Pending;
        }
        if let Some(handed) = self.handed.take() {
            self.learn(handed.elapsed());
        }
        let next = match self.rest.take() {
            Some(rest) => Poll::Ready(Some(Ok(rest))),
            None => self.input.poll_next_unpin(cx),
        };
        self.gave = next.is_pending();
        next.map(|batch| Some(batch?.map(|batch| self.some(batch))))
    }
}

impl RecordBatchStream for GivingWay {
    fn schema(&self) -> SchemaRef {
        self.input.schema()
    }
}
