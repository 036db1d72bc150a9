//! Published figures, made anew where the program runs.
//!
//! A figure of a paper, of another tool's documentation or of a textbook is a promise about a
//! function: here each is data, with the statement that makes it, how far off it may be and where it
//! was published. The tables that they were taken from are inside the program, so that whoever
//! installs it can ask whether this build on this machine still finds them.

mod check;
mod data;

use std::sync::Arc;

use datafusion::arrow::array::{ArrayRef, AsArray, BooleanArray, Float64Array, StringArray};
use datafusion::arrow::compute::{cast, concat_batches};
use datafusion::arrow::datatypes::{DataType, Float64Type};
use datafusion::arrow::record_batch::RecordBatch;
use datafusion::datasource::MemTable;

use crate::engine::Tenure;
use crate::error::{Error, ErrorKind, Result};

pub use check::{Check, Checks, Figure, Within};

/// The figures that ship.
const PUBLISHED: [(&str, &str); 6] = [
    ("purchases", include_str!("figures/purchases.toml")),
    ("spending", include_str!("figures/spending.toml")),
    ("contracts", include_str!("figures/contracts.toml")),
    ("back_tests", include_str!("figures/back_tests.toml")),
    ("sequences", include_str!("figures/sequences.toml")),
    ("survival", include_str!("figures/survival.toml")),
];

/// One figure, asked for.
#[derive(Debug, Clone, PartialEq)]
pub struct Finding {
    /// what it is about, such as `Survival`
    pub section: String,
    /// what was computed
    pub case: String,
    /// the figure's name, with its place where there are several: `hazard[2]`
    pub figure: String,
    /// what was published
    pub expected: f64,
    /// what came out; `None`: nothing did
    pub got: Option<f64>,
    /// how far `got` may be from `expected`
    pub within: f64,
    /// where it was published
    pub source: String,
    /// why nothing came out
    pub note: Option<String>,
}

impl Finding {
    /// Whether the figure is as it was published.
    pub fn is_met(&self) -> bool {
        self.difference().is_some_and(|d| d.abs() <= self.within)
    }

    /// How far what came out is from what was published.
    pub fn difference(&self) -> Option<f64> {
        self.got.map(|got| got - self.expected)
    }
}

/// The figures that ship.
///
/// # Errors
/// If a file of figures is wrong, which a test rules out.
pub fn published() -> Result<Vec<Checks>> {
    PUBLISHED.iter().map(|(name, text)| Checks::parse(name, text)).collect()
}

/// Makes each figure anew.
///
/// # Errors
/// If the tables inside the program cannot be read. A statement that fails is no error: its figures
/// are not met, and say why.
pub async fn run(all: &[Checks]) -> Result<Vec<Finding>> {
    let mut findings = vec![];
    for checks in all {
        // views of one file are of no concern to another
        let tenure = session().await?;
        for statement in &checks.setup {
            tenure.sql(statement).await?;
        }
        for check in &checks.checks {
            findings.extend(findings_of(&tenure, &checks.section, check).await);
        }
    }
    Ok(findings)
}

/// A session over the tables inside the program, long after all they tell of.
async fn session() -> Result<Tenure> {
    let tenure = Tenure::builder().as_of("2012-01-01").timezone("UTC").build().await?;
    for (name, bytes) in data::TABLES {
        let (schema, batches) = data::read(bytes)?;
        let table = MemTable::try_new(schema, vec![batches])?;
        tenure.context().register_table(name, Arc::new(table))?;
    }
    Ok(tenure)
}

async fn findings_of(tenure: &Tenure, section: &str, check: &Check) -> Vec<Finding> {
    let answer = answer(tenure, &check.sql).await;
    let mut out = vec![];
    for figure in &check.figures {
        let column = answer.as_ref().map_err(told).and_then(|batch| column(batch, figure));
        for (i, &expected) in figure.expected.iter().enumerate() {
            let (got, note) = match &column {
                Ok(values) => (values.get(i).copied().flatten(), None),
                Err(why) => (None, Some(why.clone())),
            };
            let many = figure.expected.len() > 1;
            out.push(Finding {
                section: section.to_owned(),
                case: check.case.clone(),
                figure: if many {
                    format!("{}[{}]", figure.name, i + 1)
                } else {
                    figure.name.clone()
                },
                expected,
                got,
                within: figure.within.of(expected),
                source: check.source.clone(),
                note,
            });
        }
    }
    out
}

async fn answer(tenure: &Tenure, sql: &str) -> Result<RecordBatch> {
    let frame = tenure.sql(sql).await?;
    let schema = Arc::clone(frame.schema().inner());
    let batches = frame.collect().await?;
    Ok(concat_batches(&schema, &batches).map_err(datafusion::common::DataFusionError::from)?)
}

fn told(e: &Error) -> String {
    e.to_string()
}

