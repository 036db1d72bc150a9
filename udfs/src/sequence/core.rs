//! Where a pattern matches the rows of one customer.
//!
//! Rows have a time and a set of conditions, and are in the order of (time, conditions). A *match*
//! is a choice of one row for each of the pattern's [`Take`]s, each row after the one before, such
//! that it is taken by it and the [`Gap`] before it allows what lies between. It begins with its first
//! row and ends with its last. What is asked:
//!
//! - whether there is a match;
//! - how many matches there can be at most that do not overlap: each begins after the one before
//!   has ended. Taking the match that ends first again and again gives the most;
//! - which rows the match consists of that ends first; of several the one that begins last; of
//!   those the one whose second row is earliest, then the third, and so on. Where there is none,
//!   the same of the longest beginning of the pattern, up to some condition, that has a match.
//!
//! One pass answers the first two, and the ends of the third: for each take the scan keeps what of
//! the rows taken before may matter to it, with the latest begin of the matches so far that end in
//! them. Cost: O(rows · takes), whatever the pattern, and the same again times log(rows) for the rows
//! of a match. Memory: the rows that a time guard may still ask about.

use std::collections::VecDeque;

use super::pattern::{Gap, Pattern, Range, Take, What};

/// A row: time, and bit i for condition i + 1.
pub(super) type Row = (i64, u64);

/// A pattern on its way along the rows of a customer. It keeps its memory for the next one.
#[derive(Debug, Clone)]
pub(super) struct Scan {
    takes: Vec<(What, Before)>,
    pattern: Pattern,
}

/// The rows that the take before has taken: their times, and the latest begins of what ends in them.
#[derive(Debug, Clone)]
enum Before {
    /// this is the first take
    Nothing,
    /// the row itself
    Row(Option<(usize, usize)>),
    /// of all rows
    Any(Option<usize>),
    Timed {
        windows: Vec<Window>,
        then_any: Option<Option<usize>>,
    },
}

/// The rows whose age is in a range, and those that are too young for it.
#[derive(Debug, Clone)]
struct Window {
    ages: Range,
    young: VecDeque<(i64, usize)>,
    /// begins fall, so that the latest is in front
    open: VecDeque<(i64, usize)>,
}

impl Window {
    fn latest(&mut self, now: i64) -> Option<usize> {
        while let Some(&(time, begin)) = self.young.front()
            && now.saturating_sub(time) >= self.ages.least
        {
            self.young.pop_front();
            while self.open.back().is_some_and(|other| other.1 <= begin) {
                self.open.pop_back();
            }
            self.open.push_back((time, begin));
        }
        while self.open.front().is_some_and(|o| now.saturating_sub(o.0) > self.ages.most) {
            self.open.pop_front();
        }
        self.open.front().map(|o| o.1)
    }
}

impl Before {
    fn new(first: bool, gap: &Gap) -> Self {
        match gap {
            _ if first => Self::Nothing,
            Gap::None => Self::Row(None),
            Gap::Any => Self::Any(None),
            Gap::Timed { ranges, then_any } => Self::Timed {
                windows: ranges
                    .iter()
                    .map(|&ages| Window { ages, young: VecDeque::new(), open: VecDeque::new() })
                    .collect(),
                then_any: then_any.then_some(None),
            },
        }
    }

    fn clear(&mut self) {
        match self {
            Self::Nothing => {}
            Self::Row(row) => *row = None,
            Self::Any(begin) => *begin = None,
            Self::Timed { windows, then_any } => {
                for window in windows {
                    window.young.clear();
                    window.open.clear();
                }
                if let Some(begin) = then_any {
                    *begin = None;
                }
            }
        }
    }

    /// The latest begin of what goes on with this row, the next one, if it is taken.
    #[inline]
    fn latest(&mut self, row: usize, time: i64, taken: bool) -> Option<usize> {
        match self {
            Self::Nothing => taken.then_some(row),
            Self::Row(before) => before.filter(|b| taken && b.0 + 1 == row).map(|b| b.1),
            Self::Any(begin) => begin.filter(|_| taken),
            Self::Timed { windows, then_any: None } => {
                if !taken {
                    return None;
                }
                windows.iter_mut().filter_map(|w| w.latest(time)).max()
            }
            // a row need not be taken to be the one that the guard waits for
            Self::Timed { windows, then_any: Some(begin) } => {
                let now = windows.iter_mut().filter_map(|w| w.latest(time)).max();
                *begin = now.max(*begin);
                begin.filter(|_| taken)
            }
        }
    }

