use crate::support::program::Shop;

#[test]
fn help() {
    let run = Shop::new().run(&["--help"]);
    insta::assert_snapshot!(run.shown());
}

#[test]
fn wrong_usage_is_exit_code_2() {
    let shop = Shop::new();
    let wrong: [&[&str]; 11] = [
        &["--bogus"],
        &["--format", "xlsx", "-c", "SELECT 1"],
        &["--memory-limit", "lots"],
        &["--threads", "0"],
        &["--param", "top", "-c", "SELECT 1"],
        &["run"],
        &["lake", "run", "churn/bands"],
        &["--timezone", "Nowhere/At_All", "-c", "SELECT 1"],
        &["foo://shop/lake", "-c", "SELECT 1"],
        &["init", "foo://shop/lake"],
        &["-o", "out.foo", "-c", "SELECT 1"],
    ];
    for arguments in wrong {
        let run = shop.run(arguments);
        assert_eq!(run.code, Some(2), "{arguments:?}: {}", run.shown());
        assert_eq!(run.out, "", "{arguments:?}");
        assert!(!run.err.is_empty(), "{arguments:?}");
    }
}

#[test]
fn a_place_of_no_known_kind_says_which_there_are() {
    let shop = Shop::new();
    let run = shop.run(&["foo://shop/lake", "-c", "SELECT 1"]);
    assert!(
        run.err.contains("foo is not one of file, s3, gs, az, abfss, http, https"),
        "{}",
        run.err
    );
    // in a statement it is the statement that is wrong
    let run = shop.run(&["-c", "SELECT * FROM 'foo://shop/lake/x.parquet'"]);
    assert_eq!(run.code, Some(1), "{}", run.shown());
}

#[test]
fn a_lake_that_is_not_there_is_exit_code_3() {
    let run = Shop::new().run(&["nowhere", "-c", "SELECT 1"]);
    assert_eq!(run.code, Some(3), "{}", run.shown());
    assert!(run.err.contains("nowhere"), "{}", run.err);
    assert_eq!(run.out, "");
}

#[test]
fn a_lake_called_like_a_subcommand_is_written_with_its_folder() {
    let shop = Shop::new();
    std::fs::rename(shop.folder.path().join("shop"), shop.folder.path().join("run")).unwrap();
    let run = shop.run(&["./run", "--format", "csv", "-c", "SELECT count(*) AS n FROM orders"]);
    assert_eq!(run.out, "n\n10\n", "{}", run.shown());
}

#[test]
fn statements_and_files_run_in_the_order_of_the_command_line() {
    let shop = Shop::new();
    std::fs::write(shop.folder.path().join("b.sql"), "#!/usr/bin/tenure\nSELECT 'b' AS x").unwrap();
    let run = shop.run(&[
        "--format",
        "csv",
        "-c",
        "SELECT 'a' AS x",
        "-f",
        "b.sql",
        "-c",
        "SELECT 'c' AS x",
    ]);
    assert_eq!(run.out, "x\na\nx\nb\nx\nc\n", "{}", run.shown());
}

#[test]
fn parameters_are_bound_with_their_types() {
    let sql = "SELECT $n + 1 AS n, $d AS d, $t AS t, arrow_typeof($d) AS k";
    let run = Shop::new().run(&[
        "--format",
        "ndjson",
        "-p",
        "n=4",
        "--param",
        "d=2018-01-01",
        "--param",
        "t=it's; -- x",
        "-c",
        sql,
    ]);
    assert_eq!(
        run.out,
        "{\"n\":5,\"d\":\"2018-01-01\",\"t\":\"it's; -- x\",\"k\":\"Date32\"}\n",
        "{}",
        run.shown()
    );
}

#[test]
fn the_session_takes_its_moment_and_zone_from_the_command_line() {
    let run = Shop::new().run(&[
        "--as-of",
        "2017-03-01",
        "--timezone",
        "Europe/London",
        "--format",
        "csv",
        "shop",
        "-c",
        "SELECT count(*) AS n FROM events",
        "-c",
        "SHOW tenure.timezone",
    ]);
    assert_eq!(run.out, "n\n6\nname,value\ntenure.timezone,Europe/London\n", "{}", run.shown());
}

