//! What `tenure.open` is told.

use std::collections::BTreeMap;

use pyo3::prelude::*;
use tenure::lake::StoreOptions;
use tenure::{Tenure, TenureBuilder};

/// The arguments of `Session`, by name.
#[derive(FromPyObject)]
#[pyo3(from_item_all)]
pub(crate) struct Options {
    lakes: Vec<String>,
    as_of: Option<String>,
    timezone: Option<String>,
    memory_limit: Option<usize>,
    threads: Option<usize>,
    spill_dir: Option<String>,
    read_only: bool,
    store: BTreeMap<String, String>,
    pub(crate) settings: BTreeMap<String, String>,
}

impl Options {
    pub(crate) fn builder(&self) -> TenureBuilder {
        let mut store = StoreOptions::new();
        for (name, value) in &self.store {
            store = store.with(name, value);
        }
        let mut builder = Tenure::builder().read_only(self.read_only);
        for lake in &self.lakes {
            builder = builder.lake_with(lake, store.clone());
        }
        if let Some(as_of) = &self.as_of {
            builder = builder.as_of(as_of);
        }
        if let Some(timezone) = &self.timezone {
            builder = builder.timezone(timezone);
        }
        if let Some(bytes) = self.memory_limit {
            builder = builder.memory_limit(bytes);
        }
        if let Some(threads) = self.threads {
            builder = builder.threads(threads);
        }
        if let Some(folder) = &self.spill_dir {
            builder = builder.spill_dir(folder);
        }
        builder
    }
}
