//! Every model against the formulae of its paper, computed with fifty digits.
//!
//! `udfs/testdata/value/make.py` made the figures.

use super::core::Customer;
use super::models::Any;

struct Point {
    model: Any,
    customer: Customer,
    /// a horizon, or a discount by unit of time
    ahead: f64,
    is_discount: bool,
    figures: Vec<f64>,
    line: &'static str,
}

fn points() -> impl Iterator<Item = Point> {
    let lines = include_str!("../../testdata/value/references.csv").lines().skip(2);
    lines.map(|line| {
        let fields: Vec<&str> = line.split(',').collect();
        let number = |text: &str| text.parse::<f64>().expect("a number");
        let parameters: Vec<f64> = fields[1].split(' ').map(number).collect();
        let is_discount = fields[5].starts_with('d');
        Point {
            model: Any::of(fields[0], &parameters).expect("a model"),
            customer: Customer {
                x: number(fields[2]),
                tx: number(fields[3]),
                t: number(fields[4]),
            },
            ahead: number(fields[5].trim_start_matches('d')),
            is_discount,
            figures: fields[6..].iter().map(|f| number(f)).collect(),
            line,
        }
    })
}

#[test]
fn every_figure_to_ten_digits() {
    let (mut figures, mut worst, mut missed) = (0, (0.0, ""), vec![]);
    for Point { model, customer: c, ahead, is_discount, figures: want, line } in points() {
        let got = if is_discount {
            vec![model.alive_now(c) * model.residual_if_alive(c, ahead)]
        } else {
            let expected = model.alive_now(c) * model.mean_if_alive(c, ahead);
            // under contract it is what follows from who is there
            vec![model.p_alive(c), model.churn(c, Some(ahead)), expected]
        };
        assert_eq!(got.len(), want.len(), "{line}");
        for (got, want) in got.into_iter().zip(want) {
            figures += 1;
            assert!(got.is_finite(), "{got}: {line}");
            let error = (got - want).abs() / (want.abs() + 1e-280);
            if error > worst.0 {
                worst = (error, line);
            }
            if error > 1e-10 {
                missed.push(format!("{got:e}, not {want:e}, off by {error:.1e}: {line}"));
            }
        }
    }
    assert!(missed.is_empty(), "{} of {figures}:\n{}", missed.len(), missed.join("\n"));
    assert!(figures >= 10_000, "{figures}");
}
