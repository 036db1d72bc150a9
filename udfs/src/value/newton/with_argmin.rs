//! The same hills climbed by argmin, a library of optimisers.
//!
//! Where its methods arrive, they arrive at the same top: an oracle of the search. Why they are not the
//! search: L-BFGS looks at the customers two to three times as often, and each look is a pass over all of
//! them; on customers who tell little its line search may never end. The trust region, which is told the
//! curvature as the search is, arrives after about as many looks; but neither has bounds, so both walk
//! away where there is no top, and neither says so.

use std::cell::{Cell, RefCell};

use argmin::core::{CostFunction, Error, Executor, Gradient, Hessian};
use argmin::solver::linesearch::MoreThuenteLineSearch;
use argmin::solver::quasinewton::LBFGS;
use argmin::solver::trustregion::{Steihaug, TrustRegion};

use super::super::core::Kind;
use super::super::fit;
use super::super::likelihood::log_likelihood;
use super::super::pareto;
use super::super::sample::Sample;
use super::*;

/// The slope for each customer at which a climb has arrived.
const ARRIVED: f64 = 1e-8;
/// A climb that asks more often has no end.
const PATIENCE: usize = 10_000;

/// What one climb saw.
#[derive(Debug, Clone, Copy, Default)]
struct Seen {
    /// how often it asked, also for what it had just seen
    asked: usize,
    /// how often it looked
    looks: usize,
    /// after how many looks it arrived, and how high
    arrived: Option<(usize, f64)>,
    /// the greatest logarithm of a parameter, whatever its sign
    farthest: f64,
}

/// A hill turned upside down, for each customer, over the logarithms of the parameters.
struct Valley<'a, const N: usize> {
    likelihood: &'a dyn Fn([f64; N]) -> Surface<N>,
    weight: f64,
    /// where it was looked at last, and what was seen there
    last: Cell<Option<([f64; N], Surface<N>)>>,
    seen: &'a RefCell<Seen>,
}

impl<const N: usize> Valley<'_, N> {
    /// Value, slope and curvature are one look, as they are for the search.
    fn look(&self, at: &[f64]) -> Result<Surface<N>, Error> {
        let at: [f64; N] = at.try_into()?;
        let mut seen = self.seen.borrow_mut();
        seen.asked += 1;
        if seen.asked > PATIENCE {
            return Err(Error::msg("no end"));
        }
        if let Some((before, there)) = self.last.get()
            && before == at
        {
            return Ok(there);
        }
        let p = at.map(f64::exp);
        let there = (self.likelihood)(p).over_logs(at, p, 0.0);
        seen.look(at, &there, self.weight);
        self.last.set(Some((at, there)));
        Ok(there)
    }
}

impl Seen {
    fn look<const N: usize>(&mut self, at: [f64; N], there: &Surface<N>, weight: f64) {
        self.looks += 1;
        self.farthest = at.iter().fold(self.farthest, |far, v| far.max(v.abs()));
        let flat = there.gradient.iter().all(|g| g.abs() <= ARRIVED * weight);
        if flat && self.arrived.is_none() {
            self.arrived = Some((self.looks, there.value));
        }
    }
}

impl<const N: usize> CostFunction for Valley<'_, N> {
    type Param = Vec<f64>;
    type Output = f64;

    fn cost(&self, at: &Vec<f64>) -> Result<f64, Error> {
        Ok(-self.look(at)?.value / self.weight)
    }
}

impl<const N: usize> Gradient for Valley<'_, N> {
    type Param = Vec<f64>;
    type Gradient = Vec<f64>;

    fn gradient(&self, at: &Vec<f64>) -> Result<Vec<f64>, Error> {
        Ok(self.look(at)?.gradient.iter().map(|g| -g / self.weight).collect())
    }
}

impl<const N: usize> Hessian for Valley<'_, N> {
    type Param = Vec<f64>;
    type Hessian = Vec<Vec<f64>>;

    fn hessian(&self, at: &Vec<f64>) -> Result<Vec<Vec<f64>>, Error> {
        let row = |row: &[f64; N]| row.iter().map(|h| -h / self.weight).collect();
        Ok(self.look(at)?.hessian.iter().map(row).collect())
    }
}

