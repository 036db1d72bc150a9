//! One value as text, the same in every text format.

use std::fmt::Write;

use datafusion::arrow::array::{Array, ArrayRef, RecordBatch};
use datafusion::arrow::buffer::NullBuffer;
use datafusion::arrow::datatypes::{FieldRef, SchemaRef};
use datafusion::arrow::json::writer::{EncoderOptions, NullableEncoder, make_encoder};
use datafusion::arrow::util::display::{ArrayFormatter, DurationFormat, FormatOptions};

use super::RenderResult;

/// Times as ISO 8601 with `T`, floats with the fewest digits that read back the same.
const FORMAT: FormatOptions<'static> =
    FormatOptions::new().with_null("NULL").with_duration_format(DurationFormat::Pretty);

/// The text of one column's values.
pub(crate) struct TextColumn<'a> {
    formatter: ArrayFormatter<'a>,
    nulls: Option<NullBuffer>,
}

impl<'a> TextColumn<'a> {
    pub(crate) fn new(array: &'a dyn Array) -> RenderResult<Self> {
        Ok(Self {
            formatter: ArrayFormatter::try_new(array, &FORMAT)?,
            // a dictionary or a NullArray has NULLs that its own bitmap does not show
            nulls: array.logical_nulls(),
        })
    }

    /// Replaces `out` by the text of a row; false, and nothing in `out`, when it is NULL.
    pub(crate) fn write(&self, row: usize, out: &mut String) -> RenderResult<bool> {
        out.clear();
        if self.nulls.as_ref().is_some_and(|nulls| nulls.is_null(row)) {
            return Ok(false);
        }
        self.formatter.value(row).write(out)?;
        Ok(true)
    }
}

/// The text of every column of a batch.
pub(super) fn text_columns(batch: &RecordBatch) -> RenderResult<Vec<TextColumn<'_>>> {
    batch.columns().iter().map(|array| TextColumn::new(array)).collect()
}

/// How JSON is written: NULLs are kept, so that every object has every key.
pub(super) fn json_options() -> EncoderOptions {
    EncoderOptions::default().with_explicit_nulls(true)
}

/// The JSON of one column's values.
pub(super) struct JsonColumn<'a> {
    encoder: NullableEncoder<'a>,
    nulls: Option<NullBuffer>,
}

impl<'a> JsonColumn<'a> {
    pub(super) fn new(
        field: &'a FieldRef,
        array: &'a ArrayRef,
        options: &'a EncoderOptions,
    ) -> RenderResult<Self> {
        Ok(Self { encoder: make_encoder(field, array, options)?, nulls: array.logical_nulls() })
    }

    /// Adds the JSON of a row to `out`; false, and nothing added, when it is NULL.
    pub(super) fn write(&mut self, row: usize, out: &mut Vec<u8>) -> bool {
        if self.nulls.as_ref().is_some_and(|nulls| nulls.is_null(row)) {
            return false;
        }
        self.encoder.encode(row, out);
        true
    }
}

/// Writes the rows of a batch as JSON objects; `row` is called with the text of each.
pub(super) fn json_rows(
    schema: &SchemaRef,
    batch: &RecordBatch,
    mut row: impl FnMut(&[u8]) -> RenderResult,
) -> RenderResult {
    let options = json_options();
    let mut columns = Vec::with_capacity(batch.num_columns());
    for (field, array) in schema.fields().iter().zip(batch.columns()) {
        let key = serde_json::to_string(field.name())
            .map_err(|e| datafusion::arrow::error::ArrowError::JsonError(e.to_string()))?;
        columns.push((key, JsonColumn::new(field, array, &options)?));
    }
    let mut text = Vec::with_capacity(columns.len() * 16);
    for index in 0..batch.num_rows() {
        text.clear();
        text.push(b'{');
        for (position, (key, column)) in columns.iter_mut().enumerate() {
            if position > 0 {
                text.push(b',');
            }
            text.extend_from_slice(key.as_bytes());
            text.push(b':');
            if !column.write(index, &mut text) {
                text.extend_from_slice(b"null");
            }
        }
        text.push(b'}');
        row(&text)?;
    }
    Ok(())
}

/// Text for a screen: what would move the cursor or colour the terminal is spelled out.
///
/// Line breaks stay when `lines` is set (a box shows them), tabs become four blanks.
pub(crate) fn printable(text: &str, lines: bool) -> String {
    let mut out = String::with_capacity(text.len());
    for c in text.chars() {
        match c {
            '\n' if lines => out.push('\n'),
            '\n' => out.push_str("\\n"),
            '\t' => out.push_str("    "),
            '\r' => out.push_str("\\r"),
            c if c.is_control() => {
                // writing to a String cannot fail
                let _ = write!(out, "\\x{:02x}", u32::from(c));
            }
            c => out.push(c),
        }
    }
    out
}
