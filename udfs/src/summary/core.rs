//! One customer's purchases, summed up.
//!
//! Source: the sufficient statistics of Fader, Hardie & Lee, "Counting Your Customers the Easy Way"
//! (2005); `litt` is that of Platzer & Reutterer's Pareto/GGG (2016).

use std::mem::take;

use crate::events::Amount;

/// microseconds of a day
pub(crate) const DAY: i64 = 86_400_000_000;

/// The unit that times are measured in, and the period within which purchases count as one.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(crate) struct Unit {
    /// microseconds of a period: a calendar day, or the unit if that is shorter
    period: i64,
    micros: f64,
}

impl Unit {
    /// From a positive number of microseconds.
    pub(crate) fn new(micros: i64) -> Self {
        Self { period: micros.clamp(1, DAY), micros: micros as f64 }
    }

    /// Length in days.
    pub(crate) fn days(self) -> f64 {
        self.micros / DAY as f64
    }

    /// The period that a point in time lies in.
    #[inline]
    pub(crate) fn period_of(self, ts: i64) -> i64 {
        // by a constant, division becomes multiplication; most units are days or more
        if self.period == DAY { ts.div_euclid(DAY) } else { ts.div_euclid(self.period) }
    }

    /// The time between two periods, in units. Whole numbers multiply exactly, so that nine days
    /// are the double nearest to 9/7 weeks.
    fn between(self, from: i64, to: i64) -> f64 {
        to.saturating_sub(from) as f64 * self.period as f64 / self.micros
    }
}

/// What `customer_summary` says of a customer; see `schema.rs` for the fields.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(crate) struct Summary {
    pub frequency: i64,
    pub recency: f64,
    pub t: f64,
    pub monetary_value: Option<f64>,
    pub litt: f64,
    pub first_ts: i64,
    pub last_ts: i64,
    pub previous_ts: Option<i64>,
    pub median_gap: Option<f64>,
    pub trend: Option<f64>,
    pub orders: i64,
    pub revenue: f64,
}

impl Summary {
    /// Fills the fields of a NULL.
    pub(crate) const EMPTY: Self = Self {
        frequency: 0,
        recency: 0.0,
        t: 0.0,
        monetary_value: None,
        litt: 0.0,
        first_ts: 0,
        last_ts: 0,
        previous_ts: None,
        median_gap: None,
        trend: None,
        orders: 0,
        revenue: 0.0,
    };
}

/// Sums up purchases; keeps its working memory from customer to customer.
#[derive(Debug, Clone, Default)]
pub(crate) struct Summarizer {
    gaps: Vec<i64>,
}

impl Summarizer {
    /// The summary of the events `(time, amount)`, which are sorted and not after `as_of`; `None`
    /// if there are none.
    pub(crate) fn summarize(
        &mut self,
        events: &[(i64, Amount)],
        as_of: i64,
        unit: Unit,
    ) -> Option<Summary> {
        let (&(first_ts, _), &(last_ts, _)) = (events.first()?, events.last()?);
        let (first, last) = (unit.period_of(first_ts), unit.period_of(last_ts));
        let age = unit.period_of(as_of).saturating_sub(first);
        self.gaps.clear();
        let mut gaps = LogProduct::default();
        let mut revenue = Sum::default();
        let mut repeats = Sum::default();
        let mut repeats_with_money = 0i64;
        let mut earlier = 0i64;
        let mut previous_ts = None;

        let mut period = first;
        let mut money = Sum::default();
        let mut before = first_ts;
        let mut close = |money: Sum, period: i64| {
            if let Some(amount) = money.known() {
                revenue.add(amount);
                if period != first {
                    repeats.add(amount);
                    repeats_with_money += 1;
                }
            }
        };
        for &(ts, amount) in events {
            let p = unit.period_of(ts);
            if p != period {
                close(take(&mut money), period);
                let gap = p.saturating_sub(period);
                self.gaps.push(gap);
                gaps.multiply(unit.between(period, p));
                earlier += i64::from(p.saturating_sub(first) <= age / 2);
                previous_ts = Some(before);
                period = p;
            }
            if let Some(amount) = amount.get() {
                money.add(amount);
            }
            before = ts;
        }
        close(money, period);

        let frequency = count(self.gaps.len());
        Some(Summary {
            frequency,
            recency: unit.between(first, last),
            t: unit.between(0, age),
            monetary_value: (repeats_with_money > 0)
                .then(|| repeats.value() / repeats_with_money as f64),
            litt: gaps.ln(),
            first_ts,
            last_ts,
            previous_ts,
            median_gap: self.median_gap(unit),
            trend: (frequency >= 2).then(|| (frequency - 2 * earlier) as f64 / frequency as f64),
            orders: count(events.len()),
            revenue: revenue.value(),
        })
    }

    fn median_gap(&mut self, unit: Unit) -> Option<f64> {
        let n = self.gaps.len();
        if n == 0 {
            return None;
        }
        let (low, &mut upper, _) = self.gaps.select_nth_unstable(n / 2);
        let upper = unit.between(0, upper);
        if n % 2 == 1 {
            return Some(upper);
        }
        let lower = low.iter().max().map_or(upper, |&lower| unit.between(0, lower));
        Some((lower + upper) / 2.0)
    }
}

fn count(n: usize) -> i64 {
    i64::try_from(n).unwrap_or(i64::MAX)
}

/// The logarithm of a product of positive numbers: one logarithm for many factors.
#[derive(Debug, Clone, Copy)]
struct LogProduct {
    ln: f64,
    product: f64,
}

impl Default for LogProduct {
    fn default() -> Self {
        Self { ln: 0.0, product: 1.0 }
    }
}

