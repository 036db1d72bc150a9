//! From the text of a statement to a plan: the dialect, what is rewritten before DataFusion plans,
//! and the relations that it does not know.

pub(crate) mod aggregate_once;
pub(crate) mod array_texts;
pub(crate) mod at_time_zone;
mod bounds;
pub(crate) mod calls;
mod cast_twins;
pub(crate) mod coalesce;
pub(crate) mod constants;
pub(crate) mod cooperative_joins;
pub(crate) mod date_patterns;
pub(crate) mod date_plus_interval;
mod dense_customers;
pub(crate) mod dialect;
pub(crate) mod equal_windows;
pub(crate) mod expressions;
pub(crate) mod fetch_first;
pub(crate) mod fields;
mod fit_once;
pub(crate) mod headings;
pub(crate) mod interval_clocks;
pub(crate) mod interval_order;
pub(crate) mod interval_times;
pub mod limits;
pub(crate) mod match_recognize;
mod materialized;
pub(crate) mod merge_union;
pub(crate) mod named_args;
pub(crate) mod parametric;
mod partitions;
mod places;
pub(crate) mod planner;
pub(crate) mod query;
pub(crate) mod relation_args;
pub(crate) mod relations;
pub(crate) mod selected_subqueries;
mod series;
pub(crate) mod short_times;
pub(crate) mod show;
pub(crate) mod sort_in_buckets;
pub(crate) mod spellings;
pub(crate) mod statements;
pub(crate) mod table;
pub(crate) mod unnest_keys;
mod using_keys;
pub(crate) mod whole_files;
pub(crate) mod wildcards;
pub(crate) mod window_by_group;
pub(crate) mod zoned_times;

use datafusion::arrow::datatypes::DataType;
use datafusion::execution::FunctionRegistry;
use datafusion::execution::SessionState;
use datafusion::logical_expr::TypeSignature;
use datafusion::logical_expr::sqlparser::ast::Statement as SqlStatement;
use datafusion::logical_expr::sqlparser::tokenizer::Tokenizer;
use datafusion::sql::parser::{CopyToSource, DFParserBuilder, Statement};

use crate::error::{Error, ErrorKind, Result};
use crate::params::Params;
use crate::udfs::rfm::rfm_apply_udf;
use crate::udfs::summary::customer_summary_udaf;
use dialect::TenureDialect;
pub(crate) use places::Places;

/// Parses one statement and rewrites it into what DataFusion plans.
pub(crate) fn parse(sql: &str, state: &SessionState, params: &Params) -> Result<Statement> {
    let mut statement = read(sql)?;
    rewrite(&mut statement, state, params)?;
    Ok(statement)
}

/// Parses one statement.
pub(crate) fn read(sql: &str) -> Result<Statement> {
    limits::check_length(sql)?;
    let tokens = Tokenizer::new(&TenureDialect, sql).tokenize_with_location().map_err(|e| {
        datafusion::common::DataFusionError::from(
            datafusion::logical_expr::sqlparser::parser::ParserError::from(e),
        )
    })?;
    limits::check_tokens(&tokens)?;
    let tokens = match_recognize::tokens::rewrite(materialized::leave_out(tokens));
    let mut parser = DFParserBuilder::new(tokens).with_dialect(&TenureDialect).build()?;
    let mut statements = parser.parse_statements()?;
    let Some(statement) = statements.pop_front() else {
        return Err(Error::new(ErrorKind::Syntax, "there is no statement"));
    };
    if !statements.is_empty() {
        return Err(Error::new(ErrorKind::Syntax, "there is more than one statement")
            .with_hint("split_statements() takes a script apart"));
    }
    Ok(statement)
}

/// Rewrites a statement into what DataFusion plans, with the values of its placeholders.
pub(crate) fn rewrite(
    statement: &mut Statement,
    state: &SessionState,
    params: &Params,
) -> Result<()> {
    match statement {
        Statement::Statement(inner) => rewrite_sql(inner, state, params),
        Statement::Explain(explain) => rewrite(&mut explain.statement, state, params),
        Statement::CopyTo(copy) => {
            match &mut copy.source {
                CopyToSource::Relation(name) => places::hide_name(name, state),
                CopyToSource::Query(query) => {
                    let mut inner = SqlStatement::Query(query.clone());
                    rewrite_sql(&mut inner, state, params)?;
                    if let SqlStatement::Query(rewritten) = inner {
                        *query = rewritten;
                    }
                }
            }
            Ok(())
        }
        _ => Ok(()),
    }
}

fn rewrite_sql(statement: &mut SqlStatement, state: &SessionState, params: &Params) -> Result<()> {
    headings::name(statement);
    params.bind(statement)?;
    show::rewrite(statement, state)?;
    relation_args::resolve(statement);
    places::hide(statement, state);
    parametric::rewrite(statement)?;
    fields::name(statement);
    date_patterns::translate(statement)?;
    spellings::respell(statement);
    array_texts::read(statement);
    short_times::complete(statement);
    interval_clocks::write_out(statement);
    series::name(statement);
    at_time_zone::call(statement);
    wildcards::qualify(statement);
    cast_twins::tell_apart(statement, &|function| state.udaf(function).is_ok());
    using_keys::write_out(statement)?;
    fetch_first::limit(statement);
    named_args::fill_gaps(statement, &|function| parameters(function, state))
}

/// Whether a function can be called with arguments of these types.
type Takes = Box<dyn Fn(&[DataType]) -> bool>;

/// The parameters of a function that coerces its arguments by itself, as Tenure's do. Others are
/// left to DataFusion: for them NULL is a value like any other.
fn parameters(function: &str, state: &SessionState) -> Option<named_args::Parameters> {
    let (signature, takes): (_, Takes) = if let Ok(f) = state.udf(function) {
        (f.signature().clone(), Box::new(move |types| f.coerce_types(types).is_ok()))
    } else if let Ok(f) = state.udaf(function) {
        (f.signature().clone(), Box::new(move |types| f.coerce_types(types).is_ok()))
    } else if let Ok(f) = state.udwf(function) {
        (f.signature().clone(), Box::new(move |types| f.coerce_types(types).is_ok()))
    } else {
        return None;
    };
    if signature.type_signature != TypeSignature::UserDefined {
        return None;
    }
    let names = signature.parameter_names?;
    let least = (0..=names.len()).find(|n| can_take(*n, &takes)).unwrap_or(0);
    Some(named_args::Parameters { names, least })
}

/// Whether a call with `n` arguments can be meant: NULLs, perhaps a STRUCT among them that stands
/// for several, a customer's summary or scores.
fn can_take(n: usize, takes: &dyn Fn(&[DataType]) -> bool) -> bool {
    let nulls = vec![DataType::Null; n];
    let summary = customer_summary_udaf().return_type(&[DataType::Null, DataType::Null]);
    let scores = rfm_apply_udf().return_type(&[DataType::Null, DataType::Null]);
    let with = |at: usize, ty: &DataType| {
        let mut types = nulls.clone();
        types.splice(at..=at, [ty.clone()]);
        types
    };
    takes(&nulls)
        || [summary, scores].iter().flatten().any(|ty| (0..n).any(|at| takes(&with(at, ty))))
}
