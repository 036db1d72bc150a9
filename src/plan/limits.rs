//! Limits on the text of a statement, checked on its tokens before anything recursive sees it.
//!
//! DataFusion's planner is recursive, and quadratic in chains of operators: a chain of ten thousand
//! `OR`s can take minutes or the whole process with it. So length, nesting and the length of a
//! chain are bounded here, by a loop.

use datafusion::logical_expr::sqlparser::keywords::Keyword;
use datafusion::logical_expr::sqlparser::tokenizer::{Token, TokenWithSpan};

use crate::error::{Error, ErrorKind, Place, Result};

/// Longest statement in bytes.
pub const MAX_SQL_BYTES: usize = 1 << 20;
/// Deepest nesting of parentheses, brackets and braces. Calls and subqueries weigh double: the
/// parser ends at 50 steps, and much more than that overflows the stack of a usual thread.
pub const MAX_NESTING: usize = 40;
/// Most operators in one expression, subexpressions in parentheses not counted.
pub const MAX_OPERATORS: usize = 800;
/// Most `SELECT`s joined by UNION, INTERSECT or EXCEPT, and most WITH clauses, in one statement.
pub const MAX_SELECTS: usize = 500;

/// Refuses what is longer than [`MAX_SQL_BYTES`].
pub(crate) fn check_length(sql: &str) -> Result<()> {
    if sql.len() > MAX_SQL_BYTES {
        return Err(too_complex(
            format!("the statement has {} bytes; the limit is {MAX_SQL_BYTES}", sql.len()),
            "put long lists of values into a file and join it",
        ));
    }
    Ok(())
}

/// Refuses what is deeper or more chained than the limits.
pub(crate) fn check_tokens(tokens: &[TokenWithSpan]) -> Result<()> {
    let mut open = vec![0_usize];
    let mut selects = 0_usize;
    for token in tokens {
        match &token.token {
            Token::LParen | Token::LBracket | Token::LBrace => {
                open.push(0);
                if open.len() > MAX_NESTING + 1 {
                    return Err(too_complex(
                        format!("the statement is nested more than {MAX_NESTING} deep"),
                        "name the inner parts with WITH, or make views of them",
                    )
                    .with_place(place(token)));
                }
            }
            Token::RParen | Token::RBracket | Token::RBrace if open.len() > 1 => {
                open.pop();
            }
            Token::Comma | Token::SemiColon => reset(&mut open),
            Token::Word(w) => match w.keyword {
                Keyword::SELECT => {
                    reset(&mut open);
                    selects += 1;
                    if selects > MAX_SELECTS {
                        return Err(too_complex(
                            format!("the statement has more than {MAX_SELECTS} SELECTs"),
                            "split it into several statements",
                        )
                        .with_place(place(token)));
                    }
                }
                Keyword::FROM
                | Keyword::WHERE
                | Keyword::GROUP
                | Keyword::HAVING
                | Keyword::ORDER => {
                    reset(&mut open);
                }
                Keyword::AND
                | Keyword::OR
                | Keyword::NOT
                | Keyword::CASE
                | Keyword::WHEN
                | Keyword::IS
                | Keyword::LIKE
                | Keyword::BETWEEN
                | Keyword::JOIN => count(&mut open, token)?,
                _ => {}
            },
            other if is_operator(other) => count(&mut open, token)?,
            _ => {}
        }
    }
    Ok(())
}

fn reset(open: &mut [usize]) {
    if let Some(chain) = open.last_mut() {
        *chain = 0;
    }
}

fn count(open: &mut [usize], token: &TokenWithSpan) -> Result<()> {
    let Some(chain) = open.last_mut() else { return Ok(()) };
    *chain += 1;
    if *chain > MAX_OPERATORS {
        return Err(too_complex(
            format!("one expression has more than {MAX_OPERATORS} operators"),
            "use IN (…) for long lists of alternatives, or join a table of values",
        )
        .with_place(place(token)));
    }
    Ok(())
}

fn is_operator(token: &Token) -> bool {
    matches!(
        token,
        Token::Plus
            | Token::Minus
            | Token::Mul
            | Token::Div
            | Token::Mod
            | Token::StringConcat
            | Token::Eq
            | Token::DoubleEq
            | Token::Neq
            | Token::Lt
            | Token::Gt
            | Token::LtEq
            | Token::GtEq
            | Token::Pipe
            | Token::Ampersand
            | Token::Caret
            | Token::ExclamationMark
            | Token::Tilde
            | Token::DoubleColon
            | Token::Arrow
            | Token::LongArrow
    )
}

fn place(token: &TokenWithSpan) -> Place {
    let at = token.span.start;
    let (line, column) =
        (usize::try_from(at.line).unwrap_or(1), usize::try_from(at.column).unwrap_or(1));
    Place { line, column, end_column: column + 1 }
}

fn too_complex(message: String, hint: &str) -> Error {
    Error::new(ErrorKind::TooComplex, message).with_hint(hint)
}
