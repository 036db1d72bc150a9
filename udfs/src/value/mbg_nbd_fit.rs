//! `mbg_nbd_fit(frequency, recency, t [, weight, l2])`: fits the MBG/NBD model.
//!
//! NULL rows are ignored; rows that no customer can have produced (see `dropped`) are counted; no
//! row left gives NULL. Ties and the order of the rows do not matter: the answer has the same bits
//! for any order, partitioning and batch size. Times are numbers, in any unit. Linear in the distinct
//! rows after one sort. While the groups are collected, 8 bytes a customer whose times are whole numbers
//! and whose weight is 1, 32 any other; 16 to 64 more while one is fitted. Source: see `core.rs`.

use std::sync::{Arc, LazyLock};

use datafusion::arrow::datatypes::{DataType, FieldRef};
use datafusion::common::Result;
use datafusion::logical_expr::function::{AccumulatorArgs, StateFieldsArgs};
use datafusion::logical_expr::utils::AggregateOrderSensitivity;
use datafusion::logical_expr::{
    Accumulator, AggregateUDF, AggregateUDFImpl, Documentation, GroupsAccumulator, Signature,
};
use datafusion_macros::user_doc;

use super::arguments::{Overloads, model_fields};
use super::core::Kind;
use super::nbd_fit::{Groups, One, calls, state_fields};

static CALLS: Overloads = calls("mbg_nbd_fit");

static UDF: LazyLock<Arc<AggregateUDF>> =
    LazyLock::new(|| Arc::new(AggregateUDF::from(MbgNbdFit::default())));

/// The function `mbg_nbd_fit`.
pub fn mbg_nbd_fit_udaf() -> Arc<AggregateUDF> {
    Arc::clone(&UDF)
}

#[user_doc(
    doc_section(label = "Value"),
    description = "Fits the MBG/NBD model of how often customers buy and when they leave: purchases at a random rate, Gamma(r, alpha) among customers; after each purchase, the first included, a customer leaves with a probability, Beta(a, b) among customers. Prefer it to `bg_nbd_fit` where many buy only once. Maximum likelihood on the logarithms of the parameters, from several starts. The model is a STRUCT: model ('mbg_nbd'), r, alpha, a, b, ll (log-likelihood), n (rows used), dropped (rows that no customer can have produced: negative or not finite, recency beyond t, a frequency that is no whole number, a repeat purchase at recency 0 or none at a later one, a weight not above 0), se (standard errors of r, alpha, a, b; NULL unless converged), converged, iterations, unit_days (of the summaries; 1 where they do not say). Data without variety have no best model: converged is then false and the parameters are as far as the search went. NULL rows are ignored; without rows the model is NULL. Any order of rows gives the same bits. Linear in the number of distinct rows; memory: 8 bytes a customer whose times are whole numbers (days) and whose weight is 1, 32 any other, and 16 to 64 more each at the end. Batislam, Denizel & Filiztekin, International Journal of Research in Marketing 24 (2007).",
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
#[derive(Debug, PartialEq, Eq, Hash)]
struct MbgNbdFit {
    signature: Signature,
}

impl Default for MbgNbdFit {
    fn default() -> Self {
        Self { signature: CALLS.signature() }
    }
}

impl AggregateUDFImpl for MbgNbdFit {
    fn name(&self) -> &str {
        CALLS.name
    }

    fn signature(&self) -> &Signature {
        &self.signature
    }

    fn coerce_types(&self, types: &[DataType]) -> Result<Vec<DataType>> {
        CALLS.coerce(types)
    }

    fn return_type(&self, _types: &[DataType]) -> Result<DataType> {
        Ok(DataType::Struct(model_fields()))
    }

    fn state_fields(&self, args: StateFieldsArgs) -> Result<Vec<FieldRef>> {
        Ok(state_fields(&args))
    }

    fn order_sensitivity(&self) -> AggregateOrderSensitivity {
        AggregateOrderSensitivity::Insensitive
    }

    fn accumulator(&self, args: AccumulatorArgs) -> Result<Box<dyn Accumulator>> {
        Ok(Box::new(One(Groups::new(Kind::Mbg, &CALLS, &args)?)))
    }

    fn groups_accumulator_supported(&self, _args: AccumulatorArgs) -> bool {
        true
    }

    fn create_groups_accumulator(
        &self,
        args: AccumulatorArgs,
    ) -> Result<Box<dyn GroupsAccumulator>> {
        Ok(Box::new(Groups::new(Kind::Mbg, &CALLS, &args)?))
    }

    fn documentation(&self) -> Option<&Documentation> {
        self.doc()
    }
}
