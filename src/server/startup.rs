//! From a socket to a user: encryption, the startup message, SCRAM.

use std::collections::BTreeMap;
use std::net::SocketAddr;
use std::sync::Arc;

use pgwire::api::auth::mechanism::{AuthMechanismFactory, AuthState};
use pgwire::api::{DefaultClient, METADATA_DATABASE, METADATA_USER};
use pgwire::messages::startup::{
    Authentication, NegotiateProtocolVersion, PasswordMessageFamily, Startup,
};
use pgwire::messages::{PgWireBackendMessage, PgWireFrontendMessage, SslNegotiationMetaMessage};
use tokio::io::AsyncWriteExt;
use tokio::net::TcpStream;

use super::Server;
use super::error::{Failure, Outcome};
use super::tls::ALPN;
use super::wire::{Io, Reader, Writer, broken};

/// What clients take the server for: the version whose catalogs it imitates.
pub(super) const SERVER_VERSION: &str = "16.6";
pub(super) const SERVER_VERSION_NUMBER: &str = "160006";

/// The first byte of TLS.
const TLS_HANDSHAKE: u8 = 0x16;
/// Version 3.0 of the protocol.
const PROTOCOL: i32 = 3 << 16;

/// Someone who has proved who they are.
pub(super) struct Login {
    pub(super) reader: Reader,
    pub(super) writer: Writer<Box<dyn Io>>,
    pub(super) user: String,
    pub(super) database: Option<String>,
    /// settings that the client begins with
    pub(super) settings: BTreeMap<String, String>,
    pub(super) encrypted: bool,
}

/// Leads a connection to its log-in; none when it was a cancel request, or went away.
pub(super) async fn log_in(
    server: &Arc<Server>,
    socket: TcpStream,
    address: SocketAddr,
) -> Outcome<Option<Login>> {
    socket.set_nodelay(true)?;
    let mut reader = Reader::new();
    let Some((socket, encrypted)) = encrypt(server, socket, &mut reader).await? else {
        return Ok(None);
    };
    let mut writer = Writer::new(socket);
    let startup = match reader.next(writer.io()).await {
        Ok(Some(PgWireFrontendMessage::Startup(startup))) => startup,
        Ok(Some(PgWireFrontendMessage::CancelRequest(request))) => {
            server.cancels.cancel(request.pid, &request.secret_key);
            return Ok(None);
        }
        Ok(Some(_)) => return refuse(writer, broken()).await,
        Ok(None) => return Ok(None),
        Err(failure) => return refuse(writer, failure).await,
    };
    match authenticate(server, &startup, &mut reader, &mut writer, address, encrypted).await {
        Ok(Some((user, database, settings))) => {
            reader.messages.logged_in();
            Ok(Some(Login { reader, writer, user, database, settings, encrypted }))
        }
        Ok(None) => Ok(None),
        Err(failure) => refuse(writer, failure).await,
    }
}

/// Tells the client why not, and hangs up.
async fn refuse<T>(mut writer: Writer<Box<dyn Io>>, failure: Box<Failure>) -> Outcome<T> {
    writer.put(&failure.message())?;
    writer.flush().await?;
    writer.close().await;
    Err(failure)
}

