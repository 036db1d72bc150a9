//! An answer under way: made on the engine's threads, taken from here in pieces.

use std::sync::Arc;

use datafusion::arrow::array::RecordBatch;
use datafusion::arrow::compute::{cast, concat_batches};
use datafusion::arrow::datatypes::SchemaRef;
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

/// Values of the types of `schema`: a parameter may have made others of them.
fn as_described(batch: RecordBatch, schema: &SchemaRef) -> Result<RecordBatch> {
    let same = |(a, b): (&Arc<_>, &Arc<_>)| {
        let (a, b): (&datafusion::arrow::datatypes::Field, &datafusion::arrow::datatypes::Field) =
            (a, b);
        a.data_type() == b.data_type()
    };
    if batch.schema_ref().fields().iter().zip(schema.fields()).all(same) {
        return Ok(batch);
    }
    let columns = batch
        .columns()
        .iter()
        .zip(schema.fields())
        .map(|(column, field)| cast(column, field.data_type()))
        .collect::<std::result::Result<Vec<_>, _>>()?;
    let fields = schema.fields().iter().map(|f| f.as_ref().clone().with_nullable(true));
    let nullable = datafusion::arrow::datatypes::Schema::new(fields.collect::<Vec<_>>());
    Ok(RecordBatch::try_new(Arc::new(nullable), columns)?)
}

fn lost() -> Error {
    Error::new(ErrorKind::Internal, "internal error: the statement was stopped")
        .with_hint("the session goes on; please report the statement")
}
