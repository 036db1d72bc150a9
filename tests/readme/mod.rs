//! What the README and the pages of docs/ show is true: each SQL block that is followed by a text
//! block answers it.

use std::path::Path;
use std::process::Command;

const README: &str = include_str!("../../README.md");
const PAGES: [&str; 2] =
    [include_str!("../../docs/back-tests.md"), include_str!("../../docs/match_recognize.md")];

/// The fenced blocks of a language in a page, each with the block right after it.
fn blocks(page: &str, language: &str) -> Vec<(String, Option<String>)> {
    let mut out: Vec<(String, String)> = vec![];
    let mut open: Option<(String, String)> = None;
    for line in page.lines() {
        match (&mut open, line.strip_prefix("```")) {
            (None, Some(name)) => open = Some((name.to_string(), String::new())),
            (Some(_), Some(_)) => out.extend(open.take()),
            (Some((_, text)), None) => {
                text.push_str(line);
                text.push('\n');
            }
            (None, None) => {}
        }
    }
    let following = out.iter().skip(1).map(Some).chain([None]).collect::<Vec<_>>();
    out.iter()
        .zip(following)
        .filter(|((name, _), _)| name == language)
        .map(|((_, text), next)| {
            let answer = next.filter(|(name, _)| name == "text").map(|(_, text)| text.clone());
            (text.clone(), answer)
        })
        .collect()
}

fn tenure(sql: &str) -> String {
    let lake = Path::new(env!("CARGO_MANIFEST_DIR")).join("data/retail");
    let output = Command::new(env!("CARGO_BIN_EXE_tenure"))
        .args(["--no-init", "-c", sql])
        .arg(lake)
        .env("LC_ALL", "C.UTF-8")
        .output()
        .expect("the program starts");
    assert!(output.status.success(), "{sql}\n{}", String::from_utf8_lossy(&output.stderr));
    String::from_utf8(output.stdout).expect("UTF-8")
}

#[test]
fn every_query_of_the_readme_gives_the_answer_it_shows() {
    let shown = blocks(README, "sql");
    assert!(shown.len() >= 2, "the README shows queries");
    for (sql, answer) in shown {
        let answer = answer.unwrap_or_else(|| panic!("no answer follows: {sql}"));
        assert_eq!(tenure(&sql), answer, "{sql}");
    }
}

#[test]
fn every_query_of_the_pages_gives_the_answer_it_shows() {
    let shown = PAGES.map(|page| blocks(page, "sql"));
    assert!(shown.iter().all(|shown| shown.len() >= 4), "the pages show queries");
    for (sql, answer) in shown.into_iter().flatten() {
        let answer = answer.unwrap_or_else(|| panic!("no answer follows: {sql}"));
        assert_eq!(tenure(&sql), answer, "{sql}");
    }
}

#[test]
fn the_model_of_the_readme_is_one() {
    let (text, _) = blocks(README, "toml").remove(0);
    let folder = tempfile::tempdir().expect("a folder");
    let invoices = folder.path().join("invoices");
    std::fs::create_dir(&invoices).expect("a folder");
    let make = format!(
        "COPY (SELECT 7 AS customer_id, TIMESTAMP '2018-01-01' AS invoice_date, 'C1' AS invoice_no, \
         2 AS quantity, 1.5 AS unit_price) TO '{}'",
        invoices.join("a.parquet").display()
    );
    tenure(&make);
    std::fs::write(folder.path().join("tenure.toml"), text).expect("written");
    let output = Command::new(env!("CARGO_BIN_EXE_tenure"))
        .args(["--no-init", "--format", "csv", "-c", "SELECT event_type, amount FROM events"])
        .arg(folder.path())
        .output()
        .expect("the program starts");
    assert_eq!(String::from_utf8_lossy(&output.stdout), "event_type,amount\nreturn,3.0\n");
}

/// The example of a Rust program says what the same statements say at the prompt.
#[test]
fn the_example_of_a_program_runs() {
    let program = Path::new(env!("CARGO_BIN_EXE_tenure")).with_file_name("examples/embed");
    assert!(program.exists(), "cargo test --workspace builds {}", program.display());
    let output = Command::new(program)
        .arg(Path::new(env!("CARGO_MANIFEST_DIR")).join("data/retail"))
        .output()
        .expect("the example starts");
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    let said = String::from_utf8(output.stdout).expect("UTF-8");
    let numbers = |sql: &str| -> Vec<String> {
        let digits = |c: char| !c.is_ascii_digit();
        tenure(sql).split(digits).filter(|n| !n.is_empty()).map(String::from).collect()
    };
    let stages = numbers("SELECT count(*) FROM profiles GROUP BY stage ORDER BY sum(revenue) DESC");
    let shown: Vec<&str> =
        said.lines().skip(3).map_while(|l| l.split('|').nth(2)).map(str::trim).collect();
    assert!(shown.len() > 3, "{said}");
    assert_eq!(shown, stages[..shown.len()], "{said}");
    let orders = numbers("SELECT count(*) FROM orders WHERE ts <= TIMESTAMP '2017-07-01'");
    assert!(said.ends_with(&format!("{} orders until July\n", orders[0])), "{said}{orders:?}");
}
