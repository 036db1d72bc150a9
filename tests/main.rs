//! Every integration test in one binary: one link instead of many.

#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing,
    clippy::cast_possible_truncation,
    clippy::cast_possible_wrap,
    clippy::cast_sign_loss,
    clippy::print_stdout,
    reason = "a test fails by panicking and may say what it did"
)]

mod cli;
mod docs;
mod engine;
mod generate;
mod lake;
mod queries;
mod readme;
mod repl;
mod slt;
mod support;
mod twins;
#[cfg(feature = "pg")]
mod wire;
