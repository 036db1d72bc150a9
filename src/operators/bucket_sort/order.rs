//! The order of rows, from one sort of integers.
//!
//! Each column of the order becomes ranks: a number is its distance from the least one, a text its
//! place among the different texts. A row's ranks and its number are packed into 128 bits, most
//! important first; these are sorted, and the numbers read off. Rows that are equal keep their
//! order. Ranks that do not fit are left to Arrow's own sort. O(n log n), without a comparison of
//! values but those of the different texts.

use std::cmp::Ordering;
use std::hash::Hash;
use std::sync::Arc;

use datafusion::arrow::array::{Array, ArrayRef, AsArray, UInt32Array};
use datafusion::arrow::buffer::ScalarBuffer;
use datafusion::arrow::compute::{SortColumn, SortOptions, cast, lexsort_to_indices, rank};
use datafusion::arrow::datatypes::{DataType, Decimal128Type, Int64Type};
use datafusion::common::{HashMap, Result, exec_err};

use crate::operators::names;

/// A column of the order.
#[derive(Debug, Clone)]
pub(super) struct By {
    pub(super) column: SortColumn,
    /// its values are numbers that stand for names, and come in the order of the names
    pub(super) names: bool,
}

/// Numbers of rows in the order of `columns`, of which there is at least one. `None`: columns with
/// names are too wide to be sorted.
pub(super) fn permutation(columns: &[By]) -> Result<Option<UInt32Array>> {
    let rows = columns.first().map_or(0, |c| c.column.values.len());
    let Ok(end) = u32::try_from(rows) else {
        return exec_err!("{rows} rows are too many to be sorted as one");
    };
    match packed(columns, end) {
        Some(mut keys) => {
            keys.sort_unstable();
            let mask = u128::from(u32::MAX);
            let rows = keys.iter().map(|k| u32::try_from(k & mask).unwrap_or(u32::MAX));
            Ok(Some(rows.collect::<Vec<_>>().into()))
        }
        None if columns.iter().any(|by| by.names) => Ok(None),
        None => {
            let row = Arc::new(UInt32Array::from_iter_values(0..end));
            let row = SortColumn { values: row, options: None };
            let by = columns.iter().map(|by| by.column.clone());
            let by: Vec<SortColumn> = by.chain([row]).collect();
            Ok(Some(lexsort_to_indices(&by, None)?))
        }
    }
}

/// Each row's ranks, and its number in the last 32 bits.
fn packed(columns: &[By], rows: u32) -> Option<Vec<u128>> {
    let mut keys: Vec<u128> = vec![];
    let mut bits = u32::BITS;
    for By { column, names } in columns {
        let options = column.options.unwrap_or_default();
        let Ranks { ranks, most } = if *names {
            let numbers = column.values.as_primitive::<Decimal128Type>();
            places(numbers.iter().map(|n| n.map(i128::cast_unsigned)), names::compare, options)?
        } else {
            ranks(&column.values, options)?
        };
        let width = u64::BITS - most.leading_zeros();
        bits += width;
        if bits > u128::BITS {
            return None;
        }
        match ranks {
            Kind::Distances { numbers, end } => {
                append(&mut keys, width, numbers.iter().map(|n| n.abs_diff(end)));
            }
            Kind::Listed(ranks) => append(&mut keys, width, ranks.into_iter()),
        }
    }
    append(&mut keys, u32::BITS, (0..rows).map(u64::from));
    Some(keys)
}

/// Puts a rank of so many bits behind each key.
fn append(keys: &mut Vec<u128>, width: u32, ranks: impl Iterator<Item = u64>) {
    if keys.is_empty() {
        // pages of zeros would be touched twice
        keys.extend(ranks.map(u128::from));
        return;
    }
    for (key, rank) in keys.iter_mut().zip(ranks) {
        *key = *key << width | u128::from(rank);
    }
}

/// What orders the rows of a column as its values do, and the greatest of it.
struct Ranks {
    ranks: Kind,
    most: u64,
}

enum Kind {
    /// distances from one end; they are not written down
    Distances {
        numbers: ScalarBuffer<i64>,
        end: i64,
    },
    Listed(Vec<u64>),
}

