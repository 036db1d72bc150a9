//! The language of patterns over sequences.
//!
//! A pattern is a row of tokens, with or without spaces between:
//!
//! - `(?N)` takes the next row, which must satisfy condition N;
//! - `.` takes the next row, whatever it satisfies;
//! - `.*` passes over any number of rows, or none;
//! - a time guard `(?t<=10)`, with `<=`, `<`, `>=`, `>`, `==` or `!=` and a length of time, passes over
//!   any number of rows until one whose time is so much later than the row that was taken last. It
//!   does not take that row. Guards in a row must hold together, for the same row.
//!
//! A length of time is a number of seconds (`0.5`) or an ISO-8601 duration of one fixed length (`PT1H`,
//! `P1DT12H`, `P2W`).

/// A pattern: what takes a row, and what lies before each.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub(super) struct Pattern {
    pub takes: Vec<Take>,
}

#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub(super) struct Take {
    /// between the take before and this one; of the first take it is [`Gap::Any`]
    pub gap: Gap,
    pub what: What,
}

/// What a row must be to be taken.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub(super) enum What {
    /// it satisfies this condition, counted from 0
    Condition(u32),
    Any,
}

impl What {
    pub(super) fn takes(self, mask: u64) -> bool {
        match self {
            Self::Condition(n) => mask >> n & 1 == 1,
            Self::Any => true,
        }
    }
}

/// What may lie between two rows that are taken.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub(super) enum Gap {
    /// nothing
    None,
    /// any rows
    Any,
    /// any rows; the row after them is later than the row before them by a length in one of these
    /// ranges, which rise. `then_any`: more rows may follow before the next is taken.
    Timed { ranges: Vec<Range>, then_any: bool },
}

/// Lengths of time in microseconds, both ends included.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub(super) struct Range {
    pub least: i64,
    pub most: i64,
}

/// What is wrong with a pattern, and at which character, counted from 1.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Wrong {
    pub at: usize,
    pub what: String,
}

/// Reads a pattern over so many conditions.
///
/// # Errors
/// What is no pattern, or one that nothing can match.
pub(super) fn parse(text: &str, conditions: usize) -> Result<Pattern, Wrong> {
    let mut reader = Reader { text, rest: text };
    let mut takes = vec![];
    let mut gap = OpenGap::default();
    loop {
        reader.skip_space();
        let at = reader.at();
        if reader.eat("(?") {
            reader.skip_space();
            if reader.eat("t") || reader.eat("T") {
                if takes.is_empty() {
                    let what = "a time guard counts from the event before it, and there is none";
                    return Err(Wrong { at, what: what.into() });
                }
                gap.add_guard(&mut reader, at)?;
            } else {
                let n = reader.condition(conditions)?;
                takes.push(Take { gap: gap.close(takes.is_empty())?, what: What::Condition(n) });
            }
            reader.skip_space();
            if !reader.eat(")") {
                return Err(reader.wrong("a closing parenthesis is missing"));
            }
        } else if reader.eat(".*") {
            gap.add_any();
        } else if reader.eat(".") {
            takes.push(Take { gap: gap.close(takes.is_empty())?, what: What::Any });
        } else if reader.rest.is_empty() {
            break;
        } else {
            return Err(reader.unknown());
        }
    }
    if let Some(guards) = gap.guards {
        let what = "a time guard says when the event after it comes, and there is none; a . after it stands for any";
        return Err(Wrong { at: guards.at, what: what.into() });
    }
    if takes.is_empty() {
        return Err(Wrong { at: 1, what: "there is no event such as (?1) in it".into() });
    }
    Ok(Pattern { takes })
}

/// A gap that is being read.
#[derive(Debug, Default)]
struct OpenGap {
    any: bool,
    guards: Option<Guards>,
    then_any: bool,
}

/// What guards in a row ask together.
#[derive(Debug)]
struct Guards {
    at: usize,
    least: i64,
    most: i64,
    not: Vec<i64>,
}

