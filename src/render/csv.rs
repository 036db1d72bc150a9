//! csv and tsv: RFC 4180 with `\n`, a header, NULL empty, the empty string `""`, nested as JSON.

use std::io::Write;
use std::sync::Arc;

use datafusion::arrow::array::RecordBatch;
use datafusion::arrow::datatypes::SchemaRef;

use super::cells::{JsonColumn, TextColumn, json_options};
use super::{RenderResult, Sink, not_begun};

pub(super) struct CsvSink<W> {
    writer: W,
    delimiter: u8,
    schema: Option<SchemaRef>,
}

enum Column<'a> {
    Text(TextColumn<'a>),
    Json(JsonColumn<'a>),
}

impl<W: Write> CsvSink<W> {
    pub(super) fn comma(writer: W) -> Self {
        Self { writer, delimiter: b',', schema: None }
    }

    pub(super) fn tab(writer: W) -> Self {
        Self { writer, delimiter: b'\t', schema: None }
    }

    /// Adds a value that is not NULL to a line.
    fn push(&self, line: &mut Vec<u8>, value: &str) {
        let special = |b: u8| b == self.delimiter || matches!(b, b'"' | b'\n' | b'\r');
        if !value.is_empty() && !value.bytes().any(special) {
            line.extend_from_slice(value.as_bytes());
            return;
        }
        line.push(b'"');
        line.extend_from_slice(value.replace('"', "\"\"").as_bytes());
        line.push(b'"');
    }
}

impl<W: Write> Sink for CsvSink<W> {
    fn begin(&mut self, schema: &SchemaRef) -> RenderResult {
        let mut line = Vec::new();
        for (index, field) in schema.fields().iter().enumerate() {
            if index > 0 {
                line.push(self.delimiter);
            }
            self.push(&mut line, field.name());
        }
        line.push(b'\n');
        self.schema = Some(Arc::clone(schema));
        Ok(self.writer.write_all(&line)?)
    }

    fn batch(&mut self, batch: &RecordBatch) -> RenderResult {
        let schema = self.schema.as_ref().ok_or_else(not_begun)?;
        let options = json_options();
        let mut columns = Vec::with_capacity(batch.num_columns());
        for (field, array) in schema.fields().iter().zip(batch.columns()) {
            columns.push(if field.data_type().is_nested() {
                Column::Json(JsonColumn::new(field, array, &options)?)
            } else {
                Column::Text(TextColumn::new(array)?)
            });
        }
        let (mut line, mut text, mut json) = (Vec::new(), String::new(), Vec::new());
        for row in 0..batch.num_rows() {
            line.clear();
            for (index, column) in columns.iter_mut().enumerate() {
                if index > 0 {
                    line.push(self.delimiter);
                }
                match column {
                    Column::Text(column) => {
                        if column.write(row, &mut text)? {
                            self.push(&mut line, &text);
                        }
                    }
                    Column::Json(column) => {
                        json.clear();
                        if column.write(row, &mut json) {
                            self.push(&mut line, &String::from_utf8_lossy(&json));
                        }
                    }
                }
            }
            line.push(b'\n');
            self.writer.write_all(&line)?;
        }
        Ok(())
    }

    fn end(&mut self) -> RenderResult {
        Ok(self.writer.flush()?)
    }
}
