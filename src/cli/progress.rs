//! How far a query is: bytes read of the bytes that its plan names, and a bar of that.

use std::sync::Arc;
use std::time::{Duration, Instant};

use datafusion::datasource::physical_plan::FileScanConfig;
use datafusion::datasource::source::DataSourceExec;
use datafusion::physical_plan::ExecutionPlan;
use indicatif::{DecimalBytes, HumanCount, ProgressBar, ProgressDrawTarget, ProgressStyle};

/// A bar that appears sooner than this is a flicker.
const PATIENCE: Duration = Duration::from_millis(500);

/// What the scans of a running plan have done so far.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(crate) struct Progress {
    pub(crate) total_bytes: u64,
    pub(crate) bytes: u64,
    pub(crate) rows: u64,
    pub(crate) spilled: u64,
    /// files, or parts of them, and how many of those are read to their end
    files: u64,
    files_done: u64,
}

/// Steps of the bar.
const STEPS: u64 = 1000;

impl Progress {
    /// Reads the metrics of a plan and of all below it.
    pub(crate) fn of(plan: &Arc<dyn ExecutionPlan>) -> Self {
        let mut progress = Self::default();
        progress.add(plan);
        progress
    }

    fn add(&mut self, plan: &Arc<dyn ExecutionPlan>) {
        let metrics = plan.metrics();
        let number = |n: usize| u64::try_from(n).unwrap_or(u64::MAX);
        if let Some(metrics) = &metrics {
            self.spilled += metrics.spilled_bytes().map_or(0, number);
        }
        if let Some(scan) = plan.downcast_ref::<DataSourceExec>() {
            if let Some(files) = scan.data_source().downcast_ref::<FileScanConfig>() {
                for file in files.file_groups.iter().flat_map(|group| group.iter()) {
                    self.files += 1;
                    self.total_bytes +=
                        file.range.as_ref().map_or(file.object_meta.size, |range| {
                            u64::try_from(range.end - range.start).unwrap_or(0)
                        });
                }
            }
            if let Some(metrics) = &metrics {
                self.rows += metrics.output_rows().map_or(0, number);
                self.bytes +=
                    metrics.sum_by_name("bytes_scanned").map_or(0, |v| number(v.as_usize()));
                self.files_done +=
                    metrics.sum_by_name("files_processed").map_or(0, |v| number(v.as_usize()));
            }
        }
        for child in plan.children() {
            self.add(child);
        }
    }
}

impl Progress {
    /// How far, in [`STEPS`]. A scan reads only the columns it needs, so its bytes may end far
    /// below those of the files: files that are done count as well.
    fn step(&self) -> u64 {
        let share = |part: u64, whole: u64| part * STEPS / whole.max(1);
        share(self.bytes, self.total_bytes).max(share(self.files_done, self.files)).min(STEPS)
    }
}

/// A bar on stderr, once a query has taken a while.
pub(crate) struct Bar {
    since: Instant,
    bar: Option<ProgressBar>,
    enabled: bool,
}

impl Bar {
    /// `enabled`: stderr is a terminal and a person waits.
    pub(crate) fn new(enabled: bool) -> Self {
        Self { since: Instant::now(), bar: None, enabled }
    }

    /// Draws the state of a plan.
    pub(crate) fn update(&mut self, plan: Option<&Arc<dyn ExecutionPlan>>) {
        if !self.enabled || self.since.elapsed() < PATIENCE {
            return;
        }
        let progress = plan.map(Progress::of).unwrap_or_default();
        let bar = self.bar.get_or_insert_with(|| {
            ProgressBar::with_draw_target(None, ProgressDrawTarget::stderr_with_hz(8))
        });
        let step = progress.step();
        if step > 0 && step < STEPS {
            bar.set_style(style("{bar:30.cyan/dim} {percent:>3}% {msg} · {eta} left"));
            bar.set_length(STEPS);
            bar.set_position(step);
        } else {
            bar.set_style(style("{spinner} {elapsed} {msg}"));
        }
        let mut message = match plan {
            None => "planning".to_string(),
            Some(_) if progress.total_bytes == 0 => "running".to_string(),
            Some(_) => format!(
                "{} of {} · {} rows",
                DecimalBytes(progress.bytes),
                DecimalBytes(progress.total_bytes),
                HumanCount(progress.rows)
            ),
        };
        if progress.spilled > 0 {
            message.push_str(&format!(" · {} spilled", DecimalBytes(progress.spilled)));
        }
        bar.set_message(message);
        bar.tick();
    }

    /// Takes the bar away.
    pub(crate) fn clear(&mut self) {
        if let Some(bar) = self.bar.take() {
            bar.finish_and_clear();
        }
    }
}

impl Drop for Bar {
    fn drop(&mut self) {
        self.clear();
    }
}

/// How far the rows of a lake are that is written anew.
pub(crate) struct RowsBar {
    bar: ProgressBar,
    since: Instant,
}

impl RowsBar {
    pub(crate) fn new() -> Self {
        let bar = ProgressBar::with_draw_target(None, ProgressDrawTarget::stderr_with_hz(8));
        bar.set_style(style("{spinner} {elapsed} {msg}"));
        Self { bar, since: Instant::now() }
    }

    /// Draws `done` of `total` rows read and written; nothing is known while `total` is 0.
    pub(crate) fn update(&self, done: u64, total: u64) {
        if self.since.elapsed() < PATIENCE {
            return;
        }
        if total == 0 {
            self.bar.set_message("looking at the lakes");
        } else {
            self.bar.set_style(style("{bar:30.cyan/dim} {percent:>3}% {msg} · {eta} left"));
            self.bar.set_length(total);
            self.bar.set_position(done.min(total));
            let (done, total) = (HumanCount(done.min(total)), HumanCount(total));
            self.bar.set_message(format!("{done} of {total} rows read and written"));
        }
        self.bar.tick();
    }
}

impl Drop for RowsBar {
    fn drop(&mut self) {
        self.bar.finish_and_clear();
    }
}

fn style(template: &str) -> ProgressStyle {
    ProgressStyle::with_template(template)
        .unwrap_or_else(|_| ProgressStyle::default_bar())
        .progress_chars("━━─")
}
