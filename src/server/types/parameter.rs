//! Values that clients send for `$1`, in text or in binary.

use bytes::Buf;
use chrono::{DateTime, NaiveDate, NaiveDateTime, NaiveTime, Timelike};
use datafusion::arrow::datatypes::{DataType, IntervalMonthDayNano};
use datafusion::common::ScalarValue;
use pgwire::api::Type;

use super::binary::{EPOCH_DAYS, EPOCH_MICROS};
use super::{Format, arrow_type, item_of, numeric};
use crate::plan::array_texts::items;

/// Digits that a number can have.
const PRECISION: usize = 38;

/// The value of a parameter; none when the bytes are not of the type.
pub(in crate::server) fn read(pg: &Type, format: Format, bytes: &[u8]) -> Option<ScalarValue> {
    match format {
        Format::Text => from_text(pg, std::str::from_utf8(bytes).ok()?),
        Format::Binary => from_binary(pg, bytes),
    }
}

fn from_text(pg: &Type, text: &str) -> Option<ScalarValue> {
    let trimmed = text.trim();
    Some(match *pg {
        Type::BOOL => ScalarValue::Boolean(Some(match trimmed.to_ascii_lowercase().as_str() {
            "t" | "true" | "y" | "yes" | "on" | "1" => true,
            "f" | "false" | "n" | "no" | "off" | "0" => false,
            _ => return None,
        })),
        Type::INT2 | Type::INT4 | Type::INT8 | Type::OID => {
            ScalarValue::Int64(Some(trimmed.parse().ok()?))
        }
        Type::FLOAT4 | Type::FLOAT8 => ScalarValue::Float64(Some(trimmed.parse().ok()?)),
        Type::NUMERIC => decimal(trimmed)?,
        Type::DATE => {
            let day = trimmed.get(..10).unwrap_or(trimmed);
            date(NaiveDate::parse_from_str(day, "%Y-%m-%d").ok()?)
        }
        Type::TIME => {
            let time = NaiveTime::parse_from_str(trimmed, "%H:%M:%S%.f")
                .or_else(|_| NaiveTime::parse_from_str(trimmed, "%H:%M"))
                .ok()?;
            let micros = i64::from(time.num_seconds_from_midnight()) * 1_000_000
                + i64::from(time.nanosecond() / 1000);
            ScalarValue::Time64Microsecond(Some(micros))
        }
        Type::TIMESTAMP => ScalarValue::TimestampMicrosecond(
            Some(moment(trimmed)?.and_utc().timestamp_micros()),
            None,
        ),
        Type::TIMESTAMPTZ => {
            let micros = zoned(trimmed)
                .or_else(|| moment(trimmed).map(|at| at.and_utc().timestamp_micros()))?;
            ScalarValue::TimestampMicrosecond(Some(micros), Some("UTC".into()))
        }
        Type::INTERVAL => ScalarValue::try_from_string(interval(trimmed), &arrow_type(pg)?).ok()?,
        Type::BYTEA => ScalarValue::Binary(Some(unhex(trimmed.strip_prefix("\\x")?)?)),
        _ => match item_of(pg) {
            Some(item) => {
                let items = items(trimmed)?;
                let values = items
                    .into_iter()
                    .map(|text| match text {
                        Some(text) => from_text(&item, &text),
                        None => ScalarValue::try_from(&widened(&item)?).ok(),
                    })
                    .collect::<Option<Vec<_>>>()?;
                list(&item, &values)?
            }
            None => ScalarValue::Utf8(Some(text.to_owned())),
        },
    })
}

