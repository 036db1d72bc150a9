//! `\h [function]`: how a function is called, what it does, an example.

use std::collections::BTreeMap;
use std::fmt::Write;

use tenure::{Error, ErrorKind, FunctionInfo};

use super::{Command, Takes};
use crate::cli::Outcome;
use crate::cli::pager;
use crate::cli::session::Session;

pub(super) const COMMAND: Command = Command {
    names: &["h", "manual"],
    arguments: "[function]",
    help: "how a function is called, what it does, an example",
    takes: Takes::Function,
    run,
};

/// Lines are broken at this width, so that prose is readable on wide screens too.
const WIDTH: usize = 88;

fn run(session: &mut Session, name: &str) -> Outcome {
    let functions = session.tenure.functions();
    let text = if name.is_empty() { overview(&functions) } else { page(&functions, name)? };
    pager::show(&session.output, session.settings.pager, &text)
}

/// Tenure's functions by family.
fn overview(functions: &[FunctionInfo]) -> String {
    let mut families: BTreeMap<&str, Vec<&str>> = BTreeMap::new();
    for function in functions.iter().filter(|f| f.tenure) {
        families.entry(&function.family).or_default().push(&function.name);
    }
    let mut out = String::new();
    for (family, names) in families {
        let _ = writeln!(out, "{family}");
        let _ = writeln!(out, "{}", wrap(&names.join(", "), "  "));
    }
    out.push_str("\n\\h name explains one, \\df pattern finds any, DataFusion's included.\n");
    out
}

/// The page of one function; a name may be several functions.
fn page(functions: &[FunctionInfo], name: &str) -> Outcome<String> {
    let wanted = name.trim_end_matches("()").to_ascii_lowercase();
    let mut found: Vec<_> = functions.iter().filter(|f| f.name == wanted).collect();
    if found.is_empty() {
        // windowFunnel is window_funnel
        let plain = |name: &str| name.replace('_', "");
        found = functions.iter().filter(|f| plain(&f.name) == plain(&wanted)).collect();
    }
    if found.is_empty() {
        let error =
            Error::new(ErrorKind::UndefinedFunction, format!("there is no function {name}"));
        let nearest = functions
            .iter()
            .map(|f| (strsim::damerau_levenshtein(&wanted, &f.name), f.name.as_str()))
            .min()
            .filter(|(distance, _)| *distance <= wanted.len().max(3) / 2);
        return Err(match nearest {
            Some((_, near)) => error.with_hint(format!("did you mean {near}?")),
            None => error.with_hint("\\df pattern finds functions"),
        }
        .into());
    }
    Ok(found.into_iter().map(describe).collect::<Vec<_>>().join("\n"))
}

fn describe(function: &FunctionInfo) -> String {
    let mut out = String::new();
    let family =
        if function.family.is_empty() { String::new() } else { format!(" · {}", function.family) };
    let _ = writeln!(out, "{}  ({}{family})\n", function.name, function.kind.name());
    for line in function.signature.lines() {
        let _ = writeln!(out, "  {line}");
    }
    let _ = writeln!(out, "\n{}", wrap(&function.description, ""));
    if !function.arguments.is_empty() {
        out.push_str("\nArguments\n");
        for (name, text) in &function.arguments {
            let _ = writeln!(out, "  {name}\n{}", wrap(text, "      "));
        }
    }
    if let Some(example) = &function.example {
        out.push_str("\nExample\n");
        for line in example.lines().filter(|line| !line.starts_with("```")) {
            let _ = writeln!(out, "  {line}");
        }
    }
    out
}

/// Breaks prose into lines, each behind an indent; paragraphs stay apart.
fn wrap(text: &str, indent: &str) -> String {
    let mut out = Vec::new();
    for paragraph in text.trim().split("\n\n") {
        let mut line = String::from(indent);
        for word in paragraph.split_whitespace() {
            if line.len() > indent.len() && line.len() + 1 + word.len() > WIDTH {
                out.push(std::mem::replace(&mut line, String::from(indent)));
            }
            if line.len() > indent.len() {
                line.push(' ');
            }
            line.push_str(word);
        }
        out.push(line);
    }
    out.join("\n")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn prose_is_broken_and_indented() {
        let text = wrap(&"word ".repeat(40), "  ");
        assert!(text.lines().all(|line| line.len() <= WIDTH && line.starts_with("  word")));
        assert_eq!(text.lines().count(), 3);
    }
}
