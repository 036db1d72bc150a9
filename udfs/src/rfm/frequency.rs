//! `frequency(ts [, unit, as_of])`: in how many days, weeks or other periods something happened.
//!
//! The segmentation meaning of frequency, the first period included; the models' (repeat periods)
//! is a field of `customer_summary`. NULL times and times after `as_of` are ignored; nothing left
//! is 0. Order and equal times make no difference. Periods are those of the session's wall clock,
//! counted from Monday, 1970-01-05: a unit of 7 days is a week from Monday. O(1) a row and O(k log k)
//! for a group of k; 12 bytes a row.

use std::sync::{Arc, LazyLock};

use datafusion::arrow::array::{ArrayRef, AsArray, Int64Array};
use datafusion::arrow::datatypes::{DataType, FieldRef, TimestampMicrosecondType};
use datafusion::common::{Result, ScalarValue, internal_err};
use datafusion::logical_expr::function::{
    AccumulatorArgs, AggregateFunctionSimplification, StateFieldsArgs,
};
use datafusion::logical_expr::utils::AggregateOrderSensitivity;
use datafusion::logical_expr::{
    Accumulator, AggregateUDF, AggregateUDFImpl, Documentation, GroupsAccumulator, Signature,
};
use datafusion_macros::user_doc;

use crate::args::{self, Fill, Param, Ty, option, required};
use crate::sequence_aggregate::{
    Answer, Batch, Sequence, Sequences, accumulator, distinct_to_front, groups_accumulator,
    state_fields,
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
        Ok(state_fields::<()>(&args))
    }

    fn order_sensitivity(&self) -> AggregateOrderSensitivity {
        AggregateOrderSensitivity::Insensitive
    }

    fn accumulator(&self, args: AccumulatorArgs) -> Result<Box<dyn Accumulator>> {
        Ok(accumulator(Periods::try_new(&args)?))
    }

    fn groups_accumulator_supported(&self, _args: AccumulatorArgs) -> bool {
        true
    }

    fn create_groups_accumulator(
        &self,
        args: AccumulatorArgs,
    ) -> Result<Box<dyn GroupsAccumulator>> {
        Ok(groups_accumulator(Periods::try_new(&args)?))
    }

    fn documentation(&self) -> Option<&Documentation> {
        self.doc()
    }
}

/// The times of all groups, as starts of their periods.
#[derive(Debug, Clone)]
struct Periods {
    unit: i64,
    as_of: i64,
}

impl Periods {
    fn try_new(args: &AccumulatorArgs) -> Result<Self> {
        Ok(Self { unit: unit(NAME, PARAMS, args.exprs)?, as_of: as_of(NAME, PARAMS, args.exprs)? })
    }
}

impl Sequence for Periods {
    type Payload = ();
    const ANSWER: Answer = Answer { group: size_of::<i64>(), event: 0 };

    fn read(&self, args: &[ArrayRef], batch: &mut Batch<()>) -> Result<()> {
        let Some(ts) = args.first() else { return internal_err!("{NAME} needs ts") };
        let ts = ts.as_primitive::<TimestampMicrosecondType>();
        batch.push_each(ts, |row, _| {
            let time = ts.value(row);
            let into = time.saturating_sub(MONDAY).rem_euclid(self.unit);
            (time <= self.as_of).then(|| (time.saturating_sub(into), ()))
        })
    }

    fn finish(&mut self, groups: Sequences<()>) -> Result<ArrayRef> {
        let mut counts: Vec<i64> = Vec::with_capacity(groups.len());
        groups.each(|starts, _| {
            counts.push(starts.chunk_by(|a, b| a == b).map(|_| 1i64).sum());
            Ok(())
        })?;
        Ok(Arc::new(Int64Array::from(counts)))
    }

    fn condense(&self, starts: &mut [(i64, ())]) -> usize {
        distinct_to_front(starts)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::testing::{batch, same_bits, value};
    use datafusion::arrow::array::TimestampMicrosecondArray;

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
