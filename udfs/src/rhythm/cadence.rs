//! `cadence(ts [, as_of])`: a customer's own rhythm, and how overdue they are.
//!
//! The rhythm is that of the gaps between days with an event, in days: several events of a day are
//! one. NULL times and times after `as_of` are ignored. Order and equal times make no difference.
//! Days are those of the session's wall clock. No gap: the measures are NULL. O(n log n) a customer;
//! 12 bytes a row.

use std::sync::{Arc, LazyLock};

use datafusion::arrow::array::{
    ArrayRef, AsArray, Float64Array, Int64Array, StructArray, TimestampMicrosecondArray,
};
use datafusion::arrow::datatypes::{DataType, Field, Fields, TimeUnit, TimestampMicrosecondType};
use datafusion::common::{Result, ScalarValue, internal_err};
use datafusion::logical_expr::expr::AggregateFunction;
use datafusion::logical_expr::function::AccumulatorArgs;
use datafusion::logical_expr::simplify::SimplifyContext;
use datafusion::logical_expr::{AggregateUDF, Documentation, Expr, Signature};
use datafusion_macros::user_doc;

use super::core::{Cadence, cadence};
use crate::args::{self, Fill, Param, Ty, option, required};
use crate::sequence_aggregate::{Answer, Batch, Sequence, Sequences, distinct_to_front};
use crate::sequence_function::{SequenceFunction, udaf};
use crate::summary::core::DAY;
use crate::summary::customer_summary::as_of;

const PARAMS: &[Param] = &[required("ts", Ty::Time), option("as_of", Ty::Time, Fill::AsOf)];

static UDAF: LazyLock<Arc<AggregateUDF>> = LazyLock::new(udaf::<CadenceFunction>);

/// The aggregate `cadence`.
pub fn cadence_udaf() -> Arc<AggregateUDF> {
    Arc::clone(&UDAF)
}

static FIELDS: LazyLock<Fields> = LazyLock::new(|| {
    let float = |name: &str| Field::new(name, DataType::Float64, true);
    let time = DataType::Timestamp(TimeUnit::Microsecond, None);
    Fields::from(vec![
        Field::new("n_gaps", DataType::Int64, true),
        float("median_gap"),
        float("mad_gap"),
        float("p90_gap"),
        float("last_gap"),
        float("cv"),
        float("regularity"),
        Field::new("next_expected", time, true),
        float("overdue_ratio"),
    ])
});

#[user_doc(
    doc_section(label = "Rhythm"),
    description = "A customer's own rhythm, from the gaps between days with an event, in days: STRUCT<n_gaps, median_gap, mad_gap, p90_gap, last_gap, cv, regularity, next_expected, overdue_ratio>. Several events of a day are one. mad_gap is the median distance of the gaps from median_gap, last_gap the gap before the last day, cv the standard deviation over the mean. regularity is the k of Wheat and Morrison (1990) over all pairs of consecutive gaps: 1 for purchases as random as can be, more for regular ones, less for clumps; NULL for gaps that are all equal, which have cv 0. next_expected is the last day plus the median gap, overdue_ratio the days from the last day to as_of in median gaps: above 1 the customer is late by their own measure. Without a gap all are NULL; cv and regularity need two. NULL times and times after as_of are ignored; order and equal times make no difference. Days are those of tenure.timezone. Memory: 12 bytes a row.",
    syntax_example = "cadence(ts [, as_of])",
    sql_example = r#"```sql
SELECT c['n_gaps'], c['median_gap'], c['mad_gap'], c['last_gap'], c['next_expected'], c['overdue_ratio']
FROM (SELECT cadence(ts, TIMESTAMP '2018-02-20') AS c FROM (VALUES (TIMESTAMP '2018-01-01T10:00:00'), (TIMESTAMP '2018-01-01T18:00:00'),
  (TIMESTAMP '2018-01-11T09:00:00'), (TIMESTAMP '2018-01-21T12:00:00'), (TIMESTAMP '2018-02-05T12:00:00')) AS t(ts));
