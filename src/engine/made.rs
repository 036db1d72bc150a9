//! Tables that a program brings into the session.

use std::sync::Arc;

use datafusion::common::TableReference;
use datafusion::datasource::TableProvider;

use super::Tenure;
use crate::error::Result;

impl Tenure {
    /// Makes `table` known as `name`, beside the lake's tables and those that statements made.
    ///
    /// # Errors
    /// A name that is taken.
    pub fn register_table(&self, name: &str, table: Arc<dyn TableProvider>) -> Result<()> {
        self.context().register_table(TableReference::bare(name), table)?;
        Ok(())
    }

    /// Forgets a table that a program or a statement made; whether there was one.
    ///
    /// # Errors
    /// A table of the lake.
    pub fn deregister_table(&self, name: &str) -> Result<bool> {
        Ok(self.context().deregister_table(TableReference::bare(name))?.is_some())
    }
}
