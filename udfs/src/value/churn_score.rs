//! `churn_score(frequency, recency, t [, horizon, model]) OVER (…)`: a model and its churn
//! probabilities in one.
//!
//! Fits the model on the rows of the partition and gives each of them its `churn_prob`. NULL rows
//! are not fitted and get NULL, illegal ones (see `bg_nbd_fit`) likewise. The order of the rows does
//! not matter, nor does ORDER BY in OVER; the whole partition is held, 40 bytes a row more than it
//! takes anyway. Without any legal row all are NULL.

use std::sync::{Arc, LazyLock};

use datafusion::arrow::array::{ArrayRef, Float64Array};
use datafusion::arrow::datatypes::{DataType, Field, FieldRef};
use datafusion::common::{Result, ScalarValue, exec_err};
use datafusion::logical_expr::function::{PartitionEvaluatorArgs, WindowUDFFieldArgs};
use datafusion::logical_expr::{
    ColumnarValue, Documentation, PartitionEvaluator, Signature, WindowUDF, WindowUDFImpl,
};
use datafusion_macros::user_doc;

use super::arguments::{FIGURES, Overloads};
use super::core::Kind;
use super::fit::{fault, fit};
use super::horizons::Horizons;
use super::models::{Any, Role, unknown_model};
use super::rows::Row;
use crate::args::{self, Fill, Ty, option, required};

static CALLS: Overloads = Overloads {
    name: "churn_score",
    lead: 0,
    fields: &FIGURES,
    role: Role::Purchases,
    columns: &[
        required("frequency", Ty::Float),
        required("recency", Ty::Float),
        required("t", Ty::Float),
        option("horizon", Ty::Any, Fill::Null),
        option("model", Ty::Text, Fill::Text("mbg_nbd")),
    ],
    summary: &[
        required("summary", Ty::Any),
        option("horizon", Ty::Any, Fill::Null),
        option("model", Ty::Text, Fill::Text("mbg_nbd")),
    ],
    gapped: &[
        required("summary", Ty::Any),
        option("recency", Ty::Float, Fill::Null),
        option("t", Ty::Float, Fill::Null),
        option("horizon", Ty::Any, Fill::Null),
        option("model", Ty::Text, Fill::Text("mbg_nbd")),
    ],
    mixed: &[],
    contract: &[],
};

static UDF: LazyLock<Arc<WindowUDF>> =
    LazyLock::new(|| Arc::new(WindowUDF::from(ChurnScore::default())));

/// The function `churn_score`.
pub fn churn_score_udwf() -> Arc<WindowUDF> {
    Arc::clone(&UDF)
}

#[user_doc(
    doc_section(label = "Value"),
    description = "The probability that a customer is gone, by a model fitted on the customers of the window's partition: `churn_prob` without a model at hand. Without horizon: gone for good; with one: no purchase within it. NULL figures give NULL, as do those that no customer can have produced (see `mbg_nbd_fit`). Small or uniform partitions have no best model; their scores come from where the search ended, so look at `converged` of `mbg_nbd_fit` before trusting partitions of fewer than some hundred customers. ORDER BY and frame have no effect. Any order of rows gives the same bits; the partition is held in memory. Batislam et al. 2007; Fader, Hardie & Lee 2005.",
    syntax_example = "churn_score(frequency, recency, t [, horizon, model]) OVER ([PARTITION BY …]) or churn_score(summary [, horizon, model]) OVER (…)",
    sql_example = r#"```sql
