//! Work that all partitions of an operator wait for, such as reading the whole input.

use std::fmt;
use std::sync::{Arc, Mutex, PoisonError};

use datafusion::common::{DataFusionError, Result, internal_err};
use futures::FutureExt;
use futures::future::{self, BoxFuture};

/// What the streams of one execution share.
pub(super) struct Together<T>(Mutex<Run<T>>);

struct Run<T> {
    /// held until every partition has its stream: after that the streams alone hold it, and the work
    /// stops when the last of them is dropped
    work: Option<Shared<T>>,
    streams: usize,
}

/// The work, and what comes of it.
pub(super) type Shared<T> =
    future::Shared<BoxFuture<'static, std::result::Result<Arc<T>, Arc<DataFusionError>>>>;

impl<T: Send + Sync + 'static> Together<T> {
    /// The work for one of `partitions`, each of which asks once. `start` is called by the first; what
    /// it returns begins when it is polled.
    pub(super) fn join(
        &self,
        partitions: usize,
        start: impl FnOnce() -> Result<BoxFuture<'static, Result<T>>>,
    ) -> Result<Shared<T>> {
        let mut run = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let work = match &run.work {
            Some(begun) => begun.clone(),
            None if run.streams > 0 => return internal_err!("a partition is read once"),
            None => {
                let work = start()?.map(|done| done.map(Arc::new).map_err(Arc::new));
                run.work.insert(work.boxed().shared()).clone()
            }
        };
        run.streams += 1;
        if run.streams == partitions {
            run.work = None;
        }
        Ok(work)
    }
}

impl<T> Default for Together<T> {
    fn default() -> Self {
        Self(Mutex::new(Run { work: None, streams: 0 }))
    }
}

impl<T> fmt::Debug for Together<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Together")
    }
}
