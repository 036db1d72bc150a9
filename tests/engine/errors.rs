//! An error says what, where and what to do, and nothing of a customer.

use tenure::{ErrorKind, Place, Tenure};

use super::{empty, error, retail};

fn at(line: usize, column: usize, end_column: usize) -> Option<Place> {
    Some(Place { line, column, end_column })
}

async fn check(
    tenure: &Tenure,
    sql: &str,
    kind: ErrorKind,
    message: &str,
    hint: &str,
    place: Option<Place>,
) {
    let e = error(tenure, sql).await;
    assert_eq!(e.kind(), kind, "{sql}: {e}");
    assert_eq!(e.to_string(), message, "{sql}");
    assert!(e.hint().unwrap_or_default().contains(hint), "{sql}: {:?}", e.hint());
    assert_eq!(e.place(), place, "{sql}");
}

#[tokio::test]
async fn a_name_that_does_not_exist_has_its_place_and_the_nearest() {
    use ErrorKind::{UndefinedColumn, UndefinedFunction, UndefinedTable};
    let tenure = retail().await;
    check(
        &tenure,
        "SELECT\n  amuont FROM orders",
        UndefinedColumn,
        "there is no column amuont",
        "amount",
        at(2, 3, 9),
    )
    .await;
    check(
        &tenure,
        "SELECT o.amuont FROM orders AS o",
        UndefinedColumn,
        "there is no column o.amuont",
        "amount",
        at(1, 8, 16),
    )
    .await;
    check(
        &tenure,
        "SELECT * FROM odrers",
        UndefinedTable,
        "there is no table \"odrers\"",
        "orders",
        at(1, 15, 21),
    )
    .await;
    check(
        &tenure,
        "SELECT 1,\n stage_off(summary) FROM summaries",
        UndefinedFunction,
        "there is no function \"stage_off\"",
        "stage_of",
        at(2, 2, 11),
    )
    .await;
    check(
        &tenure,
        "SELECT * FROM public.orders",
        UndefinedTable,
        "there is no table \"public.orders\"",
        "orders",
        at(1, 15, 28),
    )
    .await;
    let e = error(&tenure, "SELECT zzz FROM orders").await;
    assert!(e.hint().is_some_and(|h| h.contains("customer_id, order_id, ts")), "{:?}", e.hint());
}

/// As PostgreSQL 15.18 tells them.
#[tokio::test]
async fn programs_know_the_class_of_an_error() {
    let tenure = retail().await;
    for (sql, state) in [
        ("SELECT customer_id FROM orders, customers", "42702"),
        ("SELECT customer_id, count(*) FROM orders", "42803"),
        ("SELECT count(*) FROM orders HAVING amount > 1", "42803"),
        ("SELECT 'x'::INT", "22P02"),
        ("SELECT INTERVAL 'soon'", "22007"),
        ("SELECT 'x'::DATE", "22007"),
        ("SELECT 'x'::TIMESTAMP", "22007"),
        ("SELECT '99999999999'::INT", "22003"),
        ("SELECT 1 / 0", "22012"),
        ("SELECT 9223372036854775807 + 1", "22003"),
        ("SELECT (SELECT order_id FROM orders)", "21000"),
        ("SELECT 1 WHERE 1 = (SELECT customer_id FROM orders)", "21000"),
        ("SELECT nothing FROM orders", "42703"),
        ("SELECT * FROM nothing", "42P01"),
        ("SELECT nothing(1)", "42883"),
        ("SELEC 1", "42601"),
    ] {
        let e = error(&tenure, sql).await;
        assert_eq!(e.kind().sqlstate(), state, "{sql}: {e}");
    }
}

#[tokio::test]
async fn syntax_and_arguments_have_their_place() {
    let tenure = retail().await;
    let e = error(&tenure, "SELECT *\nFORM orders").await;
    assert_eq!((e.kind(), e.place().map(|p| p.line)), (ErrorKind::Syntax, Some(2)), "{e}");
    let e = error(&tenure, "SELECT stage_of(summary, polcy => 'saas') FROM summaries").await;
    assert_eq!((e.kind(), e.place()), (ErrorKind::Invalid, at(1, 26, 31)), "{e}");
    assert!(e.hint().is_some_and(|h| h.contains("policy")));
}

