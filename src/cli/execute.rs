//! One statement from its text to its rows on the screen: cancellable, with progress and a footer.

use std::io::Write;
use std::sync::Arc;
use std::time::{Duration, Instant};

use datafusion::arrow::array::RecordBatch;
use datafusion::arrow::error::ArrowError;
use datafusion::physical_plan::ExecutionPlan;
use futures::StreamExt;
use indicatif::{DecimalBytes, HumanCount};
use tenure::render::{self, Sink};
use tenure::{Answer, Error, ErrorKind, Params, Result};
use tokio::sync::mpsc;
use tokio::time::{MissedTickBehavior, interval};

use super::output::Output;
use super::pager::{self, When};
use super::progress::{Bar, Progress};
use super::runtime::{Runtimes, cancelled, interrupted};
use super::session::{Last, Session};
use super::{Outcome, Stop};

/// How often the progress bar looks.
const TICK: Duration = Duration::from_millis(120);

/// Bytes of a result that are kept for `\last` and `\chart`.
const KEPT_BYTES: usize = 64 << 20;

/// The same in batch mode, where only charts look back.
const KEPT_BYTES_BATCH: usize = 4 << 20;

/// What happened.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Summary {
    pub(crate) rows: usize,
    pub(crate) elapsed: Duration,
    pub(crate) progress: Progress,
}

/// Runs a statement with the session's parameters and shows its rows.
pub(crate) fn statement(session: &mut Session, sql: &str) -> Outcome {
    let params = session.bound()?;
    with_params(session, sql, params)
}

/// Runs a statement and shows its rows.
pub(crate) fn with_params(session: &mut Session, sql: &str, params: Params) -> Outcome {
    let before = session.runtimes.busy();
    let outcome = show(session, sql, params);
    if session.interactive
        && matches!(&outcome, Err(Stop::Error(e)) if e.kind() == ErrorKind::Interrupted)
        && session.runtimes.settle(before)
    {
        session.output.aside("an operator did not stop at once; it ends in the background");
    }
    outcome
}

fn show(session: &mut Session, sql: &str, params: Params) -> Outcome {
    let since = Instant::now();
    let answer = plan(session, sql, params)?;
    if answer.schema.fields().is_empty() {
        // DDL and SET: done, nothing to show
        let summary = stream(session, answer, since, |_| Ok(()))?;
        footer(session, summary, false, None);
        return Ok(());
    }
    let format = session.output.next_format(session.settings.expanded);
    // before the file is emptied or a byte written
    render(&session.output, render::check(format, &answer.schema))?;
    let paged = session.output.shown()
        && session.interactive
        && !format.is_binary()
        && pager::available(session.settings.pager);
    let mut options = session.output.options();
    if paged {
        options.scrolled_rows = Some(session.output.scrolled_rows());
        // who pages everything wants nothing cut
        options.width = options.width.filter(|_| session.settings.pager != When::On);
    }
    let page = pager::Page::default();
    let writer: Box<dyn Write + Send> =
        if paged { Box::new(page.clone()) } else { session.output.open(format)? };
    let mut sink = render::sink(format, writer, &options);
    let output = session.output.clone();
    let schema = Arc::clone(&answer.schema);
    let mut last =
        Last { schema: Arc::clone(&schema), batches: Vec::new(), whole: true, chart: None };
    let mut kept = 0;
    let most = if session.interactive { KEPT_BYTES } else { KEPT_BYTES_BATCH };
    render(&output, sink.begin(&schema))?;
    let summary = stream(session, answer, since, |batch| {
        if last.whole {
            kept += batch.get_array_memory_size();
            last.batches.push(batch.clone());
            if kept > most {
                last.whole = false;
                last.batches.clear();
            }
        }
        render(&output, sink.batch(batch))
    })?;
    finish(&output, sink)?;
    if paged {
        pager::show(&session.output, session.settings.pager, &page.text())?;
    }
    session.last = Some(last);
    let most = options.scrolled_rows.max(options.max_rows);
    let shown = most.filter(|most| format == render::Format::Box && summary.rows > *most);
    footer(session, summary, true, shown);
    Ok(())
}

/// Runs a statement and throws its rows away: what it did is in the plan.
pub(crate) fn profile(session: &Session, sql: &str) -> Outcome<(Summary, Arc<dyn ExecutionPlan>)> {
    let since = Instant::now();
    let answer = plan(session, sql, session.bound()?)?;
    let plan = Arc::clone(&answer.plan);
    let summary = stream(session, answer, since, |_| Ok(()))?;
    Ok((summary, plan))
}

/// Runs a statement and keeps its rows; for small results.
pub(crate) fn collect(session: &Session, sql: &str) -> Outcome<Vec<RecordBatch>> {
    Ok(fetch(session, sql, session.bound()?)?.batches)
}

/// Runs a statement and keeps its rows with their columns; for small results.
pub(crate) fn fetch(session: &Session, sql: &str, params: Params) -> Outcome<Last> {
    let answer = plan(session, sql, params)?;
    let schema = Arc::clone(&answer.schema);
    let mut batches = Vec::new();
    stream(session, answer, Instant::now(), |batch| {
        batches.push(batch.clone());
        Ok(())
    })?;
    Ok(Last { schema, batches, whole: true, chart: None })
}

