//! Rows of whole partitions, in order, with what is known of them before matching.

use std::ops::Range;
use std::sync::Arc;

use datafusion::arrow::array::{
    Array, ArrayRef, DynComparator, RecordBatch, UInt64Array, make_comparator,
};
use datafusion::arrow::buffer::BooleanBuffer;
use datafusion::arrow::compute::{SortOptions, concat_batches, partition, take};
use datafusion::arrow::row::{RowConverter, SortField};
use datafusion::common::{Result, internal_err};

use super::compile::{Compared, Compiled, Condition};
use super::slots::{Slot, truth};
use crate::operators::bytes;

/// Some partitions.
pub(crate) struct Chunk {
    pub columns: Vec<ArrayRef>,
    pub partitions: Vec<Range<usize>>,
    /// for each variable, the rows that it may take, as far as needs no match
    pub near: Vec<Option<BooleanBuffer>>,
    /// for each variable, what compares the rows of its comparisons
    pub comparators: Vec<Vec<DynComparator>>,
    pub bytes: usize,
}

/// Rows that have arrived; the last partition of them may go on.
#[derive(Debug)]
pub(crate) struct Buffer {
    compiled: Arc<Compiled>,
    pending: Vec<RecordBatch>,
    rows: usize,
    bytes: usize,
    /// rows that are worth looking at
    target: usize,
    least: usize,
}

impl Buffer {
    pub(crate) fn new(compiled: Arc<Compiled>, rows: usize) -> Self {
        let least = rows.max(1);
        Self { compiled, pending: vec![], rows: 0, bytes: 0, target: least, least }
    }

    /// Bytes that are held.
    pub(crate) fn size(&self) -> usize {
        self.bytes
    }

    /// Adds a batch of the input.
    pub(crate) fn push(&mut self, batch: &RecordBatch) -> Result<()> {
        let rows = batch.num_rows();
        if rows == 0 {
            return Ok(());
        }
        let mut columns = batch.columns().to_vec();
        for value in &self.compiled.values {
            columns.push(value.evaluate(batch)?.into_array(rows)?);
        }
        let batch = RecordBatch::try_new(Arc::clone(&self.compiled.schema), columns)?;
        self.rows += rows;
        self.bytes += bytes::of_rows(&batch);
        self.pending.push(batch);
        Ok(())
    }

    /// Whether it is time for [`Self::take`].
    pub(crate) fn is_full(&self) -> bool {
        self.rows >= self.target && !self.compiled.keys.is_empty()
    }

    /// The partitions that are whole, if there is one; at the `end` all are.
    pub(crate) fn take(&mut self, end: bool) -> Result<Option<Chunk>> {
        if self.rows == 0 {
            return Ok(None);
        }
        let all = concat_batches(&self.compiled.schema, &self.pending)?;
        let mut partitions = ranges(&all, &self.compiled.keys)?;
        let rest = match partitions.last() {
            Some(last) if !end => {
                let from = last.start;
                partitions.pop();
                from
            }
            _ => all.num_rows(),
        };
        let kept = all.slice(rest, all.num_rows() - rest);
        self.rows = kept.num_rows();
        // a long partition is looked at again when it has doubled
        self.target = self.least.max(self.rows * 2);
        self.bytes = bytes::of_rows(&kept);
        self.pending.clear();
        if kept.num_rows() > 0 {
            self.pending.push(kept);
        }
        if partitions.is_empty() {
            return Ok(None);
        }
        Chunk::of(&all.slice(0, rest), partitions, &self.compiled).map(Some)
    }
}

/// Ranges of rows in which the columns do not change.
fn ranges(batch: &RecordBatch, columns: &[usize]) -> Result<Vec<Range<usize>>> {
    if columns.is_empty() || batch.num_rows() == 0 {
        return Ok(std::iter::once(0..batch.num_rows()).filter(|r| !r.is_empty()).collect());
    }
    let columns: Vec<ArrayRef> =
        columns.iter().filter_map(|c| batch.columns().get(*c)).map(Arc::clone).collect();
    Ok(partition(&columns)?.ranges())
}

