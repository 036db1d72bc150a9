//! Where results go, and the only place of the program that writes to stdout and stderr.

use std::fs::File;
use std::io::{self, BufWriter, IsTerminal, Write};
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use anstream::{AutoStream, ColorChoice};
use tenure::chart::{self, Colors};
use tenure::render::{Format, Options};
use tenure::{Error, ErrorKind};

use super::args::{Color, Shared};
use super::{Outcome, Stop};

/// Rows of a box on a terminal before its middle is left out.
pub(crate) const DEFAULT_ROWS: usize = 40;

/// Rows of a box in the pager before its middle is left out.
const SCROLLED_ROWS: usize = 10_000;

/// The two streams, the file of `-o` or `\o`, and what they can show.
#[derive(Debug, Clone)]
pub(crate) struct Output {
    /// asked for with `--format` or `\set format`
    pub(crate) format: Option<Format>,
    /// rows of a box on a terminal
    pub(crate) max_rows: usize,
    file: Option<Target>,
    color: Color,
    /// stdout is a terminal
    pub(crate) terminal: bool,
    broken: Arc<AtomicBool>,
}

/// The file that results go to.
#[derive(Debug, Clone)]
struct Target {
    path: PathBuf,
    results: usize,
    format: Option<Format>,
}

impl Output {
    pub(crate) fn new(shared: &Shared) -> Self {
        Self {
            format: shared.format,
            max_rows: DEFAULT_ROWS,
            file: shared.output.as_deref().map(Target::new),
            color: shared.color,
            terminal: io::stdout().is_terminal(),
            broken: Arc::default(),
        }
    }

    /// Sends results to a file, or back to stdout.
    pub(crate) fn redirect(&mut self, path: Option<&Path>) -> Outcome {
        self.check(path)?;
        self.file = path.map(Target::new);
        Ok(())
    }

    /// Refuses a file whose extension stands for no format, unless a format is asked for.
    pub(crate) fn check(&self, path: Option<&Path>) -> Outcome {
        let unknown = path.filter(|path| {
            self.format.is_none() && path.extension().is_some() && Format::from_path(path).is_none()
        });
        let Some(path) = unknown else { return Ok(()) };
        let known = Format::EXTENSIONS.map(|(extension, _)| format!(".{extension}"));
        let error = Error::new(
            ErrorKind::Usage,
            format!("the extension of {} stands for no format", path.display()),
        );
        Err(error
            .with_hint(format!(
                "known are {}; or ask for one with --format or \\format",
                known.join(", ")
            ))
            .into())
    }

    /// The file that results go to.
    pub(crate) fn file(&self) -> Option<&Path> {
        self.file.as_ref().map(|target| target.path.as_path())
    }

    /// Results are shown to a person, not kept.
    pub(crate) fn shown(&self) -> bool {
        self.terminal && self.file.is_none()
    }

    fn color(&self, automatic: ColorChoice) -> bool {
        match self.color {
            Color::Always => true,
            Color::Never => false,
            Color::Auto => automatic != ColorChoice::Never,
        }
    }

    /// Results may be coloured.
    pub(crate) fn color_stdout(&self) -> bool {
        self.file.is_none() && self.color(AutoStream::choice(&io::stdout()))
    }

    /// Messages may be coloured.
    pub(crate) fn color_stderr(&self) -> bool {
        self.color(AutoStream::choice(&io::stderr()))
    }

    /// Columns of the terminal that results are shown on.
    pub(crate) fn width(&self) -> Option<usize> {
        let (_, columns) = self.size()?;
        Some(columns)
    }

    /// Rows of a box: as many as were asked for; if nobody asked, so that its head stays in sight.
    fn rows(&self) -> usize {
        match self.size() {
            Some((lines, _)) if self.max_rows == DEFAULT_ROWS => {
                // borders, names and types, the gap, the footer and the next prompt
                self.max_rows.min(lines.saturating_sub(8)).max(10)
            }
            _ => self.max_rows,
        }
    }

    /// Rows of a box in the pager: who asked for a number of rows gets as many.
    pub(crate) fn scrolled_rows(&self) -> usize {
        if self.max_rows == DEFAULT_ROWS { SCROLLED_ROWS } else { self.max_rows }
    }

    /// Lines and columns of the terminal that results are shown on.
    pub(crate) fn size(&self) -> Option<(usize, usize)> {
        if !self.shown() {
            return None;
        }
        let (rows, columns) = console::Term::stdout().size_checked()?;
        Some((usize::from(rows), usize::from(columns)))
    }

    /// What the renderers may use.
    pub(crate) fn options(&self) -> Options {
        Options {
            unicode: self.shown(),
            color: self.color_stdout(),
            width: self.width(),
            max_rows: self.shown().then(|| self.rows()),
            scrolled_rows: None,
            untyped: false,
        }
    }

    /// What charts may use: as many lines and columns as there are, and the terminal's colours.
    pub(crate) fn chart_options(&self) -> chart::Options {
        let usual = chart::Options::default();
        let (lines, width) = match self.size() {
            // a title, the axis, its labels, the series, the next prompt
            Some((lines, columns)) => (lines.saturating_sub(8).clamp(8, 24), columns),
            None => (usual.height, usual.width),
        };
        let variable = |name: &str| std::env::var(name).unwrap_or_default();
        let colors = if self.color_stdout() {
            colors(&variable("COLORTERM"), &variable("TERM"))
        } else {
            Colors::None
        };
        let locale = ["LC_ALL", "LC_CTYPE", "LANG"].map(variable);
        let locale = locale.iter().find(|value| !value.is_empty());
        chart::Options {
            width,
            height: lines,
            colors,
            unicode: locale.is_none_or(|locale| shows_unicode(locale)),
        }
    }

