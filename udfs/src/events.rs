//! Events of many groups in one flat buffer: what every function of sequences collects into.
//!
//! DataFusion hands an aggregate rows in any order, each with the number of its group. A list per
//! group would cost an allocation and a cache miss per row; [`EventBuffer`] appends instead, and
//! sorts once, when the groups are asked for: one counting sort by group (skipped if the rows came
//! group by group, as they do from a clustered lake), then a sort by time inside those groups whose
//! events did not arrive in order. Equal events are interchangeable, so the answer cannot depend on
//! the order of arrival.
//!
//! An event is a pair `(time, payload)`; its order is that of the pair, so the payload decides
//! between equal times: see `payload.rs`. "Time" may be any number that sorts. An aggregate of
//! sequences does not handle the buffer itself: see `sequence_aggregate.rs`.
//!
//! Cost: O(1) a row to append, O(n + groups) to group, O(k log k) for a group of k unordered
//! events. Memory: 12 bytes an event plus the payload (to whole 8 bytes), and after that either one
//! more copy of the events while they are being grouped or the answers, whichever is more, which
//! [`EventBuffer::size`] counts from the start so that DataFusion spills in time.
//!
//! Between partitions the events travel as lists, one row a group: see `lists.rs`.

use std::cmp::Ordering;
use std::mem::size_of;

use datafusion::arrow::array::{Array, ArrayRef, BooleanArray};
use datafusion::arrow::buffer::NullBuffer;
use datafusion::common::{Result, ScalarValue, exec_err};
use datafusion::logical_expr::{Accumulator, EmitTo, GroupsAccumulator};

/// Money or another number as payload: ordered, NULL (and what is not finite) as NaN.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Amount(pub(crate) f64);

impl Amount {
    /// The amount that is not known.
    pub(crate) const NULL: Self = Self(f64::NAN);

    /// NaN and infinities are no amounts.
    #[inline]
    pub(crate) fn new(value: f64) -> Self {
        if value.is_finite() { Self(value) } else { Self::NULL }
    }

    /// The amount, if it is known.
    #[inline]
    pub(crate) fn get(self) -> Option<f64> {
        (!self.0.is_nan()).then_some(self.0)
    }
}

impl Ord for Amount {
    fn cmp(&self, other: &Self) -> Ordering {
        self.0.total_cmp(&other.0)
    }
}

impl PartialOrd for Amount {
    fn partial_cmp(&self, other: &Self) -> Option<Ordering> {
        Some(self.cmp(other))
    }
}

impl PartialEq for Amount {
    fn eq(&self, other: &Self) -> bool {
        self.cmp(other) == Ordering::Equal
    }
}

impl Eq for Amount {}

/// The digits of a DECIMAL as payload: ordered, NULL before all others. In two halves, since a number
/// of 16 bytes would keep a place of 16 bytes for whatever stands beside it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct Digits {
    high: i64,
    low: u64,
}

impl Digits {
    /// The amount that is not known: no DECIMAL has these digits.
    pub(crate) const NULL: Self = Self { high: i64::MIN, low: 0 };

    #[expect(clippy::cast_possible_truncation, reason = "the halves are cut")]
    #[expect(clippy::cast_sign_loss, reason = "the sign is in the upper half")]
    pub(crate) const fn new(digits: i128) -> Self {
        Self { high: (digits >> 64) as i64, low: digits as u64 }
    }

    /// The digits, if they are known.
    pub(crate) fn get(self) -> Option<i128> {
        (self != Self::NULL).then(|| i128::from(self.high) << 64 | i128::from(self.low))
    }
}

/// A number that sorts as `value` does (`f64::total_cmp`), to be the time of an event that has
/// none; 0 for −0.
#[inline]
pub(crate) fn order_key(value: f64) -> i64 {
    let bits = (value + 0.0).to_bits().cast_signed();
    bits ^ ((bits >> 63) & i64::MAX)
}

/// The value of an [`order_key`].
#[inline]
pub(crate) fn from_order_key(key: i64) -> f64 {
    f64::from_bits((key ^ ((key >> 63) & i64::MAX)).cast_unsigned())
}

