//! `tenure run NAME [LAKE]…`: a question of the query library.

use crate::cli::Outcome;
use crate::cli::command::run_query::{chart_of, query_with};
use crate::cli::session::Session;

/// Runs it with the parameters of the command line.
pub(crate) fn run(session: &mut Session, name: &str, chart: bool) -> Outcome {
    let given = session.params.clone();
    if chart { chart_of(session, name, &given) } else { query_with(session, name, &given) }
}
