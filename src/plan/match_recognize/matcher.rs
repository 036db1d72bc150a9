//! Finds the preferred match of a program from a row on.
//!
//! Backtracking: the first way of a split is tried to its end before the second, which is the order
//! that the SQL standard gives to matches. A split that has failed at a row fails there again,
//! unless a condition that comes after it looks at the match so far; so it is remembered and not
//! tried twice, and the time is bounded by rows × steps. (Inside a loop whose iteration may be empty
//! it also matters whether the iteration has taken a row, for it must: that is remembered with it.)
//! Where conditions do look at the match so far, nothing can be remembered, and a limit on the steps
//! of one match holds.
//!
//! Memory: one bit for each row of the partition and split, and a frame for each split on the way of
//! the match.

use super::program::{Program, Step};

/// What a row was taken as.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Label {
    pub variable: usize,
    pub excluded: bool,
}

/// The match so far: rows from `start` on, one after the other.
#[derive(Debug, Clone, Default)]
pub(crate) struct Path {
    pub start: usize,
    pub labels: Vec<Label>,
    /// for each set of variables, the rows that were taken as one of them
    sets: Vec<Set>,
    /// for each variable, the sets that it is in
    of_variable: Vec<Vec<usize>>,
}

#[derive(Debug, Clone, Default)]
struct Set {
    rows: Vec<usize>,
    /// the fewest rows since it was last asked
    fewest: usize,
}

impl Path {
    /// A path that keeps the rows of these sets of variables; they are numbered as in the list.
    pub(crate) fn new(variables: usize, sets: &[Vec<usize>]) -> Self {
        let mut of_variable = vec![vec![]; variables];
        for (number, set) in sets.iter().enumerate() {
            for variable in set {
                if let Some(list) = of_variable.get_mut(*variable) {
                    list.push(number);
                }
            }
        }
        Self { start: 0, labels: vec![], sets: vec![Set::default(); sets.len()], of_variable }
    }

    /// Rows that were taken as a variable of the set, in order.
    pub(crate) fn rows(&self, set: usize) -> &[usize] {
        self.sets.get(set).map_or(&[], |s| &s.rows)
    }

    /// How many of the set's rows are the same as when this was last asked.
    pub(crate) fn unchanged(&mut self, set: usize) -> usize {
        match self.sets.get_mut(set) {
            Some(set) => std::mem::replace(&mut set.fewest, set.rows.len()),
            None => 0,
        }
    }

    /// One past the last row.
    pub(crate) fn end(&self) -> usize {
        self.start + self.labels.len()
    }

    fn begin(&mut self, start: usize) {
        self.start = start;
        self.labels.clear();
        for set in &mut self.sets {
            set.rows.clear();
            set.fewest = 0;
        }
    }

    fn push(&mut self, label: Label) {
        let row = self.end();
        self.labels.push(label);
        for set in self.of_variable.get(label.variable).into_iter().flatten() {
            if let Some(set) = self.sets.get_mut(*set) {
                set.rows.push(row);
            }
        }
    }

    fn pop(&mut self) {
        let Some(label) = self.labels.pop() else { return };
        for set in self.of_variable.get(label.variable).into_iter().flatten() {
            if let Some(set) = self.sets.get_mut(*set) {
                set.rows.pop();
                set.fewest = set.fewest.min(set.rows.len());
            }
        }
    }

    fn cut(&mut self, end: usize) {
        while self.end() > end && !self.labels.is_empty() {
            self.pop();
        }
    }
}

/// The conditions of the variables.
pub(crate) trait Conditions {
    type Error;

    /// Whether a row may be taken as a variable, as far as can be told without the match.
    fn may(&self, variable: usize, row: usize) -> bool;

    /// Whether the last row of `path` may be what it was taken as; asked only for variables that
    /// look at the match, and only if [`Self::may`] says yes.
    fn does(&mut self, variable: usize, path: &mut Path) -> Result<bool, Self::Error>;
}

/// How an attempt stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Outcome {
    /// the path holds the match
    Match,
    NoMatch,
    /// the steps that were allowed are used up: run again
    Paused,
    /// the limit on the steps of one match is reached
    TooLong,
}

#[derive(Debug, Clone, Copy)]
enum Frame {
    /// another way, from a step at a row
    Way { step: usize, row: usize },
    /// what a loop remembered
    Loop { slot: usize, row: usize },
}

/// Where it is remembered that a split has failed.
#[derive(Debug, Clone)]
struct Memo {
    /// number of the first bit
    first: usize,
    /// the loops around it that must take a row; there is a bit for each way they can stand
    loops: Vec<usize>,
}

/// Most loops around a split of which that is remembered.
const DEEPEST: usize = 6;

/// Runs a program over one partition.
#[derive(Debug)]
pub(crate) struct Matcher {
    program: Program,
    /// variables whose conditions look at the match so far
    looking: Vec<bool>,
    /// for each step, whether and where its failures are remembered
    memo: Vec<Option<Memo>>,
    /// bits of `words` words for each row
    failed: Vec<u64>,
    words: usize,
    rows: std::ops::Range<usize>,
    /// steps that one match may take, if nothing bounds them
    limit: Option<u64>,

    frames: Vec<Frame>,
    loops: Vec<usize>,
    step: usize,
    row: usize,
    taken: u64,
}

