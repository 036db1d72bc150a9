//! A run that is stopped leaves no lake, and the next one goes on.

use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use tenure::ErrorKind;
use tenure::generate::{Settings, generate};
use tenure::lake::StoreOptions;

use super::{QUESTIONS, Work, same, try_open};

async fn lake(customers: u64) -> Work {
    let work = Work::new();
    let source = work.source.to_str().unwrap();
    generate(&Settings::new(customers), source, &StoreOptions::new()).await.unwrap();
    work
}

fn start(work: &Work) -> Child {
    Command::new(env!("CARGO_BIN_EXE_tenure"))
        .args(["cluster", "--rows-per-file", "300"])
        .args([&work.source, &work.dest()])
        .stdin(Stdio::null())
        .stderr(Stdio::null())
        .spawn()
        .unwrap()
}

/// Files that are noted as done.
fn noted(work: &Work) -> usize {
    let text = std::fs::read_to_string(work.dest().join("_cluster/pending.toml"));
    text.unwrap_or_default().matches(".parquet").count()
}

/// Kills a run once it has noted so many files; answers how many it had.
fn kill(work: &Work, files: usize) -> usize {
    let mut child = start(work);
    let since = Instant::now();
    while noted(work) < files && child.try_wait().unwrap().is_none() {
        assert!(since.elapsed() < Duration::from_secs(120), "nothing is noted");
        std::thread::sleep(Duration::from_millis(1));
    }
    child.kill().unwrap();
    child.wait().unwrap();
    noted(work)
}

#[tokio::test]
async fn a_run_that_was_killed_is_taken_up() {
    let work = lake(1500).await;
    let mut before = 0;
    for files in [2, 8, 14] {
        let now = kill(&work, files);
        assert!(now >= files && now > before, "{now} files noted after {before}");
        before = now;
        // what is there is no lake
        let error = try_open(&work.dest()).await.unwrap_err();
        assert_eq!(error.kind(), ErrorKind::NoFiles, "{error}");
        assert!(error.to_string().contains("`tenure cluster` has not ended there"), "{error}");
    }
    let done = work.files();
    let written = work.cluster(300).await.unwrap();
    assert!(written.resumed, "{written:?}");
    let after = work.files();
    let kept = done.iter().filter(|(name, bytes)| after.get(*name) == Some(bytes)).count();
    assert!(kept >= before, "{kept} of {before} files were kept");
    let total = u64::try_from(after.len()).unwrap();
    assert!(written.files < total, "{written:?} of {total}");
    // nothing is left over
    assert_eq!(after.len(), work.manifest().matches(".parquet\", ra").count() + copies(&work));
    let tenures = work.both().await;
    same(&tenures, &["SELECT * FROM raw.events", "SELECT * FROM raw.customers"]).await;
    same(&tenures, &QUESTIONS[..6]).await;
}

/// Files of tables that were copied.
fn copies(work: &Work) -> usize {
    work.files().keys().filter(|name| name.split('/').count() > 2).count()
}

#[tokio::test]
async fn what_was_done_is_checked_and_not_believed() {
    // a file that is noted is cut short: everything is done anew
    let work = lake(1500).await;
    kill(&work, 5);
    let noted = std::fs::read_to_string(work.dest().join("_cluster/pending.toml")).unwrap();
    let (name, bytes) = work
        .files()
        .into_iter()
        .find(|(n, _)| noted.contains(n.rsplit('/').next().unwrap()))
        .unwrap();
    std::fs::write(work.dest().join("_cluster").join(&name), &bytes[..bytes.len() / 2]).unwrap();
    let written = work.cluster(300).await.unwrap();
    assert!(!written.resumed, "{written:?}");
    assert!(!work.files().contains_key(&name));
    same(&work.both().await, &["SELECT * FROM raw.events"]).await;

    // the source changed meanwhile
    let work = lake(1500).await;
    kill(&work, 5);
    std::fs::remove_dir_all(work.source.join("events/month=2023-05")).unwrap();
    let written = work.cluster(300).await.unwrap();
    assert!(!written.resumed, "{written:?}");
    same(&work.both().await, &["SELECT * FROM raw.events"]).await;
}

#[tokio::test]
async fn a_month_whose_adding_was_killed_is_taken_up() {
    let work = lake(1500).await;
    let month = work.source.join("events/month=2024-06");
    let aside = work.folder.path().join("aside");
    std::fs::rename(&month, &aside).unwrap();
    work.cluster(300).await.unwrap();
    let manifest = work.manifest();
    std::fs::rename(&aside, &month).unwrap();
    kill(&work, 3);
    // the lake before is still the lake
    if work.manifest() == manifest {
        let [_, after] = work.both().await;
        let rows = crate::support::rows::lines(
            &after,
            "SELECT count(*) FROM raw.events WHERE month = '2024-06'",
        );
        assert_eq!(rows.await.unwrap(), ["0"]);
    }
    work.cluster(300).await.unwrap();
    same(&work.both().await, &["SELECT * FROM raw.events", QUESTIONS[0], QUESTIONS[4]]).await;
}

#[tokio::test]
async fn two_runs_at_once_do_not_mix() {
    let work = lake(300).await;
    let (a, b) = tokio::join!(work.cluster(300), work.cluster(300));
    let errors: Vec<_> = [&a, &b].into_iter().filter_map(|run| run.as_ref().err()).collect();
    assert!(errors.len() <= 1, "{errors:?}");
    for error in errors {
        assert!(error.to_string().contains("another program is writing to"), "{error}");
    }
    same(&work.both().await, &["SELECT * FROM raw.events"]).await;
}
