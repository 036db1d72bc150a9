//! Tenure as a library: open a lake, ask in SQL, read Arrow batches.
//!
//! ```sh
//! cargo run --example embed -- data/retail
//! ```

use datafusion::arrow::util::pretty::pretty_format_batches;
use futures::TryStreamExt;
use tenure::{Params, Tenure};

#[tokio::main]
async fn main() -> Result<(), Box<dyn std::error::Error>> {
    let lake = std::env::args().nth(1).unwrap_or_else(|| "data/retail".to_string());
    let tenure = Tenure::builder().lake(lake).build().await?;

    // a DataFrame: plan now, run when collected
    let stages = tenure
        .sql("SELECT stage, count(*) AS customers, sum(revenue) AS revenue FROM profiles GROUP BY stage ORDER BY revenue DESC")
        .await?
        .collect()
        .await?;
    show(&pretty_format_batches(&stages)?);

    // a stream: batches as they are made, with a value for $risk
    let sql = "SELECT customer_id, churn_prob, clv FROM profiles WHERE churn_prob > $risk ORDER BY clv DESC LIMIT 5";
    let mut answer = tenure.run_with(sql, &Params::parse("risk=0.5")?).await?;
    while let Some(batch) = answer.stream.try_next().await? {
        show(&pretty_format_batches(&[batch])?);
    }

    // the same lake half a year earlier: what came later does not exist
    tenure.sql("SET tenure.as_of = '2017-07-01'").await?;
    let orders = tenure.sql("SELECT * FROM orders").await?.count().await?;
    show(&format!("{orders} orders until July"));
    Ok(())
}

#[expect(clippy::print_stdout, reason = "an example talks to its reader")]
fn show(text: &dyn std::fmt::Display) {
    println!("{text}");
}
