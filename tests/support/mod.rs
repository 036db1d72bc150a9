//! What tests share: folders of Parquet, a session, a Python environment, a real S3 server, the
//! program.

pub(crate) mod parquet;
pub(crate) mod program;
pub(crate) mod proxy;
pub(crate) mod rows;
pub(crate) mod seaweed;
pub(crate) mod served;
pub(crate) mod trap;
pub(crate) mod venv;

/// The `bin` folder of the Python environment that all tests of the program share.
pub(crate) fn python() -> std::path::PathBuf {
    let requirements =
        std::path::Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/requirements.txt");
    venv::environment("test-venv", &requirements).unwrap_or_else(|why| panic!("{why}"))
}
