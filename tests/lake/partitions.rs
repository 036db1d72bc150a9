//! Columns that come from folder names.

use std::sync::Arc;

use datafusion::arrow::array::Int64Array;
use datafusion::catalog::TableProvider;
use datafusion::physical_plan::displayable;
use datafusion::prelude::SessionContext;
use tenure::ErrorKind;

use super::{open, table};
use crate::support::parquet::{batch, rows, session, write};

fn one(value: i64) -> datafusion::arrow::array::RecordBatch {
    batch(vec![("x", Arc::new(Int64Array::from(vec![value])))])
}

#[tokio::test]
async fn values_are_typed_decoded_and_null() {
    let dir = tempfile::tempdir().unwrap();
    write(dir.path().join("t/day=2017-01-31/city=New%20York/n=1/a.parquet"), &one(1));
    write(
        dir.path().join("t/day=2017-02-01/city=__HIVE_DEFAULT_PARTITION__/n=2/a.parquet"),
        &one(2),
    );
    write(
        dir.path().join("t/day=2017-02-01/city=Łódź/n=__HIVE_DEFAULT_PARTITION__/a.parquet"),
        &one(3),
    );
    let ctx = session();
    let lake = open(&ctx, dir.path()).await.unwrap();
    let t = table(&ctx, &lake, "t").await.unwrap();
    let types: Vec<_> =
        t.schema().fields().iter().map(|f| format!("{} {}", f.name(), f.data_type())).collect();
    assert_eq!(types, ["x Int64", "day Date32", "city Utf8", "n Int64"]);
    let all =
        rows(&ctx, Arc::clone(&t) as _, "SELECT day, city, n, x FROM t ORDER BY x").await.unwrap();
    assert_eq!(
        all,
        [
            "2017-01-31 | New York | 1 | 1",
            "2017-02-01 | NULL | 2 | 2",
            "2017-02-01 | Łódź | NULL | 3"
        ]
    );
    for (filter, expected) in [
        ("city = 'New York'", "1"),
        ("city IS NULL", "2"),
        ("city <> 'New York'", "3"),
        ("day > '2017-01-31'", "5"),
        ("n IS NULL OR n = 1", "4"),
        ("day = '2017-02-01' AND x > 2", "3"),
        ("n = x", "3"),
    ] {
        let sql = format!("SELECT sum(x) FROM t WHERE {filter}");
        assert_eq!(rows(&ctx, Arc::clone(&t) as _, &sql).await.unwrap(), [expected], "{filter}");
    }
    let counts = rows(&ctx, t, "SELECT count(*), count(city), count(n), min(day), max(n) FROM t")
        .await
        .unwrap();
    assert_eq!(counts, ["3 | 2 | 2 | 2017-01-31 | 2"]);
}

#[tokio::test]
async fn only_the_folders_asked_for_are_read() {
    let dir = tempfile::tempdir().unwrap();
    for month in 1..=6 {
        write(dir.path().join(format!("t/month={month}/a.parquet")), &one(month));
    }
    let ctx = session();
    let lake = open(&ctx, dir.path()).await.unwrap();
    let t = table(&ctx, &lake, "t").await.unwrap();
    let ctx = SessionContext::new_with_state(ctx.state());
    ctx.register_table("t", t).unwrap();
    let plan = ctx
        .sql("SELECT x FROM t WHERE month IN (2, 3)")
        .await
        .unwrap()
        .create_physical_plan()
        .await
        .unwrap();
    let text = displayable(plan.as_ref()).indent(true).to_string();
    assert!(text.contains("month=2/a.parquet") && text.contains("month=3/a.parquet"), "{text}");
    assert!(!text.contains("month=1/") && !text.contains("FilterExec"), "{text}");
    let plan =
        ctx.sql("SELECT x FROM t WHERE x = 4").await.unwrap().create_physical_plan().await.unwrap();
    let text = displayable(plan.as_ref()).indent(true).to_string();
    assert!(text.contains("projection=[x]") && text.contains("pruning_predicate="), "{text}");
    let plan =
        ctx.sql("SELECT x FROM t LIMIT 1").await.unwrap().create_physical_plan().await.unwrap();
    let text = displayable(plan.as_ref()).indent(true).to_string();
    assert_eq!(text.matches(".parquet").count(), 1, "{text}");
}

#[tokio::test]
async fn a_value_that_does_not_fit_names_its_path() {
    let dir = tempfile::tempdir().unwrap();
    for day in ["2017-01-01", "2017-01-02", "garbage"] {
        write(dir.path().join(format!("t/dt={day}/a.parquet")), &one(1));
    }
    let ctx = session();
    let lake = open(&ctx, dir.path()).await.unwrap();
    let error = table(&ctx, &lake, "t").await.unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Drift);
    assert!(error.to_string().contains("'garbage' in the path t/dt=garbage/a.parquet"), "{error}");
    std::fs::remove_dir_all(dir.path().join("t/dt=garbage")).unwrap();
    write(dir.path().join("t/b.parquet"), &one(1));
    let error = table(&ctx, &lake, "t").await.unwrap_err();
    assert!(error.to_string().contains("file t/b.parquet has ()"), "{error}");
}

#[tokio::test]
async fn a_path_into_a_partition_keeps_its_columns() {
    let dir = tempfile::tempdir().unwrap();
    for month in 1..=2 {
        write(dir.path().join(format!("t/year=2017/month={month}/a.parquet")), &one(month));
    }
    let ctx = session();
    let root = dir.path().to_str().unwrap();
    let lake = open(&ctx, dir.path()).await.unwrap();
    for (path, expected) in [
        ("t/year=2017/month=2/a.parquet", "2 | 2017 | 2"),
        ("t/year=2017/month=2/*.parquet", "2 | 2017 | 2"),
        ("t/year=2017/month=2", "2 | 2017 | 2"),
        ("t/year=2017/month=2/", "2 | 2017 | 2"),
        ("t/year=2017", "1 | 2017 | 1, 2 | 2017 | 2"),
        ("t/*/month=1/a.parquet", "1 | 2017 | 1"),
    ] {
        for path in [path.to_string(), format!("{root}/{path}"), format!("file://{root}/{path}")] {
            let t = lake.table_at(&path, &ctx.state()).await.unwrap();
            let all = rows(&ctx, t as _, "SELECT x, year, month FROM t ORDER BY x").await.unwrap();
            assert_eq!(all.join(", "), expected, "{path}");
        }
    }
}
