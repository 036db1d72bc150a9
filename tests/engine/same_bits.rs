//! Window functions and table functions give the same bits however the rows come to them: number of
//! partitions, size of batches, split into files and row groups, order of rows.
//!
//! [`CASES`] lists them; one that is missing fails the tests. What a table function says is compared
//! in the order in which it says it.

use std::collections::BTreeSet;
use std::path::Path;
use std::sync::Arc;

use datafusion::arrow::array::{RecordBatch, UInt32Array};
use datafusion::arrow::compute::{concat_batches, take_record_batch};
use futures::TryStreamExt;
use tempfile::TempDir;
use tenure::{Error, ErrorKind, FunctionKind, Tenure};

use super::limits::spilled;
use crate::support::{parquet, rows};

/// A function, and statements over the table `log` that differ in what they do.
const CASES: &[(&str, &[&str])] = &[
    (
        "change_points",
        &[
            "SELECT * FROM change_points(log, unit => 'week')",
            "SELECT * FROM change_points(log, key => NULL, value => amount, unit => 'day', min_size => 2)",
        ],
    ),
    (
        "churn_score",
        &[
            "SELECT customer_id, churn_score(s, INTERVAL '30 days') OVER (PARTITION BY customer_id % 3) FROM sums ORDER BY customer_id",
        ],
    ),
    (
        "customer_summary_between",
        &[
            "SELECT * FROM customer_summary_between(log, calibration_end => TIMESTAMP '2024-04-01T12:00:00')",
            "SELECT * FROM customer_summary_between(log, calibration_end => TIMESTAMP '2024-04-01T00:00:00', holdout_end => TIMESTAMP '2024-06-01T00:00:00', unit => INTERVAL '7 days')",
        ],
    ),
    (
        "engagement_state",
        &[
            "SELECT *, engagement_state(visits > 2, day) OVER (PARTITION BY customer_id ORDER BY day) FROM days ORDER BY customer_id, day",
        ],
    ),
    (
        "engagement_states",
        &[
            "SELECT * FROM engagement_states((SELECT * FROM log WHERE ts >= DATE '2024-05-20'), wau => 3, mau => 9)",
        ],
    ),
    (
        "evaluate_model",
        &[
            "SELECT * FROM evaluate_model(log, calibration_end => TIMESTAMP '2024-03-01T00:00:00', model => ['mbg_nbd', 'pareto_nbd'])",
            "SELECT * FROM evaluate_model(log, calibration_end => TIMESTAMP '2024-03-01T00:00:00', unit => INTERVAL '7 days', report => 'tracking', every => INTERVAL '14 days')",
            "SELECT * FROM evaluate_model(log, calibration_end => TIMESTAMP '2024-03-01T00:00:00', report => 'tracking', season => [1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1.5, 2])",
        ],
    ),
    (
        "evaluate_scores",
        &[
            "SELECT * FROM evaluate_scores(log, actual => event_type = 'purchase', expected => abs(sin(customer_id)), probability => abs(cos(customer_id)), model => channel)",
            "SELECT * FROM evaluate_scores(log, actual => event_type = 'purchase', probability => abs(cos(customer_id)), report => 'calibration')",
            "SELECT * FROM evaluate_scores(log, actual => amount, expected => 30.1, frequency => customer_id % 11, report => 'frequency')",
        ],
    ),
    (
        "funnel",
        &[
            "SELECT * FROM funnel(log, steps => {'view': event_type = 'page_view', 'cart': event_type = 'add_to_cart', 'buy': event_type = 'purchase'}, window => INTERVAL '2 hours', by => channel)",
            "SELECT * FROM funnel(log, steps => {'view': event_type = 'page_view', 'cart': event_type = 'add_to_cart', 'buy': event_type = 'payment'}, window => INTERVAL '3 days', order => 'strict', hold => category, by => category, by_at => 'last')",
            "SELECT * FROM funnel(log, steps => [event_type = 'search', event_type = 'checkout'], window => INTERVAL '1 day', order => 'any', per => 'session', by => channel)",
            "SELECT * FROM funnel(log, steps => [event_type = 'search', event_type = 'checkout'], window => INTERVAL '1 day', exclude => event_type = 'email_sent', per => 'session')",
        ],
    ),
    (
        "funnel_correlation",
        &[
            "SELECT * FROM funnel_correlation(log, steps => [event_type = 'page_view', event_type = 'purchase'], window => INTERVAL '1 day', factor => event_type)",
        ],
    ),
    (
        "growth_accounting",
        &[
            "SELECT * FROM growth_accounting(log, amount => amount, unit => 'week')",
            "SELECT * FROM growth_accounting(log, active_when => event_type = 'purchase')",
        ],
    ),
    (
        "hazard_fit",
        &[
            "SELECT * FROM hazard_fit(log, event => event_type = 'complaint', every => INTERVAL '1 month', features => {'rows': count(*), 'bought': count(*) FILTER (WHERE event_type = 'purchase' AND ts >= cutoff - INTERVAL '30 days')})",
            "SELECT * FROM hazard_fit(log, event => event_type = 'purchase', every => INTERVAL '7 days', periods => 4, baseline => 'steps', start_when => event_type = 'add_to_cart')",
        ],
    ),
    (
        "key_points",
        &[
            "SELECT * FROM key_points(log, map => {'page_view': 'login'}, cart_window => INTERVAL '1 hour')",
        ],
    ),
    (
        "lifecycle",
        &[
            "SELECT * FROM lifecycle(log)",
            "SELECT * FROM lifecycle(log, unit => 'day', born => ts)",
        ],
    ),
    (
        "path_transitions",
        &[
            "SELECT * FROM path_transitions(log)",
            "SELECT * FROM path_transitions(log, value => category, per => 'session')",
        ],
    ),
    (
        "retention_matrix",
        &[
            "SELECT * FROM retention_matrix(log, unit => 'day', start => 'recurring', rule => 'on_or_after')",
            "SELECT * FROM retention_matrix(log, measure => amount, by => channel)",
            "SELECT * FROM retention_matrix(log, unit => 'week', clock => 'rolling', start => 'recurring', rule => 'on_or_after', measure => amount, by => event_type)",
            "SELECT * FROM retention_matrix(log, start_when => event_type = 'signup', return_when => event_type = 'purchase', rule => 'every', min_count => 2, measure => amount)",
        ],
    ),
    (
        "rfm_score",
        &[
            "SELECT customer_id, rfm_score(s) OVER (), rfm_score(s['recency'], s['frequency'], s['revenue'], 3, 'ntile') OVER (PARTITION BY customer_id % 2) FROM sums ORDER BY customer_id",
        ],
    ),
    (
        "seasonal_index",
        &["SELECT * FROM seasonal_index(log, season => [1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1.5, 2])"],
    ),
    (
        "sessionize",
        &[
            "SELECT *, sessionize(ts, INTERVAL '3 hours') OVER (PARTITION BY customer_id ORDER BY ts) FROM log",
            "SELECT *, sessionize(ts, INTERVAL '1 day', INTERVAL '2 days', event_type = 'purchase', true) OVER (PARTITION BY customer_id ORDER BY ts, event_type) FROM log",
        ],
    ),
    ("stage_forecast", &["SELECT * FROM stage_forecast(log, periods => 3)"]),
    ("stage_history", &["SELECT * FROM stage_history(log)"]),
    ("stage_transitions", &["SELECT * FROM stage_transitions(log)"]),
    (
        "training_set",
        &[
            "SELECT * FROM training_set(log, cutoffs => [TIMESTAMP '2024-03-01T00:00:00', TIMESTAMP '2024-05-01T00:00:00'], lookback => INTERVAL '60 days', horizon => INTERVAL '30 days', label => count(*) > 3, features => {'n': count(*), 'last': max(ts)})",
        ],
    ),
    ("stickiness", &["SELECT * FROM stickiness(log, unit => 'day', span => 'month')"]),
];

