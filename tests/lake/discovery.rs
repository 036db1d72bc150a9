//! What is a table, what is not data, what an empty lake says.

use std::sync::Arc;

use datafusion::arrow::array::{Int64Array, StringArray};
use tenure::ErrorKind;
use tenure::lake::{StoreOptions, open_path};

use super::{open, table};
use crate::support::parquet::{batch, put, rows, session, write};

fn ids(ids: Vec<i64>) -> datafusion::arrow::array::RecordBatch {
    batch(vec![("id", Arc::new(Int64Array::from(ids)))])
}

#[tokio::test]
async fn folders_are_tables_and_hidden_names_are_not_data() {
    let dir = tempfile::tempdir().unwrap();
    let at = |path: &str| dir.path().join("shop").join(path);
    write(at("Orders/month=1/a.parquet"), &ids(vec![1, 2]));
    write(at("Orders/month=2/deep/a.parquet"), &ids(vec![3]));
    write(at("people/people.parquet"), &ids(vec![4]));
    for hidden in [
        "Orders/_temporary/0/b.parquet",
        "Orders/.c.parquet",
        "Orders/d.parquet.tmp",
        "Orders/_d.parquet",
        "Orders/e.parquet#1",
        "_old/f.parquet",
        "Orders/notes.csv",
    ] {
        put(at(hidden), b"not parquet");
    }
    put(at("Orders/month=2/empty.parquet"), b"");
    put(at("tenure.toml"), b"[lake]\n");

    let ctx = session();
    let lake = open(&ctx, &dir.path().join("shop")).await.unwrap();
    assert_eq!(lake.name(), "shop");
    assert_eq!(lake.tables(), ["orders", "people"]);
    let warning = "file Orders/month=2/empty.parquet has no bytes and was skipped";
    assert_eq!(lake.warnings(), [warning]);
    assert_eq!(lake.read_text("tenure.toml").await.unwrap().as_deref(), Some("[lake]\n"));
    assert_eq!(lake.read_text("other.toml").await.unwrap(), None);

    let orders = table(&ctx, &lake, "orders").await.unwrap();
    assert_eq!((orders.files(), orders.rows()), (2, Some(3)));
    assert_eq!(orders.warnings(), [warning]);
    assert_eq!(orders.partition_columns(), ["month"]);
    let answer = rows(&ctx, orders, "SELECT month, id FROM t ORDER BY id").await.unwrap();
    assert_eq!(answer, ["1 | 1", "1 | 2", "2 | 3"]);

    let error = table(&ctx, &lake, "nothing").await.unwrap_err();
    assert_eq!(error.kind(), ErrorKind::UndefinedTable);
}

#[cfg(unix)]
#[tokio::test]
async fn links_are_followed_and_one_that_leads_back_is_named() {
    use std::os::unix::fs::symlink;
    let dir = tempfile::tempdir().unwrap();
    let at = |path: &str| dir.path().join(path);
    write(at("elsewhere/a.parquet"), &ids(vec![1]));
    write(at("shop/orders/b.parquet"), &ids(vec![2]));
    symlink(at("elsewhere"), at("shop/people")).unwrap();
    symlink(at("elsewhere/a.parquet"), at("shop/orders/a.parquet")).unwrap();
    symlink(at("nowhere"), at("shop/gone")).unwrap();
    let ctx = session();
    let lake = open(&ctx, &at("shop")).await.unwrap();
    assert_eq!(lake.tables(), ["orders", "people"]);
    let orders = table(&ctx, &lake, "orders").await.unwrap();
    assert_eq!(rows(&ctx, orders, "SELECT id FROM t ORDER BY id").await.unwrap(), ["1", "2"]);

    symlink(at("shop"), at("shop/orders/all")).unwrap();
    let error = open(&ctx, &at("shop")).await.unwrap_err();
    let said = error.to_string();
    assert!(
        said.starts_with("the link ") && said.contains("shop/orders/all leads back to"),
        "{said}"
    );
}