    /// The take before has taken a row.
    #[inline]
    fn add(&mut self, row: usize, time: i64, begin: usize) {
        match self {
            Self::Nothing => {}
            Self::Row(before) => *before = Some((row, begin)),
            Self::Any(latest) => *latest = Some(begin).max(*latest),
            Self::Timed { windows, .. } => {
                for window in windows {
                    window.young.push_back((time, begin));
                }
            }
        }
    }
}

impl Scan {
    pub(super) fn new(pattern: Pattern) -> Self {
        let before = |(i, take): (usize, &Take)| (take.what, Before::new(i == 0, &take.gap));
        let takes = pattern.takes.iter().enumerate().map(before).collect();
        Self { takes, pattern }
    }

    fn clear(&mut self) {
        self.takes.iter_mut().for_each(|t| t.1.clear());
    }

    /// Takes the next row wherever it can be taken; `reached` is told which takes did, and where
    /// what it ends began. Whether the last did.
    #[inline]
    fn step(
        &mut self,
        row: usize,
        (time, mask): Row,
        mut reached: impl FnMut(usize, usize),
    ) -> bool {
        let mut ended = false;
        let mut after: Option<&mut Before> = None;
        // from the last to the first: no two takes of a match take the same row
        for (i, (what, before)) in self.takes.iter_mut().enumerate().rev() {
            if let Some(begin) = before.latest(row, time, what.takes(mask)) {
                reached(i, begin);
                match after {
                    Some(after) => after.add(row, time, begin),
                    None => ended = true,
                }
            }
            after = Some(before);
        }
        ended
    }

    /// Whether there is a match.
    pub(super) fn matches(&mut self, rows: &[Row]) -> bool {
        self.clear();
        rows.iter().enumerate().any(|(i, &row)| self.step(i, row, |_, _| {}))
    }

    /// How many matches there are that do not overlap.
    pub(super) fn count(&mut self, rows: &[Row]) -> i64 {
        self.clear();
        let mut count = 0;
        for (i, &row) in rows.iter().enumerate() {
            if self.step(i, row, |_, _| {}) {
                count += 1;
                self.clear();
            }
        }
        count
    }

    /// The times of the conditions of the match that counts; `partial`: if there is none, of the
    /// longest beginning.
    pub(super) fn events(&mut self, rows: &[Row], partial: bool, out: &mut Vec<i64>) {
        out.clear();
        self.clear();
        // where each take was reached first, and where that began
        let mut first: Vec<Option<(usize, usize)>> = vec![None; self.takes.len()];
        for (i, &row) in rows.iter().enumerate() {
            let ended = self.step(i, row, |take, begin| {
                if let Some(slot) = first.get_mut(take)
                    && slot.is_none()
                {
                    *slot = Some((begin, i));
                }
            });
            if ended {
                break;
            }
        }
        let takes = &self.pattern.takes;
        let whole = first.last().is_some_and(Option::is_some);
        let last = if whole {
            takes.len().checked_sub(1)
        } else {
            let reached = |(take, first): (&Take, &Option<_>)| {
                first.is_some() && matches!(take.what, What::Condition(_))
            };
            takes.iter().zip(&first).rposition(reached).filter(|_| partial)
        };
        let Some((last, (begin, end))) = last.and_then(|l| Some((l, first.get(l).copied()??)))
        else {
            return;
        };
        let takes = takes.get(..=last).unwrap_or_default();
        let rows = rows.get(begin..=end).unwrap_or_default();
        let chosen = earliest(takes, rows);
        let times = takes.iter().zip(chosen).filter_map(|(take, row)| match take.what {
            What::Condition(_) => rows.get(row).map(|r| r.0),
            What::Any => None,
        });
        out.extend(times);
    }
}

/// The match that begins with the first of the rows and ends with the last, and whose rows in
/// between are the earliest. There must be one.
fn earliest(takes: &[Take], rows: &[Row]) -> Vec<usize> {
    let last = rows.len().saturating_sub(1);
    // for each take, from the last to the second: the rows from which the end can be reached
    let mut able = vec![vec![last]];
    for pair in takes.get(1..).unwrap_or_default().windows(2).rev() {
        let [take, next] = pair else { continue };
        let then = able.last().map_or(&[][..], Vec::as_slice);
        let rows_able = (1..last).filter(|&i| {
            rows.get(i).is_some_and(|r| take.what.takes(r.1))
                && next_row(&next.gap, then, rows, i).is_some()
        });
        let rows_able = rows_able.collect();
        able.push(rows_able);
    }
    let mut chosen = vec![0];
    let mut at = 0;
    for (take, able) in takes.iter().skip(1).zip(able.iter().rev()) {
        at = next_row(&take.gap, able, rows, at).unwrap_or(last);
        chosen.push(at);
    }
    chosen
}

