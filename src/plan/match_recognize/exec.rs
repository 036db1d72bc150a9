//! The operator of `MATCH_RECOGNIZE`: input in the order of the keys and ORDER BY, some whole
//! partitions in memory at a time.

use std::fmt;
use std::sync::Arc;

use datafusion::arrow::array::RecordBatch;
use datafusion::arrow::compute::BatchCoalescer;
use datafusion::arrow::datatypes::SchemaRef;
use datafusion::common::tree_node::TreeNodeRecursion;
use datafusion::common::{Result, internal_err};
use datafusion::execution::memory_pool::{MemoryConsumer, MemoryReservation};
use datafusion::execution::{SendableRecordBatchStream, TaskContext};
use datafusion::physical_expr::equivalence::ProjectionMapping;
use datafusion::physical_expr::{
    LexRequirement, OrderingRequirements, PhysicalExpr, PhysicalSortExpr, PhysicalSortRequirement,
};
use datafusion::physical_plan::execution_plan::EmissionType;
use datafusion::physical_plan::metrics::{
    BaselineMetrics, Count, ExecutionPlanMetricsSet, MetricBuilder, MetricsSet,
};
use datafusion::physical_plan::stream::RecordBatchStreamAdapter;
use datafusion::physical_plan::{
    ChildrenPropertiesMode, DisplayAs, DisplayFormatType, Distribution, ExecutionPlan,
    ExecutionPlanProperties, InputDistributionRequirements, PlanProperties, ReplaceChildrenOptions,
    apply_expression_roots,
};
use futures::StreamExt;

use super::chunk::Buffer;
use super::compile::Compiled;
use super::run::{Progress, Run};

/// Steps between two moments at which others may work, or the statement may be cancelled.
const STEPS: u64 = 20_000;

/// The operator.
#[derive(Debug)]
pub(crate) struct MatchRecognizeExec {
    input: Arc<dyn ExecutionPlan>,
    compiled: Arc<Compiled>,
    keys: Vec<Arc<dyn PhysicalExpr>>,
    order: Vec<PhysicalSortExpr>,
    schema: SchemaRef,
    properties: Arc<PlanProperties>,
    metrics: ExecutionPlanMetricsSet,
}

impl MatchRecognizeExec {
    pub(crate) fn try_new(
        input: Arc<dyn ExecutionPlan>,
        compiled: Arc<Compiled>,
        keys: Vec<Arc<dyn PhysicalExpr>>,
        order: Vec<PhysicalSortExpr>,
        schema: SchemaRef,
    ) -> Result<Self> {
        // the keys are the first columns of the answer, and come in the order of the input
        let names = schema.fields().iter().map(|f| f.name().clone());
        let pairs = keys.iter().map(Arc::clone).zip(names);
        let mapping = ProjectionMapping::try_new(pairs, &input.schema())?;
        let equivalence = input.equivalence_properties();
        let partitioning = input.output_partitioning().project(&mapping, equivalence);
        let emission =
            if keys.is_empty() { EmissionType::Final } else { EmissionType::Incremental };
        let properties = Arc::new(PlanProperties::new(
            equivalence.project(&mapping, Arc::clone(&schema)),
            partitioning,
            emission,
            input.boundedness(),
        ));
        let metrics = ExecutionPlanMetricsSet::new();
        Ok(Self { input, compiled, keys, order, schema, properties, metrics })
    }
}

impl DisplayAs for MatchRecognizeExec {
    fn fmt_as(&self, format: DisplayFormatType, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match format {
            DisplayFormatType::TreeRender => {
                let names = &self.compiled.names;
                write!(f, "variables={}", names.join(", "))
            }
            _ => write!(f, "MatchRecognizeExec: {}", self.compiled.summary),
        }
    }
}

