//! Events of many groups in flat columns: appended as they come, put in order once, at the end.
//!
//! An event takes 12 bytes (group and time) plus what its function needs: 1 for a kind, 8 for a
//! value, 4 for a label. Labels are kept once each. At the end one counting sort brings groups
//! together; a group is sorted only if its rows did not come in order. The state is one list a
//! column, so that it costs what copying the columns costs.

use std::sync::Arc;

use datafusion::arrow::array::{
    Array, ArrayRef, AsArray, Float64Array, Int64Array, ListArray, StringBuilder, UInt8Array,
};
use datafusion::arrow::buffer::OffsetBuffer;
use datafusion::arrow::datatypes::{DataType, Field, FieldRef, Float64Type, Int64Type, UInt8Type};
use datafusion::common::{HashMap, Result, exec_datafusion_err, internal_err};
use datafusion::logical_expr::EmitTo;
use datafusion::logical_expr::function::StateFieldsArgs;
use datafusion::logical_expr::utils::format_state_name;

/// Which columns there are beside group and time.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Shape {
    pub kind: bool,
    pub value: bool,
    pub label: bool,
}

/// No label.
pub(super) const NO_LABEL: u32 = u32::MAX;

/// One event of a group. A value that is not known is NaN.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(super) struct Event {
    pub ts: i64,
    pub kind: u8,
    pub value: f64,
    pub label: u32,
}

impl Event {
    fn order(&self, other: &Self) -> std::cmp::Ordering {
        (self.ts, self.kind)
            .cmp(&(other.ts, other.kind))
            .then_with(|| self.value.total_cmp(&other.value))
    }
}

/// Texts by number.
#[derive(Debug, Default)]
pub(super) struct Labels {
    numbers: HashMap<Arc<str>, u32>,
    texts: Vec<Arc<str>>,
    bytes: usize,
}

impl Labels {
    pub(super) fn number(&mut self, text: &str) -> u32 {
        if let Some(&n) = self.numbers.get(text) {
            return n;
        }
        // 2³² − 1 different labels do not fit in memory
        let n = u32::try_from(self.texts.len()).unwrap_or(NO_LABEL);
        let text: Arc<str> = Arc::from(text);
        // text and its two counters, two pointers to it, its number, and the table's slack
        self.bytes += text.len() + 16 + 2 * 16 + 4 + 8;
        self.texts.push(Arc::clone(&text));
        self.numbers.insert(text, n);
        n
    }

    pub(super) fn text(&self, number: u32) -> &str {
        usize::try_from(number).ok().and_then(|n| self.texts.get(n)).map_or("", |t| t)
    }
}

/// Events of many groups.
#[derive(Debug)]
pub(super) struct Buffer {
    shape: Shape,
    /// groups there are, those without events too
    groups: usize,
    group: Vec<u32>,
    ts: Vec<i64>,
    kind: Vec<u8>,
    value: Vec<f64>,
    label: Vec<u32>,
    labels: Labels,
}

impl Buffer {
    pub(super) fn new(shape: Shape) -> Self {
        Self {
            shape,
            groups: 0,
            group: vec![],
            ts: vec![],
            kind: vec![],
            value: vec![],
            label: vec![],
            labels: Labels::default(),
        }
    }

    pub(super) fn label_of(&mut self, text: &str) -> u32 {
        self.labels.number(text)
    }

    /// There are at least so many groups.
    pub(super) fn grow(&mut self, groups: usize) {
        self.groups = self.groups.max(groups);
    }

    pub(super) fn push(&mut self, group: u32, event: Event) {
        self.group.push(group);
        self.ts.push(event.ts);
        if self.shape.kind {
            self.kind.push(event.kind);
        }
        if self.shape.value {
            // one NaN for all that is unknown
            self.value.push(if event.value.is_nan() { f64::NAN } else { event.value });
        }
        if self.shape.label {
            self.label.push(event.label);
        }
    }

    /// Bytes on the heap, with what bringing the groups together will take, and answers of `answer`
    /// bytes an event: DataFusion reserves those of all groups at once, and cannot spill any more
    /// then.
    pub(super) fn size(&self, answer: usize) -> usize {
        self.ts.len() * (size_of::<Event>() + answer)
            + self.group.capacity() * 4
            + self.ts.capacity() * 8
            + self.kind.capacity()
            + self.value.capacity() * 8
            + self.label.capacity() * 4
            + self.labels.bytes
    }

    pub(super) fn count(&self, emit: EmitTo) -> usize {
        match emit {
            EmitTo::All => self.groups,
            EmitTo::First(n) => n.min(self.groups),
        }
    }

    /// The rows of groups `0..n` by group, and where each group begins.
    fn order(&self, n: usize) -> Result<(Vec<u32>, Vec<usize>)> {
        u32::try_from(self.group.len()).map_err(|_| {
            exec_datafusion_err!(
                "more than 4,294,967,295 events in one partition; use more partitions"
            )
        })?;
        let mut starts = vec![0usize; n + 1];
        for &g in &self.group {
            if let Some(s) = starts.get_mut(g as usize + 1) {
                *s += 1;
            }
        }
        let mut sum = 0;
        for s in &mut starts {
            sum += *s;
            *s = sum;
        }
        let mut next = starts.clone();
        let mut rows = vec![0u32; sum];
        for (row, &g) in (0u32..).zip(&self.group) {
            if (g as usize) < n
                && let Some(slot) = next.get_mut(g as usize)
            {
                if let Some(r) = rows.get_mut(*slot) {
                    *r = row;
                }
                *slot += 1;
            }
        }
        Ok((rows, starts))
    }

