//! A place to write a lake to. A new lake wants it empty, so that nothing is lost and nothing mixed.

use std::fs::File;
use std::path::PathBuf;
use std::sync::Arc;

use datafusion::execution::runtime_env::RuntimeEnv;
use datafusion::object_store::path::Path;
use datafusion::object_store::{
    self, ObjectMeta, ObjectStoreExt, PutMode, PutOptions, UpdateVersion,
};
use futures::TryStreamExt;

use super::discovery;
use super::location::{self, Kind};
use super::redact;
use super::store::{self, Store, StoreOptions};
use crate::error::{Error, ErrorKind, Result};

/// A place in a store.
pub(crate) struct Destination {
    store: Arc<Store>,
    prefix: Path,
    /// on disk
    folder: Option<PathBuf>,
    /// as given, without credentials
    pub(crate) shown: String,
}

/// A text file as it was read.
pub(crate) struct Text {
    pub(crate) text: String,
    version: UpdateVersion,
}

/// Keeps others from writing to a place on disk, as long as it is held.
pub(crate) struct Lock {
    _file: Option<File>,
}

/// Finds the place, makes the folder if it is one, and sees that nothing is there.
///
/// # Errors
/// `Usage` for a place that holds something already or cannot be written to; what opening a store
/// can give.
pub(crate) async fn destination(text: &str, options: &StoreOptions) -> Result<Destination> {
    if let Some(folder) = location::folder(text)?
        && std::fs::read_dir(folder).is_ok_and(|mut entries| entries.next().is_some())
    {
        return Err(occupied(text));
    }
    let place = Destination::open(text, options).await?;
    match place.list("").await?.is_empty() {
        true => Ok(place),
        false => Err(occupied(&place.shown)),
    }
}

pub(crate) fn occupied(shown: &str) -> Error {
    Error::new(ErrorKind::Usage, format!("{shown} is not empty"))
        .with_hint("name a folder that is empty or not there yet")
}

impl Destination {
    /// Finds the place, whatever it holds, and makes the folder if it is one.
    ///
    /// # Errors
    /// `Usage` for a place that cannot be written to; what opening a store can give.
    pub(crate) async fn open(text: &str, options: &StoreOptions) -> Result<Self> {
        let folder = location::folder(text)?;
        if let Some(folder) = &folder {
            if folder.exists() && !folder.is_dir() {
                return Err(Error::new(
                    ErrorKind::Usage,
                    format!("{text} is a file, not a folder"),
                ));
            }
            std::fs::create_dir_all(folder).map_err(|e| {
                Error::new(ErrorKind::Io, format!("cannot make the folder {text}: {e}"))
            })?;
        }
        let location = location::parse(text, None)?;
        if location.kind == Kind::Http || location.pattern.is_some() {
            let message = format!("{} is no place to write a lake to", location.shown);
            return Err(Error::new(ErrorKind::Usage, message)
                .with_hint("name a folder, or a place such as s3://bucket/lake"));
        }
        let store = store::open(&location, options, &RuntimeEnv::default())?;
        Ok(Self { store, prefix: location.prefix, folder, shown: location.shown })
    }

    /// Everything under a folder of the place, by its path inside of the place.
    pub(crate) async fn list(&self, folder: &str) -> Result<Vec<(String, ObjectMeta)>> {
        let prefix = if folder.is_empty() { self.prefix.clone() } else { self.at(folder)? };
        let prefix = (!prefix.as_ref().is_empty()).then_some(&prefix);
        let listed = self.store.inner.list(prefix);
        let named = listed.map_ok(|m| (discovery::relative(&self.prefix, &m.location), m));
        let what = format!("the listing of {}", self.shown);
        named.try_collect().await.map_err(|e| redact::store_error(&e, &what, &self.store.shown))
    }

    /// Size of a file.
    pub(crate) async fn bytes(&self, relative: &str) -> Result<u64> {
        let head = self.store.inner.head(&self.at(relative)?).await;
        head.map(|meta| meta.size).map_err(|e| self.failed(&e, relative))
    }

