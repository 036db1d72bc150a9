//! The search path of a session.

use std::sync::{PoisonError, RwLock};

use super::lakes::Lakes;
use crate::server::settings::Settings;

/// The schemas of a session's path that there are.
pub(super) fn of(settings: &RwLock<Settings>, lakes: &Lakes) -> Vec<String> {
    let settings = settings.read().unwrap_or_else(PoisonError::into_inner);
    found(settings.get("search_path").unwrap_or_default(), &lakes.schemas())
}

/// The schemas of a path that there are, in its order. `public`, which clients take for granted, is
/// `main`; so is a path of nothing.
pub(in crate::server) fn found(path: &str, have: &[String]) -> Vec<String> {
    let mut out: Vec<String> = vec![];
    for name in path.split(',') {
        let name = name.trim().trim_matches('"');
        let name = if name == "public" && !have.iter().any(|h| h == name) { "main" } else { name };
        if have.iter().any(|h| h == name) && !out.iter().any(|o| o == name) {
            out.push(name.to_owned());
        }
    }
    if out.is_empty() {
        out.push("main".to_owned());
    }
    out
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_path_is_what_there_is_of_it() {
        let have: Vec<String> = ["main", "raw", "tenure"].map(str::to_owned).to_vec();
        for (path, schemas) in [
            ("main", vec!["main"]),
            ("", vec!["main"]),
            ("\"$user\", public", vec!["main"]),
            ("raw, \"main\", raw", vec!["raw", "main"]),
            ("nothing, tenure", vec!["tenure"]),
        ] {
            assert_eq!(found(path, &have), schemas, "{path}");
        }
    }
}
