//! What is to be done: which tables there are, what the lake has of them, what is new.

use std::collections::HashMap;
use std::sync::Arc;

use chrono::SecondsFormat;
use datafusion::datasource::TableProvider;

use super::MOST_FILES;
use super::key::{self, Keys};
use crate::catalog::OpenLake;
use crate::engine::Tenure;
use crate::error::{Error, ErrorKind, Result};
use crate::lake::clustered;
use crate::lake::clustered::manifest::{ClusteredFile, ClusteredTable, Manifest, SourceFile};
use crate::lake::{LakeTable, PinnedFile};

/// What is to be done about a table.
pub(super) struct Task {
    pub(super) name: String,
    pub(super) folder: String,
    /// the columns to sort by; none of a table that is copied
    pub(super) keys: Option<Keys>,
    /// whether it may make ranges
    pub(super) events: bool,
    /// files of the lake that stay
    pub(super) kept: Vec<ClusteredFile>,
    /// files of the lake whose rows are written again, with the new ones
    pub(super) merged: Vec<ClusteredFile>,
    /// rows that the lake has not got
    pub(super) new: Option<Arc<LakeTable>>,
    /// files of a table that is copied, in the order of the source
    pub(super) copies: Vec<Copy>,
    /// the source as it is now
    pub(super) sources: Vec<SourceFile>,
    /// rows of the source
    pub(super) rows: u64,
}

/// A file that is copied.
pub(super) struct Copy {
    pub(super) from: PinnedFile,
    /// its path from its first partition folder on
    pub(super) inside: String,
    pub(super) rows: u64,
    /// the copy that the lake has
    pub(super) kept: Option<ClusteredFile>,
}

impl Task {
    /// Rows to be sorted.
    pub(super) fn work(&self) -> u64 {
        let old: u64 = self.merged.iter().map(|file| file.rows).sum();
        self.new.as_ref().and_then(|table| table.rows()).unwrap_or(0) + old
    }
}

/// The tasks of a run.
pub(super) async fn tasks(
    tenure: &Tenure,
    lake: &OpenLake,
    base: Option<&Manifest>,
) -> Result<Vec<Task>> {
    let state = tenure.context().state();
    let names = lake.tables();
    if let Some(gone) = base.iter().flat_map(|m| &m.tables).find(|t| !names.contains(&t.name)) {
        return Err(changed(&format!("the table {} is gone", gone.name)));
    }
    let mut tasks = vec![];
    let mut folders: Vec<ClusteredTable> = base.map(|m| m.tables.clone()).unwrap_or_default();
    for name in names {
        let table = lake.table(&name, &state).await?;
        let of_model = lake.model().tables.iter().enumerate().find(|(_, t)| t.name == name);
        let keys = match of_model {
            Some((at, of)) => Keys::of(of, at, lake.checked(), &table.schema(), &state)?,
            None => None,
        };
        let known = base.and_then(|base| base.table(&name));
        let folder = match known {
            Some(known) => known.folder.clone(),
            None => clustered::folder(&name, &folders),
        };
        let sources: Vec<SourceFile> = table.pinned().map(|file| source(&file)).collect();
        let mut task = Task {
            name,
            folder,
            events: of_model.is_some_and(|(_, of)| of.has_events()),
            kept: vec![],
            merged: vec![],
            new: None,
            copies: vec![],
            sources,
            rows: table.rows().unwrap_or(0),
            keys,
        };
        if known.is_none() {
            folders.push(task.entry(vec![]));
        }
        task.compare(&table, known)?;
        tasks.push(task);
    }
    if !tasks.iter().any(|task| task.events) {
        let message =
            format!("no table of {} says which customer and when", lake.lake().location());
        return Err(Error::new(ErrorKind::Usage, message).with_hint(
            "there is nothing to cluster by; `tenure init` writes a tenure.toml to say it in",
        ));
    }
    if let Some(base) = base
        && base.by != key::kind(lake.checked())
    {
        return Err(changed("customers are of another type"));
    }
    Ok(tasks)
}

impl Task {
    /// What the lake has of the table, and what it has not.
    fn compare(&mut self, table: &Arc<LakeTable>, known: Option<&ClusteredTable>) -> Result<()> {
        let now = self.entry(vec![]);
        let same = |k: &&ClusteredTable| {
            (&k.customer, &k.time, &k.attributes) == (&now.customer, &now.time, &now.attributes)
        };
        let known = known.filter(same);
        let Some(known) = known else {
            match self.keys {
                Some(_) => self.new = Some(Arc::clone(table)),
                None => self.copies(table, &[], &[]),
            }
            return Ok(());
        };
        if self.keys.is_none() {
            self.copies(table, &known.sources, &known.files);
            return Ok(());
        }
        if !self.events {
            // small, and rows of people are changed where they are
            match self.sources == known.sources {
                true => self.kept.clone_from(&known.files),
                false => self.new = Some(Arc::clone(table)),
            }
            return Ok(());
        }
        let now: HashMap<&str, &SourceFile> =
            self.sources.iter().map(|file| (file.path.as_str(), file)).collect();
        for before in &known.sources {
            match now.get(before.path.as_str()) {
                Some(file) if *file == before => {}
                Some(_) => return Err(changed(&format!("file {} has changed", before.path))),
                None => return Err(changed(&format!("file {} is gone", before.path))),
            }
        }
        let is_new =
            |at: usize| self.sources.get(at).is_some_and(|file| !known.sources.contains(file));
        let fresh = table.only(is_new);
        if fresh.files() == 0 {
            self.kept.clone_from(&known.files);
            return Ok(());
        }
        let files = |range| known.files.iter().filter(|file| file.range == range).count();
        let full = |file: &&ClusteredFile| files(file.range) >= MOST_FILES;
        (self.merged, self.kept) = known.files.iter().cloned().partition(|file| full(&file));
        self.new = Some(Arc::new(fresh));
        Ok(())
    }

    /// The files of a table that is copied; copies of files that are as they were are kept.
    fn copies(&mut self, table: &LakeTable, before: &[SourceFile], files: &[ClusteredFile]) {
        let now = self.sources.iter().zip(table.pinned().zip(table.inside()));
        let copy = |(source, (from, inside)): (&SourceFile, (PinnedFile, &String))| {
            let kept = before.iter().zip(files).find(|(before, _)| *before == source);
            Copy {
                rows: table.rows_of(&from).unwrap_or(0),
                inside: inside.clone(),
                kept: kept.map(|(_, copy)| copy.clone()),
                from,
            }
        };
        self.copies = now.map(copy).collect();
    }

    /// The table in the manifest.
    pub(super) fn entry(&self, files: Vec<ClusteredFile>) -> ClusteredTable {
        let keys = self.keys.as_ref();
        ClusteredTable {
            name: self.name.clone(),
            folder: self.folder.clone(),
            customer: keys.map(|keys| keys.customer.column.clone()),
            time: keys.and_then(|keys| keys.time.as_ref()).map(|time| time.column.clone()),
            attributes: keys.map(|keys| keys.attributes.clone()).unwrap_or_default(),
            files,
            sources: self.sources.clone(),
        }
    }
}

fn source(file: &PinnedFile) -> SourceFile {
    SourceFile {
        path: file.name.clone(),
        bytes: file.meta.size,
        modified: file.meta.last_modified.to_rfc3339_opts(SecondsFormat::Nanos, true),
    }
}

fn changed(what: &str) -> Error {
    let message = format!("the source is not as it was when it was clustered: {what}");
    Error::new(ErrorKind::Changed, message).with_hint(
        "its rows cannot be told from those of other files: cluster the source into another, empty place",
    )
}
