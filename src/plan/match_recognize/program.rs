//! A row pattern as a program: what [`matcher`](super::matcher) runs.
//!
//! Repetitions are written out, `A{2,4}` as `A A (A (A)?)?`, so that a step needs no counter. An
//! iteration of a loop that takes no row is not tried a second time: it could go on for ever.

use std::fmt;

/// Most steps of one program. `A{1000}` has a thousand; PERMUTE of seven variables would have more
/// than this.
pub(crate) const MAX_STEPS: usize = 10_000;

/// A row pattern. Variables are numbers.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub(crate) enum Pattern {
    Variable(usize),
    /// `^`
    Start,
    /// `$`
    End,
    Sequence(Vec<Pattern>),
    /// The first one is preferred.
    Alternatives(Vec<Pattern>),
    Repeat {
        what: Box<Pattern>,
        least: usize,
        /// `None`: no end
        most: Option<usize>,
        greedy: bool,
    },
    /// `{- … -}`: takes rows that are not shown.
    Excluded(Box<Pattern>),
    /// The variables in every order; orders that come first by the list are preferred.
    Permute(Vec<usize>),
}

/// The pattern needs more than [`MAX_STEPS`].
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct TooLong;

/// One step of a program.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Step {
    /// takes a row
    Take {
        variable: usize,
        excluded: bool,
    },
    /// goes on at the first, and at the second if that fails
    Split {
        first: usize,
        second: usize,
    },
    Jump(usize),
    /// remembers the row at which an iteration begins
    Enter(usize),
    /// fails if the iteration has taken no row
    Again(usize),
    AtStart,
    AtEnd,
    Match,
}

/// The program of a pattern.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Program {
    pub steps: Vec<Step>,
    /// how many loops remember a row
    pub loops: usize,
}

impl Program {
    /// Compiles a pattern.
    pub(crate) fn of(pattern: &Pattern) -> Result<Self, TooLong> {
        let mut out = Self { steps: vec![], loops: 0 };
        out.add(pattern, false)?;
        out.push(Step::Match)?;
        Ok(out)
    }

    fn push(&mut self, step: Step) -> Result<usize, TooLong> {
        if self.steps.len() >= MAX_STEPS {
            return Err(TooLong);
        }
        self.steps.push(step);
        Ok(self.steps.len() - 1)
    }

    /// A split whose ways are filled in later.
    fn split(&mut self) -> Result<usize, TooLong> {
        self.push(Step::Split { first: 0, second: 0 })
    }

    fn fill(&mut self, at: usize, step: Step) {
        if let Some(place) = self.steps.get_mut(at) {
            *place = step;
        }
    }

    fn add(&mut self, pattern: &Pattern, excluded: bool) -> Result<(), TooLong> {
        match pattern {
            Pattern::Variable(variable) => {
                self.push(Step::Take { variable: *variable, excluded })?;
            }
            Pattern::Start => {
                self.push(Step::AtStart)?;
            }
            Pattern::End => {
                self.push(Step::AtEnd)?;
            }
            Pattern::Sequence(parts) => {
                for part in parts {
                    self.add(part, excluded)?;
                }
            }
            Pattern::Alternatives(ways) => self.alternatives(ways, excluded)?,
            Pattern::Excluded(inner) => self.add(inner, true)?,
            Pattern::Permute(variables) => {
                let mut ways = vec![];
                permutations(variables, &mut vec![], &mut ways)?;
                self.alternatives(&ways, excluded)?;
            }
            Pattern::Repeat { what, least, most, greedy } => {
                for _ in 0..*least {
                    self.add(what, excluded)?;
                }
                match most {
                    None => self.repeat(what, *greedy, excluded)?,
                    Some(most) => {
                        let more = most.saturating_sub(*least);
                        self.optional(what, more, *greedy, excluded)?;
                    }
                }
            }
        }
        Ok(())
    }

    fn alternatives(&mut self, ways: &[Pattern], excluded: bool) -> Result<(), TooLong> {
        let mut ends = vec![];
        for (i, way) in ways.iter().enumerate() {
            if i + 1 == ways.len() {
                self.add(way, excluded)?;
                break;
            }
            let split = self.split()?;
            self.add(way, excluded)?;
            ends.push(self.push(Step::Jump(0))?);
            let next = self.steps.len();
            self.fill(split, Step::Split { first: split + 1, second: next });
        }
        let end = self.steps.len();
        for jump in ends {
            self.fill(jump, Step::Jump(end));
        }
        Ok(())
    }

    /// `what*`
    fn repeat(&mut self, what: &Pattern, greedy: bool, excluded: bool) -> Result<(), TooLong> {
        let head = self.split()?;
        self.iteration(what, excluded)?;
        self.push(Step::Jump(head))?;
        let end = self.steps.len();
        self.fill(head, ways(head + 1, end, greedy));
        Ok(())
    }

    /// `(what (what …)?)?`, `times` deep
    fn optional(
        &mut self,
        what: &Pattern,
        times: usize,
        greedy: bool,
        excluded: bool,
    ) -> Result<(), TooLong> {
        let mut splits = vec![];
        for _ in 0..times {
            splits.push(self.split()?);
            self.iteration(what, excluded)?;
        }
        let end = self.steps.len();
        for split in splits {
            self.fill(split, ways(split + 1, end, greedy));
        }
        Ok(())
    }