#[tokio::test]
async fn a_call_that_does_not_fit_has_its_place_and_how_it_is_called() {
    use ErrorKind::{Invalid, UndefinedFunction};
    let tenure = retail().await;
    for (sql, kind, message, hint, place) in [
        (
            "SELECT 1,\n  rfm_segment(1, 2)",
            Invalid,
            "rfm_segment takes 3 to 4 arguments, got 2",
            "rfm_segment(r, f, m",
            at(2, 3, 14),
        ),
        (
            "SELECT stage_label('new'), stage_label('odd')",
            Invalid,
            "stage_label: \"odd\" is no stage; stages are",
            "",
            at(1, 28, 39),
        ),
        (
            "SELECT monetary(amount, 'best') FROM orders",
            Invalid,
            "monetary: method \"best\" is unknown",
            "",
            at(1, 8, 16),
        ),
        (
            "SELECT * FROM change_points(events, penalty => 'odd')",
            Invalid,
            "change_points: penalty must be",
            "",
            at(1, 15, 28),
        ),
        (
            "SELECT recency(as_of => now()) FROM orders",
            Invalid,
            "recency: argument ts is missing",
            "its arguments are ts, as_of",
            at(1, 8, 15),
        ),
        (
            "SELECT substr(1)",
            UndefinedFunction,
            "substr cannot be called with one argument",
            "it is called substr(str, start_pos[, length])",
            at(1, 8, 14),
        ),
        (
            "SELECT round(1.5), round('a', 'b', 'c')",
            UndefinedFunction,
            "round cannot be called with (Utf8, Utf8, Utf8)",
            "it is called round(numeric_expression[, decimal_places])",
            at(1, 20, 25),
        ),
        (
            "SELECT date_trunc(1)",
            UndefinedFunction,
            "date_trunc cannot be called with (Int64)",
            "it is called date_trunc(precision, expression)",
            at(1, 8, 18),
        ),
        (
            "SELECT rfm_score(1, 2, 3)",
            UndefinedFunction,
            "rfm_score is a window function",
            "OVER (",
            at(1, 8, 17),
        ),
        (
            "SELECT * FROM changepoints(events)",
            UndefinedFunction,
            "there is no table function \"changepoints\"",
            "did you mean change_points?",
            at(1, 15, 27),
        ),
    ] {
        let e = error(&tenure, sql).await;
        assert_eq!(e.kind(), kind, "{sql}: {e}");
        assert!(e.to_string().starts_with(message), "{sql}: {e}");
        assert!(e.hint().unwrap_or_default().contains(hint), "{sql}: {:?}", e.hint());
        assert_eq!(e.place(), place, "{sql}: {e}");
    }
    // which of the two it is cannot be told
    let e = error(&tenure, "SELECT stage_label(1), stage_label(2)").await;
    assert_eq!(e.place(), None, "{e}");
}

#[tokio::test]
async fn a_call_that_fails_on_its_rows_has_its_place() {
    let tenure = retail().await;
    let model = "{'model': 'bg_nbd', 'r': 0.2, 'alpha': 4.4, 'a': 0.8, 'b': 2.4}";
    let sql = format!(
        "SELECT expected_purchases({model}, h, 2, 30.0, 39.0) FROM (VALUES ('soon'), ('1 day')) AS t(h)"
    );
    let e = error(&tenure, &sql).await;
    assert_eq!((e.kind(), e.place()), (ErrorKind::Invalid, at(1, 8, 26)), "{e}");
    assert!(!e.to_string().contains("soon"), "{e}");
}

#[tokio::test]
async fn a_view_without_a_lake_says_that_there_is_no_lake() {
    let tenure = empty().await;
    let e = error(&tenure, "SELECT * FROM profiles").await;
    assert_eq!(e.kind(), ErrorKind::UndefinedTable);
    assert!(e.hint().is_some_and(|h| h.contains("no lake is open")), "{:?}", e.hint());
}

#[tokio::test]
async fn a_value_is_not_repeated() {
    let tenure = empty().await;
    for sql in [
        "SELECT CAST(x AS INT) FROM (VALUES (concat('someone', '@example.com'))) AS t(x)",
        "SELECT CAST(x AS DOUBLE) + 1 FROM (VALUES (concat('someone', '@example.com'))) AS t(x)",
        "SELECT CAST(x AS TIMESTAMP) FROM (VALUES (concat('someone', '@example.com'))) AS t(x)",
        "SELECT CAST(x AS DATE) FROM (VALUES (concat('someone', '@example.com'))) AS t(x)",
        "SELECT CAST(x AS BOOLEAN) FROM (VALUES (concat('someone', '@example.com'))) AS t(x)",
        "SELECT CAST(x AS DECIMAL(10, 2)) FROM (VALUES (concat('someone', '@example.com'))) AS t(x)",
        "SELECT CAST(x AS INTERVAL) FROM (VALUES (concat('someone', '@example.com'))) AS t(x)",
        "SELECT to_timestamp(x) FROM (VALUES (concat('someone', '@example.com'))) AS t(x)",
    ] {
        let e = error(&tenure, sql).await;
        let all = format!("{e} {:?}", e.hint());
        assert!(!all.contains("someone"), "{sql}: {all}");
        let unreadable = [ErrorKind::Unreadable, ErrorKind::UnreadableTime];
        assert!(unreadable.contains(&e.kind()), "{sql}: {e}");
    }
}

#[tokio::test]
async fn a_value_of_the_statement_itself_is_shown_with_its_place() {
    let tenure = retail().await;
    for (sql, message, place) in [
        ("SELECT TIMESTAMP '2018-13-01'", "\"2018-13-01\" is no timestamp", at(1, 18, 30)),
        (
            "SELECT * FROM orders\nWHERE ts > 'yesterday'",
            "\"yesterday\" is no timestamp",
            at(2, 12, 23),
        ),
        ("SELECT recency('soon')", "\"soon\" is no timestamp", at(1, 16, 22)),
        ("SELECT CAST('x' AS INT)", "cannot cast \"x\" to value of Int32 type", at(1, 13, 16)),
        ("SELECT INTERVAL 'a while'", "\"a while\" is no interval such as '7 days'", at(1, 17, 26)),
        ("SELECT DATE 'x', 'x'", "cannot cast \"x\" to value of Date32 type", None),
    ] {
        let e = error(&tenure, sql).await;
        assert_eq!((e.to_string().as_str(), e.place()), (message, place), "{sql}");
    }
    let shown = format!("{:?}", error(&tenure, "SELECT CAST(concat('a', '@x') AS INT)").await);
    assert!(!shown.contains("a@x"), "{shown}");
}

#[tokio::test]
async fn a_statement_is_one_statement() {
    let tenure = empty().await;
    for sql in ["", "  ", "-- nothing", ";"] {
        assert_eq!(error(&tenure, sql).await.kind(), ErrorKind::Syntax, "{sql:?}");
    }
    assert_eq!(error(&tenure, "SELECT 1; SELECT 2").await.kind(), ErrorKind::Syntax);
}
