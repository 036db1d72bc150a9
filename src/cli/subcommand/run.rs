//! `tenure run NAME [LAKE]…`: a question of the query library.

use crate::cli::Outcome;
use crate::cli::command::run_query::query_with;
use crate::cli::session::Session;

/// Runs it with the parameters of the command line.
pub(crate) fn run(session: &mut Session, name: &str) -> Outcome {
    let given = session.params.clone();
    query_with(session, name, &given)
}
