//! `\dv`: the views, the canonical ones first of all.

use tenure::TableKind;

use super::{Command, Takes};

pub(super) const COMMAND: Command = Command {
    names: &["dv", "views"],
    arguments: "[pattern]",
    help: "views: events, orders, customers, summaries, profiles",
    takes: Takes::Table,
    run: |session, pattern| {
        super::dt::list(session, pattern, |table| table.kind == TableKind::View)
    },
};
