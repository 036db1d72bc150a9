//! `trend(ts [, value, unit, as_of])`: whether a customer's activity rises or falls.
//!
//! Events, or their values, are counted in buckets of `unit`, from the first event to `as_of`; an
//! empty bucket is 0, and one that has not ended is none. The slope is the median of the slopes
//! between any two buckets (Theil and Sen), per unit; the p-value is that of Mann and Kendall's test,
//! two-sided, by the normal approximation with ties and continuity corrected. Neither asks how the
//! numbers are distributed, and single outliers hardly matter. A NULL, NaN or infinite value adds 0;
//! NULL times and times after `as_of` are ignored. Times are the session's wall clock. Fewer than 3
//! buckets: NULL. Rows in any order; 20 bytes a row, and 8 for each pair of buckets of one customer
//! at a time; O(buckets²) a customer, of whom none may have more than 4,096.
//!
//! Sen (1968); Mann (1945); Kendall (1975).

use std::sync::{Arc, LazyLock};

use datafusion::arrow::array::{
    Array, ArrayRef, AsArray, Float64Array, Int64Array, StringArray, StructArray,
};
use datafusion::arrow::datatypes::{
    DataType, Field, Fields, Float64Type, TimestampMicrosecondType,
};
use datafusion::common::{Result, ScalarValue, exec_err, internal_err};
use datafusion::logical_expr::expr::AggregateFunction;
use datafusion::logical_expr::function::AccumulatorArgs;
use datafusion::logical_expr::simplify::SimplifyContext;
use datafusion::logical_expr::{AggregateUDF, Documentation, Expr, Signature};
use datafusion_macros::user_doc;

use super::core::{Trend, trend};
use crate::args::{self, Fill, Param, Ty, option, required};
use crate::events::Amount;
use crate::points::bucket_start;
use crate::sequence_aggregate::{Answer, Batch, Sequence, Sequences};
use crate::sequence_function::{SequenceFunction, udaf};
use crate::summary::customer_summary::as_of;

const NAME: &str = "trend";
const PARAMS: &[Param] = &[
    required("ts", Ty::Time),
    option("value", Ty::Float, Fill::Null),
    option("unit", Ty::Interval, Fill::Days(7)),
    option("as_of", Ty::Time, Fill::AsOf),
];
/// 8 million slopes, 64 MiB.
const MOST_BUCKETS: usize = 4_096;

static UDAF: LazyLock<Arc<AggregateUDF>> = LazyLock::new(udaf::<TrendFunction>);

/// The aggregate `trend`.
pub fn trend_udaf() -> Arc<AggregateUDF> {
    Arc::clone(&UDAF)
}

static FIELDS: LazyLock<Fields> = LazyLock::new(|| {
    let float = |name: &str| Field::new(name, DataType::Float64, true);
    Fields::from(vec![
        Field::new("n", DataType::Int64, true),
        float("slope"),
        float("p_value"),
        Field::new("direction", DataType::Utf8, true),
    ])
});

#[user_doc(
    doc_section(label = "Rhythm"),
    description = "Whether a customer's activity rises or falls: STRUCT<n, slope, p_value, direction>. Events are counted, or their values summed, in n buckets of unit from the midnight before the first event to as_of; an empty bucket is 0, silence after the last event included, and a bucket that has not ended by as_of is none. slope is the median of the slopes between any two buckets (Theil and Sen), per unit; p_value that of the test of Mann and Kendall, two-sided, by the normal approximation with ties and continuity corrected, rough below 10 buckets. direction is 'up' or 'down' where p_value is below 0.05, and else 'flat'; for rare events it may be 'down' while the median slope is 0. With fewer than 3 buckets the other fields are NULL. A NULL, NaN or infinite value adds 0; NULL times and times after as_of are ignored. More than 4,096 buckets are an error. Memory: 20 bytes a row, and 8 for each pair of buckets of one customer at a time.",
    syntax_example = "trend(ts [, value, unit, as_of])",
    sql_example = r#"```sql
SELECT trend(ts, amount, INTERVAL '1 day', TIMESTAMP '2018-01-07') FROM (VALUES (TIMESTAMP '2018-01-01T10:00:00', 60.0), (TIMESTAMP '2018-01-02T10:00:00', 50.0),
  (TIMESTAMP '2018-01-03T10:00:00', 45.0), (TIMESTAMP '2018-01-04T10:00:00', 30.0), (TIMESTAMP '2018-01-05T10:00:00', 20.0)) AS t(ts, amount);
