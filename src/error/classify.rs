//! DataFusion's errors as Tenure's: class, place and hint found, internals and secrets left out.

use std::error::Error as _;
use std::sync::Arc;

use datafusion::arrow::error::ArrowError;
use datafusion::common::{DataFusionError as Df, Diagnostic, SchemaError, Span};
use datafusion::logical_expr::sqlparser::parser::ParserError;
use datafusion::parquet::errors::ParquetError;
use tokio::task::JoinError;

use super::{Error, ErrorKind, Place, did_you_mean};

/// The Tenure error that `e` carries, or the one that says the same.
pub(super) fn classify(e: Df) -> Error {
    if let Some(found) = carried::<Error>(&e) {
        return found.copied();
    }
    if carried::<JoinError>(&e).is_some_and(JoinError::is_panic) {
        // what the panic said may quote data
        return internal("a part of the statement panicked");
    }
    let (diagnostic, e) = strip(e);
    let mut out = plain(&e);
    if let Some(d) = diagnostic {
        if let Some(span) = d.span {
            out.place = place_of(span);
        }
        if out.hint.is_none() {
            out.hint = d.helps.first().or(None).map(|h| h.message.clone());
        }
    }
    out
}

/// An error of one type at any depth.
fn carried<E: std::error::Error + 'static>(e: &Df) -> Option<&E> {
    let mut at: Option<&(dyn std::error::Error + 'static)> = Some(e);
    while let Some(e) = at {
        if let Some(found) = e.downcast_ref::<E>() {
            return Some(found);
        }
        // DataFusionError::source() of these variants skips the boxed error itself
        at = match e.downcast_ref::<Df>() {
            Some(Df::External(inner)) => Some(inner.as_ref()),
            Some(Df::ArrowError(inner, _)) => Some(inner.as_ref()),
            Some(Df::ParquetError(inner)) => Some(inner.as_ref()),
            Some(Df::Shared(inner)) => Some(inner.as_ref()),
            Some(Df::ExecutionJoin(inner)) => Some(inner.as_ref()),
            Some(Df::Context(_, inner) | Df::Diagnostic(_, inner)) => Some(inner.as_ref()),
            Some(Df::Collection(all)) => return all.iter().find_map(carried::<E>),
            Some(other) => other.source(),
            None => match e.downcast_ref::<ArrowError>() {
                Some(ArrowError::ExternalError(inner)) => Some(inner.as_ref()),
                Some(other) => other.source(),
                None => match e.downcast_ref::<ParquetError>() {
                    Some(ParquetError::External(inner)) => Some(inner.as_ref()),
                    // a task that several wait for
                    _ => match e.downcast_ref::<Arc<JoinError>>() {
                        Some(join) => Some(join.as_ref()),
                        None => e.source(),
                    },
                },
            },
        };
    }
    None
}

/// The innermost error that says something, and the diagnostic on the way to it.
fn strip(e: Df) -> (Option<Diagnostic>, Df) {
    let mut diagnostic = None;
    let mut e = e;
    loop {
        e = match e {
            Df::Diagnostic(d, inner) => {
                diagnostic = Some(*d);
                *inner
            }
            Df::Context(_, inner) => *inner,
            Df::Collection(mut all) if !all.is_empty() => all.swap_remove(0),
            Df::Shared(inner) => match std::sync::Arc::try_unwrap(inner) {
                Ok(inner) => inner,
                Err(shared) => return (diagnostic, rendered(&shared)),
            },
            other => return (diagnostic, other),
        };
    }
}

/// A shared error cannot be taken apart; its class and text can be had.
fn rendered(e: &Df) -> Df {
    match e {
        Df::Context(_, inner) | Df::Diagnostic(_, inner) => rendered(inner),
        Df::Shared(inner) => rendered(inner),
        Df::ResourcesExhausted(m) => Df::ResourcesExhausted(m.clone()),
        Df::Execution(m) => Df::Execution(m.clone()),
        Df::Plan(m) => Df::Plan(m.clone()),
        Df::Internal(m) => Df::Internal(m.clone()),
        Df::ArrowError(inner, _) => Df::Execution(inner.to_string()),
        other => Df::Execution(other.strip_backtrace()),
    }
}

