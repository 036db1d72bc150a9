//! `tenure init LAKE`: infers the lifecycle model of a lake and writes its `tenure.toml`.

use std::path::Path;

use tenure::render::type_name;
use tenure::{Error, ErrorKind, Result, Tenure};

use crate::cli::args::Shared;
use crate::cli::output::Output;
use crate::cli::runtime::Runtimes;
use crate::cli::{Outcome, Stop};

/// Writes the file, or prints it.
pub(crate) fn run(lake: &str, print: bool, shared: &Shared, output: Output) -> Outcome {
    let path = Path::new(lake).join("tenure.toml");
    let shown = path.display().to_string();
    let exists =
        || Stop::usage(format!("{shown} exists already; --print shows what would be written"));
    let print = print || lake.contains("://");
    // a file that is there may be why the lake cannot be opened
    if !print && path.exists() {
        return Err(exists());
    }
    let runtimes = Runtimes::new(shared.threads)?;
    let location = lake.to_string();
    let text = runtimes.wait(async move {
        let tenure = Tenure::builder().lake(location).build().await?;
        if tenure.maps_anything() { tenure.model_file() } else { Err(unmapped(&tenure).await?) }
    })?;
    if print {
        return output.text(&text);
    }
    let written = std::fs::File::create_new(&path)
        .and_then(|mut file| std::io::Write::write_all(&mut file, text.as_bytes()));
    match written {
        Ok(()) => {
            output.note(&format!("wrote {shown}; look through it and edit what is wrong"));
            Ok(())
        }
        Err(error) if error.kind() == std::io::ErrorKind::AlreadyExists => Err(exists()),
        Err(error) => Err(Stop::file("write", &shown, &error)),
    }
}

/// What there is to map, for a model that maps none of it.
async fn unmapped(tenure: &Tenure) -> Result<Error> {
    let mut message =
        "no table has columns known to say which customer and when; the tables are".to_string();
    for table in tenure.tables().await?.iter().filter(|t| t.schema == "raw") {
        let columns: Vec<String> =
            table.columns.iter().map(|(n, ty)| format!("{n} {}", type_name(ty))).collect();
        message.push_str(&format!("\n  {}: {}", table.name, columns.join(", ")));
    }
    Ok(Error::new(ErrorKind::Model, message).with_hint(
        "write tenure.toml by hand: under [tables.NAME] a column or expression for each role, \
         such as customer = \"who\" and time = \"to_timestamp_seconds(unix)\"",
    ))
}
