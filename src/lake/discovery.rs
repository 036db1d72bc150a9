//! Which files are data, and which table they belong to.
//!
//! Data are files named `*.parquet`, `*.parq` or `*.pq` (any case). A name that starts with `.` or
//! `_` or ends with `.tmp` or `#1` is never data, nor is anything in a folder of such a name
//! (`_temporary/`; a partition folder `_x=1` is not meant). A file of no bytes is skipped and said.
//!
//! In a lake, every first-level folder that holds data at any depth is a table, named after the
//! folder; partition folders (`month=1`) belong to the table above them. Data directly in the root:
//! next to folders, each file is a table; alone, they are one table named after the lake if they
//! share at least half of their columns (see [`super::Lake`]), else each file is a table.

use std::collections::BTreeMap;
use std::sync::Arc;

use datafusion::object_store::path::Path;
use datafusion::object_store::{self, ObjectMeta, ObjectStoreExt};
use futures::TryStreamExt;
use glob::Pattern;

use super::location::{self, GLOB, Kind, Location};
use super::store::Store;
use super::{partition, redact};
use crate::error::{Error, ErrorKind, Result};

/// A place in a store to look for files.
#[derive(Clone)]
pub(crate) struct Spot {
    pub(crate) store: Arc<Store>,
    /// the folder that the store begins at, for partition folders above it
    pub(crate) root: String,
    /// names in messages are relative to it
    pub(crate) base: Path,
    pub(crate) prefix: Path,
    pub(crate) pattern: Option<Pattern>,
    pub(crate) single: bool,
    pub(crate) shown: String,
}

/// What was found at a spot.
pub(crate) struct Listing {
    /// data, by path
    pub(crate) files: Vec<ObjectMeta>,
    /// files of no bytes
    pub(crate) empty: Vec<String>,
    entries: usize,
    sample: Vec<String>,
}

impl Spot {
    pub(crate) fn new(location: &Location, store: Arc<Store>) -> Self {
        let whole = location.pattern.is_none() && !location.single;
        let root = match location.kind {
            Kind::Local => location.root.replace(std::path::MAIN_SEPARATOR, "/"),
            _ => String::new(),
        };
        Self {
            store,
            root,
            base: if whole { location.prefix.clone() } else { Path::default() },
            prefix: location.prefix.clone(),
            pattern: location.pattern.clone(),
            single: location.single,
            shown: location.shown.clone(),
        }
    }

    /// The place `relative` under this one; may be a glob.
    pub(crate) fn at(&self, relative: &str) -> Result<Self> {
        let relative = relative.trim_start_matches("./").trim_end_matches('/');
        let join = |key: &str| match (self.base.as_ref(), key) {
            ("", key) => key.to_owned(),
            (base, "") => base.to_owned(),
            (base, key) => format!("{base}/{key}"),
        };
        let (literal, globbed) = location::split_glob(relative);
        Ok(Self {
            prefix: location::path(&join(literal))?,
            pattern: globbed.then(|| location::pattern(&join(relative))).transpose()?,
            single: false,
            shown: format!("{}/{relative}", self.shown.trim_end_matches('/')),
            ..self.clone()
        })
    }

    /// Lists the files that are there now.
    pub(crate) async fn list(&self) -> Result<Listing> {
        if let Some(file) = self.head().await? {
            let (files, empty) = match file.size {
                0 => (vec![], vec![self.name(&file.location)]),
                _ => (vec![file], vec![]),
            };
            return Ok(Listing { files, empty, entries: 1, sample: vec![] });
        }
        let prefix = (!self.prefix.as_ref().is_empty()).then_some(&self.prefix);
        let mut found = self.store.inner.list(prefix);
        let mut listing = Listing { files: vec![], empty: vec![], entries: 0, sample: vec![] };
        while let Some(meta) = found.try_next().await.map_err(|e| self.cannot_list(&e))? {
            let name = relative(&self.prefix, &meta.location);
            listing.entries += 1;
            if listing.sample.len() < 5 {
                listing.sample.push(name.clone());
            }
            let wanted = match &self.pattern {
                Some(pattern) => {
                    pattern.matches_with(meta.location.as_ref(), GLOB) && !hidden(&name)
                }
                None => is_data(&name),
            };
            match (wanted, meta.size) {
                (false, _) => {}
                (true, 0) => listing.empty.push(self.name(&meta.location)),
                (true, _) => listing.files.push(meta),
            }
        }
        listing.files.sort_by(|a, b| a.location.cmp(&b.location));
        listing.empty.sort();
        Ok(listing)
    }