    /// Reads a small text file; `None` if it is not there.
    pub(crate) async fn read(&self, relative: &str) -> Result<Option<Text>> {
        let answer = match self.store.inner.get(&self.at(relative)?).await {
            Ok(answer) => answer,
            Err(object_store::Error::NotFound { .. }) => return Ok(None),
            Err(e) => return Err(self.failed(&e, relative)),
        };
        let meta = &answer.meta;
        let version = UpdateVersion { e_tag: meta.e_tag.clone(), version: meta.version.clone() };
        let bytes = answer.bytes().await.map_err(|e| self.failed(&e, relative))?;
        let text = String::from_utf8(bytes.to_vec())
            .map_err(|_| Error::new(ErrorKind::Invalid, format!("{relative} is not UTF-8 text")))?;
        Ok(Some(Text { text, version }))
    }

    /// Writes a small file in place of what was read before, or of nothing. Where another program
    /// wrote it meanwhile, nothing is changed.
    pub(crate) async fn replace(
        &self,
        relative: &str,
        text: String,
        before: Option<Text>,
    ) -> Result<()> {
        let path = self.at(relative)?;
        let mode = match before {
            None => PutMode::Create,
            // a lock is held, which stores have not
            Some(_) if self.folder.is_some() => PutMode::Overwrite,
            Some(before) => PutMode::Update(before.version),
        };
        let options = PutOptions { mode, ..PutOptions::default() };
        match self.store.inner.put_opts(&path, text.into(), options).await {
            Ok(_) => {
                self.settle(relative);
                Ok(())
            }
            Err(
                object_store::Error::AlreadyExists { .. }
                | object_store::Error::Precondition { .. },
            ) => Err(Error::new(
                ErrorKind::Changed,
                format!("{} was written by another program meanwhile", self.shown),
            )
            .with_hint("run the command again")),
            Err(e) => Err(self.failed(&e, relative)),
        }
    }

    /// Deletes a file; that it is gone already is no error.
    pub(crate) async fn delete(&self, relative: &str) -> Result<()> {
        match self.store.inner.delete(&self.at(relative)?).await {
            Ok(()) | Err(object_store::Error::NotFound { .. }) => Ok(()),
            Err(e) => Err(self.failed(&e, relative)),
        }
    }

    /// Takes the place for this program alone, until the lock is dropped or the program ends. In a
    /// store nothing is taken: there, [`Self::replace`] lets one of several win.
    pub(crate) fn lock(&self, relative: &str) -> Result<Lock> {
        let Some(folder) = &self.folder else { return Ok(Lock { _file: None }) };
        let path = folder.join(relative);
        let failed = |e: std::io::Error| {
            Error::new(ErrorKind::Io, format!("cannot write {relative} to {}: {e}", self.shown))
        };
        if let Some(parent) = path.parent() {
            std::fs::create_dir_all(parent).map_err(failed)?;
        }
        let file = File::options().create(true).append(true).open(path).map_err(failed)?;
        match file.try_lock() {
            Ok(()) => Ok(Lock { _file: Some(file) }),
            Err(std::fs::TryLockError::WouldBlock) => {
                let message = format!("another program is writing to {}", self.shown);
                Err(Error::new(ErrorKind::Usage, message).with_hint("wait until it has ended"))
            }
            Err(std::fs::TryLockError::Error(e)) => Err(failed(e)),
        }
    }

    /// Deletes what writers that were killed left on disk: files that have not got their name yet.
    pub(crate) fn sweep(&self, folder: &str) {
        let Some(root) = &self.folder else { return };
        let mut folders = vec![root.join(folder)];
        while let Some(folder) = folders.pop() {
            for entry in std::fs::read_dir(folder).into_iter().flatten().flatten() {
                let name = entry.file_name();
                let staged = name.to_str().and_then(|name| name.rsplit_once('#'));
                if entry.file_type().is_ok_and(|ty| ty.is_dir()) {
                    folders.push(entry.path());
                } else if staged.is_some_and(|(_, n)| n.bytes().all(|b| b.is_ascii_digit())) {
                    let _ = std::fs::remove_file(entry.path());
                }
            }
        }
    }

    /// On disk: what was written survives a failure of power from here on.
    pub(crate) fn settle(&self, relative: &str) {
        let Some(root) = &self.folder else { return };
        let path = root.join(relative);
        for path in [Some(path.as_path()), path.parent()].into_iter().flatten() {
            let _ = File::open(path).and_then(|file| file.sync_all());
        }
    }

    fn failed(&self, error: &object_store::Error, relative: &str) -> Error {
        redact::store_error(error, relative, &self.store.shown)
    }

    /// Whether the place is on disk.
    pub(crate) fn is_folder(&self) -> bool {
        self.folder.is_some()
    }

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
