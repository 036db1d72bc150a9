//! How much memory rows take.

use datafusion::arrow::array::{Array, ArrayRef, AsArray};
use datafusion::arrow::datatypes::DataType;
use datafusion::arrow::record_batch::RecordBatch;

/// Bytes of the rows of a batch, whatever else is in the buffers that they are slices of.
pub(crate) fn of_rows(batch: &RecordBatch) -> usize {
    batch.columns().iter().map(of_column).sum()
}

fn of_column(column: &ArrayRef) -> usize {
    // beside the views themselves
    let long_texts = match column.data_type() {
        DataType::Utf8View => column.as_string_view().total_buffer_bytes_used(),
        DataType::BinaryView => column.as_binary_view().total_buffer_bytes_used(),
        _ => 0,
    };
    let size = column.to_data().get_slice_memory_size();
    long_texts + size.unwrap_or_else(|_| column.get_array_memory_size())
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use datafusion::arrow::array::{Int64Array, StringArray, StringViewArray};

    use super::*;

    #[test]
    fn a_slice_takes_what_its_rows_take() {
        let long = "x".repeat(100);
        let texts = vec![long.as_str(); 1000];
        let batch = RecordBatch::try_from_iter([
            ("n", Arc::new(Int64Array::from(vec![7; 1000])) as ArrayRef),
            ("text", Arc::new(StringArray::from(texts.clone()))),
            ("view", Arc::new(StringViewArray::from(texts))),
        ]);
        let batch = batch.unwrap();
        // a number, a text with its end, a text with its view
        assert_eq!(of_rows(&batch), 1000 * (8 + 104 + 116) + 4);
        assert_eq!(of_rows(&batch.slice(500, 10)), 10 * (8 + 104 + 116) + 4);
        assert_eq!(of_rows(&batch.slice(0, 0)), 4);
    }
}
