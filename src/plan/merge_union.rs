//! A union of rows that come in one order, range by range, is a merge.
//!
//! The tables of a clustered lake (`lake::clustered`) have the same ranges of customers and are
//! sorted by customer and time. Their `UNION ALL`, which the view `events` is where several tables
//! hold events, has rows of a customer in as many places as there are tables, and DataFusion's union
//! keeps neither their order nor the ranges. Merged within each range, the rows are in one order
//! again, and what follows needs no sort and no shuffle. The rule stands before the one that adds
//! sorts and shuffles.

use std::fmt;
use std::sync::Arc;

use datafusion::arrow::datatypes::SchemaRef;
use datafusion::common::config::ConfigOptions;
use datafusion::common::tree_node::{Transformed, TreeNode, TreeNodeRecursion};
use datafusion::common::{Result, Statistics, internal_err};
use datafusion::execution::memory_pool::MemoryConsumer;
use datafusion::execution::{SendableRecordBatchStream, TaskContext};
use datafusion::physical_expr::{
    EquivalenceProperties, LexOrdering, OrderingRequirements, Partitioning, PhysicalExpr,
};
use datafusion::physical_optimizer::PhysicalOptimizerRule;
use datafusion::physical_plan::execution_plan::{Boundedness, EmissionType};
use datafusion::physical_plan::metrics::{BaselineMetrics, ExecutionPlanMetricsSet, MetricsSet};
use datafusion::physical_plan::sorts::streaming_merge::StreamingMergeBuilder;
use datafusion::physical_plan::union::{UnionExec, can_interleave};
use datafusion::physical_plan::{
    ChildStats, ChildrenPropertiesMode, DisplayAs, DisplayFormatType, ExecutionPlan,
    ExecutionPlanProperties, PlanProperties, ReplaceChildrenOptions, StatisticsArgs,
};

/// The rule.
#[derive(Debug, Default)]
pub(crate) struct MergeUnion;

impl PhysicalOptimizerRule for MergeUnion {
    fn optimize(
        &self,
        plan: Arc<dyn ExecutionPlan>,
        _config: &ConfigOptions,
    ) -> Result<Arc<dyn ExecutionPlan>> {
        let done = plan.transform_up(|plan| match merged(&plan) {
            Some(merged) => Ok(Transformed::yes(merged)),
            None => Ok(Transformed::no(plan)),
        })?;
        Ok(done.data)
    }

    fn name(&self) -> &'static str {
        "merge_union"
    }

    fn schema_check(&self) -> bool {
        true
    }
}

/// A union whose inputs have the same ranges and an order that begins with their key.
fn merged(plan: &Arc<dyn ExecutionPlan>) -> Option<Arc<dyn ExecutionPlan>> {
    let union = plan.downcast_ref::<UnionExec>()?;
    let ordering = union.properties().output_ordering()?.clone();
    let first = union.inputs().first()?;
    let Partitioning::Range(range) = first.output_partitioning() else { return None };
    let by_key = range.ordering().iter().zip(ordering.iter()).all(|(a, b)| a == b);
    let fits = by_key
        && range.ordering().len() <= ordering.len()
        && range.partition_count() > 1
        && can_interleave(union.inputs().iter());
    fits.then(|| {
        Arc::new(MergeUnionExec::new(union.schema(), union.inputs().clone(), ordering)) as _
    })
}

/// The rows of all inputs, merged partition by partition.
#[derive(Debug, Clone)]
struct MergeUnionExec {
    inputs: Vec<Arc<dyn ExecutionPlan>>,
    ordering: LexOrdering,
    properties: Arc<PlanProperties>,
    metrics: ExecutionPlanMetricsSet,
}

