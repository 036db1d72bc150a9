//! Every query of the library on the lakes that ship, with checked answers.

#![allow(clippy::expect_used, clippy::panic, reason = "a test fails by a panic")]

mod data;
mod library;
mod support;
pub(crate) use support::{Answered, answer, given};
