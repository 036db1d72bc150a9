//! What customers will do next: models of buying and leaving, and what they say of each customer.
//!
//! A fit is an aggregate that returns a STRUCT; scoring functions take that STRUCT. Wherever
//! frequency, recency and t are asked for, the STRUCT of `customer_summary` may stand.

mod arguments;
mod bdw_fit;
mod bg_bb;
mod bg_bb_fit;
mod bg_nbd_fit;
mod churn_prob;
mod churn_score;
mod clv;
mod clv_residual;
mod cnbd;
mod contract;
mod core;
mod counts;
mod ends;
mod estimate;
mod expected_purchases;
mod expected_spend;
mod explain_churn;
mod fit;
mod fitted_models;
mod gamma;
mod gamma_gamma_fit;
mod historic_clv;
mod horizons;
mod likelihood;
mod mbg_cnbd_fit;
mod mbg_nbd_fit;
mod model_fit;
mod model_groups;
mod models;
mod newton;
mod next_order_date;
mod operational_days;
mod operational_summary;
mod p_alive;
mod pareto;
mod pareto_nbd_fit;
mod predicted_clv;
mod purchases_prob;
mod quadrature;
mod rows;
mod sample;
mod sbg_fit;
mod score;
mod season;
mod spend;
mod total_clv;

#[cfg(test)]
mod references;
#[cfg(test)]
mod tests;

use std::sync::Arc;

use datafusion::logical_expr::{AggregateUDF, ScalarUDF, WindowUDF};

pub use bdw_fit::bdw_fit_udaf;
pub use bg_bb_fit::bg_bb_fit_udaf;
pub use bg_nbd_fit::bg_nbd_fit_udaf;
pub use churn_prob::churn_prob_udf;
pub use churn_score::churn_score_udwf;
pub use clv::clv_udf;
pub use clv_residual::clv_residual_udf;
pub use expected_purchases::expected_purchases_udf;
pub use expected_spend::expected_spend_udf;
pub use explain_churn::explain_churn_udf;
pub use fitted_models::{FittedModels, fit_once, fits_alone};
pub use gamma_gamma_fit::gamma_gamma_fit_udaf;
pub use historic_clv::historic_clv_udf;
pub use mbg_cnbd_fit::mbg_cnbd_fit_udaf;
pub use mbg_nbd_fit::mbg_nbd_fit_udaf;
pub use next_order_date::next_order_date_udf;
pub use operational_days::operational_days_udf;
pub use operational_summary::operational_summary_udf;
pub use p_alive::p_alive_udf;
pub use pareto_nbd_fit::pareto_nbd_fit_udaf;
pub use predicted_clv::predicted_clv_udf;
pub use purchases_prob::purchases_prob_udf;
pub use sbg_fit::sbg_fit_udaf;
pub use total_clv::total_clv_udf;

/// The scalar functions of this family.
pub fn scalar_functions() -> Vec<Arc<ScalarUDF>> {
    vec![
        churn_prob_udf(),
        clv_udf(),
        clv_residual_udf(),
        expected_purchases_udf(),
        expected_spend_udf(),
        explain_churn_udf(),
        historic_clv_udf(),
        next_order_date_udf(),
        operational_days_udf(),
        operational_summary_udf(),
        p_alive_udf(),
        predicted_clv_udf(),
        purchases_prob_udf(),
        total_clv_udf(),
    ]
}

