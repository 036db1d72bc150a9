//! Which call of a statement an error is about: DataFusion tells a function's name, not its place.
//!
//! The message names the function; the tokens of the statement say where it is called. Where it is
//! called more than once, the number of its arguments or a quoted value decides, and where they do
//! not, there is no place: none is better than a wrong one.

use datafusion::logical_expr::sqlparser::tokenizer::{Token, TokenWithSpan, Tokenizer};

use super::dialect::TenureDialect;
use crate::error::Place;

/// One call, as far as its tokens tell.
struct Call {
    /// in lower case
    name: String,
    place: Place,
    /// `None` where arguments have names: then places may be left out
    arguments: Option<usize>,
    texts: Vec<String>,
    /// everything between the parentheses
    inside: String,
}

/// The place of the call that `message` is about.
pub(crate) fn place(sql: &str, message: &str) -> Option<Place> {
    let calls = calls(sql);
    let name = calls.iter().map(|c| c.name.as_str()).find(|name| is_about(message, name))?;
    let mut of_name: Vec<&Call> = calls.iter().filter(|c| c.name == name).collect();
    if of_name.len() > 1
        && let Some(got) = arguments(message)
    {
        of_name.retain(|c| c.arguments.is_none_or(|n| n == got));
    }
    // "x" is what was given, 'x' may be what is allowed
    for quoted in [|text: &str| format!("{text:?}"), |text: &str| format!("'{text}'")] {
        let has = |c: &&Call| c.texts.iter().any(|text| message.contains(&quoted(text)));
        if of_name.len() > 1 && of_name.iter().any(has) {
            of_name.retain(has);
        }
    }
    let first = of_name.first()?;
    // SELECT f(x) … GROUP BY f(x): the one is as wrong as the other
    of_name.iter().all(|c| c.inside == first.inside).then_some(first.place)
}

/// The places of a text that stands in the statement as a literal.
pub(crate) fn literals(sql: &str, text: &str) -> Vec<Place> {
    let Ok(tokens) = Tokenizer::new(&TenureDialect, sql).tokenize_with_location() else {
        return vec![];
    };
    let is_literal =
        |t: &&TokenWithSpan| matches!(&t.token, Token::SingleQuotedString(s) if s == text);
    tokens.iter().filter(is_literal).map(|t| super::named_args::place_of(t.span)).collect()
}

/// Whether a message speaks of a function: it begins with its name or quotes it, or has a name in
/// it that is no word of English.
fn is_about(message: &str, name: &str) -> bool {
    let is_name = |word: &str| word.eq_ignore_ascii_case(name);
    let first = message.split([' ', ':']).next().unwrap_or_default();
    let mut words = message.split(|c: char| !c.is_alphanumeric() && c != '_');
    // "min/max was called with …"
    first.split('/').any(is_name)
        || [format!("'{name}'"), format!("\"{name}\"")]
            .iter()
            .any(|quoted| message.contains(quoted))
        || (name.contains('_') && words.any(is_name))
}

/// How many arguments the call had, by `f takes 2 arguments, got 1` or
/// `f cannot be called with (Int64, Utf8)`.
fn arguments(message: &str) -> Option<usize> {
    if let Some((_, got)) = message.rsplit_once(" arguments, got ") {
        return got.trim().parse().ok();
    }
    let (_, types) = message.split_once(" cannot be called with (")?;
    let mut depth = 1_usize;
    let mut count = usize::from(!types.starts_with(')'));
    for c in types.chars() {
        match c {
            '(' | '<' => depth += 1,
            ')' | '>' => depth = depth.saturating_sub(1),
            ',' if depth == 1 => count += 1,
            _ => {}
        }
    }
    Some(count)
}

/// Every name before a parenthesis, in the order of the text.
fn calls(sql: &str) -> Vec<Call> {
    let Ok(mut tokens) = Tokenizer::new(&TenureDialect, sql).tokenize_with_location() else {
        return vec![];
    };
    tokens.retain(|t| !matches!(t.token, Token::Whitespace(_)));
    let mut out = vec![];
    for (i, pair) in tokens.windows(2).enumerate() {
        if let [name, open] = pair
            && let Token::Word(word) = &name.token
            && open.token == Token::LParen
        {
            out.push(call(&word.value, name, tokens.get(i + 2..).unwrap_or_default()));
        }
    }
    out
}

