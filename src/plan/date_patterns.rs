//! `to_char(ts, 'YYYY-MM')`: PostgreSQL's patterns of dates, which BI tools write.
//!
//! DataFusion's functions take patterns such as `'%Y-%m'`. One without a `%` names no part of a time
//! there, so it can only be PostgreSQL's: its fields become those that the functions take, and what
//! these have not, quarters and names in small or in capital letters, is put between them. Names come
//! without the blanks that PostgreSQL puts behind them.

use std::ops::ControlFlow;

use datafusion::logical_expr::sqlparser::ast::{
    BinaryOperator, CastKind, DataType, Expr, Function, FunctionArg, FunctionArgExpr,
    FunctionArguments, Statement, Value, visit_expressions_mut,
};

use super::query;
use crate::error::{Error, ErrorKind, Result};

/// Writes times; the others read them.
const WRITES: &str = "to_char";
const FUNCTIONS: &[&str] = &[
    WRITES,
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
    ("J", None),
];

/// Fields of text, whose letters say how it is written.
const NAMES: &[(&str, &str, Letters)] = &[
    ("Month", "%B", Letters::AsTheyAre),
    ("Mon", "%b", Letters::AsTheyAre),
    ("Day", "%A", Letters::AsTheyAre),
    ("Dy", "%a", Letters::AsTheyAre),
    ("AM", "%p", Letters::AsTheyAre),
    ("PM", "%p", Letters::AsTheyAre),
    ("am", "%P", Letters::AsTheyAre),
    ("pm", "%P", Letters::AsTheyAre),
    ("MONTH", "%B", Letters::Capital),
    ("month", "%B", Letters::Small),
    ("MON", "%b", Letters::Capital),
    ("mon", "%b", Letters::Small),
    ("DAY", "%A", Letters::Capital),
    ("day", "%A", Letters::Small),
    ("DY", "%a", Letters::Capital),
    ("dy", "%a", Letters::Small),
];

#[derive(Debug, Clone, Copy, PartialEq)]
enum Letters {
    AsTheyAre,
    Capital,
    Small,
}

/// A part of a pattern.
#[derive(Debug, Clone, PartialEq)]
enum Part {
    /// fields that the functions take, and text
    Fields(String),
    /// a name whose letters are changed
    Name(&'static str, Letters),
    /// the number of the quarter
    Quarter,
}

/// Translates PostgreSQL's patterns in `statement`.
///
/// # Errors
/// A field that has no counterpart.
pub(crate) fn translate(statement: &mut Statement) -> Result<()> {
    let flow = visit_expressions_mut(statement, |expr| match called(expr) {
        Ok(Some(instead)) => {
            *expr = instead;
            ControlFlow::Continue(())
        }
        Ok(None) => ControlFlow::Continue(()),
        Err(error) => ControlFlow::Break(error),
    });
    match flow {
        ControlFlow::Break(error) => Err(error),
        ControlFlow::Continue(()) => Ok(()),
    }
}

/// Translates the patterns of one call. What stands for a call whose pattern has parts that the
/// function does not know.
fn called(expr: &mut Expr) -> Result<Option<Expr>> {
    let Expr::Function(function) = expr else { return Ok(None) };
    let name = function.name.to_string().to_lowercase();
    if !FUNCTIONS.contains(&name.as_str()) {
        return Ok(None);
    }
    let whole = function.clone();
    let FunctionArguments::List(list) = &mut function.args else { return Ok(None) };
    for argument in list.args.iter_mut().skip(1) {
        let Some(pattern) = text(argument) else { continue };
        let mut parts = parts(pattern).map_err(|field| unknown(&name, pattern, field))?;
        if name != WRITES {
            // names are read whatever their letters
            parts = read(parts).map_err(|field| unknown(&name, pattern, field))?;
        }
        match parts.as_slice() {
            [] => {}
            [Part::Fields(fields)] => pattern.clone_from(fields),
            parts => return Ok(joined(&whole, parts)),
        }
    }
    Ok(None)
}

fn unknown(name: &str, pattern: &str, field: &str) -> Error {
    let message = format!("{name}: {field} of the pattern '{pattern}' is not known");
    Error::new(ErrorKind::NotSupported, message)
        .with_hint("write a pattern of strftime, such as '%Y-%m-%d', or use date_part()")
}

/// The text of an argument.
fn text(argument: &mut FunctionArg) -> Option<&mut String> {
    match argument {
        FunctionArg::Unnamed(FunctionArgExpr::Expr(Expr::Value(value))) => match &mut value.value {
            Value::SingleQuotedString(text) => Some(text),
            _ => None,
        },
        _ => None,
    }
}

/// The parts of a pattern as those of a function that reads. The error is a field that cannot be read.
fn read(parts: Vec<Part>) -> Result<Vec<Part>, &'static str> {
    let mut fields = String::new();
    for part in &parts {
        match part {
            Part::Fields(own) => fields.push_str(own),
            Part::Name(name, _) => fields.push_str(name),
            Part::Quarter => return Err("Q"),
        }
    }
    // which the function leaves out without a word
    if (fields.contains("%H") || fields.contains("%I")) && !fields.contains("%M") {
        return Err("an hour without minutes (MI)");
    }
    Ok(if parts.is_empty() { vec![] } else { vec![Part::Fields(fields)] })
}

