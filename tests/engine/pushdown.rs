//! What a statement asks for reaches Parquet, through the canonical views too.

use tenure::Tenure;

use super::retail;
use crate::support::rows;

/// The lines of the physical plan that read files.
async fn scans(tenure: &Tenure, sql: &str) -> Vec<String> {
    let plan = rows::lines(tenure, &format!("EXPLAIN {sql}")).await.unwrap().join("\n");
    let scans: Vec<String> =
        plan.lines().filter(|l| l.contains("DataSourceExec")).map(String::from).collect();
    assert!(!scans.is_empty(), "{plan}");
    scans
}

/// The part of a scan between `key` and the end of its brackets.
fn list(scan: &str, key: &str) -> Vec<String> {
    let (_, rest) = scan.split_once(key).unwrap_or_else(|| panic!("no {key} in {scan}"));
    let (names, _) = rest.split_once(']').unwrap();
    names.split(", ").map(String::from).collect()
}

#[tokio::test]
async fn a_condition_on_events_prunes_row_groups_and_tables() {
    let tenure = retail().await;
    let sql = "SELECT customer_id, amount FROM events WHERE event_type = 'purchase' AND customer_id = 7 AND ts >= '2017-06-01'";
    let scans = scans(&tenure, sql).await;
    // campaigns and coupons hold other events, which their constants say: they are not read
    let [scan] = scans.as_slice() else { panic!("{scans:#?}") };
    assert_eq!(list(scan, "projection=["), ["household_id", "ts", "sales"]);
    assert!(scan.contains("predicate=household_id@0 IS NOT NULL AND ts@2"), "{scan}");
    for pruning in
        ["household_id_min@", "<= 7", "7 <= household_id_max@", "ts_max@", ">= 1496275200000"]
    {
        assert!(scan.contains(pruning), "{pruning} is not in {scan}");
    }
}

#[tokio::test]
async fn as_of_is_a_condition_on_the_files() {
    let tenure = retail().await;
    tenure.sql("SET tenure.as_of = '2017-01-15'").await.unwrap();
    for scan in scans(&tenure, "SELECT count(*) FROM orders").await {
        assert!(scan.contains("ts_min@") && scan.contains("<= 1484438400000"), "{scan}");
    }
}

#[tokio::test]
async fn a_customer_of_orders_is_looked_for_in_the_files() {
    let tenure = retail().await;
    for relation in ["orders", "summaries"] {
        for scan in scans(&tenure, &format!("SELECT * FROM {relation} WHERE customer_id = 7")).await
        {
            assert!(scan.contains("7 <= household_id_max@"), "{relation}: {scan}");
        }
    }
}

#[tokio::test]
async fn only_the_columns_that_matter_are_read() {
    let tenure = retail().await;
    let count = "SELECT count(*) FROM events WHERE source = 'orders'";
    let [scan] = scans(&tenure, count).await.try_into().unwrap();
    assert_eq!(list(&scan, "projection=["), ["household_id", "ts"]);
    let months = "SELECT date_trunc('month', ts), sum(amount) FROM orders GROUP BY 1";
    let [scan] = scans(&tenure, months).await.try_into().unwrap();
    assert_eq!(list(&scan, "projection=["), ["household_id", "basket_id", "ts", "sales"]);
}

#[tokio::test]
async fn a_partition_that_is_not_meant_is_not_listed_in_the_plan() {
    let tenure = retail().await;
    for (condition, months) in [
        ("month = '2017-03'", &["2017-03"][..]),
        ("month IN ('2017-03', '2017-05')", &["2017-03", "2017-05"]),
        ("month >= '2017-12'", &["2017-12", "2018-01"]),
        ("month = 'never'", &[]),
    ] {
        let sql = format!("SELECT sum(sales) FROM raw.orders WHERE {condition}");
        let plan = rows::lines(&tenure, &format!("EXPLAIN {sql}")).await.unwrap().join("\n");
        for month in (1..=12).map(|m| format!("2017-{m:02}")).chain(["2018-01".to_string()]) {
            let read = plan.contains(&format!("month={month}/"));
            assert_eq!(read, months.contains(&month.as_str()), "{condition}, {month}: {plan}");
        }
    }
}
