//! The engine through the library: plans, limits, errors, lakes, models and the shape of the views.

#![allow(
    clippy::unwrap_used,
    clippy::panic,
    clippy::indexing_slicing,
    reason = "a test fails by a panic"
)]

mod dense_customers;
mod errors;
mod lakes;
mod limits;
mod match_recognize;
mod match_recognize_limits;
mod model;
mod named_customers;
mod panics;
mod prepare;
mod pushdown;
mod read_only;
mod same_bits;
mod season;
mod views;
mod whole_files;
mod whole_numbers;

use std::path::Path;
use std::sync::Arc;

use datafusion::arrow::array::{
    ArrayRef, Float64Array, Int64Array, StringArray, TimestampMicrosecondArray,
};
use tenure::{Error, Tenure};

use crate::support::{parquet, rows};

async fn retail() -> Tenure {
    Tenure::builder().threads(2).lake(rows::shipped("retail")).build().await.unwrap()
}

async fn empty() -> Tenure {
    Tenure::builder().threads(2).as_of("2012-01-01").build().await.unwrap()
}

async fn open(path: &Path) -> Result<Tenure, Error> {
    Tenure::builder().threads(2).as_of("2012-01-01").lake(path.to_str().unwrap()).build().await
}

/// The single value of a statement.
async fn value(tenure: &Tenure, sql: &str) -> String {
    let lines =
        rows::lines(tenure, sql).await.unwrap_or_else(|e| panic!("{sql}: {}", rows::told(&e)));
    assert_eq!(lines.len(), 1, "{sql}: {lines:?}");
    lines[0].clone()
}

/// What is wrong with a statement, while it is planned or run.
async fn error(tenure: &Tenure, sql: &str) -> Error {
    match rows::lines(tenure, sql).await {
        Ok(lines) => panic!("{sql}: {lines:?}"),
        Err(e) => e,
    }
}

const DAY: i64 = 86_400_000_000;
/// 2011-01-01
const START: i64 = 14_975 * DAY;

/// Writes orders of a shop: who, on which day of 2011, for how much.
fn write_orders(path: impl AsRef<Path>, orders: &[(i64, i64, f64)]) {
    let ts = orders.iter().map(|o| START + o.1 * DAY).collect::<Vec<_>>();
    let number = (1..=orders.len()).map(|n| format!("o{n}"));
    let columns: Vec<(&str, ArrayRef)> = vec![
        ("customer_id", Arc::new(Int64Array::from_iter_values(orders.iter().map(|o| o.0)))),
        ("ts", Arc::new(TimestampMicrosecondArray::from(ts))),
        ("amount", Arc::new(Float64Array::from_iter_values(orders.iter().map(|o| o.2)))),
        ("order_id", Arc::new(StringArray::from_iter_values(number))),
    ];
    parquet::write(path, &parquet::batch(columns));
}
