//! What went wrong, as the protocol says it: SQLSTATE, sentence, hint and place.

use pgwire::error::ErrorInfo;
use pgwire::messages::PgWireBackendMessage;
use pgwire::messages::response::{ErrorResponse, NoticeResponse};

use crate::error::{Error, ErrorKind};

/// The result of a step of a connection.
pub(super) type Outcome<T> = Result<T, Box<Failure>>;

/// An error on its way to the client.
#[derive(Debug)]
pub(super) struct Failure {
    pub(super) code: &'static str,
    message: String,
    hint: Option<String>,
    /// character of the statement, from 1
    position: Option<usize>,
    /// the connection ends
    pub(super) fatal: bool,
}

impl Failure {
    pub(super) fn new(code: &'static str, message: impl Into<String>) -> Box<Self> {
        let message = message.into();
        Box::new(Self { code, message, hint: None, position: None, fatal: false })
    }

    pub(super) fn fatal(code: &'static str, message: impl Into<String>) -> Box<Self> {
        let mut failure = Self::new(code, message);
        failure.fatal = true;
        failure
    }

    pub(super) fn with_hint(mut self: Box<Self>, hint: impl Into<String>) -> Box<Self> {
        self.hint = Some(hint.into());
        self
    }

    /// An error of the engine about the statement `sql`.
    pub(super) fn of(error: &Error, sql: &str) -> Box<Self> {
        let mut failure = Self::new(error.kind().sqlstate(), error.to_string());
        failure.hint = error.hint().map(|hint| match error.kind() {
            // the program's own words are for its command line
            ErrorKind::Memory => "ask for fewer groups or columns at once; the server's \
                                  --session-memory is the limit"
                .to_owned(),
            _ => hint.replace(
                "\\dt lists the tables; a file is named in quotes: FROM 'folder/*.parquet'",
                "\\dt lists the tables",
            ),
        });
        failure.position = error.place().and_then(|place| position(sql, place.line, place.column));
        failure
    }

    /// Moves the place by so many characters, where the statement is a part of what was sent.
    pub(super) fn moved(mut self: Box<Self>, by: usize) -> Box<Self> {
        self.position = self.position.map(|at| at + by);
        self
    }

    pub(super) fn message(&self) -> PgWireBackendMessage {
        let severity = if self.fatal { "FATAL" } else { "ERROR" };
        PgWireBackendMessage::ErrorResponse(ErrorResponse::from(self.info(severity)))
    }

    fn info(&self, severity: &str) -> ErrorInfo {
        let mut info =
            ErrorInfo::new(severity.to_owned(), self.code.to_owned(), self.message.clone());
        info.severity_nonlocalized = Some(severity.to_owned());
        info.hint.clone_from(&self.hint);
        info.position = self.position.map(|at| at.to_string());
        info
    }
}

impl std::fmt::Display for Failure {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(&self.message)
    }
}

impl From<Error> for Box<Failure> {
    fn from(error: Error) -> Self {
        Failure::of(&error, "")
    }
}

/// A connection that ended or speaks no protocol: nobody is left to be told.
impl From<std::io::Error> for Box<Failure> {
    fn from(error: std::io::Error) -> Self {
        Failure::fatal("08006", error.to_string())
    }
}

/// Something that is no error.
pub(super) fn notice(severity: &str, code: &str, text: &str) -> PgWireBackendMessage {
    let mut info = ErrorInfo::new(severity.to_owned(), code.to_owned(), text.to_owned());
    info.severity_nonlocalized = Some(severity.to_owned());
    PgWireBackendMessage::NoticeResponse(NoticeResponse::from(info))
}

/// The character at a line and column, all from 1.
fn position(sql: &str, line: usize, column: usize) -> Option<usize> {
    let lines: Vec<&str> = sql.split_inclusive('\n').collect();
    let before =
        lines.get(..line.checked_sub(1)?)?.iter().map(|l| l.chars().count()).sum::<usize>();
    let at = before + column;
    (at <= sql.chars().count() + 1).then_some(at)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn places_are_characters_of_the_whole_statement() {
        assert_eq!(position("SELECT x", 1, 8), Some(8));
        assert_eq!(position("SELECT '王',\n  y", 2, 3), Some(15));
        assert_eq!(position("SELECT", 3, 1), None);
        assert_eq!(position("", 0, 0), None);
    }
}
