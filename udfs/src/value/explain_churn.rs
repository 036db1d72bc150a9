//! `explain_churn(model, frequency, recency, t [, horizon])`: what makes a customer's churn probability.
//!
//! The score is that of `churn_prob`. It starts from that of a customer just won (`baseline`: no repeat
//! purchase, no time passed) and is shared out among three facts that can be changed one by one, however
//! they are ordered: how many repeat purchases there were (`frequency`), over how long (`recency`), and
//! how long nothing was bought since (`silence`, `t − recency`). Each gets its Shapley value: the change
//! of the score that it makes, averaged over the six orders in which the three can be told. The shares
//! add up to the score, and facts that do not matter get nothing (Shapley 1953; Lundberg & Lee 2017).
//! NULL as in `churn_prob`. Eight evaluations of it a row.

use std::sync::{Arc, LazyLock};

use datafusion::arrow::array::{
    ArrayRef, Float64Builder, ListArray, NullBufferBuilder, StringBuilder, StructArray,
};
use datafusion::arrow::buffer::OffsetBuffer;
use datafusion::arrow::datatypes::{DataType, Field, Fields};
use datafusion::common::{Result, exec_err};
use datafusion::logical_expr::{ScalarFunctionArgs, ScalarUDF};
use datafusion_macros::user_doc;

use super::arguments::{FIGURES, Overloads};
use super::core::Customer;
use super::models::{Any, Role};
use super::score::{Call, ScoreFunction};
use crate::args::{Fill, Ty, option, required};

static CALLS: Overloads = Overloads {
    name: "explain_churn",
    lead: 1,
    fields: &FIGURES,
    role: Role::Purchases,
    columns: &[
        required("model", Ty::Any),
        required("frequency", Ty::Float),
        required("recency", Ty::Float),
        required("t", Ty::Float),
        option("horizon", Ty::Any, Fill::Null),
    ],
    summary: &[
        required("model", Ty::Any),
        required("summary", Ty::Any),
        option("horizon", Ty::Any, Fill::Null),
    ],
    gapped: &[
        required("model", Ty::Any),
        required("summary", Ty::Any),
        option("recency", Ty::Float, Fill::Null),
        option("t", Ty::Float, Fill::Null),
        option("horizon", Ty::Any, Fill::Null),
    ],
    mixed: &[],
    contract: &[],
};

fn fields() -> Fields {
    Fields::from(vec![
        Field::new("term", DataType::Utf8, true),
        Field::new("value", DataType::Float64, true),
        Field::new("contribution", DataType::Float64, true),
    ])
}

fn item() -> Field {
    Field::new_list_field(DataType::Struct(fields()), true)
}

static UDF: LazyLock<Arc<ScalarUDF>> = LazyLock::new(|| {
    let function = ScoreFunction::new(&CALLS, ExplainChurn.doc(), score)
        .returning(DataType::List(Arc::new(item())));
    Arc::new(ScalarUDF::from(function))
});

/// The function `explain_churn`.
pub fn explain_churn_udf() -> Arc<ScalarUDF> {
    Arc::clone(&UDF)
}

#[user_doc(
    doc_section(label = "Value"),
    description = "What makes a customer's churn probability: a list of terms with their values and contributions, which add up to `churn_prob` of the same arguments. `baseline` is the score of a customer just won; `frequency`, `recency` and `silence` (the time since the last purchase, t − recency) add to it or take from it what they change, averaged over the orders in which they can be told (Shapley values). NULL gives NULL, as in `churn_prob`. For models of purchases in time: BG/NBD, MBG/NBD, Pareto/NBD, MBG/CNBD-k.",
    syntax_example = "explain_churn(model, frequency, recency, t [, horizon]) or explain_churn(model, summary [, horizon])",
    sql_example = r#"```sql