/// The call of a name whose arguments begin with `rest`.
fn call(name: &str, at: &TokenWithSpan, rest: &[TokenWithSpan]) -> Call {
    let mut depth = 1_usize;
    let mut commas = 0;
    let mut named = false;
    let mut texts = vec![];
    let mut inside = String::new();
    for token in rest {
        match &token.token {
            Token::LParen | Token::LBracket | Token::LBrace => depth += 1,
            Token::RParen | Token::RBracket | Token::RBrace => depth -= 1,
            Token::Comma if depth == 1 => commas += 1,
            Token::RArrow | Token::Assignment if depth == 1 => named = true,
            Token::SingleQuotedString(text) => texts.push(text.clone()),
            _ => {}
        }
        if depth == 0 {
            break;
        }
        inside.push_str(&token.token.to_string());
        inside.push(' ');
    }
    let count = if inside.is_empty() { 0 } else { commas + 1 };
    Call {
        name: name.to_lowercase(),
        place: super::named_args::place_of(at.span),
        arguments: (!named).then_some(count),
        texts,
        inside,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(sql: &str, message: &str) -> Option<(usize, usize, usize)> {
        place(sql, message).map(|p| (p.line, p.column, p.end_column))
    }

    #[test]
    fn the_only_call_of_the_named_function_is_the_place() {
        let says = "stage_label: \"x\" is no stage";
        assert_eq!(at("SELECT a,\n Stage_Label ('x'), b(1)", says), Some((2, 2, 13)));
        assert_eq!(at("SELECT stage_label, b(1)", says), None);
        assert_eq!(
            at("SELECT date_trunc('x', ts)", "Unsupported date_trunc granularity"),
            Some((1, 8, 18))
        );
        assert_eq!(at("SELECT round(1)", "Function 'round' expects 2 arguments"), Some((1, 8, 13)));
    }

    #[test]
    fn a_word_that_only_looks_like_a_function_is_none() {
        assert_eq!(at("SELECT value(1)", "the value is not shown"), None);
        assert_eq!(at("SELECT sum(1)", "tenure.sum: is no setting"), None);
        assert_eq!(at("SELECT max(1, 2)", "min/max was called with 2"), Some((1, 8, 11)));
        assert_eq!(at("SELECT 'sum(1)'", "sum takes 1 arguments, got 2"), None);
    }

    #[test]
    fn of_several_calls_the_one_with_so_many_arguments_is_meant() {
        let says = "f takes 3 to 4 arguments, got 2";
        assert_eq!(at("SELECT f(1, 2, 3), f(1, g(2, 3))", says), Some((1, 20, 21)));
        assert_eq!(at("SELECT f(1, f(2, 3, 4)), f(a => 1)", says), None);
        let types =
            "f cannot be called with (Decimal128(10, 2), Struct(\"a\": Int64, \"b\": Utf8))";
        assert_eq!(at("SELECT f(), f(1), f(1, 2), f(1, 2, 3)", types), Some((1, 19, 20)));
        assert_eq!(at("SELECT f(1), f()", "f cannot be called with ()"), Some((1, 14, 15)));
    }

    #[test]
    fn of_several_calls_the_one_with_the_quoted_value_is_meant() {
        let says = "f: \"b\" is no mode; modes are 'a', 'c'";
        assert_eq!(at("SELECT f('a'), f('b')", says), Some((1, 16, 17)));
        assert_eq!(at("SELECT f('a'), f('b')", "f: unknown 'b'"), Some((1, 16, 17)));
    }

    #[test]
    fn equal_calls_are_as_good_as_one_and_different_ones_none() {
        let says = "f: argument 1 (a) must be text, got Int64";
        assert_eq!(at("SELECT f(1) FROM t GROUP BY f( 1 )", says), Some((1, 8, 9)));
        assert_eq!(at("SELECT f(1), f(2)", says), None);
    }
}
