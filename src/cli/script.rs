//! A text as single statements and `\` commands, each with the line where it starts.
//!
//! A statement ends at a `;` that is not in a string, a quoted name, a comment or `$$ … $$`. A
//! command stands at the start of a statement and takes the rest of its line.

/// One thing to run.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Piece<'a> {
    /// SQL without its semicolon
    Statement { text: &'a str, line: usize },
    /// a `\` or `.` command with its arguments
    Command { text: &'a str, line: usize },
}

/// Walks through a text.
pub(crate) struct Script<'a> {
    rest: &'a str,
    line: usize,
    /// blanks and comments in front of the last piece
    before: &'a str,
}

impl<'a> Script<'a> {
    pub(crate) fn new(text: &'a str) -> Self {
        // a script may name its interpreter
        let skip = if text.starts_with("#!") { text.find('\n').unwrap_or(text.len()) } else { 0 };
        let (_, rest) = text.split_at(skip);
        Self { rest, line: 1, before: "" }
    }

    /// The words of the comment in front of the last piece.
    pub(crate) fn comment(&self) -> String {
        let lines = self.before.lines().filter_map(|line| line.trim().strip_prefix("--"));
        lines.map(str::trim).collect::<Vec<_>>().join("\n")
    }

    fn skip(&mut self, bytes: usize) -> &'a str {
        let (head, rest) = self.rest.split_at(bytes.min(self.rest.len()));
        self.line += head.matches('\n').count();
        self.rest = rest;
        head
    }
}

impl<'a> Iterator for Script<'a> {
    type Item = Piece<'a>;

    fn next(&mut self) -> Option<Piece<'a>> {
        loop {
            self.before = self.skip(blank(self.rest));
            if !self.rest.starts_with(';') {
                break;
            }
            self.skip(1);
        }
        if self.rest.is_empty() {
            return None;
        }
        let line = self.line;
        if is_command(self.rest) {
            let text = self.skip(self.rest.find('\n').unwrap_or(self.rest.len()));
            return Some(Piece::Command { text: text.trim_end(), line });
        }
        let text = self.skip(end(self.rest).unwrap_or(self.rest.len()));
        Some(Piece::Statement { text: text.trim_end(), line })
    }
}

/// Whether Enter should run this text: a command, or statements that all end in `;`.
pub(crate) fn is_complete(text: &str) -> bool {
    let mut rest = text.trim_start();
    if matches!(rest.trim_end(), "" | "quit" | "exit" | "help") {
        return true;
    }
    loop {
        rest = rest.get(blank(rest)..).unwrap_or_default();
        if rest.is_empty() {
            return true;
        }
        if is_command(rest) {
            match rest.find('\n') {
                Some(at) => rest = rest.get(at..).unwrap_or_default(),
                None => return true,
            }
        } else {
            match end(rest) {
                Some(at) => rest = rest.get(at + 1..).unwrap_or_default(),
                None => return false,
            }
        }
    }
}

/// A `\` command, or the same with a dot: `.tables`, but not `.5`.
pub(crate) fn is_command(text: &str) -> bool {
    let mut chars = text.chars();
    match chars.next() {
        Some('\\') => true,
        Some('.') => chars.next().is_some_and(|c| c.is_ascii_alphabetic() || c == '?'),
        _ => false,
    }
}

/// Bytes of blanks and comments at the start.
fn blank(text: &str) -> usize {
    let mut at = 0;
    while let Some(rest) = text.get(at..) {
        let step = rest.len() - rest.trim_start().len();
        at += if step > 0 { step } else { comment(rest) };
        if step == 0 && comment(rest) == 0 {
            break;
        }
    }
    at
}

