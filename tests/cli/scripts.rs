use crate::support::program::Shop;

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
