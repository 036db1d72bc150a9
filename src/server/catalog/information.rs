//! `information_schema` as PostgreSQL has it: the database that the client is connected to, types by
//! their names in SQL, positions from 1. The engine's own, which the prompt and programs see, names
//! types as Arrow does and tells of every lake.

mod shape;

use std::sync::Arc;

use datafusion::arrow::array::{ArrayRef, Int32Array, RecordBatch, StringArray};
use datafusion::arrow::datatypes::{Field, SchemaRef};
use datafusion::common::Result;
use datafusion::datasource::TableType;
use pgwire::api::Type;

use super::batch::filled;
use super::lakes::Relation;
use super::roles;
use super::routines::Routine;
use crate::server::types::names::{precision_and_scale, sql_name};
use crate::server::types::{item_of, modifier, told};

/// The schema that these tables are in.
const SCHEMA: &str = "information_schema";
/// Most bytes of a text, as PostgreSQL has it.
const TEXT_BYTES: i32 = 1 << 30;

/// Whether there is a table of this name.
pub(super) fn has(table: &str) -> bool {
    shape::schema(table).is_some()
}

/// What the tables tell of.
pub(super) struct Contents<'a> {
    pub(super) database: &'a str,
    pub(super) user: &'a str,
    pub(super) schemas: Vec<String>,
    /// the lakes'
    pub(super) relations: Vec<Relation>,
    /// `pg_catalog`'s
    pub(super) system: Vec<(&'static str, SchemaRef)>,
    pub(super) routines: &'a [Routine],
}

