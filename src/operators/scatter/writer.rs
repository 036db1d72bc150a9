//! One input of [`ScatterExec`]: its rows into the buckets.

use std::sync::Arc;

use datafusion::arrow::compute::BatchCoalescer;
use datafusion::arrow::record_batch::RecordBatch;
use datafusion::common::Result;
use datafusion::execution::memory_pool::{MemoryConsumer, MemoryLimit, MemoryReservation};
use datafusion::execution::{SendableRecordBatchStream, SpillFile, TaskContext};
use datafusion::physical_plan::metrics::{MetricBuilder, SpillMetrics};
use datafusion::physical_plan::repartition::BatchPartitioner;
use datafusion::physical_plan::spill::SpillManager;
use futures::StreamExt;

use super::packed::Packed;
use super::{Part, ScatterExec};

/// Of the session's memory, what all the writers of an operator may fill together: a half, because
/// what reads the buckets needs some too.
const SHARE: usize = 2;

/// Reads one input.
pub(super) struct Writer {
    partitioner: BatchPartitioner,
    buckets: Vec<Bucket>,
    spills: SpillManager,
    reservation: MemoryReservation,
    /// most that is held in memory
    most: usize,
}

/// A file that is being written: takes a batch, or is finished and handed over. DataFusion does not
/// give its type a name.
type Spill = Box<dyn FnMut(Option<&RecordBatch>) -> Result<Option<Arc<dyn SpillFile>>> + Send>;

/// The rows of one bucket so far.
struct Bucket {
    coming: BatchCoalescer,
    packed: Vec<Packed>,
    bytes: usize,
    file: Option<Spill>,
}

impl Writer {
    pub(super) fn new(
        operator: &ScatterExec,
        input: usize,
        inputs: usize,
        context: &Arc<TaskContext>,
    ) -> Result<Self> {
        let schema = operator.input.schema();
        let metrics = &operator.metrics;
        let time = MetricBuilder::new(metrics).subset_time("scatter_time", input);
        let pool = context.memory_pool();
        let most = match pool.memory_limit() {
            MemoryLimit::Finite(bytes) => bytes / SHARE / inputs.max(1),
            MemoryLimit::Infinite | MemoryLimit::Unknown => usize::MAX,
        };
        let rows = context.session_config().batch_size();
        let buckets = (0..operator.buckets()).map(|_| Bucket {
            coming: BatchCoalescer::new(Arc::clone(&schema), rows),
            packed: vec![],
            bytes: 0,
            file: None,
        });
        Ok(Self {
            partitioner: BatchPartitioner::new_hash_partitioner(
                operator.keys.clone(),
                operator.buckets(),
                time,
            )?,
            buckets: buckets.collect(),
            spills: SpillManager::new(
                context.runtime_env(),
                SpillMetrics::new(metrics, input),
                schema,
            )
            .with_compression_type(context.session_config().spill_compression()),
            reservation: MemoryConsumer::new(format!("ScatterExec[{input}]")).register(pool),
            most,
        })
    }

    /// Reads `rows` to their end: what each bucket gets of them.
    pub(super) async fn write(mut self, mut rows: SendableRecordBatchStream) -> Result<Vec<Part>> {
        while let Some(batch) = rows.next().await {
            self.push(batch?)?;
        }
        drop(rows);
        let Self { buckets, spills, reservation, .. } = self;
        let mut parts = Vec::with_capacity(buckets.len());
        for mut bucket in buckets {
            bucket.coming.finish_buffered_batch()?;
            bucket.complete()?;
            reservation.resize(reservation.size().max(bucket.bytes));
            let file = match bucket.file.as_mut() {
                Some(file) => file(None)?,
                None => None,
            };
            parts.push(Part {
                spilled: file.map(|f| (spills.clone(), f)),
                packed: bucket.packed,
                reservation: reservation.split(bucket.bytes),
            });
        }
        Ok(parts)
    }

    fn push(&mut self, batch: RecordBatch) -> Result<()> {
        let mut more = 0;
        for slice in self.partitioner.partition_iter(batch)? {
            let (at, rows) = slice?;
            if let Some(bucket) = self.buckets.get_mut(at) {
                bucket.coming.push_batch(rows)?;
                more += bucket.complete()?;
            }
        }
        if more == 0 {
            return Ok(());
        }
        if self.reservation.size().saturating_add(more) > self.most
            || self.reservation.try_grow(more).is_err()
        {
            self.spill()?;
        }
        Ok(())
    }

    /// All that is complete goes to disk.
    fn spill(&mut self) -> Result<()> {
        for bucket in self.buckets.iter_mut().filter(|b| !b.packed.is_empty()) {
            let file = match &mut bucket.file {
                Some(file) => file,
                none => none.insert(begin(&self.spills)?),
            };
            for rows in bucket.packed.drain(..) {
                file(Some(&rows.batch()?))?;
            }
            bucket.bytes = 0;
        }
        self.reservation.free();
        Ok(())
    }
}

impl Bucket {
    /// Takes in what has come together: how many bytes more that is.
    fn complete(&mut self) -> Result<usize> {
        let before = self.bytes;
        while let Some(batch) = self.coming.next_completed_batch() {
            let rows = Packed::new(&batch)?;
            self.bytes += rows.bytes();
            self.packed.push(rows);
        }
        Ok(self.bytes - before)
    }
}

fn begin(spills: &SpillManager) -> Result<Spill> {
    let mut file = spills.create_in_progress_file("rows by customer")?;
    Ok(Box::new(move |batch| match batch {
        Some(batch) => file.append_batch(batch).map(|_| None),
        None => file.finish(),
    }))
}
