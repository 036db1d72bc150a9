//! A statement that fails half-way leaves no file behind.

use std::path::Path;
use std::time::{Duration, Instant};

use super::{empty, error, value};

/// The names in a folder, once what is cleaned up in the background is.
async fn names(folder: &Path) -> Vec<String> {
    let deadline = Instant::now() + Duration::from_secs(10);
    loop {
        let names = std::fs::read_dir(folder).map_or_else(
            |_| vec![],
            |entries| entries.map(|e| e.unwrap().file_name().display().to_string()).collect(),
        );
        if names.is_empty() || Instant::now() > deadline {
            return names;
        }
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_copy_that_fails_leaves_no_file() {
    let folder = tempfile::tempdir().unwrap();
    let tenure = empty().await;
    // less than one buffer of the writer, and more
    for rows in [100_000, 4_000_000] {
        let failing =
            format!("SELECT 1 / ({rows} - 1 - value) AS x, value FROM generate_series(1, {rows})");
        for (place, format) in
            [("one.parquet", "PARQUET"), ("one.csv", "CSV"), ("many/", "PARQUET")]
        {
            let inside = folder.path().join(place);
            let copy = format!("COPY ({failing}) TO '{}' STORED AS {format}", inside.display());
            let copy = if place.ends_with('/') { copy.replace("many'", "many/'") } else { copy };
            let e = error(&tenure, &copy).await;
            assert_eq!(e.to_string(), "division by zero", "{copy}");
            let left = names(&folder.path().join("many")).await;
            assert!(left.is_empty(), "{copy}: {left:?}");
            let _ = std::fs::remove_dir(folder.path().join("many"));
            let left = names(folder.path()).await;
            assert!(left.is_empty(), "{copy}: {left:?}");
        }
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_file_that_is_there_stays_when_its_copy_fails() {
    let folder = tempfile::tempdir().unwrap();
    let tenure = empty().await;
    let file = folder.path().join("one.parquet");
    let copy = |rows: &str| format!("COPY ({rows}) TO '{}' STORED AS PARQUET", file.display());
    assert_eq!(value(&tenure, &copy("SELECT 7 AS x")).await, "1");
    let e =
        error(&tenure, &copy("SELECT 1 / (5 - value) AS x FROM generate_series(1, 100000)")).await;
    assert_eq!(e.to_string(), "division by zero");
    let kept = format!("SELECT x FROM '{}'", file.display());
    assert_eq!(value(&tenure, &kept).await, "7");
}

#[tokio::test]
async fn an_insert_that_fails_changes_nothing() {
    let tenure = empty().await;
    tenure.sql("CREATE TABLE t AS SELECT CAST(1 AS BIGINT) AS x").await.unwrap();
    error(&tenure, "INSERT INTO t SELECT 1 / (50000 - value) FROM generate_series(1, 100000)")
        .await;
    assert_eq!(value(&tenure, "SELECT count(*) FROM t").await, "1");
    assert_eq!(value(&tenure, "INSERT INTO t VALUES (2), (3)").await, "2");
    assert_eq!(value(&tenure, "SELECT count(*) FROM t").await, "3");
}
