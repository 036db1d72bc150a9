//! The customers of a fit, sorted, grouped and with their times scaled: what the likelihoods of all
//! models of purchases run over.
//!
//! Customers are held as distinct rows with weights, sorted by `(x, t, tx)`, so that every sum has
//! one order whatever the order of the input. What depends on `x` alone is computed once per
//! distinct `x`, what depends on a time alone once per distinct time where these are few, as they are
//! where time goes by days.

use std::ops::Range;

use super::core::Customer;
use super::rows::{Row, Rows};

/// Distinct customers of the same number of purchases.
#[derive(Debug, Clone)]
pub(crate) struct Block {
    pub x: f64,
    pub weight: f64,
    /// where they are
    rows: Range<usize>,
}

/// Customers who are alike; of times their numbers.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Alike {
    pub tx: u32,
    pub t: u32,
    pub weight: f64,
}

/// Distinct customers with weights, times scaled so that the longest is 1.
#[derive(Debug, Clone)]
pub(crate) struct Sample {
    pub blocks: Vec<Block>,
    pub rows: Vec<Alike>,
    pub times: Times,
    /// the longest `t`
    pub scale: f64,
    pub weight: f64,
    /// purchases a unit of scaled time
    pub rate: f64,
    /// purchases
    pub bought: f64,
    /// what the customers' rows carry beside, added up
    pub extra: f64,
    /// what scaling the times adds to the log-likelihood
    pub log_scale: f64,
}

impl Sample {
    /// Sorts and groups rows.
    pub(crate) fn new(rows: &mut Rows) -> Self {
        let longest = rows.longest();
        let scale = if longest > 0.0 { longest } else { 1.0 };
        let mut blocks: Vec<Block> = vec![];
        let mut alike: Vec<Alike> = Vec::with_capacity(rows.len());
        let mut times = Times::new(rows.len());
        let (mut weight, mut bought, mut time, mut beside) = (0.0, 0.0, 0.0, 0.0);
        let mut last: Option<Customer> = None;
        rows.in_order(|Row { customer, extra, weight: w }| {
            let Customer { x, tx, t } = customer;
            weight += w;
            bought += w * x;
            time += w * (t / scale);
            beside += w * extra;
            let at = alike.len();
            if last.is_none_or(|last| last.x != x) {
                blocks.push(Block { x, weight: 0.0, rows: at..at });
            }
            let Some(block) = blocks.last_mut() else { return };
            block.weight += w;
            match alike.last_mut() {
                Some(alike) if last == Some(customer) => alike.weight += w,
                before => {
                    let same = before.filter(|_| last.is_some_and(|last| last.t == t));
                    let t = same.map_or_else(|| times.number(t, scale), |before| before.t);
                    alike.push(Alike { tx: times.number(tx, scale), t, weight: w });
                    block.rows.end += 1;
                    last = Some(customer);
                }
            }
        });
        let rate = if time > 0.0 { (bought / time).clamp(1e-3, 1e3) } else { 1.0 };
        let log_scale = -bought * scale.ln();
        Self { blocks, rows: alike, times, scale, weight, rate, bought, extra: beside, log_scale }
    }

    /// About `most` of the distinct rows, spread evenly over their order, for a first approximation.
    /// `None`: there are not many more than that.
    pub(crate) fn thinned(&self, most: usize) -> Option<Self> {
        let every = self.rows.len() / most.max(1);
        if every < 2 {
            return None;
        }
        let mut seen = every / 2;
        let times = Times::new(self.rows.len() / every);
        let mut out = Self { blocks: vec![], rows: vec![], times, weight: 0.0, ..*self };
        for block in &self.blocks {
            let start = out.rows.len();
            for row in self.rows(block) {
                seen += 1;
                if seen == every {
                    seen = 0;
                    let [tx, t] = [row.tx, row.t].map(|n| out.times.number(self.times.get(n), 1.0));
                    out.rows.push(Alike { tx, t, ..*row });
                }
            }
            let rows = out.rows.get_mut(start..).unwrap_or_default();
            let kept: f64 = rows.iter().map(|row| row.weight).sum();
            if kept > 0.0 {
                // as many customers of each x as in the whole
                let share = block.weight / kept;
                for row in rows {
                    row.weight *= share;
                }
                out.weight += block.weight;
                out.blocks.push(Block { rows: start..out.rows.len(), ..*block });
            }
        }
        Some(out)
    }

