//! The program: arguments, batch mode and the prompt, on the library's public API.
//!
//! Results go to stdout, everything else to stderr; what is not a terminal gets no colour, no
//! banner, no pager and no progress bar. Nothing else in the project writes to either.

mod allocator;
mod args;
mod batch;
mod command;
mod config;
mod execute;
mod output;
mod pager;
mod progress;
mod prompt;
mod report;
mod runtime;
mod script;
mod secrets;
mod session;
mod subcommand;

use std::io::IsTerminal;
use std::process::ExitCode;

use tenure::{Error, ErrorKind};

use args::{Action, Arguments};
use output::Output;
use session::Session;

/// Why the program, or a statement, stops.
#[derive(Debug)]
pub(crate) enum Stop {
    /// something went wrong
    Error(Box<Error>),
    /// nobody reads stdout any more: not an error
    BrokenPipe,
    /// it went wrong and was reported where it happened
    Reported(u8),
}

/// The result of a step of the program.
pub(crate) type Outcome<T = ()> = Result<T, Stop>;

impl From<Error> for Stop {
    fn from(error: Error) -> Self {
        Self::Error(Box::new(error))
    }
}

impl Stop {
    /// A mistake in how the program or a `\` command was called.
    pub(crate) fn usage(message: impl Into<String>) -> Self {
        Error::new(ErrorKind::Usage, message).into()
    }

    /// A local file that cannot be read or written.
    pub(crate) fn file(doing: &str, path: &str, error: &std::io::Error) -> Self {
        Error::new(ErrorKind::Io, format!("cannot {doing} {path}: {error}")).into()
    }
}

/// Runs the program.
pub(crate) fn main() -> ExitCode {
    let arguments = match Arguments::read(std::env::args_os()) {
        Ok(arguments) => arguments,
        Err(error) => {
            // help and version are no errors: clap prints them to stdout
            let _ = error.print();
            return ExitCode::from(u8::try_from(error.exit_code()).unwrap_or(2));
        }
    };
    let output = Output::new(&arguments.shared);
    match run(arguments, output.clone()) {
        Ok(()) | Err(Stop::BrokenPipe) => ExitCode::SUCCESS,
        Err(Stop::Reported(code)) => ExitCode::from(code),
        Err(Stop::Error(error)) => {
            output.note(&report::plain(&error, output.color_stderr()));
            ExitCode::from(error.kind().exit_code())
        }
    }
}

fn run(arguments: Arguments, output: Output) -> Outcome {
    output.check(arguments.shared.output.as_deref())?;
    allocator::keep(&arguments);
    match &arguments.action {
        Some(Action::Completions { shell }) => {
            return subcommand::completions::print(*shell, &output);
        }
        Some(Action::Queries { pattern }) => {
            return subcommand::queries::print(pattern.as_deref(), output);
        }
        Some(Action::Functions { pattern }) => {
            return subcommand::functions::print(pattern.as_deref(), output);
        }
        Some(Action::Init { lake, print }) => {
            return subcommand::init::run(lake, *print, &arguments.shared, output);
        }
        Some(Action::Generate(wanted)) => {
            return subcommand::generate::run(wanted, &arguments.shared, &output);
        }
        Some(Action::Cluster(wanted)) => {
            return subcommand::cluster::run(wanted, &arguments.shared, &output);
        }
        Some(Action::Verify(wanted)) => {
            return subcommand::verify::run(wanted, &arguments.shared, output);
        }
        #[cfg(feature = "pg")]
        Some(Action::Serve(wanted)) => {
            return subcommand::serve::run(wanted, &arguments.shared, &output);
        }
        #[cfg(feature = "pg")]
        Some(Action::User(wanted)) => return subcommand::user::run(wanted, output),
        Some(Action::Run { .. }) | None => {}
    }
    let mut session = Session::open(&arguments, output)?;
    let outcome = match &arguments.action {
        Some(Action::Run { name, chart, .. }) => subcommand::run::run(&mut session, name, *chart),
        _ if !arguments.sources.is_empty() => batch::run(&mut session, &arguments),
        _ if !std::io::stdin().is_terminal() => {
            batch::stdin(&mut session, arguments.keep_going).map(drop)
        }
        _ => prompt::run(&mut session, arguments.no_init),
    };
    session.close();
    outcome
}
