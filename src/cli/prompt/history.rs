//! What was typed, in one file under the XDG state folder that only its owner can read.

use std::path::{Path, PathBuf};

use rustyline::Editor;
use rustyline::history::{FileHistory, History};

use super::helper::PromptHelper;
use crate::cli::config::state_folder;
use crate::cli::secrets::holds_secret;

/// The line editor of the prompt.
pub(super) type Line = Editor<PromptHelper, FileHistory>;

/// Opens the history; the prompt works without one as well.
pub(super) fn load(line: &mut Line) -> Option<PathBuf> {
    let folder = state_folder()?;
    make_private(&folder).ok()?;
    let path = folder.join("history");
    line.load_history(&path).ok()?;
    Some(path)
}

/// Remembers what was typed, unless it seems to hold a secret; false if it was left out.
pub(super) fn add(line: &mut Line, path: Option<&Path>, text: &str) -> bool {
    if holds_secret(text) {
        return false;
    }
    if line.history_mut().add(text).unwrap_or(false)
        && let Some(path) = path
    {
        let _ = line.append_history(path);
    }
    true
}

/// A folder with mode 0700 and in it a file with mode 0600.
#[cfg(unix)]
fn make_private(folder: &Path) -> std::io::Result<()> {
    use std::os::unix::fs::{DirBuilderExt, OpenOptionsExt, PermissionsExt};
    std::fs::DirBuilder::new().recursive(true).mode(0o700).create(folder)?;
    let file = folder.join("history");
    std::fs::OpenOptions::new().append(true).create(true).mode(0o600).open(&file)?;
    std::fs::set_permissions(&file, std::fs::Permissions::from_mode(0o600))
}

#[cfg(not(unix))]
fn make_private(folder: &Path) -> std::io::Result<()> {
    std::fs::create_dir_all(folder)?;
    std::fs::OpenOptions::new().append(true).create(true).open(folder.join("history")).map(drop)
}
