//! `funnel`: customers and entries, ordered and strict, limits of steps, exclusion, what is held, and
//! intervals.

use std::collections::{BTreeMap, BTreeSet};

use chrono::{NaiveDateTime, TimeDelta};

use super::logs::{Options, Random, Row, World, same, session, shown};
use crate::support::rows;

#[derive(Debug)]
struct Question {
    /// conditions, as they are written
    steps: Vec<&'static str>,
    window: TimeDelta,
    strict: bool,
    entries: bool,
    gaps: Option<Vec<Option<TimeDelta>>>,
    exclude: bool,
    hold: bool,
    interval: bool,
}

fn satisfies(row: &Row, condition: &str) -> bool {
    match condition {
        "segment = 'x'" => row.segment == Some("x"),
        "segment <> 'y'" => row.segment.is_some_and(|s| s != "y"),
        name => row.is(Some(name)),
    }
}

impl Question {
    fn new(random: &mut Random, world: &World) -> Self {
        let conditions = ["a", "b", "segment = 'x'", "segment <> 'y'"];
        let steps: Vec<&str> = (0..=random.below(3)).map(|_| random.pick(&conditions)).collect();
        let strict = random.one_in(3);
        let long = world.unit.length().num_seconds() as u64;
        let mut length = |most: u64| TimeDelta::seconds(random.below(long * most).max(1) as i64);
        let window = length(4);
        let limits: Vec<TimeDelta> = steps.iter().skip(1).map(|_| length(2)).collect();
        let gaps = (!strict && random.one_in(2))
            .then(|| limits.into_iter().map(|l| (!random.one_in(4)).then_some(l)).collect());
        Self {
            window,
            strict,
            entries: random.one_in(2),
            exclude: gaps.is_none() && random.one_in(4),
            gaps,
            hold: random.one_in(4),
            interval: random.one_in(2),
            steps,
        }
    }

    fn sql(&self, world: &World) -> String {
        let interval = |l: &TimeDelta| format!("INTERVAL '{} seconds'", l.num_seconds());
        let mut options = Options::default();
        options.add("steps", Some(format!("[{}]", self.steps.join(", "))));
        options.add("window", Some(interval(&self.window)));
        options.word("order", self.strict.then_some("strict"));
        options.word("per", self.entries.then_some("entry"));
        let gaps = self.gaps.as_ref().map(|gaps| {
            let gaps: Vec<String> =
                gaps.iter().map(|g| g.as_ref().map_or("NULL".to_string(), interval)).collect();
            format!("[{}]", gaps.join(", "))
        });
        options.add("step_window", gaps);
        options.add("exclude", self.exclude.then_some("segment = 'z'"));
        options.add("hold", self.hold.then_some("segment"));
        options.word("interval", self.interval.then_some(world.unit.name));
        options.add("by", Some("log"));
        format!(
            "SELECT * EXCLUDE (p90_seconds, ci_low, ci_high) FROM funnel(log{})",
            options.text()
        )
    }

    /// Every chain of one life from its row `from` on.
    fn extend(&self, life: &[&Row], chain: &mut Vec<usize>, all: &mut Vec<Vec<usize>>) {
        let t = |i: usize| life[i].ts.unwrap();
        for i in 0..life.len() {
            let k = chain.len();
            if k == self.steps.len() || !satisfies(life[i], self.steps[k]) {
                continue;
            }
            if let (Some(first), Some(last)) = (chain.first(), chain.last()) {
                let limit = self.gaps.as_ref().and_then(|g| g[k - 1]);
                if t(i) < t(*last)
                    || t(i) - t(*first) > self.window
                    || limit.is_some_and(|l| t(i) - t(*last) > l)
                {
                    continue;
                }
            }
            chain.push(i);
            if self.allows(life, chain) {
                all.push(chain.clone());
            }
            self.extend(life, chain, all);
            chain.pop();
        }
    }

    /// What lies between the steps may lie there.
    fn allows(&self, life: &[&Row], chain: &[usize]) -> bool {
        let t = |i: usize| life[i].ts.unwrap();
        let (first, last) = (t(chain[0]), t(*chain.last().unwrap()));
        (0..life.len()).filter(|x| !chain.contains(x) && t(*x) > first && t(*x) < last).all(|x| {
            // a repeat of a step that was taken before it, or could have been at its time
            let taken = chain.iter().filter(|e| t(**e) <= t(x)).count();
            let repeats = self.steps[..taken].iter().any(|s| satisfies(life[x], s));
            (!self.strict || repeats) && !(self.exclude && life[x].segment == Some("z"))
        })
    }

