//! Every aggregate with too little memory: what it spills and reads again has the same bits.
//!
//! [`CASES`] lists the aggregates; one that is missing fails the tests. Each is run over the same
//! rows with memory for all of them, and with a limit that is halved until the statement has spilled
//! at [`LIMITS`] of them. A limit at which it fails before it has spilled at any is an error: then
//! `size()` does not count what the answers will take, which DataFusion reserves all at once.

use std::sync::Arc;

use datafusion::arrow::array::RecordBatch;
use datafusion::arrow::compute::concat_batches;
use datafusion::common::{DataFusionError, Result};
use datafusion::datasource::MemTable;
use datafusion::execution::memory_pool::FairSpillPool;
use datafusion::execution::runtime_env::RuntimeEnvBuilder;
use datafusion::physical_plan::aggregates::{AggregateExec, AggregateMode};
use datafusion::physical_plan::{ExecutionPlan, InputOrderMode, collect};
use datafusion::prelude::col;

use super::{cut, session, session_in, text};

/// An aggregate, what to group [`ROWS`] by, and calls of it that differ in the state they keep.
///
/// The groups must be many enough for some of them to be in memory while others are on disk:
/// `pair` is 10,000 of 2 rows, whose answers are larger than their states, `customer` 1,000 of 20,
/// `segment` 50 of 400.
const CASES: &[(&str, &str, &str)] = &[
    (
        "abandoned",
        "customer",
        "abandoned('7 days', ts, kind = 'add_to_cart', kind = 'purchase'), abandoned('30 days', ts, x > 1, x = 0) FILTER (WHERE n > 1)",
    ),
    ("active_periods", "pair", "active_periods(n), active_periods(n * 1000) FILTER (WHERE x > 1)"),
    (
        "any_funnel",
        "customer",
        "any_funnel(2592000, ts, kind = 'purchase', kind = 'return', x = 1) FILTER (WHERE n > 1)",
    ),
    (
        "bdw_fit",
        "segment",
        "bdw_fit(t - 30, x > 1, NULL, 0.1), bdw_fit(n, x > 1, w, 0.5) FILTER (WHERE kind <> 'purchase')",
    ),
    (
        "bg_bb_fit",
        "segment",
        "bg_bb_fit(x, tx, t, NULL, 0.1), bg_bb_fit(x, tx, t, w, 0.5) FILTER (WHERE kind <> 'purchase')",
    ),
    (
        "bg_nbd_fit",
        "segment",
        "bg_nbd_fit(x, tx, t), bg_nbd_fit(x, tx, t, w, 0.5) FILTER (WHERE kind <> 'purchase')",
    ),
    ("cadence", "customer", "cadence(ts), cadence(ts, '2010-12-01') FILTER (WHERE x > 1)"),
    (
        "change_points",
        "customer",
        "change_points(ts, amount) FILTER (WHERE kind <> 'return'), change_points(ts, n, NULL, NULL, NULL, NULL, NULL, NULL, true)",
    ),
    (
        "churn_threshold",
        "segment",
        "churn_threshold(tx, n > 15), churn_threshold(amount, x > 1, 'percentile', 0.5) FILTER (WHERE n > 1)",
    ),
    ("churn_threshold", "pair", "churn_threshold(tx, n > 15)"),
    (
        "cox_fit",
        "segment",
        "cox_fit(tx, n > 9, {'x': x, 'n': n}), cox_fit(t + n, x > 1, [n, amount], 'breslow', 0.5, w) FILTER (WHERE n > 1)",
    ),
    ("cox_fit", "pair", "cox_fit(tx, n > 9, {'x': x, 'n': n})"),
    (
        "customer_summary",
        "customer",
        "customer_summary(ts, amount), customer_summary(ts, amount, '2010-12-01', INTERVAL '7 days') FILTER (WHERE amount > 0)",
    ),
    ("customer_summary", "pair", "customer_summary(ts, amount)"),
    ("frequency", "pair", "frequency(ts) FILTER (WHERE n = 1)"),
    (
        "frequency",
        "customer",
        "frequency(ts), frequency(ts, INTERVAL '7 days') FILTER (WHERE x > 1)",
    ),
    (
        "funnel_detail",
        "customer",
        "funnel_detail(9000000, 'strict_order', ts, [x > 0, x = 2, x = 3], kind = 'return', category, kind)",
    ),
    (
        "funnel_detail",
        "customer",
        "funnel_detail(9000000, NULL, ts, [x > 0, x = 2, x = 3], NULL, NULL, NULL, [INTERVAL '40 days', NULL])",
    ),
    (
        "funnel_entries",
        "customer",
        "funnel_entries(9000000, 'strict_order', ts, [x > 0, x = 2, x = 3], kind = 'return', category, kind)",
    ),
    ("funnel_entries", "pair", "funnel_entries(9000000, NULL, ts, [n > 0, x > 0, x > 1])"),
    ("funnel_detail", "pair", "funnel_detail(9000000, NULL, ts, [n > 0, x > 0, x > 1])"),
    ("km_fit", "pair", "km_fit(tx, n > 9)"),
    ("km_fit", "pair", "km_fit(tx, n > 9, w, n)"),
    (
        "km_fit",
        "segment",
        "km_fit(tx + x, kind = 'purchase'), km_fit(amount, x > 1, w) FILTER (WHERE n > 1), km_fit(tx, x > 1, NULL, tx / 2)",
    ),
    (
        "logit_fit",
        "segment",
        "logit_fit(x > 1, {'n': n, 'tx': tx}), logit_fit(kind = 'purchase', [amount], 0.5, w) FILTER (WHERE n > 1)",
    ),
    ("logit_fit", "pair", "logit_fit(n > 9, {'x': x})"),
    (
        "logrank",
        "segment",
        "logrank(tx + n, x > 1, kind), logrank(t - n, kind = 'purchase', category, 'peto') FILTER (WHERE n > 1)",
    ),
    ("logrank", "pair", "logrank(tx, n > 9, kind)"),
    (
        "gamma_gamma_fit",
        "segment",
        "gamma_gamma_fit(x, amount, NULL, 0.1), gamma_gamma_fit(x, amount, w, 0.5) FILTER (WHERE kind <> 'purchase')",
    ),
    (
        "mbg_cnbd_fit",
        "segment",
        "mbg_cnbd_fit(x, tx, t, x * 1.5, 1, NULL, 0.1), mbg_cnbd_fit(x, tx, t, x * 1.5, 2, w, 0.5) FILTER (WHERE kind <> 'purchase')",
    ),
    (
        "mbg_nbd_fit",
        "segment",
        "mbg_nbd_fit(x, tx, t), mbg_nbd_fit(x, tx, t, w, 0.5) FILTER (WHERE kind <> 'purchase')",
    ),
    ("monetary", "customer", "monetary(amount), monetary(amount, 'mean') FILTER (WHERE x > 1)"),
    ("monetary", "customer", "monetary(amount, 'median') FILTER (WHERE x > 1)"),
    ("monetary", "customer", "monetary(CAST(x AS DECIMAL(9, 2))) FILTER (WHERE amount > 0)"),
    ("path_agg", "pair", "path_agg(kind, ts)"),
    ("path_agg", "customer", "path_agg(kind, ts), path_agg(n, ts, 3) FILTER (WHERE x > 1)"),
    (
        "path_step_counts",
        "customer",
        "path_step_counts([named_struct('step', kind, 'next_step', kind, 'seconds', amount, 'flagged', x > 1)])",
    ),
    ("path_steps", "pair", "array_length(path_steps(kind, ts, x > 1))"),
    (
        "path_steps",
        "customer",
        "path_steps(n, ts)[1]['next_step'], array_length(path_steps(kind, ts)) FILTER (WHERE x > 1)",
    ),
    (
        "pareto_nbd_fit",
        "segment",
        "pareto_nbd_fit(x, tx, t, NULL, 0.1), pareto_nbd_fit(x, tx, t, w, 0.5) FILTER (WHERE kind <> 'purchase')",
    ),
    ("recency", "customer", "recency(ts), recency(ts, '2010-12-01') FILTER (WHERE x > 1)"),
    ("retention", "pair", "retention(x = 0, x = 2), retention(n > 3, x = 1) FILTER (WHERE n > 1)"),
    ("retention_cells", "pair", "retention_cells(ts, n)"),
    (
        "retention_cells",
        "customer",
        "retention_cells(ts, n, x > 1, x < 3, n > 1, amount, kind, 'recurring', 'on_or_after'), retention_cells(ts, n, x > 0) FILTER (WHERE n > 1)",
    ),
    (
        "retention_grid",
        "customer",
        "retention_grid([named_struct('period', n, 'start_ts', ts, 'group', kind, 'n', x, 'measure', amount)])",
    ),
    ("retention_grid", "segment", "retention_grid([n, n * 3 % 7], 'recurring', 'on_or_after')"),
    (
        "retention_ordered",
        "pair",
        "retention_ordered(ts, x = 0, x = 2, n > 9), retention_ordered(ts, n > 3, x = 1) FILTER (WHERE n > 1)",
    ),
    (
        "rfm_fit",
        "segment",
        "rfm_fit(x, tx, amount), rfm_fit(x, tx, amount, 3, 'rfm') FILTER (WHERE kind <> 'purchase')",
    ),
    ("rfm_fit", "pair", "rfm_fit(x, tx, amount, 9)"),
    (
        "sbg_fit",
        "segment",
        "sbg_fit(t - 30, x > 1, NULL, 0.1), sbg_fit(n, x > 1, w, 0.5) FILTER (WHERE kind <> 'purchase')",
    ),
    (
        "sequence_count",
        "customer",
        "sequence_count('(?1).*(?2)', ts, x > 1, x = 0) FILTER (WHERE n > 1)",
    ),
    ("sequence_match", "pair", "sequence_match('(?1)(?t<=P90D)(?2)', ts, n > 0, x > 0)"),
    (
        "sequence_match",
        "customer",
        "sequence_match('(?1)(?2)(?1)', ts, kind = 'purchase', x > 0, x = 2)",
    ),
    (
        "sequence_match_events",
        "customer",
        "sequence_match_events('(?1).*(?2)(?t>=P1D)(?3)', 'partial', ts, x > 0, x = 2, x = 3)",
    ),
    (
        "sequence_next_node",
        "customer",
        "sequence_next_node('forward', 'first_match', ts, kind, true, kind = 'purchase'), sequence_next_node('backward', 'tail', ts, n, true, true)",
    ),
    (
        "trend",
        "customer",
        "trend(ts), trend(ts, amount, '30 days', '2011-06-01') FILTER (WHERE x > 1)",
    ),
    ("turning_points", "customer", "turning_points(ts, kind)"),
    (
        "turning_points",
        "customer",
        "turning_points(ts, kind, amount, category), turning_points(ts, kind, amount) FILTER (WHERE x > 1)",
    ),
    ("window_funnel", "pair", "window_funnel(9000000, ts, n > 0, x > 0)"),
    (
        "window_funnel",
        "customer",
        "window_funnel(9000000, 'strict_order', ts, x > 0, x = 2, x = 3), window_funnel(9000000, ts, x > 0, x = 2)",
    ),
    (
        "window_funnel_events",
        "customer",
        "window_funnel_events(9000000, 'strict_once', ts, x > 0, x = 2, x = 3)",
    ),
];

