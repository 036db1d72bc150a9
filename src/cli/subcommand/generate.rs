//! `tenure generate --customers N DEST`: writes a lake whose truth is known.

use tenure::generate::{Dropout, Ids, Settings, generate};
use tenure::lake::StoreOptions;

use crate::cli::Outcome;
use crate::cli::args::{DropoutModel, Generate, IdKind, Shared};
use crate::cli::output::Output;
use crate::cli::runtime::Runtimes;

/// Writes the lake.
pub(crate) fn run(wanted: &Generate, shared: &Shared, output: &Output) -> Outcome {
    let settings = Settings {
        seed: wanted.seed,
        from: wanted.from,
        to: wanted.to,
        files_per_month: wanted.files_per_month,
        ids: match wanted.ids {
            IdKind::Int => Ids::Int,
            IdKind::Uuid => Ids::Uuid,
        },
        model: match wanted.model {
            DropoutModel::Bg => Dropout::Bg,
            DropoutModel::Mbg => Dropout::Mbg,
        },
        events_per_customer: wanted.events_per_customer,
        plain: wanted.plain,
        dirt: wanted.dirt,
        ..Settings::new(wanted.customers)
    };
    let dest = wanted.dest.clone();
    let runtimes = Runtimes::new(shared.threads)?;
    let written =
        runtimes.wait(async move { generate(&settings, &dest, &StoreOptions::default()).await })?;
    output.note(&format!(
        "wrote {} events of {} customers in {} files; to ask them: tenure {}",
        written.events, written.customers, written.files, wanted.dest
    ));
    Ok(())
}
