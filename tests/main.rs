//! Every integration test in one binary: one link instead of many.

mod cli;
mod docs;
mod engine;
mod lake;
mod queries;
mod repl;
mod slt;
mod support;
