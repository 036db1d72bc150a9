//! New months: only what they touch is written.

use std::collections::BTreeSet;
use std::path::Path;

use tenure::ErrorKind;
use tenure::generate::{Ids, Settings, generate};
use tenure::lake::StoreOptions;

use super::{QUESTIONS, Work, same, streams};
use crate::support::rows::lines;

/// A lake whose months after the fourth are kept aside.
async fn months(settings: &Settings) -> (Work, Vec<String>) {
    let work = Work::new();
    let source = work.source.to_str().unwrap();
    generate(settings, source, &StoreOptions::new()).await.unwrap();
    let events = work.source.join("events");
    let mut months: Vec<String> = std::fs::read_dir(&events)
        .unwrap()
        .map(|entry| entry.unwrap().file_name().to_str().unwrap().to_owned())
        .collect();
    months.sort();
    let later = months.split_off(4);
    for month in &later {
        std::fs::rename(events.join(month), work.folder.path().join(month)).unwrap();
    }
    (work, later)
}

fn bring(work: &Work, month: &str) {
    let to: &Path = &work.source.join("events").join(month);
    std::fs::rename(work.folder.path().join(month), to).unwrap();
}

#[tokio::test]
async fn months_are_added_as_files_and_merged_now_and_then() {
    for ids in [Ids::Int, Ids::Uuid] {
        let (work, later) = months(&Settings { ids, ..Settings::new(300) }).await;
        work.cluster(400).await.unwrap();
        for (at, month) in later.iter().enumerate() {
            let before = work.files();
            let known = work.manifest();
            bring(&work, month);
            let written = work.cluster(400).await.unwrap();
            assert!(!written.up_to_date && written.files > 0, "{written:?}");
            // what the lake named before is there as it was, whether it is still named or not
            let after = work.files();
            for (name, bytes) in &before {
                let file = name.rsplit('/').next().unwrap();
                if known.split("retired").nth(1).unwrap().split(']').nth(1).unwrap().contains(file)
                {
                    assert!(after.get(name) == Some(bytes), "{name} was touched");
                }
            }
            // at first nothing is written again; later, ranges with many files get one
            if at < 2 {
                assert!(work.manifest().contains("retired = []"), "{}", work.manifest());
            }
            if [0, 4, 7].contains(&at) {
                let tenures = work.both().await;
                same(&tenures, &QUESTIONS[..8]).await;
                for sql in QUESTIONS {
                    streams(&tenures[1], sql).await;
                }
            }
        }
        let manifest = work.manifest();
        assert!(manifest.contains(&format!("run = {}", later.len() + 1)), "{manifest}");
        // no range has more than four files
        let of_range = |range: usize| manifest.matches(&format!("range = {range},")).count();
        assert!((0..40).all(|range| of_range(range) <= 2 * 4), "{manifest}");
    }
}

#[tokio::test]
async fn rows_of_known_files_are_not_read_again() {
    let (work, later) = months(&Settings::new(200)).await;
    let first = work.cluster(400).await.unwrap();
    bring(&work, &later[0]);
    let second = work.cluster(400).await.unwrap();
    let [before, _] = work.both().await;
    let sql = format!(
        "SELECT count(*) FROM raw.events WHERE month = '{}'",
        later[0].trim_start_matches("month=")
    );
    let new = lines(&before, &sql).await.unwrap();
    assert_eq!(vec![second.rows.to_string()], new, "{first:?} {second:?}");
    assert!(second.kept > 0);
}

#[tokio::test]
async fn greater_customers_open_new_ranges() {
    use crate::support::parquet::write;
    let work = Work::new();
    let month = |n: i64| {
        super::odd::events(
            &(0..3000).map(|i| (Some(n * 1000 + i / 3), Some(i % 3))).collect::<Vec<_>>(),
        )
    };
    write(work.source.join("events/1.parquet"), &month(0));
    work.cluster(500).await.unwrap();
    let ranges = |work: &Work| work.manifest().split("last").next().unwrap().lines().count();
    let (before, files) = (ranges(&work), work.files());
    write(work.source.join("events/2.parquet"), &month(1));
    work.cluster(500).await.unwrap();
    assert!(ranges(&work) >= before + 5, "{}", work.manifest());
    let after = work.files();
    assert!(files.iter().all(|(name, bytes)| after.get(name) == Some(bytes)));
    let tenures = work.both().await;
    same(
        &tenures,
        &["SELECT customer_id, count(*), min(ts), max(ts) FROM events GROUP BY customer_id"],
    )
    .await;
    let plan = super::plan(&tenures[1], "SELECT customer_id, ts FROM events").await;
    assert!(plan.contains("ranges=11"), "{plan}");
}

