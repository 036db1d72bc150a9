//! The likelihood of a customer who may have ended in several ways.
//!
//! It is a sum over the ends. The derivatives of its logarithm are means over the ends, weighted by
//! their shares: the gradient that of the gradients, the Hessian that of the Hessians plus the
//! covariance of the gradients.

use super::newton::Surface;

/// Sums over the ends of one customer, relative to e^`reference`.
#[derive(Debug)]
pub(crate) struct Ends<const N: usize> {
    reference: f64,
    total: f64,
    slope: [f64; N],
    square: [[f64; N]; N],
}

#[expect(clippy::indexing_slicing, reason = "every index is below N")]
impl<const N: usize> Ends<N> {
    pub(crate) fn new() -> Self {
        Self { reference: f64::NEG_INFINITY, total: 0.0, slope: [0.0; N], square: [[0.0; N]; N] }
    }

    /// An end of this logarithm of its likelihood, with its gradient and the Hessian above the diagonal.
    pub(crate) fn add(&mut self, log: f64, slope: [f64; N], curve: [[f64; N]; N]) {
        if log > self.reference + 300.0 {
            // of nothing, nothing is left
            let shrink = (self.reference - log).exp();
            self.reference = log;
            self.total *= shrink;
            self.slope = self.slope.map(|v| v * shrink);
            self.square = self.square.map(|row| row.map(|v| v * shrink));
        }
        let share = (log - self.reference).exp();
        self.total += share;
        for i in 0..N {
            self.slope[i] += share * slope[i];
            for j in i..N {
                self.square[i][j] += share * (slope[i] * slope[j] + curve[i][j]);
            }
        }
    }

    /// Adds the logarithm of the sum, and its derivatives above the diagonal, for so many customers.
    pub(crate) fn close(&self, weight: f64, sum: &mut Surface<N>) {
        let share = weight / self.total;
        sum.value += weight * (self.reference + self.total.ln());
        for i in 0..N {
            sum.gradient[i] += share * self.slope[i];
            for j in i..N {
                sum.hessian[i][j] +=
                    share * (self.square[i][j] - self.slope[i] * self.slope[j] / self.total);
            }
        }
    }
}