/// Answers the request for encryption.
async fn encrypt(
    server: &Server,
    mut socket: TcpStream,
    reader: &mut Reader,
) -> Outcome<Option<(Box<dyn Io>, bool)>> {
    let mut first = [0];
    if socket.peek(&mut first).await? == 0 {
        return Ok(None);
    }
    if first == [TLS_HANDSHAKE] {
        let Some(tls) = &server.tls else { return Ok(None) };
        let stream = tls.acceptor.accept(socket).await?;
        // only a client that means this protocol may begin with TLS
        if stream.get_ref().1.alpn_protocol() != Some(ALPN) {
            return Ok(None);
        }
        reader.messages.expect_startup();
        return Ok(Some((Box::new(stream), true)));
    }
    loop {
        let request = match reader.next(&mut socket).await {
            Ok(Some(request)) => request,
            Ok(None) => return Ok(None),
            Err(failure) => return refuse(Writer::new(Box::new(socket)), failure).await,
        };
        match request {
            PgWireFrontendMessage::SslNegotiation(SslNegotiationMetaMessage::PostgresSsl(_)) => {
                let Some(tls) = &server.tls else {
                    socket.write_all(b"N").await?;
                    continue;
                };
                // what was sent before it was encrypted is nobody's
                if !reader.messages.buffer.is_empty() {
                    return Err(broken());
                }
                socket.write_all(b"S").await?;
                let stream = tls.acceptor.accept(socket).await?;
                reader.messages.expect_startup();
                return Ok(Some((Box::new(stream), true)));
            }
            PgWireFrontendMessage::SslNegotiation(SslNegotiationMetaMessage::PostgresGss(_)) => {
                socket.write_all(b"N").await?;
            }
            _ => {
                reader.messages.expect_startup();
                return Ok(Some((Box::new(socket), false)));
            }
        }
    }
}

type Known = (String, Option<String>, BTreeMap<String, String>);

async fn authenticate(
    server: &Server,
    startup: &Startup,
    reader: &mut Reader,
    writer: &mut Writer<Box<dyn Io>>,
    address: SocketAddr,
    encrypted: bool,
) -> Outcome<Option<Known>> {
    if startup.protocol_number_major != 3 {
        return Err(Failure::fatal(
            "08P01",
            format!("version {} of the protocol is not spoken", startup.protocol_number_major),
        )
        .with_hint("version 3.0 is"));
    }
    if server.tls.is_some() && !encrypted {
        return Err(Failure::fatal("28000", "the connection is not encrypted")
            .with_hint("connect with sslmode=verify-full, or at least sslmode=require"));
    }
    if server.admission.full() {
        return Err(too_many(server));
    }
    let options: Vec<String> =
        startup.parameters.keys().filter(|k| k.starts_with("_pq_.")).cloned().collect();
    if startup.protocol_number_minor > 0 || !options.is_empty() {
        writer.put(&PgWireBackendMessage::NegotiateProtocolVersion(
            NegotiateProtocolVersion::new(PROTOCOL, options),
        ))?;
    }
    let Some(user) = startup.parameters.get("user").filter(|u| !u.is_empty()).cloned() else {
        return Err(Failure::fatal("28000", "the startup message names no user"));
    };
    let database = startup.parameters.get("database").cloned();
    if startup
        .parameters
        .get("replication")
        .is_some_and(|r| !["false", "off", "0"].contains(&r.as_str()))
    {
        return Err(Failure::fatal("0A000", "there is no replication here"));
    }
    reader.messages.expect_typed();
    if !scram(server, &user, database.as_deref(), reader, writer, address, encrypted).await? {
        return Ok(None);
    }
    Ok(Some((user, database, settings(startup)?)))
}

/// No more sessions.
pub(super) fn too_many(server: &Server) -> Box<Failure> {
    let most = server.options.max_connections;
    Failure::fatal("53300", format!("all {most} connections of this server are taken"))
        .with_hint("try again later; the server's --max-connections is the limit")
}

