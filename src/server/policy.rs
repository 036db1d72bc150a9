//! What a client's statement may do, by what it plans to do. Everything is refused that is not
//! allowed here: the matches have no arm for the rest, so that a new kind of plan in DataFusion does
//! not compile until someone has thought about it.

use std::sync::Arc;

use datafusion::common::DataFusionError;
use datafusion::common::tree_node::TreeNodeRecursion;
use datafusion::logical_expr::{DdlStatement, LogicalPlan, Statement};

use crate::Policy;
use crate::error::{Error, ErrorKind, Result};

/// What a session may do beyond asking.
#[derive(Debug, Clone, Copy)]
pub(super) struct Granted {
    /// make views of its own
    pub(super) views: bool,
    /// look at what each step of a query did, which tells of files and rows that are not in its answer
    pub(super) analyze: bool,
}

/// The policy of a session.
pub(super) fn policy(granted: Granted) -> Policy {
    Arc::new(move |plan| check(plan, granted))
}

fn check(plan: &LogicalPlan, granted: Granted) -> Result<()> {
    let mut refused = None;
    plan.apply_with_subqueries(|node| {
        Ok::<_, DataFusionError>(match node_allowed(node, granted) {
            Ok(()) => TreeNodeRecursion::Continue,
            Err(e) => {
                refused = Some(e);
                TreeNodeRecursion::Stop
            }
        })
    })?;
    refused.map_or(Ok(()), Err)
}

/// Nodes of plans that are Tenure's own.
const OWN: [&str; 2] = ["MatchRecognize", "NoKeys"];

#[deny(clippy::wildcard_enum_match_arm)]
fn node_allowed(plan: &LogicalPlan, granted: Granted) -> Result<()> {
    match plan {
        LogicalPlan::Projection(_)
        | LogicalPlan::Filter(_)
        | LogicalPlan::Window(_)
        | LogicalPlan::Aggregate(_)
        | LogicalPlan::Sort(_)
        | LogicalPlan::Join(_)
        | LogicalPlan::Repartition(_)
        | LogicalPlan::Union(_)
        // a table of the lake: paths are refused where tables are found
        | LogicalPlan::TableScan(_)
        | LogicalPlan::EmptyRelation(_)
        | LogicalPlan::Subquery(_)
        | LogicalPlan::SubqueryAlias(_)
        | LogicalPlan::Limit(_)
        | LogicalPlan::Values(_)
        | LogicalPlan::Explain(_)
        | LogicalPlan::Distinct(_)
        | LogicalPlan::DescribeTable(_)
        | LogicalPlan::Unnest(_)
        | LogicalPlan::RecursiveQuery(_) => Ok(()),
        LogicalPlan::Analyze(_) if granted.analyze => Ok(()),
        LogicalPlan::Analyze(_) => Err(forbidden("EXPLAIN ANALYZE")
            .with_hint("EXPLAIN shows the plan; the server's --allow-analyze lets it be measured")),
        LogicalPlan::Extension(extension) if OWN.contains(&extension.node.name()) => Ok(()),
        LogicalPlan::Extension(_) => Err(forbidden("a step that the server does not know")),
        LogicalPlan::Statement(statement) => statement_allowed(statement),
        LogicalPlan::Ddl(ddl) => ddl_allowed(ddl, granted),
        LogicalPlan::Dml(_) => Err(read_only("changing tables")),
        LogicalPlan::Copy(_) => Err(forbidden("writing files")
            .with_hint("COPY (…) TO STDOUT sends rows to the client")),
    }
}

#[deny(clippy::wildcard_enum_match_arm)]
fn statement_allowed(statement: &Statement) -> Result<()> {
    match statement {
        Statement::SetVariable(set) => setting_allowed(&set.variable),
        Statement::ResetVariable(reset) => setting_allowed(&reset.variable),
        Statement::TransactionStart(_)
        | Statement::TransactionEnd(_)
        | Statement::Prepare(_)
        | Statement::Execute(_)
        | Statement::Deallocate(_) => {
            Err(forbidden("this statement").with_hint("use the protocol's prepared statements"))
        }
    }
}

/// Only what is asked of the lake can be set; what limits the session cannot.
fn setting_allowed(variable: &str) -> Result<()> {
    if variable.starts_with("tenure.") {
        return Ok(());
    }
    Err(forbidden(&format!("setting {variable}"))
        .with_hint("the settings of a session are tenure.*; SHOW tenure lists them"))
}

#[deny(clippy::wildcard_enum_match_arm)]
fn ddl_allowed(ddl: &DdlStatement, granted: Granted) -> Result<()> {
    match ddl {
        DdlStatement::CreateView(_) | DdlStatement::DropView(_) if granted.views => Ok(()),
        DdlStatement::CreateView(_) | DdlStatement::DropView(_) => {
            Err(read_only("making or dropping views"))
        }
        // it would be memory that no limit counts
        DdlStatement::CreateMemoryTable(_) | DdlStatement::DropTable(_) => {
            Err(read_only("making or dropping tables"))
        }
        DdlStatement::CreateExternalTable(_)
        | DdlStatement::CreateCatalogSchema(_)
        | DdlStatement::CreateCatalog(_)
        | DdlStatement::CreateIndex(_)
        | DdlStatement::DropCatalogSchema(_)
        | DdlStatement::CreateFunction(_)
        | DdlStatement::DropFunction(_) => Err(forbidden("this kind of definition")),
    }
}

fn forbidden(what: &str) -> Error {
    Error::new(ErrorKind::Forbidden, format!("{what} is not allowed in this session"))
}

fn read_only(what: &str) -> Error {
    Error::new(ErrorKind::ReadOnly, format!("the session is read-only: {what} is not allowed"))
}