impl OpenGap {
    fn add_any(&mut self) {
        match self.guards {
            Some(_) => self.then_any = true,
            None => self.any = true,
        }
    }

    fn add_guard(&mut self, reader: &mut Reader, at: usize) -> Result<(), Wrong> {
        if self.then_any {
            let what =
                "the time guards of an event stand together, as in (?1)(?t>=60)(?t<=3600)(?2)";
            return Err(Wrong { at, what: what.into() });
        }
        let guards =
            self.guards.get_or_insert(Guards { at, least: 0, most: i64::MAX, not: vec![] });
        reader.skip_space();
        let operator = ["<=", "<", ">=", ">", "==", "!="].into_iter().find(|o| reader.eat(o));
        let Some(operator) = operator else {
            return Err(reader.wrong("a time guard has one of <=, <, >=, >, == and != here"));
        };
        reader.skip_space();
        let length = reader.length()?;
        let mut at_least = |v: i64| guards.least = guards.least.max(v);
        match operator {
            ">" => at_least(length.saturating_add(1)),
            ">=" => at_least(length),
            "<" => guards.most = guards.most.min(length - 1),
            "<=" => guards.most = guards.most.min(length),
            "!=" => guards.not.push(length),
            _ => {
                at_least(length);
                guards.most = guards.most.min(length);
            }
        }
        Ok(())
    }

    /// The gap is at an end: the next row is taken.
    fn close(&mut self, first: bool) -> Result<Gap, Wrong> {
        let Self { any, guards, then_any } = std::mem::take(self);
        let Some(guards) = guards else {
            return Ok(if any || first { Gap::Any } else { Gap::None });
        };
        let ranges = guards.ranges();
        if ranges.is_empty() {
            let what = "no length of time satisfies these time guards";
            return Err(Wrong { at: guards.at, what: what.into() });
        }
        Ok(Gap::Timed { ranges, then_any })
    }
}

impl Guards {
    fn ranges(&self) -> Vec<Range> {
        let mut not = self.not.clone();
        not.sort_unstable();
        let mut ranges = vec![];
        let mut least = self.least;
        for &hole in not.iter().filter(|&&h| h >= self.least && h <= self.most) {
            if hole > least {
                ranges.push(Range { least, most: hole - 1 });
            }
            least = hole.saturating_add(1);
        }
        if least <= self.most {
            ranges.push(Range { least, most: self.most });
        }
        ranges
    }
}

struct Reader<'a> {
    text: &'a str,
    rest: &'a str,
}

const SECOND: i64 = 1_000_000;

impl<'a> Reader<'a> {
    /// The next character, counted from 1.
    fn at(&self) -> usize {
        1 + self.text.chars().count() - self.rest.chars().count()
    }

    fn wrong(&self, what: &str) -> Wrong {
        Wrong { at: self.at(), what: what.into() }
    }

    fn unknown(&self) -> Wrong {
        let next: String = self.rest.chars().take(1).collect();
        self.wrong(&format!("{next:?} begins no token; tokens are (?N), ., .* and (?t<=10)"))
    }

    fn skip_space(&mut self) {
        self.rest = self.rest.trim_start();
    }

    fn eat(&mut self, token: &str) -> bool {
        let rest = self.rest.strip_prefix(token);
        self.rest = rest.unwrap_or(self.rest);
        rest.is_some()
    }

