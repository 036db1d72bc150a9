//! `\chart [kind] [x=column] [y=column] [by=column] [SQL]`: a result as a picture.

use tenure::chart::{self, Kind, Request};
use tenure::{Error, ErrorKind};

use super::{Command, Takes};
use crate::cli::session::{Last, Session};
use crate::cli::{Outcome, Stop, execute, pager};

pub(super) const COMMAND: Command = Command {
    names: &["chart"],
    arguments: "[kind] [SQL]",
    help: "draw a result: bar, line, funnel or heat; x=, y= and by= name the columns",
    takes: Takes::Chart,
    run,
};

fn run(session: &mut Session, argument: &str) -> Outcome {
    let (request, sql) = Request::read(argument).map_err(Stop::usage)?;
    if sql.is_empty() {
        let Some(last) = &session.last else {
            let message = "there is no result to draw yet; \\chart SQL draws that of a statement";
            return Err(Stop::usage(message));
        };
        return show(session, last, &request);
    }
    if !sql.contains(char::is_whitespace) && !sql.contains('(') {
        let message = sql.parse::<Kind>().err().unwrap_or_else(|| format!("{sql} is no statement"));
        let error = Error::new(ErrorKind::Usage, message);
        let hint = "a statement may stand behind the kind: \\chart bar SELECT …";
        return Err(error.with_hint(hint).into());
    }
    let answer = execute::fetch(session, sql, session.bound()?)?;
    let shown = show(session, &answer, &request);
    session.last = Some(answer);
    shown
}

/// Draws a result: as asked, as its question wants it, or as its columns suggest.
pub(super) fn show(session: &Session, result: &Last, request: &Request) -> Outcome {
    if !result.whole {
        return Err(Stop::usage("the last result is too large to draw; sum it up in SQL first"));
    }
    // who asks for nothing gets what the question's header says, columns included
    let header = result.chart.as_ref();
    let request = header.filter(|_| *request == Request::default()).unwrap_or(request);
    let kind = request.kind.or_else(|| header.and_then(|header| header.kind));
    let kind = kind.or_else(|| Kind::of(&result.schema)).unwrap_or(Kind::Bar);
    let options = session.output.chart_options();
    let text = chart::draw(kind, &request.columns, &result.schema, &result.batches, &options)?;
    pager::show(&session.output, session.settings.pager, &text)
}
