//! `\d [table]`: relations, or the columns of one and what is known of its files.

use std::sync::Arc;

use indicatif::HumanCount;
use tenure::lake::LakeTable;
use tenure::render::type_name;
use tenure::{Error, ErrorKind, TableInfo};

use super::{Command, Takes};
use crate::cli::Outcome;
use crate::cli::execute::megabytes;
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
    let files = files(session, table)?;
    session.list(columns)?;
    if let Some(files) = files {
        session.output.aside(&files);
    }
    Ok(())
}

/// What is known of the files behind a table, in one line.
fn files(session: &Session, table: &TableInfo) -> Outcome<Option<String>> {
    let context = session.tenure.context().clone();
    let TableInfo { catalog, schema, name, .. } = table.clone();
    let provider = session.runtimes.wait(async move {
        let Some(schema) = context.catalog(&catalog).and_then(|c| c.schema(&schema)) else {
            return Ok(None);
        };
        Ok(schema.table(&name).await?)
    })?;
    let Some(provider) = provider else { return Ok(None) };
    let Some(lake) = provider.downcast_ref::<LakeTable>() else { return Ok(None) };
    let count = lake.files();
    let unit = if count == 1 { "file" } else { "files" };
    let mut parts = vec![format!("{count} {unit}"), megabytes(lake.bytes())];
    if let Some(rows) = lake.rows() {
        parts.push(format!("{} rows", HumanCount(rows)));
    }
    if !lake.partition_columns().is_empty() {
        parts.push(format!("partitioned by {}", lake.partition_columns().join(", ")));
    }
    parts.push(lake.location().to_string());
    Ok(Some(parts.join(" · ")))
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
