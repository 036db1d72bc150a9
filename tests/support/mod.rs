//! What tests share.

pub(crate) mod program;
