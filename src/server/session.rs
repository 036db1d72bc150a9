//! What one client has: its session of the engine, its settings, prepared statements, portals and
//! cursors, and how far its transaction is.

use std::collections::HashMap;
use std::sync::{Arc, PoisonError, RwLock};

use datafusion::arrow::array::{ArrayRef, RecordBatch, StringArray};
use pgwire::messages::PgWireBackendMessage;
use pgwire::messages::response::TransactionStatus;
use pgwire::messages::startup::ParameterStatus;
use tokio::runtime::Handle;

use super::catalog::{Catalog, search_path};
use super::command::{Command, Discard};
use super::error::{Failure, Outcome, notice};
use super::prepared::{self, Prepared};
use super::rows::Rows;
use super::settings::{Later, Settings};
use crate::error::Error;
use crate::{Params, Tenure};

/// A statement with its values, and its rows once it runs: a portal of the protocol, or a cursor.
pub(super) struct Portal {
    pub(super) statement: Arc<Prepared>,
    pub(super) params: Params,
    /// formats of the columns
    pub(super) codes: Vec<i16>,
    pub(super) rows: Option<Rows>,
    /// a cursor, which outlives the transaction if it is held
    pub(super) cursor: Option<Held>,
}

/// Whether a cursor outlives its transaction.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Held {
    Yes,
    No,
}

/// What a transaction goes back to when it is rolled back.
struct Before {
    settings: Settings,
    tenure: Vec<(String, String)>,
}

/// Everything of one client.
pub(super) struct Session {
    pub(super) tenure: Arc<Tenure>,
    pub(super) engine: Handle,
    pub(super) settings: Arc<RwLock<Settings>>,
    pub(super) catalog: Catalog,
    pub(super) statements: HashMap<String, Arc<Prepared>>,
    pub(super) portals: HashMap<String, Portal>,
    pub(super) status: TransactionStatus,
    savepoints: Vec<String>,
    before: Option<Before>,
    /// settings to put back at the end of the transaction: `SET LOCAL`
    local: Vec<(String, String)>,
    /// what the client knows of the settings that it has to know
    told: Vec<(&'static str, String)>,
}

impl Session {
    pub(super) fn new(
        tenure: Arc<Tenure>,
        engine: Handle,
        settings: Arc<RwLock<Settings>>,
        catalog: Catalog,
    ) -> Self {
        Self {
            tenure,
            engine,
            settings,
            catalog,
            statements: HashMap::new(),
            portals: HashMap::new(),
            status: TransactionStatus::Idle,
            savepoints: vec![],
            before: None,
            local: vec![],
            told: vec![],
        }
    }

    /// Reads a setting.
    pub(super) fn settings<T>(&self, read: impl FnOnce(&Settings) -> T) -> T {
        read(&self.settings.read().unwrap_or_else(PoisonError::into_inner))
    }

    fn change<T>(&self, change: impl FnOnce(&mut Settings) -> T) -> T {
        change(&mut self.settings.write().unwrap_or_else(PoisonError::into_inner))
    }

    /// Refuses everything but the end of a transaction that has failed.
    pub(super) fn check_transaction(&self, command: &Command) -> Outcome<()> {
        let ends = matches!(
            command,
            Command::Commit | Command::Rollback | Command::RollbackTo(_) | Command::Empty
        );
        if self.status == TransactionStatus::Error && !ends {
            return Err(Failure::new(
                "25P02",
                "the transaction has failed; nothing is done until it ends",
            )
            .with_hint("ROLLBACK ends it"));
        }
        Ok(())
    }

    /// A statement that is not described.
    pub(super) fn plain(&self, sql: &str) -> Outcome<Prepared> {
        let command = Command::read(sql)?;
        let text = match &command {
            Command::Query { .. } => self.catalog.text(sql),
            _ => sql.to_owned(),
        };
        let sql = sql.to_owned();
        Ok(Prepared { sql, text, command, types: vec![], schema: None, instead: None })
    }

