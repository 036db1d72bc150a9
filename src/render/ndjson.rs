//! ndjson: one JSON object a line, NULLs kept as `null`.

use std::io::Write;
use std::sync::Arc;

use datafusion::arrow::array::RecordBatch;
use datafusion::arrow::datatypes::SchemaRef;

use super::cells::json_rows;
use super::{RenderResult, Sink, not_begun};

pub(super) struct NdjsonSink<W> {
    writer: W,
    schema: Option<SchemaRef>,
}

impl<W: Write> NdjsonSink<W> {
    pub(super) fn new(writer: W) -> Self {
        Self { writer, schema: None }
    }
}

impl<W: Write> Sink for NdjsonSink<W> {
    fn begin(&mut self, schema: &SchemaRef) -> RenderResult {
        self.schema = Some(Arc::clone(schema));
        Ok(())
    }

    fn batch(&mut self, batch: &RecordBatch) -> RenderResult {
        let schema = self.schema.as_ref().ok_or_else(not_begun)?;
        let writer = &mut self.writer;
        json_rows(schema, batch, |row| {
            writer.write_all(row)?;
            Ok(writer.write_all(b"\n")?)
        })
    }

    fn end(&mut self) -> RenderResult {
        Ok(self.writer.flush()?)
    }
}
