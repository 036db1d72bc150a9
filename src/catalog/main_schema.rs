//! The default schema: what the user made, the lake or lakes, and files named by their path.

use std::collections::BTreeMap;
use std::sync::{Arc, PoisonError, RwLock};

use async_trait::async_trait;
use datafusion::catalog::SchemaProvider;
use datafusion::common::{DataFusionError, Result, exec_err};
use datafusion::datasource::{TableProvider, ViewTable};

use super::lake_schema::LakeSchema;
use super::{OpenLake, Session};
use crate::engine::pinned;
use crate::error::{Error, ErrorKind};
use crate::lake::{self, StoreOptions};
use crate::options::TenureOptions;
use crate::plan::{Places, relations};

#[derive(Debug)]
pub(super) struct MainSchema {
    made: RwLock<BTreeMap<String, Arc<dyn TableProvider>>>,
    lakes: Vec<(String, LakeSchema)>,
    session: Session,
    /// files and URLs are refused
    lakes_only: bool,
}

impl MainSchema {
    pub(super) fn new(lakes: Vec<Arc<OpenLake>>, session: Session, lakes_only: bool) -> Self {
        let lakes = lakes
            .into_iter()
            .map(|l| (l.name().to_string(), LakeSchema::new(l, session.clone())))
            .collect();
        Self { made: RwLock::default(), lakes, session, lakes_only }
    }

    fn made(&self, name: &str) -> Option<Arc<dyn TableProvider>> {
        self.made.read().unwrap_or_else(PoisonError::into_inner).get(name).map(Arc::clone)
    }

    /// A view is planned anew, so that it sees the lake and the settings of this statement.
    async fn replanned(&self, made: Arc<dyn TableProvider>) -> Result<Arc<dyn TableProvider>> {
        let query = (made.as_ref() as &dyn std::any::Any)
            .downcast_ref::<ViewTable>()
            .and_then(|v| v.definition())
            .and_then(|d| query_of(d));
        match query {
            Some(query) => Ok(self.session.view(&query).await?),
            None => Ok(made),
        }
    }

    async fn table_of_path(&self, path: &str) -> Result<Arc<dyn TableProvider>, DataFusionError> {
        if self.lakes_only {
            // whether there is such a file is nobody's business either
            return Err(Error::new(
                ErrorKind::Forbidden,
                "files and URLs cannot be read in this session",
            )
            .with_hint("ask the tables of the lake; information_schema.tables lists them")
            .into());
        }
        let state = self.session.state()?;
        let env = Arc::clone(state.runtime_env());
        let options = StoreOptions::default();
        let named = state.config().get_extension::<Places>().and_then(|places| places.url(path));
        let location = named.as_deref().unwrap_or(path);
        let listing = lake::open_path(location, &options, &env, &state);
        Ok(pinned(format!("path {path}"), listing).await?)
    }
}

/// The query of `CREATE VIEW name AS query`.
fn query_of(definition: &str) -> Option<String> {
    use datafusion::logical_expr::sqlparser::ast::Statement;
    use datafusion::logical_expr::sqlparser::parser::Parser;
    let statements = Parser::parse_sql(&crate::plan::dialect::TenureDialect, definition).ok()?;
    match statements.into_iter().next()? {
        // columns renamed by the definition keep the plan they were made with
        Statement::CreateView(view) if view.columns.is_empty() => Some(view.query.to_string()),
        _ => None,
    }
}

/// Whether a name can only be the place of files.
fn is_path(name: &str) -> bool {
    name.contains('/') || name.contains('*') || name.to_lowercase().ends_with(".parquet")
}

#[async_trait]
impl SchemaProvider for MainSchema {
    fn table_names(&self) -> Vec<String> {
        let made = self.made.read().unwrap_or_else(PoisonError::into_inner);
        let mut names: Vec<String> = made.keys().cloned().collect();
        if let [(_, lake)] = self.lakes.as_slice() {
            names.extend(lake.table_names().into_iter().filter(|n| !made.contains_key(n)));
        }
        names
    }

    async fn table(&self, name: &str) -> Result<Option<Arc<dyn TableProvider>>, DataFusionError> {
        if let Some(made) = self.made(name) {
            return self.replanned(made).await.map(Some);
        }
        if is_path(name) {
            return self.table_of_path(name).await.map(Some);
        }
        let holding = || self.lakes.iter().filter(|(_, l)| l.table_exist(name)).collect::<Vec<_>>();
        let mut holders = holding();
        if holders.is_empty() && !relations::is_known(name) {
            // a folder may have come since the lake was opened
            for (_, lake) in &self.lakes {
                lake.look_again().await?;
            }
            holders = holding();
        }
        match holders.as_slice() {
            [] => Ok(None),
            [(_, lake)] => lake.table(name).await,
            several => {
                let chosen = TenureOptions::of(self.session.state()?.config_options()).lake;
                if let Some((_, lake)) = several.iter().find(|(name, _)| *name == chosen.trim()) {
                    return lake.table(name).await;
                }
                let names: Vec<String> =
                    several.iter().map(|(l, _)| format!("{l}.{name}")).collect();
                Err(Error::new(ErrorKind::UndefinedTable, format!("{name} is in several lakes"))
                    .with_hint(format!(
                        "write {}, or choose a lake for all: SET tenure.lake = '{}'",
                        names.join(" or "),
                        several.first().map_or("", |(lake, _)| lake)
                    ))
                    .into())
            }
        }
    }

    fn register_table(
        &self,
        name: String,
        table: Arc<dyn TableProvider>,
    ) -> Result<Option<Arc<dyn TableProvider>>> {
        let mut made = self.made.write().unwrap_or_else(PoisonError::into_inner);
        if made.contains_key(&name) || self.lakes.iter().any(|(_, l)| l.table_exist(&name)) {
            return Err(Error::new(ErrorKind::Exists, format!("{name} exists already")).into());
        }
        Ok(made.insert(name, table))
    }

    fn deregister_table(&self, name: &str) -> Result<Option<Arc<dyn TableProvider>>> {
        let removed = self.made.write().unwrap_or_else(PoisonError::into_inner).remove(name);
        if removed.is_none() && self.lakes.iter().any(|(_, l)| l.table_exist(name)) {
            return exec_err!("{name} belongs to the lake and cannot be dropped");
        }
        Ok(removed)
    }

    fn table_exist(&self, name: &str) -> bool {
        self.made(name).is_some()
            || is_path(name)
            || self.lakes.iter().any(|(_, l)| l.table_exist(name))
    }
}