fn ranks(values: &ArrayRef, options: SortOptions) -> Option<Ranks> {
    match values.data_type() {
        DataType::Int8
        | DataType::Int16
        | DataType::Int32
        | DataType::Int64
        | DataType::UInt8
        | DataType::UInt16
        | DataType::UInt32
        | DataType::Date32
        | DataType::Date64
        | DataType::Timestamp(..)
        | DataType::Time32(_)
        | DataType::Time64(_)
        | DataType::Duration(_) => {
            let numbers = cast(values, &DataType::Int64).ok()?;
            let numbers = numbers.as_primitive::<Int64Type>();
            if numbers.null_count() == 0 {
                return Some(distances_of_all(numbers.values(), options));
            }
            distances(numbers.iter(), options)
        }
        DataType::Boolean => {
            distances(values.as_boolean().iter().map(|b| b.map(i64::from)), options)
        }
        DataType::Utf8 => places(values.as_string::<i32>().iter(), Ord::cmp, options),
        DataType::LargeUtf8 => places(values.as_string::<i64>().iter(), Ord::cmp, options),
        DataType::Utf8View => places(values.as_string_view().iter(), Ord::cmp, options),
        _ => {
            let ranks: Vec<u64> =
                rank(values, Some(options)).ok()?.into_iter().map(u64::from).collect();
            let most = ranks.iter().copied().max().unwrap_or(0);
            Some(Ranks { ranks: Kind::Listed(ranks), most })
        }
    }
}

/// Distances from the least number, or to the greatest, where none is NULL.
fn distances_of_all(numbers: &ScalarBuffer<i64>, options: SortOptions) -> Ranks {
    let least = numbers.iter().copied().min().unwrap_or(0);
    let greatest = numbers.iter().copied().max().unwrap_or(0);
    let end = if options.descending { greatest } else { least };
    let numbers = numbers.clone();
    Ranks { ranks: Kind::Distances { numbers, end }, most: greatest.abs_diff(least) }
}

/// Distances from the least number, or to the greatest.
fn distances(
    numbers: impl Iterator<Item = Option<i64>> + Clone,
    SortOptions { descending, nulls_first }: SortOptions,
) -> Option<Ranks> {
    let (least, greatest, nulls) =
        numbers.clone().fold((i64::MAX, i64::MIN, false), |(least, greatest, nulls), n| match n {
            Some(n) => (least.min(n), greatest.max(n), nulls),
            None => (least, greatest, true),
        });
    let span = if least > greatest { 0 } else { greatest.abs_diff(least) };
    // NULLs are a distance more, at the one end or the other
    let most = span.checked_add(u64::from(nulls))?;
    let (null, first) = if nulls_first { (0, u64::from(nulls)) } else { (most, 0) };
    let rank = |n: i64| first + if descending { greatest.abs_diff(n) } else { n.abs_diff(least) };
    let ranks = numbers.map(|n| n.map_or(null, rank)).collect();
    Some(Ranks { ranks: Kind::Listed(ranks), most })
}

/// Places among the different texts.
fn places<T: Copy + Eq + Name>(
    texts: impl Iterator<Item = Option<T>>,
    compare: fn(&T, &T) -> Ordering,
    SortOptions { descending, nulls_first }: SortOptions,
) -> Option<Ranks> {
    let mut ids = Ids::default();
    let mut different: Vec<(Option<T>, u32)> = vec![];
    let mut rows: Vec<u32> = vec![];
    let mut last: Option<(Option<T>, u32)> = None;
    for text in texts {
        let id = match last {
            Some((same, id)) if same == text => id,
            _ => {
                let next = u32::try_from(different.len()).ok()?;
                let id = ids.of(text, next);
                if id == next {
                    different.push((text, id));
                }
                id
            }
        };
        last = Some((text, id));
        rows.push(id);
    }
    different.sort_unstable_by(|(a, _), (b, _)| match (a, b) {
        (Some(a), Some(b)) if descending => compare(b, a),
        (Some(a), Some(b)) => compare(a, b),
        _ if nulls_first => a.is_some().cmp(&b.is_some()),
        _ => b.is_some().cmp(&a.is_some()),
    });
    let mut place = vec![0u64; different.len()];
    for (rank, (_, id)) in (0u64..).zip(&different) {
        *place.get_mut(usize::try_from(*id).ok()?)? = rank;
    }
    let ranks = rows
        .into_iter()
        .map(|id| usize::try_from(id).ok().and_then(|id| place.get(id).copied()))
        .collect::<Option<Vec<u64>>>()?;
    Some(Ranks { ranks: Kind::Listed(ranks), most: u64::try_from(different.len()).ok()? })
}

/// The ids of texts that were seen. One that is a number is found without looking at another.
struct Ids<T> {
    numbers: HashMap<u128, u32>,
    texts: HashMap<T, u32>,
    null: Option<u32>,
}

/// What may have a number.
trait Name: Hash {
    fn number(self) -> Option<u128>;
}

impl Name for &str {
    fn number(self) -> Option<u128> {
        names::number(self)
    }
}

impl Name for u128 {
    fn number(self) -> Option<u128> {
        Some(self)
    }
}

