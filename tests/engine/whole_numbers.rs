//! Sums of whole numbers are those of numbers without end, or an error, however the rows come.

use std::collections::BTreeMap;
use std::sync::Arc;

use datafusion::arrow::array::{Int64Array, RecordBatch};
use proptest::prelude::*;
use tempfile::tempdir;
use tenure::{ErrorKind, Tenure};

use crate::support::{parquet, rows};

/// Numbers near the ends of their type, and others.
fn number() -> impl Strategy<Value = Option<i64>> {
    let near = -3..=3i64;
    prop_oneof![
        near.clone().prop_map(|n| Some(i64::MAX.saturating_add(n))),
        near.clone().prop_map(|n| Some(i64::MIN.saturating_add(n))),
        near.prop_map(Some),
        Just(None),
    ]
}

fn batch(log: &[(i64, Option<i64>)]) -> RecordBatch {
    let groups = Int64Array::from_iter_values(log.iter().map(|row| row.0));
    let numbers: Int64Array = log.iter().map(|row| row.1).collect();
    parquet::batch(vec![("g", Arc::new(groups)), ("n", Arc::new(numbers))])
}

/// What the statement says of each group, or that something is out of range.
async fn sums(tenure: &Tenure, sql: &str) -> Option<Vec<String>> {
    match rows::lines(tenure, sql).await {
        Ok(lines) => Some(lines),
        Err(e) => {
            assert_eq!((e.kind(), e.kind().sqlstate()), (ErrorKind::OutOfRange, "22003"), "{e}");
            None
        }
    }
}

async fn check(files: &[Vec<(i64, Option<i64>)>], threads: usize) {
    let folder = tempdir().unwrap();
    for (n, log) in files.iter().enumerate() {
        parquet::write(folder.path().join(format!("{n}.parquet")), &batch(log));
    }
    let tenure = Tenure::builder().threads(threads).build().await.unwrap();
    let log = format!("'{}/*.parquet'", folder.path().display());
    let narrow = |sum: &i128| i64::try_from(*sum).ok();

    let mut groups: BTreeMap<i64, Option<i128>> = BTreeMap::new();
    for (group, n) in files.concat() {
        let sum = groups.entry(group).or_default();
        *sum = n.map_or(*sum, |n| Some(sum.unwrap_or(0) + i128::from(n)));
    }
    let fits = groups.values().flatten().all(|sum| narrow(sum).is_some());
    let want = groups.iter().map(|(group, sum)| match sum {
        Some(sum) => format!("{group}|{sum}"),
        None => format!("{group}|NULL"),
    });
    let want: Option<Vec<String>> = fits.then(|| want.collect());
    let sql = format!(
        "SELECT concat(g, '|', coalesce(CAST(sum(n) AS VARCHAR), 'NULL')) FROM {log} GROUP BY g ORDER BY g"
    );
    assert_eq!(sums(&tenure, &sql).await, want);

    let all: i128 = groups.values().flatten().sum();
    let known = groups.values().flatten().count() > 0;
    let want = if known { narrow(&all).map(|sum| sum.to_string()) } else { Some("NULL".into()) };
    let sql = format!("SELECT sum(n) FROM {log}");
    assert_eq!(sums(&tenure, &sql).await, want.map(|sum| vec![sum]));
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(100))]
    #[test]
    fn sums_do_not_wrap(
        files in prop::collection::vec(prop::collection::vec((0..3i64, number()), 1..6), 1..4),
        threads in 1..4usize,
    ) {
        let run = tokio::runtime::Builder::new_multi_thread().enable_all().build().unwrap();
        run.block_on(check(&files, threads));
    }
}
