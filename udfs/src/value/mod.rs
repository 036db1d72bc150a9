//! What customers will do next: models of buying and leaving, and what they say of each customer.
//!
//! A fit is an aggregate that returns a STRUCT; scoring functions take that STRUCT. Wherever
//! frequency, recency and t are asked for, the STRUCT of `customer_summary` may stand.

mod arguments;
mod bg_nbd_fit;
mod churn_prob;
mod churn_score;
mod core;
mod expected_purchases;
mod fit;
mod gamma;
mod likelihood;
mod mbg_nbd_fit;
mod nbd_fit;
mod p_alive;
mod rows;

#[cfg(test)]
mod tests;

use std::sync::Arc;

use datafusion::arrow::array::ArrayRef;
use datafusion::arrow::datatypes::DataType;
use datafusion::common::Result;
use datafusion::logical_expr::{AggregateUDF, ScalarFunctionArgs, ScalarUDF, WindowUDF};

pub use bg_nbd_fit::bg_nbd_fit_udaf;
pub use churn_prob::churn_prob_udf;
pub use churn_score::churn_score_udwf;
pub use expected_purchases::expected_purchases_udf;
pub use mbg_nbd_fit::mbg_nbd_fit_udaf;
pub use p_alive::p_alive_udf;

/// The scalar functions of this family.
pub fn scalar_functions() -> Vec<Arc<ScalarUDF>> {
    vec![p_alive_udf(), churn_prob_udf(), expected_purchases_udf()]
}

/// The aggregate functions of this family.
pub fn aggregate_functions() -> Vec<Arc<AggregateUDF>> {
    vec![bg_nbd_fit_udaf(), mbg_nbd_fit_udaf()]
}

/// The window functions of this family.
pub fn window_functions() -> Vec<Arc<WindowUDF>> {
    vec![churn_score_udwf()]
}

/// Calls of the functions of this family for the DataFrame API. Options that are not among the
/// parameters take their defaults; `….call(args)` of the function itself takes all.
pub mod expr_fn {
    use datafusion::logical_expr::Expr;

    /// `bg_nbd_fit(frequency, recency, t)`
    pub fn bg_nbd_fit(frequency: Expr, recency: Expr, t: Expr) -> Expr {
        super::bg_nbd_fit_udaf().call(vec![frequency, recency, t])
    }

    /// `mbg_nbd_fit(frequency, recency, t)`
    pub fn mbg_nbd_fit(frequency: Expr, recency: Expr, t: Expr) -> Expr {
        super::mbg_nbd_fit_udaf().call(vec![frequency, recency, t])
    }

    /// `p_alive(model, frequency, recency, t)`
    pub fn p_alive(model: Expr, frequency: Expr, recency: Expr, t: Expr) -> Expr {
        super::p_alive_udf().call(vec![model, frequency, recency, t])
    }

    /// `churn_prob(model, frequency, recency, t, horizon)`; a NULL horizon is for ever.
    pub fn churn_prob(model: Expr, frequency: Expr, recency: Expr, t: Expr, horizon: Expr) -> Expr {
        super::churn_prob_udf().call(vec![model, frequency, recency, t, horizon])
    }

    /// `expected_purchases(model, horizon, frequency, recency, t)`
    pub fn expected_purchases(
        model: Expr,
        horizon: Expr,
        frequency: Expr,
        recency: Expr,
        t: Expr,
    ) -> Expr {
        super::expected_purchases_udf().call(vec![model, horizon, frequency, recency, t])
    }

    /// `churn_score(frequency, recency, t)`, to be completed by `partition_by(…)`.
    pub fn churn_score(frequency: Expr, recency: Expr, t: Expr) -> Expr {
        super::churn_score_udwf().call(vec![frequency, recency, t])
    }
}

/// The arguments of a call as columns, but for the model in front, which is read by itself.
fn arrays(args: &ScalarFunctionArgs) -> Result<Vec<ArrayRef>> {
    let rows = args.number_rows;
    let array = |(i, v): (usize, &datafusion::logical_expr::ColumnarValue)| {
        v.to_array(if i == 0 { 1 } else { rows })
    };
    args.args.iter().enumerate().map(array).collect()
}

fn types(args: &ScalarFunctionArgs) -> Vec<DataType> {
    args.args.iter().map(|a| a.data_type()).collect()
}
