//! Record batches to bytes.
//!
//! A [`Sink`] takes a schema, then batches, then the end, and writes as it goes where the format
//! allows it. The renderers see Arrow and nothing else: no session, no lake, no terminal. Whoever
//! calls them says through [`Options`] what the other end can show.
//!
//! | format | streams | NULL | nested values | times |
//! | --- | --- | --- | --- | --- |
//! | `box` | no (widths) | `NULL` | as Arrow shows them | ISO 8601 with `T` |
//! | `line` | yes | `NULL` | as Arrow shows them | ISO 8601 with `T` |
//! | `csv`, `tsv` | yes | empty (`""` is the empty string) | JSON | ISO 8601 with `T` |
//! | `json`, `ndjson` | yes | `null` | JSON | ISO 8601 with `T` |
//! | `markdown` | yes | `NULL` | as Arrow shows them | ISO 8601 with `T` |
//! | `arrow`, `parquet` | yes | typed | typed | typed |
//!
//! Floats are written with the fewest digits that read back as the same value.

mod arrow_file;
mod boxed;
pub(crate) mod cells;
mod csv;
mod json;
pub(crate) mod layout;
mod line;
mod markdown;
mod ndjson;
mod parquet_file;
mod type_name;

use std::fmt;
use std::io::Write;
use std::path::Path;
use std::str::FromStr;

use datafusion::arrow::array::RecordBatch;
use datafusion::arrow::datatypes::SchemaRef;
use datafusion::arrow::error::ArrowError;

pub use type_name::type_name;

/// What a renderer answers: an I/O error stays an [`ArrowError::IoError`].
pub type RenderResult<T = ()> = std::result::Result<T, ArrowError>;

/// How a result is written.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Format {
    /// A table with a frame, for people.
    Box,
    /// One value per line, for rows too wide for a table.
    Line,
    /// Comma separated values, RFC 4180, with a header.
    Csv,
    /// Tab separated values, quoted as in csv.
    Tsv,
    /// One JSON array of objects.
    Json,
    /// One JSON object per line.
    Ndjson,
    /// A GitHub table.
    Markdown,
    /// An Arrow IPC file.
    Arrow,
    /// A Parquet file, compressed with Snappy.
    Parquet,
}

impl Format {
    /// Every format, in the order in which help shows them.
    pub const ALL: [Self; 9] = [
        Self::Box,
        Self::Line,
        Self::Csv,
        Self::Tsv,
        Self::Json,
        Self::Ndjson,
        Self::Markdown,
        Self::Arrow,
        Self::Parquet,
    ];

    /// Extensions of files, and the format each stands for.
    pub const EXTENSIONS: [(&str, Self); 14] = [
        ("txt", Self::Box),
        ("csv", Self::Csv),
        ("tsv", Self::Tsv),
        ("tab", Self::Tsv),
        ("json", Self::Json),
        ("ndjson", Self::Ndjson),
        ("jsonl", Self::Ndjson),
        ("md", Self::Markdown),
        ("markdown", Self::Markdown),
        ("arrow", Self::Arrow),
        ("ipc", Self::Arrow),
        ("feather", Self::Arrow),
        ("parquet", Self::Parquet),
        ("pq", Self::Parquet),
    ];

    /// The name that [`Format::from_str`] reads.
    pub fn name(self) -> &'static str {
        match self {
            Self::Box => "box",
            Self::Line => "line",
            Self::Csv => "csv",
            Self::Tsv => "tsv",
            Self::Json => "json",
            Self::Ndjson => "ndjson",
            Self::Markdown => "markdown",
            Self::Arrow => "arrow",
            Self::Parquet => "parquet",
        }
    }

    /// The format that a file's extension speaks of.
    pub fn from_path(path: &Path) -> Option<Self> {
        let extension = path.extension()?.to_str()?.to_ascii_lowercase();
        Self::EXTENSIONS
            .into_iter()
            .find(|(known, _)| *known == extension)
            .map(|(_, format)| format)
    }

    /// Not text: a terminal cannot show it, and a file holds exactly one result.
    pub fn is_binary(self) -> bool {
        matches!(self, Self::Arrow | Self::Parquet)
    }
}

impl fmt::Display for Format {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}

impl FromStr for Format {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let name = text.to_ascii_lowercase();
        let alias = match name.as_str() {
            "table" => "box",
            "jsonl" | "jsonlines" => "ndjson",
            "md" => "markdown",
            "ipc" | "feather" => "arrow",
            other => other,
        };
        Self::ALL.into_iter().find(|format| format.name() == alias).ok_or_else(|| {
            let names: Vec<_> = Self::ALL.iter().map(|format| format.name()).collect();
            format!("unknown format {text:?}; the formats are {}", names.join(", "))
        })
    }
}

/// What the other end can show. The default is a pipe: everything, in ASCII, without colour.
#[derive(Debug, Clone, Default)]
pub struct Options {
    /// Frames of Unicode box characters instead of `+-|`.
    pub unicode: bool,
    /// Dim NULLs and types with ANSI sequences.
    pub color: bool,
    /// Fit the table into this many cells: long values are cut, middle columns are hidden.
    pub width: Option<usize>,
    /// Leave out the row of types in the head of a box.
    pub untyped: bool,
    /// Show at most this many rows, half from the head and half from the tail.
    pub max_rows: Option<usize>,
    /// For a reader who can scroll: a box that would leave out rows or columns is drawn with this
    /// many rows and in its full width instead.
    pub scrolled_rows: Option<usize>,
}

/// Takes one result and writes it.
pub trait Sink {
    /// The columns; called once, first.
    fn begin(&mut self, schema: &SchemaRef) -> RenderResult;
    /// The next rows.
    fn batch(&mut self, batch: &RecordBatch) -> RenderResult;
    /// No more rows; everything is written and flushed afterwards.
    fn end(&mut self) -> RenderResult;
}

/// The renderer of a format on a writer.
pub fn sink<'a, W: Write + Send + 'a>(
    format: Format,
    writer: W,
    options: &Options,
) -> Box<dyn Sink + 'a> {
    match format {
        Format::Box => Box::new(boxed::BoxSink::new(writer, options.clone())),
        Format::Line => Box::new(line::LineSink::new(writer, options.clone())),
        Format::Csv => Box::new(csv::CsvSink::comma(writer)),
        Format::Tsv => Box::new(csv::CsvSink::tab(writer)),
        Format::Json => Box::new(json::JsonSink::new(writer)),
        Format::Ndjson => Box::new(ndjson::NdjsonSink::new(writer)),
        Format::Markdown => Box::new(markdown::MarkdownSink::new(writer)),
        Format::Arrow => Box::new(arrow_file::ArrowSink::new(writer)),
        Format::Parquet => Box::new(parquet_file::ParquetSink::new(writer)),
    }
}

/// Whether a format can hold columns of these types.
///
/// # Errors
/// A column that it cannot hold, by its name.
pub fn check(format: Format, schema: &SchemaRef) -> RenderResult {
    match format {
        Format::Parquet => parquet_file::check(schema),
        _ => Ok(()),
    }
}

/// Called out of order: a mistake of the caller, said instead of panicking.
fn not_begun() -> ArrowError {
    ArrowError::InvalidArgumentError("a renderer was given rows before their schema".into())
}

#[cfg(test)]
mod tests;
