//! `mbg_nbd_fit(frequency, recency, t [, weight, l2])`: fits the MBG/NBD model.
//!
//! NULL rows are ignored; rows that no customer can have produced (see `dropped`) are counted; no
//! row left gives NULL. Ties and the order of the rows do not matter: the answer has the same bits
//! for any order, partitioning and batch size. Times are numbers, in any unit. Linear in the distinct
//! rows after one sort. While the groups are collected, 8 bytes a customer whose times are whole numbers
//! and whose weight is 1, 40 any other; 16 to 64 more while one is fitted. Source: see `core.rs`.

use std::sync::{Arc, LazyLock};

use datafusion::logical_expr::AggregateUDF;
use datafusion_macros::user_doc;

use super::arguments::{FIGURES, Overloads};
use super::core::Kind;
use super::fit::{PARAMETERS, fault, fit};
use super::model_fit::{
    BY_COLUMNS, BY_SUMMARY, BY_SUMMARY_WITH_GAPS, FitFunction, Fitted, Fitter, Usual, purchases,
};
use super::models::Role;

pub(crate) static FITTER: Fitter = Fitter {
    calls: Overloads {
        name: "mbg_nbd_fit",
        lead: 0,
        fields: &FIGURES,
        role: Role::Purchases,
        columns: BY_COLUMNS,
        summary: BY_SUMMARY,
        gapped: BY_SUMMARY_WITH_GAPS,
        mixed: &[],
        contract: &[],
    },
    model: "mbg_nbd",
    parameters: &PARAMETERS,
    extras: &[],
    timed: true,
    usual: Usual::Purchases,
    row: purchases,
    fault,
    fit: |rows, options| fit(Kind::Mbg, rows, options.l2).map(|(_, f)| Fitted::from(f)),
};

static UDF: LazyLock<Arc<AggregateUDF>> =
    LazyLock::new(|| Arc::new(AggregateUDF::from(FitFunction::new(&FITTER, MbgNbdFit.doc()))));

/// The function `mbg_nbd_fit`.
pub fn mbg_nbd_fit_udaf() -> Arc<AggregateUDF> {
    Arc::clone(&UDF)
}

#[user_doc(
    doc_section(label = "Value"),
    description = "Fits the MBG/NBD model of how often customers buy and when they leave: purchases at a random rate, Gamma(r, alpha) among customers; after each purchase, the first included, a customer leaves with a probability, Beta(a, b) among customers. Prefer it to `bg_nbd_fit` where many buy only once. Maximum likelihood on the logarithms of the parameters, from several starts. The model is a STRUCT: model ('mbg_nbd'), r, alpha, a, b, ll (log-likelihood), n (rows used), dropped (rows that no customer can have produced: negative or not finite, recency beyond t, a frequency that is no whole number, a repeat purchase at recency 0 or none at a later one, a weight not above 0), se (standard errors of r, alpha, a, b; NULL unless converged), converged, iterations, unit_days (of the summaries; 1 where they do not say), note (why it has not converged and why rows were dropped, in words). Data without variety have no best model: converged is then false and the parameters are as far as the search went. NULL rows are ignored; without rows the model is NULL, and where all are dropped its parameters are. Any order of rows gives the same bits. Linear in the number of distinct rows; memory: 8 bytes a customer whose times are whole numbers (days) and whose weight is 1, 40 any other, and 16 to 64 more each at the end. Batislam, Denizel & Filiztekin, International Journal of Research in Marketing 24 (2007).",
    syntax_example = "mbg_nbd_fit(frequency, recency, t [, weight, l2]) or mbg_nbd_fit(summary [, weight, l2])",
    sql_example = r#"```sql
SELECT m['model'], round(m['r'], 3), round(m['alpha'], 2), round(m['a'], 3), round(m['b'], 3), m['n'], m['dropped'], m['converged']
FROM (SELECT mbg_nbd_fit(x, tx, t, w) AS m FROM (VALUES
  (0, 0, 39, 600), (1, 2, 39, 70), (1, 12, 39, 60), (1, 30, 39, 40), (2, 8, 39, 40), (2, 33, 39, 30), (4, 6, 39, 12), (4, 36, 39, 20), (9, 12, 39, 6), (9, 38, 39, 10), (20, 38, 39, 3), (3, 50, 39, 1)
) AS customers (x, tx, t, w));
-- mbg_nbd | 0.514 | 4.76 | 1.468 | 1.272 | 11 | 1 | true
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
        description = "ridge: subtracts l2 times the squared logarithms of r, a, b and of alpha over the longest t from the log-likelihood, which steadies small samples; default 0"
    )
)]
#[derive(Debug)]
struct MbgNbdFit;
