//! Table functions against naive twins, written from their documentation: loops over the rows of
//! random small logs, in which nearly everything happens at nearly the same times.
//!
//! One statement answers many logs at once. No customer is in two logs, and what a function says of
//! each log stands apart in its answer: `by` splits cohorts by log, a lifecycle is of one customer,
//! and growth is of logs that are years apart. So each log's rows are compared as if it were alone.

#![allow(
    clippy::unwrap_used,
    clippy::panic,
    clippy::indexing_slicing,
    reason = "a test fails by a panic"
)]

mod calendar;
mod evaluation;
mod funnel;
mod key_points;
mod lifecycle;
mod logs;
mod retention_matrix;
