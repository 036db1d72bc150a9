//! `tenure completions SHELL`: the completion script of a shell.

use clap_complete::{Shell, generate};

use crate::cli::Outcome;
use crate::cli::args::command;
use crate::cli::output::Output;

/// Prints the script.
pub(crate) fn print(shell: Shell, output: &Output) -> Outcome {
    let mut script = Vec::new();
    generate(shell, &mut command(), "tenure", &mut script);
    output.text(&String::from_utf8_lossy(&script))
}
