//! The driver as its users have it: through the Python driver manager, and through C by a caller
//! that means no good.

#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::print_stderr,
    reason = "a test fails by panicking and may say what it did"
)]

#[path = "../../pytest.rs"]
mod pytest;

mod hostile;

use std::path::Path;
use std::process::Command;

#[test]
fn driver_manager() {
    let tests = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/py");
    let library = pytest::library("adbc_driver_tenure");
    pytest::succeeds(
        pytest::pytest(&pytest::program("python"), &tests).env("TENURE_ADBC_DRIVER", library),
    );
}

/// The hostile caller once more, with every access to memory watched.
#[test]
fn valgrind() {
    let found = Command::new("valgrind").arg("--version").output();
    assert!(found.is_ok(), "valgrind is not installed: the hostile caller cannot be watched");
    let mut command = Command::new("valgrind");
    command
        .args(["--error-exitcode=9", "--leak-check=no", "--quiet", "--fair-sched=yes"])
        .arg(std::env::current_exe().expect("the test's own path"))
        .args(["hostile::", "--test-threads=1"]);
    pytest::succeeds(&mut command);
}

/// Each place where Rust does not check says why it is right; more of them want a look.
#[test]
fn unsafe_places_are_counted() {
    let mut files = vec![pytest::root().join("bindings")];
    let mut found = vec![];
    while let Some(path) = files.pop() {
        if path.is_dir() {
            let inside = std::fs::read_dir(&path).expect("a folder");
            files.extend(inside.map(|entry| entry.expect("an entry").path()));
        } else if path.extension().is_some_and(|e| e == "rs")
            && path.components().any(|c| c.as_os_str() == "src")
        {
            let text = std::fs::read_to_string(&path).expect("a source file");
            let blocks = text.lines().filter(|l| !l.trim_start().starts_with("//"));
            let blocks = blocks.map(|l| l.matches("unsafe {").count()).sum::<usize>();
            if blocks > 0 {
                let name = path.strip_prefix(pytest::root()).expect("inside").display().to_string();
                found.push((name, blocks));
            }
        }
    }
    found.sort();
    let found: Vec<(&str, usize)> = found.iter().map(|(name, n)| (name.as_str(), *n)).collect();
    assert_eq!(
        found,
        [
            ("bindings/adbc/src/boundary/incoming.rs", 8),
            ("bindings/adbc/src/boundary/mod.rs", 3),
            ("bindings/adbc/src/boundary/outgoing.rs", 15),
        ]
    );
}
