//! Windows that look at whole groups are computed as the groups come.
//!
//! A window function that needs all rows of its partition, such as `sessionize`, makes DataFusion
//! (as of 55.2) gather every row of the input before it computes anything, although the rows come
//! sorted by the columns of `PARTITION BY`. Here the rows are held until their group is complete: some
//! batches, and all rows of the largest group. A function that needs less than its group, such as
//! `lag`, is left to DataFusion, which streams it already.
//!
//! A window over all rows, such as a fit with `OVER ()`, has one group. DataFusion counts none of its
//! memory and hands it on as one batch, which one thread works on from then on; here the memory is
//! counted, and the rows go on in the batches that they came in.

use std::fmt;
use std::ops::Range;
use std::sync::Arc;

use datafusion::arrow::array::{ArrayRef, RecordBatch, UInt64Array};
use datafusion::arrow::compute::{concat, concat_batches, partition, take};
use datafusion::arrow::datatypes::SchemaRef;
use datafusion::common::config::ConfigOptions;
use datafusion::common::tree_node::{Transformed, TreeNode, TreeNodeRecursion};
use datafusion::common::{Result, Statistics, internal_err};
use datafusion::execution::memory_pool::{MemoryConsumer, MemoryReservation};
use datafusion::execution::{SendableRecordBatchStream, TaskContext};
use datafusion::physical_expr::PhysicalExpr;
use datafusion::physical_expr::window::{StandardWindowExpr, WindowExpr};
use datafusion::physical_optimizer::PhysicalOptimizerRule;
use datafusion::physical_plan::metrics::{BaselineMetrics, ExecutionPlanMetricsSet, MetricsSet};
use datafusion::physical_plan::stream::RecordBatchStreamAdapter;
use datafusion::physical_plan::windows::WindowAggExec;
use datafusion::physical_plan::{
    ChildStats, ChildrenPropertiesMode, DisplayAs, DisplayFormatType, ExecutionPlan,
    PlanProperties, ReplaceChildrenOptions, StatisticsArgs,
};
use futures::{StreamExt, TryStreamExt, stream};

use crate::operators::bytes;

/// The rule; it stands behind those that know DataFusion's windows.
#[derive(Debug, Default)]
pub(crate) struct WindowByGroup;

impl PhysicalOptimizerRule for WindowByGroup {
    fn optimize(
        &self,
        plan: Arc<dyn ExecutionPlan>,
        _config: &ConfigOptions,
    ) -> Result<Arc<dyn ExecutionPlan>> {
        let done = plan.transform_up(|plan| match plan.downcast_ref::<WindowAggExec>() {
            Some(_) => {
                let metrics = ExecutionPlanMetricsSet::new();
                Ok(Transformed::yes(Arc::new(WindowByGroupExec { window: plan, metrics }) as _))
            }
            None => Ok(Transformed::no(plan)),
        })?;
        Ok(done.data)
    }

    fn name(&self) -> &'static str {
        "window_by_group"
    }

    fn schema_check(&self) -> bool {
        true
    }
}

/// What makes a group; the windows of one operator have it in common.
fn partition_by(window: &WindowAggExec) -> &[Arc<dyn PhysicalExpr>] {
    window.window_expr().first().map_or(&[], |expr| expr.partition_by())
}

/// A window, group by group.
#[derive(Debug, Clone)]
struct WindowByGroupExec {
    /// the [`WindowAggExec`] that is stood in for, which is never executed
    window: Arc<dyn ExecutionPlan>,
    metrics: ExecutionPlanMetricsSet,
}

impl DisplayAs for WindowByGroupExec {
    fn fmt_as(&self, t: DisplayFormatType, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Some(window) = self.window.downcast_ref::<WindowAggExec>() else { return Ok(()) };
        let names: Vec<&str> = window.window_expr().iter().map(|expr| expr.name()).collect();
        match t {
            DisplayFormatType::Default | DisplayFormatType::Verbose => {
                write!(f, "WindowByGroupExec: wdw=[{}]", names.join(", "))
            }
            DisplayFormatType::TreeRender => write!(f, "wdw={}", names.join(", ")),
        }
    }
}

