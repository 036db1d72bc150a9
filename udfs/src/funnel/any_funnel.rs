//! `any_funnel(window, ts, step1, …)`: how many of the steps one customer took in any order.
//!
//! The greatest number of conditions that are satisfied by rows no more than `window` apart. A NULL
//! condition is false, rows with a NULL time are ignored, no rows are 0. Rows in any order; one row
//! may satisfy several conditions. Times with a zone are compared as instants. O(n · conditions) a
//! customer; 20 bytes a row that satisfies a condition.

use std::sync::{Arc, LazyLock};

use datafusion::arrow::array::{ArrayRef, Int32Array};
use datafusion::arrow::datatypes::DataType;
use datafusion::common::{Result, ScalarValue};
use datafusion::logical_expr::function::AccumulatorArgs;
use datafusion::logical_expr::{AggregateUDF, Documentation, Signature};
use datafusion_macros::user_doc;

use super::arguments;
use super::core::{Row, within};
use crate::sequence_aggregate::{Answer, Batch, Sequence, Sequences};
use crate::sequence_function::{SequenceFunction, udaf};

static UDAF: LazyLock<Arc<AggregateUDF>> = LazyLock::new(udaf::<AnyFunnel>);

/// The aggregate `any_funnel`.
pub fn any_funnel_udaf() -> Arc<AggregateUDF> {
    Arc::clone(&UDAF)
}

#[user_doc(
    doc_section(label = "Funnels"),
    description = "How many of the steps a customer took within a window, in any order: the greatest number of conditions that rows satisfy which lie no more than window apart. One row may satisfy several. A NULL condition is false, rows with a NULL time are ignored; no rows give 0. Order and equal times make no difference. 1 to 64 conditions. Memory: 20 bytes a row that satisfies a condition.",
    syntax_example = "any_funnel(window, ts, step1 [, step2, …])",
    sql_example = r#"```sql
SELECT any_funnel(INTERVAL '7 days', ts, e = 'visit', e = 'newsletter', e = 'purchase')
FROM (VALUES (TIMESTAMP '2018-01-01T00:00:00', 'purchase'), (TIMESTAMP '2018-01-05T00:00:00', 'visit'),
  (TIMESTAMP '2018-01-09T00:00:00', 'newsletter')) AS t(ts, e);
-- 2
```"#,
    argument(
        name = "window",
        description = "a constant INTERVAL without months, or a whole number of seconds; the end belongs to it"
    ),
    argument(name = "ts", description = "time of the row"),
    argument(name = "step1, …", description = "conditions")
)]
#[derive(Debug, Default, PartialEq, Eq, Hash)]
struct AnyFunnel;

impl SequenceFunction for AnyFunnel {
    const NAME: &'static str = "any_funnel";
    type Sequence = Most;

    fn signature() -> Signature {
        arguments::signature()
    }

    fn coerce(types: &[DataType]) -> Result<Vec<DataType>> {
        arguments::coerce(Self::NAME, types, false)
    }

    fn return_type(_types: &[DataType]) -> Result<DataType> {
        Ok(DataType::Int32)
    }

    fn empty(_ty: &DataType) -> Result<ScalarValue> {
        Ok(ScalarValue::Int32(Some(0)))
    }

    fn sequence(args: &AccumulatorArgs) -> Result<Most> {
        Ok(Most { window: arguments::window(Self::NAME, args)? })
    }

    fn documentation(&self) -> Option<&Documentation> {
        self.doc()
    }
}

#[derive(Debug, Clone)]
struct Most {
    window: i64,
}

impl Sequence for Most {
    type Payload = u64;
    const ANSWER: Answer = Answer { group: size_of::<i32>(), event: 0 };

    fn read(&self, args: &[ArrayRef], batch: &mut Batch<u64>) -> Result<()> {
        arguments::push(args.get(1..).unwrap_or_default(), false, batch)
    }

    fn finish(&mut self, groups: Sequences<u64>) -> Result<ArrayRef> {
        let mut counts: Vec<i32> = Vec::with_capacity(groups.len());
        groups.each(|rows, _| {
            counts.push(i32::try_from(most(rows, self.window)).unwrap_or(i32::MAX));
            Ok(())
        })?;
        Ok(Arc::new(Int32Array::from(counts)))
    }
}

/// The most conditions in any window; `rows` in the order of time.
fn most(rows: &[Row], window: i64) -> u32 {
    // how many rows of the window satisfy each condition, and which have any
    let mut counts = [0usize; 64];
    let (mut inside, mut most) = (0u64, 0);
    let mut first = rows.iter().peekable();
    for &(t, mask) in rows {
        for bit in bits(mask) {
            if let Some(n) = counts.get_mut(bit) {
                *n += 1;
            }
        }
        inside |= mask;
        while let Some((_, old)) = first.next_if(|r| !within(r.0, t, window)) {
            for bit in bits(*old) {
                if let Some(n) = counts.get_mut(bit) {
                    *n -= 1;
                    if *n == 0 {
                        inside ^= 1 << bit;
                    }
                }
            }
        }
        most = inside.count_ones().max(most);
    }
    most
}

/// The bits that are set.
fn bits(mut mask: u64) -> impl Iterator<Item = usize> {
    std::iter::from_fn(move || {
        let bit = (mask != 0).then(|| mask.trailing_zeros() as usize);
        mask &= mask.wrapping_sub(1);
        bit
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(20_000))]
        #[test]
        fn it_is_the_most_of_all_windows(
            rows in proptest::collection::vec((0i64..12, 0u64..16), 0..9),
            window in 0i64..12,
        ) {
            let mut rows = rows;
            rows.sort_unstable();
            let naive = rows
                .iter()
                .map(|from| {
                    let inside = rows.iter().filter(|r| r.0 >= from.0 && r.0 <= from.0 + window);
                    inside.fold(0, |any, r| any | r.1).count_ones()
                })
                .max();
            prop_assert_eq!(most(&rows, window), naive.unwrap_or(0));
        }
    }

    #[test]
    fn times_at_the_limits_of_the_range_are_apart() {
        assert_eq!(most(&[(i64::MIN, 1), (i64::MAX, 2)], 10), 1);
    }
}
