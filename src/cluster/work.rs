//! A run: tables are sorted, cut and written one after the other, and the manifest last.

use std::collections::{HashSet, VecDeque};
use std::sync::Arc;
use std::time::{SystemTime, UNIX_EPOCH};

use chrono::{TimeDelta, Utc};
use datafusion::arrow::array::RecordBatch;
use datafusion::arrow::datatypes::SchemaRef;
use futures::StreamExt;

use super::cut::Cutter;
use super::file::{Ending, Open};
use super::journal::{self, Done, Journal, Rest};
use super::key::{self, Keys as KeyColumns};
use super::plan::{self, Task};
use super::sorted::{self, Sorted};
use super::{Progress, Settings, Written, copy};
use crate::catalog::OpenLake;
use crate::engine::Tenure;
use crate::error::{Error, ErrorKind, Result};
use crate::lake::clustered::key::{Key, Keys};
use crate::lake::clustered::manifest::{ClusteredFile, ClusteredTable, FORMAT, Manifest};
use crate::lake::clustered::{self, FOLDER};
use crate::lake::{Destination, Lake, LakeTable, StoreOptions, Text, occupied};
use crate::model;

/// A lake of fewer rows has smaller files, so that there are this many.
const RANGES: u64 = 64;
/// But none smaller than this on that account.
const FEW: u64 = 1 << 14;

/// What all tables of a run share.
struct Run<'a> {
    tenure: &'a Tenure,
    place: &'a Destination,
    /// the lake that is written
    lake: Lake,
    base: Option<Manifest>,
    journal: Journal,
    progress: &'a Progress,
    /// rows of a file
    rows: usize,
    /// in the names of this run's files
    token: String,
    written: Written,
}

/// Writes what is new.
pub(super) async fn run(
    tenure: &Tenure,
    place: &Destination,
    destination: (&str, &StoreOptions),
    settings: &Settings,
    progress: &Progress,
) -> Result<Written> {
    let [source] = tenure.lakes() else {
        return Err(Error::new(ErrorKind::Internal, "there is one lake to cluster"));
    };
    vacant(place).await?;
    let _lock = place.lock(&format!("{FOLDER}/lock"))?;
    let before = place.read("tenure.toml").await?;
    let base = match &before {
        Some(text) => Manifest::read(&text.text)?,
        None => None,
    };
    let mut tasks = plan::tasks(tenure, source, base.as_ref()).await?;
    // the table that makes ranges comes first
    let most = tasks.iter().filter(|task| task.events).map(Task::work).max();
    if let Some(first) = tasks.iter().position(|task| task.events && Some(task.work()) == most) {
        tasks.get_mut(..=first).into_iter().for_each(|tasks| tasks.rotate_right(1));
    }
    let run = base.as_ref().map_or(1, |base| base.run + 1);
    let most = settings.rows_per_file;
    let rows = rows_of_a_file(tasks.first().map_or(0, |task| task.rows), most);
    let model = model_of(source, &tasks);
    let sources: Vec<_> = tasks.iter().map(|task| (&task.name, &task.sources)).collect();
    let of = journal::name_of(&(run, &model, settings.rows_per_file, sources));

    let mut run = Run {
        tenure,
        place,
        lake: Lake::at(destination.0, destination.1, &tenure.context().runtime_env())?,
        journal: Journal { of: of.clone(), ..Journal::default() },
        progress,
        rows: usize::try_from(rows).unwrap_or(usize::MAX),
        token: token(run),
        written: Written::default(),
        base,
    };
    run.take_up(&of, &tasks).await?;
    run.clean().await?;
    progress.expect(tasks.iter().map(Task::work).sum());
    let mut tables = vec![];
    for (at, task) in tasks.iter().enumerate() {
        let done = match &task.keys {
            Some(keys) => run.sort(task, keys, at == 0).await?,
            None => run.copy(task).await?,
        };
        let mut files = [task.kept.clone(), done].concat();
        files.sort_by_key(|file| (file.range.is_none(), file.range));
        run.written.kept += u64::try_from(task.kept.len()).unwrap_or_default();
        tables.push(task.entry(files));
    }
    tables.sort_by(|a, b| a.name.cmp(&b.name));
    run.commit(tables, &model, before).await
}

