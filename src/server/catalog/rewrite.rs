//! From PostgreSQL's SQL about its catalog to what the engine plans.

use std::ops::ControlFlow;

use datafusion::logical_expr::sqlparser::ast::{
    BinaryOperator, Expr, FunctionArguments, Ident, ObjectName, Query, SelectItem, SetExpr,
    Statement, TableAlias, TableFactor, Value, VisitMut, VisitorMut, visit_expressions_mut,
    visit_relations,
};
use datafusion::logical_expr::sqlparser::dialect::PostgreSqlDialect;
use datafusion::logical_expr::sqlparser::parser::Parser;
use datafusion::logical_expr::sqlparser::tokenizer::{Token, Tokenizer};
use datafusion_pg_catalog::sql::PostgresCompatibilityParser;

use super::information;
use super::schema::PREFIX;

/// The schema that is the same in every database of SQL.
const SCHEMA: &str = "information_schema";

/// Names that only PostgreSQL's catalog has, beside those that begin with `pg_`.
const NAMES: &[&str] = &[
    "information_schema",
    "current_database",
    "current_catalog",
    "current_schema",
    "current_schemas",
    "current_setting",
    "current_user",
    "session_user",
    "user",
    "set_config",
    "version",
    "format_type",
    "obj_description",
    "col_description",
    "has_schema_privilege",
    "has_table_privilege",
    "has_any_column_privilege",
    "has_database_privilege",
    "regclass",
    "regtype",
    "regproc",
    "regnamespace",
    "to_regclass",
    "to_regtype",
    "quote_ident",
    "txid_current",
];

/// Whether a question is about the catalog or the session.
pub(super) fn asks_catalog(sql: &str) -> bool {
    let Ok(tokens) = Tokenizer::new(&PostgreSqlDialect {}, sql).tokenize() else { return false };
    tokens.iter().any(|token| match token {
        Token::Word(word) => {
            let name = word.value.to_lowercase();
            name.starts_with("pg_")
                || (word.quote_style.is_none() && NAMES.contains(&name.as_str()))
        }
        _ => false,
    })
}

/// The question in the engine's SQL; none if it is not PostgreSQL's.
pub(super) fn rewrite(parser: &PostgresCompatibilityParser, sql: &str) -> Option<String> {
    let mut statements = parser.parse(sql).ok()?;
    match (statements.pop(), statements.is_empty()) {
        (Some(mut statement), true) => {
            simplify(&mut statement);
            Some(statement.to_string())
        }
        _ => None,
    }
}

/// What the engine's dialect writes otherwise, and what it has not.
fn simplify(statement: &mut Statement) {
    let _ = visit_expressions_mut(statement, |expr| {
        match expr {
            // E'\n'
            Expr::Value(value) => {
                if let Value::EscapedStringLiteral(text) = &value.value {
                    value.value = Value::SingleQuotedString(text.clone());
                }
            }
            // ARRAY(SELECT …) is of rights, policies and roles, of which there are none
            Expr::Function(f)
                if f.name.to_string().eq_ignore_ascii_case("array")
                    && matches!(f.args, FunctionArguments::Subquery(_)) =>
            {
                *expr = no_texts();
            }
            // one value out of a table that has none
            Expr::Subquery(query) if asks_empty(query) => *expr = Expr::value(Value::Null),
            Expr::Subquery(query) => one_value(query),
            // the engine's LIKE escapes with a backslash
            Expr::Like { pattern, escape_char, .. } if escape_char.is_some() => {
                *escape_char = None;
                escape(pattern);
            }
            Expr::BinaryOp { left, op: BinaryOperator::Eq, right } => {
                by_name(left, right);
                by_name(right, left);
            }
            _ => {}
        }
        ControlFlow::<()>::Continue(())
    });
    let _ = statement.visit(&mut Information);
}

/// Sends questions about `information_schema` to where its tables are found, by the names that they
/// are asked with.
struct Information;

impl VisitorMut for Information {
    type Break = ();

    fn pre_visit_table_factor(&mut self, factor: &mut TableFactor) -> ControlFlow<()> {
        if let TableFactor::Table { name, alias, .. } = factor
            && let [.., schema, table] = lower(name).as_slice()
            && schema == SCHEMA
            && information::has(table)
        {
            alias.get_or_insert_with(|| TableAlias {
                explicit: true,
                name: Ident::with_quote('"', table.as_str()),
                columns: vec![],
                at: None,
            });
            let own = Ident::new(format!("{PREFIX}{table}"));
            *name = ObjectName::from(vec![Ident::new("pg_catalog"), own]);
        }
        ControlFlow::Continue(())
    }

