//! What the catalog answers, by its rows: names and types as PostgreSQL has them.

use crate::support::rows::shipped;
use crate::support::served::{Served, err, folder, out};

/// The answers of statements of one session, a line a row.
fn answers(served: &Served, statements: &[&str]) -> String {
    let mut arguments = vec!["-qAt"];
    for statement in statements {
        arguments.extend(["-c", statement]);
    }
    let asked = served.psql("", &arguments);
    assert!(asked.status.success() && err(&asked).is_empty(), "{statements:?}: {}", err(&asked));
    out(&asked)
}

fn all_understood(served: &Served) {
    let log = served.log();
    let missed: Vec<_> = log.iter().filter(|e| e["event"] == "catalog_not_understood").collect();
    assert!(missed.is_empty(), "{missed:?}");
}

/// A column of each type.
const KINDS: &str = "CREATE VIEW kinds AS SELECT \
    CAST(1 AS BIGINT) AS a, CAST(1 AS SMALLINT) AS b, CAST(1 AS INT) AS c, 'x' AS d, \
    TIMESTAMP '2018-01-01' AS e, TIMESTAMPTZ '2018-01-01' AS f, CAST(1 AS DECIMAL(10, 2)) AS g, \
    DATE '2018-01-01' AS h, true AS i, CAST(1 AS DOUBLE) AS j, CAST(1 AS REAL) AS k, ['x'] AS l, \
    [1] AS m, {a: 1} AS n, X'01' AS o, TIME '03:04:05' AS p, INTERVAL '1 day' AS q, \
    arrow_cast(1, 'UInt64') AS r";

/// What PostgreSQL 15 says of a table with these types.
const SAID: &str = "\
a|1|bigint|int8|64|2|0||
b|2|smallint|int2|16|2|0||
c|3|integer|int4|32|2|0||
d|4|text|text|||||1073741824
e|5|timestamp without time zone|timestamp||||6|
f|6|timestamp with time zone|timestamptz||||6|
g|7|numeric|numeric|10|10|2||
h|8|date|date||||0|
i|9|boolean|bool|||||
j|10|double precision|float8|53|2|||
k|11|real|float4|24|2|||
l|12|ARRAY|_text|||||
m|13|ARRAY|_int8|||||
n|14|json|json|||||
o|15|bytea|bytea|||||
p|16|time without time zone|time||||6|
q|17|interval|interval||||6|
r|18|numeric|numeric||10|||
";

#[test]
fn columns_have_the_types_that_postgresql_has() {
    let served = Served::retail(&["--allow-views"]);
    let columns = "SELECT column_name, ordinal_position, data_type, udt_name, numeric_precision, \
                   numeric_precision_radix, numeric_scale, datetime_precision, \
                   character_octet_length FROM information_schema.columns \
                   WHERE table_schema = 'main' AND table_name = 'kinds' ORDER BY ordinal_position";
    assert_eq!(answers(&served, &[KINDS, columns]), SAID);
    // the other catalog says the same, and so does \d
    let types = "SELECT a.attnum, pg_catalog.format_type(a.atttypid, a.atttypmod) \
                 FROM pg_catalog.pg_attribute a JOIN pg_catalog.pg_class c ON c.oid = a.attrelid \
                 WHERE c.relname = 'kinds' AND a.attname IN ('a', 'f', 'g', 'l', 'r') ORDER BY 1";
    assert_eq!(
        answers(&served, &[KINDS, types]),
        "1|bigint\n6|timestamp with time zone\n7|numeric(10,2)\n12|text[]\n18|numeric\n"
    );
    all_understood(&served);
}

