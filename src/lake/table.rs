//! A table of the lake: the files of one listing, pinned, with one schema.

use std::fmt;
use std::sync::Arc;

use async_trait::async_trait;
use datafusion::arrow::array::AsArray;
use datafusion::arrow::datatypes::SchemaRef;
use datafusion::arrow::record_batch::RecordBatch;
use datafusion::catalog::{Session, TableProvider};
use datafusion::common::config::TableParquetOptions;
use datafusion::common::stats::Precision;
use datafusion::common::{
    ColumnStatistics, DFSchema, Result as DfResult, ScalarValue, Statistics, project_schema,
};
use datafusion::datasource::TableType;
use datafusion::datasource::listing::PartitionedFile;
use datafusion::datasource::listing::helpers::expr_applicable_for_cols;
use datafusion::datasource::physical_plan::{FileGroup, FileScanConfigBuilder, ParquetSource};
use datafusion::datasource::source::DataSourceExec;
use datafusion::datasource::table_schema::TableSchema;
use datafusion::logical_expr::utils::conjunction;
use datafusion::logical_expr::{Expr, TableProviderFilterPushDown};
use datafusion::object_store::path::Path;
use datafusion::physical_plan::empty::EmptyExec;
use datafusion::physical_plan::{ExecutionPlan, Partitioning};
use futures::{StreamExt, TryStreamExt, stream};

use super::clustered::Order;
use super::clustered::exec::ClusteredExec;
use super::discovery::{self, Listing, Spot};
use super::footer::{self, Footer};
use super::pin::{PinnedFile, PinnedReaderFactory};
use super::store::Store;
use super::{drift, partition};
use crate::error::Result;

/// The files of a table as they were when it was asked for.
///
/// Every scan reads exactly these versions, or fails with one error that names the file. Files that
/// arrive later belong to the next [`super::Lake::table`].
pub struct LakeTable {
    store: Arc<Store>,
    base: Path,
    shown: String,
    schema: TableSchema,
    partition_columns: Vec<String>,
    files: Vec<PartitionedFile>,
    /// path of each file from its first partition folder on
    inside: Vec<String>,
    warnings: Vec<String>,
    /// what is known of the order of rows
    order: Option<Order>,
}

impl fmt::Debug for LakeTable {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut debug = f.debug_struct("LakeTable");
        debug.field("location", &self.shown).field("files", &self.files.len()).finish()
    }
}

impl LakeTable {
    /// Reads the footers of the listed files and makes one schema of theirs.
    pub(crate) async fn new(spot: &Spot, listing: Listing, session: &dyn Session) -> Result<Self> {
        if listing.files.is_empty() {
            return Err(spot.nothing(&listing));
        }
        let pinned: Vec<PinnedFile> = listing
            .files
            .into_iter()
            .map(|meta| PinnedFile {
                store: Arc::clone(&spot.store),
                name: spot.name(&meta.location),
                meta,
            })
            .collect();
        let at_once = session.config_options().execution.meta_fetch_concurrency.get();
        let footers: Vec<Arc<Footer>> =
            stream::iter(&pinned).map(footer::read).buffered(at_once).try_collect().await?;
        let inside: Vec<String> =
            pinned.iter().map(|file| spot.inside(&file.meta.location)).collect();
        let names: Vec<&str> = pinned.iter().map(|file| file.name.as_str()).collect();
        let partitions = partition::read(&inside, &names)?;
        let schemas = names.into_iter().zip(footers.iter().map(|footer| &footer.schema));
        let columns = drift::merge(schemas, &partitions.fields)?;
        let files = pinned.into_iter().zip(&footers).zip(partitions.values).map(
            |((file, footer), values)| {
                let statistics = with_partitions(&footer.statistics(&columns), &values);
                let mut part =
                    PartitionedFile::new_from_meta(file.meta).with_partition_values(values);
                part.statistics = Some(Arc::new(statistics));
                part
            },
        );
        Ok(Self {
            files: files.collect(),
            inside,
            order: None,
            store: Arc::clone(&spot.store),
            base: spot.base.clone(),
            shown: spot.shown.clone(),
            partition_columns: partitions.fields.iter().map(|f| f.name().clone()).collect(),
            schema: TableSchema::builder(columns)
                .with_table_partition_cols(partitions.fields)
                .build(),
            warnings: listing.empty.iter().map(|file| empty_file(file)).collect(),
        })
    }

    /// How many files the table has.
    pub fn files(&self) -> usize {
        self.files.len()
    }

    /// Size of all files.
    pub fn bytes(&self) -> u64 {
        self.files.iter().map(|file| file.object_meta.size).sum()
    }

