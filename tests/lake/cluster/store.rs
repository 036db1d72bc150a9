//! From and to a real S3 server.

use datafusion::object_store::path::Path;
use datafusion::object_store::{ObjectStore, ObjectStoreExt};
use futures::TryStreamExt;
use tenure::cluster::{Progress, Settings, cluster};
use tenure::generate::{Settings as Shop, generate};
use tenure::{ErrorKind, Tenure};

use super::{QUESTIONS, same, streams};
use crate::support::seaweed::{ADMIN_KEY, ADMIN_SECRET, BUCKET, READ_KEY, READ_SECRET, seaweed};

#[tokio::test]
async fn a_lake_is_clustered_from_store_to_store() {
    let server = seaweed();
    let admin = server.options(ADMIN_KEY, ADMIN_SECRET);
    let read = server.options(READ_KEY, READ_SECRET);
    let source = format!("s3://{BUCKET}/clusters/shop");
    let dest = format!("s3://{BUCKET}/clusters/clustered");
    generate(&Shop::new(300), &source, &admin).await.unwrap();
    // a month comes later
    let store = server.admin();
    let month = Path::from("clusters/shop/events/month=2024-06/events-0.parquet");
    let later = store.get(&month).await.unwrap().bytes().await.unwrap();
    store.delete(&month).await.unwrap();

    let settings = Settings { rows_per_file: 700, threads: Some(2), ..Settings::default() };
    let run = async || {
        let progress = Progress::default();
        let done = cluster((&source, &read), (&dest, &admin), &settings, &progress).await;
        let (now, total) = progress.state();
        if let Ok(written) = &done {
            assert!(written.up_to_date || (now == total && total >= 2 * written.rows));
        }
        done
    };
    let first = run().await.unwrap();
    assert!(first.ranges > 4, "{first:?}");
    assert!(run().await.unwrap().up_to_date);
    store.put(&month, later.into()).await.unwrap();
    let second = run().await.unwrap();
    assert!(second.rows < first.rows / 4 && second.kept > 4, "{second:?}");

    let open = async |place: &str| Tenure::builder().lake_with(place, read.clone()).build().await;
    let tenures = [open(&source).await.unwrap(), open(&dest).await.unwrap()];
    same(&tenures, &["SELECT * FROM raw.events", "SELECT * FROM raw.campaigns"]).await;
    same(&tenures, &QUESTIONS[..6]).await;
    streams(&tenures[1], QUESTIONS[0]).await;

    // what was left over yesterday goes, what may be another run's stays
    let left = Path::from("clusters/clustered/_cluster/events/00000-9-left.parquet");
    store.put(&left, "x".into()).await.unwrap();
    assert!(run().await.unwrap().up_to_date);
    store.head(&left).await.unwrap();

    // who may only read is told so
    let other = format!("s3://{BUCKET}/clusters/other");
    let progress = Progress::default();
    let error = cluster((&source, &read), (&other, &read), &settings, &progress).await.unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Denied, "{error}");
    assert!(!format!("{error:?}").contains(READ_SECRET));
    let prefix = Path::from("clusters/other");
    assert!(store.list(Some(&prefix)).try_next().await.unwrap().is_none());
}

#[tokio::test]
async fn of_two_runs_in_a_store_one_wins() {
    let server = seaweed();
    let admin = server.options(ADMIN_KEY, ADMIN_SECRET);
    let source = crate::support::rows::shipped("shop");
    let dest = format!("s3://{BUCKET}/clusters/race");
    let settings = Settings { rows_per_file: 9000, threads: Some(1), ..Settings::default() };
    let run = async || {
        let none = tenure::lake::StoreOptions::new();
        cluster((&source, &none), (&dest, &admin), &settings, &Progress::default()).await
    };
    let (a, b) = tokio::join!(run(), run());
    let errors: Vec<_> = [a, b].into_iter().filter_map(Result::err).collect();
    assert!(errors.len() <= 1, "{errors:?}");
    for error in errors {
        assert_eq!(error.kind(), ErrorKind::Changed, "{error}");
        assert!(error.to_string().contains("by another program meanwhile"), "{error}");
    }
    let plain = Tenure::builder().lake(&source).build().await.unwrap();
    let clustered = Tenure::builder().lake_with(&dest, admin.clone()).build().await.unwrap();
    same(&[plain, clustered], &["SELECT * FROM raw.events", QUESTIONS[3]]).await;
}
