//! No rows, with the columns that a question asks for; one, where it counts them.

use std::ops::ControlFlow;
use std::sync::Arc;

use datafusion::arrow::array::{ArrayRef, BooleanArray, Int64Array, RecordBatch, new_null_array};
use datafusion::arrow::datatypes::{DataType, Field, Schema};
use datafusion::logical_expr::sqlparser::ast::{
    Expr, Function, FunctionArg, FunctionArgExpr, FunctionArguments, GroupByExpr, JoinOperator,
    ObjectName, SelectItem, SetExpr, Statement, TableFactor, TableWithJoins, visit_expressions,
    visit_relations,
};
use datafusion::logical_expr::sqlparser::dialect::PostgreSqlDialect;
use datafusion::logical_expr::sqlparser::parser::Parser;

use crate::error::{Error, ErrorKind};

/// Whether an error may come of what the catalog or the engine lacks. A value that cannot be meant is
/// the client's own mistake, and a limit is one for such questions too.
pub(super) fn is_not_understood(e: &Error) -> bool {
    use ErrorKind as Kind;
    match e.kind() {
        Kind::DivisionByZero | Kind::OutOfRange => false,
        Kind::Unreadable | Kind::UnreadableTime => false,
        Kind::Interrupted | Kind::Memory | Kind::Disk | Kind::Forbidden | Kind::ReadOnly => false,
        _ => !e.to_string().starts_with("cannot cast"),
    }
}

/// An answer without rows; none for what is no question at all, or not about the catalog alone. One
/// that names no relation has a row or an error.
pub(super) fn nothing(sql: &str) -> Option<RecordBatch> {
    let statement = Parser::parse_sql(&PostgreSqlDialect {}, sql).ok()?.into_iter().next()?;
    let names_some = visit_relations(&statement, |_| ControlFlow::Break(())).is_break();
    if !names_some || !only_catalog(&statement) {
        return None;
    }
    let Statement::Query(query) = statement else { return None };
    let mut body = query.body.as_ref();
    let select = loop {
        match body {
            SetExpr::Select(select) => break select,
            SetExpr::SetOperation { left, .. } => body = left,
            SetExpr::Query(query) => body = query.body.as_ref(),
            _ => return None,
        }
    };
    let columns: Vec<(String, ArrayRef)> = select.projection.iter().map(column).collect();
    // without groups an aggregate has a row of no rows
    let grouped = !matches!(&select.group_by, GroupByExpr::Expressions(by, _) if by.is_empty());
    let one = !grouped && select.having.is_none() && select.projection.iter().any(aggregates);
    let rows = usize::from(one);
    let fields: Vec<Field> = columns
        .iter()
        .map(|(name, values)| Field::new(name, values.data_type().clone(), true))
        .collect();
    let values = columns.into_iter().map(|(_, values)| values.slice(0, rows)).collect();
    RecordBatch::try_new(Arc::new(Schema::new(fields)), values).ok()
}

/// The name of an item, and what it is of no rows.
fn column(item: &SelectItem) -> (String, ArrayRef) {
    let value: ArrayRef = match item {
        SelectItem::UnnamedExpr(e) | SelectItem::ExprWithAlias { expr: e, .. } => match e {
            Expr::Function(f) if is_called(f, &["count"]) => Arc::new(Int64Array::from(vec![0])),
            Expr::Exists { negated, .. } => Arc::new(BooleanArray::from(vec![*negated])),
            _ => new_null_array(&DataType::Utf8, 1),
        },
        _ => new_null_array(&DataType::Utf8, 1),
    };
    (name(item), value)
}

fn aggregates(item: &SelectItem) -> bool {
    const AGGREGATES: [&str; 9] =
        ["array_agg", "avg", "bool_and", "bool_or", "count", "max", "min", "string_agg", "sum"];
    let (SelectItem::UnnamedExpr(expr) | SelectItem::ExprWithAlias { expr, .. }) = item else {
        return false;
    };
    let found = visit_expressions(expr, |part| match part {
        Expr::Function(f) if f.over.is_none() && is_called(f, &AGGREGATES) => {
            ControlFlow::Break(())
        }
        _ => ControlFlow::Continue(()),
    });
    found.is_break()
}

