//! A pager for what does not fit on the screen; only ever on a terminal.

use std::io::Write;
use std::path::PathBuf;
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

/// The pager where it can be used: not where it is switched off, is no program, or where the
/// terminal cannot scroll.
fn command(when: When) -> Option<Vec<String>> {
    let dumb = std::env::var("TERM").is_ok_and(|term| term == "dumb");
    if when == When::Off || dumb {
        return None;
    }
    let words: Vec<String> = wanted().split_whitespace().map(str::to_string).collect();
    let program = words.first().filter(|program| *program != "cat")?;
    exists(program).then_some(words)
}

/// `TENURE_PAGER`, then `PAGER`, then less: long lines scroll sideways, and what was read stays on
/// the screen. Not with -F, which would leave a short but wide table cut off.
fn wanted() -> String {
    ["TENURE_PAGER", "PAGER"]
        .into_iter()
        .find_map(|name| std::env::var(name).ok())
        .unwrap_or_else(|| "less -SRX".to_string())
}

fn exists(program: &str) -> bool {
    let file = format!("{program}{}", std::env::consts::EXE_SUFFIX);
    let is_file = |path: PathBuf| path.is_file();
    if program.contains(std::path::is_separator) {
        return is_file(program.into()) || is_file(file.into());
    }
    let folders = std::env::var_os("PATH").unwrap_or_default();
    std::env::split_paths(&folders)
        .any(|folder| is_file(folder.join(program)) || is_file(folder.join(&file)))
}

/// Whether a result may be longer and wider than the screen.
pub(crate) fn available(when: When) -> bool {
    command(when).is_some()
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
    let Some(command) = command(when).filter(|_| needed) else { return output.text(text) };
    let Some((program, arguments)) = command.split_first() else { return output.text(text) };
    let mut pager = Command::new(program);
    pager.args(arguments).stdin(Stdio::piped());
    if std::env::var_os("LESSCHARSET").is_none() {
        pager.env("LESSCHARSET", "utf-8");
    }
    let mut child = match pager.spawn() {
        Ok(child) => child,
        Err(error) => {
            output.warn(&format!("cannot start the pager {program}: {error}"));
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

    #[cfg(unix)]
    #[test]
    fn a_program_is_looked_for_where_the_shell_would() {
        assert!(exists("sh") && exists("/bin/sh"));
        assert!(!exists("no-such-pager") && !exists("/bin/no-such-pager"));
    }
}
