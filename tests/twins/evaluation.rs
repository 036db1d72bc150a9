//! `customer_summary_between`, `evaluate_scores` and the tracking of `evaluate_model`: what was known,
//! what happened, and how far apart they are.

use std::collections::{BTreeMap, BTreeSet};

use chrono::{NaiveDateTime, TimeDelta};
use tenure::Tenure;

use super::logs::{Random, Row, World, same, session};
use crate::support::rows;

const DAY: i64 = 86_400_000_000;

/// The period that a time lies in, of units of so many microseconds.
fn period(ts: NaiveDateTime, unit: i64) -> i64 {
    ts.and_utc().timestamp_micros().div_euclid(unit.min(DAY))
}

/// The line of one customer; `None`: nothing was bought up to the end of calibration.
fn split(
    key: i64,
    rows: &[&Row],
    (from, to): (NaiveDateTime, NaiveDateTime),
    unit: i64,
) -> Option<String> {
    let units = |periods: i64| (periods * unit.min(DAY)) as f64 / unit as f64;
    let of = |row: &Row| period(row.ts.unwrap(), unit);
    let money = |rows: &[&Row]| rows.iter().filter_map(|r| r.amount).sum::<f64>();
    let (known, later): (Vec<&Row>, Vec<&Row>) =
        rows.iter().filter(|r| r.ts.unwrap() <= to).partition(|r| r.ts.unwrap() <= from);
    let known: BTreeSet<i64> = known.iter().map(|r| of(r)).collect();
    let (first, last) = (known.first()?, known.last()?);
    let held: BTreeSet<i64> = later.iter().map(|r| of(r)).collect();
    // the sum of no amount is 0, not -0
    let spent = money(&later) + 0.0;
    let mean = if held.is_empty() {
        "NULL".to_string()
    } else {
        format!("{:?}", spent / held.len() as f64)
    };
    Some(format!(
        "{key} | {} | {:?} | {:?} | {} | {mean} | {:?} | {:?}",
        known.len() - 1,
        units(last - first),
        units(period(from, unit) - first),
        held.len(),
        spent,
        units(period(to, unit) - period(from, unit)),
    ))
}

/// 10 000 logs of one customer, near days on which clocks change.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn calibration_and_holdout_are_those_of_the_twin() {
    let tenure = session().await;
    let mut random = Random(11);
    let (mut kept, mut bought) = (0, 0);
    for _ in 0..100 {
        let world = World::new(&mut random);
        let unit = random.pick(&[DAY, 7 * DAY, DAY / 2, 10 * DAY]);
        let rows: Vec<Row> = (0..100).flat_map(|log| world.log(&mut random, log, 1)).collect();
        world.open(&tenure, &rows).await;
        let back = random.below(world.unit.length().num_microseconds().unwrap() as u64 * 5);
        let from = world.as_of - TimeDelta::microseconds(1 + back as i64);
        let given =
            random.one_in(2).then(|| format!(", holdout_end => TIMESTAMP '{}'", world.as_of));
        let sql = format!(
            "SELECT key, frequency, recency, t, holdout_frequency, holdout_monetary_value, holdout_revenue, holdout_t FROM customer_summary_between(log, \
             calibration_end => TIMESTAMP '{from}', unit => INTERVAL '{} hours'{})",
            unit / (DAY / 24),
            given.unwrap_or_default()
        );
        let got = rows::lines(&tenure, &sql).await.unwrap_or_else(|e| panic!("{sql}: {e}"));
        let mut customers: BTreeMap<i64, Vec<&Row>> = BTreeMap::new();
        for row in rows.iter().filter(|r| r.ts.is_some()) {
            if let Some(key) = row.key {
                customers.entry(key).or_default().push(row);
            }
        }
        let want: Vec<String> = customers
            .into_iter()
            .filter_map(|(key, rows)| split(key, &rows, (from, world.as_of), unit))
            .collect();
        same(&sql, &world, &got, &want);
        kept += want.len();
        bought += want.iter().filter(|line| !line.contains(" | NULL | ")).count();
    }
    assert!(kept > 2_000 && bought > 500, "{kept} customers, {bought} with a holdout");
}

/// What was said of a customer, and what happened.
#[derive(Debug, Clone)]
struct Said {
    model: String,
    actual: f64,
    expected: f64,
    probability: f64,
}

/// Answers by model and figure.
type Figures = BTreeMap<(String, String), f64>;

