//! Fifteen secrets, planted wherever secrets are given to Tenure, and looked for in everything that
//! it says and leaves behind.

use std::fmt::Write as _;
use std::os::unix::fs::PermissionsExt;
use std::path::Path;
use std::process::{Command, Output, Stdio};

use tempfile::TempDir;

use super::psql::certificate;
use crate::support::program::Shop;
use crate::support::rows::shipped;
use crate::support::seaweed::{BUCKET, READ_KEY, READ_SECRET, seaweed};
use crate::support::served::{PASSWORD, Served, folder, program};
use crate::support::trap::Trap;

const SESSION_TOKEN: &str = "canary-session-token";
const PROFILE_SECRET: &str = "canary-profile-secret";
const WEB_IDENTITY: &str = "canary-web-identity";
const CONTAINER_TOKEN: &str = "canary-container-token";
const SIGNATURE: &str = "canary-signature";
const URL_PASSWORD: &str = "canary-url-password";
const SAS: &str = "canary-sas";
/// the account's key, in base64 as Azure gives it
const ACCOUNT_KEY: &str = "Y2FuYXJ5LWFjY291bnQta2V5";
const SERVICE_KEY: &str = "canary-service-account-key";
const OPTION: &str = "canary-in-an-option";
const OWN: &str = "canary-of-the-user";

/// Everything that was said or left.
#[derive(Default)]
struct Heard(String);

impl Heard {
    /// What the program said, and that it ended as it should.
    fn of(&mut self, output: &Output, succeeds: bool) {
        let text = |bytes| String::from_utf8_lossy(bytes).into_owned();
        let said = format!("{}{}", text(&output.stdout), text(&output.stderr));
        assert_eq!(output.status.success(), succeeds, "{said}");
        assert!(!said.contains("panicked"), "{said}");
        self.0.push_str(&said);
    }

    /// Every file under a folder, but those that were given their secrets by the test.
    fn folder(&mut self, folder: &Path, but: &[&str]) {
        for entry in std::fs::read_dir(folder).unwrap() {
            let path = entry.unwrap().path();
            let name = path.file_name().unwrap().to_string_lossy().into_owned();
            if path.is_dir() {
                self.folder(&path, but);
            } else if !but.contains(&name.as_str()) {
                let _ = writeln!(self.0, "{name}");
                self.0.push_str(&String::from_utf8_lossy(&std::fs::read(&path).unwrap()));
            }
        }
    }

    fn knows_none_of(&self, secrets: &[&str]) {
        for secret in secrets {
            if let Some(at) = self.0.find(secret) {
                let from = self.0.floor_char_boundary(at.saturating_sub(300));
                let to = self.0.floor_char_boundary(at + 300);
                panic!("{secret}: {}", &self.0[from..to]);
            }
        }
    }
}

/// The program as talkative as it can be, with a secret in its environment that is none of its own.
fn talkative(mut command: Command) -> Command {
    for (name, _) in std::env::vars().filter(|(name, _)| name.starts_with("AWS_")) {
        command.env_remove(name);
    }
    command
        .env("RUST_LOG", "trace")
        .env("RUST_BACKTRACE", "full")
        .env("TOKEN_OF_MINE", OWN)
        .env("NO_PROXY", "*")
        .stdin(Stdio::null());
    command
}

/// What shows most of a session and of its plans.
const TELLING: [&str; 8] = [
    "SHOW ALL",
    "SELECT * FROM tenure.settings",
    "SELECT * FROM information_schema.df_settings",
    "EXPLAIN VERBOSE SELECT * FROM raw.orders",
    "EXPLAIN ANALYZE SELECT count(*) FROM raw.orders WHERE id > 5",
    "\\d raw.orders",
    "COPY (SELECT * FROM raw.orders) TO 'copied.parquet'",
    "\\set",
];

#[tokio::test]
async fn a_store_keeps_its_secrets() {
    let server = seaweed();
    crate::lake::s3::months(server, "secrets").await;
    let (lake, endpoint, filer) =
        (format!("s3://{BUCKET}/secrets"), server.endpoint(), server.filer);
    tokio::task::spawn_blocking(move || store(&lake, &endpoint, filer)).await.unwrap();
}

