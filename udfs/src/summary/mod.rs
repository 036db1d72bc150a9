//! (family documentation)

use std::sync::Arc;

use datafusion::logical_expr::AggregateUDF;

/// The aggregate functions of this family.
pub fn aggregate_functions() -> Vec<Arc<AggregateUDF>> {
    vec![]
}

