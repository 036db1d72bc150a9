//! The footers of a clustered table against its manifest: types, rows, order, customers.
//!
//! This costs no reads beyond the footers, which are read for every table, and happens whenever a
//! table is listed. A file that was exchanged for another one or put into another range is found
//! here; rows that changed places inside of a row group are found while they stream (`check`).

use datafusion::arrow::datatypes::DataType;
use datafusion::catalog::TableProvider;
use datafusion::parquet::file::metadata::{ParquetMetaData, RowGroupMetaData};
use datafusion::parquet::file::statistics::Statistics;

use super::key::{Key, KeyKind};
use super::layout::Bounds;
use super::manifest::ClusteredTable;
use super::{Order, violated};
use crate::error::Result;
use crate::lake::table::LakeTable;

/// Holds every file of `table` against the manifest.
pub(crate) async fn table(
    table: &LakeTable,
    says: &ClusteredTable,
    order: &Order,
    by: KeyKind,
) -> Result<()> {
    let schema = table.schema();
    for (file, (claim, range)) in table.pinned().zip(says.files.iter().zip(&order.ranges)) {
        let footer = crate::lake::footer::read(&file).await?;
        let wrong = |what: &str| violated(&file.name, what);
        if u64::try_from(footer.rows).ok() != Some(claim.rows) {
            return Err(wrong(&format!("it has {} rows and not {}", footer.rows, claim.rows)));
        }
        let is = |column: &str| schema.field_with_name(column).map(|f| f.data_type().clone());
        if is(&order.key).ok() != Some(by.data_type()) {
            return Err(wrong("its customers are of another type"));
        }
        if let Some(time) = &says.time
            && !is(time).is_ok_and(|ty| is_time(&ty))
        {
            return Err(wrong("it has no column of times"));
        }
        let columns = [(order.key.as_str(), false)].into_iter().chain(says.then());
        if !sorted_by(&footer.metadata, &columns.collect::<Vec<_>>()) {
            return Err(wrong("it does not say that its rows are in the order"));
        }
        customers(&footer.metadata, &order.key, &order.layout.bounds(*range)).map_err(wrong)?;
    }
    Ok(())
}

/// The types of times that a lake can be in the order of.
pub(crate) fn is_time(ty: &DataType) -> bool {
    matches!(ty, DataType::Timestamp(_, _) | DataType::Date32 | DataType::Date64)
}

/// Whether the file says that its rows are in the order of these columns, descending or not, NULLs
/// last.
fn sorted_by(metadata: &ParquetMetaData, columns: &[(&str, bool)]) -> bool {
    metadata.row_groups().iter().all(|group| {
        let sorting = group.sorting_columns().map_or(&[][..], Vec::as_slice);
        sorting.len() >= columns.len()
            && sorting.iter().zip(columns).all(|(by, (name, descending))| {
                let column =
                    usize::try_from(by.column_idx).ok().and_then(|i| group.columns().get(i));
                column.is_some_and(|c| c.column_descr().path().string() == *name)
                    && by.descending == *descending
                    && !by.nulls_first
            })
    })
}

/// Whether the row groups hold customers of the range only, each those after the one before it.
fn customers(metadata: &ParquetMetaData, key: &str, bounds: &Bounds) -> Result<(), &'static str> {
    let mut before: Option<Key> = None;
    for group in metadata.row_groups().iter().filter(|group| group.num_rows() > 0) {
        let Some(found) = Found::of(group, key) else {
            return Err("it does not say which customers it holds");
        };
        let rows = u64::try_from(group.num_rows()).unwrap_or_default();
        match bounds {
            Bounds::Nobody if found.nulls == rows => {}
            Bounds::Nobody => return Err("it holds customers, and should hold rows without"),
            Bounds::Customers(from, below) => {
                if found.nulls > 0 {
                    return Err("it holds rows without a customer");
                }
                let less = |a: &Option<Key>, b: &Option<Key>| {
                    a.as_ref().zip(b.as_ref()).is_some_and(|(a, b)| a < b)
                };
                let kept = below.is_none() || found.most.is_none() || less(&found.most, below);
                if less(&found.least, from) || !kept {
                    return Err("it holds customers of another range");
                }
                if less(&found.least, &before) {
                    return Err("its row groups are not in the order of customers");
                }
                before = found.most.or(before);
            }
        }
    }
    Ok(())
}

/// What a row group says of its customers. Writers may cut long texts short: such ends say nothing.
struct Found {
    least: Option<Key>,
    most: Option<Key>,
    nulls: u64,
}

impl Found {
    fn of(group: &RowGroupMetaData, key: &str) -> Option<Self> {
        let column = group.columns().iter().find(|c| c.column_descr().path().string() == key)?;
        let statistics = column.statistics()?;
        let nulls = statistics.null_count_opt()?;
        if statistics.min_bytes_opt().is_none() || statistics.max_bytes_opt().is_none() {
            let nobody = u64::try_from(group.num_rows()).is_ok_and(|rows| rows == nulls);
            return nobody.then_some(Self { least: None, most: None, nulls });
        }
        let text = |bytes: &[u8]| std::str::from_utf8(bytes).ok().map(|t| Key::Text(t.to_owned()));
        let (least, most) = match statistics {
            Statistics::Int64(s) => {
                (s.min_opt().map(|n| Key::Int(*n)), s.max_opt().map(|n| Key::Int(*n)))
            }
            Statistics::ByteArray(s) => (
                s.min_opt().filter(|_| s.min_is_exact()).and_then(|bytes| text(bytes.data())),
                s.max_opt().filter(|_| s.max_is_exact()).and_then(|bytes| text(bytes.data())),
            ),
            _ => return None,
        };
        Some(Self { least, most, nulls })
    }
}