impl Matcher {
    /// A matcher of a program. `limit` bounds the steps of one match where nothing else does.
    pub(crate) fn new(program: Program, looking: Vec<bool>, limit: u64) -> Self {
        let leads = program.leads_to(&looking);
        let mut around: Vec<usize> = vec![];
        let mut bits = 0;
        let mut bounded = true;
        let mut memo = vec![];
        for (step, leads) in program.steps.iter().zip(leads) {
            match step {
                Step::Enter(slot) => around.push(*slot),
                Step::Again(_) => {
                    around.pop();
                }
                Step::Split { .. } if !leads && around.len() <= DEEPEST => {
                    memo.push(Some(Memo { first: bits, loops: around.clone() }));
                    bits += 1 << around.len();
                    continue;
                }
                Step::Split { .. } => bounded = false,
                _ => {}
            }
            memo.push(None);
        }
        let loops = vec![0; program.loops];
        Self {
            program,
            looking,
            memo,
            failed: vec![],
            words: usize::div_ceil(bits, 64),
            rows: 0..0,
            limit: (!bounded).then_some(limit),
            frames: vec![],
            loops,
            step: 0,
            row: 0,
            taken: 0,
        }
    }

    /// Bytes that a partition of so many rows takes before a match is long.
    pub(crate) fn bytes_for(&self, rows: usize) -> usize {
        rows.saturating_add(1).saturating_mul(self.words).saturating_mul(8)
    }

    /// Bytes that are held.
    pub(crate) fn size(&self) -> usize {
        self.failed.capacity() * 8 + self.frames.capacity() * size_of::<Frame>()
    }

    /// Goes on to another partition.
    pub(crate) fn partition(&mut self, rows: std::ops::Range<usize>) {
        self.failed.clear();
        self.failed.resize((rows.len() + 1) * self.words, 0);
        self.rows = rows;
    }

    /// Begins at a row of the partition.
    pub(crate) fn begin(&mut self, row: usize, path: &mut Path) {
        path.begin(row);
        self.frames.clear();
        self.step = 0;
        self.row = row;
        self.taken = 0;
    }

    /// Goes on for at most `budget` steps.
    pub(crate) fn run<C: Conditions>(
        &mut self,
        conditions: &mut C,
        path: &mut Path,
        budget: &mut u64,
    ) -> Result<Outcome, C::Error> {
        loop {
            if *budget == 0 {
                return Ok(Outcome::Paused);
            }
            *budget -= 1;
            self.taken += 1;
            if self.limit.is_some_and(|limit| self.taken > limit) {
                return Ok(Outcome::TooLong);
            }
            let goes_on = match self.program.steps.get(self.step).copied() {
                Some(Step::Take { variable, excluded }) => {
                    self.take(Label { variable, excluded }, conditions, path)?
                }
                Some(Step::Split { first, second }) => {
                    if self.has_failed() {
                        false
                    } else {
                        self.frames.push(Frame::Way { step: second, row: self.row });
                        self.step = first;
                        true
                    }
                }
                Some(Step::Jump(to)) => {
                    self.step = to;
                    true
                }
                Some(Step::Enter(slot)) => {
                    if let Some(row) = self.loops.get_mut(slot) {
                        self.frames.push(Frame::Loop { slot, row: *row });
                        *row = self.row;
                    }
                    self.next(true)
                }
                Some(Step::Again(slot)) => {
                    let moved = self.loops.get(slot) != Some(&self.row);
                    self.next(moved)
                }
                Some(Step::AtStart) => self.next(self.row == self.rows.start),
                Some(Step::AtEnd) => self.next(self.row == self.rows.end),
                Some(Step::Match) | None => {
                    self.forget(path);
                    return Ok(Outcome::Match);
                }
            };
            if !goes_on && !self.back(path) {
                return Ok(Outcome::NoMatch);
            }
        }
    }

    fn next(&mut self, goes_on: bool) -> bool {
        self.step += 1;
        goes_on
    }

    fn take<C: Conditions>(
        &mut self,
        label: Label,
        conditions: &mut C,
        path: &mut Path,
    ) -> Result<bool, C::Error> {
        if self.row >= self.rows.end || !conditions.may(label.variable, self.row) {
            return Ok(false);
        }
        path.push(label);
        if self.looking.get(label.variable) == Some(&true)
            && !conditions.does(label.variable, path)?
        {
            path.pop();
            return Ok(false);
        }
        self.row += 1;
        Ok(self.next(true))
    }

    /// Whether the split was tried at this row; if not, it is now.
    fn has_failed(&mut self) -> bool {
        let Some(Some(memo)) = self.memo.get(self.step) else { return false };
        let standing = memo.loops.iter().rev().fold(0, |standing, slot| {
            standing * 2 + usize::from(self.loops.get(*slot) == Some(&self.row))
        });
        let number = memo.first + standing;
        let at = (self.row - self.rows.start) * self.words + number / 64;
        let bit = 1_u64 << (number % 64);
        match self.failed.get_mut(at) {
            Some(word) if *word & bit != 0 => true,
            Some(word) => {
                *word |= bit;
                false
            }
            None => false,
        }
    }

    /// What was tried and led to the match has not failed. What failed after its last row has.
    fn forget(&mut self, path: &Path) {
        let from = (path.start - self.rows.start) * self.words;
        let to = (path.end() + 1 - self.rows.start) * self.words;
        if let Some(words) = self.failed.get_mut(from..to) {
            words.fill(0);
        }
    }

    /// Back to the last way that was not tried.
    fn back(&mut self, path: &mut Path) -> bool {
        while let Some(frame) = self.frames.pop() {
            match frame {
                Frame::Way { step, row } => {
                    path.cut(row);
                    self.step = step;
                    self.row = row;
                    return true;
                }
                Frame::Loop { slot, row } => {
                    if let Some(place) = self.loops.get_mut(slot) {
                        *place = row;
                    }
                }
            }
        }
        false
    }
}
