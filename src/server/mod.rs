//! The server that speaks PostgreSQL's protocol: lakes for `psql`, drivers and BI tools.
//!
//! Every client has a session of its own over the lakes that the server opened, and every statement
//! goes through [`Tenure::run_with`] of that session: same dialect, same settings, same limits and
//! the same errors as at the prompt. What a client may do is an allow-list of kinds of plans
//! (`policy`). Logins are SCRAM-SHA-256 with a file of verifiers ([`Users`]); without TLS nothing but
//! the machine's own address is listened on.
//!
//! One file for each concern: `messages` are found in bytes, `wire` brings them on and off a socket,
//! `startup` leads to a log-in, `connection` is the protocol after it, `session` what a client has,
//! `rows` an answer under way, `types` values in text and binary, `catalog` what tools ask of
//! `pg_catalog`.

mod admission;
mod audit;
mod cancel;
mod catalog;
mod command;
mod connection;
mod copy;
mod error;
mod messages;
mod options;
mod policy;
mod prepared;
mod rows;
mod session;
mod settings;
mod startup;
mod tls;
mod types;
mod users;
mod wire;

use std::net::SocketAddr;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, RwLock};

use async_trait::async_trait;
use pgwire::api::auth::sasl::scram::{ScramAuth, ScramSecret};
use pgwire::api::auth::{AuthSource, LoginInfo, Password};
use pgwire::error::{PgWireError, PgWireResult};
use pgwire::messages::PgWireBackendMessage;
use pgwire::messages::startup::BackendKeyData;
use ring::hmac;
use ring::rand::SystemRandom;
use serde_json::json;
use tokio::net::{TcpListener, TcpStream};
use tokio::runtime::Handle;

pub use audit::Log;
pub use options::{ServerOptions, TlsFiles};
pub use users::{Users, Verifier};

use admission::Admission;
use audit::Who;
use cancel::Cancels;
use catalog::Catalog;
use connection::Connection;
use error::{Failure, Outcome};
use session::Session;
use settings::Settings;
use startup::Login;
use tls::Tls;

use crate::error::{Error, ErrorKind, Result};
use crate::{SessionOptions, Tenure};

/// A server that listens.
pub struct Server {
    /// what sessions are made of
    base: Tenure,
    engine: Handle,
    options: ServerOptions,
    listener: TcpListener,
    tls: Option<Tls>,
    /// log-ins that are bound to the certificate, and those without encryption
    bound: ScramAuth,
    unbound: ScramAuth,
    admission: Admission,
    cancels: Arc<Cancels>,
    catalog: catalog::Shared,
    connections: AtomicU64,
}

impl std::fmt::Debug for Server {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Server").field("options", &self.options).finish_non_exhaustive()
    }
}

impl Server {
    /// Starts to listen. Statements of clients run on `engine`, over the lakes of `base`.
    ///
    /// # Errors
    /// A certificate that does not work, users that cannot be read or are none, an address that is
    /// open to others without encryption, or one that is taken.
    pub async fn bind(base: &Tenure, engine: Handle, options: ServerOptions) -> Result<Self> {
        let usage =
            |text: String, hint: &str| Err(Error::new(ErrorKind::Usage, text).with_hint(hint));
        if !options.listen.ip().is_loopback() && options.tls.is_none() {
            return usage(
                format!("{} can be reached by others, and there is no certificate", options.listen),
                "give --tls-cert and --tls-key, or listen on 127.0.0.1",
            );
        }
        if Users::read(&options.users)?.is_empty() {
            return usage(
                format!("{} names no user", options.users.display()),
                "nobody can log in: `tenure user add NAME` makes a user",
            );
        }
        let tls = options.tls.as_ref().map(tls::load).transpose()?;
        let source: Arc<dyn AuthSource> = Arc::new(Source::new(&options)?);
        let unbound = ScramAuth::new(Arc::clone(&source));
        let mut bound = ScramAuth::new(source);
        if let Some(tls) = &tls {
            bound.configure_certificate(&tls.certificate).map_err(|e| {
                Error::new(ErrorKind::Usage, format!("the certificate cannot bind log-ins: {e}"))
                    .with_hint("use a certificate signed with SHA-256 and RSA or ECDSA")
            })?;
        }
        let listener = TcpListener::bind(options.listen).await.map_err(|e| {
            Error::new(ErrorKind::Io, format!("cannot listen on {}: {e}", options.listen))
                .with_hint("choose another --port, or stop what listens there")
                .with_source(e)
        })?;
        // sessions of clients are made of one that has PostgreSQL's functions
        let template = base.session(&SessionOptions::default())?;
        let catalog = catalog::Shared::new(&template)?;
        Ok(Self {
            admission: Admission::new(options.max_connections),
            catalog,
            base: template,
            engine,
            options,
            listener,
            tls,
            bound,
            unbound,
            cancels: Arc::default(),
            connections: AtomicU64::new(0),
        })
    }

