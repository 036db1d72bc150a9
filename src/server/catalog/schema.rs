//! `pg_catalog`: the tables of the library that imitates them, with Tenure's functions, the types of
//! answers, the roles of the session, and `information_schema`, which is found here by another name.

use std::sync::{Arc, PoisonError, RwLock};

use async_trait::async_trait;
use datafusion::arrow::array::{
    Array, ArrayRef, AsArray, BooleanArray, Int32Array, RecordBatch, StringArray,
};
use datafusion::arrow::datatypes::{FieldRef, Int32Type, Schema, SchemaRef};
use datafusion::catalog::{MemTable, SchemaProvider};
use datafusion::common::{Result, internal_err};
use datafusion::datasource::{TableProvider, TableType};
use datafusion::execution::TaskContext;
use datafusion_pg_catalog::pg_catalog::context::EmptyContextProvider;
use datafusion_pg_catalog::pg_catalog::{
    PG_CATALOG_TABLES, PgCatalogSchemaProvider, PgCatalogTable,
};
use futures::TryStreamExt;

use super::batch::filled;
use super::complete::{self, PG_CATALOG, Rows};
use super::information::{self, Contents};
use super::lakes::Lakes;
use super::numbers::{self, Numbers};
use super::own;
use super::roles;
use super::routines::{self, Routine};
use crate::server::settings::Settings;

/// Names under which tables of `information_schema` are found here.
pub(super) const PREFIX: &str = "information_schema_";

/// Tables of which the library does not know everything.
const COMPLETED: &[&str] = &[
    "pg_aggregate",
    "pg_attribute",
    "pg_authid",
    "pg_class",
    "pg_database",
    "pg_description",
    "pg_namespace",
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
    pub(super) pid: i32,
    pub(super) settings: Arc<RwLock<Settings>>,
}

impl PgCatalog {
    /// What the library has, with numbers that follow from names.
    async fn imitated(&self, name: &str) -> Result<Option<Rows>> {
        let Some((schema, mut batches)) = self.counted(name).await? else { return Ok(None) };
        if let Some((_, columns)) = numbers::COLUMNS.iter().find(|(table, _)| *table == name) {
            let mut known = vec![];
            for table in ["pg_namespace", "pg_class"] {
                known.push(match table == name {
                    true => batches.clone(),
                    false => self.counted(table).await?.map_or(vec![], |(_, batches)| batches),
                });
            }
            let [schemas, relations] = known.as_slice() else {
                return internal_err!("the library has two tables of numbers");
            };
            let numbers = Numbers::new(schemas, relations);
            batches =
                batches.iter().map(|batch| numbers.put(batch, columns)).collect::<Result<_>>()?;
        }
        Ok(Some((schema, batches)))
    }

