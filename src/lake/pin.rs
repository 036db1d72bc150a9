//! Reads that belong to one state of the lake.
//!
//! A [`PinnedFile`] is a file as it was listed: path, size, time of last change, e-tag. Every read
//! demands exactly that version: object stores get `If-Match` (or `If-Unmodified-Since` where the
//! tag is weak or missing) and their answer's tag and size are compared as well; on disk the file
//! is checked after it was opened and again after it was read, on the same handle. A file that is
//! no longer the same gives one clear error, never bytes of the new version.
//!
//! The pin travels in `PartitionedFile::object_meta`, so a plan is a snapshot by itself and the
//! runtime holds nothing per statement. Limit: on disk, a second change of the same size within
//! the clock tick of the file system (some milliseconds) of the first cannot be told from it.

use std::io::{Read, Seek, SeekFrom};
use std::ops::Range;
use std::sync::Arc;

use bytes::Bytes;
use chrono::{DateTime, Utc};
use datafusion::common::Result as DfResult;
use datafusion::datasource::listing::PartitionedFile;
use datafusion::datasource::physical_plan::{ParquetFileMetrics, ParquetFileReaderFactory};
use datafusion::object_store::path::Path;
use datafusion::object_store::{
    self, GetOptions, GetRange, GetResult, GetResultPayload, OBJECT_STORE_COALESCE_DEFAULT,
    ObjectMeta, coalesce_ranges,
};
use datafusion::parquet::arrow::arrow_reader::ArrowReaderOptions;
use datafusion::parquet::arrow::async_reader::AsyncFileReader;
use datafusion::parquet::errors::{ParquetError, Result as ParquetResult};
use datafusion::parquet::file::metadata::ParquetMetaData;
use datafusion::physical_plan::metrics::ExecutionPlanMetricsSet;
use futures::FutureExt;
use futures::future::BoxFuture;

use super::location::Kind;
use super::store::Store;
use super::{footer, redact};
use crate::error::{Error, ErrorKind, Result};

/// A file in the state in which it was listed.
#[derive(Debug, Clone)]
pub(crate) struct PinnedFile {
    pub(crate) store: Arc<Store>,
    pub(crate) meta: ObjectMeta,
    /// path relative to the lake, for messages
    pub(crate) name: String,
}

impl PinnedFile {
    /// The bytes of `ranges`, all of the pinned version.
    pub(crate) async fn read(&self, ranges: &[Range<u64>]) -> Result<Vec<Bytes>> {
        if ranges.iter().any(|r| r.start > r.end || r.end > self.meta.size) {
            return Err(Error::new(
                ErrorKind::Corrupt,
                format!("file {} points beyond its own end", self.name),
            ));
        }
        if self.store.kind == Kind::Local {
            return self.read_disk(ranges.to_vec()).await;
        }
        let fetch = |range| self.read_remote(range);
        coalesce_ranges(ranges, fetch, OBJECT_STORE_COALESCE_DEFAULT).await
    }

    async fn read_disk(&self, ranges: Vec<Range<u64>>) -> Result<Vec<Bytes>> {
        let opened = self.get(GetOptions::new().with_if_match(self.meta.e_tag.clone())).await?;
        let GetResultPayload::File(mut file, _) = opened.payload else {
            return Err(Error::new(ErrorKind::Internal, "a file on disk is not a file"));
        };
        let read = tokio::task::spawn_blocking(move || -> std::io::Result<_> {
            let mut parts = Vec::with_capacity(ranges.len());
            for range in ranges {
                let length =
                    usize::try_from(range.end - range.start).map_err(std::io::Error::other)?;
                let mut buffer = vec![0; length];
                file.seek(SeekFrom::Start(range.start))?;
                file.read_exact(&mut buffer)?;
                parts.push(Bytes::from(buffer));
            }
            Ok((parts, file.metadata()?))
        });
        let (parts, after) = match read.await {
            Ok(Ok(read)) => read,
            // shorter than it was
            Ok(Err(e)) if e.kind() == std::io::ErrorKind::UnexpectedEof => {
                return Err(self.changed());
            }
            Ok(Err(e)) => {
                let message = format!("cannot read file {}: {}", self.name, e.kind());
                return Err(Error::new(ErrorKind::Io, message));
            }
            Err(_) => return Err(Error::new(ErrorKind::Interrupted, "the read was cancelled")),
        };
        let modified = after.modified().map(DateTime::<Utc>::from).ok();
        if after.len() != self.meta.size || modified != Some(self.meta.last_modified) {
            return Err(self.changed());
        }
        Ok(parts)
    }

