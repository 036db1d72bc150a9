//! `\last`: the last result once more, all of it.

use tenure::Error;
use tenure::render::{self, Options};

use super::{Command, Takes};
use crate::cli::session::Session;
use crate::cli::{Outcome, Stop, pager};

pub(super) const COMMAND: Command = Command {
    names: &["last"],
    arguments: "",
    help: "the last result once more, every row and column",
    takes: Takes::Nothing,
    run,
};

fn run(session: &mut Session, _: &str) -> Outcome {
    let Some(last) = &session.last else { return Err(Stop::usage("there is no result yet")) };
    if !last.whole {
        return Err(Stop::usage(
            "the last result is too large to keep; write it to a file with \\o FILE",
        ));
    }
    let options = Options { max_rows: None, width: None, ..session.output.options() };
    let format = session.output.next_format(session.settings.expanded);
    let mut text = Vec::new();
    {
        let mut sink = render::sink(format, &mut text, &options);
        sink.begin(&last.schema).map_err(Error::from)?;
        for batch in &last.batches {
            sink.batch(batch).map_err(Error::from)?;
        }
        sink.end().map_err(Error::from)?;
    }
    pager::show(&session.output, session.settings.pager, &String::from_utf8_lossy(&text))
}
