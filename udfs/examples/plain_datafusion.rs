//! The functions in a DataFusion session of your own, in SQL and as expressions.
//!
//! ```sh
//! cargo run -p tenure-udfs --example plain_datafusion
//! ```

use datafusion::common::Result;
use datafusion::prelude::{SessionConfig, SessionContext, col, lit};
use tenure_udfs::expr_fn::{customer_summary, stage_of};
use tenure_udfs::settings::TenureOptions;

#[tokio::main(flavor = "current_thread")]
async fn main() -> Result<()> {
    // the settings are optional: they make `SET tenure.as_of` work
    let mut config = SessionConfig::new();
    config.options_mut().extensions.insert(TenureOptions::default());
    let mut ctx = SessionContext::new_with_config(config);
    tenure_udfs::register_all(&mut ctx)?;

    ctx.sql("SET tenure.as_of = '2018-01-31'").await?;
    ctx.sql(
        "CREATE TABLE orders AS SELECT * FROM (VALUES
           ('ann', TIMESTAMP '2018-01-02T00:00:00', 20.0), ('ann', TIMESTAMP '2018-01-20T00:00:00', 25.0),
           ('bob', TIMESTAMP '2017-06-01T00:00:00', 90.0)) AS t(customer, ts, amount)",
    )
    .await?;

    // in SQL
    ctx.sql("SELECT customer, recency(ts), monetary(amount) FROM orders GROUP BY customer ORDER BY customer")
        .await?
        .show()
        .await?;

    // as expressions
    ctx.table("orders")
        .await?
        .aggregate(
            vec![col("customer")],
            vec![customer_summary(col("ts"), col("amount")).alias("summary")],
        )?
        .select(vec![col("customer"), stage_of(col("summary"), lit("retail")).alias("stage")])?
        .sort(vec![col("customer").sort(true, true)])?
        .show()
        .await
}
