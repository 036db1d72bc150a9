//! A scan of a clustered table: ranges of customers one after the other, their files merged, every
//! row held against the order that is declared.

use std::fmt;
use std::sync::Arc;

use datafusion::arrow::compute::SortOptions;
use datafusion::common::config::ConfigOptions;
use datafusion::common::tree_node::TreeNodeRecursion;
use datafusion::common::{Result, SplitPoint, Statistics, internal_err};
use datafusion::execution::memory_pool::MemoryConsumer;
use datafusion::execution::{SendableRecordBatchStream, TaskContext};
use datafusion::physical_expr::expressions::Column;
use datafusion::physical_expr::{
    EquivalenceProperties, LexOrdering, Partitioning, PhysicalExpr, PhysicalSortExpr,
    RangePartitioning,
};
use datafusion::physical_plan::execution_plan::{Boundedness, EmissionType};
use datafusion::physical_plan::filter_pushdown::{
    ChildPushdownResult, FilterDescription, FilterPushdownPhase, FilterPushdownPropagation,
};
use datafusion::physical_plan::metrics::{
    BaselineMetrics, ExecutionPlanMetricsSet, MetricBuilder, MetricsSet, Time,
};
use datafusion::physical_plan::sorts::streaming_merge::StreamingMergeBuilder;
use datafusion::physical_plan::statistics::{ChildStats, StatisticsArgs};
use datafusion::physical_plan::stream::RecordBatchStreamAdapter;
use datafusion::physical_plan::{
    ChildrenPropertiesMode, DisplayAs, DisplayFormatType, ExecutionPlan, ExecutionPlanProperties,
    PlanProperties, ReplaceChildrenOptions,
};
use futures::{StreamExt, TryStreamExt, stream};

use super::Order;
use super::check::Check;
use super::key::Key;
use super::layout::Bounds;

/// NULLs last, as ascending `ORDER BY` has them.
fn options(descending: bool) -> SortOptions {
    SortOptions { descending, nulls_first: false }
}

/// A range of a partition.
#[derive(Debug, Clone)]
struct Range {
    bounds: Bounds,
    /// partitions of the input, and the names of their files
    files: Vec<(usize, String)>,
}

/// The plan of a scan in order.
#[derive(Debug, Clone)]
pub(crate) struct ClusteredExec {
    /// one partition for each file
    input: Arc<dyn ExecutionPlan>,
    /// of each partition
    ranges: Arc<Vec<Vec<Range>>>,
    /// column of the customer
    key: usize,
    /// columns that the rows of a customer are in the order of
    then: Vec<(usize, SortOptions)>,
    ordering: LexOrdering,
    properties: Arc<PlanProperties>,
    metrics: ExecutionPlanMetricsSet,
}

impl ClusteredExec {
    /// `input` has a partition for each file of `files`, in the order of `order.ranges`; it reads the
    /// column of the customer.
    pub(crate) fn try_new(
        input: Arc<dyn ExecutionPlan>,
        order: &Order,
        files: &[String],
        partitions: usize,
    ) -> Result<Self> {
        let schema = input.schema();
        let Some((key, _)) = schema.column_with_name(&order.key) else {
            return internal_err!("a scan in order does not read the customer");
        };
        // as far as they are read: the order of later columns is that among equals only
        let read = order.then.iter().map_while(|(column, down)| {
            schema.column_with_name(column).map(|(at, _)| (at, options(*down)))
        });
        let then: Vec<_> = read.collect();
        let sort = |(at, options): (usize, SortOptions)| {
            let column = Column::new(schema.field(at).name(), at);
            PhysicalSortExpr::new(Arc::new(column), options)
        };
        let by = [(key, options(false))];
        let Some(ordering) = LexOrdering::new(by.iter().chain(&then).copied().map(sort)) else {
            return internal_err!("a scan in order has no order");
        };
        let Some(by_key) = LexOrdering::new(by.map(sort)) else {
            return internal_err!("a scan in order has no key");
        };
        let spread = order.layout.spread(partitions);
        let point = |split: &Key| SplitPoint::new(vec![split.scalar()]);
        let partitioning = Partitioning::Range(RangePartitioning::try_new(
            by_key,
            spread.splits.iter().map(point).collect(),
        )?);
        let mut ranges: Vec<Vec<Range>> = vec![vec![]; spread.splits.len() + 1];
        let numbers = (0..order.layout.ranges()).map(Some).chain([None]);
        for number in numbers {
            let of = order.ranges.iter().zip(files).enumerate();
            let files: Vec<_> = of
                .filter(|(_, (range, _))| **range == number)
                .map(|(at, (_, name))| (at, name.clone()))
                .collect();
            let partition = match number {
                Some(range) => spread.of_range.get(range).copied().unwrap_or_default(),
                None => spread.splits.len(),
            };
            if let Some(partition) = ranges.get_mut(partition)
                && !files.is_empty()
            {
                partition.push(Range { bounds: order.layout.bounds(number), files });
            }
        }
        let properties = PlanProperties::new(
            EquivalenceProperties::new_with_orderings(schema, [ordering.clone()]),
            partitioning,
            EmissionType::Incremental,
            Boundedness::Bounded,
        );
        Ok(Self {
            input,
            ranges: Arc::new(ranges),
            key,
            then,
            ordering,
            properties: Arc::new(properties),
            metrics: ExecutionPlanMetricsSet::new(),
        })
    }

