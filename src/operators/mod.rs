//! Operators of Tenure's own, for what customers' events need more often than other rows: to be
//! brought together by customer, and into the order of time.

pub(crate) mod again;
pub(crate) mod bucket_sort;
pub(crate) mod bytes;
pub(crate) mod dense_aggregate;
pub(crate) mod give_way;
pub(crate) mod in_turn;
pub(crate) mod named_aggregate;
mod names;
mod once;
mod passing;
pub(crate) mod scatter;
mod together;
