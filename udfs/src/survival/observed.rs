//! A duration and how it ended, as one number.
//!
//! A duration that an event ended is the number itself, one that was cut off (censored) while the
//! customer was still there is its negative; 0 has both signs. So an observation takes 8 bytes, and
//! the order in which every method wants them, by duration and events before what is censored at
//! the same time, is that of one integer.

/// One number for a duration from 0 up and whether an event ended it.
#[inline]
pub(crate) fn signed(duration: f64, event: bool) -> f64 {
    // adding 0 makes −0 a 0
    if event { duration + 0.0 } else { -(duration + 0.0) }
}

/// Sorts by duration, events first.
#[inline]
pub(crate) fn key(signed: f64) -> u64 {
    signed.to_bits().rotate_left(1)
}

/// The duration of a [`key`].
#[inline]
pub(crate) fn duration(key: u64) -> f64 {
    f64::from_bits(key >> 1)
}

/// Whether an event ended the duration of a [`key`].
#[inline]
pub(crate) fn is_event(key: u64) -> bool {
    key & 1 == 0
}

/// A duration that can be: from 0 up and finite.
#[inline]
pub(crate) fn is_legal(signed: f64) -> bool {
    signed.is_finite()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn events_come_before_what_is_censored_at_the_same_time() {
        let all =
            [(0.0, true), (-0.0, false), (1e-300, true), (2.0, true), (2.0, false), (3.0, true)];
        let keys = all.map(|(d, e)| key(signed(d, e)));
        assert!(keys.is_sorted_by(|a, b| a < b));
        for ((d, e), k) in all.into_iter().zip(keys) {
            assert_eq!((duration(k), is_event(k)), (d, e));
        }
    }
}