fn store(lake: &str, endpoint: &str, filer: u16) {
    let shop = Shop::new();
    let folder = shop.folder.path();
    let trap = Trap::start();
    let mut heard = Heard::default();
    let mut ask = |variables: &[(&str, &str)], arguments: &[&str], succeeds: bool| {
        let mut program = talkative(shop.command());
        program.env("AWS_REGION", "us-east-1").envs(variables.iter().copied()).args(arguments);
        heard.of(&program.output().unwrap(), succeeds);
    };
    let count = ["-c", "SELECT count(*) FROM raw.orders", lake];

    // keys that are right, and every format
    let keys = [
        ("AWS_ENDPOINT_URL", endpoint),
        ("AWS_ACCESS_KEY_ID", READ_KEY),
        ("AWS_SECRET_ACCESS_KEY", READ_SECRET),
    ];
    let mut telling: Vec<&str> = TELLING.iter().flat_map(|sql| ["-c", sql]).collect();
    telling.push(lake);
    ask(&keys, &telling, true);
    for format in ["json", "csv", "markdown"] {
        let failing = ["--format", format, "-c", "SELECT nosuch FROM raw.orders", lake];
        ask(&keys, &failing, false);
    }
    // keys that are not, at a server that says again what it was sent
    let hostile = trap.url();
    let wrong = [
        ("AWS_ENDPOINT_URL", hostile.as_str()),
        ("AWS_ACCESS_KEY_ID", READ_KEY),
        ("AWS_SECRET_ACCESS_KEY", READ_SECRET),
        ("AWS_SESSION_TOKEN", SESSION_TOKEN),
    ];
    ask(&wrong, &count, false);
    let profile = folder.join("credentials");
    let text = format!(
        "[default]\naws_access_key_id = {READ_KEY}\naws_secret_access_key = {PROFILE_SECRET}\n"
    );
    std::fs::write(&profile, text).unwrap();
    let profile = profile.to_str().unwrap();
    for endpoint in [endpoint, &hostile] {
        let variables = [("AWS_ENDPOINT_URL", endpoint), ("AWS_SHARED_CREDENTIALS_FILE", profile)];
        ask(&variables, &count, false);
    }
    // keys that others are asked for: with a token of a file
    let token = folder.join("token");
    std::fs::write(&token, WEB_IDENTITY).unwrap();
    let token = token.to_str().unwrap();
    let identity = [
        ("AWS_WEB_IDENTITY_TOKEN_FILE", token),
        ("AWS_ROLE_ARN", "arn:aws:iam::123456789012:role/x"),
        ("AWS_ENDPOINT_URL_STS", "https://127.0.0.1:1"),
    ];
    ask(&identity, &count, false);
    let container = folder.join("container");
    std::fs::write(&container, CONTAINER_TOKEN).unwrap();
    let container = [
        ("AWS_CONTAINER_CREDENTIALS_FULL_URI", hostile.as_str()),
        ("AWS_CONTAINER_AUTHORIZATION_TOKEN_FILE", container.to_str().unwrap()),
        ("AWS_ALLOW_HTTP", "true"),
    ];
    ask(&container, &count, false);

    // web addresses, one that is there and others
    let there = format!(
        "http://127.0.0.1:{filer}/buckets/{BUCKET}/secrets/orders/month=3/part.parquet?X-Amz-Signature={SIGNATURE}"
    );
    let with_password = format!("http://me:{URL_PASSWORD}@127.0.0.1:{}/x.parquet", trap.port);
    for (place, succeeds) in [
        (there.as_str(), true),
        (&there.replace("part.parquet", "nosuch.parquet"), false),
        (&with_password, false),
        (&format!("{hostile}/x.parquet?X-Amz-Signature={SIGNATURE}"), false),
    ] {
        ask(&[], &["-c", &format!("SELECT count(*) FROM '{place}'")], succeeds);
        ask(&[], &["-c", &format!("EXPLAIN VERBOSE SELECT * FROM '{place}'")], succeeds);
        ask(
            &[],
            &["-c", &format!("EXPLAIN ANALYZE SELECT * FROM '{place}' WHERE id > 5")],
            succeeds,
        );
        ask(&[], &["-c", &format!("DESCRIBE '{place}'")], succeeds);
        ask(&[], &["-c", &format!("COPY '{place}' TO 'there.parquet'")], succeeds);
        ask(&[], &["-c", &format!("COPY (SELECT * FROM \"{place}\") TO 'also.csv'")], succeeds);
        ask(&[], &["-c", &format!("SELECT nosuch FROM '{place}'")], false);
        ask(&[], &["-c", &format!("SELECT FROM '{place}' WHERE")], false);
        let external = "CREATE EXTERNAL TABLE t STORED AS PARQUET LOCATION";
        ask(&[], &["-c", &format!("{external} '{place}'")], false);
        let view = format!("CREATE VIEW v AS SELECT * FROM '{place}'");
        let read = ["-c", "SELECT count(*) FROM v", "-c", "EXPLAIN VERBOSE SELECT * FROM v"];
        let told = ["-c", "SELECT * FROM information_schema.views", "-c", "\\d v"];
        ask(&[], &[["-c", &view].as_slice(), &read, &told].concat(), succeeds);
    }

    // the other clouds
    for (name, secret) in [
        ("AZURE_STORAGE_SAS_KEY", format!("sv=1&sig={SAS}")),
        ("AZURE_STORAGE_ACCOUNT_KEY", ACCOUNT_KEY.into()),
    ] {
        let azure = [
            ("AZURE_STORAGE_ACCOUNT_NAME", "account"),
            (name, secret.as_str()),
            ("AZURE_ENDPOINT", hostile.as_str()),
            ("AZURE_ALLOW_HTTP", "true"),
        ];
        ask(&azure, &["-c", "SELECT count(*) FROM raw.orders", "az://container/secrets"], false);
    }
    let service = format!(
        r#"{{"private_key": "{SERVICE_KEY}", "private_key_id": "{SERVICE_KEY}", "client_email": "a@b", "gcs_base_url": "{hostile}", "disable_oauth": false}}"#
    );
    for service in [service.as_str(), SERVICE_KEY] {
        let google = [("GOOGLE_SERVICE_ACCOUNT_KEY", service)];
        ask(&google, &["-c", "SELECT count(*) FROM raw.orders", "gs://bucket/secrets"], false);
    }

    // what a statement itself holds
    for statement in [
        format!(
            "CREATE EXTERNAL TABLE t STORED AS PARQUET LOCATION 's3://{BUCKET}/x/' OPTIONS ('aws.secret_access_key' '{OPTION}')"
        ),
        format!("SET aws.secret_access_key = '{OPTION}'"),
        format!("CREATE USER x PASSWORD '{OPTION}'"),
        format!("ALTER ROLE x PASSWORD '{OPTION}'"),
        format!("CALL log_in('{OPTION}')"),
        format!(
            "COPY (SELECT 1) TO 's3://{BUCKET}/x.parquet' OPTIONS ('aws.secret_access_key' '{OPTION}')"
        ),
    ] {
        ask(&keys, &["-c", &statement], false);
    }
    heard.folder(folder, &["credentials", "token", "container"]);
    assert!(heard.0.contains("copied.parquet"));
    // they were sent where they had to be
    let sent = trap.calls().concat();
    for secret in [SESSION_TOKEN, CONTAINER_TOKEN, SIGNATURE, SAS] {
        assert!(sent.contains(secret), "{secret}");
    }
    heard.knows_none_of(&[
        READ_SECRET,
        SESSION_TOKEN,
        PROFILE_SECRET,
        WEB_IDENTITY,
        CONTAINER_TOKEN,
        SIGNATURE,
        URL_PASSWORD,
        // the same as it is sent
        "bWU6Y2FuYXJ5LXVybC1wYXNzd29yZA",
        SAS,
        ACCOUNT_KEY,
        SERVICE_KEY,
        OPTION,
        OWN,
        "canary",
    ]);
}

