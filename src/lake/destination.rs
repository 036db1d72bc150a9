//! A place to write a new lake to: empty, so that nothing is lost and nothing mixed.

use std::sync::Arc;

use datafusion::execution::runtime_env::RuntimeEnv;
use datafusion::object_store::path::Path;
use datafusion::object_store::{self, ObjectStoreExt};
use futures::TryStreamExt;

use super::location::{self, Kind};
use super::redact;
use super::store::{self, Store, StoreOptions};
use crate::error::{Error, ErrorKind, Result};

/// An empty place in a store.
pub(crate) struct Destination {
    store: Arc<Store>,
    prefix: Path,
    /// as given, without credentials
    pub(crate) shown: String,
}

/// Finds the place, makes the folder if it is one, and sees that nothing is there.
///
/// # Errors
/// `Usage` for a place that holds something already or cannot be written to; what opening a store
/// can give.
pub(crate) async fn destination(text: &str, options: &StoreOptions) -> Result<Destination> {
    if let Some(folder) = location::folder(text)? {
        let failed = |e: std::io::Error| {
            Error::new(ErrorKind::Io, format!("cannot make the folder {text}: {e}"))
        };
        if folder.exists() && !folder.is_dir() {
            return Err(Error::new(ErrorKind::Usage, format!("{text} is a file, not a folder")));
        }
        std::fs::create_dir_all(&folder).map_err(failed)?;
        if std::fs::read_dir(&folder).map_err(failed)?.next().is_some() {
            return Err(occupied(text));
        }
    }
    let location = location::parse(text, None)?;
    if location.kind == Kind::Http || location.pattern.is_some() {
        let message = format!("{} is no place to write a lake to", location.shown);
        return Err(Error::new(ErrorKind::Usage, message)
            .with_hint("name a folder, or a place such as s3://bucket/lake"));
    }
    let store = store::open(&location, options, &RuntimeEnv::default())?;
    let there = {
        let prefix = Some(&location.prefix).filter(|prefix| !prefix.as_ref().is_empty());
        let mut listed = store.inner.list(prefix);
        listed.try_next().await
    };
    match there {
        Ok(None) => {}
        Ok(Some(_)) => return Err(occupied(&location.shown)),
        Err(e) => {
            let what = format!("the listing of {}", location.shown);
            return Err(redact::store_error(&e, &what, &store.shown));
        }
    }
    Ok(Destination { store, prefix: location.prefix, shown: location.shown })
}

fn occupied(shown: &str) -> Error {
    Error::new(ErrorKind::Usage, format!("{shown} is not empty"))
        .with_hint("name a folder that is empty or not there yet")
}

impl Destination {
    /// The store to write to; a file appears in it when it is whole.
    pub(crate) fn store(&self) -> Arc<dyn object_store::ObjectStore> {
        Arc::clone(&self.store.inner)
    }

    /// Where in the store a file of the lake is.
    pub(crate) fn at(&self, relative: &str) -> Result<Path> {
        match self.prefix.as_ref() {
            "" => location::path(relative),
            prefix => location::path(&format!("{prefix}/{relative}")),
        }
    }

    /// Writes a small file.
    pub(crate) async fn write(&self, relative: &str, text: String) -> Result<()> {
        let path = self.at(relative)?;
        let put = self.store.inner.put(&path, text.into()).await;
        put.map(drop).map_err(|e| redact::store_error(&e, relative, &self.store.shown))
    }
}

/// Why a file of a lake at `shown` could not be written.
pub(crate) fn write_error(
    error: &(dyn std::error::Error + 'static),
    file: &str,
    shown: &str,
) -> Error {
    let mut cause = Some(error);
    while let Some(e) = cause {
        let io = e.downcast_ref::<std::io::Error>().and_then(std::io::Error::get_ref);
        let of_store = e.downcast_ref().or_else(|| io?.downcast_ref());
        if let Some(e) = of_store {
            return redact::store_error(e, file, shown);
        }
        cause = e.source();
    }
    Error::new(ErrorKind::Io, format!("cannot write {file} to {shown}: {error}"))
}
