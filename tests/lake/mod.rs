//! Where the data is: on disk and on a real S3 server.

mod cluster;
mod corrupt;
mod discovery;
mod drift;
mod partitions;
mod program;
pub(crate) mod s3;
mod snapshot;
mod traces;

use std::path::Path;
use std::sync::Arc;

use datafusion::prelude::SessionContext;
use tenure::Error;
use tenure::lake::{Lake, LakeTable, StoreOptions};

async fn open(ctx: &SessionContext, path: &Path) -> Result<Lake, Error> {
    Lake::open(path.to_str().unwrap(), &StoreOptions::new(), &ctx.runtime_env()).await
}

async fn table(ctx: &SessionContext, lake: &Lake, name: &str) -> Result<Arc<LakeTable>, Error> {
    lake.table(name, &ctx.state()).await
}
