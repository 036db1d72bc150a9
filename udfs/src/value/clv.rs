//! `clv(purchase_model, spend_model, frequency, recency, t, monetary, horizon, discount_annual [, margin])`:
//! what a customer will bring.
//!
//! The horizon is cut into steps of a twelfth of a year of 365.25 days, the last of them shorter; what is
//! bought within a step is discounted as if it were at its end: Σ spend · margin · (E(h_k) − E(h_k−1)) ·
//! (1 + discount)^−y_k, E the purchases expected within `h_k`, `y_k` the years until its end. NULL in
//! any argument gives NULL, but for the money of a customer without a repeat purchase; so does a
//! customer of whom one of the models does not speak (see `expected_purchases`, `expected_spend`).
//! O(steps) a row, remembered for customers who are alike.

use std::sync::{Arc, LazyLock};

use datafusion::arrow::array::{Array, ArrayRef, Float64Array};
use datafusion::common::{Result, exec_err};
use datafusion::logical_expr::{ScalarFunctionArgs, ScalarUDF};
use datafusion_macros::user_doc;

use super::arguments::Overloads;
use super::core::Customer;
use super::horizons::DAYS_A_YEAR;
use super::models::{Any, Role};
use super::score::{Call, Memory, ScoreFunction};
use crate::args::{Fill, Ty, option, required};

/// Fields of a summary that the models of purchases and of spending read.
pub(crate) const FIGURES: [&str; 4] = ["frequency", "recency", "t", "monetary_value"];

static CALLS: Overloads = Overloads {
    name: "clv",
    lead: 2,
    fields: &FIGURES,
    role: Role::Purchases,
    columns: &[
        required("purchase_model", Ty::Any),
        required("spend_model", Ty::Any),
        required("frequency", Ty::Float),
        required("recency", Ty::Float),
        required("t", Ty::Float),
        required("monetary", Ty::Float),
        required("horizon", Ty::Any),
        required("discount_annual", Ty::Float),
        option("margin", Ty::Float, Fill::Float(1.0)),
    ],
    summary: &[
        required("purchase_model", Ty::Any),
        required("spend_model", Ty::Any),
        required("summary", Ty::Any),
        required("horizon", Ty::Any),
        required("discount_annual", Ty::Float),
        option("margin", Ty::Float, Fill::Float(1.0)),
    ],
    gapped: &[
        required("purchase_model", Ty::Any),
        required("spend_model", Ty::Any),
        required("summary", Ty::Any),
        option("recency", Ty::Float, Fill::Null),
        option("t", Ty::Float, Fill::Null),
        option("monetary", Ty::Float, Fill::Null),
        required("horizon", Ty::Any),
        required("discount_annual", Ty::Float),
        option("margin", Ty::Float, Fill::Float(1.0)),
    ],
    mixed: &[
        required("purchase_model", Ty::Any),
        required("spend_model", Ty::Any),
        required("summary", Ty::Any),
        required("horizon", Ty::Any),
        required("discount_annual", Ty::Float),
        option("monetary", Ty::Float, Fill::Null),
        option("", Ty::Any, Fill::Null),
        option("", Ty::Any, Fill::Null),
        option("margin", Ty::Float, Fill::Float(1.0)),
    ],
    contract: &[],
};

static UDF: LazyLock<Arc<ScalarUDF>> = LazyLock::new(|| {
    let function = ScoreFunction::new(&CALLS, Clv.doc(), score);
    Arc::new(ScalarUDF::from(function))
});

/// The function `clv`.
pub fn clv_udf() -> Arc<ScalarUDF> {
    Arc::clone(&UDF)
}

#[user_doc(
    doc_section(label = "Value"),
    description = "The customer lifetime value: what a customer will bring within a horizon from now on, by a model of purchases (`mbg_nbd_fit`, `bg_nbd_fit`, `pareto_nbd_fit`, `mbg_cnbd_fit`) and a model of spending (`gamma_gamma_fit`). Units are explicit: the horizon is an INTERVAL, of which a month is a twelfth of a year and a year 365.25 days, converted by the unit of the model; the discount is by year, 0.1 for a tenth, 0 for none. What is bought within a month counts as if at its end: spend · margin · Σ (E(k) − E(k − 1)) / (1 + discount)^(k/12), E(k) the purchases expected within k months; a part of a month at the end counts by its length. margin is the share of the money that is earned, default 1. NULL gives NULL, but money may be NULL without a repeat purchase; so do figures below 0, not finite, or with a recency beyond t. Fader, Hardie & Lee, Journal of Marketing Research 42 (2005).",
    syntax_example = "clv(purchase_model, spend_model, frequency, recency, t, monetary, horizon, discount_annual [, margin]) or clv(purchase_model, spend_model, summary, horizon, discount_annual [, margin])",
    sql_example = r#"```sql
