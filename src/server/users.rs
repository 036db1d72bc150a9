//! Who may log in: a file of names and SCRAM verifiers, and never a password.
//!
//! The file is that of PgBouncer (`"name" "SCRAM-SHA-256$…"`, one user a line), the verifiers are
//! those of PostgreSQL's `pg_authid`, so that both can be taken from there.

use std::collections::BTreeMap;
use std::fmt::Write as _;
use std::io::Write as _;
use std::path::{Path, PathBuf};

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD as BASE64;
use pgwire::api::auth::sasl::scram::{ScramSecret, gen_salted_password};
use ring::rand::{SecureRandom, SystemRandom};

use crate::error::{Error, ErrorKind, Result};

/// Rounds of the hash that a new verifier is made with, as in PostgreSQL.
pub(super) const ITERATIONS: usize = 4096;
const SALT_BYTES: usize = 16;
const KEY_BYTES: usize = 32;
const METHOD: &str = "SCRAM-SHA-256";

/// What the server knows of a password: enough to check it, not enough to log in elsewhere.
#[derive(Clone, PartialEq, Eq)]
pub struct Verifier {
    iterations: usize,
    salt: Vec<u8>,
    stored_key: Vec<u8>,
    server_key: Vec<u8>,
}

impl std::fmt::Debug for Verifier {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Verifier").field("iterations", &self.iterations).finish_non_exhaustive()
    }
}

impl Verifier {
    /// Makes the verifier of a password, with a salt of its own.
    ///
    /// # Errors
    /// The system has no random numbers.
    pub fn of(password: &str) -> Result<Self> {
        let mut salt = vec![0; SALT_BYTES];
        SystemRandom::new()
            .fill(&mut salt)
            .map_err(|_| Error::new(ErrorKind::Io, "the system gives no random numbers"))?;
        let salted = gen_salted_password(password, &salt, ITERATIONS);
        match ScramSecret::verifier_from_salted_password(salt, salted, ITERATIONS) {
            ScramSecret::Verifier { salt, iterations, stored_key, server_key } => {
                Ok(Self { iterations, salt, stored_key, server_key })
            }
            ScramSecret::SaltedPassword { .. } => {
                Err(Error::new(ErrorKind::Internal, "no verifier was made"))
            }
        }
    }

    /// A verifier that no password fits.
    pub(super) fn of_nobody(salt: Vec<u8>) -> Self {
        // keys that are no hash: no proof can lead to them
        let (stored_key, server_key) = (vec![0; KEY_BYTES], vec![0; KEY_BYTES]);
        Self { iterations: ITERATIONS, salt, stored_key, server_key }
    }

    pub(super) fn secret(&self) -> ScramSecret {
        ScramSecret::Verifier {
            salt: self.salt.clone(),
            iterations: self.iterations,
            stored_key: self.stored_key.clone(),
            server_key: self.server_key.clone(),
        }
    }

    /// Reads `SCRAM-SHA-256$4096:salt$StoredKey:ServerKey`.
    fn parse(text: &str) -> Option<Self> {
        let rest = text.strip_prefix(METHOD)?.strip_prefix('$')?;
        let (head, keys) = rest.split_once('$')?;
        let (iterations, salt) = head.split_once(':')?;
        let (stored, server) = keys.split_once(':')?;
        let key = |text: &str| BASE64.decode(text).ok().filter(|k| k.len() == KEY_BYTES);
        let iterations = iterations.parse().ok().filter(|n| *n >= ITERATIONS)?;
        Some(Self {
            iterations,
            salt: BASE64.decode(salt).ok()?,
            stored_key: key(stored)?,
            server_key: key(server)?,
        })
    }
}

impl std::fmt::Display for Verifier {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let Self { iterations, salt, stored_key, server_key } = self;
        let b64 = |bytes: &Vec<u8>| BASE64.encode(bytes);
        write!(f, "{METHOD}${iterations}:{}${}:{}", b64(salt), b64(stored_key), b64(server_key))
    }
}

