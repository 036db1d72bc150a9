//! Subqueries for one value, of which the engine wants to know that they have not several.

use std::ops::ControlFlow;

use datafusion::logical_expr::sqlparser::ast::{
    Expr, Join, JoinOperator, Query, SelectItem, SetExpr, visit_expressions, visit_relations,
};
use datafusion::logical_expr::sqlparser::dialect::PostgreSqlDialect;
use datafusion::logical_expr::sqlparser::parser::Parser;

/// Whether a query is about what lakes have none of: the engine takes no subquery that might have
/// several rows for one value.
pub(super) fn asks_empty(query: &Query) -> bool {
    const EMPTY: [&str; 9] = [
        "pg_collation",
        "pg_attrdef",
        "pg_description",
        "pg_sequence",
        "pg_constraint",
        "pg_index",
        "pg_inherits",
        "pg_depend",
        "pg_enum",
    ];
    visit_relations(query, |name| {
        let table = name.0.last().map(|part| part.to_string().trim_matches('"').to_lowercase());
        match table.is_some_and(|table| EMPTY.contains(&table.as_str())) {
            true => ControlFlow::Break(()),
            false => ControlFlow::Continue(()),
        }
    })
    .is_break()
}

/// Whether a query has no rows for want of what it is about.
pub(super) fn finds_nothing(query: &Query) -> bool {
    let SetExpr::Select(select) = query.body.as_ref() else { return false };
    let mut joins = select.from.iter().flat_map(|from| &from.joins);
    let inner = |join: &Join| {
        use JoinOperator as Op;
        matches!(join.join_operator, Op::Join(_) | Op::Inner(_) | Op::CrossJoin(_))
    };
    joins.all(inner) && asks_empty(query)
}

/// A look-up by number as an aggregate, from which the engine knows that it has one value at most.
pub(super) fn one_value(query: &mut Query) {
    let plain = query.order_by.is_none() && query.limit_clause.is_none();
    let SetExpr::Select(select) = query.body.as_mut() else { return };
    let [SelectItem::UnnamedExpr(item) | SelectItem::ExprWithAlias { expr: item, .. }] =
        select.projection.as_mut_slice()
    else {
        return;
    };
    if !plain || !is_plain(item) {
        return;
    }
    let parsed = Parser::new(&PostgreSqlDialect {})
        .try_with_sql(&format!("max({item})"))
        .and_then(|mut parser| parser.parse_expr());
    if let Ok(max) = parsed {
        *item = max;
    }
}

/// Whether an expression is of one row: without aggregates and further subqueries.
fn is_plain(expr: &Expr) -> bool {
    const AGGREGATES: [&str; 9] =
        ["array_agg", "avg", "bool_and", "bool_or", "count", "max", "min", "string_agg", "sum"];
    visit_expressions(expr, |part| {
        let several = match part {
            Expr::Function(f) => f.name.0.last().is_none_or(|name| {
                AGGREGATES.iter().any(|a| name.to_string().eq_ignore_ascii_case(a))
            }),
            Expr::Subquery(_) | Expr::Exists { .. } | Expr::InSubquery { .. } => true,
            _ => false,
        };
        if several { ControlFlow::Break(()) } else { ControlFlow::Continue(()) }
    })
    .is_continue()
}