fn plan(session: &Session, sql: &str, params: Params) -> Result<Answer> {
    let tenure = Arc::clone(&session.tenure);
    let sql = sql.to_string();
    session.runtimes.wait(async move { tenure.run_with(&sql, &params).await })
}

/// Pulls the rows on the engine's threads, and hands them out on this one.
fn stream(
    session: &Session,
    answer: Answer,
    since: Instant,
    mut each: impl FnMut(&RecordBatch) -> Outcome,
) -> Outcome<Summary> {
    let Answer { stream, plan, .. } = answer;
    let mut bar = Bar::new(console::user_attended_stderr());
    let rows = pull(&session.runtimes, stream, |batch| match batch {
        Some(batch) => {
            // whatever is written next must not meet the bar
            bar.clear();
            each(batch)
        }
        None => {
            bar.update(Some(&plan));
            Ok(())
        }
    });
    bar.clear();
    Ok(Summary { rows: rows?, elapsed: since.elapsed(), progress: Progress::of(&plan) })
}

/// Calls `each` with every batch, and with `None` at every tick; ends at Ctrl-C.
fn pull(
    runtimes: &Runtimes,
    mut stream: datafusion::execution::SendableRecordBatchStream,
    mut each: impl FnMut(Option<&RecordBatch>) -> Outcome,
) -> Outcome<usize> {
    let (sender, mut receiver) = mpsc::channel(4);
    // ends, and drops the stream, as soon as this function does
    let _task = runtimes.spawn(async move {
        while let Some(batch) = stream.next().await {
            if sender.send(batch).await.is_err() {
                break;
            }
        }
    });
    runtimes.front(async {
        let mut rows = 0;
        let mut ticks = interval(TICK);
        ticks.set_missed_tick_behavior(MissedTickBehavior::Delay);
        let stop = interrupted();
        tokio::pin!(stop);
        loop {
            tokio::select! {
                biased;
                () = &mut stop => return Err(cancelled().into()),
                batch = receiver.recv() => match batch {
                    Some(Ok(batch)) => {
                        rows += batch.num_rows();
                        each(Some(&batch))?;
                    }
                    Some(Err(error)) => return Err(Error::from(error).into()),
                    None => return Ok(rows),
                },
                _ = ticks.tick() => each(None)?,
            }
        }
    })
}

/// An error of a renderer: the reader of stdout may just have left.
fn render(output: &Output, result: std::result::Result<(), ArrowError>) -> Outcome {
    match result {
        Ok(()) => Ok(()),
        Err(_) if output.is_broken() => Err(Stop::BrokenPipe),
        Err(ArrowError::IoError(_, error)) => {
            let path = output.file().map_or("standard output".into(), |p| p.display().to_string());
            Err(Stop::file("write", &path, &error))
        }
        Err(error) => Err(Error::from(error).into()),
    }
}

fn finish(output: &Output, mut sink: Box<dyn Sink + '_>) -> Outcome {
    render(output, sink.end())
}

/// `18 rows · 1.24 s · 312 MB read`, on stderr, for a person.
fn footer(session: &Session, summary: Summary, has_rows: bool, shown: Option<usize>) {
    let watched =
        session.interactive || (session.output.shown() && console::user_attended_stderr());
    if !watched || !session.settings.timing {
        return;
    }
    let mut parts = Vec::new();
    if has_rows {
        let mut text = rows(summary.rows);
        if let Some(shown) = shown {
            let all = if session.interactive { "\\last shows" } else { "-o FILE keeps" };
            text.push_str(&format!(" ({} shown, {all} all)", number(shown)));
        }
        parts.push(text);
    }
    parts.push(seconds(summary.elapsed));
    if summary.progress.bytes > 0 {
        parts.push(format!("{} read", megabytes(summary.progress.bytes)));
    }
    if summary.progress.spilled > 0 {
        parts.push(format!("{} spilled", megabytes(summary.progress.spilled)));
    }
    if let Some(path) = session.output.file() {
        parts.push(format!("to {}", path.display()));
    }
    session.output.aside(&parts.join(" · "));
}

/// A duration with three digits that say something.
pub(crate) fn seconds(elapsed: Duration) -> String {
    let seconds = elapsed.as_secs_f64();
    if seconds < 0.01 {
        format!("{seconds:.3} s")
    } else if seconds < 100.0 {
        format!("{seconds:.2} s")
    } else {
        format!("{seconds:.0} s")
    }
}

/// A duration of any size with three digits.
pub(crate) fn duration(elapsed: Duration) -> String {
    let micros = elapsed.as_micros();
    if micros < 1000 {
        format!("{micros} µs")
    } else if micros < 1_000_000 {
        format!("{:.1} ms", elapsed.as_secs_f64() * 1e3)
    } else {
        seconds(elapsed)
    }
}

/// `1 row`, `2 rows`, with separators.
pub(crate) fn rows(count: usize) -> String {
    let unit = if count == 1 { "row" } else { "rows" };
    format!("{} {unit}", number(count))
}

fn number(count: usize) -> HumanCount {
    HumanCount(u64::try_from(count).unwrap_or(0))
}

/// Decimal bytes, as storage is billed.
pub(crate) fn megabytes(bytes: u64) -> String {
    DecimalBytes(bytes).to_string()
}
