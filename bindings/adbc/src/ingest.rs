//! Bulk ingest: the caller's rows into a table of the session, or into Parquet files.
//!
//! A target that is a path, one with `/` or ending in `.parquet`, is files: a name that ends in
//! `.parquet` is one file, everything else a folder. All others are tables in memory, which go
//! with the session. Either way the rows go through the engine's own statements, so that a
//! read-only session refuses them.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use adbc_core::options::IngestMode;
use arrow_array::RecordBatchReader;
use arrow_schema::{Schema, SchemaRef};
use futures::TryStreamExt;
use tenure::datafusion::arrow::compute::can_cast_types;
use tenure::datafusion::catalog::streaming::StreamingTable;
use tenure::datafusion::physical_plan::streaming::PartitionStream;
use tenure::{Error, ErrorKind, Params, Result, Tenure};

use crate::connection::relation;
use crate::incoming::Incoming;

/// Where rows go.
#[derive(Debug, Clone)]
pub(crate) struct Target {
    pub(crate) table: Option<String>,
    pub(crate) catalog: Option<String>,
    pub(crate) schema: Option<String>,
    pub(crate) mode: IngestMode,
}

impl Default for Target {
    fn default() -> Self {
        Self { table: None, catalog: None, schema: None, mode: IngestMode::Create }
    }
}

/// Puts all rows where they belong; how many they were.
pub(crate) async fn ingest(
    tenure: &Tenure,
    target: &Target,
    reader: Box<dyn RecordBatchReader + Send>,
) -> Result<i64> {
    let table = target.table.as_deref().unwrap_or_default();
    if table.is_empty() {
        return Err(Error::new(ErrorKind::Usage, "the table to write to has no name"));
    }
    let name = relation(target.catalog.as_deref(), target.schema.as_deref(), table);
    let incoming = Incoming::new(reader);
    let rows = incoming.rows();
    let columns = Arc::clone(incoming.schema());
    if columns.fields().is_empty() {
        return Err(Error::new(ErrorKind::Usage, "the rows to ingest have no columns"));
    }
    let there = columns_of(tenure, &name).await?;
    let appends = match (target.mode, &there) {
        (IngestMode::Create, Some(_)) => {
            return Err(Error::new(ErrorKind::Exists, format!("{table} exists already"))
                .with_hint("choose another name, or the mode append, replace or create_append"));
        }
        (IngestMode::Append, None) => {
            return Err(Error::new(
                ErrorKind::UndefinedTable,
                format!("there is no table {table}"),
            )
            .with_hint("the mode create makes it"));
        }
        (IngestMode::Append | IngestMode::CreateAppend, Some(there)) => {
            check_columns(table, &columns, there)?;
            true
        }
        _ => false,
    };
    // dropped mid-way, by an error or a cancel, the source goes as well
    let source = Source { tenure, name: register(tenure, incoming)? };
    let list: Vec<String> =
        columns.fields().iter().map(|f| relation(None, None, f.name())).collect();
    let (list, from) = (list.join(", "), relation(None, None, &source.name));
    let sql = if is_path(table) {
        files(table, &list, &from, appends, there.is_some())
    } else if appends {
        Ok(format!("INSERT INTO {name} ({list}) SELECT {list} FROM {from}"))
    } else {
        let create = if there.is_some() { "CREATE OR REPLACE" } else { "CREATE" };
        Ok(format!("{create} TABLE {name} AS SELECT {list} FROM {from}"))
    };
    let answer = tenure.run(&sql?).await?;
    answer.stream.try_for_each(|_| async { Ok(()) }).await?;
    drop(source);
    Ok(i64::try_from(rows.load(Ordering::Relaxed)).unwrap_or(i64::MAX))
}

/// The statement that writes files.
fn files(table: &str, list: &str, from: &str, appends: bool, there: bool) -> Result<String> {
    let one = table.to_lowercase().ends_with(".parquet");
    let refused = |what: &str, hint: &str| {
        Err(Error::new(ErrorKind::NotSupported, format!("{table}: {what}")).with_hint(hint))
    };
    if one && appends {
        return refused(
            "rows cannot be added to one file",
            "name a folder, which takes more files",
        );
    }
    if !one && there && !appends {
        return refused(
            "a folder of files is not replaced",
            "name one file that ends in .parquet, or a folder that is not there yet",
        );
    }
    let place = if one || table.ends_with('/') { table.to_string() } else { format!("{table}/") };
    let place = place.replace('\'', "''");
    Ok(format!("COPY (SELECT {list} FROM {from}) TO '{place}' STORED AS PARQUET"))
}

fn is_path(table: &str) -> bool {
    table.contains('/') || table.to_lowercase().ends_with(".parquet")
}

/// The columns of a relation; `None` if there is none.
async fn columns_of(tenure: &Tenure, name: &str) -> Result<Option<SchemaRef>> {
    match tenure.prepare(&format!("SELECT * FROM {name}"), &Params::default()).await {
        Ok(prepared) => Ok(prepared.schema),
        Err(e) if matches!(e.kind(), ErrorKind::UndefinedTable | ErrorKind::NoFiles) => Ok(None),
        Err(e) => Err(e),
    }
}

/// Rows to append have the columns of the table, by name and type.
fn check_columns(table: &str, rows: &Schema, there: &Schema) -> Result<()> {
    for field in rows.fields() {
        let (name, ty) = (field.name(), field.data_type());
        let what = match there.field_with_name(name) {
            Ok(known) if can_cast_types(ty, known.data_type()) => {
                continue;
            }
            Ok(known) => format!("which is {} there and not {ty}", known.data_type()),
            Err(_) => "which is not there".to_string(),
        };
        return Err(Error::new(
            ErrorKind::Exists,
            format!("the rows do not fit {table}: they have the column {name}, {what}"),
        ));
    }
    Ok(())
}

/// Registers the rows under a name that nobody else uses.
fn register(tenure: &Tenure, incoming: Incoming) -> Result<String> {
    static COUNT: AtomicU64 = AtomicU64::new(0);
    let name = format!("__incoming_{}", COUNT.fetch_add(1, Ordering::Relaxed));
    let schema = Arc::clone(incoming.schema());
    let table = StreamingTable::try_new(schema, vec![Arc::new(incoming)])?;
    tenure.register_table(&name, Arc::new(table))?;
    Ok(name)
}

/// A table that is there as long as this value.
struct Source<'a> {
    tenure: &'a Tenure,
    name: String,
}

impl Drop for Source<'_> {
    fn drop(&mut self) {
        let _ = self.tenure.deregister_table(&self.name);
    }
}
