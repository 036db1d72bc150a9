//! Matches the partitions of a chunk, a few steps at a time, and makes the rows of the answer.

use std::ops::Range;
use std::sync::Arc;

use datafusion::arrow::array::{
    Array, ArrayRef, BooleanArray, DynComparator, Int64Array, RecordBatch, RecordBatchOptions,
    StringArray, UInt64Array,
};
use datafusion::arrow::compute::{nullif, take};
use datafusion::arrow::datatypes::SchemaRef;
use datafusion::common::{DataFusionError, Result, ScalarValue, internal_err};
use datafusion::logical_expr::Operator;

use super::MAX_MATCH_STEPS;
use super::chunk::{Chunk, index};
use super::compile::{Compared, Compiled, Condition, SkipTo, Source};
use super::matcher::{Conditions, Matcher, Outcome, Path};
use super::node::Rows;
use super::slots::{At, Running, Slot, count, label, now};
use crate::error::{Error, ErrorKind};

/// How a run stands.
pub(crate) enum Progress {
    /// some rows of the answer
    Rows(RecordBatch),
    /// let others work, then go on
    Paused,
    Done,
}

/// Matches partition after partition.
pub(crate) struct Run {
    compiled: Arc<Compiled>,
    /// of the answer
    schema: SchemaRef,
    batch_size: usize,
    matcher: Matcher,
    path: Path,
    /// for each variable, what its aggregates have seen
    conditions: Vec<Vec<Running>>,
    /// what the aggregates of the measures have seen
    measures: Vec<Running>,
    chunk: Option<Chunk>,
    /// of the chunk
    partition: usize,
    row: usize,
    /// one past the last row that a match of the partition has taken
    covered: usize,
    number: i64,
    phase: Phase,
    pending: Pending,
    steps: u64,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Phase {
    /// the next partition is to begin
    Partition,
    /// the search at `row` is to begin
    Row,
    Searching,
    /// the rows of the match are shown; this one is next
    Showing(usize),
}

impl Run {
    pub(crate) fn new(compiled: &Arc<Compiled>, schema: SchemaRef, batch_size: usize) -> Self {
        let looking: Vec<bool> = compiled.conditions.iter().map(Condition::looks).collect();
        let running = |c: &Condition| c.looking.as_ref().map(|a| Running::of(&a.slots));
        Self {
            matcher: Matcher::new(compiled.program.clone(), looking, MAX_MATCH_STEPS),
            path: Path::new(compiled.names.len(), &compiled.sets),
            conditions: compiled
                .conditions
                .iter()
                .map(|c| running(c).unwrap_or_default())
                .collect(),
            measures: Running::of(&compiled.measures.slots),
            pending: Pending::new(&compiled.measures.slots),
            compiled: Arc::clone(compiled),
            schema,
            batch_size: batch_size.max(1),
            chunk: None,
            partition: 0,
            row: 0,
            covered: 0,
            number: 0,
            phase: Phase::Partition,
            steps: 0,
        }
    }

    /// Takes on the next partitions.
    pub(crate) fn begin(&mut self, chunk: Chunk) {
        self.chunk = Some(chunk);
        self.partition = 0;
        self.phase = Phase::Partition;
    }

    /// Bytes that are held.
    pub(crate) fn size(&self) -> usize {
        let longest = |chunk: &Chunk| {
            chunk.partitions.iter().map(Range::len).max().map_or(0, |n| self.matcher.bytes_for(n))
        };
        self.chunk.as_ref().map_or(0, |c| c.bytes + longest(c)).max(self.matcher.size())
            + self.path.labels.capacity() * 16
            + self.pending.rows.capacity() * 8 * (1 + self.pending.slots.len())
    }

    /// Steps since this was last asked.
    pub(crate) fn steps(&mut self) -> u64 {
        std::mem::take(&mut self.steps)
    }

    /// Goes on for about `budget` steps.
    pub(crate) fn step(&mut self, budget: u64) -> Result<Progress> {
        let Some(chunk) = self.chunk.take() else { return Ok(Progress::Done) };
        let mut left = budget;
        let progress = self.go_on(&chunk, &mut left);
        self.steps += budget - left;
        if !matches!(progress, Ok(Progress::Done)) {
            self.chunk = Some(chunk);
        }
        progress
    }