/// Events of groups 0, 1, 2, …: see the module.
#[derive(Debug, Clone)]
pub(crate) struct EventBuffer<P> {
    /// group of each event, counted from the first group that ever was
    group: Vec<u32>,
    events: Vec<(i64, P)>,
    /// events before this one have been handed out
    start: usize,
    /// groups that have been handed out
    base: u32,
    /// groups that have not, with and without events
    groups: usize,
    /// `group[start..]` does not decrease
    by_group: bool,
}

impl<P> Default for EventBuffer<P> {
    fn default() -> Self {
        Self { group: vec![], events: vec![], start: 0, base: 0, groups: 0, by_group: true }
    }
}

impl<P: Copy + Ord> EventBuffer<P> {
    /// Makes room for `groups` groups and `more` events; call it once a batch, before `push`.
    ///
    /// # Errors
    /// More groups than the buffer can number.
    pub(crate) fn reserve(&mut self, groups: usize, more: usize) -> Result<()> {
        self.groups = self.groups.max(groups);
        if self.groups + self.base as usize > u32::MAX as usize {
            self.compact();
        }
        if self.groups > u32::MAX as usize {
            return exec_err!("one partition holds {groups} groups, the most is {}", u32::MAX);
        }
        self.group.reserve(more);
        self.events.reserve(more);
        Ok(())
    }

    /// Appends an event of `group`, one of the groups that are reserved.
    #[inline]
    #[expect(
        clippy::cast_possible_truncation,
        reason = "reserve() refuses more than u32::MAX groups"
    )]
    pub(crate) fn push(&mut self, group: usize, time: i64, payload: P) {
        let id = self.base + group as u32;
        self.by_group &= self.group.last().is_none_or(|&last| last <= id);
        self.group.push(id);
        self.events.push((time, payload));
    }

    /// Hands out the events of the groups of `emit`, one call a group (also for a group without
    /// events), in order of group; each group's events are in order of (time, payload).
    pub(crate) fn drain_sorted(
        &mut self,
        emit: EmitTo,
        mut each: impl FnMut(&[(i64, P)]) -> Result<()>,
    ) -> Result<()> {
        self.drain(emit, |events| {
            if !events.is_sorted() {
                events.sort_unstable();
            }
            each(events)
        })
    }

    /// [`Self::drain_sorted`] without the sort by time: for states, and functions that sort
    /// themselves.
    pub(crate) fn drain(
        &mut self,
        emit: EmitTo,
        mut each: impl FnMut(&mut [(i64, P)]) -> Result<()>,
    ) -> Result<()> {
        self.bring_groups_together();
        let n = self.emitted(emit);
        let mut at = self.start;
        for id in (self.base..).take(n) {
            let rest = self.group.get(at..).unwrap_or_default();
            let end = at + rest.iter().take_while(|&&g| g == id).count();
            each(self.events.get_mut(at..end).unwrap_or_default())?;
            at = end;
        }
        match emit {
            EmitTo::All => *self = Self::default(),
            EmitTo::First(_) => self.forget(n, at),
        }
        Ok(())
    }

    /// How many groups `emit` stands for.
    pub(crate) fn emitted(&self, emit: EmitTo) -> usize {
        match emit {
            EmitTo::All => self.groups,
            EmitTo::First(n) => n.min(self.groups),
        }
    }

    /// Puts another payload in the place of each.
    pub(crate) fn change_payloads(&mut self, change: impl Fn(P) -> P) {
        for event in &mut self.events {
            event.1 = change(event.1);
        }
    }

    /// Number of events not yet handed out.
    pub(crate) fn len(&self) -> usize {
        self.events.len() - self.start
    }

    /// Number of groups not yet handed out, with and without events.
    pub(crate) fn groups(&self) -> usize {
        self.groups
    }

    /// Bytes held, with what will be needed next: for grouping, then for `answers`. DataFusion
    /// reserves the answers of all groups at once, and cannot spill any more then.
    pub(crate) fn size(&self, answers: usize) -> usize {
        let scratch = if self.by_group { 0 } else { self.len() * size_of::<(i64, P)>() };
        self.group.capacity() * size_of::<u32>()
            + self.events.capacity() * size_of::<(i64, P)>()
            + scratch.max(answers)
    }

    #[expect(
        clippy::cast_possible_truncation,
        reason = "reserve() refuses more than u32::MAX groups"
    )]
    fn forget(&mut self, groups: usize, start: usize) {
        self.groups -= groups;
        self.base += groups as u32;
        self.start = start;
        // moving the rest to the front now and then costs O(1) an event
        if self.start * 2 >= self.events.len() {
            self.compact();
        }
    }

    fn compact(&mut self) {
        self.events.drain(..self.start);
        self.group.drain(..self.start);
        for g in &mut self.group {
            *g -= self.base;
        }
        self.start = 0;
        self.base = 0;
    }

    /// A stable counting sort by group, in one pass: measured, a first pass by the high bits of the
    /// group (to write to few places at a time) gains nothing at 10 to 24 million events.
    #[expect(
        clippy::indexing_slicing,
        reason = "hot loop: push() and reserve() keep every group id in base..base + groups"
    )]
    fn bring_groups_together(&mut self) {
        if self.by_group {
            return;
        }
        self.compact();
        let Some(&any) = self.events.first() else { return };
        let mut next = vec![0usize; self.groups + 1];
        for &g in &self.group {
            next[g as usize + 1] += 1;
        }
        for i in 1..next.len() {
            next[i] += next[i - 1];
        }
        let mut sorted = vec![any; self.events.len()];
        for (&g, &event) in self.group.iter().zip(&self.events) {
            let slot = &mut next[g as usize];
            sorted[*slot] = event;
            *slot += 1;
        }
        self.events = sorted;
        // now next[g] is the end of group g
        let mut at = 0;
        for (g, &end) in (0u32..).zip(next.iter().take(self.groups)) {
            self.group[at..end].fill(g);
            at = end;
        }
        self.by_group = true;
    }
}

