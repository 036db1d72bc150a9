//! arrow: the IPC file format, with every type as it is.

use std::io::Write;

use datafusion::arrow::array::RecordBatch;
use datafusion::arrow::datatypes::SchemaRef;
use datafusion::arrow::ipc::writer::FileWriter;

use super::{RenderResult, Sink, not_begun};

pub(super) struct ArrowSink<W: Write> {
    state: State<W>,
}

enum State<W: Write> {
    Waiting(W),
    Open(Box<FileWriter<W>>),
    Closed,
}

impl<W: Write> ArrowSink<W> {
    pub(super) fn new(writer: W) -> Self {
        Self { state: State::Waiting(writer) }
    }
}

impl<W: Write> Sink for ArrowSink<W> {
    fn begin(&mut self, schema: &SchemaRef) -> RenderResult {
        if let State::Waiting(writer) = std::mem::replace(&mut self.state, State::Closed) {
            self.state = State::Open(Box::new(FileWriter::try_new(writer, schema)?));
        }
        Ok(())
    }

    fn batch(&mut self, batch: &RecordBatch) -> RenderResult {
        match &mut self.state {
            State::Open(file) => file.write(batch),
            _ => Err(not_begun()),
        }
    }

    fn end(&mut self) -> RenderResult {
        match std::mem::replace(&mut self.state, State::Closed) {
            State::Open(file) => Ok(file.into_inner()?.flush()?),
            _ => Err(not_begun()),
        }
    }
}
