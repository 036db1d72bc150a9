//! The product-limit estimator of survival (Kaplan & Meier 1958).
//!
//! `S(t) = Π (1 − d/n)` over the times up to `t`: `d` events among the `n` at risk, who are those
//! whose duration is at least that long, so that an event comes before what is censored at the same
//! time. The standard error is Greenwood's; the limits of 95 % are those of `log(−log S)`, which
//! stay between 0 and 1. Where S is 0 neither is defined. O(n log n).

use super::observed;

/// Survival at each distinct duration, in order.
#[derive(Debug, Clone, Default, PartialEq)]
pub(crate) struct Curve {
    pub times: Vec<f64>,
    pub at_risk: Vec<f64>,
    pub events: Vec<f64>,
    pub censored: Vec<f64>,
    pub survival: Vec<f64>,
    pub std_error: Vec<Option<f64>>,
    pub ci_low: Vec<Option<f64>>,
    pub ci_high: Vec<Option<f64>>,
}

/// Two-sided 95 % of the normal distribution.
pub(crate) const Z95: f64 = 1.959_963_984_540_054;

/// The curve of observations (`observed.rs`) and their weights, in any order.
pub(crate) fn kaplan_meier(observations: &[f64], weights: Option<&[f64]>) -> Curve {
    let mut curve = Curve::default();
    match weights {
        None => {
            let mut keys: Vec<u64> = observations.iter().map(|&o| observed::key(o)).collect();
            keys.sort_unstable();
            // whole numbers: exact in any order
            collect(&mut curve, keys.iter().map(|&k| (k, 1.0)));
        }
        Some(weights) => {
            // equal rows are interchangeable, so any order of arrival gives the same sums
            let mut rows: Vec<(u64, u64)> = observations
                .iter()
                .zip(weights)
                .map(|(&o, w)| (observed::key(o), w.to_bits()))
                .collect();
            rows.sort_unstable();
            collect(&mut curve, rows.iter().map(|&(k, w)| (k, f64::from_bits(w))));
        }
    }
    from_the_start(&mut curve);
    survive(&mut curve);
    curve
}

/// Times, events and censored of rows in order.
fn collect(curve: &mut Curve, rows: impl Iterator<Item = (u64, f64)>) {
    let mut last = None;
    let (mut events, mut censored) = (0.0, 0.0);
    for (key, weight) in rows {
        // the key of an event at the same time
        let time = key & !1;
        if last.is_some_and(|l| l != time) {
            curve.events.push(std::mem::take(&mut events));
            curve.censored.push(std::mem::take(&mut censored));
        }
        if last != Some(time) {
            curve.times.push(observed::duration(time));
            last = Some(time);
        }
        if observed::is_event(key) {
            events += weight;
        } else {
            censored += weight;
        }
    }
    if last.is_some() {
        curve.events.push(events);
        curve.censored.push(censored);
    }
}

/// Those at risk, of events and censored who were all there from the start.
fn from_the_start(curve: &mut Curve) {
    // summed from the end, so that exactly those who are left are at risk
    let mut left = 0.0;
    for (events, censored) in curve.events.iter().zip(&curve.censored).rev() {
        left += events + censored;
        curve.at_risk.push(left);
    }
    curve.at_risk.reverse();
}

/// Survival and its error, of events and those at risk.
pub(crate) fn survive(curve: &mut Curve) {
    let (mut survival, mut variance) = (1.0, 0.0);
    for (&n, &d) in curve.at_risk.iter().zip(&curve.events) {
        survival *= ((n - d) / n).max(0.0);
        variance += d / (n * (n - d));
        let [error, low, high] = limits(survival, variance);
        curve.survival.push(survival);
        curve.std_error.push(error);
        curve.ci_low.push(low);
        curve.ci_high.push(high);
    }
}

