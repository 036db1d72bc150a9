//! The driver, and a database: a lake and what sessions over it begin with.

use std::fmt;

use adbc_core::error::Result;
use adbc_core::options::{OptionConnection, OptionDatabase, OptionValue};
use adbc_core::{Database, Driver, Optionable};
use tenure::lake::StoreOptions;
use tenure::{Tenure, TenureBuilder};

use crate::cancel::wait;
use crate::connection::TenureConnection;
use crate::error::{adbc, usage};
use crate::guard::guarded;
use crate::option::{other_getters, switch, text, unknown};

/// The driver.
#[derive(Debug, Default)]
pub struct TenureDriver;

impl Driver for TenureDriver {
    type DatabaseType = TenureDatabase;

    fn new_database(&mut self) -> Result<TenureDatabase> {
        Ok(TenureDatabase::default())
    }

    fn new_database_with_opts(
        &mut self,
        opts: impl IntoIterator<Item = (OptionDatabase, OptionValue)>,
    ) -> Result<TenureDatabase> {
        let mut database = TenureDatabase::default();
        for (key, value) in opts {
            database.set_option(key, value)?;
        }
        Ok(database)
    }
}

/// What the sessions of a database begin with.
///
/// | option | meaning |
/// | --- | --- |
/// | `uri` | the lake: a folder, file, glob or URL; none: only tables that are brought in |
/// | `tenure.as_of` and every other setting | as `SET` takes it; `datafusion.*` too |
/// | `memory_limit`, `threads`, `spill_dir`, `read_only` | limits of a session |
/// | `store.*` | options of the lake's store, such as `store.region` |
#[derive(Default)]
pub struct TenureDatabase {
    /// in the order given; the last of a name counts
    options: Vec<(String, String)>,
}

/// Names only: a value may be a secret.
impl fmt::Debug for TenureDatabase {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_list().entries(self.options.iter().map(|(name, _)| name)).finish()
    }
}

impl TenureDatabase {
    /// The value of an option.
    fn get(&self, name: &str) -> Option<&str> {
        self.options.iter().rev().find(|(n, _)| n == name).map(|(_, value)| value.as_str())
    }

    fn builder(&self) -> Result<TenureBuilder> {
        let mut builder = Tenure::builder();
        if let Some(lake) = self.get("uri") {
            let mut store = StoreOptions::new();
            for (name, value) in &self.options {
                if let Some(name) = name.strip_prefix("store.") {
                    store = store.with(name, value);
                }
            }
            builder = builder.lake_with(lake.strip_prefix("tenure://").unwrap_or(lake), store);
        }
        // these two are what RESET goes back to
        if let Some(as_of) = self.get("tenure.as_of") {
            builder = builder.as_of(as_of);
        }
        if let Some(timezone) = self.get("tenure.timezone") {
            builder = builder.timezone(timezone);
        }
        let number = |name: &str| -> Result<Option<usize>> {
            let whole = |value: &str| {
                value.parse::<usize>().ok().filter(|n| *n > 0).ok_or_else(|| {
                    usage(format!("option {name} is a whole number above 0, not {value:?}"))
                })
            };
            self.get(name).map(whole).transpose()
        };
        if let Some(bytes) = number("memory_limit")? {
            builder = builder.memory_limit(bytes);
        }
        if let Some(threads) = number("threads")? {
            builder = builder.threads(threads);
        }
        if let Some(folder) = self.get("spill_dir") {
            builder = builder.spill_dir(folder);
        }
        Ok(builder)
    }
}

/// Text in a form that every consumer can work on: few know the engine's own, and pyarrow can
/// neither filter nor sort it.
pub const READABLE: &str = "SET datafusion.optimizer.expand_views_at_output = 'true'";

/// Whether a name is that of a setting of the session.
pub(crate) fn is_setting(name: &str) -> bool {
    name.starts_with("tenure.") || name.starts_with("datafusion.")
}

/// `SET name = 'value'`
pub(crate) fn set(name: &str, value: &str) -> String {
    format!("SET {name} = '{}'", value.replace('\'', "''"))
}

impl Optionable for TenureDatabase {
    type Option = OptionDatabase;

    fn set_option(&mut self, key: OptionDatabase, value: OptionValue) -> Result<()> {
        let name = key.as_ref().to_string();
        let own = ["uri", "memory_limit", "threads", "spill_dir", "read_only"];
        if !is_setting(&name) && !own.contains(&name.as_str()) && !name.starts_with("store.") {
            return Err(usage(format!(
                "there is no option {name}: a database takes {}, tenure.*, datafusion.* and store.*",
                own.join(", ")
            )));
        }
        let value = match name.as_str() {
            "read_only" => switch(&name, value)?.to_string(),
            _ => text(&name, value)?,
        };
        self.options.push((name, value));
        Ok(())
    }

    fn get_option_string(&self, key: OptionDatabase) -> Result<String> {
        let name = key.as_ref();
        // credentials go in and not out
        let shown = self.get(name).filter(|_| !name.starts_with("store."));
        shown.map(str::to_string).ok_or_else(|| unknown(name))
    }

    other_getters!(OptionDatabase);
}

impl Database for TenureDatabase {
    type ConnectionType = TenureConnection;

    fn new_connection(&self) -> Result<TenureConnection> {
        self.new_connection_with_opts([])
    }

    fn new_connection_with_opts(
        &self,
        opts: impl IntoIterator<Item = (OptionConnection, OptionValue)>,
    ) -> Result<TenureConnection> {
        let opts: Vec<_> = opts.into_iter().collect();
        guarded(|| {
            let mut builder = self.builder()?;
            let mut read_only = self.get("read_only") == Some("true");
            for (key, value) in &opts {
                if *key == OptionConnection::ReadOnly {
                    read_only = switch(key.as_ref(), value.clone())?;
                }
            }
            builder = builder.read_only(read_only);
            let tenure = wait(builder.build(), &mut []).map_err(adbc)?;
            let mut connection = TenureConnection::new(tenure, read_only);
            connection.run(READABLE)?;
            for (name, value) in self.options.iter().filter(|(name, _)| is_setting(name)) {
                if name != "tenure.as_of" && name != "tenure.timezone" {
                    connection.run(&set(name, value))?;
                }
            }
            for (key, value) in opts {
                if key != OptionConnection::ReadOnly {
                    connection.set_option(key, value)?;
                }
            }
            Ok(connection)
        })
    }
}
