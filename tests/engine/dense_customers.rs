//! Customers whose numbers lie close together have a place each in a table of bits: with the answers of
//! customers who have not.

use std::path::Path;

use datafusion::arrow::array::RecordBatch;
use futures::TryStreamExt;
use tempfile::TempDir;
use tenure::Tenure;

use super::limits::spilled;
use crate::support::rows;

/// How customers are numbered: from the number `c` of one, and whether they get a table.
const NUMBERS: [(&str, &str, bool); 6] = [
    ("sparse", "c * 1000000007", false),
    ("dense", "c", true),
    ("negative", "c - 200", true),
    ("narrow", "arrow_cast(c, 'Int16')", true),
    ("unsigned", "arrow_cast(c, 'UInt32')", true),
    // not all of them are numbers of 64 bits with a sign
    ("wide", "arrow_cast(c, 'UInt64')", false),
];

/// Questions to a log, by customer, that have a table where there is one.
fn questions() -> Vec<String> {
    let many = (0..40).map(|n| format!("n % 41 = {n}")).collect::<Vec<_>>().join(", ");
    vec![
        "retention(n % 5 = 0, n % 7 = 0, n % 3 = 0)".to_string(),
        // bits of two words
        format!("retention({many}) FILTER (WHERE n % 2 = 0)"),
        "active_periods(periods_between(TIMESTAMP '1970-01-01', ts, 'month'))".to_string(),
        "active_periods(periods_between(TIMESTAMP '1970-01-01', ts, 'week')) FILTER (WHERE n % 3 > 0), retention(NULL, n > 9), retention(n > 9, NULL)".to_string(),
    ]
}

const TABLE: &str = "SELECT * FROM retention_matrix((SELECT customer_id, ts FROM $log), unit => 'month', rule => 'on_or_after')";

/// A lake with the log once for each kind of numbers, in several files. There come to be more and more
/// customers, and one is not known.
async fn lake(folder: &Path) {
    let tenure = Tenure::builder().threads(1).build().await.unwrap();
    let log = "(SELECT nullif(value * 7919 % (50 + value / 15), 7) AS c, value AS n, to_timestamp_seconds(1577836800 + value * 2003) AS ts FROM range(0, 12000))";
    for (kind, number, _) in NUMBERS {
        std::fs::create_dir_all(folder.join(kind)).unwrap();
        for part in 0..3 {
            let to = folder.join(format!("{kind}/{part}.parquet"));
            let sql = format!(
                "COPY (SELECT {number} AS customer_id, c, n, ts FROM {log} WHERE n / 4000 = {part}) TO '{}'",
                to.display()
            );
            rows::lines(&tenure, &sql)
                .await
                .unwrap_or_else(|e| panic!("{sql}: {}", rows::told(&e)));
        }
    }
}

async fn sorted(tenure: &Tenure, sql: &str) -> Vec<String> {
    let lines = rows::lines(tenure, sql).await;
    let mut lines = lines.unwrap_or_else(|e| panic!("{sql}: {}", rows::told(&e)));
    lines.sort();
    lines
}

