//! Sums over rows of features in blocks of four, which the compiler turns into vector instructions.

/// Four numbers of a row; the last block of a row is filled up with 0.
pub(crate) type Block = [f64; LANES];
const LANES: usize = 4;

/// Blocks that a row of `width` numbers takes.
pub(crate) fn blocks(width: usize) -> usize {
    width.div_ceil(LANES)
}

/// A row in blocks.
pub(crate) fn padded(row: &[f64]) -> Vec<Block> {
    let (whole, rest) = row.as_chunks::<LANES>();
    let mut out = whole.to_vec();
    if !rest.is_empty() {
        let mut last = [0.0; LANES];
        last.iter_mut().zip(rest).for_each(|(to, v)| *to = *v);
        out.push(last);
    }
    out
}

/// The sum of products of two rows.
#[inline]
pub(crate) fn dot(a: &[Block], b: &[Block]) -> f64 {
    let mut sums = [0.0; LANES];
    for (a, b) in a.iter().zip(b) {
        for ((sum, a), b) in sums.iter_mut().zip(a).zip(b) {
            *sum += a * b;
        }
    }
    sums.iter().sum()
}

/// Adds `weight` times a row to another.
#[inline]
pub(crate) fn add(to: &mut [Block], weight: f64, row: &[Block]) {
    for (to, row) in to.iter_mut().zip(row) {
        for (to, v) in to.iter_mut().zip(row) {
            *to += weight * v;
        }
    }
}

/// The sum of `weight · x xᵀ` over rows `x`: the blocks on and below its diagonal.
#[derive(Debug)]
pub(crate) struct Gram {
    size: usize,
    blocks: usize,
    /// row by row, in full
    sums: Vec<Block>,
}

impl Gram {
    /// Of rows of `size` numbers.
    pub(crate) fn new(size: usize) -> Self {
        let blocks = blocks(size);
        Self { size, blocks, sums: vec![[0.0; LANES]; size * blocks] }
    }

    /// Adds a row.
    #[inline]
    pub(crate) fn add(&mut self, weight: f64, x: &[Block]) {
        let rows = self.sums.chunks_exact_mut(self.blocks.max(1)).zip(x.as_flattened());
        for (i, (row, value)) in rows.enumerate() {
            let by = weight * value;
            for (to, x) in row.iter_mut().zip(x).take(i / LANES + 1) {
                for (to, x) in to.iter_mut().zip(x) {
                    *to += by * x;
                }
            }
        }
    }

    /// The whole matrix, row by row.
    pub(crate) fn matrix(&self) -> Vec<f64> {
        let at = |i: usize, j: usize| {
            let row = self.sums.get(i * self.blocks..).unwrap_or_default().as_flattened();
            row.get(j).copied().unwrap_or(0.0)
        };
        let whole = 0..self.size;
        whole.clone().flat_map(|i| whole.clone().map(move |j| at(i.max(j), i.min(j)))).collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn blocks_make_no_difference() {
        for size in 1..=9 {
            let rows: Vec<Vec<f64>> = (0..20)
                .map(|r| (0..size).map(|i| ((r * 7 + i * 3) % 11) as f64 - 4.0).collect())
                .collect();
            let mut gram = Gram::new(size);
            let mut sum = padded(&vec![0.0; size]);
            for (r, row) in rows.iter().enumerate() {
                gram.add(r as f64, &padded(row));
                add(&mut sum, r as f64, &padded(row));
            }
            let of = |f: &dyn Fn(&[f64]) -> f64| -> f64 {
                rows.iter().enumerate().map(|(r, row)| r as f64 * f(row)).sum()
            };
            let matrix = gram.matrix();
            for i in 0..size {
                assert_eq!(sum.as_flattened()[i], of(&|row| row[i]));
                for j in 0..size {
                    assert_eq!(matrix[i * size + j], of(&|row| row[i] * row[j]));
                }
            }
            let want: f64 = rows[0].iter().zip(&rows[1]).map(|(a, b)| a * b).sum();
            assert_eq!(dot(&padded(&rows[0]), &padded(&rows[1])), want);
        }
    }
}
