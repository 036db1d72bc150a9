//! Everything that turned one customer's life, from that customer's events in order.
//!
//! - *Milestones* are the first of their kind, and purchases by number. Purchase rows of one
//!   instant are one purchase.
//! - *Key points* are decisions on the way to a purchase: the first `add_to_cart`, `checkout` and
//!   `payment` of each journey. A journey ends with a purchase, or when its cart is abandoned.
//! - *Turning points* come as events, but for two that are derived: a cart is abandoned when
//!   neither payment nor purchase follows its last event within the window, and a purchase of a
//!   category never bought before, not the first, is a cross-sell.
//! - A *lapse* begins when the silence since the last purchase exceeds the customer's own median
//!   gap, as known by then, so many times; a *reactivation* is the purchase that ends it.
//! - *Changes* of rate and value are found over the whole life.
//!
//! But for those changes, nothing that is found depends on what came later.

use super::options::{DAY, bucket_start};
use super::pelt::Penalty;
use super::point::{Detail, Name, Point};
use super::rates::Changes;
use super::vocabulary::Kind;
use crate::events::Amount;
use crate::payload::Label;

const DAY_F: f64 = 86_400_000_000.0;

/// What happened, beside when: its kind, the money, and the category of a purchase.
pub(super) type What = (Kind, Amount, Label);

/// One event of a life.
pub(super) type Event = (i64, What);

/// How a life is read; lengths in microseconds.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct Reading {
    pub as_of: i64,
    pub cart_window: i64,
    pub lapse_factor: f64,
    pub lapse_min: i64,
    pub rate_unit: i64,
    pub penalty: Penalty,
    pub min_size: usize,
    /// numbers of purchases that are milestones, beside the first and second
    pub nth: Vec<i64>,
}

/// Reads lives, one after the other, on the same memory.
#[derive(Debug, Clone, Default)]
pub(super) struct Reader {
    points: Vec<Point>,
    purchases: Vec<i64>,
    /// amounts that are known and positive, and when
    amounts: Vec<f64>,
    paid_at: Vec<i64>,
    /// in whole days, rising
    gaps: Vec<i64>,
    categories: Vec<Label>,
    fresh: Vec<Label>,
    buckets: Vec<usize>,
    changes: Changes,
}

/// The way to a purchase.
#[derive(Debug, Default, Clone, Copy)]
struct Journey {
    /// the last cart or checkout that waits for payment
    waiting: Option<i64>,
    /// key points that were listed
    cart: bool,
    checkout: bool,
    payment: bool,
}

