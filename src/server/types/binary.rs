//! Values as PostgreSQL writes them in binary.

use bytes::{BufMut, BytesMut};

use super::column::Column;
use super::numeric;
use super::text::OutOfRange;

/// Days and microseconds from 1970 to 2000, where PostgreSQL's time begins.
pub(super) const EPOCH_DAYS: i32 = 10_957;
pub(super) const EPOCH_MICROS: i64 = 946_684_800_000_000;

/// Writes the value of a row, which is not NULL.
pub(in crate::server) fn write(
    column: &Column,
    row: usize,
    out: &mut BytesMut,
) -> Result<(), OutOfRange> {
    match column {
        Column::Bool(a) => out.put_u8(u8::from(a.value(row))),
        Column::Int2(a) => out.put_i16(a.value(row)),
        Column::Int4(a) => out.put_i32(a.value(row)),
        Column::Int8(a) => out.put_i64(a.value(row)),
        Column::Float4(a) => out.put_f32(a.value(row)),
        Column::Float8(a) => out.put_f64(a.value(row)),
        Column::Numeric(a) => numeric::write(&a.value_as_string(row), out),
        Column::LongNumeric(a) => numeric::write(&a.value_as_string(row), out),
        Column::Date(a) => out.put_i32(a.value(row).checked_sub(EPOCH_DAYS).ok_or(OutOfRange)?),
        Column::Time(a) => out.put_i64(a.value(row)),
        Column::Timestamp(a) | Column::TimestampTz(a) => {
            out.put_i64(a.value(row).checked_sub(EPOCH_MICROS).ok_or(OutOfRange)?);
        }
        Column::Interval(a) => {
            let v = a.value(row);
            out.put_i64(v.nanoseconds / 1000);
            out.put_i32(v.days);
            out.put_i32(v.months);
        }
        Column::Bytea(a) => out.put_slice(a.value(row)),
        Column::Text(a) => out.put_slice(a.value(row).as_bytes()),
        Column::List(items, item, list) => {
            let (from, to) = super::row::range(list, row);
            let nulls = (from..to).any(|at| items.is_null(at));
            out.put_i32(i32::from(to > from));
            out.put_i32(i32::from(nulls));
            out.put_u32(item.oid());
            if to > from {
                out.put_i32(i32::try_from(to - from).map_err(|_| OutOfRange)?);
                out.put_i32(1);
            }
            for at in from..to {
                if items.is_null(at) {
                    out.put_i32(-1);
                } else {
                    sized(out, |out| write(items, at, out))?;
                }
            }
        }
    }
    Ok(())
}

/// Writes something after its length.
pub(in crate::server) fn sized(
    out: &mut BytesMut,
    body: impl FnOnce(&mut BytesMut) -> Result<(), OutOfRange>,
) -> Result<(), OutOfRange> {
    let at = out.len();
    out.put_i32(0);
    body(out)?;
    let length = i32::try_from(out.len() - at - 4).map_err(|_| OutOfRange)?;
    if let Some(place) = out.get_mut(at..at + 4) {
        place.copy_from_slice(&length.to_be_bytes());
    }
    Ok(())
}
