//! What tools ask at start-up, as scripts; every statement is answered, and those that are only
//! answered with no rows are named here.

use crate::support::served::{Served, err};

/// Statements of a script that the catalog does not understand.
fn missed(tool: &str) -> usize {
    let served = Served::retail(&[]);
    let script = format!("{}/tests/wire/tools/{tool}.sql", env!("CARGO_MANIFEST_DIR"));
    let output =
        served.psql("", &["-q", "-v", "ON_ERROR_STOP=0", "-o", "/dev/null", "-f", &script]);
    assert!(output.status.success() && err(&output).is_empty(), "{tool}: {}", err(&output));
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
}
