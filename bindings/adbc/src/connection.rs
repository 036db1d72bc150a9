//! A connection: one session of the engine.

use std::collections::HashSet;
use std::sync::Arc;

use adbc_core::error::{Error as AdbcError, Result, Status};
use adbc_core::options::{InfoCode, ObjectDepth, OptionConnection, OptionValue};
use adbc_core::schemas::{GET_STATISTIC_NAMES_SCHEMA, GET_TABLE_TYPES_SCHEMA};
use adbc_core::{CancelHandle, Connection, Optionable};
use arrow_array::{RecordBatch, RecordBatchIterator, RecordBatchReader, StringArray};
use arrow_schema::Schema;
use tenure::{Params, Tenure};

use crate::cancel::{Cancel, wait};
use crate::driver::{is_setting, set};
use crate::error::{adbc, not_supported, state, usage};
use crate::guard::guarded;
use crate::option::{other_getters, switch, text, unknown};
use crate::statement::TenureStatement;
use crate::{info, objects};

/// Rows for the caller.
pub(crate) type Reader = Box<dyn RecordBatchReader + Send + 'static>;

/// One session of the engine.
pub struct TenureConnection {
    tenure: Arc<Tenure>,
    read_only: bool,
    cancel: Cancel,
}

impl TenureConnection {
    pub(crate) fn new(tenure: Tenure, read_only: bool) -> Self {
        Self { tenure: Arc::new(tenure), read_only, cancel: Cancel::default() }
    }

    /// Runs a statement whose rows nobody wants.
    pub(crate) fn run(&self, sql: &str) -> Result<()> {
        wait(self.tenure.sql(sql), &mut [self.cancel.watch()]).map_err(adbc)?;
        Ok(())
    }

    fn setting(&self, name: &str) -> Result<String> {
        let state = self.tenure.context().state();
        let options = state.config_options();
        let value = match name.strip_prefix("tenure.") {
            Some(own) => {
                let settings = tenure::options::settings(options);
                settings.into_iter().find(|s| s.name == own).map(|s| s.value)
            }
            None => {
                let entries = options.entries();
                entries.into_iter().find(|e| e.key == name).map(|e| e.value.unwrap_or_default())
            }
        };
        value.ok_or_else(|| unknown(name))
    }
}

impl Optionable for TenureConnection {
    type Option = OptionConnection;

    fn set_option(&mut self, key: OptionConnection, value: OptionValue) -> Result<()> {
        guarded(|| match &key {
            OptionConnection::AutoCommit if switch(key.as_ref(), value.clone())? => Ok(()),
            // a caller that asks for transactions goes on without, as the standard has it
            OptionConnection::AutoCommit => Err(not_supported("there are no transactions")),
            OptionConnection::ReadOnly => match switch(key.as_ref(), value.clone())? {
                wanted if wanted == self.read_only => Ok(()),
                _ => Err(state("a session is read-only or not from its beginning")),
            },
            OptionConnection::CurrentCatalog => self
                .run(&set("datafusion.catalog.default_catalog", &text("catalog", value.clone())?)),
            OptionConnection::CurrentSchema => {
                self.run(&set("datafusion.catalog.default_schema", &text("schema", value.clone())?))
            }
            OptionConnection::Other(name) if is_setting(name) => {
                self.run(&set(name, &text(name, value.clone())?))
            }
            key => Err(not_supported(format!(
                "there is no option {}: a connection takes tenure.* and datafusion.*",
                key.as_ref()
            ))),
        })
    }

    fn get_option_string(&self, key: OptionConnection) -> Result<String> {
        guarded(|| match &key {
            OptionConnection::AutoCommit => Ok("true".into()),
            OptionConnection::ReadOnly => Ok(self.read_only.to_string()),
            OptionConnection::CurrentCatalog => self.setting("datafusion.catalog.default_catalog"),
            OptionConnection::CurrentSchema => self.setting("datafusion.catalog.default_schema"),
            key => self.setting(key.as_ref()),
        })
    }

