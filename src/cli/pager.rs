//! A pager for what does not fit on the screen; only ever on a terminal.

use std::io::{ErrorKind, Write};
use std::process::{Command, Stdio};
use std::sync::{Arc, Mutex};

use unicode_width::UnicodeWidthStr;

use super::Outcome;
use super::output::Output;

/// When to page.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(crate) enum When {
    /// what is longer or wider than the screen
    #[default]
    Auto,
    /// everything
    On,
    /// nothing
    Off,
}

/// A text that is shown when it is complete.
#[derive(Debug, Clone, Default)]
pub(crate) struct Page(Arc<Mutex<Vec<u8>>>);

impl Page {
    /// What was written.
    pub(crate) fn text(&self) -> String {
        self.0.lock().map_or_else(
            |poisoned| String::from_utf8_lossy(&poisoned.into_inner()).into_owned(),
            |bytes| String::from_utf8_lossy(&bytes).into_owned(),
        )
    }
}

impl Write for Page {
    fn write(&mut self, bytes: &[u8]) -> std::io::Result<usize> {
        let mut page = self.0.lock().map_err(|_| std::io::Error::other("a page was lost"))?;
        page.extend_from_slice(bytes);
        Ok(bytes.len())
    }

    fn flush(&mut self) -> std::io::Result<()> {
        Ok(())
    }
}

/// The command: `TENURE_PAGER`, then `PAGER`, then `less -SRFX`; `None` if it is set to nothing.
fn command() -> Option<String> {
    for name in ["TENURE_PAGER", "PAGER"] {
        if let Ok(command) = std::env::var(name) {
            let command = command.trim().to_string();
            return (!command.is_empty() && command != "cat").then_some(command);
        }
    }
    Some("less -SRFX".to_string())
}

/// Whether a text needs more lines or columns than there are.
fn exceeds(text: &str, lines: usize, columns: usize) -> bool {
    let too_long = text.lines().count() + 1 > lines;
    too_long || text.lines().any(|line| console::strip_ansi_codes(line).width() > columns)
}

/// Shows a text, through the pager where that helps.
pub(crate) fn show(output: &Output, when: When, text: &str) -> Outcome {
    let needed = match (when, output.size()) {
        (When::Off, _) | (_, None) => false,
        (When::On, Some(_)) => true,
        (When::Auto, Some((lines, columns))) => exceeds(text, lines, columns),
    };
    let Some(command) = command().filter(|_| needed) else { return output.text(text) };
    let mut words = command.split_whitespace();
    let Some(program) = words.next() else { return output.text(text) };
    let mut pager = Command::new(program);
    pager.args(words).stdin(Stdio::piped());
    if std::env::var_os("LESSCHARSET").is_none() {
        pager.env("LESSCHARSET", "utf-8");
    }
    let mut child = match pager.spawn() {
        Ok(child) => child,
        Err(error) => {
            if error.kind() != ErrorKind::NotFound {
                output.warn(&format!("cannot start the pager {program}: {error}"));
            }
            return output.text(text);
        }
    };
    if let Some(mut stdin) = child.stdin.take() {
        // a pager left before the end closes its input: that is what the reader wanted
        let _ = stdin.write_all(text.as_bytes());
    }
    let _ = child.wait();
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_text_is_paged_when_it_is_longer_or_wider_than_the_screen() {
        assert!(!exceeds("a\nb\n", 3, 10));
        assert!(exceeds("a\nb\nc\n", 3, 10));
        assert!(exceeds("客户客户客户\n", 24, 10));
        assert!(!exceeds("\x1b[1mabc\x1b[0m\n", 24, 3));
    }
}
