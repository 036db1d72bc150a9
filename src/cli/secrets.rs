//! Statements that hold a secret are not written to the history, nor shown with their errors.
//!
//! A guess from the words: a name that speaks of a secret with a value behind it, credentials in a
//! URL, signed URLs, the shapes of well-known keys. When in doubt a statement is left out: typing it
//! again costs less than a leak.

/// Names of secrets, without their separators.
const NAMES: [&str; 16] = [
    "password",
    "passwd",
    "passphrase",
    "pwd",
    "secret",
    "secretkey",
    "secretaccesskey",
    "accesskey",
    "accesskeyid",
    "accountkey",
    "apikey",
    "token",
    "sessiontoken",
    "sastoken",
    "credential",
    "signature",
];

/// Parts of a text that never stand there without a secret.
const MARKS: [&str; 8] = [
    "x-amz-signature=",
    "x-goog-signature=",
    "&sig=",
    "?sig=",
    "accountkey=",
    "bearer ",
    "-----begin",
    "identified by",
];

/// Whether a text seems to hold a secret.
pub(crate) fn holds_secret(text: &str) -> bool {
    let lower = text.to_lowercase();
    MARKS.iter().any(|mark| lower.contains(mark))
        || url_with_password(&lower)
        || text.split(|c: char| !c.is_ascii_alphanumeric()).any(is_key)
        || named_value(&lower)
}

/// `scheme://user:password@host`
fn url_with_password(text: &str) -> bool {
    text.match_indices("://").any(|(at, mark)| {
        let rest = text.get(at + mark.len()..).unwrap_or_default();
        let host = rest.split(['/', '\'', '"', ' ', '\n']).next().unwrap_or_default();
        host.split_once('@').is_some_and(|(user, _)| user.contains(':'))
    })
}

/// The shape of an access key of a large provider.
fn is_key(word: &str) -> bool {
    let aws = ["AKIA", "ASIA"].iter().any(|prefix| word.starts_with(prefix));
    let google = word.starts_with("AIza") && word.len() > 30;
    (aws && word.len() == 20) || google
}

/// `name = value`, `name => 'value'`, `'name' 'value'`, `name: value` with the name of a secret.
fn named_value(text: &str) -> bool {
    let mut rest = text;
    while let Some(start) = rest.find(|c: char| c.is_ascii_alphanumeric()) {
        let word_on = rest.get(start..).unwrap_or_default();
        let end = word_on
            .find(|c: char| !c.is_ascii_alphanumeric() && !matches!(c, '_' | '-' | '.'))
            .unwrap_or(word_on.len());
        let (word, after) = word_on.split_at(end);
        let plain: String = word.chars().filter(char::is_ascii_alphanumeric).collect();
        if NAMES.iter().any(|name| plain.ends_with(name)) && gives_value(after) {
            return true;
        }
        rest = after;
    }
    false
}

/// Whether a value follows: an operator of assignment, or a quoted text.
fn gives_value(after: &str) -> bool {
    let after = after.trim_start_matches(['\'', '"', '`', ']']).trim_start();
    let after = after.strip_prefix("to ").unwrap_or(after);
    after.starts_with(['=', ':', '\'', '"']) && !after.starts_with("::")
}

#[cfg(test)]
mod tests {
    use super::holds_secret;

    #[test]
    fn secrets_are_seen() {
        for text in [
            "SET datafusion.s3.secret_access_key = 'abc'",
            "CREATE EXTERNAL TABLE t STORED AS PARQUET LOCATION 's3://b' OPTIONS ('aws.secret_access_key' 'abc')",
            "OPTIONS (password => 'x')",
            "SELECT * FROM 'https://user:pw@host/x.parquet'",
            "SELECT * FROM 'https://b.blob.core.windows.net/x?sv=1&sig=abc'",
            "SELECT 'AKIAIOSFODNN7EXAMPLE'",
            "\\param api_key=abc",
            "\\set token abc=\n password='x'",
            "SELECT * FROM 'https://b/x?X-Amz-Signature=00'",
            "WHERE token = 'abc'",
        ] {
            assert!(holds_secret(text), "{text}");
        }
    }

    #[test]
    fn ordinary_statements_are_kept() {
        for text in [
            "SELECT token, count(*) FROM events GROUP BY token",
            "SELECT * FROM 's3://bucket/key/*.parquet' WHERE customer_id = 5",
            "SELECT secretary FROM staff WHERE name = 'x'",
            "SELECT password_reset_at::date FROM events",
            "SELECT tokens FROM t WHERE a = 1",
        ] {
            assert!(!holds_secret(text), "{text}");
        }
    }
}
