//! One column of a batch, brought to the Arrow type that its PostgreSQL type is written from.

use std::sync::Arc;

use datafusion::arrow::array::{
    Array, ArrayRef, AsArray, BinaryArray, BooleanArray, Date32Array, Decimal128Array,
    Decimal256Array, Float32Array, Float64Array, Int16Array, Int32Array, Int64Array,
    IntervalMonthDayNanoArray, ListArray, StringArray, StringBuilder, Time64MicrosecondArray,
    TimestampMicrosecondArray,
};
use datafusion::arrow::compute::cast;
use datafusion::arrow::datatypes::{
    DataType, Date32Type, Decimal128Type, Decimal256Type, DecimalType, Field, Float32Type,
    Float64Type, Int16Type, Int32Type, Int64Type, IntervalMonthDayNano, IntervalMonthDayNanoType,
    IntervalUnit, Time64MicrosecondType, TimeUnit, TimestampMicrosecondType,
};
use datafusion::arrow::error::ArrowError;
use datafusion::arrow::json::writer::{EncoderOptions, make_encoder};
use pgwire::api::Type;

use super::{item_of, pg_type};

/// The values of a column by PostgreSQL type.
pub(in crate::server) enum Column {
    Bool(BooleanArray),
    Int2(Int16Array),
    Int4(Int32Array),
    Int8(Int64Array),
    Float4(Float32Array),
    Float8(Float64Array),
    Numeric(Decimal128Array),
    LongNumeric(Decimal256Array),
    Date(Date32Array),
    Time(Time64MicrosecondArray),
    Timestamp(TimestampMicrosecondArray),
    TimestampTz(TimestampMicrosecondArray),
    Interval(IntervalMonthDayNanoArray),
    Bytea(BinaryArray),
    /// `text` and `json`
    Text(StringArray),
    /// items, their type, and which of them a row has
    List(Box<Column>, Type, ListArray),
}

impl Column {
    /// Brings an array to what is written.
    pub(in crate::server) fn new(array: &ArrayRef) -> Result<Self, ArrowError> {
        let pg = pg_type(array.data_type());
        if pg == Type::JSON {
            return Ok(Self::Text(json(array)?));
        }
        if let Some(item) = item_of(&pg) {
            let inner = list_item(array.data_type());
            let list = to(array, &DataType::new_list(inner, true))?.as_list::<i32>().clone();
            return Ok(Self::List(Box::new(Self::new(list.values())?), item, list));
        }
        Ok(match pg {
            Type::BOOL => Self::Bool(to(array, &DataType::Boolean)?.as_boolean().clone()),
            Type::INT2 => {
                Self::Int2(to(array, &DataType::Int16)?.as_primitive::<Int16Type>().clone())
            }
            Type::INT4 => {
                Self::Int4(to(array, &DataType::Int32)?.as_primitive::<Int32Type>().clone())
            }
            Type::INT8 => {
                Self::Int8(to(array, &DataType::Int64)?.as_primitive::<Int64Type>().clone())
            }
            Type::FLOAT4 => {
                Self::Float4(to(array, &DataType::Float32)?.as_primitive::<Float32Type>().clone())
            }
            Type::FLOAT8 => {
                Self::Float8(to(array, &DataType::Float64)?.as_primitive::<Float64Type>().clone())
            }
            Type::NUMERIC => decimals(array)?,
            Type::DATE => {
                Self::Date(to(array, &DataType::Date32)?.as_primitive::<Date32Type>().clone())
            }
            Type::TIME => {
                let array = to(array, &DataType::Time64(TimeUnit::Microsecond))?;
                Self::Time(array.as_primitive::<Time64MicrosecondType>().clone())
            }
            Type::TIMESTAMP => {
                let array = to(array, &DataType::Timestamp(TimeUnit::Microsecond, None))?;
                Self::Timestamp(array.as_primitive::<TimestampMicrosecondType>().clone())
            }
            Type::TIMESTAMPTZ => {
                let utc = DataType::Timestamp(TimeUnit::Microsecond, Some("UTC".into()));
                let array = to(array, &utc)?;
                Self::TimestampTz(array.as_primitive::<TimestampMicrosecondType>().clone())
            }
            Type::INTERVAL => {
                let array = match array.data_type() {
                    DataType::Duration(_) => days_and_time(array)?,
                    _ => to(array, &DataType::Interval(IntervalUnit::MonthDayNano))?,
                };
                Self::Interval(array.as_primitive::<IntervalMonthDayNanoType>().clone())
            }
            Type::BYTEA => Self::Bytea(to(array, &DataType::Binary)?.as_binary::<i32>().clone()),
            _ => Self::Text(to(array, &DataType::Utf8)?.as_string::<i32>().clone()),
        })
    }

