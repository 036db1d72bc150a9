//! `funnel`: customers, sessions and entries, ordered, strict and in any order, limits of steps,
//! exclusion, what is held, and intervals.

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
    /// steps count in any order
    any: bool,
    entries: bool,
    /// a customer's rows of one segment are a session
    sessions: bool,
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
        let any = !strict && random.one_in(4);
        let long = world.unit.length().num_seconds() as u64;
        let mut length = |most: u64| TimeDelta::seconds(random.below(long * most).max(1) as i64);
        let window = length(4);
        let limits: Vec<TimeDelta> = steps.iter().skip(1).map(|_| length(2)).collect();
        let gaps = (!strict && !any && random.one_in(2))
            .then(|| limits.into_iter().map(|l| (!random.one_in(4)).then_some(l)).collect());
        Self {
            window,
            strict,
            any,
            entries: !any && random.one_in(2),
            sessions: random.one_in(4),
            exclude: !any && gaps.is_none() && random.one_in(4),
            gaps,
            hold: !any && random.one_in(4),
            interval: !any && random.one_in(2),
            steps,
        }
    }

    fn sql(&self, world: &World) -> String {
        let interval = |l: &TimeDelta| format!("INTERVAL '{} seconds'", l.num_seconds());
        let mut options = Options::default();
        options.add("steps", Some(format!("[{}]", self.steps.join(", "))));
        options.add("window", Some(interval(&self.window)));
        let order = self.strict.then_some("strict");
        options.word("order", if self.any { Some("any") } else { order });
        let per = self.sessions.then_some("session");
        options.word("per", if self.entries { Some("entry") } else { per });
        options.add("session", (self.sessions && !self.entries).then_some("segment"));
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
            // tenths, for a percentile between two values is right to six digits of its place
            "SELECT * REPLACE (CAST(round(p90_seconds * 10) AS BIGINT) AS p90_seconds) FROM funnel(log{})",
            options.text()
        )
    }

    /// Every chain of one life from its row `from` on.
    fn extend(&self, life: &[&Row], chain: &mut Vec<usize>, all: &mut Vec<Vec<usize>>) {
        let t = |i: usize| life[i].ts.unwrap();
        for (i, row) in life.iter().enumerate() {
            let k = chain.len();
            if k == self.steps.len() || !satisfies(row, self.steps[k]) {
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

    /// How many steps lie in one window, and the time of the last row of any step.
    fn in_any_order(&self, rows: &[&Row]) -> (usize, Option<NaiveDateTime>) {
        let of_steps = || rows.iter().filter(|r| self.steps.iter().any(|s| satisfies(r, s)));
        let from = |first: &&&Row| {
            let until = first.ts.unwrap() + self.window;
            let there = |r: &&&Row| r.ts >= first.ts && r.ts <= Some(until);
            let taken = |step: &&&str| rows.iter().filter(there).any(|r| satisfies(r, step));
            self.steps.iter().filter(taken).count()
        };
        let level = of_steps().map(|first| from(&first)).max().unwrap_or(0);
        (level, of_steps().filter_map(|r| r.ts).max())
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

/// One try of a customer, a session or an entry.
struct Try {
    level: usize,
    /// none where the order is any
    times: Vec<NaiveDateTime>,
    /// whether there may be more steps to come
    open: bool,
}

fn twin(world: &World, ask: &Question, rows: &[Row]) -> Vec<String> {
    let mut customers: BTreeMap<_, Vec<&Row>> = BTreeMap::new();
    for row in rows {
        if let (Some(key), Some(ts)) = (row.key, row.ts)
            && ts <= world.as_of
        {
            let session = (ask.sessions && !ask.entries).then_some(row.segment);
            customers.entry((key, session)).or_default().push(row);
        }
    }
    // each try with its group and interval
    let mut groups: BTreeMap<(String, Option<NaiveDateTime>), Vec<Try>> = BTreeMap::new();
    for rows in customers.values() {
        let log = rows[0].log.to_string();
        if ask.any {
            let (level, last) = ask.in_any_order(rows);
            let open = last.is_some_and(|last| last + ask.window > world.as_of);
            if level > 0 {
                groups.entry((log, None)).or_default().push(Try { level, times: vec![], open });
            }
            continue;
        }
        for times in ask.tries(rows) {
            let interval = ask.interval.then(|| world.unit.start(times[0]));
            let level = times.len();
            let limit = ask.gaps.as_ref().and_then(|g| g.get(level - 1).copied().flatten());
            let open = times[0] + ask.window > world.as_of
                && limit.is_none_or(|l| times[level - 1] + l > world.as_of);
            groups.entry((log.clone(), interval)).or_default().push(Try { level, times, open });
        }
    }
    if groups.is_empty() {
        groups.insert(("NULL".to_string(), None), vec![]);
    }
    let n = ask.steps.len();
    let mut out = vec![];
    for ((log, interval), tries) in groups {
        let reached = |k: usize| tries.iter().filter(move |t| t.level >= k);
        let ratio = |over: usize, under: usize| match under {
            0 => "NULL".to_string(),
            _ => format!("{:?}", over as f64 / under as f64),
        };
        for k in 1..=n {
            let name = if ask.any { format!("any {k} of {n}") } else { format!("step {k}") };
            let (entered, now) = (tries.len(), reached(k).count());
            let before = if k > 1 { reached(k - 1).count() } else { now };
            let pending = tries.iter().filter(|t| t.level < k && t.open).count();
            let mut seconds: Vec<f64> = reached(k)
                .filter(|_| k > 1 && !ask.any)
                .map(|t| (t.times[k - 1] - t.times[k - 2]).num_microseconds().unwrap() as f64 / 1e6)
                .collect();
            seconds.sort_by(f64::total_cmp);
            let median = match seconds.len() {
                0 => "NULL".to_string(),
                m if m % 2 == 1 => format!("{:?}", seconds[m / 2]),
                m => format!("{:?}", (seconds[m / 2 - 1] + seconds[m / 2]) / 2.0),
            };
            let p90 = match seconds.len() {
                0 => "NULL".to_string(),
                m => {
                    let place = 0.9 * (m - 1) as f64;
                    let (low, high) =
                        (seconds[place.floor() as usize], seconds[place.ceil() as usize]);
                    ((low + (high - low) * place.fract()) * 10.0).round().to_string()
                }
            };
            // Wilson's interval at 95 %
            let (rate, n) = (now as f64 / entered as f64, entered as f64);
            let half = 1.959964 * ((rate * (1.0 - rate) + 0.9603647 / n) / n).sqrt();
            let bound = |side: f64| (rate + 1.9207294 / n + side) / (1.0 + 3.8414588 / n);
            let interval_of_rate = match entered {
                0 => "NULL | NULL".to_string(),
                _ => format!("{:?} | {:?}", bound(-half).max(0.0), bound(half).min(1.0)),
            };
            out.push(format!(
                "{log} | {} | {k} | {name} | {entered} | {now} | {} | {} | {} | {median} | {p90} | {interval_of_rate} | {pending} | {}",
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
        let is_pending = |l: &&String| l.split(" | ").nth(13).is_some_and(|n| n != "0");
        pending += want.iter().filter(is_pending).count();
    }
    assert!(lines > 20_000 && pending > 1_000, "{lines} {pending}");
}
