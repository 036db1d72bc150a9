//! Random logs, and the session that is asked about them.

use std::sync::Arc;

use chrono::{NaiveDate, NaiveDateTime, TimeDelta, TimeZone};
use datafusion::arrow::array::timezone::Tz;
use datafusion::arrow::array::{
    ArrayRef, BooleanArray, Float64Array, Int64Array, StringArray, TimestampMicrosecondArray,
};
use datafusion::datasource::MemTable;
use tenure::Tenure;

use super::calendar::{UNITS, Unit, WEEKDAYS};
use crate::support::{parquet, rows};

/// Bits in a fixed order (splitmix64).
pub(super) struct Random(pub u64);

impl Random {
    pub(super) fn below(&mut self, n: u64) -> u64 {
        self.0 = self.0.wrapping_add(0x9E37_79B9_7F4A_7C15);
        let mut z = self.0;
        z = (z ^ (z >> 30)).wrapping_mul(0xBF58_476D_1CE4_E5B9);
        z = (z ^ (z >> 27)).wrapping_mul(0x94D0_49BB_1331_11EB);
        (z ^ (z >> 31)) % n
    }

    pub(super) fn one_in(&mut self, n: u64) -> bool {
        self.below(n) == 0
    }

    pub(super) fn pick<T: Copy>(&mut self, of: &[T]) -> T {
        of[self.below(of.len() as u64) as usize]
    }
}

/// One row: a time is what the wall clock of the session showed.
#[derive(Debug, Clone)]
pub(super) struct Row {
    pub key: Option<i64>,
    pub ts: Option<NaiveDateTime>,
    pub a: Option<bool>,
    pub b: Option<bool>,
    pub amount: Option<f64>,
    pub segment: Option<&'static str>,
    pub log: i64,
    /// the same for every row of a customer
    pub born: Option<NaiveDateTime>,
}

impl Row {
    /// The condition that a statement calls `name`.
    pub(super) fn is(&self, name: Option<&str>) -> bool {
        match name {
            None => true,
            Some("a") => self.a == Some(true),
            Some(_) => self.b == Some(true),
        }
    }
}

/// Where clocks change: a zone, and a day near which they do.
const CHANGES: [(&str, i32, u32, u32); 7] = [
    ("UTC", 2018, 2, 27),
    ("Europe/London", 2018, 3, 25),
    ("Europe/London", 2018, 10, 28),
    ("America/New_York", 2018, 3, 11),
    ("America/New_York", 2016, 11, 6),
    // the day has no midnight
    ("America/Sao_Paulo", 2018, 11, 4),
    // a day was left out
    ("Pacific/Apia", 2011, 12, 30),
];

/// The calendar of one statement, and the times near which everything happens.
#[derive(Debug, Clone, Copy)]
pub(super) struct World {
    pub zone: &'static str,
    /// whether times are stored as instants
    pub instants: bool,
    pub unit: Unit,
    pub around: NaiveDateTime,
    pub as_of: NaiveDateTime,
}

impl World {
    pub(super) fn new(random: &mut Random) -> Self {
        let (zone, year, month, day) = random.pick(&CHANGES);
        let unit = Unit {
            name: random.pick(&UNITS),
            week_start: [0, 5, 6][random.below(3) as usize],
            fiscal_year_start: 1 + random.below(12) as u32,
        };
        let around = NaiveDate::from_ymd_opt(year, month, day).unwrap().and_hms_opt(0, 0, 0);
        let around = around.unwrap() - unit.length() * random.below(4) as i32;
        let mut world =
            Self { zone, instants: random.one_in(2), unit, around, as_of: NaiveDateTime::MAX };
        world.as_of = world.time(random);
        // most of what happens has happened
        if !random.one_in(3) {
            world.as_of += unit.length() * (2 + random.below(9) as i32);
        }
        world
    }

    /// A time on the wall clock: often the very first or last of a period, or of an hour.
    pub(super) fn time(&self, random: &mut Random) -> NaiveDateTime {
        let long = self.unit.length();
        let rough = self.around
            + long * random.below(7) as i32
            + TimeDelta::seconds(random.below(long.num_seconds() as u64) as i64);
        let start = self.unit.start(rough);
        let time = match random.below(6) {
            0 => start,
            1 => start - TimeDelta::microseconds(1),
            2 => start + TimeDelta::minutes(random.below(240) as i64),
            3 => rough.date().and_hms_opt(0, 0, 0).unwrap(),
            _ => rough,
        };
        if !self.instants {
            return time;
        }
        // what a clock showed: the hour that was left out showed the one after it
        let zone: Tz = self.zone.parse().unwrap();
        let instant = zone
            .from_local_datetime(&time)
            .latest()
            .or_else(|| zone.from_local_datetime(&(time + TimeDelta::hours(1))).latest())
            .or_else(|| zone.from_local_datetime(&(time + TimeDelta::days(1))).latest())
            .unwrap();
        instant.naive_local()
    }

