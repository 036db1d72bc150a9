//! Customers who are named by texts have the answers of customers who are named by numbers: UUIDs and
//! short texts, which are told apart as numbers, longer ones, both in one log, and NULL.

use std::path::Path;
use std::time::Duration;

use datafusion::arrow::array::RecordBatch;
use futures::TryStreamExt;
use tempfile::TempDir;
use tenure::Tenure;

use super::limits::spilled;
use crate::support::rows;

/// Kinds of names, and how one is made of a customer's number `c`.
const NAMES: [(&str, &str); 4] = [
    (
        "uuid",
        "concat(lpad(to_hex(c * 40503), 8, '0'), '-7dec-41d0-a765-', lpad(to_hex(c), 12, '0'))",
    ),
    ("short", "concat('C-', c)"),
    ("long", "concat('customer.number.', c, '@example.com')"),
    (
        "mixed",
        "CASE c % 5 WHEN 0 THEN uuid WHEN 1 THEN upper(uuid) WHEN 2 THEN concat('C-', c)
           WHEN 3 THEN concat('customer.number.', c) ELSE replace(uuid, '-a7', '-c7') END",
    ),
];

/// Questions to the log, by customer.
const QUESTIONS: [&str; 5] = [
    "window_funnel(86400, ts, event_type = 'page_view', event_type = 'add_to_cart', event_type = 'purchase')",
    "retention(event_type = 'signup', event_type = 'purchase', event_type = 'return')",
    "sequence_count('(?1).*(?2)', ts, event_type = 'page_view', event_type = 'purchase')",
    "customer_summary(ts, amount) FILTER (WHERE event_type = 'purchase')",
    "frequency(ts)",
];

/// Questions whose answers name nobody.
const TABLES: [&str; 3] = [
    "SELECT * FROM retention_matrix((SELECT customer_id, ts FROM $log), unit => 'week')",
    "SELECT * FROM path_transitions((SELECT customer_id, ts, event_type FROM $log))",
    "SELECT s, count(*) FROM (SELECT sessionize(ts, INTERVAL '30 minutes') OVER (PARTITION BY customer_id ORDER BY ts, event_type) AS s FROM $log) GROUP BY s",
];

/// A lake with the log once for each kind of name, and the names.
async fn lake(folder: &Path) {
    let shop = Tenure::builder().threads(1).lake(rows::shipped("shop")).build().await.unwrap();
    let (_, uuid) = NAMES[0];
    // one in fifty is not known at all
    let log = "(SELECT CASE customer_id % 50 WHEN 7 THEN NULL ELSE customer_id END AS c, ts, event_type, amount FROM events)";
    let copy = |query: &str, to: &str| {
        let to = folder.join(format!("{to}/part.parquet"));
        std::fs::create_dir_all(to.parent().unwrap()).unwrap();
        format!("COPY ({query}) TO '{}' STORED AS PARQUET", to.display())
    };
    let mut statements =
        vec![copy(&format!("SELECT c AS customer_id, * EXCLUDE (c) FROM {log}"), "number")];
    for (kind, name) in NAMES {
        let name = format!("CASE WHEN c IS NOT NULL THEN {name} END");
        let named = format!("(SELECT *, {uuid} AS uuid FROM {log})");
        let query = format!("SELECT {name} AS customer_id, c, ts, event_type, amount FROM {named}");
        statements.push(copy(&query, kind));
    }
    for sql in statements {
        rows::lines(&shop, &sql).await.unwrap_or_else(|e| panic!("{sql}: {}", rows::told(&e)));
    }
}

/// A session over a lake of its own.
async fn named() -> (TempDir, Tenure) {
    let folder = TempDir::new().unwrap();
    lake(folder.path()).await;
    let builder = Tenure::builder().threads(2).as_of("2024-07-01");
    let tenure = builder.lake(folder.path().to_str().unwrap()).build().await.unwrap();
    (folder, tenure)
}

