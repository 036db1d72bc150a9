//! `tenure cluster SRC DEST`: a lake written anew so that questions by customer stream over it.

use std::sync::Arc;
use std::time::Duration;

use tenure::cluster::{Progress, Settings, Written, cluster};
use tenure::lake::StoreOptions;

use crate::cli::Outcome;
use crate::cli::args::{Cluster, Shared};
use crate::cli::output::Output;
use crate::cli::progress::RowsBar;
use crate::cli::runtime::Runtimes;

/// How often the progress bar looks.
const TICK: Duration = Duration::from_millis(120);

/// Writes the lake.
pub(crate) fn run(wanted: &Cluster, shared: &Shared, output: &Output) -> Outcome {
    let settings = Settings {
        rows_per_file: wanted.rows_per_file,
        memory_limit: shared.memory_limit,
        threads: shared.threads,
    };
    let (source, dest) = (wanted.source.clone(), wanted.dest.clone());
    let runtimes = Runtimes::new(shared.threads)?;
    let progress = Arc::new(Progress::default());
    let shown = console::user_attended_stderr().then(|| show(&runtimes, &progress));
    let of = Arc::clone(&progress);
    let written = runtimes.wait(async move {
        let none = StoreOptions::default();
        cluster((&source, &none), (&dest, &none), &settings, &of).await
    });
    drop(shown);
    output.note(&said(&written?, &wanted.dest));
    Ok(())
}

/// Draws the bar until it is dropped.
fn show(runtimes: &Runtimes, progress: &Arc<Progress>) -> impl Sized + use<> {
    let progress = Arc::clone(progress);
    runtimes.spawn(async move {
        let bar = RowsBar::new();
        let mut ticks = tokio::time::interval(TICK);
        loop {
            ticks.tick().await;
            let (done, total) = progress.state();
            bar.update(done, total);
        }
    })
}

fn said(written: &Written, dest: &str) -> String {
    if written.up_to_date {
        return format!("{dest} has everything already");
    }
    let count = |n: u64, what: &str| format!("{n} {what}{}", if n == 1 { "" } else { "s" });
    let mut text = format!(
        "wrote {} in {}, in {} of customers",
        count(written.rows, "row"),
        count(written.files, "file"),
        count(written.ranges, "range")
    );
    if written.kept > 0 {
        text.push_str(&format!("; {} stayed as they were", count(written.kept, "file")));
    }
    if written.resumed {
        text.push_str("; it went on where a run before was stopped");
    }
    format!("{text}; to ask them: tenure {dest}")
}