/// The values of a figure, down the column of its name.
fn column(batch: &RecordBatch, figure: &Figure) -> std::result::Result<Vec<Option<f64>>, String> {
    let wanted = figure.expected.len();
    if batch.num_rows() != wanted {
        return Err(format!("the statement gives {} rows, not {wanted}", batch.num_rows()));
    }
    let Some(column) = batch.column_by_name(&figure.name) else {
        return Err(format!("the statement has no column {}", figure.name));
    };
    let numbers = cast(column, &DataType::Float64).map_err(|e| e.to_string())?;
    Ok(numbers.as_primitive::<Float64Type>().iter().collect())
}

/// Findings as a table: those that are not met first, so that nobody has to look for them.
///
/// # Errors
/// If Arrow refuses it, which does not happen.
pub fn table(findings: &[Finding]) -> Result<RecordBatch> {
    let (missed, met): (Vec<&Finding>, Vec<&Finding>) = findings.iter().partition(|f| !f.is_met());
    let all: Vec<&Finding> = missed.into_iter().chain(met).collect();
    let texts = |of: fn(&Finding) -> Option<&str>| -> ArrayRef {
        Arc::new(all.iter().map(|f| of(f)).collect::<StringArray>())
    };
    let numbers = |of: fn(&Finding) -> Option<f64>| -> ArrayRef {
        Arc::new(all.iter().map(|f| of(f)).collect::<Float64Array>())
    };
    let met: BooleanArray = all.iter().map(|f| Some(f.is_met())).collect();
    RecordBatch::try_from_iter_with_nullable(vec![
        ("section", texts(|f| Some(&f.section)), false),
        ("case", texts(|f| Some(&f.case)), false),
        ("figure", texts(|f| Some(&f.figure)), false),
        ("expected", numbers(|f| Some(f.expected)), false),
        ("got", numbers(|f| f.got), true),
        ("difference", numbers(|f| f.difference().map(three_digits)), true),
        ("within", numbers(|f| Some(f.within)), false),
        ("met", Arc::new(met), false),
        ("source", texts(|f| Some(&f.source)), false),
        ("note", texts(|f| f.note.as_deref()), true),
    ])
    .map_err(|e| Error::new(ErrorKind::Internal, format!("the findings are no table: {e}")))
}

/// What of a difference is for reading.
fn three_digits(difference: f64) -> f64 {
    format!("{difference:.2e}").parse().unwrap_or(difference)
}

#[cfg(test)]
mod tests {
    use super::*;

    const TWO: &str = r#"
        section = "Sums"
        setup = ["CREATE VIEW ones AS SELECT 1 AS one"]
        [[check]]
        case = "one and one"
        source = "Peano 1889"
        sql = "SELECT one + one AS sum, 3 AS next FROM ones"
        figures = [{ name = "sum", expected = 2 }, { name = "next", expected = 3.5, within = 0.25 }]
        [[check]]
        case = "some numbers"
        source = "nobody"
        sql = "SELECT i AS n FROM generate_series(1, 3) AS t(i) ORDER BY i"
        figures = [{ name = "n", expected = [1, 2.02, 4], relative = 0.01 }, { name = "m", expected = [1, 2, 3] }]
        [[check]]
        case = "no statement"
        source = "nobody"
        sql = "SELEKT 1 AS n"
        figures = [{ name = "n", expected = 1 }]
    "#;

    #[tokio::test]
    async fn a_wrong_expectation_is_a_miss_and_says_how_far_off() {
        let findings = run(&[Checks::parse("two", TWO).unwrap()]).await.unwrap();
        let said: Vec<(String, Option<f64>, bool)> =
            findings.iter().map(|f| (f.figure.clone(), f.difference(), f.is_met())).collect();
        let said: Vec<(&str, Option<f64>, bool)> =
            said.iter().map(|(f, d, met)| (f.as_str(), *d, *met)).collect();
        assert_eq!(
            said,
            [
                ("sum", Some(0.0), true),
                ("next", Some(-0.5), false),
                ("n[1]", Some(0.0), true),
                ("n[2]", Some(2.0 - 2.02), true),
                ("n[3]", Some(-1.0), false),
                ("m[1]", None, false),
                ("m[2]", None, false),
                ("m[3]", None, false),
                ("n", None, false),
            ]
        );
        let notes: Vec<&str> = findings.iter().filter_map(|f| f.note.as_deref()).collect();
        assert_eq!(notes[0], "the statement has no column m");
        assert!(notes[3].contains("SELEKT"), "{notes:?}");
        let table = table(&findings).unwrap();
        let met = table["met"].as_boolean();
        assert_eq!(met.iter().position(|met| met == Some(true)), Some(6));
    }

    #[test]
    fn every_figure_that_ships_has_a_source_and_a_bound() {
        let all = published().unwrap();
        for checks in &all {
            for check in &checks.checks {
                assert!(!check.source.is_empty() && !check.figures.is_empty(), "{}", check.case);
            }
        }
        let figures: usize = all
            .iter()
            .flat_map(|c| &c.checks)
            .flat_map(|c| &c.figures)
            .map(|f| f.expected.len())
            .sum();
        assert!(figures > 200, "{figures} figures");
    }
}