#[tokio::test]
async fn files_in_the_root_are_one_table_if_they_are_alike() {
    let dir = tempfile::tempdir().unwrap();
    write(dir.path().join("shop/a.parquet"), &ids(vec![1]));
    write(dir.path().join("shop/b.parquet"), &ids(vec![2]));
    let ctx = session();
    let lake = open(&ctx, &dir.path().join("shop")).await.unwrap();
    assert_eq!(lake.tables(), ["shop"]);
    let names = batch(vec![("name", Arc::new(StringArray::from(vec!["x"])))]);
    write(dir.path().join("shop/b.parquet"), &names);
    lake.refresh().await.unwrap();
    assert_eq!(lake.tables(), ["a", "b"]);
    assert_eq!(table(&ctx, &lake, "b").await.unwrap().rows(), Some(1));
}

#[tokio::test]
async fn an_empty_lake_says_what_was_listed() {
    let dir = tempfile::tempdir().unwrap();
    let ctx = session();
    let place = dir.path().to_str().unwrap();
    let error = open(&ctx, dir.path()).await.unwrap_err();
    assert_eq!(error.kind(), ErrorKind::NoFiles);
    assert_eq!(
        error.to_string(),
        format!("there are no Parquet files in {place}: nothing was listed there")
    );
    put(dir.path().join("a.csv"), b"x");
    put(dir.path().join("_b.parquet"), b"x");
    let error = open(&ctx, dir.path()).await.unwrap_err().to_string();
    assert!(error.contains("2 files were listed: ") && error.contains("a.csv"), "{error}");
    put(dir.path().join("c.parquet"), b"");
    let error = open(&ctx, dir.path()).await.unwrap_err().to_string();
    assert!(
        error.contains("1 Parquet files of no bytes") || error.contains("of them 1"),
        "{error}"
    );
    let error = open(&ctx, &dir.path().join("nowhere")).await.unwrap_err();
    assert_eq!(error.kind(), ErrorKind::NoFiles);
    assert_eq!(error.kind().exit_code(), 3);
}

#[tokio::test]
async fn files_globs_and_urls_are_tables() {
    let dir = tempfile::tempdir().unwrap();
    for (file, id) in [("a1", 1), ("a2", 2), ("b1", 4)] {
        write(dir.path().join(format!("x/{file}.parquet")), &ids(vec![id]));
    }
    let ctx = session();
    let base = dir.path().to_str().unwrap();
    for (location, sum) in [
        (format!("{base}/x/a1.parquet"), "1"),
        (format!("{base}/x/a*.parquet"), "3"),
        (format!("{base}/*/?1.parquet"), "5"),
        (format!("{base}/**/*.parquet"), "7"),
        (format!("{base}/x"), "7"),
        (format!("file://{base}/x/"), "7"),
        (format!("file:{base}/x/b1.parquet"), "4"),
    ] {
        let state = ctx.state();
        let table = open_path(&location, &StoreOptions::new(), &ctx.runtime_env(), &state).await;
        let table = table.unwrap_or_else(|e| panic!("{location}: {e}"));
        assert_eq!(rows(&ctx, table, "SELECT sum(id) FROM t").await.unwrap(), [sum], "{location}");
    }
    let lake = open(&ctx, dir.path()).await.unwrap();
    for (path, sum) in [("x/a*.parquet", "3"), ("x/b1.parquet", "4"), ("./x/", "7")] {
        let table = lake.table_at(path, &ctx.state()).await.unwrap();
        assert_eq!(rows(&ctx, table, "SELECT sum(id) FROM t").await.unwrap(), [sum], "{path}");
    }
    let sub = open(&ctx, &dir.path().join("x")).await.unwrap();
    let up = sub.table_at("../x/a1.parquet", &ctx.state()).await.unwrap();
    assert_eq!(up.rows(), Some(1));
    let glob = open(&ctx, &dir.path().join("x/a*.parquet")).await.unwrap();
    assert_eq!(glob.tables(), ["x"]);
}

#[tokio::test]
async fn many_files_work() {
    let dir = tempfile::tempdir().unwrap();
    let bytes = crate::support::parquet::bytes(&ids(vec![1, 2, 3]), 10);
    for file in 0..1_000 {
        put(dir.path().join(format!("t/p={}/f{file}.parquet", file % 10)), &bytes);
    }
    let ctx = session();
    let lake = open(&ctx, dir.path()).await.unwrap();
    let all = table(&ctx, &lake, "t").await.unwrap();
    let answer = rows(&ctx, all, "SELECT count(*), sum(id) FROM t WHERE p < 5").await.unwrap();
    assert_eq!(answer, ["1500 | 3000"]);
}
