//! The extended protocol: statements are prepared, bound to values as portals, described, run and
//! closed, each by a message of its own.

use std::sync::Arc;
use std::time::Instant;

use pgwire::messages::PgWireBackendMessage as Out;
use pgwire::messages::data::{NoData, ParameterDescription};
use pgwire::messages::extendedquery::{
    Bind, BindComplete, Close, CloseComplete, Describe, Execute, Parse, ParseComplete,
    TARGET_TYPE_BYTE_PORTAL, TARGET_TYPE_BYTE_STATEMENT,
};

use super::statement::within;
use super::{Connection, NAMED, no_portal};
use crate::server::error::{Failure, Outcome};
use crate::server::prepared::Prepared;
use crate::server::session::Portal;
use crate::server::settings::Settings;
use crate::server::types::description;

impl Connection {
    pub(super) async fn parse(&mut self, parse: Parse) -> Outcome<()> {
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
        let timeout = self.session.settings(Settings::statement_timeout);
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

    pub(super) fn bind(&mut self, bind: Bind) -> Outcome<()> {
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

    pub(super) fn describe(&mut self, describe: &Describe) -> Outcome<()> {
        statement_or_portal(describe.target_type)?;
        let name = describe.name.as_deref().unwrap_or_default();
        let (schema, codes) = if describe.target_type == TARGET_TYPE_BYTE_STATEMENT {
            let statement = self.statement(Some(name))?;
            self.session.check_transaction(&statement.command)?;
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

    pub(super) async fn execute(&mut self, execute: &Execute) -> Outcome<()> {
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

    pub(super) fn close(&mut self, close: &Close) -> Outcome<()> {
        statement_or_portal(close.target_type)?;
        let name = close.name.as_deref().unwrap_or_default();
        if close.target_type == TARGET_TYPE_BYTE_STATEMENT {
            self.session.statements.remove(name);
        } else {
            self.session.portals.remove(name);
        }
        self.out.put(&Out::CloseComplete(CloseComplete::new()))
    }
}

/// What a message is about must be one of the two.
fn statement_or_portal(target: u8) -> Outcome<()> {
    match target {
        TARGET_TYPE_BYTE_STATEMENT | TARGET_TYPE_BYTE_PORTAL => Ok(()),
        _ => Err(Failure::new("08P01", "the message is neither about a statement nor a portal")),
    }
}
