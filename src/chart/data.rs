//! A result as a chart reads it: columns of labels, of numbers and of places.

use datafusion::arrow::array::{Array, ArrayRef, AsArray, RecordBatch};
use datafusion::arrow::compute::{cast, concat_batches};
use datafusion::arrow::datatypes::{DataType, Float64Type, Schema, SchemaRef};

use super::{Columns, Options, unknown, wrong};
use crate::error::{Error, Result};
use crate::render::cells::{TextColumn, printable};
use crate::render::type_name;

/// Rows, and what stands for NULL in their labels.
pub(super) struct Data {
    batch: RecordBatch,
    null: &'static str,
}

/// Values of a column that are told apart, in the order of their first rows.
#[derive(Default)]
pub(super) struct Groups {
    pub(super) names: Vec<String>,
    /// the name of every row, by its place in `names`
    pub(super) of: Vec<usize>,
}

pub(super) fn is_number(data_type: &DataType) -> bool {
    match data_type {
        DataType::Dictionary(_, value) => is_number(value),
        other => other.is_numeric(),
    }
}

pub(super) fn is_time(data_type: &DataType) -> bool {
    matches!(data_type, DataType::Timestamp(..) | DataType::Date32 | DataType::Date64)
}

/// The columns of labels and of numbers: the first column, and the first numbers behind; where the
/// only numbers stand first, the labels are what is left.
pub(super) fn axes(schema: &Schema) -> Option<(usize, usize)> {
    let numbers: Vec<usize> = (0..schema.fields().len())
        .filter(|i| schema.fields().get(*i).is_some_and(|f| is_number(f.data_type())))
        .collect();
    match numbers.as_slice() {
        [] => None,
        [0] if schema.fields().len() > 1 => Some((1, 0)),
        [0, second, ..] => Some((0, *second)),
        [first, ..] => Some((0, *first)),
    }
}

impl Data {
    pub(super) fn new(
        schema: &SchemaRef,
        batches: &[RecordBatch],
        options: &Options,
    ) -> Result<Self> {
        let batch = concat_batches(schema, batches).map_err(Error::from)?;
        Ok(Self { batch, null: options.null() })
    }

    pub(super) fn rows(&self) -> usize {
        self.batch.num_rows()
    }

    pub(super) fn schema(&self) -> SchemaRef {
        self.batch.schema()
    }

    pub(super) fn name(&self, column: usize) -> String {
        self.schema().fields().get(column).map(|f| f.name().clone()).unwrap_or_default()
    }

    fn array(&self, column: usize) -> Result<&ArrayRef> {
        self.batch.columns().get(column).ok_or_else(|| wrong("the result has too few columns"))
    }

    /// The column of a name that may not be there.
    pub(super) fn find(&self, name: &str) -> Option<usize> {
        self.schema().column_with_name(name).map(|(index, _)| index)
    }

    /// The column that was asked for by name.
    pub(super) fn named(&self, name: &Option<String>) -> Result<Option<usize>> {
        let Some(name) = name else { return Ok(None) };
        let found = self.find(name).or_else(|| self.find(&name.to_lowercase()));
        found.map(Some).ok_or_else(|| unknown(name, &self.schema()))
    }

    /// The columns of labels and of numbers: those that were asked for, or known by their names, or
    /// chosen by types.
    pub(super) fn axes(
        &self,
        columns: &Columns,
        known: (&str, &str),
        chart: &str,
    ) -> Result<(usize, usize)> {
        let x = self.named(&columns.x)?.or_else(|| self.find(known.0));
        let y = self.named(&columns.y)?.or_else(|| self.find(known.1));
        let schema = self.schema();
        let first = |from: usize| {
            let behind = (from..schema.fields().len()).chain(0..from);
            let mut others = behind.filter(|i| Some(*i) != x);
            others.find(|i| schema.fields().get(*i).is_some_and(|f| is_number(f.data_type())))
        };
        let by_types = axes(&schema);
        let y = y.or_else(|| match x {
            None => by_types.map(|(_, y)| y),
            Some(x) => first(x),
        });
        let Some(y) = y else {
            let all: Vec<String> = schema
                .fields()
                .iter()
                .map(|f| format!("{} {}", f.name(), type_name(f.data_type())))
                .collect();
            return Err(wrong(format!(
                "a {chart} needs a column of numbers; the result has {}",
                all.join(", ")
            )));
        };
        let by_types = by_types.map(|(x, _)| x).filter(|x| *x != y);
        let other = (0..schema.fields().len()).find(|i| *i != y);
        Ok((x.or(by_types).or(other).unwrap_or(y), y))
    }

