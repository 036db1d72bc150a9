//! `tenure generate` as a user runs it, and other places than folders.

use std::fs;

use tenure::generate::{Settings, generate};
use tenure::{ErrorKind, Tenure};

use super::one;
use crate::support::program::Shop;
use crate::support::rows::{lines, shipped};
use crate::support::seaweed::{ADMIN_KEY, ADMIN_SECRET, BUCKET, READ_KEY, READ_SECRET, seaweed};

#[test]
fn help() {
    insta::assert_snapshot!(Shop::new().run(&["generate", "--help"]).shown());
}

#[test]
fn a_lake_is_written_and_answers() {
    let shop = Shop::new();
    let run = shop.run(&["generate", "--customers", "50", "new/lake"]);
    assert_eq!((run.code, run.out.as_str()), (Some(0), ""), "{}", run.shown());
    assert!(run.err.contains(" events of 50 customers in 26 files"), "{}", run.err);
    assert!(run.err.contains("tenure new/lake"), "{}", run.err);
    let sql = "SELECT count(*) AS n FROM profiles";
    let run = shop.run(&["new/lake", "--format", "csv", "-c", sql]);
    assert_eq!(run.out, "n\n50\n", "{}", run.shown());
    // the comment in its model is the command that makes it again
    let model = fs::read_to_string(shop.folder.path().join("new/lake/tenure.toml")).unwrap();
    assert!(model.contains("tenure generate --customers 50 --seed 42\n"), "{model}");
    // the truth is no part of the model
    let run =
        shop.run(&["new/lake", "--format", "csv", "-c", "SELECT DISTINCT source FROM events"]);
    assert_eq!(run.out, "source\nevents\n", "{}", run.shown());
}

/// Stopped at any moment, it leaves a folder that no session takes for a lake.
#[tokio::test]
async fn a_lake_that_is_not_finished_is_not_opened() {
    let folder = tempfile::tempdir().unwrap();
    let place = folder.path().to_str().unwrap().to_owned();
    let options = tenure::lake::StoreOptions::new();
    let settings = Settings { files_per_month: 3, ..Settings::new(30_000) };
    let work = async { generate(&settings, &place, &options).await.map(drop) };
    let half = async {
        // the files of the first customers are whole, and stand there like a lake
        let first = folder.path().join("customers/customers-0.parquet");
        while !first.exists() {
            tokio::time::sleep(std::time::Duration::from_millis(5)).await;
        }
    };
    tokio::select! {
        done = work => panic!("{done:?} before it could be stopped"),
        () = half => {}
    }
    assert!(folder.path().join("events").exists());
    let Err(e) = Tenure::builder().lake(&place).build().await else {
        panic!("it is taken for whole")
    };
    let told = crate::support::rows::told(&e);
    assert!(
        told.contains("this lake is not whole: tenure generate was stopped before its end"),
        "{told}"
    );
    assert!(told.contains("remove the folder and make the lake again"), "{told}");
}

#[test]
fn what_cannot_be_written_is_exit_code_2() {
    let shop = Shop::new();
    fs::write(shop.folder.path().join("file"), "x").unwrap();
    let before = fs::read_dir(shop.folder.path()).unwrap().count();
    for (arguments, said) in [
        (&["--customers", "10", "shop"][..], "shop is not empty"),
        (&["--customers", "10", "file"], "file is a file, not a folder"),
        (&["--customers", "0", "new"], "0 customers: write a number from 1 to 1000000000"),
        (&["--customers", "10", "--to", "2023-01-02", "new"], "is 2 days: a lake lasts 28 days"),
        (&["--customers", "10", "--files-per-month", "0", "new"], "0 files a month"),
        (&["--customers", "10", "--events-per-customer", "0", "new"], "0 events a customer"),
        (&["--customers", "10", "--from", "soon", "new"], "--from"),
        (&["--customers", "ten", "new"], "--customers"),
        (&["--customers", "10", "https://localhost/new"], "is no place to write a lake to"),
        (&["new"], "--customers"),
    ] {
        let run = shop.run(&[&["generate"], arguments].concat());
        assert_eq!(run.code, Some(2), "{arguments:?}: {}", run.shown());
        assert!(run.err.contains(said), "{arguments:?}: {}", run.err);
    }
    assert_eq!(fs::read_dir(shop.folder.path()).unwrap().count(), before);
}

#[tokio::test]
async fn a_lake_is_written_to_a_store() {
    let server = seaweed();
    let admin = server.options(ADMIN_KEY, ADMIN_SECRET);
    let place = format!("s3://{BUCKET}/generated/shop");
    let settings = Settings::new(50);
    let written = generate(&settings, &place, &admin).await.unwrap();
    let read = server.options(READ_KEY, READ_SECRET);
    let tenure = Tenure::builder().lake_with(&place, read.clone()).build().await.unwrap();
    let count = one(&tenure, "SELECT count(*) FROM events").await;
    assert_eq!(count, written.events.to_string());
    // what is there already is not touched
    let error = generate(&settings, &place, &admin).await.unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Usage);
    assert_eq!(error.to_string(), format!("{place} is not empty"));
    // who may only read is told so, without a secret
    let other = format!("s3://{BUCKET}/generated/other");
    let error = generate(&settings, &other, &read).await.unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Denied, "{error}");
    assert!(!format!("{error:?}").contains(READ_SECRET));
}

#[tokio::test]
async fn the_shop_that_ships_has_customers_in_all_stages() {
    let tenure = Tenure::builder().lake(shipped("shop")).build().await.unwrap();
    let stages =
        lines(&tenure, "SELECT stage, count(*) FROM profiles GROUP BY stage ORDER BY stage")
            .await
            .unwrap();
    insta::assert_snapshot!(stages.join("\n"));
}
