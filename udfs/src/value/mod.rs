//! (family documentation)

use std::sync::Arc;

use datafusion::logical_expr::ScalarUDF;
use datafusion::logical_expr::AggregateUDF;
use datafusion::logical_expr::WindowUDF;

/// The scalar functions of this family.
pub fn scalar_functions() -> Vec<Arc<ScalarUDF>> {
    vec![]
}

/// The aggregate functions of this family.
pub fn aggregate_functions() -> Vec<Arc<AggregateUDF>> {
    vec![]
}

/// The window functions of this family.
pub fn window_functions() -> Vec<Arc<WindowUDF>> {
    vec![]
}

