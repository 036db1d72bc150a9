//! Where data can be: folders, files, globs and URLs, taken apart into a store and a path inside it.
//!
//! `data/retail`, `data/*.parquet`, `file:///data`, `s3://bucket/path`, `gs://bucket/path`,
//! `az://container/path`, `abfss://container@account.dfs.core.windows.net/path`,
//! `https://host/file.parquet`. A path that exists is taken literally even if it holds `*`, `?`
//! or `[`. Credentials never belong in a bucket's location; in `http(s)` they are used and not shown.

use std::path::{Path as FsPath, PathBuf};

use datafusion::object_store::path::Path;
use glob::Pattern;
use url::Url;

use super::redact;
use crate::error::{Error, ErrorKind, Result};

/// The kind of store that a location names.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Kind {
    Local,
    S3,
    Gcs,
    Azure,
    Http,
}

/// A location, taken apart.
#[derive(Clone)]
pub(crate) struct Location {
    pub(crate) kind: Kind,
    /// what to open: a folder, `s3://bucket`, `https://host?signature`; may hold secrets
    pub(crate) root: String,
    /// `root`, fit to show
    pub(crate) shown_root: String,
    /// where to look inside the root
    pub(crate) prefix: Path,
    /// which of the files under the prefix; matched against the whole path inside the root
    pub(crate) pattern: Option<Pattern>,
    /// the prefix is one file
    pub(crate) single: bool,
    /// the location as given, fit to show
    pub(crate) shown: String,
}

/// Reads a location; `folder` is what a relative path is relative to (the working folder if none).
pub(crate) fn parse(text: &str, folder: Option<&FsPath>) -> Result<Location> {
    let text = text.trim();
    if text.is_empty() || text.contains('\0') {
        return Err(invalid(text, "a location is a path or a URL"));
    }
    match scheme(text) {
        None => local(text, folder),
        Some(("file", rest)) => local(&file_path(text, rest)?, folder),
        Some(("s3" | "s3a", rest)) => bucket(Kind::S3, "s3", rest, text),
        Some(("gs" | "gcs", rest)) => bucket(Kind::Gcs, "gs", rest, text),
        Some((name @ ("az" | "azure" | "abfs" | "abfss"), rest)) => {
            bucket(Kind::Azure, name, rest, text)
        }
        Some(("http" | "https", _)) => http(text),
        Some((other, _)) => Err(invalid(
            text,
            &format!("{other} is not one of file, s3, gs, az, abfss, http, https"),
        )),
    }
}

/// The folder that `text` names, unless it is a place in a store.
pub(crate) fn folder(text: &str) -> Result<Option<PathBuf>> {
    match scheme(text.trim()) {
        None => Ok(Some(PathBuf::from(text.trim()))),
        Some(("file", rest)) => file_path(text, rest).map(|path| Some(PathBuf::from(path))),
        Some(_) => Ok(None),
    }
}

/// Whether `text` stands for itself, or is relative to a lake.
pub(crate) fn is_absolute(text: &str) -> bool {
    scheme(text).is_some() || FsPath::new(text).is_absolute()
}

/// Whether `text` names files by a pattern.
pub(crate) fn is_glob(text: &str) -> bool {
    text.contains(['*', '?', '['])
}

pub(crate) fn pattern(text: &str) -> Result<Pattern> {
    Pattern::new(text).map_err(|e| invalid(text, &format!("the pattern is not valid: {}", e.msg)))
}

pub(crate) fn path(text: &str) -> Result<Path> {
    Path::parse(text).map_err(|_| invalid(text, "the path holds an empty part, `.` or `..`"))
}

/// `**` crosses folders, `*` does not.
pub(crate) const GLOB: glob::MatchOptions = glob::MatchOptions {
    case_sensitive: true,
    require_literal_separator: true,
    require_literal_leading_dot: true,
};

