//! An answer as the caller reads it: a batch at a time, never collected.

use std::cell::RefCell;
use std::sync::Arc;

use adbc_core::error::{Error as AdbcError, Result};
use arrow_array::{RecordBatch, RecordBatchReader};
use arrow_schema::{ArrowError, SchemaRef};
use futures::StreamExt;
use tenure::datafusion::arrow::compute::cast;
use tenure::datafusion::execution::SendableRecordBatchStream;
use tenure::{Answer, Error, Params, Tenure};

use crate::cancel::{Watch, wait};
use crate::changes::settled;
use crate::error::adbc;
use crate::guard::guarded;
use crate::runtime::runtime;
use crate::values::Rows;

thread_local! {
    /// Why the last read on this thread failed: Arrow's stream interface has room for a text only.
    static FAILED: RefCell<Option<AdbcError>> = const { RefCell::new(None) };
}

/// Takes the error of the last read on this thread.
pub(crate) fn take_failure() -> Option<AdbcError> {
    FAILED.with_borrow_mut(Option::take)
}

/// A statement, and the rows of values it runs with.
pub(crate) struct Runs {
    pub(crate) tenure: Arc<Tenure>,
    pub(crate) sql: String,
    /// `None`: it runs once, without values
    pub(crate) rows: Option<Rows>,
    pub(crate) started: bool,
}

impl Runs {
    /// Runs the statement with the next values, and says how many rows it changed; `None` when
    /// there are no more values.
    pub(crate) fn next_answer(
        &mut self,
        watches: &mut [Watch],
    ) -> Result<Option<(Answer, Option<u64>)>> {
        let params = match &mut self.rows {
            Some(rows) => rows.next_row()?,
            None => (!self.started).then(Params::new),
        };
        self.started = true;
        let Some(params) = params else { return Ok(None) };
        let work = async { settled(self.tenure.run_with(&self.sql, &params).await?).await };
        wait(work, watches).map(Some).map_err(adbc)
    }
}

/// The answers of all runs, one after the other.
pub(crate) struct AnswerReader {
    schema: SchemaRef,
    runs: Runs,
    stream: Option<SendableRecordBatchStream>,
    watches: Vec<Watch>,
}

impl AnswerReader {
    pub(crate) fn new(
        schema: SchemaRef,
        runs: Runs,
        first: Option<Answer>,
        watches: Vec<Watch>,
    ) -> Self {
        Self { schema, runs, stream: first.map(|answer| answer.stream), watches }
    }

    fn next_batch(&mut self) -> Result<Option<RecordBatch>> {
        loop {
            if let Some(stream) = &mut self.stream {
                let next = async { stream.next().await.transpose().map_err(Error::from) };
                if let Some(batch) = wait(next, &mut self.watches).map_err(adbc)? {
                    return conform(batch, &self.schema).map(Some);
                }
            }
            self.end();
            match self.runs.next_answer(&mut self.watches)? {
                Some((answer, _)) => self.stream = Some(answer.stream),
                None => return Ok(None),
            }
        }
    }

    /// Lets go of the stream inside the runtime that it belongs to.
    fn end(&mut self) {
        if let Some(stream) = self.stream.take() {
            let _inside = runtime().map(|runtime| runtime.enter());
            drop(stream);
        }
    }
}

impl Drop for AnswerReader {
    fn drop(&mut self) {
        self.end();
    }
}

/// The batch with the columns of the first answer: NULL as a value may have another type.
fn conform(batch: RecordBatch, schema: &SchemaRef) -> Result<RecordBatch> {
    if batch.schema_ref() == schema {
        return Ok(batch);
    }
    let columns = batch.columns().iter().zip(schema.fields());
    let columns = columns.map(|(column, field)| cast(column, field.data_type()));
    let conformed = columns
        .collect::<std::result::Result<Vec<_>, _>>()
        .and_then(|columns| RecordBatch::try_new(Arc::clone(schema), columns));
    conformed.map_err(|e| adbc(Error::from(e)))
}

impl Iterator for AnswerReader {
    type Item = std::result::Result<RecordBatch, ArrowError>;

    fn next(&mut self) -> Option<Self::Item> {
        match guarded(|| self.next_batch()) {
            Ok(batch) => batch.map(Ok),
            Err(e) => {
                self.end();
                // no further run after an error
                self.runs.rows = None;
                let failed = ArrowError::ComputeError(e.message.clone());
                FAILED.set(Some(e));
                Some(Err(failed))
            }
        }
    }
}

impl RecordBatchReader for AnswerReader {
    fn schema(&self) -> SchemaRef {
        Arc::clone(&self.schema)
    }
}
