//! A model in words, for `\lake`.

use std::fmt::Write as _;

use super::{Model, Role};

/// One line per table and role.
pub(crate) fn describe(model: &Model) -> String {
    let mut out = String::new();
    let origin = if model.inferred {
        "inferred from names and types; `tenure init` writes it down for editing"
    } else {
        "from tenure.toml"
    };
    let _ = writeln!(out, "model: {origin}");
    for table in &model.tables {
        let _ = write!(out, "  {}", table.name);
        if let Some(path) = &table.path {
            let _ = write!(out, " ({path})");
        }
        out.push('\n');
        for role in Role::ALL {
            if let Some(sql) = table.role(role) {
                let _ = writeln!(out, "    {:<12} {sql}", role.column());
            }
        }
        if let Some(filter) = &table.filter {
            let _ = writeln!(out, "    {:<12} {filter}", "where");
        }
        if !table.attributes.is_empty() {
            let _ = writeln!(out, "    {:<12} {}", "attributes", table.attributes.join(", "));
        }
    }
    for note in &model.notes {
        let _ = writeln!(out, "  note: {note}");
    }
    out
}
