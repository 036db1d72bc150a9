//! Lakes that are not as most are.

use std::sync::Arc;

use datafusion::arrow::array::{
    ArrayRef, Date32Array, Int32Array, Int64Array, RecordBatch, StringArray,
    TimestampMicrosecondArray, TimestampMillisecondArray,
};
use tenure::ErrorKind;

use super::{QUESTIONS, Work, same, streams};
use crate::support::parquet::{batch, put, write};
use crate::support::rows::lines;

const HOUR: i64 = 3_600_000_000;

/// Events of customers at hours; what happened follows from the row.
pub(super) fn events(rows: &[(Option<i64>, Option<i64>)]) -> RecordBatch {
    let kinds = ["page_view", "add_to_cart", "purchase"];
    let kind = (0..rows.len()).map(|i| kinds[i % 3]);
    batch(vec![
        ("customer_id", Arc::new(Int64Array::from_iter(rows.iter().map(|r| r.0)))),
        (
            "ts",
            Arc::new(TimestampMicrosecondArray::from_iter(
                rows.iter().map(|r| r.1.map(|h| h * HOUR)),
            )),
        ),
        ("event_type", Arc::new(StringArray::from_iter_values(kind))),
        ("amount", Arc::new(Int64Array::from_iter_values((0..rows.len()).map(|i| i as i64 % 7)))),
        ("order_id", Arc::new(Int64Array::from_iter_values(0..rows.len() as i64))),
    ])
}

/// Rows in an order of their own.
fn mixed(n: i64, customer: impl Fn(i64) -> Option<i64>) -> Vec<(Option<i64>, Option<i64>)> {
    (0..n).map(|i| i * 7919 % n).map(|i| (customer(i), Some(i))).collect()
}

async fn check(work: &Work) {
    let tenures = work.both().await;
    for table in ["raw.events", "events"] {
        let count = format!("SELECT count(*) FROM {table}");
        same(&tenures, &[&count]).await;
    }
    for sql in QUESTIONS {
        streams(&tenures[1], sql).await;
        if lines(&tenures[0], sql).await.unwrap().is_empty() {
            assert!(lines(&tenures[1], sql).await.unwrap().is_empty(), "{sql}");
        } else {
            same(&tenures, &[sql]).await;
        }
    }
}

#[tokio::test]
async fn a_lake_without_rows() {
    let work = Work::new();
    write(work.source.join("events/a.parquet"), &events(&[]));
    let written = work.cluster(100).await.unwrap();
    assert_eq!((written.rows, written.files, written.ranges), (0, 1, 1));
    check(&work).await;
    // and then rows come
    write(work.source.join("events/b.parquet"), &events(&mixed(500, |i| Some(i / 9))));
    work.cluster(100).await.unwrap();
    check(&work).await;
}

#[tokio::test]
async fn one_customer_and_a_customer_larger_than_a_range() {
    let work = Work::new();
    write(work.source.join("events/a.parquet"), &events(&mixed(3000, |_| Some(5))));
    let written = work.cluster(100).await.unwrap();
    assert_eq!((written.rows, written.files, written.ranges), (3000, 1, 1));
    check(&work).await;

    let work = Work::new();
    let large = mixed(6000, |i| Some(if i % 2 == 0 { 40 } else { i % 80 }));
    write(work.source.join("events/a.parquet"), &events(&large));
    work.cluster(200).await.unwrap();
    let rows = work
        .manifest()
        .split("rows = ")
        .skip(1)
        .map(|r| r.split(' ').next().unwrap().parse::<u64>().unwrap())
        .max();
    assert!(rows.unwrap() >= 3000, "{}", work.manifest());
    check(&work).await;
}

