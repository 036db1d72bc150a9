//! Every integration test in one binary: one link instead of many.

mod lake;
mod queries;
mod support;
