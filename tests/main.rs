//! Every integration test in one binary: one link instead of many.

mod cli;
mod lake;
mod queries;
mod repl;
mod support;
