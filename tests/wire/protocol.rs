//! The protocol on the bare socket: every message in states where it is not due, and the order of
//! answers.

use std::io::{Read, Write};
use std::net::TcpStream;

use super::psql::encrypted;
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

#[test]
fn every_message_in_every_state_is_answered_as_the_table_says() {
    let served = Served::retail(&[]);
    served.python("states.py", &[]);
    assert!(!served.log().iter().any(|e| e["event"] == "panic"));
}

#[test]
fn under_encryption_as_well() {
    let served = encrypted();
    served.python("states.py", &["tls"]);
    // what was sent in plain together with the request for encryption is nobody's
    let mut socket = served.socket();
    let mut bytes = message(0, &80_877_103_u32.to_be_bytes());
    bytes.extend_from_slice(&startup("ana"));
    socket.write_all(&bytes).unwrap();
    assert!(rest(socket).is_empty());
    assert!(!served.log().iter().any(|e| e["event"] == "panic"));
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