    /// The format of the next result.
    pub(crate) fn next_format(&self, expanded: bool) -> Format {
        let by_file = self.file.as_ref().and_then(|target| target.format);
        let usual = if expanded { Format::Line } else { Format::Box };
        self.format.or(by_file).unwrap_or(usual)
    }

    /// Opens the place where the next result goes; a file is emptied by its first result only.
    pub(crate) fn open(&mut self, format: Format) -> Outcome<Box<dyn Write + Send>> {
        let terminal = self.terminal;
        let Some(target) = &mut self.file else {
            if format.is_binary() && terminal {
                return Err(Stop::usage(format!(
                    "{format} cannot be shown on a terminal; write it to a file with -o FILE"
                )));
            }
            return Ok(self.stdout());
        };
        let shown = target.path.display().to_string();
        if format.is_binary() && target.results > 0 {
            return Err(Stop::usage(format!(
                "{shown} holds a result already, and a file of format {format} holds only one"
            )));
        }
        let file = if target.results == 0 {
            File::create(&target.path)
        } else {
            File::options().append(true).open(&target.path)
        };
        let file = file.map_err(|e| Stop::file("write", &shown, &e))?;
        target.results += 1;
        Ok(Box::new(BufWriter::with_capacity(1 << 16, file)))
    }

    /// stdout, in large pieces.
    pub(crate) fn stdout(&self) -> Box<dyn Write + Send> {
        let pipe = Pipe { inner: io::stdout(), broken: Arc::clone(&self.broken) };
        Box::new(BufWriter::with_capacity(1 << 16, pipe))
    }

    /// Nobody reads stdout any more.
    pub(crate) fn is_broken(&self) -> bool {
        self.broken.load(Ordering::Relaxed)
    }

    /// Writes text that was asked for to stdout.
    pub(crate) fn text(&self, text: &str) -> Outcome {
        let mut out = self.stdout();
        let written = out.write_all(text.as_bytes()).and_then(|()| out.flush());
        match written {
            Ok(()) => Ok(()),
            Err(_) if self.is_broken() => Err(Stop::BrokenPipe),
            Err(e) => Err(Stop::file("write", "standard output", &e)),
        }
    }

    /// Writes a line for the reader to stderr. Where that cannot be written, nobody can be told.
    pub(crate) fn note(&self, line: &str) {
        let _ = writeln!(io::stderr().lock(), "{line}");
    }

    /// A note that is not an answer, dimmed.
    pub(crate) fn aside(&self, line: &str) {
        if self.color_stderr() {
            self.note(&format!("\x1b[2m{line}\x1b[0m"));
        } else {
            self.note(line);
        }
    }

    /// A warning.
    pub(crate) fn warn(&self, line: &str) {
        if self.color_stderr() {
            self.note(&format!("\x1b[1;33mwarning\x1b[0m: {line}"));
        } else {
            self.note(&format!("warning: {line}"));
        }
    }
}

/// The colours that a terminal speaks of; those of Windows do not, and have them all.
fn colors(colorterm: &str, term: &str) -> Colors {
    match (colorterm, term) {
        ("truecolor" | "24bit", _) => Colors::True,
        (_, term) if term.ends_with("-direct") || cfg!(windows) => Colors::True,
        (_, term) if term.contains("256color") => Colors::Palette,
        _ => Colors::Basic,
    }
}

/// Whether a locale's characters are those of Unicode: `en_GB.UTF-8`, but not `C` or `de_DE@euro`.
fn shows_unicode(locale: &str) -> bool {
    let locale = locale.to_ascii_lowercase();
    locale.contains("utf-8") || locale.contains("utf8")
}

impl Target {
    fn new(path: &Path) -> Self {
        Self { path: path.to_path_buf(), results: 0, format: Format::from_path(path) }
    }
}

/// stdout that remembers that its reader went away.
struct Pipe {
    inner: io::Stdout,
    broken: Arc<AtomicBool>,
}

impl Pipe {
    fn watch<T>(&self, result: io::Result<T>) -> io::Result<T> {
        if let Err(error) = &result
            && error.kind() == io::ErrorKind::BrokenPipe
        {
            self.broken.store(true, Ordering::Relaxed);
        }
        result
    }
}

impl Write for Pipe {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        let written = self.inner.write(bytes);
        self.watch(written)
    }

    fn flush(&mut self) -> io::Result<()> {
        let flushed = self.inner.flush();
        self.watch(flushed)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn terminals_say_how_many_colours_they_have() {
        assert_eq!(colors("truecolor", "xterm-256color"), Colors::True);
        assert_eq!(colors("", "xterm-direct"), Colors::True);
        if !cfg!(windows) {
            assert_eq!(colors("", "tmux-256color"), Colors::Palette);
            assert_eq!(colors("yes", "xterm"), Colors::Basic);
        }
    }

    #[test]
    fn locales_say_whether_blocks_are_shown() {
        assert!(shows_unicode("en_GB.UTF-8") && shows_unicode("C.utf8"));
        assert!(!shows_unicode("C") && !shows_unicode("POSIX") && !shows_unicode("de_DE@euro"));
    }
}
