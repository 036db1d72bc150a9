//! Words of a text that is still being typed: nothing in it needs to be closed or right.
//!
//! The tokenizer of the SQL parser stops at a quote that is not closed yet; completion needs to
//! know what stands before and after it.

/// What a token is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Kind {
    /// name, keyword or number
    Word,
    /// `"name"`
    Quoted,
    /// `'text'`
    Text,
    /// one character of anything else
    Mark,
}

/// One token with its place.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Token<'a> {
    pub(super) kind: Kind,
    /// with its quotes
    pub(super) text: &'a str,
    pub(super) start: usize,
    /// its quote is closed
    pub(super) closed: bool,
}

impl Token<'_> {
    pub(super) fn end(&self) -> usize {
        self.start + self.text.len()
    }

    /// A keyword, in any case.
    pub(super) fn is(&self, word: &str) -> bool {
        self.kind == Kind::Word && self.text.eq_ignore_ascii_case(word)
    }

    pub(super) fn is_mark(&self, mark: &str) -> bool {
        self.kind == Kind::Mark && self.text == mark
    }

    pub(super) fn is_name(&self) -> bool {
        matches!(self.kind, Kind::Word | Kind::Quoted)
    }

    /// The name as the engine knows it: in lower case unless it is quoted.
    pub(super) fn name(&self) -> String {
        match self.kind {
            Kind::Quoted => self.text.trim_matches('"').replace("\"\"", "\""),
            _ => self.text.to_lowercase(),
        }
    }
}

/// The tokens of a text; comments and blanks are left out.
pub(super) fn tokens(text: &str) -> Vec<Token<'_>> {
    let mut tokens = Vec::new();
    let mut at = 0;
    while let Some(rest) = text.get(at..).filter(|rest| !rest.is_empty()) {
        let (length, kind, closed) = next(rest);
        if let (Some(kind), Some(text)) = (kind, rest.get(..length)) {
            tokens.push(Token { kind, text, start: at, closed });
        }
        at += length.max(1);
    }
    tokens
}

/// Length and kind of the token at the start; no kind for blanks and comments.
fn next(text: &str) -> (usize, Option<Kind>, bool) {
    let Some(first) = text.chars().next() else { return (0, None, true) };
    let up_to = |end: Option<usize>| end.unwrap_or(text.len());
    if first.is_whitespace() {
        return (up_to(text.find(|c: char| !c.is_whitespace())), None, true);
    }
    if text.starts_with("--") {
        return (up_to(text.find('\n')), None, true);
    }
    if text.starts_with("/*") {
        return (up_to(text.find("*/").map(|at| at + 2)), None, true);
    }
    if first == '\'' || first == '"' {
        let kind = if first == '"' { Kind::Quoted } else { Kind::Text };
        let close = text.get(1..).and_then(|rest| rest.find(first)).map(|at| at + 2);
        return (up_to(close), Some(kind), close.is_some());
    }
    if is_word(first) {
        return (up_to(text.find(|c: char| !is_word(c))), Some(Kind::Word), true);
    }
    (first.len_utf8(), Some(Kind::Mark), true)
}

fn is_word(c: char) -> bool {
    c.is_alphanumeric() || c == '_' || c == '$'
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_not_closed_goes_to_the_end() {
        let found: Vec<_> = tokens("SELECT a.\"B c\" -- x\n, 'it''s /* y")
            .into_iter()
            .map(|t| (t.text, t.closed))
            .collect();
        assert_eq!(
            found,
            [
                ("SELECT", true),
                ("a", true),
                (".", true),
                ("\"B c\"", true),
                (",", true),
                ("'it'", true),
                ("'s /* y", false)
            ]
        );
    }
}
