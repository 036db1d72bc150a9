//! Time as Tenure sees it: the wall clock of the session's time zone.

pub(crate) mod local_time;

use std::sync::Arc;

use datafusion::logical_expr::ScalarUDF;

/// The scalar functions of this family.
pub fn scalar_functions() -> Vec<Arc<ScalarUDF>> {
    vec![local_time::local_time_udf()]
}