impl<T: Copy + Eq + Name> Ids<T> {
    /// That of `text`, which is `next` if it is a new one.
    fn of(&mut self, text: Option<T>, next: u32) -> u32 {
        let Some(text) = text else { return *self.null.get_or_insert(next) };
        match text.number() {
            Some(number) => *self.numbers.entry(number).or_insert(next),
            None => *self.texts.entry(text).or_insert(next),
        }
    }
}

impl<T> Default for Ids<T> {
    fn default() -> Self {
        Self { numbers: HashMap::new(), texts: HashMap::new(), null: None }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use datafusion::arrow::array::{
        BooleanArray, Decimal128Array, Float64Array, Int64Array, StringArray, StringViewArray,
        TimestampMicrosecondArray,
    };
    use proptest::prelude::*;

    type Row = (Option<i64>, Option<u8>, Option<bool>, Option<i8>);

    /// Columns of every kind of rank from a few small numbers.
    fn columns(rows: &[Row], wide: bool) -> Vec<ArrayRef> {
        let far = if wide { i64::MAX / 2 } else { 1000 };
        let texts = || rows.iter().map(|r| r.1.map(|t| "abcä".repeat(usize::from(t % 5))));
        vec![
            Arc::new(rows.iter().map(|r| r.0.map(|n| n * far)).collect::<Int64Array>()),
            Arc::new(StringArray::from_iter(texts())),
            Arc::new(StringViewArray::from_iter(texts())),
            Arc::new(rows.iter().map(|r| r.2).collect::<BooleanArray>()),
            Arc::new(TimestampMicrosecondArray::from_iter(rows.iter().map(|r| r.3.map(i64::from)))),
            Arc::new(
                rows.iter().map(|r| r.3.map(|n| f64::from(n) / 3.0)).collect::<Float64Array>(),
            ),
            Arc::new(rows.iter().map(|r| r.3.map(i128::from)).collect::<Decimal128Array>()),
        ]
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(4096))]

        /// The order is that of Arrow's sort; where rows are equal, that in which they came.
        #[test]
        fn rows_are_in_the_order_of_arrows_sort(
            rows in prop::collection::vec((prop::option::of(-2i64..=2), prop::option::of(0u8..5), any::<Option<bool>>(), prop::option::of(-3i8..3)), 0..40),
            by in prop::collection::vec((0usize..7, any::<bool>(), any::<bool>()), 1..4),
            wide in any::<bool>(),
            given in any::<bool>(),
        ) {
            // numbers without a NULL are ranked otherwise
            let filled = |r: &Row| (r.0.or(Some(1)), r.1, r.2, r.3.or(Some(-1)));
            let rows: Vec<Row> = if given { rows.iter().map(filled).collect() } else { rows };
            let columns = columns(&rows, wide);
            let order: Vec<SortColumn> = by.iter().map(|(c, descending, nulls_first)| SortColumn {
                values: Arc::clone(&columns[*c]),
                options: Some(SortOptions { descending: *descending, nulls_first: *nulls_first }),
            }).collect();
            let given: Vec<By> = order.iter().map(|c| By { column: c.clone(), names: false }).collect();
            let got = permutation(&given).unwrap().unwrap();
            // the column of texts as numbers, where they are short
            let named = order.iter().map(|c| {
                let numbers = c.values.as_string_view_opt().map(names::numbers);
                match numbers {
                    Some((numbers, None)) => {
                        let values = Arc::new(numbers);
                        By { column: SortColumn { values, ..c.clone() }, names: true }
                    }
                    _ => By { column: c.clone(), names: false },
                }
            });
            if let Some(by_number) = permutation(&named.collect::<Vec<_>>()).unwrap() {
                prop_assert_eq!(&got, &by_number);
            }
            let mut with_row = order.clone();
            with_row.push(SortColumn {
                values: Arc::new(UInt32Array::from_iter_values(0..u32::try_from(rows.len()).unwrap())),
                options: None,
            });
            prop_assert_eq!(&got, &lexsort_to_indices(&with_row, None).unwrap());
        }
    }

    #[test]
    fn what_does_not_fit_is_sorted_too() {
        let far = Int64Array::from(vec![Some(i64::MAX), Some(i64::MIN), None, Some(0)]);
        let column = SortColumn { values: Arc::new(far), options: None };
        let column = By { column, names: false };
        let got = permutation(&[column.clone(), column.clone()]).unwrap().unwrap();
        assert_eq!(got.values(), &[2, 1, 3, 0]);
        // but not as numbers: names have another order
        let (names, _) = names::numbers(&StringViewArray::from(vec!["b", "a", "", "c"]));
        let names = SortColumn { values: Arc::new(names), options: None };
        let names = By { column: names, names: true };
        assert_eq!(permutation(&[names.clone(), column.clone(), column]).unwrap(), None);
        assert_eq!(permutation(&[names]).unwrap().unwrap().values(), &[2, 1, 0, 3]);
    }
}
