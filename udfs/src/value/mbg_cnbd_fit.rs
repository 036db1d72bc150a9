//! `mbg_cnbd_fit(frequency, recency, t, litt [, k, weight, l2])`: fits the MBG/CNBD-k model.
//!
//! NULL rows are ignored; rows that tell the model nothing are counted with the reason; no row left
//! gives NULL. Ties and the order of the rows do not matter: the answer has the same bits for any order,
//! partitioning and batch size. Linear in the distinct rows after one sort. Memory while the groups are
//! collected: 8 bytes a customer whose figures are whole numbers and whose weight is 1, 40 any other; 16
//! to 64 more while one is fitted. Source: see `cnbd.rs`.

use std::sync::{Arc, LazyLock};

use datafusion::logical_expr::AggregateUDF;
use datafusion_macros::user_doc;

use super::arguments::{Customers, Overloads};
use super::cnbd::fit;
use super::core::Customer;
use super::fit::{PARAMETERS, fault};
use super::model_fit::{FitFunction, Fitted, Fitter, K, L2, Usual, WEIGHT};
use super::models::Role;
use super::rows::Row;
use crate::args::{Fill, Ty, option, required};
use crate::fitting::faults::Fault;

pub(crate) static FITTER: Fitter = Fitter {
    calls: Overloads {
        name: "mbg_cnbd_fit",
        lead: 0,
        fields: &["frequency", "recency", "t", "litt"],
        role: Role::Purchases,
        columns: &[
            required("frequency", Ty::Float),
            required("recency", Ty::Float),
            required("t", Ty::Float),
            required("litt", Ty::Float),
            K,
            WEIGHT,
            L2,
        ],
        summary: &[required("summary", Ty::Any), K, WEIGHT, L2],
        gapped: &[
            required("summary", Ty::Any),
            option("recency", Ty::Float, Fill::Null),
            option("t", Ty::Float, Fill::Null),
            option("litt", Ty::Float, Fill::Null),
            K,
            WEIGHT,
            L2,
        ],
        mixed: &[],
        contract: &[],
    },
    model: "mbg_cnbd",
    parameters: &PARAMETERS,
    extras: &["k"],
    timed: true,
    usual: Usual::Unknown,
    row: regular,
    fault: regular_fault,
    fit: |rows, options| {
        let (k, estimate) = fit(rows, options.k, options.l2)?;
        Some(Fitted { estimate, extras: vec![Some(k)] })
    },
};

static UDF: LazyLock<Arc<AggregateUDF>> =
    LazyLock::new(|| Arc::new(AggregateUDF::from(FitFunction::new(&FITTER, MbgCnbdFit.doc()))));

/// The function `mbg_cnbd_fit`.
pub fn mbg_cnbd_fit_udaf() -> Arc<AggregateUDF> {
    Arc::clone(&UDF)
}

#[user_doc(
    doc_section(label = "Value"),
    description = "Fits the MBG/CNBD-k model: as `mbg_nbd_fit`, but for customers who buy more regularly than at random, in stages: the time between two purchases is Erlang-k, the more regular the greater k; k = 1 is MBG/NBD. k is the whole number up to 12 that fits best, found from the sum of the logarithms of the times between purchases, litt, unless it is given. The model is a STRUCT: model ('mbg_cnbd'), r, alpha, a, b, k, ll (log-likelihood), n (rows used), dropped (rows that tell it nothing), se (standard errors of r, alpha, a, b; NULL unless converged), converged, iterations, unit_days (of the summaries; 1 where they do not say), note (why it has not converged and why rows were dropped, in words). Data without variety have no best model: converged is then false and the parameters are as far as the search went. NULL rows are ignored; without rows the model is NULL, and where all are dropped its parameters are. Any order of rows gives the same bits. Likelihoods of different k are comparable. Platzer & Reutterer, Marketing Science 35 (2016); Reutterer, Platzer & Schröder, International Journal of Research in Marketing 38 (2021).",
    syntax_example = "mbg_cnbd_fit(frequency, recency, t, litt [, k, weight, l2]) or mbg_cnbd_fit(summary [, k, weight, l2])",
    sql_example = r#"```sql
SELECT m['model'], m['k'], round(m['r'], 2), m['n'], m['converged'], m['ll'] > mbg['ll']
FROM (SELECT mbg_cnbd_fit(x, tx, t, litt, NULL, w) AS m, mbg_cnbd_fit(x, tx, t, litt, 1, w) AS mbg FROM (
  SELECT x, tx, t, w, CASE WHEN x > 0 THEN x * (ln(tx / x) - 0.1) END AS litt FROM (VALUES
  (0, 0, 39, 600), (1, 2, 39, 70), (1, 12, 39, 60), (1, 30, 39, 40), (2, 8, 39, 40), (2, 33, 39, 30), (4, 6, 39, 12), (4, 36, 39, 20), (9, 12, 39, 6), (9, 38, 39, 10), (20, 38, 39, 3)
) AS customers (x, tx, t, w)));
-- mbg_cnbd | 2.0 | 0.63 | 11 | true | true
```"#,
    argument(
        name = "frequency",
        description = "repeat purchases, or the STRUCT of `customer_summary` in place of the four"
    ),
    argument(
        name = "recency",
        description = "time from the first purchase to the last, 0 without repeat"
    ),
    argument(name = "t", description = "time from the first purchase to now, in the same unit"),
    argument(
        name = "litt",
        description = "sum of the logarithms of the times between purchases, in the same unit; 0 without repeat"
    ),
    argument(
        name = "k",
        description = "regularity, a whole number 1 to 12; default: the one that fits best"
    ),
    argument(name = "weight", description = "how many customers the row stands for; default 1"),
    argument(
        name = "l2",
        description = "ridge: subtracts l2 times the squared logarithms of the parameters from the log-likelihood, which steadies small samples; default 0"
    )
)]
#[derive(Debug)]
struct MbgCnbdFit;

fn regular(customers: &Customers, i: usize) -> Option<Row> {
    let customer = customers.get(i)?;
    // without a repeat purchase there is no time between two
    let litt = if customer.x == 0.0 { Some(0.0) } else { customers.figure(3, i) };
    litt.map(|extra| Row { extra, ..Row::one(customer) })
}

fn regular_fault(row: &Row) -> Option<Fault> {
    if !row.extra.is_finite() {
        return Some(Fault::NotFinite);
    }
    fault(row).or_else(|| {
        // the times between purchases add up to tx; their logarithms are most where all are equal
        let Customer { x, tx, .. } = row.customer;
        let most = if x > 0.0 { x * (tx / x).ln() } else { 0.0 };
        (row.extra > most + 1e-6 * (1.0 + most.abs())).then_some(Fault::Apart)
    })
}