SELECT e['term'], e['value'], round(e['contribution'], 4)
FROM (SELECT unnest(explain_churn(named_struct('model', 'mbg_nbd', 'r', 0.525, 'alpha', 6.183, 'a', 0.891, 'b', 1.614), 2, 30.43, 38.86)) AS e);
-- baseline | NULL | 0.3557
-- frequency | 2.0 | -0.0714
-- recency | 30.43 | -0.1439
-- silence | 8.43 | 0.1535
```"#,
    argument(name = "model", description = "a fitted model of purchases"),
    argument(
        name = "frequency",
        description = "repeat purchases, or the STRUCT of `customer_summary` in place of the three"
    ),
    argument(
        name = "recency",
        description = "time from the first purchase to the last, in the model's unit"
    ),
    argument(name = "t", description = "time from the first purchase to now, in the model's unit"),
    argument(
        name = "horizon",
        description = "how far to look ahead: a number in the model's unit, or an INTERVAL without months; default: for ever"
    )
)]
#[derive(Debug)]
struct ExplainChurn;

fn score(args: &ScalarFunctionArgs) -> Result<ArrayRef> {
    let call = Call::new(&CALLS, args)?;
    let horizons = call.horizons()?;
    let (mut terms, mut values) = (StringBuilder::new(), Float64Builder::new());
    let mut contributions = Float64Builder::new();
    let mut lengths = Vec::with_capacity(call.rows);
    let mut valid = NullBufferBuilder::new(call.rows);
    for i in 0..call.rows {
        let row = call.row(i)?;
        valid.append(row.is_some());
        lengths.push(if row.is_some() { 4 } else { 0 });
        let Some((model, c)) = row else { continue };
        if model.0.counts() {
            return exec_err!("explain_churn: only for models of purchases in time");
        }
        let horizon = horizons.get(i, (&model.0, model.1))?;
        for (term, value, contribution) in explain(&model.0, c, horizon) {
            terms.append_value(term);
            values.append_option(value);
            contributions.append_value(contribution);
        }
    }
    let columns: Vec<ArrayRef> =
        vec![Arc::new(terms.finish()), Arc::new(values.finish()), Arc::new(contributions.finish())];
    let items = Arc::new(StructArray::try_new(fields(), columns, None)?);
    let offsets = OffsetBuffer::from_lengths(lengths);
    Ok(Arc::new(ListArray::try_new(Arc::new(item()), offsets, items, valid.finish())?))
}

/// The terms of a score with their values and contributions.
fn explain(
    model: &Any,
    c: Customer,
    horizon: Option<f64>,
) -> [(&'static str, Option<f64>, f64); 4] {
    let facts = [c.x, c.tx, c.t - c.tx];
    // the score of a customer of whom only some of the facts are known
    let score = |known: [bool; 3]| {
        let [x, tx, silence] = [0, 1, 2].map(|i: usize| match (known.get(i), facts.get(i)) {
            (Some(true), Some(fact)) => *fact,
            _ => 0.0,
        });
        model.churn(Customer { x, tx, t: tx + silence }, horizon)
    };
    let baseline = score([false; 3]);
    let mut shares = [0.0; 3];
    for (i, share) in shares.iter_mut().enumerate() {
        let with = |others: [bool; 2]| {
            let [j, k] = others;
            let known = |own: bool| match i {
                0 => [own, j, k],
                1 => [j, own, k],
                _ => [j, k, own],
            };
            score(known(true)) - score(known(false))
        };
        *share = (with([false; 2]) + with([true; 2])) / 3.0
            + (with([true, false]) + with([false, true])) / 6.0;
    }
    let [frequency, recency, _] = shares;
    // the last takes the rounding
    let silence = score([true; 3]) - baseline - frequency - recency;
    let [x, tx, since] = facts;
    [
        ("baseline", None, baseline),
        ("frequency", Some(x), frequency),
        ("recency", Some(tx), recency),
        ("silence", Some(since), silence),
    ]
}

#[cfg(test)]
mod tests {
    use super::super::core::{Kind, Model};
    use super::super::pareto::Pareto;
    use super::*;

    #[test]
    fn contributions_add_up_and_are_means_over_all_orders() {
        const ORDERS: [[usize; 3]; 6] =
            [[0, 1, 2], [0, 2, 1], [1, 0, 2], [1, 2, 0], [2, 0, 1], [2, 1, 0]];
        let models = [
            Any::Nbd(Model { kind: Kind::Mbg, r: 0.5, alpha: 6.0, a: 0.9, b: 1.6 }),
            Any::Nbd(Model { kind: Kind::Bg, r: 0.2, alpha: 4.4, a: 0.8, b: 2.4 }),
            Any::Pareto(Pareto { r: 0.5, alpha: 10.0, s: 0.6, beta: 12.0 }),
        ];
        for model in models {
            for (x, tx, t) in
                [(0.0, 0.0, 0.0), (0.0, 0.0, 38.0), (2.0, 30.0, 38.0), (26.0, 30.9, 31.0)]
            {
                for h in [None, Some(10.0)] {
                    let c = Customer { x, tx, t };
                    let terms = explain(&model, c, h);
                    let sum: f64 = terms.iter().map(|t| t.2).sum();
                    assert!((sum - model.churn(c, h)).abs() < 1e-14, "{model:?} {c:?}");
                    let facts = [x, tx, t - tx];
                    let mut shares = [0.0; 3];
                    for order in ORDERS {
                        let mut at = [0.0; 3];
                        for i in order {
                            let of = |[x, tx, since]: [f64; 3]| {
                                model.churn(Customer { x, tx, t: tx + since }, h)
                            };
                            let before = of(at);
                            at[i] = facts[i];
                            shares[i] += (of(at) - before) / 6.0;
                        }
                    }
                    for (term, want) in terms[1..].iter().zip(shares) {
                        assert!((term.2 - want).abs() < 1e-14, "{model:?} {c:?} {term:?}");
                    }
                }
            }
        }
    }
}
