//! The customers of one fit as they are collected.
//!
//! Most models are fitted to customers whose times are whole days, each counted once: such a
//! customer is one number of eight bytes whose order is that of `(x, t, tx)`. A customer without
//! `tx`, as of money, is one of 16, whose order is that of `(x, t)`. Any other takes 40 bytes.
//! Sorting takes one pass over the numbers for each part of them that varies, three for days and four
//! for money, and O(n log n) for the rest.

use std::hash::{Hash, Hasher};
use std::ops::{BitAnd, BitOr};

use super::core::Customer;

/// One customer, or several alike.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(crate) struct Row {
    pub customer: Customer,
    /// what a model wants to know beside, 0 where it wants nothing
    pub extra: f64,
    pub weight: f64,
}

impl Row {
    /// One customer.
    pub(crate) fn one(customer: Customer) -> Self {
        Self { customer, extra: 0.0, weight: 1.0 }
    }

    /// One order for all rows: the bits of numbers from 0 up are in the order of the numbers.
    fn key(&self) -> [u64; 5] {
        let Customer { x, tx, t } = self.customer;
        // adding 0 makes −0 a 0
        [x, t, tx, self.extra, self.weight].map(|v| (v + 0.0).to_bits())
    }

    /// A legal row of whole numbers, weight 1 and nothing beside, packed.
    fn pack(&self) -> Option<u64> {
        let Customer { x, tx, t } = self.customer;
        let alone = self.weight == 1.0 && self.extra == 0.0;
        pack(x, tx, t).filter(|_| alone).map(|(packed, _)| packed)
    }

    /// A legal row of `x` and `t`, weight 1 and nothing beside.
    fn pair(&self) -> Option<i128> {
        let Customer { x, tx, t } = self.customer;
        let alone = tx == 0.0 && self.extra == 0.0 && self.weight == 1.0;
        whole(x).filter(|x| alone && *x >= 0).map(|x| pair(x, t))
    }

    fn unpair(pair: i128) -> Self {
        #[expect(clippy::cast_possible_truncation, reason = "32 and 64 bits are left")]
        #[expect(clippy::cast_sign_loss, reason = "the bits of a number from 0 up")]
        let (x, t) = (f64::from((pair >> 64) as i32), f64::from_bits(pair as u64));
        Self::one(Customer { x, tx: 0.0, t })
    }

    fn unpack(packed: u64) -> Self {
        #[expect(clippy::cast_possible_truncation, reason = "24 bits are left")]
        let part = |by: u32| f64::from((packed >> by) as u32 & 0xFF_FFFF);
        Self::one(Customer { x: part(48), tx: part(0), t: part(24) })
    }
}

/// Whole numbers as `x`, `t` and `tx` one after the other, and whether they are those of a customer whom
/// a model of purchases can have produced.
#[inline]
fn pack(x: f64, tx: f64, t: f64) -> Option<(u64, bool)> {
    #[expect(clippy::cast_possible_truncation, reason = "what is cut off is seen at once")]
    #[expect(clippy::cast_sign_loss, reason = "what is below 0 is seen at once")]
    let [n, end, last] = [x, t, tx].map(|v| v as u32);
    let whole = f64::from(n) == x && f64::from(end) == t && f64::from(last) == tx;
    let short = x < PURCHASES && t < TIMES && tx < TIMES;
    let legal = last <= end && (n > 0) == (last > 0);
    let packed = u64::from(n) << 48 | u64::from(end) << 24 | u64::from(last);
    (whole && short).then_some((packed, legal))
}

/// A whole number that is not so large that it is not seen at once.
#[inline]
fn whole(number: f64) -> Option<i32> {
    #[expect(clippy::cast_possible_truncation, reason = "what is cut off is not whole")]
    let cut = number as i32;
    (f64::from(cut) == number).then_some(cut)
}

/// Two figures from 0 up as one number.
#[inline]
fn pair(x: i32, t: f64) -> i128 {
    // adding 0 makes −0 a 0
    i128::from(x) << 64 | i128::from((t + 0.0).to_bits())
}

/// Packed rows have fewer purchases.
const PURCHASES: f64 = 65_536.0;
/// Packed rows have shorter times.
const TIMES: f64 = 16_777_216.0;

