//! `retention_matrix`: every clock, start, rule, unit and least count; brackets, measure, groups and
//! range.

use std::collections::{BTreeMap, BTreeSet};

use chrono::{NaiveDateTime, TimeDelta, Timelike};

use super::logs::{Options, Random, Row, World, range, same, session, shown};
use crate::support::rows;

/// What a statement asks.
#[derive(Debug)]
struct Question {
    start_when: Option<&'static str>,
    return_when: Option<&'static str>,
    rolling: bool,
    start: &'static str,
    rule: &'static str,
    min_count: Option<usize>,
    periods: Option<i64>,
    brackets: Option<&'static [i64]>,
    measure: bool,
    by: By,
    from: Option<NaiveDateTime>,
    to: Option<NaiveDateTime>,
}

#[derive(Debug, Clone, Copy, PartialEq)]
enum By {
    Nothing,
    /// the log, so that each has cohorts of its own
    Log,
    /// the log and what changes from row to row
    LogAndSegment,
    /// what may be NULL
    Segment,
}

impl By {
    fn sql(self) -> Option<&'static str> {
        match self {
            Self::Nothing => None,
            Self::Log => Some("log"),
            Self::LogAndSegment => Some("concat(log, '/', coalesce(segment, ''))"),
            Self::Segment => Some("segment"),
        }
    }

    fn of(self, row: &Row) -> Option<String> {
        match self {
            Self::Nothing => None,
            Self::Log => Some(row.log.to_string()),
            Self::LogAndSegment => Some(format!("{}/{}", row.log, row.segment.unwrap_or_default())),
            Self::Segment => row.segment.map(str::to_string),
        }
    }
}

/// Nothing sorts after everything.
fn place(group: Option<String>) -> (bool, String) {
    (group.is_none(), group.unwrap_or_default())
}

/// How a customer did in a cohort: rows and measure of each period in which there were returns.
type Periods = BTreeMap<i64, (usize, f64)>;

fn twin(world: &World, ask: &Question, rows: &[Row]) -> Vec<String> {
    let unit = world.unit;
    let exists = |r: &&Row| r.key.is_some() && r.ts.is_some_and(|ts| ts <= world.as_of);
    let rows: Vec<&Row> = rows.iter().filter(exists).collect();
    let in_range = |ts: NaiveDateTime| {
        let period = unit.start(ts);
        ask.from.is_none_or(|from| period >= unit.start(from))
            && ask.to.is_none_or(|to| period <= unit.start(to))
    };
    let hours = unit.length().num_hours();
    let hour = |ts: NaiveDateTime| ts.date().and_hms_opt(ts.hour(), 0, 0).unwrap();
    // from where to where each cell goes, in periods
    let cells: Vec<(i64, i64)> = match ask.brackets {
        Some(b) => b.windows(2).map(|w| (w[0], w[1])).collect(),
        None => (0..=ask.periods.unwrap_or(12)).map(|n| (n, n + 1)).collect(),
    };
    // cohorts of (start, member's periods)
    let mut cohorts: BTreeMap<_, Vec<(NaiveDateTime, Periods)>> = BTreeMap::new();
    for key in rows.iter().map(|r| r.key).collect::<BTreeSet<_>>() {
        let own = || rows.iter().filter(move |r| r.key == key);
        let starts: BTreeSet<NaiveDateTime> =
            own().filter(|r| r.is(ask.start_when)).filter_map(|r| r.ts).collect();
        let counted: Vec<NaiveDateTime> = match ask.start {
            "first_ever" => {
                starts.first().copied().filter(|ts| in_range(*ts)).into_iter().collect()
            }
            "first_in_range" => {
                starts.iter().copied().find(|ts| in_range(*ts)).into_iter().collect()
            }
            _ => {
                let mut periods = BTreeSet::new();
                let first = |ts: &NaiveDateTime| in_range(*ts) && periods.insert(unit.start(*ts));
                starts.iter().copied().filter(first).collect()
            }
        };
        for start in counted {
            let group = own()
                .filter(|r| r.is(ask.start_when) && r.ts == Some(start))
                .map(|r| place(ask.by.of(r)))
                .min();
            let mut periods = Periods::new();
            for row in own().filter(|r| r.is(ask.return_when)) {
                let Some(ts) = row.ts.filter(|ts| *ts >= start) else { continue };
                let mut n = if ask.rolling {
                    (hour(ts) - hour(start)).num_hours() / hours
                } else {
                    unit.between(start, ts)
                };
                if ask.brackets.is_some() {
                    let Some(cell) = cells.iter().find(|c| c.0 <= n && n < c.1) else { continue };
                    n = cell.0;
                }
                let sums = periods.entry(n).or_default();
                sums.0 += 1;
                sums.1 += row.amount.filter(|_| ask.measure).unwrap_or(0.0);
            }
            cohorts.entry((unit.start(start), group.unwrap())).or_default().push((start, periods));
        }
    }
    let mut out = vec![];
    for ((cohort, group), members) in cohorts {
        let (first, last) = (
            members.iter().map(|m| m.0).min().unwrap(),
            members.iter().map(|m| m.0).max().unwrap(),
        );
        for &(n, until) in &cells {
            // a cell is there once it has begun for the first of the cohort, and complete once it
            // is over for the last
            let begins = |ts, n| match ask.rolling {
                true => hour(ts) + TimeDelta::hours(n * hours),
                false => (0..n).fold(cohort, |period, _| unit.next(period)),
            };
            if begins(first, n) > world.as_of {
                continue;
            }
            let complete = begins(last, until) <= world.as_of;
            let (mut retained, mut measure) = (0, 0.0);
            for (_, periods) in &members {
                let enough =
                    |n: &i64| periods.get(n).is_some_and(|p| p.0 >= ask.min_count.unwrap_or(1));
                let counts = match ask.rule {
                    "on" => enough(&n),
                    "on_or_after" => periods.keys().any(|later| *later >= n && enough(later)),
                    // what comes before period 0 or 1 is no gap
                    _ => (n.min(1)..=n).all(|n| enough(&n)),
                };
                if counts {
                    retained += 1;
                    measure += periods.get(&n).map_or(0.0, |p| p.1);
                }
            }
            assert!(retained <= members.len());
            let group = if group.0 { "NULL" } else { &group.1 };
            let rate = retained as f64 / members.len() as f64;
            out.push(format!(
                "{} | {group} | {n} | {} | {retained} | {rate:?} | {measure:?} | {complete}",
                shown(cohort),
                members.len()
            ));
        }
    }
    out
}

