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

/// What can be asked of a text and fails, each about a text that only the data hold.
#[tokio::test]
async fn no_error_has_a_value_of_the_data() {
    let tenure = empty().await;
    for wrong in [
        "CAST(x AS TINYINT)",
        "CAST(x AS SMALLINT)",
        "CAST(x AS INT)",
        "CAST(x AS BIGINT)",
        "CAST(x AS TINYINT UNSIGNED)",
        "CAST(x AS INT UNSIGNED)",
        "CAST(x AS BIGINT UNSIGNED)",
        "CAST(x AS REAL)",
        "CAST(x AS DOUBLE)",
        "CAST(x AS DECIMAL(10,2))",
        "CAST(x AS DECIMAL(30,4))",
        "CAST(x AS BOOLEAN)",
        "CAST(x AS DATE)",
        "CAST(x AS TIME)",
        "CAST(x AS TIMESTAMP)",
        "CAST(x AS TIMESTAMPTZ)",
        "CAST(x AS INTERVAL)",
        "arrow_cast(x, 'Timestamp(Second, None)')",
        r#"arrow_cast(x, 'Timestamp(Millisecond, Some("UTC"))')"#,
        "arrow_cast(x, 'Date64')",
        "arrow_cast(x, 'Duration(Second)')",
        "arrow_cast(x, 'Time64(Nanosecond)')",
        "arrow_cast(x, 'Float16')",
        "arrow_cast(x, 'FixedSizeBinary(3)')",
        "arrow_cast(x, 'Interval(DayTime)')",
        "arrow_cast(x, 'Decimal256(50, 2)')",
        "x::int[]",
        "to_timestamp(x)",
        "to_timestamp(x, '%Y')",
        "to_timestamp_millis(x)",
        "to_date(x)",
        "to_date(x, '%Y')",
        "to_unixtime(x)",
        "date_trunc(x, TIMESTAMP '2018-01-01')",
        "date_part(x, TIMESTAMP '2018-01-01')",
        "date_bin(x::interval, TIMESTAMP '2018-01-01')",
        "decode(x, 'hex')",
        "decode(x, 'base64')",
        "decode('00', x)",
        "encode('a'::bytea, x)",
        "regexp_match('a', concat('(', x))",
        "regexp_replace('a', concat('[', x), 'b')",
        "regexp_like('a', concat('(', x))",
        "regexp_count('a', concat('(', x))",
        "'a' ~ concat('(', x)",
        "'a' SIMILAR TO concat('(', x)",
        "digest('a', x)",
        "timezone(x, TIMESTAMP '2018-01-01')",
        "TIMESTAMP '2018-01-01' AT TIME ZONE x",
        "to_char(TIMESTAMP '2018-01-01', concat('%!', x))",
        "x + 1",
        "x * 2.5",
        "-x",
        "x > 5",
        "x = TIMESTAMP '2018-01-01'",
        "x < DATE '2018-01-01'",
        "x BETWEEN 1 AND 2",
        "x IN (1, 2)",
        "sum(x)",
        "avg(x)",
        "CASE WHEN x THEN 1 END",
        "x AND true",
        "NOT x",
        "abs(x)",
        "sqrt(x)",
        "round(x)",
        "make_date(x, 1, 1)",
        "period_start(x, TIMESTAMP '2018-01-01')",
        "period_start(TIMESTAMP '2018-01-01', x)",
        "periods_between(TIMESTAMP '2018-01-01', TIMESTAMP '2018-02-01', x)",
        "local_time(TIMESTAMP '2018-01-01', x)",
        "recency(x)",
        "monetary(x)",
        "customer_summary(x, 1.0)",
        "stage_of(x)",
        "rfm_segment(x, x, x)",
        "window_funnel(x::interval, TIMESTAMP '2018-01-01', true)",
        "sequence_match(x, TIMESTAMP '2018-01-01', true)",
        "path_match(x, x)",
        "bar(x, 1)",
        "spark(x)",
        "generate_series(x::date, DATE '2018-01-01', INTERVAL '1 day')",
        "array_element([1], x)",
        "[1][x]",
        "struct(x)['nothing']",
        "named_struct(x, 1)",
        "chr(x)",
        "ascii(x) / 0",
        "substr(x, x)",
        "x || 1 / 0",
        "coalesce(x, 1) + 1",
        "nullif(x, 1)",
        "greatest(x, 1)",
        "count(x) OVER (ORDER BY 1 RANGE BETWEEN x PRECEDING AND CURRENT ROW)",
        "(SELECT a FROM (VALUES (x), ('b')) AS v(a))",
        "arrow_cast(x, x)",
        "string_to_array(x, '@')[1]::int",
        "split_part(x, '@', 0)",
        "overlay(x PLACING x FROM 0)",
        "uuid(x)",
        "json_get(x)",
        "to_hex(x)",
        "p_alive(x, x, x)",
        "churn_prob(x)",
        "path_find(x, x, x)",
        "trend(x, x)",
        "cadence(x)",
    ] {
        let sql =
            format!("SELECT {wrong} FROM (VALUES (concat('pii-canary', '@example.com'))) AS t(x)");
        let e = error(&tenure, &sql).await;
        let all = format!("{e} {:?} {e:?}", e.hint());
        assert!(!all.contains("canary@"), "{sql}: {all}");
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
        ("SELECT regexp_like('a', '(x')", "\"(x\" is no regular expression", at(1, 25, 29)),
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