impl ExecutionPlan for MatchRecognizeExec {
    fn name(&self) -> &'static str {
        "MatchRecognizeExec"
    }

    fn properties(&self) -> &Arc<PlanProperties> {
        &self.properties
    }

    fn children(&self) -> Vec<&Arc<dyn ExecutionPlan>> {
        vec![&self.input]
    }

    fn input_distribution_requirements(&self) -> InputDistributionRequirements {
        InputDistributionRequirements::new(vec![if self.keys.is_empty() {
            Distribution::SinglePartition
        } else {
            Distribution::KeyPartitioned(self.keys.clone())
        }])
    }

    fn required_input_ordering(&self) -> Vec<Option<OrderingRequirements>> {
        let keys = self.keys.iter().map(|e| PhysicalSortRequirement::new(Arc::clone(e), None));
        let order = self.order.iter().cloned().map(PhysicalSortRequirement::from);
        vec![LexRequirement::new(keys.chain(order)).map(OrderingRequirements::new)]
    }

    fn apply_expressions(
        &self,
        f: &mut dyn FnMut(&Arc<dyn PhysicalExpr>) -> Result<TreeNodeRecursion>,
    ) -> Result<TreeNodeRecursion> {
        let order = self.order.iter().map(|key| &key.expr);
        apply_expression_roots(self.keys.iter().chain(order).chain(&self.compiled.values), f)
    }

    fn replace_children(
        self: Arc<Self>,
        children: Vec<Arc<dyn ExecutionPlan>>,
        _options: ReplaceChildrenOptions,
    ) -> Result<Arc<dyn ExecutionPlan>> {
        let Some(input) = children.into_iter().next() else {
            return internal_err!("MATCH_RECOGNIZE needs an input");
        };
        Ok(Arc::new(Self::try_new(
            input,
            Arc::clone(&self.compiled),
            self.keys.clone(),
            self.order.clone(),
            Arc::clone(&self.schema),
        )?))
    }

    fn with_new_children(
        self: Arc<Self>,
        children: Vec<Arc<dyn ExecutionPlan>>,
    ) -> Result<Arc<dyn ExecutionPlan>> {
        self.replace_children(
            children,
            ReplaceChildrenOptions::new(ChildrenPropertiesMode::Recompute),
        )
    }

    fn metrics(&self) -> Option<MetricsSet> {
        Some(self.metrics.clone_inner())
    }

    fn execute(
        &self,
        partition: usize,
        context: Arc<TaskContext>,
    ) -> Result<SendableRecordBatchStream> {
        let batch_size = context.session_config().batch_size();
        let state = State {
            input: self.input.execute(partition, Arc::clone(&context))?,
            buffer: Buffer::new(Arc::clone(&self.compiled), batch_size),
            run: Run::new(&self.compiled, Arc::clone(&self.schema), batch_size),
            out: BatchCoalescer::new(Arc::clone(&self.schema), batch_size),
            stage: Stage::Reading,
            memory: MemoryConsumer::new("MatchRecognize").register(context.memory_pool()),
            baseline: BaselineMetrics::new(&self.metrics, partition),
            steps: MetricBuilder::new(&self.metrics).counter("steps", partition),
        };
        let batches = futures::stream::try_unfold(state, |mut state| async move {
            Ok(state.next().await?.map(|batch| (batch, state)))
        });
        Ok(Box::pin(RecordBatchStreamAdapter::new(Arc::clone(&self.schema), batches)))
    }
}

enum Stage {
    Reading,
    Matching {
        /// the input has ended
        last: bool,
    },
    Ended,
}

/// One partition of the plan as it runs.
struct State {
    input: SendableRecordBatchStream,
    buffer: Buffer,
    run: Run,
    out: BatchCoalescer,
    stage: Stage,
    memory: MemoryReservation,
    baseline: BaselineMetrics,
    steps: Count,
}

impl State {
    async fn next(&mut self) -> Result<Option<RecordBatch>> {
        let time = self.baseline.elapsed_compute().clone();
        loop {
            if let Some(batch) = self.out.next_completed_batch() {
                self.baseline.record_output(batch.num_rows());
                return Ok(Some(batch));
            }
            match self.stage {
                Stage::Ended => return Ok(None),
                Stage::Reading => {
                    let batch = self.input.next().await.transpose()?;
                    let timer = time.timer();
                    let end = batch.is_none();
                    if let Some(batch) = &batch {
                        self.buffer.push(batch)?;
                        self.memory.try_resize(self.buffer.size())?;
                    }
                    if end || self.buffer.is_full() {
                        // they are copied into one
                        self.memory.try_grow(self.buffer.size())?;
                        match self.buffer.take(end)? {
                            Some(chunk) => {
                                self.run.begin(chunk);
                                self.stage = Stage::Matching { last: end };
                            }
                            None if end => self.end()?,
                            None => {}
                        }
                        self.memory.try_resize(self.buffer.size() + self.run.size())?;
                    }
                    timer.done();
                }
                Stage::Matching { last } => {
                    let timer = time.timer();
                    let progress = self.run.step(STEPS)?;
                    self.steps.add(usize::try_from(self.run.steps()).unwrap_or(0));
                    let mut paused = false;
                    match progress {
                        Progress::Rows(batch) => self.out.push_batch(batch)?,
                        Progress::Paused => paused = true,
                        Progress::Done if last => self.end()?,
                        Progress::Done => self.stage = Stage::Reading,
                    }
                    self.memory.try_resize(self.buffer.size() + self.run.size())?;
                    timer.done();
                    if paused {
                        tokio::task::yield_now().await;
                    }
                }
            }
        }
    }

    fn end(&mut self) -> Result<()> {
        self.stage = Stage::Ended;
        Ok(self.out.finish_buffered_batch()?)
    }
}
