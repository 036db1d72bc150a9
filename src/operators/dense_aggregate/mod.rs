//! Groups by a number whose values lie close together, of aggregates that keep a few bits of each.
//!
//! The rows need not be brought together by group: every thread sets the bits of a row where its
//! group has its place ([`table`]). A table is as large as there can be groups, whether they have rows
//! or not; where the session has not the memory for one for each thread, the rows go the ordinary way.

mod table;

use std::fmt;
use std::ops::{Range, RangeInclusive};
use std::sync::Arc;

use datafusion::arrow::array::{Array, ArrayRef, AsArray, BooleanArray};
use datafusion::arrow::compute::cast;
use datafusion::arrow::datatypes::{DataType, Int64Type};
use datafusion::arrow::record_batch::RecordBatch;
use datafusion::common::runtime::SpawnedTask;
use datafusion::common::tree_node::TreeNodeRecursion;
use datafusion::common::{DataFusionError, Result, Statistics, exec_err, internal_err};
use datafusion::execution::memory_pool::{MemoryConsumer, MemoryLimit, MemoryReservation};
use datafusion::execution::{SendableRecordBatchStream, TaskContext};
use datafusion::logical_expr::{EmitTo, GroupsAccumulator};
use datafusion::physical_expr::PhysicalExpr;
use datafusion::physical_plan::aggregates::AggregateExec;
use datafusion::physical_plan::metrics::{
    BaselineMetrics, ExecutionPlanMetricsSet, MetricBuilder, MetricValue, MetricsSet, Time,
};
use datafusion::physical_plan::statistics::{ChildStats, StatisticsArgs};
use datafusion::physical_plan::stream::RecordBatchStreamAdapter;
use datafusion::physical_plan::{
    DisplayAs, DisplayFormatType, ExecutionPlan, ExecutionPlanProperties, PlanProperties,
    replace_children_if_necessary,
};
use futures::future::BoxFuture;
use futures::{FutureExt, StreamExt, TryStreamExt, stream};

use self::table::{Found, Places, Table, found};
use super::scatter::ScatterExec;
use super::together::Together;
use crate::udfs::retention::facts::Facts;

/// Of the session's memory that is free, what tables may take at most: a half, as rows that wait.
const SHARE: usize = 2;

/// The operator.
#[derive(Debug)]
pub(crate) struct DenseAggregateExec {
    /// what is stood in for, over a [`ScatterExec`]
    aggregate: Arc<AggregateExec>,
    input: Arc<dyn ExecutionPlan>,
    groups: RangeInclusive<i64>,
    /// of each aggregate
    facts: Vec<Facts>,
    places: Places,
    /// bytes that all tables may have together
    most: usize,
    filled: Together<Option<Filled>>,
    metrics: ExecutionPlanMetricsSet,
}

/// The tables when all rows have been read.
struct Filled {
    places: usize,
    tables: Vec<Table>,
    _reservation: MemoryReservation,
}

/// What is read of a row.
struct Reader {
    group: Arc<dyn PhysicalExpr>,
    aggregates: Vec<Told>,
    table: Table,
    time: Time,
}

/// How an aggregate is told of a row.
struct Told {
    facts: Facts,
    args: Vec<Arc<dyn PhysicalExpr>>,
    filter: Option<Arc<dyn PhysicalExpr>>,
    /// its first bit
    at: usize,
}

/// Bits of a group: the first that it is there, then the facts.
fn bits(facts: &[Facts]) -> usize {
    1 + facts.iter().map(|f| f.count()).sum::<usize>()
}

/// The first bit of each.
fn first_bits(facts: &[Facts]) -> impl Iterator<Item = usize> {
    (0..facts.len()).map(|before| bits(facts.get(..before).unwrap_or_default()))
}

impl DenseAggregateExec {
    /// In the place of `aggregate`, which groups what a [`ScatterExec`] brings by one number that lies
    /// in `groups`. Its tables have `most` bytes together at most.
    pub(crate) fn in_place_of(
        aggregate: &AggregateExec,
        groups: RangeInclusive<i64>,
        facts: Vec<Facts>,
        most: usize,
    ) -> Option<Self> {
        let scatter = aggregate.input().downcast_ref::<ScatterExec>()?;
        let places = Places::of(&groups, bits(&facts))?;
        let tables = scatter.input().output_partitioning().partition_count();
        if bits(&facts) > u64::BITS as usize || places.bytes().saturating_mul(tables) > most {
            return None;
        }
        Some(Self {
            input: Arc::clone(scatter.input()),
            aggregate: Arc::new(aggregate.clone()),
            groups,
            facts,
            places,
            most,
            filled: Together::default(),
            metrics: ExecutionPlanMetricsSet::new(),
        })
    }