/// Standard error and limits; `variance` is that of the logarithm of survival.
fn limits(survival: f64, variance: f64) -> [Option<f64>; 3] {
    if survival <= 0.0 || !variance.is_finite() {
        return [None; 3];
    }
    if survival >= 1.0 {
        return [Some(0.0), Some(1.0), Some(1.0)];
    }
    let error = variance.sqrt();
    let spread = (Z95 * error / survival.ln().abs()).exp();
    [survival * error, survival.powf(spread), survival.powf(1.0 / spread)].map(Some)
}

/// What a curve of survival says. `None` where nobody was observed for so long: beyond the last
/// time, unless nobody is left there.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Steps<'a> {
    pub times: &'a [f64],
    pub heights: &'a [f64],
    pub meaning: Meaning,
}

/// What the heights of a curve are.
#[derive(Debug, Clone, Copy)]
pub(crate) enum Meaning {
    /// the share that survives
    Survival,
    /// the cumulative hazard of the average customer, of which this one has so many times as much
    Hazard(f64),
}

/// Survival that rounding has put above what it equals.
const SLACK: f64 = 1e-12;

impl Steps<'_> {
    fn survival(&self, height: f64) -> f64 {
        match self.meaning {
            Meaning::Survival => height,
            Meaning::Hazard(times) if height > 0.0 => (-height * times).exp(),
            Meaning::Hazard(_) => 1.0,
        }
    }

    /// Whether the curve says anything of time `t`.
    fn reaches(&self, t: f64) -> bool {
        let last = self.times.last().zip(self.heights.last());
        last.is_some_and(|(&time, &height)| t <= time || self.survival(height) <= 0.0)
    }

    /// The share that survives beyond `t`.
    pub(crate) fn at(&self, t: f64) -> Option<f64> {
        if !self.reaches(t) {
            return None;
        }
        let after = self.times.partition_point(|&time| time <= t);
        let height = after.checked_sub(1).and_then(|i| self.heights.get(i));
        Some(height.map_or(1.0, |&h| self.survival(h)))
    }

    /// The first time by which a share `p` has gone.
    pub(crate) fn quantile(&self, p: f64) -> Option<f64> {
        // survival never rises
        let first = self.heights.partition_point(|&h| self.survival(h) > 1.0 - p + SLACK);
        self.times.get(first).copied()
    }

    /// The mean time that is spent until `t`: the area under the curve.
    pub(crate) fn mean_until(&self, t: f64) -> Option<f64> {
        if !self.reaches(t) {
            return None;
        }
        let (mut area, mut from, mut share) = (0.0, 0.0, 1.0);
        for (&time, &height) in self.times.iter().zip(self.heights) {
            if time >= t {
                break;
            }
            area += share * (time - from);
            (from, share) = (time, self.survival(height));
        }
        Some(area + share * (t - from))
    }
}

#[cfg(test)]
#[allow(
    clippy::cast_possible_truncation,
    clippy::cast_possible_wrap,
    clippy::cast_sign_loss,
    reason = "test data"
)]
mod tests {
    use super::*;

