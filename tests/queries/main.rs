//! Every query of the library on the lakes that ship, with checked answers.

mod data;
mod library;
mod support;
