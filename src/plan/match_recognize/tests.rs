//! The matcher against a twin that writes down every match in the order of preference.

use super::matcher::{Conditions, Matcher, Outcome, Path};
use super::program::{MAX_STEPS, Pattern, Program, TooLong};

/// Numbers that depend on the seed alone.
struct Dice(u64);

impl Dice {
    fn roll(&mut self, sides: usize) -> usize {
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 7;
        self.0 ^= self.0 << 17;
        usize::try_from((self.0 >> 11) % u64::try_from(sides).unwrap()).unwrap()
    }
}

const VARIABLES: usize = 3;

/// One customer's values, and what the variables ask.
#[derive(Debug)]
struct Case {
    pattern: Pattern,
    values: Vec<Option<i32>>,
    asks: Vec<Ask>,
}

#[derive(Debug, Clone, Copy)]
enum Ask {
    Anything,
    Below(i32),
    /// than the row before, whoever took it
    Rises,
    /// than the last row of a variable
    AboveLast(usize),
    /// the variable's values up to here, this one too, are no more than
    SumUpTo(usize, i32),
    /// the row is no further from the first of the match than
    Within(usize),
}

impl Ask {
    fn looks(self) -> bool {
        matches!(self, Self::AboveLast(_) | Self::SumUpTo(..) | Self::Within(_))
    }

    /// By its definition: `word` is the match with its last row.
    fn holds(self, values: &[Option<i32>], start: usize, word: &[usize]) -> bool {
        let row = start + word.len() - 1;
        let of = |variable: usize| {
            (start..=row).zip(word).filter(move |(_, v)| **v == variable).map(|(row, _)| row)
        };
        match self {
            Self::Anything => true,
            Self::Below(limit) => values[row].is_some_and(|v| v < limit),
            Self::Rises => {
                row > 0 && matches!((values[row], values[row - 1]), (Some(a), Some(b)) if a > b)
            }
            Self::AboveLast(variable) => match of(variable).last() {
                Some(last) => {
                    matches!((values[row], values[last]), (Some(a), Some(b)) if a > b)
                }
                None => false,
            },
            Self::SumUpTo(variable, most) => {
                of(variable).filter_map(|row| values[row]).sum::<i32>() <= most
            }
            Self::Within(most) => row - start <= most,
        }
    }
}

impl Conditions for Case {
    type Error = ();

    fn may(&self, variable: usize, row: usize) -> bool {
        let ask = self.asks[variable];
        // of those that do not look at the match the word does not matter
        ask.looks() || ask.holds(&self.values, row, &[variable])
    }

    fn does(&mut self, variable: usize, path: &mut Path) -> Result<bool, ()> {
        let word: Vec<usize> = path.labels.iter().map(|l| l.variable).collect();
        for v in 0..VARIABLES {
            let rows: Vec<usize> =
                (path.start..).zip(&word).filter(|(_, w)| **w == v).map(|(row, _)| row).collect();
            assert_eq!(path.rows(v), rows);
        }
        Ok(self.asks[variable].holds(&self.values, path.start, &word))
    }
}