/// A row under way; what is not said of it is NULL.
#[derive(Default)]
struct Row {
    texts: Vec<(&'static str, String)>,
    numbers: Vec<(&'static str, i32)>,
}

impl Row {
    fn text(mut self, column: &'static str, value: impl Into<String>) -> Self {
        self.texts.push((column, value.into()));
        self
    }

    /// The same text in several columns.
    fn texts(self, columns: &[&'static str], value: &str) -> Self {
        columns.iter().fold(self, |row, column| row.text(column, value))
    }

    fn number(mut self, column: &'static str, value: impl Into<Option<i32>>) -> Self {
        self.numbers.extend(value.into().map(|value| (column, value)));
        self
    }

    /// What the type is called, and whose it is.
    fn typed(self, pg: &Type, of: [&'static str; 3], database: &str) -> Self {
        let [catalog, schema, name] = of;
        let called = if item_of(pg).is_some() { "ARRAY".to_owned() } else { sql_name(pg, -1) };
        self.text("data_type", called)
            .text(catalog, database)
            .text(schema, "pg_catalog")
            .text(name, pg.name())
    }
}

impl Contents<'_> {
    /// The rows of a table.
    pub(super) fn rows(&self, table: &str) -> Result<Option<RecordBatch>> {
        let Some(schema) = shape::schema(table) else { return Ok(None) };
        let rows = match table {
            "tables" => self.tables(),
            "views" => self.views(),
            "columns" => self.columns(),
            "schemata" => self.schemata(),
            "routines" => self.routines(),
            "parameters" => self.parameters(),
            "table_privileges" | "role_table_grants" => self.table_privileges(),
            "column_privileges" => self.column_privileges(),
            "enabled_roles" => vec![Row::default().text("role_name", self.user)],
            "character_sets" => vec![
                Row::default()
                    .texts(&["character_set_name", "form_of_use"], "UTF8")
                    .text("character_repertoire", "UCS")
                    .text("default_collate_schema", "pg_catalog")
                    .text("default_collate_name", "C.UTF-8"),
            ],
            _ => vec![],
        };
        in_columns(&schema, &rows).map(Some)
    }

    fn schemata(&self) -> Vec<Row> {
        let names = self.schemas.iter().map(String::as_str).chain([SCHEMA]);
        names
            .map(|name| {
                Row::default()
                    .text("catalog_name", self.database)
                    .text("schema_name", name)
                    .text("schema_owner", roles::OWNER_NAME)
            })
            .collect()
    }

    /// A row about a relation.
    fn relation(&self, schema: &str, name: &str) -> Row {
        Row::default()
            .text("table_catalog", self.database)
            .text("table_schema", schema)
            .text("table_name", name)
    }

    fn tables(&self) -> Vec<Row> {
        let of = |schema: &str, name: &str, kind: &str| {
            self.relation(schema, name)
                .text("table_type", kind)
                .texts(&["is_insertable_into", "is_typed"], "NO")
        };
        let kind = |relation: &Relation| match relation.kind {
            TableType::View => "VIEW",
            TableType::Base => "BASE TABLE",
            TableType::Temporary => "LOCAL TEMPORARY",
        };
        let own = self.relations.iter().map(|r| of(&r.schema, &r.name, kind(r)));
        let system = self.system.iter().map(|(name, _)| of("pg_catalog", name, "BASE TABLE"));
        own.chain(system).chain(shape::names().map(|name| of(SCHEMA, name, "VIEW"))).collect()
    }

    fn views(&self) -> Vec<Row> {
        let views = self.relations.iter().filter(|r| r.kind == TableType::View);
        views
            .map(|view| {
                let row =
                    self.relation(&view.schema, &view.name).text("check_option", "NONE").texts(
                        &[
                            "is_updatable",
                            "is_insertable_into",
                            "is_trigger_updatable",
                            "is_trigger_deletable",
                            "is_trigger_insertable_into",
                        ],
                        "NO",
                    );
                match &view.definition {
                    Some(sql) => row.text("view_definition", sql.as_str()),
                    None => row,
                }
            })
            .collect()
    }

    fn columns(&self) -> Vec<Row> {
        let own = self.relations.iter().map(|r| (r.schema.as_str(), r.name.as_str(), &r.columns));
        let system = self.system.iter().map(|(name, columns)| ("pg_catalog", *name, columns));
        let mut rows = vec![];
        for (schema, name, columns) in own.chain(system) {
            for (position, field) in (1..).zip(columns.fields()) {
                rows.push(self.column(schema, name, position, field));
            }
        }
        for table in shape::names() {
            let Some(columns) = shape::schema(table) else { continue };
            for (position, field) in (1..).zip(columns.fields()) {
                rows.push(self.column(SCHEMA, table, position, field));
            }
        }
        rows
    }

    fn column(&self, schema: &str, relation: &str, position: i32, field: &Field) -> Row {
        let pg = told(field);
        let (precision, radix, scale) = match pg {
            Type::INT2 => (Some(16), Some(2), Some(0)),
            Type::INT4 => (Some(32), Some(2), Some(0)),
            Type::INT8 => (Some(64), Some(2), Some(0)),
            Type::FLOAT4 => (Some(24), Some(2), None),
            Type::FLOAT8 => (Some(53), Some(2), None),
            Type::NUMERIC => match precision_and_scale(modifier(field.data_type())) {
                Some((precision, scale)) => (Some(precision), Some(10), Some(scale)),
                None => (None, Some(10), None),
            },
            _ => (None, None, None),
        };
        let fraction = match pg {
            Type::DATE => Some(0),
            Type::TIME | Type::TIMESTAMP | Type::TIMESTAMPTZ | Type::INTERVAL => Some(6),
            _ => None,
        };
        self.relation(schema, relation)
            .text("column_name", field.name())
            .number("ordinal_position", position)
            .text("is_nullable", if field.is_nullable() { "YES" } else { "NO" })
            .typed(&pg, ["udt_catalog", "udt_schema", "udt_name"], self.database)
            .number("character_octet_length", (pg == Type::TEXT).then_some(TEXT_BYTES))
            .number("numeric_precision", precision)
            .number("numeric_precision_radix", radix)
            .number("numeric_scale", scale)
            .number("datetime_precision", fraction)
            .text("dtd_identifier", position.to_string())
            .texts(&["is_self_referencing", "is_identity", "identity_cycle", "is_updatable"], "NO")
            .text("is_generated", "NEVER")
    }

    /// Who has logged in can read everything, and pass it on to nobody.
    fn privilege(&self, relation: &Relation) -> Row {
        self.relation(&relation.schema, &relation.name)
            .text("grantor", roles::OWNER_NAME)
            .text("grantee", self.user)
            .text("privilege_type", "SELECT")
            .text("is_grantable", "NO")
    }

    fn table_privileges(&self) -> Vec<Row> {
        let of = |relation| self.privilege(relation).text("with_hierarchy", "YES");
        self.relations.iter().map(of).collect()
    }

    fn column_privileges(&self) -> Vec<Row> {
        let of = |relation: &Relation| -> Vec<Row> {
            let fields = relation.columns.fields().iter();
            fields.map(|f| self.privilege(relation).text("column_name", f.name())).collect()
        };
        self.relations.iter().flat_map(of).collect()
    }

    /// A row about a function.
    fn routine(&self, routine: &Routine) -> Row {
        let schema = if routine.is_own() { "tenure" } else { "pg_catalog" };
        Row::default()
            .text("specific_catalog", self.database)
            .text("specific_schema", schema)
            .text("specific_name", format!("{}_{}", routine.info.name, routine.oid))
    }

    fn routines(&self) -> Vec<Row> {
        let of = |routine: &Routine| {
            let schema = if routine.is_own() { "tenure" } else { "pg_catalog" };
            let udt = ["type_udt_catalog", "type_udt_schema", "type_udt_name"];
            self.routine(routine)
                .text("routine_catalog", self.database)
                .text("routine_schema", schema)
                .text("routine_name", routine.info.name.as_str())
                .text("routine_type", "FUNCTION")
                .typed(&routine.shape.gives, udt, self.database)
                .text("dtd_identifier", "0")
                .text("routine_body", "EXTERNAL")
                .text("external_language", "INTERNAL")
                .text("parameter_style", "GENERAL")
                .text("sql_data_access", "READS")
                .texts(
                    &["is_deterministic", "is_null_call", "as_locator", "is_udt_dependent"],
                    "NO",
                )
                .text("schema_level_routine", "YES")
                .number("max_dynamic_result_sets", 0)
                .text("security_type", "INVOKER")
                .text("function_type", routine.info.kind.name().to_uppercase())
                .text("description", routine.description())
                .text("syntax_example", routine.info.signature.as_str())
        };
        self.routines.iter().map(of).collect()
    }

    fn parameters(&self) -> Vec<Row> {
        let mut rows = vec![];
        for routine in self.routines {
            for (position, (name, pg)) in (1..).zip(&routine.shape.takes) {
                let row = self
                    .routine(routine)
                    .number("ordinal_position", position)
                    .text("parameter_mode", "IN")
                    .texts(&["is_result", "as_locator"], "NO")
                    .text("parameter_name", name.as_str())
                    .typed(pg, ["udt_catalog", "udt_schema", "udt_name"], self.database)
                    .text("dtd_identifier", position.to_string());
                let must = usize::try_from(position).is_ok_and(|at| at <= routine.shape.least);
                rows.push(if must { row } else { row.text("parameter_default", "NULL") });
            }
        }
        rows
    }
}

/// The rows in the columns of their table.
fn in_columns(schema: &SchemaRef, rows: &[Row]) -> Result<RecordBatch> {
    let mut known: Vec<(&str, ArrayRef)> = vec![];
    for field in schema.fields() {
        let name = field.name().as_str();
        let array: ArrayRef = if field.data_type().is_integer() {
            Arc::new(rows.iter().map(|row| found(&row.numbers, name)).collect::<Int32Array>())
        } else {
            Arc::new(rows.iter().map(|row| found(&row.texts, name)).collect::<StringArray>())
        };
        known.push((name, array));
    }
    filled(schema, &known, rows.len())
}

fn found<T: Clone>(cells: &[(&'static str, T)], column: &str) -> Option<T> {
    cells.iter().find(|(name, _)| *name == column).map(|(_, value)| value.clone())
}
