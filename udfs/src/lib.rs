//! The SQL functions of Tenure, for any [DataFusion](https://datafusion.apache.org) session.
//!
//! Customer summaries, RFM scores and segments, lifecycle stages, churn and value models, funnels,
//! retention, sessions, turning points: each function is one file, `<family>/<sql_name>.rs`, beside a
//! `core.rs` that holds the algorithm and knows nothing of Arrow. [`register_all`] adds every function
//! to a session, [`expr_fn`] builds the same calls for the DataFrame API.
//!
//! ```
//! # use datafusion::prelude::SessionContext;
//! # #[tokio::main(flavor = "current_thread")]
//! # async fn main() -> datafusion::error::Result<()> {
//! let mut ctx = SessionContext::new();
//! tenure_udfs::register_all(&mut ctx)?;
//! let df = ctx.sql("SELECT stage_label('at_risk', 'zh')").await?;
//! assert_eq!(df.count().await?, 1);
//! # Ok(())
//! # }
//! ```
//!
//! An option that is left out, or given as NULL, takes its default; defaults such as the point in
//! time come from the session's [`settings`] and are turned into literals while the statement is
//! planned, so that one statement has one answer wherever its parts run.

#![forbid(unsafe_code)]

mod args;
pub mod chart;
pub mod checks;
mod conditions;
mod events;
pub mod exact_sum;
mod fitting;
pub mod funnel;
mod lists;
pub mod logit;
pub mod path;
mod payload;
pub mod points;
pub mod retention;
pub mod rfm;
pub mod rhythm;
pub mod sequence;
mod sequence_aggregate;
mod sequence_function;
pub mod sessions;
pub mod settings;
pub mod stage;
pub mod statistics;
pub mod summary;
pub mod survival;
pub mod time;
mod times;
pub mod value;

#[cfg(test)]
mod testing;

use std::sync::Arc;

use datafusion::common::Result;
use datafusion::execution::FunctionRegistry;
use datafusion::logical_expr::{AggregateUDF, ScalarUDF, WindowUDF};

/// Calls of every function for the DataFrame API, with the arguments that matter most; a
/// function's own `…_udf().call(args)` takes all.
pub mod expr_fn {
    pub use crate::chart::expr_fn::*;
    pub use crate::funnel::expr_fn::*;
    pub use crate::logit::expr_fn::*;
    pub use crate::path::expr_fn::*;
    pub use crate::points::expr_fn::*;
    pub use crate::retention::expr_fn::*;
    pub use crate::rfm::expr_fn::*;
    pub use crate::rhythm::expr_fn::*;
    pub use crate::sequence::expr_fn::*;
    pub use crate::sessions::expr_fn::*;
    pub use crate::stage::expr_fn::*;
    pub use crate::statistics::expr_fn::*;
    pub use crate::summary::expr_fn::*;
    pub use crate::survival::expr_fn::*;
    pub use crate::time::expr_fn::*;
    pub use crate::value::expr_fn::*;
}

/// Every scalar function of this crate.
pub fn all_scalar_functions() -> Vec<Arc<ScalarUDF>> {
    [
        checks::scalar_functions(),
        time::scalar_functions(),
        summary::scalar_functions(),
        rfm::scalar_functions(),
        stage::scalar_functions(),
        value::scalar_functions(),
        survival::scalar_functions(),
        logit::scalar_functions(),
        path::scalar_functions(),
        statistics::scalar_functions(),
        chart::scalar_functions(),
    ]
    .concat()
}

/// Every aggregate function of this crate.
pub fn all_aggregate_functions() -> Vec<Arc<AggregateUDF>> {
    [
        summary::aggregate_functions(),
        rfm::aggregate_functions(),
        value::aggregate_functions(),
        survival::aggregate_functions(),
        logit::aggregate_functions(),
        points::aggregate_functions(),
        funnel::aggregate_functions(),
        sequence::aggregate_functions(),
        path::aggregate_functions(),
        retention::aggregate_functions(),
        rhythm::aggregate_functions(),
    ]
    .concat()
}

/// Every window function of this crate.
pub fn all_window_functions() -> Vec<Arc<WindowUDF>> {
    [
        rfm::window_functions(),
        value::window_functions(),
        retention::window_functions(),
        sessions::window_functions(),
    ]
    .concat()
}

/// Registers every function of this crate in `registry`, for instance a `SessionContext`.
///
/// # Errors
/// Only what the registry itself refuses.
pub fn register_all(registry: &mut dyn FunctionRegistry) -> Result<()> {
    for f in all_scalar_functions() {
        registry.register_udf(f)?;
    }
    for f in all_aggregate_functions() {
        registry.register_udaf(f)?;
    }
    for f in all_window_functions() {
        registry.register_udwf(f)?;
    }
    Ok(())
}