fn plain(e: &Df) -> Error {
    if let Some(e) = pattern_error(&e.strip_backtrace()) {
        return e;
    }
    if let Df::Plan(m) | Df::Execution(m) | Df::Internal(m) = e
        && let Some(e) = argument_error(m)
    {
        return e;
    }
    match e {
        Df::SQL(parser, _) => syntax(parser),
        Df::SchemaError(schema, _) => schema_error(schema),
        Df::Plan(m) => plan_error(m),
        Df::Configuration(m) => Error::new(ErrorKind::Invalid, m.clone()),
        Df::NotImplemented(m) => not_supported(m),
        Df::ResourcesExhausted(m) if m.contains("disk") || m.contains("temp") => {
            Error::new(ErrorKind::Disk, m.clone())
        }
        Df::ResourcesExhausted(m) => Error::new(ErrorKind::Memory, first_sentence(m)).with_hint(
            "raise the memory limit (--memory-limit, or memory_limit in a program), or ask for fewer groups or columns at once",
        ),
        Df::Execution(m) => execution_error(m),
        Df::ArrowError(a, _) => execution_error(&arrow_message(a)),
        Df::ParquetError(p) => {
            Error::new(ErrorKind::Corrupt, format!("a Parquet file cannot be read: {p}"))
                .with_hint("the file is damaged or still being written; check or remove it")
        }
        Df::ObjectStore(o) => Error::new(ErrorKind::Unreachable, o.to_string()),
        Df::IoError(io) => Error::new(ErrorKind::Io, io.to_string()),
        Df::Internal(m) => internal(m.lines().next().unwrap_or_default()),
        other => Error::new(ErrorKind::Invalid, other.strip_backtrace()),
    }
}

/// What DataFusion does not do, in words of SQL where it speaks of its own code.
fn not_supported(m: &str) -> Error {
    let sliding = between(m, "because `retract_batch` is not implemented: ", "(");
    if let Some(function) = sliding {
        return Error::new(
            ErrorKind::NotSupported,
            format!("{function} cannot be asked of a window frame whose first row moves"),
        )
        .with_hint("let the frame begin with UNBOUNDED PRECEDING, or group the rows instead");
    }
    let asks = |what| m.contains(&format!("does not support logical expression {what}("));
    if asks("Exists") || asks("InSubquery") {
        return Error::new(
            ErrorKind::NotSupported,
            "EXISTS and IN (SELECT …) cannot be asked in this place",
        )
        .with_hint("ask it among what a subquery selects, and use its column here");
    }
    match m.split_once("Unsupported SQL statement: ") {
        Some((_, sql)) => {
            let sql = without_strings(sql);
            Error::new(ErrorKind::NotSupported, format!("this statement is not supported: {sql}"))
        }
        None => Error::new(ErrorKind::NotSupported, without_syntax_tree(m)),
    }
}

pub(super) fn internal(m: &str) -> Error {
    if m.contains("No suitable object store found for ") {
        let message = "an external table cannot be at a URL";
        return Error::new(ErrorKind::NotSupported, message)
            .with_hint("CREATE VIEW name AS SELECT * FROM 'the URL' reads it");
    }
    Error::new(ErrorKind::Internal, format!("internal error: {m}")).with_hint(
        "this is a defect, not your fault; the session goes on. Please report the statement",
    )
}

fn syntax(e: &ParserError) -> Error {
    let (kind, text) = match e {
        ParserError::TokenizerError(m) | ParserError::ParserError(m) => {
            (ErrorKind::Syntax, m.as_str())
        }
        ParserError::RecursionLimitExceeded => {
            return Error::new(ErrorKind::TooComplex, "the statement is nested too deeply")
                .with_hint("break it up with WITH clauses or views");
        }
    };
    // "… at Line: 1, Column: 14"
    let (message, place) = match text.rsplit_once(" at Line: ") {
        Some((message, rest)) => (message, parse_place(rest)),
        None => (text, None),
    };
    let message = without_strings(message);
    let mut out = Error::new(kind, format!("syntax error: {}", lower_first(&message)));
    out.place = place;
    out
}

