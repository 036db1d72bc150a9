//! `recency(ts [, as_of])`: how long ago the last event was.
//!
//! The segmentation meaning of recency; the models' (first to last purchase) is a field of
//! `customer_summary`. NULL times and times after `as_of` are ignored; no other leaves NULL. Order
//! and equal times make no difference. Days of 24 hours of the session's wall clock. O(1) a row,
//! 8 bytes a group.

use std::sync::{Arc, LazyLock};

use datafusion::arrow::array::{
    Array, ArrayRef, AsArray, BooleanArray, IntervalMonthDayNanoArray, TimestampMicrosecondArray,
};
use datafusion::arrow::compute::{is_not_null, not, nullif};
use datafusion::arrow::datatypes::{
    DataType, Field, FieldRef, IntervalMonthDayNano, IntervalUnit, TimeUnit,
    TimestampMicrosecondType,
};
use datafusion::common::{Result, internal_err};
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
use crate::events::{Groups, OneGroup, Rows};
use crate::summary::core::DAY;
use crate::summary::customer_summary::as_of;

const NAME: &str = "recency";
const PARAMS: &[Param] = &[required("ts", Ty::Time), option("as_of", Ty::Time, Fill::AsOf)];

static UDAF: LazyLock<Arc<AggregateUDF>> =
    LazyLock::new(|| Arc::new(AggregateUDF::from(Recency::default())));

/// The aggregate `recency`.
pub fn recency_udaf() -> Arc<AggregateUDF> {
    Arc::clone(&UDAF)
}

#[user_doc(
    doc_section(label = "RFM"),
    description = "How long before as_of the last event was, in days and a rest: the R of RFM. \
(For models, recency is the time from the first to the last purchase: a field of customer_summary.) \
NULL times and times after as_of are ignored; NULL if none is left. Order and equal times make no \
difference. Memory: 8 bytes a group.",
    syntax_example = "recency(ts [, as_of])",
    sql_example = r#"```sql
