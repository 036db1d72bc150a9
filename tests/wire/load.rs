//! Many clients at once: every answer is checked, and memory does not grow. What is in use is the same
//! after each run; what the allocator keeps for the threads is given back every few seconds, so that what
//! is resident a little later is the same, too.

use std::process::Command;
use std::time::Duration;

use crate::support::served::{PASSWORD, Served, USER, err, out};

/// Seconds of the load; `TENURE_WIRE_LOAD=60` makes it a minute.
fn seconds() -> u64 {
    std::env::var("TENURE_WIRE_LOAD").ok().and_then(|s| s.parse().ok()).unwrap_or(10)
}

#[test]
fn thirty_two_clients_get_right_answers_in_bounded_memory() {
    let served = Served::retail(&[]);
    // a wrong answer divides by zero, which ends the client
    let script = served.folder.path().join("load.sql");
    std::fs::write(
        &script,
        "\\set low random(1, 2000)\n\
         SELECT 1 / (count(*) = 2469 AND min(customer_id + :low) = 1 + :low)::int FROM customers;\n",
    )
    .unwrap();
    let run = |seconds: u64, protocol: &str| {
        let output = Command::new("pgbench")
            .args(["-n", "-h", "127.0.0.1", "-c", "32", "-j", "2", "-M", protocol])
            .args(["-p", &served.port.to_string(), "-U", USER, "-T", &seconds.to_string(), "-f"])
            .arg(&script)
            .arg("retail")
            .env("PGPASSWORD", PASSWORD)
            .output()
            .expect("this test needs pgbench (Debian: apt install postgresql)");
        assert!(output.status.success(), "{}{}", out(&output), err(&output));
        assert!(!err(&output).contains("ERROR"), "{}", err(&output));
        out(&output)
    };
    run(5, "simple");
    run(5, "prepared");
    let at_rest = || {
        std::thread::sleep(Duration::from_secs(8));
        served.resident()
    };
    let before = at_rest();
    let said = run(seconds(), "prepared");
    let after = at_rest();
    let line = |what: &str| said.lines().find(|l| l.contains(what)).unwrap_or_default().to_owned();
    println!("{}; {}; resident {before} kB, then {after} kB", line("tps"), line("latency average"));
    let log = served.log();
    let internal = log.iter().filter(|e| e["sqlstate"] == "XX000" || e["event"] == "panic").count();
    assert_eq!(internal, 0);
    assert!(log.iter().filter(|e| e["event"] == "statement").all(|e| e["sqlstate"] == "00000"));
    assert!(after < before + 50_000, "{before} kB, then {after} kB");
}
