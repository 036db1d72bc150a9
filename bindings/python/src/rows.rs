//! An answer: batches as they are made, or all at once.

use std::sync::{Arc, Mutex, PoisonError};

use adbc_driver_tenure::runtime;
use futures::{StreamExt, TryStreamExt};
use pyo3::exceptions::PyKeyboardInterrupt;
use pyo3::prelude::*;
use pyo3_arrow::{PyRecordBatch, PyRecordBatchReader, PySchema, PyTable};
use tenure::datafusion::arrow::array::{RecordBatch, RecordBatchReader};
use tenure::datafusion::arrow::datatypes::SchemaRef;
use tenure::datafusion::arrow::error::ArrowError;
use tenure::datafusion::execution::SendableRecordBatchStream;
use tenure::{Answer, Error, ErrorKind};

use crate::errors::raised;
use crate::wait::wait;

/// The rows of an answer, which can be read once.
#[pyclass(frozen, module = "tenure._tenure")]
pub(crate) struct Rows {
    schema: SchemaRef,
    state: Mutex<State>,
    /// rows that the statement changed, if it is one that changes rows
    #[pyo3(get)]
    changed: Option<u64>,
}

enum State {
    Open(Open),
    /// another thread reads
    Busy,
    Ended,
}

/// A stream, which ends inside the runtime that it belongs to.
struct Open(Option<SendableRecordBatchStream>);

impl Drop for Open {
    fn drop(&mut self) {
        if let Some(stream) = self.0.take() {
            let _inside = runtime().map(|runtime| runtime.enter());
            drop(stream);
        }
    }
}

impl Rows {
    pub(crate) fn new(answer: Answer, changed: Option<u64>) -> Self {
        let open = State::Open(Open(Some(answer.stream)));
        Self { schema: answer.schema, state: Mutex::new(open), changed }
    }

    /// Takes the stream for one step; `None` at the end of the rows.
    fn take(&self, py: Python<'_>) -> PyResult<Option<Open>> {
        let mut state = self.state.lock().unwrap_or_else(PoisonError::into_inner);
        match std::mem::replace(&mut *state, State::Busy) {
            State::Open(open) => Ok(Some(open)),
            State::Ended => {
                *state = State::Ended;
                Ok(None)
            }
            State::Busy => Err(raised(
                py,
                &Error::new(ErrorKind::Usage, "another thread reads this answer now"),
            )),
        }
    }

    fn put(&self, state: State) {
        *self.state.lock().unwrap_or_else(PoisonError::into_inner) = state;
    }

    fn next(&self, py: Python<'_>) -> PyResult<Option<RecordBatch>> {
        let Some(mut open) = self.take(py)? else { return Ok(None) };
        let read = open.next(py);
        self.put(match &read {
            Ok(Some(_)) => State::Open(open),
            _ => State::Ended,
        });
        read
    }
}

impl Open {
    /// The stream ends with an error.
    fn next(&mut self, py: Python<'_>) -> PyResult<Option<RecordBatch>> {
        let Some(mut stream) = self.0.take() else { return Ok(None) };
        let read = wait(py, async move {
            let next = stream.next().await.transpose().map_err(Error::from)?;
            Ok(next.map(|batch| (batch, stream)))
        })?;
        Ok(read.map(|(batch, stream)| {
            self.0 = Some(stream);
            batch
        }))
    }
}

#[pymethods]
impl Rows {
    /// The columns, as a `pyarrow.Schema`.
    #[getter]
    fn schema<'py>(&self, py: Python<'py>) -> PyResult<Bound<'py, PyAny>> {
        PySchema::new(Arc::clone(&self.schema)).into_pyarrow(py)
    }

    /// The next `pyarrow.RecordBatch`, or `None` at the end.
    fn next_batch<'py>(&self, py: Python<'py>) -> PyResult<Option<Bound<'py, PyAny>>> {
        let batch = self.next(py)?;
        batch.map(|batch| PyRecordBatch::new(batch).into_pyarrow(py)).transpose()
    }

    /// The rest of the rows, as a `pyarrow.Table`.
    fn collect<'py>(&self, py: Python<'py>) -> PyResult<Bound<'py, PyAny>> {
        let mut batches = vec![];
        if let Some(mut open) = self.take(py)? {
            let collected =
                match open.0.take() {
                    Some(stream) => wait(py, async move {
                        stream.try_collect::<Vec<_>>().await.map_err(Error::from)
                    }),
                    None => Ok(vec![]),
                };
            self.put(State::Ended);
            batches = collected?;
        }
        PyTable::try_new(batches, Arc::clone(&self.schema))?.into_pyarrow(py)
    }

    /// The rest of the rows by the PyCapsule protocol, as they are made.
    #[pyo3(signature = (requested_schema=None))]
    fn __arrow_c_stream__<'py>(
        &self,
        py: Python<'py>,
        requested_schema: Option<Bound<'py, PyAny>>,
    ) -> PyResult<Bound<'py, PyAny>> {
        let open = self.take(py)?;
        self.put(State::Ended);
        let open = open.unwrap_or(Open(None));
        let reader = Capsule { schema: Arc::clone(&self.schema), open };
        let reader = PyRecordBatchReader::new(Box::new(reader)).into_pyobject(py)?;
        reader.call_method1("__arrow_c_stream__", (requested_schema,))
    }
}

/// Rows on their way to another library. It knows a text of an error only, which says what matters.
struct Capsule {
    schema: SchemaRef,
    open: Open,
}

impl Iterator for Capsule {
    type Item = Result<RecordBatch, ArrowError>;

    fn next(&mut self) -> Option<Self::Item> {
        let read = Python::try_attach(|py| {
            let next = self.open.next(py);
            if let Err(e) = &next {
                self.open.0 = None;
                if e.is_instance_of::<PyKeyboardInterrupt>(py) {
                    // it would be lost on its way through C: once more, for when C returns
                    let again = py.import("_thread").and_then(|m| m.call_method0("interrupt_main"));
                    drop(again);
                }
            }
            next.map_err(|e| ArrowError::ComputeError(e.value(py).to_string())).transpose()
        });
        let ended = || Some(Err(ArrowError::ComputeError("Python has ended".to_string())));
        read.unwrap_or_else(ended)
    }
}

impl RecordBatchReader for Capsule {
    fn schema(&self) -> SchemaRef {
        Arc::clone(&self.schema)
    }
}
