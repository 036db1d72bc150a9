//! From the text of a statement to a plan: the dialect, what is rewritten before DataFusion plans,
//! and the relations that it does not know.

pub(crate) mod aggregate_once;
pub(crate) mod change_points;
pub(crate) mod dialect;
pub mod limits;
pub(crate) mod named_args;
pub(crate) mod relation_args;
pub(crate) mod relations;
pub(crate) mod show;
pub(crate) mod statements;

use datafusion::execution::SessionState;
use datafusion::execution::FunctionRegistry;
use datafusion::logical_expr::sqlparser::ast::Statement as SqlStatement;
use datafusion::logical_expr::sqlparser::tokenizer::Tokenizer;
use datafusion::sql::parser::{DFParserBuilder, Statement};

use crate::error::{Error, ErrorKind, Result};
use crate::params::Params;
use dialect::TenureDialect;

/// Parses one statement and rewrites it into what DataFusion plans.
pub(crate) fn parse(sql: &str, state: &SessionState, params: &Params) -> Result<Statement> {
    limits::check_length(sql)?;
    let tokens = Tokenizer::new(&TenureDialect, sql)
        .tokenize_with_location()
        .map_err(|e| datafusion::common::DataFusionError::from(datafusion::logical_expr::sqlparser::parser::ParserError::from(e)))?;
    limits::check_tokens(&tokens)?;
    let mut parser = DFParserBuilder::new(tokens).with_dialect(&TenureDialect).build()?;
    let mut statements = parser.parse_statements()?;
    let Some(mut statement) = statements.pop_front() else {
        return Err(Error::new(ErrorKind::Syntax, "there is no statement"));
    };
    if !statements.is_empty() {
        return Err(Error::new(ErrorKind::Syntax, "there is more than one statement")
            .with_hint("split_statements() takes a script apart"));
    }
    rewrite(&mut statement, state, params)?;
    Ok(statement)
}

fn rewrite(statement: &mut Statement, state: &SessionState, params: &Params) -> Result<()> {
    match statement {
        Statement::Statement(inner) => rewrite_sql(inner, state, params),
        Statement::Explain(explain) => rewrite(&mut explain.statement, state, params),
        _ => Ok(()),
    }
}

fn rewrite_sql(statement: &mut SqlStatement, state: &SessionState, params: &Params) -> Result<()> {
    params.bind(statement)?;
    show::rewrite(statement, state)?;
    relation_args::resolve(statement);
    named_args::fill_gaps(statement, &|function| parameter_names(function, state))
}

/// The names of the parameters of a function of the session.
fn parameter_names(function: &str, state: &SessionState) -> Option<Vec<String>> {
    let signature = if let Ok(f) = state.udf(function) {
        f.signature().clone()
    } else if let Ok(f) = state.udaf(function) {
        f.signature().clone()
    } else if let Ok(f) = state.udwf(function) {
        f.signature().clone()
    } else {
        return None;
    };
    signature.parameter_names
}
