//! Tenure: an embedded SQL engine for the customer lifecycle.

pub mod render;
pub use tenure_udfs as udfs;
