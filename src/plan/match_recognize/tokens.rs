//! What the parser does not know of `MATCH_RECOGNIZE`, in words that it does.
//!
//! - `SUBSET u = (a, b)` becomes a definition: `DEFINE "subset" AS u = (a, b), …`;
//! - `{- … -}`, of which the parser takes one variable alone, becomes `({- "excluded" -} (…))`;
//! - `FINAL last(x)` and `RUNNING sum(x)` become `FINAL (last(x))`, a call;
//! - `(SELECT …) MATCH_RECOGNIZE` becomes `"rows of"((SELECT …)) MATCH_RECOGNIZE`, a call;
//! - `PERMUTE` may be written in small letters, and `SKIP TO a` is `SKIP TO LAST a`.
//!
//! The planner reads them back. Tokens keep their places, so that errors point at what was written.

use std::ops::Range;

use datafusion::logical_expr::sqlparser::keywords::Keyword;
use datafusion::logical_expr::sqlparser::tokenizer::{Token, TokenWithSpan, Word};

/// The name of the definitions that are subsets.
pub(crate) const SUBSET: &str = "subset";
/// The name of the variable that is none, but says that the next group is excluded.
pub(crate) const EXCLUDED: &str = "excluded";
/// The name of the table function that is none, but whose argument is what is searched.
pub(crate) const SUBQUERY: &str = "rows of";

/// Rewrites the parentheses after every `MATCH_RECOGNIZE`.
pub(crate) fn rewrite(tokens: Vec<TokenWithSpan>) -> Vec<TokenWithSpan> {
    if !tokens.iter().any(|t| is_word(t, "MATCH_RECOGNIZE")) {
        return tokens;
    }
    let mut tokens: Vec<TokenWithSpan> =
        tokens.into_iter().filter(|t| !matches!(t.token, Token::Whitespace(_))).collect();
    let mut at = 0;
    while let Some(token) = tokens.get(at) {
        let opens = tokens.get(at + 1).is_some_and(|t| t.token == Token::LParen);
        if is_word(token, "MATCH_RECOGNIZE")
            && opens
            && let Some(length) = tokens.get(at + 1..).and_then(closes)
        {
            let body = at + 2..at + 1 + length;
            let rewritten = rewrite_body(tokens.get(body.clone()).unwrap_or_default());
            let after = body.start + rewritten.len();
            tokens.splice(body, rewritten);
            at = after + name_subquery(&mut tokens, at);
        } else {
            at += 1;
        }
    }
    tokens
}

/// Makes the subquery that ends before a token an argument; says how many tokens are new.
fn name_subquery(tokens: &mut Vec<TokenWithSpan>, at: usize) -> usize {
    let Some(subquery) = subquery(tokens.get(..at).unwrap_or_default()) else { return 0 };
    let Some(open) = tokens.get(subquery.start).cloned() else { return 0 };
    let before = tokens.len();
    let is_query =
        tokens.get(subquery.start + 1).is_some_and(|t| is_word(t, "SELECT") || is_word(t, "WITH"));
    let mut opening = vec![quoted(SUBQUERY), Token::LParen];
    let mut closing = vec![Token::RParen];
    if !is_query {
        let select = [Token::LParen, Token::make_keyword("SELECT"), Token::Mul];
        opening.extend(select.into_iter().chain([Token::make_keyword("FROM")]));
        closing.push(Token::RParen);
    }
    tokens.splice(subquery.end..subquery.end, closing.into_iter().map(|t| like(&open, t)));
    tokens.splice(subquery.start..subquery.start, opening.into_iter().map(|t| like(&open, t)));
    tokens.len() - before
}

/// The parentheses of a FROM clause with which tokens end, but for an alias.
fn subquery(tokens: &[TokenWithSpan]) -> Option<Range<usize>> {
    let token = |at: usize| tokens.get(at).map(|t| &t.token);
    let is_name =
        |at: usize| matches!(token(at), Some(Token::Word(w)) if w.keyword == Keyword::NoKeyword);
    let mut last = tokens.len().checked_sub(1)?;
    // AS t(a, b)
    if token(last) == Some(&Token::RParen) {
        let open = opens(tokens, last)?;
        let name = open.checked_sub(1)?;
        let before = name.checked_sub(1)?;
        if is_name(name)
            && (token(before) == Some(&Token::RParen) || is_word(tokens.get(before)?, "AS"))
        {
            last = name;
        }
    }
    if token(last) != Some(&Token::RParen) && is_name(last) {
        last = last.checked_sub(1)?;
        if is_word(tokens.get(last)?, "AS") {
            last = last.checked_sub(1)?;
        }
    }
    if token(last) != Some(&Token::RParen) {
        return None;
    }
    let open = opens(tokens, last)?;
    let before = tokens.get(open.checked_sub(1)?)?;
    let in_from = ["FROM", "JOIN"].iter().any(|word| is_word(before, word))
        || matches!(before.token, Token::Comma | Token::LParen);
    in_from.then_some(open..last + 1)
}

