//! `\pager [auto|on|off]`: when results go through the pager.

use super::{Command, Takes};
use crate::cli::config;

pub(super) const COMMAND: Command = Command {
    names: &["pager"],
    arguments: "[auto|on|off]",
    help: "what does not fit on the screen goes through $PAGER; off: a box is cut",
    takes: Takes::Pager,
    run: |session, argument| {
        if !argument.is_empty() {
            config::set(session, "pager", argument)?;
        }
        let when = config::get(session, "pager");
        session.confirm(&format!("the pager is {when}"));
        Ok(())
    },
};
