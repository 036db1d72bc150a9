//! Values as PostgreSQL writes them in text.

use std::fmt::Write;

use chrono::{DateTime, Datelike, NaiveDate, NaiveDateTime, Offset, TimeZone, Timelike};
use datafusion::arrow::array::timezone::Tz;
use datafusion::arrow::datatypes::IntervalMonthDayNano;

use super::column::Column;

/// A value that PostgreSQL's text has no form for.
#[derive(Debug)]
pub(in crate::server) struct OutOfRange;

/// Days from 0001-01-01 to 1970-01-01, as chrono counts them.
const EPOCH_DAYS: i32 = 719_163;

/// Writes the value of a row, which is not NULL.
pub(in crate::server) fn write(
    column: &Column,
    row: usize,
    zone: &Tz,
    out: &mut String,
) -> Result<(), OutOfRange> {
    // writing to a String cannot fail
    let _ = match column {
        Column::Bool(a) => out.write_str(if a.value(row) { "t" } else { "f" }),
        Column::Int2(a) => write!(out, "{}", a.value(row)),
        Column::Int4(a) => write!(out, "{}", a.value(row)),
        Column::Int8(a) => write!(out, "{}", a.value(row)),
        Column::Float4(a) => {
            let v = a.value(row);
            float(f64::from(v), &format!("{v:e}"), 6, out);
            Ok(())
        }
        Column::Float8(a) => {
            let v = a.value(row);
            float(v, &format!("{v:e}"), 15, out);
            Ok(())
        }
        Column::Numeric(a) => out.write_str(&a.value_as_string(row)),
        Column::LongNumeric(a) => out.write_str(&a.value_as_string(row)),
        Column::Date(a) => {
            let days = a.value(row).checked_add(EPOCH_DAYS).ok_or(OutOfRange)?;
            let day = NaiveDate::from_num_days_from_ce_opt(days).ok_or(OutOfRange)?;
            date(day, out);
            era(day, out);
            Ok(())
        }
        Column::Time(a) => {
            let micros = a.value(row);
            let (seconds, micros) = (micros.div_euclid(1_000_000), micros.rem_euclid(1_000_000));
            let _ =
                write!(out, "{:02}:{:02}:{:02}", seconds / 3600, seconds / 60 % 60, seconds % 60);
            fraction(micros, out);
            Ok(())
        }
        Column::Timestamp(a) => {
            let at = DateTime::from_timestamp_micros(a.value(row)).ok_or(OutOfRange)?.naive_utc();
            timestamp(at, out);
            era(at.date(), out);
            Ok(())
        }
        Column::TimestampTz(a) => {
            let utc = DateTime::from_timestamp_micros(a.value(row)).ok_or(OutOfRange)?.naive_utc();
            let offset = zone.offset_from_utc_datetime(&utc).fix();
            let local = utc.checked_add_offset(offset).ok_or(OutOfRange)?;
            timestamp(local, out);
            let seconds = offset.local_minus_utc();
            let _ = write!(out, "{}{:02}", sign(seconds), seconds.abs() / 3600);
            if seconds % 3600 != 0 {
                let _ = write!(out, ":{:02}", seconds.abs() / 60 % 60);
            }
            if seconds % 60 != 0 {
                let _ = write!(out, ":{:02}", seconds.abs() % 60);
            }
            era(local.date(), out);
            Ok(())
        }
        Column::Interval(a) => {
            interval(a.value(row), out);
            Ok(())
        }
        Column::Bytea(a) => {
            let _ = out.write_str("\\x");
            for byte in a.value(row) {
                let _ = write!(out, "{byte:02x}");
            }
            Ok(())
        }
        Column::Text(a) => out.write_str(a.value(row)),
        Column::List(items, _, list) => {
            let (from, to) = super::row::range(list, row);
            out.push('{');
            let mut item = String::new();
            for at in from..to {
                if at > from {
                    out.push(',');
                }
                if items.is_null(at) {
                    out.push_str("NULL");
                    continue;
                }
                item.clear();
                write_item(items, at, zone, &mut item, out)?;
            }
            out.push('}');
            Ok(())
        }
    };
    Ok(())
}

fn write_item(
    items: &Column,
    at: usize,
    zone: &Tz,
    item: &mut String,
    out: &mut String,
) -> Result<(), OutOfRange> {
    write(items, at, zone, item)?;
    let quoted = item.is_empty()
        || item.eq_ignore_ascii_case("null")
        || item.contains(|c: char| matches!(c, '"' | '\\' | '{' | '}' | ',') || c.is_whitespace());
    if !quoted {
        out.push_str(item);
        return Ok(());
    }
    out.push('"');
    for c in item.chars() {
        if matches!(c, '"' | '\\') {
            out.push('\\');
        }
        out.push(c);
    }
    out.push('"');
    Ok(())
}

