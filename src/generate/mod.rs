//! A shop that never was: `tenure generate` writes a lake of customers whose truth is known.
//!
//! Customers follow the BG/NBD (or MBG/NBD) model with Gamma-Gamma spend (`life`), and leave the
//! events of a web shop behind: visits, orders, returns, complaints, e-mails, referrals (`events`).
//! On top lie seasons, incidents, e-mails that work and turning points (`world`), and on request
//! the dirt of real lakes (`arrival`). What was planted is in tables of its own, `truth_…`, so that
//! every answer can be held against it.
//!
//! A customer is a pure function of the seed, the number of customers, the period and their own
//! number: nothing is shared, so that the rows are the same for any number of threads and files,
//! and the files' bytes for any number of threads (`write`). The bits are the same on every machine
//! (`random`).

mod arrival;
mod events;
mod life;
mod random;
mod tables;
mod world;
mod write;

use chrono::NaiveDate;

use crate::error::{Error, ErrorKind, Result};
use crate::lake::StoreOptions;

use self::events::History;
use self::life::Life;
use self::world::World;

/// What ids look like.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub enum Ids {
    /// BIGINT
    #[default]
    Int,
    /// UUIDs as text, for customers, sessions and devices
    Uuid,
}

/// When customers can leave.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub enum Dropout {
    /// BG/NBD: after each repeat purchase
    #[default]
    Bg,
    /// MBG/NBD: after each purchase, the first too
    Mbg,
}

/// What to generate.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Settings {
    /// how many customers, 1 to 10⁹
    pub customers: u64,
    /// the same seed gives the same lake
    pub seed: u64,
    /// first day
    pub from: NaiveDate,
    /// last day
    pub to: NaiveDate,
    /// files of each month
    pub files_per_month: u64,
    /// what ids look like
    pub ids: Ids,
    /// when customers can leave
    pub model: Dropout,
    /// about so many events a customer, made of more or fewer visits without a purchase
    pub events_per_customer: u32,
    /// no seasons, incidents, turning points or e-mails that work: customers follow the model exactly
    pub plain: bool,
    /// the dirt of real lakes
    pub dirt: bool,
}

impl Settings {
    /// The usual lake of so many customers: eighteen months, to the end of June 2024.
    pub fn new(customers: u64) -> Self {
        Self {
            customers,
            seed: 42,
            from: NaiveDate::from_ymd_opt(2023, 1, 1).unwrap_or_default(),
            to: NaiveDate::from_ymd_opt(2024, 6, 30).unwrap_or_default(),
            files_per_month: 1,
            ids: Ids::default(),
            model: Dropout::default(),
            events_per_customer: 20,
            plain: false,
            dirt: false,
        }
    }

    fn check(&self) -> Result<()> {
        let days = self.to.signed_duration_since(self.from).num_days() + 1;
        let wrong = if !(1..=1_000_000_000).contains(&self.customers) {
            format!("{} customers: write a number from 1 to 1000000000", self.customers)
        } else if !(28..=7305).contains(&days) {
            format!(
                "{} to {} is {days} days: a lake lasts 28 days to twenty years",
                self.from, self.to
            )
        } else if !(1..=1000).contains(&self.files_per_month) {
            format!("{} files a month: write a number from 1 to 1000", self.files_per_month)
        } else if !(1..=10_000).contains(&self.events_per_customer) {
            format!(
                "{} events a customer: write a number from 1 to 10000",
                self.events_per_customer
            )
        } else {
            return Ok(());
        };
        Err(Error::new(ErrorKind::Usage, wrong))
    }
}

/// What was written.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Written {
    /// customers
    pub customers: u64,
    /// rows of `events`
    pub events: u64,
    /// Parquet files
    pub files: u64,
}

/// Writes a lake to `destination`: a folder that is empty or not there, or a place in an object
/// store that holds nothing.
///
/// Each file appears when it is whole. `tenure.toml` is written first and last: until then it says that
/// the lake is not whole, and a lake that is left so is not opened. The work is done on the threads of the
/// runtime that this runs on.
///
/// # Errors
/// `Usage` for settings out of range and a destination that holds something already; what writing
/// can give.
pub async fn generate(
    settings: &Settings,
    destination: &str,
    options: &StoreOptions,
) -> Result<Written> {
    settings.check()?;
    let place = crate::lake::destination(destination, options).await?;
    write::lake(populated(settings), &place).await
}

/// The world of these settings, in which customers browse as much as the number of events asks for.
///
/// A sample of customers is asked how many events they have without browsing and with a little of
/// it; the number of events rises in proportion.
fn populated(settings: &Settings) -> World {
    const SAMPLE: u64 = 2000;
    const LITTLE: f64 = 0.02;
    let mut world = World::new(settings);
    let step = (settings.customers / SAMPLE).max(1);
    let mut asked = 0.0;
    let mut count = |world: &World| {
        asked = 0.0;
        let mut events = 0_u32;
        for number in (1..=settings.customers).step_by(usize::try_from(step).unwrap_or(1)) {
            let found = History::of(world, &Life::new(world, number)).events.len();
            events = events.saturating_add(u32::try_from(found).unwrap_or(u32::MAX));
            asked += 1.0;
        }
        f64::from(events)
    };
    let without = count(&world);
    world.browsing = LITTLE;
    let with = count(&world);
    let wanted = f64::from(settings.events_per_customer) * asked;
    world.browsing = if with > without {
        (LITTLE * (wanted - without) / (with - without)).max(0.0)
    } else {
        0.0
    };
    world
}