/// Whether an aggregate takes a row: not filtered out, and no NULL in `nulls`.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Rows<'a> {
    filter: Option<&'a BooleanArray>,
    nulls: Option<&'a NullBuffer>,
}

impl<'a> Rows<'a> {
    /// The rows that `filter` takes and where `values` is not NULL.
    pub(crate) fn new(filter: Option<&'a BooleanArray>, values: &'a dyn Array) -> Self {
        Self { filter, nulls: values.nulls().filter(|n| n.null_count() > 0) }
    }

    /// Every row is taken.
    pub(crate) fn all(self) -> bool {
        self.filter.is_none() && self.nulls.is_none()
    }

    /// Row `i` is taken.
    #[inline]
    pub(crate) fn take(self, i: usize) -> bool {
        self.nulls.is_none_or(|n| n.is_valid(i))
            && self.filter.is_none_or(|f| f.is_valid(i) && f.value(i))
    }
}

/// A groups accumulator that [`OneGroup`] can drive.
pub(crate) trait Groups:
    GroupsAccumulator + Clone + Sync + std::fmt::Debug + 'static
{
    /// Makes groups `0..groups` exist, with or without rows.
    fn grow(&mut self, groups: usize) -> Result<()>;
}

/// An aggregate without GROUP BY, or in a window: its groups accumulator with a single group.
///
/// A window asks for the value again and again, so evaluation works on a copy.
#[derive(Debug)]
pub(crate) struct OneGroup<G>(pub(crate) G);

impl<G: Groups> OneGroup<G> {
    fn copy(&self) -> Result<G> {
        let mut copy = self.0.clone();
        copy.grow(1)?;
        Ok(copy)
    }
}

impl<G: Groups> Accumulator for OneGroup<G> {
    fn update_batch(&mut self, values: &[ArrayRef]) -> Result<()> {
        let rows = values.first().map_or(0, |v| v.len());
        self.0.update_batch(values, &vec![0; rows], None, 1)
    }

