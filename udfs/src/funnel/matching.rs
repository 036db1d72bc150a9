//! Rows of one time and the steps that they serve.

use super::core::{Row, Rules, low};

/// Rows of one time matched with steps, one to one, by augmenting paths.
#[derive(Debug, Default)]
pub(super) struct Matching {
    /// the step that a row serves
    step_of: Vec<Option<u32>>,
    seen: Vec<bool>,
}

impl Matching {
    /// The steps `a + 1 ..= b` that rows of one time can serve: the greatest `b`.
    pub(super) fn serve(&mut self, rules: &Rules, rows: &[Row], any: u64, a: u32) -> u32 {
        if a >= rules.steps {
            return a;
        }
        let run = (any >> a).trailing_ones().min(rules.steps - a);
        if run <= 1 || !(rules.increase || rules.once) {
            return a + run;
        }
        if rules.increase || rows.len() == 1 {
            return a + 1;
        }
        a + self.served(rows, a, a + run)
    }

    /// Rows serve all of the steps `from .. to` (counted from 0).
    pub(super) fn all(&mut self, rows: &[Row], from: usize, to: usize) -> bool {
        let step = |s| u32::try_from(s).unwrap_or(u32::MAX);
        self.served(rows, step(from), step(to)) == step(to) - step(from)
    }

    /// How many of the steps `from .. to` (counted from 0) rows can serve until one cannot be.
    fn served(&mut self, rows: &[Row], from: u32, to: u32) -> u32 {
        self.step_of.clear();
        self.step_of.resize(rows.len(), None);
        let mut step = from;
        while step < to {
            self.seen.clear();
            self.seen.resize(rows.len(), false);
            if !self.find_row(rows, step) {
                break;
            }
            step += 1;
        }
        step - from
    }

    /// Finds a row for `step`, moving other steps to other rows where that helps.
    fn find_row(&mut self, rows: &[Row], step: u32) -> bool {
        for (i, row) in rows.iter().enumerate() {
            let seen = self.seen.get(i).copied().unwrap_or(true);
            if row.1 >> step & 1 == 0 || seen {
                continue;
            }
            if let Some(s) = self.seen.get_mut(i) {
                *s = true;
            }
            let free = match self.step_of.get(i).copied().flatten() {
                None => true,
                Some(other) => self.find_row(rows, other),
            };
            if free {
                if let Some(s) = self.step_of.get_mut(i) {
                    *s = Some(step);
                }
                return true;
            }
        }
        false
    }

    /// A chain that had `a` steps before the rows of one time and has `b` after them may go on.
    pub(super) fn goes_on(&self, rules: &Rules, rows: &[Row], a: u32, b: u32) -> bool {
        // before the first step everything may lie
        if a == 0 || !rules.adjacent() {
            return true;
        }
        // rows that may lie nowhere must serve a step, each one of its own
        let mut owners = Owners { steps: low(b) & !low(a), row_of: [0; 64], taken: 0, seen: 0 };
        rows.iter().all(|&(_, row)| (a..=b).any(|l| rules.allows(row, l)) || owners.add(row))
    }
}

/// Steps, each with the row that it is kept for.
struct Owners {
    steps: u64,
    row_of: [u64; 64],
    taken: u64,
    seen: u64,
}

impl Owners {
    /// One more row serves a step.
    fn add(&mut self, row: u64) -> bool {
        self.seen = 0;
        self.find_step(row)
    }

    fn find_step(&mut self, row: u64) -> bool {
        loop {
            let open = row & self.steps & !self.seen;
            if open == 0 {
                return false;
            }
            let step = open.trailing_zeros();
            self.seen |= 1 << step;
            let other = self.row_of.get(step as usize).copied().unwrap_or_default();
            if self.taken >> step & 1 == 0 || self.find_step(other) {
                self.taken |= 1 << step;
                if let Some(slot) = self.row_of.get_mut(step as usize) {
                    *slot = row;
                }
                return true;
            }
        }
    }
}
