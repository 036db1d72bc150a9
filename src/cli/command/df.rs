//! `\df [pattern]`: functions with their signatures.

use tenure::FunctionInfo;

use super::{Command, Takes};
use crate::cli::Outcome;
use crate::cli::session::Session;

pub(super) const COMMAND: Command = Command {
    names: &["df", "functions"],
    arguments: "[pattern]",
    help: "Tenure's functions, or all whose name holds a pattern",
    takes: Takes::Function,
    run,
};

fn run(session: &mut Session, pattern: &str) -> Outcome {
    let functions = session.tenure.functions();
    let pattern = pattern.trim_matches(['*', '%']).to_ascii_lowercase();
    let found: Vec<_> = functions
        .iter()
        .filter(|f| if pattern.is_empty() { f.tenure } else { f.name.contains(&pattern) })
        .collect();
    session.list(columns(&found))
}

/// The listing: name, kind, signature, first sentence.
pub(crate) fn columns(functions: &[&FunctionInfo]) -> Vec<(&'static str, Vec<String>)> {
    let column = |text: fn(&FunctionInfo) -> String| functions.iter().map(|f| text(f)).collect();
    vec![
        ("function", column(|f| f.name.clone())),
        ("kind", column(|f| f.kind.name().to_string())),
        ("signature", column(|f| one_line(&f.signature))),
        ("description", column(|f| headline(&f.description))),
    ]
}

fn one_line(text: &str) -> String {
    text.split_whitespace().collect::<Vec<_>>().join(" ")
}

/// The first sentence of a description, on one line.
fn first_sentence(text: &str) -> String {
    let text = one_line(text);
    match text.split_once(". ") {
        Some((first, _)) => first.to_string(),
        None => text.trim_end_matches('.').to_string(),
    }
}

/// The first sentence, without what is behind its colon or semicolon: one line of a listing.
fn headline(text: &str) -> String {
    let sentence = first_sentence(text);
    let end = sentence.find([':', ';']).filter(|at| *at >= 30);
    end.and_then(|at| sentence.get(..at)).unwrap_or(&sentence).to_string()
}
