//! The relations of the lakes, for PostgreSQL's tables of relations. A table that cannot be read now
//! is left out: it must not hide the others.

use std::collections::HashSet;
use std::sync::{Arc, Weak};

use async_trait::async_trait;
use datafusion::arrow::datatypes::{Schema, SchemaRef};
use datafusion::catalog::{CatalogProviderList, SchemaProvider};
use datafusion::common::DataFusionError;
use datafusion::datasource::{TableProvider, TableType};
use datafusion_pg_catalog::pg_catalog::PG_CATALOG_TABLES;
use datafusion_pg_catalog::pg_catalog::catalog_info::CatalogInfo;

use super::numbers;
use crate::server::types::{modifier, pg_type};

/// The schema that is asked with these.
const PG_CATALOG: &str = "pg_catalog";

/// A table or view of a lake.
#[derive(Debug, Clone)]
pub(super) struct Relation {
    pub(super) schema: String,
    pub(super) name: String,
    pub(super) kind: TableType,
    pub(super) columns: SchemaRef,
    /// the SQL of a view, where it is known
    pub(super) definition: Option<String>,
}

type Result<T> = std::result::Result<T, DataFusionError>;

/// The catalog that a client is connected to, as PostgreSQL shows one database at a time. It does not
/// keep the catalogs alive that it is registered in.
#[derive(Debug, Clone)]
pub(super) struct Lakes {
    catalogs: Weak<dyn CatalogProviderList>,
    database: String,
}

impl Lakes {
    pub(super) fn new(catalogs: &Arc<dyn CatalogProviderList>, database: &str) -> Self {
        Self { catalogs: Arc::downgrade(catalogs), database: database.to_owned() }
    }

    fn schema(&self, catalog: &str, schema: &str) -> Option<Arc<dyn SchemaProvider>> {
        self.catalogs.upgrade()?.catalog(catalog)?.schema(schema)
    }

    /// The names of all databases, in order.
    pub(super) fn databases(&self) -> Vec<String> {
        let names =
            self.catalogs.upgrade().map(|all| CatalogProviderList::catalog_names(all.as_ref()));
        let mut names = names.unwrap_or_default();
        names.sort();
        names
    }

    /// The names of the schemas, in order.
    pub(super) fn schemas(&self) -> Vec<String> {
        let catalog = self.catalogs.upgrade().and_then(|all| all.catalog(&self.database));
        let mut names = catalog.map(|catalog| catalog.schema_names()).unwrap_or_default();
        names.sort();
        names
    }

    /// The first schema of a path that has a relation; PostgreSQL's own come before all.
    pub(super) fn schema_of(&self, name: &str, path: &[String]) -> Option<String> {
        let own = std::iter::once(PG_CATALOG).chain(path.iter().map(String::as_str));
        own.into_iter().find(|schema| self.has(schema, name)).map(str::to_owned)
    }

    /// The numbers of the relations that their names mean without a schema, on a path.
    pub(super) fn visible(&self, path: &[String]) -> HashSet<i32> {
        let (mut names, mut numbers) = (HashSet::new(), HashSet::new());
        for schema in std::iter::once(PG_CATALOG).chain(path.iter().map(String::as_str)) {
            let found = self.schema(&self.database, schema).map(|found| found.table_names());
            for name in found.unwrap_or_default() {
                if !names.contains(&name) {
                    numbers.insert(numbers::of_relation(schema, &name));
                    names.insert(name);
                }
            }
        }
        numbers
    }

    /// Whether there is a relation of this name.
    pub(super) fn has(&self, schema: &str, name: &str) -> bool {
        match self.schema(&self.database, schema) {
            Some(found) => found.table_exist(name),
            None => false,
        }
    }

    /// Every relation of the database but those of `pg_catalog`.
    pub(super) async fn relations(&self) -> Vec<Relation> {
        let mut out = vec![];
        for schema in self.schemas().into_iter().filter(|schema| schema != PG_CATALOG) {
            let Some(provider) = self.schema(&self.database, &schema) else { continue };
            let mut names = provider.table_names();
            names.sort();
            for name in names {
                let Some(table) = self.table(&self.database, &schema, &name).await else {
                    continue;
                };
                out.push(Relation {
                    schema: schema.clone(),
                    name,
                    kind: table.table_type(),
                    columns: table.schema(),
                    definition: table.get_table_definition().map(str::to_owned),
                });
            }
        }
        out
    }

    async fn table(
        &self,
        catalog: &str,
        schema: &str,
        name: &str,
    ) -> Option<Arc<dyn TableProvider>> {
        match self.schema(catalog, schema)?.table(name).await {
            Ok(found) => found,
            Err(e) => {
                let error = crate::Error::from(e);
                tracing::warn!(table = %name, %error, "left out of the catalog");
                None
            }
        }
    }
}

/// Between a column's name, the number of its type and its modifier: the library does not know all
/// types.
const MARK: char = '\u{1}';

/// The columns, each with its type in its name; [`marked`] takes it out again.
fn as_told(schema: &SchemaRef) -> SchemaRef {
    let fields = schema.fields().iter().map(|field| {
        let (oid, modifier) = (pg_type(field.data_type()).oid(), modifier(field.data_type()));
        field.as_ref().clone().with_name(format!("{}{MARK}{oid}{MARK}{modifier}", field.name()))
    });
    Arc::new(Schema::new(fields.collect::<Vec<_>>()))
}

/// The name of a column, the number of its type and its modifier.
pub(super) fn marked(name: &str) -> Option<(&str, u32, i32)> {
    let (rest, modifier) = name.rsplit_once(MARK)?;
    let (name, oid) = rest.rsplit_once(MARK)?;
    Some((name, oid.parse().ok()?, modifier.parse().ok()?))
}

#[async_trait]
impl CatalogInfo for Lakes {
    async fn catalog_names(&self) -> Result<Vec<String>> {
        Ok(vec![self.database.clone()])
    }

    async fn schema_names(&self, catalog: &str) -> Result<Option<Vec<String>>> {
        Ok((catalog == self.database).then(|| self.schemas()))
    }

    async fn table_names(&self, catalog: &str, schema: &str) -> Result<Option<Vec<String>>> {
        if schema == PG_CATALOG {
            return Ok(Some(PG_CATALOG_TABLES.iter().map(ToString::to_string).collect()));
        }
        Ok(self.schema(catalog, schema).map(|schema| schema.table_names()))
    }

    async fn table_schema(
        &self,
        catalog: &str,
        schema: &str,
        table: &str,
    ) -> Result<Option<SchemaRef>> {
        if schema == PG_CATALOG {
            // these tables are known by name; to make them would need them
            return Ok(Some(Arc::new(Schema::empty())));
        }
        Ok(self.table(catalog, schema, table).await.map(|table| as_told(&table.schema())))
    }

    async fn table_type(
        &self,
        catalog: &str,
        schema: &str,
        table: &str,
    ) -> Result<Option<TableType>> {
        if schema == PG_CATALOG {
            return Ok(Some(TableType::Base));
        }
        Ok(self.table(catalog, schema, table).await.map(|table| table.table_type()))
    }
}
