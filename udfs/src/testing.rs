//! What the tests of the functions share: sessions that run SQL, and an aggregate driven through
//! every way its rows can be cut; `spills.rs` drives all of them through too little memory.

mod spills;

use std::sync::Arc;

use datafusion::arrow::array::UInt32Array;
use datafusion::arrow::array::{Array, ArrayRef, RecordBatch};
use datafusion::arrow::compute::{concat_batches, take_record_batch};
use datafusion::arrow::util::pretty::pretty_format_batches;
use datafusion::common::Result;
use datafusion::datasource::MemTable;
use datafusion::execution::runtime_env::RuntimeEnv;
use datafusion::prelude::{SessionConfig, SessionContext};

use crate::settings::TenureOptions;

/// A session with every function, `tenure.as_of` = 2012-01-01 and the given shape of execution.
pub(crate) fn session(partitions: usize, batch_size: usize) -> Result<SessionContext> {
    session_in(Arc::default(), partitions, batch_size)
}

/// A [`session`] with the memory and the temporary files of `runtime`.
fn session_in(
    runtime: Arc<RuntimeEnv>,
    partitions: usize,
    batch_size: usize,
) -> Result<SessionContext> {
    let mut config =
        SessionConfig::new().with_target_partitions(partitions).with_batch_size(batch_size);
    let options = TenureOptions { as_of: "2012-01-01".into(), ..Default::default() };
    config.options_mut().extensions.insert(options);
    let mut ctx = SessionContext::new_with_config_rt(config, runtime);
    crate::register_all(&mut ctx)?;
    Ok(ctx)
}

/// The result of one statement as the text of a table.
pub(crate) async fn run(ctx: &SessionContext, sql: &str) -> Result<String> {
    let batches = ctx.sql(sql).await?.collect().await?;
    Ok(pretty_format_batches(&batches)?.to_string())
}

/// The single value of a statement, as text.
pub(crate) async fn value(sql: &str) -> Result<String> {
    let batches = session(1, 8192)?.sql(sql).await?.collect().await?;
    let batch = batches.iter().find(|b| b.num_rows() > 0);
    batch.map_or_else(
        || Ok("no row".to_string()),
        |b| Ok(datafusion::arrow::util::display::array_value_to_string(b.column(0), 0)?),
    )
}

/// Runs `sql` over the table `t` = `batch` for many orders, partitionings and batch sizes, and
/// requires every answer to have the same bits; returns the answer. `sql` must order its rows.
///
/// The cuts cover one pass, partial states merged between partitions, states made row by row
/// (partial aggregation skipped) and a single group (no GROUP BY uses another accumulator).
pub(crate) async fn same_bits(batch: &RecordBatch, sql: &str) -> Result<RecordBatch> {
    let mut first: Option<RecordBatch> = None;
    for (shape, (partitions, batch_size)) in
        [(1, 8192), (2, 8192), (3, 17), (7, 1), (16, 8192), (2, 5)].into_iter().enumerate()
    {
        for skip_partial in [false, true] {
            let ctx = session(partitions, batch_size)?;
            if skip_partial {
                let state = ctx.state_ref();
                let mut state = state.write();
                let options = &mut state.config_mut().options_mut().execution;
                options.skip_partial_aggregation_probe_rows_threshold = 1;
                options.skip_partial_aggregation_probe_ratio_threshold = 0.0;
            }
            let rows = rotate(batch, shape * 7 + usize::from(skip_partial))?;
            let parts = cut(&rows, partitions, batch_size)?;
            ctx.register_table("t", Arc::new(MemTable::try_new(batch.schema(), parts)?))?;
            let df = ctx.sql(sql).await?;
            let schema = Arc::new(df.schema().as_arrow().clone());
            let got = concat_batches(&schema, &df.collect().await?)?;
            match &first {
                None => first = Some(got),
                Some(want) => assert_eq!(
                    text(want)?,
                    text(&got)?,
                    "{partitions} partitions, batches of {batch_size}, skip_partial {skip_partial}: {sql}"
                ),
            }
        }
    }
    Ok(first.unwrap_or_else(|| RecordBatch::new_empty(batch.schema())))
}

/// Floats print round-trip, so equal text is equal bits (but for the sign of NaN).
fn text(batch: &RecordBatch) -> Result<String> {
    Ok(pretty_format_batches(std::slice::from_ref(batch))?.to_string())
}

/// A fixed permutation of the rows that depends on `seed`.
fn rotate(batch: &RecordBatch, seed: usize) -> Result<RecordBatch> {
    let n = batch.num_rows();
    let mut order: Vec<u32> = (0u32..).take(n).collect();
    let mut state = seed as u64 ^ 0x9E37_79B9_7F4A_7C15;
    for i in (1..n).rev() {
        state =
            state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        order.swap(i, (state >> 33) as usize % (i + 1));
    }
    if seed == 0 {
        order.sort_unstable();
    }
    Ok(take_record_batch(batch, &UInt32Array::from(order))?)
}

fn cut(batch: &RecordBatch, partitions: usize, batch_size: usize) -> Result<Vec<Vec<RecordBatch>>> {
    let mut parts = vec![vec![]; partitions];
    let mut at = 0;
    let mut turn = 0;
    while at < batch.num_rows() {
        let n = batch_size.min(batch.num_rows() - at).min(1 + batch.num_rows() / partitions);
        parts[turn % partitions].push(batch.slice(at, n));
        at += n;
        turn += 1;
    }
    Ok(parts)
}

/// A batch from named columns.
pub(crate) fn batch(columns: Vec<(&str, ArrayRef)>) -> Result<RecordBatch> {
    Ok(RecordBatch::try_from_iter_with_nullable(
        columns.into_iter().map(|(n, c)| (n, c, true)).filter(|(_, c, _)| c.len() < usize::MAX),
    )?)
}
