//! What clients may not do: each statement with the SQLSTATE of its refusal.

use crate::support::served::{Served, err, out};

/// Runs statements one after the other in one session; each with the SQLSTATE of its end.
pub(super) fn codes(served: &Served, statements: &[&str]) -> Vec<(String, String)> {
    let script = served.folder.path().join("script.sql");
    let lines = statements.iter().map(|sql| format!("{sql};\n\\echo :SQLSTATE\n"));
    std::fs::write(&script, lines.collect::<String>()).unwrap();
    let ran = served.psql("", &["-q", "-o", "/dev/null", "-f", script.to_str().unwrap()]);
    let said = out(&ran);
    let codes: Vec<&str> = said.lines().collect();
    assert_eq!(codes.len(), statements.len(), "{said}{}", err(&ran));
    statements.iter().zip(codes).map(|(sql, code)| ((*sql).into(), code.into())).collect()
}

fn all_are(served: &Served, code: &str, statements: &[&str]) {
    for (sql, found) in codes(served, statements) {
        assert_eq!(found, code, "{sql}");
    }
}

#[test]
fn everything_but_reading_is_refused() {
    let served = Served::retail(&[]);
    all_are(
        &served,
        "25006",
        &[
            "CREATE VIEW v AS SELECT 1",
            "CREATE TABLE t AS SELECT 1",
            "CREATE TABLE t (a INT)",
            "DROP TABLE raw.orders",
            "DROP VIEW orders",
            "INSERT INTO raw.orders SELECT * FROM raw.orders",
            "DELETE FROM raw.orders",
            "UPDATE raw.orders SET sales = 0",
            "COPY raw.orders FROM STDIN",
            "EXPLAIN INSERT INTO raw.orders SELECT * FROM raw.orders",
        ],
    );
    all_are(
        &served,
        "42501",
        &[
            "CREATE EXTERNAL TABLE t STORED AS CSV LOCATION '/etc/passwd'",
            "EXPLAIN ANALYZE SELECT count(*) FROM customers",
            "EXPLAIN ANALYZE INSERT INTO raw.orders SELECT * FROM raw.orders",
            "CREATE SCHEMA s",
            "CREATE DATABASE d",
            "CREATE FUNCTION f(DOUBLE) RETURNS DOUBLE RETURN $1",
            "COPY raw.orders TO '/tmp/stolen.csv'",
            "COPY (SELECT 1) TO PROGRAM 'sh'",
            "PREPARE p AS SELECT 1",
            "SET datafusion.execution.batch_size = 1",
            "SET datafusion.runtime.memory_limit = '100G'",
            "SET datafusion.catalog.information_schema = false",
            "RESET datafusion.execution.batch_size",
        ],
    );
    assert!(!std::path::Path::new("/tmp/stolen.csv").exists());
    let asked = served.psql("", &["-Atc", "SELECT count(*) FROM raw.campaigns"]);
    assert_eq!(out(&asked), "6589\n");
}

#[test]
fn queries_are_measured_where_that_is_allowed() {
    let served = Served::retail(&["--allow-analyze"]);
    let told = served.psql("", &["-Atc", "EXPLAIN ANALYZE SELECT count(*) FROM raw.orders"]);
    assert!(out(&told).contains("output_rows"), "{}{}", out(&told), err(&told));
    all_are(&served, "25006", &["EXPLAIN ANALYZE INSERT INTO raw.orders SELECT * FROM raw.orders"]);
}

#[test]
fn views_are_the_sessions_own_where_they_are_allowed() {
    let served = Served::retail(&["--allow-views"]);
    let made = served.psql(
        "",
        &[
            "-At",
            "-c",
            "CREATE VIEW loyal AS SELECT * FROM profiles WHERE stage = 'loyal'",
            "-c",
            "SELECT count(*) FROM loyal",
        ],
    );
    assert_eq!(out(&made), "CREATE VIEW\n1656\n", "{}", err(&made));
    all_are(&served, "42P01", &["SELECT count(*) FROM loyal"]);
    all_are(&served, "25006", &["CREATE TABLE t AS SELECT 1"]);
}

#[test]
fn the_log_has_no_values_and_the_errors_no_customers() {
    let served = Served::retail(&[]);
    let canary = "ana-canary@example.com";
    let failing = [
        format!("SELECT '{canary}' AS \"name\""),
        format!("SELECT * FROM orders WHERE customer_id = '{canary}'"),
        format!("SELECT -- {canary}\n 1/0"),
        format!("SELECT '{canary}"),
        format!("SELECT '{canary}'::int FROM pg_class"),
        format!("SELECT nosuch('{canary}') FROM pg_class"),
    ];
    for sql in &failing {
        served.psql("", &["-c", sql]);
    }
    let log = std::fs::read_to_string(served.folder.path().join("log")).unwrap();
    assert!(log.contains("\"statement\":\"SELECT ? AS \\\"name\\\"\""), "{log}");
    assert!(log.contains("catalog_not_understood"), "{log}");
    assert!(!log.contains("canary"), "{log}");
    assert!(!log.contains(crate::support::served::PASSWORD), "{log}");
    // values of the lake are not shown by what cannot read them
    let e = served.psql("", &["-c", "SELECT CAST(department AS INT) FROM raw.orders"]);
    assert!(err(&e).contains("it is not shown"), "{}", err(&e));
}

#[test]
fn memory_of_a_session_is_limited() {
    let served = Served::retail(&["--session-memory", "20MB"]);
    let hungry = "SELECT array_agg(a.basket_id ORDER BY b.sales) FROM raw.orders a, raw.orders b WHERE a.store = b.store GROUP BY a.household_id";
    let codes = codes(&served, &[hungry, "SELECT count(*) FROM customers"]);
    assert_eq!((codes[0].1.as_str(), codes[1].1.as_str()), ("53200", "00000"));
}

#[test]
fn time_of_a_session_is_limited() {
    let served = Served::retail(&["--max-statement-timeout", "1s"]);
    let endless = "SELECT count(*) FROM raw.orders a, raw.orders b WHERE a.sales + b.sales < 0";
    let begun = std::time::Instant::now();
    let codes =
        codes(&served, &[endless, "SET statement_timeout = 0", "SET statement_timeout = '2s'"]);
    assert_eq!(codes[0].1, "57014");
    assert!(begun.elapsed().as_secs() < 5);
    assert_eq!((codes[1].1.as_str(), codes[2].1.as_str()), ("42501", "42501"));
    let sorted = "SELECT count(*) FROM (SELECT DISTINCT basket_id, department, sales, quantity, ts FROM raw.orders)";
    let asked = served.psql("", &["-Atc", "SET statement_timeout = '1s'", "-c", sorted]);
    assert!(out(&asked).starts_with("SET\n"), "{} {}", out(&asked), err(&asked));
}
