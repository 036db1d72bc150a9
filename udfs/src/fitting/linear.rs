//! Symmetric linear equations, of which some may say what others have said.

/// A symmetric matrix as `L D Lᵀ`, factor by factor in order. A row that the rows before it already
/// determine, or that is empty, is left out.
#[derive(Debug, Clone)]
pub(crate) struct Factors {
    size: usize,
    /// the rows of L below its diagonal of 1
    lower: Vec<Vec<f64>>,
    /// the diagonal D, 0 where a row is left out
    diagonal: Vec<f64>,
}

impl Factors {
    /// The factors of `matrix`, whose rows follow one another. A row is left out if less than
    /// `tolerance` of its `scale` is left of its diagonal.
    pub(crate) fn of(matrix: &[f64], scale: &[f64], tolerance: f64) -> Self {
        let size = scale.len();
        let mut lower: Vec<Vec<f64>> = Vec::with_capacity(size);
        let mut diagonal: Vec<f64> = Vec::with_capacity(size);
        for ((i, row), scale) in matrix.chunks_exact(size.max(1)).enumerate().zip(scale) {
            let mut of_row: Vec<f64> = Vec::with_capacity(i);
            for (j, (&value, other)) in row.iter().zip(&lower).enumerate() {
                let known: f64 =
                    of_row.iter().zip(other).zip(&diagonal).map(|((a, b), d)| a * b * d).sum();
                let d = diagonal.get(j).copied().unwrap_or(0.0);
                of_row.push(if d > 0.0 { (value - known) / d } else { 0.0 });
            }
            let known: f64 = of_row.iter().zip(&diagonal).map(|(a, d)| a * a * d).sum();
            let left = row.get(i).copied().unwrap_or(0.0) - known;
            diagonal.push(if left > tolerance * scale && left.is_finite() { left } else { 0.0 });
            lower.push(of_row);
        }
        Self { size, lower, diagonal }
    }

    /// Whether a row counts.
    pub(crate) fn counts(&self) -> impl Iterator<Item = bool> {
        self.diagonal.iter().map(|&d| d > 0.0)
    }

    /// What solves the equations that count, with 0 for what is left out.
    pub(crate) fn solve(&self, right: &[f64]) -> Vec<f64> {
        let mut x: Vec<f64> = Vec::with_capacity(self.size);
        for ((lower, &value), &d) in self.lower.iter().zip(right).zip(&self.diagonal) {
            let known: f64 = lower.iter().zip(&x).map(|(a, b)| a * b).sum();
            x.push(if d > 0.0 { value - known } else { 0.0 });
        }
        for (x, &d) in x.iter_mut().zip(&self.diagonal) {
            *x = if d > 0.0 { *x / d } else { 0.0 };
        }
        // from the last to the first: each takes its part from those before it
        for (i, lower) in self.lower.iter().enumerate().rev() {
            let (before, rest) = x.split_at_mut(i);
            let value = rest.first().copied().unwrap_or(0.0);
            for ((to, a), &d) in before.iter_mut().zip(lower).zip(&self.diagonal) {
                if d > 0.0 {
                    *to -= a * value;
                }
            }
        }
        x
    }

    /// The diagonal of the inverse; `None` for what is left out.
    pub(crate) fn inverse_diagonal(&self) -> Vec<Option<f64>> {
        let mut unit = vec![0.0; self.size];
        self.diagonal
            .iter()
            .enumerate()
            .map(|(i, &d)| {
                unit.fill(0.0);
                *unit.get_mut(i)? = 1.0;
                let value = self.solve(&unit).get(i).copied()?;
                (d > 0.0 && value.is_finite()).then_some(value)
            })
            .collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn equations_are_solved_and_repetitions_left_out() {
        let mut state = 5_u64;
        let mut next = || {
            state = state
                .wrapping_mul(6_364_136_223_846_793_005)
                .wrapping_add(1_442_695_040_888_963_407);
            (state >> 33) as f64 / (1_u64 << 30) as f64 - 1.0
        };
        for round in 0..5_000 {
            let k = 1 + round % 6;
            let mut x: Vec<Vec<f64>> = (0..k).map(|_| (0..9).map(|_| next()).collect()).collect();
            let repeated = (round % 3 == 0 && k > 2).then_some(k - 1);
            if let Some(i) = repeated {
                x[i] = (0..9).map(|r| x[0][r] - 2.0 * x[1][r]).collect();
            }
            let dot = |i: usize, j: usize| (0..9).map(|r| x[i][r] * x[j][r]).sum::<f64>();
            let a: Vec<f64> = (0..k * k).map(|n| dot(n / k, n % k)).collect();
            let scale: Vec<f64> = (0..k).map(|i| a[i * k + i]).collect();
            let factors = Factors::of(&a, &scale, 1e-10);
            let counts: Vec<bool> = factors.counts().collect();
            assert!((0..k).all(|i| counts[i] == (repeated != Some(i))), "{counts:?}");
            let right: Vec<f64> = (0..k).map(|_| next()).collect();
            let solved = factors.solve(&right);
            for i in (0..k).filter(|&i| counts[i]) {
                let got: f64 = (0..k).map(|j| a[i * k + j] * solved[j]).sum();
                assert!((got - right[i]).abs() < 1e-6, "{got} {}", right[i]);
            }
            for (i, d) in factors.inverse_diagonal().into_iter().enumerate() {
                let mut unit = vec![0.0; k];
                unit[i] = 1.0;
                assert_eq!(d, counts[i].then(|| factors.solve(&unit)[i]));
            }
        }
    }
}
