//! Parquet footers: read with care, kept for the process, one read per version of a file.
//!
//! A footer is checked before a parser sees it (its length must fit into the file) and after (no
//! column may lie outside of the file), and a panic of the parser is an error that names the file.
//!
//! Statistics of floating-point columns are dropped: writers leave NaN out of them, so what they
//! prune would depend on how rows are spread over files.
//!
//! The cache is keyed by store and path and checked against e-tag, size and time of change; it
//! holds at most [`CACHE_BYTES`].

use std::collections::{HashMap, VecDeque};
use std::ops::Range;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::{Arc, LazyLock, Mutex, PoisonError};

use bytes::Bytes;
use datafusion::arrow::datatypes::{Schema, SchemaRef, TimeUnit};
use datafusion::common::stats::Precision;
use datafusion::common::{ColumnStatistics, Statistics};
use datafusion::datasource::physical_plan::parquet::Int96Coercer;
use datafusion::datasource::physical_plan::parquet::metadata::DFParquetMetadata;
use datafusion::object_store::ObjectMeta;
use datafusion::parquet::arrow::parquet_to_arrow_schema;
use datafusion::parquet::basic::Type as Physical;
use datafusion::parquet::errors::Result as ParquetResult;
use datafusion::parquet::file::metadata::{ParquetMetaData, ParquetMetaDataReader};

use super::pin::PinnedFile;
use crate::error::{Error, ErrorKind, Result};

/// Memory for footers, over all lakes of the process.
const CACHE_BYTES: usize = 256 << 20;

/// The end of a file that is fetched before the footer's length is known.
const TAIL: u64 = 64 << 10;

/// What the end of a Parquet file says.
#[derive(Debug)]
pub(crate) struct Footer {
    pub(crate) metadata: Arc<ParquetMetaData>,
    /// the columns as written; INT96 as microseconds
    pub(crate) schema: SchemaRef,
    pub(crate) rows: usize,
    /// for the table schema that asked last
    statistics: Mutex<Option<(SchemaRef, Arc<Statistics>)>>,
}

#[derive(Default)]
struct Cache {
    footers: HashMap<String, (ObjectMeta, Arc<Footer>, usize)>,
    order: VecDeque<String>,
    bytes: usize,
}

static CACHE: LazyLock<Mutex<Cache>> = LazyLock::new(Mutex::default);

/// The footer of `file`, from the cache if this version of the file is there.
pub(crate) async fn read(file: &PinnedFile) -> Result<Arc<Footer>> {
    let key = format!("{}{}", file.store.url.as_str(), file.meta.location);
    if let Some(footer) = cached(&key, &file.meta) {
        return Ok(footer);
    }
    let buffer = fetch(file).await?;
    let parsed = catch_unwind(AssertUnwindSafe(|| parse(&buffer, file.meta.size)));
    let footer = match parsed {
        Ok(Ok(footer)) => Arc::new(footer),
        Ok(Err(e)) => return Err(corrupt(file, &e.to_string())),
        Err(_) => return Err(corrupt(file, "its footer cannot be read")),
    };
    keep(key, file.meta.clone(), &footer);
    Ok(footer)
}

fn cached(key: &str, meta: &ObjectMeta) -> Option<Arc<Footer>> {
    let cache = CACHE.lock().unwrap_or_else(PoisonError::into_inner);
    let (kept, footer, _) = cache.footers.get(key)?;
    (kept == meta).then(|| Arc::clone(footer))
}

fn keep(key: String, meta: ObjectMeta, footer: &Arc<Footer>) {
    let size = footer.metadata.memory_size() + key.len() + 512;
    let mut cache = CACHE.lock().unwrap_or_else(PoisonError::into_inner);
    cache.bytes += size;
    let old = cache.footers.insert(key.clone(), (meta, Arc::clone(footer), size));
    match old {
        Some((_, _, size)) => cache.bytes -= size,
        None => cache.order.push_back(key),
    }
    while cache.bytes > CACHE_BYTES
        && let Some(oldest) = cache.order.pop_front()
    {
        if let Some((_, _, size)) = cache.footers.remove(&oldest) {
            cache.bytes -= size;
        }
    }
}

fn corrupt(file: &PinnedFile, why: &str) -> Error {
    let message = format!("file {} is not a readable Parquet file: {why}", file.name);
    let e = Error::new(ErrorKind::Corrupt, message);
    if file.name.to_lowercase().ends_with(".parquet") {
        return e;
    }
    e.with_hint("only Parquet is read; DuckDB, Polars and others write it from CSV and JSON")
}

/// The bytes between the last column and the footer's length.
async fn fetch(file: &PinnedFile) -> Result<Bytes> {
    let size = file.meta.size;
    if size < 12 {
        return Err(corrupt(file, &format!("it has only {size} bytes")));
    }
    let start = size.saturating_sub(TAIL);
    let tail = only(file, start..size).await?;
    let Some((before, end)) = tail.len().checked_sub(8).and_then(|at| tail.split_at_checked(at))
    else {
        return Err(corrupt(file, "its end is missing"));
    };
    match end {
        [.., b'P', b'A', b'R', b'1'] => {}
        [.., b'P', b'A', b'R', b'E'] => {
            let message = format!("file {} is encrypted, which tenure cannot read", file.name);
            return Err(Error::new(ErrorKind::NotSupported, message));
        }
        _ => return Err(corrupt(file, "it does not end as Parquet files do")),
    }
    let length = match end {
        [a, b, c, d, ..] => u64::from(u32::from_le_bytes([*a, *b, *c, *d])),
        _ => 0,
    };
    let Some(from) = size.checked_sub(length + 8).filter(|from| *from >= 4) else {
        return Err(corrupt(file, "its footer is said to be longer than the file"));
    };
    match from.checked_sub(start) {
        Some(skip) => {
            let skip = usize::try_from(skip).unwrap_or(usize::MAX).min(before.len());
            Ok(tail.slice(skip..before.len()))
        }
        None => only(file, from..size - 8).await,
    }
}

