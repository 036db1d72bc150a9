//! The name of a type as SQL writes it.

use datafusion::arrow::datatypes::{DataType, IntervalUnit, TimeUnit};

/// The SQL name of an Arrow type: `Utf8View` is `varchar`, `Int64` is `bigint`.
///
/// Nested types name what they hold (`list(bigint)`, `struct(a bigint, b varchar)`).
pub fn type_name(data_type: &DataType) -> String {
    use DataType as T;
    let name = match data_type {
        T::Null => "null",
        T::Boolean => "boolean",
        T::Int8 => "tinyint",
        T::Int16 => "smallint",
        T::Int32 => "integer",
        T::Int64 => "bigint",
        T::UInt8 => "utinyint",
        T::UInt16 => "usmallint",
        T::UInt32 => "uinteger",
        T::UInt64 => "ubigint",
        T::Float16 => "half",
        T::Float32 => "real",
        T::Float64 => "double",
        T::Timestamp(TimeUnit::Second, None) => "timestamp_s",
        T::Timestamp(TimeUnit::Millisecond, None) => "timestamp_ms",
        T::Timestamp(TimeUnit::Microsecond, None) => "timestamp",
        T::Timestamp(TimeUnit::Nanosecond, None) => "timestamp_ns",
        T::Timestamp(_, Some(_)) => "timestamptz",
        T::Date32 | T::Date64 => "date",
        T::Time32(_) | T::Time64(_) => "time",
        T::Duration(_)
        | T::Interval(
            IntervalUnit::YearMonth | IntervalUnit::DayTime | IntervalUnit::MonthDayNano,
        ) => "interval",
        T::Binary | T::LargeBinary | T::BinaryView | T::FixedSizeBinary(_) => "blob",
        T::Utf8 | T::LargeUtf8 | T::Utf8View => "varchar",
        T::Decimal32(p, s) | T::Decimal64(p, s) | T::Decimal128(p, s) | T::Decimal256(p, s) => {
            return format!("decimal({p},{s})");
        }
        T::List(field)
        | T::LargeList(field)
        | T::ListView(field)
        | T::LargeListView(field)
        | T::FixedSizeList(field, _) => {
            return format!("list({})", type_name(field.data_type()));
        }
        T::Struct(fields) => {
            let inner: Vec<_> = fields
                .iter()
                .map(|field| format!("{} {}", field.name(), type_name(field.data_type())))
                .collect();
            return format!("struct({})", inner.join(", "));
        }
        T::Map(entries, _) => {
            return match entries.data_type() {
                T::Struct(pair) => {
                    let inner: Vec<_> = pair.iter().map(|f| type_name(f.data_type())).collect();
                    format!("map({})", inner.join(", "))
                }
                _ => "map".to_string(),
            };
        }
        T::Dictionary(_, value) => return type_name(value),
        T::RunEndEncoded(_, value) => return type_name(value.data_type()),
        T::Union(..) => "union",
    };
    name.to_string()
}

/// The name for a column's head: nested types without what they hold.
pub(super) fn short_type_name(data_type: &DataType) -> String {
    let name = type_name(data_type);
    match data_type {
        t if t.is_nested() => name.split('(').next().unwrap_or_default().to_string(),
        _ => name,
    }
}

/// Half a text still says something; half a number or half a date is a wrong one.
pub(super) fn may_be_cut(data_type: &DataType) -> bool {
    match data_type {
        DataType::Dictionary(_, value) => may_be_cut(value),
        other => other.is_string() || other.is_binary() || other.is_nested(),
    }
}

/// Numbers stand to the right.
pub(super) fn is_number(data_type: &DataType) -> bool {
    match data_type {
        DataType::Dictionary(_, value) => is_number(value),
        other => other.is_numeric(),
    }
}
