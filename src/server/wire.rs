//! Messages off and onto a socket.

use bytes::BytesMut;
use pgwire::messages::{PgWireBackendMessage, PgWireFrontendMessage};
use tokio::io::{AsyncRead, AsyncReadExt, AsyncWrite, AsyncWriteExt};

use super::error::{Failure, Outcome};
use super::messages::{Fault, Messages};

/// A socket, encrypted or not.
pub(super) trait Io: AsyncRead + AsyncWrite + Send + Unpin {}

impl<T: AsyncRead + AsyncWrite + Send + Unpin> Io for T {}

/// Bytes that are kept back before they are sent.
const BUFFER: usize = 64 << 10;

/// Reads messages.
pub(super) struct Reader {
    pub(super) messages: Messages,
}

impl Reader {
    pub(super) fn new() -> Self {
        Self { messages: Messages::new() }
    }

    /// The next message; none when the client has gone.
    pub(super) async fn next(
        &mut self,
        io: &mut (impl AsyncRead + Unpin),
    ) -> Outcome<Option<PgWireFrontendMessage>> {
        loop {
            if let Some(message) = self.messages.next().map_err(refused)? {
                return Ok(Some(message));
            }
            if io.read_buf(&mut self.messages.buffer).await? == 0 {
                return Ok(None);
            }
        }
    }
}

fn refused(fault: Fault) -> Box<Failure> {
    match fault {
        Fault::Broken => broken(),
        Fault::TooLong { length, most } => {
            let message = format!("a message has {length} bytes; the limit is {most}");
            Failure::fatal("54000", message)
        }
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
