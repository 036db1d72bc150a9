//! URLs that hold a secret go by another name.
//!
//! A table in `FROM` is called what is written there, and so it stands in plans and in messages. Of a
//! URL with a password or a signature only the part is shown that is neither, and what it stands for is
//! known to its session alone.

use std::collections::BTreeMap;
use std::ops::ControlFlow;
use std::sync::{PoisonError, RwLock};

use datafusion::execution::SessionState;
use datafusion::logical_expr::sqlparser::ast::{
    Ident, ObjectName, ObjectNamePart, VisitMut, visit_relations_mut,
};

use crate::lake::shown;

/// The names that URLs go by in a session.
#[derive(Debug, Default)]
pub(crate) struct Places {
    urls: RwLock<BTreeMap<String, Secret>>,
}

/// A URL that is not shown.
#[derive(PartialEq, Eq)]
struct Secret(String);

impl std::fmt::Debug for Secret {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("…")
    }
}

impl Places {
    /// The name of a URL, if it holds what is not shown. The same in each statement of the session.
    fn name(&self, url: &str) -> Option<String> {
        let lower = url.get(..8).unwrap_or_default().to_lowercase();
        if !(lower.starts_with("http://") || lower.starts_with("https://")) {
            return None;
        }
        let shown = shown(url);
        if shown == url {
            return None;
        }
        let hidden = if url.contains('?') { "?…" } else { "" };
        let mut urls = self.urls.write().unwrap_or_else(PoisonError::into_inner);
        for number in 1_usize.. {
            let number = if number == 1 { String::new() } else { format!("#{number}") };
            let name = format!("{shown}{hidden}{number}");
            let known = urls.entry(name.clone()).or_insert_with(|| Secret(url.to_owned()));
            if known.0 == url {
                return Some(name);
            }
        }
        None
    }

    /// What a name stands for, as far as it is the name of a URL.
    pub(crate) fn url(&self, name: &str) -> Option<String> {
        let urls = self.urls.read().unwrap_or_else(PoisonError::into_inner);
        urls.get(name).map(|secret| secret.0.clone())
    }
}

/// Gives the relations of a statement the names that may be shown.
pub(super) fn hide(statement: &mut impl VisitMut, state: &SessionState) {
    let Some(places) = state.config().get_extension::<Places>() else { return };
    let _ = visit_relations_mut(statement, |relation| {
        hide_one(relation, &places);
        ControlFlow::<()>::Continue(())
    });
}

/// The same for one relation.
pub(super) fn hide_name(relation: &mut ObjectName, state: &SessionState) {
    if let Some(places) = state.config().get_extension::<Places>() {
        hide_one(relation, &places);
    }
}

fn hide_one(relation: &mut ObjectName, places: &Places) {
    if let [ObjectNamePart::Identifier(Ident { value, .. })] = relation.0.as_mut_slice()
        && let Some(name) = places.name(value)
    {
        *value = name;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_name_shows_no_secret_and_stands_for_one_url() {
        let places = Places::default();
        let url = "https://host/a.parquet?X-Amz-Signature=hush";
        let other = "https://me:hush@host/a.parquet?file=b";
        let plain = "HTTPS://me:hush@host/a.parquet";
        assert_eq!(places.name(url).unwrap(), "https://host/a.parquet?…");
        assert_eq!(places.name(other).unwrap(), "https://host/a.parquet?…#2");
        assert_eq!(places.name(url).unwrap(), "https://host/a.parquet?…");
        assert_eq!(places.name(plain).unwrap(), "HTTPS://host/a.parquet");
        assert_eq!(places.url("https://host/a.parquet?…#2").as_deref(), Some(other));
        assert_eq!(places.url("https://host/a.parquet"), None);
        assert!(!format!("{places:?}").contains("hush"));
        for open in ["https://host/a.parquet", "s3://shop/a?.parquet", "orders", "a?b", ""] {
            assert_eq!(places.name(open), None, "{open}");
        }
    }
}
