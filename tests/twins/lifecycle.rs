//! `lifecycle` and `growth_accounting`: every birth, unit and range.

use std::collections::{BTreeMap, BTreeSet};

use chrono::{NaiveDateTime, TimeDelta};

use super::logs::{Options, Random, Row, World, range, same, session, shown};
use crate::support::rows;

#[derive(Debug)]
struct Question {
    active_when: Option<&'static str>,
    /// None, 'first_ever', 'first_in_range', or the column born
    born: Option<&'static str>,
    from: Option<NaiveDateTime>,
    to: Option<NaiveDateTime>,
}

impl Question {
    fn new(random: &mut Random, world: &World) -> Self {
        let (from, to) = range(random, world);
        Self {
            active_when: random.pick(&[None, Some("a"), Some("b")]),
            born: random.pick(&[
                None,
                Some("'first_ever'"),
                Some("'first_in_range'"),
                Some("born"),
            ]),
            from,
            to,
        }
    }

    fn options(&self, world: &World) -> Options {
        let mut options = Options::default();
        options.word("unit", Some(world.unit.name));
        options.add("active_when", self.active_when);
        options.add("born", self.born);
        options.time("from", self.from);
        options.time("to", self.to);
        options
    }
}

/// One customer and period.
#[derive(Debug)]
struct State {
    key: i64,
    period: NaiveDateTime,
    state: &'static str,
    /// what was spent in it, and in the one before
    amount: f64,
    before: f64,
    /// the period is over
    complete: bool,
}

fn twin(world: &World, ask: &Question, rows: &[Row]) -> Vec<State> {
    let unit = world.unit;
    let mut out = vec![];
    let in_range = |period: NaiveDateTime| {
        ask.from.is_none_or(|from| period >= unit.start(from))
            && ask.to.is_none_or(|to| period <= unit.start(to))
    };
    let keys: BTreeSet<i64> = rows.iter().filter_map(|r| r.key).collect();
    for key in keys {
        let mut active: BTreeMap<NaiveDateTime, f64> = BTreeMap::new();
        let mut registered: Option<NaiveDateTime> = None;
        for row in rows.iter().filter(|r| r.key == Some(key) && r.is(ask.active_when)) {
            let Some(ts) = row.ts.filter(|ts| *ts <= world.as_of) else { continue };
            // nothing before from is known
            if ask.born == Some("'first_in_range'")
                && ask.from.is_some_and(|from| unit.start(ts) < unit.start(from))
            {
                continue;
            }
            *active.entry(unit.start(ts)).or_default() += row.amount.unwrap_or(0.0);
            if ask.born == Some("born") {
                registered = registered.into_iter().chain(row.born).min();
            }
        }
        // whose registration is not known is new when first active
        let born = registered.map(|ts| unit.start(ts)).or(active.keys().next().copied());
        let mut told = |period, state, amount, before| {
            if in_range(period) {
                let complete = unit.next(period) <= world.as_of;
                out.push(State { key, period, state, amount, before, complete });
            }
        };
        let periods: Vec<NaiveDateTime> = active.keys().copied().collect();
        for period in periods {
            let last = active.iter().map(|(p, a)| (unit.next(*p), *a)).find(|p| p.0 == period);
            let state = match last {
                _ if born == Some(period) => "new",
                Some(_) => "returning",
                None => "resurrecting",
            };
            told(period, state, active[&period], last.map_or(0.0, |p| p.1));
            let next = unit.next(period);
            if !active.contains_key(&next) && next <= world.as_of {
                told(next, "dormant", 0.0, active[&period]);
            }
        }
    }
    out.sort_by_key(|s| (s.key, s.period));
    out
}