#[tokio::test]
async fn rows_without_a_customer_are_a_file_of_their_own() {
    let work = Work::new();
    let rows = mixed(4000, |i| (i % 3 > 0).then_some(i % 50));
    write(work.source.join("events/a.parquet"), &events(&rows));
    // nobody has a time either, now and then
    let none: Vec<_> = (0..30).map(|i| (None, (i % 4 > 0).then_some(i))).collect();
    write(work.source.join("events/b.parquet"), &events(&none));
    work.cluster(300).await.unwrap();
    let nobody: Vec<_> = work.files().into_keys().filter(|name| name.contains("nobody")).collect();
    assert_eq!(nobody.len(), 1);
    check(&work).await;
    let tenures = work.both().await;
    same(
        &tenures,
        &[
            "SELECT customer_id, count(*), count(ts) FROM raw.events GROUP BY customer_id",
            "SELECT customer_id, ts, count(*) OVER (PARTITION BY customer_id ORDER BY ts) FROM raw.events",
            "SELECT count(*) FROM raw.events WHERE customer_id IS NULL",
        ],
    )
    .await;
    // nobody else, and at last nobody at all
    write(work.source.join("events/c.parquet"), &events(&[(None, Some(1)), (Some(3), None)]));
    work.cluster(300).await.unwrap();
    check(&work).await;
    let work = Work::new();
    write(work.source.join("events/a.parquet"), &events(&mixed(500, |_| None)));
    work.cluster(100).await.unwrap();
    check(&work).await;
}

#[tokio::test]
async fn customers_at_the_ends_of_their_type() {
    let work = Work::new();
    let ends = [i64::MIN, i64::MIN + 1, -1, 0, i64::MAX - 1, i64::MAX];
    let rows: Vec<_> = (0..600).map(|i| (Some(ends[i % 6]), Some(i as i64 % 11))).collect();
    write(work.source.join("events/a.parquet"), &events(&rows));
    work.cluster(100).await.unwrap();
    let tenures = work.both().await;
    same(&tenures, &QUESTIONS[..9]).await;
}

#[tokio::test]
async fn what_the_model_computes_becomes_a_column() {
    let n = 2000;
    let work = Work::new();
    let who: ArrayRef =
        Arc::new(StringArray::from_iter_values((0..n).map(|i| format!(" C{}", i * 31 % 97))));
    let day: ArrayRef = Arc::new(StringArray::from_iter_values(
        (0..n).map(|i| format!("2024-{:02}-{:02}T{:02}:00:00", i % 12 + 1, i % 28 + 1, i % 24)),
    ));
    let web = batch(vec![("who", Arc::clone(&who)), ("day", day), ("what", Arc::clone(&who))]);
    // a number in one table is text in the other, so that customers are text
    let number: ArrayRef = Arc::new(Int32Array::from_iter_values((0..n).map(|i| i % 50)));
    let at: ArrayRef = Arc::new(TimestampMillisecondArray::from_iter_values(
        (0..n).map(|i| i64::from(i) * 1_000_000),
    ));
    let on: ArrayRef = Arc::new(Date32Array::from_iter_values((0..n).map(|i| 19_000 + i % 400)));
    write(work.source.join("web/a.parquet"), &web);
    write(work.source.join("shop/a.parquet"), &batch(vec![("n", number), ("at", at), ("on", on)]));
    let model = r#"
[lake]
timezone = "Europe/London"
as_of = "2025-01-01"
[tables.web]
customer = "trim(who)"
time = "day"
event = "'page_view'"
[tables.shop]
customer = "n"
time = "at"
event = "CASE WHEN n % 2 = 0 THEN 'purchase' ELSE 'return' END"
amount = "n * 2"
"#;
    put(work.source.join("tenure.toml"), model.as_bytes());
    work.cluster(300).await.unwrap();
    let manifest = work.manifest();
    for said in [
        "customer = \"tenure_customer\"",
        "time = \"tenure_time\"",
        "time = \"at\"",
        "by = \"text\"",
    ] {
        assert!(manifest.contains(said), "{said}: {manifest}");
    }
    let tenures = work.both().await;
    same(&tenures, &QUESTIONS).await;
    same(&tenures, &["SELECT who, day, what FROM raw.web", "SELECT n, at, \"on\" FROM raw.shop"])
        .await;
    for sql in QUESTIONS {
        streams(&tenures[1], sql).await;
    }
}

