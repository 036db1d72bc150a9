//! Who is fitted twice in one statement is fitted once: fits that a statement names more than once, as
//! by naming `profiles` twice, share their models.

use std::collections::BTreeMap;
use std::sync::Arc;

use datafusion::common::Result;
use datafusion::common::tree_node::{Transformed, TreeNode, TreeNodeRecursion};
use datafusion::logical_expr::expr::{AggregateFunction, WindowFunction};
use datafusion::logical_expr::{AggregateUDF, Expr, LogicalPlan, WindowFunctionDefinition};
use datafusion::optimizer::{OptimizerConfig, OptimizerRule};

use crate::udfs::value::{FittedModels, fit_once, fits_alone};

/// The rule.
#[derive(Debug)]
pub(super) struct FitOnce;

impl OptimizerRule for FitOnce {
    fn name(&self) -> &str {
        "fit_once"
    }

    fn rewrite(
        &self,
        plan: LogicalPlan,
        _config: &dyn OptimizerConfig,
    ) -> Result<Transformed<LogicalPlan>> {
        let mut fits: BTreeMap<String, usize> = BTreeMap::new();
        plan.apply_with_subqueries(|node| {
            node.apply_expressions(|e| {
                e.apply(|e| {
                    if let Some(fit) = aggregate(e).filter(|f| fits_alone(f)) {
                        *fits.entry(fit.name().to_string()).or_default() += 1;
                    }
                    Ok(TreeNodeRecursion::Continue)
                })
            })
        })?;
        fits.retain(|_, times| *times > 1);
        if fits.is_empty() {
            return Ok(Transformed::no(plan));
        }
        let models = Arc::new(FittedModels::default());
        plan.transform_down_with_subqueries(|node| {
            // the types of an expression that has another function of the same name do not change
            node.map_expressions(|e| e.transform_down(|e| Ok(among(e, &fits, &models))))
        })
    }
}

/// The aggregate that an expression calls, in a window or not.
fn aggregate(e: &Expr) -> Option<&AggregateUDF> {
    match e {
        Expr::AggregateFunction(call) => Some(&call.func),
        Expr::WindowFunction(call) => match &call.fun {
            WindowFunctionDefinition::AggregateUDF(func) => Some(func),
            WindowFunctionDefinition::WindowUDF(_) => None,
        },
        _ => None,
    }
}

/// The same call that looks among `models` first, if it is to one of `fits`.
fn among(e: Expr, fits: &BTreeMap<String, usize>, models: &Arc<FittedModels>) -> Transformed<Expr> {
    let shared = aggregate(&e).filter(|func| fits.contains_key(func.name()));
    let Some(func) = shared.and_then(|func| fit_once(func, models)) else {
        return Transformed::no(e);
    };
    Transformed::yes(match e {
        Expr::AggregateFunction(call) => {
            Expr::AggregateFunction(AggregateFunction { func, ..call })
        }
        Expr::WindowFunction(call) => {
            let fun = WindowFunctionDefinition::AggregateUDF(func);
            Expr::WindowFunction(Box::new(WindowFunction { fun, ..*call }))
        }
        other => other,
    })
}
