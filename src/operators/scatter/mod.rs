//! Rows to buckets by the hash of their keys, all of them before the first bucket is read.
//!
//! This stands where DataFusion's `RepartitionExec` would, and sends a row to the same partition where
//! something counts them.
//! That one hands rows on as they come, so that every partition is at work at all times; with many
//! partitions their tables and buffers drive each other out of the processor's caches. Here what is
//! above works on one bucket after the other, and a bucket is small.
//!
//! Where a key is a text and nothing counts the partitions, rows whose text is a number
//! ([`names`](super::names)) are hashed, moved and kept with the number in its place, apart from the
//! others: in another lane. Who reads a bucket gets texts again, or each lane as it is.
//!
//! Memory: the rows themselves, packed (`packed.rs`); beyond a share of the session's limit, on disk
//! (`writer.rs`). A bucket's memory is free as soon as it was read.

mod lane;
mod packed;
mod writer;

use std::fmt;
use std::sync::{Arc, Mutex, PoisonError};

use datafusion::arrow::record_batch::RecordBatch;
use datafusion::common::runtime::SpawnedTask;
use datafusion::common::tree_node::TreeNodeRecursion;
use datafusion::common::{DataFusionError, Result, Statistics, internal_err};
use datafusion::execution::memory_pool::MemoryReservation;
use datafusion::execution::{SendableRecordBatchStream, SpillFile, TaskContext};
use datafusion::physical_expr::{EquivalenceProperties, PhysicalExpr};
use datafusion::physical_plan::execution_plan::{EmissionType, apply_expression_roots};
use datafusion::physical_plan::metrics::{BaselineMetrics, ExecutionPlanMetricsSet, MetricsSet};
use datafusion::physical_plan::spill::SpillManager;
use datafusion::physical_plan::statistics::{ChildStats, StatisticsArgs};
use datafusion::physical_plan::stream::RecordBatchStreamAdapter;
use datafusion::physical_plan::{
    DisplayAs, DisplayFormatType, Distribution, ExecutionPlan, ExecutionPlanProperties,
    Partitioning, PlanProperties,
};
use futures::future::BoxFuture;
use futures::{FutureExt, Stream, StreamExt, TryStreamExt, stream};

pub(super) use lane::{Lane, replaced};
use packed::Packed;
use writer::Writer;

use super::together::{Shared, Together};

/// The operator.
#[derive(Debug)]
pub(crate) struct ScatterExec {
    input: Arc<dyn ExecutionPlan>,
    keys: Vec<Arc<dyn PhysicalExpr>>,
    /// the first is that of the rows as they are; in the others a text is a number
    lanes: Vec<Lane>,
    properties: Arc<PlanProperties>,
    metrics: ExecutionPlanMetricsSet,
    scattered: Together<Buckets>,
}

/// Each bucket, until somebody reads it.
type Buckets = Vec<Mutex<Vec<Part>>>;

/// What one writer has put into a lane of a bucket.
struct Part {
    lane: Lane,
    spilled: Option<(SpillManager, Arc<dyn SpillFile>)>,
    packed: Vec<Packed>,
    reservation: MemoryReservation,
}

impl ScatterExec {
    /// Rows of `input` by the hash of `keys`, which are not empty.
    pub(crate) fn new(
        input: Arc<dyn ExecutionPlan>,
        keys: Vec<Arc<dyn PhysicalExpr>>,
        buckets: usize,
    ) -> Self {
        let lanes = vec![Lane::as_it_is(input.schema())];
        Self::in_lanes(input, keys, buckets, lanes)
    }

    /// The same where nothing counts the partitions: a row may be sent to another than
    /// DataFusion's `RepartitionExec` sends it to.
    pub(crate) fn uncounted(
        input: Arc<dyn ExecutionPlan>,
        keys: Vec<Arc<dyn PhysicalExpr>>,
        buckets: usize,
    ) -> Self {
        let as_it_is = Lane::as_it_is(input.schema());
        let lanes = Lane::numbered(&input.schema(), &keys).into_iter();
        let lanes = [as_it_is].into_iter().chain(lanes).collect();
        Self::in_lanes(input, keys, buckets, lanes)
    }

