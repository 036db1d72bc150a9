//! Cursors: `DECLARE`, `FETCH` and `MOVE`.

use std::sync::Arc;

use pgwire::messages::PgWireBackendMessage as Out;
use pgwire::messages::response::TransactionStatus;

use super::{Connection, NAMED, PIECE, no_portal};
use crate::Params;
use crate::server::command::{Command, Step};
use crate::server::error::{Failure, Outcome};
use crate::server::session::{Held, Portal};
use crate::server::types::description;

impl Connection {
    pub(super) async fn declare(
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
    pub(super) async fn fetch(
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
}