/// The twin: every word from `row` on, the preferred first, until `found` says that it is enough.
fn words(
    case: &Case,
    pattern: &Pattern,
    start: usize,
    word: &mut Vec<usize>,
    found: &mut dyn FnMut(&mut Vec<usize>) -> bool,
) -> bool {
    match pattern {
        Pattern::Variable(v) => {
            if start + word.len() >= case.values.len() {
                return false;
            }
            word.push(*v);
            let ends = case.asks[*v].holds(&case.values, start, word) && found(word);
            if !ends {
                word.pop();
            }
            ends
        }
        Pattern::Start => start + word.len() == 0 && found(word),
        Pattern::End => start + word.len() == case.values.len() && found(word),
        Pattern::Sequence(parts) => match parts.split_first() {
            None => found(word),
            Some((first, rest)) => {
                let rest = Pattern::Sequence(rest.to_vec());
                words(case, first, start, word, &mut |word| words(case, &rest, start, word, found))
            }
        },
        Pattern::Alternatives(ways) => ways.iter().any(|way| words(case, way, start, word, found)),
        Pattern::Excluded(inner) => words(case, inner, start, word, found),
        Pattern::Permute(variables) => {
            if variables.is_empty() {
                return found(word);
            }
            variables.iter().any(|v| {
                let rest = variables.iter().copied().filter(|w| w != v).collect();
                let rest = Pattern::Permute(rest);
                words(case, &Pattern::Variable(*v), start, word, &mut |word| {
                    words(case, &rest, start, word, found)
                })
            })
        }
        Pattern::Repeat { what, least, most, greedy } => {
            let fewer = Pattern::Repeat {
                what: what.clone(),
                least: least.saturating_sub(1),
                most: most.map(|m| m.saturating_sub(1)),
                greedy: *greedy,
            };
            let must = *least > 0;
            let may = must || *most != Some(0);
            let before = word.len();
            let once_more =
                |word: &mut Vec<usize>, found: &mut dyn FnMut(&mut Vec<usize>) -> bool| {
                    may && words(case, what, start, word, &mut |word| {
                        (must || word.len() > before) && words(case, &fewer, start, word, found)
                    })
                };
            if must || *greedy {
                once_more(word, found) || (!must && found(word))
            } else {
                found(word) || once_more(word, found)
            }
        }
    }
}

fn pattern(dice: &mut Dice, depth: usize) -> Pattern {
    let several = |dice: &mut Dice| {
        let n = 1 + dice.roll(3);
        (0..n).map(|_| pattern(dice, depth - 1)).collect::<Vec<_>>()
    };
    match if depth == 0 { 0 } else { dice.roll(12) } {
        0 | 1 => Pattern::Variable(dice.roll(VARIABLES)),
        2 => Pattern::Start,
        3 => Pattern::End,
        4..=6 => Pattern::Sequence(several(dice)),
        7 => Pattern::Alternatives(several(dice)),
        8 if dice.roll(3) == 0 => Pattern::Permute((0..VARIABLES).collect()),
        8 if dice.roll(2) == 0 => Pattern::Excluded(Box::new(pattern(dice, depth - 1))),
        _ => {
            let least = dice.roll(3);
            let most = (dice.roll(2) == 0).then(|| least + dice.roll(3));
            Pattern::Repeat {
                what: Box::new(pattern(dice, depth - 1)),
                least: if most.is_none() { least.min(1) } else { least },
                most,
                greedy: dice.roll(3) > 0,
            }
        }
    }
}

fn case(dice: &mut Dice, looks: bool) -> Case {
    let rows = dice.roll(7);
    let value = |dice: &mut Dice| (dice.roll(6) > 0).then(|| i32::try_from(dice.roll(5)).unwrap());
    let ask = |dice: &mut Dice| match dice.roll(if looks { 7 } else { 4 }) {
        0 => Ask::Anything,
        1 | 2 => Ask::Below(i32::try_from(dice.roll(6)).unwrap()),
        3 => Ask::Rises,
        4 => Ask::AboveLast(dice.roll(VARIABLES)),
        5 => Ask::SumUpTo(dice.roll(VARIABLES), i32::try_from(dice.roll(8)).unwrap()),
        _ => Ask::Within(dice.roll(4)),
    };
    Case {
        pattern: pattern(dice, 4),
        values: (0..rows).map(|_| value(dice)).collect(),
        asks: (0..VARIABLES).map(|_| ask(dice)).collect(),
    }
}