    fn in_lanes(
        input: Arc<dyn ExecutionPlan>,
        keys: Vec<Arc<dyn PhysicalExpr>>,
        buckets: usize,
        lanes: Vec<Lane>,
    ) -> Self {
        let mut equal: EquivalenceProperties = input.equivalence_properties().clone();
        equal.clear_orderings();
        equal.clear_per_partition_constants();
        let properties = PlanProperties::new(
            equal,
            Partitioning::Hash(keys.clone(), buckets.max(1)),
            EmissionType::Final,
            input.boundedness(),
        );
        Self {
            input,
            keys,
            lanes,
            properties: Arc::new(properties),
            metrics: ExecutionPlanMetricsSet::new(),
            scattered: Together::default(),
        }
    }

    /// Where the rows come from.
    pub(crate) fn input(&self) -> &Arc<dyn ExecutionPlan> {
        &self.input
    }

    fn buckets(&self) -> usize {
        self.properties.partitioning.partition_count()
    }

    /// The same work, not yet begun, over `input`.
    fn over(&self, input: Arc<dyn ExecutionPlan>) -> Arc<dyn ExecutionPlan> {
        let lanes = self.lanes.clone();
        Arc::new(Self::in_lanes(input, self.keys.clone(), self.buckets(), lanes))
    }

    /// The lane of numbers, if there is one.
    pub(crate) fn numbers(&self) -> Option<&Lane> {
        self.lanes.get(1)
    }

    /// The rows of a bucket, lane for lane, each as it was sent.
    pub(crate) fn lanes(
        &self,
        bucket: usize,
        context: &Arc<TaskContext>,
    ) -> Result<Vec<SendableRecordBatchStream>> {
        let scattered = self.scattered(context)?;
        let streams = self.lanes.iter().map(|lane| {
            let (scattered, of) = (scattered.clone(), lane.clone());
            let metrics = BaselineMetrics::new(&self.metrics, bucket);
            let rows = stream::once(async move {
                let parts = take(scattered, bucket, |part| part.lane == of).await?;
                Ok::<_, DataFusionError>(stream::iter(parts).flat_map(Part::rows))
            })
            .try_flatten()
            .inspect_ok(move |batch: &RecordBatch| metrics.record_output(batch.num_rows()));
            let schema = Arc::clone(lane.schema());
            Box::pin(RecordBatchStreamAdapter::new(schema, rows)) as SendableRecordBatchStream
        });
        Ok(streams.collect())
    }

    /// What all buckets wait for.
    fn scattered(&self, context: &Arc<TaskContext>) -> Result<Shared<Buckets>> {
        self.scattered.join(self.buckets(), || self.start(context))
    }

    /// Starts reading, as soon as the first stream is polled.
    fn start(&self, context: &Arc<TaskContext>) -> Result<BoxFuture<'static, Result<Buckets>>> {
        let inputs = self.input.output_partitioning().partition_count();
        let writers = (0..inputs)
            .map(|i| {
                let rows = self.input.execute(i, Arc::clone(context))?;
                let writer = Writer::new(self, i, inputs, context)?;
                Ok((rows, writer))
            })
            .collect::<Result<Vec<_>>>()?;
        let buckets = self.buckets();
        let work = async move {
            let tasks: Vec<_> = writers
                .into_iter()
                .map(|(rows, writer)| SpawnedTask::spawn(writer.write(rows)))
                .collect();
            let mut all: Vec<Vec<Part>> = (0..buckets).map(|_| vec![]).collect();
            for task in tasks {
                let parts = task
                    .join()
                    .await
                    .map_err(|e| DataFusionError::ExecutionJoin(Box::new(e)))??;
                for (bucket, part) in all.iter_mut().zip(parts) {
                    bucket.extend(part);
                }
            }
            Ok(all.into_iter().map(Mutex::new).collect())
        };
        Ok(work.boxed())
    }
}

impl DisplayAs for ScatterExec {
    fn fmt_as(&self, kind: DisplayFormatType, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let keys: Vec<String> = self.keys.iter().map(ToString::to_string).collect();
        match kind {
            DisplayFormatType::TreeRender => write!(f, "keys={}", keys.join(", ")),
            _ => write!(f, "ScatterExec: keys=[{}], buckets={}", keys.join(", "), self.buckets()),
        }
    }
}

