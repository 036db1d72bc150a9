//! The prompt as a person sees it: a pseudo-terminal, keys, Ctrl-C.
#![cfg(unix)]

mod prompt;
