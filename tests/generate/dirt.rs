//! Dirt is really there, and the truth names each row of it.

use tenure::Tenure;
use tenure::generate::Settings;

use super::{lake, numbers, one, open, same_rows, shown};
use crate::support::rows::lines;

#[tokio::test]
async fn every_kind_of_dirt_is_there_and_listed() {
    let clean = lake(&Settings::new(1000)).await;
    let tenure = open(&Settings { dirt: true, ..Settings::new(1000) }).await;
    let dirty = &tenure.folder;
    let listed = |kind: &str| format!("(SELECT event_id FROM truth_dirt WHERE kind = '{kind}')");
    let kinds = lines(&tenure, "SELECT DISTINCT kind FROM truth_dirt ORDER BY kind").await.unwrap();
    assert_eq!(kinds, ["bot", "duplicate", "late", "null_id", "schema_change", "shared_device"]);

    // duplicates: two rows each, and no others
    let twice = "SELECT event_id FROM raw.events GROUP BY event_id HAVING count(*) = 2";
    same(&tenure, twice, &listed("duplicate")).await;
    let most = "SELECT max(n) FROM (SELECT count(*) AS n FROM raw.events GROUP BY event_id)";
    assert_eq!(one(&tenure, most).await, "2");
    // ids that are missing
    same(&tenure, "SELECT event_id FROM raw.events WHERE customer_id IS NULL", &listed("null_id"))
        .await;
    // late: more than an hour, unless the lake ended before
    let late =
        "SELECT DISTINCT event_id FROM raw.events WHERE ingested_at - ts >= INTERVAL '1 hour'";
    let early = format!(
        "{} EXCEPT SELECT event_id FROM raw.events WHERE ts > TIMESTAMP '2024-06-30 23:00:00'",
        listed("late")
    );
    same(&tenure, &format!("{late} EXCEPT SELECT event_id FROM raw.events WHERE ts > TIMESTAMP '2024-06-30 23:00:00'"), &early).await;
    // … and out of order in the files, which are in the order of arrival
    let back = "SELECT count(*) FROM (SELECT ts, lag(ts) OVER (ORDER BY ingested_at, event_id) AS before FROM raw.events) WHERE before > ts + INTERVAL '1 hour'";
    assert!(numbers(&tenure, back).await[0] > 100.0);
    // the bot: more events than anyone, all listed
    let bot = "SELECT customer_id, count(DISTINCT event_id), count(*) FILTER (WHERE event_type = 'purchase') FROM raw.events WHERE customer_id > 1000 GROUP BY customer_id";
    assert_eq!(one(&tenure, bot).await, "1001 | 50000 | 0");
    same(&tenure, "SELECT event_id FROM raw.events WHERE customer_id = 1001", &listed("bot")).await;
    // devices of several customers, and the truth says whose
    let shared = "SELECT device_id, max(customer_id) FROM raw.events WHERE device_id IS NOT NULL GROUP BY device_id HAVING count(DISTINCT customer_id) > 1";
    same(
        &tenure,
        shared,
        "SELECT device_id, customer_id FROM truth_dirt WHERE kind = 'shared_device'",
    )
    .await;

    // the schema changes at the day that the truth states
    let change =
        one(&tenure, "SELECT CAST(ts AS DATE) FROM truth_dirt WHERE kind = 'schema_change'").await;
    assert_eq!(change, "2023-10-01");
    let versions = "SELECT count(app_version) FILTER (WHERE ts < TIMESTAMP '2023-10-01'), count(app_version) FILTER (WHERE ts >= TIMESTAMP '2023-10-01') > 1000, count(*) FILTER (WHERE ts >= TIMESTAMP '2023-10-01' AND app_version IS NULL AND session_id IS NOT NULL) FROM raw.events";
    assert_eq!(one(&tenure, versions).await, "0 | true | 0");
    for (month, ty) in [("2023-09", "Int32"), ("2023-10", "Int64")] {
        let file = dirty.path().join(format!("events/month={month}/events-0.parquet"));
        let sql = format!("SELECT DISTINCT arrow_typeof(quantity) FROM '{}'", shown(&file));
        assert_eq!(one(&tenure, &sql).await, ty);
    }
    assert_eq!(
        one(&tenure, "SELECT DISTINCT arrow_typeof(quantity) FROM raw.events").await,
        "Int64"
    );

    // without its dirt it is the clean lake
    let columns = "event_id, ts, event_type, amount, order_id, product_id, category, quantity, channel, campaign_id, session_id";
    let (left, right) = (tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap());
    std::fs::rename(clean.path(), left.path().join("clean")).unwrap();
    std::fs::rename(dirty.path(), right.path().join("dirty")).unwrap();
    let both = Tenure::builder()
        .lake(shown(&left.path().join("clean")))
        .lake(shown(&right.path().join("dirty")))
        .build()
        .await
        .unwrap();
    same(
        &both,
        &format!("SELECT {columns} FROM clean.raw.events"),
        &format!("SELECT DISTINCT {columns} FROM dirty.raw.events WHERE event_id NOT IN (SELECT event_id FROM dirty.raw.truth_dirt WHERE kind = 'bot')"),
    )
    .await;
    for table in ["customers", "truth_customers", "truth_turning_points"] {
        same(
            &both,
            &format!("SELECT * FROM clean.raw.{table}"),
            &format!("SELECT * FROM dirty.raw.{table}"),
        )
        .await;
    }
}

/// Both queries have the same rows, each as often, and some.
async fn same(tenure: &Tenure, left: &str, right: &str) {
    assert!(same_rows(tenure, left, right).await > 0.0, "{left}");
}
