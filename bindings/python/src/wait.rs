//! Waiting for the engine: without the GIL, and with an ear for Ctrl-C.

use std::time::Duration;

use adbc_driver_tenure::runtime;
use pyo3::prelude::*;
use tenure::Error;

use crate::errors::raised;

/// How long a Ctrl-C may wait.
const PATIENCE: Duration = Duration::from_millis(50);

enum Failure {
    Engine(Error),
    Python(PyErr),
}

/// Waits for `work`, which is dropped, and with it cancelled, where a signal raises an exception.
/// Other threads of Python run meanwhile.
pub(crate) fn wait<T: Send>(
    py: Python<'_>,
    work: impl Future<Output = Result<T, Error>> + Send,
) -> PyResult<T> {
    let done = py.detach(|| {
        let engine = runtime().map_err(Failure::Engine)?;
        engine.block_on(async {
            let mut work = Box::pin(work);
            loop {
                tokio::select! {
                    biased;
                    done = &mut work => return done.map_err(Failure::Engine),
                    () = tokio::time::sleep(PATIENCE) => {}
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
