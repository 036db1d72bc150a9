//! The rows of a partition in order, sorted as one.
//!
//! This stands where DataFusion's `SortExec` would, above buckets that fit into memory: that one
//! sorts batches and merges them, comparing rows a byte at a time. Here the numbers that order the
//! rows are packed into one wide integer each (`order.rs`), and the integers sorted. A partition
//! that does not get the memory goes to `SortExec` after all, which spills; what it sorted waits on disk
//! until it is read, since all partitions may be read at once.
//!
//! Where a [`ScatterExec`] brings numbers for the names of customers, the numbers are sorted, in the
//! order of the names, and the names written as the rows go on.
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
use datafusion::common::tree_node::{TreeNode, TreeNodeRecursion};
use datafusion::common::{DataFusionError, Result, Statistics, internal_err};
use datafusion::execution::memory_pool::{MemoryConsumer, MemoryLimit, MemoryReservation};
use datafusion::execution::{SendableRecordBatchStream, TaskContext};
use datafusion::physical_expr::expressions::Column;
use datafusion::physical_expr::{LexOrdering, PhysicalExpr};
use datafusion::physical_plan::execution_plan::{EmissionType, apply_expression_roots};
use datafusion::physical_plan::metrics::{
    BaselineMetrics, ExecutionPlanMetricsSet, MetricBuilder, MetricsSet, SpillMetrics, Time,
};
use datafusion::physical_plan::sorts::sort::SortExec;
use datafusion::physical_plan::spill::SpillManager;
use datafusion::physical_plan::statistics::{ChildStats, StatisticsArgs};
use datafusion::physical_plan::stream::{EmptyRecordBatchStream, RecordBatchStreamAdapter};
use datafusion::physical_plan::{
    DisplayAs, DisplayFormatType, ExecutionPlan, ExecutionPlanProperties, PlanProperties,
};
use futures::{StreamExt, TryStreamExt, stream};
use tokio::sync::Semaphore;

use self::order::By;
use super::once;
use super::scatter::{Lane, ScatterExec};

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

    /// What brings numbers for names, and how, if the order needs no more of a name than its number.
    fn numbered(&self) -> Option<(&ScatterExec, &Lane)> {
        let scatter = self.input.downcast_ref::<ScatterExec>()?;
        let lane = scatter.numbers()?;
        let reads_name =
            |e: &Arc<dyn PhysicalExpr>| e.exists(|e| Ok(is_name(e, lane))).unwrap_or(true);
        let enough = |e: &Arc<dyn PhysicalExpr>| e.is::<Column>() || !reads_name(e);
        self.order.iter().all(|by| enough(&by.expr)).then_some((scatter, lane))
    }

    /// The rows of a partition.
    fn rows(&self, partition: usize, context: &Arc<TaskContext>) -> Result<Rows> {
        let Some((scatter, lane)) = self.numbered() else {
            return Ok(Rows::AsTheyAre(self.input.execute(partition, Arc::clone(context))?));
        };
        match <[_; 2]>::try_from(scatter.lanes(partition, context)?) {
            Ok([texts, numbers]) => Ok(Rows::InLanes { texts, numbers, lane: lane.clone() }),
            Err(_) => internal_err!("BucketSortExec reads two lanes"),
        }
    }
}

/// Whether an expression is the column where `lane` has numbers for names.
fn is_name(e: &Arc<dyn PhysicalExpr>, lane: &Lane) -> bool {
    e.downcast_ref::<Column>().is_some_and(|column| Some(column.index()) == lane.name())
}

/// Rows that wait to be sorted.
enum Rows {
    AsTheyAre(SendableRecordBatchStream),
    InLanes { texts: SendableRecordBatchStream, numbers: SendableRecordBatchStream, lane: Lane },
}