/// SQL without what stands in quotes: it may be a customer's name or a password.
fn without_strings(sql: &str) -> String {
    let mut parts = sql.split('\'');
    let mut out = parts.next().unwrap_or_default().to_owned();
    while let Some(_hidden) = parts.next() {
        out.push_str("'…'");
        out.push_str(parts.next().unwrap_or_default());
    }
    out
}

fn parse_place(text: &str) -> Option<Place> {
    let (line, column) = text.split_once(", Column: ")?;
    let digits =
        |s: &str| s.chars().take_while(char::is_ascii_digit).collect::<String>().parse().ok();
    let (line, column): (usize, usize) = (digits(line)?, digits(column)?);
    (line > 0).then_some(Place { line, column, end_column: column + 1 })
}

fn place_of(span: Span) -> Option<Place> {
    let line = usize::try_from(span.start.line).ok().filter(|l| *l > 0)?;
    let column = usize::try_from(span.start.column).ok()?;
    let end = usize::try_from(span.end.column).ok()?;
    let end_column =
        if span.end.line == span.start.line { end.max(column + 1) } else { column + 1 };
    Some(Place { line, column, end_column })
}

fn schema_error(e: &SchemaError) -> Error {
    match e {
        SchemaError::FieldNotFound { field, valid_fields } => {
            let names: Vec<String> = valid_fields.iter().map(|c| c.name.clone()).collect();
            let mut out = Error::new(
                ErrorKind::UndefinedColumn,
                format!("there is no column {}", field.quoted_flat_name()),
            );
            out.hint = did_you_mean(&field.name, names.iter().map(String::as_str)).or_else(|| {
                (!names.is_empty()).then(|| {
                    let some: Vec<&str> = names.iter().take(12).map(String::as_str).collect();
                    let more = if names.len() > some.len() { ", …" } else { "" };
                    format!("the columns are {}{more}", some.join(", "))
                })
            });
            out
        }
        SchemaError::AmbiguousReference { field } => Error::new(
            ErrorKind::Ambiguous,
            format!("column {} is in more than one table", field.quoted_flat_name()),
        )
        .with_hint("write the table before it: table.column"),
        other => Error::new(ErrorKind::Invalid, lower_first(&other.to_string())),
    }
}

fn plan_error(m: &str) -> Error {
    if let Some(name) = between(m, "table '", "' not found") {
        // the default schema goes without saying, another is part of what is missing
        let parts: Vec<&str> = name.split('.').collect();
        let told = match parts.as_slice() {
            [_, "main", bare] => bare.to_string(),
            [_, schema, bare] => format!("{schema}.{bare}"),
            _ => name.to_string(),
        };
        return Error::new(ErrorKind::UndefinedTable, format!("there is no table {told:?}"));
    }
    if let Some(name) = between(m, "Invalid function '", "'") {
        let mut out =
            Error::new(ErrorKind::UndefinedFunction, format!("there is no function {name:?}"));
        out.hint = between(m, "Did you mean '", "'").map(|near| format!("did you mean {near}?"));
        return out;
    }
    if let Some(name) = between(m, "table function '", "' not found") {
        return Error::new(
            ErrorKind::UndefinedFunction,
            format!("there is no table function {name:?}"),
        );
    }
    if m.starts_with("Substring without for/from") {
        return Error::new(
            ErrorKind::UndefinedFunction,
            "substr cannot be called with one argument",
        );
    }
    let m = m.strip_prefix("Error during planning: ").unwrap_or(m);
    if m.contains(" must be in GROUP BY or an aggregate function") {
        return Error::new(ErrorKind::Grouping, without_syntax_tree(m));
    }
    with_usage(without_syntax_tree(m))
}

