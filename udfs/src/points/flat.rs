//! What an aggregate over a group's events needs to be one: reading rows, and making answers.

use std::fmt::Debug;

use datafusion::arrow::array::{Array, ArrayRef, BooleanArray};
use datafusion::common::{Result, ScalarValue};
use datafusion::logical_expr::{Accumulator, EmitTo, GroupsAccumulator};

use super::buffer::{Buffer, Shape, number};

/// The part of such an aggregate that differs.
pub(super) trait Kernel: Debug + Send + Sync + 'static {
    /// Bytes of the answer that one event makes, by a generous average.
    const ANSWER: usize;

    fn shape(&self) -> Shape;

    /// Appends the rows of a batch that count.
    fn read(&self, values: &[ArrayRef], rows: &Rows, out: &mut Buffer) -> Result<()>;

    /// One answer for each of the first `n` groups.
    fn finish(&mut self, events: &Buffer, n: usize) -> Result<ArrayRef>;
}

/// Which rows of a batch count, and for which group.
pub(super) struct Rows<'a> {
    groups: &'a [usize],
    filter: Option<&'a BooleanArray>,
}

impl Rows<'_> {
    /// (row, group) of the rows that count.
    pub(super) fn each(&self, mut f: impl FnMut(usize, u32)) -> Result<()> {
        for (row, &group) in self.groups.iter().enumerate() {
            if self.filter.is_none_or(|f| f.is_valid(row) && f.value(row)) {
                f(row, number(group)?);
            }
        }
        Ok(())
    }
}

/// The aggregate over many groups, and over one.
#[derive(Debug)]
pub(super) struct Flat<K> {
    kernel: K,
    events: Buffer,
}

impl<K: Kernel> Flat<K> {
    pub(super) fn new(kernel: K) -> Self {
        let events = Buffer::new(kernel.shape());
        Self { kernel, events }
    }
}

impl<K: Kernel> GroupsAccumulator for Flat<K> {
    fn update_batch(
        &mut self,
        values: &[ArrayRef],
        groups: &[usize],
        filter: Option<&BooleanArray>,
        total: usize,
    ) -> Result<()> {
        self.events.grow(total);
        self.kernel.read(values, &Rows { groups, filter }, &mut self.events)
    }

    fn evaluate(&mut self, emit: EmitTo) -> Result<ArrayRef> {
        let n = self.events.count(emit);
        let out = self.kernel.finish(&self.events, n)?;
        self.events.forget(emit);
        Ok(out)
    }

    fn state(&mut self, emit: EmitTo) -> Result<Vec<ArrayRef>> {
        let out = self.events.state(self.events.count(emit))?;
        self.events.forget(emit);
        Ok(out)
    }

    fn merge_batch(&mut self, state: &[ArrayRef], groups: &[usize], total: usize) -> Result<()> {
        self.events.grow(total);
        self.events.merge(state, groups)
    }

    fn convert_to_state(
        &self,
        values: &[ArrayRef],
        filter: Option<&BooleanArray>,
    ) -> Result<Vec<ArrayRef>> {
        let n = values.first().map_or(0, |v| v.len());
        let groups: Vec<usize> = (0..n).collect();
        let mut events = Buffer::new(self.kernel.shape());
        events.grow(n);
        self.kernel.read(values, &Rows { groups: &groups, filter }, &mut events)?;
        events.state(n)
    }

    fn size(&self) -> usize {
        size_of::<Self>() + self.events.size(K::ANSWER)
    }
}

impl<K: Kernel> Accumulator for Flat<K> {
    fn update_batch(&mut self, values: &[ArrayRef]) -> Result<()> {
        let n = values.first().map_or(0, |v| v.len());
        GroupsAccumulator::update_batch(self, values, &vec![0; n], None, 1)
    }

    // keeps the events: a window frame that grows asks again
    fn evaluate(&mut self) -> Result<ScalarValue> {
        self.events.grow(1);
        ScalarValue::try_from_array(&self.kernel.finish(&self.events, 1)?, 0)
    }

    fn state(&mut self) -> Result<Vec<ScalarValue>> {
        self.events.grow(1);
        self.events.state(1)?.iter().map(|a| ScalarValue::try_from_array(a, 0)).collect()
    }

    fn merge_batch(&mut self, state: &[ArrayRef]) -> Result<()> {
        let n = state.first().map_or(0, |v| v.len());
        GroupsAccumulator::merge_batch(self, state, &vec![0; n], 1)
    }

    fn size(&self) -> usize {
        GroupsAccumulator::size(self)
    }
}