impl ExecutionPlan for ScatterExec {
    fn name(&self) -> &'static str {
        "ScatterExec"
    }

    fn properties(&self) -> &Arc<PlanProperties> {
        &self.properties
    }

    fn required_input_distribution(&self) -> Vec<Distribution> {
        vec![Distribution::UnspecifiedDistribution]
    }

    fn maintains_input_order(&self) -> Vec<bool> {
        vec![false]
    }

    fn benefits_from_input_partitioning(&self) -> Vec<bool> {
        vec![true]
    }

    fn children(&self) -> Vec<&Arc<dyn ExecutionPlan>> {
        vec![&self.input]
    }

    fn apply_expressions(
        &self,
        f: &mut dyn FnMut(&Arc<dyn PhysicalExpr>) -> Result<TreeNodeRecursion>,
    ) -> Result<TreeNodeRecursion> {
        apply_expression_roots(&self.keys, f)
    }

    fn with_new_children(
        self: Arc<Self>,
        mut children: Vec<Arc<dyn ExecutionPlan>>,
    ) -> Result<Arc<dyn ExecutionPlan>> {
        match (children.pop(), children.is_empty()) {
            (Some(input), true) => Ok(self.over(input)),
            _ => internal_err!("ScatterExec has one input"),
        }
    }

    fn reset_state(self: Arc<Self>) -> Result<Arc<dyn ExecutionPlan>> {
        Ok(self.over(Arc::clone(&self.input)))
    }

    fn execute(
        &self,
        partition: usize,
        context: Arc<TaskContext>,
    ) -> Result<SendableRecordBatchStream> {
        let scattered = self.scattered(&context)?;
        let metrics = BaselineMetrics::new(&self.metrics, partition);
        let rows = stream::once(async move {
            let parts = take(scattered, partition, |_| true).await?;
            Ok::<_, DataFusionError>(stream::iter(parts).flat_map(|part| {
                let lane = part.lane.clone();
                part.rows().map(move |rows| lane.back(&rows?))
            }))
        })
        .try_flatten()
        .inspect_ok(move |batch: &RecordBatch| metrics.record_output(batch.num_rows()));
        Ok(Box::pin(RecordBatchStreamAdapter::new(self.schema(), rows)))
    }

    fn metrics(&self) -> Option<MetricsSet> {
        Some(self.metrics.clone_inner())
    }

    fn child_stats_requests(&self, _partition: Option<usize>) -> Vec<ChildStats> {
        vec![ChildStats::At(None)]
    }

    fn statistics_from_inputs(
        &self,
        inputs: &[Arc<Statistics>],
        args: &StatisticsArgs,
    ) -> Result<Arc<Statistics>> {
        match inputs {
            [input] if args.partition().is_none() => Ok(Arc::clone(input)),
            _ => Ok(Arc::new(Statistics::new_unknown(&self.schema()))),
        }
    }
}

/// The parts of a bucket that nobody has taken yet.
async fn take(
    scattered: Shared<Buckets>,
    bucket: usize,
    which: impl Fn(&Part) -> bool,
) -> Result<Vec<Part>> {
    let buckets = scattered.await.map_err(DataFusionError::Shared)?;
    let Some(bucket) = buckets.get(bucket) else {
        return internal_err!("there is no bucket {bucket}");
    };
    let mut parts = bucket.lock().unwrap_or_else(PoisonError::into_inner);
    Ok(parts.extract_if(.., |part| which(part)).collect())
}

impl Part {
    /// The rows as they were sent, whose memory is free when they were handed on.
    fn rows(self) -> impl Stream<Item = Result<RecordBatch>> + Send {
        let Self { spilled, packed, reservation, .. } = self;
        let from_disk = stream::iter(spilled)
            .map(|(manager, file)| manager.read_spill_as_stream_unbuffered(file, None))
            .try_flatten();
        let from_memory = stream::iter(packed).map(move |rows| {
            let batch = rows.batch();
            reservation.shrink(rows.bytes().min(reservation.size()));
            batch
        });
        from_disk.chain(from_memory)
    }
}

impl fmt::Debug for Part {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Part").field("packed", &self.packed.len()).finish_non_exhaustive()
    }
}
