//! Who is kept out, and that they do not keep out others.

use std::io::Write;
use std::process::Stdio;
use std::time::{Duration, Instant};

use super::protocol::{rest, startup};
use crate::support::served::{Served, err, out};

#[test]
fn one_connection_too_many_is_told_at_once() {
    one_more_than(64, &[]);
    one_more_than(3, &["--max-connections", "3"]);
}

fn one_more_than(most: usize, options: &[&str]) {
    let served = Served::retail(options);
    let mut held: Vec<_> = (0..most)
        .map(|_| {
            let mut psql = served.psql_command("");
            let mut child =
                psql.arg("-At").stdin(Stdio::piped()).stdout(Stdio::piped()).spawn().unwrap();
            let mut input = child.stdin.take().unwrap();
            input.write_all(b"SELECT 1;\n").unwrap();
            (child, input)
        })
        .collect();
    let connected = || served.log().iter().filter(|e| e["event"] == "connected").count();
    let begun = Instant::now();
    while connected() < most {
        assert!(begun.elapsed() < Duration::from_secs(20));
        std::thread::sleep(Duration::from_millis(20));
    }
    let begun = Instant::now();
    let refused = served.psql("", &["-v", "VERBOSITY=verbose", "-c", "SELECT 1"]);
    assert!(
        err(&refused).contains(&format!("all {most} connections of this server are taken")),
        "{}",
        err(&refused)
    );
    assert!(begun.elapsed() < Duration::from_secs(1));
    let mut socket = served.socket();
    socket.write_all(&startup("ana")).unwrap();
    assert!(String::from_utf8_lossy(&rest(socket)).contains("53300"));
    let (mut child, input) = held.pop().unwrap();
    drop(input);
    child.wait().unwrap();
    let begun = Instant::now();
    while !served.psql("", &["-c", "SELECT 1"]).status.success() {
        assert!(begun.elapsed() < Duration::from_secs(3), "the place did not come free");
    }
    for (mut child, input) in held {
        drop(input);
        child.wait().unwrap();
    }
}

#[test]
fn a_connection_that_does_not_log_in_is_ended() {
    let served = Served::retail(&[]);
    let mut socket = served.socket();
    socket.write_all(&startup("ana")).unwrap();
    let begun = Instant::now();
    rest(socket);
    let took = begun.elapsed().as_secs();
    assert!((8..=12).contains(&took), "{took} s");
}

#[test]
fn slow_and_senseless_clients_do_not_stop_a_log_in() {
    let served = Served::retail(&[]);
    assert!(served.psql("", &["-c", "SELECT 1"]).status.success());
    let before = served.resident();
    // bytes that mean nothing, by an arithmetic that is the same in every run
    let mut state = 42_u64;
    let mut random = move || {
        state =
            state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        (state >> 33) as u8
    };
    let mut slow = vec![];
    for round in 0..500 {
        let mut socket = served.socket();
        let bytes: Vec<u8> = match round % 4 {
            0 => vec![],
            1 => startup("ana")[..6].to_vec(),
            2 => startup("ana"),
            _ => (0..64).map(|_| random()).collect(),
        };
        let _ = socket.write_all(&bytes);
        slow.push(socket);
    }
    let begun = Instant::now();
    let asked = served.psql("", &["-Atc", "SELECT 7"]);
    let took = begun.elapsed();
    assert_eq!(out(&asked), "7\n", "{}", err(&asked));
    assert!(took < Duration::from_secs(1), "{took:?}");
    for _ in 0..2000 {
        let mut socket = served.socket();
        let bytes: Vec<u8> = (0..256).map(|_| random()).collect();
        let _ = socket.write_all(&bytes);
    }
    assert!(served.psql("", &["-c", "SELECT 1"]).status.success());
    let grown = served.resident().saturating_sub(before);
    println!("a log-in beside 500 slow sockets took {took:?}; memory grew by {grown} kB");
    assert!(grown < 50_000, "{grown} kB");
    drop(slow);
    assert!(!served.log().iter().any(|e| e["event"] == "panic"));
}