/// Files of the same size, of `most` rows at most where that is asked for.
fn rows_of_a_file(rows: u64, most: u64) -> u64 {
    let about = (rows / RANGES).max(FEW).min(most);
    let files = (rows / about.max(1)).max(1);
    rows.div_ceil(files).max(1).min(most)
}

/// Sees that the place holds nothing, or what an earlier run wrote.
async fn vacant(place: &Destination) -> Result<()> {
    if let Some(text) = place.read("tenure.toml").await? {
        return match Manifest::read(&text.text)? {
            Some(_) => Ok(()),
            None => Err(occupied(&place.shown)),
        };
    }
    let ours = |path: &str| path.strip_prefix(FOLDER).is_some_and(|rest| rest.starts_with('/'));
    match place.list("").await?.iter().all(|(path, _)| ours(path)) {
        true => Ok(()),
        false => Err(occupied(&place.shown)),
    }
}

/// The model of the clustered lake.
fn model_of(source: &OpenLake, tasks: &[Task]) -> String {
    let mut model = source.model().clone();
    for table in &mut model.tables {
        let Some(task) = tasks.iter().find(|task| task.name == table.name) else { continue };
        table.path = Some(clustered::path(&task.folder));
        if let Some(keys) = &task.keys {
            keys.model(table);
        }
    }
    format!(
        "# Clustered by `tenure cluster` from {}, which writes this file anew at its next run:\n# what shall change belongs into the tenure.toml of the source.\n{}",
        source.lake().location(),
        model::file::write(&model)
    )
}

/// A name that no other run has.
fn token(run: u64) -> String {
    let now = SystemTime::now().duration_since(UNIX_EPOCH).map_or(0, |d| d.as_nanos());
    let unique = journal::name_of(&(now, std::process::id()));
    format!("{run}-{}", unique.get(..8).unwrap_or(&unique))
}

