//! One lake, several, and lakes that grow between two statements.

use tenure::{ErrorKind, Tenure};

use super::{error, open, value, write_orders};
use crate::support::rows;

#[tokio::test]
async fn several_lakes_are_catalogs_and_a_name_of_two_must_say_which() {
    let tenure = Tenure::builder()
        .threads(2)
        .as_of("2018-07-01")
        .lake(rows::shipped("retail"))
        .lake(rows::shipped("cdnow"))
        .build()
        .await
        .unwrap();
    assert_eq!(tenure.lake_names(), ["retail", "cdnow"]);
    assert_eq!(value(&tenure, "SELECT count(*) FROM retail.orders").await, "155848");
    assert_eq!(value(&tenure, "SELECT count(*) FROM cdnow.raw.orders").await, "69659");
    assert_eq!(value(&tenure, "SELECT count(*) FROM cdnow.main.summaries").await, "23570");
    let both = "SELECT (SELECT count(*) FROM retail.raw.campaigns) + (SELECT count(*) FROM cdnow.raw.orders) AS n";
    assert_eq!(value(&tenure, both).await, (6_589 + 69_659).to_string());
    let e = error(&tenure, "SELECT count(*) FROM orders").await;
    assert_eq!(e.kind(), ErrorKind::UndefinedTable);
    assert_eq!(e.to_string(), "orders is in several lakes");
    assert_eq!(
        e.hint(),
        Some(
            "write retail.orders or cdnow.orders, or choose a lake for all: SET tenure.lake = 'retail'"
        )
    );
    tenure.sql("SET tenure.lake = 'cdnow'").await.unwrap();
    assert_eq!(value(&tenure, "SELECT count(*) FROM orders").await, "69659");
    assert_eq!(value(&tenure, "SELECT count(*) FROM summaries").await, "23570");
    assert_eq!(value(&tenure, "SELECT count(*) FROM retail.orders").await, "155848");
    let e = error(&tenure, "SET tenure.lake = 'cdnew'").await;
    assert_eq!(e.to_string(), "there is no lake \"cdnew\"");
    assert_eq!(e.hint(), Some("the open lakes are retail, cdnow"));
    tenure.sql("SET tenure.lake = ''").await.unwrap();
    error(&tenure, "SELECT count(*) FROM orders").await;
    // a name that only one of them has needs none
    assert_eq!(value(&tenure, "SELECT count(*) FROM campaigns").await, "6589");
}

#[tokio::test]
async fn lakes_that_disagree_on_today_leave_it_open_and_say_so() {
    let tenure = Tenure::builder()
        .lake(rows::shipped("retail"))
        .lake(rows::shipped("cdnow"))
        .build()
        .await
        .unwrap();
    assert!(
        tenure.warnings().iter().any(|w| w.contains("as_of") && w.contains("2018-01-02")),
        "{:?}",
        tenure.warnings()
    );
    assert_eq!(value(&tenure, "SHOW tenure.as_of").await.trim(), "tenure.as_of |");
    // what only one of them states does not decide about the other
    let folder = tempfile::tempdir().unwrap();
    write_orders(folder.path().join("orders.parquet"), &[(1, 0, 9.5)]);
    let tenure = Tenure::builder()
        .lake(rows::shipped("retail"))
        .lake(folder.path().display().to_string())
        .build()
        .await
        .unwrap();
    let told = tenure.warnings().join("\n");
    assert!(told.contains("as_of (retail: 2018-01-02") && told.contains(": none)"), "{told}");
    assert_eq!(value(&tenure, "SHOW tenure.as_of").await.trim(), "tenure.as_of |");
}

#[tokio::test]
async fn the_next_statement_sees_a_new_file_and_a_prepared_view_too() {
    let folder = tempfile::tempdir().unwrap();
    write_orders(folder.path().join("orders/a.parquet"), &[(1, 0, 10.0), (2, 1, 20.0)]);
    let tenure = open(folder.path()).await.unwrap();
    tenure.sql("CREATE VIEW mine AS SELECT sum(amount) AS s FROM orders").await.unwrap();
    tenure.sql("CREATE TABLE copied AS SELECT * FROM orders").await.unwrap();
    assert_eq!(value(&tenure, "SELECT s FROM mine").await, "30.0");
    write_orders(folder.path().join("orders/b.parquet"), &[(3, 2, 5.0)]);
    assert_eq!(value(&tenure, "SELECT s FROM mine").await, "35.0");
    assert_eq!(value(&tenure, "SELECT count(*) FROM profiles").await, "3");
    assert_eq!(value(&tenure, "SELECT count(*) FROM copied").await, "2");
    std::fs::remove_file(folder.path().join("orders/a.parquet")).unwrap();
    assert_eq!(value(&tenure, "SELECT s FROM mine").await, "5.0");
}

#[tokio::test]
async fn a_lake_of_its_own_name_twice_gets_a_number() {
    let folder = tempfile::tempdir().unwrap();
    for half in ["a/shop", "b/shop"] {
        write_orders(folder.path().join(half).join("orders/a.parquet"), &[(1, 0, 10.0)]);
    }
    let place = |half: &str| folder.path().join(half).to_str().unwrap().to_string();
    let tenure =
        Tenure::builder().lake(place("a/shop")).lake(place("b/shop")).build().await.unwrap();
    assert_eq!(tenure.lake_names(), ["shop", "shop_2"]);
    assert_eq!(value(&tenure, "SELECT count(*) FROM shop_2.orders").await, "1");
}

#[tokio::test]
async fn an_empty_folder_is_not_a_lake() {
    let folder = tempfile::tempdir().unwrap();
    let e = open(folder.path()).await.unwrap_err();
    assert_eq!(e.kind(), ErrorKind::NoFiles, "{e}");
}
