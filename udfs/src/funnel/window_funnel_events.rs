//! `window_funnel_events(window, [mode,] ts, step1, …)`: when one customer took each step.
//!
//! The times of a chain of as many steps as [`window_funnel`](super::window_funnel) counts. Of all
//! such chains it is the one that is complete first; of those the one that starts last; of those the
//! one whose second step is earliest, then the third, and so on. So the time from the first to the
//! last step is well defined. Everything else is as in `window_funnel`. The mode `clickhouse` is
//! refused: ClickHouse says no times.

use std::sync::{Arc, LazyLock};

use datafusion::arrow::array::ArrayRef;
use datafusion::arrow::datatypes::DataType;
use datafusion::common::{Result, ScalarValue, plan_err};
use datafusion::logical_expr::function::AccumulatorArgs;
use datafusion::logical_expr::{AggregateUDF, Documentation, Signature};
use datafusion_macros::user_doc;

use super::arguments::{self, Funnel};
use super::core;
use crate::sequence_aggregate::{Answer, Batch, Sequence, Sequences};
use crate::sequence_function::{SequenceFunction, udaf};
use crate::times;

static UDAF: LazyLock<Arc<AggregateUDF>> = LazyLock::new(udaf::<WindowFunnelEvents>);

/// The aggregate `window_funnel_events`.
pub fn window_funnel_events_udaf() -> Arc<AggregateUDF> {
    Arc::clone(&UDAF)
}

#[user_doc(
    doc_section(label = "Funnels"),
    description = "When a customer took each of the steps that window_funnel counts, as a list of times as long as its level. Of all ways to come that far it is the one that is complete first; of those the one that starts last; of those the one whose second step is earliest, then the third, and so on. Modes, NULLs and ties as in window_funnel, but for the mode clickhouse, which says no times. No rows give an empty list. Memory: 20 bytes a row that satisfies a step (every row with strict_order).",
    syntax_example = "window_funnel_events(window, [mode,] ts, step1 [, step2, …])",
    sql_example = r#"```sql
SELECT window_funnel_events(INTERVAL '1 day', ts, e = 'view', e = 'cart', e = 'buy')
FROM (VALUES (TIMESTAMP '2018-01-01T09:00:00', 'view'), (TIMESTAMP '2018-01-01T09:30:00', 'view'),
  (TIMESTAMP '2018-01-01T10:00:00', 'cart'), (TIMESTAMP '2018-01-01T11:00:00', 'cart'),
  (TIMESTAMP '2018-01-01T12:00:00', 'buy')) AS t(ts, e);
-- [2018-01-01T09:30:00, 2018-01-01T10:00:00, 2018-01-01T12:00:00]
```"#,
    argument(
        name = "window",
        description = "a constant INTERVAL without months, or a whole number of seconds; the end belongs to it"
    ),
    argument(name = "mode", description = "constant words with commas between; may be left out"),
    argument(name = "ts", description = "time of the row"),
    argument(name = "step1, …", description = "conditions, in the order of the steps")
)]
#[derive(Debug, Default, PartialEq, Eq, Hash)]
struct WindowFunnelEvents;

impl SequenceFunction for WindowFunnelEvents {
    const NAME: &'static str = "window_funnel_events";
    const ALIASES: &'static [&'static str] = &["windowfunnelevents", "windowFunnelEvents"];
    type Sequence = Steps;

    fn signature() -> Signature {
        arguments::signature()
    }

    fn coerce(types: &[DataType]) -> Result<Vec<DataType>> {
        arguments::coerce(Self::NAME, types, true)
    }

    fn return_type(types: &[DataType]) -> Result<DataType> {
        Ok(times::list_type(types))
    }

    fn empty(ty: &DataType) -> Result<ScalarValue> {
        times::empty_list(ty)
    }

    fn sequence(args: &AccumulatorArgs) -> Result<Steps> {
        let funnel = Funnel::read(Self::NAME, args)?;
        if funnel.clickhouse {
            return plan_err!(
                "{}: the mode clickhouse has no times; window_funnel has it",
                Self::NAME
            );
        }
        Ok(Steps { funnel, answer: args.return_field.data_type().clone() })
    }

    fn documentation(&self) -> Option<&Documentation> {
        self.doc()
    }
}

#[derive(Debug, Clone)]
struct Steps {
    funnel: Funnel,
    answer: DataType,
}

impl Sequence for Steps {
    type Payload = u64;
    // at most a time for each row
    const ANSWER: Answer = Answer { group: size_of::<i32>(), event: size_of::<i64>() };

    fn read(&self, args: &[ArrayRef], batch: &mut Batch<u64>) -> Result<()> {
        self.funnel.push(args, batch)
    }

    fn finish(&mut self, groups: Sequences<u64>) -> Result<ArrayRef> {
        let mut lengths = Vec::with_capacity(groups.len());
        let (mut times, mut steps) = (vec![], vec![]);
        groups.each(|rows, _| {
            core::steps(rows, &self.funnel.rules, &mut steps);
            lengths.push(steps.len());
            times.extend_from_slice(&steps);
            Ok(())
        })?;
        times::lists(times, lengths, &self.answer)
    }
}
