//! `\i FILE`: run the statements of a file.

use std::path::Path;

use super::o::unquoted;
use super::{Command, Takes};
use crate::cli::{Stop, batch};

pub(super) const COMMAND: Command = Command {
    names: &["i", "read"],
    arguments: "FILE",
    help: "run the statements of a file",
    takes: Takes::Path,
    run: |session, argument| {
        if argument.is_empty() {
            return Err(Stop::usage("\\i takes the name of a file"));
        }
        batch::file(session, Path::new(unquoted(argument)), false)?;
        Ok(())
    },
};
