//! What an expression asks of a match, as columns of numbers that the operator fills.
//!
//! Each [`Told`] of an expression becomes a slot; what is around them is evaluated by DataFusion over
//! a batch with a column for each slot. What is told of is a column of the chunk: of the input, or
//! one that is computed as the input arrives.

use std::ops::Range;
use std::sync::Arc;

use datafusion::arrow::array::{
    Array, ArrayRef, AsArray, BooleanArray, Int64Array, RecordBatch, RecordBatchOptions,
    StringArray, new_null_array,
};
use datafusion::arrow::datatypes::{DataType, SchemaRef};
use datafusion::common::{Result, ScalarValue, exec_err, internal_err};
use datafusion::logical_expr::Accumulator;
use datafusion::physical_expr::PhysicalExpr;
use datafusion::physical_expr::aggregate::AggregateFunctionExpr;

use super::matcher::Path;

/// A row of a match; see [`Place`](super::marker::Place).
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct At {
    /// the set of variables in the path; `None`: all
    pub set: Option<usize>,
    pub first: bool,
    pub offset: usize,
    pub running: bool,
    pub shift: i64,
}

impl At {
    /// The row, with the match known up to before `end`.
    pub(crate) fn row(&self, path: &Path, end: usize, partition: &Range<usize>) -> Option<usize> {
        let end = if self.running { end } else { path.end() };
        let base = match self.set {
            None => {
                let rows = path.start..end;
                if self.offset >= rows.len() {
                    return None;
                }
                if self.first { rows.start + self.offset } else { rows.end - 1 - self.offset }
            }
            Some(set) => {
                let rows = before(path.rows(set), end);
                if self.first {
                    *rows.get(self.offset)?
                } else {
                    *rows.get(rows.len().checked_sub(self.offset + 1)?)?
                }
            }
        };
        let shift = isize::try_from(self.shift).ok()?;
        base.checked_add_signed(shift).filter(|row| partition.contains(row))
    }
}

/// Those of rising rows that come before one.
fn before(rows: &[usize], end: usize) -> &[usize] {
    match rows.last() {
        Some(last) if *last >= end => {
            rows.get(..rows.partition_point(|row| *row < end)).unwrap_or_default()
        }
        _ => rows,
    }
}

/// What fills a column.
#[derive(Debug, Clone)]
pub(crate) enum Slot {
    Value {
        column: usize,
        at: At,
    },
    Classifier(At),
    MatchNumber,
    /// rows of a set
    Count {
        set: Option<usize>,
        running: bool,
    },
    Aggregate {
        aggregate: Aggregate,
        running: bool,
    },
}

/// An aggregate over the rows of a set of its own.
#[derive(Debug, Clone)]
pub(crate) struct Aggregate {
    pub function: Arc<AggregateFunctionExpr>,
    /// columns of the chunk
    pub arguments: Vec<usize>,
    pub set: usize,
}

/// Expressions over slots.
#[derive(Debug, Clone)]
pub(crate) struct Asked {
    pub slots: Vec<Slot>,
    /// of the batch with a column for each slot
    pub schema: SchemaRef,
    pub exprs: Vec<Arc<dyn PhysicalExpr>>,
}

impl Asked {
    /// Evaluates every expression over columns for the slots.
    pub(crate) fn evaluate(&self, columns: Vec<ArrayRef>, rows: usize) -> Result<Vec<ArrayRef>> {
        let options = RecordBatchOptions::new().with_row_count(Some(rows));
        let batch = RecordBatch::try_new_with_options(Arc::clone(&self.schema), columns, &options)?;
        self.exprs.iter().map(|e| e.evaluate(&batch)?.into_array(rows)).collect()
    }

    /// Type of a slot's column.
    pub(crate) fn data_type(&self, slot: usize) -> DataType {
        self.schema.fields().get(slot).map_or(DataType::Null, |f| f.data_type().clone())
    }
}

/// Whether rows fulfil a condition that was evaluated.
pub(crate) fn truth(values: &ArrayRef) -> Result<BooleanArray> {
    match values.data_type() {
        DataType::Boolean => Ok(values.as_boolean().clone()),
        DataType::Null => Ok(BooleanArray::new_null(values.len())),
        other => exec_err!("a condition of DEFINE must be true or false, got {other}"),
    }
}

