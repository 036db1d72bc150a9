//! Statements beyond the limits are refused at once, and memory has an end.

use std::time::{Duration, Instant};

use tenure::{ErrorKind, Tenure, limits};

use super::{empty, error, value};
use crate::support::rows;

/// Debug builds on busy machines included; what is not refused takes minutes or the stack.
const AT_ONCE: Duration = Duration::from_secs(5);

fn repeated(part: &str, times: usize, between: &str) -> String {
    vec![part; times].join(between)
}

#[tokio::test]
async fn what_is_too_long_too_deep_or_too_chained_is_refused_at_once() {
    let tenure = empty().await;
    let deep = |n: usize| format!("SELECT {}1{}", "(".repeat(n), ")".repeat(n));
    for (what, sql) in [
        ("10,000 ORs", format!("SELECT 1 WHERE {}", repeated("1 = 2", 10_000, " OR "))),
        ("10,000 additions", format!("SELECT {}", repeated("1", 10_000, "+"))),
        ("10,000 negations", format!("SELECT {} true", repeated("NOT", 10_000, " "))),
        ("300 parentheses", deep(300)),
        ("300 brackets", format!("SELECT {}1{}", "[".repeat(300), "]".repeat(300))),
        (
            "300 subqueries",
            format!("SELECT * FROM {}SELECT 1{}", "(SELECT * FROM (".repeat(150), "))".repeat(150)),
        ),
        ("10,000 UNIONs", repeated("SELECT 1", 10_000, " UNION ALL ")),
        ("2 MB", format!("SELECT '{}'", "x".repeat(2 << 20))),
        ("a million values", format!("SELECT 1 WHERE 1 IN ({})", repeated("1", 1_000_000, ","))),
    ] {
        let start = Instant::now();
        let e = error(&tenure, &sql).await;
        assert_eq!(e.kind(), ErrorKind::TooComplex, "{what}: {e}");
        assert!(e.hint().is_some(), "{what}");
        assert!(start.elapsed() < AT_ONCE, "{what}: {:?}", start.elapsed());
        assert!(e.to_string().len() < 200, "{what}: {e}");
    }
}

#[tokio::test]
async fn what_is_within_the_limits_runs() {
    let tenure = empty().await;
    let deep = limits::MAX_NESTING;
    let sql = format!("SELECT {}1{} AS n", "(".repeat(deep), ")".repeat(deep));
    assert_eq!(value(&tenure, &sql).await, "1");
    let half = deep / 2;
    let sql = format!("{}SELECT 1 AS n{}", "SELECT * FROM (".repeat(half), ")".repeat(half));
    assert_eq!(value(&tenure, &sql).await, "1");
    let sql = format!("SELECT {}1{} AS n", "abs(1 + ".repeat(half), ")".repeat(half));
    assert_eq!(value(&tenure, &sql).await, (half + 1).to_string());
    let chain = repeated("1", limits::MAX_OPERATORS / 2, " + ");
    assert_eq!(
        value(&tenure, &format!("SELECT {chain} AS n")).await,
        (limits::MAX_OPERATORS / 2).to_string()
    );
    let list = repeated("7", 20_000, ", ");
    assert_eq!(value(&tenure, &format!("SELECT 7 IN ({list}) AS found")).await, "true");
}

#[tokio::test]
async fn the_place_of_an_error_is_where_the_limit_was_crossed() {
    let tenure = empty().await;
    let e = error(&tenure, &format!("SELECT\n{}1{}", "(".repeat(300), ")".repeat(300))).await;
    let place = e.place().unwrap();
    assert_eq!((place.line, place.column), (2, limits::MAX_NESTING + 1));
}

#[tokio::test]
async fn beyond_the_memory_limit_a_statement_spills_or_fails_and_the_session_lives() {
    let folder = tempfile::tempdir().unwrap();
    let tenure = Tenure::builder()
        .as_of("2012-01-01")
        .threads(2)
        .memory_limit(64 << 20)
        .spill_dir(folder.path())
        .build()
        .await
        .unwrap();
    // a million groups of text: more than the limit, and an aggregate that can spill
    let groups = "SELECT count(*) FROM (SELECT md5(CAST(value AS VARCHAR)) AS k, count(*) AS n FROM generate_series(1, 1000000) GROUP BY 1)";
    match rows::lines(&tenure, groups).await {
        Ok(lines) => assert_eq!(lines, ["1000000"]),
        Err(e) => assert_eq!(e.kind(), ErrorKind::Memory, "{e}"),
    }
    // the purchases of one customer cannot spill: the functions account for what they hold
    let one = "SELECT customer_summary(arrow_cast(value * 60, 'Timestamp(Second, None)'), 1.0).orders FROM generate_series(1, 3000000)";
    let e = error(&tenure, one).await;
    assert_eq!(e.kind(), ErrorKind::Memory, "{e}");
    assert!(e.hint().is_some_and(|h| h.contains("memory limit")), "{:?}", e.hint());
    assert_eq!(value(&tenure, "SELECT 1").await, "1");
    let left = walk(folder.path());
    drop(tenure);
    assert!(left.is_empty(), "temporary files of finished statements: {left:?}");
    assert_eq!(std::fs::read_dir(folder.path()).unwrap().count(), 0);
}

fn walk(folder: &std::path::Path) -> Vec<std::path::PathBuf> {
    let mut out = vec![];
    for entry in std::fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        if path.is_dir() { out.extend(walk(&path)) } else { out.push(path) }
    }
    out
}