/// The shortest digits that read back the same; with an exponent where PostgreSQL has one.
fn float(value: f64, scientific: &str, digits: i32, out: &mut String) {
    if value.is_nan() {
        out.push_str("NaN");
        return;
    }
    if value.is_infinite() {
        out.push_str(if value > 0.0 { "Infinity" } else { "-Infinity" });
        return;
    }
    let Some((mantissa, exponent)) = scientific.split_once('e') else { return };
    let exponent: i32 = exponent.parse().unwrap_or(0);
    if exponent < -4 || exponent >= digits {
        let _ = write!(out, "{mantissa}e{}{:02}", sign(exponent), exponent.abs());
        return;
    }
    let (minus, mantissa) = match mantissa.strip_prefix('-') {
        Some(rest) => ("-", rest),
        None => ("", mantissa),
    };
    let plain = mantissa.replace('.', "");
    out.push_str(minus);
    match usize::try_from(exponent) {
        Ok(exponent) if plain.len() > exponent + 1 => {
            let (whole, fraction) = plain.split_at(exponent + 1);
            out.push_str(whole);
            out.push('.');
            out.push_str(fraction);
        }
        Ok(exponent) => {
            out.push_str(&plain);
            out.extend(std::iter::repeat_n('0', exponent + 1 - plain.len()));
        }
        Err(_) => {
            out.push_str("0.");
            out.extend((1..-exponent).map(|_| '0'));
            out.push_str(&plain);
        }
    }
}

fn sign(n: i32) -> char {
    if n < 0 { '-' } else { '+' }
}

fn date(day: NaiveDate, out: &mut String) {
    let year = if day.year() > 0 { day.year() } else { 1 - day.year() };
    let _ = write!(out, "{year:04}-{:02}-{:02}", day.month(), day.day());
}

fn era(day: NaiveDate, out: &mut String) {
    if day.year() <= 0 {
        out.push_str(" BC");
    }
}

fn timestamp(at: NaiveDateTime, out: &mut String) {
    date(at.date(), out);
    let _ = write!(out, " {:02}:{:02}:{:02}", at.hour(), at.minute(), at.second());
    fraction(i64::from(at.nanosecond() / 1000), out);
}

/// `.5`: microseconds without the zeros at their end.
fn fraction(micros: i64, out: &mut String) {
    if micros != 0 {
        let digits = format!("{micros:06}");
        let _ = write!(out, ".{}", digits.trim_end_matches('0'));
    }
}

/// `1 year 2 mons 3 days 04:05:06.7`, as `IntervalStyle = postgres`.
fn interval(v: IntervalMonthDayNano, out: &mut String) {
    let start = out.len();
    let mut before = false;
    let mut part = |n: i32, one: &str, many: &str, out: &mut String| {
        if n == 0 {
            return;
        }
        let blank = if out.len() > start { " " } else { "" };
        // a positive part after a negative one says so
        let plus = if before && n > 0 { "+" } else { "" };
        let _ = write!(out, "{blank}{plus}{n} {}", if n == 1 { one } else { many });
        before = n < 0;
    };
    part(v.months / 12, "year", "years", out);
    part(v.months % 12, "mon", "mons", out);
    part(v.days, "day", "days", out);
    let micros = v.nanoseconds / 1000;
    if micros == 0 && out.len() > start {
        return;
    }
    if out.len() > start {
        out.push(' ');
    }
    if micros < 0 {
        out.push('-');
    } else if before {
        out.push('+');
    }
    let (seconds, rest) = (micros.unsigned_abs() / 1_000_000, micros.unsigned_abs() % 1_000_000);
    let _ = write!(out, "{:02}:{:02}:{:02}", seconds / 3600, seconds / 60 % 60, seconds % 60);
    fraction(i64::try_from(rest).unwrap_or(0), out);
}

#[cfg(test)]
mod tests {
    use super::*;

    /// What PostgreSQL 15 answers for the same values.
    #[test]
    fn floats_and_intervals_look_as_in_postgresql() {
        for (value, text) in [
            (0.0, "0"),
            (1.0, "1"),
            (-1.5, "-1.5"),
            (0.1, "0.1"),
            (123_456.789, "123456.789"),
            (1e14, "100000000000000"),
            (1e15, "1e+15"),
            (1.5e300, "1.5e+300"),
            (0.0001, "0.0001"),
            (0.00001, "1e-05"),
            (f64::NEG_INFINITY, "-Infinity"),
        ] {
            let mut out = String::new();
            float(value, &format!("{value:e}"), 15, &mut out);
            assert_eq!(out, text);
        }
        for ((months, days, nanoseconds), text) in [
            ((0, 0, 0), "00:00:00"),
            ((14, 3, 14_706_700_000_000), "1 year 2 mons 3 days 04:05:06.7"),
            ((0, 1, 0), "1 day"),
            ((-1, 2, -1_000_000_000), "-1 mons +2 days -00:00:01"),
            ((0, -1, 3_600_000_000_000), "-1 days +01:00:00"),
        ] {
            let mut out = String::new();
            interval(IntervalMonthDayNano { months, days, nanoseconds }, &mut out);
            assert_eq!(out, text);
        }
    }
}