/// 20,000 rows, those of a customer far from each other. Times and amounts may be NULL, an amount
/// may be NaN, and sums of amounts need more digits than a double has.
const ROWS: &str = "
    WITH rows AS (SELECT i, i / 20 AS customer, i % 20 AS n, i % 4 AS x
                  FROM (SELECT value * 7919 % 20000 AS i FROM range(0, 20000)))
    SELECT i / 2 AS pair, customer, n, customer % 50 AS segment, CAST(x AS DOUBLE) AS x,
           CASE x WHEN 0 THEN 0.0 ELSE x * 7.0 + i % 3 END AS tx, 40.0 + i % 2 AS t,
           1.0 + i % 3 AS w,
           CASE WHEN i % 19 <> 3 THEN to_timestamp_micros(
               1280000000000000 + (customer * 7 + n * (31 + customer % 97) + n / 12 * 2000) * 3600000000
           ) END AS ts,
           CASE WHEN i % 13 = 0 THEN NULL WHEN i % 17 = 1 THEN CAST('NaN' AS DOUBLE)
                ELSE (i * i % 701 - 100) / 7.0 * power(10.0, n % 9 - 4) + n / 9 * 300 END AS amount,
           make_array('purchase', 'purchase', 'add_to_cart', 'page_view', 'return', 'purchase',
                      'signup', 'payment', 'cart_abandon', 'purchase')[1 + i * 31 % 10] AS kind,
           make_array('toys', 'books', 'art', 'food', NULL)[1 + i * 17 % 5] AS category
    FROM rows";