    /// The same work, not yet begun, over what another [`ScatterExec`] brings.
    fn over(&self, rows: Arc<dyn ExecutionPlan>) -> Result<Arc<dyn ExecutionPlan>> {
        let aggregate = Arc::clone(&self.aggregate) as Arc<dyn ExecutionPlan>;
        let aggregate = replace_children_if_necessary(aggregate, vec![rows])?;
        let dense = aggregate.downcast_ref::<AggregateExec>().and_then(|aggregate| {
            Self::in_place_of(aggregate, self.groups.clone(), self.facts.clone(), self.most)
        });
        Ok(dense.map_or(aggregate, |dense| Arc::new(dense)))
    }

    fn partitions(&self) -> usize {
        self.properties().partitioning.partition_count()
    }

    /// The expression of the groups.
    fn group(&self) -> Result<&Arc<dyn PhysicalExpr>> {
        match self.aggregate.group_expr().expr() {
            [(group, _)] => Ok(group),
            _ => internal_err!("DenseAggregateExec groups by one number"),
        }
    }

    /// Of one input.
    fn reader(&self, input: usize) -> Result<Reader> {
        let group = self.group()?;
        let aggregates = self.aggregate.aggr_expr().iter().zip(self.aggregate.filter_expr());
        let facts = self.facts.iter().zip(first_bits(&self.facts));
        let aggregates = aggregates.zip(facts).map(|((aggregate, filter), (facts, at))| Told {
            facts: *facts,
            args: aggregate.all_expressions().args,
            filter: filter.clone(),
            at,
        });
        let aggregates = aggregates.collect();
        let table = Table::new(self.places.clone());
        let time = MetricBuilder::new(&self.metrics).elapsed_compute(input);
        Ok(Reader { group: Arc::clone(group), aggregates, table, time })
    }

    /// Reads everything; nothing where there is no memory for a table.
    fn start(
        &self,
        context: &Arc<TaskContext>,
    ) -> Result<BoxFuture<'static, Result<Option<Filled>>>> {
        let pool = context.memory_pool();
        let reservation = MemoryConsumer::new("DenseAggregateExec").register(pool);
        let inputs = self.input.output_partitioning().partition_count();
        let bytes = self.places.bytes().saturating_mul(inputs);
        let fits = match pool.memory_limit() {
            MemoryLimit::Finite(limit) => bytes <= limit.saturating_sub(pool.reserved()) / SHARE,
            MemoryLimit::Infinite | MemoryLimit::Unknown => true,
        };
        if !fits || reservation.try_grow(bytes).is_err() {
            return Ok(async { Ok(None) }.boxed());
        }
        let places = self.places.count();
        let inputs = (0..inputs)
            .map(|i| {
                let rows = self.input.execute(i, Arc::clone(context))?;
                Ok((rows, self.reader(i)?))
            })
            .collect::<Result<Vec<_>>>()?;
        let work = async move {
            let inputs = inputs.into_iter();
            let tasks: Vec<_> =
                inputs.map(|(rows, reader)| SpawnedTask::spawn(reader.read(rows))).collect();
            let mut tables = vec![];
            for task in tasks {
                let table = task.join().await;
                tables.push(table.map_err(|e| DataFusionError::ExecutionJoin(Box::new(e)))??);
            }
            Ok(Some(Filled { places, tables, _reservation: reservation }))
        };
        Ok(work.boxed())
    }
}

impl Reader {
    async fn read(mut self, mut rows: SendableRecordBatchStream) -> Result<Table> {
        let mut sets = vec![];
        while let Some(batch) = rows.next().await {
            self.add(&batch?, &mut sets)?;
        }
        Ok(self.table)
    }

