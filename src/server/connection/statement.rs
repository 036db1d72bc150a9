//! What a statement does, whichever protocol it came by, and how long it may take.

use std::sync::Arc;

use pgwire::messages::PgWireBackendMessage as Out;
use pgwire::messages::extendedquery::PortalSuspended;
use pgwire::messages::response::{CommandComplete, EmptyQueryResponse};
use tokio::sync::Notify;

use super::{Connection, PIECE, no_portal};
use crate::server::command::{Command, Discard};
use crate::server::error::{Failure, Outcome};
use crate::server::rows::Rows;
use crate::server::session::Portal;
use crate::server::settings::Settings;
use crate::server::types::{description, row};

impl Connection {
    /// Runs a portal until it ends, is cancelled, or takes too long.
    pub(super) async fn limited(
        &mut self,
        portal: &mut Portal,
        most: Option<usize>,
        describe: bool,
    ) -> Outcome<()> {
        self.rows = 0;
        self.session.check_transaction(&portal.statement.command)?;
        let notify = self.entry.signal.begin();
        let gone = Arc::clone(&self.gone);
        let timeout = self.session.settings(Settings::statement_timeout);
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
                    portal.rows = Some(Rows::of(self.session.shown(name)?));
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
                let warning = self.session.begin();
                self.warn(warning)?;
                "BEGIN".to_owned()
            }
            Command::Commit | Command::Rollback => {
                let commit = statement.command == Command::Commit;
                let (tag, warning) = self.session.end(commit).await?;
                self.warn(warning)?;
                tag.to_owned()
            }
            command @ (Command::Savepoint(_) | Command::Release(_) | Command::RollbackTo(_)) => {
                self.session.savepoint(command)?.to_owned()
            }
            Command::Nothing { tag } => (*tag).to_owned(),
            Command::Set { name, value, local } => {
                let warning = self.session.set_command(name, value.as_deref(), *local).await?;
                self.warn(warning)?;
                "SET".to_owned()
            }
            Command::Reset(name) => {
                self.session.reset(name.as_deref()).await?;
                "RESET".to_owned()
            }
            Command::Discard(what) => {
                self.session.discard(*what).await?;
                match what {
                    Discard::All => "DISCARD ALL",
                    Discard::Plans => "DISCARD PLANS",
                    Discard::Nothing => "DISCARD TEMP",
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

    fn warn(&mut self, warning: Option<Out>) -> Outcome<()> {
        warning.map_or(Ok(()), |warning| self.out.put(&warning))
    }

    pub(super) fn complete(&mut self, tag: String) -> Outcome<()> {
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
        self.session.settle().await?;
        if most.is_some_and(|most| sent >= most) {
            self.out.put(&Out::PortalSuspended(PortalSuspended::new()))?;
            return self.out.ease().await;
        }
        self.complete(if tag == "SELECT" { format!("SELECT {sent}") } else { tag.to_owned() })
    }

    /// Sends at most so many rows and says how many there were.
    pub(super) async fn send(
        &mut self,
        rows: &mut Rows,
        codes: &[i16],
        most: Option<usize>,
        sql: &str,
    ) -> Outcome<usize> {
        let zone = self.session.settings(Settings::zone);
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
}

/// Work that ends when it is cancelled, takes too long, or nobody is there any more.
pub(super) async fn within<T>(
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