    /// Rows of all files, from their footers.
    pub fn rows(&self) -> Option<u64> {
        let rows = |file: &PartitionedFile| file.statistics.as_ref()?.num_rows.get_value().copied();
        let total: usize = self.files.iter().map(rows).sum::<Option<usize>>()?;
        u64::try_from(total).ok()
    }

    /// Names of the columns that come from folder names.
    pub fn partition_columns(&self) -> &[String] {
        &self.partition_columns
    }

    /// Where the files are, without credentials.
    pub fn location(&self) -> &str {
        &self.shown
    }

    /// Files that were skipped, and why.
    pub fn warnings(&self) -> &[String] {
        &self.warnings
    }

    /// The files in the state in which they are read.
    pub(crate) fn pinned(&self) -> impl Iterator<Item = PinnedFile> + '_ {
        self.files.iter().map(|file| PinnedFile {
            store: Arc::clone(&self.store),
            name: self.name(file),
            meta: file.object_meta.clone(),
        })
    }

    /// Rows of one of its files, from the footer.
    pub(crate) fn rows_of(&self, file: &PinnedFile) -> Option<u64> {
        let found = self.files.iter().find(|f| f.object_meta.location == file.meta.location)?;
        let rows = found.statistics.as_ref()?.num_rows.get_value().copied()?;
        u64::try_from(rows).ok()
    }

    /// The path of each file from its first partition folder on.
    pub(crate) fn inside(&self) -> &[String] {
        &self.inside
    }

    /// The same table with some of its files: those whose place in [`Self::pinned`] passes.
    pub(crate) fn only(&self, keep: impl Fn(usize) -> bool) -> Self {
        let kept = |(at, _): &(usize, &PartitionedFile)| keep(*at);
        let files = self.files.iter().enumerate().filter(kept).map(|(_, f)| f.clone()).collect();
        let inside = self.inside.iter().enumerate();
        Self {
            store: Arc::clone(&self.store),
            base: self.base.clone(),
            shown: self.shown.clone(),
            schema: self.schema.clone(),
            partition_columns: self.partition_columns.clone(),
            files,
            inside: inside.filter(|(at, _)| keep(*at)).map(|(_, i)| i.clone()).collect(),
            warnings: vec![],
            order: None,
        }
    }

    /// The same table, whose rows are known to be in an order.
    pub(crate) fn in_order(self, order: Order) -> Self {
        Self { order: Some(order), ..self }
    }

    /// The columns that rows are known to be in the order of.
    pub(crate) fn sorted_by(&self) -> Vec<&str> {
        let Some(order) = &self.order else { return vec![] };
        let then = order.then.iter().map(|(column, _)| column);
        [&order.key].into_iter().chain(then).map(String::as_str).collect()
    }

    fn name(&self, file: &PartitionedFile) -> String {
        discovery::relative(&self.base, &file.object_meta.location)
    }

    /// The order of rows, if a scan of these columns can hold them against it. A scan with a limit
    /// wants some rows soon and has no use for it.
    fn order_of(&self, projection: Option<&Vec<usize>>, limit: Option<usize>) -> Option<&Order> {
        let order = self.order.as_ref().filter(|_| limit.is_none())?;
        let (key, _) = self.schema.table_schema().column_with_name(&order.key)?;
        projection.is_none_or(|columns| columns.contains(&key)).then_some(order)
    }

    fn merged<'a>(&self, files: impl Iterator<Item = &'a PartitionedFile>) -> DfResult<Statistics> {
        let each = files.filter_map(|file| file.statistics.as_deref());
        Statistics::try_merge_iter(each, &self.schema())
    }

    fn on_partitions(&self, filter: &Expr) -> bool {
        let names: Vec<&str> = self.partition_columns.iter().map(String::as_str).collect();
        !names.is_empty() && expr_applicable_for_cols(&names, filter)
    }

    /// The files whose partition values pass the filters that look at nothing else.
    fn prune(&self, session: &dyn Session, filters: &[Expr]) -> DfResult<Vec<PartitionedFile>> {
        let own = filters.iter().filter(|filter| self.on_partitions(filter)).cloned();
        let Some(filter) = conjunction(own) else {
            return Ok(self.files.clone());
        };
        let fields = self.schema.table_partition_cols().clone();
        let schema = DFSchema::from_unqualified_fields(fields, Default::default())?;
        let column = |at: usize| {
            let values = self.files.iter().map(|file| file.partition_values.get(at));
            ScalarValue::iter_to_array(values.flatten().cloned())
        };
        let columns = (0..self.partition_columns.len()).map(column).collect::<DfResult<_>>()?;
        let batch = RecordBatch::try_new(Arc::clone(schema.inner()), columns)?;
        let expr = session.create_physical_expr(filter, &schema)?;
        let passes = expr.evaluate(&batch)?.into_array(batch.num_rows())?;
        let Some(passes) = passes.as_boolean_opt() else {
            return Ok(self.files.clone());
        };
        let kept = self.files.iter().zip(passes.iter());
        Ok(kept.filter(|(_, pass)| *pass == Some(true)).map(|(file, _)| file.clone()).collect())
    }
}

