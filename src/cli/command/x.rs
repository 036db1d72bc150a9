//! `\x`: one value per line.

use super::{Command, Takes, toggle};

pub(super) const COMMAND: Command = Command {
    names: &["x", "expanded"],
    arguments: "[on|off]",
    help: "one value per line, for wide rows",
    takes: Takes::Switch,
    run: |session, argument| {
        session.settings.expanded = toggle("expanded", argument, session.settings.expanded)?;
        let state = if session.settings.expanded { "on" } else { "off" };
        session.confirm(&format!("one value per line is {state}"));
        Ok(())
    },
};