#[tokio::test]
async fn files_that_were_replaced_are_deleted_by_the_next_run() {
    let (work, later) = months(&Settings::new(200)).await;
    work.cluster(10_000).await.unwrap();
    let mut retired = BTreeSet::new();
    for month in &later[..5] {
        bring(&work, month);
        // a session that was opened before goes on, from statement to statement
        let session = super::open(&work.dest()).await;
        let statement = session.run("SELECT customer_id, ts FROM events").await.unwrap();
        work.cluster(10_000).await.unwrap();
        let rows: Vec<_> = futures::TryStreamExt::try_collect(statement.stream).await.unwrap();
        assert!(!rows.is_empty());
        let count = "SELECT count(*) FROM events";
        let new = super::open(&work.dest()).await;
        assert_eq!(lines(&session, count).await.unwrap(), lines(&new, count).await.unwrap());
        for file in &retired {
            assert!(!work.files().contains_key(file), "{file}");
        }
        let manifest = work.manifest();
        let list = manifest.split("retired = [").nth(1).unwrap().split(']').next().unwrap();
        retired =
            list.split('"').filter(|name| name.ends_with(".parquet")).map(str::to_owned).collect();
        for file in &retired {
            assert!(work.files().contains_key(file), "{file}");
        }
    }
}

#[tokio::test]
async fn a_source_that_changed_is_refused_with_what_to_do() {
    let (work, later) = months(&Settings::new(100)).await;
    work.cluster(500).await.unwrap();
    let before = work.manifest();
    bring(&work, &later[0]);
    let file = work.source.join("events/month=2023-01/events-0.parquet");
    let aside = work.folder.path().join("aside");
    std::fs::rename(&file, &aside).unwrap();
    let error = work.cluster(500).await.unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Changed);
    assert_eq!(
        error.to_string(),
        "the source is not as it was when it was clustered: file events/month=2023-01/events-0.parquet is gone"
    );
    assert!(error.hint().unwrap().contains("another, empty place"), "{error:?}");
    // the same bytes, written anew
    std::fs::copy(&aside, &file).unwrap();
    let error = work.cluster(500).await.unwrap_err();
    assert!(error.to_string().contains("events-0.parquet has changed"), "{error}");
    std::fs::remove_dir_all(work.source.join("customers")).unwrap();
    let model = work.source.join("tenure.toml");
    let text = std::fs::read_to_string(&model).unwrap();
    std::fs::write(&model, text.split("[tables.customers]").next().unwrap()).unwrap();
    let error = work.cluster(500).await.unwrap_err();
    assert!(error.to_string().contains("the table customers is gone"), "{error}");
    assert_eq!(work.manifest(), before);
}

#[tokio::test]
async fn people_and_copies_are_written_anew_where_they_changed() {
    use crate::support::parquet::write;
    let (work, _) = months(&Settings::new(100)).await;
    work.cluster(500).await.unwrap();
    let people = work.source.join("customers/customers-0.parquet");
    let session = super::open(&work.source).await;
    let rows = session
        .sql("SELECT customer_id, upper(country) AS country, acquisition_channel, acquisition_campaign, referred_by FROM raw.customers WHERE customer_id > 10")
        .await
        .unwrap()
        .collect()
        .await
        .unwrap();
    let schema = rows[0].schema();
    write(&people, &datafusion::arrow::compute::concat_batches(&schema, &rows).unwrap());
    std::fs::remove_dir_all(work.source.join("truth_seasons")).unwrap();
    std::fs::create_dir_all(work.source.join("truth_seasons")).unwrap();
    std::fs::copy(
        work.source.join("truth_incidents/truth_incidents.parquet"),
        work.source.join("truth_seasons/other.parquet"),
    )
    .unwrap();
    let before = work.files();
    let written = work.cluster(500).await.unwrap();
    assert!(!written.up_to_date);
    let tenures = work.both().await;
    same(
        &tenures,
        &[
            "SELECT * FROM customers",
            "SELECT * FROM raw.truth_seasons",
            "SELECT * FROM raw.customers",
        ],
    )
    .await;
    let new: Vec<_> = work.files().into_keys().filter(|name| !before.contains_key(name)).collect();
    assert!(
        new.iter().all(|name| name.starts_with("customers/") || name.starts_with("truth_seasons/")),
        "{new:?}"
    );
    // a model that changed goes over, and no file
    let model = work.source.join("tenure.toml");
    let text = std::fs::read_to_string(&model).unwrap();
    std::fs::write(&model, text.replace("as_of    = \"2024-07-01\"", "as_of = \"2023-04-01\""))
        .unwrap();
    let written = work.cluster(500).await.unwrap();
    assert_eq!((written.files, written.up_to_date), (0, false), "{written:?}");
    assert!(work.manifest().contains("as_of = \"2023-04-01\""));
}