impl LogProduct {
    #[inline]
    fn multiply(&mut self, factor: f64) {
        self.product *= factor;
        // a factor is a time in units: no single one can leave the range of doubles
        if !(1e-200..1e200).contains(&self.product) {
            *self = Self { ln: self.ln(), product: 1.0 };
        }
    }

    fn ln(self) -> f64 {
        self.ln + self.product.ln()
    }
}

/// A sum of terms in a fixed order, with the rounding errors carried along (Neumaier 1974).
#[derive(Debug, Clone, Copy, Default)]
struct Sum {
    sum: f64,
    lost: f64,
    terms: u32,
}

impl Sum {
    #[inline]
    fn add(&mut self, term: f64) {
        let sum = self.sum + term;
        self.lost += if self.sum.abs() >= term.abs() {
            (self.sum - sum) + term
        } else {
            (term - sum) + self.sum
        };
        self.sum = sum;
        self.terms = self.terms.saturating_add(1);
    }

    fn value(self) -> f64 {
        let value = self.sum + self.lost;
        // an overflowing sum has no meaningful error term
        if value.is_nan() { self.sum } else { value }
    }

    /// `None` for no terms.
    fn known(self) -> Option<f64> {
        (self.terms > 0).then(|| self.value())
    }
}

#[cfg(test)]
#[allow(clippy::cast_possible_wrap, reason = "test data")]
mod tests {
    use std::collections::BTreeMap;

    use proptest::prelude::*;

    use super::*;

    /// The definitions, word for word.
    fn naive(log: &[(i64, Option<f64>)], as_of: i64, unit_micros: i64) -> Option<Summary> {
        let step = unit_micros.min(DAY);
        let mut periods = BTreeMap::<i64, Vec<(i64, Option<f64>)>>::new();
        for &(ts, amount) in log.iter().filter(|e| e.0 <= as_of) {
            periods.entry(ts.div_euclid(step)).or_default().push((ts, amount));
        }
        let days: Vec<i64> = periods.keys().copied().collect();
        let (&first, &last) = (days.first()?, days.last()?);
        let units = |n: i64| n as f64 * step as f64 / unit_micros as f64;
        let money: Vec<Option<f64>> =
            periods.values().map(|p| p.iter().filter_map(|e| e.1).reduce(|a, b| a + b)).collect();
        let repeats: Vec<f64> = money[1..].iter().copied().flatten().collect();
        let mut gaps: Vec<i64> = days.windows(2).map(|w| w[1] - w[0]).collect();
        let litt = gaps.iter().map(|&g| units(g).ln()).sum();
        gaps.sort_unstable();
        let age = as_of.div_euclid(step) - first;
        let earlier = days[1..].iter().filter(|&&d| 2 * (d - first) <= age).count() as f64;
        let later = days[1..].iter().filter(|&&d| 2 * (d - first) > age).count() as f64;
        let k = gaps.len();
        let all = || periods.values().flatten().map(|e| e.0);
        Some(Summary {
            frequency: k as i64,
            recency: units(last - first),
            t: units(age),
            monetary_value: (!repeats.is_empty())
                .then(|| repeats.iter().sum::<f64>() / repeats.len() as f64),
            litt,
            first_ts: all().min()?,
            last_ts: all().max()?,
            previous_ts: periods.values().rev().nth(1).and_then(|p| p.iter().map(|e| e.0).max()),
            median_gap: (k > 0).then(|| (units(gaps[(k - 1) / 2]) + units(gaps[k / 2])) / 2.0),
            trend: (k >= 2).then(|| (later - earlier) / (later + earlier)),
            orders: periods.values().flatten().count() as i64,
            revenue: money.iter().flatten().sum(),
        })
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(65_536))]
        #[test]
        fn agrees_with_the_definitions(
            // half a week around the epoch in steps of six hours: same days, equal times, negatives
            log in proptest::collection::vec((-14i64..14, proptest::option::of(-8i32..20)), 0..12),
            as_of in -10i64..16,
            unit in prop::sample::select(vec![DAY, 7 * DAY, DAY / 2, DAY / 24, 36 * DAY / 24]),
        ) {
            let log: Vec<(i64, Option<f64>)> = log
                .into_iter()
                .map(|(t, a)| (t * DAY / 4, a.map(|a| f64::from(a) / 4.0)))
                .collect();
            let as_of = as_of * DAY / 4;
            let mut events: Vec<(i64, Amount)> = log
                .iter()
                .filter(|e| e.0 <= as_of)
                .map(|e| (e.0, e.1.map_or(Amount::NULL, Amount::new)))
                .collect();
            events.sort_unstable();
            let mut got = Summarizer::default().summarize(&events, as_of, Unit::new(unit));
            let want = naive(&log, as_of, unit);
            // the logarithm of a product is not bit for bit the sum of logarithms
            if let (Some(got), Some(want)) = (&mut got, &want) {
                prop_assert!((got.litt - want.litt).abs() < 1e-12);
                got.litt = want.litt;
            }
            prop_assert_eq!(got, want);
        }
    }

    #[test]
    fn extreme_times_and_amounts_do_not_overflow() {
        let events = [(i64::MIN, Amount::new(f64::MAX)), (i64::MAX, Amount::new(f64::MAX))];
        let unit = Unit::new(1);
        assert!(Summarizer::default().summarize(&events, i64::MAX, unit).is_some());
    }

    #[test]
    fn money_is_not_lost_to_rounding() {
        let events: Vec<_> = [1e16, 1.0, -1e16, 0.1].map(|a| (0, Amount::new(a))).to_vec();
        let s = Summarizer::default().summarize(&events, 0, Unit::new(DAY));
        assert_eq!(s.map(|s| s.revenue), Some(1.1));
    }
}