fn invalid(location: &str, why: &str) -> Error {
    let location = redact::urls(location);
    Error::new(ErrorKind::Invalid, format!("cannot use the location '{location}': {why}"))
}

fn scheme(text: &str) -> Option<(&str, &str)> {
    if let Some(rest) = text.strip_prefix("file:") {
        return Some(("file", rest));
    }
    let (scheme, rest) = text.split_once("://")?;
    let plain = scheme.chars().all(|c| c.is_ascii_alphanumeric() || c == '+');
    (plain && !scheme.is_empty()).then_some((scheme, rest))
}

fn file_path(text: &str, rest: &str) -> Result<String> {
    if !rest.starts_with("//") {
        return Ok(rest.to_owned());
    }
    // a glob's `?` would be taken for a query
    let url = Url::parse(&text.replace('?', "%3F")).ok();
    url.and_then(|url| url.to_file_path().ok())
        .and_then(|path| path.into_os_string().into_string().ok())
        .ok_or_else(|| invalid(text, "a file URL is file:///folder/file"))
}

fn local(text: &str, folder: Option<&FsPath>) -> Result<Location> {
    let full = match folder {
        Some(folder) => folder.join(text),
        None => PathBuf::from(text),
    };
    let full = std::path::absolute(&full).map_err(|e| invalid(text, &e.to_string()))?;
    let location = |root: &FsPath, prefix: Path, pattern, single| {
        let root = root.to_string_lossy().into_owned();
        Location {
            kind: Kind::Local,
            shown_root: text.to_owned(),
            root,
            prefix,
            pattern,
            single,
            shown: text.to_owned(),
        }
    };
    if full.is_dir() {
        return Ok(location(&full, Path::default(), None, false));
    }
    if full.is_file() {
        let parent = full.parent().unwrap_or(&full);
        let name = full.file_name().unwrap_or_default().to_string_lossy();
        return Ok(location(parent, path(&name)?, None, true));
    }
    let parts: Vec<_> = full.components().map(|c| c.as_os_str().to_string_lossy()).collect();
    let Some(first) = parts.iter().position(|part| is_glob(part)) else {
        return Err(missing(text, &full));
    };
    let (literal, rest) = parts.split_at(first);
    let root: PathBuf = literal.iter().map(AsRef::<str>::as_ref).collect();
    if !root.is_dir() {
        return Err(missing(text, &root));
    }
    Ok(location(&root, Path::default(), Some(pattern(&rest.join("/"))?), false))
}

fn missing(text: &str, full: &FsPath) -> Error {
    let error = Error::new(ErrorKind::NoFiles, format!("there is no file or folder {text}"));
    let name = full.file_name().unwrap_or_default().to_string_lossy();
    let near = full
        .parent()
        .and_then(|parent| std::fs::read_dir(parent).ok())
        .into_iter()
        .flatten()
        .filter_map(|entry| entry.ok()?.file_name().into_string().ok())
        .map(|entry| (strsim::jaro_winkler(&entry, &name), entry))
        .filter(|(score, _)| *score > 0.8)
        .max_by(|a, b| a.0.total_cmp(&b.0));
    match near {
        Some((_, near)) => error.with_hint(format!("did you mean {near}?")),
        None => error,
    }
}

fn bucket(kind: Kind, scheme: &str, rest: &str, text: &str) -> Result<Location> {
    let (authority, key) = rest.split_once('/').unwrap_or((rest, ""));
    let container = matches!(scheme, "abfs" | "abfss");
    if authority.is_empty() {
        return Err(invalid(text, "the bucket's name is missing"));
    }
    if authority.contains('@') && !container || authority.contains(':') {
        return Err(invalid(
            text,
            "credentials do not belong in a location: use the environment, a profile or the lake's options",
        ));
    }
    let root = format!("{scheme}://{authority}");
    let (prefix, rest) = split_glob(key);
    Ok(Location {
        kind,
        shown_root: root.clone(),
        root,
        prefix: path(prefix.trim_end_matches('/'))?,
        pattern: rest.then(|| pattern(key)).transpose()?,
        single: false,
        shown: text.to_owned(),
    })
}