/// An aggregate that has seen some rows of its set.
pub(crate) struct Running {
    accumulator: Option<Box<dyn Accumulator>>,
    fed: usize,
}

impl std::fmt::Debug for Running {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "Running({})", self.fed)
    }
}

impl Running {
    /// One for each slot.
    pub(crate) fn of(slots: &[Slot]) -> Vec<Self> {
        slots.iter().map(|_| Self { accumulator: None, fed: 0 }).collect()
    }

    /// Forgets its rows.
    pub(crate) fn restart(&mut self) {
        *self = Self { accumulator: None, fed: 0 };
    }

    /// The value over `rows`, of which the first `same` are those of the last time. Rows are fed one
    /// by one, so that the answer has the same bits however it came about.
    pub(crate) fn value(
        &mut self,
        aggregate: &Aggregate,
        columns: &[ArrayRef],
        rows: &[usize],
        same: usize,
    ) -> Result<ScalarValue> {
        if self.fed > same.min(rows.len()) {
            self.restart();
        }
        let accumulator = match &mut self.accumulator {
            Some(accumulator) => accumulator,
            none => none.insert(aggregate.function.create_accumulator()?),
        };
        for row in rows.get(self.fed..).unwrap_or_default() {
            let mut values = Vec::with_capacity(aggregate.arguments.len());
            for column in &aggregate.arguments {
                match columns.get(*column) {
                    Some(column) => values.push(column.slice(*row, 1)),
                    None => return internal_err!("an aggregate's column is not there"),
                }
            }
            accumulator.update_batch(&values)?;
        }
        self.fed = rows.len();
        accumulator.evaluate()
    }

    /// The value over those rows of the set that come before `end`.
    pub(crate) fn value_before(
        &mut self,
        aggregate: &Aggregate,
        columns: &[ArrayRef],
        path: &Path,
        end: usize,
    ) -> Result<ScalarValue> {
        self.value(aggregate, columns, before(path.rows(aggregate.set), end), usize::MAX)
    }
}

/// How many rows of a set come before `end`.
pub(crate) fn count(path: &Path, set: Option<usize>, end: usize) -> i64 {
    let rows = match set {
        None => end.saturating_sub(path.start),
        Some(set) => before(path.rows(set), end).len(),
    };
    i64::try_from(rows).unwrap_or(i64::MAX)
}

/// What the last row of the path was asked, told for one condition.
pub(crate) fn now(
    asked: &Asked,
    running: &mut [Running],
    columns: &[ArrayRef],
    path: &mut Path,
    partition: &Range<usize>,
    number: i64,
    names: &[String],
) -> Result<bool> {
    let end = path.end();
    let mut values: Vec<ArrayRef> = Vec::with_capacity(asked.slots.len());
    for (i, (slot, running)) in asked.slots.iter().zip(running).enumerate() {
        values.push(match slot {
            Slot::Value { column, at } => {
                match (at.row(path, end, partition), columns.get(*column)) {
                    (Some(row), Some(column)) => column.slice(row, 1),
                    _ => new_null_array(&asked.data_type(i), 1),
                }
            }
            Slot::Classifier(at) => {
                let name = at.row(path, end, partition).and_then(|row| label(path, row, names));
                Arc::new(StringArray::from(vec![name]))
            }
            Slot::MatchNumber => Arc::new(Int64Array::from(vec![number])),
            Slot::Count { set, .. } => Arc::new(Int64Array::from(vec![count(path, *set, end)])),
            Slot::Aggregate { aggregate, .. } => {
                let same = path.unchanged(aggregate.set);
                let rows = path.rows(aggregate.set);
                running.value(aggregate, columns, rows, same)?.to_array_of_size(1)?
            }
        });
    }
    let answers = asked.evaluate(values, 1)?;
    for answer in &answers {
        let answer = truth(answer)?;
        if !(answer.is_valid(0) && answer.value(0)) {
            return Ok(false);
        }
    }
    Ok(true)
}

/// The name of the variable that a row was taken as, if it is in the match.
pub(crate) fn label<'a>(path: &Path, row: usize, names: &'a [String]) -> Option<&'a str> {
    let label = path.labels.get(row.checked_sub(path.start)?)?;
    names.get(label.variable).map(String::as_str)
}
