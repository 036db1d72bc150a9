//! What `funnel_detail` and `funnel_entries` share: arguments, answers, and how they come about.

use std::sync::Arc;

use datafusion::arrow::array::{
    Array, ArrayRef, AsArray, BooleanArray, Float64Array, Int32Array, ListArray, StringArray,
    StructArray,
};
use datafusion::arrow::buffer::OffsetBuffer;
use datafusion::arrow::datatypes::{
    DataType, Field, FieldRef, Fields, IntervalMonthDayNanoType, IntervalUnit,
    TimestampMicrosecondType,
};
use datafusion::common::{Result, ScalarValue, internal_err, plan_err};
use datafusion::logical_expr::function::AccumulatorArgs;

use super::arguments;
use super::core::{self, Best, EXCLUDED, Row, Rules};
use super::modes::{self, Modes};
use super::spaced;
use crate::args::{self, Fill, Param, Ty, option, required};
use crate::conditions;
use crate::payload::{Label, Texts};
use crate::sequence_aggregate::{Answer, Batch, Sequence, Sequences};
use crate::times;

pub(super) const PARAMS: &[Param] = &[
    required("window", Ty::Any),
    option("mode", Ty::Text, Fill::Text("default")),
    required("ts", Ty::Instant),
    required("steps", Ty::Any),
    option("exclude", Ty::Bool, Fill::Null),
    option("hold", Ty::Text, Fill::Null),
    option("group", Ty::Text, Fill::Null),
    option("step_window", Ty::Any, Fill::Null),
];

/// The place of `step_window` among them.
const STEP_WINDOW: usize = 7;

/// The types that the arguments of `function` are cast to.
pub(super) fn coerce(function: &str, types: &[DataType]) -> Result<Vec<DataType>> {
    // what is held or grouped by is told as text, whatever it is
    let texts = types.iter().enumerate().map(|(i, ty)| {
        if (5..STEP_WINDOW).contains(&i) && !ty.is_nested() { DataType::Utf8 } else { ty.clone() }
    });
    let mut out = args::coerce(function, PARAMS, &texts.collect::<Vec<_>>())?;
    if let (Some(window), Some(ty)) = (out.first_mut(), types.first()) {
        *window = arguments::coerce_window(function, ty)?;
    }
    if let Some(steps) = out.get_mut(3) {
        let boolean = match &steps {
            DataType::List(item) | DataType::LargeList(item) => {
                matches!(item.data_type(), DataType::Boolean | DataType::Null)
            }
            DataType::FixedSizeList(item, _) => *item.data_type() == DataType::Boolean,
            _ => false,
        };
        if !boolean {
            return plan_err!(
                "{function}: steps must be a list of conditions such as [e = 'view', e = 'buy'], got {steps}; it is called {}",
                args::usage(function, PARAMS)
            );
        }
        *steps = DataType::List(Arc::new(Field::new_list_field(DataType::Boolean, true)));
    }
    if let Some(gaps) = out.get_mut(STEP_WINDOW)
        && *gaps != DataType::Null
    {
        let intervals = match &gaps {
            DataType::List(item) | DataType::LargeList(item) => {
                matches!(item.data_type(), DataType::Interval(_) | DataType::Null)
            }
            _ => false,
        };
        if !intervals {
            return plan_err!(
                "{function}: step_window must be a list of intervals such as [INTERVAL '1 hour', INTERVAL '2 days'], got {gaps}"
            );
        }
        let interval = DataType::Interval(IntervalUnit::MonthDayNano);
        *gaps = DataType::List(Arc::new(Field::new_list_field(interval, true)));
    }
    Ok(out)
}

/// The type of what is told of a chain.
pub(super) fn chain_type(types: &[DataType]) -> DataType {
    let seconds = Arc::new(Field::new_list_field(DataType::Float64, true));
    let texts = Arc::new(Field::new_list_field(DataType::Utf8, true));
    DataType::Struct(Fields::from(vec![
        Field::new("level", DataType::Int32, false),
        Field::new("step_ts", times::list_type(types), false),
        Field::new("step_seconds", DataType::List(seconds), false),
        Field::new("excluded", DataType::Boolean, false),
        Field::new("hold", DataType::Utf8, true),
        Field::new("group", DataType::Utf8, true),
        Field::new("groups", DataType::List(texts), false),
    ]))
}

