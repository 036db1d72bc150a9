//! The accumulator of every aggregate of sequences.
//!
//! An aggregate of sequences collects the events of each group, brings them into the order of time
//! and says something about each sequence. What differs is a [`Sequence`]: which rows of a batch
//! are events, and the answers to sorted events. From that, [`groups_accumulator`],
//! [`accumulator`] and [`state_fields`] make the aggregate: for many groups, for one, in a window,
//! and with states that go from one partition to another.
//!
//! ```text
//! /// How often something else was bought than the time before.
//! #[derive(Debug, Clone)]
//! struct Switches { as_of: i64 }
//!
//! impl Sequence for Switches {
//!     type Payload = Label;
//!     const ANSWER: Answer = Answer { group: 8, event: 0 };
//!
//!     fn read(&self, args: &[ArrayRef], batch: &mut Batch<Label>) -> Result<()> {
//!         let [ts, product, ..] = args else { return internal_err!("…") };
//!         let ts = ts.as_primitive::<TimestampMicrosecondType>();
//!         let product = product.as_string::<i32>();
//!         batch.push_each(ts, |row, texts| {
//!             let at = ts.value(row);
//!             (at <= self.as_of).then(|| (at, texts.label(product.value(row))))
//!         })
//!     }
//!
//!     fn finish(&mut self, groups: Sequences<Label>) -> Result<ArrayRef> {
//!         let mut out = Vec::with_capacity(groups.len());
//!         groups.each(|events, _texts| {
//!             out.push(events.windows(2).map(|w| i64::from(w[0].1 != w[1].1)).sum());
//!             Ok(())
//!         })?;
//!         Ok(Arc::new(Int64Array::from(out)))
//!     }
//! }
//! ```
//!
//! Cost and memory are those of [`EventBuffer`], and a text is kept once a partition. An aggregate
//! of sequences should be listed in the engine's rule `aggregate_once`, which plans it in one stage.

use std::fmt::Debug;
use std::sync::Arc;

use datafusion::arrow::array::{Array, ArrayRef, AsArray, BooleanArray, Int64Array};
use datafusion::arrow::datatypes::{DataType, FieldRef, Int64Type};
use datafusion::common::{Result, internal_err};
use datafusion::logical_expr::function::StateFieldsArgs;
use datafusion::logical_expr::utils::format_state_name;
use datafusion::logical_expr::{Accumulator, EmitTo, GroupsAccumulator};

use crate::events::{EventBuffer, Groups, OneGroup, Rows};
use crate::lists::{Lists, list_field, list_rows};
use crate::payload::{Payload, Texts};

/// The part of an aggregate of sequences that differs. It is cloned where a window asks for its
/// value again and again, and may keep memory that one group hands to the next.
pub(crate) trait Sequence: Debug + Clone + Send + Sync + 'static {
    /// What an event is beside its time; see [`Payload`].
    type Payload: Payload;

    /// What the answers take.
    const ANSWER: Answer;

    /// What they take with these options, where that makes a difference.
    fn answer(&self) -> Answer {
        Self::ANSWER
    }

    /// Pushes the rows of a batch that are events. `args` are the arguments of the call.
    fn read(&self, args: &[ArrayRef], batch: &mut Batch<Self::Payload>) -> Result<()>;

    /// One answer for each of the groups.
    fn finish(&mut self, groups: Sequences<Self::Payload>) -> Result<ArrayRef>;

    /// Before a group's events go into a state: brings those that have to go along to the front,
    /// and says how many they are. For functions to which some make no difference; see
    /// [`distinct_to_front`].
    fn condense(&self, events: &mut [(i64, Self::Payload)]) -> usize {
        events.len()
    }
}

/// Bytes of an answer: of each group, and on average of each of its events. DataFusion has to know
/// before it asks for them.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Answer {
    pub group: usize,
    pub event: usize,
}

/// [`Sequence::condense`] for functions to which equal events are one.
pub(crate) fn distinct_to_front<E: Copy + Ord>(events: &mut [E]) -> usize {
    events.sort_unstable();
    let mut kept = 0;
    for i in 0..events.len() {
        let event = events.get(i).copied();
        if kept == 0 || event.as_ref() != events.get(kept - 1) {
            if let (Some(slot), Some(event)) = (events.get_mut(kept), event) {
                *slot = event;
            }
            kept += 1;
        }
    }
    kept
}

/// The rows of a batch, on their way to their groups.
pub(crate) struct Batch<'a, P> {
    groups: &'a [usize],
    filter: Option<&'a BooleanArray>,
    events: &'a mut EventBuffer<P>,
    texts: &'a mut Texts,
}

impl<P: Payload> Batch<'_, P> {
    /// Pushes what `event` says of each row: time and payload, or nothing. Rows that the call's
    /// FILTER refuses, or where `given` is NULL, are not asked about.
    #[inline]
    pub(crate) fn push_each(
        &mut self,
        given: &dyn Array,
        mut event: impl FnMut(usize, &mut Texts) -> Option<(i64, P)>,
    ) -> Result<()> {
        if given.len() != self.groups.len() {
            return internal_err!("{} rows for {} groups", given.len(), self.groups.len());
        }
        let rows = Rows::new(self.filter, given);
        let all = rows.all();
        for (row, &group) in self.groups.iter().enumerate() {
            if (all || rows.take(row))
                && let Some((time, payload)) = event(row, self.texts)
            {
                self.events.push(group, time, payload);
            }
        }
        Ok(())
    }
}