    pub(super) fn is_time(&self, column: usize) -> bool {
        self.array(column).is_ok_and(|array| is_time(array.data_type()))
    }

    /// Numbers of a column; NULL where there is none.
    pub(super) fn numbers(&self, column: usize) -> Result<Vec<Option<f64>>> {
        let array = self.array(column)?;
        if !is_number(array.data_type()) {
            return Err(wrong(format!(
                "{} is {}; a chart draws numbers",
                self.name(column),
                type_name(array.data_type())
            )));
        }
        floats(array)
    }

    /// Where the values of a column lie on an axis; nothing if they are text.
    pub(super) fn positions(&self, column: usize) -> Result<Option<Vec<Option<f64>>>> {
        let array = self.array(column)?;
        if is_number(array.data_type()) {
            return floats(array).map(Some);
        }
        if !is_time(array.data_type()) {
            return Ok(None);
        }
        floats(&cast(array, &DataType::Int64)?).map(Some)
    }

    /// True values of a column of conditions; nothing if it is none.
    pub(super) fn conditions(&self, column: usize) -> Option<Vec<Option<bool>>> {
        Some(self.array(column).ok()?.as_boolean_opt()?.iter().collect())
    }

    /// The text of every value. Times are as short as all of them allow: days without hours, months
    /// without days.
    pub(super) fn labels(&self, column: usize) -> Result<Vec<String>> {
        let array = self.array(column)?;
        let texts = TextColumn::new(array.as_ref())?;
        let mut labels = Vec::with_capacity(self.rows());
        let mut text = String::new();
        for row in 0..self.rows() {
            let known = texts.write(row, &mut text)?;
            labels.push(known.then(|| printable(&text, false)));
        }
        if is_time(array.data_type()) {
            shorten(&mut labels);
        }
        Ok(labels.into_iter().map(|label| label.unwrap_or_else(|| self.null.into())).collect())
    }

    /// The values of a column that are told apart; one group without a column.
    pub(super) fn groups(&self, column: Option<usize>) -> Result<Groups> {
        let labels = match column {
            Some(column) => self.labels(column)?,
            None => vec![String::new(); self.rows()],
        };
        Ok(Groups::of(labels))
    }
}

impl Groups {
    pub(super) fn of(labels: Vec<String>) -> Self {
        let mut groups = Self::default();
        let mut known = std::collections::HashMap::new();
        for label in labels {
            let next = groups.names.len();
            let index = *known.entry(label.clone()).or_insert(next);
            if index == next {
                groups.names.push(label);
            }
            groups.of.push(index);
        }
        groups
    }

    /// The rows of every group, in their order.
    pub(super) fn rows(&self) -> impl Iterator<Item = (&str, Vec<usize>)> {
        self.names.iter().enumerate().map(|(group, name)| {
            let rows = self.of.iter().enumerate().filter(move |(_, g)| **g == group);
            (name.as_str(), rows.map(|(row, _)| row).collect())
        })
    }
}

fn floats(array: &ArrayRef) -> Result<Vec<Option<f64>>> {
    let array = cast(array, &DataType::Float64)?;
    Ok(array.as_primitive::<Float64Type>().iter().collect())
}

/// Cuts `2018-02-01T00:00:00` down to `2018-02`, if all of them stand on the first of a month.
fn shorten(labels: &mut [Option<String>]) {
    let all = |labels: &[Option<String>], test: fn(&str) -> bool| {
        labels.iter().flatten().all(|label| test(label))
    };
    let cut = |labels: &mut [Option<String>], length: usize| {
        labels.iter_mut().flatten().for_each(|label| label.truncate(length));
    };
    if !all(labels, |l| l.get(10..).is_some_and(|t| t.is_empty() || t.starts_with("T00:00:00"))) {
        return;
    }
    cut(labels, 10);
    let several = labels.iter().flatten().any(|l| Some(l) != labels.iter().flatten().next());
    if several && all(labels, |l| l.ends_with("-01")) {
        cut(labels, 7);
    }
}