impl Run<'_> {
    /// Takes up what a run for the same left, as far as it is still as it was.
    async fn take_up(&mut self, of: &str, tasks: &[Task]) -> Result<()> {
        let Some(journal) = Journal::read(self.place, of).await? else { return Ok(()) };
        let manifest = Manifest {
            format: FORMAT,
            run: 0,
            by: self.kind(),
            splits: journal.splits.clone(),
            last: journal.last.clone(),
            retired: vec![],
            tables: vec![],
        };
        let state = self.tenure.context().state();
        for done in journal.tables.iter().filter(|done| !done.files.is_empty()) {
            let Some(task) = tasks.iter().find(|task| task.name == done.table) else {
                return Ok(());
            };
            let entry = task.entry(done.files.clone());
            if self.lake.clustered(&manifest, &entry, &state).await.is_err() {
                return Ok(());
            }
        }
        self.written.resumed = journal.tables.iter().any(|done| !done.files.is_empty());
        self.journal = journal;
        Ok(())
    }

    fn kind(&self) -> clustered::key::KeyKind {
        let lake = self.tenure.lakes().first();
        lake.map_or(clustered::key::KeyKind::Int, |lake| key::kind(lake.checked()))
    }

    /// Deletes what neither the lake nor a run that can be taken up knows. In a store another run
    /// may be under way, whose files are not touched on their first day.
    async fn clean(&self) -> Result<()> {
        self.place.sweep(FOLDER);
        let base = self.base.iter().flat_map(Manifest::paths);
        let journal = self.journal.tables.iter().flat_map(|done| {
            done.files.iter().map(|file| format!("{}/{}", done.folder, file.path))
        });
        let known: HashSet<String> = base.chain(journal).collect();
        let retired: HashSet<&str> =
            self.base.iter().flat_map(|base| &base.retired).map(String::as_str).collect();
        let yesterday = Utc::now() - TimeDelta::days(1);
        for (path, meta) in self.place.list(FOLDER).await? {
            let Some((_, inside)) = path.split_once('/') else { continue };
            let own = !inside.contains('/');
            let old = self.place.is_folder() || meta.last_modified < yesterday;
            if !own && !known.contains(inside) && (old || retired.contains(inside)) {
                self.place.delete(&path).await?;
            }
        }
        Ok(())
    }

    /// Sorts a table, cuts it and writes its files.
    async fn sort(
        &mut self,
        task: &Task,
        keys: &KeyColumns,
        first: bool,
    ) -> Result<Vec<ClusteredFile>> {
        let mut done = self.journal.table(&task.name).cloned().unwrap_or_else(|| Done {
            table: task.name.clone(),
            folder: task.folder.clone(),
            ..Done::default()
        });
        if done.whole || task.new.is_none() {
            return Ok(done.files);
        }
        let old = self.old(task).await?;
        let rows = sorted::rows(self.tenure, keys, task.new.clone(), old, &done.from).await?;
        let Some(Sorted { mut rows, plan }) = rows else { return Ok(done.files) };
        self.progress.sorting(Some(plan));
        let known = self.base.as_ref().and_then(|base| base.last.clone());
        let splits = match (self.journal.splits.is_empty(), &self.base) {
            (true, Some(base)) => base.splits.clone(),
            _ => self.journal.splits.clone(),
        };
        let mut files = Files {
            cutter: Cutter::new(splits, first.then_some(self.rows), known),
            schema: rows.schema(),
            keys,
            open: None,
            ending: VecDeque::new(),
            done: &mut done,
        };
        while let Some(batch) = rows.next().await {
            files.add(self, &batch?).await?;
        }
        files.end(self, task).await?;
        self.progress.sorting(None);
        Ok(done.files)
    }

    /// The files of the lake whose rows are written again.
    async fn old(&self, task: &Task) -> Result<Option<Arc<LakeTable>>> {
        let Some(base) = self.base.as_ref().filter(|_| !task.merged.is_empty()) else {
            return Ok(None);
        };
        let state = self.tenure.context().state();
        let table = task.entry(task.merged.clone());
        self.lake.clustered(base, &table, &state).await.map(Some)
    }

    /// Copies the files of a table.
    async fn copy(&mut self, task: &Task) -> Result<Vec<ClusteredFile>> {
        if let Some(before) = self.journal.table(&task.name) {
            return Ok(before.files.clone());
        }
        let mut files = vec![];
        for copied in &task.copies {
            if let Some(kept) = &copied.kept {
                files.push(kept.clone());
                self.written.kept += 1;
                continue;
            }
            // a folder of its own: partition folders and names stay as they are
            let path = format!("{}/{}", self.token, copied.inside);
            let whole = format!("{FOLDER}/{}/{path}", task.folder);
            copy::file(&copied.from, self.place, &whole).await?;
            self.place.settle(&whole);
            let bytes = copied.from.meta.size;
            files.push(ClusteredFile { path, range: None, rows: copied.rows, bytes });
            self.written.files += 1;
        }
        let (table, folder) = (task.name.clone(), task.folder.clone());
        let done = Done { table, folder, whole: true, from: Rest::Nobody, files: files.clone() };
        self.journal.note(done);
        self.journal.write(self.place).await?;
        Ok(files)
    }

    /// Names all files in `tenure.toml`, once they are seen to be what they shall be.
    async fn commit(
        mut self,
        tables: Vec<ClusteredTable>,
        model: &str,
        before: Option<Text>,
    ) -> Result<Written> {
        let base = self.base.take();
        let mut manifest = Manifest {
            format: FORMAT,
            run: base.as_ref().map_or(1, |base| base.run),
            by: self.kind(),
            splits: self.journal.splits.clone(),
            last: self.journal.last.clone(),
            retired: vec![],
            tables,
        };
        if let Some(base) = &base {
            if manifest.splits.is_empty() {
                manifest.splits.clone_from(&base.splits);
            }
            manifest.last = manifest.last.max(base.last.clone());
            manifest.retired.clone_from(&base.retired);
        }
        self.written.ranges = u64::try_from(manifest.splits.len() + 1).unwrap_or_default();
        let text = |manifest: &Manifest| format!("{model}{}", manifest.write());
        if before.as_ref().is_some_and(|before| before.text == text(&manifest)) {
            self.place.delete(&clustered::pending()).await?;
            self.written.up_to_date = true;
            return Ok(self.written);
        }
        if let Some(base) = &base {
            let now: HashSet<String> = manifest.paths().collect();
            manifest.retired = base.paths().filter(|path| !now.contains(path)).collect();
            manifest.run += 1;
        }
        let state = self.tenure.context().state();
        for table in &manifest.tables {
            self.lake.clustered(&manifest, table, &state).await?;
        }
        self.place.replace("tenure.toml", text(&manifest), before).await?;
        self.place.delete(&clustered::pending()).await?;
        Ok(self.written)
    }
}

