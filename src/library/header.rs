//! The header of a query, read strictly; [`Query::parse`] describes it.

use std::collections::BTreeSet;

use datafusion::logical_expr::sqlparser::dialect::GenericDialect;
use datafusion::logical_expr::sqlparser::tokenizer::{Token, Tokenizer};

use super::{ParamType, Parameter, Query};
use crate::chart::{Columns, Kind, Request};
use crate::error::{Error, ErrorKind, Result, did_you_mean};
use crate::params::is_name;

const KEYS: [&str; 5] = ["title", "description", "param", "column", "chart"];

/// Reads the file of a query.
pub(super) fn parse(name: &str, text: &str) -> Result<Query> {
    let mut query = Query {
        name: name.to_owned(),
        title: String::new(),
        description: String::new(),
        parameters: Vec::new(),
        columns: Vec::new(),
        chart: None,
        sql: String::new(),
    };
    let (entries, header_lines) = entries(text).map_err(|(line, what)| wrong(name, line, &what))?;
    for entry in &entries {
        take(&mut query, entry).map_err(|what| wrong(name, entry.line, &what))?;
    }
    check_chart(&query).map_err(|what| wrong(name, 1, &what))?;
    if query.title.is_empty() {
        return Err(wrong(name, 1, "there is no title"));
    }
    let statement: Vec<&str> = text.lines().skip(header_lines).collect();
    query.sql = statement.join("\n").trim().trim_end_matches(';').trim_end().to_owned();
    if query.sql.is_empty() {
        return Err(wrong(name, header_lines, "there is no statement after the header"));
    }
    check_placeholders(&query).map_err(|(line, what)| wrong(name, header_lines + line, &what))?;
    Ok(query)
}

fn wrong(name: &str, line: usize, what: &str) -> Error {
    Error::new(ErrorKind::Invalid, format!("queries/{name}.sql, line {line}: {what}"))
}

struct Entry<'a> {
    line: usize,
    key: &'a str,
    value: String,
}

type At<T> = std::result::Result<T, (usize, String)>;

/// The entries of the header, and how many lines it has.
fn entries(text: &str) -> At<(Vec<Entry<'_>>, usize)> {
    let mut entries: Vec<Entry<'_>> = Vec::new();
    let mut count = 0;
    for line in text.lines() {
        let Some(comment) = line.strip_prefix("--") else { break };
        count += 1;
        if let Some(more) = comment.strip_prefix("   ") {
            let Some(last) = entries.last_mut() else {
                return Err((count, "there is nothing to continue".to_owned()));
            };
            last.value.push(' ');
            last.value.push_str(more.trim());
            continue;
        }
        let Some((key, value)) = comment.trim().split_once(':') else {
            return Err((count, "a line of the header is `-- key: value`".to_owned()));
        };
        entries.push(Entry { line: count, key: key.trim(), value: value.trim().to_owned() });
    }
    Ok((entries, count))
}

/// Puts one entry where it belongs.
fn take(query: &mut Query, entry: &Entry<'_>) -> Result<(), String> {
    let value = entry.value.as_str();
    if value.is_empty() {
        return Err(format!("{} has no value", entry.key));
    }
    let once = |field: &mut String| {
        if !field.is_empty() {
            return Err(format!("there is a second {}", entry.key));
        }
        value.clone_into(field);
        Ok(())
    };
    match entry.key {
        "title" => once(&mut query.title),
        "description" => once(&mut query.description),
        "chart" if query.chart.is_some() => Err("there is a second chart".to_owned()),
        "chart" => {
            query.chart = Some(chart(value)?);
            Ok(())
        }
        "param" => {
            let parameter = parameter(&query.name, value)?;
            if query.parameters.iter().any(|p| p.name == parameter.name) {
                return Err(format!("there is a second parameter {}", parameter.name));
            }
            query.parameters.push(parameter);
            Ok(())
        }
        "column" => {
            let (column, description) = described(value)?;
            if query.columns.iter().any(|(name, _)| name == column) {
                return Err(format!("there is a second column {column}"));
            }
            query.columns.push((column.to_owned(), description.to_owned()));
            Ok(())
        }
        unknown => {
            let known = did_you_mean(unknown, KEYS)
                .unwrap_or_else(|| format!("the keys are {}", KEYS.join(", ")));
            Err(format!("there is no key '{unknown}': {known}"))
        }
    }
}

/// `kind [x=column] [y=column] [by=column]`
fn chart(value: &str) -> Result<Request, String> {
    match Request::read(value)? {
        (request, "") if request.kind.is_some() => Ok(request),
        (Request { kind: None, .. }, _) => Err(value
            .parse::<Kind>()
            .err()
            .unwrap_or_else(|| format!("chart '{value}' begins with no kind"))),
        (_, rest) => Err(format!("chart: '{rest}' is none of x=column, y=column, by=column")),
    }
}

/// The columns that the chart draws are those of the answer.
fn check_chart(query: &Query) -> Result<(), String> {
    let Some(Request { columns: Columns { x, y, by }, .. }) = &query.chart else { return Ok(()) };
    let names = [x, y, by].into_iter().flatten();
    match names.into_iter().find(|name| !query.columns.iter().any(|(column, _)| column == *name)) {
        Some(name) => Err(format!("the chart draws {name}, which is no column of the header")),
        None => Ok(()),
    }
}

/// `what -- description`
fn described(value: &str) -> Result<(&str, &str), String> {
    match value.split_once(" -- ") {
        Some((what, description)) if !description.trim().is_empty() => {
            Ok((what.trim(), description.trim()))
        }
        _ => Err(format!("'{value}' has no description: write ` -- ` and what it means")),
    }
}