#[test]
fn the_server_keeps_its_secrets() {
    let folder = folder();
    certificate(folder.path(), (2020, 1, 1), (2120, 1, 1));
    let key = std::fs::read_to_string(folder.path().join("server.key")).unwrap();
    let verifier = std::fs::read_to_string(folder.path().join("users")).unwrap();
    let verifier = verifier.trim().rsplit(':').next().unwrap().to_owned();
    // the lines that are the key itself
    let key: Vec<&str> = key.lines().filter(|line| !line.starts_with("--")).collect();
    let mut heard = Heard::default();
    refused_starts(&folder, &mut heard);

    let file = |name: &str| folder.path().join(name).display().to_string();
    let (cert, file) = (file("server.crt"), file("server.key"));
    let served = Served::start_by(
        talkative(program()),
        folder,
        &shipped("retail"),
        &["--tls-cert", &cert, "--tls-key", &file],
    );
    let mut asked = vec![
        format!("SELECT '{OPTION}' AS x FROM nosuch"),
        format!("SET aws.secret_access_key = '{OPTION}'"),
        format!(
            "CREATE EXTERNAL TABLE t STORED AS PARQUET LOCATION 's3://b/x/' OPTIONS ('aws.secret_access_key' '{OPTION}')"
        ),
        format!("CREATE USER x PASSWORD '{OPTION}'"),
        format!("ALTER ROLE ana PASSWORD '{OPTION}'"),
        format!("SELECT '{OPTION}' AS "),
        format!("SELECT '{OPTION}"),
        "SELECT rolname, rolpassword FROM pg_roles".to_owned(),
        "SELECT * FROM pg_stat_activity".to_owned(),
        "SELECT * FROM pg_hba_file_rules".to_owned(),
        "SELECT * FROM pg_user".to_owned(),
        "SELECT * FROM pg_shadow".to_owned(),
        "SELECT * FROM pg_settings".to_owned(),
    ];
    asked.extend(TELLING.iter().filter(|s| !s.starts_with('\\')).map(|s| (*s).to_owned()));
    for sql in asked {
        let answer = served.psql("sslmode=require", &["-x", "-c", &sql]);
        // what the client said itself is not looked at again, but its place in the answer is
        let said = String::from_utf8_lossy(&answer.stderr).into_owned();
        let said: Vec<&str> = said.lines().filter(|line| !line.starts_with("LINE ")).collect();
        heard.0.push_str(&said.join("\n"));
        heard.0.push_str(&String::from_utf8_lossy(&answer.stdout));
    }
    let mut wrong = served.psql_command("sslmode=require");
    heard.of(
        &wrong.env("PGPASSWORD", SESSION_TOKEN).args(["-c", "SELECT 1"]).output().unwrap(),
        false,
    );
    assert!(heard.0.contains("retail"));
    heard.folder(served.folder.path(), &["users", "server.key", "broken.key", "script.sql"]);
    let mut secrets = vec![PASSWORD, SESSION_TOKEN, OPTION, OWN, SERVICE_KEY, &verifier, "canary"];
    secrets.extend(&key);
    heard.knows_none_of(&secrets);
}

/// Starts that end at once, about files that hold secrets.
fn refused_starts(folder: &TempDir, heard: &mut Heard) {
    let path = |name: &str| folder.path().join(name);
    let broken = path("broken.key");
    std::fs::write(
        &broken,
        format!("-----BEGIN PRIVATE KEY-----\n{SERVICE_KEY}\n-----END PRIVATE KEY-----\n"),
    )
    .unwrap();
    std::fs::set_permissions(&broken, std::fs::Permissions::from_mode(0o600)).unwrap();
    let serve = |users: &Path, key: &Path| {
        talkative(program())
            .args(["serve", &shipped("retail"), "--port", "0", "--users"])
            .arg(users)
            .arg("--tls-cert")
            .arg(path("server.crt"))
            .arg("--tls-key")
            .arg(key)
            .output()
            .unwrap()
    };
    heard.of(&serve(&path("users"), &broken), false);
    // a file of users whose line is no verifier
    let users = path("users-broken");
    std::fs::write(&users, format!("ana:{PASSWORD}\n")).unwrap();
    std::fs::set_permissions(&users, std::fs::Permissions::from_mode(0o600)).unwrap();
    heard.of(&serve(&users, &path("server.key")), false);
    std::fs::remove_file(users).unwrap();
}
