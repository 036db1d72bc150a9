//! `WITH a AS MATERIALIZED (…)` and `AS NOT MATERIALIZED (…)`: PostgreSQL's advice on how to ask, which
//! changes no answer. It is left out; tokens keep their places, so that errors point at what was written.

use datafusion::logical_expr::sqlparser::keywords::Keyword;
use datafusion::logical_expr::sqlparser::tokenizer::{Token, TokenWithSpan};

/// Leaves such words out.
pub(crate) fn leave_out(mut tokens: Vec<TokenWithSpan>) -> Vec<TokenWithSpan> {
    let mut at = 0;
    while let Some(found) = tokens.get(at..).and_then(|rest| rest.iter().position(advises)) {
        at += found;
        if let Some(first) = begins(&tokens, at) {
            tokens.drain(first..=at);
            at = first;
        } else {
            at += 1;
        }
    }
    tokens
}

fn advises(token: &TokenWithSpan) -> bool {
    is(token, Keyword::MATERIALIZED)
}

fn is(token: &TokenWithSpan, keyword: Keyword) -> bool {
    matches!(&token.token, Token::Word(word) if word.keyword == keyword)
}

/// `AS materialized (x)` names columns.
fn begins_query(token: &TokenWithSpan) -> bool {
    let begins = [Keyword::SELECT, Keyword::WITH, Keyword::VALUES, Keyword::FROM, Keyword::TABLE];
    token.token == Token::LParen || begins.iter().any(|keyword| is(token, *keyword))
}

/// The first of the words that end at a place, if it stands between AS and the query.
fn begins(tokens: &[TokenWithSpan], at: usize) -> Option<usize> {
    let blank = |token: &TokenWithSpan| matches!(token.token, Token::Whitespace(_));
    let mut after = tokens.get(at + 1..)?.iter().filter(|token| !blank(token));
    let query = after.next()?.token == Token::LParen && after.next().is_some_and(begins_query);
    let mut before = tokens.get(..at)?.iter().enumerate().rev().filter(|(_, t)| !blank(t));
    let (mut first, mut word) = (at, before.next()?);
    if is(word.1, Keyword::NOT) {
        (first, word) = (word.0, before.next()?);
    }
    (query && is(word.1, Keyword::AS)).then_some(first)
}

#[cfg(test)]
mod tests {
    use datafusion::logical_expr::sqlparser::tokenizer::Tokenizer;

    use super::*;
    use crate::plan::dialect::TenureDialect;

    fn left(sql: &str) -> String {
        let tokens = Tokenizer::new(&TenureDialect, sql).tokenize_with_location().unwrap();
        leave_out(tokens).iter().map(|t| t.token.to_string()).collect()
    }

    #[test]
    fn advice_is_left_out_between_as_and_the_query() {
        assert_eq!(
            left("WITH a AS MATERIALIZED (SELECT 1), b AS NOT  MATERIALIZED(SELECT 2) SELECT 3"),
            "WITH a AS  (SELECT 1), b AS (SELECT 2) SELECT 3"
        );
        for same in [
            "SELECT materialized FROM t",
            "SELECT 1 AS materialized",
            "SELECT 1 AS \"materialized\" FROM (SELECT 2)",
            "SELECT * FROM (VALUES (1)) AS materialized (x)",
            "materialized",
        ] {
            assert_eq!(left(same), same);
        }
    }
}
