//! How long customers stay: curves of survival from durations that are not all over.
//!
//! A fit is an aggregate that returns a STRUCT; scoring functions take that STRUCT.

mod arguments;
mod curves;
mod km;
mod km_fit;
mod median_survival;
mod observed;
mod rmst;
mod survival_at;
mod survival_quantile;

#[cfg(test)]
mod tests;

use std::sync::Arc;

use datafusion::logical_expr::{AggregateUDF, ScalarUDF};

pub use km_fit::km_fit_udaf;
pub use median_survival::median_survival_udf;
pub use rmst::rmst_udf;
pub use survival_at::survival_at_udf;
pub use survival_quantile::survival_quantile_udf;

/// The scalar functions of this family.
pub fn scalar_functions() -> Vec<Arc<ScalarUDF>> {
    vec![survival_at_udf(), median_survival_udf(), survival_quantile_udf(), rmst_udf()]
}

/// The aggregate functions of this family.
pub fn aggregate_functions() -> Vec<Arc<AggregateUDF>> {
    vec![km_fit_udaf()]
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
}
