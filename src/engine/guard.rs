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
use crate::plan::calls;

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

/// An error with the place in its statement, as far as the text of the statement tells: that of a
/// literal that could not be read, or of a call with wrong arguments.
pub(super) fn with_place(e: Error, sql: &str) -> Error {
    if let Some(text) = e.hidden() {
        // what stands in the statement is the user's own
        let places = calls::literals(sql, text);
        return match places.as_slice() {
            [] => e,
            [place] if e.place().is_none() => e.with_place(*place).unhidden(),
            _ => e.unhidden(),
        };
    }
    let about_arguments = matches!(e.kind(), ErrorKind::Invalid | ErrorKind::UndefinedFunction);
    if e.place().is_some() || !about_arguments {
        return e;
    }
    match calls::place(sql, &e.to_string()) {
        Some(place) => e.with_place(place),
        None => e,
    }
}

/// The rows of the statement `sql`, which end with an error where the stream inside panics.
pub(super) fn stream(inner: SendableRecordBatchStream, sql: &str) -> SendableRecordBatchStream {
    Box::pin(Guarded { sql: sql.to_string(), schema: inner.schema(), inner: Some(inner) })
}

struct Guarded {
    sql: String,
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
                Poll::Ready(Some(Err(with_place(Error::from(e), &self.sql).into())))
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
