//! One connection after its log-in: messages in, messages out. The simple and the extended protocol
//! run the same statements through the same session.

mod copy;
mod cursor;
mod extended;
mod statement;

use std::sync::Arc;
use std::time::Instant;

use pgwire::messages::response::{EmptyQueryResponse, ReadyForQuery, TransactionStatus};
use pgwire::messages::{PgWireBackendMessage as Out, PgWireFrontendMessage as In};
use tokio::io::{ReadHalf, WriteHalf};
use tokio::sync::{Notify, mpsc};

use super::audit::{self, Log, Who};
use super::cancel::Entry;
use super::error::{Failure, Outcome};
use super::session::{Portal, Session};
use super::wire::{Io, Reader, Writer, broken};
use crate::Params;

/// Rows that are written before anything else has its turn.
const PIECE: usize = 1024;
/// Messages that may wait while a statement runs.
const WAITING: usize = 4;
/// Statements and portals with a name that one session may keep.
const NAMED: usize = 10_000;

/// A connection and everything of its client.
pub(super) struct Connection {
    pub(super) session: Session,
    pub(super) who: Who,
    pub(super) log: Arc<dyn Log>,
    out: Writer<WriteHalf<Box<dyn Io>>>,
    messages: mpsc::Receiver<Outcome<In>>,
    /// the client has hung up
    gone: Arc<Notify>,
    entry: Entry,
    /// rows of the statement that runs
    rows: u64,
}

/// Reads messages beside the statement that runs, so that a client that hangs up is noticed.
fn read(
    mut reader: Reader,
    mut io: ReadHalf<Box<dyn Io>>,
    gone: Arc<Notify>,
) -> (mpsc::Receiver<Outcome<In>>, tokio::task::JoinHandle<()>) {
    let (messages, receiver) = mpsc::channel(WAITING);
    let task = tokio::spawn(async move {
        while let Some(message) = reader.next(&mut io).await.transpose() {
            let last = matches!(message, Ok(In::Terminate(_)) | Err(_));
            if messages.send(message).await.is_err() || last {
                break;
            }
        }
        drop(messages);
        // what was asked before the last word is answered, unless nobody waits for it
        let _ = tokio::io::copy(&mut io, &mut tokio::io::sink()).await;
        gone.notify_one();
    });
    (receiver, task)
}

impl Connection {
    /// Serves a client until it leaves.
    pub(super) async fn serve(
        session: Session,
        who: Who,
        log: Arc<dyn Log>,
        entry: Entry,
        reader: Reader,
        writer: Writer<Box<dyn Io>>,
    ) {
        let waiting = writer.buffer.clone();
        let (read_half, write_half) = tokio::io::split(writer.into_inner());
        let gone = Arc::new(Notify::new());
        let (messages, task) = read(reader, read_half, Arc::clone(&gone));
        let mut out = Writer::new(write_half);
        out.buffer = waiting;
        let mut connection = Self { session, who, log, out, messages, gone, entry, rows: 0 };
        let ended = connection.run().await;
        if let Err(failure) = ended {
            let _ = connection.out.put(&failure.message());
            let _ = connection.out.flush().await;
        }
        connection.out.close().await;
        task.abort();
    }

    async fn run(&mut self) -> Outcome<()> {
        self.ready().await?;
        // after an error of the extended protocol everything up to Sync is left out
        let mut skipping = false;
        while let Some(message) = self.message().await? {
            let extended = message.is_extended_query();
            match self.answer(message, &mut skipping).await {
                Ok(()) => {}
                Err(failure) if failure.fatal => return Err(failure),
                Err(failure) => {
                    self.fail(&failure)?;
                    if extended {
                        skipping = true;
                        self.out.flush().await?;
                    } else {
                        self.session.synced();
                        self.ready().await?;
                    }
                }
            }
        }
        Ok(())
    }

    /// The next message; none when the client has gone.
    async fn message(&mut self) -> Outcome<Option<In>> {
        let in_transaction = self.session.status != TransactionStatus::Idle;
        let next = match self.session.settings(|s| s.idle_timeout(in_transaction)) {
            None => self.messages.recv().await,
            Some(most) => match tokio::time::timeout(most, self.messages.recv()).await {
                Ok(next) => next,
                Err(_) => {
                    let code = if in_transaction { "25P03" } else { "57P05" };
                    return Err(Failure::fatal(code, "the connection was idle for too long"));
                }
            },
        };
        next.transpose()
    }

    async fn answer(&mut self, message: In, skipping: &mut bool) -> Outcome<()> {
        if let In::Sync(_) = message {
            *skipping = false;
            self.session.synced();
            return self.ready().await;
        }
        match message {
            In::SslNegotiation(_)
            | In::Startup(_)
            | In::CancelRequest(_)
            | In::PasswordMessageFamily(_)
            | In::PortalSuspended(_) => Err(broken()),
            _ if *skipping => Ok(()),
            In::Query(query) => self.simple(&query.query).await,
            In::Parse(parse) => self.parse(parse).await,
            In::Bind(bind) => self.bind(bind),
            In::Describe(describe) => self.describe(&describe),
            In::Execute(execute) => self.execute(&execute).await,
            In::Close(close) => self.close(&close),
            In::Flush(_) => self.out.flush().await,
            // what is left of a COPY that has ended
            In::CopyData(_) | In::CopyDone(_) | In::CopyFail(_) => Ok(()),
            In::Sync(_) | In::Terminate(_) => Ok(()),
        }
    }

    async fn ready(&mut self) -> Outcome<()> {
        for message in self.session.changed() {
            self.out.put(&message)?;
        }
        self.out.put(&Out::ReadyForQuery(ReadyForQuery::new(self.session.status)))?;
        self.out.flush().await
    }

    fn fail(&mut self, failure: &Failure) -> Outcome<()> {
        if self.session.status == TransactionStatus::Transaction {
            self.session.status = TransactionStatus::Error;
        }
        self.out.put(&failure.message())
    }

    /// `Query`: statements one after the other, up to the first that fails.
    async fn simple(&mut self, script: &str) -> Outcome<()> {
        let statements = crate::split_statements(script).map_err(|e| Failure::of(&e, script))?;
        if statements.is_empty() {
            self.out.put(&Out::EmptyQueryResponse(EmptyQueryResponse::new()))?;
        }
        let mut after = 0;
        for statement in &statements {
            let text = statement.text.as_str();
            let start = script.get(after..).and_then(|rest| rest.find(text)).unwrap_or(0) + after;
            after = start + text.len();
            let begun = Instant::now();
            let result = match self.session.plain(text) {
                Ok(prepared) => {
                    let mut portal = Portal {
                        statement: Arc::new(prepared),
                        params: Params::default(),
                        codes: vec![],
                        rows: None,
                        cursor: None,
                    };
                    self.limited(&mut portal, None, true).await
                }
                Err(failure) => Err(failure),
            };
            self.audit(text, begun, &result);
            result.map_err(|failure| {
                let before = script.get(..start).map_or(0, |s| s.chars().count());
                failure.moved(before)
            })?;
        }
        self.session.synced();
        self.ready().await
    }

    fn audit<T>(&self, sql: &str, begun: Instant, result: &Outcome<T>) {
        let code = result.as_ref().err().map_or("00000", |failure| failure.code);
        audit::statement(self.log.as_ref(), &self.who, sql, begun.elapsed(), self.rows, code);
    }
}

fn no_portal(name: &str) -> Box<Failure> {
    Failure::new("34000", format!("there is no cursor {name:?}"))
}
