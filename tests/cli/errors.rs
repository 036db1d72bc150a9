use std::process::Stdio;
use std::time::{Duration, Instant};

use crate::support::program::Shop;

fn error(sql: &str) -> String {
    let run = Shop::new().run(&["shop", "-c", sql]);
    assert_eq!(run.code, Some(1), "{}", run.shown());
    assert_eq!(run.out, "");
    run.err
}

#[test]
fn an_unknown_column_has_a_caret_and_the_nearest_name() {
    insta::assert_snapshot!(error("SELECT customer_id,\n       amuont\nFROM orders"));
}

#[test]
fn an_unknown_table_has_a_caret_and_the_nearest_name() {
    insta::assert_snapshot!(error("SELECT 1 FROM ordres"));
}

#[test]
fn an_unknown_function_has_a_caret_and_the_nearest_name() {
    insta::assert_snapshot!(error("SELECT stage_off(1)"));
}

#[test]
fn a_syntax_error_has_a_caret() {
    insta::assert_snapshot!(error("SELECT customer_id FRM orders WHERE x y"));
}

#[test]
fn a_wrong_argument_is_named() {
    insta::assert_snapshot!(error("SELECT stage_label('nonsense')"));
}

#[test]
fn a_call_that_does_not_fit_has_a_caret_and_how_it_is_called() {
    insta::assert_snapshot!(error("SELECT 1,\n       date_trunc(1)"));
}

#[test]
fn a_parameter_without_a_value_is_named() {
    insta::assert_snapshot!(error("SELECT $top"));
}

#[test]
fn an_error_in_a_file_says_where() {
    let shop = Shop::new();
    std::fs::write(
        shop.folder.path().join("a.sql"),
        "-- one\nSELECT 1;\n\nSELECT\n  nme\nFROM orders;\n",
    )
    .unwrap();
    insta::assert_snapshot!(shop.run(&["shop", "-f", "a.sql"]).shown());
}

#[test]
fn batch_stops_at_the_first_error_unless_told_to_go_on() {
    let shop = Shop::new();
    let sql = "SELECT 1 AS a; SELECT nonsense; SELECT 2 AS b";
    let run = shop.run(&["--format", "csv", "-c", sql, "-c", "SELECT 3 AS c"]);
    assert_eq!((run.code, run.out.as_str()), (Some(1), "a\n1\n"));
    let run = shop.run(&["--format", "csv", "--keep-going", "-c", sql, "-c", "SELECT 3 AS c"]);
    assert_eq!((run.code, run.out.as_str()), (Some(1), "a\n1\nb\n2\nc\n3\n"));
}

#[test]
fn errors_are_coloured_only_when_asked_for() {
    let shop = Shop::new();
    assert!(!shop.run(&["-c", "SELECT x"]).err.contains('\x1b'));
    assert!(shop.run(&["--color", "always", "-c", "SELECT x"]).err.contains('\x1b'));
}

#[test]
fn a_reader_that_leaves_is_no_error() {
    let shop = Shop::new();
    let mut command = shop.command();
    command.args(["--format", "csv", "-c", "SELECT * FROM generate_series(1, 5000000)"]);
    let mut child = command.stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap();
    let mut out = child.stdout.take().unwrap();
    let mut some = [0; 100];
    std::io::Read::read_exact(&mut out, &mut some).unwrap();
    drop(out);
    let output = child.wait_with_output().unwrap();
    assert_eq!(output.status.code(), Some(0));
    assert_eq!(String::from_utf8(output.stderr).unwrap(), "");
}

#[cfg(unix)]
#[test]
fn an_interrupt_ends_a_batch_within_a_second_with_exit_code_130() {
    let shop = Shop::new();
    let mut command = shop.command();
    command.args(["--keep-going", "-c", LONG, "-c", "SELECT 1"]);
    let child = command.stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap();
    std::thread::sleep(Duration::from_millis(1500));
    let since = Instant::now();
    let killed = std::process::Command::new("kill")
        .args(["-INT", &child.id().to_string()])
        .status()
        .unwrap();
    assert!(killed.success());
    let output = child.wait_with_output().unwrap();
    assert_eq!(output.status.code(), Some(130));
    assert_eq!(String::from_utf8(output.stdout).unwrap(), "");
    assert!(since.elapsed() < Duration::from_secs(3), "{:?}", since.elapsed());
}

/// A join of which nobody sees the end.
const LONG: &str = "SELECT count(*) FROM generate_series(1, 1000000) a, \
     generate_series(1, 1000000) b WHERE (a.value * b.value) % 7 = 3";
