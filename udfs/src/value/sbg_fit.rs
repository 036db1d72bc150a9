//! `sbg_fit(periods, churned [, weight, l2])`: fits the sBG model of contracts.
//!
//! NULL rows are ignored; rows that tell the model nothing are counted with the reason; no row left
//! gives NULL. Ties and the order of the rows do not matter: the answer has the same bits for any order,
//! partitioning and batch size. Linear in the distinct rows after one sort. Memory while the groups are
//! collected: 8 bytes a customer whose figures are whole numbers and whose weight is 1, 40 any other; 16
//! to 64 more while one is fitted. Source: see `contract.rs`.

use std::sync::{Arc, LazyLock};

use datafusion::logical_expr::AggregateUDF;
use datafusion_macros::user_doc;

use super::arguments::{Customers, Overloads};
use super::contract::{fault, fit_sbg, row};
use super::model_fit::{FitFunction, Fitted, Fitter, L2, Usual, WEIGHT};
use super::models::Role;
use super::rows::Row;
use crate::args::{Ty, required};

pub(crate) static FITTER: Fitter = Fitter {
    calls: Overloads {
        name: "sbg_fit",
        lead: 0,
        fields: &["periods", "churned"],
        role: Role::Purchases,
        columns: &[required("periods", Ty::Float), required("churned", Ty::Bool), WEIGHT, L2],
        summary: &[],
        gapped: &[],
        mixed: &[],
        contract: &[],
    },
    model: "sbg",
    parameters: &["alpha", "beta"],
    extras: &[],
    timed: false,
    usual: Usual::Unknown,
    row: under_contract,
    fault,
    fit: |rows, options| fit_sbg(rows, options.l2).map(Fitted::from),
};

static UDF: LazyLock<Arc<AggregateUDF>> =
    LazyLock::new(|| Arc::new(AggregateUDF::from(FitFunction::new(&FITTER, SbgFit.doc()))));

/// The function `sbg_fit`.
pub fn sbg_fit_udaf() -> Arc<AggregateUDF> {
    Arc::clone(&UDF)
}

#[user_doc(
    doc_section(label = "Value"),
    description = "Fits the shifted-beta-geometric model of contracts: at the end of every period a customer renews or leaves; who leaves does so with a probability that is Beta(alpha, beta) among customers and stays the same. Retention rises with tenure because those who leave easily have left, not because customers change. The model is a STRUCT: model ('sbg'), alpha, beta, ll (log-likelihood), n (rows used), dropped (rows that tell it nothing), se (standard errors of alpha, beta; NULL unless converged), converged, iterations, note (why it has not converged and why rows were dropped, in words). Data without variety have no best model: converged is then false and the parameters are as far as the search went. NULL rows are ignored; without rows the model is NULL, and where all are dropped its parameters are. Any order of rows gives the same bits. Of it `p_alive(model, periods)` is the share that survives so many renewals, `churn_prob(model, periods, horizon)` the probability to leave within so many more, `expected_purchases(model, horizon, periods)` the renewals expected and `clv_residual(model, discount, periods)` those expected ever. Fader & Hardie, Journal of Interactive Marketing 21 (2007).",
    syntax_example = "sbg_fit(periods, churned [, weight, l2])",
    sql_example = r#"```sql
SELECT m['model'], round(m['alpha'], 3), round(m['beta'], 3), round(m['ll'], 2), round(p_alive(m, 12), 3), round(churn_prob(m, 7, 1), 3)
FROM (SELECT sbg_fit(periods, churned, customers) AS m FROM (VALUES
  (1, true, 369), (2, true, 163), (3, true, 86), (4, true, 56), (5, true, 37), (6, true, 27), (7, true, 21), (7, false, 241)
) AS cohort (periods, churned, customers));
-- sbg | 0.704 | 1.182 | -1680.27 | 0.17 | 0.079
```"#,
    argument(
        name = "periods",
        description = "the period at whose end the customer left, or the number of renewals made so far"
    ),
    argument(name = "churned", description = "whether the customer has left"),
    argument(name = "weight", description = "how many customers the row stands for; default 1"),
    argument(
        name = "l2",
        description = "ridge: subtracts l2 times the squared logarithms of the parameters from the log-likelihood, which steadies small samples; default 0"
    )
)]
#[derive(Debug)]
struct SbgFit;

/// A row of periods and whether the customer has left.
pub(crate) fn under_contract(customers: &Customers, i: usize) -> Option<Row> {
    let (periods, churned) = (customers.figure(0, i)?, customers.figure(1, i)?);
    Some(Row::one(row(periods, churned)))
}