    fn go_on(&mut self, chunk: &Chunk, budget: &mut u64) -> Result<Progress> {
        loop {
            if self.pending.rows.len() >= self.batch_size {
                return Ok(Progress::Rows(self.flush(chunk)?));
            }
            if *budget == 0 {
                return Ok(Progress::Paused);
            }
            let Some(rows) = chunk.partitions.get(self.partition).cloned() else {
                // what is pending are rows of this chunk
                return Ok(if self.pending.rows.is_empty() {
                    Progress::Done
                } else {
                    Progress::Rows(self.flush(chunk)?)
                });
            };
            match self.phase {
                Phase::Partition => {
                    self.row = rows.start;
                    self.covered = rows.start;
                    self.number = 0;
                    self.matcher.partition(rows);
                    self.phase = Phase::Row;
                }
                Phase::Row if self.row >= rows.end => {
                    self.partition += 1;
                    self.phase = Phase::Partition;
                }
                Phase::Row => {
                    *budget = budget.saturating_sub(1);
                    self.matcher.begin(self.row, &mut self.path);
                    self.conditions.iter_mut().flatten().for_each(Running::restart);
                    self.phase = Phase::Searching;
                }
                Phase::Searching => {
                    if self.search(chunk, rows, budget)? == Outcome::Paused {
                        return Ok(Progress::Paused);
                    }
                }
                Phase::Showing(row) => {
                    *budget = budget.saturating_sub(1);
                    self.show(chunk, &rows, row)?;
                }
            }
        }
    }

    fn search(&mut self, chunk: &Chunk, rows: Range<usize>, budget: &mut u64) -> Result<Outcome> {
        let mut asked = Looking {
            compiled: &self.compiled,
            chunk,
            running: &mut self.conditions,
            partition: rows,
            number: self.number + 1,
        };
        let outcome = self.matcher.run(&mut asked, &mut self.path, budget)?;
        match outcome {
            Outcome::Paused => {}
            Outcome::TooLong => {
                return Err(Error::new(
                    ErrorKind::TooComplex,
                    format!("MATCH_RECOGNIZE has made {MAX_MATCH_STEPS} steps for one match: its conditions on the match so far leave too many ways to try"),
                )
                .with_hint("let PATTERN say more, such as {1,20} for + and *, or let conditions look at the row and those around it, with PREV and NEXT")
                .into());
            }
            Outcome::NoMatch => {
                if matches!(self.compiled.rows, Rows::All { unmatched: true, .. })
                    && self.row >= self.covered
                {
                    self.pending.push_unmatched(self.row);
                }
                self.row += 1;
                self.phase = Phase::Row;
            }
            Outcome::Match => {
                self.number += 1;
                self.measures.iter_mut().for_each(Running::restart);
                self.phase = Phase::Showing(self.path.start);
            }
        }
        Ok(outcome)
    }

    /// Shows one row of the match, or ends it.
    fn show(&mut self, chunk: &Chunk, rows: &Range<usize>, row: usize) -> Result<()> {
        let (start, end) = (self.path.start, self.path.end());
        let is_empty = start == end;
        match self.compiled.rows {
            Rows::One => self.push(chunk, rows, start, end)?,
            Rows::All { empty, .. } if is_empty => {
                if empty {
                    self.push(chunk, rows, start, end)?;
                }
            }
            Rows::All { .. } if row < end => {
                let excluded = self.path.labels.get(row - start).is_some_and(|l| l.excluded);
                if !excluded {
                    self.push(chunk, rows, row, row + 1)?;
                }
                self.phase = Phase::Showing(row + 1);
                return Ok(());
            }
            Rows::All { .. } => {}
        }
        // the row of an empty match is its own
        self.covered = self.covered.max(end);
        self.row = if is_empty { start + 1 } else { self.next_row()? };
        self.phase = Phase::Row;
        Ok(())
    }