impl Reader {
    /// The turns of a life in the order of time. Events are in order, and none is after `as_of`.
    pub(super) fn read(&mut self, events: &[Event], how: &Reading) -> &[Point] {
        self.points.clear();
        self.purchases.clear();
        self.amounts.clear();
        self.paid_at.clear();
        self.gaps.clear();
        self.categories.clear();
        let mut journey = Journey::default();
        // the cart that waited last was found abandoned, and no other has begun
        let mut given_up = false;
        let (mut registered, mut subscribed) = (false, false);
        let mut rest = events;
        while let Some((&(ts, (kind, amount, _)), tail)) = rest.split_first() {
            rest = tail;
            if self.abandoned(journey.waiting, ts, how) {
                journey = Journey::default();
                given_up = true;
            }
            let amount = amount.get();
            match kind {
                Kind::Signup if !registered => {
                    registered = true;
                    self.push(ts, Name::Registered, None);
                }
                Kind::Subscribe if !subscribed => {
                    subscribed = true;
                    self.push(ts, Name::Subscribed, amount);
                }
                Kind::Signup | Kind::Subscribe => {}
                Kind::AddToCart | Kind::Checkout => {
                    if journey.waiting.is_none() {
                        journey = Journey::default();
                    }
                    given_up = false;
                    journey.waiting = Some(ts);
                    let (seen, name) = match kind {
                        Kind::AddToCart => (&mut journey.cart, Name::AddToCart),
                        _ => (&mut journey.checkout, Name::Checkout),
                    };
                    if !std::mem::replace(seen, true) {
                        self.push(ts, name, amount);
                    }
                }
                Kind::Payment => {
                    journey.waiting = None;
                    given_up = false;
                    if !std::mem::replace(&mut journey.payment, true) {
                        self.push(ts, Name::Payment, amount);
                    }
                }
                Kind::Purchase => {
                    journey = Journey::default();
                    given_up = false;
                    let lines = 1 + rest.iter().take_while(|o| o.0 == ts && o.1.0 == kind).count();
                    let (_, later) = rest.split_at(lines - 1);
                    rest = later;
                    let from = events.len() - rest.len() - lines;
                    self.purchase(events.get(from..from + lines).unwrap_or_default(), how);
                }
                Kind::CartAbandon => {
                    if !given_up {
                        self.push(ts, Name::CartAbandon, amount);
                    }
                    journey = Journey::default();
                    given_up = false;
                }
                Kind::CrossSell => self.push(ts, Name::CrossSell, amount),
                Kind::OrderCancel => self.push(ts, Name::OrderCancel, amount),
                Kind::Return => self.push(ts, Name::Return, amount),
                Kind::Complaint => self.push(ts, Name::Complaint, amount),
                Kind::Unsubscribe => self.push(ts, Name::Unsubscribe, amount),
                Kind::Upgrade => self.push(ts, Name::Upgrade, amount),
                Kind::Downgrade => self.push(ts, Name::Downgrade, amount),
            }
        }
        self.abandoned(journey.waiting, how.as_of, how);
        if let Some(&last) = self.purchases.last() {
            self.lapse(last, how.as_of, how);
        }
        self.level_changes(how);
        if !self.points.is_sorted_by_key(|p| (p.ts, p.name.turn())) {
            // stable: at one instant and of one sort, in the order they were found
            self.points.sort_by_key(|p| (p.ts, p.name.turn()));
        }
        &self.points
    }

    fn push(&mut self, ts: i64, name: Name, after: Option<f64>) {
        self.points.push(Point {
            ts,
            name,
            before: None,
            after,
            score: None,
            detail: Detail::None,
        });
    }

    /// Whether the cart that waits since `waiting` is abandoned at `now`; lists it if so.
    fn abandoned(&mut self, waiting: Option<i64>, now: i64, how: &Reading) -> bool {
        let deadline = waiting.and_then(|t| t.checked_add(how.cart_window)).filter(|d| *d <= now);
        if let Some(ts) = deadline {
            self.push(ts, Name::CartAbandon, None);
            if let Some(p) = self.points.last_mut() {
                p.detail = Detail::Unpaid;
            }
        }
        deadline.is_some()
    }

    /// One purchase, of one or more rows.
    fn purchase(&mut self, lines: &[Event], how: &Reading) {
        let Some(&(ts, _)) = lines.first() else { return };
        let known = || lines.iter().filter_map(|l| l.1.1.get());
        // rows of one instant are in the order of their amounts, so the sum has one value
        let amount = known().next().is_some().then(|| known().sum::<f64>());
        // what is free has no level
        if let Some(amount) = amount.filter(|a| *a > 0.0) {
            self.amounts.push(amount);
            self.paid_at.push(ts);
        }
        if let Some(&last) = self.purchases.last() {
            if let Some(gap) = self.lapse(last, ts, how) {
                let days = between(last, ts);
                self.points.push(Point {
                    ts,
                    name: Name::Reactivation,
                    before: Some(gap),
                    after: Some(days),
                    score: Some(days / gap),
                    detail: Detail::Back(days, gap),
                });
            }
            // the days of purchases make the cadence, not the orders of one day
            let days = ts.div_euclid(DAY) - last.div_euclid(DAY);
            if days > 0 {
                let at = self.gaps.partition_point(|g| *g < days);
                self.gaps.insert(at, days);
            }
        }
        self.purchases.push(ts);
        let number = i64::try_from(self.purchases.len()).unwrap_or(i64::MAX);
        let name = match number {
            1 => Some(Name::FirstPurchase),
            2 => Some(Name::SecondPurchase),
            n => how.nth.contains(&n).then_some(Name::NthPurchase),
        };
        if let Some(name) = name {
            self.push(ts, name, amount);
            if let Some(p) = self.points.last_mut().filter(|_| number > 2) {
                p.detail = Detail::Purchase(number);
            }
        }
        self.fresh.clear();
        for &(_, (_, _, category)) in lines {
            if category != Label::NONE && !self.categories.contains(&category) {
                self.categories.push(category);
                self.fresh.push(category);
            }
        }
        if number > 1 {
            // labels sort as the names of the categories do
            self.fresh.sort_unstable();
            for &category in &self.fresh {
                let lines = lines.iter().filter(|l| l.1.2 == category);
                let spent = lines.filter_map(|l| l.1.1.get()).reduce(|a, b| a + b);
                self.points.push(Point {
                    ts,
                    name: Name::CrossSell,
                    before: None,
                    after: spent,
                    score: None,
                    detail: Detail::Category(category),
                });
            }
        }
    }

