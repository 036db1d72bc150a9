//! `tenure generate`: the same bits always, a truth that the rows bear out, dirt that is there.

mod bits;
mod command;
mod dirt;
mod recovery;
mod truth;

use std::ops::Deref;
use std::path::Path;

use tempfile::TempDir;
use tenure::Tenure;
use tenure::generate::{Settings, generate};
use tenure::lake::StoreOptions;

use crate::support::rows::lines;

/// A lake in a folder of its own.
async fn lake(settings: &Settings) -> TempDir {
    let folder = tempfile::tempdir().unwrap();
    generate(settings, shown(folder.path()), &StoreOptions::new()).await.unwrap();
    folder
}

fn shown(path: &Path) -> &str {
    path.to_str().unwrap()
}

/// A lake and a session on it.
struct Opened {
    folder: TempDir,
    tenure: Tenure,
}

impl Deref for Opened {
    type Target = Tenure;

    fn deref(&self) -> &Tenure {
        &self.tenure
    }
}

async fn open(settings: &Settings) -> Opened {
    let folder = lake(settings).await;
    let tenure = Tenure::builder().lake(shown(folder.path())).build().await.unwrap();
    Opened { folder, tenure }
}

/// The one row of a query.
async fn one(tenure: &Tenure, sql: &str) -> String {
    let answer = lines(tenure, sql).await.unwrap();
    assert_eq!(answer.len(), 1, "{sql}: {answer:?}");
    answer[0].clone()
}

/// The numbers of the one row of a query.
async fn numbers(tenure: &Tenure, sql: &str) -> Vec<f64> {
    let row = one(tenure, sql).await;
    row.split(" | ").map(|n| n.parse().unwrap_or_else(|_| panic!("{sql}: {row}"))).collect()
}

/// Two queries have the same rows, each as often; answers how many.
async fn same_rows(tenure: &Tenure, left: &str, right: &str) -> f64 {
    let count = |of: String| format!("(SELECT count(*) FROM ({of}))");
    let only =
        |a: &str, b: &str| count(format!("SELECT * FROM ({a}) EXCEPT ALL SELECT * FROM ({b})"));
    let sql = format!(
        "SELECT {} AS a, {} AS b, {} AS c",
        count(left.to_owned()),
        only(left, right),
        only(right, left)
    );
    let found = numbers(tenure, &sql).await;
    assert!(found[1] == 0.0 && found[2] == 0.0, "{left}\n{right}\n{found:?}");
    found[0]
}