    /// The address that is listened on, with the port that was free if 0 was asked for.
    ///
    /// # Errors
    /// The system does not say.
    pub fn address(&self) -> Result<SocketAddr> {
        self.listener.local_addr().map_err(|e| Error::new(ErrorKind::Io, e.to_string()))
    }

    /// Serves until `stop` is done. Connections end with it.
    pub async fn serve(self, stop: impl Future<Output = ()>) {
        let server = Arc::new(self);
        let mut connections = tokio::task::JoinSet::new();
        tokio::pin!(stop);
        loop {
            let accepted = tokio::select! {
                accepted = server.listener.accept() => accepted,
                Some(ended) = connections.join_next() => {
                    if ended.is_err_and(|e| e.is_panic()) {
                        server.event("panic", json!({"sqlstate": "XX000"}));
                    }
                    continue;
                }
                () = &mut stop => break,
            };
            let (socket, address) = match accepted {
                Ok(accepted) => accepted,
                Err(e) => {
                    // no file descriptor is left: one may come free
                    server.event("refused", json!({"error": e.to_string()}));
                    tokio::time::sleep(std::time::Duration::from_millis(50)).await;
                    continue;
                }
            };
            let id = server.connections.fetch_add(1, Ordering::Relaxed);
            let of = Arc::clone(&server);
            let task = connections.spawn(async move { of.connection(id, socket, address).await });
            server.admission.wait(id, task);
        }
    }

    fn event(&self, event: &str, fields: serde_json::Value) {
        audit::event(self.options.log.as_ref(), event, fields);
    }

    async fn connection(self: Arc<Self>, id: u64, socket: TcpStream, address: SocketAddr) {
        let log_in = startup::log_in(&self, socket, address);
        let logged_in = tokio::time::timeout(self.options.handshake_timeout, log_in).await;
        self.admission.waited(id);
        match logged_in {
            Ok(Ok(Some(login))) => {
                if let Err(failure) = Arc::clone(&self).session(login, address).await {
                    self.refused(address, failure.code);
                }
            }
            Ok(Ok(None)) => {}
            Ok(Err(failure)) => self.refused(address, failure.code),
            Err(_) => self.refused(address, "08006"),
        }
    }

    fn refused(&self, address: SocketAddr, sqlstate: &str) {
        self.event("refused", json!({"address": address.to_string(), "sqlstate": sqlstate}));
    }

    /// Serves someone who has logged in.
    async fn session(self: Arc<Self>, login: Login, address: SocketAddr) -> Outcome<()> {
        let Login { reader, mut writer, user, database, settings, encrypted } = login;
        let Some(_place) = self.admission.enter() else {
            let failure = startup::too_many(&self);
            writer.put(&failure.message())?;
            writer.flush().await?;
            return Err(failure);
        };
        let entry = self.cancels.enter()?;
        let opened = self.open(&user, database.as_deref(), &settings, encrypted, entry.pid).await;
        let (mut session, database) = match opened {
            Ok(opened) => opened,
            Err(mut failure) => {
                failure.fatal = true;
                writer.put(&failure.message())?;
                writer.flush().await?;
                writer.close().await;
                return Err(failure);
            }
        };
        for message in session.changed() {
            writer.put(&message)?;
        }
        writer.put(&PgWireBackendMessage::BackendKeyData(BackendKeyData::new(
            entry.pid,
            entry.secret.clone(),
        )))?;
        let who = Who { address, user, database, pid: entry.pid };
        let said = json!({
            "user": who.user, "database": who.database, "address": address.to_string(),
            "pid": who.pid, "encrypted": encrypted,
        });
        self.event("connected", said.clone());
        let log = Arc::clone(&self.options.log);
        Connection::serve(session, who, log, entry, reader, writer).await;
        self.event("disconnected", said);
        Ok(())
    }