fn from_binary(pg: &Type, mut bytes: &[u8]) -> Option<ScalarValue> {
    let exactly = |n: usize| (bytes.len() == n).then_some(());
    Some(match *pg {
        Type::BOOL => {
            exactly(1)?;
            ScalarValue::Boolean(Some(bytes.get_u8() != 0))
        }
        Type::INT2 => {
            exactly(2)?;
            ScalarValue::Int64(Some(i64::from(bytes.get_i16())))
        }
        Type::INT4 => {
            exactly(4)?;
            ScalarValue::Int64(Some(i64::from(bytes.get_i32())))
        }
        Type::OID => {
            exactly(4)?;
            ScalarValue::Int64(Some(i64::from(bytes.get_u32())))
        }
        Type::INT8 => {
            exactly(8)?;
            ScalarValue::Int64(Some(bytes.get_i64()))
        }
        Type::FLOAT4 => {
            exactly(4)?;
            ScalarValue::Float64(Some(f64::from(bytes.get_f32())))
        }
        Type::FLOAT8 => {
            exactly(8)?;
            ScalarValue::Float64(Some(bytes.get_f64()))
        }
        Type::NUMERIC => decimal(&numeric::read(bytes)?)?,
        Type::DATE => {
            exactly(4)?;
            ScalarValue::Date32(Some(bytes.get_i32().checked_add(EPOCH_DAYS)?))
        }
        Type::TIME => {
            exactly(8)?;
            ScalarValue::Time64Microsecond(Some(bytes.get_i64()))
        }
        Type::TIMESTAMP => {
            exactly(8)?;
            ScalarValue::TimestampMicrosecond(
                Some(bytes.get_i64().checked_add(EPOCH_MICROS)?),
                None,
            )
        }
        Type::TIMESTAMPTZ => {
            exactly(8)?;
            let micros = bytes.get_i64().checked_add(EPOCH_MICROS)?;
            ScalarValue::TimestampMicrosecond(Some(micros), Some("UTC".into()))
        }
        Type::INTERVAL => {
            exactly(16)?;
            let nanoseconds = bytes.get_i64().checked_mul(1000)?;
            let days = bytes.get_i32();
            let months = bytes.get_i32();
            let value = IntervalMonthDayNano { months, days, nanoseconds };
            ScalarValue::IntervalMonthDayNano(Some(value))
        }
        Type::BYTEA => ScalarValue::Binary(Some(bytes.to_vec())),
        Type::UUID => {
            exactly(16)?;
            let hex: String = bytes.iter().map(|b| format!("{b:02x}")).collect();
            let parts = [(0, 8), (8, 12), (12, 16), (16, 20), (20, 32)];
            let parts: Vec<&str> = parts.iter().filter_map(|(a, b)| hex.get(*a..*b)).collect();
            ScalarValue::Utf8(Some(parts.join("-")))
        }
        Type::JSONB => {
            // a version stands before the text
            let text = bytes.strip_prefix(&[1])?;
            ScalarValue::Utf8(Some(String::from_utf8(text.to_vec()).ok()?))
        }
        _ => match item_of(pg) {
            Some(item) => binary_list(&item, bytes)?,
            None => ScalarValue::Utf8(Some(String::from_utf8(bytes.to_vec()).ok()?)),
        },
    })
}

fn binary_list(item: &Type, mut bytes: &[u8]) -> Option<ScalarValue> {
    let dimensions = bytes.try_get_i32().ok()?;
    let _nulls = bytes.try_get_i32().ok()?;
    let item = Type::from_oid(bytes.try_get_u32().ok()?).unwrap_or_else(|| item.clone());
    if dimensions == 0 {
        return list(&item, &[]);
    }
    let count = usize::try_from(bytes.try_get_i32().ok()?).ok()?;
    let _from = bytes.try_get_i32().ok()?;
    // every item has at least its length
    if dimensions != 1 || count > bytes.len() / 4 {
        return None;
    }
    let mut values = Vec::with_capacity(count);
    for _ in 0..count {
        let length = bytes.try_get_i32().ok()?;
        if length < 0 {
            values.push(ScalarValue::try_from(&widened(&item)?).ok()?);
            continue;
        }
        let (value, rest) = bytes.split_at_checked(usize::try_from(length).ok()?)?;
        values.push(from_binary(&item, value)?);
        bytes = rest;
    }
    list(&item, &values)
}

/// The Arrow type that values of a type are read into: integers and floats are wide.
fn widened(pg: &Type) -> Option<DataType> {
    Some(match *pg {
        Type::INT2 | Type::INT4 | Type::INT8 | Type::OID => DataType::Int64,
        Type::FLOAT4 | Type::FLOAT8 | Type::NUMERIC => DataType::Float64,
        _ => arrow_type(pg)?,
    })
}

fn list(item: &Type, values: &[ScalarValue]) -> Option<ScalarValue> {
    let wide = widened(item)?;
    let values = values.iter().map(|v| v.cast_to(&wide).ok()).collect::<Option<Vec<_>>>()?;
    Some(ScalarValue::List(ScalarValue::new_list_nullable(&values, &wide)))
}

fn decimal(text: &str) -> Option<ScalarValue> {
    let digits = text.strip_prefix('-').unwrap_or(text);
    let (whole, fraction) = digits.split_once('.').unwrap_or((digits, ""));
    let plain = |s: &str| s.bytes().all(|b| b.is_ascii_digit());
    if !plain(whole) || !plain(fraction) || whole.len() + fraction.len() > PRECISION {
        return text.parse().ok().map(|v| ScalarValue::Float64(Some(v)));
    }
    let value: i128 = format!("{whole}{fraction}").parse().ok()?;
    let value = if text.starts_with('-') { -value } else { value };
    let precision = u8::try_from((whole.len() + fraction.len()).max(1)).ok()?;
    Some(ScalarValue::Decimal128(Some(value), precision, i8::try_from(fraction.len()).ok()?))
}

fn date(day: NaiveDate) -> ScalarValue {
    let epoch = DateTime::UNIX_EPOCH.date_naive();
    let days = day.signed_duration_since(epoch).num_days();
    ScalarValue::Date32(i32::try_from(days).ok())
}

