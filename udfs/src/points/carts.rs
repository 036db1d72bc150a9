//! Carts: what became of what was put into them.
//!
//! Things that are put into a cart within `window` of the one before, and before a conversion, make
//! one cart. It is *converted* by the first conversion less than `window` after the last of them (at
//! one instant, things are put in first), *abandoned* when the window ends without one, and *pending*
//! if it has not ended by `as_of`. A conversion without a cart is nothing. These are the carts that
//! `turning_points` tells of.

/// The bit of a row that puts something into a cart.
pub(super) const ADD: u64 = 1;
/// The bit of a row that converts.
pub(super) const CONVERT: u64 = 2;

/// The carts of one customer.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(super) struct Carts {
    pub abandoned: i64,
    pub pending: i64,
    pub converted: i64,
    /// when the window of the last abandoned cart ended
    pub last_abandoned: Option<i64>,
}

/// Reads events in the order of time, none of them after `as_of`.
pub(super) fn carts(events: &[(i64, u64)], window: i64, as_of: i64) -> Carts {
    let mut carts = Carts::default();
    // the last thing of the cart that waits
    let mut waiting: Option<i64> = None;
    for rows in events.chunk_by(|a, b| a.0 == b.0) {
        let now = rows.first().map_or(as_of, |r| r.0);
        let what = rows.iter().fold(0, |all, r| all | r.1);
        if carts.abandon(waiting, window, now) {
            waiting = None;
        }
        if what & ADD != 0 {
            waiting = Some(now);
        }
        if what & CONVERT != 0 && waiting.take().is_some() {
            carts.converted += 1;
        }
    }
    if !carts.abandon(waiting, window, as_of) {
        carts.pending = i64::from(waiting.is_some());
    }
    carts
}

impl Carts {
    /// Counts the cart that waits since `waiting`, if its window has ended at `now`.
    fn abandon(&mut self, waiting: Option<i64>, window: i64, now: i64) -> bool {
        let end = waiting.and_then(|t| t.checked_add(window)).filter(|end| *end <= now);
        if end.is_some() {
            self.abandoned += 1;
            self.last_abandoned = end;
        }
        end.is_some()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Each thing for itself: is it the last of its cart, and what came next?
    fn naive(events: &[(i64, u64)], window: i64, as_of: i64) -> Carts {
        let times = |bit: u64| -> Vec<i64> {
            let mut t: Vec<i64> = events.iter().filter(|e| e.1 & bit != 0).map(|e| e.0).collect();
            t.sort_unstable();
            t.dedup();
            t
        };
        let (adds, converts) = (times(ADD), times(CONVERT));
        let mut carts = Carts::default();
        for &a in &adds {
            let more = adds.iter().find(|t| **t > a && **t < a + window);
            let bought = converts.iter().find(|t| **t >= a && **t < a + window);
            match (more, bought) {
                (Some(more), Some(bought)) if more <= bought => {}
                (Some(_), None) => {}
                (_, Some(_)) => carts.converted += 1,
                (None, None) if a + window <= as_of => {
                    carts.abandoned += 1;
                    carts.last_abandoned = Some(a + window);
                }
                (None, None) => carts.pending += 1,
            }
        }
        carts
    }

    #[test]
    fn random_logs_have_the_carts_of_the_definition() {
        let mut state = 5u64;
        let mut draw = |n: u64| {
            state = state
                .wrapping_mul(6_364_136_223_846_793_005)
                .wrapping_add(1_442_695_040_888_963_407);
            (state >> 33) % n
        };
        let mut seen = Carts::default();
        for _ in 0..50_000 {
            let n = draw(10);
            let mut events: Vec<(i64, u64)> = (0..n)
                .map(|_| {
                    (
                        i64::try_from(draw(20)).unwrap(),
                        [1, 2, 3, 0, 1][usize::try_from(draw(5)).unwrap()],
                    )
                })
                .collect();
            events.sort_unstable();
            let window = i64::try_from(1 + draw(7)).unwrap();
            let as_of = 19 + i64::try_from(draw(6)).unwrap();
            let want = naive(&events, window, as_of);
            assert_eq!(carts(&events, window, as_of), want, "{events:?} {window} {as_of}");
            seen.abandoned = seen.abandoned.max(want.abandoned);
            seen.converted = seen.converted.max(want.converted);
            seen.pending += want.pending;
        }
        assert!(seen.abandoned > 3 && seen.converted > 3 && seen.pending > 1_000, "{seen:?}");
    }

    #[test]
    fn a_cart_is_judged_at_the_end_of_its_window_and_not_before() {
        let of = |as_of| carts(&[(0, ADD), (5, ADD)], 10, as_of);
        assert_eq!(of(14), Carts { pending: 1, ..Carts::default() });
        assert_eq!(of(15), Carts { abandoned: 1, last_abandoned: Some(15), ..Carts::default() });
        // what comes when the window ends comes too late
        assert_eq!(carts(&[(0, ADD), (10, CONVERT)], 10, 10).abandoned, 1);
        assert_eq!(carts(&[(0, ADD), (9, CONVERT)], 10, 10).converted, 1);
        assert_eq!(carts(&[(i64::MAX - 1, ADD)], 10, i64::MAX).pending, 1);
        assert_eq!(carts(&[(3, CONVERT)], 10, 100), Carts::default());
    }
}
