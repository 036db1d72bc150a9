//! `frequency(ts [, unit, as_of])`: in how many days, weeks or other periods something happened.
//!
//! The segmentation meaning of frequency, the first period included; the models' (repeat periods)
//! is a field of `customer_summary`. NULL times and times after `as_of` are ignored; nothing left
//! is 0. Order and equal times make no difference. Periods are those of the session's wall clock,
//! counted from Monday, 1970-01-05: a unit of 7 days is a week from Monday. O(1) a row and O(k log k)
//! for a group of k; 12 bytes a row.

use std::sync::{Arc, LazyLock};

use datafusion::arrow::array::{
    ArrayRef, AsArray, BooleanArray, Int64Array, TimestampMicrosecondArray,
};
use datafusion::arrow::datatypes::{DataType, FieldRef, TimeUnit, TimestampMicrosecondType};
use datafusion::common::{Result, ScalarValue, internal_err};
use datafusion::logical_expr::function::{
    AccumulatorArgs, AggregateFunctionSimplification, StateFieldsArgs,
};
use datafusion::logical_expr::utils::{AggregateOrderSensitivity, format_state_name};
use datafusion::logical_expr::{
    Accumulator, AggregateUDF, AggregateUDFImpl, Documentation, EmitTo, GroupsAccumulator,
    Signature,
};
use datafusion_macros::user_doc;

use crate::args::{self, Fill, Param, Ty, option, required};
use crate::events::{
    EventBuffer, Groups, Lists, OneGroup, Rows, list_field, list_rows, lists_of_one,
};
use crate::summary::core::DAY;
use crate::summary::customer_summary::{as_of, unit};

const NAME: &str = "frequency";
const PARAMS: &[Param] = &[
    required("ts", Ty::Time),
    option("unit", Ty::Interval, Fill::Days(1)),
    option("as_of", Ty::Time, Fill::AsOf),
];
/// 1970-01-05, a Monday
const MONDAY: i64 = 4 * DAY;

static UDAF: LazyLock<Arc<AggregateUDF>> =
    LazyLock::new(|| Arc::new(AggregateUDF::from(Frequency::default())));

/// The aggregate `frequency`.
pub fn frequency_udaf() -> Arc<AggregateUDF> {
    Arc::clone(&UDAF)
}

#[user_doc(
    doc_section(label = "RFM"),
    description = "In how many periods (days by default) there was an event: the F of RFM. (For \
models, frequency is one less: a field of customer_summary.) Periods are those of tenure.timezone, \
counted from Monday, 1970-01-05, so that a unit of 7 days is a week from Monday. NULL times and \
times after as_of are ignored; 0 if none is left. Order and equal times make no difference. Memory: \
12 bytes a row.",
    syntax_example = "frequency(ts [, unit, as_of])",
    sql_example = r#"```sql