/// The files of a table as its rows come.
struct Files<'a> {
    cutter: Cutter,
    schema: SchemaRef,
    keys: &'a KeyColumns,
    open: Option<(ClusteredFile, Open)>,
    /// files without further rows, with the customer that the next one begins with
    ending: VecDeque<(ClusteredFile, Ending, Rest)>,
    done: &'a mut Done,
}

impl Files<'_> {
    /// Puts the rows of a batch into the files of their ranges.
    async fn add(&mut self, run: &mut Run<'_>, batch: &RecordBatch) -> Result<()> {
        let column = batch.column_by_name(&self.keys.customer.column);
        let Some(customers) = column.and_then(|column| Keys::of(column)) else {
            return Err(Error::new(ErrorKind::Internal, "customers are of another type"));
        };
        for (range, piece) in self.cutter.cut(&customers) {
            if self.open.as_ref().is_some_and(|(file, _)| file.range != range) {
                let next = customers.key(piece.start).map_or(Rest::Nobody, Rest::Customer);
                self.next(run, next).await?;
            }
            if self.open.is_none() {
                self.begin(run, range)?;
            }
            if let Some((file, open)) = &mut self.open {
                let rows = u64::try_from(piece.len()).unwrap_or_default();
                file.rows += rows;
                open.add(batch.slice(piece.start, piece.len())).await?;
                run.progress.wrote(rows);
                run.written.rows += rows;
            }
        }
        Ok(())
    }

    fn begin(&mut self, run: &Run<'_>, range: Option<usize>) -> Result<()> {
        let name = range.map_or_else(|| "nobody".to_owned(), |range| format!("{range:05}"));
        let path = format!("{name}-{}.parquet", run.token);
        let whole = format!("{FOLDER}/{}/{path}", self.done.folder);
        let open = Open::new(run.place, &whole, &self.schema, self.keys)?;
        self.open = Some((ClusteredFile { path, range, rows: 0, bytes: 0 }, open));
        Ok(())
    }

    /// The open file gets no more rows.
    async fn next(&mut self, run: &mut Run<'_>, next: Rest) -> Result<()> {
        if let Some((file, open)) = self.open.take() {
            self.ending.push_back((file, open.end(), next));
        }
        if self.ending.len() > 1 {
            self.settle(run).await?;
        }
        Ok(())
    }

    /// Waits for the first of the files that end, and notes it.
    async fn settle(&mut self, run: &mut Run<'_>) -> Result<()> {
        let Some((mut file, ending, next)) = self.ending.pop_front() else { return Ok(()) };
        ending.whole().await?;
        let whole = format!("{FOLDER}/{}/{}", self.done.folder, file.path);
        file.bytes = run.place.bytes(&whole).await?;
        run.place.settle(&whole);
        run.written.files += 1;
        self.done.files.push(file);
        self.done.from = next;
        self.note(run).await
    }

    async fn note(&mut self, run: &mut Run<'_>) -> Result<()> {
        run.journal.splits = self.cutter.splits().to_vec();
        let last: Option<Key> = self.cutter.last().cloned();
        run.journal.last = run.journal.last.take().max(last);
        run.journal.note(self.done.clone());
        run.journal.write(run.place).await
    }

    /// No more rows will come.
    async fn end(&mut self, run: &mut Run<'_>, task: &Task) -> Result<()> {
        if self.open.is_none() && self.done.files.is_empty() && task.kept.is_empty() {
            // a table without rows has columns all the same
            self.begin(run, Some(0))?;
        }
        self.next(run, Rest::Nobody).await?;
        while !self.ending.is_empty() {
            self.settle(run).await?;
        }
        self.done.whole = true;
        self.note(run).await
    }
}
