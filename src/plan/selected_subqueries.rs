//! `SELECT EXISTS (…)` and `SELECT x IN (SELECT …)`: whether there are rows, told by their number.
//!
//! DataFusion answers both in conditions only. Among what is selected a count takes their place, which
//! it plans anywhere, correlated or not.

use std::sync::Arc;

use datafusion::common::config::ConfigOptions;
use datafusion::common::tree_node::{Transformed, TransformedResult, TreeNode};
use datafusion::common::{Column, DFSchema, ExprSchema, Result, ScalarValue, plan_err};
use datafusion::functions_aggregate::expr_fn::count;
use datafusion::logical_expr::expr::{Exists, InSubquery};
use datafusion::logical_expr::expr_rewriter::NamePreserver;
use datafusion::logical_expr::logical_plan::{FetchType, SkipType};
use datafusion::logical_expr::{Expr, LogicalPlan, LogicalPlanBuilder, Subquery, lit, not, when};
use datafusion::optimizer::AnalyzerRule;

/// Counts the rows of subqueries that are asked for yes or no among what is selected.
#[derive(Debug, Default)]
pub(crate) struct SelectedSubqueries;

impl AnalyzerRule for SelectedSubqueries {
    fn analyze(&self, plan: LogicalPlan, _config: &ConfigOptions) -> Result<LogicalPlan> {
        plan.transform_up_with_subqueries(|plan| match &plan {
            LogicalPlan::Projection(projection) if projection.expr.iter().any(asks) => {
                let outer = Arc::clone(projection.input.schema());
                let names = NamePreserver::new(&plan);
                plan.map_expressions(|e| {
                    let name = names.save(&e);
                    Ok(e.transform_up(|e| answered(e, &outer))?.update_data(|e| name.restore(e)))
                })
            }
            _ => Ok(Transformed::no(plan)),
        })
        .data()
    }

    fn name(&self) -> &'static str {
        "selected_subqueries"
    }
}

fn asks(e: &Expr) -> bool {
    e.exists(|e| Ok(matches!(e, Expr::Exists(_) | Expr::InSubquery(_)))).unwrap_or(false)
}

fn answered(e: Expr, outer: &DFSchema) -> Result<Transformed<Expr>> {
    let (answer, negated) = match e {
        Expr::Exists(Exists { subquery, negated }) => {
            (number(&subquery, None, lit(1_i64))?.gt(lit(0_i64)), negated)
        }
        Expr::InSubquery(InSubquery { expr, subquery, negated }) => {
            (is_among(*expr, &subquery, outer)?, negated)
        }
        e => return Ok(Transformed::no(e)),
    };
    Ok(Transformed::yes(if negated { not(answer) } else { answer }))
}

/// `x IN (SELECT y …)`, which is NULL where it depends on a NULL.
fn is_among(x: Expr, subquery: &Subquery, outer: &DFSchema) -> Result<Expr> {
    let Some((relation, field)) = subquery.subquery.schema().iter().next() else {
        return plan_err!("the subquery after IN has no column");
    };
    let y = Expr::Column(Column::from((relation, field)));
    let null = lit(ScalarValue::Boolean(None));
    let rows = number(subquery, None, lit(1_i64))?;
    let known = number(subquery, None, y.clone())?;
    let equal = number(subquery, Some(outside(x.clone(), outer)?.eq(y)), lit(1_i64))?;
    when(rows.clone().eq(lit(0_i64)), lit(false))
        .when(x.is_null(), null.clone())
        .when(equal.gt(lit(0_i64)), lit(true))
        .when(rows.gt(known), null)
        .otherwise(lit(false))
}

/// `e` as a subquery sees it whose statement has the columns of `outer`.
fn outside(e: Expr, outer: &DFSchema) -> Result<Expr> {
    let seen = |e| match e {
        Expr::Column(column) => {
            let field = Arc::clone(outer.field_from_column(&column)?);
            Ok(Transformed::yes(Expr::OuterReferenceColumn(field, column)))
        }
        e => Ok(Transformed::no(e)),
    };
    e.transform_up(seen).data()
}

/// The number of rows of a subquery, of those that are meant, in which `of` is known.
fn number(subquery: &Subquery, meant: Option<Expr>, of: Expr) -> Result<Expr> {
    let mut rows = LogicalPlanBuilder::new_from_arc(Arc::clone(some_rows(&subquery.subquery)?));
    if let Some(meant) = meant {
        rows = rows.filter(meant)?;
    }
    let rows = rows.aggregate(Vec::<Expr>::new(), [count(of)])?.build()?;
    Ok(Expr::ScalarSubquery(Subquery {
        outer_ref_columns: rows.all_out_ref_exprs(),
        subquery: Arc::new(rows),
        spans: subquery.spans.clone(),
    }))
}

/// The plan without a limit that leaves a row where there is one: with it, it could not be joined.
fn some_rows(plan: &Arc<LogicalPlan>) -> Result<&Arc<LogicalPlan>> {
    let LogicalPlan::Limit(limit) = plan.as_ref() else { return Ok(plan) };
    let all = matches!(limit.get_skip_type()?, SkipType::Literal(0));
    let some = matches!(limit.get_fetch_type()?, FetchType::Literal(Some(n)) if n > 0);
    Ok(if all && some { &limit.input } else { plan })
}