/// `name TYPE [= default] -- description`
fn parameter(query: &str, value: &str) -> Result<Parameter, String> {
    let (what, description) = described(value)?;
    let (declared, default) = match what.split_once('=') {
        Some((declared, default)) => (declared.trim(), Some(unquoted(default.trim()))),
        None => (what, None),
    };
    let Some((name, ty)) = declared.split_once(char::is_whitespace) else {
        return Err(format!("parameter '{declared}' has no type"));
    };
    if !is_name(name) {
        return Err(format!("'{name}' is no name of a parameter"));
    }
    let parameter = Parameter {
        name: name.to_owned(),
        ty: ty.trim().parse::<ParamType>()?,
        default: default.map(str::to_owned),
        description: description.to_owned(),
    };
    if let Some(default) = &parameter.default {
        parameter.value(query, default).map_err(|e| format!("the default is wrong: {e}"))?;
    }
    Ok(parameter)
}

fn unquoted(text: &str) -> &str {
    text.strip_prefix('\'').and_then(|inner| inner.strip_suffix('\'')).unwrap_or(text)
}

/// Header and statement speak of the same parameters.
fn check_placeholders(query: &Query) -> At<()> {
    let tokens = Tokenizer::new(&GenericDialect, &query.sql)
        .tokenize_with_location()
        .map_err(|e| (1, e.to_string()))?;
    let mut used = BTreeSet::new();
    for token in tokens {
        let Token::Placeholder(id) = &token.token else { continue };
        // in a row pattern: the end of the rows, and a quantifier
        if matches!(id.as_str(), "$" | "?") {
            continue;
        }
        let name = id.trim_start_matches('$');
        if !query.parameters.iter().any(|p| p.name == name) {
            let line = usize::try_from(token.span.start.line).unwrap_or(1);
            return Err((line, format!("{id} is not a parameter of the header")));
        }
        used.insert(name.to_owned());
    }
    match query.parameters.iter().find(|p| !used.contains(&p.name)) {
        Some(parameter) => Err((0, format!("the statement does not use ${}", parameter.name))),
        None => Ok(()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const GOOD: &str = "-- title: T\n-- description: one\n--   two\n\
        -- param: top INT = 20 -- how many\n-- param: name TEXT = 'it = that' -- which\n\
        -- param: since DATE -- from when\n-- column: a -- the first\n-- chart: bar y=a\n\
        -- chart hint is not a key";

    #[test]
    fn a_header_is_read() {
        let text = GOOD.replace("-- chart hint is not a key", "SELECT $top, $name, $since;\n");
        let query = parse("f/q", &text).unwrap();
        assert_eq!(query.title, "T");
        assert_eq!(query.description, "one two");
        assert_eq!(query.sql, "SELECT $top, $name, $since");
        let columns = Columns { y: Some("a".to_owned()), ..Columns::default() };
        assert_eq!(query.chart, Some(Request { kind: Some(Kind::Bar), columns }));
        assert_eq!(query.columns, [("a".to_owned(), "the first".to_owned())]);
        let defaults: Vec<_> = query.parameters.iter().map(|p| p.default.as_deref()).collect();
        assert_eq!(defaults, [Some("20"), Some("it = that"), None]);
    }

    #[test]
    fn what_is_wrong_is_named_with_file_and_line() {
        for (text, expected) in [
            (
                "-- title: T\n-- titel: U\nSELECT 1",
                "line 2: there is no key 'titel': did you mean title?",
            ),
            (
                "-- title: T\n-- author: U\nSELECT 1",
                "line 2: there is no key 'author': the keys are title, description, param, column, chart",
            ),
            ("-- title: T\n-- title: U\nSELECT 1", "line 2: there is a second title"),
            ("-- title: T\n-- notes\nSELECT 1", "line 2: a line of the header is `-- key: value`"),
            ("--   more\nSELECT 1", "line 1: there is nothing to continue"),
            ("-- title:\nSELECT 1", "line 1: title has no value"),
            ("SELECT 1", "line 1: there is no title"),
            ("-- title: T\n", "line 1: there is no statement after the header"),
            (
                "-- title: T\n-- chart: pie\nSELECT 1",
                "line 2: there is no chart \"pie\": the kinds are bar, line, funnel, heat",
            ),
            (
                "-- title: T\n-- chart: bar z=a\nSELECT 1",
                "line 2: chart: 'z=a' is none of x=column, y=column, by=column",
            ),
            (
                "-- title: T\n-- chart: bar y=a\nSELECT 1",
                "line 1: the chart draws a, which is no column of the header",
            ),
            (
                "-- title: T\n-- column: a\nSELECT 1",
                "line 2: 'a' has no description: write ` -- ` and what it means",
            ),
            ("-- title: T\n-- param: a -- x\nSELECT $a", "line 2: parameter 'a' has no type"),
            (
                "-- title: T\n-- param: a INTEGER -- x\nSELECT $a",
                "line 2: type 'INTEGER' is not one of INT, DOUBLE, TEXT, BOOL, DATE, TIMESTAMP, INTERVAL",
            ),
            (
                "-- title: T\n-- param: a INT = x -- x\nSELECT $a",
                "line 2: the default is wrong: f/q: parameter a is INT, not 'x'",
            ),
            (
                "-- title: T\n-- param: a INT = 1 -- x\nSELECT 1",
                "line 2: the statement does not use $a",
            ),
            ("-- title: T\nSELECT 1,\n $b", "line 3: $b is not a parameter of the header"),
        ] {
            let e = parse("f/q", text).unwrap_err();
            assert_eq!(e.to_string(), format!("queries/f/q.sql, {expected}"));
        }
    }

    #[test]
    fn a_dollar_in_text_is_no_parameter() {
        assert!(parse("f/q", "-- title: T\nSELECT '$a' -- costs $b\n").is_ok());
    }
}
