//! What bytes of a client say: where a message ends, and which one it is. Every length is checked
//! before anything is read of a message. Nothing here but bytes: `fuzz/` asks the same file.

use std::cell::Cell;
use std::panic::AssertUnwindSafe;
use std::sync::Once;

use bytes::{Buf, BytesMut};
use pgwire::messages::{DecodeContext, PgWireFrontendMessage, ProtocolVersion};

/// Most bytes of a message before log-in.
const EARLY_BYTES: usize = 10_000;
/// Most bytes of a message after it: PostgreSQL itself takes a gigabyte.
const MESSAGE_BYTES: usize = 16 << 20;

/// The messages of a client that have a type.
const TYPES: &[u8] = b"BCDEHPQSXcdfp";

/// Why bytes are no message.
#[derive(Debug)]
pub(super) enum Fault {
    /// They are not of the protocol.
    Broken,
    /// The message is longer than a message may be.
    TooLong {
        /// its bytes
        length: usize,
        /// the most
        most: usize,
    },
}

/// The messages in bytes that come piece by piece.
pub(super) struct Messages {
    /// what has come and was not read yet
    pub(super) buffer: BytesMut,
    context: DecodeContext,
    /// the longest message
    most: usize,
}

impl Messages {
    pub(super) fn new() -> Self {
        // secrets of cancel requests have four bytes in this version
        let context = DecodeContext::new(ProtocolVersion::PROTOCOL3_0);
        let buffer = BytesMut::with_capacity(1024);
        Self { buffer, context, most: EARLY_BYTES }
    }

    /// The next message is the start of a session, or a cancel request.
    pub(super) fn expect_startup(&mut self) {
        self.context.awaiting_frontend_ssl = false;
        self.context.awaiting_frontend_startup = true;
    }

    /// What follows are messages with a type.
    pub(super) fn expect_typed(&mut self) {
        self.context.awaiting_frontend_ssl = false;
        self.context.awaiting_frontend_startup = false;
    }

    /// Someone has logged in: messages may be longer.
    pub(super) fn logged_in(&mut self) {
        self.most = MESSAGE_BYTES;
    }

    /// The next message, once all of it is there.
    pub(super) fn next(&mut self) -> Result<Option<PgWireFrontendMessage>, Fault> {
        let Some(length) = self.length()?.filter(|length| *length <= self.buffer.len()) else {
            return Ok(None);
        };
        let Self { buffer, context, .. } = self;
        // what may be a request for encryption is not taken if it is none
        if context.awaiting_frontend_ssl {
            return decoded(buffer, context);
        }
        // the library would read on in the message after it, if this one says that it is longer
        let mut message = buffer.split_to(length);
        decoded(&mut message, context)?.map(Some).ok_or(Fault::Broken)
    }

    /// The bytes of the next message, once its length is there.
    fn length(&self) -> Result<Option<usize>, Fault> {
        // the first ones have no type before their length
        let untyped = self.context.awaiting_frontend_ssl || self.context.awaiting_frontend_startup;
        let typed = usize::from(!untyped);
        // at once: what is said to be its length would be waited for
        if !untyped && self.buffer.first().is_some_and(|kind| !TYPES.contains(kind)) {
            return Err(Fault::Broken);
        }
        let Some(mut head) = self.buffer.get(typed..).filter(|b| b.len() >= 4) else {
            return Ok(None);
        };
        let length = head.get_i32();
        match usize::try_from(length) {
            Ok(length) if length >= 4 && length <= self.most => Ok(Some(typed + length)),
            Ok(length) if length > self.most && self.most > EARLY_BYTES => {
                Err(Fault::TooLong { length, most: self.most })
            }
            _ => Err(Fault::Broken),
        }
    }
}

thread_local! {
    /// Whether this thread reads a message.
    static DECODING: Cell<bool> = const { Cell::new(false) };
}

/// What the library makes of bytes that nobody has checked. Where it panics, this connection ends with
/// an error, and nothing is written of it: from the first message on, the process has a hook for that.
fn decoded(
    buffer: &mut BytesMut,
    context: &DecodeContext,
) -> Result<Option<PgWireFrontendMessage>, Fault> {
    static QUIET: Once = Once::new();
    QUIET.call_once(|| {
        let told = std::panic::take_hook();
        std::panic::set_hook(Box::new(move |panic| {
            if !DECODING.get() {
                told(panic);
            }
        }));
    });
    DECODING.set(true);
    let decode = || PgWireFrontendMessage::decode(buffer, context);
    let message = std::panic::catch_unwind(AssertUnwindSafe(decode));
    DECODING.set(false);
    match message {
        Ok(Ok(message)) => Ok(message),
        Ok(Err(_)) | Err(_) => Err(Fault::Broken),
    }
}

#[cfg(test)]
mod tests {
    use pgwire::messages::SslNegotiationMetaMessage;

    use super::*;

    /// The messages of a client that says all this, a piece at a time.
    fn read(mut messages: Messages, bytes: &[u8], piece: usize) -> Vec<String> {
        let mut found = vec![];
        for piece in bytes.chunks(piece) {
            messages.buffer.extend_from_slice(piece);
            while let Some(message) = messages.next().transpose() {
                found.push(format!("{message:?}"));
                match message {
                    Ok(PgWireFrontendMessage::SslNegotiation(SslNegotiationMetaMessage::None)) => {
                        messages.expect_startup();
                    }
                    Ok(PgWireFrontendMessage::Startup(_)) => messages.expect_typed(),
                    Ok(_) => {}
                    Err(_) => return found,
                }
            }
        }
        found
    }

    fn logged_in() -> Messages {
        let mut messages = Messages::new();
        messages.expect_typed();
        messages.logged_in();
        messages
    }

    #[test]
    fn messages_are_the_same_however_they_come() {
        let mut start = b"\0\0\0\x08\x04\xd2\x16\x2f".to_vec();
        start.extend(b"\0\0\0\x12\0\x03\0\0user\0ana\0\0p\0\0\0\x08abc\0");
        let session = b"P\0\0\0\x11s\0SELECT 1\0\0\0S\0\0\0\x04Q\0\0\0\x0dSELECT 1\0X\0\0\0\x04";
        for (messages, bytes, kinds) in [
            (
                Messages::new as fn() -> Messages,
                start.as_slice(),
                vec!["Postgres", "None", "Startup", "Password"],
            ),
            (logged_in, session, vec!["Parse", "Sync", "Query", "Terminate"]),
            (logged_in, b"S\0\0\0\x04Q\0\0\0\x03S\0\0\0\x04", vec!["Sync", "Broken"]),
            (logged_in, b"S\0\0\0\x04Q\x7f\0\0\0", vec!["Sync", "TooLong"]),
            (Messages::new, b"\0\0\x27\x11\0\x03\0\0", vec!["Broken"]),
        ] {
            let whole = read(messages(), bytes, bytes.len());
            assert_eq!(whole.len(), kinds.len(), "{whole:?}");
            for (found, kind) in whole.iter().zip(kinds) {
                assert!(found.contains(kind), "{found} is no {kind}");
            }
            for piece in 1..bytes.len() {
                assert_eq!(read(messages(), bytes, piece), whole, "pieces of {piece} bytes");
            }
        }
    }
}
