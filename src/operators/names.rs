//! Names as numbers of 128 bits, and back.
//!
//! Customers are often named by texts: a UUID (36 characters), or something short such as `C-10482`.
//! As a number such a name takes 16 bytes, none of them elsewhere, and two are compared at once.
//! Which texts have a number, and which, depends on nothing but the text:
//!
//! - a UUID as RFC 9562 writes it, in small letters and of its own variant, is the number that it
//!   writes;
//! - a text of at most 15 bytes is these bytes around one that says how many they are. That byte is
//!   where a UUID has its variant, and its first two bits are those of no UUID of that variant.
//!
//! Other texts have none.

use std::cmp::Ordering;
use std::sync::Arc;

use datafusion::arrow::array::{
    Array, ArrayRef, BooleanBufferBuilder, Decimal128Array, StringViewArray, StringViewBuilder,
    UInt32Array,
};
use datafusion::arrow::buffer::BooleanBuffer;
use datafusion::arrow::compute::take;
use datafusion::arrow::datatypes::DataType;
use datafusion::common::Result;

/// The longest text that is written down as it is.
const SHORT: usize = 15;
/// The first two bits of the byte with the variant: those of a UUID …
const UUID: u8 = 0b1000_0000;
/// … and those of a short text, whose number of bytes follows.
const TEXT: u8 = 0b1100_0000;
const KIND: u8 = 0b1100_0000;
/// The length in that byte.
const LENGTH: u8 = 0b0000_1111;
/// The bytes of a number before that byte.
const BEFORE: usize = 8;
/// The digits of a UUID in four parts of eight.
type Digits = [[u8; 8]; 4];

/// The type of a column of numbers.
pub(crate) const NUMBER: DataType = DataType::Decimal128(38, 0);

/// The number of a text, if it has one.
pub(crate) fn number(text: &str) -> Option<u128> {
    let text = text.as_bytes();
    if text.len() <= SHORT { Some(short(text)) } else { uuid(text) }
}

fn short(text: &[u8]) -> u128 {
    let mut bytes = [0; 16];
    let (head, tail) = text.split_at(text.len().min(BEFORE));
    let (before, rest) = bytes.split_at_mut(BEFORE);
    before.iter_mut().zip(head).for_each(|(to, from)| *to = *from);
    rest.iter_mut().skip(1).zip(tail).for_each(|(to, from)| *to = *from);
    if let Some(kind) = rest.first_mut() {
        *kind = TEXT | u8::try_from(text.len()).unwrap_or(0);
    }
    u128::from_be_bytes(bytes)
}

fn uuid(text: &[u8]) -> Option<u128> {
    let mut number = 0;
    for part in digits(text.try_into().ok()?)? {
        number = number << 32 | u128::from(from_hex(part)?);
    }
    (kind(number).0 == UUID).then_some(number)
}

/// The kind of a number, and the length if it is a short text.
fn kind(number: u128) -> (u8, usize) {
    let [.., byte, _, _, _, _, _, _, _] = number.to_be_bytes();
    (byte & KIND, usize::from(byte & LENGTH))
}

/// What stands around the hyphens.
fn digits(text: &[u8; 36]) -> Option<Digits> {
    #[rustfmt::skip]
    let [
        a0, a1, a2, a3, a4, a5, a6, a7, b'-',
        b0, b1, b2, b3, b'-', b4, b5, b6, b7, b'-',
        c0, c1, c2, c3, b'-', c4, c5, c6, c7,
        d0, d1, d2, d3, d4, d5, d6, d7,
    ] = *text
    else {
        return None;
    };
    Some([
        [a0, a1, a2, a3, a4, a5, a6, a7],
        [b0, b1, b2, b3, b4, b5, b6, b7],
        [c0, c1, c2, c3, c4, c5, c6, c7],
        [d0, d1, d2, d3, d4, d5, d6, d7],
    ])
}

fn hyphenated(digits: Digits) -> [u8; 36] {
    let [
        [a0, a1, a2, a3, a4, a5, a6, a7],
        [b0, b1, b2, b3, b4, b5, b6, b7],
        [c0, c1, c2, c3, c4, c5, c6, c7],
        [d0, d1, d2, d3, d4, d5, d6, d7],
    ] = digits;
    #[rustfmt::skip]
    let text = [
        a0, a1, a2, a3, a4, a5, a6, a7, b'-',
        b0, b1, b2, b3, b'-', b4, b5, b6, b7, b'-',
        c0, c1, c2, c3, b'-', c4, c5, c6, c7,
        d0, d1, d2, d3, d4, d5, d6, d7,
    ];
    text
}