fn question(random: &mut Random, world: &World) -> Question {
    let conditions = [None, Some("a"), Some("b")];
    let (from, to) = range(random, world);
    let rule = random.pick(&["on", "on_or_after", "every"]);
    let brackets: [&'static [i64]; 4] = [&[0, 1, 3], &[1, 2, 4, 7], &[0, 2], &[2, 5]];
    Question {
        start_when: random.pick(&conditions),
        return_when: random.pick(&conditions),
        rolling: random.one_in(2),
        start: random.pick(&["first_ever", "first_in_range", "recurring"]),
        rule,
        min_count: random.pick(&[None, None, Some(1), Some(2), Some(3)]),
        periods: random.pick(&[None, Some(1), Some(3), Some(5), Some(5)]),
        brackets: (rule != "every" && random.one_in(3)).then(|| random.pick(&brackets)),
        measure: random.one_in(2),
        by: By::Log,
        from,
        to,
    }
}

async fn check(tenure: &tenure::Tenure, world: &World, ask: &Question, rows: &[Row]) -> usize {
    let mut options = Options::default();
    options.word("unit", Some(world.unit.name));
    options.add("start_when", ask.start_when);
    options.add("return_when", ask.return_when);
    options.word("clock", ask.rolling.then_some("rolling"));
    options.word("start", Some(ask.start));
    options.word("rule", Some(ask.rule));
    options.add("min_count", ask.min_count);
    options.add("periods", ask.periods);
    options.add("brackets", ask.brackets.map(|b| format!("{b:?}")));
    options.add("measure", ask.measure.then_some("amount"));
    options.add("by", ask.by.sql());
    options.time("from", ask.from);
    options.time("to", ask.to);
    let sql = format!("SELECT * FROM retention_matrix(log{})", options.text());
    world.open(tenure, rows).await;
    let got = rows::lines(tenure, &sql).await.unwrap_or_else(|e| panic!("{sql}: {e}"));
    let want = twin(world, ask, rows);
    same(&sql, world, &got, &want);
    want.len()
}

/// 24 000 logs, each with groups of its own.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn cells_are_those_of_the_twin() {
    let tenure = session().await;
    let mut random = Random(1);
    let (mut logs, mut cells) = (0, 0);
    for _ in 0..400 {
        let world = World::new(&mut random);
        let mut ask = question(&mut random, &world);
        if random.one_in(2) {
            ask.by = By::LogAndSegment;
        }
        let mut rows = vec![];
        for log in 0..60 {
            let customers = 1 + random.below(3);
            rows.extend(world.log(&mut random, log, customers));
            logs += 1;
        }
        cells += check(&tenure, &world, &ask, &rows).await;
    }
    assert!(logs >= 24_000 && cells > 80_000, "{logs} logs, {cells} cells");
}

/// Cohorts of many customers, and groups that may be NULL.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn cohorts_of_many_and_groups_of_nothing() {
    let tenure = session().await;
    let mut random = Random(2);
    for _ in 0..150 {
        let world = World::new(&mut random);
        let mut ask = question(&mut random, &world);
        ask.by = random.pick(&[By::Nothing, By::Segment]);
        let logs = random.pick(&[0, 1, 1, 40]);
        let mut rows = vec![];
        for log in 0..logs {
            rows.extend(world.log(&mut random, log, 6));
        }
        check(&tenure, &world, &ask, &rows).await;
    }
}

/// Questions that the periods of a customer alone answer, without the times of their rows: of all
/// units, starts, rules and brackets.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn periods_alone_tell_what_the_twin_tells() {
    let tenure = session().await;
    let mut random = Random(3);
    let mut cells = 0;
    for _ in 0..400 {
        let world = World::new(&mut random);
        let ask = question(&mut random, &world);
        let ask = Question {
            return_when: ask.start_when,
            rolling: false,
            min_count: None,
            measure: false,
            by: By::Nothing,
            from: None,
            to: None,
            ..ask
        };
        let mut rows = vec![];
        for log in 0..random.pick(&[1, 1, 10, 60]) {
            rows.extend(world.log(&mut random, log, 6));
        }
        cells += check(&tenure, &world, &ask, &rows).await;
    }
    assert!(cells > 4_000, "{cells} cells");
}
