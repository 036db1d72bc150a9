//! `to_char(ts, 'YYYY-MM')`: PostgreSQL's patterns of dates, which BI tools write.
//!
//! DataFusion's functions take patterns such as `'%Y-%m'`. One without a `%` names no part of a time
//! there, so it can only be PostgreSQL's: its fields become those that the functions take. Names come
//! without the blanks that PostgreSQL puts behind them.

use std::ops::ControlFlow;

use datafusion::logical_expr::sqlparser::ast::{
    Expr, Function, FunctionArg, FunctionArgExpr, FunctionArguments, Statement, Value,
    visit_expressions_mut,
};

use crate::error::{Error, ErrorKind, Result};

const FUNCTIONS: &[&str] = &[
    "to_char",
    "to_date",
    "to_timestamp",
    "to_timestamp_seconds",
    "to_timestamp_millis",
    "to_timestamp_micros",
    "to_timestamp_nanos",
];

/// Fields of numbers, in capitals or not; of those that begin alike the longest first.
const NUMBERS: &[(&str, Option<&str>)] = &[
    ("YYYY", Some("%Y")),
    ("YYY", None),
    ("YY", Some("%y")),
    ("IYYY", Some("%G")),
    ("IDDD", None),
    ("IW", Some("%V")),
    ("ID", Some("%u")),
    ("MM", Some("%m")),
    ("MI", Some("%M")),
    ("MS", Some("%3f")),
    ("US", Some("%6f")),
    ("FF3", Some("%3f")),
    ("FF6", Some("%6f")),
    ("DDD", Some("%j")),
    ("DD", Some("%d")),
    ("HH24", Some("%H")),
    ("HH12", Some("%I")),
    ("HH", Some("%I")),
    ("SSSS", None),
    ("SS", Some("%S")),
    ("WW", None),
    ("CC", None),
    ("RM", None),
    ("TZ", None),
    ("Q", None),
    ("J", None),
];

/// Fields of text, whose letters say how it is written.
const NAMES: &[(&str, Option<&str>)] = &[
    ("Month", Some("%B")),
    ("Mon", Some("%b")),
    ("Day", Some("%A")),
    ("Dy", Some("%a")),
    ("AM", Some("%p")),
    ("PM", Some("%p")),
    ("am", Some("%P")),
    ("pm", Some("%P")),
    ("MONTH", None),
    ("month", None),
    ("MON", None),
    ("mon", None),
    ("DAY", None),
    ("day", None),
    ("DY", None),
    ("dy", None),
];

/// Translates PostgreSQL's patterns in `statement`.
///
/// # Errors
/// A field that has no counterpart.
pub(crate) fn translate(statement: &mut Statement) -> Result<()> {
    let flow = visit_expressions_mut(statement, |expr| {
        let Expr::Function(Function { name, args: FunctionArguments::List(list), .. }) = expr
        else {
            return ControlFlow::Continue(());
        };
        let name = name.to_string().to_lowercase();
        if !FUNCTIONS.contains(&name.as_str()) {
            return ControlFlow::Continue(());
        }
        for argument in list.args.iter_mut().skip(1) {
            if let FunctionArg::Unnamed(FunctionArgExpr::Expr(Expr::Value(value))) = argument
                && let Value::SingleQuotedString(pattern) = &mut value.value
            {
                match translated(pattern) {
                    Ok(Some(new)) => *pattern = new,
                    Ok(None) => {}
                    Err(field) => {
                        let message =
                            format!("{name}: {field} of the pattern '{pattern}' is not known");
                        return ControlFlow::Break(Error::new(ErrorKind::NotSupported, message).with_hint(
                            "write a pattern of strftime, such as '%Y-%m-%d', or use date_part()",
                        ));
                    }
                }
            }
        }
        ControlFlow::Continue(())
    });
    match flow {
        ControlFlow::Break(error) => Err(error),
        ControlFlow::Continue(()) => Ok(()),
    }
}

/// The pattern in the functions' own fields; none if there is nothing to translate. The error is a
/// field without counterpart.
fn translated(pattern: &str) -> Result<Option<String>, &'static str> {
    if pattern.contains('%') {
        return Ok(None);
    }
    let (mut out, mut rest, mut found, mut bare) = (String::new(), pattern, false, false);
    while let Some(first) = rest.chars().next() {
        // FM: no zeros or blanks before what follows
        if let Some(after) = rest.strip_prefix("FM").or_else(|| rest.strip_prefix("fm")) {
            (rest, bare) = (after, true);
            continue;
        }
        // "as it stands"
        if first == '"'
            && let Some((text, after)) = rest.get(1..).and_then(|r| r.split_once('"'))
        {
            out.push_str(text);
            rest = after;
            continue;
        }
        let name = NAMES.iter().find(|(name, _)| rest.starts_with(name));
        bare &= name.is_none();
        let field = name.or_else(|| {
            let begins = |name: &str| {
                rest.get(..name.len()).is_some_and(|start| start.eq_ignore_ascii_case(name))
            };
            NUMBERS.iter().find(|(name, _)| begins(name))
        });
        match field {
            Some((name, Some(own))) => {
                match own.strip_prefix('%') {
                    Some(letter) if bare && !letter.ends_with('f') => {
                        out.push_str("%-");
                        out.push_str(letter);
                    }
                    _ => out.push_str(own),
                }
                rest = rest.get(name.len()..).unwrap_or_default();
                found = true;
            }
            Some((name, None)) => return Err(name),
            None => {
                out.push(first);
                rest = rest.get(first.len_utf8()..).unwrap_or_default();
            }
        }
        bare = false;
    }
    Ok(found.then_some(out))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn fields_become_those_of_strftime() {
        for (pattern, want) in [
            ("YYYY-MM-DD HH24:MI:SS.US", Some("%Y-%m-%d %H:%M:%S.%6f")),
            ("yyyy-mm-dd\"T\"hh24:mi:ss", Some("%Y-%m-%dT%H:%M:%S")),
            ("YYYY-MM-DDTHH24:MI", Some("%Y-%m-%dT%H:%M")),
            ("IYYY-IW", Some("%G-%V")),
            ("Dy, FMDD FMMonth YY, HH12 am", Some("%a, %-d %B %y, %I %P")),
            ("YYYYMMDD", Some("%Y%m%d")),
            ("%Y-%m", None),
            ("ä", None),
            ("", None),
        ] {
            assert_eq!(translated(pattern), Ok(want.map(str::to_owned)), "{pattern}");
        }
        for (pattern, field) in
            [("YYYY-Q", "Q"), ("YYYY WW", "WW"), ("MON", "MON"), ("SSSSS", "SSSS")]
        {
            assert_eq!(translated(pattern), Err(field), "{pattern}");
        }
    }
}
