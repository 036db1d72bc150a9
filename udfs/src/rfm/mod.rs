//! Recency, frequency, monetary value: measured, scored from 1 to 5, and named.

mod core;
pub(crate) mod frequency;
mod input;
pub(crate) mod monetary;
pub(crate) mod recency;
pub(crate) mod rfm_apply;
pub(crate) mod rfm_fit;
pub(crate) mod rfm_score;
pub(crate) mod rfm_segment;
mod schemes;
mod sums;

use std::sync::Arc;

use datafusion::logical_expr::{AggregateUDF, ScalarUDF, WindowUDF};

pub use frequency::frequency_udaf;
pub use monetary::monetary_udaf;
pub use recency::recency_udaf;
pub use rfm_apply::rfm_apply_udf;
pub use rfm_fit::rfm_fit_udaf;
pub use rfm_score::rfm_score_udwf;
pub use rfm_segment::rfm_segment_udf;
pub use schemes::{SchemeRow, scheme_rows};

/// The scalar functions of this family.
pub fn scalar_functions() -> Vec<Arc<ScalarUDF>> {
    vec![rfm_apply_udf(), rfm_segment_udf()]
}

/// The aggregate functions of this family.
pub fn aggregate_functions() -> Vec<Arc<AggregateUDF>> {
    vec![recency_udaf(), frequency_udaf(), monetary_udaf(), rfm_fit_udaf()]
}

/// The window functions of this family.
pub fn window_functions() -> Vec<Arc<WindowUDF>> {
    vec![rfm_score_udwf()]
}

/// The calls of this family for the DataFrame API.
pub mod expr_fn {
    use datafusion::logical_expr::Expr;

    /// `recency(ts)` as of the session's `tenure.as_of`.
    pub fn recency(ts: Expr) -> Expr {
        super::recency_udaf().call(vec![ts])
    }

    /// `frequency(ts)`: days with an event, as of the session's `tenure.as_of`.
    pub fn frequency(ts: Expr) -> Expr {
        super::frequency_udaf().call(vec![ts])
    }

    /// `monetary(amount)`: the sum.
    pub fn monetary(amount: Expr) -> Expr {
        super::monetary_udaf().call(vec![amount])
    }

    /// `rfm_score(recency, frequency, monetary)`; add the window by `ExprFunctionExt`.
    pub fn rfm_score(recency: Expr, frequency: Expr, monetary: Expr) -> Expr {
        super::rfm_score_udwf().call(vec![recency, frequency, monetary])
    }

    /// `rfm_fit(recency, frequency, monetary)`: cut points for five scores.
    pub fn rfm_fit(recency: Expr, frequency: Expr, monetary: Expr) -> Expr {
        super::rfm_fit_udaf().call(vec![recency, frequency, monetary])
    }

    /// `rfm_apply(model, recency, frequency, monetary)`.
    pub fn rfm_apply(model: Expr, recency: Expr, frequency: Expr, monetary: Expr) -> Expr {
        super::rfm_apply_udf().call(vec![model, recency, frequency, monetary])
    }

    /// `rfm_segment(r, f, m)` by the standard scheme.
    pub fn rfm_segment(r: Expr, f: Expr, m: Expr) -> Expr {
        super::rfm_segment_udf().call(vec![r, f, m])
    }
}
