//! What an event is beside its time, and how it travels between partitions.
//!
//! A [`Payload`] is small and `Copy`, and its order decides between events of one time. Those here
//! can be put together as tuples:
//!
//! - `()`: only times matter;
//! - `u8`, `u32`, `u64`: a kind, or a bit for each condition that a row meets;
//! - `i64`: a whole number, or another time;
//! - [`Amount`][]: money; [`Digits`][]: money that is DECIMAL;
//! - [`Label`][]: a text, kept once in the accumulator's [`Texts`]. When answers are made, labels
//!   sort as their texts do.

use std::fmt::Debug;
use std::sync::Arc;

use datafusion::arrow::array::{
    ArrayRef, AsArray, Decimal128Array, Float64Array, Int64Array, StringViewBuilder, UInt8Array,
    UInt32Array, UInt64Array,
};
use datafusion::arrow::datatypes::{
    DECIMAL128_MAX_PRECISION, DataType, Decimal128Type, Float64Type, Int64Type, UInt8Type,
    UInt32Type, UInt64Type,
};
use datafusion::common::{HashMap, Result, internal_datafusion_err};

use crate::events::{Amount, Digits};

/// What an event is beside its time.
pub(crate) trait Payload: Copy + Ord + Debug + Send + Sync + 'static {
    /// Whether a [`Label`] is part of it.
    const LABELLED: bool = false;

    /// The types of the columns that it takes in a state.
    fn types() -> Vec<DataType>;

    /// Appends those columns.
    fn write(
        payloads: impl Iterator<Item = Self> + Clone,
        texts: &Texts,
        columns: &mut Vec<ArrayRef>,
    );

    /// Reads the `n` values of the next columns.
    ///
    /// # Errors
    /// Columns that no [`Self::write`] has written.
    fn read<'a>(
        columns: &mut impl Iterator<Item = &'a ArrayRef>,
        n: usize,
        texts: &mut Texts,
    ) -> Result<Vec<Self>>;

    /// The same with its label numbered anew.
    fn relabel(self, _new: &[Label]) -> Self {
        self
    }
}

fn next<'a>(columns: &mut impl Iterator<Item = &'a ArrayRef>) -> Result<&'a ArrayRef> {
    columns.next().ok_or_else(|| internal_datafusion_err!("a state has too few columns"))
}

impl Payload for () {
    fn types() -> Vec<DataType> {
        vec![]
    }

    fn write(_payloads: impl Iterator<Item = Self> + Clone, _: &Texts, _: &mut Vec<ArrayRef>) {}

    fn read<'a>(
        _columns: &mut impl Iterator<Item = &'a ArrayRef>,
        n: usize,
        _texts: &mut Texts,
    ) -> Result<Vec<Self>> {
        Ok(vec![(); n])
    }
}

/// Payloads that are a number of Arrow's: the array, its type, and there and back.
macro_rules! number {
    ($payload:ty, $array:ty, $arrow:ty, $data_type:expr, $to:expr, $from:expr) => {
        impl Payload for $payload {
            fn types() -> Vec<DataType> {
                vec![$data_type]
            }

            fn write(
                payloads: impl Iterator<Item = Self> + Clone,
                _texts: &Texts,
                columns: &mut Vec<ArrayRef>,
            ) {
                columns.push(Arc::new(<$array>::from_iter_values(payloads.map($to))));
            }

            fn read<'a>(
                columns: &mut impl Iterator<Item = &'a ArrayRef>,
                _n: usize,
                _texts: &mut Texts,
            ) -> Result<Vec<Self>> {
                let values = next(columns)?.as_primitive::<$arrow>().values();
                Ok(values.iter().copied().map($from).collect())
            }
        }
    };
}

number!(u8, UInt8Array, UInt8Type, DataType::UInt8, |v| v, |v| v);
number!(u32, UInt32Array, UInt32Type, DataType::UInt32, |v| v, |v| v);
number!(u64, UInt64Array, UInt64Type, DataType::UInt64, |v| v, |v| v);
number!(i64, Int64Array, Int64Type, DataType::Int64, |v| v, |v| v);
number!(Amount, Float64Array, Float64Type, DataType::Float64, |v: Amount| v.0, Amount::new);

impl Payload for Digits {
    fn types() -> Vec<DataType> {
        vec![DataType::Decimal128(DECIMAL128_MAX_PRECISION, 0)]
    }

