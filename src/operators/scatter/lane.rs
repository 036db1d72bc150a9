//! How rows are sent: as they are, or with numbers for names.

use std::sync::Arc;

use datafusion::arrow::array::{ArrayRef, AsArray, BooleanArray};
use datafusion::arrow::compute::{filter_record_batch, not};
use datafusion::arrow::datatypes::{DataType, Decimal128Type, Field, Schema, SchemaRef};
use datafusion::arrow::record_batch::{RecordBatch, RecordBatchOptions};
use datafusion::common::Result;
use datafusion::common::tree_node::TreeNode;
use datafusion::physical_expr::PhysicalExpr;
use datafusion::physical_expr::expressions::Column;

use crate::operators::names;

/// The rows of one kind.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Lane {
    schema: SchemaRef,
    /// the column whose texts are numbers, and what it was
    named: Option<(usize, SchemaRef)>,
}

impl Lane {
    pub(crate) fn as_it_is(schema: SchemaRef) -> Self {
        Self { schema, named: None }
    }

    /// The lane of the rows whose name is a number, if a key is a name.
    pub(super) fn numbered(plain: &SchemaRef, keys: &[Arc<dyn PhysicalExpr>]) -> Option<Self> {
        let is_text = |at: &usize| plain.field(*at).data_type() == &DataType::Utf8View;
        let columns = keys.iter().filter_map(|key| key.downcast_ref::<Column>());
        let at = columns.map(Column::index).find(is_text)?;
        // what is computed of a name needs the name
        let reads = |e: &Arc<dyn PhysicalExpr>| {
            e.downcast_ref::<Column>().is_some_and(|column| column.index() == at)
        };
        let computed = |key: &&Arc<dyn PhysicalExpr>| !key.is::<Column>();
        if keys.iter().filter(computed).any(|key| key.exists(|e| Ok(reads(e))).unwrap_or(true)) {
            return None;
        }
        let fields = plain.fields().iter().enumerate().map(|(i, field)| match i == at {
            true => Field::clone(field).with_data_type(names::NUMBER).into(),
            false => Arc::clone(field),
        });
        let schema = Schema::new_with_metadata(
            fields.collect::<Vec<Arc<Field>>>(),
            plain.metadata().clone(),
        );
        Some(Self { schema: Arc::new(schema), named: Some((at, Arc::clone(plain))) })
    }

    /// The column whose texts are numbers.
    pub(crate) fn name(&self) -> Option<usize> {
        self.named.as_ref().map(|(at, _)| *at)
    }

    pub(super) fn schema(&self) -> &SchemaRef {
        &self.schema
    }

    /// The rows of `batch` that go in this lane, and the rest.
    pub(super) fn split(
        &self,
        batch: RecordBatch,
    ) -> Result<(Option<RecordBatch>, Option<RecordBatch>)> {
        let Some((at, _)) = &self.named else { return Ok((Some(batch), None)) };
        let (numbers, missing) = names::numbers(batch.column(*at).as_string_view());
        let with =
            |batch: &RecordBatch, numbers: ArrayRef| replaced(batch, *at, numbers, &self.schema);
        let Some(missing) = missing else {
            return Ok((Some(with(&batch, Arc::new(numbers))?), None));
        };
        let missing = BooleanArray::from(missing);
        let rest = filter_record_batch(&batch, &missing)?;
        if rest.num_rows() == batch.num_rows() {
            return Ok((None, Some(batch)));
        }
        let all = with(&batch, Arc::new(numbers))?;
        Ok((Some(filter_record_batch(&all, &not(&missing)?)?), Some(rest)))
    }

    /// Rows of this lane as they were.
    pub(crate) fn back(&self, batch: &RecordBatch) -> Result<RecordBatch> {
        let Some((at, plain)) = &self.named else { return Ok(batch.clone()) };
        let texts = names::texts(batch.column(*at).as_primitive::<Decimal128Type>())?;
        replaced(batch, *at, texts, plain)
    }
}

/// `batch` with another column in the place of one.
pub(crate) fn replaced(
    batch: &RecordBatch,
    at: usize,
    column: ArrayRef,
    schema: &SchemaRef,
) -> Result<RecordBatch> {
    let columns = batch.columns().iter().enumerate();
    let columns = columns.map(|(i, c)| Arc::clone(if i == at { &column } else { c }));
    let rows = RecordBatchOptions::new().with_row_count(Some(batch.num_rows()));
    Ok(RecordBatch::try_new_with_options(Arc::clone(schema), columns.collect(), &rows)?)
}
