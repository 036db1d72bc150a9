//! `psql`: encryption, log-ins, errors with their place, cancel.

use std::os::unix::fs::PermissionsExt;
use std::path::Path;
use std::process::{Command, Stdio};
use std::time::{Duration, Instant};

use crate::support::served::{Served, err, folder, out};

/// A certificate for 127.0.0.1 that is valid between two days.
pub(super) fn certificate(folder: &Path, from: (i32, u8, u8), to: (i32, u8, u8)) {
    let mut wanted = rcgen::CertificateParams::new(vec!["127.0.0.1".to_owned()]).unwrap();
    wanted.not_before = rcgen::date_time_ymd(from.0, from.1, from.2);
    wanted.not_after = rcgen::date_time_ymd(to.0, to.1, to.2);
    let key = rcgen::KeyPair::generate().unwrap();
    let certificate = wanted.self_signed(&key).unwrap();
    std::fs::write(folder.join("server.crt"), certificate.pem()).unwrap();
    let file = folder.join("server.key");
    std::fs::write(&file, key.serialize_pem()).unwrap();
    std::fs::set_permissions(&file, std::fs::Permissions::from_mode(0o600)).unwrap();
}

pub(super) fn encrypted() -> Served {
    let folder = folder();
    certificate(folder.path(), (2020, 1, 1), (2120, 1, 1));
    let file = |name: &str| folder.path().join(name).display().to_string();
    let (cert, key) = (file("server.crt"), file("server.key"));
    let lake = crate::support::rows::shipped("retail");
    Served::start(folder, &lake, &["--tls-cert", &cert, "--tls-key", &key])
}

#[test]
fn encryption_is_verified_and_log_ins_are_bound_to_it() {
    let served = encrypted();
    let root = served.folder.path().join("server.crt").display().to_string();
    let full = format!("sslmode=verify-full sslrootcert={root} channel_binding=require");
    let asked = served.psql(&full, &["-Atc", "SELECT count(*) FROM customers", "-c", "\\conninfo"]);
    assert!(out(&asked).starts_with("2469\n"), "{}{}", out(&asked), err(&asked));
    assert!(out(&asked).contains("SSL connection (protocol: TLSv1.3"), "{}", out(&asked));
    // without encryption nobody is let in
    let plain = served.psql("sslmode=disable", &["-c", "SELECT 1"]);
    assert!(!plain.status.success());
    assert!(err(&plain).contains("the connection is not encrypted"), "{}", err(&plain));
    // another certificate is another server
    let other = tempfile::tempdir().unwrap();
    certificate(other.path(), (2020, 1, 1), (2120, 1, 1));
    let root = other.path().join("server.crt").display().to_string();
    let wrong =
        served.psql(&format!("sslmode=verify-full sslrootcert={root}"), &["-c", "SELECT 1"]);
    assert!(err(&wrong).contains("certificate verify failed"), "{}", err(&wrong));
}

#[test]
fn a_wrong_password_and_a_wrong_name_look_the_same() {
    let served = Served::retail(&[]);
    let try_as = |user: &str, password: &str| {
        let mut psql = served.psql_command(&format!("user={user}"));
        let failed = psql.args(["-c", "SELECT 1"]).env("PGPASSWORD", password).output().unwrap();
        assert!(!failed.status.success());
        err(&failed).replace(user, "NAME")
    };
    let wrong = try_as("ana", "guess");
    assert!(wrong.contains("password authentication failed for user \"NAME\""), "{wrong}");
    assert_eq!(wrong, try_as("bob", "guess"));
    let database = served.psql("dbname=shop", &["-c", "SELECT 1"]);
    assert!(err(&database).contains("there is no database \"shop\""), "{}", err(&database));
    let log = served.log();
    assert!(log.iter().any(|e| e["event"] == "refused" && e["sqlstate"] == "28P01"), "{log:?}");
}