#[tokio::test]
async fn a_time_with_a_zone_is_sorted_as_an_instant() {
    let work = Work::new();
    // the hours around the end of summer time, at which wall-clock times repeat
    let start = 1_729_980_000_000_000_i64;
    let n = 2000_i64;
    let who: ArrayRef = Arc::new(Int64Array::from_iter_values((0..n).map(|i| i * 17 % 40)));
    let at = TimestampMicrosecondArray::from_iter_values((0..n).map(|i| start + i * 60_000_000));
    let at: ArrayRef = Arc::new(at.with_timezone("Europe/London"));
    let rows = batch(vec![("customer_id", who), ("ts", at)]);
    write(work.source.join("purchases/a.parquet"), &rows);
    let model = "[lake]\ntimezone = \"Europe/London\"\n[tables.purchases]\ncustomer = \"customer_id\"\ntime = \"ts\"\nevent = \"'purchase'\"\n";
    put(work.source.join("tenure.toml"), model.as_bytes());
    work.cluster(200).await.unwrap();
    let tenures = work.both().await;
    same(&tenures, &QUESTIONS).await;
    same(&tenures, &["SELECT customer_id, ts, arrow_typeof(ts) FROM raw.purchases"]).await;
    // customers stream; wall-clock times go back, and are sorted where their order counts
    streams(&tenures[1], QUESTIONS[0]).await;
    let lag = super::plan(&tenures[1], QUESTIONS[1]).await;
    assert!(lag.contains("SortExec") && !lag.contains("Hash("), "{lag}");
    // where clocks are never set, they need not be
    lines(&tenures[1], "SET tenure.timezone = 'UTC'").await.unwrap();
    for sql in QUESTIONS {
        streams(&tenures[1], sql).await;
    }
}

#[tokio::test]
async fn a_column_that_came_later_and_one_that_grew() {
    let work = Work::new();
    let id: ArrayRef = Arc::new(Int64Array::from_iter_values(0..200));
    let small: ArrayRef = Arc::new(Int32Array::from_iter_values(0..200));
    let ts: ArrayRef = Arc::new(TimestampMicrosecondArray::from_iter_values(0..200));
    write(
        work.source.join("orders/1.parquet"),
        &batch(vec![("customer_id", Arc::clone(&id)), ("ts", Arc::clone(&ts)), ("amount", small)]),
    );
    work.cluster(50).await.unwrap();
    write(
        work.source.join("orders/2.parquet"),
        &batch(vec![
            ("customer_id", Arc::clone(&id)),
            ("ts", ts),
            ("amount", Arc::clone(&id)),
            ("channel", Arc::clone(&id)),
        ]),
    );
    work.cluster(50).await.unwrap();
    let tenures = work.both().await;
    same(
        &tenures,
        &[
            "SELECT * FROM raw.orders",
            "SELECT customer_id, sum(amount), count(channel) FROM raw.orders GROUP BY customer_id",
        ],
    )
    .await;
}

#[tokio::test]
async fn what_cannot_be_clustered_says_why() {
    let work = Work::new();
    write(
        work.source.join("things/a.parquet"),
        &batch(vec![("x", Arc::new(Int64Array::from(vec![1])))]),
    );
    let error = work.cluster(100).await.unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Usage, "{error}");
    assert!(error.to_string().ends_with("says which customer and when"), "{error}");

    // a place that holds something else
    let work = Work::new();
    write(work.source.join("events/a.parquet"), &events(&mixed(10, Some)));
    put(work.dest().join("note.txt"), b"x");
    let error = work.cluster(100).await.unwrap_err();
    assert!(error.to_string().ends_with("is not empty"), "{error}");
    let error = super::run(&work.source, &work.source, 100).await.unwrap_err();
    assert!(error.to_string().ends_with("is not empty"), "{error}");
    assert_eq!(work.cluster(0).await.unwrap_err().kind(), ErrorKind::Usage);
}

#[tokio::test]
async fn a_clustered_lake_can_be_clustered_again() {
    let work = Work::new();
    write(work.source.join("events/a.parquet"), &events(&mixed(1000, |i| Some(i / 9))));
    work.cluster(100).await.unwrap();
    let other = work.folder.path().join("again");
    let written = super::run(&work.dest(), &other, 300).await.unwrap();
    assert_eq!(written.rows, 1000);
    let tenures = [super::open(&work.source).await, super::open(&other).await];
    same(&tenures, &QUESTIONS[..4]).await;
}
