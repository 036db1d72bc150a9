//! What tests share: folders of Parquet, a session, a Python environment, a real S3 server, the
//! program.

pub(crate) mod parquet;
pub(crate) mod program;
pub(crate) mod proxy;
pub(crate) mod rows;
pub(crate) mod seaweed;
pub(crate) mod served;
pub(crate) mod venv;
