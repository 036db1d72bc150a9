//! What a person, or the header of a query, says of a chart: `bar x=stage y=revenue`.

use super::{Columns, Kind};

/// A kind and columns, as far as they are said.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Request {
    /// how to draw; nothing: as the columns suggest
    pub kind: Option<Kind>,
    /// what to draw
    pub columns: Columns,
}

impl Request {
    /// Reads `[kind] [x=column] [y=column] [by=column]`, names in quotes where they hold blanks;
    /// answers what it read and the text behind.
    ///
    /// # Errors
    /// A name of a column that is missing.
    pub fn read(text: &str) -> Result<(Self, &str), String> {
        let mut request = Self::default();
        let mut rest = text.trim();
        loop {
            let (word, behind) = word(rest);
            if let Some((name, value)) = option(word) {
                let columns = &mut request.columns;
                let place = match name {
                    "x" => &mut columns.x,
                    "y" => &mut columns.y,
                    _ => &mut columns.by,
                };
                if value.is_empty() {
                    return Err(format!("{name}= takes the name of a column"));
                }
                *place = Some(value.to_owned());
            } else if let Ok(kind) = word.parse()
                && request == Self::default()
            {
                request.kind = Some(kind);
            } else {
                return Ok((request, rest));
            }
            rest = behind;
        }
    }
}

/// `x=column`, `y=column`, `by=column`.
fn option(word: &str) -> Option<(&str, &str)> {
    let (name, value) = word.split_once('=').filter(|(n, _)| matches!(*n, "x" | "y" | "by"))?;
    let inside = |quote| value.strip_prefix(quote)?.strip_suffix(quote);
    Some((name, inside('"').or_else(|| inside('\'')).unwrap_or(value)))
}

/// The first word, quotes hold it together, and what comes behind.
fn word(text: &str) -> (&str, &str) {
    let mut quote = None;
    let end = text.find(|c: char| match quote {
        Some(open) => {
            quote = Some(open).filter(|open| *open != c);
            false
        }
        None => {
            quote = Some(c).filter(|c| matches!(c, '"' | '\''));
            c.is_whitespace()
        }
    });
    let (word, rest) = text.split_at(end.unwrap_or(text.len()));
    (word, rest.trim_start())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_kind_and_columns_stand_in_front() {
        let columns = |x: &str, y: &str| Columns { x: Some(x.into()), y: Some(y.into()), by: None };
        let (request, rest) = Request::read("bar x=stage y=\"Re venue\"  SELECT 1 AS x").unwrap();
        let bars = Request { kind: Some(Kind::Bar), columns: columns("stage", "Re venue") };
        assert_eq!((request, rest), (bars, "SELECT 1 AS x"));
        let (request, rest) = Request::read("x=a y='b'").unwrap();
        assert_eq!((request, rest), (Request { kind: None, columns: columns("a", "b") }, ""));
        for (text, expected) in
            [("SELECT line FROM t", None), ("", None), ("line line", Some(Kind::Line))]
        {
            let (request, rest) = Request::read(text).unwrap();
            assert_eq!(request, Request { kind: expected, ..Request::default() });
            assert_eq!(rest, if expected.is_some() { "line" } else { text });
        }
        assert_eq!(Request::read("bar x="), Err("x= takes the name of a column".into()));
    }
}
