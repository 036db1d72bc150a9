//! `gamma_gamma_fit(frequency, monetary [, weight, l2])`: fits the Gamma-Gamma model of spending.
//!
//! NULL rows are ignored; rows that tell the model nothing are counted with the reason; no row left
//! gives NULL. Ties and the order of the rows do not matter: the answer has the same bits for any order,
//! partitioning and batch size. Linear in the distinct rows after one sort. Memory while the groups are
//! collected: 8 bytes a customer whose figures are whole numbers and whose weight is 1, 16 where the
//! money is not, 40 with another weight; as much again while one is fitted. Source: see `spend.rs`.

use std::sync::{Arc, LazyLock};

use datafusion::logical_expr::AggregateUDF;
use datafusion_macros::user_doc;

use super::arguments::{Customers, Overloads};
use super::model_fit::{BY_SUMMARY, FitFunction, Fitted, Fitter, L2, Usual, WEIGHT};
use super::models::Role;
use super::rows::Row;
use super::spend::{PARAMETERS, fault, fit, row};
use crate::args::{Fill, Ty, option, required};

pub(crate) static FITTER: Fitter = Fitter {
    calls: Overloads {
        name: "gamma_gamma_fit",
        lead: 0,
        fields: &["frequency", "monetary_value"],
        role: Role::Spend,
        columns: &[required("frequency", Ty::Float), required("monetary", Ty::Float), WEIGHT, L2],
        summary: BY_SUMMARY,
        gapped: &[
            required("summary", Ty::Any),
            option("monetary", Ty::Float, Fill::Null),
            WEIGHT,
            L2,
        ],
        mixed: &[],
        contract: &[],
    },
    model: "gamma_gamma",
    parameters: &PARAMETERS,
    extras: &["correlation"],
    timed: false,
    usual: Usual::Spending,
    row: spent,
    fault,
    fit: |rows, options| {
        fit(rows, options.l2)
            .map(|fit| Fitted { estimate: fit.estimate, extras: vec![fit.correlation] })
    },
};

static UDF: LazyLock<Arc<AggregateUDF>> =
    LazyLock::new(|| Arc::new(AggregateUDF::from(FitFunction::new(&FITTER, GammaGammaFit.doc()))));

/// The function `gamma_gamma_fit`.
pub fn gamma_gamma_fit_udaf() -> Arc<AggregateUDF> {
    Arc::clone(&UDF)
}

#[user_doc(
    doc_section(label = "Value"),
    description = "Fits the Gamma-Gamma model of what customers spend at a time: Gamma(p, ν) for a purchase, ν ~ Gamma(q, v) among customers, so that the mean of all is p·v/(q − 1). Only customers with a repeat purchase and money above 0 say anything of it; the others are ignored and counted in dropped, with the reasons in note. The model takes what is spent at a time to be independent of how often a customer buys: correlation is that of frequency and monetary among the rows used; beware where it is far from 0. The model is a STRUCT: model ('gamma_gamma'), p, q, v, correlation, ll (log-likelihood), n (rows used), dropped (rows that tell it nothing), se (standard errors of p, q, v; NULL unless converged), converged, iterations, note (why it has not converged and why rows were dropped, in words). Data without variety have no best model: converged is then false and the parameters are as far as the search went. NULL rows are ignored; without rows the model is NULL, and where all are dropped its parameters are. Any order of rows gives the same bits. Fader & Hardie, 'The Gamma-Gamma Model of Monetary Value' (2013).",
    syntax_example = "gamma_gamma_fit(frequency, monetary [, weight, l2]) or gamma_gamma_fit(summary [, weight, l2])",
    sql_example = r#"```sql
SELECT m['model'], round(m['p'], 2), round(m['q'], 2), round(m['v'], 2), round(m['correlation'], 3), m['n'], m['note']
FROM (SELECT gamma_gamma_fit(x, m) AS m FROM (VALUES
  (1, 12.0), (1, 35.0), (1, 8.0), (1, 60.0), (2, 22.0), (2, 31.0), (2, 11.0), (3, 45.0), (3, 18.0), (4, 27.0), (5, 90.0), (7, 24.0), (8, 33.0), (9, 15.0), (0, NULL), (2, -5.0)
) AS customers (x, m));
-- gamma_gamma | 3.37 | 4.7 | 34.38 | 0.061 | 14 | dropped 2 rows: 1 with money not above 0, 1 without a repeat purchase
```"#,
    argument(
        name = "frequency",
        description = "repeat purchases, or the STRUCT of `customer_summary` in place of the two"
    ),
    argument(
        name = "monetary",
        description = "mean money of a repeat purchase, `monetary_value` of the summary"
    ),
    argument(name = "weight", description = "how many customers the row stands for; default 1"),
    argument(
        name = "l2",
        description = "ridge: subtracts l2 times the squared logarithms of the parameters from the log-likelihood, which steadies small samples; default 0"
    )
)]
#[derive(Debug)]
struct GammaGammaFit;

/// Of a customer without a repeat purchase the money is not looked at.
fn spent(customers: &Customers, i: usize) -> Option<Row> {
    let x = customers.figure(0, i)?;
    let money = if x == 0.0 { Some(0.0) } else { customers.figure(1, i) };
    money.map(|money| Row::one(row(x, money)))
}