#[test]
fn information_schema_is_of_one_database_and_by_its_own_names() {
    let served = Served::retail(&[]);
    let one = |sql: &str| answers(&served, &[sql]);
    assert_eq!(
        one("SELECT DISTINCT table_catalog, is_updatable FROM information_schema.columns \
             WHERE table_schema IN ('main', 'raw')"),
        "retail|NO\n"
    );
    // NULL or not, as the other catalog has it
    assert_eq!(
        one(
            "SELECT count(*) FROM information_schema.columns i JOIN pg_class c ON c.relname = i.table_name \
             JOIN pg_namespace n ON n.oid = c.relnamespace AND n.nspname = i.table_schema \
             JOIN pg_attribute a ON a.attrelid = c.oid AND a.attnum = i.ordinal_position \
             WHERE i.table_schema = 'raw' AND (a.attname <> i.column_name \
             OR a.attnotnull <> (i.is_nullable = 'NO'))"
        ),
        "0\n"
    );
    // tables by the names that they are asked with
    assert_eq!(
        one("SELECT information_schema.tables.table_name, tables.table_type \
             FROM information_schema.tables WHERE tables.table_schema = 'main' \
             AND TABLES.table_name IN ('profiles', 'campaigns') ORDER BY 1"),
        "campaigns|BASE TABLE\nprofiles|VIEW\n"
    );
    assert_eq!(
        one("SELECT schema_name, schema_owner FROM information_schema.schemata ORDER BY 1"),
        "information_schema|tenure\nmain|tenure\npg_catalog|tenure\nraw|tenure\ntenure|tenure\n"
    );
    assert_eq!(
        one(
            "SELECT table_name FROM information_schema.views WHERE table_schema = 'main' ORDER BY 1"
        ),
        "customers\nevents\norders\nprofiles\nsummaries\n"
    );
    // what there is none of has its columns
    assert_eq!(one("SELECT constraint_name FROM information_schema.table_constraints"), "");
    assert_eq!(
        one(
            "SELECT data_type FROM information_schema.columns WHERE table_schema = 'information_schema' \
             AND table_name = 'columns' AND column_name = 'ordinal_position'"
        ),
        "integer\n"
    );
    all_understood(&served);
}

#[test]
fn functions_are_told_with_their_types_and_documentation() {
    let served = Served::retail(&[]);
    served.python("functions.py", &[]);
    all_understood(&served);
}

#[test]
fn names_are_found_where_the_search_path_says() {
    let served = Served::retail(&[]);
    served.python("search_path.py", &[]);
    all_understood(&served);
}

#[test]
fn backslash_commands_show_users_types_and_sizes() {
    let served = Served::retail(&[]);
    let shown = |command: &str| answers(&served, &[command]);
    assert_eq!(shown("\\du"), "ana||{}\ntenure|Cannot login|{}\n");
    // a lake is a database, and there are no others
    let databases = answers(&served, &["SELECT datname, pg_get_userbyid(datdba) FROM pg_database"]);
    assert_eq!(databases, "retail|tenure\n");
    // a database without types of its own
    assert_eq!(shown("\\dT"), "");
    assert_eq!(shown("\\dT+"), "");
    assert!(shown("\\dTS int8").contains("pg_catalog|bigint|"), "{}", shown("\\dTS int8"));
    let tables = shown("\\dt+ raw.*");
    assert!(tables.contains("raw|orders|table|tenure|permanent|"), "{tables}");
    assert!(shown("\\dv+").contains("main|profiles|view|tenure|permanent|"), "{}", shown("\\dv+"));
    let functions = shown("\\df+ churn_prob");
    assert!(functions.contains("tenure|churn_prob|double precision|"), "{functions}");
    assert!(functions.contains("The probability"), "{functions}");
    assert!(
        shown("\\df funnel").contains("tenure|funnel|SETOF record|"),
        "{}",
        shown("\\df funnel")
    );
    for command in
        ["\\dn+", "\\l+", "\\d+ profiles", "\\dp", "\\di", "\\ds", "\\dx", "\\dD", "\\dC"]
    {
        shown(command);
    }
    all_understood(&served);
}

#[test]
fn rights_are_to_read() {
    let served = Served::retail(&[]);
    let rights = "SELECT has_table_privilege('orders', 'SELECT'), has_table_privilege('ana', 'orders', 'UPDATE'), \
                  has_schema_privilege('main', 'USAGE'), has_schema_privilege('main', 'CREATE'), \
                  has_database_privilege('retail', 'CONNECT')";
    assert_eq!(answers(&served, &[rights]), "t|f|t|f|t\n");
}

