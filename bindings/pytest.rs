//! Runs Python tests in an environment of their own. The bindings' tests share this file.

use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

#[path = "../tests/support/venv.rs"]
mod venv;

/// The repository.
pub(crate) fn root() -> PathBuf {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("../..");
    root.canonicalize().expect("the repository")
}

/// A program of the tests' Python environment.
pub(crate) fn program(name: &str) -> PathBuf {
    program_of("python-venv", "bindings/python/requirements-test.txt", name)
}

/// A program of another environment, made of a file of requirements.
pub(crate) fn program_of(environment: &str, requirements: &str, name: &str) -> PathBuf {
    match venv::environment(environment, &root().join(requirements)) {
        Ok(bin) => bin.join(name),
        Err(why) => panic!("{why}"),
    }
}

/// A library of the workspace, as cargo built it beside the running test.
pub(crate) fn library(name: &str) -> PathBuf {
    let test = std::env::current_exe().expect("the test's own path");
    let file = format!("{}{name}{}", std::env::consts::DLL_PREFIX, std::env::consts::DLL_SUFFIX);
    let beside = test.with_file_name(file);
    assert!(beside.exists(), "{} is not built", beside.display());
    beside
}

/// Runs a program and wants it to succeed; its output is shown if it does not.
pub(crate) fn succeeds(command: &mut Command) {
    let output = command.stdin(Stdio::null()).output();
    let output = output.unwrap_or_else(|e| panic!("{}: {e}", command.get_program().display()));
    assert!(
        output.status.success(),
        "{} failed\n{}\n{}",
        command.get_program().display(),
        String::from_utf8_lossy(&output.stdout),
        String::from_utf8_lossy(&output.stderr)
    );
}

/// `pytest` of an environment's Python on tests.
pub(crate) fn pytest(python: &Path, tests: &Path) -> Command {
    let mut command = Command::new(python);
    let cache = Path::new(env!("CARGO_TARGET_TMPDIR")).join("pytest-cache");
    command
        .args(["-m", "pytest", "--quiet", "--strict-markers", "-W", "error::UserWarning", "-o"])
        .arg(format!("cache_dir={}", cache.display()))
        .arg(tests)
        .current_dir(root())
        .env("PYTHONDONTWRITEBYTECODE", "1")
        .env("TENURE_LAKE", root().join("data/retail"));
    command
}
