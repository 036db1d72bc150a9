//! The tables that published figures were taken from, inside the program. `data/README.md` says where
//! they come from.

use bytes::Bytes;
use datafusion::arrow::datatypes::SchemaRef;
use datafusion::arrow::record_batch::RecordBatch;
use datafusion::common::DataFusionError;
use datafusion::parquet::arrow::arrow_reader::ParquetRecordBatchReaderBuilder;

use crate::error::Result;

/// Names and Parquet files.
pub(super) const TABLES: [(&str, &[u8]); 6] = [
    ("cdnow_orders", include_bytes!("../../data/cdnow/orders/orders.parquet")),
    ("cdnow_sample", include_bytes!("../../data/cdnow/sample/sample.parquet")),
    ("cdnow_summary", include_bytes!("../../data/published/cdnow_summary/cdnow_summary.parquet")),
    ("donations", include_bytes!("../../data/published/donations/donations.parquet")),
    ("waltons", include_bytes!("../../data/published/waltons/waltons.parquet")),
    ("rossi", include_bytes!("../../data/published/rossi/rossi.parquet")),
];

/// The rows of a Parquet file.
pub(super) fn read(bytes: &'static [u8]) -> Result<(SchemaRef, Vec<RecordBatch>)> {
    let reader = ParquetRecordBatchReaderBuilder::try_new(Bytes::from_static(bytes))
        .and_then(ParquetRecordBatchReaderBuilder::build)
        .map_err(DataFusionError::from)?;
    let schema = datafusion::arrow::record_batch::RecordBatchReader::schema(&reader);
    let batches = reader.collect::<std::result::Result<_, _>>().map_err(DataFusionError::from)?;
    Ok((schema, batches))
}