/// The texts of the parts, one after the other.
fn joined(whole: &Function, parts: &[Part]) -> Option<Expr> {
    let FunctionArguments::List(list) = &whole.args else { return None };
    let time = match list.args.first()? {
        FunctionArg::Unnamed(FunctionArgExpr::Expr(time)) => time,
        _ => return None,
    };
    let written = |fields: &str| {
        let mut call = whole.clone();
        if let FunctionArguments::List(list) = &mut call.args
            && let Some(pattern) = list.args.get_mut(1).and_then(text)
        {
            fields.clone_into(pattern);
        }
        Expr::Function(call)
    };
    let texts = parts.iter().map(|part| match part {
        Part::Fields(fields) => written(fields),
        Part::Name(name, Letters::Capital) => query::call("upper", [written(name)]),
        Part::Name(name, Letters::Small) => query::call("lower", [written(name)]),
        Part::Name(name, Letters::AsTheyAre) => written(name),
        Part::Quarter => Expr::Cast {
            kind: CastKind::Cast,
            expr: Box::new(query::call("date_part", [query::text("quarter"), time.clone()])),
            data_type: DataType::Text,
            array: false,
            format: None,
        },
    });
    let joined = texts.reduce(|left, right| Expr::BinaryOp {
        left: Box::new(left),
        op: BinaryOperator::StringConcat,
        right: Box::new(right),
    });
    joined.map(|joined| Expr::Nested(Box::new(joined)))
}

/// The parts of a pattern; none if there is nothing to translate. The error is a field without
/// counterpart.
fn parts(pattern: &str) -> Result<Vec<Part>, &'static str> {
    if pattern.contains('%') {
        return Ok(vec![]);
    }
    let mut parts = vec![];
    let (mut rest, mut found, mut bare) = (pattern, false, false);
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
            add(&mut parts, text);
            rest = after;
            continue;
        }
        let name = NAMES.iter().find(|(name, ..)| rest.starts_with(name));
        let begins = |field: &str| {
            rest.get(..field.len()).is_some_and(|start| start.eq_ignore_ascii_case(field))
        };
        let taken = if let Some((name, own, letters)) = name {
            match letters {
                Letters::AsTheyAre => add(&mut parts, own),
                letters => parts.push(Part::Name(own, *letters)),
            }
            name.len()
        } else if let Some((number, own)) = NUMBERS.iter().find(|(number, _)| begins(number)) {
            let own = own.ok_or(*number)?;
            match own.strip_prefix('%') {
                Some(letter) if bare && !letter.ends_with('f') => {
                    add(&mut parts, &format!("%-{letter}"));
                }
                _ => add(&mut parts, own),
            }
            number.len()
        } else if begins("Q") {
            parts.push(Part::Quarter);
            1
        } else {
            add(&mut parts, rest.get(..first.len_utf8()).unwrap_or_default());
            rest = rest.get(first.len_utf8()..).unwrap_or_default();
            bare = false;
            continue;
        };
        (rest, found, bare) = (rest.get(taken..).unwrap_or_default(), true, false);
    }
    Ok(if found { parts } else { vec![] })
}

/// Adds to the fields and texts at the end.
fn add(parts: &mut Vec<Part>, more: &str) {
    match parts.last_mut() {
        Some(Part::Fields(fields)) => fields.push_str(more),
        _ => parts.push(Part::Fields(more.to_owned())),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn fields_become_those_of_strftime() {
        for (pattern, want) in [
            ("YYYY-MM-DD HH24:MI:SS.US", "%Y-%m-%d %H:%M:%S.%6f"),
            ("yyyy-mm-dd\"T\"hh24:mi:ss", "%Y-%m-%dT%H:%M:%S"),
            ("YYYY-MM-DDTHH24:MI", "%Y-%m-%dT%H:%M"),
            ("IYYY-IW", "%G-%V"),
            ("Dy, FMDD FMMonth YY, HH12 am", "%a, %-d %B %y, %I %P"),
            ("YYYYMMDD", "%Y%m%d"),
        ] {
            assert_eq!(parts(pattern), Ok(vec![Part::Fields(want.to_owned())]), "{pattern}");
        }
        for pattern in ["%Y-%m", "ä", ""] {
            assert_eq!(parts(pattern), Ok(vec![]), "{pattern}");
        }
        for (pattern, field) in [("YYYY WW", "WW"), ("CC", "CC"), ("SSSSS", "SSSS")] {
            assert_eq!(parts(pattern), Err(field), "{pattern}");
        }
    }

    #[test]
    fn what_the_functions_have_not_stands_by_itself() {
        let fields = |text: &str| Part::Fields(text.to_owned());
        let quarter = parts("YYYY-\"Q\"Q");
        assert_eq!(quarter, Ok(vec![fields("%Y-Q"), Part::Quarter]));
        assert_eq!(quarter.and_then(read), Err("Q"));
        let months = parts("DD MON mon");
        let capital = Part::Name("%b", Letters::Capital);
        let small = Part::Name("%b", Letters::Small);
        assert_eq!(months, Ok(vec![fields("%d "), capital, fields(" "), small]));
        assert_eq!(months.and_then(read), Ok(vec![fields("%d %b %b")]));
    }
}
