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
pub(super) const NAMES: [&str; 3] = ["pg_stat_activity", "pg_timezone_names", "pg_user"];

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
        "pg_stat_activity" => Some(activity(session)?),
        "pg_timezone_names" => Some(timezones()?),
        "pg_user" => Some(users(session.user)?),
        _ => None,
    })
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

/// Time zones with what holds in them now.
fn timezones() -> Result<RecordBatch> {
    let now = Utc::now().naive_utc();
    let zones =
        || TZ_VARIANTS.iter().map(|zone| (zone.name(), zone.offset_from_utc_datetime(&now)));
    let names = StringArray::from_iter_values(zones().map(|(name, _)| name));
    let abbreviations: StringArray =
        zones().map(|(_, offset)| offset.abbreviation().map(str::to_owned)).collect();
    let offsets: IntervalMonthDayNanoArray = zones()
        .map(|(_, offset)| {
            let seconds = i64::from(offset.fix().local_minus_utc());
            Some(IntervalMonthDayNano::new(0, 0, seconds * 1_000_000_000))
        })
        .collect();
    let summer: BooleanArray =
        zones().map(|(_, offset)| Some(!offset.dst_offset().is_zero())).collect();
    Ok(RecordBatch::try_from_iter([
        ("name", Arc::new(names) as ArrayRef),
        ("abbrev", Arc::new(abbreviations)),
        ("utc_offset", Arc::new(offsets)),
        ("is_dst", Arc::new(summer)),
    ])?)
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
