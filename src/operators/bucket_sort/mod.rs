//! The rows of a partition in order, sorted as one.
//!
//! This stands where DataFusion's `SortExec` would, above buckets that fit into memory: that one
//! sorts batches and merges them, comparing rows a byte at a time. Here the numbers that order the
//! rows are packed into one wide integer each (`order.rs`), and the integers sorted. A partition
//! that does not get the memory goes to `SortExec` after all, which spills.
//!
//! Memory: the rows of the partition twice, and 20 bytes a row.

mod order;

use std::fmt;
use std::sync::Arc;

use datafusion::arrow::array::UInt32Array;
use datafusion::arrow::compute::{concat_batches, take_record_batch};
use datafusion::arrow::datatypes::SchemaRef;
use datafusion::arrow::record_batch::RecordBatch;
use datafusion::common::runtime::SpawnedTask;
use datafusion::common::tree_node::TreeNodeRecursion;
use datafusion::common::{DataFusionError, Result, Statistics, internal_err};
use datafusion::execution::memory_pool::{MemoryConsumer, MemoryReservation};
use datafusion::execution::{SendableRecordBatchStream, TaskContext};
use datafusion::physical_expr::{LexOrdering, PhysicalExpr};
use datafusion::physical_plan::execution_plan::{EmissionType, apply_expression_roots};
use datafusion::physical_plan::metrics::{
    BaselineMetrics, ExecutionPlanMetricsSet, MetricBuilder, MetricsSet, Time,
};
use datafusion::physical_plan::sorts::sort::SortExec;
use datafusion::physical_plan::statistics::{ChildStats, StatisticsArgs};
use datafusion::physical_plan::stream::RecordBatchStreamAdapter;
use datafusion::physical_plan::{
    DisplayAs, DisplayFormatType, ExecutionPlan, ExecutionPlanProperties, PlanProperties,
};
use futures::{StreamExt, TryStreamExt, stream};
use tokio::sync::Semaphore;

use super::once;

/// Bytes that the order of a row takes: the integer and the number of the row.
const ORDER: usize = 20;

/// The operator.
#[derive(Debug)]
pub(crate) struct BucketSortExec {
    input: Arc<dyn ExecutionPlan>,
    order: LexOrdering,
    at_a_time: usize,
    turns: Arc<Semaphore>,
    properties: Arc<PlanProperties>,
    metrics: ExecutionPlanMetricsSet,
}

impl BucketSortExec {
    /// Each partition of `input` in `order`; `at_a_time` of them are sorted at a time.
    pub(crate) fn new(
        input: Arc<dyn ExecutionPlan>,
        order: LexOrdering,
        at_a_time: usize,
    ) -> Result<Self> {
        let at_a_time = at_a_time.max(1);
        let mut equal = input.equivalence_properties().clone();
        equal.reorder(order.clone())?;
        let properties = PlanProperties::new(
            equal,
            input.output_partitioning().clone(),
            EmissionType::Final,
            input.boundedness(),
        );
        Ok(Self {
            input,
            order,
            at_a_time,
            turns: Arc::new(Semaphore::new(at_a_time)),
            properties: Arc::new(properties),
            metrics: ExecutionPlanMetricsSet::new(),
        })
    }
}

impl DisplayAs for BucketSortExec {
    fn fmt_as(&self, kind: DisplayFormatType, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match kind {
            DisplayFormatType::TreeRender => write!(f, "order={}", self.order),
            _ => write!(f, "BucketSortExec: order=[{}]", self.order),
        }
    }
}