    /// Sets the bits of the rows; `sets` is what they are laid out in.
    fn add(&mut self, batch: &RecordBatch, sets: &mut Vec<u64>) -> Result<()> {
        let _timer = self.time.timer();
        let rows = batch.num_rows();
        sets.clear();
        sets.resize(rows, 1);
        for told in &self.aggregates {
            let args = told.args.iter().map(|e| e.evaluate(batch)?.into_array(rows));
            let args = args.collect::<Result<Vec<ArrayRef>>>()?;
            let filter = told.filter.as_ref().map(|e| e.evaluate(batch)?.into_array(rows));
            let filter = filter.transpose()?;
            // that nothing is left out, as where there is but a literal, takes no look at each row
            let filter = filter.as_ref().map(|f| f.as_boolean()).filter(|f| !all_true(f));
            told.facts.read(&args, filter, told.at, sets)?;
        }
        let groups = self.group.evaluate(batch)?.into_array(rows)?;
        let groups = cast(&groups, &DataType::Int64)?;
        self.table.add(groups.as_primitive::<Int64Type>(), sets).or_else(|stranger| {
            exec_err!(
                "{} is {stranger} in a row, and by the statistics of its files it cannot be: they are false, or a file was replaced while it was read; ask again, or write the file anew",
                self.group
            )
        })
    }
}

fn all_true(filter: &BooleanArray) -> bool {
    filter.null_count() == 0 && filter.true_count() == filter.len()
}

/// From the table to rows.
struct Writer {
    aggregate: Arc<AggregateExec>,
    accumulators: Vec<Box<dyn GroupsAccumulator>>,
    /// and the first bit of each
    facts: Vec<(Facts, usize)>,
    filled: Arc<Option<Filled>>,
    places: Range<usize>,
    most: usize,
    metrics: BaselineMetrics,
}

impl Writer {
    fn next(&mut self) -> Result<Option<RecordBatch>> {
        let _timer = self.metrics.elapsed_compute().timer();
        let Some(filled) = self.filled.as_ref() else { return Ok(None) };
        let Found { customers, sets, next } = found(&filled.tables, self.places.clone(), self.most);
        self.places.start = next;
        if sets.is_empty() {
            return Ok(None);
        }
        let schema = self.aggregate.schema();
        let groups: Vec<usize> = (0..sets.len()).collect();
        let mut columns = vec![cast(&customers, schema.field(0).data_type())?];
        for (accumulator, (facts, at)) in self.accumulators.iter_mut().zip(&self.facts) {
            accumulator.merge_batch(&[facts.state(&sets, *at)?], &groups, sets.len())?;
            columns.push(accumulator.evaluate(EmitTo::All)?);
        }
        self.metrics.record_output(sets.len());
        Ok(Some(RecordBatch::try_new(schema, columns)?))
    }
}

impl DisplayAs for DenseAggregateExec {
    fn fmt_as(&self, kind: DisplayFormatType, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if matches!(kind, DisplayFormatType::TreeRender) {
            return self.aggregate.fmt_as(kind, f);
        }
        write!(f, "Dense")?;
        self.aggregate.fmt_as(kind, f)?;
        write!(f, ", groups={}..={}", self.groups.start(), self.groups.end())
    }
}

