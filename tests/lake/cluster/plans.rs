//! On the clustered lake the same SQL plans without sort and shuffle.

use super::{QUESTIONS, Work, plan, streams};
use crate::support::rows::{lines, shipped};

#[tokio::test]
async fn questions_by_customer_need_no_sort_and_no_shuffle() {
    for lake in ["shop", "retail", "cdnow"] {
        let work = Work::of(shipped(lake));
        work.cluster(5_000).await.unwrap();
        let [before, after] = work.both().await;
        for sql in QUESTIONS {
            streams(&after, sql).await;
            if sql.contains("events") {
                let plain = plan(&before, sql).await;
                let shuffles = plain.contains("Hash([") || plain.contains("ScatterExec");
                assert!(shuffles, "{sql}\n{plain}");
            }
        }
    }
}

#[tokio::test]
async fn groups_are_given_out_one_after_the_other() {
    let work = Work::of(shipped("shop"));
    work.cluster(5_000).await.unwrap();
    let [_, after] = work.both().await;
    for sql in [QUESTIONS[0], QUESTIONS[3], QUESTIONS[4]] {
        let plan = plan(&after, sql).await;
        for aggregate in plan.lines().filter(|line| line.contains("AggregateExec")) {
            assert!(
                aggregate.contains("mode=SinglePartitioned") && aggregate.contains("Sorted"),
                "{plan}"
            );
        }
    }
}

#[tokio::test]
async fn joins_of_large_tables_by_customer_need_no_shuffle() {
    let work = Work::of(shipped("retail"));
    work.cluster(5_000).await.unwrap();
    let [before, after] = work.both().await;
    let sql = "SELECT count(*), round(sum(a.amount), 2), sum(b.n) FROM orders AS a JOIN (SELECT customer_id, count(*) AS n FROM events GROUP BY customer_id) AS b USING (customer_id)";
    for tenure in [&before, &after] {
        for threshold in ["threshold", "threshold_rows"] {
            let set =
                format!("SET datafusion.optimizer.hash_join_single_partition_{threshold} = 0");
            lines(tenure, &set).await.unwrap();
        }
    }
    streams(&after, sql).await;
    assert!(plan(&after, sql).await.contains("mode=Partitioned"));
    super::same(&[before, after], &[sql]).await;
}

#[tokio::test]
async fn a_question_that_needs_no_order_reads_files_as_it_likes() {
    let work = Work::of(shipped("shop"));
    work.cluster(5_000).await.unwrap();
    let [_, after] = work.both().await;
    for sql in ["SELECT count(event_type) FROM raw.events", "SELECT * FROM raw.events LIMIT 3"] {
        assert!(!plan(&after, sql).await.contains("ClusteredExec"), "{sql}");
    }
    // a customer's rows are in one file
    let sql = "SELECT count(*) FROM events WHERE customer_id = 7";
    let found = lines(&after, &format!("EXPLAIN ANALYZE {sql}")).await.unwrap().join("\n");
    assert!(found.contains("files_ranges_pruned_statistics=11 total → 1 matched"), "{found}");
}

#[tokio::test]
async fn the_lake_says_that_it_is_clustered() {
    let work = Work::of(shipped("shop"));
    work.cluster(5_000).await.unwrap();
    let [_, after] = work.both().await;
    let text = after.describe().await.unwrap();
    assert!(text.contains("clustered in 11 ranges of customers (run 1"), "{text}");
    assert!(text.contains("50169 rows, sorted by customer_id, ts\n"), "{text}");
}

#[tokio::test]
async fn a_table_that_is_not_there_is_no_lake_without_files() {
    let work = Work::of(shipped("shop"));
    work.cluster(50_000).await.unwrap();
    let [_, after] = work.both().await;
    let error = lines(&after, "SELECT * FROM evnts").await.unwrap_err();
    assert_eq!(error.kind(), tenure::ErrorKind::UndefinedTable, "{error}");
    assert!(error.hint().is_some_and(|hint| hint.contains("events")), "{error:?}");
}
