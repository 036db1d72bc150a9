//! Every model against the formulae of its paper, computed with fifty digits.
//!
//! `udfs/testdata/value/make.py` made the figures. They have to be met to ten digits; one that is too
//! small for a double, which reads as 0 or nearly so, to within 1e-290.

use std::sync::Arc;

use datafusion::arrow::array::{ArrayRef, AsArray, Float64Array, StringArray};
use datafusion::arrow::datatypes::Float64Type;
use datafusion::common::Result;

use super::clv::purchases_if_alive;
use super::core::Customer;
use super::models::Any;
use crate::testing::{batch, session};

/// The lines after the heads of files, each with its fields.
fn lines(files: &[&'static str]) -> Vec<(&'static str, Vec<&'static str>)> {
    let lines = files.iter().flat_map(|file| file.lines().skip(2));
    lines.map(|line| (line, line.split(',').collect())).collect()
}

fn number(text: &str) -> f64 {
    text.parse().expect("a number")
}

fn numbers(text: &str) -> Vec<f64> {
    text.split(' ').map(number).collect()
}

/// Figures, compared.
#[derive(Default)]
struct Compared {
    points: usize,
    figures: usize,
    worst: (f64, &'static str),
    missed: Vec<String>,
}

impl Compared {
    fn point(&mut self, line: &'static str, got: &[f64], want: &[&str]) {
        assert_eq!(got.len(), want.len(), "{line}");
        self.points += 1;
        for (got, want) in got.iter().zip(want.iter().map(|f| number(f))) {
            self.figures += 1;
            let error = (got - want).abs() / (want.abs() + 1e-280);
            if error > self.worst.0 {
                self.worst = (error, line);
            }
            if !got.is_finite() || error > 1e-10 {
                self.missed.push(format!("{got:e}, not {want:e}, off by {error:.1e}: {line}"));
            }
        }
    }

    /// What the models say of customers, and how much they will buy.
    fn models(&mut self) {
        for (line, fields) in lines(&[
            include_str!("../../testdata/value/references.csv"),
            include_str!("../../testdata/value/grid.csv"),
        ]) {
            let model = Any::of(fields[0], &numbers(fields[1])).expect("a model");
            let [x, tx, t] = [2, 3, 4].map(|i| number(fields[i]));
            let c = Customer { x, tx, t };
            // a horizon, or a discount by unit of time
            let got = if let Some(discount) = fields[5].strip_prefix('d') {
                vec![model.alive_now(c) * model.residual_if_alive(c, number(discount))]
            } else {
                let ahead = number(fields[5]);
                let expected = model.alive_now(c) * model.mean_if_alive(c, ahead);
                // under contract it is what follows from who is there
                vec![model.p_alive(c), model.churn(c, Some(ahead)), expected]
            };
            self.point(line, &got, &fields[6..]);
        }
    }

    /// How likely the models say so many purchases are.
    fn counts(&mut self) {
        for (line, fields) in lines(&[include_str!("../../testdata/value/counts.csv")]) {
            let model = Any::of(fields[0], &numbers(fields[1])).expect("a model");
            let [x, tx, t, ahead, n] = [2, 3, 4, 5, 6].map(|i| number(fields[i]));
            self.point(line, &[model.count(Customer { x, tx, t }, n, ahead)], &fields[7..]);
        }
    }

    /// What `clv` makes of models, horizons, discounts, money and margins that are columns.
    async fn clv(&mut self) -> Result<()> {
        let lines = lines(&[include_str!("../../testdata/value/clv.csv")]);
        let texts = |i: usize| -> ArrayRef {
            Arc::new(lines.iter().map(|(_, fields)| Some(fields[i])).collect::<StringArray>())
        };
        let floats = |i: usize, nth: usize| -> ArrayRef {
            let of = lines.iter().map(|(_, fields)| {
                let field = fields[i].split(' ').nth(nth);
                field.filter(|f| !f.is_empty()).map(number)
            });
            Arc::new(of.collect::<Float64Array>())
        };
        let table = batch(vec![
            ("model", texts(0)),
            ("p0", floats(1, 0)),
            ("p1", floats(1, 1)),
            ("p2", floats(1, 2)),
            ("p3", floats(1, 3)),
            ("unit", floats(2, 0)),
            ("x", floats(3, 0)),
            ("tx", floats(4, 0)),
            ("t", floats(5, 0)),
            ("p", floats(6, 0)),
            ("q", floats(6, 1)),
            ("v", floats(6, 2)),
            ("money", floats(7, 0)),
            ("horizon", texts(8)),
            ("discount", floats(9, 0)),
            ("margin", floats(10, 0)),
        ])?;
        let ctx = session(1, 8192)?;
        ctx.register_batch("t", table)?;
        // the models name their last two parameters as they like
        let sql = "SELECT clv(named_struct('model', model, 'r', p0, 'alpha', p1, 'a', p2, 'b', p3, 's', p2, 'beta', p3, 'unit_days', unit), named_struct('model', 'gamma_gamma', 'p', p, 'q', q, 'v', v), x, tx, t, money, horizon, discount, coalesce(margin, 1)) FROM t";
        let batches = ctx.sql(sql).await?.collect().await?;
        let got: Vec<Option<f64>> =
            batches.iter().flat_map(|b| b.column(0).as_primitive::<Float64Type>().iter()).collect();
        assert_eq!(got.len(), lines.len());
        for ((line, fields), got) in lines.iter().zip(got) {
            self.point(line, &[got.unwrap_or(f64::NAN)], &fields[11..]);
        }
        Ok(())
    }
}

#[tokio::test]
async fn every_figure_to_ten_digits() -> Result<()> {
    let mut all = Compared::default();
    all.models();
    let models = all.points;
    all.counts();
    let counts = all.points - models;
    all.clv().await?;
    let Compared { points, figures, worst, missed } = all;
    println!("{points} points, {figures} figures, worst {:.1e}: {}", worst.0, worst.1);
    assert!(missed.is_empty(), "{} of {figures}:\n{}", missed.len(), missed.join("\n"));
    assert!(points >= 10_000 && points - models - counts >= 2_000, "{points}, {models} of models");
    assert!(counts >= 800, "{counts}");
    Ok(())
}

/// For customers of few purchases and of a million, of a moment and of centuries, with parameters
/// around which formulae have poles: a later purchase makes alive likelier, more time since it less;
/// who has just bought for the n-th time buys more the greater n; a life of more months is worth more,
/// and a discount makes it worth less.
#[test]
fn figures_rise_and_fall_as_they_must() {
    let not_less = |after: f64, before: f64, of: &str| {
        assert!(before.is_finite() && after.is_finite(), "{of}: {after} after {before}");
        assert!(before >= 0.0 && after >= before * (1.0 - 1e-12), "{of}: {after} after {before}");
    };
    let rises = |figures: &[f64], of: &str| {
        figures.windows(2).for_each(|pair| not_less(pair[1], pair[0], of));
    };
    let falls = |figures: &[f64], of: &str| {
        figures.windows(2).for_each(|pair| not_less(pair[0], pair[1], of));
    };
    let mut models = vec![];
    for third in [0.02, 0.999_999, 1.0 - 1e-15, 1.0, 1.0 + 1e-15, 1.000_001, 25.0] {
        for (r, alpha, b) in [(0.243, 4.414, 2.426), (3.0, 200.0, 1e-3)] {
            models.push(("bg_nbd", [r, alpha, third, b]));
            models.push(("mbg_nbd", [r, alpha, third, b]));
        }
        for (r, alpha) in [(0.553, 10.578), (3.0, 200.0)] {
            for beta in [alpha * (1.0 - 1e-12), alpha, alpha * (1.0 + 1e-15), alpha + 1e-3] {
                models.push(("pareto_nbd", [r, alpha, third, beta]));
            }
        }
    }
    for (name, of) in models {
        let model = Any::of(name, &of).expect("a model");
        let expected = |c, h| model.alive_now(c) * model.mean_if_alive(c, h);
        let worth = |c, years, discount| {
            model.alive_now(c) * purchases_if_alive(&model, 7.0, c, years, discount)
        };
        for t in [0.001, 39.0, 1e5] {
            let xs = [1.0, 2.0, 7.0, 300.0, 1e4, 1e6];
            let just = xs.map(|x| Customer { x, tx: t, t });
            let at = format!("{name} {of:?} {t}");
            rises(&just.map(|c| expected(c, 52.0)), &format!("expected {at}"));
            rises(&just.map(|c| worth(c, 1.0, 0.1)), &format!("clv {at}"));
            for x in [0.0].into_iter().chain(xs) {
                let at = format!("{at} {x}");
                let last = [0.0, 0.3, 0.9, 0.999, 0.999_999, 1.0].map(|share| t * share);
                let last = if x == 0.0 { &last[..1] } else { &last[..] };
                let all = last.iter().map(|tx| Customer { x, tx: *tx, t });
                rises(&all.clone().map(|c| model.p_alive(c)).collect::<Vec<_>>(), &at);
                rises(&all.map(|c| expected(c, 52.0)).collect::<Vec<_>>(), &at);
                let now = Customer { x, tx: last[last.len() - 1], t };
                let later = [1.0, 1.000_001, 1.1, 3.0, 1e3].map(|by| Customer { t: t * by, ..now });
                falls(&later.map(|c| model.p_alive(c)), &at);
                rises(&[0.0, 1e-6, 1.0, 52.0, 1e5, 1e300].map(|h| expected(now, h)), &at);
                for discount in [0.0, 0.1, 3.0] {
                    let years = [1.0 / 12.0, 0.25, 1.0, 3.0];
                    rises(&years.map(|years| worth(now, years, discount)), &at);
                }
                falls(&[0.0, 1e-9, 0.1, 3.0, 1e6].map(|d| worth(now, 3.0, d)), &at);
            }
        }
    }
}
