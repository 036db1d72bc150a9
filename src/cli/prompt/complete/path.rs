//! Paths of files and folders.

use super::Candidate;

/// Files and folders that a path could go on with.
pub(super) fn complete_path(word: &str, start: usize) -> (usize, Vec<Candidate>) {
    let word = word.trim_start_matches(['\'', '"']);
    let (folder, name) = match word.rfind('/') {
        Some(at) => word.split_at(at + 1),
        None => ("", word),
    };
    let place = match folder.strip_prefix("~/") {
        Some(rest) => match etcetera::home_dir() {
            Ok(home) => home.join(rest),
            Err(_) => return (start, Vec::new()),
        },
        None if folder.is_empty() => std::path::PathBuf::from("."),
        None => std::path::PathBuf::from(folder),
    };
    let Ok(entries) = std::fs::read_dir(place) else { return (start, Vec::new()) };
    let mut found: Vec<Candidate> = entries
        .flatten()
        .filter_map(|entry| {
            let entry_name = entry.file_name().into_string().ok()?;
            let hidden = entry_name.starts_with('.') && !name.starts_with('.');
            if hidden || !entry_name.starts_with(name) {
                return None;
            }
            let is_folder = entry.path().is_dir();
            let slash = if is_folder { "/" } else { "" };
            let kind = if is_folder { "folder" } else { "file" };
            Some(Candidate::new(format!("{folder}{entry_name}{slash}"), kind, ""))
        })
        .collect();
    found.sort_by(|a, b| a.text.cmp(&b.text));
    (start, found)
}
