//! Named AWS profiles: `~/.aws/credentials` and `~/.aws/config`, which `object_store` does not read.
//!
//! Keys in the environment win over a profile named by `AWS_PROFILE`, as with Amazon's own tools;
//! a profile named in the lake's options wins over the environment. Single sign-on, assumed roles
//! and credential processes are refused by name rather than ignored.

use std::collections::BTreeMap;
use std::path::PathBuf;

use crate::error::{Error, ErrorKind, Result};

type Section = BTreeMap<String, String>;

/// What a profile says, as far as Tenure uses it. Never printed.
#[derive(Default)]
pub(crate) struct Profile {
    pub(crate) access_key: Option<String>,
    pub(crate) secret_key: Option<String>,
    pub(crate) session_token: Option<String>,
    pub(crate) region: Option<String>,
    pub(crate) endpoint: Option<String>,
}

/// Reads the profile `name`; a profile that was `asked` for by name must exist.
pub(crate) fn load(name: &str, asked: bool) -> Result<Profile> {
    let credentials = read("AWS_SHARED_CREDENTIALS_FILE", "credentials");
    let config = read("AWS_CONFIG_FILE", "config");
    from_text(name, asked, &credentials, &config)
}

fn read(variable: &str, file: &str) -> String {
    let path = match std::env::var_os(variable) {
        Some(path) => PathBuf::from(path),
        None => match std::env::home_dir() {
            Some(home) => home.join(".aws").join(file),
            None => return String::new(),
        },
    };
    std::fs::read_to_string(path).unwrap_or_default()
}

fn from_text(name: &str, asked: bool, credentials: &str, config: &str) -> Result<Profile> {
    let mut section = Section::new();
    let mut found = false;
    for (text, header) in [
        (config, format!("profile {name}")),
        (config, name.to_owned()),
        (credentials, name.to_owned()),
    ] {
        if let Some(more) = ini(text).remove(&header) {
            found = true;
            section.extend(more);
        }
    }
    if asked && !found {
        return Err(Error::new(ErrorKind::Denied, format!("there is no AWS profile named {name}"))
            .with_hint("profiles are read from ~/.aws/credentials and ~/.aws/config"));
    }
    let mut take = |key: &str| section.remove(key);
    let profile = Profile {
        access_key: take("aws_access_key_id"),
        secret_key: take("aws_secret_access_key"),
        session_token: take("aws_session_token"),
        region: take("region"),
        endpoint: take("endpoint_url"),
    };
    let indirect = ["sso_session", "sso_start_url", "role_arn", "credential_process"];
    if asked
        && profile.access_key.is_none()
        && let Some(how) = indirect.iter().find(|key| section.contains_key(**key))
    {
        return Err(Error::new(
            ErrorKind::NotSupported,
            format!("the AWS profile {name} gets its keys by {how}, which tenure does not do"),
        )
        .with_hint(
            "put the keys into the environment: aws configure export-credentials --format env",
        ));
    }
    Ok(profile)
}

/// Sections of `key = value` lines; nested (indented) settings are left out.
fn ini(text: &str) -> BTreeMap<String, Section> {
    let mut sections = BTreeMap::<String, Section>::new();
    let mut current = String::new();
    for line in text.lines() {
        let nested = line.starts_with([' ', '\t']);
        let line = line.trim();
        if line.is_empty() || line.starts_with(['#', ';']) {
            continue;
        }
        if let Some(header) = line.strip_prefix('[').and_then(|l| l.strip_suffix(']')) {
            current = header.split_whitespace().collect::<Vec<_>>().join(" ");
            sections.entry(current.clone()).or_default();
        } else if let Some((key, value)) = line.split_once('=')
            && !nested
        {
            let section = sections.entry(current.clone()).or_default();
            section.insert(key.trim().to_lowercase(), value.trim().to_owned());
        }
    }
    sections
}

#[cfg(test)]
mod tests {
    use super::*;

    const CREDENTIALS: &str = "# mine\n[default]\naws_access_key_id = A\naws_secret_access_key=B\n\n[shop]\naws_access_key_id = C\naws_secret_access_key = D=E\naws_session_token = F\n";
    const CONFIG: &str = "[profile shop]\nregion = eu-west-2\ns3 =\n  max_concurrent_requests = 20\n[profile role]\nrole_arn = arn:x\n";

    #[test]
    fn keys_and_region_come_from_both_files() {
        let shop = from_text("shop", true, CREDENTIALS, CONFIG).unwrap();
        assert_eq!(shop.access_key.as_deref(), Some("C"));
        assert_eq!(shop.secret_key.as_deref(), Some("D=E"));
        assert_eq!(shop.session_token.as_deref(), Some("F"));
        assert_eq!(shop.region.as_deref(), Some("eu-west-2"));
        let default = from_text("default", false, CREDENTIALS, CONFIG).unwrap();
        assert_eq!(default.access_key.as_deref(), Some("A"));
    }

    #[test]
    fn a_profile_that_cannot_be_used_is_an_error_that_says_why() {
        let missing = from_text("nobody", true, CREDENTIALS, CONFIG).err().unwrap();
        assert_eq!(missing.to_string(), "there is no AWS profile named nobody");
        let role = from_text("role", true, CREDENTIALS, CONFIG).err().unwrap();
        assert!(role.to_string().contains("role_arn"), "{role}");
        assert!(from_text("nobody", false, CREDENTIALS, CONFIG).is_ok());
    }
}
