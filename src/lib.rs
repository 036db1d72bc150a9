//! Tenure is an embedded SQL engine for the customer lifecycle: point it at a lake of Parquet files
//! and ask in plain SQL who the customers are, which stage of their life they stand at, what turned
//! them and who will leave.
//!
//! ```no_run
//! # #[tokio::main(flavor = "current_thread")]
//! # async fn main() -> Result<(), tenure::Error> {
//! use tenure::Tenure;
//!
//! let tenure = Tenure::builder().lake("data/retail").build().await?;
//! tenure
//!     .sql("SELECT stage, count(*) AS customers FROM profiles GROUP BY stage ORDER BY customers DESC")
//!     .await?
//!     .show()
//!     .await?;
//! # Ok(())
//! # }
//! ```
//!
//! [`Tenure`] is a session; [`TenureBuilder`] says what it shall be. The functions themselves are
//! in the crate [`udfs`], for any DataFusion session.

#![forbid(unsafe_code)]

mod arithmetic;
mod catalog;
pub mod chart;
pub mod cluster;
mod engine;
mod error;
pub mod generate;
pub mod lake;
pub mod library;
pub mod model;
mod operators;
pub mod options;
mod params;
mod plan;
pub mod render;
#[cfg(feature = "pg")]
pub mod server;
pub mod verify;

pub use datafusion;
pub use engine::{
    Answer, FunctionInfo, FunctionKind, Policy, Prepared, SessionOptions, TableInfo, TableKind,
    Tenure, TenureBuilder,
};
pub use error::{Error, ErrorKind, Place, Result};
pub use params::Params;
pub use plan::limits;
pub use plan::statements::{Statement, split_statements};
pub use tenure_udfs as udfs;