async fn only(file: &PinnedFile, range: Range<u64>) -> Result<Bytes> {
    let parts = file.read(&[range]).await?;
    Ok(parts.into_iter().next().unwrap_or_default())
}

fn parse(buffer: &[u8], size: u64) -> ParquetResult<Footer> {
    let metadata = ParquetMetaDataReader::decode_metadata(buffer)?;
    for column in metadata.row_groups().iter().flat_map(|group| group.columns()) {
        let start = column.dictionary_page_offset().unwrap_or(column.data_page_offset());
        let start = start.min(column.data_page_offset());
        let end = start.checked_add(column.compressed_size());
        let fits = |end: i64| u64::try_from(end).is_ok_and(|end| end <= size);
        if start < 0 || column.compressed_size() < 0 || !end.is_some_and(fits) {
            return Err(outside());
        }
    }
    let rows = metadata.row_groups().iter().map(|group| usize::try_from(group.num_rows()));
    let rows: usize = rows.sum::<Result<_, _>>().map_err(|_| outside())?;
    let metadata = without_float_statistics(metadata)?;
    let file = metadata.file_metadata();
    let schema = parquet_to_arrow_schema(file.schema_descr(), file.key_value_metadata())?;
    let micros = Int96Coercer::new(file.schema_descr(), &schema, &TimeUnit::Microsecond).coerce();
    let fields = micros.as_ref().unwrap_or(&schema).fields().clone();
    Ok(Footer {
        metadata: Arc::new(metadata),
        schema: Arc::new(Schema::new(fields)),
        rows,
        statistics: Mutex::default(),
    })
}

fn outside() -> datafusion::parquet::errors::ParquetError {
    datafusion::parquet::errors::ParquetError::General(
        "a column lies outside of the file".to_owned(),
    )
}

fn without_float_statistics(metadata: ParquetMetaData) -> ParquetResult<ParquetMetaData> {
    let mut builder = metadata.into_builder();
    let groups = builder.take_row_groups();
    for group in groups {
        let mut columns = group.into_builder();
        for column in columns.take_columns() {
            let float = matches!(column.column_type(), Physical::FLOAT | Physical::DOUBLE);
            columns = columns.add_column_metadata(if float {
                let stripped = column.into_builder().clear_statistics();
                stripped.set_column_index_offset(None).set_column_index_length(None).build()?
            } else {
                column
            });
        }
        builder = builder.add_row_group(columns.build()?);
    }
    Ok(builder.build())
}

impl Footer {
    /// Row count and column bounds in terms of the table's columns, which may be wider than the
    /// file's or missing in it.
    pub(crate) fn statistics(&self, table: &SchemaRef) -> Arc<Statistics> {
        let mut kept = self.statistics.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some((schema, statistics)) = kept.as_ref()
            && (Arc::ptr_eq(schema, table) || schema == table)
        {
            return Arc::clone(statistics);
        }
        let statistics = Arc::new(self.compute(table));
        *kept = Some((Arc::clone(table), Arc::clone(&statistics)));
        statistics
    }

    fn compute(&self, table: &SchemaRef) -> Statistics {
        let rows = Precision::Exact(self.rows);
        let compute =
            || DFParquetMetadata::statistics_from_parquet_metadata(&self.metadata, &self.schema);
        let own = match catch_unwind(AssertUnwindSafe(compute)) {
            Ok(Ok(statistics)) => statistics,
            _ => Statistics::new_unknown(&self.schema),
        };
        let column = |field: &Arc<datafusion::arrow::datatypes::Field>| {
            let Some((index, file_field)) = self.schema.column_with_name(field.name()) else {
                return ColumnStatistics { null_count: rows, ..ColumnStatistics::new_unknown() };
            };
            let Some(found) = own.column_statistics.get(index) else {
                return ColumnStatistics::new_unknown();
            };
            let ty = field.data_type();
            // bounds of some of the rows are none
            let told = self.is_told_everywhere(index);
            let cast = |bound: &Precision<_>| match told {
                true => bound.cast_to(ty).unwrap_or(Precision::Absent),
                false => Precision::Absent,
            };
            ColumnStatistics {
                null_count: found.null_count,
                min_value: cast(&found.min_value),
                max_value: cast(&found.max_value),
                sum_value: Precision::Absent,
                distinct_count: found.distinct_count,
                byte_size: if file_field.data_type() == ty {
                    found.byte_size
                } else {
                    Precision::Absent
                },
            }
        };
        Statistics {
            num_rows: rows,
            total_byte_size: own.total_byte_size.to_inexact(),
            column_statistics: table.fields().iter().map(column).collect(),
        }
    }

    /// Whether every row group with a value of that column says between which they lie.
    fn is_told_everywhere(&self, column: usize) -> bool {
        let columns = self.metadata.file_metadata().schema_descr();
        let leaf = (0..columns.num_columns()).find(|i| columns.get_column_root_idx(*i) == column);
        let Some(leaf) = leaf else { return false };
        self.metadata.row_groups().iter().all(|group| {
            let said = group.columns().get(leaf).and_then(|column| column.statistics());
            let bounds =
                said.is_some_and(|s| s.min_bytes_opt().is_some() && s.max_bytes_opt().is_some());
            let nulls = said.and_then(|s| s.null_count_opt()).and_then(|n| i64::try_from(n).ok());
            bounds || nulls == Some(group.num_rows()) || group.num_rows() == 0
        })
    }
}
