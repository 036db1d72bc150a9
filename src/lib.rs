//! Tenure: an embedded SQL engine for the customer lifecycle.

pub mod error;
pub mod lake;

pub use error::{Error, ErrorKind, Result};
pub use tenure_udfs as udfs;
