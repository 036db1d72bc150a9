//! `tenure user`, and what `tenure serve` refuses to start with.

use std::process::Stdio;

use super::psql::certificate;
use crate::support::served::{Served, err, folder, out, program};

fn serve(folder: &std::path::Path, arguments: &[&str]) -> (Option<i32>, String) {
    let output = program()
        .args(["serve", &crate::support::rows::shipped("cdnow"), "--port", "0", "--users"])
        .arg(folder.join("users"))
        .args(arguments)
        .stdin(Stdio::null())
        .output()
        .unwrap();
    (output.status.code(), err(&output))
}

#[test]
fn users_are_listed_and_removed_and_their_passwords_are_long() {
    let folder = folder();
    let users = folder.path().join("users").display().to_string();
    let run = |arguments: &[&str]| {
        let output = program()
            .arg("user")
            .args(arguments)
            .args(["--users", &users])
            .stdin(Stdio::null())
            .output()
            .unwrap();
        (output.status.code(), out(&output), err(&output))
    };
    let (code, names, _) = run(&["list", "--format", "csv"]);
    assert_eq!((code, names.as_str()), (Some(0), "user\nana\n"));
    let (code, _, said) = run(&["add", "bob"]);
    assert_eq!(code, Some(2));
    assert!(said.contains("shorter than 8 characters"), "{said}");
    let (code, _, said) = run(&["remove", "bob"]);
    assert_eq!(code, Some(2));
    assert!(said.contains("there is no user \"bob\""), "{said}");
    assert_eq!(run(&["remove", "ana"]).0, Some(0));
    let (code, said) = serve(folder.path(), &[]);
    assert_eq!(code, Some(2));
    assert!(said.contains("names no user") && said.contains("tenure user add"), "{said}");
}

#[test]
fn nothing_is_served_unencrypted_by_mistake() {
    let folder = folder();
    let path = folder.path();
    let (code, said) = serve(path, &["--host", "0.0.0.0"]);
    assert_eq!(code, Some(2));
    assert!(said.contains("can be reached by others, and there is no certificate"), "{said}");
    let file = |name: &str| path.join(name).display().to_string();
    let (cert, key) = (file("server.crt"), file("server.key"));
    let tls = ["--tls-cert", cert.as_str(), "--tls-key", key.as_str()];
    let refused = |because: &str| {
        let (code, said) = serve(path, &tls);
        assert_eq!(code, Some(2), "{said}");
        assert!(said.contains(because), "{said}");
    };
    refused("cannot read");
    certificate(path, (2020, 1, 1), (2021, 1, 1));
    refused("the certificate expired on 2021-01-01");
    certificate(path, (2120, 1, 1), (2121, 1, 1));
    refused("the certificate is valid from 2120-01-01");
    // a key that is not the certificate's
    certificate(path, (2020, 1, 1), (2120, 1, 1));
    let first = std::fs::read(&key).unwrap();
    certificate(path, (2020, 1, 1), (2120, 1, 1));
    std::fs::write(&key, first).unwrap();
    refused("does not fit the certificate");
    std::fs::write(&key, "no key").unwrap();
    refused("is no private key in PEM");
    use std::os::unix::fs::PermissionsExt;
    std::fs::set_permissions(&key, std::fs::Permissions::from_mode(0o644)).unwrap();
    refused("can be read by others");
}

#[test]
fn users_come_and_go_without_a_restart() {
    let served = Served::retail(&[]);
    let users = served.folder.path().join("users").display().to_string();
    assert!(served.psql("", &["-c", "SELECT 1"]).status.success());
    let removed = program().args(["user", "remove", "ana", "--users", &users]).output().unwrap();
    assert!(removed.status.success());
    assert!(!served.psql("", &["-c", "SELECT 1"]).status.success());
}