impl ExecutionPlan for BucketSortExec {
    fn name(&self) -> &'static str {
        "BucketSortExec"
    }

    fn properties(&self) -> &Arc<PlanProperties> {
        &self.properties
    }

    fn maintains_input_order(&self) -> Vec<bool> {
        vec![false]
    }

    fn benefits_from_input_partitioning(&self) -> Vec<bool> {
        vec![false]
    }

    fn children(&self) -> Vec<&Arc<dyn ExecutionPlan>> {
        vec![&self.input]
    }

    fn apply_expressions(
        &self,
        f: &mut dyn FnMut(&Arc<dyn PhysicalExpr>) -> Result<TreeNodeRecursion>,
    ) -> Result<TreeNodeRecursion> {
        apply_expression_roots(self.order.iter().map(|e| &e.expr), f)
    }

    fn with_new_children(
        self: Arc<Self>,
        mut children: Vec<Arc<dyn ExecutionPlan>>,
    ) -> Result<Arc<dyn ExecutionPlan>> {
        match (children.pop(), children.is_empty()) {
            (Some(input), true) => {
                Ok(Arc::new(Self::new(input, self.order.clone(), self.at_a_time)?))
            }
            _ => internal_err!("BucketSortExec has one input"),
        }
    }

    fn execute(
        &self,
        partition: usize,
        context: Arc<TaskContext>,
    ) -> Result<SendableRecordBatchStream> {
        let rows = self.input.execute(partition, Arc::clone(&context))?;
        let metrics = BaselineMetrics::new(&self.metrics, partition);
        let sorting = Sorting {
            order: self.order.clone(),
            turns: Arc::clone(&self.turns),
            reservation: MemoryConsumer::new(format!("BucketSortExec[{partition}]"))
                .register(context.memory_pool()),
            time: MetricBuilder::new(&self.metrics).subset_time("sort_time", partition),
            context,
        };
        let sorted = stream::once(sorting.sort(rows))
            .try_flatten()
            .inspect_ok(move |batch: &RecordBatch| metrics.record_output(batch.num_rows()));
        Ok(Box::pin(RecordBatchStreamAdapter::new(self.schema(), sorted)))
    }

    fn metrics(&self) -> Option<MetricsSet> {
        Some(self.metrics.clone_inner())
    }

    fn child_stats_requests(&self, partition: Option<usize>) -> Vec<ChildStats> {
        vec![ChildStats::At(partition)]
    }

    fn statistics_from_inputs(
        &self,
        inputs: &[Arc<Statistics>],
        _args: &StatisticsArgs,
    ) -> Result<Arc<Statistics>> {
        match inputs {
            [input] => Ok(Arc::clone(input)),
            _ => Ok(Arc::new(Statistics::new_unknown(&self.schema()))),
        }
    }
}

/// The work on one partition.
struct Sorting {
    order: LexOrdering,
    turns: Arc<Semaphore>,
    context: Arc<TaskContext>,
    reservation: MemoryReservation,
    time: Time,
}

impl Sorting {
    async fn sort(self, mut rows: SendableRecordBatchStream) -> Result<SendableRecordBatchStream> {
        let schema = rows.schema();
        let turn = Arc::clone(&self.turns)
            .acquire_owned()
            .await
            .map_err(|e| DataFusionError::External(Box::new(e)))?;
        let mut batches = vec![];
        while let Some(batch) = rows.try_next().await? {
            // once as they come and once as one, and what their order takes
            let more = 2 * batch.get_array_memory_size() + ORDER * batch.num_rows();
            let fits = self.reservation.try_grow(more).is_ok();
            batches.push(batch);
            if !fits {
                drop(turn);
                return self.leave_it(schema, batches, rows);
            }
        }
        let Self { order, context, reservation, time, .. } = self;
        let size = context.session_config().batch_size();
        // other partitions are read while this one is sorted
        let task = SpawnedTask::spawn_blocking(move || {
            let _timer = time.timer();
            let all = concat_batches(&schema, &batches)?;
            drop(batches);
            let columns = order
                .iter()
                .map(|e| e.evaluate_to_sort_column(&all))
                .collect::<Result<Vec<_>>>()?;
            let sorted = order::permutation(&columns)?;
            Ok::<_, DataFusionError>((schema, all, sorted))
        });
        let (schema, all, sorted) =
            task.join().await.map_err(|e| DataFusionError::ExecutionJoin(Box::new(e)))??;
        drop(turn);
        reservation.shrink(reservation.size() / 2);
        let batches = in_batches(all, sorted, size).inspect(move |_| _ = &reservation);
        Ok(Box::pin(RecordBatchStreamAdapter::new(schema, batches)))
    }

    /// Hands the partition to DataFusion's sort, which spills.
    fn leave_it(
        self,
        schema: SchemaRef,
        read: Vec<RecordBatch>,
        rest: SendableRecordBatchStream,
    ) -> Result<SendableRecordBatchStream> {
        drop(self.reservation);
        let all = stream::iter(read.into_iter().map(Ok)).chain(rest);
        let all: SendableRecordBatchStream = Box::pin(RecordBatchStreamAdapter::new(schema, all));
        SortExec::new(self.order, once::plan(all)?).execute(0, self.context)
    }
}

/// `all` in the order of `sorted`.
fn in_batches(
    all: RecordBatch,
    sorted: UInt32Array,
    size: usize,
) -> impl futures::Stream<Item = Result<RecordBatch>> + Send {
    let starts = (0..sorted.len()).step_by(size.max(1));
    stream::iter(starts.map(move |start| {
        let rows = sorted.slice(start, size.min(sorted.len() - start));
        Ok(take_record_batch(&all, &rows)?)
    }))
}