/// What is found from every row on, in the order given, with one matcher for the whole partition.
fn found(case: &mut Case, program: &Program, pause: u64) -> Vec<Option<Vec<usize>>> {
    let looking: Vec<bool> = case.asks.iter().map(|a| a.looks()).collect();
    let sets: Vec<Vec<usize>> = (0..VARIABLES).map(|v| vec![v]).collect();
    let mut path = Path::new(VARIABLES, &sets);
    let mut matcher = Matcher::new(program.clone(), looking, u64::MAX);
    matcher.partition(0..case.values.len());
    let mut out = vec![];
    for start in 0..case.values.len() {
        matcher.begin(start, &mut path);
        let outcome = loop {
            match matcher.run(case, &mut path, &mut pause.clone()).unwrap() {
                Outcome::Paused => {}
                outcome => break outcome,
            }
        };
        out.push(
            (outcome == Outcome::Match).then(|| path.labels.iter().map(|l| l.variable).collect()),
        );
    }
    out
}

#[test]
fn the_match_is_the_first_of_all_in_the_order_of_preference() {
    let mut dice = Dice(0x5eed_1234_5678_9abc);
    let (mut matches, mut long) = (0, 0);
    for round in 0..60_000 {
        let mut case = case(&mut dice, round % 2 == 1);
        let Ok(program) = Program::of(&case.pattern) else { continue };
        let expected: Vec<Option<Vec<usize>>> = (0..case.values.len())
            .map(|start| {
                let mut first = None;
                words(&case, &case.pattern, start, &mut vec![], &mut |word| {
                    first = Some(word.clone());
                    true
                });
                first
            })
            .collect();
        assert_eq!(found(&mut case, &program, u64::MAX), expected, "{case:?}");
        assert_eq!(found(&mut case, &program, 1), expected, "paused: {case:?}");
        matches += expected.iter().flatten().count();
        long += expected.iter().flatten().filter(|w| w.len() > 2).count();
    }
    assert!(matches > 50_000 && long > 5_000, "the cases say little: {matches}, {long}");
}

/// `(A* A*)* B` over rows that are all A takes for ever without memory of what failed.
#[test]
fn what_has_failed_is_not_tried_again() {
    let star =
        |p: Pattern| Pattern::Repeat { what: Box::new(p), least: 0, most: None, greedy: true };
    let a = || star(Pattern::Variable(0));
    let pattern =
        Pattern::Sequence(vec![star(Pattern::Sequence(vec![a(), a()])), Pattern::Variable(1)]);
    let program = Program::of(&pattern).unwrap();
    let rows = 2_000;
    let mut case = Case {
        pattern,
        values: vec![Some(1); rows],
        asks: vec![Ask::Anything, Ask::Below(0), Ask::Anything],
    };
    let looking = vec![false; VARIABLES];
    let sets: Vec<Vec<usize>> = (0..VARIABLES).map(|v| vec![v]).collect();
    let mut path = Path::new(VARIABLES, &sets);
    let mut matcher = Matcher::new(program.clone(), looking, u64::MAX);
    matcher.partition(0..rows);
    let mut budget = 40 * u64::try_from(rows).unwrap();
    for start in 0..rows {
        matcher.begin(start, &mut path);
        assert_eq!(matcher.run(&mut case, &mut path, &mut budget), Ok(Outcome::NoMatch));
    }
    // a condition that looks at the match so far forbids that
    case.asks[1] = Ask::SumUpTo(1, -1);
    let looking = vec![false, true, false];
    let mut matcher = Matcher::new(program, looking, 100_000);
    matcher.partition(0..rows);
    matcher.begin(0, &mut path);
    assert_eq!(matcher.run(&mut case, &mut path, &mut u64::MAX.clone()), Ok(Outcome::TooLong));
}

#[test]
fn a_pattern_has_an_end() {
    let a = Pattern::Variable(0);
    let times =
        |n| Pattern::Repeat { what: Box::new(a.clone()), least: n, most: Some(n), greedy: true };
    assert!(Program::of(&times(MAX_STEPS - 1)).is_ok());
    assert_eq!(Program::of(&times(MAX_STEPS)), Err(TooLong));
    assert!(Program::of(&Pattern::Permute((0..6).collect())).is_ok());
    assert_eq!(Program::of(&Pattern::Permute((0..7).collect())), Err(TooLong));
    assert_eq!(Program::of(&Pattern::Permute((0..60).collect())), Err(TooLong));
}
