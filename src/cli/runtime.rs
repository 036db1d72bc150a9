//! Two runtimes: the engine's threads do the work, the front waits for it.
//!
//! An operator that does not yield can keep every engine thread busy. Signals, timers and the
//! progress bar therefore live on a runtime of their own, driven by the program's first thread, so
//! that Ctrl-C is heard whatever the engine does.

use std::future::Future;
use std::sync::Arc;
use std::time::Duration;

use tenure::{Error, ErrorKind, Result};
use tokio::runtime::{Builder, Handle, Runtime};
use tokio::task::{JoinError, JoinHandle};

/// The runtimes of a session.
#[derive(Clone)]
pub(crate) struct Runtimes {
    front: Arc<Runtime>,
    engine: Arc<Runtime>,
}

/// A task that ends when nobody waits for it any more.
pub(crate) struct Task<T>(JoinHandle<T>);

impl<T> Drop for Task<T> {
    fn drop(&mut self) {
        self.0.abort();
    }
}

impl Runtimes {
    pub(crate) fn new(threads: Option<usize>) -> Result<Self> {
        let failed = |e: std::io::Error| {
            Error::new(ErrorKind::Io, format!("cannot start the engine's threads: {e}"))
        };
        let mut engine = Builder::new_multi_thread();
        if let Some(threads) = threads {
            engine.worker_threads(threads);
        }
        let engine = engine.thread_name("tenure").enable_all().build().map_err(failed)?;
        let front = Builder::new_current_thread().enable_all().build().map_err(failed)?;
        Ok(Self { front: Arc::new(front), engine: Arc::new(engine) })
    }

    /// Starts work on the engine's threads.
    pub(crate) fn spawn<T: Send + 'static>(
        &self,
        work: impl Future<Output = T> + Send + 'static,
    ) -> Task<T> {
        Task(self.engine.spawn(work))
    }

    /// Starts work that nobody waits for.
    pub(crate) fn detach(&self, work: impl Future<Output = ()> + Send + 'static) {
        drop(self.engine.spawn(work));
    }

    /// Drives a future on the front: signals and timers work inside.
    pub(crate) fn front<T>(&self, work: impl Future<Output = T>) -> T {
        self.front.block_on(work)
    }

    /// Does work on the engine's threads and waits for it; Ctrl-C abandons it.
    pub(crate) fn wait<T: Send + 'static>(
        &self,
        work: impl Future<Output = Result<T>> + Send + 'static,
    ) -> Result<T> {
        let mut task = self.spawn(work);
        self.front(async {
            tokio::select! {
                biased;
                () = interrupted() => Err(cancelled()),
                done = &mut task.0 => done.unwrap_or_else(|e| Err(lost(&e))),
            }
        })
    }

    /// The engine's threads, for code that needs to be inside a runtime.
    pub(crate) fn engine(&self) -> &Handle {
        self.engine.handle()
    }

    /// Lets go of everything without waiting for what does not stop.
    pub(crate) fn shut_down(self) {
        if let Ok(engine) = Arc::try_unwrap(self.engine) {
            engine.shutdown_timeout(Duration::from_millis(250));
        }
    }
}

/// Waits for Ctrl-C; for ever where signals cannot be heard.
pub(crate) async fn interrupted() {
    if tokio::signal::ctrl_c().await.is_err() {
        std::future::pending::<()>().await;
    }
}

/// What a cancelled statement answers.
pub(crate) fn cancelled() -> Error {
    Error::new(ErrorKind::Interrupted, "cancelled")
}

fn lost(error: &JoinError) -> Error {
    let what = if error.is_panic() { "panicked" } else { "was stopped" };
    Error::new(ErrorKind::Internal, format!("the statement {what}; this is a defect of Tenure"))
        .with_hint("the session goes on; please report the statement")
}
