//! A script as single statements, each with its place.

use datafusion::logical_expr::sqlparser::tokenizer::{Token, Tokenizer, Whitespace};

use super::dialect::TenureDialect;
use crate::error::{Error, ErrorKind, Result};

/// One statement of a script.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Statement {
    /// its text, without the semicolon
    pub text: String,
    /// the line of the script where it starts, counted from 1
    pub line: usize,
    /// whether a semicolon ended it
    pub complete: bool,
}

/// Splits a script at its semicolons; those in strings, quoted names and comments do not count.
/// Statements of nothing but comments are left out.
///
/// # Errors
/// A string, name or comment that is not closed.
pub fn split_statements(script: &str) -> Result<Vec<Statement>> {
    // some editors begin a file with a mark of the order of bytes
    let script = script.strip_prefix('\u{feff}').unwrap_or(script);
    let tokens = Tokenizer::new(&TenureDialect, script)
        .with_unescape(false)
        .tokenize_with_location()
        .map_err(|e| {
            let (line, column) = (e.location.line, e.location.column);
            let number = |n: u64| usize::try_from(n).unwrap_or(1);
            Error::new(ErrorKind::Syntax, format!("syntax error: {}", e.message.to_lowercase()))
                .with_place(crate::error::Place {
                    line: number(line),
                    column: number(column),
                    end_column: number(column) + 1,
                })
        })?;
    let starts = line_starts(script);
    let mut out = Vec::new();
    let mut first: Option<(usize, usize)> = None;
    for token in &tokens {
        let (line, column) = (token.span.start.line, token.span.start.column);
        let at = || offset(script, &starts, line, column);
        match &token.token {
            Token::SemiColon => {
                if let Some((start, line)) = first.take() {
                    out.push(statement(script.get(start..at()), line, true));
                }
            }
            Token::Whitespace(
                Whitespace::Space
                | Whitespace::Newline
                | Whitespace::Tab
                | Whitespace::SingleLineComment { .. }
                | Whitespace::MultiLineComment(_),
            )
            | Token::EOF => {}
            _ if first.is_none() => first = Some((at(), usize::try_from(line).unwrap_or(1))),
            _ => {}
        }
    }
    if let Some((start, line)) = first {
        out.push(statement(script.get(start..), line, false));
    }
    Ok(out)
}

fn statement(text: Option<&str>, line: usize, complete: bool) -> Statement {
    Statement { text: text.unwrap_or_default().trim_end().to_string(), line, complete }
}

fn line_starts(script: &str) -> Vec<usize> {
    std::iter::once(0).chain(script.match_indices('\n').map(|(i, _)| i + 1)).collect()
}

/// Byte offset of a line and column (both from 1, columns in characters).
fn offset(script: &str, starts: &[usize], line: u64, column: u64) -> usize {
    let number = |n: u64| usize::try_from(n).unwrap_or(1).saturating_sub(1);
    let start = starts.get(number(line)).copied().unwrap_or(script.len());
    let rest = script.get(start..).unwrap_or_default();
    start + rest.char_indices().nth(number(column)).map_or(rest.len(), |(i, _)| i)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn texts(script: &str) -> Vec<(String, usize, bool)> {
        split_statements(script)
            .unwrap()
            .into_iter()
            .map(|s| (s.text, s.line, s.complete))
            .collect()
    }

    #[test]
    fn semicolons_in_strings_names_and_comments_do_not_split() {
        assert_eq!(
            texts("SELECT ';' -- ;\n, \"a;b\" /* ; */;\n\nSELECT '客;户' ;-- end"),
            [
                ("SELECT ';' -- ;\n, \"a;b\" /* ; */".to_string(), 1, true),
                ("SELECT '客;户'".to_string(), 4, true)
            ]
        );
        assert_eq!(texts("  ;; -- nothing\n;"), []);
        assert_eq!(texts("SELECT 1"), [("SELECT 1".to_string(), 1, false)]);
    }

    #[test]
    fn what_is_not_closed_is_an_error() {
        assert!(split_statements("SELECT 'abc").is_err());
    }
}