-- 3 | 10.0 | 0.0 | 15.0 | 2018-02-15T00:00:00 | 1.5
```"#,
    argument(name = "ts", description = "time of a purchase or another event"),
    argument(
        name = "as_of",
        description = "a constant point in time, inclusive; default: `tenure.as_of`"
    )
)]
#[derive(Debug, Default, PartialEq, Eq, Hash)]
struct CadenceFunction;

impl SequenceFunction for CadenceFunction {
    const NAME: &'static str = "cadence";
    type Sequence = Days;

    fn signature() -> Signature {
        args::signature(PARAMS)
    }

    fn coerce(types: &[DataType]) -> Result<Vec<DataType>> {
        args::coerce(Self::NAME, PARAMS, types)
    }

    fn return_type(_types: &[DataType]) -> Result<DataType> {
        Ok(DataType::Struct(FIELDS.clone()))
    }

    fn complete(call: AggregateFunction, info: &SimplifyContext) -> Result<Expr> {
        args::complete_aggregate(PARAMS, call, info)
    }

    fn empty(_ty: &DataType) -> Result<ScalarValue> {
        ScalarValue::try_from_array(&structs(&[(Cadence::default(), 0)], 0)?, 0)
    }

    fn sequence(args: &AccumulatorArgs) -> Result<Days> {
        Ok(Days { as_of: as_of(Self::NAME, PARAMS, args.exprs)?, days: vec![], work: vec![] })
    }

    fn documentation(&self) -> Option<&Documentation> {
        self.doc()
    }
}

/// The days of all groups, and memory that one group hands to the next.
#[derive(Debug, Clone)]
struct Days {
    as_of: i64,
    days: Vec<i64>,
    work: Vec<f64>,
}

impl Sequence for Days {
    type Payload = ();
    const ANSWER: Answer = Answer { group: size_of::<Cadence>(), event: 0 };

    fn read(&self, args: &[ArrayRef], batch: &mut Batch<()>) -> Result<()> {
        let Some(ts) = args.first() else { return internal_err!("cadence needs ts") };
        let ts = ts.as_primitive::<TimestampMicrosecondType>();
        batch.push_each(ts, |row, _| {
            let time = ts.value(row);
            (time <= self.as_of).then_some((time.div_euclid(DAY), ()))
        })
    }

    fn finish(&mut self, groups: Sequences<()>) -> Result<ArrayRef> {
        let mut all = Vec::with_capacity(groups.len());
        groups.each(|events, _| {
            self.days.clear();
            self.days.extend(events.iter().map(|e| e.0));
            self.days.dedup();
            let last = self.days.last().copied().unwrap_or_default();
            all.push((cadence(&self.days, &mut self.work), last));
            Ok(())
        })?;
        structs(&all, self.as_of.div_euclid(DAY))
    }

    fn condense(&self, days: &mut [(i64, ())]) -> usize {
        distinct_to_front(days)
    }
}

/// The cadences with the last day of each.
fn structs(all: &[(Cadence, i64)], as_of: i64) -> Result<ArrayRef> {
    let float = |of: fn(&Cadence) -> Option<f64>| -> ArrayRef {
        Arc::new(Float64Array::from_iter(all.iter().map(|c| of(&c.0))))
    };
    let gaps = all.iter().map(|c| i64::try_from(c.0.gaps).unwrap_or(i64::MAX));
    let next = all.iter().map(|(c, last)| {
        #[expect(clippy::cast_possible_truncation, reason = "half days, of days that are times")]
        let gap = (c.median? * DAY as f64) as i64;
        last.checked_mul(DAY)?.checked_add(gap)
    });
    let overdue = all.iter().map(|(c, last)| c.median.map(|m| as_of.abs_diff(*last) as f64 / m));
    let columns: Vec<ArrayRef> = vec![
        Arc::new(Int64Array::from_iter_values(gaps)),
        float(|c| c.median),
        float(|c| c.mad),
        float(|c| c.p90),
        float(|c| c.last),
        float(|c| c.cv),
        float(|c| c.regularity),
        Arc::new(TimestampMicrosecondArray::from_iter(next)),
        Arc::new(Float64Array::from_iter(overdue)),
    ];
    Ok(Arc::new(StructArray::try_new(FIELDS.clone(), columns, None)?))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::testing::{batch, same_bits};

    #[tokio::test]
    async fn any_cut_gives_the_same_bits() -> Result<()> {
        let ts = (0..400i64).map(|i| (i % 11 != 2).then_some(i * i % 997 * DAY / 3));
        let rows = batch(vec![
            ("c", Arc::new(Int64Array::from_iter_values((0..400i64).map(|i| i * i % 30)))),
            ("ts", Arc::new(TimestampMicrosecondArray::from_iter(ts))),
        ])?;
        same_bits(&rows, "SELECT c, cadence(ts), cadence(ts, TIMESTAMP '1970-06-01') FILTER (WHERE c <> 4) FROM t GROUP BY c ORDER BY c").await?;
        same_bits(&rows, "SELECT cadence(ts) FROM t").await?;
        Ok(())
    }
}
