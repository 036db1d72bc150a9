//! Relations as arguments: `f(events, …)`, `f(TABLE events, …)`, `f('s3://…', …)` and
//! `f((SELECT …), …)` all become the same subquery before planning.
//!
//! DataFusion looks up the tables of a statement by walking its syntax tree before it plans; a bare
//! name in the arguments of a function would not be found. As a subquery it is, and the names of
//! CTEs resolve as everywhere.

use std::ops::ControlFlow;

use datafusion::logical_expr::sqlparser::ast::{
    Expr, FunctionArg, FunctionArgExpr, Statement, TableFactor, Value, VisitMut, VisitorMut,
};

use super::dialect::select_all;
use super::relations;

/// Rewrites the first argument of every table function of Tenure in `statement`.
pub(crate) fn resolve(statement: &mut Statement) {
    let _ = statement.visit(&mut Resolver);
}

struct Resolver;

impl VisitorMut for Resolver {
    type Break = ();

    fn pre_visit_table_factor(&mut self, factor: &mut TableFactor) -> ControlFlow<()> {
        if let TableFactor::Table { name, args: Some(args), .. } = factor
            && relations::is_known(&name.to_string())
        {
            // the relation is the first argument, with or without its name
            if let Some(arg) = args.args.first_mut()
                && arg_name(arg).is_none_or(|n| n.eq_ignore_ascii_case("input"))
                && let Some(e) = expr_of(arg)
                && let Some(query) = as_query(e)
            {
                *e = query;
            }
        }
        ControlFlow::Continue(())
    }
}

fn arg_name(arg: &FunctionArg) -> Option<&str> {
    match arg {
        FunctionArg::Named { name, .. } => Some(&name.value),
        _ => None,
    }
}

fn expr_of(arg: &mut FunctionArg) -> Option<&mut Expr> {
    match arg {
        FunctionArg::Unnamed(FunctionArgExpr::Expr(e))
        | FunctionArg::Named { arg: FunctionArgExpr::Expr(e), .. } => Some(e),
        _ => None,
    }
}

/// `SELECT * FROM <what the expression names>`; `None` if it names nothing.
fn as_query(e: &Expr) -> Option<Expr> {
    let relation = match e {
        Expr::Identifier(name) => name.to_string(),
        Expr::CompoundIdentifier(parts) => {
            parts.iter().map(ToString::to_string).collect::<Vec<_>>().join(".")
        }
        Expr::Value(v) => match &v.value {
            Value::SingleQuotedString(path) => {
                if path.contains(['/', '*']) {
                    format!("'{}'", path.replace('\'', "''"))
                } else {
                    path.clone()
                }
            }
            _ => return None,
        },
        _ => return None,
    };
    select_all(&relation).ok()
}
