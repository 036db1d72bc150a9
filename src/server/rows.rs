//! An answer under way: made on the engine's threads, taken from here in pieces.

use std::sync::Arc;

use datafusion::arrow::array::RecordBatch;
use datafusion::arrow::compute::{CastOptions, cast_with_options, concat_batches};
use datafusion::arrow::datatypes::{Field, FieldRef, Schema, SchemaRef};
use futures::StreamExt;
use tokio::runtime::Handle;
use tokio::sync::{mpsc, oneshot};
use tokio::task::JoinHandle;

use crate::error::{Error, ErrorKind, Result};
use crate::{Params, Tenure};

/// Work that ends when nobody waits for it any more.
struct Task(JoinHandle<()>);

impl Drop for Task {
    fn drop(&mut self) {
        self.0.abort();
    }
}

/// Rows that are not all there yet.
pub(super) struct Rows {
    pub(super) schema: SchemaRef,
    /// a part of a batch that was not asked for yet
    ready: Option<RecordBatch>,
    source: Option<(mpsc::Receiver<Result<RecordBatch>>, Task)>,
}

impl Rows {
    /// Rows that are there.
    pub(super) fn of(batch: RecordBatch) -> Self {
        Self { schema: batch.schema(), ready: Some(batch), source: None }
    }

    /// Runs a statement on the engine's threads up to its first rows.
    pub(super) async fn run(
        engine: &Handle,
        tenure: &Arc<Tenure>,
        sql: String,
        params: Params,
    ) -> Result<Self> {
        let tenure = Arc::clone(tenure);
        let (begun, planned) = oneshot::channel();
        let (batches, rows) = mpsc::channel(2);
        let task = Task(engine.spawn(async move {
            let mut answer = match tenure.run_with(&sql, &params).await {
                Ok(answer) => answer,
                Err(e) => {
                    let _ = begun.send(Err(e));
                    return;
                }
            };
            if begun.send(Ok(Arc::clone(&answer.schema))).is_err() {
                return;
            }
            while let Some(batch) = answer.stream.next().await {
                if batches.send(batch.map_err(Error::from)).await.is_err() {
                    return;
                }
            }
        }));
        let schema = planned.await.unwrap_or_else(|_| Err(lost()))?;
        Ok(Self { schema, ready: None, source: Some((rows, task)) })
    }

    /// The next rows, not more than `most`; none at the end.
    pub(super) async fn next(&mut self, most: usize) -> Result<Option<RecordBatch>> {
        if most == 0 {
            return Ok(None);
        }
        loop {
            if let Some(batch) = self.ready.take()
                && batch.num_rows() > 0
            {
                if batch.num_rows() <= most {
                    return Ok(Some(batch));
                }
                self.ready = Some(batch.slice(most, batch.num_rows() - most));
                return Ok(Some(batch.slice(0, most)));
            }
            let Some((rows, _)) = &mut self.source else { return Ok(None) };
            match rows.recv().await {
                Some(batch) => self.ready = Some(as_described(batch?, &self.schema)?),
                None => self.source = None,
            }
        }
    }

    /// All rows at once.
    pub(super) async fn whole(mut self) -> Result<Self> {
        let mut batches = vec![];
        while let Some(batch) = self.next(usize::MAX).await? {
            batches.push(batch);
        }
        let schema = batches.first().map_or_else(|| Arc::clone(&self.schema), RecordBatch::schema);
        self.ready = Some(concat_batches(&schema, &batches)?);
        Ok(self)
    }

    /// The same rows with the types that the client was told before.
    pub(super) fn described(mut self, schema: &SchemaRef) -> Result<Self> {
        if schema.fields().len() != self.schema.fields().len() {
            return Err(Error::new(
                ErrorKind::NotSupported,
                "the columns of the statement have changed since it was prepared",
            )
            .with_hint("prepare it again"));
        }
        self.schema = Arc::clone(schema);
        self.ready = self.ready.map(|batch| as_described(batch, schema)).transpose()?;
        Ok(self)
    }
}

/// Values of the types of `schema`: a parameter may have made others of them. To the client a number
/// of any digits is of one type.
fn as_described(batch: RecordBatch, schema: &SchemaRef) -> Result<RecordBatch> {
    let fits = |(have, told): (&FieldRef, &FieldRef)| {
        let (have, told) = (have.data_type(), told.data_type());
        have == told || have.is_decimal() && told.is_decimal()
    };
    let fields = || batch.schema_ref().fields().iter().zip(schema.fields());
    if fields().all(fits) {
        return Ok(batch);
    }
    let strict = CastOptions { safe: false, ..CastOptions::default() };
    let mut columns = vec![];
    let mut described = vec![];
    for ((have, told), column) in fields().zip(batch.columns()) {
        let column = match fits((have, told)) {
            true => Arc::clone(column),
            false => cast_with_options(column, told.data_type(), &strict)?,
        };
        described.push(Field::new(told.name(), column.data_type().clone(), true));
        columns.push(column);
    }
    Ok(RecordBatch::try_new(Arc::new(Schema::new(described)), columns)?)
}

fn lost() -> Error {
    Error::new(ErrorKind::Internal, "internal error: the statement was stopped")
        .with_hint("the session goes on; please report the statement")
}
