//! Panics end here, as errors. One that reached the code around the driver would close it for the
//! whole process, and one that reached C would end the process.

use std::panic::{AssertUnwindSafe, catch_unwind};

use adbc_core::error::Result;
use tenure::{Error, ErrorKind};

use crate::error::adbc;

/// Runs `work`; a panic inside is an error.
pub(crate) fn guarded<T>(work: impl FnOnce() -> Result<T>) -> Result<T> {
    match catch_unwind(AssertUnwindSafe(work)) {
        Ok(done) => done,
        // what it says may quote data
        Err(_) => Err(adbc(
            Error::new(ErrorKind::Internal, "internal error: the driver panicked")
                .with_hint("this is a defect of Tenure, or the rows given to it are malformed"),
        )),
    }
}
