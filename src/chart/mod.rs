//! Charts of results, drawn with characters.
//!
//! A chart is a pure function of a result: it sees Arrow and nothing else, no session and no
//! terminal. Whoever calls it says through [`Options`] how much room there is and what the other end
//! can show. The same rows give the same characters.
//!
//! | kind | rows of | drawn as |
//! | --- | --- | --- |
//! | `bar` | label, number | one bar a row |
//! | `line` | time or number, number, and a series | a plot with axes |
//! | `funnel` | step, number; or what `FROM funnel(…)` gives | bars with rates and losses |
//! | `heat` | row, column, number; or what `FROM retention_matrix(…)` gives | a grid of numbers |

mod bar;
mod color;
mod data;
mod funnel;
mod heat;
mod line;
mod number;
mod request;

use std::fmt;
use std::str::FromStr;

use datafusion::arrow::array::RecordBatch;
use datafusion::arrow::datatypes::{Schema, SchemaRef};

use crate::error::{Error, ErrorKind, Result, did_you_mean};
use data::Data;

pub use request::Request;

/// How a result is drawn.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Kind {
    /// A bar for every row.
    Bar,
    /// Lines over time, or over a number.
    Line,
    /// Steps, and who is left at each.
    Funnel,
    /// A grid of numbers, the higher the brighter.
    Heat,
}

impl Kind {
    /// Every kind, in the order in which help shows them.
    pub const ALL: [Self; 4] = [Self::Bar, Self::Line, Self::Funnel, Self::Heat];

    /// The name that [`Kind::from_str`] reads.
    pub fn name(self) -> &'static str {
        match self {
            Self::Bar => "bar",
            Self::Line => "line",
            Self::Funnel => "funnel",
            Self::Heat => "heat",
        }
    }

    /// The kind that the columns of a result speak of, if it has numbers at all.
    pub fn of(schema: &Schema) -> Option<Self> {
        let has = |name: &str| schema.column_with_name(name).is_some();
        let (x, _) = data::axes(schema)?;
        let kind = |index: usize| schema.fields().get(index).map(|field| field.data_type());
        let discrete = |index: usize| kind(index).is_some_and(|t| !data::is_number(t));
        Some(if has("step") && has("reached") {
            Self::Funnel
        } else if has("cohort_start") && has("n") && has("rate") {
            Self::Heat
        } else if kind(x).is_some_and(data::is_time) {
            Self::Line
        } else if schema.fields().len() == 3 && discrete(0) && discrete(1) {
            Self::Heat
        } else {
            Self::Bar
        })
    }
}

impl fmt::Display for Kind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}

impl FromStr for Kind {
    type Err = String;

    fn from_str(text: &str) -> std::result::Result<Self, String> {
        let text = text.to_ascii_lowercase();
        match text.as_str() {
            "heatmap" => Ok(Self::Heat),
            name => Self::ALL.into_iter().find(|kind| kind.name() == name).ok_or_else(|| {
                let names = Self::ALL.map(Self::name);
                format!("there is no chart {text:?}: the kinds are {}", names.join(", "))
            }),
        }
    }
}

/// Which columns are drawn; what is not named is chosen by names and types.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Columns {
    /// labels, times, or the rows of a heat map
    pub x: Option<String>,
    /// numbers
    pub y: Option<String>,
    /// series, groups, or the columns of a heat map
    pub by: Option<String>,
}

/// What colours the other end can show.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub enum Colors {
    /// none: shades and markers instead
    #[default]
    None,
    /// the eight that every terminal has
    Basic,
    /// the 6 × 6 × 6 cube of 256 colours
    Palette,
    /// 24 bits
    True,
}

/// What the other end can show.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Options {
    /// Cells of a line.
    pub width: usize,
    /// Lines of a plot; bars and grids take one a row.
    pub height: usize,
    /// Colours.
    pub colors: Colors,
    /// Blocks and dots of Unicode instead of ASCII.
    pub unicode: bool,
}

impl Default for Options {
    fn default() -> Self {
        Self { width: 80, height: 16, colors: Colors::None, unicode: true }
    }
}

impl Options {
    /// What stands for NULL.
    fn null(&self) -> &'static str {
        if self.unicode { "—" } else { "-" }
    }

    /// What stands where something is cut off.
    fn ellipsis(&self) -> &'static str {
        if self.unicode { "…" } else { "..." }
    }
}

/// Draws a result; the text ends with a line break.
///
/// # Errors
/// A column that the result does not have, or no column of numbers where the chart needs one.
pub fn draw(
    kind: Kind,
    columns: &Columns,
    schema: &SchemaRef,
    batches: &[RecordBatch],
    options: &Options,
) -> Result<String> {
    let data = Data::new(schema, batches, options)?;
    if data.rows() == 0 {
        return Ok("no rows\n".into());
    }
    match kind {
        Kind::Bar => bar::draw(&data, columns, options),
        Kind::Line => line::draw(&data, columns, options),
        Kind::Funnel => funnel::draw(&data, columns, options),
        Kind::Heat => heat::draw(&data, columns, options),
    }
}

/// A mistake in what is to be drawn.
fn wrong(message: impl Into<String>) -> Error {
    Error::new(ErrorKind::Usage, message)
}

/// A column that the result does not have.
fn unknown(name: &str, schema: &Schema) -> Error {
    let names = || schema.fields().iter().map(|field| field.name().as_str());
    let hint = did_you_mean(name, names())
        .unwrap_or_else(|| format!("it has {}", names().collect::<Vec<_>>().join(", ")));
    wrong(format!("the result has no column {name:?}")).with_hint(hint)
}

#[cfg(test)]
mod tests;
