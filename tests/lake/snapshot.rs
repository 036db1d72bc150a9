//! One statement sees one state of the lake: files that change while they are read give the whole
//! old answer or one clear error, never a mixture.

use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use datafusion::arrow::array::{AsArray, Int64Array};
use datafusion::arrow::datatypes::Int64Type;
use datafusion::prelude::{SessionConfig, SessionContext};
use futures::StreamExt;
use tenure::lake::LakeTable;
use tenure::{Error, ErrorKind};

use super::{open, table};
use crate::support::parquet::{batch, bytes, put, rows, session};

const FILES: usize = 6;
const ROWS: i64 = 3_000;

const MILLION: i64 = 1_000_000;

/// A file whose values tell which version of it they are from; all versions have one size. (Not one
/// value throughout: that would be answered from the statistics.)
pub(super) fn version(version: i64) -> Vec<u8> {
    let column = Int64Array::from_iter_values((0..ROWS).map(|row| version * MILLION + row));
    bytes(&batch(vec![("v", Arc::new(column))]), 250)
}

/// Small batches, one partition: reading takes as long as possible.
fn slow() -> SessionContext {
    SessionContext::new_with_config(
        SessionConfig::new().with_target_partitions(1).with_batch_size(100),
    )
}

/// Streams the table; calls `midway` after the first batch. Rows and versions seen, or the error.
pub(super) async fn read(
    ctx: &SessionContext,
    table: Arc<LakeTable>,
    mut midway: impl AsyncFnMut(),
) -> Result<(i64, Vec<i64>), Error> {
    let mut stream = ctx.read_table(table)?.select_columns(&["v"])?.execute_stream().await?;
    let mut seen = vec![];
    let mut count = 0;
    let mut first = true;
    while let Some(batch) = stream.next().await {
        let batch = batch?;
        count += i64::try_from(batch.num_rows()).unwrap();
        for value in batch.column(0).as_primitive::<Int64Type>().values() {
            if !seen.contains(&(value / MILLION)) {
                seen.push(value / MILLION);
            }
        }
        if std::mem::take(&mut first) {
            midway().await;
        }
    }
    Ok((count, seen))
}

#[derive(Debug, Clone, Copy)]
enum Change {
    Overwrite,
    Replace,
    Shorten,
    Delete,
}

fn change(path: &Path, how: Change, new: &[u8]) {
    match how {
        Change::Overwrite => std::fs::write(path, new).unwrap(),
        Change::Replace => {
            let next = path.with_extension("tmp");
            std::fs::write(&next, new).unwrap();
            std::fs::rename(next, path).unwrap();
        }
        Change::Shorten => std::fs::write(path, &new[..new.len() / 2]).unwrap(),
        Change::Delete => std::fs::remove_file(path).unwrap(),
    }
}

/// A small generator with a seed: trials can be repeated.
fn random(state: &mut u64) -> u64 {
    *state = state.wrapping_mul(6364136223846793005).wrapping_add(1442695040888963407);
    *state >> 33
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn files_that_change_on_disk_are_never_mixed() {
    let dir = tempfile::tempdir().unwrap();
    let paths: Vec<PathBuf> =
        (0..FILES).map(|i| dir.path().join(format!("t/{i}.parquet"))).collect();
    let (old, new) = (version(1), version(2));
    assert_eq!(old.len(), new.len());
    let ctx = slow();
    paths.iter().for_each(|path| put(path, &old));
    let lake = open(&ctx, dir.path()).await.unwrap();
    let mut seed = 7;
    let (mut whole, mut errors) = (0, 0);
    // more of them: TENURE_TRIALS=1000
    let trials = std::env::var("TENURE_TRIALS").map_or(48, |n| n.parse().unwrap());
    for trial in 0..trials {
        paths.iter().for_each(|path| put(path, &old));
        // beyond the clock tick of the file system
        std::thread::sleep(Duration::from_millis(12));
        let t = table(&ctx, &lake, "t").await.unwrap();
        let how = [Change::Overwrite, Change::Replace, Change::Shorten, Change::Delete][trial % 4];
        let wait = Duration::from_micros(random(&mut seed) % 20_000);
        let victims: Vec<_> =
            paths.iter().filter(|_| random(&mut seed).is_multiple_of(2)).cloned().collect();
        let new = new.clone();
        let writer = std::thread::spawn(move || {
            std::thread::sleep(wait);
            victims.iter().for_each(|path| change(path, how, &new));
        });
        let answer = read(&ctx, t, async || ()).await;
        writer.join().unwrap();
        match answer {
            Ok((count, seen)) => {
                assert_eq!((count, seen), (ROWS * FILES as i64, vec![1]), "trial {trial} {how:?}");
                whole += 1;
            }
            Err(error) => {
                let (kind, text) = (error.kind(), error.to_string());
                assert!(
                    matches!(kind, ErrorKind::Changed | ErrorKind::Gone),
                    "trial {trial} {how:?}: {text}"
                );
                assert!(
                    text.starts_with("file t/")
                        && text.ends_with("while the statement was reading it"),
                    "{text}"
                );
                errors += 1;
            }
        }
    }
    println!("{whole} whole answers, {errors} errors");
}

#[tokio::test]
async fn a_file_overwritten_midway_is_named() {
    let dir = tempfile::tempdir().unwrap();
    let last = dir.path().join("t/9.parquet");
    for i in 0..10 {
        put(dir.path().join(format!("t/{i}.parquet")), &version(1));
    }
    let ctx = slow();
    let lake = open(&ctx, dir.path()).await.unwrap();
    for (how, kind, said) in [
        (
            Change::Overwrite,
            ErrorKind::Changed,
            "file t/9.parquet was changed while the statement was reading it",
        ),
        (
            Change::Delete,
            ErrorKind::Gone,
            "file t/9.parquet was deleted while the statement was reading it",
        ),
    ] {
        std::thread::sleep(Duration::from_millis(12));
        let t = table(&ctx, &lake, "t").await.unwrap();
        let error = read(&ctx, t, async || change(&last, how, &version(2))).await.unwrap_err();
        assert_eq!((error.kind(), error.to_string().as_str()), (kind, said));
        assert!(error.hint().unwrap().starts_with("run the statement again"));
        // the next statement reads what is there now
        let t = table(&ctx, &lake, "t").await.unwrap();
        let (_, seen) = read(&ctx, t, async || ()).await.unwrap();
        assert_eq!(seen, if kind == ErrorKind::Changed { vec![1, 2] } else { vec![1] });
    }
}

#[tokio::test]
async fn new_files_are_seen_by_the_next_statement_only() {
    let dir = tempfile::tempdir().unwrap();
    put(dir.path().join("t/a.parquet"), &version(1));
    let ctx = session();
    let lake = open(&ctx, dir.path()).await.unwrap();
    let before = table(&ctx, &lake, "t").await.unwrap();
    put(dir.path().join("t/b.parquet"), &version(2));
    let sql = "SELECT count(*), count(DISTINCT v / 1000000) FROM t";
    assert_eq!(rows(&ctx, before, sql).await.unwrap(), ["3000 | 1"]);
    let after = table(&ctx, &lake, "t").await.unwrap();
    assert_eq!(rows(&ctx, after, sql).await.unwrap(), ["6000 | 2"]);
    std::thread::sleep(Duration::from_millis(12));
    put(dir.path().join("t/a.parquet"), &version(2));
    let after = table(&ctx, &lake, "t").await.unwrap();
    assert_eq!(rows(&ctx, after, sql).await.unwrap(), ["6000 | 1"]);
}
