//! The section `[cluster]` of `tenure.toml`: what a clustered lake consists of.
//!
//! ```toml
//! [cluster]
//! format   = 1
//! run      = 2                    # of `tenure cluster`
//! by       = "int"                # what customers are
//! splits   = [1000, 2000]         # customers at which a range begins: these make three ranges
//! last     = 2750                 # the greatest customer
//! retired  = ["events/4-a1.parquet"]   # files of the run before, which may still be read
//!
//! [[cluster.tables]]
//! name     = "events"
//! folder   = "events"             # under _cluster/
//! customer = "customer_id"        # rows are in the order of these columns
//! time     = "ts"
//! files    = [{ path = "0-a1.parquet", range = 0, rows = 512, bytes = 4096 }]
//! sources  = [{ path = "events/1.parquet", bytes = 8192, modified = "2024-07-01T00:00:00Z" }]
//! ```
//!
//! A table of people has `attributes` in place of `time`: of a customer with several rows, the one
//! that sorts last by them comes first. A file without a range holds rows without a customer; a table without a customer is a copy.

use std::fmt::Write as _;

use serde::{Deserialize, Serialize};
use toml::Value;

use super::key::{Key, KeyKind};
use super::layout::Layout;
use crate::error::{Error, ErrorKind, Result};

/// The format that this program writes.
pub(crate) const FORMAT: u32 = 1;

/// What a clustered lake consists of.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Manifest {
    pub(crate) format: u32,
    /// counts the runs of `tenure cluster`
    pub(crate) run: u64,
    pub(crate) by: KeyKind,
    /// first customers of all ranges but the first
    pub(crate) splits: Vec<Key>,
    /// greatest customer
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) last: Option<Key>,
    /// files that the run before still named
    #[serde(default)]
    pub(crate) retired: Vec<String>,
    #[serde(default)]
    pub(crate) tables: Vec<ClusteredTable>,
}

/// A table of the lake.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct ClusteredTable {
    pub(crate) name: String,
    pub(crate) folder: String,
    /// column of the customer; none of a table that was copied
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) customer: Option<String>,
    /// column of the time
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) time: Option<String>,
    /// columns that rows of a customer are in the descending order of
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub(crate) attributes: Vec<String>,
    pub(crate) files: Vec<ClusteredFile>,
    pub(crate) sources: Vec<SourceFile>,
}

/// A file of the lake.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct ClusteredFile {
    /// inside the table's folder
    pub(crate) path: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) range: Option<usize>,
    pub(crate) rows: u64,
    pub(crate) bytes: u64,
}

/// A file that rows came from, in the state in which they were read.
#[derive(Debug, Clone, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct SourceFile {
    pub(crate) path: String,
    pub(crate) bytes: u64,
    pub(crate) modified: String,
}

impl ClusteredTable {
    /// The columns that the rows of a customer are in the order of, and whether it is descending.
    pub(crate) fn then(&self) -> impl Iterator<Item = (&str, bool)> {
        let time = self.time.iter().map(|time| (time.as_str(), false));
        time.chain(self.attributes.iter().map(|attribute| (attribute.as_str(), true)))
    }
}

impl Manifest {
    /// The section of a `tenure.toml`, if it has one.
    pub(crate) fn read(text: &str) -> Result<Option<Self>> {
        // that the text is TOML is for the model to say
        let Ok(mut file) = text.parse::<toml::Table>() else { return Ok(None) };
        let Some(section) = file.remove("cluster") else { return Ok(None) };
        let manifest: Self = section.try_into().map_err(|e: toml::de::Error| {
            bad(format!("the section [cluster] of tenure.toml cannot be read: {}", e.message()))
        })?;
        manifest.sound()?;
        Ok(Some(manifest))
    }

    fn sound(&self) -> Result<()> {
        if self.format != FORMAT {
            return Err(bad(format!(
                "the lake is clustered in format {}, and this program reads format {FORMAT}",
                self.format
            )));
        }
        if self.splits.iter().chain(&self.last).any(|key| key.kind() != self.by) {
            return Err(bad("[cluster] of tenure.toml has customers of two types"));
        }
        if !self.splits.is_sorted_by(|a, b| a < b) {
            return Err(bad("the splits in [cluster] of tenure.toml are not in order"));
        }
        for table in &self.tables {
            let beyond = |file: &&ClusteredFile| file.range.is_some_and(|r| r > self.splits.len());
            if let Some(file) = table.files.iter().find(beyond) {
                return Err(bad(format!(
                    "[cluster] of tenure.toml has no range for the file {} of {}",
                    file.path, table.name
                )));
            }
        }
        Ok(())
    }

    pub(crate) fn table(&self, name: &str) -> Option<&ClusteredTable> {
        self.tables.iter().find(|table| table.name == name)
    }

