//! One error for everything that can go wrong, with its SQLSTATE, its place and what to do.

use datafusion::common::DataFusionError;
use datafusion::error::DataFusionError as Df;

mod classify;

/// `Result` with [`Error`].
pub type Result<T, E = Error> = std::result::Result<T, E>;

/// What went wrong, in classes that a program can act on.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
pub enum ErrorKind {
    /// the statement is not SQL
    Syntax,
    /// a table or view that does not exist
    UndefinedTable,
    /// a table that is to be made and exists already
    Exists,
    /// a column that does not exist
    UndefinedColumn,
    /// a column that several tables have
    Ambiguous,
    /// a column beside aggregates that the groups do not tell
    Grouping,
    /// a function that does not exist
    UndefinedFunction,
    /// a value or argument that cannot be meant
    Invalid,
    /// a text that is no number or the like
    Unreadable,
    /// a text that is no time, date or interval
    UnreadableTime,
    /// a subquery that stands for one value and has several
    ManyRows,
    /// a number divided by zero
    DivisionByZero,
    /// a number that its type cannot hold
    OutOfRange,
    /// SQL that is understood but not supported
    NotSupported,
    /// files of one table whose columns do not fit together
    Drift,
    /// a file was overwritten while a statement read it
    Changed,
    /// a file was deleted while a statement read it
    Gone,
    /// there is nothing to read at a location
    NoFiles,
    /// a file that is not what its name says
    Corrupt,
    /// the store refused the credentials
    Denied,
    /// the store or file system does not answer
    Unreachable,
    /// the memory limit
    Memory,
    /// the limit on temporary files
    Disk,
    /// a statement beyond the stated limits
    TooComplex,
    /// cancelled by the user
    Interrupted,
    /// a change in a read-only session
    ReadOnly,
    /// what this session may not do
    Forbidden,
    /// a lifecycle model that does not fit its lake
    Model,
    /// wrong use of the program
    Usage,
    /// reading or writing a local file that is not data of a lake
    Io,
    /// a defect of Tenure or of a library
    Internal,
}

impl ErrorKind {
    /// The five-character SQLSTATE.
    pub const fn sqlstate(self) -> &'static str {
        match self {
            Self::Syntax => "42601",
            Self::UndefinedTable | Self::NoFiles => "42P01",
            Self::Exists => "42P07",
            Self::UndefinedColumn => "42703",
            Self::Ambiguous => "42702",
            Self::Grouping => "42803",
            Self::UndefinedFunction => "42883",
            Self::Invalid | Self::Usage => "22023",
            Self::Unreadable => "22P02",
            Self::UnreadableTime => "22007",
            Self::ManyRows => "21000",
            Self::DivisionByZero => "22012",
            Self::OutOfRange => "22003",
            Self::NotSupported => "0A000",
            Self::Drift => "42804",
            Self::Changed => "40001",
            Self::Gone => "58P01",
            Self::Corrupt => "XX001",
            Self::Denied | Self::Forbidden => "42501",
            Self::Unreachable | Self::Io => "58030",
            Self::Memory => "53200",
            Self::Disk => "53100",
            Self::TooComplex => "54001",
            Self::Interrupted => "57014",
            Self::ReadOnly => "25006",
            Self::Model => "F0000",
            Self::Internal => "XX000",
        }
    }

    /// The exit code of the program: 1 for SQL, 2 for wrong use, 3 for data that cannot be
    /// reached, 130 for an interrupt.
    pub const fn exit_code(self) -> u8 {
        match self {
            Self::Usage => 2,
            Self::NoFiles | Self::Denied | Self::Unreachable | Self::Gone | Self::Model => 3,
            Self::Interrupted => 130,
            _ => 1,
        }
    }
}

/// Where in the statement: lines and columns count from 1, columns in characters.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Place {
    /// line of the statement
    pub line: usize,
    /// first column
    pub column: usize,
    /// one past the last column
    pub end_column: usize,
}

/// A text that was no number, time or the like. The message calls it "a text" and shows it only if
/// the user's own statement holds it, for it may be a customer's.
#[derive(Clone)]
struct Hidden(Box<str>);

impl std::fmt::Debug for Hidden {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Hidden")
    }
}

/// What went wrong, where, and what to do about it. Holds no secret and no customer's value.
#[derive(Debug, thiserror::Error)]
#[error("{message}")]
pub struct Error {
    kind: ErrorKind,
    message: String,
    hint: Option<String>,
    place: Option<Place>,
    hidden: Option<Hidden>,
    source: Option<Box<dyn std::error::Error + Send + Sync>>,
}

impl Error {
    /// An error of a kind with one sentence.
    pub fn new(kind: ErrorKind, message: impl Into<String>) -> Self {
        Self { kind, message: message.into(), hint: None, place: None, hidden: None, source: None }
    }

    /// Adds what to do.
    #[must_use]
    pub fn with_hint(mut self, hint: impl Into<String>) -> Self {
        self.hint = Some(hint.into());
        self
    }