pub(crate) fn empty_file(file: &str) -> String {
    format!("file {file} has no bytes and was skipped")
}

/// The statistics of a file with those of its partition columns, which are constants.
fn with_partitions(file: &Statistics, values: &[ScalarValue]) -> Statistics {
    let mut all = file.clone();
    all.column_statistics.extend(values.iter().map(|value| match value.is_null() {
        true => ColumnStatistics { null_count: file.num_rows, ..ColumnStatistics::new_unknown() },
        false => ColumnStatistics {
            null_count: Precision::Exact(0),
            min_value: Precision::Exact(value.clone()),
            max_value: Precision::Exact(value.clone()),
            distinct_count: Precision::Exact(1),
            ..ColumnStatistics::new_unknown()
        },
    }));
    all
}

#[async_trait]
impl TableProvider for LakeTable {
    fn schema(&self) -> SchemaRef {
        Arc::clone(self.schema.table_schema())
    }

    fn table_type(&self) -> TableType {
        TableType::Base
    }

    fn supports_filters_pushdown(
        &self,
        filters: &[&Expr],
    ) -> DfResult<Vec<TableProviderFilterPushDown>> {
        let support = |filter: &&Expr| match self.on_partitions(filter) {
            true => TableProviderFilterPushDown::Exact,
            false => TableProviderFilterPushDown::Inexact,
        };
        Ok(filters.iter().map(support).collect())
    }

    async fn scan(
        &self,
        session: &dyn Session,
        projection: Option<&Vec<usize>>,
        filters: &[Expr],
        limit: Option<usize>,
    ) -> DfResult<Arc<dyn ExecutionPlan>> {
        let mut files = self.prune(session, filters)?;
        let mut cut = false;
        if let Some(limit) = limit
            && filters.iter().all(|filter| self.on_partitions(filter))
        {
            let rows =
                |file: &PartitionedFile| file.statistics.as_ref()?.num_rows.get_value().copied();
            let mut seen = 0;
            let enough = files.iter().position(|file| {
                seen += rows(file).unwrap_or(0);
                seen >= limit
            });
            if let Some(last) = enough {
                cut = last + 1 < files.len();
                files.truncate(last + 1);
            }
        }
        if files.is_empty() {
            let schema = project_schema(&self.schema(), projection)?;
            return Ok(Arc::new(EmptyExec::new(schema)));
        }
        let config = session.config();
        let order = self.order_of(projection, limit).filter(|_| files.len() == self.files.len());
        let names: Vec<String> = files.iter().map(|file| self.name(file)).collect();
        let mut groups = match order {
            Some(_) => files.into_iter().map(|file| FileGroup::new(vec![file])).collect(),
            None => FileGroup::new(files).split_files(config.target_partitions()),
        };
        let mut statistics = Statistics::new_unknown(&self.schema());
        if config.collect_statistics() {
            groups = groups
                .into_iter()
                .map(|group| {
                    let merged = self.merged(group.iter())?;
                    Ok(group.with_statistics(Arc::new(merged)))
                })
                .collect::<DfResult<_>>()?;
            statistics = self.merged(groups.iter().flat_map(FileGroup::iter))?;
        }
        if cut {
            statistics = statistics.to_inexact();
        }

        let mut options = TableParquetOptions::default();
        options.global = config.options().execution.parquet.clone();
        options.global.coerce_int96 = Some("us".to_owned());
        let readers =
            PinnedReaderFactory { store: Arc::clone(&self.store), base: self.base.clone() };
        let source = ParquetSource::new(self.schema.clone())
            .with_table_parquet_options(options)
            .with_parquet_file_reader_factory(Arc::new(readers));
        // files of an order are read as they are asked for, each by itself
        let alone = order.map(|_| Partitioning::UnknownPartitioning(groups.len()));
        let scan = FileScanConfigBuilder::new(self.store.url.clone(), Arc::new(source))
            .with_file_groups(groups)
            .with_statistics(statistics)
            .with_projection_indices(projection.cloned())?
            .with_limit(limit)
            .with_output_partitioning(alone)
            .build();
        let scan = DataSourceExec::from_data_source(scan);
        Ok(match order {
            Some(order) => {
                let partitions = config.target_partitions();
                Arc::new(ClusteredExec::try_new(scan, order, &names, partitions)?)
            }
            None => scan,
        })
    }

    fn statistics(&self) -> Option<Statistics> {
        self.merged(self.files.iter()).ok()
    }
}