/// The part of a key before its first glob character, up to a `/`.
pub(crate) fn split_glob(key: &str) -> (&str, bool) {
    match key.find(['*', '?', '[']) {
        Some(at) => {
            let literal = key.get(..at).unwrap_or_default();
            let end = literal.rfind('/').unwrap_or(0);
            (key.get(..end).unwrap_or_default(), true)
        }
        None => (key, false),
    }
}

fn http(text: &str) -> Result<Location> {
    let mut url = Url::parse(text).map_err(|e| invalid(text, &e.to_string()))?;
    let shown = redact::urls(text);
    let inside = Path::from_url_path(url.path())
        .map_err(|_| invalid(text, "the path is not a valid URL path"))?;
    let key = inside.to_string();
    let (prefix, globbed) = split_glob(&key);
    url.set_path("");
    url.set_fragment(None);
    let root = url.to_string();
    Ok(Location {
        kind: Kind::Http,
        shown_root: redact::urls(&root).trim_end_matches('/').to_owned(),
        prefix: path(prefix)?,
        pattern: globbed.then(|| pattern(&key)).transpose()?,
        single: false,
        root,
        shown,
    })
}

/// A lake's or table's name: the last part of its location, made an SQL identifier.
pub(crate) fn identifier(text: &str) -> String {
    let mut name: String = text
        .chars()
        .map(|c| if c.is_alphanumeric() { c } else { '_' })
        .collect::<String>()
        .to_lowercase();
    if name.chars().next().is_none_or(|c| c.is_numeric()) {
        name.insert(0, '_');
    }
    name
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn buckets_and_globs_are_taken_apart() {
        let l = parse("s3://shop/lake/2017-*/x?.parquet", None).unwrap();
        assert_eq!((l.kind, l.root.as_str(), l.prefix.as_ref()), (Kind::S3, "s3://shop", "lake"));
        assert!(l.pattern.unwrap().matches_with("lake/2017-01/x1.parquet", GLOB));
        let l = parse("abfss://c@acc.dfs.core.windows.net/lake/", None).unwrap();
        assert_eq!(l.root, "abfss://c@acc.dfs.core.windows.net");
        assert_eq!(l.prefix.as_ref(), "lake");
        let l = parse("https://h:8080/a%20b/c.parquet?X-Amz-Signature=s", None).unwrap();
        assert_eq!(l.root, "https://h:8080/?X-Amz-Signature=s");
        assert_eq!(l.prefix.as_ref(), "a b/c.parquet");
        assert_eq!(l.shown, "https://h:8080/a%20b/c.parquet");
        assert_eq!(l.shown_root, "https://h:8080");
    }

    #[test]
    fn a_secret_in_a_location_is_refused_and_not_repeated() {
        let e = parse("s3://AKIA:hush@shop/lake", None).err().unwrap();
        assert_eq!(e.kind(), ErrorKind::Invalid);
        assert!(!e.to_string().contains("hush"), "{e}");
        let e = parse("ftp://x/y", None).err().unwrap();
        assert!(e.to_string().contains("ftp is not one of"), "{e}");
    }

    #[test]
    fn a_missing_folder_names_the_nearest() {
        let dir = tempfile::tempdir().unwrap();
        std::fs::create_dir(dir.path().join("retail")).unwrap();
        let e = parse("retial", Some(dir.path())).err().unwrap();
        assert_eq!(e.to_string(), "there is no file or folder retial");
        assert_eq!(e.hint(), Some("did you mean retail?"));
    }

    #[test]
    fn names_become_identifiers() {
        assert_eq!(identifier("Web-Events 2"), "web_events_2");
        assert_eq!(identifier("2017"), "_2017");
        assert_eq!(identifier(""), "_");
    }
}
