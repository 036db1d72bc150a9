//! `tenure verify [PATTERN]`: published figures, made anew on this machine.

use std::path::Path;

use tenure::verify::{self, Checks};

use crate::cli::args::{Shared, Verify};
use crate::cli::output::Output;
use crate::cli::runtime::Runtimes;
use crate::cli::session::list_batch;
use crate::cli::{Outcome, Stop};

/// Makes the figures and shows them; exit code 1 if one is not as it was published.
pub(crate) fn run(wanted: &Verify, shared: &Shared, mut output: Output) -> Outcome {
    let mut all = match &wanted.figures {
        Some(path) => vec![read(path)?],
        None => verify::published()?,
    };
    let pattern = wanted.pattern.as_deref().unwrap_or_default();
    keep(&mut all, pattern);
    if all.iter().all(|checks| checks.checks.is_empty()) {
        return Err(Stop::usage(format!(
            "there is no figure with {pattern:?} in its section, case or source"
        )));
    }
    let runtimes = Runtimes::new(shared.threads)?;
    let findings = runtimes.wait(async move { verify::run(&all).await })?;
    list_batch(&mut output, &verify::table(&findings)?)?;
    let missed = findings.iter().filter(|f| !f.is_met()).count();
    let figures = if findings.len() == 1 { "figure" } else { "figures" };
    if missed == 0 {
        output.note(&format!("{} {figures}, all as published", findings.len()));
        return Ok(());
    }
    output.note(&format!("{missed} of {} {figures} not as published", findings.len()));
    Err(Stop::Reported(1))
}

fn read(path: &Path) -> Outcome<Checks> {
    let shown = path.display().to_string();
    let text = std::fs::read_to_string(path)
        .map_err(|e| Stop::usage(format!("cannot read the figures {shown}: {e}")))?;
    Ok(Checks::parse(&shown, &text)?)
}

/// Leaves the checks whose section, case or source holds a pattern.
fn keep(all: &mut Vec<Checks>, pattern: &str) {
    let pattern = pattern.to_lowercase();
    for checks in all.iter_mut() {
        let section = checks.section.clone();
        checks.checks.retain(|c| {
            [&section, &c.case, &c.source].iter().any(|t| t.to_lowercase().contains(&pattern))
        });
    }
    all.retain(|checks| !checks.checks.is_empty());
}
