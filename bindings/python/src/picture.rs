//! Answers as text: a table for the prompt, a chart for whoever asked for one.

use pyo3::prelude::*;
use pyo3_arrow::PyTable;
use tenure::chart::{Columns, Kind, Options, draw};
use tenure::render::{self, Format};
use tenure::{Error, ErrorKind};

use crate::errors::raised;

/// The rows as a table with a frame.
#[pyfunction]
pub(crate) fn text(
    py: Python<'_>,
    table: PyTable,
    width: usize,
    max_rows: usize,
) -> PyResult<String> {
    let (batches, schema) = table.into_inner();
    let options = render::Options {
        unicode: true,
        width: Some(width),
        max_rows: Some(max_rows),
        ..render::Options::default()
    };
    let mut out = vec![];
    let written = (|| {
        let mut sink = render::sink(Format::Box, &mut out, &options);
        sink.begin(&schema)?;
        for batch in &batches {
            sink.batch(batch)?;
        }
        sink.end()
    })();
    written.map_err(|e| raised(py, &e.into()))?;
    Ok(String::from_utf8_lossy(&out).into_owned())
}

/// The rows as a chart drawn with characters; a kind and columns that are not given are chosen.
#[pyfunction]
#[pyo3(signature = (table, kind=None, x=None, y=None, by=None, width=80))]
pub(crate) fn chart(
    py: Python<'_>,
    table: PyTable,
    kind: Option<&str>,
    x: Option<String>,
    y: Option<String>,
    by: Option<String>,
    width: usize,
) -> PyResult<String> {
    let (batches, schema) = table.into_inner();
    let wrong = |message: String| raised(py, &Error::new(ErrorKind::Usage, message));
    let kind = match kind {
        Some(kind) => kind.parse::<Kind>().map_err(wrong)?,
        None => Kind::of(&schema)
            .ok_or_else(|| wrong("the answer has no column of numbers to draw".to_string()))?,
    };
    let options = Options { width, ..Options::default() };
    draw(kind, &Columns { x, y, by }, &schema, &batches, &options).map_err(|e| raised(py, &e))
}