    /// A statement with the types of its parameters and columns.
    pub(super) async fn prepare(&self, sql: &str, declared: &[u32]) -> Outcome<Prepared> {
        let mut prepared = self.plain(sql)?;
        self.check_transaction(&prepared.command)?;
        match &prepared.command {
            Command::Query { .. } => {
                let (tenure, text) = (Arc::clone(&self.tenure), prepared.text.clone());
                let known = declared.to_vec();
                let described = self
                    .on_engine(async move { prepared::describe(&tenure, &text, &known).await })
                    .await;
                match described {
                    Ok((schema, types)) => {
                        (prepared.schema, prepared.types) = (Some(schema), types);
                    }
                    Err(e) => {
                        let Some(batch) = self.catalog.instead(sql, &e) else {
                            return Err(Failure::of(&e, sql));
                        };
                        prepared.schema = Some(batch.schema());
                        prepared.types = Catalog::types(sql, declared);
                        prepared.instead = Some(batch);
                    }
                }
            }
            Command::Declare { query, .. } => {
                let (tenure, text) = (Arc::clone(&self.tenure), self.catalog.text(query));
                let declared = declared.to_vec();
                let (_, types) = self
                    .on_engine(async move { prepared::describe(&tenure, &text, &declared).await })
                    .await
                    .map_err(|e| Failure::of(&e, sql))?;
                prepared.types = types;
            }
            Command::Show(name) => prepared.schema = Some(self.shown(name)?.schema()),
            Command::ShowAll => prepared.schema = Some(self.all_shown()?.schema()),
            Command::Fetch { name, shown: true, .. } => {
                prepared.schema = self
                    .portals
                    .get(name)
                    .and_then(|p| p.rows.as_ref())
                    .map(|r| Arc::clone(&r.schema));
            }
            // what is refused when it runs, or needs none
            _ => prepared.types = Catalog::types(sql, declared),
        }
        Ok(prepared)
    }

    /// Does work on the engine's threads; it ends when nobody waits for it.
    async fn on_engine<T: Send + 'static>(
        &self,
        work: impl Future<Output = Result<T, Error>> + Send + 'static,
    ) -> Result<T, Error> {
        struct Abort<T>(tokio::task::JoinHandle<T>);
        impl<T> Drop for Abort<T> {
            fn drop(&mut self) {
                self.0.abort();
            }
        }
        let mut task = Abort(self.engine.spawn(work));
        (&mut task.0).await.unwrap_or_else(|_| {
            Err(Error::new(crate::ErrorKind::Internal, "internal error: the statement was stopped"))
        })
    }

    /// The rows of a question.
    pub(super) async fn query(&self, statement: &Prepared, params: &Params) -> Outcome<Rows> {
        if let Some(batch) = &statement.instead {
            return Ok(Rows::of(batch.clone()));
        }
        let run =
            Rows::run(&self.engine, &self.tenure, statement.text.clone(), params.clone()).await;
        let run = match run {
            // answers about the catalog are small; what fails on the way has no rows either
            Ok(rows) if self.catalog.asked(&statement.sql) => rows.whole().await,
            run => run,
        };
        // the columns that the client has been told of, if it has
        let instead = |e: &Error| {
            let batch = self.catalog.instead(&statement.sql, e)?;
            let described = statement.schema.clone().map(RecordBatch::new_empty);
            Some(Rows::of(described.unwrap_or(batch)))
        };
        let rows = match run {
            Ok(rows) => rows,
            Err(e) => instead(&e).ok_or_else(|| Failure::of(&e, &statement.sql))?,
        };
        let Some(schema) = &statement.schema else { return Ok(rows) };
        match rows.described(schema) {
            Ok(rows) => Ok(rows),
            Err(e) => instead(&e).ok_or_else(|| e.into()),
        }
    }

    /// Runs a statement that has no rows.
    pub(super) async fn other(&self, sql: &str, params: &Params) -> Outcome<()> {
        let mut rows = Rows::run(&self.engine, &self.tenure, sql.to_owned(), params.clone())
            .await
            .map_err(|e| Failure::of(&e, sql))?;
        while rows.next(usize::MAX).await.map_err(|e| Failure::of(&e, sql))?.is_some() {}
        Ok(())
    }

    pub(super) fn begin(&mut self) -> Option<PgWireBackendMessage> {
        if self.status != TransactionStatus::Idle {
            return Some(notice("WARNING", "25001", "there is already a transaction in progress"));
        }
        self.status = TransactionStatus::Transaction;
        self.before =
            Some(Before { settings: self.settings(Clone::clone), tenure: self.tenure_settings() });
        None
    }

