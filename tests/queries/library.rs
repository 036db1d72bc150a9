//! Every query runs on data/retail with the answer of its snapshot, and on data/cdnow at all. What
//! a grocery chain has no events for is asked of data/shop.

use std::sync::Arc;

use datafusion::arrow::array::{
    ArrayRef, Float64Array, Int64Array, StringArray, TimestampMicrosecondArray,
};
use tenure::library::{self, Query};
use tenure::{Params, Tenure};

use super::support::{answer, given, open};
use crate::support::parquet;

fn of_family(family: &str) -> Vec<Query> {
    let queries = library::queries().expect("the library is read");
    let found: Vec<_> = queries.into_iter().filter(|q| q.family() == family).collect();
    assert!(!found.is_empty(), "no query about {family}");
    found
}

/// What a customer does on the site of a web shop: visits and carts.
const OF_A_WEB_SHOP: [&str; 4] = [
    "paths/abandoned_carts",
    "paths/carts_by_channel",
    "paths/drop_off_reasons",
    "paths/funnel_by_channel",
];

/// Runs the queries of a family and compares each answer.
async fn check(family: &str) {
    let retail = open("retail").await;
    let shop = open("shop").await;
    let mut failures = Vec::new();
    for query in of_family(family) {
        let tenure = if OF_A_WEB_SHOP.contains(&query.name.as_str()) { &shop } else { &retail };
        let given: Vec<_> = given(&query)
            .into_iter()
            .map(|(name, value)| (name, value.replace("1997", "2017")))
            .collect();
        let params = query.bind(&given).expect("the parameters are bound");
        match answer(tenure, &query.sql, &params).await {
            Err(e) => failures.push(format!("{}: {e}", query.name)),
            Ok(answered) => {
                let declared: Vec<_> = query.columns.iter().map(|(name, _)| name.clone()).collect();
                assert_eq!(answered.columns, declared, "{}: columns of the header", query.name);
                assert!(answered.rows() > 0, "{}: no rows", query.name);
                let name = query.name.replace('/', "__");
                insta::with_settings!({ prepend_module_to_snapshot => false, description => query.title }, {
                    insta::assert_snapshot!(name, answered.text());
                });
            }
        }
    }
    assert!(failures.is_empty(), "{}", failures.join("\n"));
}

macro_rules! families {
    ($($family:ident),* $(,)?) => {
        $(
            #[tokio::test]
            async fn $family() {
                check(stringify!($family)).await;
            }
        )*

        #[test]
        fn every_family_is_checked() {
            let checked = [$(stringify!($family)),*];
            for query in library::queries().expect("the library is read") {
                assert!(checked.contains(&query.family()), "{} is not checked", query.name);
            }
        }
    };
}

families!(overview, segments, stages, value, churn, turning_points, retention, campaigns, paths);

#[tokio::test]
async fn every_query_runs_on_a_lake_with_nothing_but_orders() {
    let tenure = open("cdnow").await;
    let mut failures = Vec::new();
    for query in library::queries().expect("the library is read") {
        let params = query.bind(&given(&query)).expect("the parameters are bound");
        if let Err(e) = answer(&tenure, &query.sql, &params).await {
            failures.push(format!("{}: {e}", query.name));
        }
    }
    assert!(failures.is_empty(), "{}", failures.join("\n"));
}

#[tokio::test]
async fn where_nobody_bought_or_nobody_paid_a_share_is_null() {
    let mut failures = Vec::new();
    for (event, amounts) in [("page_view", 1), ("purchase", 20)] {
        let folder = tempfile::tempdir().expect("a folder");
        let day = |n: i64| (17_167 + 7 * n) * 86_400_000_000; // 2017-01-01 and weeks after it
        let numbers = || 0..amounts;
        let columns: Vec<(&str, ArrayRef)> = vec![
            ("customer_id", Arc::new(Int64Array::from_iter_values(numbers().map(|n| n % 3)))),
            ("ts", Arc::new(TimestampMicrosecondArray::from_iter_values(numbers().map(day)))),
            ("event_type", Arc::new(StringArray::from_iter_values(numbers().map(|_| event)))),
            ("amount", Arc::new(Float64Array::from_iter_values(numbers().map(|_| 0.0)))),
            ("order_id", Arc::new(Int64Array::from_iter_values(numbers()))),
        ];
        parquet::write(folder.path().join("events/a.parquet"), &parquet::batch(columns));
        let lake = folder.path().to_str().expect("a path in UTF-8");
        let tenure = Tenure::builder().lake(lake).as_of("2018-01-01").build().await;
        let tenure = tenure.expect("the lake opens");
        for query in library::queries().expect("the library is read") {
            let params = query.bind(&given(&query)).expect("the parameters are bound");
            match answer(&tenure, &query.sql, &params).await {
                Err(e) => failures.push(format!("{event}, {}: {e}", query.name)),
                Ok(answered) => {
                    let text = answered.text();
                    if [" NaN ", " inf ", " -inf "].iter().any(|odd| text.contains(odd)) {
                        failures.push(format!("{event}, {}:\n{text}", query.name));
                    }
                }
            }
        }
    }
    assert!(failures.is_empty(), "{}", failures.join("\n"));
}

#[tokio::test]
async fn the_tour_tells_its_story() {
    // of a shop that was, and of one that was drawn
    for (lake, snapshot) in [("retail", "tour"), ("shop", "tour_of_the_drawn_shop")] {
        let tenure = open(lake).await;
        let mut story = String::new();
        for statement in
            tenure::split_statements(&library::tour().expect("the tour")).expect("statements")
        {
            let answered = answer(&tenure, &statement.text, &Params::new()).await;
            let answered = answered.unwrap_or_else(|e| panic!("{lake}: {}: {e}", statement.text));
            story.push_str(&format!("{}\n\n", answered.text()));
        }
        insta::with_settings!({ prepend_module_to_snapshot => false }, {
            insta::assert_snapshot!(snapshot, story);
        });
    }
}
