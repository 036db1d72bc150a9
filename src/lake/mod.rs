//! Where the data is: locations, object stores, discovery, drift of schemas, snapshots of files.
//!
//! A [`Lake`] is an opened location that knows its tables and keeps no listing: each call of
//! [`Lake::table`] lists the files that are there now and pins them, so that a statement reads one
//! state of the lake and the next statement sees new files.

pub(crate) mod clustered;
mod connect;
mod destination;
mod discovery;
mod drift;
mod footer;
mod location;
mod partition;
mod pin;
mod profile;
mod redact;
mod store;
mod table;

use std::collections::{BTreeMap, BTreeSet};
use std::path::Path as FsPath;
use std::sync::{Arc, PoisonError, RwLock};

use datafusion::catalog::Session;
use datafusion::execution::runtime_env::RuntimeEnv;
use datafusion::object_store::{self, ObjectStoreExt};
use futures::{StreamExt, TryStreamExt, stream};

pub(crate) use self::destination::{Destination, Text, destination, occupied, write_error};
pub(crate) use self::pin::PinnedFile;
pub(crate) use self::redact::urls as shown;
pub use self::store::StoreOptions;
pub use self::table::LakeTable;

use self::discovery::{Listing, Part, Spot};
use self::location::{Kind, Location};
use crate::error::{Error, ErrorKind, Result};

/// An opened location: a folder, bucket, glob or file of Parquet data.
pub struct Lake {
    name: String,
    location: Location,
    options: StoreOptions,
    /// options for paths in stores of another kind than the lake's own
    elsewhere: StoreOptions,
    env: Arc<RuntimeEnv>,
    spot: Spot,
    known: RwLock<Known>,
}

/// What the last look at the lake found.
#[derive(Default)]
struct Known {
    tables: BTreeMap<String, Part>,
    warnings: Vec<String>,
}

impl std::fmt::Debug for Lake {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_tuple("Lake").field(&self.location.shown).finish()
    }
}

impl Lake {
    /// Opens a location and finds its tables.
    ///
    /// # Errors
    /// `NoFiles` (which says what was listed), `Denied`, `Unreachable`, `Invalid`.
    pub async fn open(
        location: &str,
        options: &StoreOptions,
        env: &Arc<RuntimeEnv>,
    ) -> Result<Self> {
        let lake = Self::at(location, options, env)?;
        match lake.refresh().await {
            // a folder that only says where its tables are
            Err(e) if e.kind() == ErrorKind::NoFiles => match lake.read_text("tenure.toml").await {
                Ok(Some(_)) => Ok(lake),
                _ => Err(lake.unfinished(e).await),
            },
            other => other.map(|()| lake),
        }
    }

    /// Why there is no lake, if `tenure cluster` was stopped before there was.
    async fn unfinished(&self, error: Error) -> Error {
        match self.read_text(&clustered::pending()).await {
            Ok(Some(_)) => {
                let shown = self.location();
                let message =
                    format!("{shown} is no lake yet: `tenure cluster` has not ended there");
                Error::new(ErrorKind::NoFiles, message)
                    .with_hint("run it again, it goes on where it was")
            }
            _ => error,
        }
    }

    /// A lake whose files have not been looked at.
    pub(crate) fn at(
        location: &str,
        options: &StoreOptions,
        env: &Arc<RuntimeEnv>,
    ) -> Result<Self> {
        let location = location::parse(location, None)?;
        let store = store::open(&location, options, env)?;
        let spot = Spot::new(&location, store);
        Ok(Self {
            name: lake_name(&location),
            location,
            options: options.clone(),
            elsewhere: StoreOptions::new(),
            env: Arc::clone(env),
            spot,
            known: RwLock::default(),
        })
    }

    /// Options for paths that lead to stores of another kind than the lake's own.
    #[must_use]
    pub fn with_options_elsewhere(mut self, options: StoreOptions) -> Self {
        self.elsewhere = options;
        self
    }

