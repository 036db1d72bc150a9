//! What the documentation says of the functions is true, complete, and hides nothing of DataFusion's.

#![allow(
    clippy::unwrap_used,
    clippy::panic,
    clippy::indexing_slicing,
    reason = "a test fails by a panic"
)]

use std::collections::BTreeMap;

use datafusion::execution::{SessionState, SessionStateBuilder};
use tenure::{FunctionInfo, FunctionKind, Tenure, split_statements};

use crate::support::rows;

async fn session() -> Tenure {
    Tenure::builder().threads(2).as_of("2012-01-01").build().await.unwrap()
}

fn own(tenure: &Tenure) -> Vec<FunctionInfo> {
    tenure.functions().into_iter().filter(|f| f.tenure).collect()
}

/// A statement and the lines that it must give.
struct Example {
    sql: String,
    expected: Vec<String>,
}

/// Statements with the comment lines after each.
fn examples(text: &str) -> Vec<Example> {
    let lines: Vec<&str> = text.lines().collect();
    let mut out: Vec<Example> = vec![];
    let starts: Vec<_> = split_statements(text).unwrap();
    for (i, statement) in starts.iter().enumerate() {
        assert!(statement.complete, "no `;` after {}", statement.text);
        let end = starts.get(i + 1).map_or(lines.len(), |next| next.line - 1);
        let last = statement.line - 1 + statement.text.lines().count();
        let expected = lines[last..end].iter().filter_map(|l| l.trim().strip_prefix("-- "));
        out.push(Example {
            sql: statement.text.clone(),
            expected: expected.map(String::from).collect(),
        });
    }
    out
}

