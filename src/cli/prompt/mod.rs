//! The prompt: reads statements and commands until the user leaves.

mod catalog;
mod complete;
mod helper;
mod highlight;
mod history;
mod lexer;

use std::sync::Arc;

use rustyline::config::Configurer;
use rustyline::error::ReadlineError;
use rustyline::{Cmd, CompletionType, Config, EditMode, Editor, KeyCode, KeyEvent, Modifiers};
use tenure::library;

use super::command::Flow;
use super::report::Origin;
use super::script::{Piece, Script};
use super::session::Session;
use super::{Outcome, Stop, batch, command, config, execute};
use catalog::{Catalog, Function, Relation};
use helper::{Names, PromptHelper};
use history::Line;

/// Entries of the history.
const HISTORY: usize = 10_000;

/// Reads and runs statements until the user leaves.
pub(crate) fn run(session: &mut Session, no_init: bool) -> Outcome {
    session.interactive = true;
    if !no_init {
        config::apply(session)?;
    }
    if let Ok(mode) = std::env::var("TENURE_EDIT_MODE") {
        config::set(session, "edit", &mode)?;
    }
    let names = Names::default();
    let mut line = editor(&names, session.output.color_stdout()).map_err(unreadable)?;
    let file = history::load(&mut line);
    greet(session);
    if !no_init
        && let Some(path) = config::folder().map(|f| f.join("rc.sql")).filter(|p| p.exists())
    {
        // a mistake in it is reported and does not keep anyone out
        let _ = batch::file(session, &path, true);
    }
    refresh(session, &names);
    let prompt = match session.tenure.lake_names().as_slice() {
        [one] => format!("{one}> "),
        _ => "tenure> ".to_string(),
    };
    let shown = (prompt.clone(), format!("\x1b[1m{prompt}\x1b[0m"));
    loop {
        line.set_edit_mode(if session.settings.vi { EditMode::Vi } else { EditMode::Emacs });
        let text = match line.readline(&shown) {
            Ok(text) => text,
            // Ctrl-C clears the line
            Err(ReadlineError::Interrupted) => continue,
            Err(ReadlineError::Eof) => return Ok(()),
            Err(error) => return Err(unreadable(error)),
        };
        if text.trim().is_empty() {
            continue;
        }
        if !history::add(&mut line, file.as_deref(), text.trim_end()) {
            session.output.aside("not kept in the history: it seems to hold a secret");
        }
        match typed(session, &text)? {
            Flow::Continue => refresh(session, &names),
            Flow::Quit => return Ok(()),
        }
    }
}

fn unreadable(error: ReadlineError) -> Stop {
    Stop::file("read", "the terminal", &std::io::Error::other(error))
}

fn editor(names: &Names, color: bool) -> rustyline::Result<Line> {
    let settings = Config::builder()
        .completion_type(CompletionType::List)
        .completion_show_all_if_ambiguous(true)
        .max_history_size(HISTORY)?
        .history_ignore_dups(true)?
        // a blank in front keeps a statement out of the history, as in shells
        .history_ignore_space(true)
        .tab_stop(4)
        .build();
    let mut line = Editor::with_config(settings)?;
    line.set_helper(Some(PromptHelper::new(names.clone(), color)));
    line.bind_sequence(KeyEvent(KeyCode::Enter, Modifiers::ALT), Cmd::Newline);
    Ok(line)
}

fn greet(session: &Session) {
    let lakes = session.tenure.lake_names();
    let lakes = if lakes.is_empty() { "no lake".to_string() } else { lakes.join(", ") };
    session.output.note(&format!("Tenure {} · {lakes}", env!("CARGO_PKG_VERSION")));
    session.output.aside("SQL ends with ;   \\? commands   \\lake what there is   \\q leave");
}

/// Runs what was typed, up to the first thing that goes wrong.
fn typed(session: &mut Session, text: &str) -> Outcome<Flow> {
    // words that other programs know
    let text = match text.trim() {
        "quit" | "exit" => "\\q",
        "help" => "\\?",
        _ => text,
    };
    for piece in Script::new(text) {
        let (outcome, text) = match piece {
            Piece::Statement { text, .. } => {
                (execute::statement(session, text).map(|()| Flow::Continue), text)
            }
            Piece::Command { text, .. } => (command::run(session, text), text),
        };
        match outcome {
            Ok(Flow::Continue) => {}
            Ok(Flow::Quit) => return Ok(Flow::Quit),
            Err(Stop::BrokenPipe) => return Err(Stop::BrokenPipe),
            Err(stop) => {
                session.report(stop, Origin { text, file: None, line: 1 });
                return Ok(Flow::Continue);
            }
        }
    }
    Ok(Flow::Continue)
}

/// Gathers the names for completion, beside the prompt.
fn refresh(session: &Session, names: &Names) {
    let tenure = Arc::clone(&session.tenure);
    let names = names.clone();
    let settings = command::setting_names(session);
    let parameters = session.params.iter().map(|(name, _)| name.clone()).collect();
    session.runtimes.detach(async move {
        let relations = tenure.tables().await.unwrap_or_default();
        let tour = ("tour".to_string(), "the story of the lake".to_string());
        let queries = library::queries().unwrap_or_default().into_iter();
        let functions = tenure.functions();
        names.replace(Catalog {
            default_lake: default_lake(&tenure),
            relations: relations.iter().map(Relation::new).collect(),
            functions: functions.iter().map(Function::new).collect(),
            queries: queries.map(|q| (q.name, q.title)).chain([tour]).collect(),
            settings,
            parameters,
        });
    });
}

/// The lake whose tables need no qualification.
fn default_lake(tenure: &tenure::Tenure) -> String {
    tenure.context().state().config_options().catalog.default_catalog.clone()
}