/// The sequences that are asked for, one a group.
pub(crate) struct Sequences<'a, P> {
    events: &'a mut EventBuffer<P>,
    texts: &'a Texts,
    emit: EmitTo,
}

impl<'a, P: Payload> Sequences<'a, P> {
    /// How many groups there are.
    pub(crate) fn len(&self) -> usize {
        self.events.emitted(self.emit)
    }

    /// What the labels of the events stand for.
    pub(crate) fn texts(&self) -> &'a Texts {
        self.texts
    }

    /// About how many events they have in all.
    pub(crate) fn events(&self) -> usize {
        let groups = self.events.emitted(EmitTo::All).max(1);
        self.events.len().saturating_mul(self.len()) / groups
    }

    /// Calls `answer` with the events of each group, also of one that has none, in the order of
    /// (time, payload).
    pub(crate) fn each(
        self,
        mut answer: impl FnMut(&[(i64, P)], &Texts) -> Result<()>,
    ) -> Result<()> {
        let texts = self.texts;
        self.events.drain_sorted(self.emit, |events| answer(events, texts))
    }
}

/// The fields of the state: lists, first of times and then of what the payload consists of.
pub(crate) fn state_fields<P: Payload>(args: &StateFieldsArgs) -> Vec<FieldRef> {
    std::iter::once(DataType::Int64)
        .chain(P::types())
        .enumerate()
        .map(|(i, ty)| list_field(format_state_name(args.name, &format!("events{i}")), &ty))
        .collect()
}

/// The accumulator for many groups.
pub(crate) fn groups_accumulator<S: Sequence>(sequence: S) -> Box<dyn GroupsAccumulator> {
    Box::new(SequenceAggregate::new(sequence))
}

/// The accumulator for one group, or a window.
pub(crate) fn accumulator<S: Sequence>(sequence: S) -> Box<dyn Accumulator> {
    Box::new(OneGroup(SequenceAggregate::new(sequence)))
}

/// A sequence with its events.
#[derive(Debug, Clone)]
struct SequenceAggregate<S: Sequence> {
    sequence: S,
    events: EventBuffer<S::Payload>,
    texts: Texts,
}

impl<S: Sequence> SequenceAggregate<S> {
    fn new(sequence: S) -> Self {
        Self { sequence, events: EventBuffer::default(), texts: Texts::default() }
    }

    /// No event is left: nothing refers to a text.
    fn forget_texts(&mut self, emit: EmitTo) {
        if emit == EmitTo::All {
            self.texts = Texts::default();
        }
    }
}

impl<S: Sequence> Groups for SequenceAggregate<S> {
    fn grow(&mut self, groups: usize) -> Result<()> {
        self.events.reserve(groups, 0)
    }
}

impl<S: Sequence> GroupsAccumulator for SequenceAggregate<S> {
    fn update_batch(
        &mut self,
        values: &[ArrayRef],
        groups: &[usize],
        filter: Option<&BooleanArray>,
        total: usize,
    ) -> Result<()> {
        self.events.reserve(total, groups.len())?;
        let Self { sequence, events, texts } = self;
        sequence.read(values, &mut Batch { groups, filter, events, texts })
    }

    fn evaluate(&mut self, emit: EmitTo) -> Result<ArrayRef> {
        let Self { sequence, events, texts } = self;
        if S::Payload::LABELLED
            && let Some(new) = texts.sort()
        {
            events.change_payloads(|p| p.relabel(&new));
        }
        let answers = sequence.finish(Sequences { events, texts, emit })?;
        self.forget_texts(emit);
        Ok(answers)
    }

    fn state(&mut self, emit: EmitTo) -> Result<Vec<ArrayRef>> {
        let mut lists = Lists::with_capacity(self.events.emitted(emit));
        let mut sent = Vec::with_capacity(self.events.len());
        self.events.drain(emit, |events| {
            let kept = self.sequence.condense(events);
            sent.extend_from_slice(events.get(..kept).unwrap_or(events));
            lists.end_at(sent.len())
        })?;
        let mut columns: Vec<ArrayRef> =
            vec![Arc::new(Int64Array::from_iter_values(sent.iter().map(|e| e.0)))];
        S::Payload::write(sent.iter().map(|e| e.1), &self.texts, &mut columns);
        self.forget_texts(emit);
        let offsets = lists.finish();
        columns.into_iter().map(|values| Lists::column(&offsets, values)).collect()
    }

