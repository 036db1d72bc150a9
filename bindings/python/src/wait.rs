//! Waiting for the engine: without the GIL, and with an ear for Ctrl-C.

use std::time::Duration;

use adbc_driver_tenure::runtime;
use pyo3::prelude::*;
use tenure::{Error, ErrorKind};
use tokio::task::JoinHandle;

use crate::errors::raised;

/// How long a Ctrl-C may wait.
const PATIENCE: Duration = Duration::from_millis(50);

enum Failure {
    Engine(Error),
    Python(PyErr),
}

/// A task that is cancelled when nobody waits for it any more.
struct Task<T>(JoinHandle<T>);

impl<T> Drop for Task<T> {
    fn drop(&mut self) {
        self.0.abort();
    }
}

/// Waits for `work`, which is cancelled where a signal raises an exception. It is done by other
/// threads: the one that waits hears the signal even where the work gives no way. Other threads of
/// Python run meanwhile.
pub(crate) fn wait<T: Send + 'static>(
    py: Python<'_>,
    work: impl Future<Output = Result<T, Error>> + Send + 'static,
) -> PyResult<T> {
    let done = py.detach(|| {
        let engine = runtime().map_err(Failure::Engine)?;
        engine.block_on(async {
            let mut task = Task(tokio::spawn(work));
            loop {
                if let Ok(done) = tokio::time::timeout(PATIENCE, &mut task.0).await {
                    let done = done.unwrap_or_else(|_| {
                        Err(Error::new(ErrorKind::Internal, "internal error: the work panicked"))
                    });
                    return done.map_err(Failure::Engine);
                }
                match Python::try_attach(|py| py.check_signals()) {
                    Some(signal) => signal.map_err(Failure::Python)?,
                    // Python ends, and with it this thread: there is nobody to answer
                    None => std::future::pending().await,
                }
            }
        })
    });
    done.map_err(|failure| match failure {
        Failure::Engine(e) => raised(py, &e),
        Failure::Python(e) => e,
    })
}