/// One in each byte.
const ONES: u64 = u64::from_ne_bytes([1; 8]);

/// The number that eight digits write, all at once: a byte each. `None` where they are not what
/// [`to_hex`] writes.
fn from_hex(digits: [u8; 8]) -> Option<u32> {
    let letters = u64::from_be_bytes(digits) >> 6 & ONES;
    let nibbles = (u64::from_be_bytes(digits) & (15 * ONES)) + 9 * letters;
    if nibbles & (0xf0 * ONES) != 0 || written(nibbles) != digits {
        return None;
    }
    let pairs = (nibbles | nibbles >> 4) & 0x00ff_00ff_00ff_00ff;
    let fours = (pairs | pairs >> 8) & 0x0000_ffff_0000_ffff;
    Some(low(u128::from(fours | fours >> 16)))
}

/// The last 32 bits.
fn low(number: u128) -> u32 {
    u32::try_from(number & u128::from(u32::MAX)).unwrap_or(0)
}

fn to_hex(number: u32) -> [u8; 8] {
    let fours = (u64::from(number) | u64::from(number) << 16) & 0x0000_ffff_0000_ffff;
    let pairs = (fours | fours << 8) & 0x00ff_00ff_00ff_00ff;
    written((pairs | pairs << 4) & 0x0f0f_0f0f_0f0f_0f0f)
}

/// Eight digits of four bits, a byte each, in hexadecimal letters.
fn written(nibbles: u64) -> [u8; 8] {
    let letters = (nibbles + 6 * ONES) >> 4 & ONES;
    let offset = u64::from(b'a' - b'0' - 10);
    (nibbles + u64::from(b'0') * ONES + offset * letters).to_be_bytes()
}

/// The numbers of texts, and which texts have none, if any.
pub(crate) fn numbers(texts: &StringViewArray) -> (Decimal128Array, Option<BooleanBuffer>) {
    let mut without = vec![];
    let numbers: Vec<i128> = texts
        .iter()
        .enumerate()
        .map(|(row, text)| {
            let number = text.map_or(Some(0), number);
            if number.is_none() {
                without.push(row);
            }
            number.unwrap_or(0).cast_signed()
        })
        .collect();
    let missing = (!without.is_empty()).then(|| {
        let mut missing = BooleanBufferBuilder::new(texts.len());
        missing.append_n(texts.len(), false);
        without.iter().for_each(|row| missing.set_bit(*row, true));
        missing.finish()
    });
    let numbers = Decimal128Array::new(numbers.into(), texts.nulls().cloned());
    (numbers.with_data_type(NUMBER), missing)
}

/// The texts that have these numbers. Of equal numbers one after the other it is written once.
pub(crate) fn texts(numbers: &Decimal128Array) -> Result<ArrayRef> {
    let mut texts = StringViewBuilder::new();
    let mut places: Vec<u32> = Vec::with_capacity(numbers.len());
    let (mut different, mut last) = (0, None);
    for number in numbers {
        if last != Some(number) {
            match number {
                Some(number) => text(number.cast_unsigned(), |text| texts.append_value(text)),
                None => texts.append_null(),
            }
            (different, last) = (different + 1, Some(number));
        }
        places.push(different - 1);
    }
    let texts = texts.finish();
    if texts.len() == numbers.len() {
        return Ok(Arc::new(texts));
    }
    Ok(take(&texts, &UInt32Array::from(places), None)?)
}

/// Compares numbers as the texts that they stand for.
pub(crate) fn compare(a: &u128, b: &u128) -> Ordering {
    if [a, b].into_iter().all(|number| kind(*number).0 == UUID) {
        return a.cmp(b);
    }
    let mut order = Ordering::Equal;
    text(*a, |a| text(*b, |b| order = a.cmp(b)));
    order
}