/// The users of a file.
#[derive(Debug, Clone)]
pub struct Users {
    path: PathBuf,
    users: BTreeMap<String, Verifier>,
}

impl Users {
    /// Reads a file of users; one that is not there has none.
    ///
    /// # Errors
    /// A file that others can read, or a line that is no user.
    pub fn read(path: &Path) -> Result<Self> {
        let mut users = BTreeMap::new();
        let text = match std::fs::read_to_string(path) {
            Ok(text) => text,
            Err(e) if e.kind() == std::io::ErrorKind::NotFound => String::new(),
            Err(e) => return Err(failed("read", path, e)),
        };
        private(path)?;
        for (number, line) in text.lines().enumerate() {
            let line = line.trim();
            if line.is_empty() || line.starts_with(';') || line.starts_with('#') {
                continue;
            }
            let user = entry(line).ok_or_else(|| {
                Error::new(
                    ErrorKind::Usage,
                    format!("{}, line {}: this is no user", path.display(), number + 1),
                )
                .with_hint(
                    "a line is \"name\" \"SCRAM-SHA-256$4096:…\"; `tenure user add NAME` writes one; passwords and md5 are not accepted",
                )
            })?;
            users.insert(user.0, user.1);
        }
        Ok(Self { path: path.to_path_buf(), users })
    }

    /// Names, in order.
    pub fn names(&self) -> impl Iterator<Item = &str> {
        self.users.keys().map(String::as_str)
    }

    /// Whether there is nobody.
    pub fn is_empty(&self) -> bool {
        self.users.is_empty()
    }

    pub(super) fn get(&self, name: &str) -> Option<&Verifier> {
        self.users.get(name)
    }

    /// Adds a user or changes their verifier; says whether they are new.
    ///
    /// # Errors
    /// A name that cannot be one.
    pub fn set(&mut self, name: &str, verifier: Verifier) -> Result<bool> {
        if name.is_empty() || name.len() > 63 || name.contains(|c: char| c.is_control() || c == '"')
        {
            return Err(Error::new(ErrorKind::Usage, format!("{name:?} is no name of a user"))
                .with_hint("a name has 1 to 63 bytes, without quotes and control characters"));
        }
        Ok(self.users.insert(name.to_owned(), verifier).is_none())
    }

    /// Takes a user away; says whether there was one.
    pub fn remove(&mut self, name: &str) -> bool {
        self.users.remove(name).is_some()
    }

    /// Writes the file anew, readable by its owner only; it is whole at any time.
    ///
    /// # Errors
    /// A folder that cannot be written.
    pub fn write(&self) -> Result<()> {
        let mut text = String::new();
        for (name, verifier) in &self.users {
            let _ = writeln!(text, "\"{name}\" \"{verifier}\"");
        }
        if let Some(folder) = self.path.parent().filter(|f| !f.as_os_str().is_empty()) {
            std::fs::create_dir_all(folder).map_err(|e| failed("write", &self.path, e))?;
        }
        let mut draft = self.path.as_os_str().to_owned();
        draft.push(format!(".{}", std::process::id()));
        let draft = PathBuf::from(draft);
        let written = owners_file(&draft).and_then(|mut file| {
            file.write_all(text.as_bytes())?;
            file.sync_all()?;
            std::fs::rename(&draft, &self.path)
        });
        written.map_err(|e| {
            let _ = std::fs::remove_file(&draft);
            failed("write", &self.path, e)
        })
    }
}

/// `"name" "verifier"`.
fn entry(line: &str) -> Option<(String, Verifier)> {
    let rest = line.strip_prefix('"')?;
    let (name, rest) = rest.split_once('"')?;
    let verifier = rest.trim().strip_prefix('"')?.strip_suffix('"')?;
    if name.is_empty() {
        return None;
    }
    Some((name.to_owned(), Verifier::parse(verifier)?))
}

fn failed(doing: &str, path: &Path, e: std::io::Error) -> Error {
    Error::new(ErrorKind::Io, format!("cannot {doing} {}: {e}", path.display())).with_source(e)
}

