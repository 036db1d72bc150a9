//! The product-limit estimator of customers who come under observation late (left truncation).
//!
//! Who comes in at `entry` is at risk at the times `entry < t ≤ duration`: those who had gone before
//! could not come in, so nobody is told to have stayed while nobody looked. An entry of 0 is the
//! start, and comes before what happens at time 0. Sums of weights are exact and rounded once, so that
//! who has come and gone leaves nothing behind. O(n log n). Tsai, Jewell & Wang 1987.

use super::km::{Curve, survive};
use super::observed;
use crate::exact_sum::ExactSum;

/// A customer: the observation (`observed.rs`), the weight and the entry.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Delayed {
    pub observation: f64,
    pub weight: f64,
    pub entry: f64,
}

/// A curve, and where it stands on nobody.
#[derive(Debug, Clone, Default, PartialEq)]
pub(crate) struct Truncated {
    pub curve: Curve,
    /// when the first one came in
    pub begin: f64,
    /// from and to the times between which nobody was at risk, while survival was above 0
    pub gaps: Vec<[f64; 2]>,
    /// when all who were at risk went, though others were seen later
    pub lost: Option<f64>,
}

/// The curve of customers in any order.
pub(crate) fn kaplan_meier_delayed(rows: &[Delayed]) -> Truncated {
    // weights whose sum is beyond any number are summed in units of 2^100
    let all: f64 = rows.iter().map(|r| r.weight).sum();
    let unit = if all.is_finite() { 1.0 } else { f64::powi(0.5, 100) };
    // entries and weights are not negative: their bits are in their order
    let mut gone: Vec<(u64, u64)> =
        rows.iter().map(|r| (observed::key(r.observation), (r.weight * unit).to_bits())).collect();
    gone.sort_unstable();
    let mut come: Vec<(u64, u64)> =
        rows.iter().map(|r| (r.entry.to_bits(), (r.weight * unit).to_bits())).collect();
    come.sort_unstable();
    let mut come = come.into_iter().map(|(e, w)| (f64::from_bits(e), f64::from_bits(w))).peekable();
    let mut out =
        Truncated { begin: come.peek().map_or(0.0, |first| first.0), ..Truncated::default() };
    let mut at_risk = ExactSum::default();
    let (mut inside, mut left_alone) = (0_usize, None);
    // the keys of an event and of what is censored at one time differ in one bit
    for tied in gone.chunk_by(|a, b| a.0 & !1 == b.0 & !1) {
        let Some(&(key, _)) = tied.first() else { continue };
        let time = observed::duration(key & !1);
        while let Some((entry, weight)) = come.next_if(|c| c.0 < time || c.0 == 0.0) {
            if inside == 0
                && let Some(from) = left_alone.filter(|from| *from < entry)
            {
                out.gaps.push([from, entry]);
            }
            inside += 1;
            at_risk.add(weight);
        }
        let (mut events, mut censored) = (ExactSum::default(), ExactSum::default());
        let there = at_risk.value();
        for &(key, weight) in tied {
            let weight = f64::from_bits(weight);
            let ends = if observed::is_event(key) { &mut events } else { &mut censored };
            ends.add(weight);
            at_risk.add(-weight);
        }
        inside = inside.saturating_sub(tied.len());
        left_alone = (inside == 0).then_some(time);
        out.curve.times.push(time);
        out.curve.at_risk.push(there);
        out.curve.events.push(events.value());
        out.curve.censored.push(censored.value());
    }
    survive(&mut out.curve);
    if unit < 1.0 {
        let Curve { at_risk, events, censored, .. } = &mut out.curve;
        for sum in at_risk.iter_mut().chain(events).chain(censored) {
            *sum = (*sum / unit).min(f64::MAX);
        }
    }
    let curve = &out.curve;
    let zero = curve.survival.iter().position(|s| *s <= 0.0);
    out.lost =
        zero.filter(|at| at + 1 < curve.times.len()).and_then(|at| curve.times.get(at).copied());
    if let Some(lost) = out.lost {
        out.gaps.retain(|[from, _]| *from < lost);
    }
    out
}