SELECT frequency(ts, NULL, TIMESTAMP '2018-01-31'), frequency(ts, INTERVAL '7 days', TIMESTAMP '2018-01-31')
FROM (VALUES (TIMESTAMP '2018-01-01T09:00:00'), (TIMESTAMP '2018-01-01T17:00:00'), (TIMESTAMP '2018-01-07'), (TIMESTAMP '2018-01-08'), (NULL)) AS t(ts);
-- 3 | 2
```"#,
    argument(name = "ts", description = "time of a purchase or another event"),
    argument(
        name = "unit",
        description = "a constant INTERVAL without months, or a text such as 'week': the length of a period; default: one day"
    ),
    argument(
        name = "as_of",
        description = "a constant point in time, inclusive; default: `tenure.as_of`"
    )
)]
#[derive(Debug, PartialEq, Eq, Hash)]
struct Frequency {
    signature: Signature,
}

impl Default for Frequency {
    fn default() -> Self {
        Self { signature: args::signature(PARAMS) }
    }
}

impl AggregateUDFImpl for Frequency {
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
        Ok(DataType::Int64)
    }

    fn is_nullable(&self) -> bool {
        false
    }

    fn default_value(&self, _type: &DataType) -> Result<ScalarValue> {
        Ok(ScalarValue::Int64(Some(0)))
    }

    fn simplify(&self) -> Option<AggregateFunctionSimplification> {
        Some(Box::new(|function, info| args::complete_aggregate(PARAMS, function, info)))
    }

    fn state_fields(&self, args: StateFieldsArgs) -> Result<Vec<FieldRef>> {
        let time = DataType::Timestamp(TimeUnit::Microsecond, None);
        Ok(vec![list_field(format_state_name(args.name, "ts"), &time)])
    }

    fn order_sensitivity(&self) -> AggregateOrderSensitivity {
        AggregateOrderSensitivity::Insensitive
    }

    fn accumulator(&self, args: AccumulatorArgs) -> Result<Box<dyn Accumulator>> {
        Ok(Box::new(OneGroup(Times::try_new(&args)?)))
    }

    fn groups_accumulator_supported(&self, _args: AccumulatorArgs) -> bool {
        true
    }

    fn create_groups_accumulator(
        &self,
        args: AccumulatorArgs,
    ) -> Result<Box<dyn GroupsAccumulator>> {
        Ok(Box::new(Times::try_new(&args)?))
    }

    fn documentation(&self) -> Option<&Documentation> {
        self.doc()
    }
}

/// The times of all groups, as starts of their periods.
#[derive(Debug, Clone)]
struct Times {
    starts: EventBuffer<()>,
    unit: i64,
    as_of: i64,
}

impl Times {
    fn try_new(args: &AccumulatorArgs) -> Result<Self> {
        Ok(Self {
            starts: EventBuffer::default(),
            unit: unit(NAME, PARAMS, args.exprs)?,
            as_of: as_of(NAME, PARAMS, args.exprs)?,
        })
    }

    #[inline]
    fn push(&mut self, group: usize, time: i64) {
        if time <= self.as_of {
            let into = time.saturating_sub(MONDAY).rem_euclid(self.unit);
            self.starts.push(group, time.saturating_sub(into), ());
        }
    }
}

impl Groups for Times {
    fn grow(&mut self, groups: usize) -> Result<()> {
        self.starts.reserve(groups, 0)
    }
}

impl GroupsAccumulator for Times {
    fn update_batch(
        &mut self,
        values: &[ArrayRef],
        group_indices: &[usize],
        opt_filter: Option<&BooleanArray>,
        total_num_groups: usize,
    ) -> Result<()> {
        let Some(ts) = values.first() else { return internal_err!("{NAME} needs ts") };
        let ts = ts.as_primitive::<TimestampMicrosecondType>();
        self.starts.reserve(total_num_groups, group_indices.len())?;
        let rows = Rows::new(opt_filter, ts);
        for (i, (&group, &time)) in group_indices.iter().zip(ts.values()).enumerate() {
            if rows.all() || rows.take(i) {
                self.push(group, time);
            }
        }
        Ok(())
    }

    fn evaluate(&mut self, emit_to: EmitTo) -> Result<ArrayRef> {
        let mut counts: Vec<i64> = Vec::with_capacity(self.starts.emitted(emit_to));
        self.starts.drain_sorted(emit_to, |starts| {
            counts.push(starts.chunk_by(|a, b| a == b).map(|_| 1i64).sum());
            Ok(())
        })?;
        Ok(Arc::new(Int64Array::from(counts)))
    }

    fn state(&mut self, emit_to: EmitTo) -> Result<Vec<ArrayRef>> {
        let mut lists = Lists::with_capacity(self.starts.emitted(emit_to));
        let mut distinct = Vec::with_capacity(self.starts.len());
        self.starts.drain_sorted(emit_to, |starts| {
            distinct.extend(starts.chunk_by(|a, b| a == b).filter_map(|run| Some(run.first()?.0)));
            lists.end_at(distinct.len())
        })?;
        let ts = Arc::new(TimestampMicrosecondArray::from(distinct));
        Ok(vec![Lists::column(&lists.finish(), ts)?])
    }

    fn merge_batch(
        &mut self,
        values: &[ArrayRef],
        group_indices: &[usize],
        total_num_groups: usize,
    ) -> Result<()> {
        let [lists] = values else { return internal_err!("{NAME} has one state column") };
        let ts = lists.as_list::<i32>().values().as_primitive::<TimestampMicrosecondType>();
        self.starts.reserve(total_num_groups, ts.values().len())?;
        for (group, range) in list_rows(lists, group_indices) {
            for &time in ts.values().get(range).unwrap_or_default() {
                self.push(group, time);
            }
        }
        Ok(())
    }

    fn convert_to_state(
        &self,
        values: &[ArrayRef],
        opt_filter: Option<&BooleanArray>,
    ) -> Result<Vec<ArrayRef>> {
        lists_of_one(values.get(..1).unwrap_or_default(), opt_filter)
    }

    fn size(&self) -> usize {
        size_of::<Self>() + self.starts.size()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::testing::{batch, same_bits, value};

    #[tokio::test]
    async fn counts_periods_and_nothing_is_zero() -> Result<()> {
        let sql = |args: &str, rows: &str| {
            format!("SELECT frequency(CAST(ts AS TIMESTAMP){args}) FROM (VALUES {rows}) AS t(ts)")
        };
        let rows = "('2011-12-31T01:00:00'), ('2011-12-31T23:00:00'), ('2012-01-01'), ('2012-01-02'), (NULL)";
        assert_eq!(value(&sql("", rows)).await?, "2");
        assert_eq!(value(&sql(", INTERVAL '1 hour', '2012-01-02'", rows)).await?, "4");
        // Saturday and Sunday are one week, Monday is the next
        assert_eq!(value(&sql(", INTERVAL '7 days', '2012-01-03'", rows)).await?, "2");
        assert_eq!(value(&sql("", "(NULL), ('2012-01-02')")).await?, "0");
        assert_eq!(value("SELECT frequency(ts) FROM (SELECT now() AS ts) WHERE 1 = 2").await?, "0");
        Ok(())
    }

    #[tokio::test]
    async fn any_cut_gives_the_same_bits() -> Result<()> {
        let ts = (0..300i64).map(|i| (i % 7 != 2).then_some(i * i % 101 * DAY / 4 - 9 * DAY));
        let rows = batch(vec![
            ("c", Arc::new(Int64Array::from_iter_values((0..300i64).map(|i| i * i % 19)))),
            ("ts", Arc::new(TimestampMicrosecondArray::from_iter(ts))),
        ])?;
        let sql = "SELECT c, frequency(ts), frequency(ts, INTERVAL '7 days', '1970-01-09') FILTER (WHERE c <> 4) FROM t GROUP BY c ORDER BY c";
        same_bits(&rows, sql).await?;
        same_bits(&rows, "SELECT frequency(ts) FROM t").await?;
        Ok(())
    }
}
