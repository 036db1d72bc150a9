//! `TIMESTAMP WITH TIME ZONE` and `timestamptz` as types: an instant.
//!
//! DataFusion gives them the zone of its own setting, and none while that is not set; then
//! `'2018-01-01T00:00:00+02:00'::timestamptz` is a time without a zone. Here the zone is always UTC:
//! text without an offset means UTC, and so does a time without a zone that is compared with one.

use std::sync::Arc;

use datafusion::arrow::datatypes::{DataType, Field, FieldRef, TimeUnit};
use datafusion::common::Result;
use datafusion::logical_expr::planner::TypePlanner;
use datafusion::logical_expr::sqlparser::ast::{DataType as SqlType, TimezoneInfo};

/// Plans types with a zone, and asks another planner for all others.
#[derive(Debug, Default)]
pub(crate) struct ZonedTimes {
    others: Option<Arc<dyn TypePlanner>>,
}

impl ZonedTimes {
    /// Types with a zone, and what `others` knows.
    #[cfg(feature = "pg")]
    pub(crate) fn and(others: Arc<dyn TypePlanner>) -> Self {
        Self { others: Some(others) }
    }
}

impl TypePlanner for ZonedTimes {
    fn plan_type_field(&self, sql: &SqlType) -> Result<Option<FieldRef>> {
        if let SqlType::Timestamp(precision, TimezoneInfo::Tz | TimezoneInfo::WithTimeZone) = sql
            && let Some(unit) = unit(*precision)
        {
            let instant = DataType::Timestamp(unit, Some("UTC".into()));
            return Ok(Some(Arc::new(Field::new("", instant, true))));
        }
        self.others.as_ref().map_or(Ok(None), |others| others.plan_type_field(sql))
    }
}

/// The unit of a precision, as DataFusion has it for times without a zone.
fn unit(precision: Option<u64>) -> Option<TimeUnit> {
    match precision {
        Some(0) => Some(TimeUnit::Second),
        Some(3) => Some(TimeUnit::Millisecond),
        Some(6) => Some(TimeUnit::Microsecond),
        None | Some(9) => Some(TimeUnit::Nanosecond),
        Some(_) => None,
    }
}
