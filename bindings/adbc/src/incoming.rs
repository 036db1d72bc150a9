//! Rows of the caller as a table that can be read once.

use std::fmt;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, PoisonError};

use arrow_array::RecordBatchReader;
use arrow_schema::{ArrowError, SchemaRef};
use futures::stream;
use tenure::datafusion::execution::{SendableRecordBatchStream, TaskContext};
use tenure::datafusion::physical_plan::stream::RecordBatchStreamAdapter;
use tenure::datafusion::physical_plan::streaming::PartitionStream;
use tenure::{Error, ErrorKind};
use tokio::sync::mpsc;

/// Batches on their way between the thread that reads and the engine.
const AHEAD: usize = 2;

/// The rows of a reader, and how many were read.
pub(crate) struct Incoming {
    schema: SchemaRef,
    reader: Mutex<Option<Box<dyn RecordBatchReader + Send>>>,
    rows: Arc<AtomicU64>,
}

impl Incoming {
    pub(crate) fn new(reader: Box<dyn RecordBatchReader + Send>) -> Self {
        let schema = reader.schema();
        Self { schema, reader: Mutex::new(Some(reader)), rows: Arc::default() }
    }

    pub(crate) fn rows(&self) -> Arc<AtomicU64> {
        Arc::clone(&self.rows)
    }
}

impl fmt::Debug for Incoming {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Incoming").field("schema", &self.schema).finish_non_exhaustive()
    }
}

impl PartitionStream for Incoming {
    fn schema(&self) -> &SchemaRef {
        &self.schema
    }

    fn execute(&self, _: Arc<TaskContext>) -> SendableRecordBatchStream {
        let schema = Arc::clone(&self.schema);
        let reader = self.reader.lock().unwrap_or_else(PoisonError::into_inner).take();
        let (to, from) = mpsc::channel(AHEAD);
        let rows = Arc::clone(&self.rows);
        // a thread of its own: the reader may wait, even for an answer of this very engine
        tokio::task::spawn_blocking(move || {
            let Some(mut reader) = reader else {
                let twice = Error::new(ErrorKind::Internal, "bound rows can be read once only");
                let _ = to.blocking_send(Err(twice));
                return;
            };
            loop {
                let next = catch_unwind(AssertUnwindSafe(|| reader.next()));
                let next = next.unwrap_or_else(|_| {
                    Some(Err(ArrowError::CDataInterface("their reader panicked".to_string())))
                });
                let Some(next) = next else { return };
                if let Ok(batch) = &next {
                    let more = u64::try_from(batch.num_rows()).unwrap_or(u64::MAX);
                    rows.fetch_add(more, Ordering::Relaxed);
                }
                let failed = next.is_err();
                let next = next.map_err(|e| {
                    let message = format!("the bound rows cannot be read: {e}");
                    Error::new(ErrorKind::Invalid, message)
                });
                if to.blocking_send(next).is_err() || failed {
                    return;
                }
            }
        });
        let batches = stream::unfold(from, |mut from| async move {
            let batch = from.recv().await?;
            Some((batch.map_err(Into::into), from))
        });
        Box::pin(RecordBatchStreamAdapter::new(schema, batches))
    }
}
