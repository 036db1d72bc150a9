//! What tools ask of `pg_catalog` and `information_schema`.
//!
//! Such questions are PostgreSQL's SQL. They are rewritten into what the engine plans, and answered
//! from tables that imitate PostgreSQL's. One that is not understood is logged once and answered
//! with no rows: a tool then shows less, where an error would end its connection.

mod age;
mod answers;
mod batch;
mod complete;
mod format;
mod format_type;
mod functions;
mod information;
mod instead;
mod lakes;
mod names;
mod numbers;
mod own;
mod pg_typeof;
mod privileges;
mod rewrite;
mod roles;
mod routines;
mod schema;
pub(super) mod search_path;
mod signatures;
mod size_pretty;

use std::collections::HashSet;
use std::sync::{Arc, Mutex, PoisonError, RwLock};

use datafusion::arrow::array::RecordBatch;
use datafusion::execution::SessionStateBuilder;
use datafusion_pg_catalog::pg_catalog::context::EmptyContextProvider;
use datafusion_pg_catalog::pg_catalog::oid_type_planner::PgOidTypePlanner;
use datafusion_pg_catalog::pg_catalog::{PgCatalogSchemaProvider, PgCatalogStaticTables};
use datafusion_pg_catalog::sql::PostgresCompatibilityParser;
use pgwire::api::Type;
use serde_json::json;

use super::audit::{Log, event, without_values};
use super::settings::Settings;
use crate::Tenure;
use crate::error::{Error, Result};
use crate::plan::zoned_times::ZonedTimes;
use lakes::Lakes;
use routines::Routine;
use schema::PgCatalog;

/// Questions that are remembered as not understood.
const REMEMBERED: usize = 10_000;

/// What all sessions share.
pub(super) struct Shared {
    tables: Arc<PgCatalogStaticTables>,
    parser: Arc<PostgresCompatibilityParser>,
    missed: Arc<Mutex<HashSet<String>>>,
    routines: Arc<Vec<Routine>>,
}

impl Shared {
    /// What sessions share, and what those made of `template` inherit: PostgreSQL's functions and
    /// types.
    pub(super) fn new(template: &Tenure) -> Result<Self> {
        let context = template.context();
        // before the others come
        let routines = routines::routines(template);
        let database = context.state().config_options().catalog.default_catalog.clone();
        datafusion_pg_catalog::setup_pg_catalog(context, &database, EmptyContextProvider)
            .map_err(|e| Error::from(*e))?;
        answers::register(context, &routines);
        age::register(context);
        format::register(context);
        format_type::register(context);
        pg_typeof::register(context);
        privileges::register(context);
        size_pretty::register(context);
        // types with a zone, and those of the library
        let state = context.state_ref();
        let mut state = state.write();
        *state = SessionStateBuilder::new_from_existing(state.clone())
            .with_type_planner(Arc::new(ZonedTimes::and(Arc::new(PgOidTypePlanner))))
            .build();
        drop(state);
        Ok(Self {
            routines: Arc::new(routines),
            tables: Arc::new(PgCatalogStaticTables::try_new()?),
            parser: Arc::new(PostgresCompatibilityParser::new()),
            missed: Arc::default(),
        })
    }
}

/// The catalog of one session.
pub(super) struct Catalog {
    parser: Arc<PostgresCompatibilityParser>,
    missed: Arc<Mutex<HashSet<String>>>,
    log: Arc<dyn Log>,
    settings: Arc<RwLock<Settings>>,
    lakes: Lakes,
}

impl Catalog {
    /// Registers the catalog in a session.
    pub(super) fn new(
        shared: &Shared,
        tenure: &Tenure,
        who: functions::Who<'_>,
        settings: &Arc<RwLock<Settings>>,
        log: Arc<dyn Log>,
    ) -> Result<Self> {
        let context = tenure.context();
        let list = Arc::clone(context.state().catalog_list());
        let lakes = Lakes::new(&list, who.database);
        functions::register(context, who, settings, &lakes);
        let tables = PgCatalogSchemaProvider::try_new(
            lakes.clone(),
            Arc::clone(&shared.tables),
            EmptyContextProvider,
        )?;
        let provider = PgCatalog {
            tables,
            lakes: lakes.clone(),
            routines: Arc::clone(&shared.routines),
            user: who.user.to_owned(),
            database: who.database.to_owned(),
            pid: who.pid,
            settings: Arc::clone(settings),
        };
        if let Some(catalog) = context.catalog(who.database) {
            catalog.register_schema("pg_catalog", Arc::new(provider))?;
        }
        Ok(Self {
            parser: Arc::clone(&shared.parser),
            missed: Arc::clone(&shared.missed),
            log,
            settings: Arc::clone(settings),
            lakes,
        })
    }

    /// A question as the engine gets it: rewritten if it is about the catalog.
    pub(super) fn text(&self, sql: &str) -> String {
        if !rewrite::asks_catalog(sql) {
            return sql.to_owned();
        }
        let path = search_path::of(&self.settings, &self.lakes);
        rewrite::rewrite(&self.parser, sql, &path).unwrap_or_else(|| sql.to_owned())
    }

    /// Whether a question is about the catalog.
    pub(super) fn asked(&self, sql: &str) -> bool {
        rewrite::asks_catalog(sql) && instead::nothing(sql).is_some()
    }

    /// An answer without rows to a question about the catalog that came to nothing.
    pub(super) fn instead(&self, sql: &str, e: &Error) -> Option<RecordBatch> {
        if !rewrite::asks_catalog(sql) || !instead::is_not_understood(e) {
            return None;
        }
        let batch = instead::nothing(sql)?;
        if instead::is_of_nothing(sql) {
            return Some(batch);
        }
        let statement = without_values(sql);
        let mut missed = self.missed.lock().unwrap_or_else(PoisonError::into_inner);
        if missed.len() < REMEMBERED && missed.insert(statement.clone()) {
            // what an error says may quote a value
            let sqlstate = e.kind().sqlstate();
            tracing::warn!(%statement, sqlstate, "a question about the catalog was not understood");
            event(
                self.log.as_ref(),
                "catalog_not_understood",
                json!({"statement": statement, "sqlstate": sqlstate}),
            );
        }
        Some(batch)
    }

    /// The types of the parameters of such a question: those that the client declared, or text.
    pub(super) fn types(sql: &str, declared: &[u32]) -> Vec<Type> {
        let declared = |at: usize| declared.get(at).and_then(|oid| Type::from_oid(*oid));
        let types = 0..super::prepared::parameters(sql);
        types.map(|at| declared(at).unwrap_or(Type::TEXT)).collect()
    }
}

pub(super) use functions::Who;
