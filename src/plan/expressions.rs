//! Rewriting of the expressions of a whole plan, whose types are known.

use datafusion::common::tree_node::{Transformed, TreeNode, TreeNodeRecursion};
use datafusion::common::{DFSchema, Result};
use datafusion::logical_expr::expr_rewriter::NamePreserver;
use datafusion::logical_expr::utils::merge_schema;
use datafusion::logical_expr::{Expr, LogicalPlan};

/// Rewrites every expression of `plan`, from the innermost on. Columns keep their names. Nodes in which
/// nothing is `meant` stay as they are.
pub(crate) fn rewrite(
    plan: LogicalPlan,
    meant: fn(&Expr) -> bool,
    with: fn(Expr, &DFSchema) -> Result<Transformed<Expr>>,
) -> Result<LogicalPlan> {
    let rewritten = plan.transform_up_with_subqueries(|plan| {
        let mut found = false;
        plan.apply_expressions(|e| {
            found = e.exists(|e| Ok(meant(e)))?;
            Ok(if found { TreeNodeRecursion::Stop } else { TreeNodeRecursion::Continue })
        })?;
        if !found {
            return Ok(Transformed::no(plan));
        }
        let mut schema = merge_schema(&plan.inputs());
        if let LogicalPlan::TableScan(scan) = &plan {
            // its filters may look at columns that it does not hand on
            let name = scan.table_name.clone();
            schema.merge(&DFSchema::try_from_qualified_schema(name, &scan.source.schema())?);
        }
        let names = NamePreserver::new(&plan);
        plan.map_expressions(|e| {
            let name = names.save(&e);
            let rewritten = e.transform_up(|e| with(e, &schema))?;
            Ok(rewritten.update_data(|e| name.restore(e)))
        })
    });
    Ok(rewritten?.data)
}
