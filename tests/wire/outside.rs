//! What lies outside the lake: files that are not its own, and hosts that a statement names.

use super::policy::codes;
use crate::support::rows::shipped;
use crate::support::served::{Served, folder, program};
use crate::support::trap::Trap;

/// Where a statement may name a place; each is refused before anyone looks whether it is there.
const STATEMENTS: [&str; 12] = [
    "SELECT * FROM 'PLACE'",
    "SELECT * FROM \"PLACE\"",
    "SELECT (SELECT count(*) FROM 'PLACE')",
    "WITH x AS (SELECT * FROM 'PLACE') SELECT 1 FROM customers",
    "SELECT * FROM sessionize(TABLE 'PLACE')",
    "EXPLAIN ANALYZE SELECT * FROM 'PLACE'",
    "DESCRIBE 'PLACE'",
    "COPY (SELECT * FROM 'PLACE') TO STDOUT",
    "COPY raw.orders TO 'PLACE'",
    "INSERT INTO 'PLACE' SELECT * FROM raw.orders",
    "DECLARE c CURSOR WITH HOLD FOR SELECT * FROM 'PLACE'",
    "CREATE EXTERNAL TABLE t STORED AS PARQUET LOCATION 'PLACE' OPTIONS ('aws.region' 'x')",
];

fn refused(served: &Served, places: &[String]) {
    let statements: Vec<String> = places
        .iter()
        .flat_map(|place| {
            let place = place.replace('\'', "''");
            STATEMENTS.map(|sql| sql.replace("PLACE", &place))
        })
        .collect();
    let statements: Vec<&str> = statements.iter().map(String::as_str).collect();
    for (sql, code) in codes(served, &statements) {
        assert_eq!(code, "42501", "{sql}");
    }
}

/// Every place that a URL may name at a port of this machine, and some of other machines.
fn urls(port: u16) -> Vec<String> {
    let hosts = [
        "127.0.0.1",
        "localhost",
        "LOCALHOST",
        "[::1]",
        "[::ffff:127.0.0.1]",
        "0.0.0.0",
        "127.1",
        "127.0.1.1",
        "2130706433",
        "0x7f000001",
        "0177.0.0.1",
        "me:hush@127.0.0.1",
        "127.0.0.1.",
    ];
    let mut urls: Vec<String> =
        hosts.iter().map(|host| format!("http://{host}:{port}/x.parquet")).collect();
    urls.extend(
        [
            "HTTP://127.0.0.1/x.parquet",
            "http:/127.0.0.1/x.parquet",
            "//127.0.0.1/x.parquet",
            "https://127.0.0.1/x.parquet",
            "http://169.254.169.254/latest/meta-data/iam/x.parquet",
            "http://metadata.google.internal/computeMetadata/v1/x.parquet",
            "http://[fd00:ec2::254]/x.parquet",
            "https://example.com/x.parquet",
            "ftp://127.0.0.1/x.parquet",
            "s3://lake/x.parquet",
            "s3a://lake/*.parquet",
            "gs://lake/x.parquet",
            "az://lake/x.parquet",
            "abfss://lake@account.dfs.core.windows.net/x.parquet",
            "hdfs://127.0.0.1/x.parquet",
        ]
        .map(str::to_owned),
    );
    urls
}

#[test]
fn no_statement_makes_the_server_call_a_host() {
    let trap = Trap::start();
    // whatever is called goes through the trap, or to it
    let entrapped = || {
        let mut program = program();
        for name in ["HTTP_PROXY", "http_proxy", "HTTPS_PROXY", "https_proxy", "ALL_PROXY"] {
            program.env(name, trap.url());
        }
        for name in ["NO_PROXY", "no_proxy", "AWS_ENDPOINT", "AWS_SESSION_TOKEN", "AWS_PROFILE"] {
            program.env_remove(name);
        }
        program
            .env("AWS_ENDPOINT_URL", trap.url())
            .env("AWS_ACCESS_KEY_ID", "AKIDEXAMPLE")
            .env("AWS_SECRET_ACCESS_KEY", "secret")
            .env("AWS_REGION", "us-east-1");
        program
    };
    let served = Served::start_by(entrapped(), folder(), &shipped("retail"), &[]);
    refused(&served, &urls(trap.port));
    let settings = [
        format!("SET aws.endpoint = '{}'", trap.url()),
        format!("SET s3.endpoint TO '{}'", trap.url()),
        format!("SET datafusion.runtime.temp_directory = '{}'", trap.url()),
    ];
    let settings: Vec<&str> = settings.iter().map(String::as_str).collect();
    for (sql, code) in codes(&served, &settings) {
        assert_eq!(code, "42501", "{sql}");
    }
    assert_eq!(trap.calls(), [""; 0]);
    // the trap works: who may name hosts reaches it
    for url in [
        &format!("http://127.0.0.1:{}/x.parquet", trap.port),
        &format!("http://localhost:{}/x.parquet", trap.port),
        "http://169.254.169.254/latest/meta-data/iam/x.parquet",
        "s3://lake/x.parquet",
    ] {
        let asked = entrapped().args(["-c", &format!("SELECT * FROM '{url}'")]).output().unwrap();
        assert!(!asked.status.success());
        assert!(!trap.calls().is_empty(), "{url}: {}", String::from_utf8_lossy(&asked.stderr));
    }
}

#[test]
fn nothing_outside_the_lake_can_be_read() {
    let served = Served::retail(&[]);
    let lake = shipped("retail");
    let mut paths: Vec<String> = [
        "/etc/passwd",
        "/etc/*",
        "../cdnow/*.parquet",
        "./data/retail/orders/*.parquet",
        "/proc/self/environ",
        "/proc/self/fd/0",
        "//etc/passwd",
        "/etc/./passwd",
        "/etc/../etc/passwd",
        "%2e%2e/cdnow/x.parquet",
        "..%2fcdnow/x.parquet",
        "file:///etc/passwd",
        "file://localhost/etc/passwd",
        "file:/etc/passwd",
        "FILE:///etc/passwd",
        "s3://lake/../x.parquet",
        "s3://other/x.parquet",
        "gs://other/x.parquet",
        "az://other/x.parquet",
        "memory:///x.parquet",
        "data:application/octet-stream,x.parquet",
        "\\\\server\\share\\x.parquet",
        "~/x.parquet",
        "~root/x.parquet",
        "*.parquet",
        "**/*.parquet",
        "x.PARQUET",
        "/dev/stdin",
        "/dev/zero",
        "/tmp/x.parquet",
        "orders/../../cdnow/x.parquet",
        "raw/../x.parquet",
        "{a,b}/*.parquet",
        "[a-z]/x.parquet",
    ]
    .map(str::to_owned)
    .to_vec();
    // nor by its place what can be read by its name
    paths.push(format!("{lake}/orders/"));
    paths.push(format!("file://{lake}/orders/"));
    refused(&served, &paths);
}