    /// The file itself, if the spot is a file and not a folder.
    async fn head(&self) -> Result<Option<ObjectMeta>> {
        let named = self.store.kind == Kind::Http && !self.shown.ends_with('/');
        let maybe =
            self.single || self.pattern.is_none() && (named || has_extension(self.prefix.as_ref()));
        if !maybe || self.prefix.as_ref().is_empty() {
            return Ok(None);
        }
        match self.store.inner.head(&self.prefix).await {
            Ok(file) => Ok(Some(file)),
            Err(object_store::Error::NotFound { .. }) if !self.single => Ok(None),
            Err(e) => Err(self.cannot_list(&e)),
        }
    }

    fn cannot_list(&self, error: &object_store::Error) -> Error {
        let error = redact::store_error(
            error,
            &format!("the listing of {}", self.shown),
            &self.store.shown,
        );
        match (error.kind(), self.store.kind) {
            (ErrorKind::Gone, _) => {
                Error::new(ErrorKind::NoFiles, format!("there is no file or folder {}", self.shown))
            }
            (ErrorKind::Unreachable, Kind::Http) => {
                error.with_hint("web servers seldom list their files: name one file")
            }
            _ => error,
        }
    }

    /// The path of a file from the first of its partition folders on, also of those that are part
    /// of the spot's own path: `month=1/a.parquet` is all of `orders/month=1`.
    pub(crate) fn inside(&self, file: &Path) -> String {
        let whole = format!("{}/{}", self.root, self.prefix);
        let folders = if *file == self.prefix {
            whole.rsplit_once('/').map_or("", |(folders, _)| folders)
        } else {
            whole.trim_end_matches('/')
        };
        let above = folders.rsplit('/').take_while(|folder| partition::is_partition(folder));
        above.fold(relative(&self.prefix, file), |inside, folder| format!("{folder}/{inside}"))
    }

    /// A file's name in messages.
    pub(crate) fn name(&self, location: &Path) -> String {
        relative(&self.base, location)
    }

    /// There is no data here: says what was looked at.
    pub(crate) fn nothing(&self, listing: &Listing) -> Error {
        let what = match (listing.entries, listing.empty.len()) {
            (0, _) => "nothing was listed there".to_owned(),
            (n, empty) if empty > 0 => {
                format!("{n} files were listed, of them {empty} Parquet files of no bytes")
            }
            (n, _) => format!(
                "{n} {} listed: {}{}",
                if n == 1 { "file was" } else { "files were" },
                listing.sample.join(", "),
                if n > listing.sample.len() { ", …" } else { "" }
            ),
        };
        Error::new(ErrorKind::NoFiles, format!("there are no Parquet files in {}: {what}", self.shown))
            .with_hint("a lake is a folder, bucket or glob with *.parquet files; names that start with . or _ are not data")
    }
}

/// `location` without `base`.
pub(crate) fn relative(base: &Path, location: &Path) -> String {
    let full = location.as_ref();
    let rest = full.strip_prefix(base.as_ref()).unwrap_or(full).trim_start_matches('/');
    if rest.is_empty() { location.filename().unwrap_or(full) } else { rest }.to_owned()
}

fn hidden(path: &str) -> bool {
    path.split('/').any(|part| {
        let staged = part
            .rsplit_once('#')
            .is_some_and(|(_, n)| !n.is_empty() && n.bytes().all(|b| b.is_ascii_digit()));
        let under = part.starts_with('_') && !partition::is_partition(part);
        part.starts_with('.') || under || part.ends_with(".tmp") || staged
    })
}

fn has_extension(path: &str) -> bool {
    let extension = path.rsplit_once('.').map(|(_, extension)| extension.to_ascii_lowercase());
    matches!(extension.as_deref(), Some("parquet" | "parq" | "pq"))
}

fn is_data(path: &str) -> bool {
    has_extension(path) && !hidden(path)
}

