//! Aggregates of sequences are computed once, not in two stages.
//!
//! DataFusion aggregates each partition on its own, sends the states to the partition of their
//! group, and merges them. That pays when states are smaller than rows. The state of a sequence is
//! the rows themselves: then it is cheaper to send the few columns that are needed, and to
//! aggregate where they arrive. The stage before is left alone where it costs nothing, because the
//! rows come in the order of their groups. Where there can be a place for each group, no row is sent
//! (`dense_customers`).
//!
//! What an aggregate computes of a row is computed before it is sent: a condition is a bit, the text
//! that it looks at is not.
//!
//! The rows go to more partitions than there are threads, if the plan above does not count them: the
//! table of groups of each and the events that are sorted by group then fit into the caches of the
//! processor, and less is held at a time. Figures are in
//! `docs/benchmarks.md`.

use std::sync::Arc;

use datafusion::arrow::datatypes::{DataType, SchemaRef};
use datafusion::common::Result;
use datafusion::common::config::ConfigOptions;
use datafusion::common::tree_node::{Transformed, TreeNode, TreeNodeRecursion};
use datafusion::physical_expr::PhysicalExpr;
use datafusion::physical_expr::aggregate::AggregatePhysicalExpressions;
use datafusion::physical_expr::expressions::{Column, Literal};
use datafusion::physical_expr::projection::ProjectionExpr;
use datafusion::physical_optimizer::PhysicalOptimizerRule;
use datafusion::physical_plan::aggregates::{AggregateExec, AggregateMode, PhysicalGroupBy};
use datafusion::physical_plan::projection::ProjectionExec;
use datafusion::physical_plan::repartition::RepartitionExec;
use datafusion::physical_plan::{ExecutionPlan, InputOrderMode, Partitioning};

use super::dense_customers;
use super::partitions::{many, rewrite};
use crate::operators::in_turn::InTurnExec;
use crate::operators::named_aggregate::NamedAggregateExec;
use crate::operators::scatter::ScatterExec;

/// Aggregates whose state is a list of what they saw, and those that are asked of every customer.
const SEQUENCES: &[&str] = &[
    "abandoned",
    "active_periods",
    "any_funnel",
    "cadence",
    "change_points",
    "customer_summary",
    "frequency",
    "funnel_detail",
    "funnel_entries",
    "path_agg",
    "path_steps",
    "retention",
    "retention_cells",
    "retention_ordered",
    "sequence_count",
    "sequence_match",
    "sequence_match_events",
    "sequence_next_node",
    "trend",
    "turning_points",
    "window_funnel",
    "window_funnel_events",
];

/// The rule.
#[derive(Debug, Default)]
pub(crate) struct AggregateOnce;

impl PhysicalOptimizerRule for AggregateOnce {
    fn optimize(
        &self,
        plan: Arc<dyn ExecutionPlan>,
        config: &ConfigOptions,
    ) -> Result<Arc<dyn ExecutionPlan>> {
        let threads = config.execution.target_partitions;
        rewrite(plan, true, &|plan, free| in_one_stage(plan, free, threads))
    }

    fn name(&self) -> &'static str {
        "aggregate_once"
    }

    fn schema_check(&self) -> bool {
        true
    }
}

