//! Rows of a batch as messages, and as lines of `COPY`.

use crate::{Error, ErrorKind, Result};
use bytes::{BufMut, BytesMut};
use datafusion::arrow::array::timezone::Tz;
use datafusion::arrow::array::{ListArray, RecordBatch};

use super::Format;
use super::binary::{self, sized};
use super::column::Column;
use super::text::{self, OutOfRange};

/// The items of a list in a row, as a range of all items.
pub(super) fn range(list: &ListArray, row: usize) -> (usize, usize) {
    let offset = |at: usize| {
        list.value_offsets().get(at).and_then(|o| usize::try_from(*o).ok()).unwrap_or(0)
    };
    (offset(row), offset(row + 1))
}

/// The columns of a batch.
pub(in crate::server) fn columns(batch: &RecordBatch) -> Result<Vec<Column>> {
    Ok(batch.columns().iter().map(Column::new).collect::<std::result::Result<_, _>>()?)
}

/// Adds a `DataRow` message for every row of a batch.
pub(in crate::server) fn write(
    batch: &RecordBatch,
    codes: &[i16],
    zone: &Tz,
    out: &mut BytesMut,
) -> Result<()> {
    let columns = columns(batch)?;
    let count = i16::try_from(columns.len()).map_err(|_| {
        Error::new(ErrorKind::TooComplex, "an answer can have at most 32767 columns")
    })?;
    let mut value = String::new();
    for row in 0..batch.num_rows() {
        out.put_u8(b'D');
        // the length of a message includes itself
        let at = out.len();
        out.put_i32(0);
        out.put_i16(count);
        for (index, column) in columns.iter().enumerate() {
            if column.is_null(row) {
                out.put_i32(-1);
                continue;
            }
            match Format::of(codes, index) {
                Format::Binary => sized(out, |out| binary::write(column, row, out)),
                Format::Text => {
                    value.clear();
                    text::write(column, row, zone, &mut value).and_then(|()| {
                        sized(out, |out| {
                            out.put_slice(value.as_bytes());
                            Ok(())
                        })
                    })
                }
            }
            .map_err(|OutOfRange| out_of_range())?;
        }
        let length = i32::try_from(out.len() - at).map_err(|_| out_of_range())?;
        if let Some(place) = out.get_mut(at..at + 4) {
            place.copy_from_slice(&length.to_be_bytes());
        }
    }
    Ok(())
}

pub(in crate::server) fn out_of_range() -> Error {
    Error::new(
        ErrorKind::Invalid,
        "a value is beyond what PostgreSQL's protocol can carry, such as a date before 4713 BC",
    )
    .with_hint("cast the column to text")
}
