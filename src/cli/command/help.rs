//! `\?`: the commands.

use super::{COMMANDS, Command, Takes};
use crate::cli::Outcome;
use crate::cli::pager;
use crate::cli::session::Session;

pub(super) const COMMAND: Command =
    Command { names: &["?", "help"], arguments: "", help: "this help", takes: Takes::Nothing, run };

const KEYS: &str = "
SQL ends with ; and may take several lines. Tab completes, Ctrl-R searches the history,
Ctrl-C cancels a running query or clears the line, Ctrl-D leaves.
";

/// The commands as text.
fn text() -> String {
    let usage = |c: &Command| format!("\\{} {}", c.names.first().unwrap_or(&""), c.arguments);
    let width = COMMANDS.iter().map(|c| usage(c).trim_end().len()).max().unwrap_or(0);
    let mut out = String::new();
    for command in COMMANDS {
        let others: Vec<_> = command.names.iter().skip(1).map(|n| format!(".{n}")).collect();
        let others =
            if others.is_empty() { String::new() } else { format!("  ({})", others.join(", ")) };
        out.push_str(&format!(
            "  {:width$}  {}{others}\n",
            usage(command).trim_end(),
            command.help
        ));
    }
    out.push_str(KEYS);
    out
}

fn run(session: &mut Session, _: &str) -> Outcome {
    pager::show(&session.output, session.settings.pager, &text())
}

#[cfg(test)]
mod tests {
    #[test]
    fn help_lists_every_command() {
        insta::assert_snapshot!(super::text());
    }
}