SELECT x, tx, round(churn_score(x, tx, t) OVER (), 2), round(churn_score(x, tx, t, 10) OVER (), 2)
FROM (VALUES (0, 0, 39), (0, 0, 39), (0, 0, 39), (1, 2, 39), (1, 32, 39), (2, 8, 39), (4, 35, 39), (9, 28, 39), (NULL, 5, 10)) AS customers (x, tx, t)
ORDER BY x NULLS LAST, tx, t;
-- 0 | 0 | 0.8 | 0.95
-- 0 | 0 | 0.8 | 0.95
-- 0 | 0 | 0.8 | 0.95
-- 1 | 2 | 0.9 | 0.96
-- 1 | 32 | 0.31 | 0.75
-- 2 | 8 | 0.88 | 0.94
-- 4 | 35 | 0.2 | 0.5
-- 9 | 28 | 0.56 | 0.62
-- NULL | 5 | NULL | NULL
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
    argument(
        name = "horizon",
        description = "how far to look ahead, a constant: a number in the unit of t, or an INTERVAL without months (t is then in days, or in the unit of the summary); default: for ever"
    ),
    argument(name = "model", description = "'mbg_nbd' (default) or 'bg_nbd'")
)]
#[derive(Debug, PartialEq, Eq, Hash)]
struct ChurnScore {
    signature: Signature,
}

impl Default for ChurnScore {
    fn default() -> Self {
        Self { signature: CALLS.signature() }
    }
}

impl WindowUDFImpl for ChurnScore {
    fn name(&self) -> &str {
        CALLS.name
    }

    fn signature(&self) -> &Signature {
        &self.signature
    }

    fn coerce_types(&self, types: &[DataType]) -> Result<Vec<DataType>> {
        CALLS.coerce(types)
    }

    fn field(&self, args: WindowUDFFieldArgs) -> Result<FieldRef> {
        Ok(Arc::new(Field::new(args.name(), DataType::Float64, true)))
    }

    fn partition_evaluator(
        &self,
        args: PartitionEvaluatorArgs,
    ) -> Result<Box<dyn PartitionEvaluator>> {
        let types: Vec<DataType> =
            args.input_fields().iter().map(|f| f.data_type().clone()).collect();
        let params = CALLS.params(&types);
        let kind = match args::constant(CALLS.name, params, args.input_exprs(), "model")? {
            ScalarValue::Utf8(Some(name)) => match Kind::of(&name) {
                Some(kind) => kind,
                None => {
                    return unknown_model(CALLS.name, &name, Kind::ALL.map(Kind::name).into_iter());
                }
            },
            _ => Kind::Mbg,
        };
        let horizon = args::constant(CALLS.name, params, args.input_exprs(), "horizon")?;
        Ok(Box::new(Partition { kind, horizon }))
    }

    fn documentation(&self) -> Option<&Documentation> {
        self.doc()
    }
}

#[derive(Debug)]
struct Partition {
    kind: Kind,
    horizon: ScalarValue,
}

impl PartitionEvaluator for Partition {
    fn evaluate_all(&mut self, values: &[ArrayRef], num_rows: usize) -> Result<ArrayRef> {
        let customers = CALLS.customers(values)?;
        let row = |i| {
            let row = Row::one(customers.get(i)?);
            fault(&row).is_none().then_some(row)
        };
        let mut units =
            (0..num_rows).filter(|&i| row(i).is_some()).filter_map(|i| customers.unit_days(i));
        let unit_days = units.next().unwrap_or(1.0);
        if let Some(other) = units.find(|u| *u != unit_days) {
            let (short, long) = (unit_days.min(other), unit_days.max(other));
            return exec_err!(
                "churn_score: some summaries count time in units of {short} days, others of {long}; make all with the same unit"
            );
        }
        let fitted = fit(self.kind, &mut (0..num_rows).filter_map(row).collect(), 0.0);
        let Some((model, _)) = fitted else {
            return Ok(Arc::new(Float64Array::new_null(num_rows)));
        };
        let horizon = ColumnarValue::Scalar(self.horizon.clone());
        let horizon = Horizons::of(CALLS.name, Some(&horizon))?;
        let horizon = horizon.get(0, (&Any::Nbd(model), unit_days))?;
        let score = |i| row(i).map(|r| model.churn(r.customer, horizon));
        Ok(Arc::new((0..num_rows).map(score).collect::<Float64Array>()))
    }
}
