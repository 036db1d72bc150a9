//! What the program knows between two statements.

use std::path::PathBuf;
use std::sync::Arc;

use datafusion::arrow::array::{ArrayRef, RecordBatch, StringArray};
use datafusion::arrow::datatypes::SchemaRef;
use tenure::chart::Request;
use tenure::render;
use tenure::{Error, Params, Tenure};

use super::args::Arguments;
use super::output::Output;
use super::pager::When;
use super::report::{self, Origin};
use super::runtime::Runtimes;
use super::{Outcome, Stop};

/// What `\set` and the configuration file change.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Settings {
    /// a footer after every result
    pub(crate) timing: bool,
    /// one value per line
    pub(crate) expanded: bool,
    /// vi keys instead of emacs
    pub(crate) vi: bool,
    /// when results are paged
    pub(crate) pager: When,
}

impl Default for Settings {
    fn default() -> Self {
        Self { timing: true, expanded: false, vi: false, pager: When::Auto }
    }
}

/// A result kept for `\last` and `\chart`.
pub(crate) struct Last {
    pub(crate) schema: SchemaRef,
    pub(crate) batches: Vec<RecordBatch>,
    /// false: it was too large to keep
    pub(crate) whole: bool,
    /// how the question wants its answer drawn
    pub(crate) chart: Option<Request>,
}

/// A running program.
pub(crate) struct Session {
    pub(crate) tenure: Arc<Tenure>,
    pub(crate) runtimes: Runtimes,
    pub(crate) output: Output,
    pub(crate) settings: Settings,
    /// values of `$name`, as they were written
    pub(crate) params: Vec<(String, String)>,
    /// a person types the statements
    pub(crate) interactive: bool,
    pub(crate) last: Option<Last>,
    /// files being read by `\i`, so that a script that reads itself ends
    pub(crate) reading: Vec<PathBuf>,
}

impl Session {
    /// Opens the lakes of a command line.
    pub(crate) fn open(arguments: &Arguments, output: Output) -> Outcome<Self> {
        let shared = &arguments.shared;
        let params = shared.params.iter().map(|text| parameter(text)).collect::<Outcome<_>>()?;
        let runtimes = Runtimes::new(shared.threads)?;
        let mut builder = Tenure::builder();
        for lake in &arguments.lakes {
            builder = builder.lake(lake);
        }
        if let Some(as_of) = &shared.as_of {
            builder = builder.as_of(as_of);
        }
        if let Some(timezone) = &shared.timezone {
            builder = builder.timezone(timezone);
        }
        if let Some(bytes) = shared.memory_limit {
            builder = builder.memory_limit(bytes);
        }
        if let Some(threads) = shared.threads {
            builder = builder.threads(threads);
        }
        let tenure = runtimes.wait(async move { builder.build().await })?;
        for warning in tenure.warnings() {
            output.warn(warning);
        }
        Ok(Self {
            tenure: Arc::new(tenure),
            runtimes,
            output,
            settings: Settings::default(),
            params,
            interactive: false,
            last: None,
            reading: Vec::new(),
        })
    }

    /// Lets go of the engine and of what still runs in it.
    pub(crate) fn close(self) {
        let Self { tenure, runtimes, .. } = self;
        {
            // its streams end inside the runtime that they belong to
            let _inside = runtimes.engine().enter();
            drop(tenure);
        }
        runtimes.shut_down();
    }

    /// Confirms to a person what a command changed.
    pub(crate) fn confirm(&self, line: &str) {
        if self.interactive {
            self.output.aside(line);
        }
    }

    /// The values of `$name`, typed.
    pub(crate) fn bound(&self) -> Outcome<Params> {
        let mut params = Params::default();
        for (name, value) in &self.params {
            params.extend(Params::parse(&format!("{name}={value}"))?);
        }
        Ok(params)
    }

    /// Gives `$name` a value; the text is typed when a statement uses it.
    pub(crate) fn set_parameter(&mut self, name: String, value: String) {
        self.params.retain(|(known, _)| *known != name);
        self.params.push((name, value));
    }

    /// Says what went wrong with a statement; what to stop with if the caller stops.
    pub(crate) fn report(&self, stop: Stop, origin: Origin<'_>) -> Stop {
        let Stop::Error(error) = stop else { return stop };
        self.output.note(&report::statement(&error, origin, self.output.color_stderr()));
        Stop::Reported(error.kind().exit_code())
    }

    /// Shows a table that the program made, in the format of results.
    pub(crate) fn list(&mut self, columns: Vec<(&str, Vec<String>)>) -> Outcome {
        show(&mut self.output, self.settings, columns)
    }
}

/// Shows a table that the program made, outside a session.
pub(crate) fn list(output: &mut Output, columns: Vec<(&str, Vec<String>)>) -> Outcome {
    show(output, Settings::default(), columns)
}

/// The same with columns of any type.
pub(crate) fn list_batch(output: &mut Output, batch: &RecordBatch) -> Outcome {
    show_batch(output, Settings::default(), batch)
}

/// Shows a table of text.
fn show(output: &mut Output, settings: Settings, columns: Vec<(&str, Vec<String>)>) -> Outcome {
    let arrays = columns
        .into_iter()
        .map(|(name, values)| (name, Arc::new(StringArray::from(values)) as ArrayRef));
    show_batch(output, settings, &RecordBatch::try_from_iter(arrays).map_err(Error::from)?)
}

/// A listing is for reading, so nothing of it is left out.
fn show_batch(output: &mut Output, settings: Settings, batch: &RecordBatch) -> Outcome {
    let format = output.next_format(settings.expanded);
    let options = render::Options { max_rows: None, untyped: true, ..output.options() };
    let mut text = Vec::new();
    {
        let mut sink = render::sink(format, &mut text, &options);
        sink.begin(&batch.schema()).map_err(Error::from)?;
        sink.batch(batch).map_err(Error::from)?;
        sink.end().map_err(Error::from)?;
    }
    if output.shown() && !format.is_binary() {
        return super::pager::show(output, settings.pager, &String::from_utf8_lossy(&text));
    }
    let mut out = output.open(format)?;
    let written = out.write_all(&text).and_then(|()| out.flush());
    written.map_err(|e| {
        if output.is_broken() { Stop::BrokenPipe } else { Stop::file("write", "the result", &e) }
    })
}

/// `name=value`.
pub(crate) fn parameter(text: &str) -> Outcome<(String, String)> {
    Ok(Params::split(text)?)
}