    fn write(
        payloads: impl Iterator<Item = Self> + Clone,
        _texts: &Texts,
        columns: &mut Vec<ArrayRef>,
    ) {
        let digits: Decimal128Array = payloads.map(Self::get).collect();
        // the scale is known to who reads them
        let whole = DataType::Decimal128(DECIMAL128_MAX_PRECISION, 0);
        columns.push(Arc::new(digits.with_data_type(whole)));
    }

    fn read<'a>(
        columns: &mut impl Iterator<Item = &'a ArrayRef>,
        _n: usize,
        _texts: &mut Texts,
    ) -> Result<Vec<Self>> {
        let digits = next(columns)?.as_primitive::<Decimal128Type>();
        Ok(digits.iter().map(|d| d.map_or(Self::NULL, Self::new)).collect())
    }
}

macro_rules! tuple {
    ($($part:ident $at:tt),+) => {
        impl<$($part: Payload),+> Payload for ($($part,)+) {
            const LABELLED: bool = $($part::LABELLED)||+;

            fn types() -> Vec<DataType> {
                [$($part::types()),+].concat()
            }

            fn write(
                payloads: impl Iterator<Item = Self> + Clone,
                texts: &Texts,
                columns: &mut Vec<ArrayRef>,
            ) {
                $($part::write(payloads.clone().map(|p| p.$at), texts, columns);)+
            }

            fn read<'a>(
                columns: &mut impl Iterator<Item = &'a ArrayRef>,
                n: usize,
                texts: &mut Texts,
            ) -> Result<Vec<Self>> {
                let mut parts = ($($part::read(columns, n, texts)?.into_iter(),)+);
                let mut all = Vec::with_capacity(n);
                while let ($(Some($part),)+) = ($(parts.$at.next(),)+) {
                    all.push(($($part,)+));
                }
                Ok(all)
            }

            fn relabel(self, new: &[Label]) -> Self {
                ($(self.$at.relabel(new),)+)
            }
        }
    };
}

#[expect(non_snake_case, reason = "the values of the parts are named as their types")]
mod tuples {
    use super::{ArrayRef, DataType, Label, Payload, Result, Texts};
    tuple!(A 0, B 1);
    tuple!(A 0, B 1, C 2);
    tuple!(A 0, B 1, C 2, D 3);
}

/// A text of an accumulator, by its number in the [`Texts`].
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub(crate) struct Label(u32);

impl Label {
    /// No text: after all others.
    pub(crate) const NONE: Self = Self(u32::MAX);

    /// Where its text is among [`Texts::all`]; none for [`Label::NONE`].
    pub(crate) fn place(self) -> Option<i32> {
        i32::try_from(self.0).ok()
    }
}

impl Payload for Label {
    const LABELLED: bool = true;

    fn types() -> Vec<DataType> {
        vec![DataType::Utf8View]
    }

    fn write(
        payloads: impl Iterator<Item = Self> + Clone,
        texts: &Texts,
        columns: &mut Vec<ArrayRef>,
    ) {
        let mut out = StringViewBuilder::with_capacity(payloads.size_hint().0);
        for label in payloads {
            out.append_option(texts.get(label));
        }
        columns.push(Arc::new(out.finish()));
    }

    fn read<'a>(
        columns: &mut impl Iterator<Item = &'a ArrayRef>,
        _n: usize,
        texts: &mut Texts,
    ) -> Result<Vec<Self>> {
        let values = next(columns)?.as_string_view();
        Ok(values.iter().map(|v| v.map_or(Self::NONE, |v| texts.label(v))).collect())
    }

    fn relabel(self, new: &[Self]) -> Self {
        usize::try_from(self.0).ok().and_then(|i| new.get(i).copied()).unwrap_or(self)
    }
}

/// The different texts of an accumulator, each kept once.
#[derive(Debug, Clone)]
pub(crate) struct Texts {
    labels: HashMap<Arc<str>, Label>,
    texts: Vec<Arc<str>>,
    bytes: usize,
    /// in the order of the alphabet
    sorted: bool,
}

impl Default for Texts {
    fn default() -> Self {
        Self { labels: HashMap::default(), texts: vec![], bytes: 0, sorted: true }
    }
}