    fn of_curve(curve: &Curve) -> Steps<'_> {
        Steps { times: &curve.times, heights: &curve.survival, meaning: Meaning::Survival }
    }

    /// Who is at risk and who goes, looked for anew at every time.
    fn naive(rows: &[(f64, bool, f64)]) -> Vec<[f64; 6]> {
        let mut times: Vec<f64> = rows.iter().map(|r| r.0).collect();
        times.sort_by(f64::total_cmp);
        times.dedup();
        let sum = |of: &dyn Fn(&(f64, bool, f64)) -> bool| -> f64 {
            rows.iter().filter(|r| of(r)).map(|r| r.2).sum()
        };
        let (mut s, mut v) = (1.0, 0.0);
        times
            .into_iter()
            .map(|t| {
                let n = sum(&|r| r.0 >= t);
                let d = sum(&|r| r.0 == t && r.1);
                s *= 1.0 - d / n;
                v += d / (n * (n - d));
                [t, n, d, sum(&|r| r.0 == t && !r.1), s, s * f64::sqrt(v)]
            })
            .collect()
    }

    fn random(state: &mut u64, below: u64) -> u64 {
        *state =
            state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        (*state >> 33) % below
    }

    #[test]
    fn it_is_what_its_definition_says() {
        let mut state = 3;
        for round in 0..20_000 {
            let n = 1 + random(&mut state, 12);
            let longest = 1 + random(&mut state, 10);
            let rows: Vec<(f64, bool, f64)> = (0..n)
                .map(|_| {
                    let weight =
                        if round % 2 == 0 { 1.0 } else { 1.0 + random(&mut state, 6) as f64 / 4.0 };
                    (random(&mut state, longest) as f64 / 2.0, random(&mut state, 3) > 0, weight)
                })
                .collect();
            let of = |rows: &[(f64, bool, f64)]| {
                let observations: Vec<f64> =
                    rows.iter().map(|r| observed::signed(r.0, r.1)).collect();
                let weights: Vec<f64> = rows.iter().map(|r| r.2).collect();
                kaplan_meier(&observations, (round % 2 == 1).then_some(&weights[..]))
            };
            let curve = of(&rows);
            let mut shuffled = rows.clone();
            shuffled.rotate_left(random(&mut state, n) as usize);
            shuffled.reverse();
            assert_eq!(of(&shuffled), curve);
            let want = naive(&rows);
            assert_eq!(curve.times.len(), want.len());
            for (i, [t, n, d, c, s, e]) in want.iter().enumerate() {
                assert_eq!(curve.times[i], *t);
                assert_eq!([curve.at_risk[i], curve.events[i], curve.censored[i]], [*n, *d, *c]);
                assert!((curve.survival[i] - s).abs() < 1e-12);
                match curve.std_error[i] {
                    Some(got) => assert!((got - e).abs() < 1e-12),
                    None => assert!(curve.survival[i] == 0.0 && d == n),
                }
                let steps = of_curve(&curve);
                assert_eq!(steps.at(*t), Some(curve.survival[i]));
                let before = if i == 0 { 1.0 } else { curve.survival[i - 1] };
                assert_eq!(steps.at(t - 0.1), Some(before));
            }
            let steps = of_curve(&curve);
            // the median and the area, by stepping
            let median = want.iter().find(|w| w[4] <= 0.5 + 1e-12).map(|w| w[0]);
            assert_eq!(steps.quantile(0.5), median);
            let until = random(&mut state, 24) as f64 / 4.0;
            let step = 1.0 / 64.0;
            let area: f64 = (0..(until / step) as usize)
                .map(|i| steps.at((i as f64 + 0.5) * step).unwrap_or(f64::NAN) * step)
                .sum();
            match steps.mean_until(until) {
                Some(got) => assert!((got - area).abs() < 1e-9, "{got} {area}"),
                None => assert!(area.is_nan()),
            }
        }
    }

    #[test]
    fn nothing_is_said_of_nobody() {
        let none = kaplan_meier(&[], None);
        assert_eq!(none, Curve::default());
        let steps = of_curve(&none);
        assert_eq!((steps.at(0.0), steps.quantile(0.5), steps.mean_until(1.0)), (None, None, None));
    }

    #[test]
    fn limits_are_those_of_log_minus_log() {
        // ten customers, the first event: S = .9, SE = .0949, and the limits of published tables
        let observations: Vec<f64> = (1..=10).map(f64::from).collect();
        let curve = kaplan_meier(&observations, None);
        let first = [
            curve.survival[0],
            curve.std_error[0].unwrap(),
            curve.ci_low[0].unwrap(),
            curve.ci_high[0].unwrap(),
        ];
        for (got, want) in first.into_iter().zip([0.9, 0.094_868_33, 0.473_008_9, 0.985_281_4]) {
            assert!((got - want).abs() < 1e-6, "{got} {want}");
        }
        assert_eq!([curve.std_error[9], curve.ci_low[9], curve.ci_high[9]], [None; 3]);
    }
}
