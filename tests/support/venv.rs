//! A Python environment under `target/` with what `tests/requirements.txt` pins.

use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::sync::OnceLock;

/// The environment's `bin` folder, made at the first call; a missing prerequisite is one sentence.
pub(crate) fn bin() -> &'static Path {
    static BIN: OnceLock<Result<PathBuf, String>> = OnceLock::new();
    match BIN.get_or_init(make) {
        Ok(bin) => bin,
        Err(why) => panic!("{why}"),
    }
}

fn make() -> Result<PathBuf, String> {
    let requirements = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/requirements.txt");
    let wanted = std::fs::read_to_string(&requirements).map_err(|e| e.to_string())?;
    let tmp = Path::new(env!("CARGO_TARGET_TMPDIR"));
    std::fs::create_dir_all(tmp).map_err(|e| e.to_string())?;
    // several test processes may want it at once
    let lock = std::fs::File::create(tmp.join("test-venv.lock")).map_err(|e| e.to_string())?;
    lock.lock().map_err(|e| e.to_string())?;
    let venv = tmp.join("test-venv");
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
            .arg(&requirements),
        "these tests need to install tests/requirements.txt from the Python package index",
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
