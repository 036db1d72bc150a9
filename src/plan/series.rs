//! `SELECT n FROM generate_series(1, 3) AS n`: a series whose name is its column's too, as in
//! PostgreSQL, and whose step may be a text: `'1 day'`. Where the name is not used so, the column is
//! `value`, as in DataFusion.

use std::ops::ControlFlow;

use datafusion::logical_expr::sqlparser::ast::{
    Expr, FunctionArg, FunctionArgExpr, Ident, Query, SetExpr, Statement, TableAlias,
    TableAliasColumnDef, TableFactor, Value, Visit, VisitMut, Visitor, VisitorMut,
};

use super::query;

/// Names the columns of series, and reads their steps.
pub(crate) fn name(statement: &mut Statement) {
    let _: ControlFlow<()> = statement.visit(&mut Series);
}

struct Series;

impl VisitorMut for Series {
    type Break = ();

    fn pre_visit_query(&mut self, query: &mut Query) -> ControlFlow<()> {
        let Query { body, order_by, .. } = query;
        let SetExpr::Select(select) = body.as_mut() else { return ControlFlow::Continue(()) };
        let mut from = std::mem::take(&mut select.from);
        let mut aliases = vec![];
        for from in &mut from {
            let joined = from.joins.iter_mut().map(|join| &mut join.relation);
            for factor in std::iter::once(&mut from.relation).chain(joined) {
                aliases.extend(alias_of_series(factor).filter(|alias| alias.columns.is_empty()));
            }
        }
        if !aliases.is_empty() {
            let mut names = Names(vec![]);
            let _ = Visit::visit(select, &mut names);
            let _ = Visit::visit(order_by, &mut names);
            for alias in aliases.into_iter().filter(|a| names.0.contains(&folded(&a.name))) {
                let name = alias.name.clone();
                alias.columns.push(TableAliasColumnDef { name, data_type: None });
            }
        }
        select.from = from;
        ControlFlow::Continue(())
    }
}

/// The alias of a series, whose step is read.
fn alias_of_series(factor: &mut TableFactor) -> Option<&mut TableAlias> {
    let (name, args, alias) = match factor {
        TableFactor::Table { name, args: Some(args), alias, .. } => (name, &mut args.args, alias),
        TableFactor::Function { name, args, alias, .. } => (name, args, alias),
        _ => return None,
    };
    let name = name.to_string().to_lowercase();
    if name != "generate_series" && name != "range" {
        return None;
    }
    if let Some(FunctionArg::Unnamed(FunctionArgExpr::Expr(step))) = args.get_mut(2)
        && let Expr::Value(value) = step
        && let Value::SingleQuotedString(text) = &value.value
    {
        *step = query::interval(text);
    }
    alias.as_mut()
}

/// The columns that go by their bare names.
struct Names(Vec<String>);

impl Visitor for Names {
    type Break = ();

    fn pre_visit_expr(&mut self, expr: &Expr) -> ControlFlow<()> {
        if let Expr::Identifier(name) = expr {
            self.0.push(folded(name));
        }
        ControlFlow::Continue(())
    }
}

fn folded(name: &Ident) -> String {
    if name.quote_style.is_some() { name.value.clone() } else { name.value.to_lowercase() }
}
