//! `next_order_date(model, summary [, probability])`: when to expect the next order.
//!
//! The first moment by which the customer will have ordered again with the given probability, counted
//! from the point in time of the summary; being gone for good counts as never ordering. NULL where the
//! customer never does so with that probability, for NULL, and beyond the year 9999. Local time, as the
//! summary's. Bisection of `churn_prob` to a millionth of a unit: some fifty evaluations a row.

use std::sync::{Arc, LazyLock};

use datafusion::arrow::array::{Array, ArrayRef, AsArray, TimestampMicrosecondArray};
use datafusion::arrow::datatypes::{DataType, TimeUnit, TimestampMicrosecondType};
use datafusion::common::{Result, exec_err};
use datafusion::logical_expr::{ScalarFunctionArgs, ScalarUDF};
use datafusion_macros::user_doc;

use super::arguments::{FIGURES, Overloads};
use super::core::Customer;
use super::models::{Any, Role};
use super::score::{Call, ScoreFunction};
use crate::args::{Fill, Ty, option, required};

static CALLS: Overloads = Overloads {
    name: "next_order_date",
    lead: 1,
    fields: &FIGURES,
    role: Role::Purchases,
    columns: &[
        required("model", Ty::Any),
        required("summary", Ty::Any),
        option("probability", Ty::Float, Fill::Float(0.5)),
    ],
    summary: &[
        required("model", Ty::Any),
        required("summary", Ty::Any),
        option("probability", Ty::Float, Fill::Float(0.5)),
    ],
    gapped: &[],
    mixed: &[],
    contract: &[],
};

static UDF: LazyLock<Arc<ScalarUDF>> = LazyLock::new(|| {
    let function = ScoreFunction::new(&CALLS, NextOrderDate.doc(), score)
        .returning(DataType::Timestamp(TimeUnit::Microsecond, None));
    Arc::new(ScalarUDF::from(function))
});

/// The function `next_order_date`.
pub fn next_order_date_udf() -> Arc<ScalarUDF> {
    Arc::clone(&UDF)
}

#[user_doc(
    doc_section(label = "Value"),
    description = "When to expect a customer's next order: the moment by which the customer will have ordered again with the given probability, one half by default, counted from the point in time of the summary. That the customer may be gone for good is part of it: where another order is less likely than that, now and for ever, the answer is NULL, and so it is for NULL and beyond the year 9999. Only for models whose unit of time has a length.",
    syntax_example = "next_order_date(model, summary [, probability])",
    sql_example = r#"```sql