    /// Whether a row is NULL.
    pub(in crate::server) fn is_null(&self, row: usize) -> bool {
        match self {
            Self::Bool(a) => a.is_null(row),
            Self::Int2(a) => a.is_null(row),
            Self::Int4(a) => a.is_null(row),
            Self::Int8(a) => a.is_null(row),
            Self::Float4(a) => a.is_null(row),
            Self::Float8(a) => a.is_null(row),
            Self::Numeric(a) => a.is_null(row),
            Self::LongNumeric(a) => a.is_null(row),
            Self::Date(a) => a.is_null(row),
            Self::Time(a) => a.is_null(row),
            Self::Timestamp(a) | Self::TimestampTz(a) => a.is_null(row),
            Self::Interval(a) => a.is_null(row),
            Self::Bytea(a) => a.is_null(row),
            Self::Text(a) => a.is_null(row),
            Self::List(_, _, a) => a.is_null(row),
        }
    }
}

fn to(array: &ArrayRef, wanted: &DataType) -> Result<ArrayRef, ArrowError> {
    if array.data_type() == wanted { Ok(Arc::clone(array)) } else { cast(array, wanted) }
}

/// What lies between two times in days of 24 hours and the rest, as PostgreSQL has it.
fn days_and_time(array: &ArrayRef) -> Result<ArrayRef, ArrowError> {
    let (of_day, nanoseconds) = match array.data_type() {
        DataType::Duration(TimeUnit::Second) => (86_400, 1_000_000_000),
        DataType::Duration(TimeUnit::Millisecond) => (86_400_000, 1_000_000),
        DataType::Duration(TimeUnit::Microsecond) => (86_400_000_000, 1_000),
        _ => (86_400_000_000_000, 1),
    };
    let units = cast(array, &DataType::Int64)?;
    let units = units.as_primitive::<Int64Type>();
    let intervals = units.try_unary::<_, IntervalMonthDayNanoType, ArrowError>(|n| {
        let days = i32::try_from(n / of_day)
            .map_err(|_| ArrowError::ArithmeticOverflow("an interval".to_owned()))?;
        Ok(IntervalMonthDayNano::new(0, days, n % of_day * nanoseconds))
    })?;
    Ok(Arc::new(intervals))
}

fn decimals(array: &ArrayRef) -> Result<Column, ArrowError> {
    let array = match array.data_type() {
        DataType::Dictionary(_, value) => to(array, value)?,
        DataType::RunEndEncoded(_, value) => to(array, value.data_type())?,
        _ => Arc::clone(array),
    };
    Ok(match array.data_type() {
        DataType::Decimal256(..) => {
            Column::LongNumeric(array.as_primitive::<Decimal256Type>().clone())
        }
        DataType::Decimal128(..) => Column::Numeric(array.as_primitive::<Decimal128Type>().clone()),
        DataType::Decimal32(_, scale) | DataType::Decimal64(_, scale) => {
            let wide = DataType::Decimal128(Decimal128Type::MAX_PRECISION, *scale);
            Column::Numeric(to(&array, &wide)?.as_primitive::<Decimal128Type>().clone())
        }
        // UInt64
        _ => {
            let wide = DataType::Decimal128(20, 0);
            Column::Numeric(to(&array, &wide)?.as_primitive::<Decimal128Type>().clone())
        }
    })
}

/// The type of a list's items.
fn list_item(list: &DataType) -> DataType {
    match list {
        DataType::List(item)
        | DataType::LargeList(item)
        | DataType::FixedSizeList(item, _)
        | DataType::ListView(item)
        | DataType::LargeListView(item) => item.data_type().clone(),
        DataType::Dictionary(_, value) => list_item(value),
        DataType::RunEndEncoded(_, value) => list_item(value.data_type()),
        other => other.clone(),
    }
}

/// Nested values as JSON; every object has every key.
fn json(array: &ArrayRef) -> Result<StringArray, ArrowError> {
    let options = EncoderOptions::default().with_explicit_nulls(true);
    let field = Arc::new(Field::new("value", array.data_type().clone(), true));
    let nulls = array.logical_nulls();
    let mut encoder = make_encoder(&field, array, &options)?;
    let mut out = StringBuilder::with_capacity(array.len(), array.len() * 32);
    let mut text = Vec::new();
    for row in 0..array.len() {
        if nulls.as_ref().is_some_and(|n| n.is_null(row)) {
            out.append_null();
            continue;
        }
        text.clear();
        encoder.encode(row, &mut text);
        out.append_value(String::from_utf8_lossy(&text));
    }
    Ok(out.finish())
}