/// Legal rows in any order.
#[derive(Debug, Default, Clone)]
pub(crate) struct Rows {
    packed: Vec<u64>,
    pairs: Vec<i128>,
    others: Vec<Row>,
}

impl Rows {
    /// Adds a customer of whole numbers, if a model of purchases can have produced one, and returns by how
    /// many bytes that made them larger. It need not be looked at any further.
    #[inline]
    pub(crate) fn push_whole(&mut self, x: f64, tx: f64, t: f64) -> Option<usize> {
        let (packed, legal) = pack(x, tx, t)?;
        legal.then(|| push(&mut self.packed, packed))
    }

    /// The same for one who spends a mean of `money`, which is no whole number.
    #[inline]
    pub(crate) fn push_spent(&mut self, x: f64, money: f64) -> Option<usize> {
        let times = whole(x)?;
        let legal = times > 0 && money > 0.0 && money <= f64::MAX && whole(money).is_none();
        legal.then(|| push(&mut self.pairs, pair(times, money)))
    }

    /// Adds a row, and returns by how many bytes that made them larger.
    #[inline]
    pub(crate) fn push(&mut self, row: Row) -> usize {
        if let Some(packed) = row.pack() {
            push(&mut self.packed, packed)
        } else if let Some(pair) = row.pair() {
            push(&mut self.pairs, pair)
        } else {
            push(&mut self.others, row)
        }
    }

    /// Adds rows that were collected elsewhere, and returns by how many bytes that made them larger.
    pub(crate) fn extend(
        &mut self,
        packed: &[u64],
        pairs: &[i128],
        others: impl Iterator<Item = Row>,
    ) -> usize {
        let before = self.size();
        self.packed.extend_from_slice(packed);
        self.pairs.extend_from_slice(pairs);
        self.others.extend(others);
        self.size() - before
    }

    /// The packed rows, the pairs and the others. Pairs are in order: to sort what was sorted in parts
    /// takes little.
    pub(crate) fn into_parts(mut self) -> (Vec<u64>, Vec<i128>, Vec<Row>) {
        sort_pairs(&mut self.pairs);
        (self.packed, self.pairs, self.others)
    }

    pub(crate) fn len(&self) -> usize {
        self.packed.len() + self.pairs.len() + self.others.len()
    }

    /// The longest time observed.
    pub(crate) fn longest(&self) -> f64 {
        let packed = self.packed.iter().map(|n| n & (0xFF_FFFF << 24)).max();
        let packed = packed.map_or(0.0, |n| Row::unpack(n).customer.t);
        let pairs = self.pairs.iter().map(|pair| Row::unpair(*pair));
        pairs.chain(self.others.iter().copied()).map(|row| row.customer.t).fold(packed, f64::max)
    }

    /// Bytes on the heap.
    pub(crate) fn size(&self) -> usize {
        self.packed.capacity() * size_of::<u64>()
            + self.pairs.capacity() * size_of::<u128>()
            + self.others.capacity() * size_of::<Row>()
    }

    /// Hands `f` the rows in one order, whatever the order in which they came.
    pub(crate) fn in_order(&mut self, f: impl FnMut(Row)) {
        self.sort();
        let packed = self.packed.iter().map(|n| Row::unpack(*n));
        let pairs = self.pairs.iter().map(|pair| Row::unpair(*pair));
        let others = self.others.iter().copied();
        // as a rule all are of one kind
        match [packed.len(), pairs.len(), others.len()] {
            [_, 0, 0] => packed.for_each(f),
            [0, _, 0] => pairs.for_each(f),
            _ => merged(packed, merged(pairs, others)).for_each(f),
        }
    }

    /// Hashes the rows in one order.
    pub(crate) fn hash_in_order(&mut self, hasher: &mut impl Hasher) {
        self.sort();
        [self.packed.len(), self.pairs.len(), self.others.len()].hash(hasher);
        self.packed.hash(hasher);
        self.pairs.hash(hasher);
        self.others.iter().for_each(|row| row.key().hash(hasher));
    }

    fn sort(&mut self) {
        sort(&mut self.packed);
        // in parts they are sorted already
        self.pairs.sort();
        self.others.sort_unstable_by_key(Row::key);
    }
}