    fn event(&self, row: u32) -> Event {
        let row = row as usize;
        Event {
            ts: self.ts.get(row).copied().unwrap_or_default(),
            kind: self.kind.get(row).copied().unwrap_or_default(),
            value: self.value.get(row).copied().unwrap_or(f64::NAN),
            label: self.label.get(row).copied().unwrap_or(NO_LABEL),
        }
    }

    /// The events of groups `0..n` by group, and where each group begins: a counting sort that
    /// reads in the order of arrival and writes one place an event.
    fn grouped(&self, n: usize) -> (Vec<Event>, Vec<usize>) {
        let mut starts = vec![0usize; n + 1];
        for &g in &self.group {
            if let Some(s) = starts.get_mut(g as usize + 1) {
                *s += 1;
            }
        }
        let mut sum = 0;
        for s in &mut starts {
            sum += *s;
            *s = sum;
        }
        let mut next = starts.clone();
        let mut events = vec![Event { ts: 0, kind: 0, value: f64::NAN, label: NO_LABEL }; sum];
        for (row, (&g, &ts)) in self.group.iter().zip(&self.ts).enumerate() {
            if let Some(slot) = next.get_mut(g as usize).filter(|_| (g as usize) < n)
                && let Some(event) = events.get_mut(*slot)
            {
                *event = Event {
                    ts,
                    kind: self.kind.get(row).copied().unwrap_or_default(),
                    value: self.value.get(row).copied().unwrap_or(f64::NAN),
                    label: self.label.get(row).copied().unwrap_or(NO_LABEL),
                };
                *slot += 1;
            }
        }
        (events, starts)
    }

    /// Calls `f` with the events of each of the first `n` groups, in order of time, then kind, then
    /// value.
    pub(super) fn each(
        &self,
        n: usize,
        mut f: impl FnMut(&[Event], &Labels) -> Result<()>,
    ) -> Result<()> {
        let (mut events, starts) = self.grouped(n);
        for bounds in starts.windows(2) {
            let &[from, to] = bounds else { continue };
            let events = events.get_mut(from..to).unwrap_or_default();
            if !events.is_sorted_by(|a, b| a.order(b).is_le()) {
                events.sort_unstable_by(Event::order);
            }
            f(events, &self.labels)?;
        }
        Ok(())
    }

    /// Forgets the groups that were emitted; the others move down.
    pub(super) fn forget(&mut self, emit: EmitTo) {
        let n = self.count(emit);
        if n == self.groups {
            *self = Self::new(self.shape);
            return;
        }
        let stays: Vec<bool> = self.group.iter().map(|&g| g as usize >= n).collect();
        fn keep<T>(column: &mut Vec<T>, stays: &[bool]) {
            let mut row = stays.iter();
            column.retain(|_| row.next().copied().unwrap_or(true));
        }
        keep(&mut self.group, &stays);
        keep(&mut self.ts, &stays);
        keep(&mut self.kind, &stays);
        keep(&mut self.value, &stays);
        keep(&mut self.label, &stays);
        // n is at most the number of groups, which are numbered by u32
        let down = u32::try_from(n).unwrap_or(u32::MAX);
        for g in &mut self.group {
            *g -= down;
        }
        self.groups -= n;
    }

    /// The events of the first `n` groups: one list a column.
    pub(super) fn state(&self, n: usize) -> Result<Vec<ArrayRef>> {
        let (rows, starts) = self.order(n)?;
        let offsets = OffsetBuffer::from_lengths(
            starts.windows(2).map(|w| if let &[a, b] = w { b - a } else { 0 }),
        );
        let none = || OffsetBuffer::new_zeroed(n);
        let events = || rows.iter().map(|&r| self.event(r));
        let list = |on: bool, item: DataType, values: ArrayRef| -> Result<ArrayRef> {
            let offsets = if on { offsets.clone() } else { none() };
            Ok(Arc::new(ListArray::try_new(item_field(item), offsets, values, None)?))
        };
        let Shape { kind, value, label } = self.shape;
        let kinds: UInt8Array =
            if kind { events().map(|e| e.kind).collect() } else { UInt8Array::new_null(0) };
        let values: Float64Array =
            if value { events().map(|e| e.value).collect() } else { Float64Array::new_null(0) };
        let mut labels = StringBuilder::new();
        if label {
            for e in events() {
                labels.append_option((e.label != NO_LABEL).then(|| self.labels.text(e.label)));
            }
        }
        let ts: Int64Array = events().map(|e| e.ts).collect();
        Ok(vec![
            list(true, DataType::Int64, Arc::new(ts))?,
            list(kind, DataType::UInt8, Arc::new(kinds))?,
            list(value, DataType::Float64, Arc::new(values))?,
            list(label, DataType::Utf8, Arc::new(labels.finish()))?,
        ])
    }

