//! Tenure as an ADBC driver: `libadbc_driver_tenure`, for any ADBC driver manager.
//!
//! The database is a lake (`uri`), each connection a session of its own with the settings given as
//! options, each statement one call of the engine's one entry: same dialect, settings, limits and
//! errors as everywhere. Results stream, and are handed over where they are in memory.
//!
//! - `driver`, `connection`, `statement` are what ADBC calls, in Rust's terms;
//! - `values`, `ingest`, `incoming` bring the caller's rows in;
//! - `reader`, `info`, `objects` bring answers out;
//! - `boundary` is what C sees, and holds every `unsafe` of the crate.

mod boundary;
mod cancel;
mod changes;
mod connection;
mod driver;
mod error;
mod guard;
mod incoming;
mod info;
mod ingest;
mod objects;
mod option;
mod reader;
mod runtime;
mod statement;
mod values;

pub use boundary::{AdbcDriverInit, AdbcDriverTenureInit};
pub use changes::settled;
pub use connection::TenureConnection;
pub use driver::{READABLE, TenureDatabase, TenureDriver};
pub use runtime::runtime;
pub use statement::TenureStatement;
