//! Colours of a statement while it is typed, from the tokenizer of the SQL parser.

use std::collections::HashSet;

use datafusion::sql::sqlparser::dialect::GenericDialect;
use datafusion::sql::sqlparser::keywords::Keyword;
use datafusion::sql::sqlparser::tokenizer::{Token, TokenWithSpan, Tokenizer, Whitespace};

const KEYWORD: &str = "\x1b[1;34m";
const TEXT: &str = "\x1b[32m";
const NUMBER: &str = "\x1b[36m";
const COMMENT: &str = "\x1b[2m";
const FUNCTION: &str = "\x1b[35m";
const PARAMETER: &str = "\x1b[33m";
const COMMAND: &str = "\x1b[1;35m";
const RESET: &str = "\x1b[0m";

/// The text with colours; the same characters otherwise.
pub(crate) fn highlight(text: &str, functions: &HashSet<String>) -> String {
    if super::super::script::is_command(text) {
        let end = text.find(char::is_whitespace).unwrap_or(text.len());
        let (name, rest) = text.split_at(end);
        return format!("{COMMAND}{name}{RESET}{rest}");
    }
    let mut tokens = Vec::new();
    // what comes before a quote that is not closed yet is coloured all the same
    let dialect = GenericDialect {};
    let complete = Tokenizer::new(&dialect, text)
        .with_unescape(false)
        .tokenize_with_location_into_buf(&mut tokens)
        .is_ok();
    let mut out = String::with_capacity(text.len() * 2);
    let mut rest = text;
    for (index, token) in tokens.iter().enumerate() {
        let written = written(token, rest);
        let Some((head, tail)) = rest.split_at_checked(written) else { break };
        let calls = tokens.get(index + 1).is_some_and(|next| next.token == Token::LParen);
        match color(&token.token, calls, functions) {
            Some(color) => out.extend([color, head, RESET]),
            None => out.push_str(head),
        }
        rest = tail;
    }
    if complete || rest.is_empty() {
        out.push_str(rest);
    } else {
        out.extend([TEXT, rest, RESET]);
    }
    out
}

/// Bytes that a token takes in the text.
fn written(token: &TokenWithSpan, text: &str) -> usize {
    let (start, end) = (token.span.start, token.span.end);
    let characters = |from: &str, count: u64| -> usize {
        let count = usize::try_from(count).unwrap_or(usize::MAX);
        from.char_indices().nth(count).map_or(from.len(), |(at, _)| at)
    };
    if start.line == end.line {
        return characters(text, end.column.saturating_sub(start.column));
    }
    let lines = usize::try_from(end.line - start.line).unwrap_or(0);
    let Some((at, _)) = text.match_indices('\n').nth(lines.saturating_sub(1)) else {
        return text.len();
    };
    let last = text.get(at + 1..).unwrap_or_default();
    at + 1 + characters(last, end.column.saturating_sub(1))
}

fn color(token: &Token, calls: bool, functions: &HashSet<String>) -> Option<&'static str> {
    Some(match token {
        Token::Word(word) if calls && functions.contains(&word.value.to_lowercase()) => FUNCTION,
        Token::Word(word) if word.quote_style.is_none() && is_keyword(word.keyword) => KEYWORD,
        Token::Number(..) => NUMBER,
        Token::SingleQuotedString(_)
        | Token::NationalStringLiteral(_)
        | Token::EscapedStringLiteral(_)
        | Token::HexStringLiteral(_)
        | Token::DollarQuotedString(_) => TEXT,
        Token::Placeholder(_) => PARAMETER,
        Token::Whitespace(
            Whitespace::SingleLineComment { .. } | Whitespace::MultiLineComment(_),
        ) => COMMENT,
        _ => return None,
    })
}

/// Words that people use as keywords; many others are names far more often.
fn is_keyword(keyword: Keyword) -> bool {
    use Keyword as K;
    const WORDS: &[Keyword] = &[
        K::SELECT,
        K::FROM,
        K::WHERE,
        K::GROUP,
        K::ORDER,
        K::BY,
        K::HAVING,
        K::LIMIT,
        K::OFFSET,
        K::JOIN,
        K::LEFT,
        K::RIGHT,
        K::FULL,
        K::INNER,
        K::OUTER,
        K::CROSS,
        K::NATURAL,
        K::ON,
        K::USING,
        K::AS,
        K::AND,
        K::OR,
        K::NOT,
        K::IN,
        K::IS,
        K::NULL,
        K::TRUE,
        K::FALSE,
        K::BETWEEN,
        K::LIKE,
        K::ILIKE,
        K::EXISTS,
        K::CASE,
        K::WHEN,
        K::THEN,
        K::ELSE,
        K::END,
        K::DISTINCT,
        K::ALL,
        K::UNION,
        K::INTERSECT,
        K::EXCEPT,
        K::WITH,
        K::RECURSIVE,
        K::OVER,
        K::PARTITION,
        K::ROWS,
        K::RANGE,
        K::PRECEDING,
        K::FOLLOWING,
        K::UNBOUNDED,
        K::FILTER,
        K::WITHIN,
        K::QUALIFY,
        K::EXCLUDE,
        K::ASC,
        K::DESC,
        K::NULLS,
        K::FIRST,
        K::LAST,
        K::CAST,
        K::EXTRACT,
        K::INTERVAL,
        K::VALUES,
        K::CREATE,
        K::TABLE,
        K::VIEW,
        K::DROP,
        K::INSERT,
        K::INTO,
        K::EXPLAIN,
        K::ANALYZE,
        K::SHOW,
        K::SET,
        K::DESCRIBE,
        K::COPY,
        K::TO,
        K::EXTERNAL,
        K::LATERAL,
        K::REPLACE,
        K::IF,
    ];
    WORDS.contains(&keyword)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn strip(text: &str) -> String {
        console::strip_ansi_codes(text).into_owned()
    }

    #[test]
    fn colours_change_no_character() {
        let functions = HashSet::from(["count".to_string()]);
        for text in [
            "SELECT count(*), '客户''s' -- hi\nFROM \"t x\" /* a\nb */ WHERE a = $n AND b >= 1.5e3;",
            "SELECT 'not closed",
            "SELECT $$a\nb$$, x",
            "\\d events",
            "",
            "ß FROM 'ü' \t x",
        ] {
            assert_eq!(strip(&highlight(text, &functions)), text);
        }
    }

    #[test]
    fn functions_keywords_and_text_have_colours_of_their_own() {
        let functions = HashSet::from(["count".to_string()]);
        let shown = highlight("SELECT count(x), 'a' FROM t", &functions);
        assert!(shown.contains(&format!("{KEYWORD}SELECT{RESET}")));
        assert!(shown.contains(&format!("{FUNCTION}count{RESET}(")));
        assert!(shown.contains(&format!("{TEXT}'a'{RESET}")));
    }
}
