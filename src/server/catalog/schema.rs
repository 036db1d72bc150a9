//! `pg_catalog`: the tables of the library that imitates them, with Tenure's functions, with
//! the types of answers, and with the parts of `information_schema` that DataFusion does not have.

use std::sync::Arc;

use async_trait::async_trait;
use datafusion::arrow::array::{AsArray, Int32Array, RecordBatch, StringArray};
use datafusion::arrow::datatypes::{DataType, Field, Int32Type, Schema, SchemaRef};
use datafusion::catalog::{MemTable, SchemaProvider};
use datafusion::common::Result;
use datafusion::datasource::TableProvider;
use datafusion::execution::TaskContext;
use datafusion_pg_catalog::pg_catalog::context::EmptyContextProvider;
use datafusion_pg_catalog::pg_catalog::{PgCatalogSchemaProvider, PgCatalogTable};
use futures::TryStreamExt;

use super::lakes::{Lakes, MARK};
use super::routines::{self, Routine};

/// Names under which tables of `information_schema` are found here.
pub(super) const PREFIX: &str = "information_schema_";

/// Tables of `information_schema` that say that there is nothing of their kind, by their columns.
const EMPTY: &[(&str, &[&str])] = &[
    (
        "table_constraints",
        &[
            "constraint_catalog",
            "constraint_schema",
            "constraint_name",
            "table_catalog",
            "table_schema",
            "table_name",
            "constraint_type",
            "is_deferrable",
            "initially_deferred",
            "enforced",
            "nulls_distinct",
        ],
    ),
    (
        "key_column_usage",
        &[
            "constraint_catalog",
            "constraint_schema",
            "constraint_name",
            "table_catalog",
            "table_schema",
            "table_name",
            "column_name",
            "ordinal_position",
            "position_in_unique_constraint",
        ],
    ),
    (
        "referential_constraints",
        &[
            "constraint_catalog",
            "constraint_schema",
            "constraint_name",
            "unique_constraint_catalog",
            "unique_constraint_schema",
            "unique_constraint_name",
            "match_option",
            "update_rule",
            "delete_rule",
        ],
    ),
    (
        "constraint_column_usage",
        &[
            "table_catalog",
            "table_schema",
            "table_name",
            "column_name",
            "constraint_catalog",
            "constraint_schema",
            "constraint_name",
        ],
    ),
    (
        "constraint_table_usage",
        &[
            "table_catalog",
            "table_schema",
            "table_name",
            "constraint_catalog",
            "constraint_schema",
            "constraint_name",
        ],
    ),
    (
        "check_constraints",
        &["constraint_catalog", "constraint_schema", "constraint_name", "check_clause"],
    ),
    ("sequences", &["sequence_catalog", "sequence_schema", "sequence_name", "data_type"]),
    (
        "triggers",
        &[
            "trigger_catalog",
            "trigger_schema",
            "trigger_name",
            "event_manipulation",
            "event_object_catalog",
            "event_object_schema",
            "event_object_table",
            "action_statement",
        ],
    ),
    ("domains", &["domain_catalog", "domain_schema", "domain_name", "data_type"]),
    (
        "element_types",
        &[
            "object_catalog",
            "object_schema",
            "object_name",
            "object_type",
            "collection_type_identifier",
            "data_type",
        ],
    ),
    (
        "user_defined_types",
        &[
            "user_defined_type_catalog",
            "user_defined_type_schema",
            "user_defined_type_name",
            "user_defined_type_category",
        ],
    ),
    (
        "foreign_tables",
        &[
            "foreign_table_catalog",
            "foreign_table_schema",
            "foreign_table_name",
            "foreign_server_catalog",
            "foreign_server_name",
        ],
    ),
    (
        "view_table_usage",
        &[
            "view_catalog",
            "view_schema",
            "view_name",
            "table_catalog",
            "table_schema",
            "table_name",
        ],
    ),
    ("enabled_roles", &["role_name"]),
    ("applicable_roles", &["grantee", "role_name", "is_grantable"]),
    (
        "table_privileges",
        &[
            "grantor",
            "grantee",
            "table_catalog",
            "table_schema",
            "table_name",
            "privilege_type",
            "is_grantable",
            "with_hierarchy",
        ],
    ),
    (
        "role_table_grants",
        &[
            "grantor",
            "grantee",
            "table_catalog",
            "table_schema",
            "table_name",
            "privilege_type",
            "is_grantable",
            "with_hierarchy",
        ],
    ),
    (
        "column_privileges",
        &[
            "grantor",
            "grantee",
            "table_catalog",
            "table_schema",
            "table_name",
            "column_name",
            "privilege_type",
            "is_grantable",
        ],
    ),
];

