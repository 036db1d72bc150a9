//! One input of [`ScatterExec`]: its rows into the buckets.

use std::sync::Arc;

use datafusion::arrow::compute::BatchCoalescer;
use datafusion::arrow::record_batch::RecordBatch;
use datafusion::common::Result;
use datafusion::execution::memory_pool::{MemoryConsumer, MemoryLimit, MemoryReservation};
use datafusion::execution::{SendableRecordBatchStream, SpillFile, TaskContext};
use datafusion::physical_plan::metrics::{MetricBuilder, SpillMetrics, Time};
use datafusion::physical_plan::repartition::BatchPartitioner;
use datafusion::physical_plan::spill::SpillManager;
use futures::StreamExt;

use super::lane::Lane;
use super::packed::Packed;
use super::{Part, ScatterExec};

/// Of the session's memory, what all the writers of an operator may fill together: a half, because
/// what reads the buckets needs some too.
const SHARE: usize = 2;

/// Rows that a bucket should get of a batch: pieces are handled one by one.
const PIECE: usize = 256;
/// Batches that are dealt out together, at most.
const TOGETHER: usize = 4;

/// Reads one input.
pub(super) struct Writer {
    /// from the last lane, which takes what it can, to the first, which takes everything
    lanes: Vec<Laying>,
    reservation: MemoryReservation,
    /// most that is held in memory
    most: usize,
}

/// The rows of one lane.
struct Laying {
    lane: Lane,
    /// until they are enough for all buckets
    coming: BatchCoalescer,
    partitioner: BatchPartitioner,
    buckets: Vec<Bucket>,
    spills: SpillManager,
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
        let metrics = &operator.metrics;
        let time = MetricBuilder::new(metrics).subset_time("scatter_time", input);
        let spilling = SpillMetrics::new(metrics, input);
        let pool = context.memory_pool();
        let most = match pool.memory_limit() {
            MemoryLimit::Finite(bytes) => bytes / SHARE / inputs.max(1),
            MemoryLimit::Infinite | MemoryLimit::Unknown => usize::MAX,
        };
        let lanes = operator.lanes.iter().rev();
        let lanes = lanes.map(|lane| Laying::new(operator, lane, &time, &spilling, context));
        Ok(Self {
            lanes: lanes.collect::<Result<_>>()?,
            reservation: MemoryConsumer::new(format!("ScatterExec[{input}]")).register(pool),
            most,
        })
    }

    /// Reads `rows` to their end: what each bucket gets of them.
    pub(super) async fn write(
        mut self,
        mut rows: SendableRecordBatchStream,
    ) -> Result<Vec<Vec<Part>>> {
        while let Some(batch) = rows.next().await {
            self.push(batch?)?;
        }
        drop(rows);
        let mut more = 0;
        for laying in &mut self.lanes {
            laying.coming.finish_buffered_batch()?;
            more += laying.spread()?;
        }
        self.hold(more)?;
        let mut parts: Vec<Vec<Part>> = vec![];
        for laying in self.lanes {
            parts.resize_with(laying.buckets.len(), Vec::new);
            for (mut bucket, parts) in laying.buckets.into_iter().zip(&mut parts) {
                bucket.coming.finish_buffered_batch()?;
                bucket.complete()?;
                let bytes = bucket.bytes;
                self.reservation.resize(self.reservation.size().max(bytes));
                let file = match bucket.file.as_mut() {
                    Some(file) => file(None)?,
                    None => None,
                };
                if file.is_some() || !bucket.packed.is_empty() {
                    parts.push(Part {
                        lane: laying.lane.clone(),
                        spilled: file.map(|f| (laying.spills.clone(), f)),
                        packed: bucket.packed,
                        reservation: self.reservation.split(bytes),
                    });
                }
            }
        }
        Ok(parts)
    }

    fn push(&mut self, batch: RecordBatch) -> Result<()> {
        let mut more = 0;
        let mut rest = Some(batch);
        for laying in &mut self.lanes {
            let Some(batch) = rest.take() else { break };
            let (taken, left) = laying.lane.split(batch)?;
            rest = left;
            if let Some(rows) = taken {
                laying.coming.push_batch(rows)?;
                more += laying.spread()?;
            }
        }
        self.hold(more)
    }

    /// Holds so many bytes more, or none.
    fn hold(&mut self, more: usize) -> Result<()> {
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
        self.lanes.iter_mut().try_for_each(Laying::spill)?;
        self.reservation.free();
        Ok(())
    }
}

impl Laying {
    fn new(
        operator: &ScatterExec,
        lane: &Lane,
        time: &Time,
        spilling: &SpillMetrics,
        context: &Arc<TaskContext>,
    ) -> Result<Self> {
        let rows = context.session_config().batch_size();
        let coalescer = |rows| BatchCoalescer::new(Arc::clone(lane.schema()), rows);
        let buckets = operator.buckets();
        let enough = (PIECE * buckets).clamp(rows, TOGETHER * rows);
        let spills =
            SpillManager::new(context.runtime_env(), spilling.clone(), Arc::clone(lane.schema()));
        Ok(Self {
            lane: lane.clone(),
            coming: coalescer(enough).with_biggest_coalesce_batch_size(Some(enough / 2)),
            partitioner: BatchPartitioner::new_hash_partitioner(
                operator.keys.clone(),
                buckets,
                time.clone(),
            )?,
            buckets: (0..buckets)
                .map(|_| Bucket { coming: coalescer(rows), packed: vec![], bytes: 0, file: None })
                .collect(),
            spills: spills.with_compression_type(context.session_config().spill_compression()),
        })
    }

    /// Deals what has come out to the buckets: how many bytes more they hold.
    fn spread(&mut self) -> Result<usize> {
        let mut more = 0;
        while let Some(batch) = self.coming.next_completed_batch() {
            for slice in self.partitioner.partition_iter(batch)? {
                let (at, rows) = slice?;
                if let Some(bucket) = self.buckets.get_mut(at) {
                    bucket.coming.push_batch(rows)?;
                    more += bucket.complete()?;
                }
            }
        }
        Ok(more)
    }

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
