//! Tenure's table functions: one file each. Most are a query over the relation that they are given;
//! see [`query`](super::query).

mod change_points;
mod funnel;

use super::relations::TableFunction;

/// Every table function.
pub(crate) const FUNCTIONS: &[TableFunction] = &[change_points::FUNCTION, funnel::FUNCTION];