/// What a character set looks like: `character_sets` has one.
const CHARACTER_SETS: &[(&str, Option<&str>)] = &[
    ("character_set_catalog", None),
    ("character_set_schema", None),
    ("character_set_name", Some("UTF8")),
    ("character_repertoire", Some("UCS")),
    ("form_of_use", Some("UTF8")),
    ("default_collate_catalog", None),
    ("default_collate_schema", Some("pg_catalog")),
    ("default_collate_name", Some("C.UTF-8")),
];

/// Whether `information_schema` gets a table from here.
pub(super) fn has_information(table: &str) -> bool {
    table == "character_sets" || EMPTY.iter().any(|(name, _)| *name == table)
}

/// The schema of one session.
#[derive(Debug)]
pub(super) struct PgCatalog {
    pub(super) tables: PgCatalogSchemaProvider<Lakes, EmptyContextProvider>,
    pub(super) routines: Arc<Vec<Routine>>,
}

impl PgCatalog {
    async fn batches(&self, name: &str) -> Result<Option<(SchemaRef, Vec<RecordBatch>)>> {
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

    /// The number of the schema `tenure`, where its functions are said to be.
    async fn namespace(&self) -> Result<i32> {
        let Some((_, batches)) = self.batches("pg_namespace").await? else { return Ok(11) };
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
        Ok(11)
    }
}

/// Columns of text without rows, or with one.
fn texts(columns: &[(&str, Option<&str>)], rows: usize) -> Result<Arc<dyn TableProvider>> {
    let fields = columns.iter().map(|(name, _)| Field::new(*name, DataType::Utf8, true));
    let schema = Arc::new(Schema::new(fields.collect::<Vec<_>>()));
    let arrays = columns
        .iter()
        .map(|(_, value)| Arc::new(StringArray::from(vec![*value; rows])) as _)
        .collect();
    let batch = RecordBatch::try_new(Arc::clone(&schema), arrays)?;
    Ok(Arc::new(MemTable::try_new(schema, vec![vec![batch]])?))
}

/// `pg_attribute` with the types that answers have.
fn with_types(batch: &RecordBatch) -> Result<RecordBatch> {
    let schema = batch.schema_ref();
    let (Some((name_at, _)), Some((type_at, _))) =
        (schema.column_with_name("attname"), schema.column_with_name("atttypid"))
    else {
        return Ok(batch.clone());
    };
    let names = batch.column(name_at).as_string::<i32>();
    let types = batch.column(type_at).as_primitive::<Int32Type>();
    let told = names.iter().zip(types.iter()).map(|(name, oid)| {
        match name.and_then(|name| name.rsplit_once(MARK)) {
            Some((name, told)) => (Some(name), told.parse().ok()),
            None => (name, oid),
        }
    });
    let (names, types): (Vec<Option<&str>>, Vec<Option<i32>>) = told.unzip();
    let (names, types) = (StringArray::from(names), Int32Array::from(types));
    let mut columns = batch.columns().to_vec();
    if let Some(column) = columns.get_mut(name_at) {
        *column = Arc::new(names);
    }
    if let Some(column) = columns.get_mut(type_at) {
        *column = Arc::new(types);
    }
    Ok(RecordBatch::try_new(batch.schema(), columns)?)
}

#[async_trait]
impl SchemaProvider for PgCatalog {
    fn table_names(&self) -> Vec<String> {
        self.tables.table_names()
    }

    async fn table(&self, name: &str) -> Result<Option<Arc<dyn TableProvider>>> {
        if let Some(table) = name.strip_prefix(PREFIX) {
            if table == "character_sets" {
                return texts(CHARACTER_SETS, 1).map(Some);
            }
            let Some((_, columns)) = EMPTY.iter().find(|(name, _)| *name == table) else {
                return Ok(None);
            };
            let columns: Vec<_> = columns.iter().map(|column| (*column, None)).collect();
            return texts(&columns, 0).map(Some);
        }
        match name {
            "pg_proc" => {
                let Some((schema, batches)) = self.batches(name).await? else { return Ok(None) };
                let nullable = routines::nullable(&schema);
                let mut all = batches
                    .into_iter()
                    .map(|b| Ok(RecordBatch::try_new(Arc::clone(&nullable), b.columns().to_vec())?))
                    .collect::<Result<Vec<_>>>()?;
                all.push(routines::rows(&self.routines, &schema, self.namespace().await?)?);
                Ok(Some(Arc::new(MemTable::try_new(nullable, vec![all])?)))
            }
            "pg_attribute" => {
                let Some((schema, batches)) = self.batches(name).await? else { return Ok(None) };
                let batches = batches.iter().map(with_types).collect::<Result<Vec<_>>>()?;
                Ok(Some(Arc::new(MemTable::try_new(schema, vec![batches])?)))
            }
            _ => self.tables.table(name).await,
        }
    }

    fn table_exist(&self, name: &str) -> bool {
        name.strip_prefix(PREFIX).is_some_and(has_information) || self.tables.table_exist(name)
    }
}
