//! Fits find the parameters that customers were drawn from, and are as unsure as they say.

use std::sync::Arc;

use datafusion::arrow::array::{Float64Array, Int64Array};
use tenure::Tenure;
use tenure::generate::{Dropout, Settings};

use super::{numbers, open};
use crate::support::parquet::{batch, write};

/// A fit and the names of its parameters, in truth and in its model.
struct Fit {
    function: &'static str,
    parameters: &'static [(&'static str, &'static str)],
    /// the parameter that is a time
    time: Option<usize>,
}

const GAMMA_GAMMA: Fit = Fit {
    function: "gamma_gamma_fit",
    parameters: &[("p", "p"), ("q", "q"), ("gamma", "v")],
    time: None,
};

fn purchases(model: Dropout) -> Fit {
    Fit {
        function: match model {
            Dropout::Bg => "bg_nbd_fit",
            Dropout::Mbg => "mbg_nbd_fit",
        },
        parameters: &[("r", "r"), ("alpha", "alpha"), ("a", "a"), ("b", "b")],
        time: Some(1),
    }
}

/// Summaries by the hour, since days would merge purchases of a day.
const SUMMARIES: &str = "SELECT customer_summary(ts, amount, TIMESTAMP '2024-07-01', unit => INTERVAL '1 hour') AS s \
     FROM orders GROUP BY customer_id";

impl Fit {
    /// Estimates and their standard errors, in days.
    async fn fitted(&self, tenure: &Tenure) -> Vec<(f64, f64)> {
        let values: Vec<String> =
            self.parameters.iter().map(|(_, name)| format!("m['{name}']")).collect();
        let errors = (1..=values.len()).map(|n| format!("m['se'][{n}]"));
        let all: Vec<String> = values.iter().cloned().chain(errors).collect();
        let sql = format!(
            "SELECT {} FROM (SELECT {}(s) AS m FROM ({SUMMARIES}))",
            all.join(", "),
            self.function
        );
        let found = numbers(tenure, &sql).await;
        let (values, errors) = found.split_at(self.parameters.len());
        let unit = |n: usize| if self.time == Some(n) { 24.0 } else { 1.0 };
        let pairs = values.iter().zip(errors).enumerate();
        pairs.map(|(n, (value, error))| (value / unit(n), error / unit(n))).collect()
    }

    async fn recovers(&self, tenure: &Tenure) {
        let fitted = self.fitted(tenure).await;
        for ((name, _), (found, error)) in self.parameters.iter().zip(fitted) {
            let sql = format!("SELECT value FROM truth_parameters WHERE name = '{name}'");
            let value = numbers(tenure, &sql).await[0];
            let function = self.function;
            assert!(
                (found - value).abs() < 3.0 * error,
                "{function} {name}: {value} fitted as {found} ± {error}"
            );
            assert!(error < 0.35 * value, "{function} {name}: {error} says nothing of {value}");
        }
    }
}

#[tokio::test]
async fn fits_find_the_parameters_that_customers_were_drawn_from() {
    for model in [Dropout::Bg, Dropout::Mbg] {
        let settings = Settings { model, plain: true, seed: 7, ..Settings::new(20_000) };
        let tenure = open(&settings).await;
        purchases(model).recovers(&tenure).await;
        GAMMA_GAMMA.recovers(&tenure).await;
    }
}

/// How many samples a bootstrap draws.
const SAMPLES: usize = 200;

/// Standard errors come from the curvature of the likelihood; drawing the customers again and again
/// (Efron 1979) must spread the estimates as much.
#[tokio::test]
async fn standard_errors_are_those_of_a_bootstrap() {
    let settings = Settings { plain: true, seed: 11, ..Settings::new(4000) };
    let tenure = open(&settings).await;
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("weights.parquet");
    write(&file, &weights(4000));
    for fit in [purchases(Dropout::Bg), GAMMA_GAMMA] {
        let arguments = match fit.function {
            "gamma_gamma_fit" => "s['frequency'], s['monetary_value']",
            _ => "s['frequency'], s['recency'], s['t']",
        };
        let fitted = fit.fitted(&tenure).await;
        for (n, ((_, name), (_, error))) in fit.parameters.iter().zip(fitted).enumerate() {
            // the middle 68 % of the samples are two standard errors wide, whatever their tails
            let sql = format!(
                "SELECT (percentile_cont(0.84) WITHIN GROUP (ORDER BY v) \
                       - percentile_cont(0.16) WITHIN GROUP (ORDER BY v)) / 2, count(*) FROM ( \
                   SELECT {function}({arguments}, weight => w)['{name}'] AS v FROM ( \
                     SELECT s, row_number() OVER (ORDER BY s['first_ts'], s['revenue']) AS customer FROM ({SUMMARIES})) AS c \
                   JOIN '{file}' AS d ON c.customer = d.customer GROUP BY sample)",
                function = fit.function,
                file = file.display(),
            );
            let found = numbers(&tenure, &sql).await;
            let spread = if fit.time == Some(n) { found[0] / 24.0 } else { found[0] };
            assert_eq!(found[1] as usize, SAMPLES);
            assert!(
                (0.8..1.25).contains(&(spread / error)),
                "{} {name}: ± {error}, of samples ± {spread}",
                fit.function
            );
        }
    }
}

/// How often each customer is drawn into each sample; those that are not have no row.
fn weights(customers: usize) -> datafusion::arrow::array::RecordBatch {
    let mut state = 88_172_645_463_325_252_u64;
    let mut random = || {
        state ^= state << 13;
        state ^= state >> 7;
        state ^= state << 17;
        state
    };
    let (mut samples, mut numbers, mut drawn) = (vec![], vec![], vec![]);
    for sample in 0..SAMPLES {
        let mut counts = vec![0_u32; customers];
        for _ in 0..customers {
            counts[(random() % customers as u64) as usize] += 1;
        }
        for (customer, count) in counts.into_iter().enumerate().filter(|(_, count)| *count > 0) {
            samples.push(sample as i64);
            numbers.push(customer as i64 + 1);
            drawn.push(f64::from(count));
        }
    }
    batch(vec![
        ("sample", Arc::new(Int64Array::from(samples))),
        ("customer", Arc::new(Int64Array::from(numbers))),
        ("w", Arc::new(Float64Array::from(drawn))),
    ])
}
