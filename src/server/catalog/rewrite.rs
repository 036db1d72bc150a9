//! From PostgreSQL's SQL about its catalog to what the engine plans.

use datafusion::logical_expr::sqlparser::dialect::PostgreSqlDialect;
use datafusion::logical_expr::sqlparser::tokenizer::{Token, Tokenizer};
use datafusion_pg_catalog::sql::PostgresCompatibilityParser;

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
        (Some(statement), true) => Some(statement.to_string()),
        _ => None,
    }
}
