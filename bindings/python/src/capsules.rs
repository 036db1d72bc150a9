//! Tenure's functions for the stock `datafusion` package, by the capsules of DataFusion's FFI.

use std::ffi::CStr;
use std::sync::Arc;

use datafusion_ffi::udaf::FFI_AggregateUDF;
use datafusion_ffi::udf::FFI_ScalarUDF;
use datafusion_ffi::udwf::FFI_WindowUDF;
use pyo3::prelude::*;
use pyo3::types::PyCapsule;
use tenure::datafusion::logical_expr::{AggregateUDF, ScalarUDF, WindowUDF};
use tenure::udfs;

use crate::foreign::{Aggregate, Window};

fn capsule<'py, T: Send + 'static>(
    py: Python<'py>,
    value: T,
    name: &'static CStr,
) -> PyResult<Bound<'py, PyCapsule>> {
    PyCapsule::new_with_value(py, value, name)
}

/// A scalar function.
#[pyclass(frozen, module = "tenure._tenure")]
pub(crate) struct ScalarFunction(Arc<ScalarUDF>);

#[pymethods]
impl ScalarFunction {
    fn __datafusion_scalar_udf__<'py>(&self, py: Python<'py>) -> PyResult<Bound<'py, PyCapsule>> {
        capsule(py, FFI_ScalarUDF::from(Arc::clone(&self.0)), c"datafusion_scalar_udf")
    }

    #[getter]
    fn name(&self) -> &str {
        self.0.name()
    }
}

/// An aggregate function.
#[pyclass(frozen, module = "tenure._tenure")]
pub(crate) struct AggregateFunction(Arc<AggregateUDF>);

#[pymethods]
impl AggregateFunction {
    fn __datafusion_aggregate_udf__<'py>(
        &self,
        py: Python<'py>,
    ) -> PyResult<Bound<'py, PyCapsule>> {
        let function = Arc::new(AggregateUDF::from(Aggregate(Arc::clone(&self.0))));
        capsule(py, FFI_AggregateUDF::from(function), c"datafusion_aggregate_udf")
    }

    #[getter]
    fn name(&self) -> &str {
        self.0.name()
    }
}

/// A window function.
#[pyclass(frozen, module = "tenure._tenure")]
pub(crate) struct WindowFunction(Arc<WindowUDF>);

#[pymethods]
impl WindowFunction {
    fn __datafusion_window_udf__<'py>(&self, py: Python<'py>) -> PyResult<Bound<'py, PyCapsule>> {
        let function = Arc::new(WindowUDF::from(Window(Arc::clone(&self.0))));
        capsule(py, FFI_WindowUDF::from(function), c"datafusion_window_udf")
    }

    #[getter]
    fn name(&self) -> &str {
        self.0.name()
    }
}

/// Every function of Tenure's: scalar, aggregate and window.
#[pyfunction]
pub(crate) fn functions() -> (Vec<ScalarFunction>, Vec<AggregateFunction>, Vec<WindowFunction>) {
    (
        udfs::all_scalar_functions().into_iter().map(ScalarFunction).collect(),
        udfs::all_aggregate_functions().into_iter().map(AggregateFunction).collect(),
        udfs::all_window_functions().into_iter().map(WindowFunction).collect(),
    )
}
