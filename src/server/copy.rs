//! Rows as `COPY … TO STDOUT` sends them: text, csv or binary.

use bytes::{BufMut, BytesMut};
use datafusion::arrow::array::RecordBatch;
use datafusion::arrow::array::timezone::Tz;
use datafusion::arrow::datatypes::SchemaRef;

use super::command::{CopyFormat, CopyKind};
use super::types::binary::{self, sized};
use super::types::row::{columns, out_of_range};
use super::types::text::{self, OutOfRange};
use crate::error::Result;

/// The beginning of the binary format: its mark, no flags, no extension.
const SIGNATURE: &[u8] = b"PGCOPY\n\xff\r\n\0\0\0\0\0\0\0\0\0";

/// What comes before the rows.
pub(super) fn head(schema: &SchemaRef, format: &CopyFormat, out: &mut BytesMut) {
    if format.kind == CopyKind::Binary {
        out.put_slice(SIGNATURE);
    } else if format.header {
        for (index, field) in schema.fields().iter().enumerate() {
            if index > 0 {
                out.put_slice(format.delimiter.to_string().as_bytes());
            }
            put_text(field.name(), format, out);
        }
        out.put_u8(b'\n');
    }
}

/// Moves what was written into a `CopyData` message.
pub(super) fn message(data: &mut BytesMut, out: &mut BytesMut) {
    let data = data.split();
    out.put_u8(b'd');
    // the engine's values are far below what a length can say
    out.put_i32(i32::try_from(data.len() + 4).unwrap_or(i32::MAX));
    out.put_slice(&data);
}

/// What comes after the rows.
pub(super) fn tail(format: &CopyFormat, out: &mut BytesMut) {
    if format.kind == CopyKind::Binary {
        out.put_i16(-1);
    }
}

/// The rows of a batch; clients take each as a message of its own.
pub(super) fn rows(
    batch: &RecordBatch,
    format: &CopyFormat,
    zone: &Tz,
    out: &mut BytesMut,
    mut row_ends: impl FnMut(&mut BytesMut),
) -> Result<()> {
    let columns = columns(batch)?;
    let count = i16::try_from(columns.len()).unwrap_or(i16::MAX);
    let mut value = String::new();
    for row in 0..batch.num_rows() {
        if format.kind == CopyKind::Binary {
            out.put_i16(count);
        }
        for (index, column) in columns.iter().enumerate() {
            let null = column.is_null(row);
            if format.kind == CopyKind::Binary {
                if null {
                    out.put_i32(-1);
                } else {
                    sized(out, |out| binary::write(column, row, out))
                        .map_err(|OutOfRange| out_of_range())?;
                }
                continue;
            }
            if index > 0 {
                out.put_slice(format.delimiter.to_string().as_bytes());
            }
            if null {
                out.put_slice(format.null.as_bytes());
                continue;
            }
            value.clear();
            text::write(column, row, zone, &mut value).map_err(|OutOfRange| out_of_range())?;
            put_text(&value, format, out);
        }
        if format.kind != CopyKind::Binary {
            out.put_u8(b'\n');
        }
        row_ends(out);
    }
    Ok(())
}

fn put_text(value: &str, format: &CopyFormat, out: &mut BytesMut) {
    if format.kind == CopyKind::Csv {
        let quote = format.quote;
        let special = |c: char| c == format.delimiter || c == quote || c == '\n' || c == '\r';
        // an empty text is not the same as nothing
        if value == format.null || value.contains(special) || value == "\\." {
            let doubled = value.replace(quote, &format!("{quote}{quote}"));
            out.put_slice(format!("{quote}{doubled}{quote}").as_bytes());
        } else {
            out.put_slice(value.as_bytes());
        }
        return;
    }
    for c in value.chars() {
        match c {
            '\\' => out.put_slice(b"\\\\"),
            '\n' => out.put_slice(b"\\n"),
            '\r' => out.put_slice(b"\\r"),
            '\t' => out.put_slice(b"\\t"),
            c => {
                if c == format.delimiter {
                    out.put_u8(b'\\');
                }
                let mut bytes = [0; 4];
                out.put_slice(c.encode_utf8(&mut bytes).as_bytes());
            }
        }
    }
}