    /// The rows of a range, in order.
    fn range(
        &self,
        range: &Range,
        partition: usize,
        context: &Arc<TaskContext>,
    ) -> Result<SendableRecordBatchStream> {
        let mut streams = Vec::with_capacity(range.files.len());
        let time = MetricBuilder::new(&self.metrics).subset_time("check_time", partition);
        for (at, name) in &range.files {
            let rows = self.input.execute(*at, Arc::clone(context))?;
            let check = Check::new(name, range.bounds.clone(), self.key, self.then.clone());
            streams.push(checked(rows, check, time.clone()));
        }
        if streams.len() == 1
            && let Some(only) = streams.pop()
        {
            return Ok(only);
        }
        let memory = MemoryConsumer::new(format!("ClusteredExec[{partition}]"));
        StreamingMergeBuilder::new()
            .with_streams(streams)
            .with_schema(self.schema())
            .with_expressions(&self.ordering)
            .with_batch_size(context.session_config().batch_size())
            .with_metrics(BaselineMetrics::new(&ExecutionPlanMetricsSet::new(), partition))
            .with_reservation(memory.register(context.memory_pool()))
            .build()
    }
}

/// The rows of a file, each batch held against the order.
fn checked(
    rows: SendableRecordBatchStream,
    mut check: Check,
    time: Time,
) -> SendableRecordBatchStream {
    let schema = rows.schema();
    let rows = rows.map(move |batch| {
        let batch = batch?;
        let _timer = time.timer();
        check.see(&batch)?;
        Ok(batch)
    });
    Box::pin(RecordBatchStreamAdapter::new(schema, rows))
}

impl DisplayAs for ClusteredExec {
    fn fmt_as(&self, t: DisplayFormatType, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let ranges: usize = self.ranges.iter().map(Vec::len).sum();
        match t {
            DisplayFormatType::Default | DisplayFormatType::Verbose => {
                let partitions = self.ranges.len();
                write!(
                    f,
                    "ClusteredExec: order=[{}], ranges={ranges}, partitions={partitions}",
                    self.ordering
                )
            }
            DisplayFormatType::TreeRender => write!(f, "ranges={ranges}"),
        }
    }
}

impl ExecutionPlan for ClusteredExec {
    fn name(&self) -> &'static str {
        "ClusteredExec"
    }

    fn properties(&self) -> &Arc<PlanProperties> {
        &self.properties
    }

    fn children(&self) -> Vec<&Arc<dyn ExecutionPlan>> {
        vec![&self.input]
    }

    fn benefits_from_input_partitioning(&self) -> Vec<bool> {
        vec![false]
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
        let Ok([input]) = <[_; 1]>::try_from(children) else {
            return internal_err!("ClusteredExec has one child");
        };
        let same = self.input.output_partitioning().partition_count()
            == input.output_partitioning().partition_count();
        if !same || self.input.schema() != input.schema() {
            return internal_err!("the files under ClusteredExec cannot be exchanged");
        }
        let metrics = ExecutionPlanMetricsSet::new();
        Ok(Arc::new(Self { input, metrics, ..Arc::unwrap_or_clone(self) }))
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
        let Some(ranges) = self.ranges.get(partition).cloned() else {
            return internal_err!("ClusteredExec has no partition {partition}");
        };
        let this = self.clone();
        let rows = stream::iter(ranges)
            .map(move |range| this.range(&range, partition, &context))
            .try_flatten();
        Ok(Box::pin(RecordBatchStreamAdapter::new(self.schema(), rows)))
    }

    fn metrics(&self) -> Option<MetricsSet> {
        Some(self.metrics.clone_inner())
    }

    fn child_stats_requests(&self, partition: Option<usize>) -> Vec<ChildStats> {
        vec![if partition.is_none() { ChildStats::At(None) } else { ChildStats::Skip }]
    }

    fn statistics_from_inputs(
        &self,
        input_stats: &[Arc<Statistics>],
        args: &StatisticsArgs,
    ) -> Result<Arc<Statistics>> {
        match (args.partition(), input_stats) {
            (None, [all]) => Ok(Arc::clone(all)),
            _ => Ok(Arc::new(Statistics::new_unknown(&self.schema()))),
        }
    }

    fn gather_filters_for_pushdown(
        &self,
        _phase: FilterPushdownPhase,
        parent_filters: Vec<Arc<dyn PhysicalExpr>>,
        _config: &ConfigOptions,
    ) -> Result<FilterDescription> {
        FilterDescription::from_children(parent_filters, &self.children())
    }

    fn handle_child_pushdown_result(
        &self,
        _phase: FilterPushdownPhase,
        child_pushdown_result: ChildPushdownResult,
        _config: &ConfigOptions,
    ) -> Result<FilterPushdownPropagation<Arc<dyn ExecutionPlan>>> {
        Ok(FilterPushdownPropagation::if_all(child_pushdown_result))
    }
}