/// The exchange of SCRAM-SHA-256; false when the client went away.
async fn scram(
    server: &Server,
    user: &str,
    database: Option<&str>,
    reader: &mut Reader,
    writer: &mut Writer<Box<dyn Io>>,
    address: SocketAddr,
    encrypted: bool,
) -> Outcome<bool> {
    let mut client = DefaultClient::<()>::new(address, encrypted);
    client.metadata.insert(METADATA_USER.to_owned(), user.to_owned());
    if let Some(database) = database {
        client.metadata.insert(METADATA_DATABASE.to_owned(), database.to_owned());
    }
    let method = if encrypted { &server.bound } else { &server.unbound };
    let mut mechanism = AuthMechanismFactory::<()>::create(method);
    let mut state = mechanism.begin(&client).await;
    let mut first = true;
    loop {
        match state {
            Ok(AuthState::InProgress(message)) => {
                writer.put(&PgWireBackendMessage::Authentication(message))?;
                writer.flush().await?;
            }
            Ok(AuthState::Ok { final_message, .. }) => {
                if let Some(message) = final_message {
                    writer.put(&PgWireBackendMessage::Authentication(message))?;
                }
                writer.put(&PgWireBackendMessage::Authentication(Authentication::Ok))?;
                return Ok(true);
            }
            // a wrong name, a wrong password and a wrong proof are the same to a stranger
            Ok(AuthState::Failed(_)) | Err(_) => {
                server.admission.failed(address.ip()).await;
                return Err(wrong_password(user));
            }
        }
        let message: PasswordMessageFamily = match reader.next(writer.io()).await? {
            Some(PgWireFrontendMessage::PasswordMessageFamily(message))
                if !std::mem::take(&mut first) || is_first(&message) =>
            {
                message
            }
            Some(_) => return Err(broken()),
            None => return Ok(false),
        };
        state = mechanism.next(&client, message).await;
    }
}

/// Whether this is a method's name and a message of that length: the library takes it for granted.
fn is_first(message: &PasswordMessageFamily) -> bool {
    let PasswordMessageFamily::Raw(bytes) = message else { return false };
    let Some(end) = bytes.iter().position(|b| *b == 0) else { return false };
    let Some(mut rest) = bytes.get(end + 1..).filter(|rest| rest.len() >= 4) else { return false };
    let length = bytes::Buf::get_i32(&mut rest);
    usize::try_from(length).is_ok_and(|length| length == rest.len())
}

fn wrong_password(user: &str) -> Box<Failure> {
    Failure::fatal("28P01", format!("password authentication failed for user {user:?}"))
}

/// The settings of a startup message: its parameters, and `-c name=value` in its options.
fn settings(startup: &Startup) -> Outcome<BTreeMap<String, String>> {
    let mut settings = BTreeMap::new();
    for (name, value) in &startup.parameters {
        match name.as_str() {
            "user" | "database" | "replication" => {}
            name if name.starts_with("_pq_.") => {}
            "options" => settings.extend(options(value)?),
            _ => {
                settings.insert(name.clone(), value.clone());
            }
        }
    }
    Ok(settings)
}

/// `-c name=value` and `--name=value`; a backslash takes what follows as it is.
fn options(text: &str) -> Outcome<Vec<(String, String)>> {
    let mut words = vec![String::new()];
    let mut chars = text.chars();
    while let Some(c) = chars.next() {
        match c {
            ' ' => words.push(String::new()),
            '\\' => words.last_mut().into_iter().for_each(|w| w.extend(chars.next())),
            c => words.last_mut().into_iter().for_each(|w| w.push(c)),
        }
    }
    let mut out = vec![];
    let mut words = words.into_iter().filter(|w| !w.is_empty());
    while let Some(word) = words.next() {
        let pair = match word.strip_prefix("--").or_else(|| word.strip_prefix("-c")) {
            Some("") => words.next().unwrap_or_default(),
            Some(pair) => pair.to_owned(),
            None => word,
        };
        let Some((name, value)) = pair.split_once('=') else {
            return Err(Failure::fatal("42601", "an option of the connection has no value")
                .with_hint("options are written -c name=value"));
        };
        out.push((name.replace('-', "_"), value.to_owned()));
    }
    Ok(out)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn options_are_settings() {
        let read = |text: &str| options(text).unwrap();
        let pair = |a: &str, b: &str| (a.to_owned(), b.to_owned());
        assert_eq!(
            read("-c statement_timeout=5s  --search-path=main -ctenure.as_of=2018-01-01\\ 10:00"),
            [
                pair("statement_timeout", "5s"),
                pair("search_path", "main"),
                pair("tenure.as_of", "2018-01-01 10:00")
            ]
        );
        assert!(options("-c nothing").is_err());
    }
}
