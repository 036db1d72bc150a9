//! Rows as they wait in a bucket: of a whole number only the bytes in which its batch differs.
//!
//! A bucket may hold a large part of the input, and what it takes is what the operator takes. Ids,
//! times and counts have 64 bits, and within a batch few of them differ: what a number is above the
//! least of its column and batch is kept, in as many bytes as the greatest needs. Customers that are
//! counted and times in their order go from 16 bytes to 8 or 9. Anything else is kept as it is, texts in
//! no more room than they take.

use std::sync::Arc;

use datafusion::arrow::array::{Array, ArrayData, ArrayRef, AsArray, Int64Array, make_array};
use datafusion::arrow::buffer::{NullBuffer, ScalarBuffer};
use datafusion::arrow::compute::{max, min};
use datafusion::arrow::datatypes::{DataType, SchemaRef};
use datafusion::arrow::record_batch::{RecordBatch, RecordBatchOptions};
use datafusion::common::Result;

/// A batch that waits.
pub(super) struct Packed {
    schema: SchemaRef,
    columns: Vec<Column>,
    rows: usize,
    bytes: usize,
}

enum Column {
    AsItIs(ArrayRef),
    Short(Short),
}

/// Whole numbers of 64 bits, above the least of them.
struct Short {
    ty: DataType,
    least: i64,
    /// bytes of each
    width: usize,
    rows: usize,
    above: Vec<u8>,
    nulls: Option<NullBuffer>,
}

impl Packed {
    pub(super) fn new(batch: &RecordBatch) -> Result<Self> {
        let columns = batch.columns().iter().map(Column::new).collect::<Result<Vec<_>>>()?;
        let bytes = columns.iter().map(Column::bytes).sum();
        Ok(Self { schema: batch.schema(), columns, rows: batch.num_rows(), bytes })
    }

    /// The rows.
    pub(super) fn batch(&self) -> Result<RecordBatch> {
        let columns = self.columns.iter().map(Column::array).collect::<Result<_>>()?;
        let rows = RecordBatchOptions::new().with_row_count(Some(self.rows));
        Ok(RecordBatch::try_new_with_options(Arc::clone(&self.schema), columns, &rows)?)
    }

    /// Memory that they take.
    pub(super) fn bytes(&self) -> usize {
        self.bytes
    }
}

impl Column {
    fn new(array: &ArrayRef) -> Result<Self> {
        let short = if is_whole(array.data_type()) { Short::new(array)? } else { None };
        Ok(short.map_or_else(|| Self::AsItIs(alone(array)), Self::Short))
    }

    fn array(&self) -> Result<ArrayRef> {
        match self {
            Self::AsItIs(array) => Ok(Arc::clone(array)),
            Self::Short(short) => short.array(),
        }
    }

    fn bytes(&self) -> usize {
        match self {
            Self::AsItIs(array) => array.get_array_memory_size(),
            Self::Short(short) => {
                let nulls = short.nulls.as_ref().map_or(0, |n| n.buffer().capacity());
                size_of::<Short>() + short.above.capacity() + nulls
            }
        }
    }
}

/// `array` without what its texts do not take: what puts batches together gives them room for many
/// more, by the megabyte.
fn alone(array: &ArrayRef) -> ArrayRef {
    match array.data_type() {
        DataType::Utf8View => Arc::new(array.as_string_view().gc()),
        DataType::BinaryView => Arc::new(array.as_binary_view().gc()),
        _ => Arc::clone(array),
    }
}

/// Whether values are whole numbers of 64 bits.
fn is_whole(ty: &DataType) -> bool {
    matches!(
        ty,
        DataType::Int64
            | DataType::UInt64
            | DataType::Timestamp(..)
            | DataType::Date64
            | DataType::Time64(_)
            | DataType::Duration(_)
    )
}

/// Runs `$f::<W>($args)` for the width that is known only now.
macro_rules! by_width {
    ($width:expr, $f:ident($($arg:expr),*)) => {
        match $width {
            0 => $f::<0>($($arg),*),
            1 => $f::<1>($($arg),*),
            2 => $f::<2>($($arg),*),
            3 => $f::<3>($($arg),*),
            4 => $f::<4>($($arg),*),
            5 => $f::<5>($($arg),*),
            6 => $f::<6>($($arg),*),
            _ => $f::<7>($($arg),*),
        }
    };
}

impl Short {
    /// `None` if the numbers need all their bytes.
    fn new(array: &ArrayRef) -> Result<Option<Self>> {
        let data = array.to_data().into_builder().data_type(DataType::Int64).build()?;
        let numbers = Int64Array::from(data);
        // of nothing, or of NULLs alone, any number is the least
        let least = min(&numbers).unwrap_or_default();
        let most = max(&numbers).unwrap_or_default();
        let width = (u64::BITS - most.abs_diff(least).leading_zeros()).div_ceil(8) as usize;
        if width == size_of::<i64>() {
            return Ok(None);
        }
        Ok(Some(Self {
            ty: array.data_type().clone(),
            least,
            width,
            rows: numbers.len(),
            above: by_width!(width, shorten(numbers.values(), least)),
            nulls: numbers.nulls().filter(|n| n.null_count() > 0).cloned(),
        }))
    }