    other_getters!(OptionConnection);
}

impl Connection for TenureConnection {
    type StatementType = TenureStatement;

    fn new_statement(&mut self) -> Result<TenureStatement> {
        Ok(TenureStatement::new(Arc::clone(&self.tenure), self.cancel.clone()))
    }

    fn get_cancel_handle(&self) -> Box<dyn CancelHandle> {
        Box::new(self.cancel.clone())
    }

    fn get_info(&self, codes: Option<HashSet<InfoCode>>) -> Result<Reader> {
        guarded(|| info::reader(codes.as_ref()))
    }

    fn get_objects(
        &self,
        depth: ObjectDepth,
        catalog: Option<&str>,
        db_schema: Option<&str>,
        table_name: Option<&str>,
        table_type: Option<Vec<&str>>,
        column_name: Option<&str>,
    ) -> Result<Reader> {
        guarded(|| {
            let wanted = objects::Wanted {
                depth,
                catalog,
                schema: db_schema,
                table: table_name,
                types: table_type.as_deref(),
                column: column_name,
            };
            wait(objects::find(&self.tenure, &wanted), &mut [self.cancel.watch()])
                .map_err(adbc)
                .and_then(|found| objects::reader(&found, depth))
        })
    }

    fn get_table_schema(
        &self,
        catalog: Option<&str>,
        db_schema: Option<&str>,
        table_name: &str,
    ) -> Result<Schema> {
        guarded(|| {
            let name = relation(catalog, db_schema, table_name);
            let sql = format!("SELECT * FROM {name}");
            let params = Params::default();
            let work = self.tenure.prepare(&sql, &params);
            let prepared = wait(work, &mut [self.cancel.watch()]).map_err(adbc)?;
            prepared.schema.map(|s| s.as_ref().clone()).ok_or_else(|| usage("no such table"))
        })
    }

    fn get_table_types(&self) -> Result<Reader> {
        let schema = Arc::clone(&GET_TABLE_TYPES_SCHEMA);
        let names = Arc::new(StringArray::from(vec![objects::TABLE, objects::VIEW]));
        let batch = RecordBatch::try_new(Arc::clone(&schema), vec![names])?;
        Ok(Box::new(RecordBatchIterator::new([Ok(batch)], schema)))
    }

    fn get_statistic_names(&self) -> Result<Reader> {
        // those of the standard only
        let schema = Arc::clone(&GET_STATISTIC_NAMES_SCHEMA);
        Ok(Box::new(RecordBatchIterator::new([], schema)))
    }

    fn get_statistics(
        &self,
        _catalog: Option<&str>,
        _db_schema: Option<&str>,
        _table_name: Option<&str>,
        _approximate: bool,
    ) -> Result<Reader> {
        Err(not_supported("statistics of tables are not given"))
    }

    fn commit(&mut self) -> Result<()> {
        Err(no_transaction())
    }

    fn rollback(&mut self) -> Result<()> {
        Err(no_transaction())
    }

    fn read_partition(&self, _partition: impl AsRef<[u8]>) -> Result<Reader> {
        Err(not_supported("results are not given in partitions"))
    }
}

fn no_transaction() -> AdbcError {
    AdbcError { status: Status::InvalidState, ..not_supported("there are no transactions") }
}

/// A relation's name as SQL has it.
pub(crate) fn relation(catalog: Option<&str>, schema: Option<&str>, table: &str) -> String {
    let quoted = |name: &str| format!("\"{}\"", name.replace('"', "\"\""));
    let given = |name: Option<&str>| name.filter(|n| !n.is_empty()).map(quoted);
    // a catalog alone would be taken for a schema
    let schema = given(schema).or_else(|| given(catalog).map(|_| quoted("main")));
    [given(catalog), schema, Some(quoted(table))]
        .into_iter()
        .flatten()
        .collect::<Vec<_>>()
        .join(".")
}
