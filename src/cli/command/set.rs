//! `\set [name value]`: settings of the prompt, and those of the session by their short names.

use tenure::{Error, ErrorKind};

use super::{Command, Takes};
use crate::cli::session::Session;
use crate::cli::{Outcome, config, execute};

pub(super) const COMMAND: Command = Command {
    names: &["set"],
    arguments: "[name value]",
    help: "settings; as_of, timezone and the like are SET tenure.as_of = '…' in SQL",
    takes: Takes::Setting,
    run,
};

fn run(session: &mut Session, argument: &str) -> Outcome {
    let Some((name, value)) = argument.split_once(|c: char| c.is_whitespace() || c == '=') else {
        return list(session, argument);
    };
    let value = super::o::unquoted(value.trim_start_matches([' ', '=']).trim());
    if config::set(session, name, value)? {
        return Ok(());
    }
    let full = if name.contains('.') { name.to_string() } else { format!("tenure.{name}") };
    if !name.contains('.') && !settings(session).iter().any(|(known, ..)| *known == full) {
        return Err(unknown(session, name));
    }
    let valid = full.chars().all(|c| c.is_ascii_alphanumeric() || c == '_' || c == '.');
    if !valid {
        return Err(unknown(session, name));
    }
    let sql = format!("SET {full} = '{}'", value.replace('\'', "''"));
    execute::collect(session, &sql).map(drop)
}

/// The names that can be set, for completion.
pub(super) fn names(session: &Session) -> Vec<String> {
    settings(session).into_iter().map(|(name, ..)| name).collect()
}

/// Name, value and meaning of everything that can be set.
fn settings(session: &Session) -> Vec<(String, String, String)> {
    let prompt = config::NAMES
        .iter()
        .map(|(name, help)| (name.to_string(), config::get(session, name), help.to_string()));
    let state = session.tenure.context().state();
    let engine = tenure::options::settings(state.config_options())
        .into_iter()
        .map(|s| (format!("tenure.{}", s.name), s.value, s.description));
    prompt.chain(engine).collect()
}

fn list(session: &mut Session, name: &str) -> Outcome {
    let found: Vec<_> = settings(session).into_iter().filter(|(n, ..)| n.contains(name)).collect();
    if found.is_empty() {
        return Err(unknown(session, name));
    }
    session.list(vec![
        ("setting", found.iter().map(|(name, ..)| name.clone()).collect()),
        ("value", found.iter().map(|(_, value, _)| value.clone()).collect()),
        ("meaning", found.iter().map(|(.., help)| help.clone()).collect()),
    ])
}

fn unknown(session: &Session, name: &str) -> crate::cli::Stop {
    let settings = settings(session);
    let nearest = settings
        .iter()
        .map(|(known, ..)| known.strip_prefix("tenure.").unwrap_or(known))
        .map(|known| (strsim::damerau_levenshtein(name, known), known))
        .min()
        .filter(|(distance, _)| *distance <= name.len().max(3) / 2);
    let error = Error::new(ErrorKind::Usage, format!("there is no setting {name}"));
    match nearest {
        Some((_, near)) => error.with_hint(format!("did you mean {near}?")),
        None => error.with_hint("\\set lists the settings"),
    }
    .into()
}