fn is_called(call: &Function, names: &[&str]) -> bool {
    let called = call.name.0.last().map(|last| last.to_string().to_lowercase());
    called.is_some_and(|called| names.contains(&called.as_str()))
}

/// Relations of which lakes have none: no rows are the answer to a question about them.
const NONE: [&str; 25] = [
    "pg_attrdef",
    "pg_available_extensions",
    "pg_constraint",
    "pg_enum",
    "pg_event_trigger",
    "pg_foreign_server",
    "pg_foreign_table",
    "pg_group",
    "pg_index",
    "pg_indexes",
    "pg_inherits",
    "pg_locks",
    "pg_matviews",
    "pg_partitioned_table",
    "pg_policies",
    "pg_policy",
    "pg_publication",
    "pg_publication_tables",
    "pg_rewrite",
    "pg_rules",
    "pg_sequence",
    "pg_sequences",
    "pg_statistic_ext",
    "pg_trigger",
    "pg_user_mapping",
];

/// Whether a question can only be answered with no rows, since what it asks of must be there and is
/// not.
pub(super) fn is_of_nothing(sql: &str) -> bool {
    let Ok(statements) = Parser::parse_sql(&PostgreSqlDialect {}, sql) else { return false };
    match statements.as_slice() {
        [Statement::Query(query)] => body_of_nothing(&query.body),
        _ => false,
    }
}

fn body_of_nothing(body: &SetExpr) -> bool {
    match body {
        SetExpr::Select(select) => {
            select.from.iter().any(joined_of_nothing) || select.projection.iter().any(lists_rights)
        }
        SetExpr::Query(query) => body_of_nothing(&query.body),
        SetExpr::SetOperation { left, right, .. } => {
            body_of_nothing(left) && body_of_nothing(right)
        }
        _ => false,
    }
}

/// Whether one of the relations that must have a row has none.
fn joined_of_nothing(from: &TableWithJoins) -> bool {
    let needed = from.joins.iter().filter(|join| {
        matches!(
            join.join_operator,
            JoinOperator::Join(_) | JoinOperator::Inner(_) | JoinOperator::CrossJoin(_)
        )
    });
    let mut relations = std::iter::once(&from.relation).chain(needed.map(|join| &join.relation));
    relations.any(factor_of_nothing)
}

fn factor_of_nothing(factor: &TableFactor) -> bool {
    match factor {
        TableFactor::Function { name, .. } | TableFactor::Table { name, args: Some(_), .. } => {
            is_aclexplode(name)
        }
        TableFactor::Table { name, .. } => name.0.last().is_some_and(|last| {
            let last = last.to_string().trim_matches('"').to_lowercase();
            NONE.contains(&last.as_str())
        }),
        TableFactor::Derived { subquery, .. } => body_of_nothing(&subquery.body),
        TableFactor::NestedJoin { table_with_joins, .. } => joined_of_nothing(table_with_joins),
        _ => false,
    }
}

/// Whether a row is asked for each of the rights that are noted of something: none are.
fn lists_rights(item: &SelectItem) -> bool {
    let (SelectItem::UnnamedExpr(expr) | SelectItem::ExprWithAlias { expr, .. }) = item else {
        return false;
    };
    let mut inner = expr;
    loop {
        inner = match inner {
            Expr::Nested(expr) | Expr::Cast { expr, .. } => expr,
            Expr::CompoundFieldAccess { root, .. } => root,
            Expr::Function(f) => return is_aclexplode(&f.name) || unnests_rights(f),
            _ => return false,
        };
    }
}

/// `unnest(relacl)`
fn unnests_rights(call: &Function) -> bool {
    let FunctionArguments::List(list) = &call.args else { return false };
    let [FunctionArg::Unnamed(FunctionArgExpr::Expr(of))] = list.args.as_slice() else {
        return false;
    };
    call.name.0.last().is_some_and(|name| name.to_string().eq_ignore_ascii_case("unnest"))
        && of_expr(of).to_lowercase().ends_with("acl")
}

