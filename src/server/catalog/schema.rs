//! `pg_catalog`: the tables of the library that imitates them, with Tenure's functions, the types of
//! answers, the roles of the session, and `information_schema`, which is found here by another name.

use std::sync::{Arc, PoisonError, RwLock};

use async_trait::async_trait;
use datafusion::arrow::array::{
    Array, ArrayRef, AsArray, Int16Array, Int32Array, ListBuilder, RecordBatch, StringArray,
    StringBuilder, new_null_array,
};
use datafusion::arrow::datatypes::{DataType, Field, FieldRef, Int32Type, Schema, SchemaRef};
use datafusion::catalog::{MemTable, SchemaProvider};
use datafusion::common::Result;
use datafusion::datasource::{TableProvider, TableType};
use datafusion::execution::TaskContext;
use datafusion_pg_catalog::pg_catalog::context::EmptyContextProvider;
use datafusion_pg_catalog::pg_catalog::{
    PG_CATALOG_TABLES, PgCatalogSchemaProvider, PgCatalogTable,
};
use futures::TryStreamExt;
use pgwire::api::Type;

use super::batch::{filled, nullable, number};
use super::information::{self, Contents};
use super::lakes::{Lakes, marked};
use super::rewrite::casts;
use super::roles;
use super::routines::{self, Routine};
use crate::server::settings::Settings;
use crate::server::types::{item_of, length, parameter};

/// The number of the schema of PostgreSQL's own tables.
const PG_CATALOG: i32 = 11;

/// Names under which tables of `information_schema` are found here.
pub(super) const PREFIX: &str = "information_schema_";

/// Tables of which the library does not know everything.
const COMPLETED: &[&str] = &[
    "pg_attribute",
    "pg_authid",
    "pg_class",
    "pg_description",
    "pg_proc",
    "pg_roles",
    "pg_settings",
    "pg_tables",
    "pg_views",
];

/// The schema of one session.
#[derive(Debug)]
pub(super) struct PgCatalog {
    pub(super) tables: PgCatalogSchemaProvider<Lakes, EmptyContextProvider>,
    pub(super) lakes: Lakes,
    pub(super) routines: Arc<Vec<Routine>>,
    pub(super) user: String,
    pub(super) database: String,
    pub(super) settings: Arc<RwLock<Settings>>,
}

/// A table's columns and rows.
type Rows = (SchemaRef, Vec<RecordBatch>);

impl PgCatalog {
    /// What the library has.
    async fn imitated(&self, name: &str) -> Result<Option<Rows>> {
        let Some(table) = self.tables.build_table_by_name(name)? else { return Ok(None) };
        let schema = table.schema();
        let batches = match table {
            PgCatalogTable::Static(table) => table.data().to_vec(),
            PgCatalogTable::Dynamic(stream) => {
                stream.execute(Arc::new(TaskContext::default())).try_collect().await?
            }
            PgCatalogTable::Empty(_) => vec![],
        };
        Ok(Some((schema, batches)))
    }

    /// What the library has, with what it does not know; none for what it has as it should be.
    async fn completed(&self, name: &str) -> Result<Option<Rows>> {
        if !COMPLETED.contains(&name) {
            return Ok(None);
        }
        let Some((schema, batches)) = self.imitated(name).await? else { return Ok(None) };
        let own: Vec<&Routine> = self.routines.iter().filter(|r| r.is_own()).collect();
        let each = |change: fn(&RecordBatch) -> Result<RecordBatch>| {
            batches.iter().map(change).collect::<Result<Vec<_>>>()
        };
        Ok(Some(match name {
            "pg_proc" => {
                let more = routines::rows(&own, &schema, self.namespace().await?)?;
                let (_, batches) = with_more(&schema, &batches, more)?;
                let batches = batches.iter().map(with_lists).collect::<Result<Vec<_>>>()?;
                all(schema, batches)
            }
            "pg_description" => {
                with_more(&schema, &batches, routines::descriptions(&own, &schema)?)?
            }
            "pg_attribute" => (schema, each(with_types)?),
            "pg_class" => {
                let batches = each(of_relations)?;
                all(schema, batches)
            }
            "pg_tables" => (schema, each(|batch| with(batch, "tableowner", &owner_name(batch)))?),
            "pg_roles" | "pg_authid" => only(roles::rows(&self.user, &schema)?),
            "pg_settings" => only(self.settings(&schema)?),
            "pg_views" => only(self.views(&schema).await?),
            _ => return Ok(None),
        }))
    }