/// The aggregate functions of this family.
pub fn aggregate_functions() -> Vec<Arc<AggregateUDF>> {
    vec![
        bdw_fit_udaf(),
        bg_bb_fit_udaf(),
        bg_nbd_fit_udaf(),
        gamma_gamma_fit_udaf(),
        mbg_cnbd_fit_udaf(),
        mbg_nbd_fit_udaf(),
        pareto_nbd_fit_udaf(),
        sbg_fit_udaf(),
    ]
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

    /// `pareto_nbd_fit(frequency, recency, t)`
    pub fn pareto_nbd_fit(frequency: Expr, recency: Expr, t: Expr) -> Expr {
        super::pareto_nbd_fit_udaf().call(vec![frequency, recency, t])
    }

    /// `mbg_cnbd_fit(frequency, recency, t, litt)`
    pub fn mbg_cnbd_fit(frequency: Expr, recency: Expr, t: Expr, litt: Expr) -> Expr {
        super::mbg_cnbd_fit_udaf().call(vec![frequency, recency, t, litt])
    }

    /// `bg_bb_fit(frequency, recency, n)`
    pub fn bg_bb_fit(frequency: Expr, recency: Expr, n: Expr) -> Expr {
        super::bg_bb_fit_udaf().call(vec![frequency, recency, n])
    }

    /// `sbg_fit(periods, churned)`
    pub fn sbg_fit(periods: Expr, churned: Expr) -> Expr {
        super::sbg_fit_udaf().call(vec![periods, churned])
    }

    /// `bdw_fit(periods, churned)`
    pub fn bdw_fit(periods: Expr, churned: Expr) -> Expr {
        super::bdw_fit_udaf().call(vec![periods, churned])
    }

    /// `gamma_gamma_fit(frequency, monetary)`
    pub fn gamma_gamma_fit(frequency: Expr, monetary: Expr) -> Expr {
        super::gamma_gamma_fit_udaf().call(vec![frequency, monetary])
    }

    /// `expected_spend(model, frequency, monetary)`
    pub fn expected_spend(model: Expr, frequency: Expr, monetary: Expr) -> Expr {
        super::expected_spend_udf().call(vec![model, frequency, monetary])
    }

    /// `clv(purchase_model, spend_model, summary, horizon, discount_annual)`
    pub fn clv(
        purchase_model: Expr,
        spend_model: Expr,
        summary: Expr,
        horizon: Expr,
        discount_annual: Expr,
    ) -> Expr {
        let args = vec![purchase_model, spend_model, summary, horizon, discount_annual];
        super::clv_udf().call(args)
    }

    /// `clv_residual(model, discount, frequency, recency, t)`
    pub fn clv_residual(
        model: Expr,
        discount: Expr,
        frequency: Expr,
        recency: Expr,
        t: Expr,
    ) -> Expr {
        super::clv_residual_udf().call(vec![model, discount, frequency, recency, t])
    }

    /// `p_alive(model, frequency, recency, t)`
    pub fn p_alive(model: Expr, frequency: Expr, recency: Expr, t: Expr) -> Expr {
        super::p_alive_udf().call(vec![model, frequency, recency, t])
    }

    /// `historic_clv(summary)`
    pub fn historic_clv(summary: Expr) -> Expr {
        super::historic_clv_udf().call(vec![summary])
    }

    /// `predicted_clv(purchase_model, spend_model, summary)`
    pub fn predicted_clv(purchase_model: Expr, spend_model: Expr, summary: Expr) -> Expr {
        super::predicted_clv_udf().call(vec![purchase_model, spend_model, summary])
    }

    /// `total_clv(purchase_model, spend_model, summary)`
    pub fn total_clv(purchase_model: Expr, spend_model: Expr, summary: Expr) -> Expr {
        super::total_clv_udf().call(vec![purchase_model, spend_model, summary])
    }

    /// `next_order_date(model, summary)`
    pub fn next_order_date(model: Expr, summary: Expr) -> Expr {
        super::next_order_date_udf().call(vec![model, summary])
    }

    /// `operational_days(from, to, season)`
    pub fn operational_days(from: Expr, to: Expr, season: Expr) -> Expr {
        super::operational_days_udf().call(vec![from, to, season])
    }

    /// `operational_summary(summary, season)`
    pub fn operational_summary(summary: Expr, season: Expr) -> Expr {
        super::operational_summary_udf().call(vec![summary, season])
    }

    /// `explain_churn(model, frequency, recency, t)`
    pub fn explain_churn(model: Expr, frequency: Expr, recency: Expr, t: Expr) -> Expr {
        super::explain_churn_udf().call(vec![model, frequency, recency, t])
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

    /// `purchases_prob(model, purchases, horizon, frequency, recency, t)`
    pub fn purchases_prob(
        model: Expr,
        purchases: Expr,
        horizon: Expr,
        frequency: Expr,
        recency: Expr,
        t: Expr,
    ) -> Expr {
        super::purchases_prob_udf().call(vec![model, purchases, horizon, frequency, recency, t])
    }

    /// `churn_score(frequency, recency, t)`, to be completed by `partition_by(…)`.
    pub fn churn_score(frequency: Expr, recency: Expr, t: Expr) -> Expr {
        super::churn_score_udwf().call(vec![frequency, recency, t])
    }
}
