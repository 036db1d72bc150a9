//! `\param [name=value]`: the values of `$name`.

use super::{Command, Takes};
use crate::cli::Outcome;
use crate::cli::session::{Session, parameter};

pub(super) const COMMAND: Command = Command {
    names: &["param", "parameter"],
    arguments: "[name=value]",
    help: "give $name a value, NULL too; without a value: forget it",
    takes: Takes::Parameter,
    run,
};

fn run(session: &mut Session, argument: &str) -> Outcome {
    if argument.is_empty() {
        let (names, values) = session.params.iter().cloned().unzip();
        return session.list(vec![("parameter", names), ("value", values)]);
    }
    // `name value` as well as `name=value`
    let text = match argument.split_once(char::is_whitespace) {
        Some((name, value)) if !argument.contains('=') => format!("{name}={value}"),
        _ => argument.to_string(),
    };
    let (name, value) = parameter(&text)?;
    if value.is_empty() {
        session.params.retain(|(known, _)| *known != name);
    } else {
        // quotes stay: they make text of what would be a number or NULL
        session.set_parameter(name, value.trim().to_string());
    }
    Ok(())
}