    /// What is wrong with the customers as a whole, where something is.
    pub(crate) fn poverty(&self) -> Option<&'static str> {
        match self.rows.len() {
            _ if self.bought == 0.0 => Some("nobody bought again"),
            1 => Some("all customers are alike"),
            few if few < 10 => Some("there are fewer than ten different customers"),
            _ => None,
        }
    }

    pub(crate) fn rows(&self, block: &Block) -> &[Alike] {
        self.rows.get(block.rows.clone()).unwrap_or_default()
    }
}

/// Times, each with a number; one number each as long as they are few.
#[derive(Debug, Clone)]
pub(crate) struct Times {
    pub all: Vec<f64>,
    /// numbers by hash, one more than they are; 0 is free
    known: Vec<u32>,
    /// the same of whole times, such as days, by these
    whole: Vec<u32>,
}

impl Times {
    /// Distinct times that are few: a table of them stays in the cache.
    pub(crate) const FEW: usize = 1 << 14;

    /// For so many customers.
    fn new(customers: usize) -> Self {
        let room = customers.min(Self::FEW).next_power_of_two() * 4;
        Self { all: vec![], known: vec![0; room], whole: vec![0; room.min(Self::FEW)] }
    }

    /// That of `time / scale`; one scale for all times.
    fn number(&mut self, time: f64, scale: f64) -> u32 {
        #[expect(
            clippy::cast_possible_truncation,
            clippy::cast_sign_loss,
            reason = "is seen at once"
        )]
        let whole = time as u32;
        if f64::from(whole) != time || whole as usize >= self.whole.len() {
            return self.look_up(time / scale);
        }
        let known = self.whole.get(whole as usize).and_then(|known| known.checked_sub(1));
        known.unwrap_or_else(|| {
            let number = self.look_up(time / scale);
            if let Some(known) = self.whole.get_mut(whole as usize) {
                *known = number.saturating_add(1);
            }
            number
        })
    }

    fn look_up(&mut self, time: f64) -> u32 {
        /// places where a time may be; what finds none is not looked for again
        const PLACES: usize = 8;
        let next = u32::try_from(self.all.len()).unwrap_or(u32::MAX);
        if self.all.len() < Self::FEW {
            let hash = (time.to_bits().wrapping_mul(0x9E37_79B9_7F4A_7C15) >> 48) as usize;
            let mask = self.known.len() - 1;
            for place in hash..hash + PLACES {
                let Some(known) = self.known.get_mut(place & mask) else { break };
                match known.checked_sub(1) {
                    Some(number) if self.all.get(number as usize) == Some(&time) => return number,
                    Some(_) => {}
                    None => {
                        *known = next.saturating_add(1);
                        break;
                    }
                }
            }
        }
        self.all.push(time);
        next
    }

    pub(crate) fn get(&self, number: u32) -> f64 {
        self.all.get(number as usize).copied().unwrap_or(0.0)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn sample() -> Sample {
        let rows = [
            (0.0, 0.0, 38.0),
            (0.0, 0.0, 12.0),
            (1.0, 3.0, 30.0),
            (4.0, 25.0, 30.0),
            (1.0, 3.0, 30.0),
            (250.0, 29.0, 31.0),
        ];
        let row = |(x, tx, t)| Row { weight: 1.5, ..Row::one(Customer { x, tx, t }) };
        Sample::new(&mut rows.into_iter().map(row).collect())
    }

    #[test]
    fn duplicates_become_one_row_and_order_does_not_matter() {
        let s = sample();
        assert_eq!(s.rows.len(), 5);
        assert_eq!(s.weight, 9.0);
        assert!(s.thinned(3).is_none());
        assert_eq!(s.thinned(2).map(|t| t.rows.len()), Some(3));
    }
}
