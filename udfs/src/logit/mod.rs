//! How likely something is, from features: logistic regression as a model that is a value.

mod core;
mod explain_logit;
mod logit_fit;
mod logit_predict;

use std::sync::Arc;

use datafusion::logical_expr::{AggregateUDF, ScalarUDF};

pub use explain_logit::explain_logit_udf;
pub use logit_fit::logit_fit_udaf;
pub use logit_predict::logit_predict_udf;

/// The scalar functions of this family.
pub fn scalar_functions() -> Vec<Arc<ScalarUDF>> {
    vec![logit_predict_udf(), explain_logit_udf()]
}

/// The aggregate functions of this family.
pub fn aggregate_functions() -> Vec<Arc<AggregateUDF>> {
    vec![logit_fit_udaf()]
}

/// Calls of the functions of this family for the DataFrame API. Options that are not among the
/// parameters take their defaults; `….call(args)` of the function itself takes all.
pub mod expr_fn {
    use datafusion::logical_expr::Expr;

    /// `logit_fit(label, features)`
    pub fn logit_fit(label: Expr, features: Expr) -> Expr {
        super::logit_fit_udaf().call(vec![label, features])
    }

    /// `logit_predict(model, features)`
    pub fn logit_predict(model: Expr, features: Expr) -> Expr {
        super::logit_predict_udf().call(vec![model, features])
    }

    /// `explain_logit(model, features)`
    pub fn explain_logit(model: Expr, features: Expr) -> Expr {
        super::explain_logit_udf().call(vec![model, features])
    }
}
