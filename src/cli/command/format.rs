//! `\format [name]`: how results are written.

use super::{Command, Takes};
use crate::cli::config;

pub(super) const COMMAND: Command = Command {
    names: &["format", "mode"],
    arguments: "[name]",
    help: "box, line, csv, tsv, json, ndjson, markdown, arrow, parquet",
    takes: Takes::Format,
    run: |session, argument| {
        if !argument.is_empty() {
            config::set(session, "format", argument)?;
        }
        let format = config::get(session, "format");
        session.confirm(&format!("the format is {format}"));
        Ok(())
    },
};
