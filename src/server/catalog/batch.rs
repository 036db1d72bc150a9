//! Rows for tables whose columns are PostgreSQL's and of which only some are known here.

use std::sync::Arc;

use datafusion::arrow::array::{ArrayRef, RecordBatch, RecordBatchOptions, new_null_array};
use datafusion::arrow::compute::cast;
use datafusion::arrow::datatypes::{Field, Schema, SchemaRef};
use datafusion::common::Result;

/// Rows in the columns of `schema`; what is not known is NULL.
pub(super) fn filled(
    schema: &SchemaRef,
    known: &[(&str, ArrayRef)],
    rows: usize,
) -> Result<RecordBatch> {
    let columns = schema
        .fields()
        .iter()
        .map(|field| match known.iter().find(|(name, _)| name == field.name()) {
            Some((_, array)) => Ok(cast(array, field.data_type())?),
            None => Ok(new_null_array(field.data_type(), rows)),
        })
        .collect::<Result<Vec<_>>>()?;
    let options = RecordBatchOptions::new().with_row_count(Some(rows));
    Ok(RecordBatch::try_new_with_options(nullable(schema), columns, &options)?)
}

/// The same columns, which may be NULL.
pub(super) fn nullable(schema: &SchemaRef) -> SchemaRef {
    let fields = schema.fields().iter().map(|f| f.as_ref().clone().with_nullable(true));
    Arc::new(Schema::new(fields.collect::<Vec<Field>>()))
}

/// The number of a type as the catalog keeps it.
pub(super) fn number(oid: u32) -> i32 {
    i32::try_from(oid).unwrap_or_default()
}
