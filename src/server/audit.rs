//! What happened, one line of JSON an event: logins, statements, what was not understood. Statements
//! are logged without their values, for these may be a customer's.

use std::fmt::Debug;
use std::net::SocketAddr;
use std::time::Duration;

use chrono::{SecondsFormat, Utc};
use datafusion::logical_expr::sqlparser::dialect::GenericDialect;
use datafusion::logical_expr::sqlparser::tokenizer::{Token, Tokenizer, Whitespace};
use serde_json::{Map, Value, json};

/// Most bytes of a statement in the log.
const STATEMENT_BYTES: usize = 4096;

/// Takes the lines of the log.
pub trait Log: Send + Sync + Debug {
    /// One event, as one line of JSON without its end.
    fn line(&self, line: &str);
}

/// Whose events these are.
#[derive(Debug, Clone)]
pub(super) struct Who {
    pub(super) address: SocketAddr,
    pub(super) user: String,
    pub(super) database: String,
    pub(super) pid: i32,
}

/// Writes an event.
pub(super) fn event(log: &dyn Log, event: &str, fields: Value) {
    let mut line = Map::new();
    line.insert("time".into(), json!(Utc::now().to_rfc3339_opts(SecondsFormat::Millis, true)));
    line.insert("event".into(), json!(event));
    if let Value::Object(fields) = fields {
        line.extend(fields);
    }
    log.line(&Value::Object(line).to_string());
}

/// Writes what became of a statement.
pub(super) fn statement(
    log: &dyn Log,
    who: &Who,
    sql: &str,
    took: Duration,
    rows: u64,
    sqlstate: &str,
) {
    event(
        log,
        "statement",
        json!({
            "user": who.user,
            "database": who.database,
            "address": who.address.to_string(),
            "pid": who.pid,
            "ms": (took.as_secs_f64() * 1e6).round() / 1e3,
            "rows": rows,
            "sqlstate": sqlstate,
            "statement": without_values(sql),
        }),
    );
}

/// A statement with `?` for every literal, without comments.
pub(super) fn without_values(sql: &str) -> String {
    let Ok(tokens) = Tokenizer::new(&GenericDialect, sql).tokenize() else {
        // what is no SQL may be anything
        return format!("({} bytes that are no SQL)", sql.len());
    };
    let mut out = String::new();
    for token in tokens {
        match token {
            Token::Whitespace(
                Whitespace::SingleLineComment { .. } | Whitespace::MultiLineComment(_),
            ) => {}
            Token::Whitespace(_) => {
                if !out.ends_with(' ') && !out.is_empty() {
                    out.push(' ');
                }
            }
            Token::Number(..)
            | Token::SingleQuotedString(_)
            | Token::DollarQuotedString(_)
            | Token::TripleSingleQuotedString(_)
            | Token::TripleDoubleQuotedString(_)
            | Token::NationalStringLiteral(_)
            | Token::QuoteDelimitedStringLiteral(_)
            | Token::NationalQuoteDelimitedStringLiteral(_)
            | Token::EscapedStringLiteral(_)
            | Token::UnicodeStringLiteral(_)
            | Token::HexStringLiteral(_)
            | Token::SingleQuotedByteStringLiteral(_)
            | Token::DoubleQuotedByteStringLiteral(_)
            | Token::TripleSingleQuotedByteStringLiteral(_)
            | Token::TripleDoubleQuotedByteStringLiteral(_)
            | Token::SingleQuotedRawStringLiteral(_)
            | Token::DoubleQuotedRawStringLiteral(_)
            | Token::TripleSingleQuotedRawStringLiteral(_)
            | Token::TripleDoubleQuotedRawStringLiteral(_) => out.push('?'),
            other => out.push_str(&other.to_string()),
        }
        if out.len() > STATEMENT_BYTES {
            let end = (0..=STATEMENT_BYTES).rev().find(|at| out.is_char_boundary(*at)).unwrap_or(0);
            out.truncate(end);
            out.push('…');
            break;
        }
    }
    out.trim_end().to_owned()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn values_and_comments_are_left_out() {
        assert_eq!(
            without_values(
                "SELECT \"name\" -- ana@example.com\nFROM t WHERE email = 'ana@example.com' AND n > 4.5 /* 7 */"
            ),
            "SELECT \"name\" FROM t WHERE email = ? AND n > ?"
        );
        assert_eq!(without_values("SELECT E'a', N'b', X'01', $tag$c$tag$"), "SELECT ?, ?, ?, ?");
        assert_eq!(without_values("SELECT q'[ana]', nq'{ana}'"), "SELECT ?, ?");
        assert_eq!(without_values("SELECT 'ana"), "(11 bytes that are no SQL)");
        assert!(without_values(&"x, ".repeat(9000)).len() < STATEMENT_BYTES + 8);
    }
}