    /// Ends the transaction; the tag is what became of it.
    pub(super) async fn end(
        &mut self,
        commit: bool,
    ) -> Outcome<(&'static str, Option<PgWireBackendMessage>)> {
        let commits = commit && self.status != TransactionStatus::Error;
        let warning = (self.status == TransactionStatus::Idle)
            .then(|| notice("WARNING", "25P01", "there is no transaction in progress"));
        self.status = TransactionStatus::Idle;
        self.savepoints.clear();
        self.portals.retain(|_, portal| portal.cursor == Some(Held::Yes));
        let before = self.before.take();
        let local = std::mem::take(&mut self.local);
        if commits {
            for (name, value) in local.into_iter().rev() {
                self.set(&name, Some(&value)).await?;
            }
        } else if let Some(before) = before {
            self.change(|settings| *settings = before.settings);
            let now = self.tenure_settings();
            for ((name, value), (_, changed)) in before.tenure.into_iter().zip(now) {
                if value != changed {
                    self.set(&format!("tenure.{name}"), Some(&value)).await?;
                }
            }
            self.apply_search_path();
        }
        Ok((if commits || (commit && warning.is_some()) { "COMMIT" } else { "ROLLBACK" }, warning))
    }

    fn tenure_settings(&self) -> Vec<(String, String)> {
        let state = self.tenure.context().state();
        crate::options::settings(state.config_options())
            .into_iter()
            .map(|s| (s.name, s.value))
            .collect()
    }

