//! Aggregates that keep which of a few facts are true of a customer, whatever the rows are like that
//! say so: a bit each.
//!
//! An engine that knows beforehand which customers there can be has a place for each, and sets the bits
//! there as the rows come. What it collects becomes the state of the aggregate, which merges it and
//! answers as ever.

use std::sync::Arc;

use datafusion::arrow::array::{ArrayRef, AsArray, BooleanArray, Int64Array, UInt64Array};
use datafusion::arrow::datatypes::Int64Type;
use datafusion::common::{Result, exec_err, internal_err};

use super::{active_periods, retention};
use crate::conditions;
use crate::events::Rows;
use crate::lists::Lists;

/// The facts of an aggregate.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Facts {
    /// of `retention`: that a condition was met, of so many
    Conditions(usize),
    /// of `active_periods`: that the customer was there in a period
    Periods {
        /// the first of them
        first: i64,
        /// how many there are
        count: usize,
    },
}

impl Facts {
    /// Those of `aggregate`, if there are not more than 64. `bounds` are the least and the greatest
    /// value that its only argument can have, where that is known.
    pub fn of(
        aggregate: &str,
        args: usize,
        bounds: impl FnOnce() -> Option<(i64, i64)>,
    ) -> Option<Self> {
        let facts = match aggregate {
            retention::NAME => Self::Conditions(args),
            active_periods::NAME => {
                let (first, last) = bounds()?;
                let count = last.checked_sub(first)?.checked_add(1)?;
                Self::Periods { first, count: usize::try_from(count).ok()? }
            }
            _ => return None,
        };
        (1..=conditions::MOST).contains(&facts.count()).then_some(facts)
    }

    /// How many they are: a bit each.
    pub const fn count(self) -> usize {
        match self {
            Self::Conditions(count) | Self::Periods { count, .. } => count,
        }
    }

    /// Adds to the set of each row what the row says, if `filter` takes it: fact 0 is bit `at`. There
    /// are bits for all facts from there on.
    ///
    /// # Errors
    /// A period that lies outside of the bounds.
    pub fn read(
        self,
        args: &[ArrayRef],
        filter: Option<&BooleanArray>,
        at: usize,
        sets: &mut [u64],
    ) -> Result<()> {
        match self {
            Self::Conditions(_) => {
                let masks = retention::masks(args, filter);
                sets.iter_mut().zip(masks).for_each(|(set, mask)| *set |= mask << at);
            }
            Self::Periods { first, count } => {
                let [periods] = args else { return internal_err!("periods are one argument") };
                let rows = Rows::new(filter, periods);
                let all = rows.all();
                let numbers = periods.as_primitive::<Int64Type>().values();
                for (row, (set, number)) in sets.iter_mut().zip(numbers).enumerate() {
                    if !all && !rows.take(row) {
                        continue;
                    }
                    let Some(fact) = number
                        .checked_sub(first)
                        .and_then(|fact| usize::try_from(fact).ok())
                        .filter(|fact| *fact < count)
                    else {
                        let last = first.saturating_add_unsigned(count as u64 - 1);
                        return exec_err!(
                            "a row lies in period {number}, and by the statistics of its files all lie in {first} to {last}: they are false, or a file was replaced while it was read; ask again, or write the file anew"
                        );
                    };
                    *set |= 1 << (at + fact);
                }
            }
        }
        Ok(())
    }

    /// The state of the aggregate, of a group for each set.
    ///
    /// # Errors
    /// More facts than a list array can number.
    pub fn state(self, sets: &[u64], at: usize) -> Result<ArrayRef> {
        let own =
            sets.iter().map(|set| (set >> at) & (u64::MAX >> (conditions::MOST - self.count())));
        match self {
            Self::Conditions(_) => Ok(Arc::new(UInt64Array::from_iter_values(own))),
            Self::Periods { first, .. } => {
                let mut lists = Lists::with_capacity(sets.len());
                let mut numbers = vec![];
                for mut left in own {
                    while left != 0 {
                        numbers.push(first + i64::from(left.trailing_zeros()));
                        left &= left - 1;
                    }
                    lists.end_at(numbers.len())?;
                }
                Lists::column(&lists.finish(), Arc::new(Int64Array::from(numbers)))
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use datafusion::arrow::array::Array;

    fn periods(numbers: &[Option<i64>]) -> Vec<ArrayRef> {
        vec![Arc::new(Int64Array::from(numbers.to_vec()))]
    }

    #[test]
    fn facts_go_into_sets_and_come_out_as_the_state() -> Result<()> {
        let facts = Facts::of("active_periods", 1, || Some((-1, 62))).expect("64 of them");
        let mut sets = [0; 3];
        facts.read(&periods(&[Some(-1), None, Some(62)]), None, 0, &mut sets)?;
        assert_eq!(sets, [1, 0, 1 << 63]);
        let state = facts.state(&sets, 0)?;
        let of = |row: usize| state.as_list::<i32>().value(row);
        assert_eq!(of(0).as_primitive::<Int64Type>().values(), &[-1]);
        assert_eq!(of(1).len(), 0);
        assert_eq!(of(2).as_primitive::<Int64Type>().values(), &[62]);
        Ok(())
    }

    #[test]
    fn there_are_no_facts_of_what_is_not_known_or_too_much() {
        assert_eq!(Facts::of("active_periods", 1, || None), None);
        assert_eq!(Facts::of("active_periods", 1, || Some((0, 64))), None);
        assert_eq!(Facts::of("active_periods", 1, || Some((i64::MIN, i64::MAX))), None);
        assert_eq!(Facts::of("retention", 65, || None), None);
        assert_eq!(Facts::of("retention", 64, || None), Some(Facts::Conditions(64)));
        assert_eq!(Facts::of("window_funnel", 3, || Some((0, 9))), None);
    }

    #[test]
    fn a_period_outside_of_the_bounds_is_told() {
        let facts = Facts::Periods { first: 3, count: 2 };
        for number in [2, 5, i64::MIN, i64::MAX] {
            let read = facts.read(&periods(&[Some(3), Some(number)]), None, 1, &mut [0; 2]);
            let told = read.expect_err("it is outside").to_string();
            assert!(
                told.contains(&format!("period {number}")) && told.contains("3 to 4"),
                "{told}"
            );
        }
    }
}