impl Truncated {
    /// What has to be known to read the curve; `None` where somebody was at risk all the time.
    pub(crate) fn note(&self) -> Option<String> {
        let mut said = vec![];
        if self.begin > 0.0 {
            said.push(format!(
                "nobody was at risk before {0:?}, so the curve is of those who stayed until {0:?}",
                self.begin
            ));
        }
        if let Some([from, to]) = self.gaps.first() {
            let more = match self.gaps.len() {
                1 => String::new(),
                many => format!(", the first of {many} such gaps"),
            };
            said.push(format!(
                "nobody was at risk from {from:?} to {to:?}{more}: survival does not fall there, for nothing is known"
            ));
        }
        if let Some(lost) = self.lost {
            said.push(format!(
                "all who were at risk at {lost:?} went then, so survival is 0 from there, though others were seen later"
            ));
        }
        (!said.is_empty()).then(|| said.join("; "))
    }
}

/// Bytes that [`Truncated::note`] may take: its words, and six numbers.
pub(crate) const NOTE: usize = 384 + 6 * 24;

#[cfg(test)]
#[allow(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "test data")]
mod tests {
    use super::super::km::kaplan_meier;
    use super::*;

    struct Row {
        t: f64,
        event: bool,
        w: f64,
        entry: f64,
    }

    impl Row {
        fn is_at_risk(&self, t: f64) -> bool {
            t <= self.t && (self.entry < t || self.entry == 0.0)
        }
    }

    fn of(rows: &[Row]) -> Truncated {
        let row = |r: &Row| Delayed {
            observation: observed::signed(r.t, r.event),
            weight: r.w,
            entry: r.entry,
        };
        kaplan_meier_delayed(&rows.iter().map(row).collect::<Vec<_>>())
    }

