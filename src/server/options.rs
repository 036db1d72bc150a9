//! What a server shall be.

use std::net::SocketAddr;
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use super::audit::Log;

/// Connections that have not logged in yet; the oldest goes when there is one more.
pub(super) const PENDING: usize = 100;

/// Files of the server's certificate and key, in PEM.
#[derive(Debug, Clone)]
pub struct TlsFiles {
    /// The certificate, and those between it and a root, if any.
    pub certificate: PathBuf,
    /// The private key.
    pub key: PathBuf,
}

/// What a server shall be.
#[derive(Debug, Clone)]
pub struct ServerOptions {
    /// Where to listen. Any other address than the machine's own needs [`tls`](Self::tls).
    pub listen: SocketAddr,
    /// The file of users and their verifiers.
    pub users: PathBuf,
    /// With a certificate, every connection must be encrypted.
    pub tls: Option<TlsFiles>,
    /// Sessions at a time.
    pub max_connections: usize,
    /// Memory in bytes of one session.
    pub session_memory: Option<usize>,
    /// How long a statement may take, until the client says otherwise.
    pub statement_timeout: Option<Duration>,
    /// The longest that a client may ask for; `SET statement_timeout` beyond it is refused.
    pub max_statement_timeout: Option<Duration>,
    /// How long a connection may take to log in.
    pub handshake_timeout: Duration,
    /// Sessions may make views of their own, which go with them.
    pub writable: bool,
    /// Sessions may ask for `EXPLAIN ANALYZE`.
    pub analyze: bool,
    /// Who gets the log.
    pub log: Arc<dyn Log>,
}

impl ServerOptions {
    /// A server on `listen` for the users of a file.
    pub fn new(listen: SocketAddr, users: PathBuf, log: Arc<dyn Log>) -> Self {
        Self {
            listen,
            users,
            tls: None,
            max_connections: 64,
            session_memory: None,
            statement_timeout: None,
            max_statement_timeout: None,
            handshake_timeout: Duration::from_secs(10),
            writable: false,
            analyze: false,
            log,
        }
    }
}
