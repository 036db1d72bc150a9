//! A broken file is an error that names it, whatever is broken.

use std::panic::AssertUnwindSafe;
use std::sync::Arc;

use datafusion::arrow::array::{Float64Array, Int64Array, StringArray};
use futures::FutureExt;
use tenure::ErrorKind;

use super::{open, table};
use crate::support::parquet::{batch, bytes, put, rows, session, silent, stitched};
use crate::support::rows::lines;

fn file() -> Vec<u8> {
    let ids = Int64Array::from_iter_values(0..200);
    let names = StringArray::from_iter_values((0..200).map(|i| format!("name {i}")));
    let batch = batch(vec![("id", Arc::new(ids)), ("name", Arc::new(names))]);
    bytes(&batch, 50)
}

#[tokio::test]
async fn a_footer_that_lies_about_its_length_is_an_error() {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("t/a.parquet");
    let ctx = session();
    let good = file();
    let length = good.len() - 8;
    for lie in
        [u32::MAX, u32::try_from(good.len()).unwrap(), u32::try_from(good.len()).unwrap() - 8, 1, 0]
    {
        let mut bad = good.clone();
        bad[length..length + 4].copy_from_slice(&lie.to_le_bytes());
        put(&path, &bad);
        let lake = open(&ctx, dir.path()).await.unwrap();
        let error = table(&ctx, &lake, "t").await.unwrap_err();
        assert_eq!(error.kind(), ErrorKind::Corrupt, "{lie}: {error}");
        assert!(
            error.to_string().starts_with("file t/a.parquet is not a readable Parquet file"),
            "{error}"
        );
    }
}

#[tokio::test]
async fn a_file_cut_anywhere_is_an_error() {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("t/a.parquet");
    let ctx = session();
    let good = file();
    put(&path, &good);
    let lake = open(&ctx, dir.path()).await.unwrap();
    for end in (1..good.len()).step_by(97) {
        put(&path, &good[..end]);
        let error = table(&ctx, &lake, "t").await.unwrap_err();
        assert_eq!(error.kind(), ErrorKind::Corrupt, "cut at {end}: {error}");
    }
}

#[tokio::test]
async fn flipped_bytes_in_the_footer_never_panic() {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("t/a.parquet");
    let ctx = session();
    let good = file();
    put(&path, &good);
    let lake = open(&ctx, dir.path()).await.unwrap();
    let footer = usize::try_from(u32::from_le_bytes(
        good[good.len() - 8..good.len() - 4].try_into().unwrap(),
    ))
    .unwrap();
    let start = good.len() - 8 - footer;
    for at in (start..good.len()).step_by(3) {
        let mut bad = good.clone();
        bad[at] ^= 0x55;
        put(&path, &bad);
        // an answer or an error: what a flipped name or number means cannot be known
        if let Ok(t) = table(&ctx, &lake, "t").await {
            let answer = AssertUnwindSafe(rows(&ctx, t, "SELECT * FROM t WHERE id > 5"));
            assert!(answer.catch_unwind().await.is_ok(), "byte {at}");
        }
    }
}

#[tokio::test]
async fn not_a_number_is_found_however_rows_lie_in_files() {
    let dir = tempfile::tempdir().unwrap();
    let part =
        |values: Vec<f64>| bytes(&batch(vec![("x", Arc::new(Float64Array::from(values)))]), 2);
    put(dir.path().join("t/a.parquet"), &part(vec![1.0, f64::NAN, 2.0, 3.0]));
    put(dir.path().join("t/b.parquet"), &part(vec![5.0, 6.0]));
    let ctx = session();
    let lake = open(&ctx, dir.path()).await.unwrap();
    let t = table(&ctx, &lake, "t").await.unwrap();
    let count = rows(&ctx, t, "SELECT count(*) FROM t WHERE x = 'NaN'::double").await.unwrap();
    assert_eq!(count, ["1"]);
    let t = table(&ctx, &lake, "t").await.unwrap();
    assert_eq!(rows(&ctx, t, "SELECT min(x) FROM t").await.unwrap(), ["1.0"]);
}

/// A file put together from those of two writers, of which one says nothing of its values.
#[tokio::test]
async fn a_row_group_that_says_nothing_is_read() {
    let dir = tempfile::tempdir().unwrap();
    let part = |ids: [i64; 3]| {
        let ids = Int64Array::from_iter_values(ids.into_iter().chain(ids).chain(ids));
        batch(vec![("id", Arc::new(ids))])
    };
    let told = bytes(&part([1, 2, 3]), 100);
    let mixed = stitched(vec![told.clone(), silent(&part([2, 3, 700]))]);
    put(dir.path().join("t/a.parquet"), &told);
    put(dir.path().join("t/b.parquet"), &mixed);
    let path = dir.path().to_str().unwrap();
    let tenure = tenure::Tenure::builder().threads(2).lake(path).build().await.unwrap();
    for (sql, want) in [
        ("SELECT count(*) FROM t WHERE id > 500", "3"),
        ("SELECT max(id) FROM t", "700"),
        ("SELECT count(*) FROM (SELECT id, retention(id > 2) FROM t GROUP BY id)", "4"),
    ] {
        assert_eq!(lines(&tenure, sql).await.unwrap(), [want], "{sql}");
    }
}
