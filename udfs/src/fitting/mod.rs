//! What the aggregates share that make a model of the rows of a group: how rows are collected,
//! features and durations as arguments, linear equations, Newton's method, and what models say.

pub(crate) mod aggregate;
pub(crate) mod answers;
pub(crate) mod durations;
pub(crate) mod faults;
pub(crate) mod features;
pub(crate) mod function;
pub(crate) mod gram;
pub(crate) mod linear;
pub(crate) mod newton;
pub(crate) mod rows;
pub(crate) mod terms;
