//! `format(pattern, …)`: PostgreSQL's, with `%s`, `%I`, `%L` and `%%`, which may name an argument
//! (`%2$s`) and a width (`%-10s`).

use std::sync::Arc;

use datafusion::arrow::array::{Array, AsArray, StringArray, StringBuilder};
use datafusion::arrow::compute::cast;
use datafusion::arrow::datatypes::DataType;
use datafusion::common::{Result, exec_err};
use datafusion::execution::context::SessionContext;
use datafusion::logical_expr::Volatility;

use super::functions::OfSession;
use super::names::quoted;

/// Registers the function.
pub(super) fn register(context: &SessionContext) {
    context.register_udf(OfSession::function(
        "format",
        Volatility::Immutable,
        DataType::Utf8,
        |args| {
            let mut columns: Vec<StringArray> = vec![];
            for value in &args.args {
                let array = value.to_array(args.number_rows)?;
                columns.push(cast(&array, &DataType::Utf8)?.as_string::<i32>().clone());
            }
            let mut out = StringBuilder::new();
            for row in 0..args.number_rows {
                let mut values =
                    columns.iter().map(|column| column.is_valid(row).then(|| column.value(row)));
                let pattern = values.next().flatten();
                let values: Vec<Option<&str>> = values.collect();
                out.append_option(pattern.map(|p| formatted(p, &values)).transpose()?);
            }
            Ok(Arc::new(out.finish()))
        },
    ));
}

/// The pattern with values in it; NULL is nothing, `NULL` as a literal, and no name.
fn formatted(pattern: &str, values: &[Option<&str>]) -> Result<String> {
    let mut out = String::new();
    let mut rest = pattern;
    let mut next = 0;
    while let Some((before, after)) = rest.split_once('%') {
        out.push_str(before);
        if let Some(after) = after.strip_prefix('%') {
            out.push('%');
            rest = after;
            continue;
        }
        let (number, after) = digits(after);
        let (place, after) = match after.strip_prefix('$') {
            Some(after) => (number, after),
            None => (None, rest.split_once('%').map_or("", |(_, after)| after)),
        };
        let (left, after) = match after.strip_prefix('-') {
            Some(after) => (true, after),
            None => (false, after),
        };
        let (width, after) = digits(after);
        let at = match place {
            Some(0) => return exec_err!("format: arguments are counted from 1"),
            Some(place) => place - 1,
            None => next,
        };
        next = at + 1;
        let mut letters = after.chars();
        let kind = letters.next();
        let Some(value) = values.get(at) else {
            return exec_err!("format: there are too few arguments for {pattern:?}");
        };
        let text = match (kind, value) {
            (Some('s'), value) => value.unwrap_or_default().to_owned(),
            (Some('I'), Some(value)) => quoted(value),
            (Some('I'), None) => return exec_err!("format: NULL is no name"),
            (Some('L'), Some(value)) => format!("'{}'", value.replace('\'', "''")),
            (Some('L'), None) => "NULL".to_owned(),
            _ => return exec_err!("format: {pattern:?} has a field that is not %s, %I, %L or %%"),
        };
        let width = width.unwrap_or(0);
        out.push_str(&if left { format!("{text:<width$}") } else { format!("{text:>width$}") });
        rest = letters.as_str();
    }
    out.push_str(rest);
    Ok(out)
}

/// A number at the beginning, if there is one, and what comes after it.
fn digits(text: &str) -> (Option<usize>, &str) {
    let end = text.find(|c: char| !c.is_ascii_digit()).unwrap_or(text.len());
    let (number, after) = text.split_at(end);
    // a width that is no width
    (number.parse().ok().filter(|n| *n < 10_000), after)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn patterns_are_filled() {
        let of = |pattern: &str, values: &[Option<&str>]| formatted(pattern, values).ok();
        for (pattern, values, want) in [
            ("%I.%I", &[Some("a"), Some("B c")][..], Some("a.\"B c\"")),
            ("%s is 100%%", &[Some("all")], Some("all is 100%")),
            ("%2$s %1$s %s", &[Some("a"), Some("b")], Some("b a b")),
            ("[%5s] [%-5s]", &[Some("ab"), Some("cd")], Some("[   ab] [cd   ]")),
            ("%L %L", &[Some("it's"), None], Some("'it''s' NULL")),
            ("[%s]", &[None], Some("[]")),
            ("%I", &[None], None),
            ("%s %s", &[Some("a")], None),
            ("%d", &[Some("1")], None),
            ("100%", &[], None),
        ] {
            assert_eq!(of(pattern, values).as_deref(), want, "{pattern}");
        }
    }
}