    /// The rows of `pg_settings`.
    fn settings(&self, schema: &SchemaRef) -> Result<RecordBatch> {
        let settings = self.settings.read().unwrap_or_else(PoisonError::into_inner);
        let (names, values): (Vec<&str>, Vec<&str>) = settings.all().unzip();
        let rows = names.len();
        let same = |text: &str| -> ArrayRef { Arc::new(StringArray::from(vec![text; rows])) };
        let values: ArrayRef = Arc::new(StringArray::from(values));
        let known: Vec<(&str, ArrayRef)> = vec![
            ("name", Arc::new(StringArray::from(names))),
            ("setting", Arc::clone(&values)),
            ("reset_val", values),
            ("context", same("user")),
            ("vartype", same("string")),
            ("source", same("default")),
        ];
        filled(schema, &known, rows)
    }

    /// The rows of `pg_views`.
    async fn views(&self, schema: &SchemaRef) -> Result<RecordBatch> {
        let relations = self.lakes.relations().await;
        let views = || relations.iter().filter(|r| r.kind == TableType::View);
        let names = views().map(|view| Some(view.name.as_str())).collect::<StringArray>();
        let rows = names.len();
        let known: Vec<(&str, ArrayRef)> = vec![
            ("schemaname", Arc::new(views().map(|v| Some(&v.schema)).collect::<StringArray>())),
            ("viewname", Arc::new(names)),
            ("viewowner", Arc::new(StringArray::from(vec![roles::OWNER_NAME; rows]))),
            (
                "definition",
                Arc::new(views().map(|v| v.definition.as_ref()).collect::<StringArray>()),
            ),
        ];
        filled(schema, &known, rows)
    }

    /// A table of `information_schema`.
    async fn information(&self, table: &str) -> Result<Option<Rows>> {
        if !information::has(table) {
            return Ok(None);
        }
        let mut system = vec![];
        for name in PG_CATALOG_TABLES {
            if let Some(found) = self.tables.build_table_by_name(name)? {
                system.push((*name, found.schema()));
            }
        }
        let relations = match table {
            "tables" | "views" | "columns" => self.lakes.relations().await,
            _ => vec![],
        };
        let contents = Contents {
            database: &self.database,
            schemas: self.lakes.schemas(),
            relations,
            system,
            routines: &self.routines,
        };
        Ok(contents.rows(table)?.map(only))
    }

    /// The number of the schema `tenure`, where its functions are said to be.
    async fn namespace(&self) -> Result<i32> {
        let Some((_, batches)) = self.imitated("pg_namespace").await? else {
            return Ok(PG_CATALOG);
        };
        for batch in &batches {
            let (Some(oids), Some(names)) =
                (batch.column_by_name("oid"), batch.column_by_name("nspname"))
            else {
                continue;
            };
            let (oids, names) = (oids.as_primitive::<Int32Type>(), names.as_string::<i32>());
            if let Some(at) = names.iter().position(|name| name == Some("tenure")) {
                return Ok(oids.value(at));
            }
        }
        Ok(PG_CATALOG)
    }
}

/// Batches and their columns; `schema` if there are none.
fn all(schema: SchemaRef, batches: Vec<RecordBatch>) -> Rows {
    (batches.first().map_or(schema, RecordBatch::schema), batches)
}

/// One batch and its columns.
fn only(batch: RecordBatch) -> Rows {
    (batch.schema(), vec![batch])
}

/// Rows and those that come after them.
fn with_more(schema: &SchemaRef, batches: &[RecordBatch], more: RecordBatch) -> Result<Rows> {
    let schema = nullable(schema);
    let mut all = batches
        .iter()
        .map(|batch| Ok(RecordBatch::try_new(Arc::clone(&schema), batch.columns().to_vec())?))
        .collect::<Result<Vec<_>>>()?;
    all.push(more);
    Ok((schema, all))
}

/// The same rows with another column of this name.
fn with(batch: &RecordBatch, name: &str, values: &ArrayRef) -> Result<RecordBatch> {
    let mut columns = batch.columns().to_vec();
    let at = batch.schema_ref().column_with_name(name).map(|(at, _)| at);
    if let Some(column) = at.and_then(|at| columns.get_mut(at)) {
        *column = Arc::clone(values);
    }
    Ok(RecordBatch::try_new(batch.schema(), columns)?)
}

/// The same rows with a column more, or another one of this name and type.
fn with_field(batch: &RecordBatch, field: Field, values: ArrayRef) -> Result<RecordBatch> {
    let mut fields: Vec<FieldRef> = batch.schema_ref().fields().iter().cloned().collect();
    let mut columns = batch.columns().to_vec();
    match batch.schema_ref().column_with_name(field.name()) {
        Some((at, _)) => {
            fields.splice(at..=at, [Arc::new(field)]);
            columns.splice(at..=at, [values]);
        }
        None => {
            fields.push(Arc::new(field));
            columns.push(values);
        }
    }
    Ok(RecordBatch::try_new(Arc::new(Schema::new(fields)), columns)?)
}

