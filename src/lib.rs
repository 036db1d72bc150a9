//! Tenure: an embedded SQL engine for the customer lifecycle.

pub mod error;
pub mod library;
pub mod params;

pub use params::Params;
pub use tenure_udfs as udfs;
