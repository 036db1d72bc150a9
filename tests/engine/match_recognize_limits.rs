//! `MATCH_RECOGNIZE`: what of a statement reaches the files, and the limits of a match.

use std::time::{Duration, Instant};

use tenure::{ErrorKind, Tenure};

use super::match_recognize::plan;
use super::{empty, error, retail};
use crate::support::rows;

#[tokio::test]
async fn a_filter_on_the_key_and_the_columns_that_matter_reach_the_files() {
    let tenure = retail().await;
    let sql = "SELECT customer_id, n FROM orders MATCH_RECOGNIZE (PARTITION BY customer_id ORDER BY ts \
        MEASURES count(b.*) AS n, LAST(b.amount) AS last ALL ROWS PER MATCH PATTERN (a b{2,}) DEFINE b AS b.amount < PREV(amount)) \
        WHERE customer_id = 7 AND n > 1";
    let plan = plan(&tenure, sql).await;
    let says = "MatchRecognizeExec: partition_by=[customer_id], order_by=[ts], pattern=(a b{2,}), \
        define=[b AS b.amount < prev(amount)], measures=[count(b.*) AS n, b.amount AS last], all rows per match";
    assert!(plan.contains(says), "{plan}");
    assert!(plan.contains("7 <= household_id_max@"), "{plan}");
    assert!(plan.contains("projection=[household_id, basket_id, ts, sales]"), "{plan}");
    // a filter on anything else stays above
    let above = plan.split("MatchRecognizeExec").next().unwrap();
    assert!(above.contains("FilterExec: n@"), "{plan}");
}

/// Ways that conditions on the match so far leave open end in an error; the session goes on.
#[tokio::test]
async fn too_many_ways_are_an_error_and_a_statement_can_be_left() {
    let tenure = empty().await;
    let sql = "SELECT * FROM (SELECT unnest(range(0, 60)) AS ts) MATCH_RECOGNIZE (ORDER BY ts MEASURES count(*) AS n \
        PATTERN ((a | b)+ c) DEFINE c AS count(a.*) > 100)";
    let waiting = Instant::now();
    let running = rows::lines(&tenure, sql);
    assert!(tokio::time::timeout(Duration::from_millis(300), running).await.is_err());
    assert!(waiting.elapsed() < Duration::from_secs(3), "{:?}", waiting.elapsed());
    let few = sql.replace("60", "12");
    assert!(rows::lines(&tenure, &few).await.unwrap().is_empty());
}

/// A partition that does not fit into memory is an error that says so.
#[tokio::test]
async fn a_partition_beyond_the_memory_limit_is_an_error() {
    let tenure = Tenure::builder()
        .threads(1)
        .as_of("2012-01-01")
        .memory_limit(16 << 20)
        .build()
        .await
        .unwrap();
    let sql = |by: &str| {
        format!(
            "SELECT count(*) FROM (SELECT value AS ts, value % 5000 AS c, CAST(value AS VARCHAR) AS text FROM range(0, 400000)) \
             MATCH_RECOGNIZE ({by} ORDER BY ts MEASURES LAST(text) AS last, count(*) AS n PATTERN (a b+) DEFINE b AS text > PREV(text))"
        )
    };
    let e = error(&tenure, &sql("")).await;
    assert_eq!(e.kind(), ErrorKind::Memory, "{}", rows::told(&e));
    assert_eq!(rows::lines(&tenure, &sql("PARTITION BY c")).await.unwrap().len(), 1);
}
