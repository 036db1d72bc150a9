//! Tenure: an embedded SQL engine for the customer lifecycle.

pub use tenure_udfs as udfs;
