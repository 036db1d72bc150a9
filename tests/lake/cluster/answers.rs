//! The same answers on the clustered lake.

use tenure::generate::{Ids, Settings, generate};
use tenure::lake::StoreOptions;
use tenure::library;

use super::{QUESTIONS, Work, same};
use crate::support::rows::{lines, shipped};

/// Counts and sums of every raw table.
async fn whole(work: &Work) {
    let tenures = work.both().await;
    let names = "SELECT table_name FROM information_schema.tables WHERE table_schema = 'raw' ORDER BY table_name";
    let [before, after] = [lines(&tenures[0], names).await, lines(&tenures[1], names).await];
    let tables = before.unwrap();
    assert_eq!(tables, after.unwrap());
    for table in &tables {
        let columns = format!(
            "SELECT column_name, replace(data_type, 'View', '') FROM information_schema.columns WHERE table_schema = 'raw' AND table_name = '{table}'"
        );
        let count = format!("SELECT count(*) FROM raw.{table}");
        same(&tenures, &[&columns, &count]).await;
        let rows = format!("SELECT * FROM raw.{table}");
        if lines(&tenures[0], &count).await.unwrap() != ["0"] {
            same(&tenures, &[&rows]).await;
        }
    }
    same(&tenures, &QUESTIONS).await;
}

#[tokio::test]
async fn every_question_of_the_library_has_the_same_answer() {
    // of the lake whose events are in several tables, those that look at events
    let several = ["paths", "campaigns", "turning_points"];
    for (lake, year) in [("retail", "2017"), ("shop", "2023")] {
        let work = Work::of(shipped(lake));
        work.cluster(7_000).await.unwrap();
        let [before, after] = work.both().await;
        for query in library::queries().unwrap() {
            if lake == "retail" && !several.contains(&query.family()) {
                continue;
            }
            let given = crate::queries::given(&query);
            let given: Vec<_> =
                given.into_iter().map(|(n, value)| (n, value.replace("1997", year))).collect();
            let params = query.bind(&given).unwrap();
            let left = crate::queries::answer(&before, &query.sql, &params).await;
            let right = crate::queries::answer(&after, &query.sql, &params).await;
            let text =
                |answer: Result<_, String>| answer.map(|a: crate::queries::Answered| a.text());
            assert_eq!(text(left), text(right), "{lake}: {}", query.name);
        }
    }
}

#[tokio::test]
async fn lakes_that_ship_have_the_same_rows_and_answers() {
    for lake in ["retail", "shop"] {
        let work = Work::of(shipped(lake));
        let written = work.cluster(5_000).await.unwrap();
        assert!(written.ranges > 5 && !written.resumed && !written.up_to_date, "{written:?}");
        whole(&work).await;
    }
}

#[tokio::test]
async fn customers_that_are_text_and_dirt_have_the_same_rows_and_answers() {
    for (ids, dirt) in [(Ids::Uuid, false), (Ids::Int, true)] {
        let work = Work::new();
        let settings = Settings { ids, dirt, ..Settings::new(400) };
        let source = work.source.to_str().unwrap();
        generate(&settings, source, &StoreOptions::new()).await.unwrap();
        let written = work.cluster(900).await.unwrap();
        assert!(written.ranges > 3, "{written:?}");
        whole(&work).await;
        // again: nothing is to be done
        let again = work.cluster(900).await.unwrap();
        assert!(again.up_to_date, "{again:?}");
    }
}