async fn sorted(tenure: &Tenure, sql: &str) -> Vec<String> {
    let lines = rows::lines(tenure, sql).await;
    let mut lines = lines.unwrap_or_else(|e| panic!("{sql}: {}", rows::told(&e)));
    lines.sort();
    lines
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_name_has_the_answers_of_a_number() {
    let folder = TempDir::new().unwrap();
    lake(folder.path()).await;
    let mut expected: Vec<Vec<String>> = vec![];
    for (threads, batch) in [(1, 8192), (2, 17), (3, 1000)] {
        let builder = Tenure::builder().threads(threads).as_of("2024-07-01");
        let tenure = builder.lake(folder.path().to_str().unwrap()).build().await.unwrap();
        rows::lines(&tenure, &format!("SET datafusion.execution.batch_size = {batch}"))
            .await
            .unwrap();
        for (kind, _) in [("number", "")].iter().chain(&NAMES) {
            let each = QUESTIONS.iter().map(|question| {
                let answers = format!("SELECT customer_id, {question} AS answer FROM {kind} GROUP BY customer_id");
                match *kind {
                    "number" => answers,
                    _ => format!(
                        "SELECT c, answer FROM ({answers}) a LEFT JOIN (SELECT DISTINCT customer_id AS name, c FROM {kind}) n ON name IS NOT DISTINCT FROM customer_id"
                    ),
                }
            });
            let all = each.chain(TABLES.iter().map(|sql| sql.replace("$log", kind)));
            for (at, sql) in all.enumerate() {
                let got = sorted(&tenure, &sql).await;
                match expected.get(at) {
                    Some(want) => {
                        assert!(&got == want, "{threads} threads, batches of {batch}: {sql}")
                    }
                    None => expected.push(got),
                }
            }
        }
    }
    assert!(expected.iter().all(|lines| lines.len() > 2));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn names_spill_and_the_answers_are_the_same() {
    let folder = TempDir::new().unwrap();
    lake(folder.path()).await;
    let path = folder.path().to_str().unwrap();
    let open = || Tenure::builder().threads(2).as_of("2024-07-01").lake(path);
    let large = open().build().await.unwrap();
    let small = open().memory_limit(6 << 20).build().await.unwrap();
    for (kind, _) in NAMES {
        // a table of groups with texts begins with two megabytes
        let log = vec![format!("SELECT * FROM {kind}"); 5].join(" UNION ALL ");
        let sql = format!("SELECT customer_id, {} FROM ({log}) GROUP BY customer_id", QUESTIONS[0]);
        let answer = small.run(&sql).await.unwrap_or_else(|e| panic!("{sql}: {}", rows::told(&e)));
        let done: Result<Vec<RecordBatch>, _> = answer.stream.try_collect().await;
        assert!(done.is_ok(), "{sql}: {done:?}");
        assert!(spilled(&answer.plan) > 0, "{sql}");
        assert!(sorted(&small, &sql).await == sorted(&large, &sql).await, "{sql}");
    }
}

/// An exchange that was refused memory waited for ever, one time in two.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_exchange_of_names_ends_with_little_memory() {
    let folder = TempDir::new().unwrap();
    lake(folder.path()).await;
    let path = folder.path().to_str().unwrap();
    for memory in [1, 3, 8, 9, 1, 3, 8, 9, 1, 3] {
        let builder = Tenure::builder().threads(2).as_of("2024-07-01").memory_limit(memory << 20);
        let tenure = builder.lake(path).build().await.unwrap();
        for kind in ["uuid", "long"] {
            let log = vec![format!("SELECT * FROM {kind}"); 4].join(" UNION ALL ");
            let sql = format!(
                "SELECT count(*) FROM (SELECT customer_id, count(*) FROM ({log}) GROUP BY customer_id)"
            );
            let answer = tokio::time::timeout(Duration::from_secs(60), sorted(&tenure, &sql));
            let lines = answer.await.unwrap_or_else(|_| panic!("{memory} MB never end: {sql}"));
            assert_eq!(lines, ["2451"], "{sql}");
        }
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_is_computed_of_a_name_gets_the_name() {
    let (_folder, tenure) = named().await;
    for (sql, same) in [
        (
            "SELECT count(*) FROM (SELECT customer_id, CASE WHEN customer_id LIKE '%3' THEN 'a' ELSE 'b' END AS kind, frequency(ts) FROM uuid GROUP BY 1, 2)",
            "SELECT count(DISTINCT customer_id) + 1 FROM uuid",
        ),
        (
            "SELECT count(*), sum(s) FROM (SELECT sessionize(ts, INTERVAL '1 day') OVER (PARTITION BY customer_id, upper(customer_id) ORDER BY ts) AS s FROM short)",
            "SELECT count(*), sum(s) FROM (SELECT sessionize(ts, INTERVAL '1 day') OVER (PARTITION BY customer_id ORDER BY ts) AS s FROM number)",
        ),
    ] {
        assert_eq!(sorted(&tenure, sql).await, sorted(&tenure, same).await, "{sql}");
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn names_are_grouped_as_numbers() {
    let (_folder, tenure) = named().await;
    for (sql, by_number) in [
        (format!("SELECT customer_id, {} FROM uuid GROUP BY customer_id", QUESTIONS[0]), true),
        // what reads the name itself needs the name
        (
            format!(
                "SELECT customer_id, {}, count(customer_id) FROM uuid GROUP BY customer_id",
                QUESTIONS[0]
            ),
            false,
        ),
        (format!("SELECT customer_id, {} FROM number GROUP BY customer_id", QUESTIONS[0]), false),
    ] {
        let plan = sorted(&tenure, &format!("EXPLAIN {sql}")).await.join("\n");
        assert_eq!(plan.contains("NamedAggregateExec"), by_number, "{plan}");
    }
}