async fn asked(tenure: &Tenure, said: &[Said]) -> Figures {
    let values: Vec<String> = said
        .iter()
        .map(|s| format!("('{}', {:?}, {:?}, {:?})", s.model, s.actual, s.expected, s.probability))
        .collect();
    let relation = format!(
        "(SELECT * FROM (VALUES {}) AS t(model, actual, expected, probability))",
        values.join(", ")
    );
    let mut out = Figures::new();
    let figures = ["mae", "rmse", "rmsle", "auc", "brier"];
    let sql = format!("SELECT model, {} FROM evaluate_scores({relation})", figures.join(", "));
    for line in rows::lines(tenure, &sql).await.unwrap() {
        let mut cells = line.split(rows::SEPARATOR);
        let model = cells.next().unwrap().to_string();
        for (name, value) in figures.iter().zip(cells) {
            out.insert((model.clone(), name.to_string()), value.parse().unwrap_or(f64::NAN));
        }
    }
    let sql = format!(
        "SELECT model, actual, expected FROM evaluate_scores({relation}, report => 'calibration')"
    );
    let mut places: BTreeMap<String, usize> = BTreeMap::new();
    for line in rows::lines(tenure, &sql).await.unwrap() {
        let cells: Vec<&str> = line.split(rows::SEPARATOR).collect();
        let place = places.entry(cells[0].to_string()).or_default();
        for (name, value) in ["actual", "expected"].iter().zip(&cells[1..]) {
            let name = format!("calibration {place} {name}");
            out.insert((cells[0].to_string(), name), value.parse().unwrap());
        }
        *place += 1;
    }
    out
}

fn close(got: &Figures, want: &Figures) {
    assert_eq!(got.keys().collect::<Vec<_>>(), want.keys().collect::<Vec<_>>());
    for (name, want) in want {
        let got = got[name];
        let both = got.is_nan() && want.is_nan();
        assert!(both || (got - want).abs() <= 1e-12, "{name:?}: {got}, not {want}");
    }
}

/// `tests/oracle/value/sklearn_scores.py` has written both files.
#[tokio::test]
async fn scores_are_judged_as_by_scikit_learn() {
    let cells = |text: &str| -> Vec<Vec<String>> {
        text.lines().skip(1).map(|l| l.split(',').map(String::from).collect()).collect()
    };
    let said: Vec<Said> = cells(include_str!("../oracle/value/scores.csv"))
        .iter()
        .map(|c| Said {
            model: c[0].clone(),
            actual: c[1].parse().unwrap(),
            expected: c[2].parse().unwrap(),
            probability: c[3].parse().unwrap(),
        })
        .collect();
    let want: Figures = cells(include_str!("../oracle/value/sklearn_scores.csv"))
        .iter()
        .map(|c| ((c[0].clone(), c[1].clone()), c[2].parse().unwrap()))
        .collect();
    assert!(said.len() > 400 && want.len() > 80);
    close(&asked(&session().await, &said).await, &want);
}

/// The definitions, word for word: every pair, every row.
fn naive(said: &[Said]) -> Figures {
    let mut out = Figures::new();
    let models: BTreeSet<&String> = said.iter().map(|s| &s.model).collect();
    for model in models {
        let of: Vec<&Said> = said.iter().filter(|s| &s.model == model).collect();
        let mean =
            |f: &dyn Fn(&Said) -> f64| of.iter().map(|s| f(s)).sum::<f64>() / of.len() as f64;
        let yes = |s: &Said| if s.actual > 0.0 { 1.0 } else { 0.0 };
        let (mut pairs, mut right) = (0.0, 0.0);
        for a in of.iter().filter(|s| s.actual > 0.0) {
            for b in of.iter().filter(|s| s.actual <= 0.0) {
                pairs += 1.0;
                right += match a.probability.total_cmp(&b.probability) {
                    std::cmp::Ordering::Greater => 1.0,
                    std::cmp::Ordering::Equal => 0.5,
                    std::cmp::Ordering::Less => 0.0,
                };
            }
        }
        let log = |s: &Said| (1.0 + s.actual).ln() - (1.0 + s.expected).ln();
        let mut put = |name: &str, value| out.insert((model.clone(), name.to_string()), value);
        put("mae", mean(&|s| (s.actual - s.expected).abs()));
        put("rmse", mean(&|s| (s.actual - s.expected).powi(2)).sqrt());
        put("rmsle", mean(&|s| log(s).powi(2)).sqrt());
        put("auc", right / pairs);
        put("brier", mean(&|s| (s.probability - yes(s)).powi(2)));
        // a group ends at a quantile of the probabilities, between two of them where it falls there
        let mut sorted: Vec<f64> = of.iter().map(|s| s.probability).collect();
        sorted.sort_by(f64::total_cmp);
        let quantile = |k: usize| {
            let (n, part) = (sorted.len() - 1, k * (sorted.len() - 1));
            let (low, high) = (sorted[part / 10], sorted[(part / 10 + 1).min(n)]);
            low + (part % 10) as f64 / 10.0 * (high - low)
        };
        let mut groups: BTreeMap<usize, Vec<&Said>> = BTreeMap::new();
        for s in &of {
            let group = (1..10).filter(|k| quantile(*k) < s.probability).count();
            groups.entry(group).or_default().push(s);
        }
        for (place, group) in groups.values().enumerate() {
            let n = group.len() as f64;
            put(
                &format!("calibration {place} actual"),
                group.iter().map(|s| yes(s)).sum::<f64>() / n,
            );
            put(
                &format!("calibration {place} expected"),
                group.iter().map(|s| s.probability).sum::<f64>() / n,
            );
        }
    }
    out
}