    /// What the library has, with its own numbers.
    async fn counted(&self, name: &str) -> Result<Option<Rows>> {
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
                let (_, batches) = complete::with_more(&schema, &batches, more)?;
                let batches =
                    batches.iter().map(complete::with_lists).collect::<Result<Vec<_>>>()?;
                all(schema, batches)
            }
            "pg_aggregate" => only(routines::aggregates(&self.routines)?),
            "pg_description" => {
                let more = routines::descriptions(&own, &schema)?;
                complete::with_more(&schema, &batches, more)?
            }
            "pg_attribute" => (schema, each(complete::with_types)?),
            "pg_class" => {
                let batches = each(complete::of_relations)?;
                all(schema, batches)
            }
            "pg_database" => only(self.databases(&schema)?),
            "pg_namespace" => (schema, batches),
            "pg_tables" => (schema, each(complete::of_tables)?),
            "pg_roles" | "pg_authid" => only(roles::rows(&self.user, &schema)?),
            "pg_settings" => only(self.settings(&schema)?),
            "pg_views" => only(self.views(&schema).await?),
            _ => return Ok(None),
        }))
    }

    /// The rows of `pg_database`: the lakes, and no others.
    fn databases(&self, schema: &SchemaRef) -> Result<RecordBatch> {
        let names = self.lakes.databases();
        let oids =
            names.iter().map(|name| Some(numbers::of_database(name))).collect::<Int32Array>();
        let rows = names.len();
        let texts = |text: &str| -> ArrayRef { Arc::new(StringArray::from(vec![text; rows])) };
        let numbers = |n: i32| -> ArrayRef { Arc::new(Int32Array::from(vec![n; rows])) };
        let switches = |on: bool| -> ArrayRef { Arc::new(BooleanArray::from(vec![on; rows])) };
        let known: Vec<(&str, ArrayRef)> = vec![
            ("oid", Arc::new(oids)),
            ("datname", Arc::new(StringArray::from(names))),
            ("datdba", numbers(roles::OWNER)),
            ("encoding", numbers(6)),
            ("datlocprovider", texts("c")),
            ("datcollate", texts("C.UTF-8")),
            ("datctype", texts("C.UTF-8")),
            ("datistemplate", switches(false)),
            ("datallowconn", switches(true)),
            ("datconnlimit", numbers(-1)),
            ("dattablespace", numbers(1663)),
        ];
        filled(schema, &known, rows)
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
            "tables" | "views" | "columns" | "table_privileges" | "role_table_grants"
            | "column_privileges" => self.lakes.relations().await,
            _ => vec![],
        };
        let contents = Contents {
            database: &self.database,
            user: &self.user,
            schemas: self.lakes.schemas(),
            relations,
            system,
            routines: &self.routines,
        };
        Ok(contents.rows(table)?.map(only))
    }

    /// A table that the library does not have.
    fn own(&self, name: &str) -> Result<Option<Rows>> {
        let settings = self.settings.read().unwrap_or_else(PoisonError::into_inner);
        let session = own::Session {
            user: &self.user,
            database: &self.database,
            application: settings.get("application_name").unwrap_or_default(),
            pid: self.pid,
        };
        Ok(own::rows(name, &session)?.map(only))
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

/// The same columns; a number of a relation, type or schema is a plain one, as in PostgreSQL's tables,
/// and not one that stands for a name.
fn plain_numbers(schema: &SchemaRef) -> SchemaRef {
    const KEY: &str = "pg.oid_alias";
    let plain = |field: &FieldRef| {
        let mut metadata = field.metadata().clone();
        if let Some(alias) = metadata.get_mut(KEY)
            && ["regclass", "regtype", "regnamespace"].contains(&alias.as_str())
        {
            "oid".clone_into(alias);
        }
        field.as_ref().clone().with_metadata(metadata)
    };
    Arc::new(Schema::new(schema.fields().iter().map(plain).collect::<Vec<_>>()))
}

/// One batch and its columns.
fn only(batch: RecordBatch) -> Rows {
    (batch.schema(), vec![batch])
}

#[async_trait]
impl SchemaProvider for PgCatalog {
    fn table_names(&self) -> Vec<String> {
        self.tables.table_names()
    }

    async fn table(&self, name: &str) -> Result<Option<Arc<dyn TableProvider>>> {
        let found = match name.strip_prefix(PREFIX) {
            Some(table) => self.information(table).await?,
            None if own::NAMES.contains(&name) => self.own(name)?,
            None => match self.completed(name).await? {
                Some(rows) => Some(rows),
                None => self.imitated(name).await?,
            },
        };
        let Some((schema, batches)) = found else { return Ok(None) };
        let schema = plain_numbers(&schema);
        let plain = |batch: &RecordBatch| {
            RecordBatch::try_new(Arc::clone(&schema), batch.columns().to_vec())
        };
        let batches = batches.iter().map(plain).collect::<std::result::Result<Vec<_>, _>>()?;
        Ok(Some(Arc::new(MemTable::try_new(schema, vec![batches])?)))
    }

    fn table_exist(&self, name: &str) -> bool {
        name.strip_prefix(PREFIX).is_some_and(information::has)
            || own::NAMES.contains(&name)
            || self.tables.table_exist(name)
    }
}