WITH models AS (SELECT named_struct('model', 'mbg_nbd', 'r', 0.52, 'alpha', 43.0, 'a', 0.89, 'b', 1.61, 'unit_days', 1) AS buys, named_struct('model', 'gamma_gamma', 'p', 6.25, 'q', 3.74, 'v', 15.44) AS spends), customer AS (SELECT customer_summary(ts, amount, TIMESTAMP '2011-03-31T00:00:00') AS summary FROM (VALUES (TIMESTAMP '2011-01-03T00:00:00', 20.0), (TIMESTAMP '2011-02-03T00:00:00', 22.5), (TIMESTAMP '2011-03-03T00:00:00', 30.0)) AS orders (ts, amount))
SELECT next_order_date(buys, summary), next_order_date(buys, summary, 0.25), next_order_date(buys, summary, 0.99) FROM models, customer;
-- 2011-06-26T15:54:45.553050 | 2011-04-25T12:47:07.468872 | NULL
```"#,
    argument(name = "model", description = "a fitted model of purchases"),
    argument(
        name = "summary",
        description = "the STRUCT of `customer_summary`, in the unit of the model"
    ),
    argument(
        name = "probability",
        description = "of an order by that date, above 0 and below 1; default 0.5"
    )
)]
#[derive(Debug)]
struct NextOrderDate;

fn score(args: &ScalarFunctionArgs) -> Result<ArrayRef> {
    /// of the year 9999
    const LAST: f64 = 253_402_300_799e6;
    let call = Call::new(&CALLS, args)?;
    let probabilities = call.numbers("probability")?;
    let Some(summary) = args.args.get(1).map(|s| s.to_array(args.number_rows)).transpose()? else {
        return exec_err!("next_order_date: no summary");
    };
    let as_of = match summary.as_struct_opt().map(|s| s.column_by_name("as_of")) {
        None => None,
        Some(Some(column)) => Some(datafusion::arrow::compute::cast(
            column,
            &DataType::Timestamp(TimeUnit::Microsecond, None),
        )?),
        Some(None) => {
            return exec_err!(
                "next_order_date: the summary has no field \"as_of\"; give what customer_summary(…) gives"
            );
        }
    };
    let as_of = as_of.as_ref().map(|a| a.as_primitive::<TimestampMicrosecondType>());
    let date = |i| -> Result<Option<i64>> {
        let Some(((model, unit_days), c)) = call.row(i)? else { return Ok(None) };
        if model.counts() {
            return exec_err!("next_order_date: this model counts periods, which have no length");
        }
        let given = probabilities.as_ref().filter(|p| p.is_valid(i)).map(|p| p.value(i));
        let probability = given.unwrap_or(0.5);
        if !(probability > 0.0 && probability < 1.0) {
            return exec_err!(
                "next_order_date: probability must be above 0 and below 1, got {probability}"
            );
        }
        let Some(from) = as_of.filter(|a| a.is_valid(i)).map(|a| a.value(i)) else {
            return Ok(None);
        };
        let Some(wait) = wait(&model, c, probability) else { return Ok(None) };
        let micros = wait * unit_days * 86_400e6;
        #[expect(clippy::cast_precision_loss, reason = "microseconds of a date")]
        let end = from as f64 + micros;
        #[expect(clippy::cast_possible_truncation, reason = "below the year 9999")]
        let date = (end <= LAST).then(|| from.saturating_add(micros.round() as i64));
        Ok(date)
    };
    let dates: TimestampMicrosecondArray =
        (0..args.number_rows).map(date).collect::<Result<_>>()?;
    Ok(Arc::new(dates))
}

/// The time within which the customer buys with that probability; `None`: never.
fn wait(model: &Any, c: Customer, probability: f64) -> Option<f64> {
    let bought = |h: f64| 1.0 - model.churn(c, Some(h));
    let (mut low, mut high) = (0.0, (c.t / (1.0 + c.x)).max(1.0));
    while bought(high) < probability {
        (low, high) = (high, high * 4.0);
        if high > 1e12 {
            return None;
        }
    }
    while high - low > 1e-6 {
        let middle = 0.5 * (low + high);
        if middle <= low || middle >= high {
            break;
        }
        if bought(middle) < probability { low = middle } else { high = middle }
    }
    Some(high)
}

#[cfg(test)]
mod tests {
    use super::super::core::{Kind, Model};
    use super::*;

    #[test]
    fn the_wait_is_that_of_the_closed_form() {
        let m = Model { kind: Kind::Mbg, r: 0.5, alpha: 43.0, a: 0.9, b: 1.6 };
        for (x, tx, t) in [(0.0, 0.0, 3.0), (2.0, 59.0, 87.0), (40.0, 300.0, 301.0)] {
            let c = Customer { x, tx, t };
            for probability in [0.01, 0.3, 0.5, 0.9] {
                let alive = m.p_alive(c);
                let want = (alive > probability).then(|| {
                    let silent = (alive - probability) / alive;
                    (m.alpha + t) * (silent.powf(-1.0 / (m.r + x)) - 1.0)
                });
                match (wait(&Any::Nbd(m), c, probability), want) {
                    (Some(got), Some(want)) => assert!((got - want).abs() < 2e-6 + 1e-9 * want),
                    (got, want) => assert_eq!(got, want),
                }
            }
        }
    }
}