/// A message without the parser's structures, which DataFusion puts behind what it says.
fn without_syntax_tree(m: &str) -> &str {
    if !m.contains("Span(Location(") {
        return m;
    }
    let opens = |(at, _): (usize, char)| {
        let (before, after) = (m.get(..at)?, m.get(at..)?);
        let name = before.rsplit([' ', '(', '\'', '"']).next()?;
        let is_structure = name.starts_with(char::is_uppercase)
            && name.chars().all(char::is_alphanumeric)
            && (after.starts_with('(') || after.starts_with(" {"));
        is_structure.then_some(at - name.len())
    };
    let cut = m.char_indices().find_map(opens).unwrap_or(m.len());
    m.get(..cut).unwrap_or(m).trim_end_matches([' ', ':', '(', '\'', '"', ','])
}

/// A call with arguments that its function does not take, without DataFusion's wrapping.
fn argument_error(m: &str) -> Option<Error> {
    const NONE: &str = "No function matches the given name and argument types";
    if let Some((_, own)) = m.split_once(" user-defined coercion failed with: ") {
        let own = own.lines().next().unwrap_or(own);
        let own = own.split_once(NONE).map_or(own, |(own, _)| own).trim().trim_end_matches('.');
        let own = ["Error during planning: ", "Execution error: ", "Internal error: "]
            .iter()
            .fold(own, |m, prefix| m.strip_prefix(prefix).unwrap_or(m));
        return Some(with_usage(&lower_first(own)));
    }
    let message = if let Some((_, rest)) = m.split_once(NONE) {
        match between(rest, "'", "'. You might").and_then(|call| call.split_once('(')) {
            Some((name, types)) => format!("{name} cannot be called with ({types}"),
            None => "a function cannot be called with these arguments".to_string(),
        }
    } else {
        let (head, _) = m.split_once("' failed to match any signature")?;
        let (_, name) = head.rsplit_once("Function '")?;
        format!("{name} cannot be called with these arguments")
    };
    Some(
        Error::new(ErrorKind::UndefinedFunction, message)
            .with_hint("check the number and the types of the arguments, or cast them"),
    )
}

/// An error whose "; it is called f(…)" is its hint.
fn with_usage(m: &str) -> Error {
    match m.split_once("; it is called ") {
        Some((what, usage)) => {
            Error::new(ErrorKind::Invalid, what).with_hint(format!("it is called {usage}"))
        }
        None => Error::new(ErrorKind::Invalid, m),
    }
}

fn between<'a>(text: &'a str, before: &str, after: &str) -> Option<&'a str> {
    let (_, rest) = text.split_once(before)?;
    rest.split_once(after).map(|(found, _)| found)
}

/// What a cast or a calculation says, by what went wrong.
fn execution_error(m: &str) -> Error {
    // an error that several wait for is a text only
    if m.ends_with(&ArrowError::DivideByZero.to_string()) {
        return Error::new(ErrorKind::DivisionByZero, "division by zero");
    }
    if m.ends_with("Scalar subquery returned more than one row") {
        return Error::new(ErrorKind::ManyRows, "a subquery that stands for one value has several")
            .with_hint("add LIMIT 1 to it, or an aggregate such as max(…)");
    }
    out_of_range(m).unwrap_or_else(|| cast_error(m))
}

/// A number that a type cannot hold, without the number.
fn out_of_range(m: &str) -> Option<Error> {
    let what = match m.split_once("Arithmetic overflow: ") {
        Some((_, what)) if !what.starts_with("Overflow") => what,
        Some(_) => "a calculation",
        None if m.contains("Array overflow on abs(") => "abs",
        None if m.contains("Can't cast value ") => {
            m.rsplit_once(" to type ").map_or("a cast", |(_, ty)| ty)
        }
        None if m.contains("Overflowing on ") || m.contains(" is too large to store in a ") => {
            "a cast"
        }
        None => return None,
    };
    let hint = "DOUBLE and DECIMAL(38, 0) hold larger numbers: cast to them before";
    Some(Error::new(ErrorKind::OutOfRange, format!("out of range: {what}")).with_hint(hint))
}