    fn digits(&mut self) -> &'a str {
        let end = self.rest.find(|c: char| !c.is_ascii_digit()).unwrap_or(self.rest.len());
        let (digits, rest) = self.rest.split_at(end);
        self.rest = rest;
        digits
    }

    /// The number of a condition, made to count from 0.
    fn condition(&mut self, conditions: usize) -> Result<u32, Wrong> {
        let at = self.at();
        let digits = self.digits();
        if digits.is_empty() {
            return Err(
                self.wrong("(? is followed by the number of a condition, or by t for a time guard")
            );
        }
        match digits.parse::<u32>().ok().and_then(|n| n.checked_sub(1)) {
            Some(n) if usize::try_from(n).is_ok_and(|n| n < conditions) => Ok(n),
            _ => Err(Wrong {
                at,
                what: format!(
                    "there is no condition {digits}; the conditions are 1 to {conditions}"
                ),
            }),
        }
    }

    /// A length of time in microseconds.
    fn length(&mut self) -> Result<i64, Wrong> {
        let at = self.at();
        if !(self.eat("P") || self.eat("p")) {
            return self.number(SECOND);
        }
        let mut total = 0i64;
        let (mut parts, mut of_day) = (0, false);
        loop {
            if !of_day && (self.eat("T") || self.eat("t")) {
                of_day = true;
                parts = 0;
            }
            if parts > 0 && !self.rest.starts_with(|c: char| c.is_ascii_digit()) {
                return Ok(total);
            }
            // the unit follows its number
            let number = self.rest;
            let unit = number.trim_start_matches(|c: char| c.is_ascii_digit() || ".,".contains(c));
            let micros = match (of_day, unit.chars().next().map(|u| u.to_ascii_uppercase())) {
                (false, Some('W')) => 7 * 86_400 * SECOND,
                (false, Some('D')) => 86_400 * SECOND,
                (true, Some('H')) => 3_600 * SECOND,
                (true, Some('M')) => 60 * SECOND,
                (true, Some('S')) => SECOND,
                (false, Some('Y' | 'M')) if unit.len() < number.len() => {
                    let what = "months and years have no fixed length; use days, such as P30D";
                    return Err(Wrong { at, what: what.into() });
                }
                _ => return Err(self.no_length(at)),
            };
            let part = self.number(micros)?;
            total = total.checked_add(part).ok_or_else(|| self.no_length(at))?;
            self.rest = unit.get(1..).unwrap_or_default();
            parts += 1;
        }
    }

    /// A number of units, whole or with a fraction, in whole microseconds.
    fn number(&mut self, unit: i64) -> Result<i64, Wrong> {
        let at = self.at();
        let whole = self.digits();
        let decimal = !whole.is_empty() && (self.eat(".") || self.eat(","));
        let fraction = if decimal { self.digits() } else { "" };
        let micros = || {
            let scale = 10i128.checked_pow(u32::try_from(fraction.len()).ok()?)?;
            let digits: i128 = format!("{whole}{fraction}").parse().ok()?;
            let scaled = digits.checked_mul(i128::from(unit))?;
            (scaled % scale == 0).then(|| i64::try_from(scaled / scale).ok())?
        };
        micros().filter(|_| !decimal || !fraction.is_empty()).ok_or_else(|| self.no_length(at))
    }

    fn no_length(&self, at: usize) -> Wrong {
        let what = "a time guard ends in a length of time: a number of seconds such as 90 or 0.5 (to the microsecond), or an ISO-8601 duration such as PT1H or P1D";
        Wrong { at, what: what.into() }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn gap(guards: &str) -> Gap {
        parse(&format!("(?1){guards}(?2)"), 2).unwrap().takes[1].gap.clone()
    }

    fn timed(ranges: &[(i64, i64)]) -> Gap {
        let ranges = ranges.iter().map(|&(least, most)| Range { least, most }).collect();
        Gap::Timed { ranges, then_any: false }
    }

    const REST: i64 = i64::MAX;

    #[test]
    fn guards_are_ranges_of_microseconds() {
        let s = SECOND;
        for (guards, ranges) in [
            ("(?t<=10)", vec![(0, 10 * s)]),
            ("(?t<10)", vec![(0, 10 * s - 1)]),
            ("(?t>=10)", vec![(10 * s, REST)]),
            (" ( ?t>10)", vec![]),
            (" (? t > 10 ) ", vec![(10 * s + 1, REST)]),
            ("(?t==0)", vec![(0, 0)]),
            ("(?t!=0)", vec![(1, REST)]),
            ("(?t!=2)(?t != 1)", vec![(0, s - 1), (s + 1, 2 * s - 1), (2 * s + 1, REST)]),
            ("(?t>=1)\n(?t<=3)(?t!=3)(?t!=3)(?t!=7)", vec![(s, 3 * s - 1)]),
            ("(?t<=0.5)", vec![(0, s / 2)]),
            ("(?t<=0.000001)", vec![(0, 1)]),
            ("(?t<=PT1H)", vec![(0, 3_600 * s)]),
            ("(?t<=P1DT1H1M1.5S)", vec![(0, (86_400 + 3_661) * s + s / 2)]),
            ("(?t<=PT1.5H)", vec![(0, 5_400 * s)]),
            ("(?t<=p2w)", vec![(0, 14 * 86_400 * s)]),
            (".*(?t<=P1D)", vec![(0, 86_400 * s)]),
        ] {
            if ranges.is_empty() {
                assert!(parse(&format!("(?1){guards}(?2)"), 2).is_err(), "{guards}");
            } else {
                assert_eq!(gap(guards), timed(&ranges), "{guards}");
            }
        }
        assert_eq!(gap(""), Gap::None);
        assert_eq!(gap(" .* .*"), Gap::Any);
        let Gap::Timed { then_any, .. } = gap("(?t<=1).*") else { panic!() };
        assert!(then_any);
        let any = parse(" . .*(?2) .*", 2).unwrap().takes;
        assert_eq!(any[0], Take { gap: Gap::Any, what: What::Any });
        assert_eq!(any[1], Take { gap: Gap::Any, what: What::Condition(1) });
        assert_eq!(any.len(), 2);
    }

    #[test]
    fn what_is_no_pattern_is_told_with_its_place() {
        for (text, at, what) in [
            ("", 1, "no event"),
            (".*", 1, "no event"),
            ("(?1)x(?2)", 5, "\"x\" begins no token"),
            ("é", 1, "\"é\" begins no token"),
            ("(?1) (?3)", 8, "no condition 3; the conditions are 1 to 2"),
            ("(?0)", 3, "no condition 0"),
            ("(?99999999999)", 3, "no condition 99999999999"),
            ("(?)", 3, "the number of a condition"),
            ("(?1", 4, "closing parenthesis"),
            ("(?1)(?t<=10(?2)", 12, "closing parenthesis"),
            ("(?t<=10)(?1)", 1, "counts from the event before it"),
            (".*(?t<=10)(?1)", 3, "counts from the event before it"),
            ("(?1)(?t<=10)", 5, "the event after it"),
            ("(?1)(?t=10)(?2)", 8, "one of <=, <, >=, >, == and !="),
            ("(?1)(?t<=)(?2)", 10, "a length of time"),
            ("(?1)(?t<=-1)(?2)", 10, "a length of time"),
            ("(?1)(?t<=1.0000001)(?2)", 10, "a length of time"),
            ("(?1)(?t<=99999999999999)(?2)", 10, "a length of time"),
            ("(?1)(?t<=P1M)(?2)", 10, "months and years have no fixed length; use days"),
            ("(?1)(?t<=P1Y)(?2)", 10, "months and years"),
            ("(?1)(?t<=P)(?2)", 10, "a length of time"),
            ("(?1)(?t<=PT)(?2)", 10, "a length of time"),
            ("(?1)(?t<=P1DT)(?2)", 10, "a length of time"),
            ("(?1)(?t<=P1H)(?2)", 10, "a length of time"),
            ("(?1)(?t<=PT1.D)(?2)", 10, "a length of time"),
            ("(?1)(?t<=PT1.S)(?2)", 12, "a length of time"),
            ("(?1)(?t<=.5)(?2)", 10, "a length of time"),
            ("(?1)(?t>=10)(?t<=5)(?2)", 5, "no length of time satisfies"),
            ("(?1)(?t<0)(?2)", 5, "no length of time satisfies"),
            ("(?1)(?t>=1).*(?t<=5)(?2)", 14, "stand together"),
        ] {
            let wrong = parse(text, 2).unwrap_err();
            assert!(wrong.at == at && wrong.what.contains(what), "{text}: {wrong:?}");
        }
    }
}
