//! The protocol on the bare socket: every message in states where it is not due, and the order of
//! answers.

use std::io::{Read, Write};
use std::net::TcpStream;

use crate::support::served::Served;

/// A message with its type and length.
pub(super) fn message(kind: u8, body: &[u8]) -> Vec<u8> {
    let mut out = vec![];
    if kind != 0 {
        out.push(kind);
    }
    out.extend_from_slice(&u32::try_from(body.len() + 4).unwrap().to_be_bytes());
    out.extend_from_slice(body);
    out
}

/// The first message of a client.
pub(super) fn startup(user: &str) -> Vec<u8> {
    let mut body = 196_608_u32.to_be_bytes().to_vec();
    body.extend_from_slice(format!("user\0{user}\0database\0retail\0\0").as_bytes());
    message(0, &body)
}

/// Everything up to the end of the connection.
pub(super) fn rest(mut socket: TcpStream) -> Vec<u8> {
    let mut all = vec![];
    let _ = socket.read_to_end(&mut all);
    all
}

fn says(answer: &[u8], what: &str) -> bool {
    String::from_utf8_lossy(answer).contains(what)
}

/// Messages that a client may send once it has logged in.
fn messages() -> Vec<(&'static str, Vec<u8>)> {
    vec![
        ("query", message(b'Q', b"SELECT 42 AS answer\0")),
        ("parse", message(b'P', b"\0SELECT 42\0\0\0")),
        ("bind", message(b'B', b"\0\0\0\0\0\0\0\0")),
        ("describe", message(b'D', b"S\0")),
        ("execute", message(b'E', b"\0\0\0\0\0")),
        ("close", message(b'C', b"S\0")),
        ("flush", message(b'H', b"")),
        ("sync", message(b'S', b"")),
        ("copy data", message(b'd', b"x")),
        ("copy done", message(b'c', b"")),
        ("copy fail", message(b'f', b"x\0")),
        ("function call", message(b'F', b"\0\0\0\0\0\0\0\0\0\0")),
        ("unknown", message(b'!', b"")),
        ("password", message(b'p', b"geheim-123\0")),
    ]
}

#[test]
fn nothing_is_answered_before_the_log_in() {
    let served = Served::retail(&[]);
    for (name, bytes) in messages() {
        // before the startup message, and instead of the proof of a password
        for before in [vec![], startup("ana")] {
            let started = !before.is_empty();
            let mut socket = served.socket();
            socket.write_all(&before).unwrap();
            socket.write_all(&bytes).unwrap();
            let _ = socket.shutdown(std::net::Shutdown::Write);
            let answer = rest(socket);
            assert!(!says(&answer, "42"), "{name}, started: {started}");
            assert!(!answer.contains(&b'Z'), "{name}, started: {started}: {answer:?}");
            if started {
                assert!(says(&answer, "08P01") || says(&answer, "28P01"), "{name}: {answer:?}");
            }
        }
    }
}

#[test]
fn lengths_that_cannot_be_are_refused_at_once() {
    let served = Served::retail(&[]);
    for length in [0_i32, 3, -1, i32::MIN, i32::MAX, 10_001] {
        let mut socket = served.socket();
        let mut bytes = length.to_be_bytes().to_vec();
        bytes.extend_from_slice(&196_608_u32.to_be_bytes());
        socket.write_all(&bytes).unwrap();
        assert!(says(&rest(socket), "08P01"), "{length}");
        // and after it
        let mut socket = served.socket();
        socket.write_all(&startup("ana")).unwrap();
        socket.write_all(b"p").unwrap();
        socket.write_all(&length.to_be_bytes()).unwrap();
        assert!(says(&rest(socket), "08P01"), "{length}");
    }
}

#[test]
fn what_follows_a_request_for_encryption_is_not_read() {
    let served = Served::retail(&[]);
    let mut socket = served.socket();
    socket.write_all(&message(0, &80_877_103_u32.to_be_bytes())).unwrap();
    let mut answer = [0];
    socket.read_exact(&mut answer).unwrap();
    assert_eq!(&answer, b"N");
    // a cancel request for nobody is answered with silence
    let mut socket = served.socket();
    let mut body = 80_877_102_u32.to_be_bytes().to_vec();
    body.extend_from_slice(&[0, 0, 0, 1, 0, 0, 0, 2]);
    socket.write_all(&message(0, &body)).unwrap();
    assert!(rest(socket).is_empty());
    // an older protocol is not spoken
    let mut socket = served.socket();
    socket.write_all(&message(0, &[0, 2, 0, 0, b'x', 0, 0])).unwrap();
    assert!(says(&rest(socket), "08P01"));
}
