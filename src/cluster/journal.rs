//! What a run has done so far, for the next one to take up.
//!
//! `_cluster/pending.toml` names files that are whole, up to a customer; it belongs to one state of
//! the source, of the lake before and of the settings, which its `of` stands for. It is believed as
//! far as the files are still there, of their size and in their order.

use std::hash::{DefaultHasher, Hash, Hasher};

use serde::{Deserialize, Serialize};

use crate::error::{Error, ErrorKind, Result};
use crate::lake::Destination;
use crate::lake::clustered;
use crate::lake::clustered::key::Key;
use crate::lake::clustered::manifest::ClusteredFile;

/// Rows of a table that are left to do: all, those from a customer on, those of nobody.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub(super) enum Rest {
    #[default]
    Begin,
    Customer(Key),
    Nobody,
}

/// What is done of a table.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
pub(super) struct Done {
    pub(super) table: String,
    pub(super) folder: String,
    /// nothing is left to do
    pub(super) whole: bool,
    pub(super) from: Rest,
    pub(super) files: Vec<ClusteredFile>,
}

/// What is done.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
pub(super) struct Journal {
    pub(super) of: String,
    pub(super) splits: Vec<Key>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) last: Option<Key>,
    #[serde(default)]
    pub(super) tables: Vec<Done>,
}

impl Journal {
    /// What a run for `of` left, if there was one.
    pub(super) async fn read(place: &Destination, of: &str) -> Result<Option<Self>> {
        let Some(file) = place.read(&clustered::pending()).await? else { return Ok(None) };
        // one that cannot be read was left by another version: as if it were not there
        Ok(toml::from_str::<Self>(&file.text).ok().filter(|journal| journal.of == of))
    }

    pub(super) async fn write(&self, place: &Destination) -> Result<()> {
        let text = toml::to_string(self).map_err(|e| {
            Error::new(ErrorKind::Internal, format!("what is done cannot be noted: {e}"))
        })?;
        place.write(&clustered::pending(), text).await
    }

    pub(super) fn table(&self, name: &str) -> Option<&Done> {
        self.tables.iter().find(|done| done.table == name)
    }

    /// Notes what is done of a table.
    pub(super) fn note(&mut self, done: Done) {
        match self.tables.iter_mut().find(|other| other.table == done.table) {
            Some(other) => *other = done,
            None => self.tables.push(done),
        }
    }
}

/// A short name of what a run shall do.
pub(super) fn name_of(parts: &impl Hash) -> String {
    let mut hasher = DefaultHasher::new();
    (env!("CARGO_PKG_VERSION"), parts).hash(&mut hasher);
    format!("{:016x}", hasher.finish())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_journal_is_written_and_read_back() {
        let file = |range| ClusteredFile { path: "x".into(), range, rows: 1, bytes: 2 };
        let mut journal = Journal {
            of: "a".into(),
            splits: vec![Key::Int(4), Key::Int(-5)],
            last: Some(Key::Int(9)),
            tables: vec![],
        };
        for from in [Rest::Begin, Rest::Customer(Key::Text("x".into())), Rest::Nobody] {
            let done = Done { table: format!("{from:?}"), from, ..Done::default() };
            journal.note(Done { files: vec![file(Some(1)), file(None)], ..done });
        }
        let text = toml::to_string(&journal).unwrap();
        assert_eq!(toml::from_str::<Journal>(&text).unwrap(), journal, "{text}");
        journal.note(Done { table: "Begin".into(), whole: true, ..Done::default() });
        assert_eq!(journal.tables.len(), 3);
        assert!(journal.table("Begin").unwrap().whole);
    }
}