    fn evaluate(&mut self) -> Result<ScalarValue> {
        ScalarValue::try_from_array(&self.copy()?.evaluate(EmitTo::All)?, 0)
    }

    fn size(&self) -> usize {
        size_of::<Self>() + self.0.size()
    }

    fn state(&mut self) -> Result<Vec<ScalarValue>> {
        let state = self.copy()?.state(EmitTo::All)?;
        state.iter().map(|a| ScalarValue::try_from_array(a, 0)).collect()
    }

    fn merge_batch(&mut self, states: &[ArrayRef]) -> Result<()> {
        let rows = states.first().map_or(0, |v| v.len());
        self.0.merge_batch(states, &vec![0; rows], 1)
    }
}

#[cfg(test)]
mod tests {
    use std::ops::Range;

    use super::*;
    use proptest::prelude::*;

    type Log = Vec<(usize, i64, u8)>;

    fn drained(buffer: &mut EventBuffer<u8>, emit: EmitTo) -> Result<Vec<Vec<(i64, u8)>>> {
        let mut out = vec![];
        buffer.drain_sorted(emit, |events| {
            out.push(events.to_vec());
            Ok(())
        })?;
        Ok(out)
    }

    fn naive(log: &[(usize, i64, u8)], groups: Range<usize>) -> Vec<Vec<(i64, u8)>> {
        groups
            .map(|g| {
                let mut events: Vec<_> =
                    log.iter().filter(|e| e.0 == g).map(|e| (e.1, e.2)).collect();
                events.sort_unstable();
                events
            })
            .collect()
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(65_536))]
        #[test]
        fn groups_come_out_whole_and_sorted_however_they_are_emitted(
            log in proptest::collection::vec((0usize..7, -3i64..3, 0u8..3), 0..60),
            first in 0usize..8,
            arrive_sorted in any::<bool>(),
        ) {
            let mut log: Log = log;
            if arrive_sorted {
                log.sort_by_key(|e| e.0);
            }
            let mut buffer = EventBuffer::default();
            buffer.reserve(7, log.len()).unwrap();
            for &(g, t, p) in &log {
                buffer.push(g, t, p);
            }
            let first = first.min(7);
            prop_assert_eq!(drained(&mut buffer, EmitTo::First(first)).unwrap(), naive(&log, 0..first));
            // the groups that are left are numbered anew, and may still grow
            buffer.reserve(8 - first, 2).unwrap();
            buffer.push(7 - first, 9, 9);
            log.push((7, 9, 9));
            if first < 7 {
                buffer.push(0, -9, 0);
                log.push((first, -9, 0));
            }
            prop_assert_eq!(drained(&mut buffer, EmitTo::All).unwrap(), naive(&log, first..8));
            prop_assert_eq!(buffer.len(), 0);
            prop_assert_eq!(buffer.size(0), 0);
        }
    }

    #[test]
    fn order_keys_sort_as_the_numbers_do() {
        let values = [f64::MIN, -2.5, -0.0, 1e-300, 2.0, 3.5, f64::MAX];
        assert!(values.windows(2).all(|w| order_key(w[0]) < order_key(w[1])));
        assert!(values.iter().all(|&v| from_order_key(order_key(v)) == v));
    }

    #[test]
    fn digits_come_back_and_sort_as_their_numbers() {
        let numbers = [-10_i128.pow(38), -1 << 64, -1, 0, 1, 1 << 63, 1 << 64, 10_i128.pow(38)];
        let digits = numbers.map(Digits::new);
        assert_eq!(digits.map(Digits::get), numbers.map(Some));
        assert!(digits.is_sorted() && Digits::NULL < digits[0]);
        assert_eq!(Digits::NULL.get(), None);
    }

    #[test]
    fn an_amount_that_is_not_finite_is_null() {
        assert_eq!(Amount::new(1.5).get(), Some(1.5));
        assert_eq!(Amount::new(f64::INFINITY).get(), None);
        assert_eq!(Amount::new(-f64::NAN), Amount::NULL);
    }
}
