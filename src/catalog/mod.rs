//! How lakes appear in SQL.
//!
//! Every lake is a catalog with the schemas `main` (canonical views, raw tables whose name no view
//! has, and what the user makes), `raw` (the tables as they are) and `tenure` (what Tenure knows
//! itself). With one lake its catalog is the default one. With several, the default catalog has a
//! schema for each lake, so that `retail.orders` and `cdnow.orders` are what they say.

mod lake_schema;
mod main_schema;
mod open_lake;
mod system_schema;

use std::fmt;
use std::sync::Arc;

use datafusion::catalog::{CatalogProvider, MemoryCatalogProvider};
use datafusion::common::DataFusionError;
use datafusion::datasource::ViewTable;
use datafusion::execution::SessionState;
use datafusion::execution::context::SessionContext;

pub(crate) use open_lake::OpenLake;

use crate::engine::Statement;
use crate::error::{Error, ErrorKind, Result};
use crate::plan;
use lake_schema::{LakeSchema, RawSchema};
use main_schema::MainSchema;
use system_schema::SystemSchema;

/// Name of the default catalog where there is not exactly one lake.
pub(crate) const DEFAULT_CATALOG: &str = "tenure";

/// The session that a schema belongs to, without keeping it alive.
#[derive(Clone)]
pub(crate) struct Session(Arc<dyn Fn() -> Option<SessionState> + Send + Sync>);

impl Session {
    pub(crate) fn of(context: &SessionContext) -> Self {
        let weak = context.state_weak_ref();
        Self(Arc::new(move || weak.upgrade().map(|state| state.read().clone())))
    }

    /// Its state for the statement that is being planned.
    pub(crate) fn state(&self) -> Result<SessionState> {
        let Some(mut state) = (self.0)() else {
            return Err(Error::new(ErrorKind::Internal, "the session is closed"));
        };
        if let Some(statement) = Statement::current() {
            statement.freeze(&mut state)?;
        }
        Ok(state)
    }

    /// A view planned now, from its SQL.
    async fn view(&self, sql: &str) -> std::result::Result<Arc<ViewTable>, DataFusionError> {
        let state = self.state()?;
        let statement = plan::parse(sql, &state, &crate::Params::default())?;
        let plan = Box::pin(state.statement_to_plan(statement))
            .await
            .map_err(|e| Error::from(e).without_place())?;
        Ok(Arc::new(ViewTable::new(plan, Some(sql.to_string()))))
    }
}

impl fmt::Debug for Session {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Session")
    }
}

/// Registers the catalogs of `lakes`; with `lakes_only`, a path in `FROM` is refused.
pub(crate) fn register(
    context: &SessionContext,
    lakes: &[Arc<OpenLake>],
    lakes_only: bool,
) -> Result<()> {
    let session = Session::of(context);
    let main = MainSchema::new(lakes.to_vec(), session.clone(), lakes_only);
    let default = MemoryCatalogProvider::new();
    default.register_schema("main", Arc::new(main))?;
    default
        .register_schema("tenure", Arc::new(SystemSchema::new(lakes.to_vec(), session.clone())))?;
    if let [lake] = lakes {
        default.register_schema("raw", Arc::new(RawSchema::new(Arc::clone(lake), session)))?;
        context.register_catalog(lake.name(), Arc::new(default));
        return Ok(());
    }
    for lake in lakes {
        let schema = Arc::new(LakeSchema::new(Arc::clone(lake), session.clone()));
        default.register_schema(lake.name(), Arc::clone(&schema) as _)?;
        let own = MemoryCatalogProvider::new();
        own.register_schema("main", schema)?;
        own.register_schema("raw", Arc::new(RawSchema::new(Arc::clone(lake), session.clone())))?;
        let system = SystemSchema::new(vec![Arc::clone(lake)], session.clone());
        own.register_schema("tenure", Arc::new(system))?;
        context.register_catalog(lake.name(), Arc::new(own));
    }
    context.register_catalog(DEFAULT_CATALOG, Arc::new(default));
    Ok(())
}

/// The default catalog for `lakes`.
pub(crate) fn default_catalog(lakes: &[Arc<OpenLake>]) -> String {
    match lakes {
        [lake] => lake.name().to_string(),
        _ => DEFAULT_CATALOG.to_string(),
    }
}