impl ExecutionPlan for WindowByGroupExec {
    fn name(&self) -> &'static str {
        "WindowByGroupExec"
    }

    fn properties(&self) -> &Arc<PlanProperties> {
        self.window.properties()
    }

    fn children(&self) -> Vec<&Arc<dyn ExecutionPlan>> {
        self.window.children()
    }

    fn apply_expressions(
        &self,
        f: &mut dyn FnMut(&Arc<dyn PhysicalExpr>) -> Result<TreeNodeRecursion>,
    ) -> Result<TreeNodeRecursion> {
        self.window.apply_expressions(f)
    }

    fn replace_children(
        self: Arc<Self>,
        children: Vec<Arc<dyn ExecutionPlan>>,
        options: ReplaceChildrenOptions,
    ) -> Result<Arc<dyn ExecutionPlan>> {
        let window = Arc::clone(&self.window).replace_children(children, options)?;
        Ok(Arc::new(Self { window, metrics: ExecutionPlanMetricsSet::new() }))
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
        let Some(window) = self.window.downcast_ref::<WindowAggExec>() else {
            return internal_err!("WindowByGroupExec stands for a window");
        };
        let consumer = MemoryConsumer::new(format!("WindowByGroupExec[{partition}]"));
        let groups = Groups {
            schema: self.schema(),
            by: partition_by(window).to_vec(),
            windows: window.window_expr().to_vec(),
            waiting: vec![],
            memory: consumer.register(context.memory_pool()),
            metrics: BaselineMetrics::new(&self.metrics, partition),
        };
        let rows = window.input().execute(partition, context)?;
        // the last group is complete when there are no more rows
        let rows = rows.map_ok(Some).chain(stream::once(async { Ok(None) }));
        let done = rows.scan(groups, |groups, batch| {
            let metrics = groups.metrics.clone();
            let _timer = metrics.elapsed_compute().timer();
            let done = batch.and_then(|batch| groups.next(batch));
            std::future::ready(Some(done))
        });
        let done = done.map_ok(|done| stream::iter(done).map(Ok)).try_flatten();
        Ok(Box::pin(RecordBatchStreamAdapter::new(self.schema(), done)))
    }

    fn metrics(&self) -> Option<MetricsSet> {
        Some(self.metrics.clone_inner())
    }

    fn child_stats_requests(&self, partition: Option<usize>) -> Vec<ChildStats> {
        self.window.child_stats_requests(partition)
    }

    fn statistics_from_inputs(
        &self,
        input_stats: &[Arc<Statistics>],
        args: &StatisticsArgs,
    ) -> Result<Arc<Statistics>> {
        self.window.statistics_from_inputs(input_stats, args)
    }
}

/// Rows whose group may go on.
struct Groups {
    schema: SchemaRef,
    by: Vec<Arc<dyn PhysicalExpr>>,
    windows: Vec<Arc<dyn WindowExpr>>,
    waiting: Vec<RecordBatch>,
    memory: MemoryReservation,
    metrics: BaselineMetrics,
}

impl Groups {
    /// Takes the next rows, or learns that there are none; answers groups that are complete.
    fn next(&mut self, batch: Option<RecordBatch>) -> Result<Vec<RecordBatch>> {
        let Some(batch) = batch else { return self.complete() };
        if batch.num_rows() == 0 {
            return Ok(vec![]);
        }
        if self.by.is_empty() {
            self.hold(batch)?;
            return Ok(vec![]);
        }
        let last = match partition(&self.keys(&batch)?)?.ranges().last() {
            Some(last) => last.start,
            None => 0,
        };
        let goes_on = last == 0 && self.goes_on(&batch)?;
        let mut done = vec![];
        if !goes_on {
            if last > 0 {
                self.hold(batch.slice(0, last))?;
            }
            done = self.complete()?;
        }
        self.hold(batch.slice(last, batch.num_rows() - last))?;
        Ok(done)
    }

    fn hold(&mut self, rows: RecordBatch) -> Result<()> {
        self.memory.try_grow(bytes::of_rows(&rows))?;
        self.waiting.push(rows);
        Ok(())
    }

    /// Whether the first row belongs to the group that waits.
    fn goes_on(&self, batch: &RecordBatch) -> Result<bool> {
        let Some(before) = self.waiting.last() else { return Ok(true) };
        let (left, right) =
            (self.keys(&before.slice(before.num_rows() - 1, 1))?, self.keys(&batch.slice(0, 1))?);
        let both = left.iter().zip(&right).map(|(a, b)| concat(&[a.as_ref(), b.as_ref()]));
        Ok(partition(&both.collect::<Result<Vec<_>, _>>()?)?.len() == 1)
    }

    fn keys(&self, batch: &RecordBatch) -> Result<Vec<ArrayRef>> {
        self.by.iter().map(|key| key.evaluate(batch)?.into_array(batch.num_rows())).collect()
    }

