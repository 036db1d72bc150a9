//! `COPY … TO STDOUT`: rows as the data of a file.

use pgwire::messages::PgWireBackendMessage as Out;
use pgwire::messages::copy::{CopyDone, CopyOutResponse};

use super::{Connection, PIECE};
use crate::Params;
use crate::server::command::{Command, CopyFormat, CopyKind};
use crate::server::copy;
use crate::server::error::{Failure, Outcome};
use crate::server::settings::Settings;

impl Connection {
    /// `COPY … TO STDOUT`.
    pub(super) async fn copy(&mut self, query: &str, format: &CopyFormat) -> Outcome<()> {
        let statement = self.session.plain(query)?;
        if !matches!(statement.command, Command::Query { .. }) {
            return Err(Failure::new("42601", "COPY … TO STDOUT takes a query or a table"));
        }
        let mut rows = self.session.query(&statement, &Params::default()).await?;
        let zone = self.session.settings(Settings::zone);
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