/// Rows of one customer in so many: a few thousand, and a few hundred where each is a batch of its
/// own.
const ONE_IN: [(u32, &[usize]); 2] = [(20, &[17, 8192]), (160, &[1])];

/// Rows of the shop with many equal times, and sums that need more digits than a double has.
const ROWS: &str = "
    SELECT customer_id, date_trunc('hour', ts) AS ts, event_type, channel, category, product_id, order_id, session_id,
      amount * (1 + 1e-9 * customer_id) AS amount
    FROM events WHERE customer_id % $n = 3
    ORDER BY customer_id, ts, event_type, session_id, product_id";

const PARTITIONS: [usize; 5] = [1, 2, 3, 7, 16];

/// Into how many files the rows go, how many a row group has, and whether they are shuffled.
const LAYOUTS: [(usize, usize, bool); 3] = [(1, 10_000, false), (5, 100, true), (13, 64, true)];

fn write(folder: &Path, rows: &RecordBatch, (files, group, shuffled): (usize, usize, bool)) {
    let n = rows.num_rows();
    let mut order: Vec<u32> = (0..n as u32).collect();
    if shuffled {
        // in the order of what has nothing to do with the rows
        order.sort_by_key(|i| {
            (u64::from(*i) + 1).wrapping_mul(0x9E37_79B9_7F4A_7C15 ^ files as u64)
        });
    }
    for file in 0..files {
        let part: UInt32Array =
            order[file * n / files..(file + 1) * n / files].iter().copied().collect();
        let part = take_record_batch(rows, &part).unwrap();
        let path = folder.join(format!("log/part-{file}.parquet"));
        parquet::put(path, &parquet::bytes(&part, group));
    }
}

