//! Groups by a name, which are told apart by numbers where their names are numbers.
//!
//! DataFusion's table of groups keeps texts beside it and compares a row's text with that of its
//! group, far away in memory. Of the rows that [`ScatterExec`] brings those whose name is a number
//! ([`names`]) are grouped by the number, which stands in the table, and the names written when the
//! groups come out. The other rows are grouped by their texts. No group has rows of both kinds.

use std::fmt;
use std::sync::{Arc, Mutex, PoisonError};

use datafusion::arrow::array::AsArray;
use datafusion::arrow::datatypes::Decimal128Type;
use datafusion::arrow::record_batch::RecordBatch;
use datafusion::common::tree_node::{TreeNode, TreeNodeRecursion};
use datafusion::common::{DataFusionError, Result, Statistics, internal_err};
use datafusion::execution::{SendableRecordBatchStream, TaskContext};
use datafusion::physical_expr::PhysicalExpr;
use datafusion::physical_expr::expressions::Column;
use datafusion::physical_plan::aggregates::AggregateExec;
use datafusion::physical_plan::metrics::MetricsSet;
use datafusion::physical_plan::statistics::{ChildStats, StatisticsArgs};
use datafusion::physical_plan::stream::RecordBatchStreamAdapter;
use datafusion::physical_plan::{
    DisplayAs, DisplayFormatType, EmptyRecordBatchStream, ExecutionPlan, PlanProperties,
    replace_children_if_necessary,
};
use futures::{Stream, StreamExt, TryStreamExt, stream};

use super::scatter::{Lane, ScatterExec, replaced};
use super::{names, once};

/// The operator.
#[derive(Debug)]
pub(crate) struct NamedAggregateExec {
    /// what is stood in for, which is not executed
    aggregate: Arc<AggregateExec>,
    /// what was executed, for its figures
    executed: Executed,
}

type Executed = Arc<Mutex<Vec<Arc<dyn ExecutionPlan>>>>;

impl NamedAggregateExec {
    /// In the place of `aggregate`, if its rows come with numbers for the name that it groups by.
    pub(crate) fn in_place_of(aggregate: AggregateExec) -> Arc<dyn ExecutionPlan> {
        let aggregate = Arc::new(aggregate);
        if groups_by_number(&aggregate) {
            Arc::new(Self { aggregate, executed: Executed::default() })
        } else {
            aggregate
        }
    }
}

/// What runs over one lane.
struct Groups {
    aggregate: Arc<AggregateExec>,
    context: Arc<TaskContext>,
    executed: Executed,
}

impl Groups {
    /// The groups of `rows` by `aggregate`. It is not begun before there is a row: an aggregate that
    /// has nothing to do has its share of the memory all the same.
    async fn of(
        self,
        rows: SendableRecordBatchStream,
        aggregate: impl FnOnce(
            &Arc<AggregateExec>,
            Arc<dyn ExecutionPlan>,
        ) -> Result<Arc<dyn ExecutionPlan>>,
    ) -> Result<SendableRecordBatchStream> {
        let schema = rows.schema();
        let mut rows = Box::pin(rows.peekable());
        if rows.as_mut().peek().await.is_none() {
            return Ok(Box::pin(EmptyRecordBatchStream::new(self.aggregate.schema())));
        }
        let rows = once::plan(Box::pin(RecordBatchStreamAdapter::new(schema, rows)))?;
        let plan = aggregate(&self.aggregate, rows)?;
        let groups = plan.execute(0, self.context)?;
        self.executed.lock().unwrap_or_else(PoisonError::into_inner).push(plan);
        Ok(groups)
    }
}

/// The same rows, of which the first is there.
async fn begun(
    rows: impl Stream<Item = Result<RecordBatch>> + Send + 'static,
) -> impl Stream<Item = Result<RecordBatch>> + Send {
    let mut rows = Box::pin(rows);
    let first = rows.next().await;
    stream::iter(first).chain(rows)
}

/// The same groups by number, over the rows of a lane of numbers.
fn by_number(
    aggregate: &Arc<AggregateExec>,
    rows: Arc<dyn ExecutionPlan>,
) -> Result<Arc<dyn ExecutionPlan>> {
    let schema = rows.schema();
    Ok(Arc::new(AggregateExec::try_new(
        *aggregate.mode(),
        aggregate.group_expr().clone(),
        aggregate.aggr_expr().to_vec(),
        aggregate.filter_expr().to_vec(),
        rows,
        schema,
    )?))
}

