//! What tools ask at start-up, as scripts; every statement is answered, those under a line `-- rows` with
//! rows, and those that are only answered with no rows are counted here.

use std::fmt::Write as _;

use crate::support::served::{Served, err, out};

/// A script that says how many rows each statement under a line `-- rows` gets.
fn counted(script: &str) -> String {
    let mut counted = String::new();
    let mut rows = false;
    for (at, line) in script.lines().enumerate() {
        let _ = writeln!(counted, "{line}");
        if rows {
            let _ = writeln!(counted, "\\echo line {}: :ROW_COUNT", at + 1);
        }
        rows = line == "-- rows";
    }
    counted
}

/// Statements of a script that the catalog does not understand.
fn missed(tool: &str) -> usize {
    let served = Served::retail(&[]);
    let path = format!("{}/tests/wire/tools/{tool}.sql", env!("CARGO_MANIFEST_DIR"));
    let script = served.folder.path().join("script.sql");
    std::fs::write(&script, counted(&std::fs::read_to_string(path).unwrap())).unwrap();
    let script = script.to_str().unwrap();
    let output = served.psql("", &["-q", "-v", "ON_ERROR_STOP=0", "-o", "/dev/null", "-f", script]);
    assert!(output.status.success() && err(&output).is_empty(), "{tool}: {}", err(&output));
    let counts = out(&output);
    let without: Vec<_> = counts.lines().filter(|line| line.ends_with(": 0")).collect();
    assert!(without.is_empty(), "{tool}: no rows for {without:?}");
    let log = served.log();
    let missed: Vec<_> = log.iter().filter(|e| e["event"] == "catalog_not_understood").collect();
    for event in &missed {
        println!("{tool}: {} ({})", event["statement"], event["error"]);
    }
    missed.len()
}

macro_rules! tools {
    ($($tool:ident: $missed:literal),* $(,)?) => { $(
        #[test]
        fn $tool() {
            assert_eq!(missed(stringify!($tool)), $missed);
        }
    )* }
}

tools! {
    psql: 0,
    dbeaver: 0,
    datagrip: 0,
    metabase: 0,
    superset: 0,
    grafana: 0,
    tableau: 0,
    powerbi: 0,
    jdbc: 0,
    odbc: 0,
}