    /// Adds the cause.
    #[must_use]
    pub fn with_source(
        mut self,
        source: impl Into<Box<dyn std::error::Error + Send + Sync>>,
    ) -> Self {
        self.source = Some(source.into());
        self
    }

    /// Adds the place in the statement.
    #[must_use]
    pub fn with_place(mut self, place: Place) -> Self {
        self.place = Some(place);
        self
    }

    /// The same error of another class, where its cause is seen from elsewhere.
    #[must_use]
    pub(crate) fn with_kind(mut self, kind: ErrorKind) -> Self {
        self.kind = kind;
        self
    }

    /// An error about a text that a cast could not read, without the text.
    fn of_text(kind: ErrorKind, what: &str, text: &str) -> Self {
        let message = format!("{what}; it is not shown, since it may be a customer's");
        Self { hidden: Some(Hidden(text.into())), ..Self::new(kind, message) }
    }

    /// The text that the message does not show.
    pub(crate) fn hidden(&self) -> Option<&str> {
        self.hidden.as_ref().map(|hidden| hidden.0.as_ref())
    }

    /// The same error with the text that it hid.
    #[must_use]
    pub(crate) fn unhidden(mut self) -> Self {
        if let Some(Hidden(text)) = self.hidden.take() {
            let what = self.message.split("; ").next().unwrap_or_default();
            self.message = what.replacen("a text", &format!("{text:?}"), 1);
        }
        self
    }

    /// Drops a place that is not in the user's own statement.
    #[must_use]
    pub(crate) fn without_place(mut self) -> Self {
        self.place = None;
        self
    }

    /// The class.
    pub fn kind(&self) -> ErrorKind {
        self.kind
    }

    /// What to do.
    pub fn hint(&self) -> Option<&str> {
        self.hint.as_deref()
    }

    /// Where in the statement.
    pub fn place(&self) -> Option<Place> {
        self.place
    }

    /// The same error once more, without its cause: an error inside a plan is shared.
    pub(crate) fn copied(&self) -> Self {
        Self {
            kind: self.kind,
            message: self.message.clone(),
            hint: self.hint.clone(),
            place: self.place,
            hidden: self.hidden.clone(),
            source: None,
        }
    }
}

/// Through DataFusion and back: [`Error::from`] finds it again.
impl From<Error> for DataFusionError {
    fn from(e: Error) -> Self {
        Df::External(Box::new(e))
    }
}

impl From<DataFusionError> for Error {
    fn from(e: DataFusionError) -> Self {
        classify::classify(e)
    }
}

impl From<datafusion::arrow::error::ArrowError> for Error {
    fn from(e: datafusion::arrow::error::ArrowError) -> Self {
        classify::classify(Df::from(e))
    }
}

/// ` (did you mean "x" or "y"?)`-style help: the nearest of the candidates, best first: by
/// slips of the fingers, then by likeness.
pub(crate) fn nearest<'a>(
    name: &str,
    candidates: impl IntoIterator<Item = &'a str>,
) -> Vec<&'a str> {
    let wanted = name.to_lowercase();
    let length = wanted.chars().count();
    // two slips in a name of three letters leave nothing of it
    let most = (length / 3).max(2).min(length.saturating_sub(1) / 2);
    let mut scored: Vec<(usize, f64, &str)> = candidates
        .into_iter()
        .map(|c| {
            let near = c.to_lowercase();
            let slips = Some(strsim::damerau_levenshtein(&wanted, &near)).filter(|s| *s <= most);
            (slips.unwrap_or(usize::MAX), strsim::jaro_winkler(&wanted, &near), c)
        })
        .filter(|(slips, likeness, _)| *slips <= most || *likeness > 0.78)
        .collect();
    scored.sort_by(|a, b| a.0.cmp(&b.0).then(b.1.total_cmp(&a.1)).then(a.2.cmp(b.2)));
    scored.dedup_by(|a, b| a.2 == b.2);
    // likeness is for what no slip explains
    if scored.first().is_some_and(|best| best.0 <= most) {
        scored.retain(|(slips, _, _)| *slips <= most);
    }
    scored.truncate(3);
    scored.into_iter().map(|(_, _, c)| c).collect()
}

/// The hint made of [`nearest`], if anything is near.
pub(crate) fn did_you_mean<'a>(
    name: &str,
    candidates: impl IntoIterator<Item = &'a str>,
) -> Option<String> {
    let near = nearest(name, candidates);
    (!near.is_empty()).then(|| format!("did you mean {}?", near.join(" or ")))
}

#[cfg(test)]
mod tests {
    use super::nearest;

    #[test]
    fn the_fewest_slips_come_first() {
        assert_eq!(nearest("cuont", ["cot", "concat", "count"]), ["count", "cot"]);
        assert_eq!(nearest("customer", ["cost", "customer_id"]).first(), Some(&"customer_id"));
        assert!(nearest("zzz", ["ts", "id", "n"]).is_empty());
    }
}
