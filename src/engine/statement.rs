//! What one statement sees: one point in time, and one state of every table it reads.

use std::collections::HashMap;
use std::sync::Arc;

use chrono::{DateTime, Utc};
use datafusion::execution::SessionState;
use tokio::sync::Mutex;

use crate::error::Result;
use crate::lake::LakeTable;
use crate::lake::clustered::manifest::Manifest;
use crate::options::TenureOptions;

tokio::task_local! {
    static CURRENT: Arc<Statement>;
}

/// The statement that is being planned.
#[derive(Debug)]
pub(crate) struct Statement {
    pub now: DateTime<Utc>,
    tables: Mutex<HashMap<String, Arc<LakeTable>>>,
    manifests: Mutex<HashMap<String, Arc<Manifest>>>,
}

impl Statement {
    pub(super) fn new(now: DateTime<Utc>) -> Arc<Self> {
        Arc::new(Self { now, tables: Mutex::default(), manifests: Mutex::default() })
    }

    /// Fixes the point in time of a session's state: one statement has one "now".
    pub(crate) fn freeze(&self, state: &mut SessionState) -> Result<()> {
        let options = state.config_mut().options_mut();
        let Some(settings) = options.extensions.get_mut::<TenureOptions>() else { return Ok(()) };
        let micros = settings.as_of_micros(self.now)?;
        if let Some(at) = DateTime::from_timestamp_micros(micros) {
            settings.as_of = at.naive_utc().format("%Y-%m-%d %H:%M:%S%.6f").to_string();
        }
        Ok(())
    }

    /// Plans `work` as part of this statement.
    pub(super) async fn scope<T>(self: Arc<Self>, work: impl Future<Output = T>) -> T {
        CURRENT.scope(self, work).await
    }

    /// The statement that is being planned by this task, if any.
    pub(crate) fn current() -> Option<Arc<Self>> {
        CURRENT.try_with(Arc::clone).ok()
    }
}

/// The table `key` as the current statement sees it: listed by its first reader, the same for all.
pub(crate) async fn pinned(
    key: String,
    list: impl Future<Output = Result<Arc<LakeTable>>>,
) -> Result<Arc<LakeTable>> {
    let Some(statement) = Statement::current() else { return list.await };
    let mut tables = statement.tables.lock().await;
    if let Some(table) = tables.get(&key) {
        return Ok(Arc::clone(table));
    }
    let table = list.await?;
    tables.insert(key, Arc::clone(&table));
    Ok(table)
}

/// What the clustered lake `name` consists of as the current statement sees it: read by its first
/// reader, the same for all, so that its tables have the same ranges.
pub(crate) async fn pinned_manifest(
    name: &str,
    read: impl Future<Output = Result<Manifest>>,
) -> Result<Arc<Manifest>> {
    let Some(statement) = Statement::current() else { return read.await.map(Arc::new) };
    let mut manifests = statement.manifests.lock().await;
    if let Some(manifest) = manifests.get(name) {
        return Ok(Arc::clone(manifest));
    }
    let manifest = Arc::new(read.await?);
    manifests.insert(name.to_owned(), Arc::clone(&manifest));
    Ok(manifest)
}
