//! Calls of window functions that become equal when their constants are worked out, such as
//! `lag(ts, 1)` and `lag(ts, 2 - 1)` over the same window.
//!
//! DataFusion would take them out as a common expression of a projection, where a window function
//! cannot be planned (55.2). Here such a call is made once, and a projection gives its answer the
//! other names as well.

use std::sync::Arc;

use datafusion::common::Result;
use datafusion::common::tree_node::Transformed;
use datafusion::logical_expr::logical_plan::{Projection, Window};
use datafusion::logical_expr::{Expr, LogicalPlan, col};
use datafusion::optimizer::{ApplyOrder, Optimizer, OptimizerConfig, OptimizerRule};

use super::fit_once::FitOnce;

/// DataFusion's rules with this one before that of common expressions, and [`FitOnce`] as the last.
pub(crate) fn logical_rules() -> Vec<Arc<dyn OptimizerRule + Send + Sync>> {
    let mut rules = Optimizer::new().rules;
    let common = rules.iter().position(|rule| rule.name() == "common_sub_expression_eliminate");
    rules.insert(common.unwrap_or(rules.len()), Arc::new(EqualWindows));
    rules.push(Arc::new(FitOnce));
    rules
}

/// The rule.
#[derive(Debug)]
struct EqualWindows;

impl OptimizerRule for EqualWindows {
    fn name(&self) -> &str {
        "equal_windows"
    }

    fn apply_order(&self) -> Option<ApplyOrder> {
        Some(ApplyOrder::BottomUp)
    }

    fn rewrite(
        &self,
        plan: LogicalPlan,
        _config: &dyn OptimizerConfig,
    ) -> Result<Transformed<LogicalPlan>> {
        let LogicalPlan::Window(window) = plan else { return Ok(Transformed::no(plan)) };
        let (places, first) = places(&window.window_expr);
        if first.len() == window.window_expr.len() {
            return Ok(Transformed::no(LogicalPlan::Window(window)));
        }
        let columns = window.input.schema().fields().len();
        let once = Window::try_new(first, Arc::clone(&window.input))?;
        let of = Arc::clone(&once.schema);
        let mut out: Vec<Expr> = of.columns().into_iter().take(columns).map(Expr::Column).collect();
        for ((qualifier, field), place) in window.schema.iter().skip(columns).zip(places) {
            let Some(column) = of.columns().into_iter().nth(columns + place) else { continue };
            let same = column.relation.as_ref() == qualifier && column.name == *field.name();
            let answer = col(column);
            out.push(if same {
                answer
            } else {
                answer.alias_qualified(qualifier.cloned(), field.name())
            });
        }
        let plan = Projection::try_new(out, Arc::new(LogicalPlan::Window(once)))?;
        Ok(Transformed::yes(LogicalPlan::Projection(plan)))
    }
}

/// The calls that are made, and for each of `calls` which of them.
fn places(calls: &[Expr]) -> (Vec<usize>, Vec<Expr>) {
    let mut first: Vec<Expr> = vec![];
    let mut places = Vec::with_capacity(calls.len());
    for call in calls {
        let same = first.iter().position(|f| unnamed(f) == unnamed(call) && !call.is_volatile());
        places.push(same.unwrap_or(first.len()));
        if same.is_none() {
            first.push(call.clone());
        }
    }
    (places, first)
}

fn unnamed(e: &Expr) -> &Expr {
    match e {
        Expr::Alias(named) => unnamed(&named.expr),
        other => other,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use datafusion::logical_expr::lit;

    #[test]
    fn equal_calls_are_made_once_whatever_they_are_called() {
        let calls = [lit(1), lit(2).alias("b"), lit(1).alias("c"), lit(2).alias("d").alias("e")];
        let (places, first) = places(&calls);
        assert_eq!(places, [0, 1, 0, 1]);
        assert_eq!(first, calls[..2]);
    }

    #[test]
    fn the_rule_comes_before_that_of_common_expressions() {
        let names: Vec<String> =
            logical_rules().iter().map(|rule| rule.name().to_string()).collect();
        let at = names.iter().position(|name| name == "equal_windows").unwrap();
        assert_eq!(names[at + 1], "common_sub_expression_eliminate");
    }
}