/// 600 groups of a few rows, many of them alike.
#[tokio::test]
async fn scores_are_judged_as_by_the_twin() {
    let tenure = session().await;
    let mut random = Random(12);
    for _ in 0..20 {
        let said: Vec<Said> = (0..30)
            .flat_map(|model| {
                let n = 1 + random.below(25);
                (0..n)
                    .map(|_| Said {
                        model: format!("m{model:02}"),
                        actual: random.below(4).saturating_sub(1) as f64,
                        expected: random.below(40) as f64 / 8.0,
                        probability: random.below(17) as f64 / 16.0,
                    })
                    .collect::<Vec<_>>()
            })
            .collect();
        close(&asked(&tenure, &said).await, &naive(&said));
    }
}

/// Repeat purchases of each week, and those that a model expects of each customer by then.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn tracking_is_that_of_the_twin() {
    let tenure = session().await;
    let mut random = Random(13);
    let start = chrono::NaiveDate::from_ymd_opt(2018, 1, 1).unwrap().and_hms_opt(0, 0, 0).unwrap();
    let (end, held) = (start + TimeDelta::days(61), start + TimeDelta::days(100));
    let mut log: Vec<(i64, NaiveDateTime)> = vec![];
    for key in 0..80 {
        let mut at = start + TimeDelta::minutes(random.below(60 * 24 * 70) as i64);
        let gap = 1 + random.below(20);
        while at < held + TimeDelta::days(5) && !random.one_in(12) {
            log.push((key, at));
            at += TimeDelta::minutes(random.below(gap * 60 * 24 * 2) as i64);
        }
    }
    let values: Vec<String> =
        log.iter().map(|(k, at)| format!("({k}, TIMESTAMP '{at}')")).collect();
    rows::lines(
        &tenure,
        &format!(
            "CREATE TABLE log AS SELECT * FROM (VALUES {}) AS t(customer_id, ts)",
            values.join(", ")
        ),
    )
    .await
    .unwrap();
    let at = |row: &NaiveDateTime| row.and_utc().timestamp().div_euclid(86_400);
    let mut days: BTreeMap<i64, BTreeSet<i64>> = BTreeMap::new();
    for (key, ts) in log.iter().filter(|(_, ts)| *ts <= held) {
        days.entry(*key).or_default().insert(at(ts));
    }
    let known: BTreeSet<i64> = log.iter().filter(|(_, ts)| *ts <= end).map(|l| l.0).collect();
    days.retain(|key, _| known.contains(key));
    let origin = days.values().filter_map(|d| d.first()).min().copied().unwrap();
    let got = rows::lines(
        &tenure,
        &format!(
            "SELECT period, actual, complete, holdout, expected_cumulative FROM evaluate_model(log, model => 'bg_nbd', report => 'tracking', every => INTERVAL '8 days', unit => INTERVAL '2 days', \
             calibration_end => TIMESTAMP '{end}', holdout_end => TIMESTAMP '{held}')"
        ),
    )
    .await
    .unwrap();
    assert_eq!(got.len() as i64, (at(&held) - origin) / 8 + 1);
    for (i, line) in (0..).zip(&got) {
        let (from, to) = (origin + i * 8, origin + i * 8 + 8);
        let actual: usize = days
            .values()
            .map(|d| d.iter().skip(1).filter(|d| (from..to).contains(*d)).count())
            .sum();
        let ages: Vec<String> = days
            .values()
            .map(|d| (to - d.first().unwrap()) as f64 / 2.0)
            .map(|age| format!("({:?})", age.max(0.0)))
            .collect();
        let expected = rows::lines(
            &tenure,
            &format!(
                "SELECT monetary(expected_purchases(m, age)) FROM (VALUES {}) AS t(age) CROSS JOIN (SELECT bg_nbd_fit(summary) AS m FROM (\
                 SELECT customer_summary(ts, NULL, TIMESTAMP '{end}', INTERVAL '2 days') AS summary FROM log GROUP BY customer_id)) AS fit",
                ages.join(", ")
            ),
        )
        .await
        .unwrap();
        let start =
            format!("{} | {actual} | {} | {} | ", i + 1, to - 1 <= at(&held), from > at(&end));
        assert!(line.starts_with(&start), "{line}, not {start}");
        let (a, b): (f64, f64) =
            (line[start.len()..].parse().unwrap(), expected[0].parse().unwrap());
        assert!((a - b).abs() < 1e-9 * b.max(1.0), "{line}, not {expected:?}");
    }
}