-- {n: 6, slope: -10.0, p_value: 0.00853492041422721, direction: down}
```"#,
    argument(name = "ts", description = "time of an event"),
    argument(name = "value", description = "what the event adds; default: 1, which counts events"),
    argument(
        name = "unit",
        description = "length of a bucket, a constant INTERVAL without months; default: 7 days"
    ),
    argument(
        name = "as_of",
        description = "a constant point in time, inclusive; default: `tenure.as_of`"
    )
)]
#[derive(Debug, Default, PartialEq, Eq, Hash)]
struct TrendFunction;

impl SequenceFunction for TrendFunction {
    const NAME: &'static str = NAME;
    type Sequence = Buckets;

    fn signature() -> Signature {
        args::signature(PARAMS)
    }

    fn coerce(types: &[DataType]) -> Result<Vec<DataType>> {
        args::coerce(NAME, PARAMS, types)
    }

    fn return_type(_types: &[DataType]) -> Result<DataType> {
        Ok(DataType::Struct(FIELDS.clone()))
    }

    fn complete(call: AggregateFunction, info: &SimplifyContext) -> Result<Expr> {
        args::complete_aggregate(PARAMS, call, info)
    }

    fn empty(_ty: &DataType) -> Result<ScalarValue> {
        ScalarValue::try_from_array(&structs(&[(0, None)])?, 0)
    }

    fn sequence(args: &AccumulatorArgs) -> Result<Buckets> {
        let of = |name| args::constant(NAME, PARAMS, args.exprs, name);
        // a column is no constant
        let count = of("value").is_ok_and(|v| v.is_null());
        let unit = match of("unit")? {
            // not completed where the aggregate is used as a window
            none if none.is_null() => ScalarValue::new_interval_mdn(0, 7, 0),
            unit => unit,
        };
        Ok(Buckets {
            count,
            unit: args::fixed_micros(NAME, "unit", &unit)?,
            as_of: as_of(NAME, PARAMS, args.exprs)?,
            values: vec![],
            slopes: vec![],
        })
    }

    fn documentation(&self) -> Option<&Documentation> {
        self.doc()
    }
}

/// The events of all groups, and memory that one group hands to the next.
#[derive(Debug, Clone)]
struct Buckets {
    /// events are counted
    count: bool,
    unit: i64,
    as_of: i64,
    values: Vec<f64>,
    slopes: Vec<f64>,
}

impl Buckets {
    /// Fills `values` from the events of one group.
    fn fill(&mut self, events: &[(i64, Amount)]) -> Result<()> {
        self.values.clear();
        let Some(&(first, _)) = events.first() else { return Ok(()) };
        let start = bucket_start(first, self.unit);
        let bucket = |time: i64| {
            usize::try_from((i128::from(time) - i128::from(start)) / i128::from(self.unit))
                .unwrap_or(usize::MAX)
        };
        let ended = bucket(self.as_of);
        if ended > MOST_BUCKETS {
            return exec_err!(
                "{NAME}: {ended} buckets from the first event to as_of are more than {MOST_BUCKETS}; use a longer unit"
            );
        }
        self.values.resize(ended, 0.0);
        for &(time, amount) in events {
            // equal times are in the order of their amounts, so a sum has one value
            if let Some(value) = self.values.get_mut(bucket(time)) {
                *value += amount.get().unwrap_or_default();
            }
        }
        Ok(())
    }
}

impl Sequence for Buckets {
    type Payload = Amount;
    const ANSWER: Answer =
        Answer { group: size_of::<Trend>() + size_of::<(usize, &str)>(), event: 0 };

    fn read(&self, args: &[ArrayRef], batch: &mut Batch<Amount>) -> Result<()> {
        let Some(ts) = args.first() else { return internal_err!("{NAME} needs ts") };
        let ts = ts.as_primitive::<TimestampMicrosecondType>();
        let value = args.get(1).filter(|_| !self.count).map(|v| v.as_primitive::<Float64Type>());
        batch.push_each(ts, |row, _| {
            let time = ts.value(row);
            let amount = match value {
                None => Amount::new(1.0),
                Some(v) if v.is_valid(row) => Amount::new(v.value(row)),
                Some(_) => Amount::NULL,
            };
            (time <= self.as_of).then_some((time, amount))
        })
    }

    fn finish(&mut self, groups: Sequences<Amount>) -> Result<ArrayRef> {
        let mut all = Vec::with_capacity(groups.len());
        groups.each(|events, _| {
            self.fill(events)?;
            all.push((self.values.len(), trend(&self.values, &mut self.slopes)));
            Ok(())
        })?;
        structs(&all)
    }
}

/// Numbers of buckets, and trends.
fn structs(all: &[(usize, Option<Trend>)]) -> Result<ArrayRef> {
    let trends = || all.iter().map(|t| t.1);
    let direction = |t: Trend| match t.rises {
        _ if t.p_value >= 0.05 => "flat",
        1.. => "up",
        _ => "down",
    };
    let columns: Vec<ArrayRef> = vec![
        Arc::new(Int64Array::from_iter(all.iter().map(|t| i64::try_from(t.0).ok()))),
        Arc::new(Float64Array::from_iter(trends().map(|t| t.map(|t| t.slope)))),
        Arc::new(Float64Array::from_iter(trends().map(|t| t.map(|t| t.p_value)))),
        Arc::new(StringArray::from_iter(trends().map(|t| t.map(direction)))),
    ];
    Ok(Arc::new(StructArray::try_new(FIELDS.clone(), columns, None)?))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::testing::{batch, same_bits};
    use datafusion::arrow::array::TimestampMicrosecondArray;

    #[tokio::test]
    async fn any_cut_gives_the_same_bits() -> Result<()> {
        let ts = (0..400i64).map(|i| (i % 11 != 2).then_some(i * i % 997 * 8 * 3_600_000_000));
        let amount = (0..400i64).map(|i| (i % 6 > 0).then_some((i * i % 53) as f64 / 10.0));
        let rows = batch(vec![
            ("c", Arc::new(Int64Array::from_iter_values((0..400i64).map(|i| i * i % 30)))),
            ("ts", Arc::new(TimestampMicrosecondArray::from_iter(ts))),
            ("a", Arc::new(Float64Array::from_iter(amount))),
        ])?;
        same_bits(&rows, "SELECT c, trend(ts, NULL, NULL, TIMESTAMP '1970-12-01'), trend(ts, a, INTERVAL '3 days', TIMESTAMP '1970-06-01') FILTER (WHERE c <> 4) FROM t GROUP BY c ORDER BY c").await?;
        same_bits(&rows, "SELECT trend(ts, a) FROM t").await?;
        Ok(())
    }
}
