//! Drivers: psycopg, psycopg2, SQLAlchemy with pandas, asyncpg, node-postgres.

use std::path::Path;
use std::process::Command;

use crate::support::served::{PASSWORD, Served, USER, err, out};

#[test]
fn psycopg_reads_every_type_in_text_and_in_binary() {
    let served = Served::retail(&[]);
    served.python("values.py", &[]);
}

#[test]
fn psycopg_prepares_has_cursors_copies_and_cancels() {
    let served = Served::retail(&[]);
    served.python("statements.py", &[]);
}

#[test]
fn transactions_and_settings_behave() {
    let served = Served::retail(&[]);
    served.python("transactions.py", &[]);
}

#[test]
fn sqlalchemy_looks_around_and_pandas_reads() {
    let served = Served::retail(&[]);
    served.python("pandas_sqlalchemy.py", &[]);
}

#[test]
fn asyncpg_sends_what_it_is_told_and_reads_lists() {
    let served = Served::retail(&[]);
    served.python("asynchronous.py", &[]);
}

#[test]
fn clients_that_have_logged_in_and_send_garbage_do_no_harm() {
    let served = Served::retail(&[]);
    served.python("garbage.py", &[]);
    assert!(!served.log().iter().any(|e| e["event"] == "panic"));
}

/// node-postgres under `target/`, as the lock file has it.
fn node_modules() -> String {
    let here = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/wire");
    let folder = Path::new(env!("CARGO_TARGET_TMPDIR")).join("wire-node");
    let lock = std::fs::read_to_string(here.join("package-lock.json")).unwrap();
    let ready = folder.join("installed.json");
    if std::fs::read_to_string(&ready).ok().as_deref() != Some(&lock) {
        std::fs::create_dir_all(&folder).unwrap();
        for name in ["package.json", "package-lock.json"] {
            std::fs::copy(here.join(name), folder.join(name)).unwrap();
        }
        let installed = Command::new("npm")
            .args(["ci", "--no-audit", "--no-fund", "--ignore-scripts"])
            .current_dir(&folder)
            .output()
            .expect("this test needs node 20 with npm");
        assert!(installed.status.success(), "npm ci: {}", err(&installed));
        std::fs::write(ready, lock).unwrap();
    }
    folder.display().to_string()
}

#[test]
fn node_postgres_reads_prepares_and_pools() {
    let served = Served::retail(&[]);
    let ran = Command::new("node")
        .arg(crate::support::served::clients().join("node.js"))
        .arg(served.port.to_string())
        .arg(node_modules())
        .env("PGUSER", USER)
        .env("PGPASSWORD", PASSWORD)
        .output()
        .expect("this test needs node 20 with npm");
    assert!(ran.status.success(), "{}{}", out(&ran), err(&ran));
}
