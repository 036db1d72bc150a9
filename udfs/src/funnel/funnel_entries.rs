//! `funnel_entries(window, mode, ts, steps [, exclude, hold, group, step_window])`: how each of a
//! customer's tries came through the steps.
//!
//! Each time at which the first step is satisfied is an entry, and a try of its own: the best chain
//! of [`funnel_detail`](super::funnel_detail) that starts then. Rows of one time are one entry, and
//! a row may serve several tries. With `hold`, entries of one time that hold different values are
//! different ones; rows without a value are no entry. Tries are told in the order of their entries,
//! then of what they hold.
//!
//! NULL conditions are false, rows with a NULL time are ignored; no entry is an empty list. Memory as
//! `funnel_detail`, and each try's steps. O(entries · rows within a window).

use std::sync::{Arc, LazyLock};

use datafusion::arrow::datatypes::DataType;
use datafusion::common::{Result, ScalarValue};
use datafusion::logical_expr::expr::AggregateFunction;
use datafusion::logical_expr::function::AccumulatorArgs;
use datafusion::logical_expr::simplify::SimplifyContext;
use datafusion::logical_expr::{AggregateUDF, Documentation, Expr, Signature};
use datafusion_macros::user_doc;

use super::detail::{self, Detail, PARAMS};
use crate::args;
use crate::sequence_function::{SequenceFunction, udaf};
use crate::times;

const NAME: &str = "funnel_entries";

static UDAF: LazyLock<Arc<AggregateUDF>> = LazyLock::new(udaf::<FunnelEntries>);

/// The aggregate `funnel_entries`.
pub fn funnel_entries_udaf() -> Arc<AggregateUDF> {
    Arc::clone(&UDAF)
}

#[user_doc(
    doc_section(label = "Funnels"),
    description = "How each of a customer's tries came through the steps, as a LIST of the STRUCTs of funnel_detail. Each time at which the first step is satisfied is an entry and a try of its own: the best chain that starts then. Rows of one time are one entry; with hold, entries of one time that hold different values are different ones. A row may serve several tries. Tries are in the order of time, then of what they hold. NULL conditions are false, rows with a NULL time are ignored; no entry gives an empty list. Memory: as funnel_detail, and the steps of each try; time grows with the entries times the rows within a window.",
    syntax_example = "funnel_entries(window, mode, ts, steps [, exclude, hold, group, step_window])",
    sql_example = r#"```sql
SELECT d['level'], d['step_ts'][1], d['step_seconds'] FROM (
  SELECT unnest(funnel_entries(INTERVAL '1 day', NULL, ts, [e = 'view', e = 'buy'])) AS d
  FROM (VALUES (TIMESTAMP '2018-01-01T09:00:00', 'view'), (TIMESTAMP '2018-01-01T09:05:00', 'view'),
    (TIMESTAMP '2018-01-01T09:06:00', 'buy'), (TIMESTAMP '2018-01-02T10:00:00', 'view')) AS t(ts, e));
-- 2 | 2018-01-01T09:00:00 | [0.0, 360.0]
-- 2 | 2018-01-01T09:05:00 | [0.0, 60.0]
-- 1 | 2018-01-02T10:00:00 | [0.0]
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
    argument(name = "group", description = "what is told of the first step and of each, as text"),
    argument(
        name = "step_window",
        description = "a constant list of intervals, from the second step on: how long after the step before it the step may be taken, NULL without limit; for the mode default, without exclude"
    )
)]
#[derive(Debug, Default, PartialEq, Eq, Hash)]
struct FunnelEntries;

impl SequenceFunction for FunnelEntries {
    const NAME: &'static str = NAME;
    type Sequence = Detail<true>;

    fn signature() -> Signature {
        args::signature(PARAMS)
    }

    fn coerce(types: &[DataType]) -> Result<Vec<DataType>> {
        detail::coerce(NAME, types)
    }

    fn return_type(types: &[DataType]) -> Result<DataType> {
        Ok(DataType::new_list(detail::chain_type(types), true))
    }

    fn complete(call: AggregateFunction, info: &SimplifyContext) -> Result<Expr> {
        args::complete_aggregate(PARAMS, call, info)
    }

    fn empty(ty: &DataType) -> Result<ScalarValue> {
        times::empty_list(ty)
    }

    fn sequence(args: &AccumulatorArgs) -> Result<Self::Sequence> {
        Detail::new(NAME, args)
    }

    fn documentation(&self) -> Option<&Documentation> {
        self.doc()
    }
}
