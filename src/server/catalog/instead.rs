//! No rows, with the columns that a question asks for.

use std::sync::Arc;

use datafusion::arrow::array::RecordBatch;
use datafusion::arrow::datatypes::{DataType, Field, Schema};
use datafusion::logical_expr::sqlparser::ast::{Expr, SelectItem, SetExpr, Statement};
use datafusion::logical_expr::sqlparser::dialect::PostgreSqlDialect;
use datafusion::logical_expr::sqlparser::parser::Parser;

/// An answer without rows; none for what is no question at all, or not about the catalog alone.
pub(super) fn nothing(sql: &str) -> Option<RecordBatch> {
    let statement = Parser::parse_sql(&PostgreSqlDialect {}, sql).ok()?.into_iter().next()?;
    let Statement::Query(query) = statement else { return None };
    if !only_catalog(&query.to_string()) {
        return None;
    }
    let mut body = query.body.as_ref();
    let select = loop {
        match body {
            SetExpr::Select(select) => break select,
            SetExpr::SetOperation { left, .. } => body = left,
            SetExpr::Query(query) => body = query.body.as_ref(),
            _ => return None,
        }
    };
    let fields: Vec<Field> =
        select.projection.iter().map(|item| Field::new(name(item), DataType::Utf8, true)).collect();
    Some(RecordBatch::new_empty(Arc::new(Schema::new(fields))))
}

/// Whether every relation of a query is PostgreSQL's own: a mistake in a question about customers is
/// an error.
fn only_catalog(sql: &str) -> bool {
    use datafusion::logical_expr::sqlparser::ast::visit_relations;
    use std::ops::ControlFlow;
    let Ok(statements) = Parser::parse_sql(&PostgreSqlDialect {}, sql) else { return false };
    let mut names = vec![];
    let mut ctes = vec![];
    for statement in &statements {
        let _ = visit_relations(statement, |name| {
            let parts: Vec<String> =
                name.0.iter().map(|p| p.to_string().trim_matches('"').to_lowercase()).collect();
            names.push(parts);
            ControlFlow::<()>::Continue(())
        });
        if let Statement::Query(query) = statement
            && let Some(with) = &query.with
        {
            ctes.extend(with.cte_tables.iter().map(|cte| cte.alias.name.value.to_lowercase()));
        }
    }
    names.iter().all(|parts| match parts.as_slice() {
        [name] => name.starts_with("pg_") || ctes.contains(name),
        [.., schema, _] => schema == "pg_catalog" || schema == "information_schema",
        [] => true,
    })
}

fn name(item: &SelectItem) -> String {
    match item {
        SelectItem::ExprWithAlias { alias, .. } => alias.value.clone(),
        SelectItem::UnnamedExpr(expr) => of_expr(expr),
        _ => "?column?".to_owned(),
    }
}

/// The name that PostgreSQL gives a column without one.
fn of_expr(expr: &Expr) -> String {
    match expr {
        Expr::Identifier(name) => name.value.clone(),
        Expr::CompoundIdentifier(names) => {
            names.last().map_or_else(|| "?column?".to_owned(), |n| n.value.clone())
        }
        Expr::Function(f) => {
            f.name.0.last().map_or_else(|| "?column?".to_owned(), |n| n.to_string().to_lowercase())
        }
        Expr::Cast { expr, .. } | Expr::Nested(expr) => of_expr(expr),
        Expr::Case { .. } => "case".to_owned(),
        _ => "?column?".to_owned(),
    }
}
