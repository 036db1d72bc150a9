//! Recency, frequency, monetary value: measured, scored from 1 to 5, and named.

pub(crate) mod frequency;
pub(crate) mod monetary;
pub(crate) mod recency;
mod sums;

use std::sync::Arc;

use datafusion::logical_expr::{AggregateUDF, ScalarUDF, WindowUDF};

pub use frequency::frequency_udaf;
pub use monetary::monetary_udaf;
pub use recency::recency_udaf;

/// The scalar functions of this family.
pub fn scalar_functions() -> Vec<Arc<ScalarUDF>> {
    vec![]
}

/// The aggregate functions of this family.
pub fn aggregate_functions() -> Vec<Arc<AggregateUDF>> {
    vec![recency_udaf(), frequency_udaf(), monetary_udaf()]
}

/// The window functions of this family.
pub fn window_functions() -> Vec<Arc<WindowUDF>> {
    vec![]
}