    fn array(&self) -> Result<ArrayRef> {
        let numbers = by_width!(self.width, lengthen(&self.above, self.rows, self.least));
        let data = ArrayData::builder(self.ty.clone())
            .len(self.rows)
            .add_buffer(numbers.into_inner())
            .nulls(self.nulls.clone())
            .build()?;
        Ok(make_array(data))
    }
}

/// The low `W` bytes of what each number is above `least`; of a NULL any.
fn shorten<const W: usize>(numbers: &[i64], least: i64) -> Vec<u8> {
    let mut above = vec![0; numbers.len() * W];
    if W > 0 {
        for (short, number) in above.chunks_exact_mut(W).zip(numbers) {
            let long = number.wrapping_sub(least).to_le_bytes();
            short.copy_from_slice(long.first_chunk::<W>().map_or(&[], |low| low));
        }
    }
    above
}

fn lengthen<const W: usize>(above: &[u8], rows: usize, least: i64) -> ScalarBuffer<i64> {
    if W == 0 {
        return vec![least; rows].into();
    }
    let long = above.chunks_exact(W).map(|short| {
        let mut long = [0; size_of::<i64>()];
        if let Some(low) = long.first_chunk_mut::<W>() {
            low.copy_from_slice(short);
        }
        least.wrapping_add(i64::from_le_bytes(long))
    });
    long.collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use datafusion::arrow::array::{
        BooleanArray, Float64Array, StringViewArray, TimestampMicrosecondArray, UInt64Array,
    };
    use proptest::prelude::*;

    fn there_and_back(columns: Vec<(&str, ArrayRef)>) -> (RecordBatch, Packed) {
        let batch = RecordBatch::try_from_iter(columns).unwrap();
        let packed = Packed::new(&batch).unwrap();
        assert_eq!(packed.batch().unwrap(), batch);
        (batch, packed)
    }

    #[test]
    fn every_width_comes_back_as_it_was() {
        for bits in 0..=64u32 {
            for least in [i64::MIN, -7, 0, i64::MAX] {
                let reach = u64::MAX.checked_shr(64 - bits).unwrap_or(0);
                let Some(most) = least.checked_add_unsigned(reach) else { continue };
                let numbers = [Some(least), None, Some(most), Some(least), Some(most)];
                let (_, packed) = there_and_back(vec![
                    ("n", Arc::new(Int64Array::from_iter(numbers))),
                    (
                        "no_null",
                        Arc::new(Int64Array::from_iter_values(
                            numbers.into_iter().flatten().chain([least]),
                        )),
                    ),
                ]);
                for column in packed.columns {
                    let width = match column {
                        Column::Short(short) => short.width,
                        Column::AsItIs(_) => 8,
                    };
                    assert_eq!(width, bits.div_ceil(8) as usize, "{least} and {bits} bits");
                }
            }
        }
    }

    #[test]
    fn every_type_and_a_part_of_a_batch_come_back() {
        let (batch, packed) = there_and_back(vec![
            (
                "id",
                Arc::new(UInt64Array::from_iter(
                    (0..900).map(|i| (i % 7 > 0).then_some(u64::MAX - i)),
                )),
            ),
            (
                "ts",
                Arc::new(
                    TimestampMicrosecondArray::from_iter_values((0..900).map(|i| i * i * 977))
                        .with_timezone("Europe/Paris"),
                ),
            ),
            ("met", Arc::new(BooleanArray::from_iter((0..900).map(|i| Some(i % 3 == 1))))),
            ("amount", Arc::new(Float64Array::from_iter_values((0..900).map(f64::from)))),
            ("text", Arc::new(StringViewArray::from_iter_values((0..900).map(|i| i.to_string())))),
            ("nothing", Arc::new(Int64Array::new_null(900))),
        ]);
        let kept = |name: &str| {
            let at = batch.schema().index_of(name).unwrap();
            packed.columns[at].bytes()
        };
        assert!(kept("id") < 900 * 3 && kept("ts") < 900 * 5, "{} {}", kept("id"), kept("ts"));
        let part = batch.slice(11, 300);
        assert_eq!(Packed::new(&part).unwrap().batch().unwrap(), part);
        let none = batch.slice(0, 0);
        assert_eq!(Packed::new(&none).unwrap().batch().unwrap(), none);
    }

    #[test]
    fn texts_take_their_own_room_only() {
        let long = "a text that is not kept in the column itself";
        let many = StringViewArray::from_iter_values(std::iter::repeat_n(long, 10_000));
        let few: ArrayRef = Arc::new(many.slice(17, 3));
        let (_, packed) = there_and_back(vec![("text", few)]);
        assert!(packed.bytes() < 1000, "{}", packed.bytes());
    }

    proptest! {
        #[test]
        fn any_numbers_come_back(numbers in proptest::collection::vec(any::<Option<i64>>(), 0..40), shift in 0u32..64) {
            let numbers = numbers.into_iter().map(|n| n.map(|n| n >> shift));
            there_and_back(vec![("n", Arc::new(Int64Array::from_iter(numbers)))]);
        }
    }
}
