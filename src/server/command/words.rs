//! The tokens of a statement, read from the left: keywords, names, and the text as it was written.

use datafusion::logical_expr::sqlparser::tokenizer::{Token, TokenWithSpan};

use crate::server::error::{Failure, Outcome};

/// The tokens of a statement, read from the left.
pub(super) struct Words<'a> {
    pub(super) sql: &'a str,
    pub(super) tokens: &'a [TokenWithSpan],
    pub(super) at: usize,
}

impl Words<'_> {
    pub(super) fn peek(&self) -> Option<&Token> {
        self.tokens.get(self.at).map(|t| &t.token)
    }

    /// The next token as a word without quotes, in capitals.
    pub(super) fn keyword(&self) -> String {
        match self.peek() {
            Some(Token::Word(w)) if w.quote_style.is_none() => w.value.to_uppercase(),
            Some(Token::LParen) => "(".to_owned(),
            _ => String::new(),
        }
    }

    pub(super) fn next_keyword(&mut self) -> String {
        let word = self.keyword();
        self.at += 1;
        word
    }

    /// Takes a keyword if it is next.
    pub(super) fn take(&mut self, keyword: &str) -> bool {
        let found = self.keyword() == keyword;
        self.at += usize::from(found);
        found
    }

    pub(super) fn ended(&self) -> bool {
        self.at >= self.tokens.len()
    }

    /// A name, folded to lower case unless quoted.
    pub(super) fn name(&mut self) -> Outcome<String> {
        let name = match self.peek() {
            Some(Token::Word(w)) if w.quote_style.is_some() => w.value.clone(),
            Some(Token::Word(w)) => w.value.to_lowercase(),
            _ => return Err(self.unexpected("a name")),
        };
        self.at += 1;
        Ok(name)
    }

    pub(super) fn unexpected(&self, wanted: &str) -> Box<Failure> {
        let found = self.peek().map_or("the end".to_owned(), |t| match t {
            // what stands in quotes may be a value
            Token::SingleQuotedString(_) => "a string".to_owned(),
            t => t.to_string(),
        });
        Failure::new("42601", format!("syntax error: {wanted} is expected, not {found}"))
    }

    /// The text from the next token on.
    pub(super) fn rest(&self) -> String {
        let Some(token) = self.tokens.get(self.at) else { return String::new() };
        self.text(token, None)
    }

    /// The text from a token to another one, which is left out.
    pub(super) fn text(&self, from: &TokenWithSpan, to: Option<&TokenWithSpan>) -> String {
        let start = offset(self.sql, from);
        let end = to.map_or(self.sql.len(), |t| offset(self.sql, t));
        let text = self.sql.get(start..end).unwrap_or_default();
        text.trim().trim_end_matches(';').trim_end().to_owned()
    }
}

/// The byte where a token begins.
fn offset(sql: &str, token: &TokenWithSpan) -> usize {
    let start = token.span.start;
    let number = |n: u64| usize::try_from(n).unwrap_or(1).saturating_sub(1);
    let line: usize = sql.split_inclusive('\n').take(number(start.line)).map(str::len).sum();
    let rest = sql.get(line..).unwrap_or_default();
    line + rest.char_indices().nth(number(start.column)).map_or(rest.len(), |(at, _)| at)
}