    /// Appends states: row `i` belongs to `groups[i]`.
    pub(super) fn merge(&mut self, state: &[ArrayRef], groups: &[usize]) -> Result<()> {
        let [ts, kind, value, label] = state else {
            return internal_err!("a state of events has 4 columns, got {}", state.len());
        };
        let (ts, kind, value, label) = (
            ts.as_list::<i32>(),
            kind.as_list::<i32>(),
            value.as_list::<i32>(),
            label.as_list::<i32>(),
        );
        let times = ts.values().as_primitive::<Int64Type>().values();
        let kinds = kind.values().as_primitive::<UInt8Type>().values();
        let values = value.values().as_primitive::<Float64Type>().values();
        let texts = label.values().as_string::<i32>();
        for (row, &group) in groups.iter().enumerate() {
            if ts.is_null(row) {
                continue;
            }
            let new = slice(times, ts, row);
            self.ts.extend_from_slice(new);
            self.group.extend(std::iter::repeat_n(number(group)?, new.len()));
            if self.shape.kind {
                self.kind.extend_from_slice(slice(kinds, kind, row));
            }
            if self.shape.value {
                self.value.extend_from_slice(slice(values, value, row));
            }
            if self.shape.label {
                let (from, to) = span(label, row);
                for i in from..to {
                    let n = if texts.is_valid(i) {
                        self.labels.number(texts.value(i))
                    } else {
                        NO_LABEL
                    };
                    self.label.push(n);
                }
            }
        }
        Ok(())
    }
}

/// A group's number, in the 4 bytes it is kept in.
pub(super) fn number(group: usize) -> Result<u32> {
    u32::try_from(group).map_err(|_| {
        exec_datafusion_err!("more than 4,294,967,295 groups in one partition; use more partitions")
    })
}

fn span(list: &ListArray, row: usize) -> (usize, usize) {
    let at =
        |i: usize| list.value_offsets().get(i).and_then(|&o| usize::try_from(o).ok()).unwrap_or(0);
    (at(row), at(row + 1))
}

fn slice<'a, T>(values: &'a [T], list: &ListArray, row: usize) -> &'a [T] {
    let (from, to) = span(list, row);
    values.get(from..to).unwrap_or_default()
}

fn item_field(item: DataType) -> FieldRef {
    Arc::new(Field::new_list_field(item, true))
}

/// The columns of the state.
pub(super) fn state_fields(args: &StateFieldsArgs) -> Vec<FieldRef> {
    [
        ("ts", DataType::Int64),
        ("kind", DataType::UInt8),
        ("value", DataType::Float64),
        ("label", DataType::Utf8),
    ]
    .into_iter()
    .map(|(name, item)| {
        let name = format_state_name(args.name, name);
        Arc::new(Field::new(name, DataType::List(item_field(item)), true))
    })
    .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    const SHAPE: Shape = Shape { kind: true, value: true, label: true };

    fn event(ts: i64, kind: u8) -> Event {
        Event { ts, kind, value: 0.5, label: NO_LABEL }
    }

    fn seen(b: &Buffer, n: usize) -> Vec<Vec<(i64, u8)>> {
        let mut out = vec![];
        b.each(n, |events, _| {
            out.push(events.iter().map(|e| (e.ts, e.kind)).collect());
            Ok(())
        })
        .unwrap();
        out
    }

    #[test]
    fn groups_are_brought_together_and_in_order_and_leave_from_the_front() {
        let mut b = Buffer::new(SHAPE);
        b.grow(4);
        for (g, ts, kind) in [(2, 5, 1), (0, 9, 0), (2, 3, 2), (0, 1, 0), (2, 3, 1), (3, 7, 7)] {
            b.push(g, event(ts, kind));
        }
        let all = [vec![(1, 0), (9, 0)], vec![], vec![(3, 1), (3, 2), (5, 1)], vec![(7, 7)]];
        assert_eq!(seen(&b, 4), all);
        b.forget(EmitTo::First(2));
        assert_eq!(seen(&b, b.count(EmitTo::All)), all[2..]);
        assert_eq!(
            b.group.len() + b.ts.len() + b.kind.len() + b.value.len() + b.label.len(),
            5 * 4
        );
    }

    #[test]
    fn a_state_brings_everything_along() {
        let mut a = Buffer::new(SHAPE);
        a.grow(2);
        let books = a.label_of("books");
        a.push(1, Event { label: books, ..event(4, 1) });
        a.push(1, event(2, 1));
        let mut b = Buffer::new(SHAPE);
        b.label_of("toys");
        b.grow(3);
        b.merge(&a.state(2).unwrap(), &[0, 2]).unwrap();
        assert_eq!(seen(&b, 3), [vec![], vec![], vec![(2, 1), (4, 1)]]);
        b.each(3, |events, labels| {
            if let Some(e) = events.last() {
                assert_eq!(labels.text(e.label), "books");
            }
            Ok(())
        })
        .unwrap();
    }
}