/// What is told where there is no chain.
pub(super) fn no_chain(ty: &DataType) -> Result<ScalarValue> {
    let mut none = Columns::default();
    none.push(&[], false, None, vec![]);
    ScalarValue::try_from_array(&none.finish(ty)?, 0)
}

/// The most steps: one bit is for `exclude`.
const MOST: u32 = 63;

/// A row that matters: what it satisfies, what is held, and its group.
type Payload = (u64, Label, Label);

/// The best chain of each group, or one from each entry.
#[derive(Debug, Clone)]
pub(super) struct Detail<const ENTRIES: bool> {
    function: &'static str,
    rules: Rules,
    /// how long after the one before a step may be taken, from the second on; empty: no such limit
    gaps: Vec<i64>,
    hold: bool,
    group: bool,
    answer: DataType,
}

impl<const ENTRIES: bool> Detail<ENTRIES> {
    /// What a call of `function` asks for.
    pub(super) fn new(function: &'static str, args: &AccumulatorArgs) -> Result<Self> {
        let of = |name| args::constant(function, PARAMS, args.exprs, name);
        let modes = match of("mode")? {
            ScalarValue::Utf8(Some(text)) => modes::parse(function, &text)?,
            _ => Modes::default(),
        };
        if modes.clickhouse {
            return plan_err!(
                "{function}: the mode clickhouse has no details; window_funnel has it"
            );
        }
        let given = |name| of(name).map_or(true, |v| !v.is_null());
        let Modes { increase, once, deduplication, order, .. } = modes;
        let rules = Rules {
            // a list tells its length row by row
            steps: MOST,
            window: arguments::window(function, args)?,
            increase,
            once,
            deduplication,
            order,
            exclude: given("exclude"),
            entry: ENTRIES,
        };
        let gaps = gaps(function, &of("step_window")?)?;
        if !gaps.is_empty() && !rules.is_loose() {
            return plan_err!(
                "{function}: step_window goes with the mode 'default', and without exclude"
            );
        }
        Ok(Self {
            function,
            rules,
            gaps,
            hold: given("hold"),
            group: given("group"),
            answer: args.return_field.data_type().clone(),
        })
    }

    fn best(&self, rows: &[Row]) -> Best {
        match self.gaps.as_slice() {
            [] => core::best(rows, &self.rules),
            gaps => spaced::best(rows, &self.rules, gaps),
        }
    }

    fn unhindered(&self, rows: &[Row]) -> u32 {
        if !self.rules.exclude {
            return 0;
        }
        let free = Rules { exclude: false, ..self.rules };
        let rows: Vec<Row> = rows.iter().map(|r| (r.0, r.1 & !EXCLUDED)).collect();
        core::best(&rows, &free).level
    }

    /// Tells the best chain of one life: times of its steps, and what the least row of each says.
    fn tell(
        &self,
        life: &[(i64, Payload)],
        rows: &[Row],
        more: bool,
        texts: &Texts,
        out: &mut Columns,
    ) {
        let mut steps = vec![];
        match self.gaps.as_slice() {
            [] => core::steps(rows, &self.rules, &mut steps),
            gaps => spaced::steps(rows, &self.rules, gaps, &mut steps),
        }
        let text = |label: Label| texts.get(label).map(str::to_string);
        let at_step = |(step, &time): (usize, &i64)| {
            let from = life.partition_point(|e| e.0 < time);
            life.iter()
                .skip(from)
                .take_while(|e| e.0 == time)
                .filter(|e| e.1.0 >> step & 1 == 1)
                .map(|e| e.1.2)
                .min()
                .and_then(text)
        };
        let groups = steps.iter().enumerate().map(at_step).collect();
        out.push(&steps, more, life.first().and_then(|e| text(e.1.1)), groups);
    }

