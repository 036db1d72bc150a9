//! From the world to files.
//!
//! Customers are made in chunks, on all threads, and taken in the order of their numbers; each
//! month's events are then gathered into row groups of some 50,000 rows, which are sorted and
//! encoded by a task of each file. What is in a row group depends on the order of chunks alone, so
//! that files have the same bytes for any number of threads. File f of n holds every n-th customer
//! from f on. Memory: about a million events, and a row group in the making for each month.

use std::sync::Arc;

use datafusion::arrow::array::RecordBatch;
use datafusion::arrow::error::ArrowError;
use datafusion::common::runtime::SpawnedTask;
use datafusion::object_store::buffered::BufWriter;
use datafusion::parquet::arrow::AsyncArrowWriter;
use datafusion::parquet::arrow::arrow_writer::ArrowWriterOptions;
use datafusion::parquet::basic::{Compression, Encoding, ZstdLevel};
use datafusion::parquet::errors::ParquetError;
use datafusion::parquet::file::properties::WriterProperties;
use datafusion::parquet::schema::types::ColumnPath;
use futures::{StreamExt, stream};
use tokio::sync::mpsc;

use super::arrival::{self, Dirt};
use super::events::{Event, History};
use super::life::Life;
use super::tables::{self, Person};
use super::world::World;
use super::{Dropout, Ids, Settings, Written};
use crate::error::{Error, ErrorKind, Result};
use crate::lake::{self, Destination};
use crate::model::file;

/// Customers that one task makes.
const CHUNK: u64 = 2048;
/// Rows in memory that wait for their row group, over all months.
const WAITING: usize = 1 << 20;
/// Rows of a row group of customers.
const PEOPLE: usize = 1 << 14;
/// Bytes that a store is sent at a time.
const PART: usize = 5 << 20;

/// What is written first, to say that the lake is not whole, and last, to say what it means.
const MODEL: &str = "tenure.toml";

/// What a task made.
struct Chunk {
    /// by month
    events: Vec<Vec<Event>>,
    people: Vec<Person>,
    dirt: Vec<Dirt>,
}

/// Writes the lake.
pub(super) async fn lake(world: World, place: &Destination) -> Result<Written> {
    // a lake that nobody finishes is not taken for a whole one
    place.write(MODEL, file::unfinished("tenure generate")).await?;
    let world = Arc::new(world);
    let mut written = Written { customers: world.settings.customers, ..Written::default() };
    for file in 0..world.settings.files_per_month {
        slice(&world, place, file, &mut written).await?;
    }
    for (name, batch) in [
        ("campaigns", tables::campaigns(&world)),
        ("truth_parameters", tables::truth_parameters(&world)),
        ("truth_seasons", tables::truth_seasons(&world)),
        ("truth_incidents", tables::truth_incidents(&world)),
    ] {
        let batch = batch?;
        let path = format!("{name}/{name}.parquet");
        let mut part = Part::open(place, &path, 1, move |_: Vec<()>| Ok(batch.clone()))?;
        part.add(vec![()]).await?;
        part.close(&mut written).await?;
    }
    place.write(MODEL, tables::model(&world, &command(&world.settings))).await?;
    Ok(written)
}

