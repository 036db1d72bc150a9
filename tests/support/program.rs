//! The program on a small lake of its own.

use std::fs::{self, File};
use std::path::Path;
use std::process::{Command, Output, Stdio};
use std::sync::Arc;

use tempfile::TempDir;
use tenure::datafusion::arrow::array::{
    ArrayRef, Float64Array, Int64Array, RecordBatch, StringArray, TimestampMicrosecondArray,
};
use tenure::render::{Format, Options, sink};

/// A folder with the lake `shop`, and folders for configuration and state that are not the user's.
pub(crate) struct Shop {
    pub(crate) folder: TempDir,
}

impl Shop {
    pub(crate) fn new() -> Self {
        let folder = tempfile::tempdir().unwrap();
        let shop = folder.path().join("shop");
        write(&shop.join("orders/orders.parquet"), &orders());
        write(&shop.join("people/people.parquet"), &people());
        Self { folder }
    }

    /// The program, in the folder of the lake, away from the user's settings.
    pub(crate) fn command(&self) -> Command {
        let mut command = Command::new(env!("CARGO_BIN_EXE_tenure"));
        command.current_dir(self.folder.path());
        for name in ["NO_COLOR", "CLICOLOR_FORCE", "PAGER", "TENURE_PAGER", "TENURE_EDIT_MODE"] {
            command.env_remove(name);
        }
        command.env("XDG_STATE_HOME", self.folder.path().join("state"));
        command.env("XDG_CONFIG_HOME", self.folder.path().join("config"));
        command
    }

    /// Runs the program to its end.
    pub(crate) fn run(&self, arguments: &[&str]) -> Run {
        Run::of(self.command().args(arguments).stdin(Stdio::null()).output().unwrap())
    }

    /// Runs the program with text on its standard input.
    pub(crate) fn pipe(&self, arguments: &[&str], text: &str) -> Run {
        let mut command = self.command();
        command.args(arguments).stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped());
        let mut child = command.spawn().unwrap();
        std::io::Write::write_all(&mut child.stdin.take().unwrap(), text.as_bytes()).unwrap();
        Run::of(child.wait_with_output().unwrap())
    }
}

/// What a run of the program left behind.
#[derive(Debug)]
pub(crate) struct Run {
    pub(crate) code: Option<i32>,
    pub(crate) out: String,
    pub(crate) err: String,
}

impl Run {
    pub(crate) fn of(output: Output) -> Self {
        Self {
            code: output.status.code(),
            out: String::from_utf8(output.stdout).unwrap(),
            err: String::from_utf8(output.stderr).unwrap(),
        }
    }

    /// Everything, as a snapshot shows it.
    pub(crate) fn shown(&self) -> String {
        let code = self.code.map_or("none".to_string(), |code| code.to_string());
        format!("exit code {code}\n--- stdout\n{}--- stderr\n{}", self.out, self.err)
    }
}

fn orders() -> RecordBatch {
    let day = 86_400_000_000_i64;
    let start = 1_483_228_800_000_000_i64; // 2017-01-01
    let customers = [1, 1, 1, 2, 2, 3, 4, 4, 4, 4];
    let days = [0, 30, 61, 5, 300, 100, 10, 20, 30, 200];
    RecordBatch::try_from_iter(vec![
        ("customer_id", Arc::new(Int64Array::from_iter_values(customers)) as ArrayRef),
        (
            "ts",
            Arc::new(TimestampMicrosecondArray::from_iter_values(
                days.iter().map(|d| start + d * day),
            )),
        ),
        (
            "amount",
            Arc::new(Float64Array::from_iter_values((0..10_u32).map(|n| 0.1 + f64::from(n) * 2.5))),
        ),
    ])
    .unwrap()
}

fn people() -> RecordBatch {
    RecordBatch::try_from_iter_with_nullable(vec![
        ("customer_id", Arc::new(Int64Array::from(vec![1, 2, 3, 4])) as ArrayRef, false),
        (
            "name",
            Arc::new(StringArray::from(vec![Some("王小明"), Some("Zoë"), None, Some("")])),
            true,
        ),
    ])
    .unwrap()
}

/// Writes one Parquet file and the folders above it.
pub(crate) fn write(path: &Path, batch: &RecordBatch) {
    fs::create_dir_all(path.parent().unwrap()).unwrap();
    let mut sink = sink(Format::Parquet, File::create(path).unwrap(), &Options::default());
    sink.begin(&batch.schema()).unwrap();
    sink.batch(batch).unwrap();
    sink.end().unwrap();
}
