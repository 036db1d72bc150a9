//! Python environments under `target/`, with what a file of requirements pins.

use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

/// The `bin` folder of the environment `name`, made anew where the requirements are others than
/// before; a missing prerequisite is one sentence.
pub(crate) fn environment(name: &str, requirements: &Path) -> Result<PathBuf, String> {
    let wanted = std::fs::read_to_string(requirements).map_err(|e| e.to_string())?;
    let tmp = Path::new(env!("CARGO_TARGET_TMPDIR"));
    std::fs::create_dir_all(tmp).map_err(|e| e.to_string())?;
    // several test processes may want it at once
    let lock = tmp.join(format!("{name}.lock"));
    let lock = std::fs::File::create(lock).map_err(|e| e.to_string())?;
    lock.lock().map_err(|e| e.to_string())?;
    let venv = tmp.join(name);
    let ready = venv.join("installed.txt");
    if std::fs::read_to_string(&ready).ok().as_deref() == Some(&wanted) {
        return Ok(venv.join("bin"));
    }
    run(
        Command::new("python3").args(["-m", "venv", "--clear"]).arg(&venv),
        "these tests need Python 3 with its venv module (Debian: apt install python3-venv)",
    )?;
    run(
        Command::new(venv.join("bin/pip"))
            .args(["install", "--quiet", "--disable-pip-version-check", "-r"])
            .arg(requirements),
        &format!(
            "these tests need to install {} from the Python package index",
            requirements.file_name().unwrap_or_default().display()
        ),
    )?;
    std::fs::write(&ready, &wanted).map_err(|e| e.to_string())?;
    Ok(venv.join("bin"))
}

fn run(command: &mut Command, need: &str) -> Result<(), String> {
    match command.stdin(Stdio::null()).output() {
        Ok(output) if output.status.success() => Ok(()),
        Ok(output) => Err(format!("{need}: {}", String::from_utf8_lossy(&output.stderr).trim())),
        Err(e) => Err(format!("{need}: {e}")),
    }
}