/// Tools keep the numbers of schemas and relations over connections.
#[test]
fn numbers_are_the_same_in_every_session() {
    let served = Served::retail(&[]);
    let schemas = "SELECT nspname, oid FROM pg_namespace ORDER BY nspname";
    let relations = "SELECT relname, relnamespace, oid FROM pg_class ORDER BY 1, 2";
    let columns = "SELECT DISTINCT attrelid FROM pg_attribute ORDER BY 1";
    let databases = "SELECT datname, oid FROM pg_database ORDER BY 1";
    let one = answers(&served, &[schemas, relations, columns, databases]);
    let other: Vec<String> = [databases, columns, relations, schemas]
        .iter()
        .map(|sql| answers(&served, &[sql]))
        .collect();
    assert_eq!(one, other.iter().rev().map(String::as_str).collect::<String>());
    // each is of one thing, and columns are found by it
    let twice = "SELECT count(*) - count(DISTINCT oid) FROM pg_class";
    let found = "SELECT count(*) > 3 FROM pg_attribute WHERE attrelid = 'main.orders'::regclass";
    let named = "SELECT to_regclass('Main.\"orders\"') = to_regclass('orders'), to_regclass('raw.orders') = to_regclass('orders'), to_regclass('nothing'), to_regclass('pg_class')";
    assert_eq!(answers(&served, &[twice, found, named]), "0\nt\nt|f||1259\n");
    all_understood(&served);
}

#[test]
fn a_question_that_is_not_understood_is_logged_once_and_answered() {
    let served = Served::retail(&[]);
    let none = "SELECT statement FROM pg_cursors";
    let asked =
        [none, none, "SELECT count(*) FROM pg_cursors", "SELECT max(name) IS NULL FROM pg_cursors"];
    assert_eq!(answers(&served, &asked), "0\n\n");
    let log = served.log();
    let missed = log.iter().filter(|e| e["event"] == "catalog_not_understood");
    assert_eq!(missed.filter(|e| e["statement"] == none).count(), 1);
    // a mistake in what is asked is the client's
    for (sql, says) in [
        ("SELECT 1 / 0 FROM pg_class", "zero"),
        ("SELECT relname::int FROM pg_class", "cannot cast"),
    ] {
        let asked = served.psql("", &["-c", sql]);
        assert!(!asked.status.success() && err(&asked).contains(says), "{sql}: {}", err(&asked));
    }
}

#[test]
fn a_lake_of_several_keeps_its_own_settings() {
    let served = Served::start(folder(), &shipped("retail"), &[&shipped("shop")]);
    let ask = |lake: &str, sql: &str| {
        let asked = served.psql(&format!("dbname={lake}"), &["-qAtc", sql]);
        assert!(asked.status.success(), "{lake} {sql}: {}", err(&asked));
        out(&asked).trim().to_owned()
    };
    for (lake, as_of, policy) in
        [("retail", "2018-01-02", "grocery"), ("shop", "2024-07-01", "retail")]
    {
        assert_eq!(ask(lake, "SHOW tenure.as_of"), as_of);
        assert_eq!(
            ask(lake, "SET tenure.as_of = '2016-01-01'; RESET tenure.as_of; SHOW tenure.as_of"),
            as_of
        );
        assert_eq!(ask(lake, "SHOW tenure.stage_policy"), policy);
        assert_eq!(
            ask(lake, "SELECT left(value, 10) FROM tenure.settings WHERE name = 'tenure.as_of'"),
            as_of
        );
        let functions = "SELECT count(*) > 50 FROM pg_proc p JOIN pg_namespace n ON n.oid = p.pronamespace WHERE n.nspname = 'tenure'";
        assert_eq!(ask(lake, functions), "t");
    }
    // of all of them nothing is stated alike
    assert_eq!(ask("tenure", "SHOW tenure.as_of"), "");
}
