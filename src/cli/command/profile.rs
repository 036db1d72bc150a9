//! `\profile SQL`: runs a statement and shows where its time went.

use std::fmt::Write;
use std::sync::Arc;
use std::time::Duration;

use datafusion::physical_plan::ExecutionPlan;
use datafusion::physical_plan::coop::CooperativeExec;
use datafusion::physical_plan::display::DisplayableExecutionPlan;
use indicatif::HumanCount;
use unicode_width::UnicodeWidthStr;

use super::{Command, Takes};
use crate::cli::execute::{duration, megabytes, profile, rows, seconds};
use crate::cli::session::Session;
use crate::cli::{Outcome, Stop, pager};

pub(super) const COMMAND: Command = Command {
    names: &["profile"],
    arguments: "SQL",
    help: "run a statement and show where its time went",
    takes: Takes::Sql,
    run,
};

/// Cells of a full bar.
const BAR: usize = 12;
/// Cells of an operator's name and details.
const NAME: usize = 60;

fn run(session: &mut Session, sql: &str) -> Outcome {
    if sql.is_empty() {
        return Err(Stop::usage("\\profile takes a statement"));
    }
    let (summary, plan) = profile(session, sql)?;
    let mut steps = Vec::new();
    collect(&plan, 0, &mut steps);
    let mut text = table(&steps, session.output.shown());
    let _ = writeln!(
        text,
        "\n{} in {}, {} read",
        rows(summary.rows),
        seconds(summary.elapsed),
        megabytes(summary.progress.bytes)
    );
    pager::show(&session.output, session.settings.pager, &text)
}

/// One operator.
struct Step {
    depth: usize,
    name: String,
    /// compute time summed over all threads
    time: Duration,
    rows: Option<u64>,
    notes: String,
}

fn collect(plan: &Arc<dyn ExecutionPlan>, depth: usize, steps: &mut Vec<Step>) {
    if let Some(inner) = plan.downcast_ref::<CooperativeExec>() {
        // only gives way, does no work
        return inner.children().into_iter().for_each(|child| collect(child, depth, steps));
    }
    let metrics = plan.metrics().unwrap_or_default();
    let sum = |name: &str| metrics.sum_by_name(name).map_or(0, |value| value.as_usize());
    let nanos = |n: usize| Duration::from_nanos(u64::try_from(n).unwrap_or(u64::MAX));
    let time = nanos(metrics.elapsed_compute().unwrap_or(0) + sum("time_elapsed_processing"));
    let count = |n: usize| u64::try_from(n).unwrap_or(u64::MAX);
    let mut notes = Vec::new();
    if sum("bytes_scanned") > 0 {
        notes.push(format!("{} read", megabytes(count(sum("bytes_scanned")))));
    }
    if metrics.spilled_bytes().unwrap_or(0) > 0 {
        notes.push(format!("{} spilled", megabytes(count(metrics.spilled_bytes().unwrap_or(0)))));
    }
    let shown = DisplayableExecutionPlan::new(plan.as_ref());
    let details = shown.one_line().to_string();
    steps.push(Step {
        depth,
        name: details.trim().to_string(),
        time,
        rows: metrics.output_rows().map(count),
        notes: notes.join(", "),
    });
    for child in plan.children() {
        collect(child, depth + 1, steps);
    }
}

/// The operators with bars of their share of the time.
fn table(steps: &[Step], unicode: bool) -> String {
    let total: f64 = steps.iter().map(|step| step.time.as_secs_f64()).sum();
    let (full, empty) = if unicode { ("█", "░") } else { ("#", ".") };
    let mut out = String::new();
    let _ = writeln!(out, "{:>8}  {:BAR$} {:>5}  {:>12}  operator", "time", "share", "", "rows");
    for step in steps {
        let share = if total > 0.0 { step.time.as_secs_f64() / total } else { 0.0 };
        let filled = (0..BAR).filter(|cell| share >= (number(*cell) + 0.5) / number(BAR)).count();
        let count = step.rows.map_or(String::new(), |rows| HumanCount(rows).to_string());
        let name = format!("{}{}", "  ".repeat(step.depth), step.name);
        let name = if name.width() > NAME {
            name.chars().take(NAME - 1).chain(std::iter::once('…')).collect()
        } else {
            name
        };
        let notes =
            if step.notes.is_empty() { String::new() } else { format!("  ({})", step.notes) };
        let _ = writeln!(
            out,
            "{:>8}  {}{} {:>4.0}%  {count:>12}  {name}{notes}",
            duration(step.time),
            full.repeat(filled),
            empty.repeat(BAR - filled),
            share * 100.0,
        );
    }
    out
}

/// A small number of cells as a float.
fn number(cells: usize) -> f64 {
    f64::from(u8::try_from(cells).unwrap_or(u8::MAX))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn bars_show_shares() {
        let step = |depth, name: &str, ms, rows| Step {
            depth,
            name: name.to_string(),
            time: Duration::from_millis(ms),
            rows,
            notes: String::new(),
        };
        let steps = [
            step(0, "Sort", 250, Some(10)),
            step(1, "Scan", 750, Some(12345)),
            step(1, "X", 0, None),
        ];
        insta::assert_snapshot!(table(&steps, false));
    }
}
