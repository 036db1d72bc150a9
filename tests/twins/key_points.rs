//! `key_points`: carts of products, and changes of tiers.

use std::collections::{BTreeMap, BTreeSet};

use chrono::{NaiveDateTime, TimeDelta};

use super::logs::{Random, Row, World, same, session, shown};
use crate::support::rows;

const TYPE: &str = "CASE WHEN a AND b THEN 'add_to_cart' WHEN a AND NOT b THEN 'payment' \
    WHEN NOT a AND b THEN 'upgrade' WHEN NOT a AND NOT b THEN 'downgrade' \
    WHEN a THEN 'checkout' WHEN b THEN 'purchase' WHEN NOT a THEN 'page_view' END";

fn kind(row: &Row) -> &'static str {
    match (row.a, row.b) {
        (Some(true), Some(true)) => "add_to_cart",
        (Some(true), Some(false)) => "payment",
        (Some(false), Some(true)) => "upgrade",
        (Some(false), Some(false)) => "downgrade",
        (Some(true), None) => "checkout",
        (None, Some(true)) => "purchase",
        _ => "",
    }
}

const TIER: &str = "CASE WHEN amount < 0 THEN 'basic' WHEN amount < 4 THEN 'plus' WHEN amount < 9 THEN 'pro' WHEN amount < 11 THEN 'gone' END";

fn rank(row: &Row) -> Option<i32> {
    row.amount.and_then(|a| [0.0, 4.0, 9.0].iter().position(|up| a < *up)).map(|rank| rank as i32)
}

/// The points of one customer, in no order.
fn points(world: &World, rows: &[&Row], window: TimeDelta) -> Vec<(NaiveDateTime, String)> {
    let mut out = vec![];
    let ts = |row: &Row| row.ts.unwrap();
    // tiers
    let says = |row: &&&Row| ["upgrade", "downgrade"].contains(&kind(row));
    out.extend(rows.iter().filter(says).map(|r| (ts(r), kind(r).to_string())));
    let mut ranked: Vec<(NaiveDateTime, i32)> =
        rows.iter().filter_map(|r| Some((ts(r), rank(r)?))).collect();
    ranked.sort_unstable();
    for pair in ranked.windows(2) {
        let (before, now) = (pair[0], pair[1]);
        let said = rows.iter().filter(says).any(|r| ts(r) > before.0 && ts(r) <= now.0);
        if before.1 != now.1 && !said {
            let point = if now.1 > before.1 { "upgrade" } else { "downgrade" };
            out.push((now.0, point.to_string()));
        }
    }
    // carts: what is put in comes before what is paid at the same time
    for product in rows.iter().filter_map(|r| r.segment).collect::<BTreeSet<_>>() {
        let mut events: Vec<(NaiveDateTime, bool)> = rows
            .iter()
            .filter_map(|r| match kind(r) {
                "add_to_cart" | "checkout" if r.segment == Some(product) => Some((ts(r), false)),
                "payment" | "purchase" if r.segment.is_none_or(|s| s == product) => {
                    Some((ts(r), true))
                }
                _ => None,
            })
            .collect();
        events.sort_unstable();
        let mut waits: Option<NaiveDateTime> = None;
        for (at, paid) in events {
            if let Some(until) = waits.map(|w| w + window).filter(|until| *until <= at) {
                out.push((until, format!("cart_abandon {product}")));
            }
            waits = (!paid).then_some(at);
        }
        if let Some(until) = waits.map(|w| w + window).filter(|until| *until <= world.as_of) {
            out.push((until, format!("cart_abandon {product}")));
        }
    }
    out
}

/// 20 000 logs of one customer.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn carts_and_tiers_are_those_of_the_twin() {
    let tenure = session().await;
    let mut random = Random(6);
    let mut seen: BTreeMap<String, usize> = BTreeMap::new();
    for _ in 0..200 {
        let world = World::new(&mut random);
        let window = TimeDelta::seconds(
            1 + random.below(world.unit.length().num_seconds() as u64 * 2) as i64,
        );
        let rows: Vec<Row> = (0..100).flat_map(|log| world.log(&mut random, log, 1)).collect();
        world.open(&tenure, &rows).await;
        let sql = format!(
            "SELECT key, ts, point || CASE WHEN point = 'cart_abandon' THEN ' ' || split_part(detail, ':', 1) ELSE '' END AS what \
             FROM key_points(log, type => {TYPE}, product => segment, tier => {TIER}, tiers => ['basic', 'plus', 'pro'], \
             cart_window => INTERVAL '{} seconds') WHERE point IN ('upgrade', 'downgrade', 'cart_abandon') ORDER BY key, ts, what",
            window.num_seconds()
        );
        let got = rows::lines(&tenure, &sql).await.unwrap_or_else(|e| panic!("{sql}: {e}"));
        let mut customers: BTreeMap<i64, Vec<&Row>> = BTreeMap::new();
        for row in rows.iter().filter(|r| r.ts.is_some_and(|ts| ts <= world.as_of)) {
            if let Some(key) = row.key {
                customers.entry(key).or_default().push(row);
            }
        }
        let mut want = vec![];
        for (key, rows) in customers {
            let mut points = points(&world, &rows, window);
            points.sort();
            for (ts, what) in points {
                want.push(format!("{key} | {} | {what}", exact(ts)));
                *seen.entry(what).or_default() += 1;
            }
        }
        same(&sql, &world, &got, &want);
    }
    assert!(seen.len() == 5 && seen.values().all(|n| *n > 1_000), "{seen:?}");
}

/// A time to the microsecond, as an answer has it.
fn exact(time: NaiveDateTime) -> String {
    let whole = shown(time);
    match time.and_utc().timestamp_subsec_micros() {
        0 => whole,
        micros => format!("{whole}.{micros:06}"),
    }
}
