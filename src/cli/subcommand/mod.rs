//! The subcommands: one file each.

pub(super) mod cluster;
pub(super) mod completions;
pub(super) mod functions;
pub(super) mod generate;
pub(super) mod init;
pub(super) mod queries;
pub(super) mod run;
#[cfg(feature = "pg")]
pub(super) mod serve;
#[cfg(feature = "pg")]
pub(super) mod user;
pub(super) mod verify;
