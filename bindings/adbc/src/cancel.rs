//! Cancelling from another thread: a count that grows, and work that ends when it does.

use std::future::pending;
use std::sync::Arc;

use adbc_core::CancelHandle;
use tenure::{Error, ErrorKind, Result};
use tokio::sync::watch;

use crate::runtime::runtime;

/// What a statement and its connection are cancelled by.
#[derive(Clone)]
pub(crate) struct Cancel(Arc<watch::Sender<u64>>);

impl Default for Cancel {
    fn default() -> Self {
        Self(Arc::new(watch::channel(0).0))
    }
}

impl CancelHandle for Cancel {
    fn try_cancel(&self) -> adbc_core::error::Result<()> {
        self.0.send_modify(|count| *count = count.wrapping_add(1));
        Ok(())
    }
}

impl Cancel {
    /// Sees cancels from now on: what was cancelled before is over.
    pub(crate) fn watch(&self) -> Watch {
        Watch(self.0.subscribe())
    }
}

/// One look-out for cancels.
pub(crate) struct Watch(watch::Receiver<u64>);

impl Watch {
    async fn cancelled(&mut self) {
        if self.0.changed().await.is_err() {
            pending::<()>().await;
        }
    }
}

/// Waits for `work` outside the runtime; `Interrupted` once any of `watches` sees a cancel.
pub(crate) fn wait<T>(work: impl Future<Output = Result<T>>, watches: &mut [Watch]) -> Result<T> {
    runtime()?.block_on(async {
        let cancelled = watches.iter_mut().map(|watch| Box::pin(watch.cancelled()));
        let cancelled: Vec<_> = cancelled.collect();
        if cancelled.is_empty() {
            return work.await;
        }
        tokio::select! {
            biased;
            _ = futures::future::select_all(cancelled) => Err(interrupted()),
            done = work => done,
        }
    })
}

pub(crate) fn interrupted() -> Error {
    Error::new(ErrorKind::Interrupted, "the statement was cancelled")
}
