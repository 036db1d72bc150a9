//! Bytes of a client, before and after its log-in. Whatever they are, the server finds the same messages
//! in them however they are cut, stops at the first that is none, and does not panic.
//!
//! The first byte says how far the client has come, the second how long the pieces are.

#![no_main]

use libfuzzer_sys::fuzz_target;
use pgwire::messages::{PgWireFrontendMessage as In, SslNegotiationMetaMessage};

#[allow(dead_code, reason = "the server uses all of it")]
#[path = "../../src/server/messages.rs"]
mod messages;

use messages::Messages;

/// How far a client has come.
fn begun(state: u8) -> Messages {
    let mut messages = Messages::new();
    match state % 4 {
        0 => {}
        1 => messages.expect_startup(),
        2 => messages.expect_typed(),
        _ => {
            messages.expect_typed();
            messages.logged_in();
        }
    }
    messages
}

/// What the server makes of the bytes, a piece at a time.
fn read(state: u8, bytes: &[u8], piece: usize) -> Vec<String> {
    let mut messages = begun(state);
    let mut found = vec![];
    for piece in bytes.chunks(piece) {
        messages.buffer.extend_from_slice(piece);
        loop {
            let message = match messages.next() {
                Ok(Some(message)) => message,
                Ok(None) => break,
                Err(fault) => {
                    found.push(format!("{fault:?}"));
                    return found;
                }
            };
            found.push(format!("{message:?}"));
            match message {
                // no request for encryption, and still to be read
                In::SslNegotiation(SslNegotiationMetaMessage::None) => messages.expect_startup(),
                In::Startup(_) => messages.expect_typed(),
                In::CancelRequest(_) | In::Terminate(_) => return found,
                _ => {}
            }
        }
    }
    found
}

fuzz_target!(|bytes: &[u8]| {
    let [state, piece, bytes @ ..] = bytes else { return };
    let whole = read(*state, bytes, bytes.len().max(1));
    let cut = read(*state, bytes, usize::from(*piece).max(1));
    assert_eq!(whole, cut, "pieces of {piece} bytes");
});