    /// The files of all tables, inside of the folder of clustered files.
    pub(crate) fn paths(&self) -> impl Iterator<Item = String> + '_ {
        self.tables.iter().flat_map(|table| {
            table.files.iter().map(|file| format!("{}/{}", table.folder, file.path))
        })
    }

    /// The ranges, with the rows of all tables.
    pub(crate) fn layout(&self) -> Layout {
        let mut weights = vec![0_u64; self.splits.len() + 1];
        for file in self.tables.iter().flat_map(|table| &table.files) {
            if let Some(weight) = file.range.and_then(|range| weights.get_mut(range)) {
                *weight = weight.saturating_add(file.rows);
            }
        }
        Layout {
            splits: self.splits.clone(),
            last: self.last.clone(),
            any: match self.by {
                KeyKind::Int => Key::Int(0),
                KeyKind::Text => Key::Text(String::new()),
            },
            weights,
        }
    }

    /// The section as text.
    pub(crate) fn write(&self) -> String {
        let mut out = String::from("\n[cluster]\n");
        let list = |out: &mut String, name: &str, values: Vec<Value>| {
            if values.is_empty() {
                let _ = writeln!(out, "{name} = []");
                return;
            }
            let _ = writeln!(out, "{name} = [");
            for value in values {
                let _ = writeln!(out, "  {value},");
            }
            out.push_str("]\n");
        };
        let text = |text: &String| Value::String(text.clone());
        let _ = writeln!(out, "format = {}", self.format);
        let _ = writeln!(out, "run = {}", self.run);
        let by = match self.by {
            KeyKind::Int => "int",
            KeyKind::Text => "text",
        };
        let _ = writeln!(out, "by = {}", Value::from(by));
        let key = |key: &Key| match key {
            Key::Int(n) => Value::Integer(*n),
            Key::Text(t) => text(t),
        };
        list(&mut out, "splits", self.splits.iter().map(key).collect());
        if let Some(last) = &self.last {
            let _ = writeln!(out, "last = {}", key(last));
        }
        list(&mut out, "retired", self.retired.iter().map(text).collect());
        for table in &self.tables {
            out.push_str("\n[[cluster.tables]]\n");
            let _ = writeln!(out, "name = {}", text(&table.name));
            let _ = writeln!(out, "folder = {}", text(&table.folder));
            for (name, column) in [("customer", &table.customer), ("time", &table.time)] {
                if let Some(column) = column {
                    let _ = writeln!(out, "{name} = {}", text(column));
                }
            }
            if !table.attributes.is_empty() {
                list(&mut out, "attributes", table.attributes.iter().map(text).collect());
            }
            list(&mut out, "files", table.files.iter().map(inline).collect());
            list(&mut out, "sources", table.sources.iter().map(inline).collect());
        }
        out
    }
}

/// A value on one line.
fn inline(value: &impl Serialize) -> Value {
    Value::try_from(value).unwrap_or(Value::Boolean(false))
}

fn bad(message: impl Into<String>) -> Error {
    Error::new(ErrorKind::Corrupt, message)
        .with_hint("the section is for the program to write: `tenure cluster` into an empty place")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_manifest_is_written_and_read_back() {
        let manifest = Manifest {
            format: FORMAT,
            run: 3,
            by: KeyKind::Text,
            splits: vec![Key::Text("a \"b\"".into()), Key::Text("c\u{0}\n".into())],
            last: Some(Key::Text("zoë".into())),
            retired: vec!["events/x.parquet".into()],
            tables: vec![
                ClusteredTable {
                    name: "events".into(),
                    folder: "events".into(),
                    customer: Some("customer_id".into()),
                    time: Some("ts".into()),
                    attributes: vec!["a".into(), "b".into()],
                    files: vec![
                        ClusteredFile {
                            path: "0.parquet".into(),
                            range: Some(2),
                            rows: 5,
                            bytes: 9,
                        },
                        ClusteredFile { path: "n.parquet".into(), range: None, rows: 5, bytes: 9 },
                    ],
                    sources: vec![SourceFile {
                        path: "a b.parquet".into(),
                        bytes: 1,
                        modified: "2024-07-01T00:00:00.000000001Z".into(),
                    }],
                },
                ClusteredTable {
                    name: "odd name".into(),
                    folder: "odd_name".into(),
                    customer: None,
                    time: None,
                    attributes: vec![],
                    files: vec![],
                    sources: vec![],
                },
            ],
        };
        let text = format!("[lake]\ntimezone = \"UTC\"\n{}", manifest.write());
        assert_eq!(Manifest::read(&text).unwrap().as_ref(), Some(&manifest), "{text}");
        assert_eq!(manifest.layout().weights, [0, 0, 5]);
        assert_eq!(Manifest::read("[lake]").unwrap(), None);
        let empty =
            Manifest { splits: vec![], last: None, retired: vec![], tables: vec![], ..manifest };
        assert_eq!(Manifest::read(&empty.write()).unwrap(), Some(empty));
    }

    #[test]
    fn a_manifest_that_was_tampered_with_is_refused() {
        let good = "[cluster]\nformat = 1\nrun = 1\nby = \"int\"\nsplits = [1, 2]\n";
        assert!(Manifest::read(good).unwrap().is_some());
        for (from, to, said) in [
            ("format = 1", "format = 2", "format 2"),
            ("[1, 2]", "[2, 1]", "not in order"),
            ("[1, 2]", "[1, 1]", "not in order"),
            ("[1, 2]", "[1, \"b\"]", "two types"),
            ("[1, 2]", "\"x\"", "cannot be read"),
            ("run = 1", "ran = 1", "cannot be read"),
        ] {
            let error = Manifest::read(&good.replace(from, to)).unwrap_err();
            assert!(error.to_string().contains(said), "{error}");
        }
    }
}
