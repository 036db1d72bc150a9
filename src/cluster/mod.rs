//! `tenure cluster`: a lake written anew so that questions by customer stream over it.
//!
//! # What is written
//! Tables whose rows are events (the model says who and when) are sorted by customer and time, and
//! tables that describe customers by customer. All are cut into the same ranges of customers, one
//! file for a range and table, so that a customer is never in two ranges; rows without a customer
//! are in a file of their own. Every other table is copied as it is. The ranges are those in which
//! the largest table has about equally many rows: about a million, and fewer in small lakes, so that
//! there are ranges for all threads of a machine. A customer with more rows than that has a larger
//! file.
//!
//! The model goes with the lake. Where it computes the customer or the time (`household || '-1'`, a
//! time as text, a customer in another type than the views have), the value is written as a column of
//! its own, `tenure_customer` or `tenure_time`, by which the rows are sorted; every other column is
//! kept, and folders such as `month=2017-03` become columns of the files. A time with a zone is
//! sorted as the instant that it is.
//!
//! # How
//! Each table is read once and sorted, in temporary files where memory does not suffice (`sorted`),
//! and cut as it comes out of the sort (`cut`): memory is that of the sort and of one row group, the
//! disk takes what the sort spills. Files get names that nobody reads (see `lake::clustered`), and
//! `tenure.toml`, which names them, is written last and replaced as a whole: a lake is there or not,
//! and who reads the lake before keeps its files until the next run.
//!
//! # A run that was stopped
//! What is done is noted in `_cluster/pending.toml` (`journal`). The next run of the same command
//! takes files that are noted and still as they were, and sorts the rest; if anything of the source
//! changed meanwhile, it begins anew.
//!
//! # New months
//! Run again, the command reads the files of the source that the lake does not know. Their rows are
//! written as further files of the ranges and merged when they are read; a range that has
//! [`MOST_FILES`] gets one file again. Customers greater than all before open new ranges. A file of
//! events that is gone or has changed since is refused: its rows cannot be told from others. Tables
//! that describe customers, and copies, are small and are written anew where they changed.

mod copy;
mod cut;
mod file;
mod journal;
mod key;
mod plan;
mod sorted;
mod work;

use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, PoisonError};

use datafusion::physical_plan::ExecutionPlan;

use crate::engine::Tenure;
use crate::error::{Error, ErrorKind, Result};
use crate::lake::{Destination, StoreOptions};

/// A range of so many files gets one again at the next run.
pub const MOST_FILES: usize = 4;

/// How to write a clustered lake.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Settings {
    /// rows of a file, about; at least 1
    pub rows_per_file: u64,
    /// memory in bytes for sorting; default: 60 % of the machine's
    pub memory_limit: Option<usize>,
    /// threads for sorting; default: all cores
    pub threads: Option<usize>,
}

impl Default for Settings {
    fn default() -> Self {
        Self { rows_per_file: 1_000_000, memory_limit: None, threads: None }
    }
}

/// What was written.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Written {
    /// rows that were sorted and written
    pub rows: u64,
    /// files that were written
    pub files: u64,
    /// files that a run before had written, and that stayed as they are
    pub kept: u64,
    /// ranges of customers
    pub ranges: u64,
    /// whether a run that was stopped was taken up
    pub resumed: bool,
    /// whether the lake already had everything
    pub up_to_date: bool,
}

/// How far a run is; shared with who shows it.
#[derive(Debug, Default)]
pub struct Progress {
    /// rows to read and to write
    total: AtomicU64,
    written: AtomicU64,
    /// rows of sorts that have ended
    read: AtomicU64,
    /// the sort under way
    plan: Mutex<Option<Arc<dyn ExecutionPlan>>>,
}

impl Progress {
    /// Rows that were read and written so far, and how many there will have been in the end.
    pub fn state(&self) -> (u64, u64) {
        let plan = self.plan.lock().unwrap_or_else(PoisonError::into_inner);
        let now = plan.as_ref().map_or(0, sorted::rows_read);
        let done = self.read.load(Ordering::Relaxed) + now + self.written.load(Ordering::Relaxed);
        (done, self.total.load(Ordering::Relaxed))
    }

    fn expect(&self, rows: u64) {
        self.total.store(rows.saturating_mul(2), Ordering::Relaxed);
    }

    fn sorting(&self, plan: Option<Arc<dyn ExecutionPlan>>) {
        let mut under_way = self.plan.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(ended) = under_way.take() {
            self.read.fetch_add(sorted::rows_read(&ended), Ordering::Relaxed);
        }
        *under_way = plan;
    }

    fn wrote(&self, rows: u64) {
        self.written.fetch_add(rows, Ordering::Relaxed);
    }
}

/// Writes the clustered form of the lake `source` to `destination`: a folder or a place in an object
/// store that is empty, or holds what an earlier run wrote of the same lake.
///
/// # Errors
/// `Usage` for a destination that holds something else and a source without customers and times;
/// `Changed` where files of the source are not as they were; what reading and writing can give.
pub async fn cluster(
    source: (&str, &StoreOptions),
    destination: (&str, &StoreOptions),
    settings: &Settings,
    progress: &Progress,
) -> Result<Written> {
    if settings.rows_per_file == 0 {
        return Err(Error::new(ErrorKind::Usage, "0 rows a file: write a number from 1 on"));
    }
    let mut builder = Tenure::builder().lake_with(source.0, source.1.clone()).unlimited_spill();
    if let Some(bytes) = settings.memory_limit {
        builder = builder.memory_limit(bytes);
    }
    if let Some(threads) = settings.threads {
        builder = builder.threads(threads);
    }
    let tenure = builder.build().await?;
    let place = Destination::open(destination.0, destination.1).await?;
    work::run(&tenure, &place, destination, settings, progress).await
}
