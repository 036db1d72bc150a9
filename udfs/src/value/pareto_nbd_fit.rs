//! `pareto_nbd_fit(frequency, recency, t [, weight, l2])`: fits the Pareto/NBD model.
//!
//! NULL rows are ignored; rows that tell the model nothing are counted with the reason; no row left
//! gives NULL. Ties and the order of the rows do not matter: the answer has the same bits for any order,
//! partitioning and batch size. Linear in the distinct rows after one sort. Memory while the groups are
//! collected: 8 bytes a customer whose figures are whole numbers and whose weight is 1, 40 any other; 16
//! to 64 more while one is fitted. Source: see `pareto.rs`.

use std::sync::{Arc, LazyLock};

use datafusion::logical_expr::AggregateUDF;
use datafusion_macros::user_doc;

use super::arguments::{FIGURES, Overloads};
use super::fit::fault;
use super::model_fit::{
    BY_COLUMNS, BY_SUMMARY, BY_SUMMARY_WITH_GAPS, FitFunction, Fitted, Fitter, Usual, purchases,
};
use super::models::Role;
use super::pareto::{PARAMETERS, fit};

pub(crate) static FITTER: Fitter = Fitter {
    calls: Overloads {
        name: "pareto_nbd_fit",
        lead: 0,
        fields: &FIGURES,
        role: Role::Purchases,
        columns: BY_COLUMNS,
        summary: BY_SUMMARY,
        gapped: BY_SUMMARY_WITH_GAPS,
        mixed: &[],
        contract: &[],
    },
    model: "pareto_nbd",
    parameters: &PARAMETERS,
    extras: &[],
    timed: true,
    usual: Usual::Purchases,
    row: purchases,
    fault,
    fit: |rows, options| fit(rows, options.l2).map(Fitted::from),
};

static UDF: LazyLock<Arc<AggregateUDF>> =
    LazyLock::new(|| Arc::new(AggregateUDF::from(FitFunction::new(&FITTER, ParetoNbdFit.doc()))));

/// The function `pareto_nbd_fit`.
pub fn pareto_nbd_fit_udaf() -> Arc<AggregateUDF> {
    Arc::clone(&UDF)
}

#[user_doc(
    doc_section(label = "Value"),
    description = "Fits the Pareto/NBD model of how often customers buy and when they leave: purchases at a random rate, Gamma(r, alpha) among customers; a customer leaves at a random moment, at a rate that is Gamma(s, beta) among customers, whether buying or not. The model is a STRUCT: model ('pareto_nbd'), r, alpha, s, beta, ll (log-likelihood), n (rows used), dropped (rows that tell it nothing), se (standard errors of r, alpha, s, beta; NULL unless converged), converged, iterations, unit_days (of the summaries; 1 where they do not say), note (why it has not converged and why rows were dropped, in words). Data without variety have no best model: converged is then false and the parameters are as far as the search went. NULL rows are ignored; without rows the model is NULL, and where all are dropped its parameters are. Any order of rows gives the same bits. Schmittlein, Morrison & Colombo, Management Science 33 (1987); Fader & Hardie, 'A Note on Deriving the Pareto/NBD Model' (2005).",
    syntax_example = "pareto_nbd_fit(frequency, recency, t [, weight, l2]) or pareto_nbd_fit(summary [, weight, l2])",
    sql_example = r#"```sql
SELECT m['model'], round(m['r'], 3), round(m['alpha'], 2), round(m['s'], 3), round(m['beta'], 2), m['n'], m['note'], m['converged']
FROM (SELECT pareto_nbd_fit(x, tx, t, w) AS m FROM (VALUES
  (0, 0, 39, 600), (1, 2, 39, 70), (1, 12, 39, 60), (1, 30, 39, 40), (2, 8, 39, 40), (2, 33, 39, 30), (4, 6, 39, 12), (4, 36, 39, 20), (9, 12, 39, 6), (9, 38, 39, 10), (20, 38, 39, 3), (3, 50, 39, 1)
) AS customers (x, tx, t, w));
-- pareto_nbd | 0.501 | 10.97 | 0.891 | 10.03 | 11 | dropped 1 row: 1 with a recency beyond t | true
```"#,
    argument(
        name = "frequency",
        description = "repeat purchases, or the STRUCT of `customer_summary` in place of the three"
    ),
    argument(
        name = "recency",
        description = "time from the first purchase to the last, 0 without repeat"
    ),
    argument(name = "t", description = "time from the first purchase to now, in the same unit"),
    argument(name = "weight", description = "how many customers the row stands for; default 1"),
    argument(
        name = "l2",
        description = "ridge: subtracts l2 times the squared logarithms of the parameters from the log-likelihood, which steadies small samples; default 0"
    )
)]
#[derive(Debug)]
struct ParetoNbdFit;