/// What the cases ask of beside the rows.
const VIEWS: [&str; 2] = [
    "CREATE VIEW sums AS SELECT customer_id, customer_summary(ts, amount) AS s FROM log WHERE event_type = 'purchase' GROUP BY customer_id",
    "CREATE VIEW days AS SELECT customer_id, period_start(ts, 'day') AS day, count(*) AS visits FROM log GROUP BY 1, 2",
];

#[test]
fn every_window_and_table_function_is_a_case() {
    let cases: BTreeSet<&str> = CASES.iter().map(|c| c.0).collect();
    let runtime = tokio::runtime::Runtime::new().unwrap();
    let tenure = runtime.block_on(super::empty());
    let functions: Vec<_> = tenure
        .functions()
        .into_iter()
        .filter(|f| f.tenure && matches!(f.kind, FunctionKind::Window | FunctionKind::Table))
        .collect();
    let names: BTreeSet<&str> = functions.iter().map(|f| f.name.as_str()).collect();
    assert_eq!(cases, names);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn rows_come_in_any_way_and_the_bits_are_the_same() {
    let shop = Tenure::builder().threads(1).lake(rows::shipped("shop")).build().await.unwrap();
    for (n, batches) in ONE_IN {
        let all = shop.sql(&ROWS.replace("$n", &n.to_string())).await.unwrap();
        let all = all.collect().await.unwrap();
        same(&concat_batches(&all[0].schema(), &all).unwrap(), batches).await;
    }
}

async fn same(all: &RecordBatch, batches: &[usize]) {
    let folders: Vec<TempDir> = LAYOUTS
        .iter()
        .map(|layout| {
            let folder = TempDir::new().unwrap();
            write(folder.path(), all, *layout);
            folder
        })
        .collect();
    let mut expected: Vec<Vec<String>> = vec![];
    for (p, partitions) in PARTITIONS.into_iter().enumerate() {
        for (b, batch) in batches.iter().enumerate() {
            let layout = (p + b) % LAYOUTS.len();
            let builder = Tenure::builder().threads(partitions).as_of("2024-07-01");
            let lake = folders[layout].path().to_str().unwrap();
            let tenure = Arc::new(builder.lake(lake).build().await.unwrap());
            let size = format!("SET datafusion.execution.batch_size = {batch}");
            let split = "SET datafusion.optimizer.repartition_file_min_size = 0";
            for sql in [&size, split].into_iter().chain(VIEWS) {
                rows::lines(&tenure, sql).await.unwrap();
            }
            let statements = CASES.iter().flat_map(|c| c.1);
            for (at, sql) in statements.enumerate() {
                let mut got = rows::lines(&tenure, sql)
                    .await
                    .unwrap_or_else(|e| panic!("{sql}: {}", rows::told(&e)));
                // a window function leaves the order of rows to the statement
                if sql.contains(" FROM log") && sql.contains(" OVER ") {
                    got.sort();
                }
                let Some(want) = expected.get(at) else {
                    assert!(!got.is_empty() || all.num_rows() < 1_000, "{sql}");
                    expected.push(got);
                    continue;
                };
                let differs = (0..got.len().max(want.len())).find(|i| got.get(*i) != want.get(*i));
                if let Some(i) = differs {
                    panic!(
                        "{sql}\n{partitions} partitions, batches of {batch}, files {:?}\nline {i}\n got: {:?}\nwant: {:?}",
                        LAYOUTS[layout],
                        got.get(i),
                        want.get(i)
                    );
                }
            }
        }
    }
}

/// Sorted lines of an answer, and how often its operators spilled.
async fn spilling(tenure: &Tenure, sql: &str) -> Result<(Vec<Vec<String>>, usize), Error> {
    let answer = tenure.run(sql).await?;
    let batches: Vec<RecordBatch> = answer.stream.try_collect().await?;
    let mut lines = vec![];
    for batch in &batches {
        lines.extend(rows::rows(batch)?);
    }
    lines.sort();
    Ok((lines, spilled(&answer.plan)))
}

/// The rows of the shop, those of ten customers for each of its customers.
const TEN_TIMES: &str = "
    SELECT customer_id * 10 + n AS customer_id, date_trunc('hour', ts) AS ts, event_type, channel, category, product_id,
      order_id, concat(session_id, ' ', n) AS session_id, amount * (1 + 1e-9 * customer_id) AS amount
    FROM events CROSS JOIN generate_series(0, 9) AS t(n)
    ORDER BY customer_id, ts, event_type, session_id, product_id";

/// Less and less memory, until the rows of a statement wait on disk.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn rows_wait_on_disk_and_the_bits_are_the_same() {
    const MEGABYTES: [usize; 7] = [250, 100, 60, 40, 28, 20, 14];
    let shop = Tenure::builder().threads(1).lake(rows::shipped("shop")).build().await.unwrap();
    let all = shop.sql(TEN_TIMES).await.unwrap().collect().await.unwrap();
    let folder = TempDir::new().unwrap();
    let layout = (5, 10_000, true);
    write(folder.path(), &concat_batches(&all[0].schema(), &all).unwrap(), layout);
    let lake = folder.path().to_str().unwrap();
    let open = async |limit: Option<usize>| {
        let builder = Tenure::builder().threads(2).as_of("2024-07-01");
        let builder = match limit {
            Some(megabytes) => builder.memory_limit(megabytes << 20),
            None => builder,
        };
        let tenure = builder.lake(lake).build().await.unwrap();
        for view in VIEWS {
            rows::lines(&tenure, view).await.unwrap();
        }
        tenure
    };
    let free = open(None).await;
    let mut limited = vec![];
    for megabytes in MEGABYTES {
        limited.push(open(Some(megabytes)).await);
    }
    for (function, statements) in CASES {
        let mut waited = vec![];
        for sql in *statements {
            let (want, _) = spilling(&free, sql).await.unwrap();
            for (tenure, megabytes) in limited.iter().zip(MEGABYTES) {
                match spilling(tenure, sql).await {
                    Ok((got, spills)) => {
                        assert_eq!(got, want, "{megabytes} MB: {sql}");
                        if spills > 0 {
                            waited.push(megabytes);
                            break;
                        }
                    }
                    // with less, operators may write before another one needs what there is
                    Err(e) => {
                        assert_eq!(e.kind(), ErrorKind::Memory, "{megabytes} MB: {sql}: {e}");
                        println!("{megabytes} MB: {sql}: {e}");
                    }
                }
            }
        }
        println!("{function}: {waited:?}");
        assert!(!waited.is_empty(), "no row of {function} ever waited on disk");
    }
}