/// The climbs of the search, of L-BFGS and of a trust region.
fn climbs<const N: usize>(
    likelihood: &dyn Fn([f64; N]) -> Surface<N>,
    weight: f64,
    start: [f64; N],
) -> [Seen; 3] {
    let mut ours = Seen::default();
    let looked = RefCell::new(&mut ours);
    climb(
        |p| {
            let there = likelihood(p);
            let at = p.map(f64::ln);
            looked.borrow_mut().look(at, &there.over_logs(at, p, 0.0), weight);
            there
        },
        weight,
        start,
        0.0,
    );
    let with = |method: &dyn Fn(Valley<'_, N>)| {
        let seen = RefCell::new(Seen::default());
        method(Valley { likelihood, weight, last: Cell::new(None), seen: &seen });
        seen.into_inner()
    };
    let lbfgs = with(&|valley| {
        let solver = LBFGS::new(MoreThuenteLineSearch::new(), 7);
        let Ok(solver) = solver.with_tolerance_grad(ARRIVED) else { return };
        let executor = Executor::new(valley, solver);
        // a climb that ends with an error has not arrived
        let _ = executor.configure(|state| state.param(start.to_vec()).max_iters(100)).run();
    });
    let trust = with(&|valley| {
        let solver = TrustRegion::new(Steihaug::new().with_max_iters(20));
        let executor = Executor::new(valley, solver);
        let _ = executor.configure(|state| state.param(start.to_vec()).max_iters(100)).run();
    });
    [ours, lbfgs, trust]
}

#[test]
fn argmin_arrives_at_the_same_top() {
    let sample = Sample::new(&mut fit::tests::cdnow().into_iter().collect());
    let bg = |p| log_likelihood(Kind::Bg, &sample, p);
    let mbg = |p| log_likelihood(Kind::Mbg, &sample, p);
    let pareto = |p| pareto::log_likelihood(&sample, p);
    let usual = fit::starts(sample.rate);
    let hills: [&dyn Fn([f64; 4]) -> Surface<4>; 3] = [&bg, &mbg, &pareto];
    let starts = [usual, usual, pareto::starts(sample.rate)];
    for (i, (likelihood, starts)) in hills.into_iter().zip(starts).enumerate() {
        let name = ["BG/NBD", "MBG/NBD", "Pareto/NBD"][i];
        let mut looks = [0; 3];
        for start in starts {
            let tops = climbs(likelihood, sample.weight, start).map(|c| c.arrived.unwrap());
            for (sum, (after, height)) in looks.iter_mut().zip(tops) {
                assert!((height - tops[0].1).abs() < 1e-9 * tops[0].1.abs(), "{name} {tops:?}");
                *sum += after;
            }
        }
        let [ours, lbfgs, trust] = looks;
        println!("{name}, looks from four starts: {ours}, L-BFGS {lbfgs}, trust region {trust}");
        assert!(2 * ours <= lbfgs && 2 * ours <= 3 * trust, "{name} {looks:?}");
    }
}

#[test]
fn where_there_is_no_top_argmin_walks_away() {
    let (mut endless, mut away) = (0, 0);
    for (i, rows) in fit::tests::degenerate().into_iter().enumerate() {
        let sample = Sample::new(&mut rows.into_iter().collect());
        let likelihood = |p| log_likelihood(Kind::Mbg, &sample, p);
        let [ours, lbfgs, trust] = climbs(&likelihood, sample.weight, fit::starts(sample.rate)[0]);
        assert!(ours.looks <= MOST_EVALUATIONS && ours.farthest <= EDGE + 1e-9, "{i} {ours:?}");
        endless += usize::from(lbfgs.asked > PATIENCE);
        away += usize::from(trust.farthest > 2.0 * EDGE);
        println!("{i}: {ours:?}\n  L-BFGS {lbfgs:?}\n  trust region {trust:?}");
    }
    assert!(endless > 0 && away > 0, "{endless} {away}");
}