/// The first of the `able` rows that may follow the row `from` after the gap.
fn next_row(gap: &Gap, able: &[usize], rows: &[Row], from: usize) -> Option<usize> {
    let first_since = |row: usize| able.get(able.partition_point(|&a| a < row)).copied();
    match gap {
        Gap::None => first_since(from + 1).filter(|&a| a == from + 1),
        Gap::Any => first_since(from + 1),
        Gap::Timed { ranges, then_any } => {
            let now = rows.get(from)?.0;
            let later = |r: &&Row, by: i64| r.0.saturating_sub(now) >= by;
            ranges.iter().find_map(|range| {
                let least = rows.partition_point(|r| !later(&r, range.least)).max(from + 1);
                let end = rows.partition_point(|r| r.0.saturating_sub(now) <= range.most);
                let next = (least < end).then(|| first_since(least)).flatten();
                next.filter(|&a| *then_any || a < end)
            })
        }
    }
}

#[cfg(test)]
#[allow(clippy::cast_possible_truncation, clippy::cast_possible_wrap, reason = "test data")]
mod tests {
    use super::super::pattern::parse;
    use super::*;

    const S: i64 = 1_000_000;

    fn scan(pattern: &str) -> Scan {
        Scan::new(parse(pattern, 4).unwrap())
    }

    /// (time in seconds, condition)
    fn rows(rows: &[(i64, u32)]) -> Vec<Row> {
        rows.iter().map(|&(t, c)| (t * S, 1 << (c - 1))).collect()
    }

    fn events(pattern: &str, rows: &[Row], partial: bool) -> Vec<i64> {
        let mut out = vec![7];
        scan(pattern).events(rows, partial, &mut out);
        out.iter().map(|t| t / S).collect()
    }

    #[test]
    fn the_examples_of_clickhouse_documentation_hold() {
        let log = rows(&[(1, 1), (2, 3), (3, 2)]);
        assert!(!scan("(?1)(?2)").matches(&log));
        let known: Vec<Row> = log.iter().copied().filter(|r| r.1 < 4).collect();
        assert!(scan("(?1)(?2)").matches(&known));
        let log = rows(&[(1, 1), (2, 3), (3, 2), (4, 1), (5, 3), (6, 2)]);
        assert_eq!(scan("(?1).*(?2)").count(&log), 2);
        // the partial chain of its pull request #72349
        let log = rows(&[(200, 1), (201, 1), (210, 2), (211, 3), (212, 1)]);
        assert_eq!(events("(?1)(?2)(?3)(?4)", &log, true), [201, 210, 211]);
        assert!(events("(?1)(?2)(?3)(?4)", &log, false).is_empty());
    }

    #[test]
    fn a_guard_passes_over_rows_and_counts_from_the_row_that_was_taken_last() {
        let log = rows(&[(0, 1), (3, 3), (6, 2), (20, 2)]);
        assert!(scan("(?1)(?t<=6)(?2)").matches(&log));
        assert!(!scan("(?1)(?t<6)(?2)").matches(&log));
        assert!(scan("(?1).(?t<=3)(?2)").matches(&log), "3 seconds from the . before");
        assert!(scan("(?1)(?t>6)(?2)").matches(&log));
        assert!(scan("(?1)(?t!=6)(?2)").matches(&log));
        assert!(!scan("(?1)(?t>=1)(?t<=5)(?2)").matches(&log), "both count from the first");
        assert!(!scan("(?1).*(?t<=5)(?2)").matches(&log));
        assert!(scan("(?1)(?t<=5).*(?2)").matches(&log), "the guard is about the next row");
        assert!(!scan("(?1)(?t<=2).*(?2)").matches(&log));
    }

    #[test]
    fn the_match_ends_first_then_begins_last_then_is_earliest() {
        let log = rows(&[(0, 1), (1, 2), (2, 1), (3, 2), (4, 2), (5, 3), (6, 1), (7, 3)]);
        assert_eq!(events("(?1).*(?2).*(?3)", &log, false), [2, 3, 5]);
        assert_eq!(events("(?1)(?t>=3)(?3)", &log, false), [2, 5]);
        assert_eq!(events("(?1).*.*(?3)", &log, false), [2, 5]);
        assert_eq!(events("(?1)..(?3)", &log, false), [2, 5]);
    }

