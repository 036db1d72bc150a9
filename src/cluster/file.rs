//! One file of a range: a task of its own encodes and sends what it is given.
//!
//! Row groups are small, so that a reader of many files holds little; the file says which columns
//! its rows are in the order of. Times hardly repeat and are stored as differences.

use std::sync::Arc;

use datafusion::arrow::array::RecordBatch;
use datafusion::arrow::datatypes::SchemaRef;
use datafusion::common::runtime::SpawnedTask;
use datafusion::object_store::buffered::BufWriter;
use datafusion::parquet::arrow::{ArrowSchemaConverter, AsyncArrowWriter};
use datafusion::parquet::basic::{Compression, Encoding, ZstdLevel};
use datafusion::parquet::errors::ParquetError;
use datafusion::parquet::file::metadata::SortingColumn;
use datafusion::parquet::file::properties::WriterProperties;
use tokio::sync::mpsc;

use super::key::Keys;
use crate::error::{Error, ErrorKind, Result};
use crate::lake::{self, Destination};

/// Rows of a row group.
const ROW_GROUP: usize = 1 << 17;
/// Bytes that a store is sent at a time.
const PART: usize = 8 << 20;

/// A file in the making.
pub(super) struct Open {
    sender: mpsc::Sender<RecordBatch>,
    task: SpawnedTask<Result<()>>,
}

impl Open {
    /// Begins the file `path` of the place.
    pub(super) fn new(
        place: &Destination,
        path: &str,
        schema: &SchemaRef,
        keys: &Keys,
    ) -> Result<Self> {
        let target = BufWriter::with_capacity(place.store(), place.at(path)?, PART);
        let (name, shown) = (path.to_owned(), place.shown.clone());
        let properties =
            properties(schema, keys).map_err(|e| lake::write_error(&e, path, &shown))?;
        let schema = Arc::clone(schema);
        let (sender, mut batches) = mpsc::channel::<RecordBatch>(2);
        let task = SpawnedTask::spawn(async move {
            let failed = |e: ParquetError| lake::write_error(&e, &name, &shown);
            let mut file =
                AsyncArrowWriter::try_new(target, schema, Some(properties)).map_err(failed)?;
            while let Some(batch) = batches.recv().await {
                file.write(&batch).await.map_err(failed)?;
            }
            file.close().await.map(drop).map_err(failed)
        });
        Ok(Self { sender, task })
    }

    /// Adds rows.
    pub(super) async fn add(&mut self, batch: RecordBatch) -> Result<()> {
        if self.sender.send(batch).await.is_err() {
            // the task ended early, and says why
            let task = std::mem::replace(&mut self.task, SpawnedTask::spawn(async { Ok(()) }));
            return task.join().await.map_err(|e| lost(&e))?;
        }
        Ok(())
    }

    /// No more rows will come; what is left is written in the background.
    pub(super) fn end(self) -> Ending {
        Ending(self.task)
    }
}

/// A file that gets no more rows.
pub(super) struct Ending(SpawnedTask<Result<()>>);

impl Ending {
    /// Waits until the file is there.
    pub(super) async fn whole(self) -> Result<()> {
        self.0.join().await.map_err(|e| lost(&e))?
    }
}

fn properties(schema: &SchemaRef, keys: &Keys) -> Result<WriterProperties, ParquetError> {
    let columns = ArrowSchemaConverter::new().convert(schema)?;
    let leaf = |name: &str| columns.columns().iter().position(|c| c.path().string() == name);
    let mut sorting = vec![];
    for (name, descending) in keys.columns() {
        let column_idx = leaf(name).and_then(|at| i32::try_from(at).ok()).ok_or_else(|| {
            ParquetError::General(format!("there is no column {name} to sort by"))
        })?;
        sorting.push(SortingColumn { column_idx, descending, nulls_first: false });
    }
    let level = ZstdLevel::try_new(1).unwrap_or_default();
    let mut properties = WriterProperties::builder()
        .set_created_by(concat!("tenure cluster ", env!("CARGO_PKG_VERSION")).to_owned())
        .set_compression(Compression::ZSTD(level))
        .set_max_row_group_row_count(Some(ROW_GROUP))
        .set_sorting_columns(Some(sorting));
    if let Some(time) = &keys.time
        && let Some(column) = leaf(&time.column).and_then(|at| columns.columns().get(at))
    {
        let path = column.path().clone();
        properties = properties
            .set_column_dictionary_enabled(path.clone(), false)
            .set_column_encoding(path, Encoding::DELTA_BINARY_PACKED);
    }
    Ok(properties.build())
}

fn lost(error: &tokio::task::JoinError) -> Error {
    let what = if error.is_panic() { "panicked" } else { "was stopped" };
    Error::new(ErrorKind::Internal, format!("writing the lake {what}; this is a defect of Tenure"))
}
