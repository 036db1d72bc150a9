//! Lakes that `tenure cluster` wrote: sorted by customer and time, each customer in one range.
//!
//! Such a lake says in its `tenure.toml` which files it consists of (`manifest`). They lie under
//! `_cluster/`, a name that is never taken for data, so that what a stopped or running `tenure
//! cluster` leaves there is read by nobody. Every statement reads the manifest and lists the files
//! anew, as it does in other lakes, and all tables of a statement come from one manifest.
//!
//! A scan that reads the customer says so to the planner: rows in the order of customer and time,
//! partitions by ranges of customers that are the same for all tables (`layout`). Aggregates by
//! customer, windows over customers and joins of customers then need no sort and no shuffle
//! (`exec`). What is declared is not believed: the footers must agree with the manifest when a
//! table is listed (`verify`), and rows with both while they stream (`check`).
//!
//! A range is one file, or some: `tenure cluster` adds new months as files of their own, which are
//! merged as they are read.

pub(crate) mod check;
pub(crate) mod exec;
pub(crate) mod key;
pub(crate) mod layout;
pub(crate) mod manifest;
pub(crate) mod verify;

use std::collections::HashMap;
use std::sync::Arc;

use datafusion::catalog::Session;
use datafusion::object_store::ObjectMeta;

use super::discovery::{self, Spot};
use super::table::LakeTable;
use super::{Lake, location};
use crate::error::{Error, ErrorKind, Result};

use self::layout::Layout;
use self::manifest::{ClusteredTable, Manifest};

/// The folder of the files of a clustered lake.
pub(crate) const FOLDER: &str = "_cluster";

/// What a scan of a clustered table may say of its rows.
#[derive(Debug, Clone)]
pub(crate) struct Order {
    pub(crate) layout: Arc<Layout>,
    /// column of the customer
    pub(crate) key: String,
    /// columns that the rows of a customer are in the order of, and whether it is descending
    pub(crate) then: Vec<(String, bool)>,
    /// the range of each file of the table; `None` for rows without a customer
    pub(crate) ranges: Vec<Option<usize>>,
}

impl Lake {
    /// The section `[cluster]` of the lake's `tenure.toml`, as it is now.
    pub(crate) async fn manifest(&self) -> Result<Option<Manifest>> {
        match self.read_text("tenure.toml").await? {
            Some(text) => Manifest::read(&text),
            None => Ok(None),
        }
    }

    /// A table of a clustered lake: exactly the files that the manifest names.
    pub(crate) async fn clustered(
        &self,
        manifest: &Manifest,
        table: &ClusteredTable,
        session: &dyn Session,
    ) -> Result<Arc<LakeTable>> {
        let folder = format!("{FOLDER}/{}", table.folder);
        let spot = Spot { pattern: None, single: false, ..self.under(&folder)? };
        let mut listing = spot.list().await?;
        let mut there: HashMap<String, ObjectMeta> = listing
            .files
            .drain(..)
            .map(|meta| (discovery::relative(&spot.prefix, &meta.location), meta))
            .collect();
        listing.empty.clear();
        let mut ranges = Vec::with_capacity(table.files.len());
        for file in &table.files {
            let name = format!("{folder}/{}", file.path);
            let Some(meta) = there.remove(&file.path) else {
                let message = format!("file {name} of the clustered lake is missing");
                return Err(Error::new(ErrorKind::Gone, message).with_hint(AGAIN));
            };
            if meta.size != file.bytes {
                let message = format!("it has {} bytes and not {}", meta.size, file.bytes);
                return Err(violated(&name, &message));
            }
            listing.files.push(meta);
            ranges.push(file.range);
        }
        let lake_table = LakeTable::new(&spot, listing, session).await?;
        let Some(key) = table.customer.clone() else { return Ok(Arc::new(lake_table)) };
        let layout = Arc::new(manifest.layout());
        let then = table.then().map(|(column, down)| (column.to_owned(), down)).collect();
        let order = Order { layout, key, then, ranges };
        verify::table(&lake_table, table, &order, manifest.by).await?;
        Ok(Arc::new(lake_table.in_order(order)))
    }
}

/// The file in which `tenure cluster` notes what it has done.
pub(crate) fn pending() -> String {
    format!("{FOLDER}/pending.toml")
}

/// Where a table's files are, for `path` in the model.
pub(crate) fn path(folder: &str) -> String {
    format!("{FOLDER}/{folder}/")
}

/// A name of a folder for a table, unlike those that are taken.
pub(crate) fn folder(name: &str, taken: &[ClusteredTable]) -> String {
    let mut folder = location::identifier(name);
    while taken.iter().any(|table| table.folder == folder) {
        folder.push('_');
    }
    folder
}

const AGAIN: &str = "write the lake anew with `tenure cluster`, into an empty place";

/// A file is not what the lake says of it.
pub(crate) fn violated(file: &str, what: &str) -> Error {
    let message = format!("file {file} is not as the clustered lake says: {what}");
    Error::new(ErrorKind::Corrupt, message).with_hint(AGAIN)
}