WITH models AS (SELECT named_struct('model', 'bg_nbd', 'r', 0.243, 'alpha', 4.414, 'a', 0.793, 'b', 2.426, 'unit_days', 7) AS buys, named_struct('model', 'gamma_gamma', 'p', 6.25, 'q', 3.74, 'v', 15.44) AS spends)
SELECT round(clv(buys, spends, 2, 30.43, 38.86, 22.35, INTERVAL '12 months', 0.1), 2), round(clv(buys, spends, 2, 30.43, 38.86, 22.35, INTERVAL '12 months', 0.1, margin => 0.3), 2) FROM models;
-- 36.75 | 11.02
```"#,
    argument(name = "purchase_model", description = "a fitted model of purchases"),
    argument(
        name = "spend_model",
        description = "a fitted model of spending: the STRUCT of `gamma_gamma_fit`"
    ),
    argument(
        name = "frequency",
        description = "repeat purchases, or the STRUCT of `customer_summary` in place of the four"
    ),
    argument(
        name = "recency",
        description = "time from the first purchase to the last, in the model's unit"
    ),
    argument(name = "t", description = "time from the first purchase to now, in the model's unit"),
    argument(name = "monetary", description = "mean money of a repeat purchase"),
    argument(name = "horizon", description = "how far to look ahead: an INTERVAL up to 100 years"),
    argument(name = "discount_annual", description = "what a year takes from money, from 0 up"),
    argument(
        name = "margin",
        description = "share of the money that is earned; default 1, but NULL in a row gives NULL"
    )
)]
#[derive(Debug)]
struct Clv;

fn score(args: &ScalarFunctionArgs) -> Result<ArrayRef> {
    let call = Call::new(&CALLS, args)?;
    let (horizons, spend) = (call.horizons()?, call.spend_models()?);
    let discounts = call.numbers("discount_annual")?;
    let margins = call.numbers("margin")?;
    let number = |of: &Option<Float64Array>, i| {
        of.as_ref().filter(|array| array.is_valid(i)).map(|array| array.value(i))
    };
    let mut values = Memory::of(CALLS.name);
    call.score(|i, (model, unit_days), c| {
        let (Some(years), Some(discount)) = (horizons.years(i)?, number(&discounts, i)) else {
            return Ok(None);
        };
        let Some((Any::Spend(spend), _)) = spend.get(i)? else { return Ok(None) };
        let money = call.customers.figure(3, i).unwrap_or(f64::NAN);
        let Some(spend) = spend.expected(c.x, money) else { return Ok(None) };
        check(model, years, discount)?;
        let Some(margin) = margins.as_ref().map_or(Some(1.0), |_| number(&margins, i)) else {
            return Ok(None);
        };
        if !margin.is_finite() {
            return exec_err!("{}: margin must be a finite number", CALLS.name);
        }
        let purchases = values.get(model, [unit_days, years, discount], c, || {
            purchases_if_alive(model, unit_days, c, years, discount)
        });
        Ok(Some((model.alive_now(c) * purchases * spend * margin).clamp(f64::MIN, f64::MAX)))
    })
}

fn check(model: &Any, years: f64, discount: f64) -> Result<()> {
    if model.counts() {
        return exec_err!(
            "clv: this model counts periods, which have no length; use clv_residual for it"
        );
    }
    if years > 100.0 {
        return exec_err!("clv: horizon must be up to 100 years, got {years}");
    }
    if !(discount >= 0.0 && discount.is_finite()) {
        return exec_err!(
            "clv: discount_annual must be a number from 0 up, such as 0.1 for a tenth, got {discount}"
        );
    }
    Ok(())
}

/// The purchases expected of a customer who is alive, discounted month by month.
pub(crate) fn purchases_if_alive(
    model: &Any,
    unit_days: f64,
    c: Customer,
    years: f64,
    discount: f64,
) -> f64 {
    let units = |years: f64| years * DAYS_A_YEAR / unit_days;
    if discount == 0.0 {
        return model.mean_if_alive(c, units(years));
    }
    // 12 months are twelve steps in spite of rounding
    let whole = (years * 12.0 + 1e-9).floor();
    let ends = (1..=1200_u16).map(|k| f64::from(k) / 12.0).take_while(|y| y * 12.0 <= whole);
    let rest = (years - whole / 12.0 > 1e-9).then_some(years);
    let (mut sum, mut before) = (0.0, 0.0);
    for end in ends.chain(rest) {
        let mean = model.mean_if_alive(c, units(end));
        sum += (mean - before) * (-discount.ln_1p() * end).exp();
        before = mean;
    }
    sum
}
