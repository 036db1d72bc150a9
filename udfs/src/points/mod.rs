//! Turning points: what changed a customer's life, and where any series changes its level.

mod buffer;
mod change_points;
mod flat;
mod options;
mod pelt;
mod vocabulary;

pub use change_points::change_points_udaf;
pub use vocabulary::event_types;

use std::sync::Arc;

use datafusion::logical_expr::AggregateUDF;

/// The aggregate functions of this family.
pub fn aggregate_functions() -> Vec<Arc<AggregateUDF>> {
    vec![change_points_udaf()]
}
