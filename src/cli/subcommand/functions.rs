//! `tenure functions [PATTERN]`: Tenure's own functions, without a lake.

use tenure::{FunctionInfo, Tenure};

use crate::cli::Outcome;
use crate::cli::command::df::columns;
use crate::cli::output::Output;
use crate::cli::runtime::Runtimes;
use crate::cli::session::list;

/// Prints the list.
pub(crate) fn print(pattern: Option<&str>, mut output: Output) -> Outcome {
    let runtimes = Runtimes::new(Some(1))?;
    let tenure = runtimes.wait(async { Tenure::builder().build().await })?;
    let pattern = pattern.unwrap_or_default().to_lowercase();
    let functions = tenure.functions();
    let found: Vec<&FunctionInfo> = functions
        .iter()
        .filter(|f| f.tenure)
        .filter(|f| {
            [&f.name, &f.family, &f.description].iter().any(|t| t.to_lowercase().contains(&pattern))
        })
        .collect();
    // what is asked for by name comes first
    let (mut named, others): (Vec<_>, Vec<_>) =
        found.into_iter().partition(|f| f.name.contains(&pattern));
    named.extend(others);
    list(&mut output, columns(&named))
}
