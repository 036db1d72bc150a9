//! One connection after its log-in: messages in, messages out. The simple and the extended protocol
//! run the same statements through the same session.

use std::sync::Arc;
use std::time::Instant;

use pgwire::messages::copy::{CopyDone, CopyOutResponse};
use pgwire::messages::data::{NoData, ParameterDescription};
use pgwire::messages::extendedquery::{
    Bind, BindComplete, Close, CloseComplete, Describe, Execute, Parse, ParseComplete,
    PortalSuspended, TARGET_TYPE_BYTE_STATEMENT,
};
use pgwire::messages::response::{
    CommandComplete, EmptyQueryResponse, ReadyForQuery, TransactionStatus,
};
use pgwire::messages::{PgWireBackendMessage as Out, PgWireFrontendMessage as In};
use tokio::io::{ReadHalf, WriteHalf};
use tokio::sync::{Notify, mpsc};

use super::audit::{self, Log, Who};
use super::cancel::Entry;
use super::command::{Command, CopyFormat, CopyKind, Step};
use super::copy;
use super::error::{Failure, Outcome};
use super::prepared::Prepared;
use super::rows::Rows;
use super::session::{Held, Portal, Session};
use super::types::{description, row};
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
        loop {
            let message = match reader.next(&mut io).await {
                Ok(Some(In::Terminate(_)) | None) => break,
                Ok(Some(message)) => Ok(message),
                Err(failure) => Err(failure),
            };
            let last = message.is_err();
            if messages.send(message).await.is_err() || last {
                break;
            }
        }
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
        if *skipping {
            return Ok(());
        }
        match message {
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
            In::SslNegotiation(_)
            | In::Startup(_)
            | In::CancelRequest(_)
            | In::PasswordMessageFamily(_)
            | In::PortalSuspended(_) => Err(broken()),
        }
    }

    async fn ready(&mut self) -> Outcome<()> {
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

    async fn parse(&mut self, parse: Parse) -> Outcome<()> {
        let name = parse.name.unwrap_or_default();
        if !name.is_empty() && self.session.statements.contains_key(&name) {
            return Err(Failure::new("42P05", format!("there is a prepared statement {name:?}")));
        }
        if self.session.statements.len() >= NAMED {
            return Err(Failure::new("53000", format!("{NAMED} statements are prepared already"))
                .with_hint("DEALLOCATE ALL lets go of them"));
        }
        if let [_, _, ..] = crate::split_statements(&parse.query)
            .map_err(|e| Failure::of(&e, &parse.query))?
            .as_slice()
        {
            return Err(Failure::new("42601", "a prepared statement is one statement"));
        }
        let notify = self.entry.signal.begin();
        let timeout = self.session.settings(super::settings::Settings::statement_timeout);
        let begun = Instant::now();
        let gone = Arc::clone(&self.gone);
        let work = self.session.prepare(&parse.query, &parse.type_oids);
        let prepared = within(work, &notify, &gone, timeout).await;
        self.entry.signal.end();
        if prepared.is_err() {
            self.audit(&parse.query, begun, &prepared);
        }
        self.session.statements.insert(name, Arc::new(prepared?));
        self.out.put(&Out::ParseComplete(ParseComplete::new()))
    }

    fn bind(&mut self, bind: Bind) -> Outcome<()> {
        let statement = self.statement(bind.statement_name.as_deref())?;
        self.session.check_transaction(&statement.command)?;
        let name = bind.portal_name.unwrap_or_default();
        if !name.is_empty() && self.session.portals.contains_key(&name) {
            return Err(Failure::new("42P03", format!("there is a cursor {name:?}")));
        }
        if self.session.portals.len() >= NAMED {
            return Err(Failure::new("53000", format!("{NAMED} portals are open already")));
        }
        let params = statement.bind(&bind.parameters, &bind.parameter_format_codes)?;
        let codes = bind.result_column_format_codes;
        if codes.iter().any(|code| !(0..=1).contains(code)) {
            return Err(Failure::new("22023", "a format is 0 for text or 1 for binary"));
        }
        let portal = Portal { statement, params, codes, rows: None, cursor: None };
        self.session.portals.insert(name, portal);
        self.out.put(&Out::BindComplete(BindComplete::new()))
    }

    fn statement(&self, name: Option<&str>) -> Outcome<Arc<Prepared>> {
        let name = name.unwrap_or_default();
        self.session.statements.get(name).map(Arc::clone).ok_or_else(|| {
            Failure::new("26000", format!("there is no prepared statement {name:?}"))
        })
    }

    fn describe(&mut self, describe: &Describe) -> Outcome<()> {
        let name = describe.name.as_deref().unwrap_or_default();
        let (schema, codes) = if describe.target_type == TARGET_TYPE_BYTE_STATEMENT {
            let statement = self.statement(Some(name))?;
            let types = statement.types.iter().map(pgwire::api::Type::oid).collect();
            self.out.put(&Out::ParameterDescription(ParameterDescription::new(types)))?;
            (statement.schema.clone(), vec![])
        } else {
            let Some(portal) = self.session.portals.get(name) else {
                return Err(no_portal(name));
            };
            let schema = match &portal.rows {
                Some(rows) => Some(Arc::clone(&rows.schema)),
                None => portal.statement.schema.clone(),
            };
            (schema, portal.codes.clone())
        };
        self.out.put(&match schema {
            Some(schema) => Out::RowDescription(description(&schema, &codes)),
            None => Out::NoData(NoData::new()),
        })
    }

    async fn execute(&mut self, execute: &Execute) -> Outcome<()> {
        let name = execute.name.clone().unwrap_or_default();
        let Some(mut portal) = self.session.portals.remove(&name) else {
            return Err(no_portal(&name));
        };
        let most = usize::try_from(execute.max_rows).ok().filter(|n| *n > 0);
        let begun = Instant::now();
        let result = self.limited(&mut portal, most, false).await;
        self.audit(&portal.statement.sql, begun, &result);
        // a portal that DISCARD ALL or COMMIT closed stays closed
        if result.is_ok() && portal.statement.schema.is_some() {
            self.session.portals.insert(name, portal);
        }
        result
    }

    fn close(&mut self, close: &Close) -> Outcome<()> {
        let name = close.name.as_deref().unwrap_or_default();
        if close.target_type == TARGET_TYPE_BYTE_STATEMENT {
            self.session.statements.remove(name);
        } else {
            self.session.portals.remove(name);
        }
        self.out.put(&Out::CloseComplete(CloseComplete::new()))
    }

    fn audit<T>(&self, sql: &str, begun: Instant, result: &Outcome<T>) {
        let code = result.as_ref().err().map_or("00000", |failure| failure.code);
        audit::statement(self.log.as_ref(), &self.who, sql, begun.elapsed(), self.rows, code);
    }

    /// Runs a portal until it ends, is cancelled, or takes too long.
    async fn limited(
        &mut self,
        portal: &mut Portal,
        most: Option<usize>,
        describe: bool,
    ) -> Outcome<()> {
        self.rows = 0;
        self.session.check_transaction(&portal.statement.command)?;
        let notify = self.entry.signal.begin();
        let gone = Arc::clone(&self.gone);
        let timeout = self.session.settings(super::settings::Settings::statement_timeout);
        let result = within(self.step(portal, most, describe), &notify, &gone, timeout).await;
        self.entry.signal.end();
        result
    }

    /// What a statement does.
    async fn step(
        &mut self,
        portal: &mut Portal,
        most: Option<usize>,
        describe: bool,
    ) -> Outcome<()> {
        let statement = Arc::clone(&portal.statement);
        let tag = match &statement.command {
            Command::Empty => {
                return self.out.put(&Out::EmptyQueryResponse(EmptyQueryResponse::new()));
            }
            Command::Query { tag } => {
                if portal.rows.is_none() {
                    portal.rows = Some(self.session.query(&statement, &portal.params).await?);
                }
                return self.rows(portal, tag, most, describe).await;
            }
            Command::Show(name) => {
                if portal.rows.is_none() {
                    portal.rows = Some(match name.starts_with("tenure.") {
                        true => self.session.show(name).await?,
                        false => Rows::of(self.session.shown(name)?),
                    });
                }
                return self.rows(portal, "SHOW", most, describe).await;
            }
            Command::ShowAll => {
                if portal.rows.is_none() {
                    portal.rows = Some(Rows::of(self.session.all_shown()?));
                }
                return self.rows(portal, "SHOW", most, describe).await;
            }
            Command::Fetch { name, step, shown } => {
                return self.fetch(name, *step, *shown, &portal.codes, describe).await;
            }
            Command::CopyOut { query, format } => return self.copy(query, format).await,
            Command::Other { tag } => {
                self.session.other(&statement.text, &portal.params).await?;
                tag.clone()
            }
            Command::Begin => {
                if let Some(warning) = self.session.begin() {
                    self.out.put(&warning)?;
                }
                "BEGIN".to_owned()
            }
            Command::Commit | Command::Rollback => {
                let commit = statement.command == Command::Commit;
                let (tag, warning) = self.session.end(commit).await?;
                if let Some(warning) = warning {
                    self.out.put(&warning)?;
                }
                tag.to_owned()
            }
            command @ (Command::Savepoint(_) | Command::Release(_) | Command::RollbackTo(_)) => {
                self.session.savepoint(command)?.to_owned()
            }
            Command::Nothing { tag } => (*tag).to_owned(),
            Command::Set { name, value, local } => {
                let said = self.session.set_command(name, value.as_deref(), *local).await?;
                self.say(&said)?;
                "SET".to_owned()
            }
            Command::Reset(name) => {
                let said = self.session.reset(name.as_deref()).await?;
                self.say(&said)?;
                "RESET".to_owned()
            }
            Command::Discard(what) => {
                let said = self.session.discard(*what).await?;
                self.say(&said)?;
                match what {
                    super::command::Discard::All => "DISCARD ALL",
                    super::command::Discard::Plans => "DISCARD PLANS",
                    super::command::Discard::Nothing => "DISCARD TEMP",
                }
                .to_owned()
            }
            Command::Deallocate(None) => {
                self.session.statements.clear();
                "DEALLOCATE ALL".to_owned()
            }
            Command::Deallocate(Some(name)) => {
                if self.session.statements.remove(name).is_none() {
                    let what = format!("there is no prepared statement {name:?}");
                    return Err(Failure::new("26000", what));
                }
                "DEALLOCATE".to_owned()
            }
            Command::Declare { name, hold, binary, query } => {
                self.declare(name, *hold, *binary, query, &portal.params).await?;
                "DECLARE CURSOR".to_owned()
            }
            Command::Close(None) => {
                self.session.portals.retain(|_, portal| portal.cursor.is_none());
                "CLOSE CURSOR ALL".to_owned()
            }
            Command::Close(Some(name)) => {
                if self.session.portals.remove(name).is_none() {
                    return Err(no_portal(name));
                }
                "CLOSE CURSOR".to_owned()
            }
        };
        self.complete(tag)
    }

    fn say(&mut self, messages: &[Out]) -> Outcome<()> {
        messages.iter().try_for_each(|message| self.out.put(message))
    }

    fn complete(&mut self, tag: String) -> Outcome<()> {
        self.out.put(&Out::CommandComplete(CommandComplete::new(tag)))
    }

    /// Sends rows of a portal, and what comes after them.
    async fn rows(
        &mut self,
        portal: &mut Portal,
        tag: &str,
        most: Option<usize>,
        describe: bool,
    ) -> Outcome<()> {
        let Some(rows) = &mut portal.rows else { return Ok(()) };
        if describe {
            self.out.put(&Out::RowDescription(description(&rows.schema, &portal.codes)))?;
        }
        let sent = self.send(rows, &portal.codes, most, &portal.statement.sql).await?;
        if most.is_some_and(|most| sent >= most) {
            self.out.put(&Out::PortalSuspended(PortalSuspended::new()))?;
            return self.out.ease().await;
        }
        self.complete(if tag == "SELECT" { format!("SELECT {sent}") } else { tag.to_owned() })
    }

    /// Sends at most so many rows and says how many there were.
    async fn send(
        &mut self,
        rows: &mut Rows,
        codes: &[i16],
        most: Option<usize>,
        sql: &str,
    ) -> Outcome<usize> {
        let zone = self.session.settings(super::settings::Settings::zone);
        let mut sent = 0;
        while let Some(batch) = rows
            .next(most.map_or(PIECE, |most| PIECE.min(most - sent)))
            .await
            .map_err(|e| Failure::of(&e, sql))?
        {
            row::write(&batch, codes, &zone, &mut self.out.buffer)?;
            sent += batch.num_rows();
            self.rows += u64::try_from(batch.num_rows()).unwrap_or(0);
            self.out.ease().await?;
            // other connections have their turn
            tokio::task::yield_now().await;
        }
        Ok(sent)
    }

    async fn declare(
        &mut self,
        name: &str,
        hold: bool,
        binary: bool,
        query: &str,
        params: &Params,
    ) -> Outcome<()> {
        if !hold && self.session.status == TransactionStatus::Idle {
            return Err(Failure::new("25P01", "a cursor can only be declared in a transaction")
                .with_hint("BEGIN starts one; WITH HOLD does without"));
        }
        if self.session.portals.contains_key(name) {
            return Err(Failure::new("42P03", format!("there is a cursor {name:?}")));
        }
        if self.session.portals.len() >= NAMED {
            return Err(Failure::new("53000", format!("{NAMED} cursors are open already")));
        }
        let statement = self.session.plain(query)?;
        if !matches!(statement.command, Command::Query { .. }) {
            return Err(Failure::new("42601", "a cursor is declared for a query"));
        }
        let rows = self.session.query(&statement, params).await?;
        let portal = Portal {
            statement: Arc::new(statement),
            params: Params::default(),
            codes: if binary { vec![1] } else { vec![] },
            rows: Some(rows),
            cursor: Some(if hold { Held::Yes } else { Held::No }),
        };
        self.session.portals.insert(name.to_owned(), portal);
        Ok(())
    }

    /// `FETCH` and `MOVE`.
    async fn fetch(
        &mut self,
        name: &str,
        step: Step,
        shown: bool,
        codes: &[i16],
        describe: bool,
    ) -> Outcome<()> {
        // taken out while it is read: an error closes it
        let Some(mut cursor) = self.session.portals.remove(name) else {
            return Err(no_portal(name));
        };
        let codes = if cursor.codes.is_empty() { codes.to_vec() } else { cursor.codes.clone() };
        let most = match step {
            Step::Rows(rows) => Some(rows),
            Step::All => None,
        };
        let Some(rows) = &mut cursor.rows else { return Err(no_portal(name)) };
        let mut count = 0;
        if shown {
            if describe {
                self.out.put(&Out::RowDescription(description(&rows.schema, &codes)))?;
            }
            count = self.send(rows, &codes, most, &cursor.statement.sql).await?;
        } else {
            while let Some(batch) = rows.next(most.map_or(PIECE, |most| most - count)).await? {
                count += batch.num_rows();
            }
        }
        self.session.portals.insert(name.to_owned(), cursor);
        self.complete(format!("{} {count}", if shown { "FETCH" } else { "MOVE" }))
    }

    /// `COPY … TO STDOUT`.
    async fn copy(&mut self, query: &str, format: &CopyFormat) -> Outcome<()> {
        let statement = self.session.plain(query)?;
        if !matches!(statement.command, Command::Query { .. }) {
            return Err(Failure::new("42601", "COPY … TO STDOUT takes a query or a table"));
        }
        let mut rows = self.session.query(&statement, &Params::default()).await?;
        let zone = self.session.settings(super::settings::Settings::zone);
        let columns = rows.schema.fields().len();
        let code = i16::from(format.kind == CopyKind::Binary);
        self.out.put(&Out::CopyOutResponse(CopyOutResponse::new(
            i8::from(format.kind == CopyKind::Binary),
            i16::try_from(columns).unwrap_or(i16::MAX),
            vec![code; columns],
        )))?;
        let mut data = bytes::BytesMut::new();
        copy::head(&rows.schema, format, &mut data);
        if format.kind != CopyKind::Binary && !data.is_empty() {
            copy::message(&mut data, &mut self.out.buffer);
        }
        let mut count = 0;
        loop {
            let batch = rows.next(PIECE).await.map_err(|e| Failure::of(&e, query))?;
            match &batch {
                Some(batch) => {
                    let out = &mut self.out.buffer;
                    copy::rows(batch, format, &zone, &mut data, |row| copy::message(row, out))?;
                    count += batch.num_rows();
                }
                None => copy::tail(format, &mut data),
            }
            if batch.is_none() && !data.is_empty() {
                copy::message(&mut data, &mut self.out.buffer);
            }
            self.out.ease().await?;
            if batch.is_none() {
                break;
            }
            tokio::task::yield_now().await;
        }
        self.rows = u64::try_from(count).unwrap_or(0);
        self.out.put(&Out::CopyDone(CopyDone::new()))?;
        self.complete(format!("COPY {count}"))
    }
}

fn no_portal(name: &str) -> Box<Failure> {
    Failure::new("34000", format!("there is no cursor {name:?}"))
}

/// Work that ends when it is cancelled, takes too long, or nobody is there any more.
async fn within<T>(
    work: impl Future<Output = Outcome<T>>,
    cancelled: &Notify,
    gone: &Notify,
    timeout: Option<std::time::Duration>,
) -> Outcome<T> {
    let too_long = async {
        match timeout {
            Some(most) => tokio::time::sleep(most).await,
            None => std::future::pending().await,
        }
    };
    tokio::select! {
        result = work => result,
        () = cancelled.notified() => {
            Err(Failure::new("57014", "the statement was cancelled by its user"))
        }
        () = too_long => Err(Failure::new("57014", "the statement took longer than statement_timeout")
            .with_hint("SET statement_timeout = '5min' gives it more time")),
        () = gone.notified() => Err(Failure::fatal("08006", "the client has gone")),
    }
}
