//! A statement: SQL with values, or rows on their way into a table.

use std::sync::Arc;

use adbc_core::error::Result;
use adbc_core::options::{IngestMode, OptionStatement, OptionValue};
use adbc_core::{CancelHandle, Optionable, PartitionedResult, Statement};
use arrow_array::{RecordBatch, RecordBatchIterator, RecordBatchReader};
use arrow_schema::{DataType, Field, Schema};
use futures::TryStreamExt;
use tenure::{Answer, Error, Params, Prepared, Tenure};

use crate::cancel::{Cancel, Watch, wait};
use crate::connection::Reader;
use crate::error::{adbc, not_supported, state, usage};
use crate::guard::guarded;
use crate::ingest::{self, Target};
use crate::option::{other_getters, switch, text, unknown};
use crate::reader::{AnswerReader, Runs};
use crate::values::Rows;

/// One statement of a connection.
pub struct TenureStatement {
    tenure: Arc<Tenure>,
    sql: Option<String>,
    bound: Option<Box<dyn RecordBatchReader + Send>>,
    target: Target,
    /// of the connection, and of this statement
    cancels: [Cancel; 2],
}

impl TenureStatement {
    pub(crate) fn new(tenure: Arc<Tenure>, connection: Cancel) -> Self {
        Self {
            tenure,
            sql: None,
            bound: None,
            target: Target::default(),
            cancels: [connection, Cancel::default()],
        }
    }

    fn watches(&self) -> Vec<Watch> {
        self.cancels.iter().map(Cancel::watch).collect()
    }

    fn sql(&self) -> Result<&str> {
        self.sql.as_deref().ok_or_else(|| state("the statement has no SQL yet"))
    }

    fn prepared(&self) -> Result<Prepared> {
        let params = Params::default();
        let work = self.tenure.prepare(self.sql()?, &params);
        wait(work, &mut self.watches()).map_err(adbc)
    }

    /// The statement with the values bound to it, which are used up.
    fn runs(&mut self) -> Result<Runs> {
        let rows = self.bound.take().map(Rows::new);
        if let Some(rows) = &rows {
            let names = self.prepared()?.parameters.into_iter().map(|(name, _)| name);
            rows.check(&names.collect::<Vec<_>>())?;
        }
        let (tenure, sql) = (Arc::clone(&self.tenure), self.sql()?.to_string());
        Ok(Runs { tenure, sql, rows, started: false })
    }

    fn ingest(&mut self) -> Result<i64> {
        let rows = self.bound.take().ok_or_else(|| state("no rows are bound to ingest"))?;
        let work = ingest::ingest(&self.tenure, &self.target, rows);
        wait(work, &mut self.watches()).map_err(adbc)
    }

    /// Reads the rows of an answer, which nobody wants.
    fn drain(answer: Answer, watches: &mut [Watch]) -> Result<()> {
        let work = answer.stream.try_for_each(|_| async { Ok(()) });
        wait(async { work.await.map_err(Error::from) }, watches).map_err(adbc)
    }
}

impl Optionable for TenureStatement {
    type Option = OptionStatement;

    fn set_option(&mut self, key: OptionStatement, value: OptionValue) -> Result<()> {
        let name = key.as_ref().to_string();
        match key {
            OptionStatement::IngestMode => self.target.mode = IngestMode::try_from(&value)?,
            OptionStatement::TargetTable => {
                self.target.table = Some(text(&name, value)?);
                self.sql = None;
            }
            OptionStatement::TargetCatalog => self.target.catalog = Some(text(&name, value)?),
            OptionStatement::TargetDbSchema => self.target.schema = Some(text(&name, value)?),
            // what is made in a session goes with it
            OptionStatement::Temporary => _ = switch(&name, value)?,
            // columns and names are both known
            OptionStatement::Other(other) if other == "adbc.statement.bind_by_name" => {
                switch(&name, value)?;
            }
            _ => return Err(not_supported(format!("there is no option {name} of a statement"))),
        }
        Ok(())
    }

