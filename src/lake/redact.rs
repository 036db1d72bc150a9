//! What a store says, made fit to show: no credentials, no query strings, no XML, one sentence.
//!
//! Errors of object stores carry whole answers and whole URLs. A URL can hold a password or a
//! signature, an answer can echo the access key. So the text of a store never reaches a user as
//! it is: its class is read from it, and only the server's own code word (`SignatureDoesNotMatch`)
//! is passed on.

use datafusion::object_store;

use crate::error::{Error, ErrorKind};

/// Removes user names, passwords and query strings from every URL in `text`.
pub(crate) fn urls(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    let mut rest = text;
    while let Some((before, after)) = rest.split_once("://") {
        out.push_str(before);
        out.push_str("://");
        let end = after
            .find(|c: char| c.is_whitespace() || matches!(c, '"' | '\'' | ')' | '>' | ','))
            .unwrap_or(after.len());
        let (url, tail) = after.split_at(end);
        let url = url.split(['?', '#']).next().unwrap_or_default();
        let (authority, path) = match url.find('/') {
            Some(slash) => url.split_at(slash),
            None => (url, ""),
        };
        // abfss://container@account: the part before @ is a name; with a colon it is a password
        let authority = match authority.rsplit_once('@') {
            Some((user, host)) if user.contains(':') || !out.ends_with("abfss://") => host,
            _ => authority,
        };
        out.push_str(authority);
        out.push_str(path);
        rest = tail;
    }
    out.push_str(rest);
    out
}

/// The code word of an XML or JSON error answer: `SlowDown`, `SignatureDoesNotMatch`, `ExpiredToken`.
fn code(text: &str) -> Option<&str> {
    let (_, after) = text.split_once("<Code>")?;
    let (code, _) = after.split_once("</Code>")?;
    let plain = code.len() <= 64 && code.chars().all(|c| c.is_ascii_alphanumeric());
    plain.then_some(code)
}

/// The HTTP status that a store's error names.
fn status(text: &str) -> Option<u16> {
    let (_, after) = text.split_once("status")?;
    let digits: String = after
        .trim_start_matches(|c: char| !c.is_ascii_digit())
        .chars()
        .take_while(char::is_ascii_digit)
        .collect();
    digits.parse().ok()
}

/// `inner` with everything under it, for classification only.
fn chain(error: &dyn std::error::Error) -> String {
    let mut text = error.to_string();
    let mut next = error.source();
    while let Some(source) = next {
        text.push_str(": ");
        text.push_str(&source.to_string());
        next = source.source();
    }
    text
}

/// A store's error as Tenure's: `what` is the file or folder, relative to the lake, `at` the lake.
///
/// The store's own error is not attached as a source: its `Debug` would bring back what was taken
/// out.
pub(crate) fn store_error(error: &object_store::Error, what: &str, at: &str) -> Error {
    use object_store::Error as Store;
    // the retry's own settings would read like a timeout
    let text = chain(error).replace("retry_timeout", "patience");
    let code = code(&text);
    let said = code.map(|code| format!(" ({code})")).unwrap_or_default();
    if let Some("ExpiredToken" | "TokenRefreshRequired" | "RequestExpired") = code {
        return denied(format!("the credentials for {at} have expired{said}"))
            .with_hint("renew them and run the statement again");
    }
    // where machines of a cloud ask for their own keys: reached when nobody gave any
    let own_keys = ["169.254.", "metadata.google.internal", "/latest/api/token"];
    if own_keys.iter().any(|place| text.contains(place)) {
        return no_credentials(at);
    }
    match error {
        Store::NotFound { .. } if code == Some("NoSuchBucket") => Error::new(
            ErrorKind::Unreachable,
            format!("{at}: there is no such bucket or container"),
        ),
        Store::NotFound { .. } => gone(what),
        Store::Precondition { .. } | Store::NotModified { .. } => changed(what),
        Store::PermissionDenied { .. } | Store::Unauthenticated { .. } => {
            denied(format!("{at} refused access to {what}{said}"))
                .with_hint("check the access key, its secret and its rights on this location")
        }
        _ => generic(&text, &said, what, at),
    }
}