/// `Cannot cast string 'someone@example.com' to value of Int32 type`, `Error parsing timestamp from
/// 'someone@example.com': …` and the like without the value.
fn cast_error(m: &str) -> Error {
    if let Some((_, rest)) = m.split_once("Error parsing ")
        && let Some((what, rest)) = rest.split_once(" from '")
    {
        let text = rest.rsplit_once("': ").or_else(|| rest.rsplit_once('\''));
        let text = text.map_or(rest, |(text, _)| text);
        return Error::of_text(ErrorKind::UnreadableTime, &format!("a text is no {what}"), text);
    }
    if let Some((_, rest)) = m.split_once("Invalid input syntax for type interval: \"") {
        let text = rest.rsplit_once('"').map_or(rest, |(text, _)| text);
        return Error::of_text(
            ErrorKind::UnreadableTime,
            "a text is no interval such as '7 days'",
            text,
        );
    }
    for before in ["string '", "value '"] {
        if let Some((head, rest)) = m.split_once(before)
            && let Some((text, ty)) = rest.rsplit_once("' to value of ")
        {
            let what = format!("{}a text to value of {ty}", lower_first(head));
            return Error::of_text(unreadable_as(ty, text), &what, text);
        }
    }
    Error::new(ErrorKind::Invalid, m.strip_prefix("Execution error: ").unwrap_or(m))
}

/// What is no regular expression, without it: a column may hold it.
fn pattern_error(m: &str) -> Option<Error> {
    let pattern = match m.split_once("regex parse error:\n") {
        Some((_, shown)) => shown.lines().next().unwrap_or_default().trim(),
        None => m.split_once("Regular expression did not compile: ")?.1,
    };
    if pattern.starts_with("CompiledTooBig(") {
        return Some(Error::new(ErrorKind::TooComplex, "a regular expression is too large"));
    }
    let out = Error::of_text(ErrorKind::Invalid, "a text is no regular expression", pattern);
    let why = m.rsplit_once("\nerror: ").and_then(|(_, why)| why.lines().next());
    Some(match why {
        Some(why) => out.with_hint(why),
        None => out,
    })
}

/// Why a text is no value of a type.
fn unreadable_as(ty: &str, text: &str) -> ErrorKind {
    if ["Date", "Time", "Interval", "Duration"].iter().any(|time| ty.starts_with(time)) {
        ErrorKind::UnreadableTime
    } else if ty.trim_start_matches('U').starts_with("Int") && text.trim().parse::<i128>().is_ok() {
        ErrorKind::OutOfRange
    } else {
        ErrorKind::Unreadable
    }
}

fn arrow_message(e: &ArrowError) -> String {
    match e {
        ArrowError::CastError(m)
        | ArrowError::ComputeError(m)
        | ArrowError::InvalidArgumentError(m) => m.clone(),
        other => other.to_string(),
    }
}

/// What was refused and how much, without the list of the largest consumers.
fn first_sentence(m: &str) -> String {
    let line = m.lines().next().unwrap_or(m);
    let head = line.split(" with top memory consumers").next().unwrap_or(line);
    format!("the memory limit is reached: {}", lower_first(head.trim_end_matches(':')))
}

