//! `tenure cluster` as a user runs it: what it says, and the memory that it takes.

use std::process::{Command, Stdio};

use crate::support::program::Shop;

#[test]
fn help() {
    insta::assert_snapshot!(Shop::new().run(&["cluster", "--help"]).shown());
}

#[test]
fn what_was_done_is_said() {
    let shop = Shop::new();
    let run = shop.run(&["cluster", "shop", "new/lake"]);
    assert_eq!((run.code, run.out.as_str()), (Some(0), ""), "{}", run.shown());
    assert_eq!(
        run.err.trim_end(),
        "wrote 14 rows in 2 files, in 1 range of customers; to ask them: tenure new/lake"
    );
    let run = shop.run(&["cluster", "shop", "new/lake"]);
    assert_eq!((run.code, run.err.trim_end()), (Some(0), "new/lake has everything already"));
    let sql = "SELECT count(*) AS n, count(name) AS names FROM profiles";
    let run = shop.run(&["new/lake", "--format", "csv", "-c", sql]);
    assert_eq!(run.out, "n,names\n4,3\n", "{}", run.shown());
    let run = shop.run(&["new/lake", "-c", "\\lake"]);
    assert!(run.out.contains("clustered in 1 range of customers"), "{}", run.shown());
}

#[test]
fn what_cannot_be_done_has_its_exit_code() {
    let shop = Shop::new();
    for (arguments, code, said) in [
        (&["cluster", "shop"][..], 2, "DEST"),
        (&["cluster", "shop", "shop"], 2, "shop is not empty"),
        (&["cluster", "nowhere", "new"], 3, "there is no file or folder nowhere"),
        (&["cluster", "shop", "https://localhost/new"], 2, "is no place to write a lake to"),
        (&["cluster", "shop", "new", "--rows-per-file", "0"], 2, "0 rows a file"),
    ] {
        let run = shop.run(arguments);
        assert_eq!(run.code, Some(code), "{arguments:?}: {}", run.shown());
        assert!(run.err.contains(said), "{arguments:?}: {}", run.err);
    }
}

/// Runs the program and answers its greatest resident memory in MB.
fn peak(arguments: &[&str]) -> f64 {
    // a shell's child tells what its own child took
    let script = r#"import resource, subprocess, sys
done = subprocess.run(sys.argv[1:], stdout=subprocess.DEVNULL)
print(resource.getrusage(resource.RUSAGE_CHILDREN).ru_maxrss)
sys.exit(done.returncode)"#;
    let output = Command::new("python3")
        .args(["-c", script, env!("CARGO_BIN_EXE_tenure")])
        .args(arguments)
        .stdin(Stdio::null())
        .output()
        .unwrap();
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    String::from_utf8(output.stdout).unwrap().trim().parse::<f64>().unwrap() / 1024.0
}

#[test]
fn memory_is_bounded_in_writing_and_in_reading() {
    let folder = tempfile::tempdir().unwrap();
    let at = |name: &str| folder.path().join(name).to_str().unwrap().to_owned();
    let (plain, lake) = (at("plain"), at("lake"));
    // 1.2 million events
    peak(&["generate", "--customers", "60000", "--plain", &plain]);
    let writing = peak(&["cluster", "--memory-limit", "64MB", "--threads", "2", &plain, &lake]);
    assert!(writing < 300.0, "{writing} MB");
    let idle = peak(&["--threads", "2", "-c", "SELECT 1", &lake]);
    let sql = |select: &str| format!("SELECT count(*), sum(n) FROM ({select})");
    for select in [
        "SELECT window_funnel(86400, ts, event_type = 'page_view', event_type = 'add_to_cart', event_type = 'purchase') AS n FROM events GROUP BY customer_id",
        "SELECT cardinality(turning_points(ts, event_type, amount)) AS n FROM events GROUP BY customer_id",
        "SELECT row_number() OVER (PARTITION BY customer_id ORDER BY ts) AS n FROM events",
        "SELECT sessionize(ts, INTERVAL '30 minutes') OVER (PARTITION BY customer_id ORDER BY ts) AS n FROM events",
    ] {
        let reading = peak(&["--threads", "2", "-c", &sql(select), &lake]);
        assert!(reading - idle < 100.0, "{reading} MB, {idle} MB without: {select}");
    }
}
