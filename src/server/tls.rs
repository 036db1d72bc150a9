//! The server's certificate: read and checked before anything listens.

use std::path::Path;
use std::sync::Arc;

use chrono::Utc;
use rustls_pki_types::pem::PemObject;
use rustls_pki_types::{CertificateDer, PrivateKeyDer};
use tokio_rustls::TlsAcceptor;
use tokio_rustls::rustls::ServerConfig;
use tokio_rustls::rustls::crypto::ring::default_provider;
use x509_certificate::X509Certificate;

use super::options::TlsFiles;
use super::users::private;
use crate::error::{Error, ErrorKind, Result};

/// The protocol's name in TLS, for clients that begin with TLS.
pub(super) const ALPN: &[u8] = b"postgresql";

/// What encrypts connections, and the certificate that logins are bound to.
pub(super) struct Tls {
    pub(super) acceptor: TlsAcceptor,
    /// in PEM
    pub(super) certificate: Vec<u8>,
}

/// Reads certificate and key; anything wrong with them is an error.
pub(super) fn load(files: &TlsFiles) -> Result<Tls> {
    let certificate = read(&files.certificate)?;
    let wrong = |path: &Path, what: &dyn std::fmt::Display| {
        Error::new(ErrorKind::Usage, format!("{}: {what}", path.display()))
            .with_hint("the server does not start without a certificate that works; nothing is served unencrypted instead")
    };
    let chain = CertificateDer::pem_slice_iter(&certificate)
        .collect::<std::result::Result<Vec<_>, _>>()
        .map_err(|e| wrong(&files.certificate, &format!("is no certificate in PEM: {e}")))?;
    let Some(own) = chain.first() else {
        return Err(wrong(&files.certificate, &"holds no certificate"));
    };
    let own = X509Certificate::from_der(own)
        .map_err(|e| wrong(&files.certificate, &format!("is no certificate: {e}")))?;
    let (from, to) = (own.validity_not_before(), own.validity_not_after());
    let now = Utc::now();
    if now > to {
        return Err(wrong(&files.certificate, &format!("the certificate expired on {to}")));
    }
    if now < from {
        return Err(wrong(&files.certificate, &format!("the certificate is valid from {from} on")));
    }
    private(&files.key)?;
    let key = PrivateKeyDer::from_pem_slice(&read(&files.key)?)
        // what the library says may quote the key
        .map_err(|_| wrong(&files.key, &"is no private key in PEM"))?;
    let mut config = ServerConfig::builder_with_provider(Arc::new(default_provider()))
        .with_safe_default_protocol_versions()
        .map_err(|e| wrong(&files.certificate, &e))?
        .with_no_client_auth()
        .with_single_cert(chain, key)
        .map_err(|e| wrong(&files.key, &format!("does not fit the certificate: {e}")))?;
    config.alpn_protocols = vec![ALPN.to_vec()];
    Ok(Tls { acceptor: TlsAcceptor::from(Arc::new(config)), certificate })
}

fn read(path: &Path) -> Result<Vec<u8>> {
    std::fs::read(path).map_err(|e| {
        Error::new(ErrorKind::Usage, format!("cannot read {}: {e}", path.display())).with_source(e)
    })
}