    /// Who is at risk and who goes, looked for anew at every time.
    fn naive(rows: &[Row]) -> Vec<[f64; 6]> {
        let mut times: Vec<f64> = rows.iter().map(|r| r.t).collect();
        times.sort_by(f64::total_cmp);
        times.dedup();
        let sum =
            |of: &dyn Fn(&Row) -> bool| -> f64 { rows.iter().filter(|r| of(r)).map(|r| r.w).sum() };
        let (mut s, mut v) = (1.0, 0.0);
        times
            .into_iter()
            .map(|t| {
                let n = sum(&|r| r.is_at_risk(t));
                let d = sum(&|r| r.t == t && r.event);
                s *= 1.0 - d / n;
                v += d / (n * (n - d));
                [t, n, d, sum(&|r| r.t == t && !r.event), s, s * f64::sqrt(v)]
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
        let mut state = 11;
        let (mut gaps, mut lost) = (0, 0);
        for round in 0..20_000 {
            let n = 1 + random(&mut state, 12);
            let longest = 1 + random(&mut state, 12);
            let mut rows: Vec<Row> = (0..n)
                .map(|_| {
                    let t = random(&mut state, longest) as f64 / 2.0;
                    let entry = random(&mut state, longest) as f64 / 2.0;
                    let entry = if entry < t { entry } else { 0.0 };
                    let w =
                        if round % 2 == 0 { 1.0 } else { 1.0 + random(&mut state, 6) as f64 / 4.0 };
                    Row { t, event: random(&mut state, 3) > 0, w, entry }
                })
                .collect();
            let got = of(&rows);
            let want = naive(&rows);
            let curve = &got.curve;
            assert_eq!(curve.times.len(), want.len());
            let mut gone = false;
            for (i, [t, n, d, c, s, e]) in want.iter().enumerate() {
                assert_eq!(curve.times[i], *t);
                assert_eq!([curve.at_risk[i], curve.events[i], curve.censored[i]], [*n, *d, *c]);
                assert!(*n >= *d + *c);
                assert_eq!((curve.survival[i] == 0.0), gone || d == n);
                gone |= d == n;
                assert!((curve.survival[i] - s).abs() < 1e-12 || gone);
                match curve.std_error[i] {
                    Some(got) => assert!((got - e).abs() < 1e-12),
                    None => assert!(gone),
                }
            }
            let first = rows.iter().map(|r| r.entry).fold(f64::INFINITY, f64::min);
            assert_eq!(got.begin, first);
            // looked for in steps of a half between the times
            let zero = want.iter().position(|w| w[1] == w[2]);
            let end = want.last().map_or(0.0, |w| w[0]);
            assert_eq!(got.lost, zero.filter(|z| z + 1 < want.len()).map(|z| want[z][0]));
            let until = zero.map_or(end, |z| want[z][0]);
            let nobody = (0..(until * 2.0) as usize)
                .map(|h| h as f64 / 2.0 + 0.25)
                .filter(|t| *t > first && !rows.iter().any(|r| r.is_at_risk(*t)))
                .count();
            let told: f64 = got.gaps.iter().map(|[from, to]| (to - from) * 2.0).sum();
            assert_eq!(nobody as f64, told, "{got:?}");
            gaps += usize::from(!got.gaps.is_empty());
            lost += usize::from(got.lost.is_some());
            assert!(got.note().is_none_or(|n| n.len() <= NOTE));
            let by = random(&mut state, n) as usize;
            rows.rotate_left(by);
            rows.reverse();
            assert_eq!(of(&rows), got);
            // an entry of 0 is none
            rows.iter_mut().for_each(|r| r.entry = 0.0);
            let observations: Vec<f64> =
                rows.iter().map(|r| observed::signed(r.t, r.event)).collect();
            let weights: Vec<f64> = rows.iter().map(|r| r.w).collect();
            assert_eq!(of(&rows).curve, kaplan_meier(&observations, Some(&weights)));
        }
        assert!(gaps > 500 && lost > 500, "{gaps} {lost}");
    }

    #[test]
    fn weights_of_any_size_leave_nothing_behind() {
        let row = |t, w, entry| Row { t, event: true, w, entry };
        // 0.1 and 0.2 come and go around 1e17
        let rows =
            [row(2.0, 0.1, 0.0), row(3.0, 1e17, 1.0), row(5.0, 0.2, 2.5), row(9.0, 0.3, 0.0)];
        let got = of(&rows).curve;
        assert_eq!(got.at_risk, [1e17 + 0.4, 1e17 + 0.5, 0.2 + 0.3, 0.3]);
        assert_eq!(got.survival[3], 0.0);
        // a sum that no number is
        let rows = [row(2.0, f64::MAX, 0.0), row(3.0, f64::MAX, 1.0), row(4.0, f64::MAX, 2.0)];
        let got = of(&rows).curve;
        assert_eq!(got.survival, [0.5, 0.25, 0.0]);
        assert_eq!((got.at_risk[0], got.events[0]), (f64::MAX, f64::MAX));
    }

    #[test]
    fn where_nobody_was_at_risk_is_said() {
        let row = |t, event, entry| Row { t, event, w: 1.0, entry };
        assert_eq!(of(&[]), Truncated::default());
        assert_eq!(
            of(&[row(5.0, true, 0.0), row(7.0, false, 5.0)]).note().as_deref(),
            Some(
                "all who were at risk at 5.0 went then, so survival is 0 from there, though others were seen later"
            )
        );
        let one = of(&[row(5.0, false, 3.0), row(8.0, true, 7.0), row(9.0, false, 7.0)]);
        assert_eq!((one.begin, &one.gaps[..], one.lost), (3.0, &[[5.0, 7.0]][..], None));
        assert_eq!(
            one.note().as_deref(),
            Some(
                "nobody was at risk before 3.0, so the curve is of those who stayed until 3.0; nobody was at risk from 5.0 to 7.0: survival does not fall there, for nothing is known"
            )
        );
        // who comes in as another leaves closes the gap
        assert_eq!(of(&[row(5.0, false, 0.0), row(8.0, false, 5.0)]).note(), None);
        // who goes at 0 was there from the start
        let zero = of(&[row(0.0, true, 0.0), row(4.0, true, 0.0)]);
        assert_eq!((zero.note(), &zero.curve.at_risk[..]), (None, &[2.0, 1.0][..]));
    }
}
