//! `COPY` and `INSERT` write whole files or none.
//!
//! DataFusion's writers cannot tell rows that fail from rows that end: a statement that fails half-way
//! would leave a file of the rows until then, which looks as good as any. Here rows that fail never
//! end for the writers; they are dropped instead, and with them what they have not put in place yet.
//! Where a statement writes several files, those that were full before stay.

use std::fmt;
use std::future::pending;
use std::panic::AssertUnwindSafe;
use std::sync::Arc;

use async_trait::async_trait;
use datafusion::arrow::datatypes::SchemaRef;
use datafusion::common::config::ConfigOptions;
use datafusion::common::tree_node::{Transformed, TreeNode};
use datafusion::common::{DataFusionError, Result};
use datafusion::datasource::sink::{DataSink, DataSinkExec};
use datafusion::execution::{SendableRecordBatchStream, TaskContext};
use datafusion::physical_optimizer::PhysicalOptimizerRule;
use datafusion::physical_plan::metrics::MetricsSet;
use datafusion::physical_plan::stream::RecordBatchStreamAdapter;
use datafusion::physical_plan::{DisplayAs, DisplayFormatType, ExecutionPlan};
use futures::{FutureExt, StreamExt, stream};
use tokio::sync::oneshot;

use crate::error::{Error, ErrorKind};

/// The rule.
#[derive(Debug)]
pub(crate) struct WholeFiles;

impl PhysicalOptimizerRule for WholeFiles {
    fn name(&self) -> &str {
        "whole_files"
    }

    fn optimize(
        &self,
        plan: Arc<dyn ExecutionPlan>,
        _: &ConfigOptions,
    ) -> Result<Arc<dyn ExecutionPlan>> {
        let done = plan.transform_up(|plan| {
            let Some(writes) = plan.downcast_ref::<DataSinkExec>() else {
                return Ok(Transformed::no(plan));
            };
            let sink = Arc::new(WholeSink(writes.clone()));
            let order = writes.sort_order().clone();
            let whole = DataSinkExec::new(Arc::clone(writes.input()), sink, order);
            Ok(Transformed::yes(Arc::new(whole) as _))
        })?;
        Ok(done.data)
    }

    fn schema_check(&self) -> bool {
        true
    }
}

/// The sink of a plan, which sees rows that end and none that fail.
#[derive(Debug)]
struct WholeSink(DataSinkExec);

impl DisplayAs for WholeSink {
    fn fmt_as(&self, t: DisplayFormatType, f: &mut fmt::Formatter) -> fmt::Result {
        self.0.sink().fmt_as(t, f)
    }
}

#[async_trait]
impl DataSink for WholeSink {
    fn metrics(&self) -> Option<MetricsSet> {
        self.0.sink().metrics()
    }

    fn schema(&self) -> &SchemaRef {
        self.0.sink().schema()
    }

    async fn write_all(
        &self,
        data: SendableRecordBatchStream,
        context: &Arc<TaskContext>,
    ) -> Result<u64> {
        let (failed, failure) = oneshot::channel::<DataFusionError>();
        let schema = data.schema();
        let rows = stream::unfold((data, failed), |(mut data, failed)| async move {
            let next = AssertUnwindSafe(data.next()).catch_unwind().await;
            let e = match next {
                Ok(Some(Ok(batch))) => return Some((Ok(batch), (data, failed))),
                Ok(None) => return None,
                Ok(Some(Err(e))) => e,
                // what it says may quote data
                Err(_) => {
                    Error::new(ErrorKind::Internal, "a part of the statement panicked").into()
                }
            };
            // whoever waits for it is gone if the statement is
            let _ = failed.send(e);
            pending().await
        });
        let rows = Box::pin(RecordBatchStreamAdapter::new(schema, rows));
        tokio::select! {
            biased;
            Ok(e) = failure => Err(e),
            written = self.0.sink().write_all(rows, context) => written,
        }
    }
}