    fn pre_visit_expr(&mut self, expr: &mut Expr) -> ControlFlow<()> {
        // information_schema.tables.table_name
        if let Expr::CompoundIdentifier(parts) = expr
            && let Some(at) = parts.iter().position(|p| p.value.eq_ignore_ascii_case(SCHEMA))
            && parts.len() == at + 3
        {
            parts.drain(..=at);
        }
        ControlFlow::Continue(())
    }
}

/// The parts of a name in lower case.
fn lower(name: &ObjectName) -> Vec<String> {
    name.0.iter().map(|p| p.to_string().trim_matches('"').to_lowercase()).collect()
}

/// Whether a query is about what lakes have none of: the engine takes no subquery that might have
/// several rows for one value.
fn asks_empty(query: &Query) -> bool {
    const EMPTY: [&str; 8] = [
        "pg_collation",
        "pg_attrdef",
        "pg_description",
        "pg_sequence",
        "pg_constraint",
        "pg_index",
        "pg_inherits",
        "pg_depend",
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

/// A look-up by number as an aggregate, from which the engine knows that it has one value at most.
fn one_value(query: &mut Query) {
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

/// A column, a value, or two of them compared: what no aggregate is in.
fn is_plain(expr: &Expr) -> bool {
    match expr {
        Expr::Identifier(_) | Expr::CompoundIdentifier(_) => true,
        Expr::BinaryOp { left, right, .. } => {
            let is_value = |expr: &Expr| matches!(expr, Expr::Value(_)) || is_plain(expr);
            is_value(left) && is_value(right)
        }
        _ => false,
    }
}

/// A pattern with backslashes for the slash that tools escape with.
fn escape(pattern: &mut Expr) {
    match pattern {
        Expr::Value(value) => {
            if let Value::SingleQuotedString(text) = &mut value.value {
                *text = text.replace('/', "\\");
            }
        }
        Expr::BinaryOp { left, right, .. } => {
            escape(left);
            escape(right);
        }
        Expr::Nested(inner) => escape(inner),
        _ => {}
    }
}

/// `pg_proc.oid = typreceive`: a type knows its functions by name here.
fn by_name(number: &mut Expr, function: &Expr) {
    let (Expr::CompoundIdentifier(number), Some(function)) = (number, last(function)) else {
        return;
    };
    const FUNCTIONS: [&str; 6] =
        ["typinput", "typoutput", "typreceive", "typsend", "typmodin", "typmodout"];
    if FUNCTIONS.contains(&function.as_str())
        && let Some(name) = number.last_mut()
        && name.value.eq_ignore_ascii_case("oid")
    {
        name.value = "proname".to_owned();
    }
}

/// The last part of a column's name.
fn last(expr: &Expr) -> Option<String> {
    match expr {
        Expr::CompoundIdentifier(parts) => parts.last().map(|p| p.value.to_lowercase()),
        Expr::Identifier(name) => Some(name.value.to_lowercase()),
        _ => None,
    }
}

/// An empty list of texts.
fn no_texts() -> Expr {
    let sql = "arrow_cast(make_array(), 'List(Utf8)')";
    Parser::new(&PostgreSqlDialect {})
        .try_with_sql(sql)
        .and_then(|mut parser| parser.parse_expr())
        .unwrap_or_else(|_| Expr::value(Value::Null))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn questions_about_the_catalog_are_known_by_their_names() {
        for sql in [
            "SELECT relname FROM pg_class",
            "select pg_catalog.version()",
            "SELECT * FROM information_schema.tables",
            "SELECT 'orders'::regclass",
            "SELECT current_schema()",
        ] {
            assert!(asks_catalog(sql), "{sql}");
        }
        for sql in ["SELECT 'pg_class' FROM orders", "SELECT \"user\" FROM raw.web", "SELECT 1"] {
            assert!(!asks_catalog(sql), "{sql}");
        }
    }

    #[test]
    fn what_the_engine_has_not_is_written_otherwise() {
        let parser = PostgresCompatibilityParser::new();
        let of = |sql: &str| rewrite(&parser, sql).unwrap();
        assert_eq!(of("SELECT E'a\\nb' FROM pg_class"), "SELECT 'a\nb' FROM pg_catalog.pg_class");
        let constraints = of("SELECT * FROM information_schema.table_constraints");
        assert_eq!(
            constraints,
            "SELECT * FROM pg_catalog.information_schema_table_constraints AS \"table_constraints\""
        );
        let columns =
            of("SELECT information_schema.columns.data_type FROM information_schema.columns \
                          JOIN information_schema.tables t ON t.table_name = columns.table_name");
        assert_eq!(
            columns,
            "SELECT columns.data_type FROM pg_catalog.information_schema_columns AS \"columns\" \
             JOIN pg_catalog.information_schema_tables t ON t.table_name = columns.table_name"
        );
        let roles = of("SELECT ARRAY(SELECT rolname FROM pg_roles)");
        assert!(roles.contains("make_array()"), "{roles}");
    }
}
