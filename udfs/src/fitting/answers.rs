//! Columns of lists and numbers that models are made of.

use std::sync::Arc;

use datafusion::arrow::array::{ArrayRef, Float64Array, Float64Builder};
use datafusion::arrow::datatypes::{DataType, Field};
use datafusion::common::Result;

use crate::lists::{Lists, item};

/// A list of DOUBLE for each group.
#[derive(Debug)]
pub(crate) struct FloatLists {
    values: Float64Builder,
    lists: Lists,
}

impl FloatLists {
    pub(crate) fn with_capacity(groups: usize, values: usize) -> Self {
        Self { values: Float64Builder::with_capacity(values), lists: Lists::with_capacity(groups) }
    }

    /// The list of the next group.
    pub(crate) fn push(&mut self, list: &[f64]) -> Result<()> {
        self.values.append_slice(list);
        self.lists.end_at(self.values.values_slice().len())
    }

    /// The same with NULLs in it.
    pub(crate) fn push_options(&mut self, list: &[Option<f64>]) -> Result<()> {
        self.values.extend(list.iter().copied());
        self.lists.end_at(self.values.values_slice().len())
    }

    pub(crate) fn finish(mut self) -> Result<ArrayRef> {
        Lists::column(&self.lists.finish(), Arc::new(self.values.finish()))
    }
}

/// A field of a model.
pub(crate) fn field(name: &str, ty: DataType) -> Field {
    Field::new(name, ty, true)
}

/// A field that is a list of DOUBLE.
pub(crate) fn floats(name: &str) -> Field {
    field(name, DataType::List(item(&DataType::Float64)))
}

/// A column of numbers.
pub(crate) fn numbers(values: impl Iterator<Item = Option<f64>>) -> ArrayRef {
    Arc::new(values.collect::<Float64Array>())
}

/// A count as BIGINT.
pub(crate) fn count(n: usize) -> i64 {
    i64::try_from(n).unwrap_or(i64::MAX)
}
