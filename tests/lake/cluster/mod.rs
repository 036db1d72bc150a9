//! `tenure cluster`: the same answers without sort and shuffle, and nothing that is believed.

mod answers;
mod append;
mod odd;
mod plans;
mod program;
mod refused;
mod resume;
mod store;

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use tempfile::TempDir;
use tenure::cluster::{Progress, Settings, Written, cluster};
use tenure::lake::StoreOptions;
use tenure::{Error, Tenure};

use crate::support::rows::lines;

/// A place for a lake, and the lake before in it or elsewhere.
struct Work {
    folder: TempDir,
    source: PathBuf,
}

impl Work {
    /// On a lake that is there already.
    fn of(source: impl Into<PathBuf>) -> Self {
        Self { folder: tempfile::tempdir().unwrap(), source: source.into() }
    }

    /// On a lake that is written into a folder of its own.
    fn new() -> Self {
        let folder = tempfile::tempdir().unwrap();
        let source = folder.path().join("source");
        Self { folder, source }
    }

    fn dest(&self) -> PathBuf {
        self.folder.path().join("clustered")
    }

    /// Clusters with files of some rows.
    async fn cluster(&self, rows_per_file: u64) -> Result<Written, Error> {
        run(&self.source, &self.dest(), rows_per_file).await
    }

    /// Sessions on the lake before and after.
    async fn both(&self) -> [Tenure; 2] {
        [open(&self.source).await, open(&self.dest()).await]
    }

    /// The files of the clustered lake with what they hold.
    fn files(&self) -> BTreeMap<String, Vec<u8>> {
        files(&self.dest().join("_cluster"))
            .into_iter()
            .filter(|(name, _)| name.ends_with(".parquet"))
            .collect()
    }

    fn manifest(&self) -> String {
        std::fs::read_to_string(self.dest().join("tenure.toml")).unwrap()
    }

    /// Changes the manifest, as somebody with an editor might.
    fn tamper(&self, change: impl Fn(&str) -> String) {
        std::fs::write(self.dest().join("tenure.toml"), change(&self.manifest())).unwrap();
    }
}

async fn run(source: &Path, dest: &Path, rows_per_file: u64) -> Result<Written, Error> {
    let settings = Settings { rows_per_file, threads: Some(2), ..Settings::default() };
    let place = |path: &Path| path.to_str().unwrap().to_owned();
    let (source, dest, none) = (place(source), place(dest), StoreOptions::new());
    cluster((&source, &none), (&dest, &none), &settings, &Progress::default()).await
}

async fn open(path: &Path) -> Tenure {
    try_open(path).await.unwrap()
}

async fn try_open(path: &Path) -> Result<Tenure, Error> {
    let lake = path.to_str().unwrap();
    Tenure::builder().lake(lake).as_of("2025-02-01").threads(3).build().await
}

fn files(folder: &Path) -> BTreeMap<String, Vec<u8>> {
    let mut found = BTreeMap::new();
    let mut folders = vec![folder.to_owned()];
    while let Some(inner) = folders.pop() {
        for entry in std::fs::read_dir(inner).into_iter().flatten() {
            let path = entry.unwrap().path();
            if path.is_dir() {
                folders.push(path);
                continue;
            }
            let name = path.strip_prefix(folder).unwrap().to_str().unwrap().to_owned();
            found.insert(name, std::fs::read(&path).unwrap());
        }
    }
    found
}

/// The statements have the same rows on both lakes, in whatever order.
async fn same(tenures: &[Tenure; 2], statements: &[&str]) {
    for sql in statements {
        let sorted = |mut rows: Vec<String>| {
            rows.sort();
            rows
        };
        let left = lines(&tenures[0], sql).await.map(sorted);
        let right = lines(&tenures[1], sql).await.map(sorted);
        let (left, right) = (left.unwrap_or_else(|e| panic!("{sql}: {e}")), right);
        let right = right.unwrap_or_else(|e| panic!("clustered: {sql}: {e}"));
        assert!(!left.is_empty(), "{sql}");
        let differ = left.iter().zip(&right).find(|(a, b)| a != b);
        assert!(left == right, "{sql}: {} and {} rows; {differ:?}", left.len(), right.len());
    }
}

/// The physical plan of a statement.
async fn plan(tenure: &Tenure, sql: &str) -> String {
    lines(tenure, &format!("EXPLAIN FORMAT INDENT {sql}")).await.unwrap().join("\n")
}

/// Neither sort nor shuffle, and scans in order.
async fn streams(tenure: &Tenure, sql: &str) {
    let plan = plan(tenure, sql).await;
    assert!(plan.contains("ClusteredExec"), "{sql}\n{plan}");
    let shuffles = ["partitioning=Hash", "ScatterExec", "SortPreservingMerge", "InterleaveExec"];
    for wrong in ["SortExec"].into_iter().chain(shuffles) {
        assert!(!plan.contains(wrong), "{wrong}: {sql}\n{plan}");
    }
}

/// What looks at customers in the ways that Tenure's functions do.
const QUESTIONS: [&str; 12] = [
    "SELECT customer_id, window_funnel(86400, ts, event_type = 'page_view', event_type = 'add_to_cart', event_type = 'purchase') FROM events GROUP BY customer_id",
    "SELECT customer_id, lag(ts) OVER (PARTITION BY customer_id ORDER BY ts) FROM events",
    "SELECT customer_id, sessionize(ts, INTERVAL '30 minutes') OVER (PARTITION BY customer_id ORDER BY ts) FROM events",
    "SELECT customer_id, turning_points(ts, event_type, amount) FROM events GROUP BY customer_id",
    "SELECT * FROM summaries",
    "SELECT customer_id, order_id, ts, amount, items FROM orders",
    "SELECT customer_id, frequency(ts), monetary(amount), recency(ts) FROM orders GROUP BY customer_id",
    "SELECT customer_id, path_agg(event_type, ts) FROM events GROUP BY customer_id",
    "SELECT customer_id, count(*), min(ts), max(ts) FROM events GROUP BY customer_id",
    "SELECT * FROM customers",
    "SELECT * FROM profiles",
    "SELECT s.customer_id, s.n, o.m FROM (SELECT customer_id, count(*) AS n FROM events GROUP BY customer_id) AS s JOIN (SELECT customer_id, count(*) AS m FROM orders GROUP BY customer_id) AS o ON s.customer_id = o.customer_id",
];