/// Adds to `all`, and returns by how many bytes it grew.
#[inline]
fn push<T>(all: &mut Vec<T>, one: T) -> usize {
    let before = all.capacity();
    all.push(one);
    (all.capacity() - before) * size_of::<T>()
}

impl FromIterator<Row> for Rows {
    fn from_iter<I: IntoIterator<Item = Row>>(rows: I) -> Self {
        let mut all = Self::default();
        rows.into_iter().for_each(|row| _ = all.push(row));
        all
    }
}

/// Two sorted sequences as one.
fn merged(a: impl Iterator<Item = Row>, b: impl Iterator<Item = Row>) -> impl Iterator<Item = Row> {
    let (mut a, mut b) = (a.peekable(), b.peekable());
    std::iter::from_fn(move || match b.peek() {
        None => a.next(),
        Some(other) => a.next_if(|row| row.key() < other.key()).or_else(|| b.next()),
    })
}

/// Bits of a digit: `t` and `tx` are two digits each, and one is enough for eleven years of days.
const BITS: usize = 12;
const DIGITS: usize = 1 << BITS;

fn sort(numbers: &mut Vec<u64>) {
    #[expect(clippy::cast_possible_truncation, reason = "the digit is of the bits that are left")]
    sort_digits(numbers, (0..64).step_by(BITS), |n, shift| (n >> shift) as usize % DIGITS);
}

/// Two means of money seldom agree in the first 24 of their 52 digits: the last are sorted where they do.
fn sort_pairs(pairs: &mut Vec<i128>) {
    const LAST: usize = 64 - 3 * BITS;
    #[expect(clippy::cast_sign_loss, reason = "figures are from 0 up")]
    sort_digits(pairs, (LAST..96).step_by(BITS), |n, shift| (n >> shift) as usize % DIGITS);
    let alike = pairs.chunk_by_mut(|a, b| a >> LAST == b >> LAST);
    alike.filter(|run| run.len() > 1).for_each(<[i128]>::sort_unstable);
}

/// Sorts by the digits at `shifts`, from the last to the first.
fn sort_digits<T>(
    numbers: &mut Vec<T>,
    shifts: impl Iterator<Item = usize>,
    digit: impl Fn(T, usize) -> usize,
) where
    T: Copy + Ord + BitAnd<Output = T> + BitOr<Output = T>,
{
    let Some(&first) = numbers.first() else { return };
    if numbers.len() < DIGITS {
        return numbers.sort_unstable();
    }
    let (all, any) = numbers.iter().fold((first, first), |(all, any), &n| (all & n, any | n));
    let mut sorted = vec![first; numbers.len()];
    for shift in shifts {
        if digit(all, shift) == digit(any, shift) {
            continue;
        }
        // how many have the digit, then where the next of them goes
        let mut places = [0; DIGITS];
        for &n in numbers.iter() {
            #[expect(clippy::indexing_slicing, reason = "a digit is below DIGITS")]
            {
                places[digit(n, shift)] += 1;
            }
        }
        let mut before = 0;
        for place in &mut places {
            (*place, before) = (before, before + *place);
        }
        for &n in numbers.iter() {
            #[expect(clippy::indexing_slicing, reason = "places add up to the length")]
            {
                let place = &mut places[digit(n, shift)];
                sorted[*place] = n;
                *place += 1;
            }
        }
        std::mem::swap(numbers, &mut sorted);
    }
}

#[cfg(test)]
#[allow(
    clippy::cast_possible_truncation,
    clippy::cast_possible_wrap,
    clippy::cast_sign_loss,
    reason = "test data"
)]
mod tests {
    use super::super::{fit, spend};
    use super::*;

    type Look = fn(&Row, &mut Rows) -> Option<usize>;

    fn row([x, tx, t, weight]: [f64; 4]) -> Row {
        Row { weight, ..Row::one(Customer { x, tx, t }) }
    }

