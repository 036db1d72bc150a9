//! How long customers stay, from durations that are not all over: curves of survival, whether they
//! differ, what changes the hazard of leaving, and after how long a silence somebody is gone.
//!
//! A fit is an aggregate that returns a STRUCT; scoring functions take that STRUCT.

mod arguments;
mod churn_threshold;
mod compare;
mod cox;
mod cox_fit;
mod cox_hazard;
mod curves;
mod delayed;
mod explain_cox;
mod km;
mod km_fit;
mod logrank;
mod median_survival;
mod observed;
mod proportional;
mod rmst;
mod silence;
mod survival_at;
mod survival_quantile;

#[cfg(test)]
mod tests;

use std::sync::Arc;

use datafusion::logical_expr::{AggregateUDF, ScalarUDF};

pub use churn_threshold::churn_threshold_udaf;
pub use cox_fit::cox_fit_udaf;
pub use cox_hazard::cox_hazard_udf;
pub use explain_cox::explain_cox_udf;
pub use km_fit::km_fit_udaf;
pub use logrank::logrank_udaf;
pub use median_survival::median_survival_udf;
pub use rmst::rmst_udf;
pub use survival_at::survival_at_udf;
pub use survival_quantile::survival_quantile_udf;

/// The scalar functions of this family.
pub fn scalar_functions() -> Vec<Arc<ScalarUDF>> {
    vec![
        survival_at_udf(),
        median_survival_udf(),
        survival_quantile_udf(),
        rmst_udf(),
        cox_hazard_udf(),
        explain_cox_udf(),
    ]
}

/// The aggregate functions of this family.
pub fn aggregate_functions() -> Vec<Arc<AggregateUDF>> {
    vec![km_fit_udaf(), logrank_udaf(), cox_fit_udaf(), churn_threshold_udaf()]
}

/// Calls of the functions of this family for the DataFrame API. Options that are not among the
/// parameters take their defaults; `….call(args)` of the function itself takes all.
pub mod expr_fn {
    use datafusion::logical_expr::Expr;

    /// `km_fit(duration, event)`
    pub fn km_fit(duration: Expr, event: Expr) -> Expr {
        super::km_fit_udaf().call(vec![duration, event])
    }

    /// `survival_at(model, t)`
    pub fn survival_at(model: Expr, t: Expr) -> Expr {
        super::survival_at_udf().call(vec![model, t])
    }

    /// `median_survival(model)`
    pub fn median_survival(model: Expr) -> Expr {
        super::median_survival_udf().call(vec![model])
    }

    /// `survival_quantile(model, p)`
    pub fn survival_quantile(model: Expr, p: Expr) -> Expr {
        super::survival_quantile_udf().call(vec![model, p])
    }

    /// `rmst(model, t)`
    pub fn rmst(model: Expr, t: Expr) -> Expr {
        super::rmst_udf().call(vec![model, t])
    }

    /// `logrank(duration, event, by)`
    pub fn logrank(duration: Expr, event: Expr, by: Expr) -> Expr {
        super::logrank_udaf().call(vec![duration, event, by])
    }

    /// `cox_fit(duration, event, features)`
    pub fn cox_fit(duration: Expr, event: Expr, features: Expr) -> Expr {
        super::cox_fit_udaf().call(vec![duration, event, features])
    }

    /// `cox_hazard(model, features)`
    pub fn cox_hazard(model: Expr, features: Expr) -> Expr {
        super::cox_hazard_udf().call(vec![model, features])
    }

    /// `explain_cox(model, features)`
    pub fn explain_cox(model: Expr, features: Expr) -> Expr {
        super::explain_cox_udf().call(vec![model, features])
    }

    /// `churn_threshold(gap, censored)`
    pub fn churn_threshold(gap: Expr, censored: Expr) -> Expr {
        super::churn_threshold_udaf().call(vec![gap, censored])
    }
}