/// `pg_class` with the owner, with the numbers that PostgreSQL's own tables have everywhere, and with
/// the columns about rights and options, of which there are none.
fn of_relations(batch: &RecordBatch) -> Result<RecordBatch> {
    let mut out = with(batch, "relowner", &owner(batch))?;
    if let (Some(oids), Some(names), Some(schemas)) = (
        batch.column_by_name("oid"),
        batch.column_by_name("relname"),
        batch.column_by_name("relnamespace"),
    ) {
        let schemas = schemas.as_primitive::<Int32Type>().iter();
        let own = names.as_string::<i32>().iter().zip(schemas).map(|(name, schema)| {
            name.filter(|_| schema == Some(PG_CATALOG)).and_then(casts::number_of)
        });
        let oids = oids.as_primitive::<Int32Type>().iter().zip(own);
        let oids: Int32Array = oids.map(|(oid, own)| own.or(oid)).collect();
        out = with(&out, "oid", &(Arc::new(oids) as ArrayRef))?;
    }
    for name in ["relacl", "reloptions"] {
        let nothing = new_null_array(&DataType::Utf8, out.num_rows());
        out = with_field(&out, Field::new(name, DataType::Utf8, true), nothing)?;
    }
    Ok(out)
}

/// `pg_proc` with the names of arguments as lists.
fn with_lists(batch: &RecordBatch) -> Result<RecordBatch> {
    let mut out = batch.clone();
    for name in ["proargnames", "proargmodes"] {
        let Some(texts) = batch.column_by_name(name) else { continue };
        let mut lists = ListBuilder::new(StringBuilder::new());
        for text in texts.as_string::<i32>() {
            let items = text.and_then(parameter::items);
            for item in items.iter().flatten() {
                lists.values().append_option(item.as_deref());
            }
            lists.append(items.is_some());
        }
        let lists = lists.finish();
        let field = Field::new(name, lists.data_type().clone(), true);
        out = with_field(&out, field, Arc::new(lists))?;
    }
    Ok(out)
}

/// Everything belongs to one role.
fn owner(batch: &RecordBatch) -> ArrayRef {
    Arc::new(Int32Array::from(vec![roles::OWNER; batch.num_rows()]))
}

fn owner_name(batch: &RecordBatch) -> ArrayRef {
    Arc::new(StringArray::from(vec![roles::OWNER_NAME; batch.num_rows()]))
}

/// `pg_attribute` with the types that answers have.
fn with_types(batch: &RecordBatch) -> Result<RecordBatch> {
    let Some(names) = batch.column_by_name("attname") else { return Ok(batch.clone()) };
    let told = || names.as_string::<i32>().iter().map(|name| name.and_then(marked));
    let pg = || told().map(|t| t.and_then(|(_, oid, _)| Type::from_oid(oid)));
    let plain: ArrayRef = Arc::new(told().map(|t| t.map(|(n, _, _)| n)).collect::<StringArray>());
    let types: ArrayRef =
        Arc::new(pg().map(|pg| pg.map(|pg| number(pg.oid()))).collect::<Int32Array>());
    let modifiers: ArrayRef =
        Arc::new(told().map(|t| t.map(|(_, _, modifier)| modifier)).collect::<Int32Array>());
    let lengths: ArrayRef =
        Arc::new(pg().map(|pg| pg.map(|pg| length(&pg))).collect::<Int16Array>());
    let dimensions: ArrayRef = Arc::new(
        pg().map(|pg| pg.map(|pg| i32::from(item_of(&pg).is_some()))).collect::<Int32Array>(),
    );
    [
        ("attname", plain),
        ("atttypid", types),
        ("atttypmod", modifiers),
        ("attlen", lengths),
        ("attndims", dimensions),
    ]
    .into_iter()
    .try_fold(batch.clone(), |batch, (name, values)| with(&batch, name, &values))
}

#[async_trait]
impl SchemaProvider for PgCatalog {
    fn table_names(&self) -> Vec<String> {
        self.tables.table_names()
    }

    async fn table(&self, name: &str) -> Result<Option<Arc<dyn TableProvider>>> {
        let found = match name.strip_prefix(PREFIX) {
            Some(table) => self.information(table).await?,
            None => self.completed(name).await?,
        };
        match found {
            Some((schema, batches)) => {
                Ok(Some(Arc::new(MemTable::try_new(schema, vec![batches])?)))
            }
            None => self.tables.table(name).await,
        }
    }

    fn table_exist(&self, name: &str) -> bool {
        name.strip_prefix(PREFIX).is_some_and(information::has) || self.tables.table_exist(name)
    }
}
