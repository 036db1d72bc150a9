//! The schemas of one lake: `raw`, the tables as they are, and the names a user writes first.

use std::sync::Arc;

use async_trait::async_trait;
use datafusion::catalog::SchemaProvider;
use datafusion::common::{DataFusionError, Result};
use datafusion::datasource::TableProvider;

use super::{OpenLake, Session};

/// `raw`: the tables of a lake as they are.
#[derive(Debug)]
pub(super) struct RawSchema {
    lake: Arc<OpenLake>,
    session: Session,
}

impl RawSchema {
    pub(super) fn new(lake: Arc<OpenLake>, session: Session) -> Self {
        Self { lake, session }
    }
}

#[async_trait]
impl SchemaProvider for RawSchema {
    fn table_names(&self) -> Vec<String> {
        self.lake.tables()
    }

    async fn table(&self, name: &str) -> Result<Option<Arc<dyn TableProvider>>, DataFusionError> {
        if !self.table_exist(name) {
            return Ok(None);
        }
        let table = self.lake.table(name, &self.session.state()?).await?;
        Ok(Some(table))
    }

    fn table_exist(&self, name: &str) -> bool {
        self.lake.tables().iter().any(|t| t == name)
    }
}

/// The canonical views of a lake, and its raw tables where no view has the name.
#[derive(Debug)]
pub(super) struct LakeSchema {
    lake: Arc<OpenLake>,
    session: Session,
}

impl LakeSchema {
    pub(super) fn new(lake: Arc<OpenLake>, session: Session) -> Self {
        Self { lake, session }
    }

    /// Sees tables that came since the lake was opened.
    pub(super) async fn look_again(&self) -> crate::error::Result<()> {
        self.lake.look_again().await
    }
}

#[async_trait]
impl SchemaProvider for LakeSchema {
    fn table_names(&self) -> Vec<String> {
        let mut names: Vec<String> = self.lake.views().iter().map(ToString::to_string).collect();
        for table in self.lake.tables() {
            if !names.contains(&table) {
                names.push(table);
            }
        }
        names
    }

    async fn table(&self, name: &str) -> Result<Option<Arc<dyn TableProvider>>, DataFusionError> {
        let state = self.session.state()?;
        if let Some(sql) = self.lake.view_sql(name, &state)? {
            return Ok(Some(self.session.view(&sql).await?));
        }
        if !self.lake.tables().iter().any(|t| t == name) {
            return Ok(None);
        }
        let table = self.lake.table(name, &state).await?;
        Ok(Some(table))
    }

    fn table_exist(&self, name: &str) -> bool {
        self.lake.views().contains(&name) || self.lake.tables().iter().any(|t| t == name)
    }
}
