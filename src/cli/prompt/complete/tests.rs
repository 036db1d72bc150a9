use super::super::catalog::Function;
use super::*;

fn catalog() -> Catalog {
    let relation = |schema: &str, name: &str, kind, columns: &[(&str, &str)]| Relation {
        lake: "retail".into(),
        schema: schema.into(),
        name: name.into(),
        kind,
        columns: columns.iter().map(|(n, t)| (n.to_string(), t.to_string())).collect(),
    };
    let function = |name: &str, kind, tenure| Function {
        name: name.into(),
        signature: format!("{name}(…)"),
        kind,
        tenure,
    };
    Catalog {
        relations: vec![
            relation("main", "events", "view", &[("customer_id", "bigint"), ("ts", "timestamp")]),
            relation(
                "main",
                "customers",
                "view",
                &[("customer_id", "bigint"), ("Age Group", "varchar")],
            ),
            relation("main", "coupons", "table", &[("coupon", "bigint")]),
            relation("raw", "events", "table", &[("household", "bigint")]),
            relation("raw", "coupons", "table", &[("coupon", "bigint")]),
        ],
        functions: vec![
            function("churn_prob", "scalar", true),
            function("change_points", "table", true),
            function("coalesce", "scalar", false),
        ],
        queries: vec![("churn/at_risk".into(), "Who leaves".into())],
        settings: vec!["timing".into(), "tenure.as_of".into()],
        parameters: vec!["top".into()],
        default_lake: "retail".into(),
    }
}

/// Completes at the `|`.
fn at(text: &str) -> (usize, Vec<String>) {
    let cursor = text.find('|').unwrap();
    let (start, found) = complete(&text.replace('|', ""), cursor, &catalog());
    (start, found.into_iter().map(|c| c.text).collect())
}

fn offered(text: &str) -> Vec<String> {
    at(text).1
}

#[test]
fn columns_come_from_a_from_that_stands_later() {
    assert_eq!(
        at("SELECT cu| FROM events e"),
        (7, vec!["customer_id".into(), "CURRENT ROW".to_lowercase()])
    );
    let all = offered("SELECT | FROM events");
    assert_eq!(all[..2], ["customer_id", "ts"]);
    assert!(all.contains(&"churn_prob(".to_string()));
}

#[test]
fn columns_come_before_aliases_functions_and_keywords() {
    let all = offered("SELECT c| FROM customers c");
    assert_eq!(all[..4], ["customer_id", "c", "churn_prob(", "coalesce("]);
    assert_eq!(all[4], "cross join");
}

#[test]
fn odd_names_are_quoted_and_found_behind_a_quote() {
    assert_eq!(at("SELECT Age| FROM customers"), (7, vec!["\"Age Group\"".into()]));
    assert_eq!(at("SELECT 1 FROM customers WHERE \"Age|"), (30, vec!["\"Age Group\"".into()]));
}

#[test]
fn an_alias_names_its_own_columns() {
    assert_eq!(
        at("SELECT e.| FROM events AS e JOIN customers c"),
        (9, vec!["customer_id".into(), "ts".into()])
    );
    assert_eq!(offered("SELECT 1 FROM events e JOIN customers c ON c.cu|"), ["customer_id"]);
    assert_eq!(offered("SELECT r.| FROM raw.events r"), ["household"]);
}

#[test]
fn relations_stand_after_from_join_and_commas_between() {
    assert_eq!(
        offered("SELECT 1 FROM |"),
        ["coupons", "customers", "events", "raw.events", "change_points("]
    );
    assert_eq!(offered("SELECT 1 FROM events, cu|")[0], "customers");
    assert_eq!(offered("SELECT 1 FROM events JOIN cust|"), ["customers"]);
    assert!(!offered("SELECT cust|, 1 FROM events").contains(&"customers".to_string()));
    assert_eq!(offered("SELECT 1 FROM raw.|"), ["events", "coupons"]);
}

#[test]
fn before_from_is_written_any_column_may_be_meant() {
    assert_eq!(offered("SELECT hou|"), Vec::<String>::new());
    assert_eq!(offered("SELECT coup|"), ["coupon"]);
    assert_eq!(offered("SELECT 1; SELECT cust|"), ["customer_id"]);
}

#[test]
fn common_tables_are_relations() {
    assert_eq!(offered("WITH lost AS (SELECT 1) SELECT 1 FROM lo|"), ["lost"]);
}

#[test]
fn only_the_statement_at_the_cursor_counts() {
    assert!(!offered("SELECT 1 FROM events; SELECT t| FROM coupons").contains(&"ts".to_string()));
    assert!(offered("SELECT 1; SELECT t| FROM events; SELECT 2").contains(&"ts".to_string()));
}

#[test]
fn nothing_is_offered_inside_text_and_comments_do_not_confuse() {
    assert_eq!(offered("SELECT 'cu| FROM events"), Vec::<String>::new());
    assert_eq!(offered("SELECT -- it's\n t| FROM events")[0], "ts");
}

#[test]
fn keywords_follow_the_case_of_what_is_typed() {
    assert!(offered("SELECT 1 FROM events wh|").contains(&"where".to_string()));
    assert!(offered("SELECT 1 FROM events WH|").contains(&"WHERE".to_string()));
    assert_eq!(offered("SEL|"), ["SELECT"]);
}

#[test]
fn commands_and_their_arguments() {
    assert_eq!(at("\\ti|"), (0, vec!["\\timing".into()]));
    assert_eq!(at(".ti|"), (0, vec![".timing".into()]));
    assert_eq!(at("\\d cust|"), (3, vec!["customers".into()]));
    assert_eq!(at("\\run ch|"), (5, vec!["churn/at_risk".into()]));
    assert_eq!(at("\\h ch|"), (3, vec!["churn_prob".into(), "change_points".into()]));
    assert_eq!(at("\\set ti|"), (5, vec!["timing".into()]));
    assert_eq!(at("\\timing o|"), (8, vec!["on".into(), "off".into()]));
    assert_eq!(at("\\chart he|"), (7, vec!["heat".into()]));
    assert_eq!(at("\\chart bar b|"), (11, vec!["by=".into()]));
    assert_eq!(offered("\\chart bar x=ts SELECT t| FROM events")[0], "ts");
    assert_eq!(offered("\\explain SELECT t| FROM events")[0], "ts");
}

#[test]
fn paths_stand_in_quotes_after_from_and_after_commands() {
    let folder = tempfile::tempdir().unwrap();
    std::fs::create_dir(folder.path().join("shop lake")).unwrap();
    std::fs::write(folder.path().join("a.sql"), "").unwrap();
    let path = folder.path().display();
    assert_eq!(offered(&format!("SELECT 1 FROM '{path}/sh|")), [format!("{path}/shop lake/")]);
    assert_eq!(offered(&format!("\\i {path}/a|")), [format!("{path}/a.sql")]);
}
