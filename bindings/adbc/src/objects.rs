//! `get_objects`: catalogs, schemas, tables and columns, as deep as asked for.

use std::collections::BTreeMap;
use std::sync::Arc;

use adbc_core::error::Result as AdbcResult;
use adbc_core::options::ObjectDepth;
use adbc_core::schemas::{
    COLUMN_SCHEMA, CONSTRAINT_SCHEMA, GET_OBJECTS_SCHEMA, OBJECTS_DB_SCHEMA_SCHEMA, TABLE_SCHEMA,
};
use arrow_array::{
    ArrayRef, Int16Array, Int32Array, ListArray, RecordBatch, RecordBatchIterator, StringArray,
    StructArray, new_null_array,
};
use arrow_schema::{DataType, Field};
use tenure::datafusion::arrow::buffer::OffsetBuffer;
use tenure::{Result, TableInfo, TableKind, Tenure};

use crate::connection::Reader;

/// Type of a table in files or in memory.
pub(crate) const TABLE: &str = "BASE TABLE";
/// Type of a view.
pub(crate) const VIEW: &str = "VIEW";

/// What to look for: names are patterns with `%` and `_`, the types are exact.
pub(crate) struct Wanted<'a> {
    pub(crate) depth: ObjectDepth,
    pub(crate) catalog: Option<&'a str>,
    pub(crate) schema: Option<&'a str>,
    pub(crate) table: Option<&'a str>,
    pub(crate) types: Option<&'a [&'a str]>,
    pub(crate) column: Option<&'a str>,
}

/// Catalogs, their schemas, the tables of these.
pub(crate) type Found = BTreeMap<String, BTreeMap<String, Vec<TableInfo>>>;

/// What there is of the wanted kind.
pub(crate) async fn find(tenure: &Tenure, wanted: &Wanted<'_>) -> Result<Found> {
    let context = tenure.context();
    let mut found = Found::new();
    for catalog in context.catalog_names().into_iter().filter(|name| like(name, wanted.catalog)) {
        let schemas = context.catalog(&catalog).map(|c| c.schema_names()).unwrap_or_default();
        let schemas = schemas.into_iter().filter(|name| like(name, wanted.schema));
        found.insert(catalog, schemas.map(|schema| (schema, vec![])).collect());
    }
    if matches!(wanted.depth, ObjectDepth::Catalogs | ObjectDepth::Schemas) {
        return Ok(found);
    }
    for mut table in tenure.tables().await? {
        let fits = like(&table.name, wanted.table)
            && wanted.types.is_none_or(|types| types.contains(&type_of(&table)));
        table.columns.retain(|(name, _)| like(name, wanted.column));
        // a column that is looked for by name stands for its table
        let fits = fits && (wanted.column.is_none() || !table.columns.is_empty());
        let place = found.get_mut(&table.catalog).and_then(|c| c.get_mut(&table.schema));
        if let Some(tables) = place.filter(|_| fits) {
            tables.push(table);
        }
    }
    Ok(found)
}

fn type_of(table: &TableInfo) -> &'static str {
    match table.kind {
        TableKind::View => VIEW,
        TableKind::Table => TABLE,
    }
}

/// SQL's LIKE, with letters as they are.
fn like(name: &str, pattern: Option<&str>) -> bool {
    fn from(name: &[char], pattern: &[char]) -> bool {
        match (pattern.split_first(), name.split_first()) {
            (None, None) => true,
            (None, Some(_)) => false,
            (Some(('%', rest)), _) => {
                (0..=name.len()).any(|cut| from(name.get(cut..).unwrap_or_default(), rest))
            }
            (Some(('_', rest)), Some((_, after))) => from(after, rest),
            (Some((wanted, rest)), Some((letter, after))) => wanted == letter && from(after, rest),
            (Some(_), None) => false,
        }
    }
    let Some(pattern) = pattern else { return true };
    // runs of % mean what one does, and would cost as much as they are long
    let mut letters: Vec<char> = pattern.chars().collect();
    letters.dedup_by(|a, b| *a == '%' && *b == '%');
    from(&name.chars().collect::<Vec<_>>(), &letters)
}

