//! Customers who buy by the season: the index is found, and models fitted in operational time are
//! those that the customers were made by, and right about a holdout in the best months.

use std::sync::Arc;

use datafusion::arrow::array::{Int64Array, TimestampMicrosecondArray};
use datafusion::datasource::MemTable;
use tenure::Tenure;

use super::empty;
use crate::support::{parquet, rows};

const DAY: i64 = 86_400_000_000;
/// 2018-01-01
const START: i64 = 17_532;
/// How much a day of each month counts; the mean of a day is near 1.
const TRUTH: [f64; 12] = [0.7, 0.7, 0.8, 0.8, 0.9, 0.8, 0.7, 0.8, 0.9, 1.0, 1.6, 2.3];
/// r, alpha (days), a, b
const MODEL: [f64; 4] = [0.9, 25.0, 0.6, 4.0];

/// Bits in a fixed order (splitmix64) as numbers.
struct Random(u64);

impl Random {
    /// above 0, below 1
    fn unit(&mut self) -> f64 {
        self.0 = self.0.wrapping_add(0x9E37_79B9_7F4A_7C15);
        let mut z = self.0;
        z = (z ^ (z >> 30)).wrapping_mul(0xBF58_476D_1CE4_E5B9);
        z = (z ^ (z >> 27)).wrapping_mul(0x94D0_49BB_1331_11EB);
        ((z ^ (z >> 31)) >> 11) as f64 / (1u64 << 53) as f64 + 1e-17
    }

    fn normal(&mut self) -> f64 {
        (-2.0 * self.unit().ln()).sqrt() * (std::f64::consts::TAU * self.unit()).cos()
    }

    /// Marsaglia & Tsang 2000
    fn gamma(&mut self, shape: f64) -> f64 {
        if shape < 1.0 {
            return self.gamma(shape + 1.0) * self.unit().powf(1.0 / shape);
        }
        let d = shape - 1.0 / 3.0;
        loop {
            let x = self.normal();
            let v = (1.0 + x / (9.0 * d).sqrt()).powi(3);
            if v > 0.0 && self.unit().ln() < 0.5 * x * x + d - d * v + d * v.ln() {
                return d * v;
            }
        }
    }

    fn beta(&mut self, a: f64, b: f64) -> f64 {
        let x = self.gamma(a);
        x / (x + self.gamma(b))
    }
}

/// Month of a day, counted from 1970-01-01, of years that have no 100th one among them.
fn month(day: i64) -> usize {
    let mut left = day;
    let mut year = 1970;
    loop {
        let leap = i64::from(year % 4 == 0);
        if left < 365 + leap {
            let lengths = [31, 28 + leap, 31, 30, 31, 30, 31, 31, 30, 31, 30, 31];
            let mut at = 0;
            while left >= lengths[at] {
                left -= lengths[at];
                at += 1;
            }
            return at;
        }
        left -= 365 + leap;
        year += 1;
    }
}

/// Days on which customers of a BG/NBD model buy whose rate follows the season.
fn purchases(customers: i64, days: i64) -> Vec<(i64, i64)> {
    let weights: Vec<f64> = (0..days).map(|d| TRUTH[month(START + d)]).collect();
    let mean = weights.iter().sum::<f64>() / days as f64;
    let mut random = Random(7);
    let [r, alpha, a, b] = MODEL;
    let mut out = vec![];
    for customer in 0..customers {
        let born = (random.unit() * (days - 365) as f64 * 0.7) as i64;
        let (rate, leaves) = (random.gamma(r) / alpha, random.beta(a, b));
        out.push((customer, born));
        for day in born + 1..days {
            // several purchases of a day are one
            if random.unit() < 1.0 - (-rate * weights[day as usize] / mean).exp() {
                out.push((customer, day));
                if random.unit() < leaves {
                    break;
                }
            }
        }
    }
    out
}

async fn shop() -> Tenure {
    let tenure = empty().await;
    let bought = purchases(2_500, 4 * 365);
    let time = |d: &(i64, i64)| (START + d.1) * DAY + 12 * DAY / 24;
    let batch = parquet::batch(vec![
        ("customer_id", Arc::new(Int64Array::from_iter_values(bought.iter().map(|b| b.0)))),
        ("ts", Arc::new(TimestampMicrosecondArray::from_iter_values(bought.iter().map(time)))),
    ]);
    let table = MemTable::try_new(batch.schema(), vec![vec![batch]]).unwrap();
    tenure.context().register_table("log", Arc::new(table)).unwrap();
    tenure
}