    /// A session of the engine for a user, with the settings that the client began with.
    async fn open(
        &self,
        user: &str,
        database: Option<&str>,
        wanted: &std::collections::BTreeMap<String, String>,
        encrypted: bool,
        pid: i32,
    ) -> Outcome<(Session, String)> {
        let mut tenure = self.base.session(&SessionOptions {
            memory_limit: self.options.session_memory,
            lakes_only: true,
            policy: Some(policy::policy(policy::Granted {
                views: self.options.writable,
                analyze: self.options.analyze,
            })),
        })?;
        let database = self.database(&tenure, user, database)?;
        tenure.be_about(&database);
        let mut settings =
            Settings::new(self.options.statement_timeout, self.options.max_statement_timeout);
        settings.begin("session_authorization", user.to_owned());
        settings.begin("ssl", if encrypted { "on" } else { "off" }.to_owned());
        let settings = Arc::new(RwLock::new(settings));
        let catalog = Catalog::new(
            &self.catalog,
            &tenure,
            catalog::Who { user, database: &database, pid },
            &settings,
            Arc::clone(&self.options.log),
        )?;
        let mut session =
            Session::new(Arc::new(tenure), self.engine.clone(), Arc::clone(&settings), catalog);
        for (name, value) in wanted {
            if name.contains('.') {
                session.set(name, Some(value)).await?;
            } else {
                let mut settings =
                    settings.write().unwrap_or_else(std::sync::PoisonError::into_inner);
                settings.set_initial(name, value)?;
            }
        }
        session.settle().await?;
        Ok((session, database))
    }

    /// The catalog that a client means by its database: clients that say nothing send the user's name.
    fn database(&self, tenure: &Tenure, user: &str, wanted: Option<&str>) -> Outcome<String> {
        let context = tenure.context();
        let default = context.state().config_options().catalog.default_catalog.clone();
        let mut names = context.catalog_names();
        names.sort();
        match wanted {
            Some(name) if names.iter().any(|n| n == name) => {
                let state = context.state_ref();
                state.write().config_mut().options_mut().catalog.default_catalog = name.to_owned();
                Ok(name.to_owned())
            }
            None => Ok(default),
            Some(name) if name == user || name.is_empty() => Ok(default),
            Some(name) => Err(Failure::fatal("3D000", format!("there is no database {name:?}"))
                .with_hint(format!("a lake is a database: {}", names.join(", ")))),
        }
    }
}

/// Verifiers for log-ins, read anew for each, so that users come and go without a restart.
struct Source {
    users: std::path::PathBuf,
    log: Arc<dyn Log>,
    /// makes the salts of users that are none, the same for the same name
    strangers: hmac::Key,
}

impl Source {
    fn new(options: &ServerOptions) -> Result<Self> {
        let strangers = hmac::Key::generate(hmac::HMAC_SHA256, &SystemRandom::new())
            .map_err(|_| Error::new(ErrorKind::Io, "the system gives no random numbers"))?;
        Ok(Self { users: options.users.clone(), log: Arc::clone(&options.log), strangers })
    }
}

impl std::fmt::Debug for Source {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Source").field("users", &self.users).finish_non_exhaustive()
    }
}

#[async_trait]
impl AuthSource for Source {
    async fn get_password(&self, login: &LoginInfo) -> PgWireResult<Password> {
        // there are no passwords here
        Err(PgWireError::InvalidPassword(login.user().unwrap_or_default().to_owned()))
    }

    async fn get_scram_secret(&self, login: &LoginInfo) -> PgWireResult<(ScramSecret, Option<()>)> {
        let name = login.user().unwrap_or_default();
        let users = Users::read(&self.users).inspect_err(|e| {
            audit::event(self.log.as_ref(), "users", json!({"error": e.to_string()}));
        });
        let known = users.ok().and_then(|users| users.get(name).cloned());
        let verifier = known.unwrap_or_else(|| {
            let salt = hmac::sign(&self.strangers, name.as_bytes());
            Verifier::of_nobody(salt.as_ref().iter().take(16).copied().collect())
        });
        Ok((verifier.secret(), None))
    }
}