    /// A token of a pattern, to be interpreted as the module `pattern` describes it.
    #[derive(Debug, Clone, Copy, PartialEq)]
    enum Token {
        Take(What),
        Star,
        Guard(&'static str, i64),
    }

    /// Every match, as the rows that are taken, by trying everything.
    fn all_matches(tokens: &[Token], rows: &[Row]) -> Vec<Vec<usize>> {
        let mut found = vec![];
        for begin in 0..rows.len() {
            go(tokens, rows, begin, &mut vec![], &mut found);
        }
        // a leading star finds what begins later once more
        found.sort();
        found.dedup();
        found
    }

    fn go(
        tokens: &[Token],
        rows: &[Row],
        at: usize,
        taken: &mut Vec<usize>,
        found: &mut Vec<Vec<usize>>,
    ) {
        let Some(token) = tokens.first() else {
            found.push(taken.clone());
            return;
        };
        match token {
            Token::Take(what) => {
                if at < rows.len() && what.takes(rows[at].1) {
                    taken.push(at);
                    go(&tokens[1..], rows, at + 1, taken, found);
                    taken.pop();
                }
            }
            Token::Star => {
                for next in at..=rows.len() {
                    go(&tokens[1..], rows, next, taken, found);
                }
            }
            Token::Guard(..) => {
                let guards = tokens.iter().take_while(|t| matches!(t, Token::Guard(..))).count();
                let base = rows[*taken.last().unwrap()].0;
                for next in at..rows.len() {
                    let later = (rows[next].0 - base) / S;
                    let holds = tokens[..guards].iter().all(|t| match t {
                        Token::Guard("<=", x) => later <= *x,
                        Token::Guard("<", x) => later < *x,
                        Token::Guard(">=", x) => later >= *x,
                        Token::Guard(">", x) => later > *x,
                        Token::Guard("==", x) => later == *x,
                        Token::Guard("!=", x) => later != *x,
                        _ => false,
                    });
                    if holds {
                        go(&tokens[guards..], rows, next, taken, found);
                    }
                }
            }
        }
    }

    fn naive_count(matches: &[Vec<usize>], from: usize) -> i64 {
        let begins = matches.iter().filter(|m| m[0] >= from);
        begins.map(|m| 1 + naive_count(matches, m.last().unwrap() + 1)).max().unwrap_or(0)
    }

    fn naive_events(tokens: &[Token], rows: &[Row], partial: bool) -> Vec<i64> {
        let mut end = tokens.len();
        loop {
            let matches = all_matches(&tokens[..end], rows);
            let best = matches
                .iter()
                .filter(|m| !m.is_empty())
                .min_by_key(|m| (*m.last().unwrap(), std::cmp::Reverse(m[0]), m[1..].to_vec()));
            if let Some(best) = best {
                let takes = tokens[..end].iter().filter_map(|t| match t {
                    Token::Take(what) => Some(what),
                    _ => None,
                });
                let conditions =
                    takes.zip(best).filter(|(what, _)| matches!(what, What::Condition(_)));
                return conditions.map(|(_, &row)| rows[row].0 / S).collect();
            }
            let shorter = tokens[..end - 1]
                .iter()
                .rposition(|t| matches!(t, Token::Take(What::Condition(_))));
            match shorter {
                Some(last) if partial => end = last + 1,
                _ => return vec![],
            }
        }
    }

    fn text(tokens: &[Token]) -> String {
        let words: Vec<String> = tokens
            .iter()
            .map(|t| match t {
                Token::Take(What::Condition(n)) => format!("(?{})", n + 1),
                Token::Take(What::Any) => ".".into(),
                Token::Star => ".*".into(),
                Token::Guard(operator, x) => format!("(?t{operator}{x})"),
            })
            .collect();
        words.join(" ")
    }

    struct Draw(u64);

    impl Draw {
        fn below(&mut self, n: u64) -> u64 {
            self.0 = self.0.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1);
            (self.0 >> 33) % n
        }