    /// The rows of one log with so many customers.
    pub(super) fn log(&self, random: &mut Random, log: i64, customers: u64) -> Vec<Row> {
        let mut out: Vec<Row> = vec![];
        for customer in 0..customers {
            let born = (!random.one_in(8)).then(|| self.time(random));
            for _ in 0..random.below(9) {
                let last = out.last().filter(|_| random.one_in(4)).cloned();
                if let Some(again) = last.as_ref().filter(|r| r.born == born && random.one_in(3)) {
                    out.push(again.clone());
                    continue;
                }
                let said = |random: &mut Random| match random.below(6) {
                    0 => None,
                    n => Some(n < 4),
                };
                out.push(Row {
                    key: (!random.one_in(15)).then_some(log * 10 + customer as i64),
                    ts: match last {
                        Some(last) => last.ts,
                        None => (!random.one_in(15)).then(|| self.time(random)),
                    },
                    a: said(random),
                    b: said(random),
                    amount: (!random.one_in(6)).then(|| random.below(80) as f64 / 4.0 - 2.0),
                    segment: random.pick(&[None, Some("x"), Some("y"), Some("z")]),
                    log,
                    born,
                });
            }
        }
        out
    }

    /// The session as the statement wants it, with the rows as the table `log`.
    pub(super) async fn open(&self, tenure: &Tenure, rows: &[Row]) {
        let days = WEEKDAYS[[0, 5, 6].iter().position(|d| *d == self.unit.week_start).unwrap()];
        for (name, value) in [
            ("timezone", self.zone.to_string()),
            ("week_start", days.to_string()),
            ("fiscal_year_start", self.unit.fiscal_year_start.to_string()),
            ("as_of", self.as_of.to_string()),
        ] {
            self::rows::lines(tenure, &format!("SET tenure.{name} = '{value}'")).await.unwrap();
        }
        let zone: Tz = self.zone.parse().unwrap();
        let times = |of: fn(&Row) -> Option<NaiveDateTime>| {
            let times: TimestampMicrosecondArray = rows
                .iter()
                .map(|r| {
                    let time = of(r)?;
                    Some(if self.instants {
                        let instant = zone.from_local_datetime(&time);
                        // of two instants that look the same on the wall, the one or the other
                        let early = r.log % 2 == 0;
                        let instant = if early { instant.earliest() } else { instant.latest() };
                        instant.unwrap().timestamp_micros()
                    } else {
                        time.and_utc().timestamp_micros()
                    })
                })
                .collect();
            Arc::new(if self.instants { times.with_timezone("UTC") } else { times }) as ArrayRef
        };
        let batch = parquet::batch(vec![
            ("customer_id", Arc::new(rows.iter().map(|r| r.key).collect::<Int64Array>())),
            ("ts", times(|r| r.ts)),
            ("a", Arc::new(rows.iter().map(|r| r.a).collect::<BooleanArray>())),
            ("b", Arc::new(rows.iter().map(|r| r.b).collect::<BooleanArray>())),
            ("amount", Arc::new(rows.iter().map(|r| r.amount).collect::<Float64Array>())),
            ("segment", Arc::new(rows.iter().map(|r| r.segment).collect::<StringArray>())),
            ("log", Arc::new(rows.iter().map(|r| Some(r.log)).collect::<Int64Array>())),
            ("born", times(|r| r.born)),
        ]);
        let table = MemTable::try_new(batch.schema(), vec![vec![batch]]).unwrap();
        let _ = tenure.context().deregister_table("log").unwrap();
        tenure.context().register_table("log", Arc::new(table)).unwrap();
    }
}

/// `from` and `to`, each in half of all statements.
pub(super) fn range(
    random: &mut Random,
    world: &World,
) -> (Option<NaiveDateTime>, Option<NaiveDateTime>) {
    let from = random.one_in(2).then(|| world.time(random));
    (from, random.one_in(2).then(|| world.time(random) + world.unit.length()))
}

/// Options as they are written.
#[derive(Debug, Default)]
pub(super) struct Options(String);

impl Options {
    pub(super) fn add(&mut self, name: &str, value: Option<impl std::fmt::Display>) {
        if let Some(value) = value {
            self.0.push_str(&format!(", {name} => {value}"));
        }
    }

    pub(super) fn word(&mut self, name: &str, value: Option<&str>) {
        self.add(name, value.map(|v| format!("'{v}'")));
    }

    pub(super) fn time(&mut self, name: &str, value: Option<NaiveDateTime>) {
        self.add(name, value.map(|v| format!("TIMESTAMP '{v}'")));
    }

    pub(super) fn text(&self) -> &str {
        &self.0
    }
}

/// Two answers, line by line; `rows` are shown for the first line that differs.
pub(super) fn same(sql: &str, world: &World, got: &[String], want: &[String]) {
    if let Some(at) = (0..got.len().max(want.len())).find(|at| got.get(*at) != want.get(*at)) {
        panic!(
            "{sql}\n{world:?}\nline {at}\n got: {:?}\nwant: {:?}\nafter: {:?}",
            got.get(at),
            want.get(at),
            &want[at.saturating_sub(3)..at]
        );
    }
}

pub(super) fn shown(time: NaiveDateTime) -> String {
    time.format("%Y-%m-%dT%H:%M:%S").to_string()
}

/// A session without lake.
pub(super) async fn session() -> Tenure {
    Tenure::builder().threads(2).build().await.unwrap()
}
