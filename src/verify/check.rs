//! Figures as data: what a file of them looks like.

use serde::Deserialize;

use crate::error::{Error, ErrorKind, Result};

/// The figures of one file.
#[derive(Debug, Clone, PartialEq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Checks {
    /// what they are about
    pub section: String,
    /// statements that come first, such as views
    #[serde(default)]
    pub setup: Vec<String>,
    /// each with a statement of its own
    #[serde(rename = "check")]
    pub checks: Vec<Check>,
}

/// One statement and the figures that it must give.
#[derive(Debug, Clone, PartialEq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Check {
    /// what is computed
    pub case: String,
    /// where the figures were published
    pub source: String,
    /// a statement with a column for each figure
    pub sql: String,
    /// what the columns must hold
    pub figures: Vec<Figure>,
}

/// What one column must hold.
#[derive(Debug, Clone, PartialEq, Deserialize)]
#[serde(try_from = "Written")]
pub struct Figure {
    /// the column
    pub name: String,
    /// its values, one a row
    pub expected: Vec<f64>,
    /// how far off they may be
    pub within: Within,
}

/// How far off a figure may be.
#[derive(Debug, Clone, Copy, PartialEq)]
pub enum Within {
    /// by so much
    Absolute(f64),
    /// by this part of the figure
    Relative(f64),
}

impl Within {
    /// The bound for a figure.
    pub fn of(self, expected: f64) -> f64 {
        match self {
            Self::Absolute(bound) => bound,
            Self::Relative(part) => part * expected.abs(),
        }
    }
}

impl Checks {
    /// Reads a file of figures.
    ///
    /// ```toml
    /// section = "Survival"
    /// setup = ["CREATE VIEW flies AS SELECT * FROM waltons"]
    ///
    /// [[check]]
    /// case = "half of the flies"
    /// source = "lifelines 0.30.3, quickstart"
    /// sql = "SELECT median_survival(km_fit(duration, event)) AS median FROM flies"
    /// figures = [{ name = "median", expected = 56, within = 1e-9 }]
    /// ```
    ///
    /// `expected` is a number, or a list of one for each row; without `within` or `relative` the
    /// figure is exact.
    ///
    /// # Errors
    /// Says what is wrong, and where in the file.
    pub fn parse(name: &str, text: &str) -> Result<Self> {
        toml::from_str(text).map_err(|e| {
            Error::new(ErrorKind::Usage, format!("the figures {name}: {}", e.to_string().trim_end()))
                .with_hint("a file of figures has section, setup and [[check]] with case, source, sql and figures = [{ name = \"x\", expected = 1.5, within = 1e-6 }]")
        })
    }
}

/// A figure as it is written.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct Written {
    name: String,
    expected: OneOrMore,
    within: Option<f64>,
    relative: Option<f64>,
}

#[derive(Debug, Deserialize)]
#[serde(untagged)]
enum OneOrMore {
    One(f64),
    More(Vec<f64>),
}

impl TryFrom<Written> for Figure {
    type Error = String;

    fn try_from(written: Written) -> std::result::Result<Self, String> {
        let Written { name, expected, within, relative } = written;
        let within = match (within, relative) {
            (None, None) => Within::Absolute(0.0),
            (Some(bound), None) if bound >= 0.0 => Within::Absolute(bound),
            (None, Some(part)) if part >= 0.0 => Within::Relative(part),
            (Some(_), Some(_)) => {
                return Err(format!("{name} has both within and relative: give one of them"));
            }
            _ => return Err(format!("the bound of {name} must be a number from 0 up")),
        };
        let expected = match expected {
            OneOrMore::One(value) => vec![value],
            OneOrMore::More(values) => values,
        };
        Ok(Self { name, expected, within })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_wrong_with_a_file_is_said_with_its_place() {
        let file = |figures: &str| {
            let text = format!(
                "section = 'S'\n[[check]]\ncase = 'c'\nsource = 's'\nsql = 'SELECT 1'\nfigures = [{figures}]"
            );
            Checks::parse("mine", &text).map_err(|e| e.to_string())
        };
        assert!(file("{ name = 'x', expected = 1 }").is_ok());
        for (figures, want) in [
            ("{ name = 'x', expected = 1, within = 1, relative = 1 }", "give one of them"),
            ("{ name = 'x', expected = 1, within = -1 }", "must be a number from 0 up"),
            ("{ name = 'x', expected = 1, about = 1 }", "unknown field `about`"),
            ("{ name = 'x' }", "missing field `expected`"),
        ] {
            let e = file(figures).unwrap_err();
            assert!(e.starts_with("the figures mine: ") && e.contains(want), "{figures}: {e}");
        }
    }
}
