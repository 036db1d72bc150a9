//! Tables of PostgreSQL's catalog that the library does not have at all.

use std::sync::Arc;

use chrono::{Offset, TimeZone, Utc};
use chrono_tz::{OffsetComponents, OffsetName, TZ_VARIANTS};
use datafusion::arrow::array::{
    ArrayRef, BooleanArray, Int32Array, IntervalMonthDayNanoArray, RecordBatch, StringArray,
    TimestampMicrosecondArray,
};
use datafusion::arrow::datatypes::IntervalMonthDayNano;
use datafusion::common::Result;

use super::numbers;
use super::roles;

/// Their names.
pub(super) const NAMES: [&str; 5] = [
    "pg_available_extension_versions",
    "pg_stat_activity",
    "pg_timezone_abbrevs",
    "pg_timezone_names",
    "pg_user",
];

/// What they tell of a session.
#[derive(Debug)]
pub(super) struct Session<'a> {
    pub(super) user: &'a str,
    pub(super) database: &'a str,
    pub(super) application: &'a str,
    pub(super) pid: i32,
}

/// The rows of such a table; none for another.
pub(super) fn rows(name: &str, session: &Session<'_>) -> Result<Option<RecordBatch>> {
    Ok(match name {
        "pg_available_extension_versions" => Some(extensions()?),
        "pg_stat_activity" => Some(activity(session)?),
        "pg_timezone_abbrevs" => Some(abbreviations()?),
        "pg_timezone_names" => Some(timezones()?),
        "pg_user" => Some(users(session.user)?),
        _ => None,
    })
}

/// The one extension that every database has.
fn extensions() -> Result<RecordBatch> {
    let text = |text: Option<&str>| -> ArrayRef { Arc::new(StringArray::from(vec![text])) };
    let switch = |on: bool| -> ArrayRef { Arc::new(BooleanArray::from(vec![on])) };
    Ok(RecordBatch::try_from_iter_with_nullable(
        [
            ("name", text(Some("plpgsql"))),
            ("version", text(Some("1.0"))),
            ("installed", switch(true)),
            ("superuser", switch(true)),
            ("trusted", switch(true)),
            ("relocatable", switch(false)),
            ("schema", text(Some("pg_catalog"))),
            ("requires", text(None)),
            ("comment", text(Some("PL/pgSQL procedural language"))),
        ]
        .map(|(name, column)| (name, column, true)),
    )?)
}

/// The session itself: of others nothing is told.
fn activity(session: &Session<'_>) -> Result<RecordBatch> {
    let text = |text: Option<&str>| -> ArrayRef { Arc::new(StringArray::from(vec![text])) };
    let number = |number: Option<i32>| -> ArrayRef { Arc::new(Int32Array::from(vec![number])) };
    let unknown = || -> ArrayRef {
        Arc::new(TimestampMicrosecondArray::from(vec![None::<i64>]).with_timezone("UTC"))
    };
    let usesysid = roles::number_of(session.user);
    Ok(RecordBatch::try_from_iter_with_nullable(
        [
            ("datid", number(Some(numbers::of_database(session.database)))),
            ("datname", text(Some(session.database))),
            ("pid", number(Some(session.pid))),
            ("leader_pid", number(None)),
            ("usesysid", number(Some(usesysid))),
            ("usename", text(Some(session.user))),
            ("application_name", text(Some(session.application))),
            ("client_addr", text(None)),
            ("client_hostname", text(None)),
            ("client_port", number(None)),
            ("backend_start", unknown()),
            ("xact_start", unknown()),
            ("query_start", unknown()),
            ("state_change", unknown()),
            ("wait_event_type", text(None)),
            ("wait_event", text(None)),
            ("state", text(Some("active"))),
            ("backend_xid", number(None)),
            ("backend_xmin", number(None)),
            ("query_id", number(None)),
            ("query", text(Some("<insufficient privilege>"))),
            ("backend_type", text(Some("client backend"))),
        ]
        .map(|(name, column)| (name, column, true)),
    )?)
}

/// A time zone, or what it is called, with what holds in it now.
struct Zone {
    name: &'static str,
    abbreviation: Option<String>,
    seconds: i64,
    summer: bool,
}

fn zones() -> Vec<Zone> {
    let now = Utc::now().naive_utc();
    let zone = |tz: &chrono_tz::Tz| {
        let offset = tz.offset_from_utc_datetime(&now);
        Zone {
            name: tz.name(),
            abbreviation: offset.abbreviation().map(str::to_owned),
            seconds: i64::from(offset.fix().local_minus_utc()),
            summer: !offset.dst_offset().is_zero(),
        }
    };
    TZ_VARIANTS.iter().map(zone).collect()
}

/// How far zones are from UTC, and whether it is summer time.
fn offsets(zones: &[Zone]) -> [(&'static str, ArrayRef); 2] {
    let offset = |zone: &Zone| Some(IntervalMonthDayNano::new(0, 0, zone.seconds * 1_000_000_000));
    let offsets: IntervalMonthDayNanoArray = zones.iter().map(offset).collect();
    let summer: BooleanArray = zones.iter().map(|zone| Some(zone.summer)).collect();
    [("utc_offset", Arc::new(offsets)), ("is_dst", Arc::new(summer))]
}

/// Time zones by their names.
fn timezones() -> Result<RecordBatch> {
    let zones = zones();
    let names = StringArray::from_iter_values(zones.iter().map(|zone| zone.name));
    let short: StringArray = zones.iter().map(|zone| zone.abbreviation.as_deref()).collect();
    let names: [(_, ArrayRef); 2] = [("name", Arc::new(names)), ("abbrev", Arc::new(short))];
    Ok(RecordBatch::try_from_iter(names.into_iter().chain(offsets(&zones)))?)
}

/// Time zones by what they are called for short: each once, and none that is only a number.
fn abbreviations() -> Result<RecordBatch> {
    let mut zones = zones();
    zones.retain(|zone| {
        zone.abbreviation.as_ref().is_some_and(|name| !name.starts_with(['+', '-']))
    });
    zones.sort_by(|a, b| (&a.abbreviation, a.seconds).cmp(&(&b.abbreviation, b.seconds)));
    zones.dedup_by(|a, b| a.abbreviation == b.abbreviation);
    let short: StringArray = zones.iter().map(|zone| zone.abbreviation.as_deref()).collect();
    let short: [(_, ArrayRef); 1] = [("abbrev", Arc::new(short))];
    Ok(RecordBatch::try_from_iter(short.into_iter().chain(offsets(&zones)))?)
}

/// The roles that can log in.
fn users(user: &str) -> Result<RecordBatch> {
    let no = || -> ArrayRef { Arc::new(BooleanArray::from(vec![false])) };
    let nothing = || -> ArrayRef { Arc::new(StringArray::from(vec![None::<&str>])) };
    Ok(RecordBatch::try_from_iter_with_nullable(
        [
            ("usename", Arc::new(StringArray::from(vec![user])) as ArrayRef),
            ("usesysid", Arc::new(Int32Array::from(vec![roles::number_of(user)]))),
            ("usecreatedb", no()),
            ("usesuper", no()),
            ("userepl", no()),
            ("usebypassrls", no()),
            ("passwd", nothing()),
            ("valuntil", nothing()),
            ("useconfig", nothing()),
        ]
        .map(|(name, column)| (name, column, true)),
    )?)
}
