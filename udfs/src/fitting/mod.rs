//! What the aggregates share that make a model of the rows of a group: how rows are collected,
//! features and durations as arguments, linear equations.

pub(crate) mod aggregate;
pub(crate) mod answers;
pub(crate) mod durations;