impl Texts {
    /// The label of a text, a new one if it is new.
    pub(crate) fn label(&mut self, text: &str) -> Label {
        if let Some(&label) = self.labels.get(text) {
            return label;
        }
        // 2³² − 1 different texts do not fit in memory
        let label = Label(u32::try_from(self.texts.len()).unwrap_or(u32::MAX));
        self.sorted &= self.texts.last().is_none_or(|last| last.as_ref() < text);
        let text: Arc<str> = Arc::from(text);
        // text and its two counters, two pointers to it, its label, and the table's slack
        self.bytes += text.len() + 16 + 2 * 16 + 4 + 8;
        self.texts.push(Arc::clone(&text));
        self.labels.insert(text, label);
        label
    }

    /// The text of a label; none for [`Label::NONE`].
    pub(crate) fn get(&self, label: Label) -> Option<&str> {
        usize::try_from(label.0).ok().and_then(|i| self.texts.get(i)).map(AsRef::as_ref)
    }

    /// All texts, in the order of their labels.
    pub(crate) fn all(&self) -> impl Iterator<Item = &str> {
        self.texts.iter().map(AsRef::as_ref)
    }

    /// Numbers the labels in the order of their texts; returns what became of each, unless they
    /// were in order.
    pub(crate) fn sort(&mut self) -> Option<Vec<Label>> {
        if self.sorted {
            return None;
        }
        let mut new = vec![Label::NONE; self.texts.len()];
        let old = std::mem::take(&mut self.texts);
        self.texts.clone_from(&old);
        self.texts.sort_unstable();
        for (i, text) in (0u32..).zip(&self.texts) {
            self.labels.insert(Arc::clone(text), Label(i));
        }
        for (new, text) in new.iter_mut().zip(&old) {
            *new = self.labels.get(text).copied().unwrap_or(Label::NONE);
        }
        self.sorted = true;
        Some(new)
    }

    /// Bytes held.
    pub(crate) fn size(&self) -> usize {
        self.bytes
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_payload_comes_back_from_its_columns_with_other_labels_for_its_texts() {
        type P = (u8, Amount, Label, u64);
        let mut here = Texts::default();
        let sent: Vec<P> = vec![
            (7, Amount::new(0.5), here.label("tea"), 1 << 63),
            (0, Amount::NULL, Label::NONE, 0),
            (1, Amount::new(-2.0), here.label("a text of more than twelve bytes"), 3),
        ];
        let mut columns = vec![];
        P::write(sent.iter().copied(), &here, &mut columns);
        let types: Vec<DataType> = columns.iter().map(|c| c.data_type().clone()).collect();
        assert_eq!(types, P::types());
        let mut there = Texts::default();
        there.label("cups");
        let got = P::read(&mut columns.iter(), 3, &mut there).unwrap();
        for (sent, got) in sent.iter().zip(&got) {
            assert_eq!((sent.0, sent.1, sent.3), (got.0, got.1, got.3));
            assert_eq!(here.get(sent.2), there.get(got.2));
        }
        assert_eq!(got.len(), 3);
        assert!(P::read(&mut columns.iter().take(3), 3, &mut there).is_err());
        assert_eq!(<()>::read(&mut [].iter(), 2, &mut there).unwrap(), [(), ()]);
    }

    #[test]
    fn the_digits_of_decimals_come_back() {
        let sent = [Digits::new(-5), Digits::NULL, Digits::new(10_i128.pow(37))];
        let mut columns = vec![];
        Digits::write(sent.into_iter(), &Texts::default(), &mut columns);
        assert_eq!(columns[0].data_type(), &Digits::types()[0]);
        assert_eq!(Digits::read(&mut columns.iter(), 3, &mut Texts::default()).unwrap(), sent);
    }

    #[test]
    fn sorted_labels_are_in_the_order_of_their_texts_and_none_is_last() {
        let mut texts = Texts::default();
        let came = ["tea", "art", "tea", "cups"].map(|t| texts.label(t));
        assert_eq!(texts.sort().map(|new| came.map(|l| l.relabel(&new))), {
            let [art, cups, tea] = [0, 1, 2].map(Label);
            Some([tea, art, tea, cups])
        });
        assert_eq!(texts.sort(), None);
        let art = texts.label("art");
        assert_eq!(texts.get(art), Some("art"));
        assert_eq!(texts.label("zebra"), Label(3));
        assert_eq!(texts.sort(), None);
        assert!(Label(3) < Label::NONE && texts.get(Label::NONE).is_none());
        assert_eq!(Label::NONE.relabel(&[Label(0)]), Label::NONE);
    }
}