/// Where in a lake a table's files are.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Part {
    /// every file of the lake
    Whole,
    /// a first-level folder
    Folder(String),
    /// a file in the root
    File(String),
}

/// Tables by name, from the paths of a lake's data files relative to its root.
///
/// `Ok(None)`: plain files in the root and nothing else, which may be one table or several.
pub(crate) fn tables(lake: &str, paths: &[String]) -> Result<Option<BTreeMap<String, Part>>> {
    let mut parts = Vec::new();
    let mut root = Vec::new();
    for path in paths {
        match path.split_once('/') {
            None => root.push(path.as_str()),
            Some((folder, _)) if partition::is_partition(folder) => {
                // the lake itself is a partitioned table
                return Ok(Some(BTreeMap::from([(lake.to_owned(), Part::Whole)])));
            }
            Some((folder, _)) => {
                parts.push((location::identifier(folder), Part::Folder(folder.to_owned())))
            }
        }
    }
    if parts.is_empty() {
        return match root.len() {
            1 => Ok(Some(BTreeMap::from([(lake.to_owned(), Part::Whole)]))),
            _ => Ok(None),
        };
    }
    parts.extend(files(&root));
    named(parts).map(Some)
}

/// One table for each file of the root.
pub(crate) fn file_tables(paths: &[String]) -> Result<BTreeMap<String, Part>> {
    named(files(&paths.iter().map(String::as_str).collect::<Vec<_>>()))
}

fn files(root: &[&str]) -> Vec<(String, Part)> {
    let stem = |file: &str| file.rsplit_once('.').map_or(file, |(stem, _)| stem).to_owned();
    let table = |file: &&str| (location::identifier(&stem(file)), Part::File((*file).to_owned()));
    root.iter().map(table).collect()
}

fn named(parts: Vec<(String, Part)>) -> Result<BTreeMap<String, Part>> {
    let mut tables = BTreeMap::new();
    for (name, part) in parts {
        let place = |part: &Part| match part {
            Part::Whole => ".".to_owned(),
            Part::Folder(name) | Part::File(name) => name.clone(),
        };
        match tables.get(&name) {
            Some(other) if *other != part => {
                let message =
                    format!("{} and {} would both be the table {name}", place(other), place(&part));
                return Err(Error::new(ErrorKind::Invalid, message).with_hint("rename one of them"));
            }
            _ => tables.insert(name, part),
        };
    }
    Ok(tables)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn hidden_names_are_never_data() {
        for path in [
            ".x.parquet",
            "_x.parquet",
            "a.parquet.tmp",
            "a/.b/c.parquet",
            "_temporary/0/a.parquet",
            "a.parquet#1",
            "a.csv",
            "orders/_delta_log/0.checkpoint.parquet",
            "a.tmp/b.parquet",
        ] {
            assert!(!is_data(path), "{path}");
        }
        for path in ["a.parquet", "A.PARQUET", "x/y=1/a.parq", "_day=1/a.pq", "a#b.parquet"] {
            assert!(is_data(path), "{path}");
        }
    }

    fn names(paths: &[&str]) -> Option<Vec<String>> {
        let paths: Vec<String> = paths.iter().map(|p| (*p).to_owned()).collect();
        Some(tables("lake", &paths).unwrap()?.into_keys().collect())
    }

    #[test]
    fn folders_are_tables() {
        assert_eq!(
            names(&[
                "Orders/m=1/a.parquet",
                "Orders/m=2/a.parquet",
                "people/x/y/b.parquet",
                "c.parquet"
            ])
            .unwrap(),
            ["c", "orders", "people"]
        );
        assert_eq!(names(&["m=1/a.parquet", "m=2/a.parquet"]).unwrap(), ["lake"]);
        assert_eq!(names(&["a.parquet"]).unwrap(), ["lake"]);
        assert_eq!(names(&["a.parquet", "b.parquet"]), None);
    }

    #[test]
    fn two_folders_of_one_name_are_refused() {
        let paths = ["Orders/a.parquet".to_owned(), "orders/a.parquet".to_owned()];
        let error = tables("lake", &paths).unwrap_err();
        assert_eq!(error.to_string(), "Orders and orders would both be the table orders");
    }
}
