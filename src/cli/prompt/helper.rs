//! What the line editor asks while a statement is typed: complete, colour, hint, done?

use std::borrow::Cow;
use std::collections::HashSet;
use std::sync::{Arc, PoisonError, RwLock, RwLockReadGuard};

use rustyline::completion::{Completer, Pair};
use rustyline::highlight::{CmdKind, Highlighter};
use rustyline::hint::{Hinter, HistoryHinter};
use rustyline::validate::{ValidationContext, ValidationResult, Validator};
use rustyline::{CompletionType, Context, Helper, Result};

use super::catalog::Catalog;
use super::complete::{Candidate, complete};
use super::highlight::highlight;
use crate::cli::script::is_complete;

/// Cells of a candidate's description in the list.
const DETAIL: usize = 56;

/// The helper of the prompt.
pub(crate) struct PromptHelper {
    names: Names,
    history: HistoryHinter,
    color: bool,
}

impl PromptHelper {
    pub(super) fn new(names: Names, color: bool) -> Self {
        Self { names, history: HistoryHinter::new(), color }
    }
}

/// The names of the session. They are gathered beside the prompt, which does not wait for a slow
/// store; until they arrive, completion knows the ones before.
#[derive(Clone, Default)]
pub(super) struct Names(Arc<RwLock<Known>>);

#[derive(Default)]
struct Known {
    catalog: Catalog,
    functions: HashSet<String>,
}

impl Names {
    pub(super) fn replace(&self, catalog: Catalog) {
        let functions = catalog.functions.iter().map(|f| f.name.clone()).collect();
        *self.0.write().unwrap_or_else(PoisonError::into_inner) = Known { catalog, functions };
    }

    fn read(&self) -> RwLockReadGuard<'_, Known> {
        self.0.read().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Helper for PromptHelper {}

/// As the list shows a candidate: its name, then what it is.
fn display(candidate: &Candidate, width: usize) -> String {
    let mut detail: String = candidate.detail.chars().take(DETAIL).collect();
    if candidate.detail.chars().count() > DETAIL {
        detail.push('…');
    }
    format!("{:width$}  {} {detail}", candidate.text, candidate.kind).trim_end().to_string()
}

impl Completer for PromptHelper {
    type Candidate = Pair;

    fn complete(&self, line: &str, pos: usize, _: &Context<'_>) -> Result<(usize, Vec<Pair>)> {
        let (start, found) = complete(line, pos, &self.names.read().catalog);
        let width = found.iter().map(|c| c.text.chars().count()).max().unwrap_or(0).min(32);
        let pairs = found
            .iter()
            .map(|c| Pair { display: display(c, width), replacement: c.text.clone() })
            .collect();
        Ok((start, pairs))
    }
}

impl Hinter for PromptHelper {
    type Hint = String;

    fn hint(&self, line: &str, pos: usize, context: &Context<'_>) -> Option<String> {
        if line.is_empty() || pos < line.len() {
            return None;
        }
        // behind `name(` the signature says what comes
        if let Some(head) = line.strip_suffix('(') {
            let start =
                head.rfind(|c: char| !c.is_alphanumeric() && c != '_').map_or(0, |at| at + 1);
            let name = head.get(start..)?.to_lowercase();
            let names = self.names.read();
            let function = names.catalog.functions.iter().find(|f| f.name == name)?;
            let (_, arguments) = function.signature.split_once('(')?;
            return Some(format!(" {arguments}"));
        }
        self.history.hint(line, pos, context).filter(|hint| !hint.contains('\n'))
    }
}

impl Highlighter for PromptHelper {
    fn highlight<'l>(&self, line: &'l str, _: usize) -> Cow<'l, str> {
        if self.color {
            Cow::Owned(highlight(line, &self.names.read().functions))
        } else {
            Cow::Borrowed(line)
        }
    }

    fn highlight_hint<'h>(&self, hint: &'h str) -> Cow<'h, str> {
        if self.color { Cow::Owned(format!("\x1b[2m{hint}\x1b[0m")) } else { Cow::Borrowed(hint) }
    }

    fn highlight_candidate<'c>(&self, candidate: &'c str, _: CompletionType) -> Cow<'c, str> {
        match candidate.split_once("  ").filter(|_| self.color) {
            Some((name, rest)) => Cow::Owned(format!("{name}  \x1b[2m{rest}\x1b[0m")),
            None => Cow::Borrowed(candidate),
        }
    }

    fn highlight_char(&self, _: &str, _: usize, kind: CmdKind) -> bool {
        self.color && kind != CmdKind::MoveCursor
    }
}

impl Validator for PromptHelper {
    fn validate(&self, context: &mut ValidationContext<'_>) -> Result<ValidationResult> {
        if is_complete(context.input()) {
            Ok(ValidationResult::Valid(None))
        } else {
            Ok(ValidationResult::Incomplete)
        }
    }
}
