//! `\explain SQL`: the plan, as text that is not squeezed into a table.

use std::fmt::Write;

use datafusion::arrow::array::AsArray;
use datafusion::arrow::compute::cast;
use datafusion::arrow::datatypes::DataType;
use tenure::Error;

use super::{Command, Takes};
use crate::cli::session::Session;
use crate::cli::{Outcome, Stop, execute, pager};

pub(super) const COMMAND: Command = Command {
    names: &["explain"],
    arguments: "SQL",
    help: "the plan of a statement",
    takes: Takes::Sql,
    run,
};

fn run(session: &mut Session, sql: &str) -> Outcome {
    if sql.is_empty() {
        return Err(Stop::usage("\\explain takes a statement"));
    }
    let mut out = String::new();
    for batch in execute::collect(session, &format!("EXPLAIN {sql}"))? {
        let [kinds, plans] = batch.columns() else { continue };
        let text = |array| cast(array, &DataType::Utf8).map_err(Error::from);
        let (kinds, plans) = (text(kinds)?, text(plans)?);
        for (kind, plan) in kinds.as_string::<i32>().iter().zip(plans.as_string::<i32>()) {
            let title = kind.unwrap_or_default().replace('_', " ");
            let _ = writeln!(out, "{title}\n");
            for line in plan.unwrap_or_default().lines() {
                let _ = writeln!(out, "  {line}");
            }
            out.push('\n');
        }
    }
    pager::show(&session.output, session.settings.pager, out.trim_end_matches('\n'))?;
    session.output.text("\n")
}