/// The parenthesis that one closes.
fn opens(tokens: &[TokenWithSpan], close: usize) -> Option<usize> {
    let mut depth = 0_usize;
    tokens.get(..=close)?.iter().rposition(|t| {
        match t.token {
            Token::RParen => depth += 1,
            Token::LParen => depth = depth.saturating_sub(1),
            _ => {}
        }
        depth == 0
    })
}

fn rewrite_body(body: &[TokenWithSpan]) -> Vec<TokenWithSpan> {
    let mut out: Vec<TokenWithSpan> = Vec::with_capacity(body.len() + 8);
    // one for each subset: its tokens
    let mut subsets: Vec<Vec<TokenWithSpan>> = vec![];
    let mut after_pattern = false;
    let mut at = 0;
    while let Some(token) = body.get(at) {
        let next = body.get(at + 1);
        let is =
            |offset: usize, word: &str| body.get(at + offset).is_some_and(|t| is_word(t, word));
        if is(0, "PATTERN")
            && next.is_some_and(|t| t.token == Token::LParen)
            && let Some(length) = body.get(at + 1..).and_then(closes)
        {
            out.push(token.clone());
            out.extend(pattern(body.get(at + 1..at + 2 + length).unwrap_or_default()));
            after_pattern = true;
            at += 2 + length;
        } else if is(0, "SUBSET") && after_pattern {
            at += 1;
            let length = body
                .get(at..)
                .unwrap_or_default()
                .iter()
                .take_while(|t| !is_word(t, "DEFINE"))
                .count();
            subsets.extend(items(body.get(at..at + length).unwrap_or_default()));
            at += length;
        } else if is(0, "DEFINE") && !subsets.is_empty() {
            out.push(token.clone());
            for subset in subsets.drain(..) {
                out.push(like(token, quoted(SUBSET)));
                out.push(like(token, Token::make_keyword("AS")));
                out.extend(subset);
                out.push(like(token, Token::Comma));
            }
            at += 1;
        } else if is(0, "SKIP") && is(1, "TO") {
            let keyword = ["NEXT", "FIRST", "LAST"].iter().any(|word| is(2, word));
            out.extend_from_slice(body.get(at..at + 2).unwrap_or_default());
            if !keyword {
                out.push(like(token, Token::make_keyword("LAST")));
            }
            at += 2;
        } else if (is(0, "FINAL") || is(0, "RUNNING"))
            && next.is_some_and(can_be_called)
            && body.get(at + 2).is_some_and(|t| t.token == Token::LParen)
            && let Some(length) = body.get(at + 2..).and_then(closes)
        {
            let call = at + 1..at + 3 + length;
            out.push(token.clone());
            out.push(like(token, Token::LParen));
            out.extend_from_slice(body.get(call.clone()).unwrap_or_default());
            out.push(like(token, Token::RParen));
            at = call.end;
        } else {
            out.push(token.clone());
            at += 1;
        }
    }
    out
}

/// A pattern with its parentheses.
fn pattern(tokens: &[TokenWithSpan]) -> Vec<TokenWithSpan> {
    let mut out = Vec::with_capacity(tokens.len());
    let mut at = 0;
    while let Some(token) = tokens.get(at) {
        let next = tokens.get(at + 1).map(|t| &t.token);
        match &token.token {
            Token::LBrace if next == Some(&Token::Minus) => {
                let group = [
                    Token::LParen,
                    Token::LBrace,
                    Token::Minus,
                    quoted(EXCLUDED),
                    Token::Minus,
                    Token::RBrace,
                    Token::LParen,
                ];
                out.extend(group.map(|t| like(token, t)));
                at += 2;
            }
            Token::Minus if next == Some(&Token::RBrace) => {
                out.extend([like(token, Token::RParen), like(token, Token::RParen)]);
                at += 2;
            }
            Token::Word(_) if is_word(token, "PERMUTE") && next == Some(&Token::LParen) => {
                out.push(like(token, Token::make_word("PERMUTE", None)));
                at += 1;
            }
            _ => {
                out.push(token.clone());
                at += 1;
            }
        }
    }
    out
}

/// What stands between commas that are in no parentheses.
fn items(tokens: &[TokenWithSpan]) -> Vec<Vec<TokenWithSpan>> {
    let mut depth = 0_usize;
    let mut out = vec![vec![]];
    for token in tokens {
        match token.token {
            Token::LParen => depth += 1,
            Token::RParen => depth = depth.saturating_sub(1),
            Token::Comma if depth == 0 => {
                out.push(vec![]);
                continue;
            }
            _ => {}
        }
        if let Some(last) = out.last_mut() {
            last.push(token.clone());
        }
    }
    out
}

/// How far from a parenthesis it is to the one that closes it.
fn closes(tokens: &[TokenWithSpan]) -> Option<usize> {
    let mut depth = 0_usize;
    tokens.iter().position(|t| {
        match t.token {
            Token::LParen => depth += 1,
            Token::RParen => depth = depth.saturating_sub(1),
            _ => {}
        }
        depth == 0
    })
}

