//! Tables that say nothing of customers go into the clustered lake as they are, file by file.

use datafusion::object_store::buffered::BufWriter;
use datafusion::parquet::arrow::async_writer::AsyncFileWriter;

use crate::error::Result;
use crate::lake::{self, Destination, PinnedFile};

/// Bytes that are read and sent at a time.
const PART: u64 = 8 << 20;

/// Copies the bytes of `file`, all of the version that was listed.
pub(super) async fn file(file: &PinnedFile, place: &Destination, path: &str) -> Result<()> {
    let part = usize::try_from(PART).unwrap_or(usize::MAX);
    let mut target = BufWriter::with_capacity(place.store(), place.at(path)?, part);
    let mut at = 0;
    while at < file.meta.size {
        let end = file.meta.size.min(at + PART);
        for bytes in file.read(std::slice::from_ref(&(at..end))).await? {
            target.put(bytes).await.map_err(|e| lake::write_error(&e, path, &place.shown))?;
        }
        at = end;
    }
    target.complete().await.map_err(|e| lake::write_error(&e, path, &place.shown))
}