/// Hands `f` the text of a number.
fn text(number: u128, f: impl FnOnce(&str)) {
    let (kind, length) = kind(number);
    let bytes = number.to_be_bytes();
    if kind == UUID {
        let [a, b, c, d] = [96, 64, 32, 0].map(|bits| to_hex(low(number >> bits)));
        return f(str::from_utf8(&hyphenated([a, b, c, d])).unwrap_or_default());
    }
    let [b0, b1, b2, b3, b4, b5, b6, b7, _, rest @ ..] = bytes;
    let [r0, r1, r2, r3, r4, r5, r6] = rest;
    let text = [b0, b1, b2, b3, b4, b5, b6, b7, r0, r1, r2, r3, r4, r5, r6];
    f(text.get(..length).and_then(|text| str::from_utf8(text).ok()).unwrap_or_default());
}

#[cfg(test)]
mod tests {
    use super::*;
    use datafusion::arrow::array::AsArray;
    use proptest::prelude::*;
    use std::collections::HashMap;

    fn back(number: u128) -> String {
        let mut back = String::new();
        text(number, |text| back = text.to_string());
        back
    }

    #[test]
    fn a_uuid_is_the_number_that_it_writes() {
        let text = "f81d4fae-7dec-11d0-a765-00a0c91e6bf6";
        let number = number(text).unwrap();
        assert_eq!(number, 0xf81d_4fae_7dec_11d0_a765_00a0_c91e_6bf6);
        assert_eq!(back(number), text);
    }

    #[test]
    fn what_would_not_come_back_has_no_number() {
        for text in [
            "F81d4fae-7dec-11d0-a765-00a0c91e6bf6", // a capital letter
            "f81d4fae-7dec-11d0-c765-00a0c91e6bf6", // another variant
            "f81d4fae-7dec-11d0-2765-00a0c91e6bf6",
            "f81d4fae-7dec-11d0-a765-00a0c91e6bg6", // no digit
            "f81d4fae-7dec-11d0-a765-00a0c91e6b\u{f6}",
            "f81d4fae-7dec-11d0-a765_00a0c91e6bf6",
            "f81d4fae-7dec-11d0-a765-00a0c91e6bf",
            "f81d4fae7dec11d0a76500a0c91e6bf6",
            "sixteen.letters.",
            "ada@example.com.example",
        ] {
            assert_eq!(number(text), None, "{text}");
        }
    }

    #[test]
    fn every_byte_that_is_no_digit_is_seen() {
        let text = *b"f81d4fae-7dec-11d0-a765-00a0c91e6bf6";
        for at in 0..text.len() {
            for byte in 0..128 {
                let mut text = text;
                text[at] = byte;
                let text = str::from_utf8(&text).unwrap();
                let Some(number) = number(text) else { continue };
                assert_eq!(back(number), text);
            }
        }
    }

    #[test]
    fn columns_tell_what_has_no_number() {
        let mixed = [Some("a"), None, Some(""), Some("sixteen letters.")];
        let (given, missing) = numbers(&StringViewArray::from(mixed.to_vec()));
        assert_eq!(missing.unwrap().set_indices().collect::<Vec<_>>(), [3]);
        let known = StringViewArray::from(mixed[..3].to_vec());
        assert_eq!(texts(&given.slice(0, 3)).unwrap().as_string_view(), &known);
        assert_eq!(numbers(&known), (given.slice(0, 3), None));
    }

    proptest! {
        #[test]
        fn numbers_come_back_as_the_texts_they_were(
            names in prop::collection::vec(prop_oneof!["[a-c\u{0}-\u{2}äé€😀]{0,17}", "[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}"], 0..60),
        ) {
            let all = StringViewArray::from_iter(names.iter().flat_map(|n| [Some(n), Some(n), None]));
            if let (given, None) = numbers(&all) {
                let written = texts(&given).unwrap();
                prop_assert_eq!(written.as_string_view(), &all);
            }
            let known: Vec<u128> = names.iter().filter_map(|n| number(n)).collect();
            for (a, b) in known.iter().zip(known.iter().rev()) {
                prop_assert_eq!(compare(a, b), back(*a).cmp(&back(*b)));
            }
            let mut owner: HashMap<u128, String> = HashMap::new();
            for name in names {
                let number = number(&name);
                prop_assert!(number.is_some() || name.len() > SHORT);
                let Some(number) = number else { continue };
                prop_assert_eq!(&back(number), &name);
                let first = owner.entry(number).or_insert(name.clone());
                prop_assert_eq!(&*first, &name);
            }
        }
    }
}