#[cfg(unix)]
fn owners_file(path: &Path) -> std::io::Result<std::fs::File> {
    use std::os::unix::fs::OpenOptionsExt;
    std::fs::OpenOptions::new().write(true).create_new(true).mode(0o600).open(path)
}

#[cfg(not(unix))]
fn owners_file(path: &Path) -> std::io::Result<std::fs::File> {
    std::fs::OpenOptions::new().write(true).create_new(true).open(path)
}

/// Refuses a file of secrets that others can read.
#[cfg(unix)]
pub(super) fn private(path: &Path) -> Result<()> {
    use std::os::unix::fs::PermissionsExt;
    let Ok(metadata) = std::fs::metadata(path) else { return Ok(()) };
    if metadata.permissions().mode() & 0o077 != 0 {
        return Err(Error::new(
            ErrorKind::Usage,
            format!("{} can be read by others than its owner", path.display()),
        )
        .with_hint(format!("chmod 600 {}", path.display())));
    }
    Ok(())
}

/// Elsewhere the folder's permissions say who reads it.
#[cfg(not(unix))]
pub(super) fn private(_path: &Path) -> Result<()> {
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Made by PostgreSQL 15 for the password `pencil`.
    const POSTGRESQLS: &str = "SCRAM-SHA-256$4096:tjU6MzwFLTa1RbyRLSTDaA==$H15m2e4eyHSMJE8Q4PS1zeTESbWsSMswCgkU5GzG3uI=:N25JLVU9LSJnWp8yQwzgzqoG5QMcgfP/SJRwjM7+jr4=";

    #[test]
    fn a_verifier_is_written_as_it_was_read() {
        let read = Verifier::parse(POSTGRESQLS).unwrap();
        assert_eq!(read.to_string(), POSTGRESQLS);
        let made = Verifier::of("geheim").unwrap();
        assert_eq!(Verifier::parse(&made.to_string()), Some(made));
        for wrong in
            ["geheim", "md5abcdef", "SCRAM-SHA-256$10:AAAA$AAAA:AAAA", "SCRAM-SHA-256$4096:$:"]
        {
            assert!(Verifier::parse(wrong).is_none(), "{wrong}");
        }
        assert!(!format!("{:?}", Verifier::parse(POSTGRESQLS)).contains("H15m"));
    }

    #[test]
    fn the_file_is_the_owners_and_holds_no_password() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("new/users");
        let mut users = Users::read(&path).unwrap();
        assert!(users.is_empty());
        assert!(users.set("ana", Verifier::of("geheim").unwrap()).unwrap());
        assert!(!users.set("ana", Verifier::of("anders").unwrap()).unwrap());
        assert!(users.set("a\"b", Verifier::of("x").unwrap()).is_err());
        users.write().unwrap();
        let text = std::fs::read_to_string(&path).unwrap();
        assert!(text.starts_with("\"ana\" \"SCRAM-SHA-256$4096:") && !text.contains("anders"));
        assert_eq!(Users::read(&path).unwrap().names().collect::<Vec<_>>(), ["ana"]);
        #[cfg(unix)]
        {
            use std::os::unix::fs::PermissionsExt;
            let mode = |path: &Path| std::fs::metadata(path).unwrap().permissions().mode() & 0o777;
            assert_eq!(mode(&path), 0o600);
            std::fs::set_permissions(&path, std::fs::Permissions::from_mode(0o644)).unwrap();
            assert_eq!(Users::read(&path).unwrap_err().kind(), ErrorKind::Usage);
        }
        std::fs::write(&path, "\"ana\" \"geheim\"\n").unwrap();
        #[cfg(unix)]
        {
            use std::os::unix::fs::PermissionsExt;
            std::fs::set_permissions(&path, std::fs::Permissions::from_mode(0o600)).unwrap();
        }
        let e = Users::read(&path).unwrap_err();
        assert!(e.to_string().ends_with("line 1: this is no user"), "{e}");
    }
}
