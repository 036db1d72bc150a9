//! A read-only session defines and writes nothing.

use tenure::{ErrorKind, Tenure};

use super::{error, value};
use crate::support::rows;

#[tokio::test]
async fn what_defines_or_writes_is_refused_and_writes_nothing() {
    let folder = tempfile::tempdir().unwrap();
    let tenure =
        Tenure::builder().lake(rows::shipped("retail")).read_only(true).build().await.unwrap();
    let copy = folder.path().join("out.parquet");
    let copy = format!("COPY (SELECT 1) TO '{}'", copy.display());
    for sql in [
        "CREATE TABLE t AS SELECT 1",
        "CREATE VIEW v AS SELECT 1",
        "CREATE OR REPLACE VIEW orders AS SELECT 1",
        "CREATE SCHEMA s",
        "CREATE EXTERNAL TABLE t STORED AS PARQUET LOCATION 'data/retail/orders/'",
        "DROP TABLE raw.orders",
        "DROP VIEW orders",
        "INSERT INTO raw.orders SELECT * FROM raw.orders",
        "DELETE FROM raw.orders",
        "UPDATE raw.orders SET sales = 0",
        &copy,
        &format!("EXPLAIN ANALYZE {copy}"),
    ] {
        let e = error(&tenure, sql).await;
        assert_eq!(e.kind(), ErrorKind::ReadOnly, "{sql}: {e}");
    }
    assert_eq!(std::fs::read_dir(folder.path()).unwrap().count(), 0);
    // reading and settings go on
    tenure.sql("SET tenure.as_of = '2017-02-01'").await.unwrap();
    assert_eq!(value(&tenure, "SELECT count(*) FROM raw.campaigns").await, "6589");
}

/// The same statements are otherwise welcome: the refusal is the option's doing.
#[tokio::test]
async fn without_the_option_tables_and_files_are_written() {
    let folder = tempfile::tempdir().unwrap();
    let tenure = super::empty().await;
    let path = folder.path().join("out.parquet");
    value(&tenure, &format!("COPY (SELECT 7 AS n) TO '{}'", path.display())).await;
    assert_eq!(value(&tenure, &format!("SELECT n FROM '{}'", path.display())).await, "7");
    tenure.sql("CREATE TABLE t AS SELECT 3 AS n").await.unwrap();
    tenure.sql("CREATE OR REPLACE VIEW v AS SELECT n + 1 AS n FROM t").await.unwrap();
    tenure.sql("CREATE OR REPLACE VIEW v AS SELECT n + 2 AS n FROM t").await.unwrap();
    assert_eq!(value(&tenure, "SELECT n FROM v").await, "5");
    tenure.sql("DROP TABLE t").await.unwrap();
    assert_eq!(error(&tenure, "SELECT n FROM t").await.kind(), ErrorKind::UndefinedTable);
}