    /// One iteration that need not be: it takes a row, or fails.
    fn iteration(&mut self, what: &Pattern, excluded: bool) -> Result<(), TooLong> {
        if !can_be_empty(what) {
            return self.add(what, excluded);
        }
        let slot = self.loops;
        self.loops += 1;
        self.push(Step::Enter(slot))?;
        self.add(what, excluded)?;
        self.push(Step::Again(slot))?;
        Ok(())
    }

    /// For each step, whether what comes after it may take a row as one of `variables`.
    pub(crate) fn leads_to(&self, variables: &[bool]) -> Vec<bool> {
        let mut leads: Vec<bool> = vec![false; self.steps.len()];
        loop {
            let mut changed = false;
            for (at, step) in self.steps.iter().enumerate().rev() {
                let of = |at: usize| leads.get(at).copied().unwrap_or(false);
                let now = match step {
                    Step::Take { variable, .. } => {
                        variables.get(*variable).copied().unwrap_or(false) || of(at + 1)
                    }
                    Step::Split { first, second } => of(*first) || of(*second),
                    Step::Jump(to) => of(*to),
                    Step::Match => false,
                    Step::Enter(_) | Step::Again(_) | Step::AtStart | Step::AtEnd => of(at + 1),
                };
                if let Some(place) = leads.get_mut(at)
                    && *place != now
                {
                    *place = now;
                    changed = true;
                }
            }
            if !changed {
                return leads;
            }
        }
    }
}

fn ways(on: usize, out: usize, greedy: bool) -> Step {
    if greedy {
        Step::Split { first: on, second: out }
    } else {
        Step::Split { first: out, second: on }
    }
}

fn can_be_empty(pattern: &Pattern) -> bool {
    match pattern {
        Pattern::Variable(_) => false,
        Pattern::Start | Pattern::End => true,
        Pattern::Sequence(parts) => parts.iter().all(can_be_empty),
        Pattern::Alternatives(ways) => ways.iter().any(can_be_empty),
        Pattern::Repeat { what, least, most, .. } => {
            *least == 0 || *most == Some(0) || can_be_empty(what)
        }
        Pattern::Excluded(inner) => can_be_empty(inner),
        Pattern::Permute(variables) => variables.is_empty(),
    }
}

fn permutations(
    left: &[usize],
    taken: &mut Vec<usize>,
    out: &mut Vec<Pattern>,
) -> Result<(), TooLong> {
    if left.is_empty() {
        if (out.len() + 1) * taken.len() > MAX_STEPS {
            return Err(TooLong);
        }
        out.push(Pattern::Sequence(taken.iter().map(|v| Pattern::Variable(*v)).collect()));
        return Ok(());
    }
    for (i, variable) in left.iter().enumerate() {
        let rest: Vec<usize> =
            left.iter().enumerate().filter(|(j, _)| *j != i).map(|(_, v)| *v).collect();
        taken.push(*variable);
        permutations(&rest, taken, out)?;
        taken.pop();
    }
    Ok(())
}

impl Pattern {
    /// The pattern as it is written, with the names of its variables.
    pub(crate) fn display<'a>(&'a self, names: &'a [String]) -> impl fmt::Display + 'a {
        Written { pattern: self, names }
    }
}

struct Written<'a> {
    pattern: &'a Pattern,
    names: &'a [String],
}

impl Written<'_> {
    fn name(&self, variable: usize) -> &str {
        self.names.get(variable).map_or("?", String::as_str)
    }

    fn list(&self, f: &mut fmt::Formatter<'_>, parts: &[Pattern], between: &str) -> fmt::Result {
        for (i, part) in parts.iter().enumerate() {
            if i > 0 {
                f.write_str(between)?;
            }
            write!(f, "{}", part.display(self.names))?;
        }
        Ok(())
    }
}

impl fmt::Display for Written<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.pattern {
            Pattern::Variable(v) => f.write_str(self.name(*v)),
            Pattern::Start => f.write_str("^"),
            Pattern::End => f.write_str("$"),
            Pattern::Sequence(parts) => self.list(f, parts, " "),
            Pattern::Alternatives(ways) => {
                f.write_str("(")?;
                self.list(f, ways, " | ")?;
                f.write_str(")")
            }
            Pattern::Excluded(inner) => write!(f, "{{- {} -}}", inner.display(self.names)),
            Pattern::Permute(variables) => {
                let names: Vec<&str> = variables.iter().map(|v| self.name(*v)).collect();
                write!(f, "PERMUTE({})", names.join(", "))
            }
            Pattern::Repeat { what, least, most, greedy } => {
                match **what {
                    Pattern::Sequence(_) | Pattern::Repeat { .. } => {
                        write!(f, "({})", what.display(self.names))?;
                    }
                    _ => write!(f, "{}", what.display(self.names))?,
                }
                match (least, most) {
                    (0, None) => f.write_str("*")?,
                    (1, None) => f.write_str("+")?,
                    (0, Some(1)) => f.write_str("?")?,
                    (n, None) => write!(f, "{{{n},}}")?,
                    (n, Some(m)) if n == m => write!(f, "{{{n}}}")?,
                    (n, Some(m)) => write!(f, "{{{n},{m}}}")?,
                }
                f.write_str(if *greedy { "" } else { "?" })
            }
        }
    }
}
