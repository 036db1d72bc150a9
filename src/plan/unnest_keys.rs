//! A key is no key after an unnest.
//!
//! An aggregate by customer has one row per customer, and DataFusion remembers that the customer
//! determines every column. Its `Unnest` makes many rows of one and keeps the claim (as of 55.2), so
//! that later `GROUP BY customer, point`, `DISTINCT` and `ORDER BY customer, ts` lose the columns
//! that the customer is said to determine: wrong rows, silently. Here every unnest gets an input
//! that claims nothing: in each relation of a FROM clause as it is planned, where the planner would
//! use the claim, and in the whole plan before the optimizer does.

use std::cell::Cell;
use std::cmp::Ordering;
use std::collections::HashSet;
use std::fmt;
use std::sync::Arc;

use async_trait::async_trait;
use datafusion::catalog::Session;
use datafusion::common::config::ConfigOptions;
use datafusion::common::tree_node::{Transformed, TransformedResult, TreeNodeRecursion};
use datafusion::common::{DFSchema, DFSchemaRef, Result, plan_err};
use datafusion::logical_expr::logical_plan::{Extension, InvariantLevel};
use datafusion::logical_expr::physical_planning_context::PhysicalPlanningContext;
use datafusion::logical_expr::planner::{
    PlannedRelation, RelationPlanner, RelationPlannerContext, RelationPlanning,
};
use datafusion::logical_expr::sqlparser::ast::TableFactor;
use datafusion::logical_expr::{
    Expr, LogicalPlan, UserDefinedLogicalNode, UserDefinedLogicalNodeCore,
};
use datafusion::optimizer::AnalyzerRule;
use datafusion::physical_plan::ExecutionPlan;
use datafusion::physical_planner::{ExtensionPlanner, PhysicalPlanner};

/// `plan` with no claim under any unnest.
pub(crate) fn without_keys(plan: LogicalPlan) -> Result<LogicalPlan> {
    let mut changed = false;
    let plan = plan
        .transform_up_with_subqueries(|plan| {
            Ok(match plan {
                LogicalPlan::Unnest(unnest) if claims(&unnest.input) => {
                    changed = true;
                    let input = Arc::new(LogicalPlan::Extension(Extension {
                        node: Arc::new(NoKeys::of(Arc::unwrap_or_clone(unnest.input))?),
                    }));
                    let plan =
                        LogicalPlan::Unnest(datafusion::logical_expr::Unnest { input, ..unnest });
                    Transformed::yes(plan.recompute_schema()?)
                }
                plan if changed => Transformed::yes(plan.recompute_schema()?),
                plan => Transformed::no(plan),
            })
        })
        .data()?;
    Ok(plan)
}

fn claims(plan: &LogicalPlan) -> bool {
    !plan.schema().functional_dependencies().is_empty()
}

fn has_unnest(plan: &LogicalPlan) -> Result<bool> {
    let mut found = false;
    plan.apply_with_subqueries(|plan| {
        found |= matches!(plan, LogicalPlan::Unnest(_));
        Ok(if found { TreeNodeRecursion::Stop } else { TreeNodeRecursion::Continue })
    })?;
    Ok(found)
}

/// Its input, row by row, without the claim that some columns determine others.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
struct NoKeys {
    input: LogicalPlan,
    schema: DFSchemaRef,
}

impl NoKeys {
    fn of(input: LogicalPlan) -> Result<Self> {
        let fields = input.schema().iter().map(|(q, f)| (q.cloned(), Arc::clone(f))).collect();
        let schema = DFSchema::new_with_metadata(fields, input.schema().metadata().clone())?;
        Ok(Self { input, schema: Arc::new(schema) })
    }
}

impl PartialOrd for NoKeys {
    fn partial_cmp(&self, other: &Self) -> Option<Ordering> {
        self.input.partial_cmp(&other.input)
    }
}

impl UserDefinedLogicalNodeCore for NoKeys {
    fn name(&self) -> &'static str {
        "NoKeys"
    }

    fn inputs(&self) -> Vec<&LogicalPlan> {
        vec![&self.input]
    }

    fn schema(&self) -> &DFSchemaRef {
        &self.schema
    }

    fn check_invariants(&self, _level: InvariantLevel) -> Result<()> {
        Ok(())
    }

    fn expressions(&self) -> Vec<Expr> {
        vec![]
    }

    /// every filter may go below
    fn prevent_predicate_push_down_columns(&self) -> HashSet<String> {
        HashSet::new()
    }

    fn fmt_for_explain(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("NoKeys")
    }

    fn with_exprs_and_inputs(&self, _exprs: Vec<Expr>, inputs: Vec<LogicalPlan>) -> Result<Self> {
        match inputs.into_iter().next() {
            Some(input) => Self::of(input),
            None => plan_err!("NoKeys needs an input"),
        }
    }

    fn necessary_children_exprs(&self, output: &[usize]) -> Option<Vec<Vec<usize>>> {
        Some(vec![output.to_vec()])
    }

    fn supports_limit_pushdown(&self) -> bool {
        true
    }
}

/// The rule for whole plans.
#[derive(Debug, Default)]
pub(crate) struct UnnestKeys;

impl AnalyzerRule for UnnestKeys {
    fn analyze(&self, plan: LogicalPlan, _config: &ConfigOptions) -> Result<LogicalPlan> {
        if has_unnest(&plan)? { without_keys(plan) } else { Ok(plan) }
    }

    fn name(&self) -> &'static str {
        "unnest_keys"
    }
}

thread_local! {
    /// set while a relation is handed on to DataFusion, for that one relation
    static HANDED_ON: Cell<bool> = const { Cell::new(false) };
}

/// The rule for relations as they are planned.
#[derive(Debug, Default)]
pub(crate) struct UnnestKeysInRelations;

impl RelationPlanner for UnnestKeysInRelations {
    fn plan_relation(
        &self,
        relation: TableFactor,
        context: &mut dyn RelationPlannerContext,
    ) -> Result<RelationPlanning> {
        if HANDED_ON.take()
            || !matches!(relation, TableFactor::Table { .. } | TableFactor::Derived { .. })
        {
            return Ok(RelationPlanning::Original(Box::new(relation)));
        }
        HANDED_ON.set(true);
        let plan = context.plan(relation);
        HANDED_ON.set(false);
        let plan = plan?;
        let plan = if claims(&plan) && has_unnest(&plan)? { without_keys(plan)? } else { plan };
        Ok(RelationPlanning::Planned(Box::new(PlannedRelation::new(plan, None))))
    }
}

/// Plans [`NoKeys`] as what is under it.
pub(crate) struct NoKeysPlanner;

#[async_trait]
impl ExtensionPlanner for NoKeysPlanner {
    async fn plan_extension(
        &self,
        _planner: &dyn PhysicalPlanner,
        node: &dyn UserDefinedLogicalNode,
        _logical_inputs: &[&LogicalPlan],
        physical_inputs: &[Arc<dyn ExecutionPlan>],
        _session: &dyn Session,
        _context: &PhysicalPlanningContext,
    ) -> Result<Option<Arc<dyn ExecutionPlan>>> {
        let ours = node.as_any().is::<NoKeys>();
        Ok(if ours { physical_inputs.first().map(Arc::clone) } else { None })
    }
}
