//! `\o [FILE]`: results to a file, or back to the screen.

use std::path::PathBuf;

use super::{Command, Takes};

pub(super) const COMMAND: Command = Command {
    names: &["o", "output"],
    arguments: "[FILE]",
    help: "results to a file in the format of its extension; alone: back to the screen",
    takes: Takes::Path,
    run: |session, argument| {
        if argument.is_empty() {
            session.output.redirect(None)?;
            session.confirm("results go to the screen");
        } else {
            let path = PathBuf::from(unquoted(argument));
            session.output.redirect(Some(&path))?;
            session.confirm(&format!("results go to {}", path.display()));
        }
        Ok(())
    },
};

/// A path may stand in quotes.
pub(super) fn unquoted(text: &str) -> &str {
    ['\'', '"']
        .into_iter()
        .find_map(|quote| text.strip_prefix(quote)?.strip_suffix(quote))
        .unwrap_or(text)
}
