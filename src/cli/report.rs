//! An error as a person reads it: what, where in the statement, what to do.

use std::fmt::Write;

use tenure::{Error, Place};
use unicode_width::{UnicodeWidthChar, UnicodeWidthStr};

use super::secrets::holds_secret;

/// Cells of a statement's line that are shown around the place.
const WINDOW: usize = 100;

/// A statement and where it came from.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Origin<'a> {
    /// the statement
    pub(crate) text: &'a str,
    /// the file it was read from
    pub(crate) file: Option<&'a str>,
    /// the line of the file, or of the text, where it starts
    pub(crate) line: usize,
}

struct Paint {
    red: &'static str,
    bold: &'static str,
    blue: &'static str,
    off: &'static str,
}

fn paint(color: bool) -> Paint {
    if color {
        Paint { red: "\x1b[1;31m", bold: "\x1b[1m", blue: "\x1b[34m", off: "\x1b[0m" }
    } else {
        Paint { red: "", bold: "", blue: "", off: "" }
    }
}

/// An error without a statement, no line break at its end.
pub(crate) fn plain(error: &Error, color: bool) -> String {
    let p = paint(color);
    let mut out = format!(
        "{}error[{}]{}: {}{}{}",
        p.red,
        error.kind().sqlstate(),
        p.off,
        p.bold,
        error,
        p.off
    );
    if let Some(hint) = error.hint() {
        let _ = write!(out, "\n{}hint{}: {hint}", p.blue, p.off);
    }
    out
}

/// An error of a statement, with the line and a caret under the place.
pub(crate) fn statement(error: &Error, origin: Origin<'_>, color: bool) -> String {
    let whole = plain(error, color);
    let Some(excerpt) = error.place().and_then(|place| excerpt(place, origin, color)) else {
        return match origin.file {
            Some(file) => format!("{whole}\n --> {file}:{}", origin.line),
            None => whole,
        };
    };
    match whole.split_once('\n') {
        Some((message, hint)) => format!("{message}\n{excerpt}\n{hint}"),
        None => format!("{whole}\n{excerpt}"),
    }
}

/// The line of the statement with the caret.
fn excerpt(place: Place, origin: Origin<'_>, color: bool) -> Option<String> {
    let p = paint(color);
    let line = origin.text.lines().nth(place.line.checked_sub(1)?)?;
    // errors are kept in the logs of jobs
    if holds_secret(line) {
        return None;
    }
    let first = place.column.checked_sub(1)?;
    // one past the end is where something is missing; further on is another text
    if first > line.chars().count() {
        return None;
    }
    let count = place.end_column.saturating_sub(place.column).max(1);
    let (line, first) = window(line, first);
    let width = |from: usize, count: usize| -> usize {
        line.chars().skip(from).take(count).map(|c| c.width().unwrap_or(1)).sum()
    };
    let carets = "^".repeat(width(first, count).max(1));
    let number = (origin.line + place.line - 1).to_string();
    let margin = " ".repeat(number.width());
    let mut out = String::new();
    if let Some(file) = origin.file {
        let _ = writeln!(out, "{margin}{}-->{} {file}:{number}:{}", p.blue, p.off, place.column);
    }
    let _ = writeln!(out, "{margin} {}|{}", p.blue, p.off);
    let _ = writeln!(out, "{}{number} |{} {line}", p.blue, p.off);
    let _ = write!(
        out,
        "{margin} {}|{} {}{}{carets}{}",
        p.blue,
        p.off,
        " ".repeat(width(0, first)),
        p.red,
        p.off
    );
    Some(out)
}

/// The part of a long line around a place, tabs as blanks, and the place within it.
fn window(line: &str, first: usize) -> (String, usize) {
    let chars: Vec<char> = line.chars().map(|c| if c.is_control() { ' ' } else { c }).collect();
    if chars.len() <= WINDOW {
        return (chars.into_iter().collect(), first);
    }
    let start = first.saturating_sub(WINDOW / 2).min(chars.len() - WINDOW);
    let cut: String = chars.iter().skip(start).take(WINDOW).collect();
    let after = if start + WINDOW < chars.len() { "…" } else { "" };
    let before = if start > 0 { "…" } else { "" };
    (format!("{before}{cut}{after}"), first - start + before.chars().count())
}

#[cfg(test)]
mod tests {
    use super::*;
    use tenure::ErrorKind;

    fn error(line: usize, column: usize, end_column: usize) -> Error {
        Error::new(ErrorKind::UndefinedColumn, "there is no column \"nme\"")
            .with_hint("did you mean name?")
            .with_place(Place { line, column, end_column })
    }

    #[test]
    fn the_caret_stands_under_the_place() {
        let origin = Origin { text: "SELECT nme\nFROM t", file: None, line: 1 };
        insta::assert_snapshot!(statement(&error(1, 8, 11), origin, false), @r#"
        error[42703]: there is no column "nme"
          |
        1 | SELECT nme
          |        ^^^
        hint: did you mean name?
        "#);
    }

    #[test]
    fn lines_of_a_script_count_from_its_start_and_wide_characters_shift_the_caret() {
        let origin = Origin { text: "SELECT 1,\n '客户', nme", file: Some("a.sql"), line: 9 };
        insta::assert_snapshot!(statement(&error(2, 8, 11), origin, false), @r#"
        error[42703]: there is no column "nme"
          --> a.sql:10:8
           |
        10 |  '客户', nme
           |          ^^^
        hint: did you mean name?
        "#);
    }

    #[test]
    fn a_long_line_is_cut_around_the_place() {
        let text = format!("SELECT {} nme", "x, ".repeat(200));
        let column = text.len() - 2;
        let shown = statement(
            &error(1, column, column + 3),
            Origin { text: &text, file: None, line: 1 },
            false,
        );
        let lines: Vec<_> = shown.lines().collect();
        let caret = lines[3].find('^').unwrap();
        assert_eq!(lines[2].chars().skip(caret).collect::<String>(), "nme");
        assert!(lines[2].chars().count() < 120);
    }

    #[test]
    fn a_place_outside_the_statement_is_not_shown() {
        let origin = Origin { text: "SELECT 1", file: None, line: 1 };
        assert!(!statement(&error(7, 1, 2), origin, false).contains('^'));
        assert!(!statement(&error(1, 20, 22), origin, false).contains('^'));
    }
}