    #[test]
    fn only_short_whole_numbers_of_one_customer_are_packed() {
        for figures in [
            [0.0, 0.0, 0.0, 1.0],
            [0.0, -0.0, 7.0, 1.0],
            [3.0, 20.0, 30.0, 1.0],
            [65_535.0, 16_777_215.0, 16_777_215.0, 1.0],
        ] {
            assert_eq!(row(figures).pack().map(Row::unpack), Some(row(figures)));
        }
        for figures in [
            [65_536.0, 20.0, 30.0, 1.0],
            [4_294_967_295.0, 4_294_967_295.0, 4_294_967_295.0, 1.0],
            [1e300, 1e300, 1e300, 1.0],
            [3.0, 20.0, 16_777_216.0, 1.0],
            [3.0, 20.5, 30.0, 1.0],
            [3.0, 20.0, 30.5, 1.0],
            [3.0, 20.0, 30.0, 2.0],
            [3.0, 1e-300, 30.0, 1.0],
        ] {
            assert_eq!(row(figures).pack(), None, "{figures:?}");
        }
    }

    /// What is pushed without a second look is what would have been pushed after it.
    #[test]
    fn a_first_look_sees_what_a_second_sees() {
        let figures = [
            0.0,
            -0.0,
            1.0,
            2.0,
            2.5,
            30.0,
            65_535.0,
            65_536.0,
            16_777_215.0,
            16_777_216.0,
            3e9,
            5e9,
            1e300,
            -1.0,
            1e-300,
            f64::NAN,
            f64::INFINITY,
            f64::NEG_INFINITY,
        ];
        let whole = |row: &Row, rows: &mut Rows| {
            let Customer { x, tx, t } = row.customer;
            rows.push_whole(x, tx, t)
        };
        let spent = |row: &Row, rows: &mut Rows| rows.push_spent(row.customer.x, row.customer.t);
        let mut seen = [0; 2];
        for x in figures {
            for tx in figures {
                for t in figures {
                    let timed = row([x, tx, t, 1.0]);
                    let money = row([x, 0.0, t, 1.0]);
                    let faults = [fit::fault(&timed), spend::fault(&money)];
                    let looks: [Look; 2] = [whole, spent];
                    for (i, (row, look)) in [timed, money].iter().zip(looks).enumerate() {
                        let (mut first, mut second) = (Rows::default(), Rows::default());
                        let Some(grown) = look(row, &mut first) else { continue };
                        assert_eq!(faults[i], None, "{row:?}");
                        assert_eq!(grown, second.push(*row));
                        assert_eq!(first.into_parts(), second.into_parts());
                        seen[i] += 1;
                    }
                }
            }
        }
        assert!(seen.iter().all(|n| *n > 20), "{seen:?}");
    }

    #[test]
    fn many_rows_of_all_sorts_come_in_one_order() {
        let mut state = 1_u64;
        let mut next = |below: u64| {
            state = state
                .wrapping_mul(6_364_136_223_846_793_005)
                .wrapping_add(1_442_695_040_888_963_407);
            ((state >> 33) % below) as f64
        };
        // days, seconds, weeks, several customers, money
        for [x, t, unit, weight, last] in [
            [6, 30, 1, 1, 1],
            [40_000, 9_999_999, 1, 1, 1],
            [6, 300, 7, 1, 1],
            [6, 30, 1, 2, 1],
            [6, 30, 7, 1, 0],
        ] {
            let mut all: Vec<Row> = (0..30_000)
                .map(|i| {
                    let part = if i % 3 == 0 { unit as f64 } else { 1.0 };
                    let t = 1.0 + next(t);
                    let tx = (1.0 + next(t as u64)) / part;
                    let weight = 1.0 + next(weight);
                    let (tx, t) = if last == 0 { (0.0, tx) } else { (tx, t) };
                    row([1.0 + next(x), tx, t, weight])
                })
                .collect();
            let mut rows: Rows = all.iter().copied().collect();
            assert_eq!(rows.len(), all.len());
            assert_eq!(rows.longest(), all.iter().map(|r| r.customer.t).fold(0.0, f64::max));
            // a vector may have room for twice as many
            let (packed, pairs, others) = rows.clone().into_parts();
            let bytes = 8 * packed.len() + 16 * pairs.len() + 40 * others.len();
            assert!((bytes..=2 * bytes).contains(&rows.size()), "{} for {bytes}", rows.size());
            assert_eq!(packed.len() == all.len(), unit == 1 && weight == 1);
            assert_eq!(!pairs.is_empty(), last == 0);
            all.sort_by_key(Row::key);
            let mut sorted = vec![];
            rows.in_order(|row| sorted.push(row));
            assert_eq!(sorted, all);
        }
    }
}
