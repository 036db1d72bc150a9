//! `change_points(ts, value [, …])`: where a series changes its level.
//!
//! Rows are summed into buckets of `unit` from the first to the last event not after `as_of`;
//! empty buckets are 0. Whole days begin at midnight of the first event's day. With `rows => true`
//! each row is one value, in the order of time, and gaps do not matter. Rows with a NULL time or a
//! NULL, NaN or infinite value are ignored. Rows in any order; equal times in the order of their
//! values; every plan gives the same bits. No rows, or fewer than 2 · `min_size` values: an empty
//! list. 20 bytes a row. O(n) to O(n²) in the number of buckets, which is limited to 100,000.
//!
//! Exact PELT without a jump: Killick, Fearnhead and Eckley (2012).

use std::sync::{Arc, LazyLock};

use datafusion::arrow::array::{
    Array, ArrayRef, AsArray, Float64Builder, ListArray, StringBuilder, StructArray,
    TimestampMicrosecondBuilder,
};
use datafusion::arrow::buffer::OffsetBuffer;
use datafusion::arrow::datatypes::{
    DataType, Field, FieldRef, Fields, Float64Type, TimeUnit, TimestampMicrosecondType,
};
use datafusion::common::{Result, ScalarValue, exec_err, internal_err, plan_err};
use datafusion::logical_expr::function::{
    AccumulatorArgs, AggregateFunctionSimplification, StateFieldsArgs,
};
use datafusion::logical_expr::utils::AggregateOrderSensitivity;
use datafusion::logical_expr::{
    Accumulator, AggregateUDF, AggregateUDFImpl, Documentation, GroupsAccumulator, Signature,
};
use datafusion_macros::user_doc;

use super::options::{bucket_start, penalty, size, text};
use super::pelt::{Cost, Pelt, Penalty, Series, binary_segmentation};
use crate::args::{self, Fill, Param, Ty, option, required};
use crate::events::Amount;
use crate::sequence_aggregate::{
    Answer, Batch, Sequence, Sequences, accumulator, groups_accumulator, state_fields,
};
use crate::times::empty_list;

const NAME: &str = "change_points";

const PARAMS: &[Param] = &[
    required("ts", Ty::Time),
    required("value", Ty::Float),
    option("unit", Ty::Interval, Fill::Days(1)),
    option("method", Ty::Text, Fill::Text("pelt")),
    option("cost", Ty::Text, Fill::Text("l2")),
    option("penalty", Ty::Any, Fill::Text("bic")),
    option("min_size", Ty::Int, Fill::Int(2)),
    option("as_of", Ty::Time, Fill::AsOf),
    option("rows", Ty::Bool, Fill::Null),
];

/// A series longer than this takes minutes, and is more likely a wrong unit than wanted.
const MOST_BUCKETS: i64 = 100_000;

static UDAF: LazyLock<Arc<AggregateUDF>> =
    LazyLock::new(|| Arc::new(AggregateUDF::from(ChangePoints::default())));

/// The function `change_points`.
pub fn change_points_udaf() -> Arc<AggregateUDF> {
    Arc::clone(&UDAF)
}

#[user_doc(
    doc_section(label = "Turning points"),
    description = "Where a series changes its level: a list of changes in the order of time, each with ts (the beginning of the first bucket of the new level), before and after (mean per bucket), change, direction 'up' or 'down', and score (by how much the change lowers the cost beyond the penalty). Values are summed per bucket of unit, from the first to the last event not after as_of; an empty bucket is 0, and silence after the last event is no part of the series (add a row with value 0 at as_of to make it one). With rows => true every row is a value. NULL, NaN and infinite values and NULL times are ignored; no rows or fewer than 2 · min_size buckets give an empty list. Exact PELT (Killick 2012), or binary segmentation. Costs: 'l2' a change of mean; 'poisson' a change of rate of counts; 'normal' a change of mean or variance, the variance of a segment taken as at least 1 % of the whole series'. Penalty 'bic' is p · ln n with p = 2, for 'normal' 3; for 'l2' times the variance of the noise, half the mean squared step. A number is taken as it is, as ruptures does. 20 bytes a row.",
    syntax_example = "change_points(ts, value [, unit, method, cost, penalty, min_size, as_of, rows])",
    sql_example = r#"```sql
