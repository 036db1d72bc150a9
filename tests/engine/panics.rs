//! A panic under a statement is an error of that statement only.

use std::sync::Arc;

use datafusion::arrow::datatypes::DataType;
use datafusion::logical_expr::{ColumnarValue, Volatility, create_udf};
use tenure::{ErrorKind, Tenure};

use super::{error, value};

async fn session() -> Tenure {
    let tenure = Tenure::builder().threads(4).as_of("2012-01-01").build().await.unwrap();
    for (name, volatility) in
        [("explode", Volatility::Volatile), ("explode_early", Volatility::Immutable)]
    {
        let fails = |args: &[ColumnarValue]| match args.len() {
            0 => Ok(ColumnarValue::Scalar(1_i64.into())),
            _ => panic!("secret: someone@example.com"),
        };
        let f =
            create_udf(name, vec![DataType::Int64], DataType::Int64, volatility, Arc::new(fails));
        tenure.context().register_udf(f);
    }
    tenure
}

#[tokio::test]
async fn a_panic_is_an_internal_error_and_the_session_goes_on() {
    let tenure = session().await;
    tenure.sql("CREATE TABLE t AS SELECT value AS n FROM generate_series(1, 50000)").await.unwrap();
    for sql in [
        // while rows are made
        "SELECT explode(n) FROM t",
        // in tasks of their own
        "SELECT n % 100, sum(explode(n)) FROM t GROUP BY 1 ORDER BY 2",
        "SELECT count(*) FROM t AS a JOIN t AS b ON explode(a.n) = b.n",
        // while constants are folded
        "SELECT explode_early(1)",
        "CREATE TABLE u AS SELECT explode(n) FROM t",
    ] {
        let e = error(&tenure, sql).await;
        assert_eq!(e.kind(), ErrorKind::Internal, "{sql}: {e}");
        assert!(!format!("{e} {:?}", e.hint()).contains("someone@"), "{sql}: {e}");
        assert!(e.hint().is_some_and(|h| h.contains("report")), "{sql}: {:?}", e.hint());
        assert_eq!(value(&tenure, "SELECT count(*) FROM t").await, "50000");
    }
}
