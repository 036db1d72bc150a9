//! A set of up to 64 facts for each customer there can be, where their numbers lie close together.
//!
//! A customer's place is their number, so that nothing is looked up. Each thread has a table of its
//! own: threads that share one wait for each other at every other row, for all that what they write
//! makes no difference to the order in which they do.

use std::ops::{BitOrAssign, Range, RangeInclusive};

use datafusion::arrow::array::{Array, Int64Array};

/// Facts that are kept in half of the memory.
const NARROW: usize = u32::BITS as usize;

/// Who there can be, and what is kept of each.
#[derive(Debug, Clone)]
pub(super) struct Places {
    least: i64,
    /// after the last is the place of NULL
    customers: usize,
    wide: bool,
}

/// The sets of one thread.
pub(super) struct Table {
    places: Places,
    sets: Sets,
}

enum Sets {
    Narrow(Vec<u32>),
    Wide(Vec<u64>),
}

/// Customers who are there.
pub(super) struct Found {
    pub(super) customers: Int64Array,
    pub(super) sets: Vec<u64>,
    /// where to go on
    pub(super) next: usize,
}

impl Places {
    /// Those of the customers in `numbers`, if they can be counted.
    pub(super) fn of(numbers: &RangeInclusive<i64>, facts: usize) -> Option<Self> {
        let last = numbers.end().checked_sub(*numbers.start())?;
        let customers = usize::try_from(last).ok()?.checked_add(1)?;
        Some(Self { least: *numbers.start(), customers, wide: facts > NARROW })
    }

    /// How many there are.
    pub(super) fn count(&self) -> usize {
        self.customers + 1
    }

    /// Bytes of a table of them.
    pub(super) fn bytes(&self) -> usize {
        self.count().saturating_mul(if self.wide { size_of::<u64>() } else { size_of::<u32>() })
    }

    /// A customer's.
    fn at(&self, customer: i64) -> Option<usize> {
        let place = usize::try_from(customer.wrapping_sub(self.least).cast_unsigned()).ok()?;
        (place < self.customers).then_some(place)
    }
}

impl Table {
    /// Nobody yet.
    pub(super) fn new(places: Places) -> Self {
        let sets = match places.wide {
            true => Sets::Wide(vec![0; places.count()]),
            false => Sets::Narrow(vec![0; places.count()]),
        };
        Self { places, sets }
    }

    /// Adds facts, none of which is an empty set, to those of the customers.
    ///
    /// # Errors
    /// A customer who has no place.
    pub(super) fn add(&mut self, customers: &Int64Array, sets: &[u64]) -> Result<(), i64> {
        #[expect(clippy::cast_possible_truncation, reason = "there are no more facts")]
        match &mut self.sets {
            Sets::Narrow(own) => add(own, &self.places, customers, sets, |set| set as u32),
            Sets::Wide(own) => add(own, &self.places, customers, sets, |set| set),
        }
    }

    fn set(&self, place: usize) -> u64 {
        match &self.sets {
            Sets::Narrow(sets) => sets.get(place).copied().map_or(0, u64::from),
            Sets::Wide(sets) => sets.get(place).copied().unwrap_or(0),
        }
    }
}

fn add<W: BitOrAssign>(
    own: &mut [W],
    places: &Places,
    customers: &Int64Array,
    sets: &[u64],
    word: impl Fn(u64) -> W,
) -> Result<(), i64> {
    let mut rows = customers.values().iter().zip(sets);
    match customers.nulls().filter(|nulls| nulls.null_count() > 0) {
        None => rows.try_for_each(|(customer, set)| {
            let own = places.at(*customer).and_then(|place| own.get_mut(place));
            *own.ok_or(*customer)? |= word(*set);
            Ok(())
        }),
        Some(nulls) => rows.zip(nulls).try_for_each(|((customer, set), known)| {
            let place = if known { places.at(*customer) } else { Some(places.customers) };
            *place.and_then(|place| own.get_mut(place)).ok_or(*customer)? |= word(*set);
            Ok(())
        }),
    }
}

/// The first customers of some places, at most so many, with what all tables say of them.
pub(super) fn found(all: &[Table], range: Range<usize>, most: usize) -> Found {
    let mut customers = Vec::with_capacity(most);
    let mut sets = Vec::with_capacity(most);
    let mut next = range.end;
    for place in range {
        if sets.len() == most {
            next = place;
            break;
        }
        let set = all.iter().fold(0, |set, table| set | table.set(place));
        let Some(Table { places, .. }) = all.first().filter(|_| set != 0) else { continue };
        let known = place < places.customers;
        customers.push(known.then(|| places.least.saturating_add_unsigned(place as u64)));
        sets.push(set);
    }
    Found { customers: customers.into(), sets, next }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;

    use super::*;
    use proptest::prelude::*;

    fn all(tables: &[Table], parts: usize, most: usize) -> Vec<(Option<i64>, u64)> {
        let places = tables[0].places.count();
        let mut all = vec![];
        for part in 0..parts {
            let (mut at, end) = (places * part / parts, places * (part + 1) / parts);
            while at < end {
                let found = found(tables, at..end, most);
                assert!(found.sets.len() <= most && found.next > at);
                all.extend(found.customers.iter().zip(found.sets));
                at = found.next;
            }
        }
        all
    }

    proptest! {
        #[test]
        fn it_is_a_set_for_each_customer(
            least in prop_oneof![Just(-3), Just(i64::MIN), Just(i64::MAX - 20), any::<i32>().prop_map(i64::from)],
            facts in 1..=64usize,
            rows in prop::collection::vec((prop::option::of(0..=20i64), 0..64u32), 0..100),
            parts in 1..5usize,
            most in 1..9usize,
        ) {
            let places = Places::of(&(least..=least + 20), facts).unwrap();
            let mut tables = [0; 3].map(|_| Table::new(places.clone()));
            let mut want: BTreeMap<Option<i64>, u64> = BTreeMap::new();
            let rows = rows.iter().map(|(c, f)| (c.map(|c| least + c), 1u64 << (*f as usize % facts)));
            for (row, (customer, set)) in rows.enumerate() {
                let customers = Int64Array::from(vec![customer]);
                prop_assert_eq!(tables[row % 3].add(&customers, &[set]), Ok(()));
                *want.entry(customer).or_default() |= set;
            }
            let mut got = all(&tables, parts, most);
            got.sort_unstable();
            prop_assert_eq!(got, want.into_iter().collect::<Vec<_>>());
        }
    }

    #[test]
    fn who_has_no_place_is_named() {
        for (facts, bytes) in [(32, 24), (33, 48)] {
            let places = Places::of(&(5..=9), facts).unwrap();
            assert_eq!((places.count(), places.bytes()), (6, bytes));
            let mut table = Table::new(places);
            for stranger in [4, 10, i64::MIN, i64::MAX] {
                let rows = Int64Array::from(vec![5, stranger, 9]);
                assert_eq!(table.add(&rows, &[1, 1, 1]), Err(stranger));
                let rows = Int64Array::from(vec![None, Some(stranger)]);
                assert_eq!(table.add(&rows, &[1, 1]), Err(stranger));
            }
        }
        assert!(Places::of(&(i64::MIN..=i64::MAX), 1).is_none());
    }
}
