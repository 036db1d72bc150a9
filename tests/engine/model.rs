//! `tenure.toml`: what is wrong with it is said before anything runs; without it the lake speaks.

use tenure::{Error, ErrorKind};

use super::{open, value, write_orders};
use crate::support::{parquet, rows};

/// A shop whose orders the model maps by `text`.
async fn refused(text: &str) -> Error {
    let folder = tempfile::tempdir().unwrap();
    write_orders(folder.path().join("orders/a.parquet"), &[(1, 0, 10.0)]);
    parquet::put(folder.path().join("tenure.toml"), text.as_bytes());
    open(folder.path()).await.map(|_| panic!("{text} is taken")).unwrap_err()
}

#[tokio::test]
async fn a_model_that_does_not_fit_the_lake_is_refused_by_name() {
    let orders = "[tables.orders]\ncustomer = \"customer_id\"\ntime = \"ts\"\n";
    for (text, message, hint) in [
        (
            "[tables.orders]\ncustomer = \"custmer_id\"\ntime = \"ts\"\nevent = \"'purchase'\"",
            "customer names the column \"custmer_id\", which does not exist",
            "customer_id",
        ),
        (
            &format!("{orders}event = \"purchase\""),
            "event names the column \"purchase\"",
            "event = \"'purchase'\"",
        ),
        (
            &format!("{orders}event = \"'purchase'\"\namount = \"order_id\""),
            "amount = \"order_id\" must be a number",
            "",
        ),
        (
            "[tables.orders]\ncustomer = \"customer_id\"\ntime = \"amount\"",
            "time = \"amount\" must be a timestamp or date",
            "",
        ),
        (&format!("{orders}event = \"'purchase'\"\nwhere = \"amount\""), "where", ""),
        (&format!("{orders}event = \"'purchase'\"\nattributes = [\"contry\"]"), "contry", ""),
        (&format!("{orders}evnet = \"'purchase'\""), "there is no key \"evnet\"", "event"),
        ("[tables.ordres]\ncustomer = \"customer_id\"", "ordres", "orders"),
        ("[lake]\ntimezone = \"UTC\"", "maps nothing", "customer, time and event"),
        (
            "[lake]\ntimezone = \"Mars\"\n[tables.orders]\ncustomer = \"customer_id\"\ntime = \"ts\"\nevent = \"'purchase'\"",
            "Mars",
            "",
        ),
        ("[tables", "not TOML", ""),
    ] {
        let e = refused(text).await;
        assert!(e.to_string().contains(message), "{text}: {e}");
        assert!(e.hint().unwrap_or_default().contains(hint), "{text}: {:?}", e.hint());
        assert!(matches!(e.kind(), ErrorKind::Model | ErrorKind::Usage), "{text}: {:?}", e.kind());
        assert_eq!(e.kind().exit_code(), if e.kind() == ErrorKind::Model { 3 } else { 2 });
    }
}

const FIGURES: &str =
    "SELECT count(*), sum(orders), sum(revenue), min(stage), max(stage) FROM profiles";

#[tokio::test]
async fn a_lake_with_usual_names_needs_no_model_and_the_written_one_is_the_same() {
    let folder = tempfile::tempdir().unwrap();
    write_orders(
        folder.path().join("orders/a.parquet"),
        &[(1, 0, 10.0), (1, 300, 20.0), (2, 350, 7.5)],
    );
    let tenure = open(folder.path()).await.unwrap();
    let inferred = value(&tenure, FIGURES).await;
    assert_eq!(inferred, "2 | 3 | 37.5 | active | new");
    let text = tenure.model_file().unwrap();
    for line in [
        "customer = \"customer_id\"",
        "time = \"ts\"",
        "event = \"'purchase'\"",
        "amount = \"amount\"",
        "order = \"order_id\"",
    ] {
        assert!(text.contains(line), "{line} is not in {text}");
    }
    parquet::put(folder.path().join("tenure.toml"), text.as_bytes());
    let again = open(folder.path()).await.unwrap();
    assert_eq!(value(&again, FIGURES).await, inferred);
    assert_eq!(again.model_file().unwrap(), text);
}

#[tokio::test]
async fn a_table_that_says_nothing_of_customers_is_noted_and_the_rest_is_used() {
    let folder = tempfile::tempdir().unwrap();
    write_orders(folder.path().join("orders/a.parquet"), &[(1, 0, 10.0)]);
    let stores = parquet::batch(vec![(
        "store",
        std::sync::Arc::new(datafusion::arrow::array::Int64Array::from(vec![1])) as _,
    )]);
    parquet::write(folder.path().join("stores/a.parquet"), &stores);
    let tenure = open(folder.path()).await.unwrap();
    assert_eq!(value(&tenure, "SELECT count(*) FROM profiles").await, "1");
    assert_eq!(value(&tenure, "SELECT count(*) FROM stores").await, "1");
    assert!(tenure.model_file().unwrap().contains("# table stores is not mapped"));
}

#[tokio::test]
async fn a_lake_without_customers_is_read_and_has_no_views() {
    let folder = tempfile::tempdir().unwrap();
    let stores = parquet::batch(vec![(
        "store",
        std::sync::Arc::new(datafusion::arrow::array::Int64Array::from(vec![1])) as _,
    )]);
    parquet::write(folder.path().join("stores/a.parquet"), &stores);
    let tenure = open(folder.path()).await.unwrap();
    assert_eq!(value(&tenure, "SELECT count(*) FROM stores").await, "1");
    let e = super::error(&tenure, "SELECT * FROM events").await;
    assert_eq!(e.kind(), ErrorKind::UndefinedTable);
    assert!(e.hint().is_some_and(|h| h.contains("maps no events")), "{:?}", e.hint());
}

#[tokio::test]
async fn events_are_renamed_and_filtered_as_the_model_says() {
    let folder = tempfile::tempdir().unwrap();
    write_orders(
        folder.path().join("sales/a.parquet"),
        &[(1, 0, 10.0), (1, 1, -4.0), (2, 2, 20.0), (3, 3, 0.0)],
    );
    let model = "[tables.sales]\ncustomer = \"customer_id\"\ntime = \"ts\"\nevent = \"CASE WHEN amount < 0 THEN 'Storno' ELSE 'Kauf' END\"\namount = \"amount\"\nwhere = \"amount <> 0\"\n[events]\nKauf = \"purchase\"\nStorno = \"return\"\n";
    parquet::put(folder.path().join("tenure.toml"), model.as_bytes());
    let tenure = open(folder.path()).await.unwrap();
    let events =
        rows::lines(&tenure, "SELECT customer_id, event_type, amount FROM events ORDER BY ts")
            .await
            .unwrap();
    assert_eq!(events, ["1 | purchase | 10.0", "1 | return | -4.0", "2 | purchase | 20.0"]);
    assert_eq!(value(&tenure, "SELECT count(*), sum(amount) FROM orders").await, "2 | 30.0");
}
