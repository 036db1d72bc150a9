//! The program as a server: `tenure serve` on a free port, gone with the test.

use std::io::{BufRead, BufReader, Write};
use std::net::TcpStream;
use std::path::PathBuf;
use std::process::{Child, Command, Output, Stdio};
use std::time::Duration;

use tempfile::TempDir;

pub(crate) const USER: &str = "ana";
pub(crate) const PASSWORD: &str = "geheim-123";

/// A server and its folder, with users, log, and certificate if it has one.
pub(crate) struct Served {
    pub(crate) port: u16,
    pub(crate) folder: TempDir,
    child: Child,
}

impl Drop for Served {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// The program, away from the user's settings.
pub(crate) fn program() -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_tenure"));
    command.env_remove("PGPASSWORD");
    command
}

/// A folder with the user of the tests.
pub(crate) fn folder() -> TempDir {
    let folder = tempfile::tempdir().unwrap();
    let users = folder.path().join("users");
    let mut add = program()
        .args(["user", "add", USER, "--users"])
        .arg(users)
        .stdin(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .unwrap();
    add.stdin.take().unwrap().write_all(PASSWORD.as_bytes()).unwrap();
    let added = add.wait_with_output().unwrap();
    assert!(added.status.success(), "{}", String::from_utf8_lossy(&added.stderr));
    folder
}

impl Served {
    /// Serves the lake of retail.
    pub(crate) fn retail(arguments: &[&str]) -> Self {
        Self::start(folder(), &super::rows::shipped("retail"), arguments)
    }

    /// Serves a lake with the users of a folder.
    pub(crate) fn start(folder: TempDir, lake: &str, arguments: &[&str]) -> Self {
        Self::start_by(program(), folder, lake, arguments)
    }

    /// The same by a program that has an environment of its own.
    pub(crate) fn start_by(
        mut program: Command,
        folder: TempDir,
        lake: &str,
        arguments: &[&str],
    ) -> Self {
        let mut child = program
            .args(["serve", lake, "--port", "0", "--users"])
            .arg(folder.path().join("users"))
            .arg("--log")
            .arg(folder.path().join("log"))
            .args(arguments)
            .stdin(Stdio::null())
            .stderr(Stdio::piped())
            .spawn()
            .unwrap();
        let mut said = BufReader::new(child.stderr.take().unwrap());
        let mut line = String::new();
        while !line.contains("listening on") {
            line.clear();
            if said.read_line(&mut line).unwrap() == 0 {
                panic!("the server did not start: {}", child.wait().unwrap());
            }
        }
        let address = line.split("listening on ").nth(1).unwrap().split(';').next().unwrap();
        let port = address.rsplit(':').next().unwrap().parse().unwrap();
        // what it says later must not fill the pipe, and is kept
        let mut kept = std::fs::File::create(folder.path().join("said")).unwrap();
        std::thread::spawn(move || {
            let _ = std::io::copy(&mut said, &mut kept);
        });
        Self { port, folder, child }
    }

    /// The lines of the log, but for one that is being written.
    pub(crate) fn log(&self) -> Vec<serde_json::Value> {
        let text = std::fs::read_to_string(self.folder.path().join("log")).unwrap_or_default();
        let whole = text.rfind('\n').and_then(|end| text.get(..end)).unwrap_or_default();
        whole.lines().map(|line| serde_json::from_str(line).unwrap()).collect()
    }

    /// `psql` with options of its own, such as `-c`; the connection as a string of `libpq`.
    pub(crate) fn psql(&self, connection: &str, arguments: &[&str]) -> Output {
        self.psql_command(connection).args(arguments).output().expect(NO_PSQL)
    }

    pub(crate) fn psql_command(&self, connection: &str) -> Command {
        let mut command = Command::new("psql");
        command
            .arg(format!(
                "host=127.0.0.1 port={} dbname=retail user={USER} {connection}",
                self.port
            ))
            .args(["-X", "--no-password"])
            .env("PGPASSWORD", PASSWORD)
            .env("PGCONNECT_TIMEOUT", "20")
            .env_remove("PGSSLMODE");
        command
    }

    /// Runs a script of Python over the packages of the tests; it fails if the script does.
    pub(crate) fn python(&self, script: &str, arguments: &[&str]) -> String {
        let path = clients().join(script);
        let output = Command::new(super::python().join("python"))
            .arg(path)
            .arg(self.port.to_string())
            .args(arguments)
            .env("PGUSER", USER)
            .env("PGPASSWORD", PASSWORD)
            .output()
            .unwrap();
        let out = String::from_utf8_lossy(&output.stdout).into_owned();
        let err = String::from_utf8_lossy(&output.stderr);
        assert!(output.status.success(), "{script}\n{out}\n{err}");
        out
    }

    /// A socket that nobody has logged in on.
    pub(crate) fn socket(&self) -> TcpStream {
        let socket = TcpStream::connect(("127.0.0.1", self.port)).unwrap();
        socket.set_read_timeout(Some(Duration::from_secs(20))).unwrap();
        socket
    }

    /// Memory that the server has in use, in kB.
    pub(crate) fn resident(&self) -> u64 {
        let status = std::fs::read_to_string(format!("/proc/{}/status", self.child.id())).unwrap();
        let line = status.lines().find_map(|l| l.strip_prefix("VmRSS:")).unwrap();
        line.trim().trim_end_matches(" kB").trim().parse().unwrap()
    }
}

const NO_PSQL: &str = "these tests need psql (Debian: apt install postgresql-client)";

/// Where the clients are.
pub(crate) fn clients() -> PathBuf {
    PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("tests/wire/clients")
}

/// What a program said.
pub(crate) fn out(output: &Output) -> String {
    String::from_utf8_lossy(&output.stdout).into_owned()
}

/// What a program said was wrong.
pub(crate) fn err(output: &Output) -> String {
    String::from_utf8_lossy(&output.stderr).into_owned()
}