impl Rows {
    /// All rows in one lane: that of numbers, if all of them have one.
    async fn in_one_lane(self) -> Result<(SendableRecordBatchStream, Lane)> {
        let (mut texts, numbers, lane) = match self {
            Self::AsTheyAre(rows) => {
                let lane = Lane::as_it_is(rows.schema());
                return Ok((rows, lane));
            }
            Self::InLanes { texts, numbers, lane } => (texts, numbers, lane),
        };
        let Some(first) = texts.try_next().await? else { return Ok((numbers, lane)) };
        let schema = texts.schema();
        let first = stream::iter([Ok(first)]);
        let rows = first.chain(texts).chain(numbers.map(move |rows| lane.back(&rows?)));
        let rows = RecordBatchStreamAdapter::new(Arc::clone(&schema), rows);
        Ok((Box::pin(rows), Lane::as_it_is(schema)))
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
        let rows = self.rows(partition, &context)?;
        let metrics = BaselineMetrics::new(&self.metrics, partition);
        let sorting = Sorting {
            order: self.order.clone(),
            turns: Arc::clone(&self.turns),
            reservation: MemoryConsumer::new(format!("BucketSortExec[{partition}]"))
                .register(context.memory_pool()),
            time: MetricBuilder::new(&self.metrics).subset_time("sort_time", partition),
            spilling: SpillMetrics::new(&self.metrics, partition),
            schema: self.schema(),
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
    spilling: SpillMetrics,
    schema: SchemaRef,
}

impl Sorting {
    async fn sort(self, rows: Rows) -> Result<SendableRecordBatchStream> {
        let turn = Arc::clone(&self.turns)
            .acquire_owned()
            .await
            .map_err(|e| DataFusionError::External(Box::new(e)))?;
        let (mut rows, lane) = rows.in_one_lane().await?;
        let mut batches = vec![];
        while let Some(batch) = rows.try_next().await? {
            // once as they come and once as one, and what their order takes
            let more = 2 * batch.get_array_memory_size() + ORDER * batch.num_rows();
            let fits = self.reservation.try_grow(more).is_ok() && self.leaves_room();
            batches.push(batch);
            if !fits {
                let sorted = self.leave_it(lane, batches, rows).await;
                drop(turn);
                return sorted;
            }
        }
        let Self { order, context, reservation, time, schema, .. } = self;
        let size = context.session_config().batch_size();
        let of_rows = rows.schema();
        // other partitions are read while this one is sorted
        let task = SpawnedTask::spawn_blocking(move || {
            let _timer = time.timer();
            let all = concat_batches(&of_rows, &batches)?;
            drop(batches);
            sorted(&order, all, lane)
        });
        let (all, sorted, lane) =
            task.join().await.map_err(|e| DataFusionError::ExecutionJoin(Box::new(e)))??;
        drop(turn);
        reservation.shrink(reservation.size() / 2);
        let batches = in_batches(all, sorted, size).map(move |batch| {
            let _held = &reservation;
            lane.back(&batch?)
        });
        Ok(Box::pin(RecordBatchStreamAdapter::new(schema, batches)))
    }

    /// Whether who reads the sorted rows has some memory too: all partitions may wait for them at once.
    fn leaves_room(&self) -> bool {
        let pool = self.context.memory_pool();
        match pool.memory_limit() {
            MemoryLimit::Finite(bytes) => pool.reserved() <= bytes / 4 * 3,
            MemoryLimit::Infinite | MemoryLimit::Unknown => true,
        }
    }

    /// Hands the partition to DataFusion's sort, which spills.
    async fn leave_it(
        self,
        lane: Lane,
        read: Vec<RecordBatch>,
        rest: SendableRecordBatchStream,
    ) -> Result<SendableRecordBatchStream> {
        drop(self.reservation);
        let all = stream::iter(read.into_iter().map(Ok)).chain(rest);
        let all = all.map(move |rows| lane.back(&rows?));
        let all: SendableRecordBatchStream =
            Box::pin(RecordBatchStreamAdapter::new(Arc::clone(&self.schema), all));
        let sort = SortExec::new(self.order, once::plan(all)?);
        let mut sorted = sort.execute(0, Arc::clone(&self.context))?;
        let compression = self.context.session_config().spill_compression();
        let disk = SpillManager::new(self.context.runtime_env(), self.spilling, self.schema)
            .with_compression_type(compression);
        let mut file = disk.create_in_progress_file("rows in order")?;
        let schema = sorted.schema();
        while let Some(batch) = sorted.try_next().await? {
            file.append_batch(&batch)?;
        }
        drop(sorted);
        match file.finish()? {
            Some(file) => disk.read_spill_as_stream_unbuffered(file, None),
            None => Ok(Box::pin(EmptyRecordBatchStream::new(schema))),
        }
    }
}

/// Rows, their numbers in `order`, and the lane that they are in.
fn sorted(
    order: &LexOrdering,
    all: RecordBatch,
    lane: Lane,
) -> Result<(RecordBatch, UInt32Array, Lane)> {
    let columns = order.iter().map(|by| {
        Ok(By { column: by.evaluate_to_sort_column(&all)?, names: is_name(&by.expr, &lane) })
    });
    let columns = columns.collect::<Result<Vec<_>>>()?;
    if let Some(sorted) = order::permutation(&columns)? {
        return Ok((all, sorted, lane));
    }
    // as the names that they are
    let all = lane.back(&all)?;
    let lane = Lane::as_it_is(all.schema());
    sorted(order, all, lane)
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