impl Chunk {
    fn of(batch: &RecordBatch, partitions: Vec<Range<usize>>, compiled: &Compiled) -> Result<Self> {
        let columns = without_ties(batch, compiled)?;
        let near = compiled
            .conditions
            .iter()
            .map(|condition| near(condition, &columns, batch.num_rows(), &partitions))
            .collect::<Result<_>>()?;
        let comparators = compiled
            .conditions
            .iter()
            .map(|condition| condition.compared.iter().map(|c| comparator(c, &columns)).collect())
            .collect::<Result<_>>()?;
        Ok(Self { columns, partitions, near, comparators, bytes: bytes::of_rows(batch) })
    }
}

fn comparator(compared: &Compared, columns: &[ArrayRef]) -> Result<DynComparator> {
    match (columns.get(compared.left.0), columns.get(compared.right.0)) {
        (Some(left), Some(right)) => Ok(make_comparator(left, right, SortOptions::default())?),
        _ => internal_err!("a condition's column is not there"),
    }
}

/// The columns, with rows that ORDER BY leaves equal in the order of their other columns: so that
/// the answer is the same whatever way they arrive.
fn without_ties(batch: &RecordBatch, compiled: &Compiled) -> Result<Vec<ArrayRef>> {
    let known: Vec<usize> = compiled.keys.iter().chain(&compiled.order).copied().collect();
    let mut equal = ranges(batch, &known)?;
    equal.retain(|range| range.len() > 1);
    if equal.is_empty() {
        return Ok(batch.columns().to_vec());
    }
    let tied: UInt64Array = equal.iter().cloned().flatten().map(index).collect();
    let (mut fields, mut values) = (vec![], vec![]);
    for (number, column) in batch.columns().iter().enumerate() {
        let field = SortField::new(column.data_type().clone());
        if !known.contains(&number) && RowConverter::supports_fields(std::slice::from_ref(&field)) {
            fields.push(field);
            values.push(take(column, &tied, None)?);
        }
    }
    if fields.is_empty() {
        return Ok(batch.columns().to_vec());
    }
    let rows = RowConverter::new(fields)?.convert_columns(&values)?;
    let mut order: Vec<usize> = (0..batch.num_rows()).collect();
    let mut done = 0;
    for range in equal {
        let mut sorted: Vec<usize> = (done..done + range.len()).collect();
        sorted.sort_by(|a, b| rows.row(*a).cmp(&rows.row(*b)));
        for (place, from) in order.iter_mut().skip(range.start).zip(sorted) {
            *place = range.start + from - done;
        }
        done += range.len();
    }
    let order: UInt64Array = order.into_iter().map(index).collect();
    batch.columns().iter().map(|c| Ok(take(c, &order, None)?)).collect()
}

pub(super) fn index(row: usize) -> Option<u64> {
    u64::try_from(row).ok()
}

/// The rows that fulfil the part of a condition that needs no match.
fn near(
    condition: &Condition,
    columns: &[ArrayRef],
    rows: usize,
    partitions: &[Range<usize>],
) -> Result<Option<BooleanBuffer>> {
    let Some(asked) = &condition.near else { return Ok(None) };
    let mut values = vec![];
    for slot in &asked.slots {
        let Slot::Value { column, at } = slot else {
            return internal_err!("a condition looks at the match");
        };
        let Some(column) = columns.get(*column) else {
            return internal_err!("a condition's column is not there");
        };
        values.push(match isize::try_from(at.shift).unwrap_or(isize::MAX) {
            0 => Arc::clone(column),
            shift => {
                let from = |partition: &Range<usize>| {
                    let partition = partition.clone();
                    let within = partition.clone();
                    partition.map(move |row| {
                        let row = row.checked_add_signed(shift).filter(|r| within.contains(r));
                        row.and_then(index)
                    })
                };
                let rows: UInt64Array = partitions.iter().flat_map(from).collect();
                take(column, &rows, None)?
            }
        });
    }
    let answers = asked.evaluate(values, rows)?;
    let Some(answer) = answers.first() else { return Ok(None) };
    let answer = truth(answer)?;
    // NULL is not true
    Ok(Some(match answer.nulls() {
        Some(nulls) => answer.values() & nulls.inner(),
        None => answer.values().clone(),
    }))
}
