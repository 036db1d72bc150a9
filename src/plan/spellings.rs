//! What PostgreSQL spells otherwise than DataFusion, and BI tools write: `mod(a, b)`, `variance(x)`,
//! `sign(x)`, `date(ts)`, `substring(text FROM 'pattern')`, `SIMILAR TO`, `LIKE … ESCAPE '!'`,
//! `E'a\nb'`, `CAST(x AS FLOAT)`, `CAST(x AS CHARACTER VARYING(20))`, `x::name`, `2 ^ 3`.

use std::ops::ControlFlow;

use datafusion::logical_expr::sqlparser::ast::{
    AccessExpr, BinaryOperator, CastKind, CharacterLength, DataType, ExactNumberInfo, Expr,
    Function, FunctionArg, FunctionArgExpr, FunctionArguments, Ident, ObjectName, Statement,
    Subscript, Value, ValueWithSpan, visit_expressions_mut,
};

use super::query;

/// Functions that are the same by another name.
const NAMES: [(&str, &str); 5] = [
    ("ceiling", "ceil"),
    ("every", "bool_and"),
    ("gen_random_uuid", "uuid"),
    ("sign", "signum"),
    ("variance", "var_samp"),
];
/// A FLOAT of more digits of two has 64 bits.
const SHORT_DIGITS: u64 = 24;

/// Spells `statement` as DataFusion reads it.
pub(crate) fn respell(statement: &mut Statement) {
    let _ = visit_expressions_mut(statement, |expr| {
        match expr {
            Expr::Cast { expr: of, data_type, .. } => match data_type {
                // two digits a byte, where a text would be its own bytes
                DataType::Bytea => {
                    let hex = constant(of).and_then(|text| text.strip_prefix("\\x"));
                    if let Some(hex) = hex.map(ToOwned::to_owned) {
                        **of = Expr::Value(Value::HexStringLiteral(hex).into());
                    }
                }
                // no more characters than the type holds
                DataType::CharacterVarying(length)
                | DataType::CharVarying(length)
                | DataType::Varchar(length)
                | DataType::Character(length @ Some(_))
                | DataType::Char(length @ Some(_)) => {
                    let most = length.take();
                    *data_type = DataType::Varchar(None);
                    if let Some(CharacterLength::IntegerLength { length, .. }) = most {
                        let most = Expr::Value(Value::Number(length.to_string(), false).into());
                        *expr = query::call("left", [expr.clone(), most]);
                    }
                }
                // texts by another name
                DataType::Custom(name, _) if is_text_type(name) => {
                    *data_type = DataType::Varchar(None);
                }
                // without digits it has 64 bits, as in the standard's other engines
                DataType::Float(ExactNumberInfo::None) => *data_type = DataType::DoublePrecision,
                DataType::Float(ExactNumberInfo::Precision(digits)) if *digits > SHORT_DIGITS => {
                    *data_type = DataType::DoublePrecision;
                }
                _ => {}
            },
            Expr::Value(value) => {
                if let Value::EscapedStringLiteral(text) | Value::UnicodeStringLiteral(text) =
                    &mut value.value
                {
                    value.value = Value::SingleQuotedString(std::mem::take(text));
                }
            }
            Expr::SimilarTo { negated, expr: text, pattern, escape_char } => {
                if let Some(regex) = constant(pattern)
                    .and_then(|pattern| similar(pattern, escape(escape_char.as_ref())))
                {
                    let op = if *negated {
                        BinaryOperator::PGRegexNotMatch
                    } else {
                        BinaryOperator::PGRegexMatch
                    };
                    let right = Box::new(query::text(&regex));
                    *expr =
                        Expr::Nested(Box::new(Expr::BinaryOp { left: text.clone(), op, right }));
                }
            }
            Expr::Like { pattern, escape_char, .. } | Expr::ILike { pattern, escape_char, .. } => {
                let by = escape(escape_char.as_ref()).filter(|by| *by != '\\');
                let new = by.and_then(|by| match constant(pattern) {
                    Some(text) => escaped_by_backslash(text, by).map(|new| query::text(&new)),
                    None => Some(computed_by_backslash(pattern, by)),
                });
                if let Some(new) = new {
                    (**pattern, *escape_char) = (new, None);
                }
            }
            Expr::BinaryOp { left, op: BinaryOperator::BitwiseXor, right } => {
                *expr = query::call("power", vec![left.as_ref().clone(), right.as_ref().clone()]);
            }
            Expr::Substring {
                expr: text, substring_from: Some(from), substring_for: None, ..
            } if is_text(from) => {
                *expr = first_match(text, from);
            }
            Expr::Function(call) => {
                // the schema that functions are said to be in
                if let [schema, _] = call.name.0.as_slice()
                    && schema.to_string().eq_ignore_ascii_case("tenure")
                {
                    call.name.0.remove(0);
                }
                if let Some(instead) = operator(call) {
                    *expr = instead;
                } else if let Some((_, name)) =
                    NAMES.iter().find(|(spelled, _)| is_called(call, spelled))
                {
                    rename(&mut call.name, name);
                }
            }
            _ => {}
        }
        ControlFlow::<()>::Continue(())
    });
}

