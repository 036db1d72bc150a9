//! A customer as a clustered lake orders them: numbers by value, texts by their bytes, nobody last.

use std::cmp::Ordering;

use datafusion::arrow::array::{Array, AsArray, Int64Array, StringViewArray};
use datafusion::arrow::datatypes::{DataType, Int64Type};
use datafusion::common::ScalarValue;
use serde::{Deserialize, Serialize};

/// A customer.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(untagged)]
pub(crate) enum Key {
    /// BIGINT
    Int(i64),
    /// VARCHAR
    Text(String),
}

/// What customers are in a lake.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub(crate) enum KeyKind {
    Int,
    Text,
}

impl KeyKind {
    /// The type of the column.
    pub(crate) fn data_type(self) -> DataType {
        match self {
            Self::Int => DataType::Int64,
            Self::Text => DataType::Utf8View,
        }
    }
}

impl Key {
    pub(crate) fn kind(&self) -> KeyKind {
        match self {
            Self::Int(_) => KeyKind::Int,
            Self::Text(_) => KeyKind::Text,
        }
    }

    /// The value as the column holds it.
    pub(crate) fn scalar(&self) -> ScalarValue {
        match self {
            Self::Int(n) => ScalarValue::Int64(Some(*n)),
            Self::Text(text) => ScalarValue::Utf8View(Some(text.clone())),
        }
    }

    /// The next greater customer, if there is one.
    pub(crate) fn next(&self) -> Option<Self> {
        match self {
            Self::Int(n) => n.checked_add(1).map(Self::Int),
            Self::Text(text) => Some(Self::Text(format!("{text}\0"))),
        }
    }
}

/// A column of customers.
#[derive(Debug, Clone, Copy)]
pub(crate) enum Keys<'a> {
    Int(&'a Int64Array),
    Text(&'a StringViewArray),
}

impl<'a> Keys<'a> {
    pub(crate) fn of(column: &'a dyn Array) -> Option<Self> {
        match column.data_type() {
            DataType::Int64 => column.as_primitive_opt::<Int64Type>().map(Self::Int),
            DataType::Utf8View => column.as_string_view_opt().map(Self::Text),
            _ => None,
        }
    }

    pub(crate) fn len(&self) -> usize {
        match self {
            Self::Int(column) => column.len(),
            Self::Text(column) => column.len(),
        }
    }

    fn nulls(&self) -> usize {
        match self {
            Self::Int(column) => column.null_count(),
            Self::Text(column) => column.null_count(),
        }
    }

    /// The numbers themselves, if nobody is missing.
    pub(crate) fn numbers(&self) -> Option<&'a [i64]> {
        match self {
            Self::Int(column) if column.null_count() == 0 => Some(column.values().as_ref()),
            _ => None,
        }
    }

    /// In a column in order: the first row without a customer, or its length.
    pub(crate) fn nobody(&self) -> usize {
        self.len() - self.nulls()
    }

    /// The customer of a row; `None` for nobody.
    pub(crate) fn key(&self, row: usize) -> Option<Key> {
        match self {
            Self::Int(column) => column.is_valid(row).then(|| Key::Int(column.value(row))),
            Self::Text(column) => {
                column.is_valid(row).then(|| Key::Text(column.value(row).to_owned()))
            }
        }
    }

    /// Two rows in the order of the lake.
    pub(crate) fn compare(&self, a: usize, b: usize) -> Ordering {
        match self {
            Self::Int(c) => last(
                c.is_valid(a).then(|| c.value(a)).as_ref(),
                c.is_valid(b).then(|| c.value(b)).as_ref(),
            ),
            Self::Text(c) => {
                last(c.is_valid(a).then(|| c.value(a)), c.is_valid(b).then(|| c.value(b)))
            }
        }
    }

    /// A row and a customer in the order of the lake.
    pub(crate) fn compare_to(&self, row: usize, key: Option<&Key>) -> Ordering {
        match (self, key) {
            (Self::Int(c), Some(Key::Int(key))) if c.is_valid(row) => c.value(row).cmp(key),
            (Self::Text(c), Some(Key::Text(key))) if c.is_valid(row) => {
                c.value(row).cmp(key.as_str())
            }
            (_, None) if self.key(row).is_none() => Ordering::Equal,
            (_, None) => Ordering::Less,
            _ => Ordering::Greater,
        }
    }

    /// In a column in order: the first row that is not below `key`.
    pub(crate) fn at_or_above(&self, key: &Key) -> usize {
        let (mut low, mut high) = (0, self.len());
        while low < high {
            let middle = low.midpoint(high);
            match self.compare_to(middle, Some(key)) {
                Ordering::Less => low = middle + 1,
                _ => high = middle,
            }
        }
        low
    }
}

/// Order with what is missing last.
fn last<T: Ord + ?Sized>(a: Option<&T>, b: Option<&T>) -> Ordering {
    match (a, b) {
        (Some(a), Some(b)) => a.cmp(b),
        (Some(_), None) => Ordering::Less,
        (None, Some(_)) => Ordering::Greater,
        (None, None) => Ordering::Equal,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn nobody_comes_last() {
        let numbers = Int64Array::from(vec![Some(-1), Some(3), None]);
        let texts = StringViewArray::from(vec![Some("a"), Some("ab"), None]);
        for (keys, key) in [
            (Keys::of(&numbers).unwrap(), Key::Int(3)),
            (Keys::of(&texts).unwrap(), Key::Text("ab".into())),
        ] {
            assert_eq!(keys.compare(0, 1), Ordering::Less);
            assert_eq!(keys.compare(1, 2), Ordering::Less);
            assert_eq!(keys.compare(2, 2), Ordering::Equal);
            assert_eq!((keys.nobody(), keys.at_or_above(&key)), (2, 1));
            assert_eq!(keys.at_or_above(&key.next().unwrap()), 2);
            assert_eq!(keys.compare_to(2, Some(&key)), Ordering::Greater);
            assert_eq!(keys.compare_to(2, None), Ordering::Equal);
            assert_eq!(keys.compare_to(1, None), Ordering::Less);
            assert_eq!(keys.key(1), Some(key));
        }
        assert_eq!(Key::Int(i64::MAX).next(), None);
    }
}