/// Bytes of the comment at the start, 0 if there is none; one that is not closed goes to the end.
fn comment(text: &str) -> usize {
    if text.starts_with("--") {
        return text.find('\n').unwrap_or(text.len());
    }
    if !text.starts_with("/*") {
        return 0;
    }
    let (mut depth, mut at) = (0_usize, 0);
    while let Some(rest) = text.get(at..) {
        if rest.starts_with("/*") {
            depth += 1;
            at += 2;
        } else if rest.starts_with("*/") {
            depth -= 1;
            at += 2;
            if depth == 0 {
                return at;
            }
        } else {
            match rest.chars().next() {
                Some(c) => at += c.len_utf8(),
                None => break,
            }
        }
    }
    text.len()
}

/// Where the `;` stands that ends the statement at the start of the text.
fn end(text: &str) -> Option<usize> {
    let mut at = 0;
    loop {
        let rest = text.get(at..)?;
        let c = rest.chars().next()?;
        at += match c {
            ';' => return Some(at),
            '\'' | '"' | '`' => quoted(rest, c)?,
            '$' => dollar_quoted(rest)?,
            '-' | '/' => comment(rest).max(1),
            c => c.len_utf8(),
        };
    }
}

/// Bytes of a quoted text; a doubled quote inside starts over, which comes to the same.
fn quoted(text: &str, quote: char) -> Option<usize> {
    text.get(1..)?.find(quote).map(|at| at + 2)
}

/// Bytes of `$tag$ … $tag$`, or 1 for a lone `$` as in `$name`.
fn dollar_quoted(text: &str) -> Option<usize> {
    let tag_end = text.get(1..)?.find(|c: char| !c.is_alphanumeric() && c != '_').map(|at| at + 1);
    let Some(tag) = tag_end.and_then(|at| text.get(..=at)).filter(|tag| tag.ends_with('$')) else {
        return Some(1);
    };
    text.get(tag.len()..)?.find(tag).map(|at| at + 2 * tag.len())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn pieces(text: &str) -> Vec<String> {
        Script::new(text)
            .map(|piece| match piece {
                Piece::Statement { text, line } => format!("{line} sql {text}"),
                Piece::Command { text, line } => format!("{line} cmd {text}"),
            })
            .collect()
    }

    #[test]
    fn statements_end_at_semicolons_that_count() {
        assert_eq!(
            pieces(
                "#!/usr/bin/env tenure\nSELECT ';' -- ;\n, \"a;b\" /* ; /* ; */ */;\n;;\nSELECT $$;$$ ; SELECT $n"
            ),
            [
                "2 sql SELECT ';' -- ;\n, \"a;b\" /* ; /* ; */ */",
                "5 sql SELECT $$;$$",
                "5 sql SELECT $n"
            ]
        );
        assert_eq!(pieces("SELECT 'it''s;';SELECT 2"), ["1 sql SELECT 'it''s;'", "1 sql SELECT 2"]);
        assert_eq!(pieces("-- nothing\n/* at all */ ;"), Vec::<String>::new());
    }

    #[test]
    fn a_comment_speaks_of_the_statement_behind_it() {
        let mut script = Script::new("SELECT 1;\n\n-- Who is\n--  there?\nSELECT 2");
        script.next();
        assert_eq!(script.comment(), "");
        script.next();
        assert_eq!(script.comment(), "Who is\nthere?");
    }

    #[test]
    fn commands_take_the_rest_of_their_line() {
        assert_eq!(
            pieces("\\timing\n.d it's; fine\nSELECT .5;\\x"),
            ["1 cmd \\timing", "2 cmd .d it's; fine", "3 sql SELECT .5", "3 cmd \\x"]
        );
    }

    #[test]
    fn enter_runs_what_is_complete() {
        for text in ["", "  ", "SELECT 1;", "SELECT 1; -- done", "\\d", "quit", "SELECT 1;\n\\x"] {
            assert!(is_complete(text), "{text:?}");
        }
        for text in ["SELECT 1", "SELECT ';", "SELECT 1; SELECT", "SELECT /* ;", "SELECT $$;"] {
            assert!(!is_complete(text), "{text:?}");
        }
    }
}