    /// Savepoints hold nothing, but they are counted.
    pub(super) fn savepoint(&mut self, command: &Command) -> Outcome<&'static str> {
        if self.status == TransactionStatus::Idle {
            return Err(Failure::new("25P01", "a savepoint can only be in a transaction")
                .with_hint("BEGIN starts one"));
        }
        let (name, tag) = match command {
            Command::Savepoint(name) => {
                self.savepoints.push(name.clone());
                return Ok("SAVEPOINT");
            }
            Command::Release(name) => (name, "RELEASE"),
            Command::RollbackTo(name) => (name, "ROLLBACK"),
            _ => return Ok(""),
        };
        let Some(at) = self.savepoints.iter().rposition(|s| s == name) else {
            return Err(Failure::new("3B001", format!("there is no savepoint {name:?}")));
        };
        self.savepoints.truncate(at + usize::from(tag == "ROLLBACK"));
        if tag == "ROLLBACK" {
            self.status = TransactionStatus::Transaction;
        }
        Ok(tag)
    }

    /// Sets one setting, of PostgreSQL's or of Tenure's; `None` is its default.
    pub(super) async fn set(&self, name: &str, value: Option<&str>) -> Outcome<()> {
        if name.contains('.') {
            // a name may be a value of set_config
            if !name.chars().all(|c| c.is_ascii_alphanumeric() || c == '_' || c == '.') {
                return Err(super::settings::unknown(name));
            }
            let quoted = value.map(|v| v.replace('\'', "''"));
            let sql = match quoted {
                Some(value) => format!("SET {name} = '{value}'"),
                None => format!("RESET {name}"),
            };
            return self.other(&sql, &Params::default()).await;
        }
        self.change(|settings| settings.set(name, value))?;
        if name == "search_path" {
            self.apply_search_path();
        }
        Ok(())
    }

    /// `SET`, perhaps until the end of the transaction only, and what is to be said of it.
    pub(super) async fn set_command(
        &mut self,
        name: &str,
        value: Option<&str>,
        local: bool,
    ) -> Outcome<Option<PgWireBackendMessage>> {
        let before = match name.strip_prefix("tenure.") {
            Some(own) => {
                self.tenure_settings().into_iter().find(|(n, _)| n == own).map(|(_, value)| value)
            }
            None => self.settings(|s| s.get(name).map(str::to_owned)),
        };
        if local && self.status == TransactionStatus::Idle {
            let text = "SET LOCAL does nothing outside a transaction";
            return Ok(Some(notice("WARNING", "25P01", text)));
        }
        self.set(name, value).await?;
        if local && let Some(before) = before {
            self.local.push((name.to_owned(), before));
        }
        Ok(None)
    }

    /// Sets what `set_config` has left to be set, and finds names where the search path says.
    pub(super) async fn settle(&mut self) -> Outcome<()> {
        for Later { name, value, local } in self.change(Settings::take_later) {
            // outside a transaction what is local ends with its statement
            self.set_command(&name, value.as_deref(), local).await?;
        }
        self.apply_search_path();
        Ok(())
    }

    /// `RESET name` and `RESET ALL`.
    pub(super) async fn reset(&mut self, name: Option<&str>) -> Outcome<()> {
        match name {
            Some(name) => self.set(name, None).await?,
            None => {
                self.change(Settings::reset);
                self.apply_search_path();
                for (name, _) in self.tenure_settings() {
                    self.set(&format!("tenure.{name}"), None).await?;
                }
            }
        }
        Ok(())
    }

    /// What the protocol wants said of settings that changed since it was said last.
    pub(super) fn changed(&mut self) -> Vec<PgWireBackendMessage> {
        let now = self.settings(Settings::reported);
        let before = std::mem::replace(&mut self.told, now.clone());
        let news = now.into_iter().filter(|setting| !before.contains(setting));
        news.map(|(name, value)| status(name, value)).collect()
    }

    /// The first schema of the path that there is takes names without a schema.
    fn apply_search_path(&self) {
        let path = self.settings(|s| s.get("search_path").unwrap_or_default().to_owned());
        let context = self.tenure.context();
        let state = context.state_ref();
        let mut state = state.write();
        let catalog = state.config_options().catalog.default_catalog.clone();
        let Some(catalog) = state.catalog_list().catalog(&catalog) else { return };
        let found = search_path::found(&path, &catalog.schema_names());
        if let Some(schema) = found.into_iter().next() {
            state.config_mut().options_mut().catalog.default_schema = schema;
        }
    }

    /// `SHOW name`: one row.
    pub(super) fn shown(&self, name: &str) -> Outcome<RecordBatch> {
        let value = match name.strip_prefix("tenure.") {
            Some(own) => {
                self.tenure_settings().into_iter().find(|(n, _)| n == own).map(|(_, value)| value)
            }
            None => self.settings(|s| s.get(name).map(str::to_owned)),
        };
        let Some(value) = value else { return Err(super::settings::unknown(name)) };
        texts(vec![(name, vec![value])])
    }

    /// `SHOW ALL`.
    pub(super) fn all_shown(&self) -> Outcome<RecordBatch> {
        let mut all: Vec<(String, String)> =
            self.settings(|s| s.all().map(|(n, v)| (n.to_owned(), v.to_owned())).collect());
        all.extend(self.tenure_settings().into_iter().map(|(n, v)| (format!("tenure.{n}"), v)));
        let described = vec![String::new(); all.len()];
        let (names, values) = all.into_iter().unzip();
        texts(vec![("name", names), ("setting", values), ("description", described)])
    }

    /// `DISCARD`; ALL leaves the session as it was at log-in.
    pub(super) async fn discard(&mut self, what: Discard) -> Outcome<()> {
        match what {
            Discard::Nothing | Discard::Plans => Ok(()),
            Discard::All => {
                if self.status != TransactionStatus::Idle {
                    return Err(Failure::new("25001", "DISCARD ALL cannot be in a transaction"));
                }
                self.portals.clear();
                self.statements.clear();
                self.reset(None).await
            }
        }
    }

    /// What does not outlive a statement outside a transaction.
    pub(super) fn synced(&mut self) {
        if self.status == TransactionStatus::Idle {
            self.portals.retain(|_, portal| portal.cursor == Some(Held::Yes));
        }
    }
}

/// A setting's value, as the protocol says it.
fn status(name: &str, value: String) -> PgWireBackendMessage {
    PgWireBackendMessage::ParameterStatus(ParameterStatus::new(name.to_owned(), value))
}

/// Rows of text.
pub(super) fn texts(columns: Vec<(&str, Vec<String>)>) -> Outcome<RecordBatch> {
    let arrays = columns
        .into_iter()
        .map(|(name, values)| (name, Arc::new(StringArray::from(values)) as ArrayRef));
    Ok(RecordBatch::try_from_iter(arrays).map_err(Error::from)?)
}