fn is_aclexplode(name: &ObjectName) -> bool {
    let last = name.0.last().map(|last| last.to_string().to_lowercase());
    last.as_deref() == Some("aclexplode")
}

/// Whether every relation of a question is PostgreSQL's own: a mistake in a question about customers
/// is an error.
pub(super) fn only_catalog(statement: &Statement) -> bool {
    let mut names = vec![];
    let _ = visit_relations(statement, |name| {
        let parts: Vec<String> =
            name.0.iter().map(|p| p.to_string().trim_matches('"').to_lowercase()).collect();
        names.push(parts);
        ControlFlow::<()>::Continue(())
    });
    let mut ctes = vec![];
    if let Statement::Query(query) = statement
        && let Some(with) = &query.with
    {
        ctes.extend(with.cte_tables.iter().map(|cte| cte.alias.name.value.to_lowercase()));
    }
    names.iter().all(|parts| match parts.as_slice() {
        // series of numbers are nobody's
        [name] => name.starts_with("pg_") || name == "generate_series" || ctes.contains(name),
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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_a_question_about_relations_of_the_catalog_may_have_no_answer() {
        for (sql, about) in [
            ("SELECT f(relname) FROM pg_class", true),
            ("SELECT (SELECT f(oid) FROM pg_catalog.pg_type)", true),
            ("SELECT pg_cancel_backend(1)", false),
            ("SELECT f(customer_id) FROM orders, pg_class", false),
        ] {
            assert_eq!(nothing(sql).is_some(), about, "{sql}");
        }
    }

    #[test]
    fn an_aggregate_has_a_row_of_no_rows() {
        let rows = |sql| {
            let batch = nothing(sql).expect("an answer");
            let first = batch.column(0);
            (batch.num_rows(), first.data_type().clone(), first.null_count())
        };
        assert_eq!(rows("SELECT count(*) FROM pg_cursors"), (1, DataType::Int64, 0));
        assert_eq!(rows("SELECT max(name), count(*) FROM pg_cursors"), (1, DataType::Utf8, 1));
        assert_eq!(rows("SELECT name, count(*) FROM pg_cursors GROUP BY name").0, 0);
        assert_eq!(rows("SELECT count(*) OVER () FROM pg_cursors").0, 0);
        assert_eq!(rows("SELECT name FROM pg_cursors").0, 0);
    }

    #[test]
    fn what_lakes_have_none_of_is_known() {
        for sql in [
            "SELECT 1 FROM pg_class c, pg_catalog.pg_index i WHERE i.indrelid = c.oid",
            "SELECT 1 FROM pg_class c JOIN (SELECT conrelid FROM pg_constraint) k ON k.conrelid = c.oid",
            "SELECT (aclexplode(relacl)).grantee::regrole FROM pg_class",
            "SELECT c.oid, pg_catalog.aclexplode(c.relacl) AS acl FROM pg_class c",
            "SELECT oid, unnest(T.relacl) FROM pg_class T UNION ALL SELECT 1, unnest(nspacl) FROM pg_namespace",
            "SELECT 1 FROM pg_class c, LATERAL aclexplode(c.relacl) a",
            "SELECT 1 FROM pg_class c CROSS JOIN aclexplode(c.relacl) AS a",
            "SELECT 1 FROM ((pg_class a JOIN pg_trigger t ON true) LEFT JOIN pg_class b ON true)",
        ] {
            assert!(is_of_nothing(sql), "{sql}");
        }
        for sql in [
            "SELECT 1 FROM pg_class c LEFT JOIN pg_index i ON i.indrelid = c.oid",
            "SELECT 1 FROM pg_class WHERE oid IN (SELECT indrelid FROM pg_index)",
            "SELECT 1 FROM pg_class UNION ALL SELECT 1 FROM pg_index",
            "SELECT relacl, upper(relname) FROM pg_class",
            "SELECT 1 FROM pg_class c LEFT JOIN LATERAL aclexplode(c.relacl) a ON true",
        ] {
            assert!(!is_of_nothing(sql), "{sql}");
        }
    }
}
