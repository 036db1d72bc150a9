//! What the library that imitates PostgreSQL's tables leaves out of them or has otherwise.

use std::sync::Arc;

use datafusion::arrow::array::{
    Array, ArrayRef, AsArray, Int16Array, Int32Array, ListBuilder, RecordBatch, StringArray,
    StringBuilder, new_null_array,
};
use datafusion::arrow::datatypes::{DataType, Field, FieldRef, Schema, SchemaRef};
use datafusion::common::Result;
use pgwire::api::Type;

use super::batch::{nullable, number};
use super::lakes::marked;
use super::roles;
use crate::plan::array_texts::items;
use crate::server::types::{item_of, length};

/// The number of the schema of PostgreSQL's own tables.
pub(super) const PG_CATALOG: i32 = 11;

/// A table's columns and rows.
pub(super) type Rows = (SchemaRef, Vec<RecordBatch>);

/// Rows and those that come after them.
pub(super) fn with_more(
    schema: &SchemaRef,
    batches: &[RecordBatch],
    more: RecordBatch,
) -> Result<Rows> {
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

/// `pg_class` with the owner, and with the columns about rights and options, of which there are none.
pub(super) fn of_relations(batch: &RecordBatch) -> Result<RecordBatch> {
    let mut out = with(batch, "relowner", &owner(batch))?;
    for name in ["relacl", "reloptions"] {
        let nothing = new_null_array(&DataType::Utf8, out.num_rows());
        out = with_field(&out, Field::new(name, DataType::Utf8, true), nothing)?;
    }
    Ok(out)
}

/// `pg_proc` with the names of arguments as lists.
pub(super) fn with_lists(batch: &RecordBatch) -> Result<RecordBatch> {
    let mut out = batch.clone();
    for name in ["proargnames", "proargmodes"] {
        let Some(texts) = batch.column_by_name(name) else { continue };
        let mut lists = ListBuilder::new(StringBuilder::new());
        for text in texts.as_string::<i32>() {
            let items = text.and_then(items);
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

/// `pg_tables` with the owner.
pub(super) fn of_tables(batch: &RecordBatch) -> Result<RecordBatch> {
    let owners: ArrayRef = Arc::new(StringArray::from(vec![roles::OWNER_NAME; batch.num_rows()]));
    with(batch, "tableowner", &owners)
}

/// `pg_attribute` with the types that answers have.
pub(super) fn with_types(batch: &RecordBatch) -> Result<RecordBatch> {
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
