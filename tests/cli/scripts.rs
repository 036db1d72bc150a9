use crate::support::program::{Run, Shop};

#[test]
fn standard_input_is_a_script_with_commands() {
    let script = "-- a comment with ; in it\nSELECT 'a;b' AS x;\n\\x on\nSELECT 1 AS y, 2 AS z\n;";
    let run = Shop::new().pipe(&[], script);
    insta::assert_snapshot!(run.shown());
}

#[test]
fn both_spellings_of_commands_list_the_same() {
    let run = Shop::new().pipe(&["shop", "--format", "csv"], "\\dt\n.tables\n");
    let (first, second) = run.out.split_at(run.out.len() / 2);
    assert_eq!(first, second, "{}", run.shown());
    assert!(first.contains(",orders,table,3\n"), "{first}");
}

#[test]
fn a_table_is_described_with_its_files() {
    let run = Shop::new().run(&["shop", "-c", "\\d raw.orders"]);
    insta::assert_snapshot!(run.shown());
}

#[test]
fn an_unknown_command_names_the_nearest_and_is_wrong_usage() {
    let run = Shop::new().run(&["-c", "\\tming"]);
    assert_eq!(run.code, Some(2));
    assert!(run.err.contains("did you mean \\timing?"), "{}", run.err);
}

#[test]
fn scripts_read_scripts_beside_them() {
    let shop = Shop::new();
    let folder = shop.folder.path();
    std::fs::create_dir(folder.join("sql")).unwrap();
    std::fs::write(folder.join("sql/a.sql"), "\\i b.sql\nSELECT 'a' AS x;").unwrap();
    std::fs::write(folder.join("sql/b.sql"), "SELECT 'b' AS x;").unwrap();
    std::fs::write(folder.join("sql/loop.sql"), "\\i loop.sql").unwrap();
    let run = shop.run(&["--format", "csv", "-f", "sql/a.sql"]);
    assert_eq!(run.out, "x\nb\nx\na\n", "{}", run.shown());
    let run = shop.run(&["-f", "sql/loop.sql"]);
    assert_eq!(run.code, Some(2), "{}", run.shown());
}

#[test]
fn output_goes_to_a_file_and_back() {
    let shop = Shop::new();
    let run = shop.pipe(&["--format", "csv"], "\\o x.csv\nSELECT 1 AS a;\n\\o\nSELECT 2 AS b;\n");
    assert_eq!(run.out, "b\n2\n", "{}", run.shown());
    assert_eq!(std::fs::read_to_string(shop.folder.path().join("x.csv")).unwrap(), "a\n1\n");
}

#[test]
fn copy_writes_the_rows_that_the_same_query_shows() {
    let shop = Shop::new();
    for query in [
        "SELECT * FROM raw.orders ORDER BY ts FETCH FIRST 2 ROWS ONLY",
        "SELECT count(DISTINCT ts) AS times, count(DISTINCT ts::date) AS days FROM raw.orders",
        "SELECT stage, count(*) AS n FROM profiles GROUP BY ALL ORDER BY stage",
    ] {
        let shown = shop.run(&["shop", "--format", "csv", "-c", query]);
        assert_eq!(shown.code, Some(0), "{}", shown.shown());
        let copied = shop.run(&["shop", "-c", &format!("COPY ({query}) TO 'copied.csv'")]);
        assert_eq!(copied.code, Some(0), "{}", copied.shown());
        let read = std::fs::read_to_string(shop.folder.path().join("copied.csv")).unwrap();
        assert_eq!(read.lines().count(), shown.out.lines().count(), "{read}{}", shown.out);
        assert_eq!(read.lines().next(), shown.out.lines().next());
        std::fs::remove_file(shop.folder.path().join("copied.csv")).unwrap();
    }
}

#[test]
fn settings_and_parameters_hold_for_the_statements_that_follow() {
    let script = "\\param top=2\nSELECT $top AS n;\n\\set as_of 2017-03-01\nSELECT count(*) AS n FROM events;\n";
    let run = Shop::new().pipe(&["shop", "--format", "csv"], script);
    assert_eq!(run.out, "n\n2\nn\n6\n", "{}", run.shown());
    let run = Shop::new().run(&["-c", "\\set as_off 2017-03-01"]);
    assert_eq!(run.code, Some(2));
    assert!(run.err.contains("as_of"), "{}", run.err);
}

#[test]
fn a_function_has_a_page() {
    let run = Shop::new().run(&["-c", "\\h stage_label"]);
    assert_eq!(run.code, Some(0), "{}", run.shown());
    for part in ["stage_label(", "Arguments", "Example"] {
        assert!(run.out.contains(part), "{}", run.out);
    }
    let run = Shop::new().run(&["-c", "\\h stage_labl"]);
    assert!(run.err.contains("did you mean stage_label?"), "{}", run.err);
}

