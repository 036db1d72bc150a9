//! `funnel_detail(window, mode, ts, steps [, exclude, hold, group])`: how one customer came through
//! the steps.
//!
//! Levels, modes and times of the steps are those of [`window_funnel`](super::window_funnel) and
//! [`window_funnel_events`](super::window_funnel_events). What is added:
//!
//! - `exclude`: a row for which it is true may not lie (in time) between the first and the last
//!   step, unless it is a step itself.
//! - `hold`: all rows of a chain have the same value, as if each value were a customer of its own;
//!   rows without a value are ignored. The value with the highest level counts; of those the one
//!   whose chain is complete first, then the one that starts last, then the least.
//! - `group`: the value at the first step, and `groups` at each; of several rows at that time that
//!   satisfy the step the least.
//!
//! NULL conditions are false, rows with a NULL time are ignored; no rows are level 0. 28 bytes a row
//! that satisfies a step or is excluded (every row with strict_order), and the texts once each.

use std::sync::{Arc, LazyLock};

use datafusion::arrow::array::{
    Array, ArrayRef, AsArray, BooleanArray, Float64Array, Int32Array, ListArray, StringArray,
    StructArray,
};
use datafusion::arrow::buffer::OffsetBuffer;
use datafusion::arrow::datatypes::{DataType, Field, FieldRef, Fields, TimestampMicrosecondType};
use datafusion::common::{Result, ScalarValue, internal_err, plan_err};
use datafusion::logical_expr::expr::AggregateFunction;
use datafusion::logical_expr::function::AccumulatorArgs;
use datafusion::logical_expr::simplify::SimplifyContext;
use datafusion::logical_expr::{AggregateUDF, Documentation, Expr, Signature};
use datafusion_macros::user_doc;

use super::arguments;
use super::core::{self, Best, EXCLUDED, Row, Rules};
use super::modes::{self, Modes};
use crate::args::{self, Fill, Param, Ty, option, required};
use crate::conditions;
use crate::payload::{Label, Texts};
use crate::sequence_aggregate::{Answer, Batch, Sequence, Sequences};
use crate::sequence_function::{SequenceFunction, udaf};

const NAME: &str = "funnel_detail";
const PARAMS: &[Param] = &[
    required("window", Ty::Any),
    option("mode", Ty::Text, Fill::Text("default")),
    required("ts", Ty::Instant),
    required("steps", Ty::Any),
    option("exclude", Ty::Bool, Fill::Null),
    option("hold", Ty::Text, Fill::Null),
    option("group", Ty::Text, Fill::Null),
];

static UDAF: LazyLock<Arc<AggregateUDF>> = LazyLock::new(udaf::<FunnelDetail>);

/// The aggregate `funnel_detail`.
pub fn funnel_detail_udaf() -> Arc<AggregateUDF> {
    Arc::clone(&UDAF)
}

#[user_doc(
    doc_section(label = "Funnels"),
    description = "How a customer came through the steps, as a STRUCT: level (as window_funnel counts it), step_ts (the times of the steps, as window_funnel_events chooses them), step_seconds (seconds from the step before; 0 for the first), excluded (without exclude the level would be higher), hold, group and groups. exclude: a row for which it is true must not lie, in time, between the first and the last step, unless it is a step itself. hold: all steps share this value, such as a product or a session; rows without one are ignored; of several values the one with the highest level counts, then the one complete first, then the one that starts last, then the least. group: the value at the first step, groups: at each step; of several rows of that time that satisfy the step the least. NULL conditions are false, rows with a NULL time are ignored; no rows give level 0. At most 63 steps. Memory: 28 bytes a row that satisfies a step or is excluded (every row with strict_order), and each text once.",
    syntax_example = "funnel_detail(window, mode, ts, steps [, exclude, hold, group])",
    sql_example = r#"```sql
SELECT d.level, d.step_seconds, d.excluded, d.hold, d.group FROM (
  SELECT funnel_detail(INTERVAL '1 day', NULL, ts, [e = 'view', e = 'cart', e = 'buy'], e = 'complaint', product, channel) AS d
  FROM (VALUES (TIMESTAMP '2018-01-01T09:00:00', 'view', 'tea', 'search'), (TIMESTAMP '2018-01-01T09:01:00', 'cart', 'tea', 'direct'),
    (TIMESTAMP '2018-01-01T09:02:00', 'view', 'cup', 'email'), (TIMESTAMP '2018-01-01T09:05:00', 'buy', 'tea', 'direct')) AS t(ts, e, product, channel));