SELECT change_points(ts, v, INTERVAL '1 day', 'pelt', 'l2', 'bic', 2, TIMESTAMP '2011-02-01T00:00:00')[1]['after'] FROM (VALUES (TIMESTAMP '2011-01-01T00:00:00', 1.0), (TIMESTAMP '2011-01-02T00:00:00', 1.5), (TIMESTAMP '2011-01-03T00:00:00', 1.0), (TIMESTAMP '2011-01-04T00:00:00', 9.0), (TIMESTAMP '2011-01-05T00:00:00', 9.5), (TIMESTAMP '2011-01-06T00:00:00', 8.5)) t(ts, v);
-- 9.0
```"#,
    argument(name = "ts", description = "when; NULL rows are ignored"),
    argument(name = "value", description = "how much, or 1 for a count"),
    argument(
        name = "unit",
        description = "length of a bucket, an INTERVAL without months or a text such as 'week'; default one day"
    ),
    argument(name = "method", description = "'pelt' (default, exact) or 'binseg' (greedy)"),
    argument(name = "cost", description = "'l2' (default), 'poisson' or 'normal'"),
    argument(name = "penalty", description = "'bic' (default), or a number"),
    argument(
        name = "min_size",
        description = "least number of buckets between changes; default 2"
    ),
    argument(name = "as_of", description = "rows after it do not exist; default `tenure.as_of`"),
    argument(name = "rows", description = "true: each row is one value, there are no buckets")
)]
#[derive(Debug, PartialEq, Eq, Hash)]
struct ChangePoints {
    signature: Signature,
}

impl Default for ChangePoints {
    fn default() -> Self {
        Self { signature: args::signature(PARAMS) }
    }
}

static ITEM: LazyLock<Fields> = LazyLock::new(|| {
    let float = |n: &str| Field::new(n, DataType::Float64, true);
    Fields::from(vec![
        Field::new("ts", DataType::Timestamp(TimeUnit::Microsecond, None), true),
        float("before"),
        float("after"),
        float("change"),
        Field::new("direction", DataType::Utf8, true),
        float("score"),
    ])
});

fn item() -> FieldRef {
    Arc::new(Field::new_list_field(DataType::Struct(ITEM.clone()), true))
}

impl ChangePoints {
    fn all_series(&self, a: &AccumulatorArgs) -> Result<AllSeries> {
        args::no_distinct(NAME, a)?;
        let of = |name| args::constant(NAME, PARAMS, a.exprs, name);
        let cost = text(NAME, "cost", &of("cost")?, &Cost::NAMES)?;
        let as_of = match of("as_of")? {
            ScalarValue::TimestampMicrosecond(t, _) => t.unwrap_or(i64::MAX),
            _ => i64::MAX,
        };
        let min_size = size(NAME, "min_size", &of("min_size")?, 2)?;
        if cost == Cost::Normal && min_size < 2 {
            return plan_err!(
                "{NAME}: min_size must be at least 2 for cost 'normal', got {min_size}"
            );
        }
        Ok(AllSeries {
            unit: args::fixed_micros(NAME, "unit", &of("unit")?)?,
            exact: text(NAME, "method", &of("method")?, &[("pelt", true), ("binseg", false)])?,
            cost,
            penalty: penalty(NAME, &of("penalty")?)?,
            min_size,
            as_of,
            rows: matches!(of("rows")?, ScalarValue::Boolean(Some(true))),
            work: Work::default(),
        })
    }
}

impl AggregateUDFImpl for ChangePoints {
    fn name(&self) -> &str {
        NAME
    }

    fn signature(&self) -> &Signature {
        &self.signature
    }

    fn coerce_types(&self, types: &[DataType]) -> Result<Vec<DataType>> {
        args::coerce(NAME, PARAMS, types)
    }

    fn return_type(&self, _types: &[DataType]) -> Result<DataType> {
        Ok(DataType::List(item()))
    }

    fn is_nullable(&self) -> bool {
        false
    }

    fn default_value(&self, ty: &DataType) -> Result<ScalarValue> {
        empty_list(ty)
    }

    fn state_fields(&self, a: StateFieldsArgs) -> Result<Vec<FieldRef>> {
        Ok(state_fields::<Amount>(&a))
    }

    fn simplify(&self) -> Option<AggregateFunctionSimplification> {
        Some(Box::new(|f, info| args::complete_aggregate(PARAMS, f, info)))
    }

    fn order_sensitivity(&self) -> AggregateOrderSensitivity {
        AggregateOrderSensitivity::Insensitive
    }

    fn accumulator(&self, a: AccumulatorArgs) -> Result<Box<dyn Accumulator>> {
        Ok(accumulator(self.all_series(&a)?))
    }

    fn groups_accumulator_supported(&self, _a: AccumulatorArgs) -> bool {
        true
    }

    fn create_groups_accumulator(&self, a: AccumulatorArgs) -> Result<Box<dyn GroupsAccumulator>> {
        Ok(groups_accumulator(self.all_series(&a)?))
    }

    fn documentation(&self) -> Option<&Documentation> {
        self.doc()
    }
}

/// The series of all groups.
#[derive(Debug, Clone)]
struct AllSeries {
    unit: i64,
    exact: bool,
    cost: Cost,
    penalty: Penalty,
    min_size: usize,
    as_of: i64,
    rows: bool,
    work: Work,
}

/// Memory that one group hands to the next.
#[derive(Debug, Clone, Default)]
struct Work {
    times: Vec<i64>,
    values: Vec<f64>,
    ends: Vec<usize>,
    series: Series,
    pelt: Pelt,
}

impl AllSeries {
    /// The series of one group: the time and value of each bucket.
    fn fill(&mut self, events: &[(i64, Amount)]) -> Result<()> {
        let Work { times, values, .. } = &mut self.work;
        times.clear();
        values.clear();
        let (Some(&(first, _)), Some(&(last, _))) = (events.first(), events.last()) else {
            return Ok(());
        };
        if self.rows {
            times.extend(events.iter().map(|e| e.0));
            values.extend(events.iter().map(|e| e.1.0));
            return Ok(());
        }
        let start = bucket_start(first, self.unit);
        let buckets = (i128::from(last) - i128::from(start)) / i128::from(self.unit) + 1;
        if buckets > i128::from(MOST_BUCKETS) {
            return exec_err!(
                "{NAME}: {buckets} buckets from the first to the last event are more than {MOST_BUCKETS}; use a longer unit"
            );
        }
        let mut next = start;
        for _ in 0..buckets {
            times.push(next);
            next = next.saturating_add(self.unit);
        }
        values.resize(times.len(), 0.0);
        for &(ts, value) in events {
            let bucket = (i128::from(ts) - i128::from(start)) / i128::from(self.unit);
            if let Some(v) = usize::try_from(bucket).ok().and_then(|b| values.get_mut(b)) {
                *v += value.0;
            }
        }
        Ok(())
    }

    /// Positions of the changes, with the penalty they overcame.
    fn changes(&mut self) -> Result<(Vec<usize>, f64)> {
        let Work { values, ends, series, pelt, .. } = &mut self.work;
        let cost = self.cost;
        if cost == Cost::Poisson && values.iter().any(|v| *v < 0.0) {
            return exec_err!(
                "{NAME}: cost 'poisson' is for counts, and there is a negative bucket; use cost 'l2'"
            );
        }
        series.load(values);
        let penalty = series.penalty(cost, self.penalty);
        if series.is_constant() {
            return Ok((vec![], penalty));
        }
        let costs = |from, to| series.cost(cost, from, to);
        let breaks = if self.exact {
            ends.clear();
            ends.extend(0..=values.len());
            pelt.find(ends, self.min_size, penalty, costs).to_vec()
        } else {
            binary_segmentation(values.len(), self.min_size, penalty, costs)
        };
        Ok((breaks, penalty))
    }
}

impl Sequence for AllSeries {
    type Payload = Amount;
    // a change has 52 bytes, and few of the events are one
    const ANSWER: Answer = Answer { group: 4, event: 8 };

    fn read(&self, args: &[ArrayRef], batch: &mut Batch<Amount>) -> Result<()> {
        let [ts, value, ..] = args else { return internal_err!("{NAME} needs ts and value") };
        let ts = ts.as_primitive::<TimestampMicrosecondType>();
        let value = value.as_primitive::<Float64Type>();
        batch.push_each(ts, |row, _| {
            let (ts, amount) = (ts.value(row), value.value(row));
            let counts = ts <= self.as_of && value.is_valid(row) && amount.is_finite();
            counts.then_some((ts, Amount::new(amount)))
        })
    }

    fn finish(&mut self, groups: Sequences<Amount>) -> Result<ArrayRef> {
        let mut lengths = Vec::with_capacity(groups.len());
        let mut ts = TimestampMicrosecondBuilder::new();
        let (mut before, mut after, mut change, mut score) = Default::default();
        let all: [&mut Float64Builder; 4] = [&mut before, &mut after, &mut change, &mut score];
        let [before, after, change, score] = all;
        let mut direction = StringBuilder::new();
        groups.each(|events, _| {
            self.fill(events)?;
            let (breaks, penalty) = self.changes()?;
            let series = &self.work.series;
            let bounds: Vec<usize> =
                std::iter::once(0).chain(breaks.iter().copied()).chain([series.len()]).collect();
            for w in bounds.windows(3) {
                let &[from, at, to] = w else { continue };
                let (old, new) = (series.mean(from, at), series.mean(at, to));
                let cost = |a, b| series.cost(self.cost, a, b);
                ts.append_option(self.work.times.get(at).copied());
                before.append_value(old);
                after.append_value(new);
                change.append_value(new - old);
                direction.append_value(if new < old { "down" } else { "up" });
                score.append_value(cost(from, to) - cost(from, at) - cost(at, to) - penalty);
            }
            lengths.push(breaks.len());
            Ok(())
        })?;
        let columns: Vec<ArrayRef> = vec![
            Arc::new(ts.finish()),
            Arc::new(before.finish()),
            Arc::new(after.finish()),
            Arc::new(change.finish()),
            Arc::new(direction.finish()),
            Arc::new(score.finish()),
        ];
        let items = StructArray::try_new(ITEM.clone(), columns, None)?;
        let offsets = OffsetBuffer::from_lengths(lengths);
        Ok(Arc::new(ListArray::try_new(item(), offsets, Arc::new(items), None)?))
    }
}

#[cfg(test)]
#[allow(clippy::cast_possible_wrap, reason = "test data")]
mod tests {
    use super::super::options::DAY;
    use super::*;
    use crate::testing::{batch, same_bits, value};
    use datafusion::arrow::array::{Float64Array, Int64Array, TimestampMicrosecondArray};
    use datafusion::arrow::util::display::array_value_to_string;

    async fn nile(options: &str) -> Result<String> {
        let rows: Vec<String> = include_str!("../../testdata/nile.csv")
            .lines()
            .skip(1)
            .map(|l| {
                let (year, v) = l.split_once(',').unwrap();
                format!("(TIMESTAMP '{year}-07-01', {v})")
            })
            .collect();
        value(&format!(
            "SELECT change_points(ts, v{options}) FROM (VALUES {}) t(ts, v)",
            rows.join(", ")
        ))
        .await
    }

    #[tokio::test]
    async fn the_nile_changes_once() -> Result<()> {
        let got = nile(", NULL, NULL, NULL, NULL, NULL, NULL, true").await?;
        assert!(
            got.starts_with("[{ts: 1899-07-01T00:00:00, before: 1097.75, after: 849.97222222222"),
            "{got}"
        );
        assert!(got.contains("direction: down") && got.matches("ts:").count() == 1, "{got}");
        assert_eq!(got, nile(", NULL, 'binseg', NULL, NULL, NULL, NULL, true").await?);
        // as ruptures takes it: in the units of the cost, here just above what the change gains
        assert_eq!(nile(", NULL, NULL, NULL, 1237700, NULL, NULL, true").await?, "[]");
        assert_eq!(
            nile(", NULL, NULL, NULL, 'bic', NULL, TIMESTAMP '1890-01-01', true").await?,
            "[]"
        );
        Ok(())
    }

    #[tokio::test]
    async fn buckets_without_rows_are_zero_and_rows_after_as_of_do_not_exist() -> Result<()> {
        // two a day for ten days, then one every fifth day
        let rows: Vec<String> = (0..10)
            .flat_map(|d| [d * 24 + 9, d * 24 + 20])
            .chain((1..7).map(|i| 240 + i * 120))
            .map(|h| format!("({h})"))
            .collect();
        let of = |options: &str| {
            format!(
                "SELECT change_points(to_timestamp_seconds(1293840000 + h * 3600), 1, INTERVAL '1 day', 'pelt', 'poisson'{options}) FROM (VALUES {}) t(h)",
                rows.join(", ")
            )
        };
        let got = value(&of("")).await?;
        assert!(
            got.starts_with("[{ts: 2011-01-11T00:00:00, before: 2.0, after: 0.1935483870967742,"),
            "{got}"
        );
        assert_eq!(value(&of(", 'bic', 2, TIMESTAMP '2011-01-10T23:59:59'")).await?, "[]");
        Ok(())
    }

    #[tokio::test]
    async fn nothing_gives_an_empty_list() -> Result<()> {
        assert_eq!(
            value(
                "SELECT change_points(ts, v) FROM (VALUES (CAST(NULL AS TIMESTAMP), 1.0)) t(ts, v)"
            )
            .await?,
            "[]"
        );
        assert_eq!(value("SELECT change_points(ts, v) FROM (VALUES (TIMESTAMP '2011-01-01', 1.0)) t(ts, v) WHERE false").await?, "[]");
        assert_eq!(value("SELECT change_points(ts, v) FROM (VALUES (TIMESTAMP '2011-01-01', CAST('NaN' AS DOUBLE))) t(ts, v)").await?, "[]");
        Ok(())
    }

    #[tokio::test]
    async fn what_is_no_option_is_refused() {
        for (options, says) in [
            (
                "INTERVAL '1 day', 'dynp'",
                "change_points: method must be 'pelt' or 'binseg', got \"dynp\"",
            ),
            (
                "INTERVAL '1 day', 'pelt', 'l1'",
                "cost must be 'l2' or 'poisson' or 'normal', got \"l1\"",
            ),
            (
                "INTERVAL '1 day', 'pelt', 'l2', 'aic'",
                "penalty must be 'bic' or a number that is not negative, got aic",
            ),
            (
                "INTERVAL '1 day', 'pelt', 'l2', -1",
                "penalty must be 'bic' or a number that is not negative, got -1",
            ),
            ("INTERVAL '1 day', 'pelt', 'l2', 'bic', 0", "min_size must be at least 1, got 0"),
            (
                "INTERVAL '1 second'",
                "buckets from the first to the last event are more than 100000; use a longer unit",
            ),
        ] {
            let sql = format!(
                "SELECT change_points(ts, 1.0, {options}) FROM (VALUES (TIMESTAMP '2011-01-01'), (TIMESTAMP '2011-06-01')) t(ts)"
            );
            let said = value(&sql).await.unwrap_or_else(|e| e.to_string());
            assert!(said.contains(says), "{sql}: {said}");
        }
    }

    #[tokio::test]
    async fn every_plan_gives_the_same_bits() -> Result<()> {
        let n = 600i64;
        let noise = |i: i64| (i * 7919 + 13) % 101;
        let rows = batch(vec![
            ("k", Arc::new(Int64Array::from_iter_values((0..n).map(|i| i % 3))) as ArrayRef),
            (
                "ts",
                Arc::new(
                    (0..n)
                        .map(|i| (noise(i) != 5).then(|| 1_300_000_000_000_000 + (i / 4) * DAY / 2))
                        .collect::<TimestampMicrosecondArray>(),
                ),
            ),
            (
                "v",
                Arc::new(
                    (0..n)
                        .map(|i| {
                            (noise(i) != 9).then(|| {
                                noise(i) as f64 / 7.0 + if i % 300 < 120 { 40.3 } else { 0.1 }
                            })
                        })
                        .collect::<Float64Array>(),
                ),
            ),
        ])?;
        let got = same_bits(&rows, "SELECT k, change_points(ts, v) c FROM t GROUP BY k ORDER BY k")
            .await?;
        assert!(array_value_to_string(got.column(1), 0)?.contains("direction: down"));
        same_bits(&rows, "SELECT change_points(ts, v, NULL, NULL, 'normal') c, change_points(ts, v, NULL, NULL, NULL, NULL, NULL, NULL, true) r FROM t").await?;
        same_bits(
            &rows,
            "SELECT k, change_points(ts, v) FILTER (WHERE v > 5) c FROM t GROUP BY k ORDER BY k",
        )
        .await?;
        Ok(())
    }
}