    /// Lists a lapse between the purchase at `last` and `now`; the own gap if there is one.
    fn lapse(&mut self, last: i64, now: i64, how: &Reading) -> Option<f64> {
        let gap = median(&self.gaps)?;
        #[expect(clippy::cast_possible_truncation, reason = "saturates: a limit beyond all time")]
        let limit = ((how.lapse_factor * gap * DAY_F) as i64).max(how.lapse_min);
        let ts = last.checked_add(limit).filter(|ts| *ts < now)?;
        let days = between(last, ts);
        self.points.push(Point {
            ts,
            name: Name::Lapse,
            before: Some(gap),
            after: Some(days),
            score: Some(days / gap),
            detail: Detail::Silent(days, gap),
        });
        Some(gap)
    }

    fn level_changes(&mut self, how: &Reading) {
        let Self { points, purchases, amounts, paid_at, buckets, changes, .. } = self;
        let Some(&first) = purchases.first() else { return };
        let enough = how.min_size.saturating_mul(2);
        if purchases.len() >= enough {
            let start = bucket_start(first, how.rate_unit);
            let unit = how.rate_unit.unsigned_abs();
            // nothing is before the start
            let bucket = |ts: i64| usize::try_from(ts.abs_diff(start) / unit).unwrap_or(0);
            buckets.clear();
            buckets.extend(purchases.iter().map(|t| bucket(*t)));
            // a bucket that has not ended by as_of is no bucket yet
            changes.of_rate(buckets, bucket(how.as_of), how.min_size, how.penalty, |c| {
                let steps = i64::try_from(c.at).unwrap_or(i64::MAX);
                points.push(Point {
                    ts: start.saturating_add(steps.saturating_mul(how.rate_unit)),
                    name: if c.after > c.before { Name::RateUp } else { Name::RateDown },
                    before: Some(c.before),
                    after: Some(c.after),
                    score: Some(c.score),
                    detail: Detail::Rate,
                });
            });
        }
        if amounts.len() >= enough {
            changes.of_value(amounts, how.min_size, how.penalty, |c| {
                points.push(Point {
                    ts: paid_at.get(c.at).copied().unwrap_or(first),
                    name: if c.after > c.before { Name::ValueUp } else { Name::ValueDown },
                    before: Some(c.before),
                    after: Some(c.after),
                    score: Some(c.score),
                    detail: Detail::Value,
                });
            });
        }
    }
}

/// Days from one time to another.
fn between(from: i64, to: i64) -> f64 {
    (to as f64 - from as f64) / DAY_F
}

/// The median of rising numbers.
fn median(rising: &[i64]) -> Option<f64> {
    let half = rising.len() / 2;
    let upper = *rising.get(half)? as f64;
    if rising.len() % 2 == 1 {
        return Some(upper);
    }
    let lower = *rising.get(half.checked_sub(1)?)? as f64;
    Some((lower + upper) / 2.0)
}

