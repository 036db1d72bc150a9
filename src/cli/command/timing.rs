//! `\timing`: the footer after every result.

use super::{Command, Takes, toggle};

pub(super) const COMMAND: Command = Command {
    names: &["timing", "timer"],
    arguments: "[on|off]",
    help: "rows, seconds and MB read after every result",
    takes: Takes::Switch,
    run: |session, argument| {
        session.settings.timing = toggle("timing", argument, session.settings.timing)?;
        let state = if session.settings.timing { "on" } else { "off" };
        session.confirm(&format!("timing is {state}"));
        Ok(())
    },
};