    /// The last part of the location, as an identifier: `data/retail` is `retail`.
    pub fn name(&self) -> &str {
        &self.name
    }

    /// The location as given, without credentials.
    pub fn location(&self) -> &str {
        &self.location.shown
    }

    /// Names of the tables that the last [`Lake::refresh`] found, sorted.
    pub fn tables(&self) -> Vec<String> {
        self.known().tables.keys().cloned().collect()
    }

    /// What the last [`Lake::refresh`] found odd: files of no bytes.
    pub fn warnings(&self) -> Vec<String> {
        self.known().warnings.clone()
    }

    /// A small text file of the lake, such as `tenure.toml`; `None` if it is not there. A lake that
    /// is one file or a glob has none.
    ///
    /// # Errors
    /// `Denied`, `Unreachable`, `Invalid` (not UTF-8).
    pub async fn read_text(&self, relative: &str) -> Result<Option<String>> {
        if self.spot.single || self.spot.pattern.is_some() {
            return Ok(None);
        }
        let path = self.spot.at(relative)?.prefix;
        let store = &self.spot.store;
        let failed = |e: &object_store::Error| redact::store_error(e, relative, &store.shown);
        let answer = match store.inner.get(&path).await {
            Ok(answer) => answer,
            Err(object_store::Error::NotFound { .. }) => return Ok(None),
            Err(e) => return Err(failed(&e)),
        };
        let bytes = answer.bytes().await.map_err(|e| failed(&e))?;
        let text = String::from_utf8(bytes.to_vec())
            .map_err(|_| Error::new(ErrorKind::Invalid, format!("{relative} is not UTF-8 text")))?;
        Ok(Some(text))
    }

    /// Lists the files of a table now and pins them: the table reads exactly these, or fails.
    ///
    /// # Errors
    /// `UndefinedTable`, `NoFiles`, `Drift`, `Corrupt`, and what reading footers can give.
    pub async fn table(&self, name: &str, session: &dyn Session) -> Result<Arc<LakeTable>> {
        let part = self.known().tables.get(name).cloned();
        let Some(part) = part else {
            let message = format!("the lake {} has no table {name}", self.name);
            return Err(Error::new(ErrorKind::UndefinedTable, message));
        };
        let spot = match part {
            Part::Whole => self.spot.clone(),
            Part::Folder(folder) => Spot { pattern: None, ..self.under(&folder)? },
            Part::File(file) => Spot { pattern: None, single: true, ..self.under(&file)? },
        };
        build(&spot, session).await
    }

    /// Like [`Lake::table`] for any path, glob or URL, relative to the lake or absolute.
    ///
    /// # Errors
    /// As [`Lake::table`].
    pub async fn table_at(&self, path: &str, session: &dyn Session) -> Result<Arc<LakeTable>> {
        let upwards = path.split('/').any(|part| part == "..");
        if !location::is_absolute(path) && !upwards {
            return build(&self.spot.at(path)?, session).await;
        }
        let folder = (self.location.kind == Kind::Local).then(|| FsPath::new(&self.location.root));
        let location = location::parse(path, folder)?;
        let same = location.kind == self.location.kind;
        let options = if same { &self.options } else { &self.elsewhere };
        open_location(&location, options, &self.env, session).await
    }

    /// Looks again: new tables are seen, tables without files are gone.
    ///
    /// # Errors
    /// As [`Lake::open`].
    pub async fn refresh(&self) -> Result<()> {
        let listing = self.spot.list().await?;
        if listing.files.is_empty() {
            return Err(self.spot.nothing(&listing));
        }
        let warnings = listing.empty.iter().map(|file| table::empty_file(file)).collect();
        let tables = self.find(&listing).await?;
        let mut known = self.known.write().unwrap_or_else(PoisonError::into_inner);
        *known = Known { tables, warnings };
        Ok(())
    }

