//! parquet: one file, Snappy, with Arrow's types recorded so that they read back the same.

use std::io::Write;
use std::sync::Arc;

use datafusion::arrow::array::{RecordBatch, new_null_array};
use datafusion::arrow::datatypes::{Schema, SchemaRef};
use datafusion::arrow::error::ArrowError;
use datafusion::parquet::arrow::ArrowWriter;
use datafusion::parquet::basic::Compression;
use datafusion::parquet::file::properties::WriterProperties;

use super::{RenderResult, Sink, not_begun};

/// Writes a row of NULLs of every type into nothing: only the writer knows what it can write.
pub(super) fn check(schema: &SchemaRef) -> RenderResult {
    for field in schema.fields() {
        let of_one = Schema::new(vec![field.as_ref().clone().with_nullable(true)]);
        let null = new_null_array(field.data_type(), 1);
        let row = RecordBatch::try_new(Arc::new(of_one), vec![null])?;
        let written = ArrowWriter::try_new(std::io::sink(), row.schema(), None)
            .and_then(|mut file| file.write(&row).and_then(|()| file.close()));
        if written.is_err() {
            return Err(ArrowError::InvalidArgumentError(format!(
                "parquet cannot hold the column {:?} of type {}; cast it to VARCHAR, or write arrow",
                field.name(),
                super::type_name(field.data_type())
            )));
        }
    }
    Ok(())
}

pub(super) struct ParquetSink<W: Write + Send> {
    state: State<W>,
}

enum State<W: Write + Send> {
    Waiting(W),
    Open(Box<ArrowWriter<W>>),
    Closed,
}

impl<W: Write + Send> ParquetSink<W> {
    pub(super) fn new(writer: W) -> Self {
        Self { state: State::Waiting(writer) }
    }
}

impl<W: Write + Send> Sink for ParquetSink<W> {
    fn begin(&mut self, schema: &SchemaRef) -> RenderResult {
        check(schema)?;
        if let State::Waiting(writer) = std::mem::replace(&mut self.state, State::Closed) {
            let properties =
                WriterProperties::builder().set_compression(Compression::SNAPPY).build();
            let file = ArrowWriter::try_new(writer, Arc::clone(schema), Some(properties))
                .map_err(ArrowError::from)?;
            self.state = State::Open(Box::new(file));
        }
        Ok(())
    }

    fn batch(&mut self, batch: &RecordBatch) -> RenderResult {
        match &mut self.state {
            State::Open(file) => file.write(batch).map_err(ArrowError::from),
            _ => Err(not_begun()),
        }
    }

    fn end(&mut self) -> RenderResult {
        match std::mem::replace(&mut self.state, State::Closed) {
            State::Open(file) => Ok(file.into_inner().map_err(ArrowError::from)?.flush()?),
            _ => Err(not_begun()),
        }
    }
}
