//! SQL with its answers, in the files beside this one.
//!
//! Every file has a session of its own: over the lake of data/ that its first line names
//! (`# lake: retail`), otherwise without lake and as of 2012-01-01. The letters after `query` are
//! the types of the columns: I whole numbers, R floating point, N DECIMAL, T text, B boolean,
//! P timestamps, D dates, `?` intervals and nested values. A row is a line, its values joined by
//! ` | `; an empty text is `(empty)`.
//!
//! `TENURE_SLT_COMPLETE=1` writes the answers of today into the files, for review as a diff;
//! `TENURE_SLT_FILTER=rfm` runs only the files whose path has that text.

#![allow(
    clippy::unwrap_used,
    clippy::panic,
    clippy::indexing_slicing,
    reason = "a test fails by a panic"
)]

use std::path::{Path, PathBuf};

use datafusion::arrow::datatypes::DataType;
use sqllogictest::{AsyncDB, ColumnType, DBOutput, Normalizer, Runner};
use tenure::{Error, Tenure};

use crate::support::rows;

#[tokio::test]
async fn every_file_of_sql_gives_its_answers() {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/slt");
    let filter = std::env::var("TENURE_SLT_FILTER").unwrap_or_default();
    let complete = std::env::var("TENURE_SLT_COMPLETE").is_ok_and(|v| v == "1");
    let mut files = vec![];
    find(&root, &mut files);
    files.retain(|f| f.to_string_lossy().contains(&filter));
    files.sort();
    assert!(!files.is_empty(), "no file under {} matches {filter:?}", root.display());
    let mut failures = vec![];
    for file in &files {
        let text = std::fs::read_to_string(file).unwrap();
        let lake = text.lines().next().and_then(|l| l.strip_prefix("# lake: "));
        let mut runner = Runner::new(|| Session::open(lake));
        runner.with_column_validator(sqllogictest::strict_column_validator);
        runner.with_validator(same_lines);
        if complete {
            runner
                .update_test_file(
                    file,
                    rows::SEPARATOR,
                    same_lines,
                    trimmed,
                    sqllogictest::strict_column_validator,
                )
                .await
                .unwrap();
        } else if let Err(e) = runner.run_file_async(file).await {
            failures.push(e.display(false).to_string());
        }
    }
    assert!(
        failures.is_empty(),
        "{} of {} files:\n{}",
        failures.len(),
        files.len(),
        failures.join("\n\n")
    );
}

fn find(folder: &Path, out: &mut Vec<PathBuf>) {
    for entry in std::fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        if path.is_dir() {
            find(&path, out);
        } else if path.extension().is_some_and(|e| e == "slt") {
            out.push(path);
        }
    }
}

#[expect(clippy::ptr_arg, reason = "the type of the runner's normalizers")]
fn trimmed(text: &String) -> String {
    text.trim().to_string()
}

fn same_lines(_: Normalizer, actual: &[Vec<String>], expected: &[String]) -> bool {
    actual.len() == expected.len()
        && actual.iter().zip(expected).all(|(a, e)| a.join(rows::SEPARATOR).trim() == e.trim())
}

struct Session(Tenure);

impl Session {
    async fn open(lake: Option<&str>) -> Result<Self, Told> {
        let builder = Tenure::builder().threads(2);
        let builder = match lake {
            Some(lake) => builder.lake(rows::shipped(lake.trim())),
            None => builder.as_of("2012-01-01"),
        };
        builder.build().await.map(Self).map_err(Told)
    }
}

#[async_trait::async_trait]
impl AsyncDB for Session {
    type Error = Told;
    type ColumnType = Letter;

    async fn run(&mut self, sql: &str) -> Result<DBOutput<Letter>, Told> {
        let (schema, rows) = rows::answer(&self.0, sql).await.map_err(Told)?;
        if schema.fields().is_empty() {
            return Ok(DBOutput::StatementComplete(0));
        }
        let types = schema.fields().iter().map(|f| Letter::of(f.data_type())).collect();
        let rows = rows.into_iter().map(|row| row.into_iter().map(shown).collect()).collect();
        Ok(DBOutput::Rows { types, rows })
    }

    async fn shutdown(&mut self) {}

    fn engine_name(&self) -> &str {
        "tenure"
    }

    fn error_sql_state(e: &Told) -> Option<String> {
        Some(e.0.kind().sqlstate().to_string())
    }
}

/// An empty text would be an empty line, which ends the answer.
fn shown(value: String) -> String {
    if value.is_empty() { "(empty)".to_string() } else { value.replace('\n', "\\n") }
}

/// An error with its hint, so that a file can ask for both.
#[derive(Debug)]
struct Told(Error);

impl std::fmt::Display for Told {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(&rows::told(&self.0))
    }
}

impl std::error::Error for Told {}

#[derive(Debug, Clone, PartialEq, Eq)]
struct Letter(char);

impl Letter {
    fn of(ty: &DataType) -> Self {
        Self(match ty {
            t if t.is_integer() => 'I',
            t if t.is_floating() => 'R',
            DataType::Decimal128(_, _) | DataType::Decimal256(_, _) => 'N',
            DataType::Utf8 | DataType::LargeUtf8 | DataType::Utf8View => 'T',
            DataType::Boolean => 'B',
            DataType::Timestamp(_, _) => 'P',
            DataType::Date32 | DataType::Date64 => 'D',
            _ => '?',
        })
    }
}

impl ColumnType for Letter {
    fn from_char(value: char) -> Option<Self> {
        "IRNTBPD?".contains(value).then_some(Self(value))
    }

    fn to_char(&self) -> char {
        self.0
    }
}