#[cfg(test)]
mod tests {
    use super::super::point::Turn;
    use super::*;
    use crate::payload::Texts;

    fn how() -> Reading {
        Reading {
            as_of: 400 * DAY,
            cart_window: DAY,
            lapse_factor: 3.0,
            lapse_min: 30 * DAY,
            rate_unit: 7 * DAY,
            penalty: Penalty::Bic,
            min_size: 4,
            nth: vec![5],
        }
    }

    const HOUR: i64 = DAY / 24;

    fn at(hours: i64, kind: Kind) -> Event {
        (hours * HOUR, (kind, Amount::NULL, Label::NONE))
    }

    fn text(p: &Point) -> &'static str {
        Name::NAMES[p.name as usize]
    }

    /// (hour, point) of what is found
    fn life(events: &[Event], how: &Reading) -> Vec<(i64, &'static str)> {
        let mut reader = Reader::default();
        reader.read(events, how).iter().map(|p| (p.ts / HOUR, text(p))).collect()
    }

    #[test]
    fn a_cart_is_abandoned_when_its_window_has_passed_and_pending_before() {
        let cart = [at(10, Kind::AddToCart), at(12, Kind::AddToCart)];
        let until = |hour: i64| Reading { as_of: hour * HOUR, ..how() };
        assert_eq!(life(&cart, &until(35)), [(10, "add_to_cart")]);
        assert_eq!(life(&cart, &until(36)), [(10, "add_to_cart"), (36, "cart_abandon")]);
        // a purchase in time, and one at the very end of the window
        let buy = |hour| [cart[0], cart[1], at(hour, Kind::Purchase)];
        assert_eq!(life(&buy(35), &until(99)), [(10, "add_to_cart"), (35, "first_purchase")]);
        assert_eq!(
            life(&buy(36), &until(99)),
            [(10, "add_to_cart"), (36, "first_purchase"), (36, "cart_abandon")]
        );
        // the shop says so itself: once is enough
        let told = [
            cart[0],
            at(20, Kind::CartAbandon),
            at(200, Kind::AddToCart),
            at(250, Kind::CartAbandon),
        ];
        assert_eq!(
            life(&told, &until(999)),
            [
                (10, "add_to_cart"),
                (20, "cart_abandon"),
                (200, "add_to_cart"),
                (224, "cart_abandon")
            ]
        );
    }

    #[test]
    fn key_points_are_the_first_of_each_journey() {
        let events = [
            at(1, Kind::AddToCart),
            at(2, Kind::AddToCart),
            at(3, Kind::Checkout),
            at(4, Kind::Checkout),
            at(5, Kind::Payment),
            at(5, Kind::Purchase),
            at(9, Kind::AddToCart),
            at(10, Kind::Payment),
            at(11, Kind::Payment),
        ];
        let want = [
            (1, "add_to_cart"),
            (3, "checkout"),
            (5, "first_purchase"),
            (5, "payment"),
            (9, "add_to_cart"),
            (10, "payment"),
        ];
        assert_eq!(life(&events, &how()), want);
    }

    #[test]
    fn a_lapse_begins_at_the_customers_own_limit_and_ends_with_a_purchase() {
        let days = [0, 20, 40, 60, 160, 170];
        let events: Vec<Event> = days.map(|d| at(d * 24, Kind::Purchase)).to_vec();
        let named = |as_of: i64| -> Vec<(i64, &str)> {
            let got = life(&events[..4], &Reading { as_of: as_of * DAY, ..how() });
            got.into_iter().filter(|p| p.1 == "lapse").collect()
        };
        // three times twenty days: not at the limit, but after it
        assert_eq!(named(120), []);
        assert_eq!(named(121), [(120 * 24, "lapse")]);
        let mut reader = Reader::default();
        let got: Vec<Point> = reader.read(&events, &Reading { as_of: 175 * DAY, ..how() }).to_vec();
        let lapse = got.iter().find(|p| p.name == Name::Lapse).unwrap();
        assert_eq!((lapse.before, lapse.after, lapse.score), (Some(20.0), Some(60.0), Some(3.0)));
        let back = got.iter().find(|p| p.name == Name::Reactivation).unwrap();
        assert_eq!(
            (back.ts, back.before, back.after, back.score),
            (160 * DAY, Some(20.0), Some(100.0), Some(5.0))
        );
        // one purchase has no cadence
        assert_eq!(life(&events[..1], &how()), [(0, "first_purchase")]);
    }

    #[test]
    fn rows_of_one_instant_are_one_purchase_and_new_categories_are_cross_sells() {
        let mut texts = Texts::default();
        let [art, books, food, toys] = ["art", "books", "food", "toys"].map(|t| texts.label(t));
        let line = |day: i64, amount: f64, category: Label| {
            (day * DAY, (Kind::Purchase, Amount::new(amount), category))
        };
        let events = [
            line(0, 1.0, food),
            line(0, 2.0, books),
            line(5, 3.0, books),
            line(5, 4.0, toys),
            line(5, 6.0, art),
            line(6, 1.0, toys),
        ];
        let mut reader = Reader::default();
        let got = reader.read(&events, &Reading { as_of: 9 * DAY, ..how() });
        let got: Vec<_> = got.iter().map(|p| (text(p), p.after, p.detail)).collect();
        assert_eq!(
            got,
            [
                ("first_purchase", Some(3.0), Detail::None),
                ("second_purchase", Some(13.0), Detail::None),
                ("cross_sell", Some(6.0), Detail::Category(art)),
                ("cross_sell", Some(4.0), Detail::Category(toys)),
            ]
        );
    }

    #[test]
    fn a_rate_that_falls_and_a_value_that_rises_are_found() {
        // twice a week for twenty weeks at 10, then once in three weeks at 30
        let days = (0..40).map(|i| i * 7 / 2).chain((0..10).map(|i| 147 + i * 21));
        let events: Vec<Event> = days
            .map(|d| {
                let amount = Amount::new(if d < 147 { 10.0 } else { 30.0 });
                ((d * 24 + 12) * HOUR, (Kind::Purchase, amount, Label::NONE))
            })
            .collect();
        let mut reader = Reader::default();
        let got: Vec<Point> = reader.read(&events, &Reading { as_of: 350 * DAY, ..how() }).to_vec();
        let rate = got.iter().find(|p| p.name.turn() == Turn::RateChange).unwrap();
        assert_eq!((text(rate), rate.before), ("rate_down", Some(2.0)));
        assert_eq!(rate.ts, 140 * DAY);
        assert!(rate.after.unwrap() < 0.4 && rate.score.unwrap() > 0.0);
        let value = got.iter().find(|p| p.name.turn() == Turn::ValueChange).unwrap();
        assert_eq!((text(value), value.before, value.after), ("value_up", Some(10.0), Some(30.0)));
        assert_eq!(value.ts, 147 * DAY + 12 * HOUR);
        let fewer = &events[..7];
        let got = reader.read(fewer, &Reading { as_of: 350 * DAY, ..how() });
        assert!(got.iter().all(|p| p.name.turn() < Turn::RateChange));
    }

    #[test]
    fn the_first_of_a_kind_is_a_milestone_and_the_rest_are_events() {
        let mut events = vec![
            at(1, Kind::Signup),
            at(2, Kind::Signup),
            at(3, Kind::Subscribe),
            at(4, Kind::Complaint),
            at(5, Kind::Complaint),
        ];
        events.extend((6..12).map(|h| at(h, Kind::Purchase)));
        events.extend([at(20, Kind::Return), at(21, Kind::Unsubscribe)]);
        assert_eq!(
            life(&events, &Reading { as_of: 10 * DAY, ..how() }),
            [
                (1, "registered"),
                (3, "subscribed"),
                (4, "complaint"),
                (5, "complaint"),
                (6, "first_purchase"),
                (7, "second_purchase"),
                (10, "nth_purchase"),
                (20, "return"),
                (21, "unsubscribe"),
            ]
        );
        assert_eq!(life(&[], &how()), []);
    }
}