    /// Computes the windows of all rows that wait.
    fn complete(&mut self) -> Result<Vec<RecordBatch>> {
        let waiting = std::mem::take(&mut self.waiting);
        let Some(first) = waiting.first() else { return Ok(vec![]) };
        let rows = concat_batches(&first.schema(), &waiting)?;
        let groups = match self.by.as_slice() {
            [] => std::iter::once(0..rows.num_rows()).collect(),
            _ => partition(&self.keys(&rows)?)?.ranges(),
        };
        let mut results = Vec::with_capacity(self.windows.len());
        for window in &self.windows {
            let parts = match evaluated_together(window.as_ref(), &rows, &groups)? {
                Some(parts) => parts,
                None => {
                    let each =
                        groups.iter().map(|g| window.evaluate(&rows.slice(g.start, g.len())));
                    each.collect::<Result<_>>()?
                }
            };
            let parts: Vec<_> = parts.iter().map(AsRef::as_ref).collect();
            results.push(concat(&parts)?);
        }
        self.memory.free();
        self.metrics.record_output(rows.num_rows());
        match self.by.as_slice() {
            [] => self.as_they_came(waiting, &results),
            _ => Ok(vec![self.beside(&rows, results)?]),
        }
    }

    /// Each batch with its part of the results, of which it holds no more than that.
    fn as_they_came(
        &self,
        batches: Vec<RecordBatch>,
        results: &[ArrayRef],
    ) -> Result<Vec<RecordBatch>> {
        let mut before: u64 = 0;
        let with_part = |batch: RecordBatch| {
            let from = before;
            before += batch.num_rows() as u64;
            let places = UInt64Array::from_iter_values(from..before);
            let parts = results.iter().map(|all| take(all, &places, None));
            self.beside(&batch, parts.collect::<Result<_, _>>()?)
        };
        batches.into_iter().map(with_part).collect()
    }

    fn beside(&self, rows: &RecordBatch, results: Vec<ArrayRef>) -> Result<RecordBatch> {
        let columns = rows.columns().iter().cloned().chain(results).collect();
        Ok(RecordBatch::try_new(Arc::clone(&self.schema), columns)?)
    }
}

/// A window function of each group whose arguments are evaluated once for all of them. None if it
/// looks at frames or ranks, which are those of a group.
fn evaluated_together(
    window: &dyn WindowExpr,
    rows: &RecordBatch,
    groups: &[Range<usize>],
) -> Result<Option<Vec<ArrayRef>>> {
    let Some(standard) = window.as_any().downcast_ref::<StandardWindowExpr>() else {
        return Ok(None);
    };
    let function = standard.get_standard_func_expr();
    let arguments = function.evaluate_args(rows)?;
    let mut parts = Vec::with_capacity(groups.len());
    for group in groups {
        let mut evaluator = function.create_evaluator()?;
        if evaluator.uses_window_frame() || evaluator.include_rank() {
            return Ok(None);
        }
        let of_group: Vec<ArrayRef> =
            arguments.iter().map(|a| a.slice(group.start, group.len())).collect();
        parts.push(evaluator.evaluate_all(&of_group, group.len())?);
    }
    Ok(Some(parts))
}

#[cfg(test)]
mod tests {
    use crate::Tenure;

    async fn rows(partitions: usize, batch: usize, sql: &str) -> Vec<String> {
        let tenure = Tenure::builder().threads(partitions).build().await.unwrap();
        let set = format!("SET datafusion.execution.batch_size = {batch}");
        tenure.sql(&set).await.unwrap().collect().await.unwrap();
        let batches = tenure.sql(sql).await.unwrap().collect().await.unwrap();
        let text = datafusion::arrow::util::pretty::pretty_format_batches(&batches).unwrap();
        let mut lines: Vec<String> = text.to_string().lines().map(str::to_owned).collect();
        lines.sort();
        lines
    }

    #[tokio::test]
    async fn groups_of_all_sizes_are_whole() {
        // customer n has n rows, of which every third has no customer
        let table = "(SELECT CASE WHEN value % 3 > 0 THEN CAST(sqrt(value) AS BIGINT) END AS c, value AS v FROM range(0, 3000))";
        let windows = format!(
            "SELECT c, v, sum(v) OVER (PARTITION BY c ORDER BY v ROWS BETWEEN CURRENT ROW AND UNBOUNDED FOLLOWING) AS s, count(*) OVER (PARTITION BY c) AS n FROM {table}"
        );
        let joined = format!(
            "SELECT a.c, a.v, sum(CASE WHEN b.v >= a.v THEN b.v END) AS s, count(*) AS n FROM {table} AS a JOIN {table} AS b ON a.c IS NOT DISTINCT FROM b.c GROUP BY a.c, a.v"
        );
        let want = rows(1, 8192, &joined).await;
        for (partitions, batch) in [(1, 8192), (3, 7), (2, 64), (4, 1)] {
            assert_eq!(rows(partitions, batch, &windows).await, want, "{partitions} {batch}");
        }
    }

