//! The package as its users have it: put together from the sources and the library that cargo built,
//! and loaded by Python.

#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::print_stderr,
    reason = "a test fails by panicking and may say what it did"
)]

#[path = "../../pytest.rs"]
mod pytest;

use std::fs;
use std::path::{Path, PathBuf};
use std::sync::OnceLock;

/// A folder like `site-packages` with the package in it.
fn site() -> &'static Path {
    static SITE: OnceLock<PathBuf> = OnceLock::new();
    SITE.get_or_init(|| {
        let site = Path::new(env!("CARGO_TARGET_TMPDIR")).join("python-site");
        let package = site.join("tenure");
        let _ = fs::remove_dir_all(&site);
        fs::create_dir_all(&package).expect("a folder");
        let sources = pytest::root().join("bindings/python/python/tenure");
        for entry in fs::read_dir(sources).expect("the sources") {
            let path = entry.expect("an entry").path();
            if path.is_file() {
                fs::copy(&path, package.join(path.file_name().expect("a name"))).expect("a copy");
            }
        }
        fs::copy(pytest::library("_tenure"), package.join("_tenure.abi3.so")).expect("a copy");
        // what an installer writes: other packages find the SQLAlchemy dialect by it
        let info = site.join("tenure-0.1.0.dist-info");
        fs::create_dir_all(&info).expect("a folder");
        fs::write(info.join("METADATA"), "Metadata-Version: 2.1\nName: tenure\nVersion: 0.1.0\n")
            .expect("a file");
        let points = "[sqlalchemy.dialects]\ntenure = tenure.sqlalchemy:TenureDialect\n";
        let project = pytest::root().join("bindings/python/pyproject.toml");
        let project = fs::read_to_string(project).expect("pyproject.toml");
        assert!(project.contains("tenure = \"tenure.sqlalchemy:TenureDialect\""));
        fs::write(info.join("entry_points.txt"), points).expect("a file");
        site
    })
}

#[test]
fn package() {
    let tests = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/py");
    let python = pytest::program("python");
    pytest::succeeds(pytest::pytest(&python, &tests).env("PYTHONPATH", site()));
}

/// Superset brings SQLAlchemy 1.4.
#[test]
fn the_dialect_with_sqlalchemy_1_4() {
    let requirements = "bindings/python/requirements-sqlalchemy14.txt";
    let python = pytest::program_of("python-venv-sqlalchemy14", requirements, "python");
    let tests = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/py/test_sqlalchemy.py");
    pytest::succeeds(pytest::pytest(&python, &tests).env("PYTHONPATH", site()));
}

#[test]
fn examples() {
    let examples = pytest::root().join("examples/python");
    let mut count = 0;
    for entry in fs::read_dir(examples).expect("the examples") {
        let path = entry.expect("an entry").path();
        if path.extension().is_some_and(|e| e == "py") {
            let mut python = std::process::Command::new(pytest::program("python"));
            pytest::succeeds(
                python.arg(&path).current_dir(pytest::root()).env("PYTHONPATH", site()),
            );
            count += 1;
        }
    }
    assert!(count > 0, "no example ran");
}

#[test]
fn types() {
    let mut mypy = std::process::Command::new(pytest::program("mypy"));
    let cache = Path::new(env!("CARGO_TARGET_TMPDIR")).join("mypy-cache");
    pytest::succeeds(
        mypy.arg("--cache-dir")
            .arg(cache)
            .args(["--python-version", "3.10", "--ignore-missing-imports"])
            .arg(pytest::root().join("bindings/python/python/tenure")),
    );
}