#[test]
fn errors_have_their_place_their_code_and_what_to_do() {
    let served = Served::retail(&[]);
    let failed = served
        .psql("", &["-v", "VERBOSITY=verbose", "-c", "SELECT 1;\n SELECT custmer_id FROM orders"]);
    let text = err(&failed);
    assert!(text.contains("ERROR:  42703: there is no column custmer_id"), "{text}");
    assert!(text.contains("HINT:  did you mean customer_id?"), "{text}");
    assert!(text.contains("LINE 2:  SELECT custmer_id FROM orders\n                ^"), "{text}");
    // the first statement was answered, the session goes on
    assert!(out(&failed).contains("(1 row)"));
    let script = "SELECT nothing;\n\\echo still :LAST_ERROR_SQLSTATE\nSELECT 2 AS two;";
    let mut psql = served.psql_command("");
    let mut child = psql
        .args(["-At", "-v", "ON_ERROR_STOP=0", "-f", "-"])
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .unwrap();
    std::io::Write::write_all(&mut child.stdin.take().unwrap(), script.as_bytes()).unwrap();
    assert_eq!(out(&child.wait_with_output().unwrap()), "still 42703\n2\n");
}

#[test]
fn ctrl_c_cancels_and_the_server_lets_go() {
    let served = Served::retail(&[]);
    let long = "SELECT count(*) FROM raw.orders a, raw.orders b, raw.orders c WHERE a.sales + b.sales + c.sales < 0";
    let mut psql = served.psql_command("");
    let child = psql.args(["-c", long]).stderr(Stdio::piped()).spawn().unwrap();
    std::thread::sleep(Duration::from_millis(1500));
    let begun = Instant::now();
    let pid = child.id().to_string();
    assert!(Command::new("kill").args(["-INT", &pid]).status().unwrap().success());
    let cancelled = child.wait_with_output().unwrap();
    assert!(begun.elapsed() < Duration::from_secs(2), "{:?}", begun.elapsed());
    assert!(err(&cancelled).contains("cancelled by its user"), "{}", err(&cancelled));
    // a client that is killed leaves nothing running
    let mut psql = served.psql_command("");
    let mut child = psql.args(["-c", long]).stderr(Stdio::null()).spawn().unwrap();
    std::thread::sleep(Duration::from_millis(1500));
    child.kill().unwrap();
    child.wait().unwrap();
    let begun = Instant::now();
    let ended =
        || served.log().iter().any(|e| e["event"] == "statement" && e["sqlstate"] == "08006");
    while !ended() {
        assert!(begun.elapsed() < Duration::from_secs(3), "the statement goes on");
        std::thread::sleep(Duration::from_millis(50));
    }
}

#[test]
fn backslash_commands_show_the_lake() {
    let served = Served::retail(&[]);
    let shown = |command: &str| {
        let output = served.psql("", &["-At", "-c", command]);
        assert!(output.status.success() && err(&output).is_empty(), "{command}: {}", err(&output));
        out(&output)
    };
    // without a schema what bare names mean, with one all of it
    let tables = shown("\\dt");
    assert!(tables.contains("main|campaigns|table|") && !tables.contains("raw|"), "{tables}");
    assert!(shown("\\dt raw.*").contains("raw|orders|table|"), "{}", shown("\\dt raw.*"));
    assert!(!shown("\\d orders").contains("sales"), "{}", shown("\\d orders"));
    assert!(shown("\\dv").contains("main|profiles|view|"), "{}", shown("\\dv"));
    assert!(shown("\\d orders").contains("customer_id|bigint|"), "{}", shown("\\d orders"));
    assert!(shown("\\d summaries").contains("summary|json|"), "{}", shown("\\d summaries"));
    assert!(shown("\\df stage_of").contains("stage_of|text|"), "{}", shown("\\df stage_of"));
    assert!(shown("\\l").contains("retail|"), "{}", shown("\\l"));
    assert!(shown("\\dn").contains("main|"), "{}", shown("\\dn"));
    assert!(!served.log().iter().any(|e| e["event"] == "catalog_not_understood"));
}
