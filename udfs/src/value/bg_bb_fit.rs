//! `bg_bb_fit(frequency, recency, n [, weight, l2])`: fits the BG/BB model.
//!
//! NULL rows are ignored; rows that tell the model nothing are counted with the reason; no row left
//! gives NULL. Ties and the order of the rows do not matter: the answer has the same bits for any order,
//! partitioning and batch size. Linear in the distinct rows after one sort. Memory while the groups are
//! collected: 8 bytes a customer whose figures are whole numbers and whose weight is 1, 40 any other; 16
//! to 64 more while one is fitted. Source: see `bg_bb.rs`.

use std::sync::{Arc, LazyLock};

use datafusion::logical_expr::AggregateUDF;
use datafusion_macros::user_doc;

use super::arguments::{FIGURES, Overloads};
use super::bg_bb::{PARAMETERS, fault, fit};
use super::model_fit::{
    BY_SUMMARY, BY_SUMMARY_WITH_GAPS, FitFunction, Fitted, Fitter, L2, Usual, WEIGHT, purchases,
};
use super::models::Role;
use crate::args::{Ty, required};

pub(crate) static FITTER: Fitter = Fitter {
    calls: Overloads {
        name: "bg_bb_fit",
        lead: 0,
        fields: &FIGURES,
        role: Role::Purchases,
        columns: &[
            required("frequency", Ty::Float),
            required("recency", Ty::Float),
            required("n", Ty::Float),
            WEIGHT,
            L2,
        ],
        summary: BY_SUMMARY,
        gapped: BY_SUMMARY_WITH_GAPS,
        mixed: &[],
        contract: &[],
    },
    model: "bg_bb",
    parameters: &PARAMETERS,
    extras: &[],
    timed: false,
    usual: Usual::Unknown,
    row: purchases,
    fault,
    fit: |rows, options| fit(rows, options.l2).map(Fitted::from),
};

static UDF: LazyLock<Arc<AggregateUDF>> =
    LazyLock::new(|| Arc::new(AggregateUDF::from(FitFunction::new(&FITTER, BgBbFit.doc()))));

/// The function `bg_bb_fit`.
pub fn bg_bb_fit_udaf() -> Arc<AggregateUDF> {
    Arc::clone(&UDF)
}

#[user_doc(
    doc_section(label = "Value"),
    description = "Fits the BG/BB model of customers who buy or do not at each of several opportunities, such as yearly appeals, events or trips: while alive a customer buys at an opportunity with a probability that is Beta(alpha, beta) among customers; before each, a customer leaves for good with a probability that is Beta(gamma, delta). The model is a STRUCT: model ('bg_bb'), alpha, beta, gamma, delta, ll (log-likelihood), n (rows used), dropped (rows that tell it nothing), se (standard errors of alpha, beta, gamma, delta; NULL unless converged), converged, iterations, note (why it has not converged and why rows were dropped, in words). Data without variety have no best model: converged is then false and the parameters are as far as the search went. NULL rows are ignored; without rows the model is NULL, and where all are dropped its parameters are. Any order of rows gives the same bits. An opportunity counts from the first after the first purchase; at most 1,000. Fader, Hardie & Shang, Marketing Science 29 (2010).",
    syntax_example = "bg_bb_fit(frequency, recency, n [, weight, l2])",
    sql_example = r#"```sql
SELECT m['model'], round(m['alpha'], 2), round(m['beta'], 2), round(m['gamma'], 2), round(m['delta'], 2), round(m['ll'], 2), m['n']
FROM (SELECT bg_bb_fit(x, tx, 6, weight) AS m FROM (VALUES
  (6, 6, 1203), (5, 6, 728), (4, 6, 512), (3, 6, 357), (2, 6, 234), (1, 6, 129), (5, 5, 335), (4, 5, 284), (3, 5, 225), (2, 5, 173), (1, 5, 119), (4, 4, 240), (3, 4, 181), (2, 4, 155), (1, 4, 78), (3, 3, 322), (2, 3, 255), (1, 3, 129), (2, 2, 613), (1, 2, 277), (1, 1, 1091), (0, 0, 3464)
) AS donors (x, tx, weight));
-- bg_bb | 1.2 | 0.75 | 0.66 | 2.78 | -33225.58 | 22
```"#,
    argument(name = "frequency", description = "opportunities at which the customer bought"),
    argument(
        name = "recency",
        description = "the number of the last of them, 0 if there was none"
    ),
    argument(name = "n", description = "opportunities that the customer has had"),
    argument(name = "weight", description = "how many customers the row stands for; default 1"),
    argument(
        name = "l2",
        description = "ridge: subtracts l2 times the squared logarithms of the parameters from the log-likelihood, which steadies small samples; default 0"
    )
)]
#[derive(Debug)]
struct BgBbFit;