/// All fits in it, and nothing spills.
const ENOUGH: usize = 1 << 30;

/// Memory limits that a statement has to survive by spilling, each half of the one before.
const LIMITS: usize = 2;

/// The first limit, and one that is too small for several partitions.
const MOST: usize = 8 << 20;
const LEAST: usize = 32 << 10;

async fn rows(order: &str) -> Result<RecordBatch> {
    let df = session(1, 8192)?.sql(&format!("{ROWS} {order}")).await?;
    let schema = Arc::new(df.schema().as_arrow().clone());
    Ok(concat_batches(&schema, &df.collect().await?)?)
}

/// The aggregates of a plan, the topmost first.
fn aggregates(plan: &Arc<dyn ExecutionPlan>) -> Vec<&AggregateExec> {
    let below = plan.children().into_iter().flat_map(aggregates);
    plan.downcast_ref::<AggregateExec>().into_iter().chain(below).collect()
}

/// The answer of `sql` in `memory` bytes as sorted lines, how often an aggregation spilled, and its
/// last aggregation.
async fn answer(
    table: MemTable,
    partitions: usize,
    memory: usize,
    sql: &str,
) -> Result<(Vec<String>, usize, AggregateMode, InputOrderMode)> {
    let pool = Arc::new(FairSpillPool::new(memory));
    // temporary files are in a folder of their own, which goes with the runtime
    let runtime = RuntimeEnvBuilder::new().with_memory_pool(pool).build_arc()?;
    // two batches of each file are in memory while the files are merged: keep them small
    let ctx = session_in(runtime, partitions, 8)?;
    ctx.register_table("t", Arc::new(table))?;
    let plan = ctx.sql(sql).await?.create_physical_plan().await?;
    let batches = collect(Arc::clone(&plan), ctx.task_ctx()).await?;
    let mut lines: Vec<String> =
        text(&concat_batches(&plan.schema(), &batches)?)?.lines().map(String::from).collect();
    lines.sort_unstable();
    let all = aggregates(&plan);
    let spills = all.iter().filter_map(|a| a.metrics()?.spill_count()).sum();
    let last = all.first().expect("an aggregation");
    Ok((lines, spills, *last.mode(), last.input_order_mode().clone()))
}