        fn tokens(&mut self) -> Vec<Token> {
            let mut tokens = vec![];
            let takes = 1 + self.below(4);
            for take in 0..takes {
                let gap = self.below(if take == 0 { 2 } else { 8 });
                if gap % 2 == 1 {
                    tokens.push(Token::Star);
                }
                for _ in 0..gap.saturating_sub(3).min(2) {
                    let operators = ["<=", "<", ">=", ">", "==", "!="];
                    let operator = operators[self.below(6) as usize];
                    tokens.push(Token::Guard(operator, self.below(5) as i64));
                }
                if gap > 3 && self.below(3) == 0 {
                    tokens.push(Token::Star);
                }
                tokens.push(Token::Take(match self.below(6) {
                    0 => What::Any,
                    _ => What::Condition(self.below(3) as u32),
                }));
            }
            if self.below(4) == 0 {
                tokens.push(Token::Star);
            }
            tokens
        }

        fn rows(&mut self) -> Vec<Row> {
            let times = 1 + self.below(9);
            let n = self.below(9);
            let mut rows: Vec<Row> = (0..n)
                .map(|_| {
                    let mask =
                        if self.below(4) == 0 { 1 + self.below(7) } else { 1 << self.below(3) };
                    (self.below(times) as i64 * S, mask)
                })
                .collect();
            rows.sort_unstable();
            rows
        }
    }

    #[test]
    fn the_scan_finds_what_trying_everything_finds() {
        let mut draw = Draw(7);
        let (mut matched, mut several, mut parts, mut logs) = (0, 0, 0, 0);
        while logs < 40_000 {
            let tokens = draw.tokens();
            let Ok(pattern) = parse(&text(&tokens), 3) else { continue };
            logs += 1;
            let mut scan = Scan::new(pattern);
            for _ in 0..2 {
                let rows = draw.rows();
                let all = all_matches(&tokens, &rows);
                let context = || format!("{} {rows:?}", text(&tokens));
                assert_eq!(scan.matches(&rows), !all.is_empty(), "{}", context());
                let count = scan.count(&rows);
                assert_eq!(count, naive_count(&all, 0), "{}", context());
                let mut out = vec![];
                for partial in [false, true] {
                    scan.events(&rows, partial, &mut out);
                    let got: Vec<i64> = out.iter().map(|t| t / S).collect();
                    assert_eq!(got, naive_events(&tokens, &rows, partial), "{}", context());
                }
                matched += usize::from(count > 0);
                several += usize::from(count > 1);
                parts += usize::from(count == 0 && out.len() > 1);
            }
        }
        assert!(
            matched > 20_000 && several > 5_000 && parts > 5_000,
            "{matched} {several} {parts}"
        );
    }

    #[test]
    fn a_thousand_random_logs_have_the_answers_of_clickhouse() {
        // made by make.py beside it
        let text = include_str!("../../testdata/sequence/clickhouse.txt");
        let (mut logs, mut matched, mut of_last) = (0, 0, 0);
        // where `.*` stands before a guard: ClickHouse counts from the row after the `.*`
        let mut after_star = [0; 3];
        for line in text.lines() {
            let [text, rows, answers] = line.split(" | ").collect::<Vec<_>>()[..] else { panic!() };
            let rows: Vec<Row> = rows
                .split(' ')
                .map(|r| {
                    let (t, mask) = r.split_once(':').unwrap();
                    (t.parse::<i64>().unwrap() * S, mask.parse().unwrap())
                })
                .collect();
            let want: Vec<i64> = answers.split(' ').map(|n| n.parse().unwrap()).collect();
            let mut scan = Scan::new(parse(text, 3).unwrap());
            let mut chain = vec![];
            scan.events(&rows, true, &mut chain);
            let got = [
                i64::from(scan.matches(&rows)),
                scan.count(&rows),
                i64::try_from(chain.len()).unwrap(),
            ];
            logs += 1;
            if text.contains(".*(?t") {
                for (n, (got, want)) in after_star.iter_mut().zip(got.iter().zip(&want)) {
                    *n += i32::from(got != want);
                }
                continue;
            }
            matched += got[0];
            // a .* at the end makes ClickHouse lose a match that ends with the last row
            let lost = text.ends_with(".*") && got[1] == want[1] + 1;
            of_last += i32::from(lost);
            assert!(got[0] == want[0] && got[2] == want[2], "{line}: {got:?}");
            assert!(got[1] == want[1] || lost, "{line}: {got:?}");
        }
        assert_eq!((logs, of_last, after_star), (1_000, 4, [10, 16, 11]));
        assert!(matched > 300, "{matched}");
    }
}
