//! `\queries [pattern]`: the query library.

use tenure::library::{self, Query};

use super::{Command, Takes};
use crate::cli::Outcome;

pub(super) const COMMAND: Command = Command {
    names: &["queries"],
    arguments: "[pattern]",
    help: "the questions of the query library",
    takes: Takes::Query,
    run: |session, pattern| session.list(columns(pattern)?),
};

/// The listing: name, title, parameters with their defaults.
pub(crate) fn columns(pattern: &str) -> Outcome<Vec<(&'static str, Vec<String>)>> {
    let pattern = pattern.to_lowercase();
    let queries = library::queries()?;
    let found: Vec<&Query> = queries
        .iter()
        .filter(|q| {
            q.name.to_lowercase().contains(&pattern) || q.title.to_lowercase().contains(&pattern)
        })
        .collect();
    let parameters = |query: &Query| {
        let texts: Vec<_> = query
            .parameters
            .iter()
            .map(|p| match &p.default {
                Some(default) => format!("{}={default}", p.name),
                None => format!("{}=?", p.name),
            })
            .collect();
        texts.join(" ")
    };
    Ok(vec![
        ("query", found.iter().map(|q| q.name.clone()).collect()),
        ("question", found.iter().map(|q| q.title.clone()).collect()),
        ("parameters", found.iter().map(|q| parameters(q)).collect()),
    ])
}