fn assert_same(want: &[String], got: &[String], how: &str) {
    let first = want.iter().zip(got).find(|(want, got)| want != got);
    assert!(want.len() == got.len() && first.is_none(), "{how} gives {first:?}");
}

#[test]
fn every_aggregate_has_a_case() {
    for aggregate in crate::all_aggregate_functions() {
        let name = aggregate.name();
        assert!(
            CASES.iter().any(|(of, _, calls)| *of == name && calls.contains(&format!("{name}("))),
            "{name} is not tested with too little memory: add it to CASES in udfs/src/testing/spills.rs, with a call for each kind of state it keeps"
        );
    }
}

/// Every case has the same bits in `partitions` with memory for all, and where it has to spill.
async fn survives(partitions: usize, last: AggregateMode) -> Result<()> {
    let rows = rows("").await?;
    let table = |partitions| MemTable::try_new(rows.schema(), cut(&rows, partitions, 128)?);
    for (name, key, calls) in CASES {
        let sql = format!("SELECT {key}, {calls} FROM t GROUP BY {key}");
        let (want, spills, ..) = answer(table(1)?, 1, ENOUGH, &sql).await?;
        assert_eq!(spills, 0, "{sql}");
        // by two columns the groups are kept in another way
        for sql in [&sql, &format!("{sql}, concat('no. ', {key})")] {
            let mut memory = MOST;
            let mut survived = 0;
            while survived < LIMITS {
                let how = format!("{sql}, {partitions} partitions, {memory} bytes of memory,");
                match answer(table(partitions)?, partitions, memory, sql).await {
                    Ok((got, spills, mode, _)) => {
                        assert_eq!(mode, last, "{how}");
                        assert_same(&want, &got, &how);
                        survived += usize::from(spills > 0);
                    }
                    // what one of several partitions may have depends on who was first
                    Err(e) if partitions > 1 && memory > LEAST => {
                        assert!(
                            matches!(e.find_root(), DataFusionError::ResourcesExhausted(_)),
                            "{how} fails: {e}"
                        );
                    }
                    Err(e) => panic!(
                        "{name}: {how} fails after {survived} limits at which it spilled; if there is none, size() of its state is less than its answers take: {e}"
                    ),
                }
                memory /= 2;
            }
        }
    }
    Ok(())
}

#[tokio::test]
async fn spilled_in_one_stage_the_bits_are_the_same() -> Result<()> {
    survives(1, AggregateMode::Single).await
}

#[tokio::test]
async fn spilled_in_the_second_of_two_stages_the_bits_are_the_same() -> Result<()> {
    survives(3, AggregateMode::FinalPartitioned).await
}

#[tokio::test]
async fn group_by_group_from_sorted_rows_the_bits_are_the_same() -> Result<()> {
    let table = |rows: RecordBatch| MemTable::try_new(rows.schema(), cut(&rows, 1, 128)?);
    let shuffled = rows("").await?;
    for (_, key, calls) in CASES {
        let sql = format!("SELECT {key}, {calls} FROM t GROUP BY {key}");
        let (want, ..) = answer(table(shuffled.clone())?, 1, ENOUGH, &sql).await?;
        let sorted = table(rows(&format!("ORDER BY {key}")).await?)?
            .with_sort_order(vec![vec![col(*key).sort(true, false)]]);
        let (got, _, _, order) = answer(sorted, 1, ENOUGH, &sql).await?;
        assert_eq!(order, InputOrderMode::Sorted, "{sql}");
        assert_same(&want, &got, &format!("{sql}, sorted,"));
    }
    Ok(())
}