SELECT recency(ts, TIMESTAMP '2018-01-31') = INTERVAL '21 days' FROM (VALUES (TIMESTAMP '2018-01-01'), (TIMESTAMP '2018-01-10'), (TIMESTAMP '2018-02-03')) AS t(ts);
-- true
```"#,
    argument(name = "ts", description = "time of a purchase or another event"),
    argument(
        name = "as_of",
        description = "a constant point in time, inclusive; default: `tenure.as_of`"
    )
)]
#[derive(Debug, PartialEq, Eq, Hash)]
struct Recency {
    signature: Signature,
}

impl Default for Recency {
    fn default() -> Self {
        Self { signature: args::signature(PARAMS) }
    }
}

impl AggregateUDFImpl for Recency {
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
        Ok(DataType::Interval(IntervalUnit::MonthDayNano))
    }

    fn simplify(&self) -> Option<AggregateFunctionSimplification> {
        Some(Box::new(|function, info| args::complete_aggregate(PARAMS, function, info)))
    }

    fn state_fields(&self, args: StateFieldsArgs) -> Result<Vec<FieldRef>> {
        let time = DataType::Timestamp(TimeUnit::Microsecond, None);
        Ok(vec![Arc::new(Field::new(format_state_name(args.name, "last"), time, true))])
    }

    fn order_sensitivity(&self) -> AggregateOrderSensitivity {
        AggregateOrderSensitivity::Insensitive
    }

    fn accumulator(&self, args: AccumulatorArgs) -> Result<Box<dyn Accumulator>> {
        Ok(Box::new(OneGroup(Last::try_new(&args)?)))
    }

    fn groups_accumulator_supported(&self, _args: AccumulatorArgs) -> bool {
        true
    }

    fn create_groups_accumulator(
        &self,
        args: AccumulatorArgs,
    ) -> Result<Box<dyn GroupsAccumulator>> {
        Ok(Box::new(Last::try_new(&args)?))
    }

    fn documentation(&self) -> Option<&Documentation> {
        self.doc()
    }
}

/// The last time of each group.
#[derive(Debug, Clone)]
struct Last {
    last: Vec<Option<i64>>,
    as_of: i64,
}

impl Last {
    fn try_new(args: &AccumulatorArgs) -> Result<Self> {
        Ok(Self { last: vec![], as_of: as_of(NAME, PARAMS, args.exprs)? })
    }

    fn add(&mut self, ts: &ArrayRef, filter: Option<&BooleanArray>, groups: &[usize]) {
        let ts = ts.as_primitive::<TimestampMicrosecondType>();
        let rows = Rows::new(filter, ts);
        for (i, (&group, &time)) in groups.iter().zip(ts.values()).enumerate() {
            if time <= self.as_of
                && rows.take(i)
                && let Some(last) = self.last.get_mut(group)
            {
                // None is less than any time
                *last = (*last).max(Some(time));
            }
        }
    }
}

impl Groups for Last {
    fn grow(&mut self, groups: usize) -> Result<()> {
        if self.last.len() < groups {
            self.last.resize(groups, None);
        }
        Ok(())
    }
}

impl GroupsAccumulator for Last {
    fn update_batch(
        &mut self,
        values: &[ArrayRef],
        group_indices: &[usize],
        opt_filter: Option<&BooleanArray>,
        total_num_groups: usize,
    ) -> Result<()> {
        let Some(ts) = values.first() else { return internal_err!("{NAME} needs ts") };
        self.grow(total_num_groups)?;
        self.add(ts, opt_filter, group_indices);
        Ok(())
    }

    fn evaluate(&mut self, emit_to: EmitTo) -> Result<ArrayRef> {
        let out: IntervalMonthDayNanoArray = emit_to
            .take_needed(&mut self.last)
            .into_iter()
            .map(|last| last.map(|last| interval(self.as_of.saturating_sub(last))))
            .collect();
        Ok(Arc::new(out))
    }

    fn state(&mut self, emit_to: EmitTo) -> Result<Vec<ArrayRef>> {
        let last = emit_to.take_needed(&mut self.last);
        Ok(vec![Arc::new(TimestampMicrosecondArray::from(last))])
    }

    fn merge_batch(
        &mut self,
        values: &[ArrayRef],
        group_indices: &[usize],
        total_num_groups: usize,
    ) -> Result<()> {
        self.update_batch(values, group_indices, None, total_num_groups)
    }

    fn convert_to_state(
        &self,
        values: &[ArrayRef],
        opt_filter: Option<&BooleanArray>,
    ) -> Result<Vec<ArrayRef>> {
        let Some(ts) = values.first() else { return internal_err!("{NAME} needs ts") };
        Ok(vec![match opt_filter {
            Some(f) => nullif(ts, &refused(f)?)?,
            None => Arc::clone(ts),
        }])
    }

    fn size(&self) -> usize {
        size_of::<Self>() + self.last.capacity() * size_of::<Option<i64>>()
    }
}

/// The rows that a filter does not take.
fn refused(filter: &BooleanArray) -> Result<BooleanArray> {
    let taken = match filter.null_count() {
        0 => filter.clone(),
        _ => BooleanArray::new(filter.values() & is_not_null(filter)?.values(), None),
    };
    Ok(not(&taken)?)
}

/// A length of time, not negative, as days and a rest of nanoseconds.
fn interval(micros: i64) -> IntervalMonthDayNano {
    let days = i32::try_from(micros / DAY).unwrap_or(i32::MAX);
    IntervalMonthDayNano::new(0, days, micros % DAY * 1_000)
}

#[cfg(test)]
mod tests {
    use datafusion::arrow::array::Int64Array;

    use super::*;
    use crate::testing::{batch, same_bits, value};

    #[tokio::test]
    async fn counts_from_the_last_event_that_is_not_after_as_of() -> Result<()> {
        let sql = |rows: &str| {
            format!(
                "SELECT recency(CAST(ts AS TIMESTAMP), '2012-01-01T12:00:00') FROM (VALUES {rows}) AS t(ts)"
            )
        };
        assert_eq!(value(&sql("('2011-12-30'), (NULL), ('2012-02-01')")).await?, "2 days 12 hours");
        assert_eq!(value(&sql("('2012-01-01T12:00:00'), ('2011-01-01')")).await?, "0 secs");
        assert_eq!(value(&sql("(NULL), ('2012-02-01')")).await?, "");
        Ok(())
    }

    #[tokio::test]
    async fn any_cut_gives_the_same_bits() -> Result<()> {
        let ts = (0..200i64).map(|i| (i % 7 != 2).then_some(i * 7_919_000_003 % (20_000 * DAY)));
        let rows = batch(vec![
            ("c", Arc::new(Int64Array::from_iter_values((0..200i64).map(|i| i * i % 19)))),
            ("ts", Arc::new(TimestampMicrosecondArray::from_iter(ts))),
        ])?;
        let sql = "SELECT c, recency(ts) FILTER (WHERE c <> 4), recency(ts, '1970-06-01') FROM t GROUP BY c ORDER BY c";
        same_bits(&rows, sql).await?;
        same_bits(&rows, "SELECT recency(ts) FROM t").await?;
        Ok(())
    }
}
