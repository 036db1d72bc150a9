//! The program on a real S3 server: credentials from the environment and from a profile.

use std::process::{Command, Output};

use super::s3::months;
use crate::support::seaweed::{BUCKET, READ_KEY, READ_SECRET, seaweed};

/// Counts the orders of `prefix` with nothing but these variables for credentials.
async fn count(prefix: &str, variables: &[(&str, &str)]) -> Output {
    let server = seaweed();
    months(server, prefix).await;
    let mut program = Command::new(env!("CARGO_BIN_EXE_tenure"));
    let names = std::env::vars().map(|(name, _)| name).filter(|name| name.starts_with("AWS_"));
    for name in names {
        program.env_remove(name);
    }
    program
        .args(["--format", "csv", "-c", "SELECT count(*) AS n, sum(id) AS ids FROM raw.orders"])
        .arg(format!("s3://{BUCKET}/{prefix}"))
        .env("AWS_ENDPOINT_URL", server.endpoint())
        .env("AWS_REGION", "us-east-1")
        .envs(variables.iter().copied())
        .env("RUST_LOG", "trace");
    tokio::task::spawn_blocking(move || program.output().unwrap()).await.unwrap()
}

fn text(output: &Output) -> String {
    let text = |bytes| String::from_utf8_lossy(bytes).into_owned();
    format!("{}{}", text(&output.stdout), text(&output.stderr))
}

#[tokio::test]
async fn a_profile_gives_the_keys() {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("credentials");
    let profile =
        format!("[shop]\naws_access_key_id = {READ_KEY}\naws_secret_access_key = {READ_SECRET}\n");
    std::fs::write(&file, profile).unwrap();
    let file = file.to_str().unwrap();
    let output =
        count("profile", &[("AWS_SHARED_CREDENTIALS_FILE", file), ("AWS_PROFILE", "shop")]).await;
    assert!(output.status.success(), "{}", text(&output));
    assert_eq!(String::from_utf8_lossy(&output.stdout), "n,ids\n600,2129700\n");
}

#[tokio::test]
async fn a_wrong_secret_ends_with_3_and_shows_no_secret() {
    let secret = "wrong-secret-that-must-not-be-shown";
    let output =
        count("wrong", &[("AWS_ACCESS_KEY_ID", READ_KEY), ("AWS_SECRET_ACCESS_KEY", secret)]).await;
    let text = text(&output);
    assert_eq!(output.status.code(), Some(3), "{text}");
    assert!(text.contains("refused access to") && !text.contains("panicked"), "{text}");
    for hidden in [secret, READ_KEY, "Signature=", "<Error"] {
        assert!(!text.contains(hidden), "{hidden} in {text}");
    }
}
