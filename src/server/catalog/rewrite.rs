//! From PostgreSQL's SQL about its catalog to what the engine plans.

pub(super) mod casts;
mod information;
mod subqueries;
mod system_columns;
mod types_tree;

use std::ops::ControlFlow;

use datafusion::logical_expr::sqlparser::ast::{
    BinaryOperator, Expr, Function, FunctionArg, FunctionArgExpr, FunctionArguments, Statement,
    Value, visit_expressions_mut,
};
use datafusion::logical_expr::sqlparser::dialect::PostgreSqlDialect;
use datafusion::logical_expr::sqlparser::parser::Parser;
use datafusion::logical_expr::sqlparser::tokenizer::{Token, Tokenizer};
use datafusion_pg_catalog::sql::PostgresCompatibilityParser;

use super::instead;
use subqueries::{asks_empty, finds_nothing, one_value};

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
    "ctid",
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

/// The question in the engine's SQL; none if it is not PostgreSQL's. `path` are the schemas of the
/// search path.
pub(super) fn rewrite(
    parser: &PostgresCompatibilityParser,
    sql: &str,
    path: &[String],
) -> Option<String> {
    let sql = types_tree::simpler(sql);
    let resolved = casts::resolved(sql);
    // the library's own parser would put empty answers in place of some questions
    let mut statements =
        Parser::parse_sql(&PostgreSqlDialect {}, resolved.as_deref().unwrap_or(sql)).ok()?;
    match (statements.pop(), statements.is_empty()) {
        (Some(mut statement), true) => {
            let only_catalog = instead::only_catalog(&statement);
            system_columns::fill(&mut statement, only_catalog);
            in_path(&mut statement, path);
            let mut statement = parser.rewrite(statement);
            simplify(&mut statement, only_catalog);
            Some(statement.to_string())
        }
        _ => None,
    }
}

/// What the engine's dialect writes otherwise, and what it has not.
fn simplify(statement: &mut Statement, only_catalog: bool) {
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
            // rights and options, of which there are none: the library has them as texts, not lists
            Expr::Function(f) if joins_rights(f) => *expr = no_text(),
            // of identity columns and options, of which there are none
            Expr::Function(f)
                if only_catalog
                    && f.name.0.last().is_some_and(|name| {
                        name.to_string().eq_ignore_ascii_case("json_build_object")
                    }) =>
            {
                *expr = no_text();
            }
            // one value out of a table that has none
            Expr::Subquery(query) if asks_empty(query) => *expr = Expr::value(Value::Null),
            Expr::Subquery(query) => one_value(query),
            Expr::Exists { subquery, negated } if finds_nothing(subquery) => {
                *expr = Expr::value(Value::Boolean(*negated));
            }
            Expr::Cast { data_type, .. } => casts::name_as_text(data_type),
            // the engine's LIKE escapes with a backslash
            Expr::Like { pattern, escape_char, .. } if escape_char.is_some() => {
                *escape_char = None;
                escape(pattern);
            }
            Expr::BinaryOp { left, op, right } => {
                if *op == BinaryOperator::Eq {
                    by_name(left, right);
                    by_name(right, left);
                }
                no_function(left, right);
            }
            _ => {}
        }
        ControlFlow::<()>::Continue(())
    });
    information::send(statement);
}