    fn known(&self) -> std::sync::RwLockReadGuard<'_, Known> {
        self.known.read().unwrap_or_else(PoisonError::into_inner)
    }

    /// A literal name under the root, even if it holds `*`.
    fn under(&self, name: &str) -> Result<Spot> {
        let base = self.spot.base.as_ref();
        let full = if base.is_empty() { name.to_owned() } else { format!("{base}/{name}") };
        Ok(Spot {
            prefix: location::path(&full)?,
            shown: format!("{}/{name}", self.spot.shown.trim_end_matches('/')),
            ..self.spot.clone()
        })
    }

    async fn find(&self, listing: &Listing) -> Result<BTreeMap<String, Part>> {
        let whole = || BTreeMap::from([(self.name.clone(), Part::Whole)]);
        if self.spot.single || self.spot.pattern.is_some() {
            return Ok(whole());
        }
        let relative = |meta: &object_store::ObjectMeta| {
            discovery::relative(&self.spot.prefix, &meta.location)
        };
        let paths: Vec<String> = listing.files.iter().map(relative).collect();
        match discovery::tables(&self.name, &paths)? {
            Some(tables) => Ok(tables),
            None if self.alike(listing).await? => Ok(whole()),
            None => discovery::file_tables(&paths),
        }
    }

    /// Whether the files are one table: each shares at least half of its columns with the first.
    /// Of many files, some spread over all are looked at.
    async fn alike(&self, listing: &Listing) -> Result<bool> {
        const LOOK_AT: usize = 64;
        let step = listing.files.len().div_ceil(LOOK_AT).max(1);
        let names = |meta: &object_store::ObjectMeta| {
            let file = PinnedFile {
                store: Arc::clone(&self.spot.store),
                name: self.spot.name(&meta.location),
                meta: meta.clone(),
            };
            async move {
                let footer = footer::read(&file).await?;
                let fields = footer.schema.fields().iter();
                Ok::<_, Error>(
                    fields.map(|field| field.name().to_lowercase()).collect::<BTreeSet<_>>(),
                )
            }
        };
        let files = stream::iter(listing.files.iter().step_by(step).map(names));
        let columns: Vec<BTreeSet<String>> = files.buffered(16).try_collect().await?;
        let Some((first, others)) = columns.split_first() else {
            return Ok(true);
        };
        let alike = |other: &BTreeSet<String>| {
            first.intersection(other).count() * 2 >= first.len().max(other.len())
        };
        Ok(others.iter().all(alike))
    }
}

/// Opens any location as one table: `SELECT … FROM 's3://bucket/path/*.parquet'`.
///
/// # Errors
/// As [`Lake::table`].
pub async fn open_path(
    location: &str,
    options: &StoreOptions,
    env: &Arc<RuntimeEnv>,
    session: &dyn Session,
) -> Result<Arc<LakeTable>> {
    open_location(&location::parse(location, None)?, options, env, session).await
}

async fn open_location(
    location: &Location,
    options: &StoreOptions,
    env: &Arc<RuntimeEnv>,
    session: &dyn Session,
) -> Result<Arc<LakeTable>> {
    let store = store::open(location, options, env)?;
    build(&Spot::new(location, store), session).await
}

async fn build(spot: &Spot, session: &dyn Session) -> Result<Arc<LakeTable>> {
    let listing = spot.list().await?;
    Ok(Arc::new(LakeTable::new(spot, listing, session).await?))
}

/// `data/retail/` is retail, `s3://shop/lake/*.parquet` is lake, `orders.parquet` is orders.
fn lake_name(location: &Location) -> String {
    let root = match location.kind {
        Kind::Local => location.root.as_str(),
        _ => location.shown_root.rsplit("://").next().unwrap_or_default(),
    };
    let whole = format!("{root}/{}", location.prefix);
    let last = whole.split('/').rfind(|part| !part.is_empty()).unwrap_or("lake");
    let stem = match last.rsplit_once('.') {
        Some((stem, "parquet" | "parq" | "pq")) => stem,
        _ => last,
    };
    location::identifier(stem)
}
