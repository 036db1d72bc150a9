//! One runtime for the process. Threads of the host call in and wait; none of them is inside it.

use std::sync::{LazyLock, PoisonError, RwLock};

use tenure::{Error, ErrorKind};
use tokio::runtime::{Builder, Handle, Runtime};

/// The process that the runtime was started in, and the runtime.
type Started = (u32, &'static Runtime);

static RUNTIME: LazyLock<RwLock<Option<Started>>> = LazyLock::new(RwLock::default);

/// The runtime that every session of the process works on. A child process made by `fork` gets one
/// of its own, since the threads of its parent's are not in it.
///
/// # Errors
/// The system gives no threads.
pub fn runtime() -> Result<&'static Handle, Error> {
    let here = std::process::id();
    let mine = |started: &Option<Started>| {
        started.filter(|(process, _)| *process == here).map(|(_, runtime)| runtime.handle())
    };
    if let Some(handle) = mine(&RUNTIME.read().unwrap_or_else(PoisonError::into_inner)) {
        return Ok(handle);
    }
    let mut started = RUNTIME.write().unwrap_or_else(PoisonError::into_inner);
    if let Some(handle) = mine(&started) {
        return Ok(handle);
    }
    let runtime = Builder::new_multi_thread()
        .thread_name("tenure")
        .enable_all()
        .build()
        .map_err(|e| Error::new(ErrorKind::Internal, format!("no threads to work on: {e}")))?;
    // for as long as the process lives: a host may end in any order
    let runtime: &'static Runtime = Box::leak(Box::new(runtime));
    *started = Some((here, runtime));
    Ok(runtime.handle())
}