    /// Functions of the whole group, of frames and of ranks side by side.
    #[tokio::test]
    async fn every_kind_of_function_sees_its_own_group() {
        let table = "(SELECT value % 97 AS c, value AS v, arrow_cast(value * 420000000, 'Timestamp(Microsecond, None)') AS ts FROM range(0, 2000))";
        let windows = |names: &str| {
            format!(
                "SELECT c, v, {names} FROM {table} WINDOW w AS (PARTITION BY c ORDER BY ts), all AS (PARTITION BY c ORDER BY v / 300 ROWS BETWEEN UNBOUNDED PRECEDING AND UNBOUNDED FOLLOWING)"
            )
        };
        let several = windows(
            "sessionize(ts, INTERVAL '12 hours') OVER w AS a, percent_rank() OVER all AS b, last_value(v / 300) OVER all AS d, ntile(3) OVER w AS e",
        );
        let want = rows(1, 8192, &several).await;
        assert_eq!(want.len(), 2004);
        for (partitions, batch) in [(3, 7), (2, 64)] {
            assert_eq!(rows(partitions, batch, &several).await, want, "{partitions} {batch}");
        }
    }

    const ALL: &str = "ROWS BETWEEN UNBOUNDED PRECEDING AND UNBOUNDED FOLLOWING";

    #[tokio::test]
    async fn a_window_over_all_rows_goes_on_in_batches() {
        let sql = format!(
            "SELECT value, sum(value) OVER () AS s, count(*) FILTER (WHERE value > 10) OVER ({ALL}) AS n, max(value) OVER (ORDER BY value / 7 {ALL}) AS m FROM range(0, 1000)"
        );
        let joined = "SELECT value, 499500 AS s, 989 AS n, 999 AS m FROM range(0, 1000)";
        let want = rows(1, 8192, joined).await;
        for (partitions, batch) in [(1, 8192), (3, 7), (2, 64), (4, 1)] {
            assert_eq!(rows(partitions, batch, &sql).await, want, "{partitions} {batch}");
        }
        let tenure = Tenure::builder().threads(2).build().await.unwrap();
        tenure.sql("SET datafusion.execution.batch_size = 64").await.unwrap();
        let batches = tenure.sql(&sql).await.unwrap().collect().await.unwrap();
        let sizes: Vec<usize> = batches.iter().map(|b| b.num_rows()).collect();
        assert_eq!(sizes.iter().sum::<usize>(), 1000);
        assert!(sizes.iter().all(|rows| *rows <= 64), "{sizes:?}");
        let none = "SELECT sum(value) OVER () AS s FROM range(0, 0)";
        assert_eq!(rows(2, 64, none).await, rows(2, 64, "SELECT 1 AS s WHERE false").await);
    }

    #[tokio::test]
    async fn the_memory_of_a_window_is_counted() {
        let tenure = Tenure::builder().memory_limit(1 << 20).build().await.unwrap();
        for window in ["", "PARTITION BY 1"] {
            let sql =
                format!("SELECT value, max(value) OVER ({window}) AS m FROM range(0, 1000000)");
            let err = tenure.sql(&sql).await.unwrap().collect().await.unwrap_err().to_string();
            assert!(err.contains("WindowByGroupExec"), "{err}");
        }
    }

    #[tokio::test]
    async fn what_streams_already_is_left_alone() {
        let tenure = Tenure::builder().threads(2).build().await.unwrap();
        let plan = async |sql: &str| {
            let plan = tenure.sql(sql).await.unwrap().create_physical_plan().await.unwrap();
            datafusion::physical_plan::displayable(plan.as_ref()).indent(false).to_string()
        };
        let text = plan("SELECT row_number() OVER (ORDER BY value) FROM range(0, 10)").await;
        assert!(text.contains("BoundedWindowAggExec") && !text.contains("ByGroup"), "{text}");
        let text =
            plan(&format!("SELECT sum(value) OVER (PARTITION BY value {ALL}) FROM range(0, 10)"))
                .await;
        assert!(text.contains("WindowByGroupExec: wdw=[sum("), "{text}");
    }
}