fn moment(text: &str) -> Option<NaiveDateTime> {
    let text = text.replacen('T', " ", 1);
    NaiveDateTime::parse_from_str(&text, "%Y-%m-%d %H:%M:%S%.f")
        .or_else(|_| NaiveDateTime::parse_from_str(&text, "%Y-%m-%d %H:%M"))
        .ok()
        .or_else(|| NaiveDate::parse_from_str(&text, "%Y-%m-%d").ok()?.and_hms_opt(0, 0, 0))
        // what else clients send, such as with a zone that a timestamp without one ignores
        .or_else(|| {
            let at = text.rfind(['+', '-', 'Z']).filter(|at| *at > 10)?;
            moment(text.get(..at)?.trim())
        })
}

fn zoned(text: &str) -> Option<i64> {
    let text = text.replacen('T', " ", 1);
    let text = match text.strip_suffix('Z') {
        Some(utc) => format!("{utc}+00:00"),
        // +01 is +01:00
        None if matches!(text.as_bytes().get(text.len().checked_sub(3)?), Some(b'+' | b'-')) => {
            format!("{text}:00")
        }
        None => text,
    };
    DateTime::parse_from_str(&text, "%Y-%m-%d %H:%M:%S%.f%:z").ok().map(|at| at.timestamp_micros())
}

/// `1 day, -2:03:04.5` with words for its time.
fn interval(text: &str) -> String {
    let words = text.split([' ', ',']).filter(|word| !word.is_empty()).map(|word| {
        let sign = if word.starts_with('-') { "-" } else { "" };
        let mut parts = word.trim_start_matches(['-', '+']).split(':');
        match (parts.next(), parts.next(), parts.next()) {
            (Some(hours), Some(minutes), seconds) => format!(
                "{sign}{hours} hours {sign}{minutes} minutes {sign}{} seconds",
                seconds.unwrap_or("0")
            ),
            _ => word.to_owned(),
        }
    });
    words.collect::<Vec<_>>().join(" ")
}

fn unhex(text: &str) -> Option<Vec<u8>> {
    if !text.len().is_multiple_of(2) || !text.is_ascii() {
        return None;
    }
    (0..text.len() / 2).map(|i| u8::from_str_radix(text.get(i * 2..i * 2 + 2)?, 16).ok()).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn text_is_read_as_postgresql_reads_it() {
        let micros = |n| ScalarValue::TimestampMicrosecond(Some(n), None);
        let texts = ["a", "b,c"].map(ScalarValue::from);
        let interval = IntervalMonthDayNano::new(0, 1, -7_384_500_000_000);
        for (pg, text, expected) in [
            (Type::BOOL, "on", Some(ScalarValue::Boolean(Some(true)))),
            (Type::INT4, "-7", Some(ScalarValue::Int64(Some(-7)))),
            (Type::INT4, "seven", None),
            (Type::NUMERIC, "12.50", Some(ScalarValue::Decimal128(Some(1250), 4, 2))),
            (Type::DATE, "1970-01-03", Some(ScalarValue::Date32(Some(2)))),
            (Type::DATE, "tomorrow", None),
            (Type::TIMESTAMP, "2018-02-03 04:05:06.5", Some(micros(1_517_630_706_500_000))),
            (
                Type::INTERVAL,
                "1 day, -2:03:04.5",
                Some(ScalarValue::IntervalMonthDayNano(Some(interval))),
            ),
            (Type::BYTEA, "\\x01ff", Some(ScalarValue::Binary(Some(vec![1, 255])))),
            (Type::TEXT_ARRAY, "{a,\"b,c\"}", list(&Type::TEXT, &texts)),
            (Type::INT8_ARRAY, "{1", None),
        ] {
            assert_eq!(from_text(&pg, text), expected, "{pg} {text}");
        }
        let zoned = from_text(&Type::TIMESTAMPTZ, "2018-02-03 04:05:06+01").unwrap();
        assert_eq!(
            zoned.cast_to(&DataType::Int64).unwrap(),
            ScalarValue::Int64(Some(1_517_627_106_000_000))
        );
    }

    #[test]
    fn bytes_of_the_wrong_length_are_no_value() {
        for pg in [Type::INT2, Type::INT8, Type::FLOAT8, Type::DATE, Type::INTERVAL, Type::UUID] {
            assert!(from_binary(&pg, &[0, 1, 2]).is_none(), "{pg}");
        }
        assert!(from_binary(&Type::INT4_ARRAY, &[0, 0, 0, 1, 0, 0, 0, 0]).is_none());
        // a count that no message can hold
        let mut huge = vec![];
        for n in [1_i32, 0, 23, i32::MAX, 1] {
            huge.extend_from_slice(&n.to_be_bytes());
        }
        assert!(from_binary(&Type::INT4_ARRAY, &huge).is_none());
    }
}