fn is_called(call: &Function, name: &str) -> bool {
    matches!(call.name.0.as_slice(), [only] if only.to_string().eq_ignore_ascii_case(name))
}

/// The place in the statement stays, for errors.
fn rename(old: &mut ObjectName, name: &str) {
    if let Some(ident) = old.0.first().and_then(|part| part.as_ident()) {
        *old = ObjectName::from(vec![Ident { value: name.to_owned(), ..ident.clone() }]);
    }
}

/// `mod(a, b)` and `date(x)`, for which there are an operator and a cast.
fn operator(call: &Function) -> Option<Expr> {
    let FunctionArguments::List(list) = &call.args else { return None };
    let args: Vec<&Expr> = list
        .args
        .iter()
        .map(|arg| match arg {
            FunctionArg::Unnamed(FunctionArgExpr::Expr(e)) => Some(e),
            _ => None,
        })
        .collect::<Option<_>>()?;
    let nested = |e: &Expr| Box::new(Expr::Nested(Box::new(e.clone())));
    match args.as_slice() {
        [a, b] if is_called(call, "mod") => Some(Expr::Nested(Box::new(Expr::BinaryOp {
            left: nested(a),
            op: BinaryOperator::Modulo,
            right: nested(b),
        }))),
        [x] if is_called(call, "date") => Some(Expr::Cast {
            kind: CastKind::Cast,
            expr: Box::new((*x).clone()),
            data_type: DataType::Date,
            array: false,
            format: None,
        }),
        _ => None,
    }
}

fn is_text(expr: &Expr) -> bool {
    constant(expr).is_some()
}

/// `name` and `bpchar`, PostgreSQL's own.
fn is_text_type(name: &ObjectName) -> bool {
    let name = name.to_string();
    ["name", "bpchar"].iter().any(|text| name.eq_ignore_ascii_case(text))
}

/// A text that is written out.
fn constant(expr: &Expr) -> Option<&str> {
    match expr {
        Expr::Value(value) => match &value.value {
            Value::SingleQuotedString(text) => Some(text),
            _ => None,
        },
        _ => None,
    }
}

/// The character that makes the next one stand for itself.
fn escape(given: Option<&ValueWithSpan>) -> Option<char> {
    match given.map(|given| &given.value) {
        None => Some('\\'),
        Some(Value::SingleQuotedString(text)) => text.chars().next(),
        Some(_) => None,
    }
}

/// A pattern of LIKE that escapes with a backslash; none if it ends in the middle of an escape.
fn escaped_by_backslash(pattern: &str, by: char) -> Option<String> {
    let mut out = String::new();
    let mut chars = pattern.chars();
    while let Some(c) = chars.next() {
        if c == by {
            out.push('\\');
            out.push(chars.next()?);
        } else if c == '\\' {
            out.push_str("\\\\");
        } else {
            out.push(c);
        }
    }
    Some(out)
}

/// The same of a pattern that is not known before.
fn computed_by_backslash(pattern: &Expr, by: char) -> Expr {
    // what is escaped by itself stands for itself, and waits as a character of nobody's
    const ASIDE: &str = "\u{e000}";
    let replaced = |e: Expr, from: &str, to: &str| {
        query::call("replace", [e, query::text(from), query::text(to)])
    };
    let once = by.to_string();
    let waits = replaced(replaced(pattern.clone(), "\\", "\\\\"), &once.repeat(2), ASIDE);
    replaced(replaced(waits, &once, "\\"), ASIDE, &once)
}

/// The regular expression that finds the texts which are SIMILAR TO a pattern as a whole; none if it
/// ends in the middle of an escape.
fn similar(pattern: &str, escape: Option<char>) -> Option<String> {
    let mut out = "^(?s:".to_owned();
    let mut chars = pattern.chars();
    let mut in_class = false;
    while let Some(c) = chars.next() {
        match c {
            c if Some(c) == escape => {
                let next = chars.next()?;
                if !next.is_alphanumeric() {
                    out.push('\\');
                }
                out.push(next);
            }
            '[' | ']' => {
                in_class = c == '[';
                out.push(c);
            }
            c if in_class => out.push(c),
            '%' => out.push_str(".*"),
            '_' => out.push('.'),
            '.' | '^' | '$' | '\\' => out.extend(['\\', c]),
            c => out.push(c),
        }
    }
    out.push_str(")$");
    Some(out)
}

/// What a pattern finds first in a text: its first group, if it has one.
fn first_match(text: &Expr, pattern: &Expr) -> Expr {
    let call = query::call("regexp_match", [text.clone(), pattern.clone()]);
    let one = Expr::Value(Value::Number("1".to_owned(), false).with_empty_span());
    Expr::CompoundFieldAccess {
        root: Box::new(call),
        access_chain: vec![AccessExpr::Subscript(Subscript::Index { index: one })],
    }
}