/// The rows as the standard has them; what lies below `depth` is NULL.
pub(crate) fn reader(found: &Found, depth: ObjectDepth) -> AdbcResult<Reader> {
    let schemas: Vec<(&String, &Vec<TableInfo>)> = found.values().flatten().collect();
    let tables: Vec<&TableInfo> = schemas.iter().flat_map(|(_, tables)| tables.iter()).collect();
    let below = |level: ObjectDepth| match depth {
        ObjectDepth::Catalogs => false,
        ObjectDepth::Schemas => matches!(level, ObjectDepth::Schemas),
        ObjectDepth::Tables => !matches!(level, ObjectDepth::Columns),
        ObjectDepth::All | ObjectDepth::Columns => true,
    };

    let columns = list(
        &COLUMN_SCHEMA,
        tables.iter().map(|t| t.columns.len()),
        below(ObjectDepth::Columns),
        |fields| columns(&tables, fields),
    )?;
    let constraints = list(
        &CONSTRAINT_SCHEMA,
        tables.iter().map(|_| 0),
        below(ObjectDepth::Columns),
        |fields| Ok(nulls(fields, 0)),
    )?;
    let tables_list = list(
        &TABLE_SCHEMA,
        schemas.iter().map(|(_, tables)| tables.len()),
        below(ObjectDepth::Tables),
        |_| {
            Ok(vec![
                Arc::new(StringArray::from_iter_values(tables.iter().map(|t| t.name.as_str()))),
                Arc::new(StringArray::from_iter_values(tables.iter().map(|t| type_of(t)))),
                columns,
                constraints,
            ])
        },
    )?;
    let schemas_list = list(
        &OBJECTS_DB_SCHEMA_SCHEMA,
        found.values().map(BTreeMap::len),
        below(ObjectDepth::Schemas),
        |_| {
            let names = schemas.iter().map(|(name, _)| name.as_str());
            Ok(vec![Arc::new(StringArray::from_iter_values(names)), tables_list])
        },
    )?;
    let names = StringArray::from_iter_values(found.keys().map(String::as_str));
    let schema = Arc::clone(&GET_OBJECTS_SCHEMA);
    let batch = RecordBatch::try_new(Arc::clone(&schema), vec![Arc::new(names), schemas_list])?;
    Ok(Box::new(RecordBatchIterator::new([Ok(batch)], schema)))
}

/// A list of structs; all NULL if it lies below what was asked for.
fn list(
    item: &DataType,
    lengths: impl ExactSizeIterator<Item = usize>,
    asked: bool,
    children: impl FnOnce(&[Arc<Field>]) -> AdbcResult<Vec<ArrayRef>>,
) -> AdbcResult<ArrayRef> {
    let field = Arc::new(Field::new_list_field(item.clone(), true));
    let DataType::Struct(fields) = item else {
        return Err(crate::error::usage("the standard's schema has no struct"));
    };
    if !asked {
        return Ok(new_null_array(&DataType::List(field), lengths.len()));
    }
    let offsets = OffsetBuffer::from_lengths(lengths);
    let values = StructArray::try_new(fields.clone(), children(fields)?, None)?;
    Ok(Arc::new(ListArray::try_new(field, offsets, Arc::new(values), None)?))
}

fn nulls(fields: &[Arc<Field>], rows: usize) -> Vec<ArrayRef> {
    fields.iter().map(|field| new_null_array(field.data_type(), rows)).collect()
}

/// The columns of all tables, one after the other.
fn columns(tables: &[&TableInfo], fields: &[Arc<Field>]) -> AdbcResult<Vec<ArrayRef>> {
    let all: Vec<_> = tables.iter().flat_map(|t| (1_i32..).zip(t.columns.iter())).collect();
    let rows = all.len();
    let text = |of: fn(&str, &DataType) -> String| -> ArrayRef {
        let values = all.iter().map(|(_, (name, data_type))| of(name, data_type));
        Arc::new(StringArray::from_iter_values(values))
    };
    let known: Vec<(&str, ArrayRef)> = vec![
        ("column_name", text(|name, _| name.to_string())),
        (
            "ordinal_position",
            Arc::new(all.iter().map(|(place, _)| Some(*place)).collect::<Int32Array>()),
        ),
        ("xdbc_type_name", text(|_, data_type| data_type.to_string())),
        // may hold NULL: columnNullable of ODBC
        ("xdbc_nullable", Arc::new(Int16Array::from(vec![1; rows]))),
        ("xdbc_is_nullable", text(|_, _| "YES".to_string())),
    ];
    let of = |field: &Arc<Field>| {
        let found = known.iter().find(|(name, _)| name == field.name());
        found
            .map_or_else(|| new_null_array(field.data_type(), rows), |(_, array)| Arc::clone(array))
    };
    Ok(fields.iter().map(of).collect())
}

#[cfg(test)]
mod tests {
    use super::like;

    #[test]
    fn names_match_patterns() {
        assert!(like("orders", None));
        assert!(like("orders", Some("ord%")));
        assert!(like("orders", Some("_rder_")));
        assert!(like("orders", Some("%%d%s")));
        assert!(!like("orders", Some("Orders")));
        assert!(!like("orders", Some("order")));
        assert!(!like("", Some("_")));
    }
}