async fn open(folder: &TempDir, threads: usize) -> Tenure {
    let builder = Tenure::builder().threads(threads).as_of("2022-01-01");
    builder.lake(folder.path().to_str().unwrap()).build().await.unwrap()
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_table_has_the_answers_of_groups() {
    let folder = TempDir::new().unwrap();
    lake(folder.path()).await;
    let mut expected: Vec<Vec<String>> = vec![];
    for (threads, batch) in [(1, 8192), (2, 17), (7, 1000)] {
        let tenure = open(&folder, threads).await;
        rows::lines(&tenure, &format!("SET datafusion.execution.batch_size = {batch}"))
            .await
            .unwrap();
        for (kind, number, dense) in NUMBERS {
            let each = questions().into_iter().map(|question| {
                let names = format!("SELECT DISTINCT {number} AS name, c FROM {kind}");
                (
                    format!("SELECT customer_id, {question} FROM {kind} GROUP BY customer_id"),
                    format!("SELECT n.c, a.* EXCLUDE (customer_id) FROM ($answers) a LEFT JOIN ({names}) n ON name IS NOT DISTINCT FROM customer_id"),
                )
            });
            let table = TABLE.replace("$log", kind);
            for (at, (ask, all)) in each.chain([(table.clone(), table)]).enumerate() {
                let plan = sorted(&tenure, &format!("EXPLAIN {ask}")).await.join("\n");
                // one thread has all rows of a customer anyway
                let dense = dense && threads > 1;
                assert_eq!(plan.contains("DenseAggregateExec"), dense, "{ask}\n{plan}");
                let got = sorted(&tenure, &all.replace("$answers", &ask)).await;
                match expected.get(at) {
                    Some(want) => {
                        assert!(&got == want, "{threads} threads, batches of {batch}: {ask}")
                    }
                    None => expected.push(got),
                }
            }
        }
    }
    assert!(expected.iter().all(|lines| lines.len() > 20));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn without_memory_for_a_table_rows_are_brought_together() {
    let folder = TempDir::new().unwrap();
    lake(folder.path()).await;
    // the tables of two threads have 4 MB
    let far = folder.path().join("far");
    std::fs::create_dir_all(&far).unwrap();
    let large = open(&folder, 2).await;
    let sql = format!(
        "COPY (SELECT value * 7919 % 500000 AS customer_id, value AS n FROM range(0, 1500000)) TO '{}'",
        far.join("0.parquet").display()
    );
    rows::lines(&large, &sql).await.unwrap();
    let large = open(&folder, 2).await;
    let builder = Tenure::builder().threads(2).memory_limit(6 << 20);
    let small = builder.lake(folder.path().to_str().unwrap()).build().await.unwrap();
    let sql = "SELECT r, count(*), sum(customer_id) FROM (SELECT customer_id, retention(n % 5 = 0, n % 7 = 0) AS r FROM far GROUP BY customer_id) GROUP BY r";
    let mut ways = vec![];
    for tenure in [&large, &small] {
        let plan = sorted(tenure, &format!("EXPLAIN {sql}")).await.join("\n");
        assert!(plan.contains("DenseAggregateExec"), "{plan}");
        let answer = tenure.run(sql).await.unwrap();
        let done: Result<Vec<RecordBatch>, _> = answer.stream.try_collect().await;
        assert!(done.is_ok(), "{done:?}");
        ways.push(spilled(&answer.plan) > 0);
    }
    assert_eq!(ways, [false, true]);
    assert_eq!(sorted(&large, sql).await, sorted(&small, sql).await);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_table_is_for_bits_of_customers_known_beforehand() {
    let folder = TempDir::new().unwrap();
    lake(folder.path()).await;
    let tenure = open(&folder, 2).await;
    let ask = |what: &str, from: &str| {
        format!("SELECT customer_id, {what} FROM {from} GROUP BY customer_id")
    };
    for (sql, dense) in [
        (ask("retention(n > 3)", "(SELECT customer_id, n FROM dense WHERE n % 3 = 1)"), true),
        (ask("retention(n > 3), count(*)", "dense"), false),
        (ask("retention(n > 3), window_funnel(60, ts, n > 3)", "dense"), false),
        // numbers of nobody knows which bounds
        (ask("active_periods(n % 9)", "dense"), false),
        // more bits than a group has
        (ask("active_periods(periods_between(TIMESTAMP '1970-01-01', ts, 'day'))", "dense"), false),
        (ask("retention(n > 3)", "(SELECT customer_id + 1 AS customer_id, n FROM dense)"), false),
        ("SELECT customer_id, n % 2, retention(n > 3) FROM dense GROUP BY 1, 2".to_string(), false),
    ] {
        let plan = sorted(&tenure, &format!("EXPLAIN {sql}")).await.join("\n");
        assert_eq!(plan.contains("DenseAggregateExec"), dense, "{sql}\n{plan}");
    }
}

/// What a file says of texts are bounds of texts, and what a filter leaves out may be no number.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn texts_that_are_numbers_have_no_bounds() {
    let folder = TempDir::new().unwrap();
    std::fs::create_dir_all(folder.path().join("log")).unwrap();
    let tenure = Tenure::builder().threads(2).build().await.unwrap();
    for part in 0..2 {
        let to = folder.path().join(format!("log/{part}.parquet"));
        let sql = format!(
            "COPY (SELECT CASE value WHEN 40 THEN '' ELSE CAST(value % 20 AS VARCHAR) END AS name, value % 20 AS c, CASE value WHEN 41 THEN 'never' ELSE concat('2020-01-', lpad(CAST(1 + value % 9 AS VARCHAR), 2, '0')) END AS day FROM range(0, 400) WHERE value % 2 = {part}) TO '{}'",
            to.display()
        );
        rows::lines(&tenure, &sql).await.unwrap();
    }
    let tenure = open(&folder, 2).await;
    for (sql, groups) in [
        ("SELECT CAST(name AS BIGINT), retention(c > 3) FROM log WHERE name <> '' GROUP BY 1", 20),
        (
            "SELECT c, sum(CAST(name AS BIGINT)), retention(c > 3) FROM log WHERE name <> '' GROUP BY c",
            20,
        ),
        ("SELECT c, active_periods(CAST(name AS BIGINT)) FROM log WHERE name <> '' GROUP BY c", 20),
        (
            "SELECT c, active_periods(periods_between(TIMESTAMP '2020-01-01', CAST(day AS TIMESTAMP), 'day')) FROM log WHERE day <> 'never' GROUP BY c",
            20,
        ),
        ("SELECT CAST(CAST(c AS VARCHAR) AS BIGINT), retention(c > 3) FROM log GROUP BY 1", 20),
        ("SELECT CAST(radians(c * 60) AS BIGINT), retention(c > 3) FROM log GROUP BY 1", 20),
    ] {
        let plan = sorted(&tenure, &format!("EXPLAIN {sql}")).await.join("\n");
        assert!(!plan.contains("DenseAggregateExec"), "{plan}");
        assert_eq!(sorted(&tenure, sql).await.len(), groups, "{sql}");
    }
}
