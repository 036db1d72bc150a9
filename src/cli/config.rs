//! The configuration folder: `config.toml` for the prompt, `rc.sql` run when the prompt opens.

use std::path::PathBuf;

use etcetera::{BaseStrategy, choose_base_strategy};
use serde::Deserialize;
use tenure::render::Format;

use super::pager::When;
use super::session::Session;
use super::{Outcome, Stop, command};

/// `config.toml`; everything may be left out.
#[derive(Debug, Default, Deserialize)]
#[serde(deny_unknown_fields)]
struct Config {
    /// `emacs` or `vi`
    edit: Option<String>,
    /// `auto`, `on` or `off`
    pager: Option<String>,
    /// rows of a box before its middle is left out
    rows: Option<usize>,
    /// footer after every result
    timing: Option<bool>,
    /// format of results
    format: Option<String>,
}

/// The folder of the configuration: `$XDG_CONFIG_HOME/tenure`.
pub(crate) fn folder() -> Option<PathBuf> {
    Some(choose_base_strategy().ok()?.config_dir().join("tenure"))
}

/// The folder of what the program remembers: `$XDG_STATE_HOME/tenure`.
pub(crate) fn state_folder() -> Option<PathBuf> {
    let strategy = choose_base_strategy().ok()?;
    Some(strategy.state_dir().unwrap_or_else(|| strategy.data_dir()).join("tenure"))
}

/// Reads `config.toml` into the session's settings.
pub(crate) fn apply(session: &mut Session) -> Outcome {
    let Some(path) = folder().map(|folder| folder.join("config.toml")) else { return Ok(()) };
    let Ok(text) = std::fs::read_to_string(&path) else { return Ok(()) };
    let wrong = |what: &dyn std::fmt::Display| Stop::usage(format!("{}: {what}", path.display()));
    let config: Config = toml::from_str(&text).map_err(|e| wrong(&e))?;
    let Config { edit, pager, rows, timing, format } = config;
    let values = [
        ("edit", edit),
        ("pager", pager),
        ("rows", rows.map(|rows| rows.to_string())),
        ("timing", timing.map(|on| if on { "on" } else { "off" }.to_string())),
        // what the command line says comes first
        ("format", format.filter(|_| session.output.format.is_none())),
    ];
    for (name, value) in values {
        if let Some(value) = value {
            set(session, name, &value)?;
        }
    }
    Ok(())
}

/// Settings of the prompt and what they take.
pub(crate) const NAMES: [(&str, &str); 6] = [
    ("edit", "emacs or vi keys"),
    ("expanded", "one value per line: on or off"),
    ("format", "box, line, csv, tsv, json, ndjson, markdown"),
    ("pager", "auto, on or off"),
    ("rows", "rows of a box before its middle is left out"),
    ("timing", "footer after every result: on or off"),
];

/// The value of a setting as `\set` shows it.
pub(crate) fn get(session: &Session, name: &str) -> String {
    let on = |value: bool| if value { "on" } else { "off" }.to_string();
    match name {
        "edit" => if session.settings.vi { "vi" } else { "emacs" }.to_string(),
        "expanded" => on(session.settings.expanded),
        "format" => session.output.next_format(false).to_string(),
        "pager" => match session.settings.pager {
            When::Auto => "auto".to_string(),
            When::On => "on".to_string(),
            When::Off => "off".to_string(),
        },
        "rows" => session.output.max_rows.to_string(),
        "timing" => on(session.settings.timing),
        _ => String::new(),
    }
}

/// Changes a setting of the prompt; false if there is none of that name.
pub(crate) fn set(session: &mut Session, name: &str, value: &str) -> Outcome<bool> {
    let wrong = |allowed: &str| Err(Stop::usage(format!("{name} is {allowed}, not {value:?}")));
    match name {
        "edit" => match value {
            "vi" => session.settings.vi = true,
            "emacs" => session.settings.vi = false,
            _ => return wrong("emacs or vi"),
        },
        "expanded" => session.settings.expanded = command::switch(name, value)?,
        "timing" => session.settings.timing = command::switch(name, value)?,
        "pager" => {
            session.settings.pager = match value {
                "auto" => When::Auto,
                "on" => When::On,
                "off" => When::Off,
                _ => return wrong("auto, on or off"),
            }
        }
        "rows" => match value.parse() {
            Ok(rows) if rows > 1 => session.output.max_rows = rows,
            _ => return wrong("a number above 1"),
        },
        "format" => session.output.format = Some(value.parse::<Format>().map_err(Stop::usage)?),
        _ => return Ok(false),
    }
    Ok(true)
}