    /// One chain: of the value that is held by which it comes furthest.
    fn tell_best(&self, lives: &[Life<'_>], texts: &Texts, out: &mut Columns) {
        let mut chosen: Option<(Best, &Life<'_>)> = None;
        let mut unhindered = 0;
        for life in lives {
            let best = self.best(&life.rows);
            unhindered = self.unhindered(&life.rows).max(unhindered);
            if chosen.as_ref().is_none_or(|(other, _)| best.beats(other)) {
                chosen = Some((best, life));
            }
        }
        match chosen.filter(|c| c.0.level > 0) {
            Some((best, life)) => {
                self.tell(life.events, &life.rows, unhindered > best.level, texts, out);
            }
            None => out.push(&[], unhindered > 0, None, vec![]),
        }
    }

    /// A chain from each time at which the first step is taken.
    fn tell_entries(&self, lives: &[Life<'_>], texts: &Texts, out: &mut Columns) -> usize {
        let mut entries: Vec<(i64, &Life<'_>)> = vec![];
        for life in lives {
            let first_step = |rows: &[Row]| rows.iter().any(|r| r.1 & 1 == 1);
            let times = core::times(&life.rows).filter(|(_, rows)| first_step(rows));
            entries.extend(times.map(|(t, _)| (t, life)));
        }
        entries.sort_by_key(|e| e.0);
        for (t, life) in &entries {
            let from = life.rows.partition_point(|r| r.0 < *t);
            let to = life.rows.partition_point(|r| core::within(*t, r.0, self.rules.window));
            let rows = life.rows.get(from..to).unwrap_or_default();
            let level = self.best(rows).level;
            self.tell(life.events, rows, self.unhindered(rows) > level, texts, out);
        }
        entries.len()
    }
}

/// The rows of one value that is held, in the order of time: each has a life of its own.
struct Life<'a> {
    events: &'a [(i64, Payload)],
    rows: Vec<Row>,
}

impl<const ENTRIES: bool> Sequence for Detail<ENTRIES> {
    type Payload = Payload;
    // at most a time, seconds and a short text for each row, and some steps for each entry
    const ANSWER: Answer = Answer { group: 64, event: if ENTRIES { 192 } else { 48 } };

    fn read(&self, args: &[ArrayRef], batch: &mut Batch<Payload>) -> Result<()> {
        let [_, _, ts, steps, exclude, hold, group, _] = args else {
            return internal_err!("{} has 8 arguments, got {}", self.function, args.len());
        };
        let ts = ts.as_primitive::<TimestampMicrosecondType>();
        let mut masks = list_masks(self.function, steps.as_list::<i32>())?;
        if self.rules.exclude {
            conditions::set(&mut masks, exclude.as_boolean(), EXCLUDED);
        }
        let (hold, group) = (hold.as_string::<i32>(), group.as_string::<i32>());
        let label = |column: &StringArray, row: usize, texts: &mut Texts| {
            if column.is_valid(row) { texts.label(column.value(row)) } else { Label::NONE }
        };
        let unmatched = self.rules.unmatched_matter();
        batch.push_each(ts, |row, texts| {
            let mask = masks.get(row).copied().unwrap_or_default();
            if mask == 0 && !unmatched {
                return None;
            }
            let held = if self.hold { label(hold, row, texts) } else { Label::NONE };
            if self.hold && held == Label::NONE {
                return None;
            }
            let group = if self.group { label(group, row, texts) } else { Label::NONE };
            Some((ts.value(row), (mask, held, group)))
        })
    }

    fn finish(&mut self, groups: Sequences<Payload>) -> Result<ArrayRef> {
        let mut out = Columns::default();
        let mut entries = vec![];
        groups.each(|events, texts| {
            let mut events = events.to_vec();
            events.sort_by_key(|e| e.1.1);
            let lives: Vec<Life<'_>> = events
                .chunk_by(|a, b| a.1.1 == b.1.1)
                .map(|events| Life { events, rows: events.iter().map(|e| (e.0, e.1.0)).collect() })
                .collect();
            if ENTRIES {
                entries.push(self.tell_entries(&lives, texts, &mut out));
            } else {
                self.tell_best(&lives, texts, &mut out);
            }
            Ok(())
        })?;
        match &self.answer {
            DataType::List(item) if ENTRIES => {
                let chains = out.finish(item.data_type())?;
                let offsets = OffsetBuffer::from_lengths(entries);
                Ok(Arc::new(ListArray::try_new(Arc::clone(item), offsets, chains, None)?))
            }
            answer => out.finish(answer),
        }
    }
}

/// The limits of the steps after the first.
fn gaps(function: &str, value: &ScalarValue) -> Result<Vec<i64>> {
    let ScalarValue::List(list) = value else { return Ok(vec![]) };
    if list.is_empty() || list.is_null(0) {
        return Ok(vec![]);
    }
    let limits = list.value(0);
    let Some(limits) = limits.as_primitive_opt::<IntervalMonthDayNanoType>() else {
        return internal_err!("{function}: step_window is {}", limits.data_type());
    };
    limits
        .iter()
        .map(|limit| match limit {
            // NULL is no limit
            None => Ok(i64::MAX),
            Some(limit) if limit.months == 0 && limit.days == 0 && limit.nanoseconds == 0 => Ok(0),
            limit => {
                let limit = ScalarValue::IntervalMonthDayNano(limit);
                args::fixed_micros(function, "step_window", &limit)
            }
        })
        .collect()
}

/// A bit for each condition of the lists.
fn list_masks(function: &str, steps: &ListArray) -> Result<Vec<u64>> {
    let values = steps.values().as_boolean();
    let offsets = steps.value_offsets();
    let mut masks = Vec::with_capacity(steps.len());
    for (row, ends) in offsets.windows(2).enumerate() {
        let &[from, to] = ends else { continue };
        if to - from > i32::try_from(MOST).unwrap_or(i32::MAX) {
            return plan_err!("{function}: there are at most {MOST} steps, got {}", to - from);
        }
        let (from, to) = (usize::try_from(from), usize::try_from(to));
        let range = from.unwrap_or_default()..to.unwrap_or_default();
        let mask = range.enumerate().fold(0u64, |mask, (step, i)| {
            mask | u64::from(values.is_valid(i) && values.value(i)) << step
        });
        masks.push(if steps.is_valid(row) { mask } else { 0 });
    }
    Ok(masks)
}

/// The fields of the answers.
#[derive(Debug, Default)]
struct Columns {
    levels: Vec<i32>,
    lengths: Vec<usize>,
    times: Vec<i64>,
    seconds: Vec<f64>,
    excluded: Vec<bool>,
    held: Vec<Option<String>>,
    first: Vec<Option<String>>,
    groups: Vec<Option<String>>,
}

impl Columns {
    #[expect(clippy::cast_precision_loss, reason = "seconds of a window, to the microsecond")]
    fn push(
        &mut self,
        steps: &[i64],
        excluded: bool,
        held: Option<String>,
        groups: Vec<Option<String>>,
    ) {
        self.levels.push(i32::try_from(steps.len()).unwrap_or(i32::MAX));
        self.lengths.push(steps.len());
        self.times.extend_from_slice(steps);
        let mut before = steps.first().copied().unwrap_or_default();
        for &t in steps {
            self.seconds.push(t.saturating_sub(before) as f64 / 1e6);
            before = t;
        }
        self.excluded.push(excluded);
        self.held.push(held);
        self.first.push(groups.first().cloned().flatten());
        self.groups.extend(groups);
    }

    fn finish(self, ty: &DataType) -> Result<ArrayRef> {
        let DataType::Struct(fields) = ty else { return internal_err!("a chain is no {ty}") };
        let [_, step_ts, step_seconds, .., groups] = &fields[..] else {
            return internal_err!("a chain is no {ty}");
        };
        let offsets = OffsetBuffer::from_lengths(self.lengths.iter().copied());
        let list = |field: &FieldRef, values: ArrayRef| match field.data_type() {
            DataType::List(item) => {
                Ok(ListArray::try_new(Arc::clone(item), offsets.clone(), values, None)?)
            }
            other => internal_err!("steps are no {other}"),
        };
        let seconds = list(step_seconds, Arc::new(Float64Array::from(self.seconds)))?;
        let groups = list(groups, Arc::new(StringArray::from(self.groups)))?;
        let columns: Vec<ArrayRef> = vec![
            Arc::new(Int32Array::from(self.levels)),
            times::lists(self.times, self.lengths, step_ts.data_type())?,
            Arc::new(seconds),
            Arc::new(BooleanArray::from(self.excluded)),
            Arc::new(StringArray::from(self.held)),
            Arc::new(StringArray::from(self.first)),
            Arc::new(groups),
        ];
        Ok(Arc::new(StructArray::try_new(fields.clone(), columns, None)?))
    }
}