    fn merge_batch(&mut self, state: &[ArrayRef], groups: &[usize], total: usize) -> Result<()> {
        let Some(lists) = state.first() else {
            return internal_err!("a state of events has at least one column");
        };
        let values: Vec<ArrayRef> =
            state.iter().map(|c| Arc::clone(c.as_list::<i32>().values())).collect();
        let mut columns = values.iter();
        let times: &[i64] =
            columns.next().map_or(&[], |times| times.as_primitive::<Int64Type>().values());
        let payloads = S::Payload::read(&mut columns, times.len(), &mut self.texts)?;
        self.events.reserve(total, times.len())?;
        for (group, range) in list_rows(lists, groups) {
            let (times, payloads) = (times.get(range.clone()), payloads.get(range));
            let (Some(times), Some(payloads)) = (times, payloads) else {
                return internal_err!("the lists of a state of events differ in length");
            };
            for (&time, &payload) in times.iter().zip(payloads) {
                self.events.push(group, time, payload);
            }
        }
        Ok(())
    }

    fn convert_to_state(
        &self,
        values: &[ArrayRef],
        filter: Option<&BooleanArray>,
    ) -> Result<Vec<ArrayRef>> {
        let n = values.first().map_or(0, |v| v.len());
        let each_its_own: Vec<usize> = (0..n).collect();
        let mut rows = Self::new(self.sequence.clone());
        rows.update_batch(values, &each_its_own, filter, n)?;
        rows.state(EmitTo::All)
    }

    fn size(&self) -> usize {
        let Answer { group, event } = self.sequence.answer();
        let answers = self.events.groups() * group + self.events.len() * event;
        size_of::<Self>() + self.events.size(answers) + self.texts.size()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::payload::Label;
    use datafusion::arrow::array::StringArray;

    /// The texts of each group in the order of (time, text), joined.
    #[derive(Debug, Clone)]
    struct Joined;

    impl Sequence for Joined {
        type Payload = Label;
        const ANSWER: Answer = Answer { group: 16, event: 8 };

        fn read(&self, args: &[ArrayRef], batch: &mut Batch<Label>) -> Result<()> {
            let (ts, text) = (args[0].as_primitive::<Int64Type>(), args[1].as_string::<i32>());
            batch.push_each(ts, |row, texts| {
                let label =
                    if text.is_null(row) { Label::NONE } else { texts.label(text.value(row)) };
                (ts.value(row) < 9).then(|| (ts.value(row), label))
            })
        }

        fn finish(&mut self, groups: Sequences<Label>) -> Result<ArrayRef> {
            let mut out = Vec::with_capacity(groups.len());
            groups.each(|events, texts| {
                let words: Vec<&str> =
                    events.iter().map(|e| texts.get(e.1).unwrap_or("?")).collect();
                out.push(words.join(" "));
                Ok(())
            })?;
            Ok(Arc::new(StringArray::from(out)))
        }
    }

    fn rows(rows: &[(Option<i64>, Option<&str>)]) -> Vec<ArrayRef> {
        vec![
            Arc::new(rows.iter().map(|r| r.0).collect::<Int64Array>()),
            Arc::new(rows.iter().map(|r| r.1).collect::<StringArray>()),
        ]
    }

    fn words(answers: &ArrayRef) -> Vec<&str> {
        answers.as_string::<i32>().iter().flatten().collect()
    }

    #[test]
    fn equal_times_are_in_the_order_of_their_texts_however_they_came() -> Result<()> {
        let batch = rows(&[
            (Some(5), Some("tea")),
            (Some(1), Some("cups")),
            (Some(5), Some("art")),
            (Some(5), None),
            (None, Some("no time")),
            (Some(9), Some("too late")),
            (Some(1), Some("refused")),
            (Some(2), Some("tea")),
        ]);
        let groups = [2, 0, 2, 2, 2, 2, 2, 1];
        let filter = BooleanArray::from(vec![true, true, true, true, true, true, false, true]);
        let all = ["cups", "tea", "art tea ?", ""];
        let read = || {
            let mut a = SequenceAggregate::new(Joined);
            a.update_batch(&batch, &groups, Some(&filter), 4).map(|()| a)
        };
        assert_eq!(words(&read()?.evaluate(EmitTo::All)?), all);
        // from the front, and with a new first text for those that are left
        let mut some = read()?;
        assert_eq!(words(&some.evaluate(EmitTo::First(1))?), all[..1]);
        some.update_batch(&rows(&[(Some(5), Some("aaa"))]), &[1], None, 3)?;
        assert_eq!(words(&some.evaluate(EmitTo::All)?), ["tea", "aaa art tea ?", ""]);
        assert_eq!(some.texts.size() + some.events.size(0), 0);
        // as states, of groups and of rows, into groups of other numbers
        let mut last = SequenceAggregate::new(Joined);
        let odd = rows(&[(Some(6), Some("zebra"))]);
        last.update_batch(&odd, &[3], None, 4)?;
        let state = read()?.state(EmitTo::All)?;
        last.merge_batch(&state, &[3, 2, 1, 0], 4)?;
        assert_eq!(words(&last.evaluate(EmitTo::All)?), ["", "art tea ?", "tea", "cups zebra"]);
        let state = SequenceAggregate::new(Joined).convert_to_state(&batch, Some(&filter))?;
        last.merge_batch(&state, &groups, 4)?;
        assert_eq!(words(&last.evaluate(EmitTo::All)?), all);
        Ok(())
    }
}