-- 3 | [0.0, 60.0, 240.0] | false | tea | search
```"#,
    argument(
        name = "window",
        description = "a constant INTERVAL without months, or a whole number of seconds; the end belongs to it"
    ),
    argument(
        name = "mode",
        description = "constant words as for window_funnel, without clickhouse; NULL: default"
    ),
    argument(name = "ts", description = "time of the row"),
    argument(name = "steps", description = "a list of conditions: [step1, step2, …]"),
    argument(name = "exclude", description = "a condition that must not come between the steps"),
    argument(name = "hold", description = "what all steps share; told as text"),
    argument(name = "group", description = "what is told of the first step and of each, as text")
)]
#[derive(Debug, Default, PartialEq, Eq, Hash)]
struct FunnelDetail;

impl SequenceFunction for FunnelDetail {
    const NAME: &'static str = NAME;
    type Sequence = Detail;

    fn signature() -> Signature {
        args::signature(PARAMS)
    }

    fn coerce(types: &[DataType]) -> Result<Vec<DataType>> {
        // what is held or grouped by is told as text, whatever it is
        let texts = types
            .iter()
            .enumerate()
            .map(|(i, ty)| if i >= 5 && !ty.is_nested() { DataType::Utf8 } else { ty.clone() });
        let mut out = args::coerce(NAME, PARAMS, &texts.collect::<Vec<_>>())?;
        if let (Some(window), Some(ty)) = (out.first_mut(), types.first()) {
            *window = arguments::coerce_window(NAME, ty)?;
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
                    "{NAME}: steps must be a list of conditions such as [e = 'view', e = 'buy'], got {steps}; it is called {}",
                    args::usage(NAME, PARAMS)
                );
            }
            *steps = DataType::List(Arc::new(Field::new_list_field(DataType::Boolean, true)));
        }
        Ok(out)
    }

    fn return_type(types: &[DataType]) -> Result<DataType> {
        let seconds = Arc::new(Field::new_list_field(DataType::Float64, true));
        let texts = Arc::new(Field::new_list_field(DataType::Utf8, true));
        Ok(DataType::Struct(Fields::from(vec![
            Field::new("level", DataType::Int32, false),
            Field::new("step_ts", arguments::list_of_times(types), false),
            Field::new("step_seconds", DataType::List(seconds), false),
            Field::new("excluded", DataType::Boolean, false),
            Field::new("hold", DataType::Utf8, true),
            Field::new("group", DataType::Utf8, true),
            Field::new("groups", DataType::List(texts), false),
        ])))
    }

    fn complete(call: AggregateFunction, info: &SimplifyContext) -> Result<Expr> {
        args::complete_aggregate(PARAMS, call, info)
    }

    fn empty(ty: &DataType) -> Result<ScalarValue> {
        let mut none = Columns::default();
        none.push(&[], false, None, vec![]);
        ScalarValue::try_from_array(&none.finish(ty)?, 0)
    }

    fn sequence(args: &AccumulatorArgs) -> Result<Detail> {
        let of = |name| args::constant(NAME, PARAMS, args.exprs, name);
        let modes = match of("mode")? {
            ScalarValue::Utf8(Some(text)) => modes::parse(NAME, &text)?,
            _ => Modes::default(),
        };
        if modes.clickhouse {
            return plan_err!("{NAME}: the mode clickhouse has no details; window_funnel has it");
        }
        let given = |name| of(name).map_or(true, |v| !v.is_null());
        let Modes { increase, once, deduplication, order, .. } = modes;
        let rules = Rules {
            // a list tells its length row by row
            steps: MOST,
            window: arguments::window(NAME, args)?,
            increase,
            once,
            deduplication,
            order,
            exclude: given("exclude"),
        };
        Ok(Detail {
            rules,
            hold: given("hold"),
            group: given("group"),
            answer: args.return_field.data_type().clone(),
        })
    }

    fn documentation(&self) -> Option<&Documentation> {
        self.doc()
    }
}

/// The most steps: one bit is for `exclude`.
const MOST: u32 = 63;

/// A row that matters: what it satisfies, what is held, and its group.
type Payload = (u64, Label, Label);

#[derive(Debug, Clone)]
struct Detail {
    rules: Rules,
    hold: bool,
    group: bool,
    answer: DataType,
}

impl Sequence for Detail {
    type Payload = Payload;
    // at most a time, seconds and a short text for each row
    const ANSWER: Answer = Answer { group: 64, event: 48 };

    fn read(&self, args: &[ArrayRef], batch: &mut Batch<Payload>) -> Result<()> {
        let [_, _, ts, steps, exclude, hold, group] = args else {
            return internal_err!("{NAME} has 7 arguments, got {}", args.len());
        };
        let ts = ts.as_primitive::<TimestampMicrosecondType>();
        let mut masks = list_masks(steps.as_list::<i32>())?;
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
        let mut steps = vec![];
        groups.each(|events, texts| {
            // each value that is held has a life of its own
            let mut events = events.to_vec();
            events.sort_by_key(|e| e.1.1);
            let mut chosen: Option<(Best, Label, Vec<Row>)> = None;
            let mut unhindered = 0;
            for life in events.chunk_by(|a, b| a.1.1 == b.1.1) {
                let rows: Vec<Row> = life.iter().map(|e| (e.0, e.1.0)).collect();
                let best = core::best(&rows, &self.rules);
                if self.rules.exclude {
                    let free = Rules { exclude: false, ..self.rules };
                    let rows: Vec<Row> = rows.iter().map(|r| (r.0, r.1 & !EXCLUDED)).collect();
                    unhindered = core::best(&rows, &free).level.max(unhindered);
                }
                let Some(held) = life.first().map(|e| e.1.1) else { continue };
                if chosen.as_ref().is_none_or(|(other, ..)| best.beats(other)) {
                    chosen = Some((best, held, rows));
                }
            }
            let Some((best, held, rows)) = chosen.filter(|c| c.0.level > 0) else {
                out.push(&[], unhindered > 0, None, vec![]);
                return Ok(());
            };
            core::steps(&rows, &self.rules, &mut steps);
            let text = |label: Label| texts.get(label).map(str::to_string);
            let at_step = |(step, &time): (usize, &i64)| {
                events
                    .iter()
                    .filter(|e| e.0 == time && e.1.1 == held && e.1.0 >> step & 1 == 1)
                    .map(|e| e.1.2)
                    .min()
                    .and_then(text)
            };
            let groups = steps.iter().enumerate().map(at_step).collect();
            out.push(&steps, unhindered > best.level, text(held), groups);
            Ok(())
        })?;
        out.finish(&self.answer)
    }
}

/// A bit for each condition of the lists.
fn list_masks(steps: &ListArray) -> Result<Vec<u64>> {
    let values = steps.values().as_boolean();
    let offsets = steps.value_offsets();
    let mut masks = Vec::with_capacity(steps.len());
    for (row, ends) in offsets.windows(2).enumerate() {
        let &[from, to] = ends else { continue };
        if to - from > i32::try_from(MOST).unwrap_or(i32::MAX) {
            return plan_err!("{NAME}: there are at most {MOST} steps, got {}", to - from);
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
        let DataType::Struct(fields) = ty else { return internal_err!("{NAME} answers {ty}") };
        let [_, step_ts, step_seconds, .., groups] = &fields[..] else {
            return internal_err!("{NAME} answers {ty}");
        };
        let offsets = OffsetBuffer::from_lengths(self.lengths.iter().copied());
        let list = |field: &FieldRef, values: ArrayRef| match field.data_type() {
            DataType::List(item) => {
                Ok(ListArray::try_new(Arc::clone(item), offsets.clone(), values, None)?)
            }
            other => internal_err!("{NAME} answers {other}"),
        };
        let seconds = list(step_seconds, Arc::new(Float64Array::from(self.seconds)))?;
        let groups = list(groups, Arc::new(StringArray::from(self.groups)))?;
        let columns: Vec<ArrayRef> = vec![
            Arc::new(Int32Array::from(self.levels)),
            arguments::lists_of_times(self.times, self.lengths, step_ts.data_type())?,
            Arc::new(seconds),
            Arc::new(BooleanArray::from(self.excluded)),
            Arc::new(StringArray::from(self.held)),
            Arc::new(StringArray::from(self.first)),
            Arc::new(groups),
        ];
        Ok(Arc::new(StructArray::try_new(fields.clone(), columns, None)?))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::testing::{batch, same_bits, value};
    use datafusion::arrow::array::{Int64Array, TimestampMicrosecondArray};

    const LOG: &str = "(VALUES
        (TIMESTAMP '2018-01-01T09:00:00', 'view', 1, 'search'), (TIMESTAMP '2018-01-01T09:01:00', 'view', 2, 'email'),
        (TIMESTAMP '2018-01-01T09:02:00', 'complaint', NULL, NULL), (TIMESTAMP '2018-01-01T09:03:00', 'cart', 2, NULL),
        (TIMESTAMP '2018-01-01T09:04:00', 'buy', 1, NULL), (NULL, 'buy', 2, 'x')) t(ts, e, product, channel)";

    async fn detail(args: &str) -> String {
        let steps = "INTERVAL '1 day', NULL, ts, [e = 'view', e = 'cart', e = 'buy']";
        value(&format!("SELECT funnel_detail({steps}{args}) FROM {LOG}")).await.unwrap()
    }

    #[tokio::test]
    async fn what_is_held_and_what_is_excluded_change_the_level() {
        let free = detail("").await;
        assert!(free.starts_with("{level: 3, step_ts: [2018-01-01T09:01:00, 2018-01-01T09:03:00, 2018-01-01T09:04:00], step_seconds: [0.0, 120.0, 60.0], excluded: false, hold: , group: , groups: [, , ]}"), "{free}");
        let held = detail(", NULL, product, channel").await;
        assert!(
            held.starts_with("{level: 2, step_ts: [2018-01-01T09:01:00, 2018-01-01T09:03:00],"),
            "{held}"
        );
        assert!(
            held.ends_with("excluded: false, hold: 2, group: email, groups: [email, ]}"),
            "{held}"
        );
        let excluded = detail(", e = 'complaint'").await;
        assert!(excluded.starts_with("{level: 1, step_ts: [2018-01-01T09:00:00],"), "{excluded}");
        assert!(excluded.contains("excluded: true"), "{excluded}");
        let apart = detail(", e = 'refund', product").await;
        assert!(apart.starts_with("{level: 2,") && apart.contains("excluded: false"), "{apart}");
    }

    #[tokio::test]
    async fn no_rows_are_level_0() {
        let none = "SELECT funnel_detail(INTERVAL '1 day', NULL, ts, [true]) FROM (SELECT TIMESTAMP '2018-01-01' ts WHERE false)";
        assert_eq!(
            value(none).await.unwrap(),
            "{level: 0, step_ts: [], step_seconds: [], excluded: false, hold: , group: , groups: []}"
        );
    }

    #[tokio::test]
    async fn wrong_arguments_are_named() {
        for (args, want) in [
            ("INTERVAL '1 day', 'strictly', ts, [true]", "no mode 'strictly'"),
            ("INTERVAL '1 day', 'clickhouse', ts, [true]", "no details"),
            ("INTERVAL '1 day', NULL, ts, true", "steps must be a list of conditions"),
            ("INTERVAL '1 month', NULL, ts, [true]", "one fixed length"),
        ] {
            let e = value(&format!("SELECT funnel_detail({args}) FROM {LOG}")).await.unwrap_err();
            assert!(e.to_string().contains(want), "{e}");
        }
    }

    #[tokio::test]
    async fn the_order_and_the_cut_of_the_rows_make_no_difference() -> Result<()> {
        let noise = |i: i64| (i * 7_919 + 13) % 31;
        let n = 400;
        let rows = batch(vec![
            ("k", Arc::new((0..n).map(|i| noise(i) % 9).collect::<Int64Array>())),
            (
                "ts",
                Arc::new(
                    (0..n)
                        .map(|i| (noise(i + 3) != 5).then(|| noise(i + 1) * 1_000_000))
                        .collect::<TimestampMicrosecondArray>(),
                ),
            ),
            ("e", Arc::new((0..n).map(|i| noise(i + 5) % 5).collect::<Int64Array>())),
            (
                "p",
                Arc::new(
                    (0..n)
                        .map(|i| (noise(i) != 3).then(|| noise(i + 8) % 3))
                        .collect::<Int64Array>(),
                ),
            ),
        ])?;
        for mode in ["NULL", "'strict_order'", "'strict_deduplication,strict_once'"] {
            let sql = format!(
                "SELECT k, funnel_detail(20, {mode}, ts, [e = 0, e < 2, e = 3], e = 4, p, e) d FROM t GROUP BY k ORDER BY k"
            );
            same_bits(&rows, &sql).await?;
        }
        Ok(())
    }
}