    async fn read_remote(&self, range: Range<u64>) -> Result<Bytes> {
        let tag = self.meta.e_tag.as_deref().filter(|tag| !tag.starts_with("W/"));
        let mut options = GetOptions::new()
            .with_range(Some(GetRange::Bounded(range.clone())))
            .with_version(self.meta.version.clone());
        match tag {
            Some(tag) if tag.starts_with('"') => options.if_match = Some(tag.to_owned()),
            Some(tag) => options.if_match = Some(format!("\"{tag}\"")),
            None => options.if_unmodified_since = Some(self.meta.last_modified),
        }
        let answer = self.get(options).await?;
        // a server that ignores conditions is caught here
        let same = match (&self.meta.e_tag, &answer.meta.e_tag) {
            (Some(pinned), Some(now)) => pinned.trim_matches('"') == now.trim_matches('"'),
            _ => answer.meta.last_modified == self.meta.last_modified,
        };
        if !same || answer.meta.size != self.meta.size {
            return Err(self.changed());
        }
        let bytes = answer.bytes().await.map_err(|e| self.store_error(&e))?;
        if bytes.len() as u64 != range.end - range.start {
            return Err(self.changed());
        }
        Ok(bytes)
    }

    async fn get(&self, options: GetOptions) -> Result<GetResult> {
        let answer = self.store.inner.get_opts(&self.meta.location, options).await;
        answer.map_err(|e| self.store_error(&e))
    }

    fn store_error(&self, error: &object_store::Error) -> Error {
        redact::store_error(error, &self.name, &self.store.shown)
    }

    fn changed(&self) -> Error {
        redact::changed(&self.name)
    }
}

/// Makes the readers of a scan: each reads the version that its `PartitionedFile` is pinned to.
#[derive(Debug)]
pub(crate) struct PinnedReaderFactory {
    pub(crate) store: Arc<Store>,
    pub(crate) base: Path,
}

impl ParquetFileReaderFactory for PinnedReaderFactory {
    fn create_reader(
        &self,
        partition: usize,
        file: PartitionedFile,
        _footer_hint: Option<usize>,
        metrics: &ExecutionPlanMetricsSet,
    ) -> DfResult<Box<dyn AsyncFileReader + Send>> {
        let meta = file.object_meta;
        let name = super::discovery::relative(&self.base, &meta.location);
        let metrics = ParquetFileMetrics::new(partition, &name, metrics);
        let store = Arc::clone(&self.store);
        Ok(Box::new(PinnedReader { file: PinnedFile { store, meta, name }, metrics }))
    }
}

struct PinnedReader {
    file: PinnedFile,
    metrics: ParquetFileMetrics,
}

fn to_parquet(error: Error) -> ParquetError {
    ParquetError::External(Box::new(error))
}

impl AsyncFileReader for PinnedReader {
    fn get_bytes(&mut self, range: Range<u64>) -> BoxFuture<'_, ParquetResult<Bytes>> {
        async move {
            let mut parts = self.get_byte_ranges(vec![range]).await?;
            parts.pop().ok_or(ParquetError::EOF("nothing was read".to_owned()))
        }
        .boxed()
    }

    fn get_byte_ranges(
        &mut self,
        ranges: Vec<Range<u64>>,
    ) -> BoxFuture<'_, ParquetResult<Vec<Bytes>>> {
        async move {
            let parts = self.file.read(&ranges).await.map_err(to_parquet)?;
            let bytes = parts.iter().map(Bytes::len).sum();
            self.metrics.bytes_scanned.add(bytes);
            Ok(parts)
        }
        .boxed()
    }

    fn get_metadata<'a>(
        &'a mut self,
        _options: Option<&'a ArrowReaderOptions>,
    ) -> BoxFuture<'a, ParquetResult<Arc<ParquetMetaData>>> {
        async move {
            let footer = footer::read(&self.file).await.map_err(to_parquet)?;
            Ok(Arc::clone(&footer.metadata))
        }
        .boxed()
    }
}

impl Drop for PinnedReader {
    fn drop(&mut self) {
        let scanned = self.metrics.bytes_scanned.value();
        let size = usize::try_from(self.file.meta.size).unwrap_or(usize::MAX);
        self.metrics.scan_efficiency_ratio.add_part(scanned);
        self.metrics.scan_efficiency_ratio.set_total(size);
    }
}