/// Errors that the store did not classify itself.
fn generic(text: &str, said: &str, what: &str, at: &str) -> Error {
    let lower = text.to_lowercase();
    let unreachable = |message: String| Error::new(ErrorKind::Unreachable, message);
    match status(&lower) {
        Some(416) => return changed(what),
        Some(401 | 403) => {
            return denied(format!("{at} refused access to {what}{said}"))
                .with_hint("check the access key, its secret and its rights on this location");
        }
        Some(n @ (429 | 500..=599)) => {
            return unreachable(format!("{at} kept answering {n}{said} for {what}"))
                .with_hint("the store is overloaded or down: run the statement again later");
        }
        Some(n @ 300..=399) => {
            return unreachable(format!("{at} sends readers of {what} elsewhere ({n})"))
                .with_hint("redirects are not followed: name the right endpoint or region");
        }
        Some(n) => return unreachable(format!("{at} answered {n}{said} for {what}")),
        None => {}
    }
    let has = |words: &[&str]| words.iter().any(|word| lower.contains(word));
    if let Some((link, folder)) = link_loop(text) {
        unreachable(format!("the link {link} leads back to {folder}, the folder that it is in"))
            .with_hint("remove the link: links are followed, and this one has no end")
    } else if has(&["permission denied"]) {
        denied(format!("no permission to read {what} in {at}"))
    } else if has(&["invalid range", "out of range", "wanted range", "unexpected end of file"]) {
        changed(what)
    } else if has(&["timed out", "timeout"]) {
        unreachable(format!("{at} did not answer in time for {what}"))
    } else if has(&["missing", "must be specified", "credential"])
        && has(&["credential", "key", "token", "account"])
    {
        no_credentials(at)
    } else if has(&["connect", "dns", "error sending request", "redirect"]) {
        unreachable(format!("cannot reach {at}"))
            .with_hint("check the network, the endpoint and the region")
    } else {
        unreachable(format!("cannot read {what} in {at}"))
    }
}

/// The error of a store that cannot even be asked: what is wrong with its settings would show them.
pub(crate) fn unusable(error: &object_store::Error, at: &str) -> Error {
    match store_error(error, at, at) {
        e if e.kind() == ErrorKind::Denied => e,
        _ => denied(format!("the settings of {at} cannot be used")).with_hint(
            "check its credentials, endpoint and region, in the options and in the environment",
        ),
    }
}

/// The link of a folder that leads to one above it, and where it leads.
fn link_loop(text: &str) -> Option<(&str, &str)> {
    let (_, after) = text.split_once("File system loop found: ")?;
    after.split_once(" points to an ancestor ")
}

fn no_credentials(at: &str) -> Error {
    let variables = match at.split("://").next() {
        Some("s3") => "AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY, or AWS_PROFILE",
        Some("gs") => "GOOGLE_APPLICATION_CREDENTIALS",
        _ => "AZURE_STORAGE_ACCOUNT_NAME and AZURE_STORAGE_ACCOUNT_KEY",
    };
    denied(format!("there are no usable credentials for {at}"))
        .with_hint(format!("set {variables}, or the lake's options"))
}

fn denied(message: String) -> Error {
    Error::new(ErrorKind::Denied, message)
}

/// The one error of a file that is no longer the one that was listed.
pub(crate) fn changed(file: &str) -> Error {
    Error::new(
        ErrorKind::Changed,
        format!("file {file} was changed while the statement was reading it"),
    )
    .with_hint("run the statement again: it will read the new file")
}

/// The one error of a file that was listed and is no longer there.
pub(crate) fn gone(file: &str) -> Error {
    Error::new(
        ErrorKind::Gone,
        format!("file {file} was deleted while the statement was reading it"),
    )
    .with_hint("run the statement again: it will read the files that are there now")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn urls_lose_passwords_and_signatures() {
        let text =
            "GET https://me:secret@host/a/b.parquet?X-Amz-Signature=abc failed, see s3://b/k";
        assert_eq!(urls(text), "GET https://host/a/b.parquet failed, see s3://b/k");
        assert_eq!(
            urls("abfss://data@acc.dfs.core.windows.net/x"),
            "abfss://data@acc.dfs.core.windows.net/x"
        );
    }

    #[test]
    fn xml_is_reduced_to_its_code_word() {
        let source = "Client error with status 403 Forbidden: <?xml?><Error><Code>SignatureDoesNotMatch</Code><AWSAccessKeyId>AKIASECRET</AWSAccessKeyId></Error>";
        let error =
            object_store::Error::PermissionDenied { path: "k".into(), source: source.into() };
        let error = store_error(&error, "orders/a.parquet", "s3://shop");
        assert_eq!(error.kind(), ErrorKind::Denied);
        assert_eq!(
            error.to_string(),
            "s3://shop refused access to orders/a.parquet (SignatureDoesNotMatch)"
        );
        assert!(!format!("{error:?}").contains("AKIASECRET"));
    }

    #[test]
    fn throttling_for_ever_names_the_status() {
        let error = object_store::Error::Generic {
            store: "S3",
            source: "Server returned non-2xx status code: 503 Service Unavailable: <Error><Code>SlowDown</Code></Error>".into(),
        };
        let error = store_error(&error, "a.parquet", "s3://shop");
        assert_eq!(error.kind(), ErrorKind::Unreachable);
        assert_eq!(error.to_string(), "s3://shop kept answering 503 (SlowDown) for a.parquet");
    }
}