impl MergeUnionExec {
    /// `inputs` have the ranges of the first and all this order.
    fn new(schema: SchemaRef, inputs: Vec<Arc<dyn ExecutionPlan>>, ordering: LexOrdering) -> Self {
        let partitioning = inputs.first().map_or(Partitioning::UnknownPartitioning(0), |input| {
            input.output_partitioning().clone()
        });
        let properties = PlanProperties::new(
            EquivalenceProperties::new_with_orderings(schema, [ordering.clone()]),
            partitioning,
            EmissionType::Incremental,
            Boundedness::Bounded,
        );
        let metrics = ExecutionPlanMetricsSet::new();
        Self { inputs, ordering, properties: Arc::new(properties), metrics }
    }
}

impl DisplayAs for MergeUnionExec {
    fn fmt_as(&self, t: DisplayFormatType, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match t {
            DisplayFormatType::Default | DisplayFormatType::Verbose => {
                write!(f, "MergeUnionExec: order=[{}]", self.ordering)
            }
            DisplayFormatType::TreeRender => Ok(()),
        }
    }
}

impl ExecutionPlan for MergeUnionExec {
    fn name(&self) -> &'static str {
        "MergeUnionExec"
    }

    fn properties(&self) -> &Arc<PlanProperties> {
        &self.properties
    }

    fn children(&self) -> Vec<&Arc<dyn ExecutionPlan>> {
        self.inputs.iter().collect()
    }

    fn required_input_ordering(&self) -> Vec<Option<OrderingRequirements>> {
        vec![Some(OrderingRequirements::from(self.ordering.clone())); self.inputs.len()]
    }

    /// it demands an order and makes it again: no other one of the inputs comes through
    fn maintains_input_order(&self) -> Vec<bool> {
        vec![false; self.inputs.len()]
    }

    fn benefits_from_input_partitioning(&self) -> Vec<bool> {
        vec![false; self.inputs.len()]
    }

    fn apply_expressions(
        &self,
        _f: &mut dyn FnMut(&Arc<dyn PhysicalExpr>) -> Result<TreeNodeRecursion>,
    ) -> Result<TreeNodeRecursion> {
        Ok(TreeNodeRecursion::Continue)
    }

    fn replace_children(
        self: Arc<Self>,
        children: Vec<Arc<dyn ExecutionPlan>>,
        _options: ReplaceChildrenOptions,
    ) -> Result<Arc<dyn ExecutionPlan>> {
        if !can_interleave(children.iter()) {
            return internal_err!("the inputs of MergeUnionExec have lost their ranges");
        }
        Ok(Arc::new(Self::new(self.schema(), children, self.ordering.clone())))
    }

    fn with_new_children(
        self: Arc<Self>,
        children: Vec<Arc<dyn ExecutionPlan>>,
    ) -> Result<Arc<dyn ExecutionPlan>> {
        let all = ReplaceChildrenOptions::new(ChildrenPropertiesMode::Recompute);
        self.replace_children(children, all)
    }

    fn execute(
        &self,
        partition: usize,
        context: Arc<TaskContext>,
    ) -> Result<SendableRecordBatchStream> {
        let rows = |input: &Arc<dyn ExecutionPlan>| input.execute(partition, Arc::clone(&context));
        let memory = MemoryConsumer::new(format!("MergeUnionExec[{partition}]"));
        StreamingMergeBuilder::new()
            .with_streams(self.inputs.iter().map(rows).collect::<Result<_>>()?)
            .with_schema(self.schema())
            .with_expressions(&self.ordering)
            .with_batch_size(context.session_config().batch_size())
            .with_metrics(BaselineMetrics::new(&self.metrics, partition))
            .with_reservation(memory.register(context.memory_pool()))
            .build()
    }

    fn metrics(&self) -> Option<MetricsSet> {
        Some(self.metrics.clone_inner())
    }

    fn child_stats_requests(&self, partition: Option<usize>) -> Vec<ChildStats> {
        self.inputs.iter().map(|_| ChildStats::At(partition)).collect()
    }

    fn statistics_from_inputs(
        &self,
        input_stats: &[Arc<Statistics>],
        _args: &StatisticsArgs,
    ) -> Result<Arc<Statistics>> {
        let all = input_stats.iter().map(AsRef::as_ref);
        Ok(Arc::new(Statistics::try_merge_iter(all, &self.schema())?))
    }
}