#[tokio::test]
async fn every_example_gives_the_answer_that_it_shows() {
    let tenure = session().await;
    let mut wrong = vec![];
    for f in own(&tenure) {
        let text = f.example.clone().unwrap_or_default();
        let all = examples(&text);
        if all.is_empty() {
            wrong.push(format!("{}: no example", f.name));
        }
        for Example { sql, expected } in all {
            match rows::lines(&tenure, &sql).await {
                Err(e) => wrong.push(format!("{}: {}\n{sql}", f.name, rows::told(&e))),
                Ok(_) if expected.is_empty() => {
                    wrong.push(format!("{}: no answer is shown\n{sql}", f.name))
                }
                Ok(got) if got != expected => {
                    wrong.push(format!("{}:\n{sql}\nshown {expected:#?}\ngiven {got:#?}", f.name));
                }
                Ok(_) => {}
            }
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n\n"));
}

/// An example that shows nothing passes for no reason: the reader of examples is tested too.
#[test]
fn an_example_is_taken_apart_into_statements_and_their_lines() {
    let all = examples("SELECT 1,\n  ';';\n-- 1 | ;\nSELECT 2;\nSELECT 3;\n-- 3\n-- NULL");
    let text: Vec<(&str, Vec<&str>)> = all
        .iter()
        .map(|e| (e.sql.as_str(), e.expected.iter().map(String::as_str).collect()))
        .collect();
    assert_eq!(
        text,
        [
            ("SELECT 1,\n  ';'", vec!["1 | ;"]),
            ("SELECT 2", vec![]),
            ("SELECT 3", vec!["3", "NULL"]),
        ]
    );
}

#[tokio::test]
async fn every_function_is_described_with_its_arguments() {
    for f in own(&session().await) {
        let name = &f.name;
        assert!(!f.family.is_empty(), "{name} has no family");
        assert!(f.description.len() > 40, "{name} has no description");
        assert!(f.signature.contains(name.as_str()), "{name}: {}", f.signature);
        assert!(!f.arguments.is_empty(), "{name} has no arguments");
        for (argument, text) in &f.arguments {
            assert!(!text.is_empty(), "{name}: {argument} is not described");
        }
    }
}

/// Whoever calls an argument by its name finds that name in the documentation.
#[tokio::test]
async fn the_arguments_that_can_be_named_are_the_ones_described() {
    let tenure = session().await;
    let state = tenure.context().state();
    for f in own(&tenure) {
        let names = match f.kind {
            FunctionKind::Scalar => {
                state.scalar_functions()[&f.name].signature().parameter_names.clone()
            }
            FunctionKind::Aggregate => {
                state.aggregate_functions()[&f.name].signature().parameter_names.clone()
            }
            FunctionKind::Window => {
                state.window_functions()[&f.name].signature().parameter_names.clone()
            }
            FunctionKind::Table => continue,
        };
        let described: Vec<&str> = f.arguments.iter().map(|(n, _)| n.as_str()).collect();
        // "step1, …": as many as there are, told by their places
        let variadic = described.iter().any(|d| d.ends_with('…'));
        assert!(names.is_some() || variadic, "{}: no argument can be named", f.name);
        for name in names.unwrap_or_default() {
            assert!(
                described.contains(&name.as_str()),
                "{}: {name} is not among {described:?}",
                f.name
            );
        }
    }
}

/// Every kind that each name of a session stands for.
fn kinds(state: &SessionState) -> BTreeMap<String, Vec<&'static str>> {
    let mut out: BTreeMap<String, Vec<&'static str>> = BTreeMap::new();
    let mut add = |name: &String, kind| out.entry(name.clone()).or_default().push(kind);
    state.scalar_functions().keys().for_each(|n| add(n, "scalar"));
    state.higher_order_functions().keys().for_each(|n| add(n, "higher order"));
    state.aggregate_functions().keys().for_each(|n| add(n, "aggregate"));
    state.window_functions().keys().for_each(|n| add(n, "window"));
    state.table_functions().keys().for_each(|n| add(n, "table"));
    out
}

#[tokio::test]
async fn no_function_hides_one_of_datafusion_and_no_name_is_two_kinds() {
    let plain = kinds(&SessionStateBuilder::new().with_default_features().build());
    let tenure = session().await;
    let with = kinds(&tenure.context().state());
    assert!(
        plain.contains_key("substr")
            && plain.contains_key("row_number")
            && plain.contains_key("range")
    );
    for (name, kinds) in &with {
        match plain.get(name) {
            None => assert_eq!(kinds.len(), 1, "{name} is {kinds:?}"),
            Some(before) => assert_eq!(kinds, before, "{name} is DataFusion's"),
        }
    }
    // nothing of DataFusion's is lost, and the difference is Tenure's own functions and aliases
    let own = own(&tenure);
    for f in own.iter().filter(|f| f.kind != FunctionKind::Table) {
        assert!(
            with.contains_key(&f.name) && !plain.contains_key(&f.name),
            "{} is DataFusion's",
            f.name
        );
    }
    for name in plain.keys() {
        assert!(with.contains_key(name), "{name} is lost");
    }
    let state = tenure.context().state();
    let named: usize = own
        .iter()
        .map(|f| match f.kind {
            FunctionKind::Scalar => 1 + state.scalar_functions()[&f.name].aliases().len(),
            FunctionKind::Aggregate => 1 + state.aggregate_functions()[&f.name].aliases().len(),
            FunctionKind::Window => 1 + state.window_functions()[&f.name].aliases().len(),
            FunctionKind::Table => 0,
        })
        .sum();
    assert_eq!(with.len() - plain.len(), named, "a function is registered that is not documented");
}

/// A program that lists the functions must find in SQL what the library tells.
#[tokio::test]
async fn the_catalogue_lists_every_function() {
    let tenure = session().await;
    let listed =
        rows::lines(&tenure, "SELECT DISTINCT routine_name FROM information_schema.routines")
            .await
            .unwrap();
    for f in own(&tenure).iter().filter(|f| f.kind != FunctionKind::Table) {
        assert!(listed.contains(&f.name), "{} is not in information_schema.routines", f.name);
    }
}
