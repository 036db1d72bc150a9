//! `\q`: leave.

use super::{Command, Takes};

pub(super) const COMMAND: Command = Command {
    names: &["q", "quit", "exit"],
    arguments: "",
    help: "leave (Ctrl-D does the same)",
    takes: Takes::Nothing,
    // the dispatcher ends the session itself
    run: |_, _| Ok(()),
};
