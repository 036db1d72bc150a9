//! A panic anywhere under a statement becomes an error; the session lives on.

use std::any::Any;
use std::panic::AssertUnwindSafe;
use std::pin::Pin;
use std::task::{Context, Poll};

use datafusion::arrow::datatypes::SchemaRef;
use datafusion::arrow::record_batch::RecordBatch;
use datafusion::common::DataFusionError;
use datafusion::execution::{RecordBatchStream, SendableRecordBatchStream};
use futures::{FutureExt, Stream, StreamExt};

use crate::error::{Error, ErrorKind, Result};

/// Runs a part of planning.
pub(super) async fn planning<T, E>(
    work: impl Future<Output = std::result::Result<T, E>>,
) -> Result<T>
where
    Error: From<E>,
{
    match AssertUnwindSafe(work).catch_unwind().await {
        Ok(done) => Ok(done?),
        Err(panic) => Err(as_error(panic.as_ref())),
    }
}

/// A stream of batches that ends with an error where the one inside panics.
pub(super) fn stream(inner: SendableRecordBatchStream) -> SendableRecordBatchStream {
    Box::pin(Guarded { schema: inner.schema(), inner: Some(inner) })
}

struct Guarded {
    schema: SchemaRef,
    inner: Option<SendableRecordBatchStream>,
}

impl Stream for Guarded {
    type Item = std::result::Result<RecordBatch, DataFusionError>;

    fn poll_next(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Option<Self::Item>> {
        let Some(inner) = self.inner.as_mut() else { return Poll::Ready(None) };
        match std::panic::catch_unwind(AssertUnwindSafe(|| inner.poll_next_unpin(cx))) {
            Ok(Poll::Ready(Some(Err(e)))) => {
                self.inner = None;
                Poll::Ready(Some(Err(Error::from(e).into())))
            }
            Ok(ready) => ready,
            Err(panic) => {
                self.inner = None;
                Poll::Ready(Some(Err(as_error(panic.as_ref()).into())))
            }
        }
    }
}

impl RecordBatchStream for Guarded {
    fn schema(&self) -> SchemaRef {
        SchemaRef::clone(&self.schema)
    }
}

fn as_error(panic: &(dyn Any + Send)) -> Error {
    let what = panic
        .downcast_ref::<&str>()
        .map(ToString::to_string)
        .or_else(|| panic.downcast_ref::<String>().cloned())
        .unwrap_or_else(|| "a panic".to_string());
    // the text may quote data: it goes to the log, not to the user
    tracing::error!(panic = %what, "a statement panicked");
    Error::new(ErrorKind::Internal, "internal error: the statement panicked").with_hint(
        "this is a defect, not your fault; the session goes on. Please report the statement",
    )
}
