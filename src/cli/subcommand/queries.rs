//! `tenure queries [PATTERN]`: the query library, without a lake.

use crate::cli::Outcome;
use crate::cli::command::queries::columns;
use crate::cli::output::Output;
use crate::cli::session::list;

/// Prints the list.
pub(crate) fn print(pattern: Option<&str>, mut output: Output) -> Outcome {
    list(&mut output, columns(pattern.unwrap_or_default())?)
}
