//! Two runtimes: the engine's threads do the work, the front waits for it.
//!
//! An operator that does not yield can keep every engine thread busy. Signals, timers and the
//! progress bar therefore live on a runtime of their own, driven by the program's first thread, so
//! that Ctrl-C is heard whatever the engine does.

use std::cell::RefCell;
use std::future::Future;
use std::time::{Duration, Instant};

use tenure::{Error, ErrorKind, Result};
use tokio::runtime::{Builder, Handle, Runtime};
use tokio::task::{JoinError, JoinHandle};

/// The runtimes of a session.
pub(crate) struct Runtimes {
    front: Runtime,
    engine: RefCell<Option<Runtime>>,
    threads: Option<usize>,
}

/// How long cancelled work may take to let go of the engine's threads.
const PATIENCE: Duration = Duration::from_millis(400);

/// A task that ends when nobody waits for it any more.
pub(crate) struct Task<T>(JoinHandle<T>);

impl<T> Drop for Task<T> {
    fn drop(&mut self) {
        self.0.abort();
    }
}

impl Runtimes {
    pub(crate) fn new(threads: Option<usize>) -> Result<Self> {
        let front = Builder::new_current_thread().enable_all().build().map_err(|e| failed(&e))?;
        let engine = RefCell::new(Some(engine(threads)?));
        Ok(Self { front, engine, threads })
    }

    /// Starts work on the engine's threads.
    pub(crate) fn spawn<T: Send + 'static>(
        &self,
        work: impl Future<Output = T> + Send + 'static,
    ) -> Task<T> {
        Task(self.engine().spawn(work))
    }

    /// Starts work that nobody waits for.
    pub(crate) fn detach(&self, work: impl Future<Output = ()> + Send + 'static) {
        drop(self.engine().spawn(work));
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

    /// The engine's threads.
    pub(crate) fn engine(&self) -> Handle {
        match &*self.engine.borrow() {
            Some(engine) => engine.handle().clone(),
            // never empty between two statements
            None => self.front.handle().clone(),
        }
    }

    /// Tasks that the engine works on.
    pub(crate) fn busy(&self) -> usize {
        self.engine().metrics().num_alive_tasks()
    }

    /// Waits until cancelled work is gone, that is, until no more tasks than `before` are left.
    /// Work that does not stop keeps its threads until it ends; the session gets new ones.
    ///
    /// Answers whether that was needed.
    pub(crate) fn settle(&self, before: usize) -> bool {
        let gone = self.front(async {
            let since = Instant::now();
            while since.elapsed() < PATIENCE {
                if self.busy() <= before {
                    return true;
                }
                tokio::time::sleep(Duration::from_millis(10)).await;
            }
            false
        });
        if gone {
            return false;
        }
        let Ok(fresh) = engine(self.threads) else { return false };
        if let Some(stuck) = self.engine.replace(Some(fresh)) {
            stuck.shutdown_background();
        }
        true
    }

    /// Lets go of everything without waiting for what does not stop.
    pub(crate) fn shut_down(&self) {
        if let Some(engine) = self.engine.take() {
            engine.shutdown_timeout(PATIENCE);
        }
    }
}

fn engine(threads: Option<usize>) -> Result<Runtime> {
    let mut builder = Builder::new_multi_thread();
    if let Some(threads) = threads {
        builder.worker_threads(threads);
    }
    builder.thread_name("tenure").enable_all().build().map_err(|e| failed(&e))
}

fn failed(error: &std::io::Error) -> Error {
    Error::new(ErrorKind::Io, format!("cannot start the engine's threads: {error}"))
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
