//! `\dt`: the tables.

use tenure::{TableInfo, TableKind};

use super::{Command, Takes};
use crate::cli::Outcome;
use crate::cli::session::Session;

pub(super) const COMMAND: Command = Command {
    names: &["dt", "tables"],
    arguments: "[pattern]",
    help: "tables: the files of the lake and what you made",
    takes: Takes::Table,
    run,
};

fn run(session: &mut Session, pattern: &str) -> Outcome {
    list(session, pattern, |table| table.kind == TableKind::Table)
}

/// Lists the relations that pass and whose name holds the pattern.
pub(super) fn list(
    session: &mut Session,
    pattern: &str,
    pass: impl Fn(&TableInfo) -> bool,
) -> Outcome {
    let pattern = pattern.trim_matches(['*', '%']).to_ascii_lowercase();
    let all = super::d::relations(session)?;
    // a lake's tables stand in `raw` and, where no view has the name, in `main`: one line each
    let twice = |table: &TableInfo| {
        table.schema == "raw"
            && all.iter().any(|t| {
                t.schema == "main"
                    && t.kind == table.kind
                    && t.name == table.name
                    && t.catalog == table.catalog
            })
    };
    let named = |table: &TableInfo| table.name.to_ascii_lowercase().contains(&pattern);
    let found: Vec<_> =
        all.iter().filter(|table| pass(table) && named(table) && !twice(table)).collect();
    let column = |text: fn(&TableInfo) -> String| found.iter().map(|t| text(t)).collect::<Vec<_>>();
    session.list(vec![
        ("lake", column(|t| t.catalog.clone())),
        ("schema", column(|t| t.schema.clone())),
        ("name", column(|t| t.name.clone())),
        ("kind", column(|t| if t.kind == TableKind::View { "view" } else { "table" }.into())),
        ("columns", column(|t| t.columns.len().to_string())),
    ])
}
