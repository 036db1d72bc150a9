//! `\lake`: where the data is and what it means.

use std::sync::Arc;

use super::{Command, Takes};
use crate::cli::pager;

pub(super) const COMMAND: Command = Command {
    names: &["lake", "model"],
    arguments: "",
    help: "the lakes of this session and their lifecycle models",
    takes: Takes::Nothing,
    run: |session, _| {
        let tenure = Arc::clone(&session.tenure);
        let mut text = session.runtimes.wait(async move { tenure.describe().await })?;
        if !text.ends_with('\n') {
            text.push('\n');
        }
        pager::show(&session.output, session.settings.pager, &text)
    },
};
