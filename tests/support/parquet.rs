//! Parquet files and queries over tables of a lake.

use std::path::Path;
use std::sync::Arc;

use bytes::Bytes;
use datafusion::arrow::array::{ArrayRef, RecordBatch};
use datafusion::arrow::util::display::array_value_to_string;
use datafusion::catalog::TableProvider;
use datafusion::parquet::arrow::ArrowWriter;
use datafusion::parquet::column::writer::ColumnCloseResult;
use datafusion::parquet::file::metadata::{ParquetMetaData, ParquetMetaDataReader};
use datafusion::parquet::file::properties::{EnabledStatistics, WriterProperties};
use datafusion::parquet::file::writer::SerializedFileWriter;
use datafusion::prelude::{SessionConfig, SessionContext};
use tenure::Error;

/// A batch of named columns.
pub(crate) fn batch(columns: Vec<(&str, ArrayRef)>) -> RecordBatch {
    RecordBatch::try_from_iter_with_nullable(columns.into_iter().map(|(n, a)| (n, a, true)))
        .unwrap()
}

/// A Parquet file in memory, with row groups of `rows` rows.
pub(crate) fn bytes(batch: &RecordBatch, rows: usize) -> Vec<u8> {
    let properties = WriterProperties::builder().set_max_row_group_row_count(Some(rows)).build();
    let mut writer = ArrowWriter::try_new(Vec::new(), batch.schema(), Some(properties)).unwrap();
    writer.write(batch).unwrap();
    writer.into_inner().unwrap()
}

/// The same without a word on what is in it.
pub(crate) fn silent(batch: &RecordBatch) -> Vec<u8> {
    let properties =
        WriterProperties::builder().set_statistics_enabled(EnabledStatistics::None).build();
    let mut writer = ArrowWriter::try_new(Vec::new(), batch.schema(), Some(properties)).unwrap();
    writer.write(batch).unwrap();
    writer.into_inner().unwrap()
}

/// The row groups of files as one file, each with what it says of itself.
pub(crate) fn stitched(files: Vec<Vec<u8>>) -> Vec<u8> {
    let files: Vec<Bytes> = files.into_iter().map(Bytes::from).collect();
    let footers = files.iter().map(|f| ParquetMetaDataReader::new().parse_and_finish(f).unwrap());
    let footers: Vec<ParquetMetaData> = footers.collect();
    let schema = footers[0].file_metadata().schema_descr().root_schema_ptr();
    let mut writer = SerializedFileWriter::new(Vec::new(), schema, Arc::default()).unwrap();
    for (file, footer) in files.iter().zip(&footers) {
        for of in footer.row_groups() {
            let mut group = writer.next_row_group().unwrap();
            for column in of.columns() {
                let close = ColumnCloseResult {
                    bytes_written: u64::try_from(column.compressed_size()).unwrap(),
                    rows_written: u64::try_from(of.num_rows()).unwrap(),
                    metadata: column.clone(),
                    bloom_filter: None,
                    column_index: None,
                    offset_index: None,
                };
                group.append_column(file, close).unwrap();
            }
            group.close().unwrap();
        }
    }
    writer.into_inner().unwrap()
}

/// Writes a file and the folders above it.
pub(crate) fn write(path: impl AsRef<Path>, batch: &RecordBatch) {
    put(path, &bytes(batch, 1 << 20));
}

/// Writes raw bytes and the folders above them.
pub(crate) fn put(path: impl AsRef<Path>, bytes: &[u8]) {
    let path = path.as_ref();
    std::fs::create_dir_all(path.parent().unwrap()).unwrap();
    std::fs::write(path, bytes).unwrap();
}

/// A session of two partitions.
pub(crate) fn session() -> SessionContext {
    SessionContext::new_with_config(SessionConfig::new().with_target_partitions(2))
}

/// Rows as text, values joined by ` | `, of a query over `table` under the name `t`.
pub(crate) async fn rows(
    ctx: &SessionContext,
    table: Arc<dyn TableProvider>,
    sql: &str,
) -> Result<Vec<String>, Error> {
    let ctx = SessionContext::new_with_state(ctx.state());
    let _ = ctx.deregister_table("t");
    ctx.register_table("t", table).map_err(Error::from)?;
    let batches = ctx.sql(sql).await?.collect().await?;
    let mut rows = Vec::new();
    for batch in &batches {
        for row in 0..batch.num_rows() {
            let value = |column: &ArrayRef| match column.is_null(row) {
                true => "NULL".to_owned(),
                false => array_value_to_string(column, row).unwrap(),
            };
            rows.push(batch.columns().iter().map(value).collect::<Vec<_>>().join(" | "));
        }
    }
    Ok(rows)
}
