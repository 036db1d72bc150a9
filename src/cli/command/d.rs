//! `\d [table]`: relations, or the columns of one and what is known of its files.

use std::sync::Arc;

use tenure::render::type_name;
use tenure::{Error, ErrorKind, TableInfo};

use super::{Command, Takes};
use crate::cli::Outcome;
use crate::cli::session::Session;

pub(super) const COMMAND: Command = Command {
    names: &["d", "describe", "schema"],
    arguments: "[table]",
    help: "tables and views, or the columns and files of one",
    takes: Takes::Table,
    run,
};

fn run(session: &mut Session, name: &str) -> Outcome {
    if name.is_empty() {
        return super::dt::list(session, "", |_| true);
    }
    let relations = relations(session)?;
    let Some(table) = find(&relations, name) else { return Err(missing(&relations, name)) };
    let column = |text: fn(&(String, _)) -> String| table.columns.iter().map(text).collect();
    let columns = vec![
        ("column", column(|(name, _)| name.clone())),
        ("type", column(|(_, data_type)| type_name(data_type))),
    ];
    session.list(columns)
}

/// Every relation that a statement could name, without the engine's own.
pub(super) fn relations(session: &Session) -> Outcome<Vec<TableInfo>> {
    let tenure = Arc::clone(&session.tenure);
    Ok(session.runtimes.wait(async move { tenure.tables().await })?)
}

/// `name`, `schema.name` or `lake.schema.name`.
fn find<'a>(relations: &'a [TableInfo], name: &str) -> Option<&'a TableInfo> {
    let wanted: Vec<String> = name
        .split('.')
        .map(|part| match part.strip_prefix('"').and_then(|p| p.strip_suffix('"')) {
            Some(quoted) => quoted.to_string(),
            None => part.to_ascii_lowercase(),
        })
        .collect();
    relations.iter().find(|table| {
        let full = [&table.catalog, &table.schema, &table.name];
        wanted.len() <= full.len()
            && full.iter().rev().zip(wanted.iter().rev()).all(|(have, want)| *have == want)
    })
}

fn missing(relations: &[TableInfo], name: &str) -> crate::cli::Stop {
    let error = Error::new(ErrorKind::UndefinedTable, format!("there is no table {name}"));
    let nearest = relations
        .iter()
        .map(|table| (strsim::damerau_levenshtein(name, &table.name), &table.name))
        .min()
        .filter(|(distance, _)| *distance <= name.len().max(3) / 2);
    match nearest {
        Some((_, near)) => error.with_hint(format!("did you mean {near}?")),
        None => error.with_hint("\\d lists the tables"),
    }
    .into()
}
