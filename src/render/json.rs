//! json: one array, one object a line, NULLs kept as `null`.

use std::io::Write;
use std::sync::Arc;

use datafusion::arrow::array::RecordBatch;
use datafusion::arrow::datatypes::SchemaRef;

use super::cells::json_rows;
use super::{RenderResult, Sink, not_begun};

pub(super) struct JsonSink<W> {
    writer: W,
    schema: Option<SchemaRef>,
    empty: bool,
}

impl<W: Write> JsonSink<W> {
    pub(super) fn new(writer: W) -> Self {
        Self { writer, schema: None, empty: true }
    }
}

impl<W: Write> Sink for JsonSink<W> {
    fn begin(&mut self, schema: &SchemaRef) -> RenderResult {
        // a statement that fails before its first row writes nothing
        self.schema = Some(Arc::clone(schema));
        Ok(())
    }

    fn batch(&mut self, batch: &RecordBatch) -> RenderResult {
        let schema = self.schema.as_ref().ok_or_else(not_begun)?;
        let (writer, empty) = (&mut self.writer, &mut self.empty);
        json_rows(schema, batch, |row| {
            writer.write_all(if *empty { b"[\n" } else { b",\n" })?;
            *empty = false;
            Ok(writer.write_all(row)?)
        })
    }

    fn end(&mut self) -> RenderResult {
        self.writer.write_all(if self.empty { b"[]\n" } else { b"\n]\n" })?;
        Ok(self.writer.flush()?)
    }
}