/// `schema IN (SELECT … string_to_array(current_setting('search_path'), ',') …)`: a list of schemas,
/// which may stand where the engine takes no subquery.
fn in_path(statement: &mut Statement, path: &[String]) {
    let _ = visit_expressions_mut(statement, |expr| {
        if let Expr::InSubquery { expr: schema, subquery, negated } = expr {
            let asked = subquery.to_string().to_lowercase();
            if asked.contains("string_to_array(current_setting('search_path')") {
                let name = |name: &String| Expr::value(Value::SingleQuotedString(name.clone()));
                *expr = Expr::InList {
                    expr: schema.clone(),
                    list: path.iter().map(name).collect(),
                    negated: *negated,
                };
            }
        }
        ControlFlow::<()>::Continue(())
    });
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

/// Columns of functions, which types and methods of access know by name here.
const FUNCTIONS: [&str; 7] =
    ["typinput", "typoutput", "typreceive", "typsend", "typmodin", "typmodout", "amhandler"];

/// `typreceive <> 0`: whether there is a function.
fn no_function(function: &Expr, number: &mut Expr) {
    if let Expr::Value(value) = number
        && matches!(&value.value, Value::Number(zero, _) if zero == "0")
        && last(function).is_some_and(|name| FUNCTIONS.contains(&name.as_str()))
    {
        value.value = Value::SingleQuotedString("-".to_owned());
    }
}

/// `pg_proc.oid = typreceive`.
fn by_name(number: &mut Expr, function: &mut Expr) {
    let name = match &*function {
        Expr::Cast { expr, .. } => last(expr),
        other => last(other),
    };
    let (Expr::CompoundIdentifier(number), Some(name)) = (number, name) else { return };
    if FUNCTIONS.contains(&name.as_str())
        && let Some(oid) = number.last_mut()
        && oid.value.eq_ignore_ascii_case("oid")
    {
        oid.value = "proname".to_owned();
        if let Expr::Cast { expr, .. } = function {
            *function = expr.as_ref().clone();
        }
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

/// `array_to_string(c.relacl, …)`.
fn joins_rights(call: &Function) -> bool {
    let FunctionArguments::List(list) = &call.args else { return false };
    let Some(FunctionArg::Unnamed(FunctionArgExpr::Expr(first))) = list.args.first() else {
        return false;
    };
    let name = call.name.0.last().map(ToString::to_string).unwrap_or_default();
    name.eq_ignore_ascii_case("array_to_string")
        && last(first).is_some_and(|column| {
            ["acl", "options", "config"].iter().any(|end| column.ends_with(end))
        })
}

/// An empty list of texts.
fn no_texts() -> Expr {
    read("arrow_cast(make_array(), 'List(Utf8)')")
}

/// No text.
fn no_text() -> Expr {
    read("CAST(NULL AS TEXT)")
}

fn read(sql: &str) -> Expr {
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
        let of = |sql: &str| rewrite(&parser, sql, &["raw".to_owned()]).unwrap();
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
        let comments =
            of("SELECT NULL, NULL, 'a'::name FROM pg_class c LEFT JOIN pg_description d \
                           ON d.classoid = 'pg_class'::regclass");
        assert_eq!(
            comments,
            "SELECT NULL, NULL, 'a'::TEXT FROM pg_catalog.pg_class c \
             LEFT JOIN pg_catalog.pg_description d ON d.classoid = 1259"
        );
        let arrays = of("SELECT typinput = 'pg_catalog.array_in'::regproc FROM pg_type");
        assert_eq!(arrays, "SELECT typinput = 'array_in' FROM pg_catalog.pg_type");
        let kinds = of("SELECT 1 FROM pg_type t WHERE t.typrelid = 0 OR \
                        (SELECT c.relkind = 'c' FROM pg_class c WHERE c.oid = t.typrelid)");
        assert!(kinds.contains("(SELECT max(c.relkind = 'c') FROM"), "{kinds}");
        let rights = of("SELECT pg_catalog.array_to_string(n.nspacl, E'\\n') FROM pg_namespace n");
        assert_eq!(rights, "SELECT CAST(NULL AS TEXT) FROM pg_catalog.pg_namespace n");
        let state = of("SELECT n.xmin, age(n.xmin) FROM pg_namespace n WHERE xmin IS NOT NULL");
        assert_eq!(
            state,
            "SELECT 1 AS xmin, age(1) FROM pg_catalog.pg_namespace n WHERE 1 IS NOT NULL"
        );
        let rows = of("SELECT t.*, CTID FROM raw.boxes t WHERE t.xmin = 2");
        assert_eq!(rows, "SELECT t.*, '(0,0)' AS CTID FROM raw.boxes t WHERE t.xmin = 2");
        let own = "SELECT ctid, xmin FROM raw.boxes WHERE ctid = 'here'";
        assert_eq!(of(own), own);
        let path = of("SELECT CASE WHEN table_schema IN (SELECT trim(s[i]) FROM \
                       generate_series(1, array_upper(string_to_array(current_setting('search_path'), ','), 1)) i, \
                       string_to_array(current_setting('search_path'), ',') s) THEN 1 END FROM pg_tables");
        assert_eq!(
            path,
            "SELECT CASE WHEN table_schema IN ('raw') THEN 1 END FROM pg_catalog.pg_tables"
        );
        let number = of(
            "SELECT CAST(CAST(format('%I.%I', schemaname, tablename) AS regclass) AS oid) FROM pg_tables",
        );
        assert!(number.contains("to_regclass(format('%I.%I', schemaname, tablename))"), "{number}");
        let since = of("SELECT 1 FROM pg_class c WHERE age(c.xmin) <= age($1::varchar::xid)");
        assert!(since.ends_with("age(1) <= age($1::VARCHAR::BIGINT)"), "{since}");
        let roles = of("SELECT ARRAY(SELECT rolname FROM pg_roles)");
        assert!(roles.contains("make_array()"), "{roles}");
    }
}
