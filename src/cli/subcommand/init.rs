//! `tenure init LAKE`: infers the lifecycle model of a lake and writes its `tenure.toml`.

use std::path::Path;

use tenure::Tenure;

use crate::cli::args::Shared;
use crate::cli::output::Output;
use crate::cli::runtime::Runtimes;
use crate::cli::{Outcome, Stop};

/// Writes the file, or prints it.
pub(crate) fn run(lake: &str, print: bool, shared: &Shared, output: Output) -> Outcome {
    let runtimes = Runtimes::new(shared.threads)?;
    let location = lake.to_string();
    let text = runtimes
        .wait(async move { Tenure::builder().lake(location).build().await?.model_file() })?;
    if print || lake.contains("://") {
        return output.text(&text);
    }
    let path = Path::new(lake).join("tenure.toml");
    let shown = path.display().to_string();
    let written = std::fs::File::create_new(&path)
        .and_then(|mut file| std::io::Write::write_all(&mut file, text.as_bytes()));
    match written {
        Ok(()) => {
            output.note(&format!("wrote {shown}; look through it and edit what is wrong"));
            Ok(())
        }
        Err(error) if error.kind() == std::io::ErrorKind::AlreadyExists => {
            Err(Stop::usage(format!("{shown} exists already; --print shows what would be written")))
        }
        Err(error) => Err(Stop::file("write", &shown, &error)),
    }
}