fn by_text(
    aggregate: &Arc<AggregateExec>,
    rows: Arc<dyn ExecutionPlan>,
) -> Result<Arc<dyn ExecutionPlan>> {
    let aggregate = Arc::clone(aggregate) as Arc<dyn ExecutionPlan>;
    replace_children_if_necessary(aggregate, vec![rows])
}

fn groups_by_number(aggregate: &AggregateExec) -> bool {
    let Some(scatter) = aggregate.input().downcast_ref::<ScatterExec>() else { return false };
    let Some(name) = scatter.numbers().and_then(Lane::name) else { return false };
    let is_name = |e: &Arc<dyn PhysicalExpr>| {
        e.downcast_ref::<Column>().is_some_and(|column| column.index() == name)
    };
    let reads_name = |e: &Arc<dyn PhysicalExpr>| e.exists(|e| Ok(is_name(e))).unwrap_or(true);
    let read = aggregate.aggr_expr().iter().flat_map(|a| a.all_expressions().args);
    matches!(aggregate.group_expr().expr(), [(e, _)] if is_name(e))
        && aggregate.group_expr().is_single()
        && aggregate.limit_options().is_none()
        && aggregate.aggr_expr().iter().all(|a| a.order_bys().is_empty())
        && !read.chain(aggregate.filter_expr().iter().flatten().cloned()).any(|e| reads_name(&e))
}

impl DisplayAs for NamedAggregateExec {
    fn fmt_as(&self, kind: DisplayFormatType, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if !matches!(kind, DisplayFormatType::TreeRender) {
            write!(f, "Named")?;
        }
        self.aggregate.fmt_as(kind, f)
    }
}

impl ExecutionPlan for NamedAggregateExec {
    fn name(&self) -> &'static str {
        "NamedAggregateExec"
    }

    fn properties(&self) -> &Arc<PlanProperties> {
        self.aggregate.properties()
    }

    fn maintains_input_order(&self) -> Vec<bool> {
        vec![false]
    }

    fn benefits_from_input_partitioning(&self) -> Vec<bool> {
        vec![false]
    }

    fn children(&self) -> Vec<&Arc<dyn ExecutionPlan>> {
        self.aggregate.children()
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
        let aggregate = Arc::clone(&self.aggregate) as Arc<dyn ExecutionPlan>;
        let plan = replace_children_if_necessary(aggregate, children)?;
        match plan.downcast_ref::<AggregateExec>() {
            Some(aggregate) => Ok(Self::in_place_of(aggregate.clone())),
            None => Ok(plan),
        }
    }

    fn execute(
        &self,
        partition: usize,
        context: Arc<TaskContext>,
    ) -> Result<SendableRecordBatchStream> {
        let Some(scatter) = self.aggregate.input().downcast_ref::<ScatterExec>() else {
            return internal_err!("NamedAggregateExec reads a ScatterExec");
        };
        let lanes = scatter.lanes(partition, &context)?;
        let Ok([texts, numbers]) = <[_; 2]>::try_from(lanes) else {
            return internal_err!("NamedAggregateExec reads two lanes");
        };
        let groups = || Groups {
            aggregate: Arc::clone(&self.aggregate),
            context: Arc::clone(&context),
            executed: Arc::clone(&self.executed),
        };
        let schema = self.schema();
        let numbers = stream::once(groups().of(numbers, by_number)).try_flatten();
        let of_numbers = numbers.map(move |groups| {
            let groups = groups?;
            let names = names::texts(groups.column(0).as_primitive::<Decimal128Type>())?;
            replaced(&groups, 0, names, &schema)
        });
        let of_texts = stream::once(groups().of(texts, by_text)).try_flatten();
        // a partition has its turn until rows come out: all that reads has been read by then
        let all = stream::once(async move {
            let numbers = begun(of_numbers).await;
            Ok::<_, DataFusionError>(numbers.chain(begun(of_texts).await))
        })
        .try_flatten();
        Ok(Box::pin(RecordBatchStreamAdapter::new(self.schema(), all)))
    }

    fn metrics(&self) -> Option<MetricsSet> {
        let mut all = MetricsSet::new();
        let executed = self.executed.lock().unwrap_or_else(PoisonError::into_inner);
        for metric in executed.iter().filter_map(|plan| plan.metrics()) {
            metric.iter().for_each(|m| all.push(Arc::clone(m)));
        }
        Some(all)
    }

    fn child_stats_requests(&self, partition: Option<usize>) -> Vec<ChildStats> {
        self.aggregate.child_stats_requests(partition)
    }

    fn statistics_from_inputs(
        &self,
        inputs: &[Arc<Statistics>],
        args: &StatisticsArgs,
    ) -> Result<Arc<Statistics>> {
        self.aggregate.statistics_from_inputs(inputs, args)
    }
}