    /// Where the search goes on.
    fn next_row(&self) -> Result<usize> {
        match &self.compiled.skip {
            SkipTo::PastLast => Ok(self.path.end()),
            SkipTo::Next => Ok(self.path.start + 1),
            SkipTo::To { set, name, first } => {
                let rows = self.path.rows(*set);
                let to = if *first { rows.first() } else { rows.last() };
                match to {
                    None => Err(no_way_on(
                        format!("AFTER MATCH SKIP TO {name}: a match has no row of {name}"),
                        "skip to a variable that every match has, TO NEXT ROW or PAST LAST ROW",
                    )),
                    Some(row) if *row == self.path.start => Err(no_way_on(
                        format!(
                            "AFTER MATCH SKIP TO {name}: it is the first row of a match, which would be found again for ever"
                        ),
                        "skip to a variable that comes later, TO NEXT ROW or PAST LAST ROW",
                    )),
                    Some(row) => Ok(*row),
                }
            }
        }
    }

    /// Adds a row of the answer, at which the match is seen up to before `end`.
    fn push(&mut self, chunk: &Chunk, rows: &Range<usize>, row: usize, end: usize) -> Result<()> {
        let Self { pending, path, measures, compiled, number, .. } = self;
        pending.rows.push(index(row));
        pending.unmatched.push(false);
        let last = path.end();
        let slots = compiled.measures.slots.iter().zip(measures);
        for ((slot, running), column) in slots.zip(&mut pending.slots) {
            match (slot, column) {
                (Slot::Value { at, .. }, Column::Rows(out)) => {
                    out.push(at.row(path, end, rows).and_then(index));
                }
                (Slot::Classifier(at), Column::Names(out)) => {
                    let name =
                        at.row(path, end, rows).and_then(|r| label(path, r, &compiled.names));
                    out.push(name.map(String::from));
                }
                (Slot::MatchNumber, Column::Numbers(out)) => out.push(Some(*number)),
                (Slot::Count { set, running }, Column::Numbers(out)) => {
                    let end = if *running { end } else { last };
                    out.push(Some(count(path, *set, end)));
                }
                (Slot::Aggregate { aggregate, running: up_to }, Column::Values(out)) => {
                    let end = if *up_to { end } else { last };
                    out.push(Some(running.value_before(aggregate, &chunk.columns, path, end)?));
                }
                _ => return internal_err!("a measure's column is of another kind"),
            }
        }
        Ok(())
    }

    /// The pending rows.
    fn flush(&mut self, chunk: &Chunk) -> Result<RecordBatch> {
        let asked = &self.compiled.measures;
        let pending = std::mem::replace(&mut self.pending, Pending::new(&asked.slots));
        let n = pending.rows.len();
        let mut columns: Vec<ArrayRef> = vec![];
        for (number, (slot, column)) in asked.slots.iter().zip(pending.slots).enumerate() {
            columns.push(match (slot, column) {
                (Slot::Value { column, .. }, Column::Rows(rows)) => {
                    take(source(chunk, *column)?, &UInt64Array::from(rows), None)?
                }
                (_, Column::Names(names)) => Arc::new(StringArray::from(names)),
                (_, Column::Numbers(numbers)) => Arc::new(Int64Array::from(numbers)),
                (_, Column::Values(values)) => {
                    let null = ScalarValue::try_from(&asked.data_type(number))?;
                    let values = values.into_iter().map(|v| v.unwrap_or_else(|| null.clone()));
                    ScalarValue::iter_to_array(values)?
                }
                _ => return internal_err!("a measure's column is of another kind"),
            });
        }
        let mut measures = asked.evaluate(columns, n)?;
        if pending.unmatched.contains(&true) {
            let unmatched = BooleanArray::from(pending.unmatched);
            for measure in &mut measures {
                *measure = nullif(measure, &unmatched)?;
            }
        }
        let rows = UInt64Array::from(pending.rows);
        let columns = self
            .compiled
            .outputs
            .iter()
            .map(|output| {
                Ok(match output {
                    Source::Column(column) => take(source(chunk, *column)?, &rows, None)?,
                    Source::Measure(number) => match measures.get(*number) {
                        Some(measure) => Arc::clone(measure),
                        None => return internal_err!("no measure {number}"),
                    },
                })
            })
            .collect::<Result<Vec<_>>>()?;
        let options = RecordBatchOptions::new().with_row_count(Some(n));
        Ok(RecordBatch::try_new_with_options(Arc::clone(&self.schema), columns, &options)?)
    }
}

fn no_way_on(message: String, hint: &str) -> DataFusionError {
    Error::new(ErrorKind::Invalid, message).with_hint(hint).into()
}

fn source(chunk: &Chunk, column: usize) -> Result<&ArrayRef> {
    match chunk.columns.get(column) {
        Some(column) => Ok(column),
        None => internal_err!("no column {column}"),
    }
}

/// Rows of the answer that are not made yet.
#[derive(Debug)]
struct Pending {
    /// of the chunk
    rows: Vec<Option<u64>>,
    unmatched: Vec<bool>,
    /// for each slot of the measures
    slots: Vec<Column>,
}

#[derive(Debug)]
enum Column {
    /// of the chunk
    Rows(Vec<Option<u64>>),
    Names(Vec<Option<String>>),
    Numbers(Vec<Option<i64>>),
    Values(Vec<Option<ScalarValue>>),
}

impl Pending {
    fn new(slots: &[Slot]) -> Self {
        let column = |slot: &Slot| match slot {
            Slot::Value { .. } => Column::Rows(vec![]),
            Slot::Classifier(_) => Column::Names(vec![]),
            Slot::MatchNumber | Slot::Count { .. } => Column::Numbers(vec![]),
            Slot::Aggregate { .. } => Column::Values(vec![]),
        };
        Self { rows: vec![], unmatched: vec![], slots: slots.iter().map(column).collect() }
    }

