//! Statements that change something take effect when they are run, not when their count is read.

use arrow_array::cast::AsArray;
use arrow_array::types::UInt64Type;
use arrow_schema::SchemaRef;
use futures::{TryStreamExt, stream};
use tenure::datafusion::physical_plan::stream::RecordBatchStreamAdapter;
use tenure::{Answer, Result};

/// The answer, and how many rows its statement changed, if it is one that changes rows: it is then
/// done, and the answer is its count.
///
/// # Errors
/// What goes wrong while it is done.
pub async fn settled(answer: Answer) -> Result<(Answer, Option<u64>)> {
    if answer.plan.name() != "DataSinkExec" {
        return Ok((answer, None));
    }
    let Answer { schema, stream, plan } = answer;
    let batches: Vec<_> = stream.try_collect().await?;
    let counts = batches.iter().filter_map(|batch| batch.columns().first());
    let counts = counts.filter_map(|column| column.as_primitive_opt::<UInt64Type>());
    let changed = counts.flat_map(|counts| counts.iter().flatten()).sum();
    let batches = stream::iter(batches.into_iter().map(Ok));
    let stream = Box::pin(RecordBatchStreamAdapter::new(SchemaRef::clone(&schema), batches));
    Ok((Answer { schema, stream, plan }, Some(changed)))
}