fn lower_first(m: &str) -> String {
    let mut chars = m.chars();
    let Some(first) = chars.next() else { return String::new() };
    // an acronym such as SQL or CAST stays as it is
    if chars.clone().next().is_some_and(char::is_uppercase) {
        return m.to_string();
    }
    first.to_lowercase().chain(chars).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_tenure_error_is_found_at_any_depth() {
        let e = Df::from(
            Error::new(ErrorKind::Changed, "orders/a.parquet was overwritten")
                .with_hint("run it again"),
        );
        let e = Df::Context(
            "while reading".into(),
            Box::new(Df::Shared(Arc::new(Df::ArrowError(
                Box::new(ArrowError::ExternalError(Box::new(Df::ParquetError(Box::new(
                    ParquetError::External(Box::new(e)),
                ))))),
                None,
            )))),
        );
        let e = Error::from(e);
        assert_eq!((e.kind(), e.hint()), (ErrorKind::Changed, Some("run it again")));
    }

    #[test]
    fn a_syntax_error_has_its_place() {
        let e = Error::from(Df::SQL(
            Box::new(ParserError::ParserError(
                "Expected: end of statement, found: x at Line: 2, Column: 14".into(),
            )),
            None,
        ));
        assert_eq!(e.place(), Some(Place { line: 2, column: 14, end_column: 15 }));
        assert_eq!(e.to_string(), "syntax error: expected: end of statement, found: x");
    }

    #[test]
    fn what_stands_in_quotes_is_left_out() {
        assert_eq!(without_strings("expected: =, found: 'a''b'"), "expected: =, found: '…''…'");
        assert_eq!(without_strings("CALL f('x', y)"), "CALL f('…', y)");
        assert_eq!(without_strings("found: 'open"), "found: '…'");
        assert_eq!(without_strings("no quotes"), "no quotes");
    }

    #[test]
    fn arguments_that_do_not_fit_are_told_without_the_wrapping() {
        let wrapped = "Function 'rfm_segment' user-defined coercion failed with: Error during \
            planning: rfm_segment takes 3 to 4 arguments, got 2; it is called \
            rfm_segment(r, f, m[, scheme])";
        let outer = format!(
            "Execution error: {wrapped}. No function matches the given name and argument types \
             'rfm_segment(Int64, Int64)'. You might need to add explicit type casts.\n\tCandidate \
             functions:\n\trfm_segment(UserDefined)"
        );
        for e in [Df::Execution(wrapped.into()), Df::Plan(outer)] {
            let e = Error::from(e);
            assert_eq!(e.to_string(), "rfm_segment takes 3 to 4 arguments, got 2");
            assert_eq!(e.hint(), Some("it is called rfm_segment(r, f, m[, scheme])"));
            assert_eq!(e.kind(), ErrorKind::Invalid);
        }
        let round = "Function 'round' failed to match any signature, errors: Error during planning: \
            Function 'round' expects 1 arguments but received 2";
        let e = Error::from(Df::Internal(round.into()));
        assert_eq!(e.to_string(), "round cannot be called with these arguments");
        assert_eq!(e.kind(), ErrorKind::UndefinedFunction);
        let e = Error::from(Df::Plan(format!(
            "Internal error: {round}. No function matches the given name and argument types \
             'round(Float64, Utf8)'. You might need to add explicit type casts."
        )));
        assert_eq!(e.to_string(), "round cannot be called with (Float64, Utf8)");
        assert_eq!(e.kind(), ErrorKind::UndefinedFunction);
    }

    #[test]
    fn the_syntax_tree_is_not_shown() {
        let e = Error::from(Df::NotImplemented(
            "Unsupported ast node in sqltorel: Value(ValueWithSpan { value: Number(\"1\", false), \
             span: Span(Location(1,15)..Location(1,16)) })"
                .into(),
        ));
        assert_eq!(e.to_string(), "Unsupported ast node in sqltorel");
        let e = Error::from(Df::Plan(
            "Unsupported function argument: Named { name: Ident { value: \"a\", span: \
             Span(Location(1,15)..Location(1,16)) } }"
                .into(),
        ));
        assert_eq!(e.to_string(), "Unsupported function argument");
        let e = Error::from(Df::Plan("Decimal128(10, 2) { is no number".into()));
        assert_eq!(e.to_string(), "Decimal128(10, 2) { is no number");
    }

    #[test]
    fn a_division_by_zero_has_its_own_class_however_it_comes() {
        let arrow = || Df::ArrowError(Box::new(ArrowError::DivideByZero), None);
        let shared = Arc::new(arrow());
        let held = Arc::clone(&shared);
        for e in [arrow(), Df::Shared(shared), Df::Context("in x".into(), Box::new(arrow()))] {
            let e = Error::from(e);
            assert_eq!((e.kind(), e.kind().sqlstate()), (ErrorKind::DivisionByZero, "22012"));
            assert_eq!(e.to_string(), "division by zero");
        }
        drop(held);
    }

    #[test]
    fn a_value_of_a_customer_is_not_repeated() {
        let e = Error::from(Df::Execution(
            "Cannot cast string 'a@x.com' to value of Int32 type".into(),
        ));
        assert!(!e.to_string().contains("a@x.com"), "{e}");
    }
}