/// Writes the files of every n-th customer.
async fn slice(
    world: &Arc<World>,
    place: &Destination,
    file: u64,
    written: &mut Written,
) -> Result<()> {
    let all = world.settings.files_per_month;
    let limit = (WAITING / world.months.len().max(1)).clamp(1 << 12, 1 << 17);
    let mut months: Vec<Option<Part<Event>>> = world.months.iter().map(|_| None).collect();
    let table = |name: &str, of: fn(&World, Vec<Person>) -> Result<RecordBatch, ArrowError>| {
        let world = Arc::clone(world);
        let path = format!("{name}/{name}-{file}.parquet");
        Part::open(place, &path, PEOPLE, move |rows| of(&world, rows))
    };
    let mut people = [
        table("customers", tables::customers)?,
        table("truth_customers", tables::truth_customers)?,
        table("truth_turning_points", tables::truth_turning_points)?,
    ];
    let mut dirt = {
        let world = Arc::clone(world);
        let path = format!("truth_dirt/truth_dirt-{file}.parquet");
        Part::open(place, &path, PEOPLE, move |rows| tables::truth_dirt(&world, rows))?
    };

    let customers = world.settings.customers.saturating_sub(file).div_ceil(all);
    let chunks = (0..customers.div_ceil(CHUNK)).map(|n| {
        let world = Arc::clone(world);
        let numbers = (n * CHUNK..customers.min((n + 1) * CHUNK)).map(move |k| k * all + file + 1);
        SpawnedTask::spawn(async move { chunk(&world, numbers) })
    });
    let last = (file == 0 && world.settings.dirt).then(|| {
        let world = Arc::clone(world);
        SpawnedTask::spawn(async move { pests(&world) })
    });
    let threads = tokio::runtime::Handle::current().metrics().num_workers();
    let mut made = stream::iter(chunks.chain(last)).buffered(threads + 1);
    while let Some(chunk) = made.next().await {
        let chunk = chunk.map_err(|e| lost(&e))?;
        for (month, events) in chunk.events.into_iter().enumerate() {
            let (Some(part), Some(of)) = (months.get_mut(month), world.months.get(month)) else {
                continue;
            };
            if events.is_empty() {
                continue;
            }
            written.events += events.len() as u64;
            let part = match part {
                Some(part) => part,
                None => {
                    let world = Arc::clone(world);
                    let path = format!("events/month={}/events-{file}.parquet", of.name);
                    part.insert(Part::open(place, &path, limit, move |rows| {
                        tables::events(&world, month, rows)
                    })?)
                }
            };
            part.add(events).await?;
        }
        for part in &mut people {
            part.add(chunk.people.clone()).await?;
        }
        dirt.add(chunk.dirt).await?;
    }
    for part in months.into_iter().flatten() {
        part.close(written).await?;
    }
    for part in people {
        part.close(written).await?;
    }
    dirt.close(written).await
}

/// The events, the truth and the dirt of some customers.
fn chunk(world: &World, numbers: impl Iterator<Item = u64>) -> Chunk {
    let mut made = Chunk { events: vec![vec![]; world.months.len()], people: vec![], dirt: vec![] };
    for number in numbers {
        let life = Life::new(world, number);
        let History { mut events, died, referrer, channel } = History::of(world, &life);
        arrival::arrive(world, number, &mut events, &mut made.dirt);
        made.sort_in(world, events);
        made.people.push(Person { life, died, referrer, channel });
    }
    made
}

/// What comes to a lake with dirt once.
fn pests(world: &World) -> Chunk {
    let (events, mut dirt) = arrival::bot(world);
    dirt.extend(arrival::schema_change(world));
    let mut made = Chunk { events: vec![vec![]; world.months.len()], people: vec![], dirt };
    made.sort_in(world, events);
    made
}

impl Chunk {
    fn sort_in(&mut self, world: &World, events: Vec<Event>) {
        for event in events {
            if let Some(month) = self.events.get_mut(world.month(event.ts)) {
                month.push(event);
            }
        }
    }
}

/// A file in the making: rows wait until there are enough for a row group.
struct Part<R> {
    waiting: Vec<R>,
    limit: usize,
    sender: mpsc::Sender<Vec<R>>,
    task: SpawnedTask<Result<()>>,
}

