//! The same seed gives the same lake.

use std::collections::BTreeMap;
use std::fs;
use std::path::Path;

use chrono::NaiveDate;
use tenure::Tenure;
use tenure::generate::{Dropout, Ids, Settings, generate};
use tenure::lake::StoreOptions;

use super::{lake, one, open, same_rows, shown};
use crate::support::rows::{lines, shipped};

/// Every file with its bytes.
fn files(folder: &Path) -> BTreeMap<String, Vec<u8>> {
    fn walk(root: &Path, at: &Path, into: &mut BTreeMap<String, Vec<u8>>) {
        for entry in fs::read_dir(at).unwrap() {
            let path = entry.unwrap().path();
            if path.is_dir() {
                walk(root, &path, into);
            } else {
                let name = path.strip_prefix(root).unwrap().to_string_lossy().into_owned();
                into.insert(name, fs::read(&path).unwrap());
            }
        }
    }
    let mut all = BTreeMap::new();
    walk(folder, folder, &mut all);
    all
}

const TABLES: [&str; 9] = [
    "events",
    "customers",
    "campaigns",
    "truth_customers",
    "truth_parameters",
    "truth_turning_points",
    "truth_incidents",
    "truth_seasons",
    "truth_dirt",
];

/// The same rows, each as often, in every table of two lakes of one session.
async fn same_lakes(tenure: &Tenure, left: &str, right: &str) {
    for table in TABLES {
        let all = |lake: &str| format!("SELECT * FROM {lake}.raw.{table}");
        let rows = same_rows(tenure, &all(left), &all(right)).await;
        // a clean lake has none
        assert!(rows > 0.0 || table == "truth_dirt", "{table}");
    }
}

#[test]
fn any_number_of_threads_gives_the_same_bytes() {
    // long enough for several chunks of customers and several row groups of a month
    let settings = Settings {
        from: NaiveDate::from_ymd_opt(2024, 5, 1).unwrap(),
        events_per_customer: 80,
        dirt: true,
        ..Settings::new(5000)
    };
    let made = [1, 2, 7].map(|threads| {
        let folder = tempfile::tempdir().unwrap();
        let runtime = tokio::runtime::Builder::new_multi_thread()
            .worker_threads(threads)
            .enable_all()
            .build()
            .unwrap();
        let options = StoreOptions::new();
        let written =
            runtime.block_on(generate(&settings, shown(folder.path()), &options)).unwrap();
        assert!(written.events > 400_000, "{written:?}");
        files(folder.path())
    });
    let [first, others @ ..] = made;
    assert_eq!(first.len(), 11, "{:?}", first.keys());
    for other in others {
        let differ: Vec<_> = first
            .iter()
            .filter(|(name, bytes)| other.get(*name) != Some(bytes))
            .map(|(n, _)| n)
            .collect();
        assert!(differ.is_empty() && first.len() == other.len(), "{differ:?}");
    }
}

#[tokio::test]
async fn any_number_of_files_holds_the_same_lakes() {
    let settings = Settings { dirt: true, ..Settings::new(500) };
    let one_file = lake(&settings).await;
    let three = lake(&Settings { files_per_month: 3, ..settings.clone() }).await;
    for (folder, each) in [(&one_file, 1), (&three, 3)] {
        let months = fs::read_dir(folder.path().join("events")).unwrap().count();
        let all = files(folder.path());
        let events = all.keys().filter(|name| name.starts_with("events/")).count();
        assert_eq!((months, events), (18, 18 * each));
    }
    let (a, b) = (tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap());
    fs::rename(one_file.path(), a.path().join("a")).unwrap();
    fs::rename(three.path(), b.path().join("b")).unwrap();
    let tenure = Tenure::builder()
        .lake(shown(&a.path().join("a")))
        .lake(shown(&b.path().join("b")))
        .build()
        .await
        .unwrap();
    same_lakes(&tenure, "a", "b").await;
}

#[tokio::test]
async fn another_seed_is_another_lake() {
    let mut answers = vec![];
    for seed in [42, 42, 43] {
        let tenure = open(&Settings { seed, ..Settings::new(100) }).await;
        answers.push(one(&tenure, "SELECT sum(amount), count(*) FROM raw.events").await);
    }
    assert_eq!(answers[0], answers[1]);
    assert_ne!(answers[0], answers[2]);
}

#[tokio::test]
async fn uuids_say_the_same_as_numbers() {
    let numbered = open(&Settings::new(300)).await;
    let uuids = open(&Settings { ids: Ids::Uuid, ..Settings::new(300) }).await;
    for sql in [
        "SELECT count(*), count(customer_id), count(DISTINCT customer_id), count(DISTINCT session_id) FROM events",
        "SELECT count(*), count(DISTINCT device_id) FROM raw.events",
        "SELECT count(*) FROM raw.customers AS c JOIN raw.truth_customers AS t ON t.customer_id = c.customer_id",
        "SELECT count(*) FROM raw.customers AS c JOIN raw.customers AS r ON r.customer_id = c.referred_by",
        "SELECT stage, count(*) FROM profiles GROUP BY stage ORDER BY stage",
    ] {
        let expected = lines(&numbered, sql).await.unwrap();
        assert_eq!(lines(&uuids, sql).await.unwrap(), expected, "{sql}");
    }
    let shape = "SELECT count(*) FROM events WHERE NOT regexp_like(customer_id, '^[0-9a-f]{8}-[0-9a-f]{4}-8[0-9a-f]{3}-[89ab][0-9a-f]{3}-[0-9a-f]{12}$')";
    assert_eq!(one(&uuids, shape).await, "0");
}

/// `data/shop` is what its README says it is.
#[tokio::test]
async fn the_shop_that_ships_is_made_by_its_command() {
    let folder = tempfile::tempdir().unwrap();
    let again = folder.path().join("again");
    let model = |lake: &Path| fs::read_to_string(lake.join("tenure.toml")).unwrap();
    let settings = Settings { model: Dropout::Mbg, ..Settings::new(2500) };
    generate(&settings, shown(&again), &StoreOptions::new()).await.unwrap();
    let readme = fs::read_to_string(shipped("README.md")).unwrap();
    let command = model(&again).lines().nth(1).unwrap().replace("#   ", "");
    assert!(readme.contains(&format!("\n{command} data/shop\n")), "{command}");
    assert_eq!(model(&again), model(Path::new(&shipped("shop"))));
    let tenure = Tenure::builder().lake(shipped("shop")).lake(shown(&again)).build().await.unwrap();
    same_lakes(&tenure, "shop", "again").await;
}