    /// The times of the chains that count for one customer.
    fn tries(&self, rows: &[&Row]) -> Vec<Vec<NaiveDateTime>> {
        let held: BTreeSet<Option<&str>> = match self.hold {
            true => rows.iter().map(|r| r.segment).filter(Option::is_some).collect(),
            false => BTreeSet::from([None]),
        };
        let mut all: BTreeMap<_, Vec<(_, Vec<NaiveDateTime>)>> = BTreeMap::new();
        for value in held {
            let life: Vec<&Row> =
                rows.iter().filter(|r| !self.hold || r.segment == value).copied().collect();
            let mut chains = vec![];
            self.extend(&life, &mut vec![], &mut chains);
            for chain in chains {
                let times: Vec<NaiveDateTime> =
                    chain.iter().map(|i| life[*i].ts.unwrap()).collect();
                let entry = self.entries.then_some((times[0], value));
                // the longest, complete first, started last, of the least value, earliest between
                let rank = (
                    std::cmp::Reverse(times.len()),
                    *times.last().unwrap(),
                    std::cmp::Reverse(times[0]),
                    value,
                    times.clone(),
                );
                all.entry(entry).or_default().push((rank, times));
            }
        }
        all.into_values().map(|chains| chains.into_iter().min().unwrap().1).collect()
    }
}

fn twin(world: &World, ask: &Question, rows: &[Row]) -> Vec<String> {
    let mut customers: BTreeMap<i64, Vec<&Row>> = BTreeMap::new();
    for row in rows {
        if let (Some(key), Some(ts)) = (row.key, row.ts)
            && ts <= world.as_of
        {
            customers.entry(key).or_default().push(row);
        }
    }
    // each try with its group and interval
    let mut groups: BTreeMap<(String, Option<NaiveDateTime>), Vec<Vec<NaiveDateTime>>> =
        BTreeMap::new();
    for rows in customers.values() {
        for times in ask.tries(rows) {
            let interval = ask.interval.then(|| world.unit.start(times[0]));
            groups.entry((rows[0].log.to_string(), interval)).or_default().push(times);
        }
    }
    if groups.is_empty() {
        groups.insert(("NULL".to_string(), None), vec![]);
    }
    let n = ask.steps.len();
    let mut out = vec![];
    for ((log, interval), tries) in groups {
        let reached = |k: usize| tries.iter().filter(move |t| t.len() >= k);
        let ratio = |over: usize, under: usize| match under {
            0 => "NULL".to_string(),
            _ => format!("{:?}", over as f64 / under as f64),
        };
        for k in 1..=n {
            let (entered, now) = (tries.len(), reached(k).count());
            let before = if k > 1 { reached(k - 1).count() } else { now };
            let pending = tries
                .iter()
                .filter(|t| {
                    let level = t.len();
                    let limit = ask.gaps.as_ref().and_then(|g| g.get(level - 1).copied().flatten());
                    level < k
                        && t[0] + ask.window > world.as_of
                        && limit.is_none_or(|l| t[level - 1] + l > world.as_of)
                })
                .count();
            let mut seconds: Vec<f64> = reached(k)
                .filter(|_| k > 1)
                .map(|t| (t[k - 1] - t[k - 2]).num_microseconds().unwrap() as f64 / 1e6)
                .collect();
            seconds.sort_by(f64::total_cmp);
            let median = match seconds.len() {
                0 => "NULL".to_string(),
                m if m % 2 == 1 => format!("{:?}", seconds[m / 2]),
                m => format!("{:?}", (seconds[m / 2 - 1] + seconds[m / 2]) / 2.0),
            };
            out.push(format!(
                "{log} | {} | {k} | step {k} | {entered} | {now} | {} | {} | {} | {median} | {pending} | {}",
                interval.map_or("NULL".to_string(), shown),
                ratio(now, entered),
                if k > 1 { ratio(now, before) } else { "NULL".to_string() },
                before - now,
                ratio(now, entered - pending),
            ));
        }
    }
    out
}

/// 24 000 logs, each a group of its own.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn steps_are_those_of_the_twin() {
    let tenure = session().await;
    let mut random = Random(5);
    let (mut lines, mut pending) = (0, 0);
    for _ in 0..300 {
        let world = World::new(&mut random);
        let ask = Question::new(&mut random, &world);
        let rows: Vec<Row> = (0..80)
            .flat_map(|log| {
                let customers = 1 + random.below(2);
                world.log(&mut random, log, customers)
            })
            .collect();
        world.open(&tenure, &rows).await;
        let sql = ask.sql(&world);
        let got = rows::lines(&tenure, &sql).await.unwrap_or_else(|e| panic!("{sql}: {e}"));
        let want = twin(&world, &ask, &rows);
        same(&sql, &world, &got, &want);
        lines += want.len();
        pending += want.iter().filter(|l| !l.contains(" | 0 | ")).count();
    }
    assert!(lines > 20_000 && pending > 200, "{lines} {pending}");
}
