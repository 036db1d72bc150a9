//! What one session may use: memory, and temporary files that are its own and go with it.

use std::num::NonZeroUsize;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::{SystemTime, UNIX_EPOCH};

use datafusion::execution::disk_manager::{DiskManagerBuilder, DiskManagerMode};
use datafusion::execution::memory_pool::{FairSpillPool, MemoryPool, TrackConsumersPool};
use datafusion::execution::runtime_env::{RuntimeEnv, RuntimeEnvBuilder};

use super::exchange_pool::ExchangePool;
use crate::error::{Error, ErrorKind, Result};

/// Share of the machine's memory that a session uses unless told otherwise.
const MEMORY_SHARE: f64 = 0.6;
/// Where the machine does not say how much it has.
const MEMORY_FALLBACK: usize = 4 << 30;
/// Largest sum of temporary files.
pub(super) const SPILL_BYTES: u64 = 20 << 30;
const PREFIX: &str = "tenure-";

/// The memory limit where none is given: a share of what the machine has.
pub(super) fn default_memory() -> usize {
    let text = std::fs::read_to_string("/proc/meminfo").unwrap_or_default();
    let kib = text
        .lines()
        .find_map(|l| l.strip_prefix("MemTotal:"))
        .and_then(|rest| rest.trim().trim_end_matches("kB").trim().parse::<u64>().ok());
    #[expect(
        clippy::cast_possible_truncation,
        clippy::cast_sign_loss,
        clippy::cast_precision_loss,
        reason = "a share of the machine's memory, rounded down"
    )]
    kib.map_or(MEMORY_FALLBACK, |kib| (kib as f64 * 1024.0 * MEMORY_SHARE) as usize)
}

/// Rows of a batch in a session of so much memory: as DataFusion has it from 2 GiB on, fewer below.
///
/// Groups that were spilled are read again a batch at a time, several batches in each of the
/// partitions of `plan::aggregate_once`; batches of many groups with long states would then need
/// more than there is, and a statement that spills would fail all the same.
pub(super) fn batch_size(memory: usize) -> usize {
    const USUAL: usize = 8192;
    (memory / ((2 << 30) / USUAL)).clamp(64, USUAL)
}

/// What each sort that spills keeps back to merge what it spilled: as DataFusion has it from 640 MB on,
/// less below, for there may be as many at a time as there are buckets.
pub(super) fn merge_bytes(memory: usize) -> usize {
    (memory / 64).clamp(256 << 10, 10 << 20)
}

/// The greatest consumers that an error names.
const NAMED: NonZeroUsize = NonZeroUsize::MIN.saturating_add(4);

/// Memory of so many bytes, which those that can spill share fairly.
pub(super) fn pool(bytes: usize) -> Arc<dyn MemoryPool> {
    Arc::new(ExchangePool(TrackConsumersPool::new(FairSpillPool::new(bytes), NAMED)))
}

/// The runtime of a session and its folder of temporary files, `most` bytes at a time.
pub(super) fn runtime(
    memory: usize,
    spill: Option<&Path>,
    most: u64,
) -> Result<(Arc<RuntimeEnv>, SpillFolder)> {
    let folder = SpillFolder::create(spill)?;
    let disk = DiskManagerBuilder::default()
        .with_mode(DiskManagerMode::Directories(vec![folder.path.clone()]))
        .with_max_temp_directory_size(most);
    let env = RuntimeEnvBuilder::new()
        .with_memory_pool(pool(memory))
        .with_disk_manager_builder(disk)
        // a listing is taken anew by every statement; none is kept
        .with_object_list_cache_limit(0)
        .build_arc()?;
    Ok((env, folder))
}

/// A folder for temporary files, readable by its owner only and removed on drop. Folders of
/// sessions that died are removed when the next one starts.
#[derive(Debug)]
pub(super) struct SpillFolder {
    path: PathBuf,
}

impl SpillFolder {
    fn create(parent: Option<&Path>) -> Result<Self> {
        let parent = parent.map_or_else(usual_folder, Path::to_path_buf);
        let failed = |e: std::io::Error| {
            let shown = parent.display();
            let message = format!("no folder for temporary files can be made in {shown}: {e}");
            Error::new(ErrorKind::Io, message)
                .with_hint("name another one by TMPDIR, or spill_dir in a program")
                .with_source(e)
        };
        std::fs::create_dir_all(&parent).map_err(failed)?;
        remove_orphans(&parent);
        let unique = SystemTime::now().duration_since(UNIX_EPOCH).map_or(0, |d| d.as_nanos());
        let path = parent.join(format!("{PREFIX}{}-{unique}", std::process::id()));
        private_folder(&path).map_err(failed)?;
        Ok(Self { path })
    }
}

impl Drop for SpillFolder {
    fn drop(&mut self) {
        let _ = std::fs::remove_dir_all(&self.path);
    }
}

/// Where temporary files go unless a folder is named. Users of one machine have one each: nobody can
/// write in what another has made.
fn usual_folder() -> PathBuf {
    let user = user().map_or_else(String::new, |user| format!("-{user}"));
    std::env::temp_dir().join(format!("tenure-spill{user}"))
}

/// The number of the user, where the system shows its processes.
#[cfg(unix)]
fn user() -> Option<u32> {
    use std::os::unix::fs::MetadataExt;
    Some(std::fs::metadata("/proc/self").ok()?.uid())
}

#[cfg(not(unix))]
fn user() -> Option<u32> {
    None
}

#[cfg(unix)]
fn private_folder(path: &Path) -> std::io::Result<()> {
    use std::os::unix::fs::DirBuilderExt;
    std::fs::DirBuilder::new().mode(0o700).create(path)
}

#[cfg(not(unix))]
fn private_folder(path: &Path) -> std::io::Result<()> {
    std::fs::create_dir(path)
}

/// Removes the folders of processes that are no more. Where the system does not show its
/// processes, nothing is known and nothing removed.
fn remove_orphans(parent: &Path) {
    if !Path::new("/proc/self").exists() {
        return;
    }
    let Ok(entries) = std::fs::read_dir(parent) else { return };
    for entry in entries.flatten() {
        let name = entry.file_name();
        let pid = name
            .to_str()
            .and_then(|n| n.strip_prefix(PREFIX))
            .and_then(|n| n.split('-').next())
            .and_then(|n| n.parse::<u32>().ok());
        if let Some(pid) = pid
            && !Path::new("/proc").join(pid.to_string()).exists()
        {
            let _ = std::fs::remove_dir_all(entry.path());
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_dead_sessions_files_go_and_the_own_are_private() -> Result<()> {
        let parent = tempfile::tempdir().unwrap();
        // no process has the largest number
        let orphan = parent.path().join("tenure-4194304-1");
        std::fs::create_dir(&orphan).unwrap();
        std::fs::write(orphan.join("customers"), "x").unwrap();
        let folder = SpillFolder::create(Some(parent.path()))?;
        assert!(!orphan.exists());
        #[cfg(unix)]
        {
            use std::os::unix::fs::PermissionsExt;
            let mode = std::fs::metadata(&folder.path).unwrap().permissions().mode();
            assert_eq!(mode & 0o777, 0o700);
        }
        let path = folder.path.clone();
        drop(folder);
        assert!(!path.exists());
        Ok(())
    }
}
