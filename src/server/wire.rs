//! Messages off and onto a socket. Every length is checked before anything is kept of a message.

use std::cell::Cell;
use std::panic::AssertUnwindSafe;
use std::sync::Once;

use bytes::{Buf, BytesMut};
use pgwire::messages::{
    DecodeContext, PgWireBackendMessage, PgWireFrontendMessage, ProtocolVersion,
};
use tokio::io::{AsyncRead, AsyncReadExt, AsyncWrite, AsyncWriteExt};

use super::error::{Failure, Outcome};
use super::options::MESSAGE_BYTES;

/// A socket, encrypted or not.
pub(super) trait Io: AsyncRead + AsyncWrite + Send + Unpin {}

impl<T: AsyncRead + AsyncWrite + Send + Unpin> Io for T {}

/// Most bytes of a message before log-in.
const EARLY_BYTES: usize = 10_000;
/// Bytes that are kept back before they are sent.
const BUFFER: usize = 64 << 10;

/// Reads messages.
pub(super) struct Reader {
    pub(super) buffer: BytesMut,
    context: DecodeContext,
    /// the longest message
    most: usize,
}

impl Reader {
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
    pub(super) fn expect_messages(&mut self) {
        self.context.awaiting_frontend_ssl = false;
        self.context.awaiting_frontend_startup = false;
    }

    /// Someone has logged in: messages may be longer.
    pub(super) fn logged_in(&mut self) {
        self.most = MESSAGE_BYTES;
    }

    /// The next message; none when the client has gone.
    pub(super) async fn next(
        &mut self,
        io: &mut (impl AsyncRead + Unpin),
    ) -> Outcome<Option<PgWireFrontendMessage>> {
        loop {
            if let Some(message) = self.decode()? {
                return Ok(Some(message));
            }
            if io.read_buf(&mut self.buffer).await? == 0 {
                return Ok(None);
            }
        }
    }

    /// The bytes of the next message, once its length is there.
    fn length(&self) -> Outcome<Option<usize>> {
        // the first ones have no type before their length
        let untyped = self.context.awaiting_frontend_ssl || self.context.awaiting_frontend_startup;
        let typed = usize::from(!untyped);
        let Some(mut head) = self.buffer.get(typed..).filter(|b| b.len() >= 4) else {
            return Ok(None);
        };
        let length = head.get_i32();
        match usize::try_from(length) {
            Ok(length) if length >= 4 && length <= self.most => Ok(Some(typed + length)),
            Ok(length) if length > self.most && self.most > EARLY_BYTES => Err(Failure::fatal(
                "54000",
                format!("a message has {length} bytes; the limit is {}", self.most),
            )),
            _ => Err(broken()),
        }
    }

    fn decode(&mut self) -> Outcome<Option<PgWireFrontendMessage>> {
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
        decoded(&mut message, context)?.map(Some).ok_or_else(broken)
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
) -> Outcome<Option<PgWireFrontendMessage>> {
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
        Ok(Err(_)) | Err(_) => Err(broken()),
    }
}

/// What the client sends is not the protocol.
pub(super) fn broken() -> Box<Failure> {
    Failure::fatal("08P01", "the message is not of PostgreSQL's protocol, or not due now")
}

/// Sends messages. What was begun to be sent is sent before anything else, whatever becomes of the
/// statement that wrote it.
pub(super) struct Writer<W> {
    io: W,
    pub(super) buffer: BytesMut,
}

impl<W: AsyncWrite + Unpin> Writer<W> {
    pub(super) fn new(io: W) -> Self {
        Self { io, buffer: BytesMut::with_capacity(BUFFER) }
    }

    /// The socket again; nothing may be waiting.
    pub(super) fn into_inner(self) -> W {
        self.io
    }

    /// The socket, to read from.
    pub(super) fn io(&mut self) -> &mut W {
        &mut self.io
    }

    /// Adds a message to what will be sent.
    pub(super) fn put(&mut self, message: &PgWireBackendMessage) -> Outcome<()> {
        let before = self.buffer.len();
        message.encode(&mut self.buffer).map_err(|e| {
            self.buffer.truncate(before);
            Failure::new("54000", format!("the answer does not fit into a message: {e}"))
        })
    }

    /// Sends if much is waiting.
    pub(super) async fn ease(&mut self) -> Outcome<()> {
        if self.buffer.len() >= BUFFER {
            self.io.write_all_buf(&mut self.buffer).await?;
        }
        Ok(())
    }

    /// Sends everything.
    pub(super) async fn flush(&mut self) -> Outcome<()> {
        self.io.write_all_buf(&mut self.buffer).await?;
        self.io.flush().await?;
        Ok(())
    }

    /// Says goodbye.
    pub(super) async fn close(&mut self) {
        let _ = self.io.shutdown().await;
    }
}
