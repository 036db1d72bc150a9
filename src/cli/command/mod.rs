//! The `\` commands: one file each, one table that help, completion and dispatch read.
//!
//! `.name` is the same as `\name`, and a few names of other shells are known as well, because they
//! are in people's fingers.

mod chart;
mod d;
pub(crate) mod df;
mod dt;
mod dv;
mod explain;
mod format;
mod h;
mod help;
mod i;
mod lake;
mod last;
mod o;
mod pager;
mod param;
mod profile;
mod q;
pub(crate) mod queries;
pub(crate) mod run_query;
mod set;
mod timing;
mod x;

use super::session::Session;
use super::{Outcome, Stop};

/// Whether the session goes on.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Flow {
    Continue,
    Quit,
}

/// What a command's argument is, for completion.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Takes {
    Nothing,
    Table,
    Function,
    Query,
    Path,
    Setting,
    Format,
    Parameter,
    Switch,
    Pager,
    Chart,
    Sql,
}

/// One command.
pub(crate) struct Command {
    /// without the backslash; the first is the one that help shows
    pub(crate) names: &'static [&'static str],
    /// as help shows them
    pub(crate) arguments: &'static str,
    /// one line
    pub(crate) help: &'static str,
    pub(crate) takes: Takes,
    run: fn(&mut Session, &str) -> Outcome,
}

/// Every command, in the order in which help shows them.
pub(crate) const COMMANDS: [&Command; 22] = [
    &help::COMMAND,
    &h::COMMAND,
    &d::COMMAND,
    &dt::COMMAND,
    &dv::COMMAND,
    &df::COMMAND,
    &lake::COMMAND,
    &queries::COMMAND,
    &run_query::COMMAND,
    &param::COMMAND,
    &explain::COMMAND,
    &profile::COMMAND,
    &last::COMMAND,
    &chart::COMMAND,
    &x::COMMAND,
    &format::COMMAND,
    &pager::COMMAND,
    &timing::COMMAND,
    &o::COMMAND,
    &i::COMMAND,
    &set::COMMAND,
    &q::COMMAND,
];

/// Splits `\name rest` into its two parts.
pub(crate) fn split(text: &str) -> (&str, &str) {
    let text = text.trim().trim_start_matches(['\\', '.']);
    let end = text.find(char::is_whitespace).unwrap_or(text.len());
    let (name, rest) = text.split_at(end);
    (name, rest.trim())
}

/// The command of a name.
pub(crate) fn find(name: &str) -> Option<&'static Command> {
    COMMANDS.into_iter().find(|command| command.names.contains(&name))
}

/// Runs one command line.
pub(crate) fn run(session: &mut Session, text: &str) -> Outcome<Flow> {
    let (name, argument) = split(text);
    // a semicolon ends statements, not commands, but fingers type it
    let argument = argument.strip_suffix(';').unwrap_or(argument).trim_end();
    let name = name.trim_end_matches(';');
    let Some(command) = find(name) else { return Err(unknown(name)) };
    if command.names.contains(&"q") {
        return Ok(Flow::Quit);
    }
    (command.run)(session, argument)?;
    Ok(Flow::Continue)
}

fn unknown(name: &str) -> Stop {
    let nearest = COMMANDS
        .iter()
        .flat_map(|command| command.names)
        .map(|known| (strsim::damerau_levenshtein(name, known), known))
        .min()
        .filter(|(distance, _)| *distance <= 2 && *distance < name.len());
    let message = format!("there is no command \\{name}");
    let hint = match nearest {
        Some((_, known)) => format!("did you mean \\{known}?"),
        None => "\\? lists the commands".to_string(),
    };
    tenure::Error::new(tenure::ErrorKind::Usage, message).with_hint(hint).into()
}

/// The names that `\set` takes.
pub(crate) fn setting_names(session: &Session) -> Vec<String> {
    set::names(session)
}

/// `on` or `off`.
pub(crate) fn switch(name: &str, value: &str) -> Outcome<bool> {
    match value.to_ascii_lowercase().as_str() {
        "on" | "true" | "1" => Ok(true),
        "off" | "false" | "0" => Ok(false),
        _ => Err(Stop::usage(format!("{name} is on or off, not {value:?}"))),
    }
}

/// A switch that turns over without an argument.
fn toggle(name: &str, argument: &str, now: bool) -> Outcome<bool> {
    if argument.is_empty() { Ok(!now) } else { switch(name, argument) }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn no_two_commands_share_a_name() {
        let mut names: Vec<_> = COMMANDS.iter().flat_map(|c| c.names).collect();
        let all = names.len();
        names.sort();
        names.dedup();
        assert_eq!(names.len(), all);
    }

    #[test]
    fn both_spellings_are_split_alike() {
        assert_eq!(split("\\d  events "), ("d", "events"));
        assert_eq!(split(".tables"), ("tables", ""));
    }

    #[test]
    fn an_unknown_command_names_the_nearest() {
        let Stop::Error(error) = unknown("tming") else { panic!("an error") };
        assert_eq!(error.hint(), Some("did you mean \\timing?"));
        let Stop::Error(error) = unknown("zzzzzz") else { panic!("an error") };
        assert_eq!(error.hint(), Some("\\? lists the commands"));
    }
}
