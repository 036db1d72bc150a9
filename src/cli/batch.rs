//! Statements that nobody types: `-c`, `-f` and standard input.

use std::io::Read;
use std::path::{Path, PathBuf};

use super::args::{Arguments, Source};
use super::command::{self, Flow};
use super::report::Origin;
use super::script::{Piece, Script};
use super::session::Session;
use super::{Outcome, Stop, execute};

/// Scripts that read scripts, this deep at most.
const MAX_DEPTH: usize = 16;

/// Runs what the command line names, in its order.
pub(crate) fn run(session: &mut Session, arguments: &Arguments) -> Outcome {
    let mut worst = Ok(());
    for source in &arguments.sources {
        let outcome = match source {
            Source::Text(text) => script(session, text, None, arguments.keep_going),
            Source::File(path) if path == "-" => stdin(session, arguments.keep_going),
            Source::File(path) => file(session, Path::new(path), arguments.keep_going),
        };
        match outcome {
            Ok(Flow::Continue) => {}
            Ok(Flow::Quit) => return worst,
            Err(Stop::Reported(code)) if arguments.keep_going && code != 130 => {
                worst = Err(Stop::Reported(code));
            }
            Err(stop) => return Err(stop),
        }
    }
    worst
}

/// Runs standard input.
pub(crate) fn stdin(session: &mut Session, keep_going: bool) -> Outcome<Flow> {
    let mut text = String::new();
    std::io::stdin()
        .read_to_string(&mut text)
        .map_err(|e| Stop::file("read", "standard input", &e))?;
    script(session, &text, None, keep_going)
}

/// Runs a file; the files it names in turn are relative to it.
pub(crate) fn file(session: &mut Session, path: &Path, keep_going: bool) -> Outcome<Flow> {
    let shown = path.display().to_string();
    let relative = session.reading.last().and_then(|script| script.parent());
    let path: PathBuf = relative.map_or_else(|| path.to_path_buf(), |folder| folder.join(path));
    if session.reading.len() >= MAX_DEPTH {
        return Err(Stop::usage(format!("{shown} is read by a script that it reads itself")));
    }
    let text = std::fs::read_to_string(&path).map_err(|e| Stop::file("read", &shown, &e))?;
    session.reading.push(path);
    let outcome = script(session, &text, Some(&shown), keep_going);
    session.reading.pop();
    outcome
}

/// Runs the statements and commands of a text, up to the first that goes wrong.
pub(crate) fn script(
    session: &mut Session,
    text: &str,
    file: Option<&str>,
    keep_going: bool,
) -> Outcome<Flow> {
    let mut worst = Ok(Flow::Continue);
    for piece in Script::new(text) {
        let (outcome, text, line) = match piece {
            Piece::Statement { text, line } => {
                (execute::statement(session, text).map(|()| Flow::Continue), text, line)
            }
            Piece::Command { text, line } => (command::run(session, text), text, line),
        };
        match outcome {
            Ok(Flow::Continue) => {}
            Ok(Flow::Quit) => return worst.map(|_| Flow::Quit),
            Err(stop) => match session.report(stop, Origin { text, file, line }) {
                Stop::Reported(code) if keep_going && code != 130 => {
                    worst = Err(Stop::Reported(code));
                }
                stop => return Err(stop),
            },
        }
    }
    worst
}