impl ExecutionPlan for DenseAggregateExec {
    fn name(&self) -> &'static str {
        "DenseAggregateExec"
    }

    fn properties(&self) -> &Arc<PlanProperties> {
        self.aggregate.properties()
    }

    fn maintains_input_order(&self) -> Vec<bool> {
        vec![false]
    }

    fn children(&self) -> Vec<&Arc<dyn ExecutionPlan>> {
        vec![&self.input]
    }

    fn apply_expressions(
        &self,
        f: &mut dyn FnMut(&Arc<dyn PhysicalExpr>) -> Result<TreeNodeRecursion>,
    ) -> Result<TreeNodeRecursion> {
        self.aggregate.apply_expressions(f)
    }

    fn with_new_children(
        self: Arc<Self>,
        children: Vec<Arc<dyn ExecutionPlan>>,
    ) -> Result<Arc<dyn ExecutionPlan>> {
        let rows = Arc::clone(self.aggregate.input());
        self.over(replace_children_if_necessary(rows, children)?)
    }

    fn reset_state(self: Arc<Self>) -> Result<Arc<dyn ExecutionPlan>> {
        self.over(Arc::clone(self.aggregate.input()).reset_state()?)
    }

    fn execute(
        &self,
        partition: usize,
        context: Arc<TaskContext>,
    ) -> Result<SendableRecordBatchStream> {
        let partitions = self.partitions();
        let work = self.filled.join(partitions, || self.start(&context))?;
        let aggregate = Arc::clone(&self.aggregate);
        let create = self.aggregate.aggr_expr().iter().map(|a| a.create_groups_accumulator());
        let accumulators = create.collect::<Result<_>>()?;
        let facts = self.facts.iter().copied().zip(first_bits(&self.facts)).collect();
        let metrics = BaselineMetrics::new(&self.metrics, partition);
        let groups = async move {
            let filled = work.await.map_err(DataFusionError::Shared)?;
            let Some(places) = filled.as_ref().as_ref().map(|filled| filled.places) else {
                return aggregate.execute(partition, context);
            };
            let schema = aggregate.schema();
            let places = places * partition / partitions..places * (partition + 1) / partitions;
            let most = context.session_config().batch_size();
            let writer = Writer { aggregate, accumulators, facts, filled, places, most, metrics };
            let batches = stream::try_unfold(writer, |mut writer| async move {
                Ok(writer.next()?.map(|batch| (batch, writer)))
            });
            Ok(Box::pin(RecordBatchStreamAdapter::new(schema, batches))
                as SendableRecordBatchStream)
        };
        let groups = stream::once(groups).try_flatten();
        Ok(Box::pin(RecordBatchStreamAdapter::new(self.schema(), groups)))
    }

    fn metrics(&self) -> Option<MetricsSet> {
        // and of the ordinary way, where the rows went it: but the rows that were sent come out nowhere
        let mut all = self.metrics.clone_inner();
        let aggregate = self.aggregate.metrics();
        let scatter = self.aggregate.input().metrics();
        let scatter = scatter.iter().flat_map(MetricsSet::iter);
        let scatter = scatter.filter(|m| !matches!(m.value(), MetricValue::OutputRows(_)));
        aggregate
            .iter()
            .flat_map(MetricsSet::iter)
            .chain(scatter)
            .for_each(|m| all.push(Arc::clone(m)));
        Some(all)
    }

    fn child_stats_requests(&self, _partition: Option<usize>) -> Vec<ChildStats> {
        vec![ChildStats::At(None)]
    }

    fn statistics_from_inputs(
        &self,
        inputs: &[Arc<Statistics>],
        args: &StatisticsArgs,
    ) -> Result<Arc<Statistics>> {
        self.aggregate.statistics_from_inputs(inputs, args)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::Tenure;
    use datafusion::physical_plan::collect;
    use datafusion::physical_plan::empty::EmptyExec;
    use datafusion::physical_plan::execution_plan::reset_plan_states;

    fn dense(plan: &Arc<dyn ExecutionPlan>) -> Option<&DenseAggregateExec> {
        plan.downcast_ref().or_else(|| plan.children().into_iter().find_map(dense))
    }

    #[tokio::test]
    async fn statistics_that_are_false_are_told() {
        let folder = tempfile::tempdir().unwrap();
        let folder = folder.path().display();
        let tenure = Tenure::builder().threads(2).build().await.unwrap();
        for part in 0..2 {
            let write = format!(
                "COPY (SELECT value / 4 AS c FROM range(20, 360) WHERE value % 2 = {part}) TO '{folder}/{part}.parquet'"
            );
            tenure.sql(&write).await.unwrap().collect().await.unwrap();
        }
        let ask = format!("SELECT c, retention(c > 7) FROM '{folder}/*.parquet' GROUP BY c");
        let frame = tenure.sql(&ask).await.unwrap();
        let context = Arc::new(frame.task_ctx());
        let plan = frame.create_physical_plan().await.unwrap();
        let right = dense(&plan).unwrap();
        assert_eq!(right.groups, 5..=89);
        let over = |groups| {
            let dense = DenseAggregateExec::in_place_of(
                &right.aggregate,
                groups,
                right.facts.clone(),
                1000,
            );
            Arc::new(dense.unwrap())
        };
        let err = collect(over(5..=70), Arc::clone(&context)).await.unwrap_err().to_string();
        assert!(err.contains("c@0 is 7") && err.contains("ask again"), "{err}");
        // as a plan within a recursion is asked again
        for groups in [0..=89, 5..=89] {
            let again = reset_plan_states(over(groups)).unwrap();
            assert!(dense(&again).is_some());
            let rows = collect(again, Arc::clone(&context)).await.unwrap();
            assert_eq!(rows.iter().map(RecordBatch::num_rows).sum::<usize>(), 85);
        }
        let nothing = Arc::new(EmptyExec::new(right.input.schema()));
        let over_nothing = replace_children_if_necessary(over(0..=89), vec![nothing]).unwrap();
        assert!(dense(&over_nothing).is_some());
        assert_eq!(collect(over_nothing, context).await.unwrap().len(), 0);
    }
}
