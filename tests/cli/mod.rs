//! The program as a script sees it: arguments, streams, formats, exit codes.

mod arguments;
mod errors;
mod formats;
mod scripts;
mod verify;
