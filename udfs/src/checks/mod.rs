//! Values held against what they may be.

pub(crate) mod require_finite;

use std::sync::Arc;

use datafusion::logical_expr::ScalarUDF;

/// The scalar functions of this family.
pub fn scalar_functions() -> Vec<Arc<ScalarUDF>> {
    vec![require_finite::require_finite_udf()]
}

/// Builders of the calls.
pub mod expr_fn {
    use datafusion::logical_expr::Expr;

    /// `require_finite(value)`
    pub fn require_finite(value: Expr) -> Expr {
        super::require_finite::require_finite_udf().call(vec![value])
    }
}