impl<R: Send + 'static> Part<R> {
    fn open(
        place: &Destination,
        path: &str,
        limit: usize,
        batch: impl Fn(Vec<R>) -> Result<RecordBatch, ArrowError> + Send + 'static,
    ) -> Result<Self> {
        let at = place.at(path)?;
        let target = BufWriter::with_capacity(place.store(), at, PART);
        let name = path.to_owned();
        let shown = place.shown.clone();
        let (sender, mut rows) = mpsc::channel::<Vec<R>>(1);
        let task = SpawnedTask::spawn(async move {
            let failed = |e: ParquetError| lake::write_error(&e, &name, &shown);
            let empty = batch(vec![])?;
            let options = ArrowWriterOptions::new()
                .with_properties(properties(&empty))
                .with_skip_arrow_metadata(true);
            let mut file = AsyncArrowWriter::try_new_with_options(target, empty.schema(), options)
                .map_err(failed)?;
            while let Some(rows) = rows.recv().await {
                file.write(&batch(rows)?).await.map_err(failed)?;
                file.flush().await.map_err(failed)?;
            }
            file.close().await.map(drop).map_err(failed)
        });
        Ok(Self { waiting: vec![], limit, sender, task })
    }

    /// Adds rows, and sends a row group off if there are enough.
    async fn add(&mut self, mut rows: Vec<R>) -> Result<()> {
        self.waiting.append(&mut rows);
        if self.waiting.len() < self.limit {
            return Ok(());
        }
        self.send().await
    }

    async fn send(&mut self) -> Result<()> {
        let rows = std::mem::take(&mut self.waiting);
        if self.sender.send(rows).await.is_err() {
            // the task ended early, and says why
            let task = std::mem::replace(&mut self.task, SpawnedTask::spawn(async { Ok(()) }));
            return task.join().await.map_err(|e| lost(&e))?;
        }
        Ok(())
    }

    /// Writes what is left and waits until the file is there.
    async fn close(mut self, written: &mut Written) -> Result<()> {
        if !self.waiting.is_empty() {
            self.send().await?;
        }
        drop(self.sender);
        self.task.join().await.map_err(|e| lost(&e))??;
        written.files += 1;
        Ok(())
    }
}

fn properties(batch: &RecordBatch) -> WriterProperties {
    let level = ZstdLevel::try_new(3).unwrap_or_default();
    let mut properties = WriterProperties::builder()
        // the same bytes with every release of Tenure
        .set_created_by("tenure generate".to_owned())
        .set_compression(Compression::ZSTD(level));
    for field in batch.schema().fields() {
        if tables::distinct(field.name(), field.data_type()) {
            let column = ColumnPath::from(field.name().as_str());
            properties = properties.set_column_dictionary_enabled(column.clone(), false);
            if field.data_type().is_temporal() {
                properties = properties.set_column_encoding(column, Encoding::DELTA_BINARY_PACKED);
            }
        }
    }
    properties.build()
}

fn lost(error: &tokio::task::JoinError) -> Error {
    let what = if error.is_panic() { "panicked" } else { "was stopped" };
    Error::new(ErrorKind::Internal, format!("making the lake {what}; this is a defect of Tenure"))
}

/// The command that makes this lake again.
fn command(settings: &Settings) -> String {
    let usual = Settings::new(settings.customers);
    let mut command =
        format!("tenure generate --customers {} --seed {}", settings.customers, settings.seed);
    if (settings.from, settings.to) != (usual.from, usual.to) {
        command.push_str(&format!(" --from {} --to {}", settings.from, settings.to));
    }
    if settings.files_per_month != usual.files_per_month {
        command.push_str(&format!(" --files-per-month {}", settings.files_per_month));
    }
    if settings.events_per_customer != usual.events_per_customer {
        command.push_str(&format!(" --events-per-customer {}", settings.events_per_customer));
    }
    if settings.ids == Ids::Uuid {
        command.push_str(" --ids uuid");
    }
    if settings.model == Dropout::Mbg {
        command.push_str(" --model mbg");
    }
    for (on, option) in [(settings.plain, " --plain"), (settings.dirt, " --dirt")] {
        if on {
            command.push_str(option);
        }
    }
    command
}