    /// A row of no match.
    fn push_unmatched(&mut self, row: usize) {
        self.rows.push(index(row));
        self.unmatched.push(true);
        for column in &mut self.slots {
            match column {
                Column::Rows(out) => out.push(None),
                Column::Names(out) => out.push(None),
                Column::Numbers(out) => out.push(None),
                Column::Values(out) => out.push(None),
            }
        }
    }
}

/// The conditions of the variables over a chunk.
struct Looking<'a> {
    compiled: &'a Compiled,
    chunk: &'a Chunk,
    running: &'a mut [Vec<Running>],
    partition: Range<usize>,
    /// the match that is searched for
    number: i64,
}

impl Conditions for Looking<'_> {
    type Error = DataFusionError;

    fn may(&self, variable: usize, row: usize) -> bool {
        match self.chunk.near.get(variable) {
            Some(Some(mask)) => mask.value(row),
            _ => true,
        }
    }

    fn does(&mut self, variable: usize, path: &mut Path) -> Result<bool> {
        let Some(condition) = self.compiled.conditions.get(variable) else { return Ok(true) };
        let comparators = self.chunk.comparators.get(variable).into_iter().flatten();
        for (compared, comparator) in condition.compared.iter().zip(comparators) {
            if !self.compares(compared, comparator, path) {
                return Ok(false);
            }
        }
        let (Some(asked), Some(running)) = (&condition.looking, self.running.get_mut(variable))
        else {
            return Ok(true);
        };
        let (columns, names) = (&self.chunk.columns, &self.compiled.names);
        now(asked, running, columns, path, &self.partition, self.number, names)
    }
}

impl Looking<'_> {
    /// Whether two rows compare as they must; a row or a value that is not there does not.
    fn compares(&self, compared: &Compared, comparator: &DynComparator, path: &Path) -> bool {
        let end = path.end();
        let row = |(column, at): &(usize, At)| {
            let row = at.row(path, end, &self.partition)?;
            self.chunk.columns.get(*column)?.is_valid(row).then_some(row)
        };
        let (Some(left), Some(right)) = (row(&compared.left), row(&compared.right)) else {
            return false;
        };
        let order = comparator(left, right);
        match compared.op {
            Operator::Eq => order.is_eq(),
            Operator::NotEq => order.is_ne(),
            Operator::Lt => order.is_lt(),
            Operator::LtEq => order.is_le(),
            Operator::Gt => order.is_gt(),
            _ => order.is_ge(),
        }
    }
}
