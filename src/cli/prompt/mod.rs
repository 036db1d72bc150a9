//! The prompt.

use super::Outcome;
use super::session::Session;

/// Reads and runs statements until the user leaves.
pub(crate) fn run(_session: &mut Session, _no_init: bool) -> Outcome {
    Ok(())
}