#[test]
fn colour_is_for_terminals_unless_asked_for() {
    let shop = Shop::new();
    let sql = "SELECT NULL AS x";
    let has_color = |run: &crate::support::program::Run| run.out.contains('\x1b');
    assert!(!has_color(&shop.run(&["-c", sql])));
    assert!(has_color(&shop.run(&["--color", "always", "-c", sql])));
    let output = shop.command().env("CLICOLOR_FORCE", "1").args(["-c", sql]).output().unwrap();
    assert!(String::from_utf8(output.stdout).unwrap().contains('\x1b'));
    let mut both = shop.command();
    both.env("CLICOLOR_FORCE", "1").args(["--color", "never", "-c", sql]);
    assert!(!String::from_utf8(both.output().unwrap().stdout).unwrap().contains('\x1b'));
}

#[test]
fn every_shell_gets_a_completion_script() {
    for shell in ["bash", "zsh", "fish"] {
        let run = Shop::new().run(&["completions", shell]);
        assert_eq!(run.code, Some(0));
        assert!(run.out.contains("tenure"));
    }
}

#[test]
fn the_query_library_is_listed_and_runs() {
    let shop = Shop::new();
    let run = shop.run(&["queries", "--format", "csv"]);
    assert!(run.out.lines().any(|l| l.starts_with("churn/at_risk,")), "{}", run.shown());
    let run = shop.run(&["run", "churn/nonsense", "shop"]);
    assert_ne!(run.code, Some(0));
    assert!(run.err.contains("churn/"), "{}", run.err);
}

#[test]
fn the_tour_says_its_questions_and_answers_them() {
    let run = Shop::new().run(&["run", "tour", "shop"]);
    assert_eq!(run.code, Some(0), "{}", run.shown());
    assert!(run.err.contains("Who is there?"), "{}", run.err);
    assert!(run.out.contains("customers"), "{}", run.out);
}

#[test]
fn functions_are_listed_with_kind_and_signature() {
    let run = Shop::new().run(&["functions", "stage_of", "--format", "ndjson"]);
    assert_eq!(run.code, Some(0));
    let first: serde_json::Value = serde_json::from_str(run.out.lines().next().unwrap()).unwrap();
    assert_eq!(first["function"], "stage_of");
    assert_eq!(first["kind"], "scalar");
    assert!(first["signature"].as_str().unwrap().starts_with("stage_of("));
}

#[test]
fn init_writes_the_model_once() {
    let shop = Shop::new();
    let run = shop.run(&["init", "shop"]);
    assert_eq!(run.code, Some(0), "{}", run.shown());
    let model = std::fs::read_to_string(shop.folder.path().join("shop/tenure.toml")).unwrap();
    assert!(model.contains("[tables.orders]"), "{model}");
    let again = shop.run(&["init", "shop"]);
    assert_eq!(again.code, Some(2), "{}", again.shown());
    assert!(again.err.contains("exists already"));
}

#[test]
fn init_of_a_lake_that_maps_nothing_shows_what_there_is() {
    let shop = Shop::new();
    let sql = "COPY (SELECT 1 AS who, 2 AS unix) TO 'odd/visits/a.parquet'";
    std::fs::create_dir_all(shop.folder.path().join("odd/visits")).unwrap();
    assert_eq!(shop.run(&["-c", sql]).code, Some(0));
    let run = shop.run(&["init", "odd"]);
    assert_eq!(run.code, Some(3), "{}", run.shown());
    assert!(run.err.contains("visits: who bigint, unix bigint"), "{}", run.err);
    assert!(run.err.contains("time = \"to_timestamp_seconds(unix)\""), "{}", run.err);
    let file = shop.folder.path().join("odd/tenure.toml");
    assert!(!file.exists());
    // what is there already is not read
    std::fs::write(&file, "[tables").unwrap();
    let run = shop.run(&["init", "odd"]);
    assert!(run.err.contains("exists already"), "{}", run.err);
}
