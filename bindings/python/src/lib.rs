//! Tenure in Python: the native half of the package `tenure`.
//!
//! The Python half (`python/tenure`) is what users see; it keeps to names and conveniences. Here are
//! sessions, answers and the conversions between Python's values and the engine's. The ADBC driver
//! of `tenure-adbc` is linked in: the library's file is an ADBC driver as well.

// the driver's entry point goes into this library
use adbc_driver_tenure as _;
use pyo3::prelude::*;

mod capsules;
mod errors;
mod foreign;
mod options;
mod picture;
mod rows;
mod session;
mod value;
mod wait;

/// The native half of the package `tenure`.
#[pymodule(gil_used = false)]
#[pyo3(name = "_tenure")]
mod native {
    #[pymodule_export]
    use crate::capsules::{AggregateFunction, ScalarFunction, WindowFunction, functions};
    #[pymodule_export]
    use crate::picture::{chart, text};
    #[pymodule_export]
    use crate::rows::Rows;
    #[pymodule_export]
    use crate::session::{Session, queries};

    use pyo3::prelude::*;

    #[pymodule_init]
    fn init(module: &Bound<'_, PyModule>) -> PyResult<()> {
        module.add("__version__", env!("CARGO_PKG_VERSION"))
    }
}