    fn get_option_string(&self, key: OptionStatement) -> Result<String> {
        let value = match key {
            OptionStatement::IngestMode => Some(self.target.mode.into()),
            OptionStatement::TargetTable => self.target.table.clone(),
            OptionStatement::TargetCatalog => self.target.catalog.clone(),
            OptionStatement::TargetDbSchema => self.target.schema.clone(),
            _ => None,
        };
        value.ok_or_else(|| unknown(key.as_ref()))
    }

    other_getters!(OptionStatement);
}

impl Statement for TenureStatement {
    fn bind(&mut self, batch: RecordBatch) -> Result<()> {
        let schema = batch.schema();
        self.bound = Some(Box::new(RecordBatchIterator::new([Ok(batch)], schema)));
        Ok(())
    }

    fn bind_stream(&mut self, reader: Box<dyn RecordBatchReader + Send>) -> Result<()> {
        self.bound = Some(reader);
        Ok(())
    }

    fn execute(&mut self) -> Result<Reader> {
        guarded(|| {
            if self.target.table.is_some() {
                self.ingest()?;
                let schema = Arc::new(Schema::empty());
                return Ok(Box::new(RecordBatchIterator::new([], schema)) as Reader);
            }
            let mut runs = self.runs()?;
            let mut watches = self.watches();
            let first = runs.next_answer(&mut watches)?.map(|(answer, _)| answer);
            let schema = match &first {
                Some(answer) => Arc::clone(&answer.schema),
                // no row of values: no row of an answer
                None => self.prepared()?.schema.unwrap_or_else(|| Arc::new(Schema::empty())),
            };
            Ok(Box::new(AnswerReader::new(schema, runs, first, watches)))
        })
    }

    fn execute_update(&mut self) -> Result<Option<i64>> {
        guarded(|| {
            if self.target.table.is_some() {
                return self.ingest().map(Some);
            }
            let mut runs = self.runs()?;
            let mut watches = self.watches();
            let mut total = None;
            while let Some((answer, changed)) = runs.next_answer(&mut watches)? {
                match changed {
                    Some(more) => {
                        let more = i64::try_from(more).unwrap_or(i64::MAX);
                        total = Some(total.unwrap_or(0_i64).saturating_add(more));
                    }
                    None => Self::drain(answer, &mut watches)?,
                }
            }
            Ok(total)
        })
    }

    fn execute_schema(&mut self) -> Result<Schema> {
        guarded(|| {
            let schema = self.prepared()?.schema;
            schema.map(|s| s.as_ref().clone()).ok_or_else(|| {
                usage("the columns of the answer depend on the values of the parameters")
            })
        })
    }

    fn execute_partitions(&mut self) -> Result<PartitionedResult> {
        Err(not_supported("results are not given in partitions"))
    }

    fn get_parameter_schema(&self) -> Result<Schema> {
        guarded(|| {
            let parameters = self.prepared()?.parameters;
            let field = |(name, ty): (String, Option<DataType>)| {
                Field::new(name, ty.unwrap_or(DataType::Null), true)
            };
            Ok(Schema::new(parameters.into_iter().map(field).collect::<Vec<_>>()))
        })
    }

    fn prepare(&mut self) -> Result<()> {
        guarded(|| self.prepared().map(drop))
    }

    fn set_sql_query(&mut self, query: impl AsRef<str>) -> Result<()> {
        self.sql = Some(query.as_ref().to_string());
        self.target = Target::default();
        self.bound = None;
        Ok(())
    }

    fn set_substrait_plan(&mut self, _plan: impl AsRef<[u8]>) -> Result<()> {
        Err(not_supported("plans in Substrait are not read; set a query in SQL"))
    }

    fn get_cancel_handle(&self) -> Box<dyn CancelHandle> {
        let [_, own] = &self.cancels;
        Box::new(own.clone())
    }
}
