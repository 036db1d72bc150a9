//! What tests and forecasts are computed with.

mod markov_forecast;
mod normal_cdf;

use std::sync::Arc;

use datafusion::logical_expr::ScalarUDF;

pub use markov_forecast::markov_forecast_udf;
pub use normal_cdf::normal_cdf_udf;

/// The scalar functions of this family.
pub fn scalar_functions() -> Vec<Arc<ScalarUDF>> {
    vec![normal_cdf_udf(), markov_forecast_udf()]
}

/// Calls of these functions for the DataFrame API.
pub mod expr_fn {
    use datafusion::logical_expr::Expr;

    /// How likely a standard normal value is at most `z`: `normal_cdf(z)`.
    pub fn normal_cdf(z: Expr) -> Expr {
        super::normal_cdf_udf().call(vec![z])
    }
}