/// 24 000 logs of one customer.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn states_are_those_of_the_twin() {
    let tenure = session().await;
    let mut random = Random(3);
    let mut seen: BTreeMap<&str, usize> = BTreeMap::new();
    for _ in 0..240 {
        let world = World::new(&mut random);
        let ask = Question::new(&mut random, &world);
        let rows: Vec<Row> = (0..100).flat_map(|log| world.log(&mut random, log, 1)).collect();
        world.open(&tenure, &rows).await;
        let sql = format!("SELECT * FROM lifecycle(log{})", ask.options(&world).text());
        let got = rows::lines(&tenure, &sql).await.unwrap_or_else(|e| panic!("{sql}: {e}"));
        let states = twin(&world, &ask, &rows);
        let want: Vec<String> = states
            .iter()
            .map(|s| format!("{} | {} | {} | {}", s.key, shown(s.period), s.state, s.complete))
            .collect();
        same(&sql, &world, &got, &want);
        for state in states {
            *seen.entry(state.state).or_default() += 1;
        }
    }
    assert!(seen.len() == 4 && seen.values().all(|n| *n > 2_000), "{seen:?}");
}

/// NULL where nothing divides.
fn ratio(over: f64, under: f64) -> Option<f64> {
    (under != 0.0).then(|| over / under)
}

fn growth(money: bool, states: &[State]) -> Vec<String> {
    let periods: BTreeSet<NaiveDateTime> = states.iter().map(|s| s.period).collect();
    periods
        .into_iter()
        .map(|period| {
            let own = |state: &'static str| {
                states.iter().filter(move |s| s.period == period && s.state == state)
            };
            let n = |state| own(state).count();
            let amount = |state| own(state).map(|s| s.amount).sum::<f64>() + 0.0;
            let before = |state| own(state).map(|s| s.before).sum::<f64>() + 0.0;
            let active = n("new") + n("returning") + n("resurrecting");
            let total = amount("new") + amount("returning") + amount("resurrecting");
            let more = own("returning").map(|s| (s.amount - s.before).max(0.0)).sum::<f64>() + 0.0;
            let less = own("returning").map(|s| (s.before - s.amount).max(0.0)).sum::<f64>() + 0.0;
            let churned = before("dormant");
            let last = before("new") + before("returning") + before("resurrecting") + churned;
            let (gain, back, loss, last) = if money {
                let back = amount("resurrecting") + more;
                (amount("new") + back, back, churned + less, last)
            } else {
                let back = n("resurrecting") as f64;
                let lost = n("dormant") as f64;
                (n("new") as f64 + back, back, lost, n("returning") as f64 + lost)
            };
            let or_null =
                |ratio: Option<f64>| ratio.map_or("NULL".to_string(), |r| format!("{r:?}"));
            let money = if money {
                [total, amount("new"), amount("resurrecting"), more, less, churned]
            } else {
                [0.0; 6]
            };
            let mut line: Vec<String> = vec![shown(period)];
            line.extend(
                [active, n("new"), n("returning"), n("resurrecting"), n("dormant")]
                    .map(|n| n.to_string()),
            );
            line.extend(money.map(|m| format!("{m:?}")));
            line.push(or_null(ratio(gain, loss)));
            line.push(or_null(ratio(loss, last).map(|r| 1.0 - r)));
            line.push(or_null(ratio(loss - back, last)));
            line.push(states.iter().any(|s| s.period == period && s.complete).to_string());
            line.join(" | ")
        })
        .collect()
}

/// 20 000 logs, so far apart that no period has rows of two.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn growth_is_that_of_the_twin() {
    let tenure = session().await;
    let mut random = Random(4);
    let mut logs = 0;
    for _ in 0..280 {
        let mut world = World::new(&mut random);
        let ask = Question::new(&mut random, &world);
        // a log's times lie within eight periods, and a day
        let apart = world.unit.length() * 10 + TimeDelta::days(2);
        let mut rows: Vec<Row> = vec![];
        // times end with 2262
        for log in 0..(70_000 / apart.num_days()).min(100) {
            world.around += apart;
            world.as_of += apart;
            rows.extend(world.log(&mut random, log, 3));
            logs += 1;
        }
        let money = random.one_in(2);
        let mut options = ask.options(&world);
        options.add("amount", money.then_some("amount"));
        world.open(&tenure, &rows).await;
        let sql = format!("SELECT * FROM growth_accounting(log{})", options.text());
        let got = rows::lines(&tenure, &sql).await.unwrap_or_else(|e| panic!("{sql}: {e}"));
        same(&sql, &world, &got, &growth(money, &twin(&world, &ask, &rows)));
    }
    assert!(logs >= 20_000, "{logs}");
}