#[test]
fn plans_and_profiles_are_text() {
    let shop = Shop::new();
    let run = shop.run(&["shop", "-c", "\\explain SELECT count(*) FROM orders"]);
    assert!(run.out.contains("physical plan"), "{}", run.shown());
    let run = shop.run(&["shop", "-c", "\\profile SELECT sum(amount) FROM orders"]);
    assert!(run.out.contains("DataSourceExec") && run.out.contains("1 row in"), "{}", run.shown());
}

#[test]
fn quitting_ends_the_script() {
    let run = Shop::new().pipe(&["--format", "csv"], "SELECT 1 AS a;\n\\q\nSELECT 2 AS b;\n");
    assert_eq!((run.code, run.out.as_str()), (Some(0), "a\n1\n"));
}

#[test]
fn null_is_a_value_of_a_parameter_and_its_name_in_quotes_a_text() {
    let shop = Shop::new();
    let run = shop.run(&[
        "--format",
        "csv",
        "--param",
        "a=NULL",
        "--param",
        "b='NULL'",
        "--param",
        "c='20'",
        "-c",
        "SELECT $a IS NULL AS a, $b || '!' AS b, $c || '!' AS c",
    ]);
    assert_eq!(run.out, "a,b,c\ntrue,NULL!,20!\n", "{}", run.shown());
    let script = "\\param a NULL\n\\param b 'x y'\nSELECT coalesce($a, $b) AS x;";
    let run = shop.pipe(&["--format", "csv"], script);
    assert_eq!(run.out, "x\nx y\n", "{}", run.shown());
}

/// The program with characters of Unicode, whatever the locale of who runs the tests.
fn charted(arguments: &[&str]) -> Run {
    let shop = Shop::new();
    let mut command = shop.command();
    command.env("LC_ALL", "C.UTF-8").env("TERM", "xterm-256color").env_remove("COLORTERM");
    Run::of(command.args(arguments).stdin(std::process::Stdio::null()).output().unwrap())
}

#[test]
fn charts_draw_the_last_result_or_that_of_a_statement() {
    let sql =
        "SELECT customer_id, count(*) AS n FROM orders GROUP BY customer_id ORDER BY customer_id";
    let last = charted(&["shop", "--format", "csv", "-c", sql, "-c", "\\chart"]);
    assert_eq!(last.code, Some(0), "{}", last.shown());
    let (csv, drawn) = last.out.split_at(last.out.find("n by").unwrap());
    assert_eq!(csv, "customer_id,n\n1,3\n2,2\n3,1\n4,4\n");
    let direct = charted(&["shop", "-c", &format!("\\chart bar {sql};")]);
    assert_eq!(direct.out, drawn);
    insta::assert_snapshot!(drawn);
    let color = charted(&["shop", "--color", "always", "-c", &format!("\\chart bar {sql}")]);
    assert!(color.out.contains("\x1b[38;5;74m█"), "{}", color.shown());
    let shop = Shop::new();
    let ascii = shop
        .command()
        .env("LC_ALL", "C")
        .args(["shop", "-c", &format!("\\chart bar {sql}")])
        .output()
        .unwrap();
    assert!(ascii.stdout.is_ascii() && ascii.stdout.contains(&b'#'));
}

#[test]
fn a_chart_that_cannot_be_drawn_is_wrong_usage() {
    for (command, expected) in [
        ("\\chart", "there is no result to draw yet"),
        ("\\chart pie", "there is no chart \"pie\": the kinds are bar, line, funnel, heat"),
        ("\\chart bar y=", "y= takes the name of a column"),
        ("\\chart bar y=m SELECT 1 AS n", "the result has no column \"m\""),
        (
            "\\chart SELECT 'a' AS b",
            "a bar chart needs a column of numbers; the result has b varchar",
        ),
    ] {
        let run = charted(&["-c", command]);
        assert_eq!(run.code, Some(2), "{}", run.shown());
        assert!(run.err.contains(expected), "{}", run.shown());
    }
    let large = charted(&[
        "-o",
        "x.csv",
        "-c",
        "SELECT * FROM generate_series(1, 900000)",
        "-c",
        "\\chart",
    ]);
    assert!(large.err.contains("too large to draw"), "{}", large.shown());
}

#[test]
fn a_question_is_drawn_as_its_header_says() {
    let run = charted(&["run", "overview/months", "--chart", "shop"]);
    assert!(run.out.starts_with("revenue by month\n") && run.out.contains('┤'), "{}", run.shown());
    let run = charted(&["shop", "-c", "\\run overview/months", "-c", "\\chart"]);
    assert!(run.out.contains("\nrevenue by month\n"), "{}", run.shown());
    let run = charted(&["shop", "-c", "\\run overview/months", "-c", "\\chart y=orders"]);
    assert!(run.out.contains("\norders by month\n"), "{}", run.shown());
    let run = charted(&["run", "tour", "--chart", "shop"]);
    assert_eq!(run.code, Some(2), "{}", run.shown());
}
