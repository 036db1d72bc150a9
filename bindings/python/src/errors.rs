//! Errors as Python's exceptions, which `tenure._errors` defines.

use pyo3::prelude::*;
use tenure::Error;

/// The exception that says what the error says.
pub(crate) fn raised(py: Python<'_>, e: &Error) -> PyErr {
    match exception(py, e) {
        Ok(exception) => PyErr::from_value(exception),
        Err(failed) => failed,
    }
}

fn exception<'py>(py: Python<'py>, e: &Error) -> PyResult<Bound<'py, PyAny>> {
    let place = e.place().map(|place| (place.line, place.column));
    let kind = format!("{:?}", e.kind());
    let make = py.import("tenure._errors")?.getattr("make")?;
    make.call1((kind, e.kind().sqlstate(), e.to_string(), e.hint(), place))
}