/// `plan` in one stage, if it is the last of two stages of a sequence.
fn in_one_stage(
    plan: &dyn ExecutionPlan,
    free: bool,
    threads: usize,
) -> Result<Option<Arc<dyn ExecutionPlan>>> {
    let Some(last) = plan.downcast_ref::<AggregateExec>() else { return Ok(None) };
    let Some(exchange) = last.input().downcast_ref::<RepartitionExec>() else { return Ok(None) };
    let Some(first) = exchange.input().downcast_ref::<AggregateExec>() else { return Ok(None) };
    let Partitioning::Hash(_, partitions) = exchange.partitioning() else { return Ok(None) };
    let fits = *last.mode() == AggregateMode::FinalPartitioned
        && *first.mode() == AggregateMode::Partial
        && *first.input_order_mode() == InputOrderMode::Linear
        && first.group_expr().is_single()
        && first.aggr_expr().iter().any(|a| SEQUENCES.contains(&a.fun().name()))
        // one that was promised its rows in an order would not get them so
        && first.aggr_expr().iter().all(|a| a.order_bys().is_empty());
    if !fits {
        return Ok(None);
    }
    let input = first.input();
    let buckets = if free { many(input.as_ref(), *partitions)? } else { *partitions };
    let mut load = Load::new(first.input_schema());
    let keys: Vec<(Arc<dyn PhysicalExpr>, String)> = first
        .group_expr()
        .expr()
        .iter()
        .map(|(e, name)| Ok((load.carry(e)?, name.clone())))
        .collect::<Result<_>>()?;
    let mut aggregates = Vec::with_capacity(first.aggr_expr().len());
    for aggregate in first.aggr_expr() {
        let AggregatePhysicalExpressions { args, .. } = aggregate.all_expressions();
        let args = args.iter().map(|e| load.carry(e)).collect::<Result<_>>()?;
        let Some(moved) = aggregate.with_new_expressions(args, vec![]) else { return Ok(None) };
        aggregates.push(Arc::new(moved));
    }
    let filters = first
        .filter_expr()
        .iter()
        .map(|f| f.as_ref().map(|f| load.carry(f)).transpose())
        .collect::<Result<Vec<_>>>()?;
    let sent = load.on(input)?;
    let schema = sent.schema();
    let hashed = keys.iter().map(|k| Arc::clone(&k.0)).collect();
    let scatter = if free { ScatterExec::uncounted } else { ScatterExec::new };
    let rows = scatter(sent, hashed, buckets);
    let once = AggregateExec::try_new(
        AggregateMode::SinglePartitioned,
        PhysicalGroupBy::new_single(keys),
        aggregates,
        filters,
        Arc::new(rows),
        schema,
    )?;
    let once = once.with_limit_options(last.limit_options());
    let dense = free.then(|| dense_customers::in_place_of(&once)).flatten();
    let once = match dense {
        Some(dense) => Arc::new(dense),
        None => NamedAggregateExec::in_place_of(once),
    };
    Ok(Some(if buckets > threads { Arc::new(InTurnExec::new(once, threads)) } else { once }))
}

/// The columns that are sent.
struct Load {
    schema: SchemaRef,
    columns: Vec<ProjectionExpr>,
}

impl Load {
    fn new(schema: SchemaRef) -> Self {
        Self { schema, columns: vec![] }
    }

    /// `e` over what is sent. What has a fixed width is computed before, else its columns are sent.
    fn carry(&mut self, e: &Arc<dyn PhysicalExpr>) -> Result<Arc<dyn PhysicalExpr>> {
        if e.is::<Literal>() {
            return Ok(Arc::clone(e));
        }
        let ty = e.data_type(&self.schema)?;
        if e.is::<Column>() || ty.is_primitive() || ty == DataType::Boolean {
            return Ok(self.column(e));
        }
        let moved = Arc::clone(e).transform_down(|e| {
            Ok(if e.is::<Column>() {
                Transformed::new(self.column(&e), true, TreeNodeRecursion::Jump)
            } else {
                Transformed::no(e)
            })
        })?;
        Ok(moved.data)
    }

    fn column(&mut self, e: &Arc<dyn PhysicalExpr>) -> Arc<dyn PhysicalExpr> {
        let at = self.columns.iter().position(|c| &c.expr == e).unwrap_or_else(|| {
            let alias = match e.downcast_ref::<Column>() {
                Some(column) => column.name().to_string(),
                None => e.to_string(),
            };
            self.columns.push(ProjectionExpr { expr: Arc::clone(e), alias });
            self.columns.len() - 1
        });
        let name = self.columns.get(at).map_or("", |c| &c.alias);
        Arc::new(Column::new(name, at))
    }