async fn numbers(tenure: &Tenure, sql: &str) -> Vec<Vec<f64>> {
    let lines = rows::lines(tenure, sql).await.unwrap_or_else(|e| panic!("{sql}: {e}"));
    lines.iter().map(|l| l.split(rows::SEPARATOR).map(|n| n.parse().unwrap()).collect()).collect()
}

/// The holdout are the two best months, which are twice as good as others.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_season_is_found_and_the_model_in_operational_time_is_the_true_one() {
    let tenure = shop().await;
    let (end, held) = ("TIMESTAMP '2021-10-31T23:59:59'", "TIMESTAMP '2021-12-31T00:00:00'");
    let once =
        format!("SELECT array_agg(index ORDER BY month) FROM seasonal_index(log, as_of => {end})");
    let twice = format!(
        "SELECT array_agg(index ORDER BY month) FROM seasonal_index(log, as_of => {end}, season => ({once}))"
    );
    let found = numbers(&tenure, &format!("SELECT unnest(({twice}))")).await;
    let mean = TRUTH.iter().sum::<f64>() / 12.0;
    let apart: Vec<f64> = found.iter().zip(TRUTH).map(|(f, t)| f[0] * mean / t - 1.0).collect();
    assert!(apart.iter().all(|d| d.abs() < 0.08), "{found:?}: {apart:?}");

    let list: Vec<String> = found.iter().map(|f| format!("{:?}", f[0])).collect();
    let season = format!("[{}]", list.join(", "));
    let fit = |season: &str| {
        format!(
            "SELECT m['r'] AS r, m['alpha'] AS alpha, m['a'] AS a, m['b'] AS b FROM (SELECT bg_nbd_fit(summary) AS m FROM \
             customer_summary_between(log, calibration_end => {end}, holdout_end => {held}{season})) AS fit"
        )
    };
    let by_season = numbers(&tenure, &fit(&format!(", season => {season}"))).await.remove(0);
    // the mean rate and the mean of leaving are known better than the four numbers
    let [r, alpha, a, b] = MODEL;
    let truth = [r / alpha, a / (a + b)];
    let means = |m: &[f64]| [m[0] / m[1], m[2] / (m[2] + m[3])];
    for (got, want) in means(&by_season).iter().zip(truth) {
        assert!((got / want - 1.0).abs() < 0.1, "{by_season:?} says {got}, not {want}");
    }
    assert!((by_season[0] / r - 1.0).abs() < 0.1, "{by_season:?}");

    let figures = |season: &str| {
        format!(
            "SELECT actual, expected, bias, mae, rmsle, brier FROM evaluate_model(log, model => 'bg_nbd', calibration_end => {end}, holdout_end => {held}{season})"
        )
    };
    let seasonal = numbers(&tenure, &figures(&format!(", season => {season}"))).await.remove(0);
    let plain = numbers(&tenure, &figures("")).await.remove(0);
    assert!(seasonal[2].abs() < 0.08, "by the season: {seasonal:?}");
    assert!(plain[2] < -0.35, "by the calendar: {plain:?}");
    assert!(seasonal[4] < plain[4] && seasonal[5] < plain[5], "{seasonal:?}, {plain:?}");

    // tracking: the months of the holdout are right as well
    let weeks = |season: &str| {
        format!(
            "SELECT actual, expected FROM evaluate_model(log, model => 'bg_nbd', report => 'tracking', every => INTERVAL '30 days', \
             calibration_end => {end}, holdout_end => {held}{season}) WHERE period > 3 AND complete ORDER BY period"
        )
    };
    let off = |weeks: Vec<Vec<f64>>| {
        let n = weeks.len() as f64;
        weeks.iter().map(|w| (w[1] / w[0] - 1.0).abs()).sum::<f64>() / n
    };
    let seasonal = off(numbers(&tenure, &weeks(&format!(", season => {season}"))).await);
    let plain = off(numbers(&tenure, &weeks("")).await);
    assert!(seasonal < 0.06 && plain > 0.2, "{seasonal} and {plain}");
}