/// A word that can be a function and no operator.
fn can_be_called(token: &TokenWithSpan) -> bool {
    const OPERATORS: [Keyword; 15] = [
        Keyword::AND,
        Keyword::OR,
        Keyword::NOT,
        Keyword::IN,
        Keyword::IS,
        Keyword::LIKE,
        Keyword::ILIKE,
        Keyword::BETWEEN,
        Keyword::SIMILAR,
        Keyword::RLIKE,
        Keyword::AS,
        Keyword::END,
        Keyword::THEN,
        Keyword::ELSE,
        Keyword::WHEN,
    ];
    matches!(&token.token, Token::Word(w) if !OPERATORS.contains(&w.keyword))
}

fn is_word(token: &TokenWithSpan, word: &str) -> bool {
    matches!(&token.token, Token::Word(Word { value, quote_style: None, .. }) if value.eq_ignore_ascii_case(word))
}

fn quoted(name: &str) -> Token {
    Token::make_word(name, Some('"'))
}

fn like(token: &TokenWithSpan, other: Token) -> TokenWithSpan {
    TokenWithSpan { token: other, span: token.span }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::plan::dialect::TenureDialect;
    use datafusion::logical_expr::sqlparser::parser::Parser;
    use datafusion::logical_expr::sqlparser::tokenizer::Tokenizer;

    fn parsed(body: &str) -> String {
        let sql = format!("SELECT * FROM t MATCH_RECOGNIZE({body}) AS m WHERE final IN (1)");
        let tokens = Tokenizer::new(&TenureDialect, &sql).tokenize_with_location().unwrap();
        let mut parser = Parser::new(&TenureDialect).with_tokens_with_locations(rewrite(tokens));
        // the parser writes SKIP with two spaces
        let text = parser.parse_statement().unwrap().to_string().replace("  ", " ");
        let text = text.strip_prefix("SELECT * FROM t MATCH_RECOGNIZE(").unwrap();
        text.strip_suffix(") AS m WHERE final IN (1)").unwrap().trim().to_string()
    }

    #[test]
    fn what_the_parser_does_not_know_is_rewritten() {
        assert_eq!(
            parsed(
                "PATTERN (a {- b c -}*? permute(a, b)) SUBSET u = (a, b), v = (c) DEFINE a AS x > 1"
            ),
            "PATTERN (a ( {- \"excluded\" -} ( b c ) )*? PERMUTE(a, b)) \
             DEFINE \"subset\" AS u = (a, b), \"subset\" AS v = (c), a AS x > 1"
        );
        assert_eq!(
            parsed(
                "MEASURES FINAL last(a.x) AS l, running Sum(x) + 1 AS s, final AS f \
                AFTER MATCH SKIP TO a PATTERN (^ a{,2}? $) DEFINE a AS final IN (1)"
            ),
            "MEASURES FINAL(last(a.x)) AS l, running(Sum(x)) + 1 AS s, final AS f \
             AFTER MATCH SKIP TO LAST a PATTERN (^ a{,2}? $) DEFINE a AS final IN (1)"
        );
    }

    fn relation(sql: &str) -> String {
        let sql = format!("SELECT * FROM {sql} MATCH_RECOGNIZE(PATTERN (a) DEFINE a AS x > 1)");
        let tokens = Tokenizer::new(&TenureDialect, &sql).tokenize_with_location().unwrap();
        let mut parser = Parser::new(&TenureDialect).with_tokens_with_locations(rewrite(tokens));
        let text = parser.parse_statement().unwrap().to_string();
        let text = text.strip_prefix("SELECT * FROM ").unwrap();
        text.split(" MATCH_RECOGNIZE").next().unwrap().to_string()
    }

    #[test]
    fn a_subquery_is_named() {
        for same in ["t", "t AS i", "a, f(1)", "f((SELECT 1)) AS t"] {
            assert_eq!(relation(same), same);
        }
        let named = "\"rows of\"((SELECT f(1) FROM (SELECT 2)))";
        assert_eq!(relation("(SELECT f(1) FROM (SELECT 2))"), named);
        assert_eq!(relation("a, (SELECT f(1) FROM (SELECT 2))"), format!("a, {named}"));
        assert_eq!(relation("(SELECT f(1) FROM (SELECT 2)) i"), format!("{named} i"));
        assert_eq!(relation("(SELECT f(1) FROM (SELECT 2)) AS i (a)"), format!("{named} AS i (a)"));
        assert_eq!(
            relation("a JOIN (b JOIN c USING (d))"),
            "a JOIN \"rows of\"((SELECT * FROM (b JOIN c USING(d))))"
        );
        assert_eq!(
            relation("(VALUES (1)) AS t(x)"),
            "\"rows of\"((SELECT * FROM (VALUES (1)))) AS t (x)"
        );
    }

    #[test]
    fn what_the_parser_knows_stays() {
        let body = "PARTITION BY c ORDER BY ts ALL ROWS PER MATCH AFTER MATCH SKIP TO NEXT ROW \
            PATTERN (a+ ( b | c )?) DEFINE a AS x > 1";
        assert_eq!(parsed(body), body);
    }
}