    /// The rows of `input` as they are sent.
    fn on(self, input: &Arc<dyn ExecutionPlan>) -> Result<Arc<dyn ExecutionPlan>> {
        let as_they_are = self.columns.len() == self.schema.fields().len()
            && self.columns.iter().enumerate().all(|(i, c)| {
                c.expr.downcast_ref::<Column>().is_some_and(|column| column.index() == i)
            });
        if as_they_are {
            return Ok(Arc::clone(input));
        }
        Ok(Arc::new(ProjectionExec::try_new(self.columns, Arc::clone(input))?))
    }
}

#[cfg(test)]
mod tests {
    use datafusion::physical_plan::displayable;

    use crate::Tenure;

    async fn plan(sql: &str) -> String {
        let tenure = Tenure::builder().threads(2).as_of("2011-12-31").build().await.unwrap();
        let table = "CREATE TABLE t AS SELECT value % 50 AS c, to_timestamp_seconds(1293840000 + value * 3600) AS ts, value * 0.25 AS a FROM range(0, 5000)";
        let partitioned = ["threshold", "threshold_rows"]
            .map(|t| format!("SET datafusion.optimizer.hash_join_single_partition_{t} = 0"));
        for sql in [table.to_string()].into_iter().chain(partitioned) {
            tenure.sql(&sql).await.unwrap().collect().await.unwrap();
        }
        let plan = tenure.sql(sql).await.unwrap().create_physical_plan().await.unwrap();
        displayable(plan.as_ref()).indent(false).to_string()
    }

    #[tokio::test]
    async fn a_sequence_is_aggregated_once_where_its_rows_arrive() {
        let text =
            plan("SELECT c, frequency(ts), monetary(a) FILTER (WHERE a > 1) FROM t GROUP BY c")
                .await;
        assert!(
            text.contains("mode=SinglePartitioned") && text.contains("ScatterExec: keys=[c@"),
            "{text}"
        );
        assert_eq!(text.matches("AggregateExec").count(), 1, "{text}");
        assert!(text.contains("buckets=32"), "{text}");
    }

    #[tokio::test]
    async fn conditions_are_sent_as_bits_and_not_as_what_they_look_at() {
        let text = plan(
            "SELECT c, window_funnel(86400, ts, n = 'a', n = 'b'), count(n) FROM (SELECT c, ts, CAST(a AS VARCHAR) AS n FROM t) GROUP BY c",
        )
        .await;
        assert_eq!(text.matches("AggregateExec").count(), 1, "{text}");
        let text = plan(
            "SELECT c, window_funnel(86400, ts, a > 1, a > 2) FILTER (WHERE a > 3) FROM t GROUP BY c",
        )
        .await;
        let sent = text.lines().find(|l| l.contains("ProjectionExec") && l.contains("a@2 > 3"));
        assert!(sent.is_some_and(|l| !l.contains("a@2 as a")), "{text}");
    }

    #[tokio::test]
    async fn partitions_that_a_join_counts_on_stay_as_many_as_they_are() {
        let sql = "SELECT sum(f * m) FROM (SELECT c, frequency(ts) AS f FROM t GROUP BY c) a JOIN (SELECT c, monetary(a) AS m FROM t GROUP BY c) b USING (c)";
        let text = plan(sql).await;
        assert!(
            text.contains("mode=SinglePartitioned")
                && text.contains("HashJoinExec: mode=Partitioned"),
            "{text}"
        );
        assert!(!text.contains("buckets=32"), "{text}");
    }

    #[tokio::test]
    async fn what_is_small_is_aggregated_where_it_lies_first() {
        for sql in ["SELECT c, recency(ts) FROM t GROUP BY c", "SELECT frequency(ts) FROM t"] {
            let text = plan(sql).await;
            assert!(text.contains("mode=Partial"), "{text}");
        }
    }
}
