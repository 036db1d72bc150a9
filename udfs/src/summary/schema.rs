//! The customer summary: the STRUCT that `customer_summary` makes and every model reads.

use std::sync::LazyLock;

use datafusion::arrow::datatypes::{DataType, Field, Fields, TimeUnit};

/// repeat periods: periods − 1
pub(crate) const FREQUENCY: &str = "frequency";
/// first to last period, in units
pub(crate) const RECENCY: &str = "recency";
/// first period to `as_of`, in units
pub(crate) const T: &str = "t";
/// mean amount of the repeat periods
pub(crate) const MONETARY_VALUE: &str = "monetary_value";
/// sum of the logarithms of the gaps between periods, in units
pub(crate) const LITT: &str = "litt";
pub(crate) const FIRST_TS: &str = "first_ts";
pub(crate) const LAST_TS: &str = "last_ts";
/// last event of the period before the last one
pub(crate) const PREVIOUS_TS: &str = "previous_ts";
/// median gap between periods, in units
pub(crate) const MEDIAN_GAP: &str = "median_gap";
/// −1 … 1: are the repeat periods in the second half of the customer's life?
pub(crate) const TREND: &str = "trend";
pub(crate) const PERIODS: &str = "periods";
/// rows counted
pub(crate) const ORDERS: &str = "orders";
pub(crate) const REVENUE: &str = "revenue";
/// length of one unit in days
pub(crate) const UNIT_DAYS: &str = "unit_days";
pub(crate) const AS_OF: &str = "as_of";

static FIELDS: LazyLock<Fields> = LazyLock::new(|| {
    let time = DataType::Timestamp(TimeUnit::Microsecond, None);
    [
        (FREQUENCY, DataType::Int64),
        (RECENCY, DataType::Float64),
        (T, DataType::Float64),
        (MONETARY_VALUE, DataType::Float64),
        (LITT, DataType::Float64),
        (FIRST_TS, time.clone()),
        (LAST_TS, time.clone()),
        (PREVIOUS_TS, time.clone()),
        (MEDIAN_GAP, DataType::Float64),
        (TREND, DataType::Float64),
        (PERIODS, DataType::Int64),
        (ORDERS, DataType::Int64),
        (REVENUE, DataType::Float64),
        (UNIT_DAYS, DataType::Float64),
        (AS_OF, time),
    ]
    .into_iter()
    .map(|(name, ty)| Field::new(name, ty, true))
    .collect()
});

/// The fields of the summary, in order; all may be NULL, and the struct itself is NULL for a
/// customer without purchases.
pub(crate) fn fields() -> Fields {
    FIELDS.clone()
}

/// The type of the summary.
pub(crate) fn data_type() -> DataType {
    DataType::Struct(fields())
}
