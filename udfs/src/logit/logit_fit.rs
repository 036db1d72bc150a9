//! `logit_fit(label, features [, l2, weight])`: how features change the odds.
//!
//! Rows with a NULL are counted in `nulls`, rows that cannot be in `dropped`. Without rows NULL; where
//! all are dropped, `n` is 0 and there are no coefficients. Any order of rows gives the same bits.
//! O(n log n + n p²) for n rows of p features; 8 bytes a number of a row (label, features, weight),
//! three times that while it is fitted.

use std::sync::{Arc, LazyLock};

use datafusion::arrow::array::{
    ArrayRef, AsArray, BooleanArray, Float64Array, Int64Array, NullBufferBuilder, StringArray,
    StringBuilder, StructArray,
};
use datafusion::arrow::compute::cast;
use datafusion::arrow::datatypes::{DataType, Fields, Float64Type};
use datafusion::common::{Result, internal_err, plan_err};
use datafusion::logical_expr::AggregateUDF;
use datafusion::logical_expr::function::AccumulatorArgs;
use datafusion_macros::user_doc;

use super::core::fit;
use crate::args::{self, Fill, Param, Ty, option, required};
use crate::fitting::aggregate::{Columns, Fit, Group, NO_ROW};
use crate::fitting::answers::{count, field, numbers};
use crate::fitting::faults::Fault;
use crate::fitting::features::{self, FEATURES};
use crate::fitting::function::{Calls, FitFunction};
use crate::fitting::terms::{self, TermLists, estimates, note, term_list};

const NAME: &str = "logit_fit";
/// The term of a customer whose features are all 0.
const INTERCEPT: &str = "intercept";
const WEIGHT: &str = "weight";
const PARAMS: &[Param] = &[
    required("label", Ty::Bool),
    FEATURES,
    option("l2", Ty::Float, Fill::Float(0.0)),
    option(WEIGHT, Ty::Float, Fill::Null),
];
const TERMS: [&str; 5] = ["coef", "odds_ratio", "std_error", "z", "p"];

static UDAF: LazyLock<Arc<AggregateUDF>> =
    LazyLock::new(|| Arc::new(AggregateUDF::from(FitFunction::new(&CALLS, LogitFit.doc()))));

static CALLS: Calls<Logit> = Calls {
    params: PARAMS,
    coerce,
    fields: model_fields,
    labelled: false,
    distinct: "DISTINCT would drop customers who are alike; leave it out",
    asked,
};

/// The aggregate `logit_fit`.
pub fn logit_fit_udaf() -> Arc<AggregateUDF> {
    Arc::clone(&UDAF)
}

/// The fields of a model.
fn model_fields() -> Fields {
    Fields::from(vec![
        field("model", DataType::Utf8),
        field("terms", term_list(&TERMS)),
        field("ll", DataType::Float64),
        field("ll_null", DataType::Float64),
        field("auc", DataType::Float64),
        field("n", DataType::Int64),
        field("positives", DataType::Int64),
        field("nulls", DataType::Int64),
        field("dropped", DataType::Int64),
        field("l2", DataType::Float64),
        field("converged", DataType::Boolean),
        field("iterations", DataType::Int64),
        field("note", DataType::Utf8),
    ])
}

#[user_doc(
    doc_section(label = "Logistic regression"),
    description = "How features change the odds that something happens (a customer leaves, buys, answers): logistic regression by maximum likelihood. The model is a STRUCT: model ('logit'); terms, a list with term (the name), coef (of the log-odds), odds_ratio (exp(coef)), std_error, z and p, the intercept first; ll and ll_null (log-likelihood, with and without the features), auc (the chance that a row that is true scores above one that is false); n (rows), positives, nulls (rows with a NULL argument or feature, left out) and dropped (rows left out because a figure is not finite, or the weight not above 0); l2, converged, iterations, note (also why rows were dropped). A feature that is constant, or made up of the features before it, has coef 0 and no error; where the data separate, so that no finite coefficient is best, converged is false and std_error is NULL; note says which features. Where all labels are alike the coefficients are NULL; without rows the model is, and where all are dropped n is 0. `logit_predict` and `explain_logit` read it. Any order of rows gives the same bits. O(n log n + n p^2) for p features; memory: 8 bytes a number of a row.",
    syntax_example = "logit_fit(label, features [, l2, weight])",
    sql_example = r#"```sql
SELECT t.term, round(t.coef, 4) AS coef, round(t.odds_ratio, 3) AS odds_ratio, round(t.p, 3) AS p FROM (
  SELECT unnest(logit_fit(gone, {'silent': silent, 'app': channel = 'app'}).terms) AS t FROM (VALUES
    (true, 80, 'web'), (true, 60, 'web'), (true, 90, 'app'), (true, 20, 'web'), (false, 40, 'web'), (false, 70, 'app'), (false, 5, 'app'), (false, 15, 'web'), (false, 30, 'app')
  ) AS customers (gone, silent, channel));
-- intercept | -2.6413 | 0.071 | 0.238
-- silent | 0.0817 | 1.085 | 0.163
-- app | -3.9363 | 0.02 | 0.234
```"#,
    argument(name = "label", description = "what happened: true or false"),
    argument(
        name = "features",
        description = "a STRUCT of numbers, conditions and lengths of time (in days), such as {'orders': orders, 'app': channel = 'app'}, or a list of numbers (named x1, x2, …); known before the label was"
    ),
    argument(
        name = "l2",
        description = "ridge: subtracts half of l2 times the squared coefficients, of features in units of their standard deviation and without the intercept, from the log-likelihood; default 0"
    ),
    argument(name = "weight", description = "how many customers the row stands for; default 1")
)]
#[derive(Debug)]
struct LogitFit;

/// What may be of several types becomes one.
fn coerce(types: &mut [DataType]) -> Result<()> {
    if let Some(features) = types.get_mut(1) {
        *features = features::coerce(NAME, features)?;
        if let DataType::Struct(fields) = features
            && fields.find(INTERCEPT).is_some()
        {
            return plan_err!(
                "{NAME}: {INTERCEPT} is the model's own term; name the feature otherwise"
            );
        }
    }
    Ok(())
}

/// The fit that the constants of a call ask for.
fn asked(args: &AccumulatorArgs) -> Result<Logit> {
    let l2 = terms::l2(NAME, &args::constant(NAME, PARAMS, args.exprs, "l2")?)?;
    let weighted = args::is_given(PARAMS, args.exprs, WEIGHT);
    let features = args.expr_fields.get(1).map(|f| f.data_type().clone());
    Ok(Logit { l2, weighted, features })
}

/// A row is a label, its weight if there is one, and the features.
#[derive(Debug, Clone)]
struct Logit {
    l2: f64,
    weighted: bool,
    features: Option<DataType>,
}

impl Fit for Logit {
    const NAME: &'static str = NAME;

    fn read(&self, values: &[ArrayRef]) -> Result<Columns> {
        let [label, features, rest @ ..] = values else {
            return internal_err!("{NAME} needs labels and features");
        };
        let float = |column: &ArrayRef| -> Result<Float64Array> {
            Ok(cast(column, &DataType::Float64)?.as_primitive::<Float64Type>().clone())
        };
        let mut numbers = vec![float(label)?];
        if let (true, Some(weight)) = (self.weighted, rest.get(1)) {
            numbers.push(float(weight)?);
        }
        numbers.extend(features::columns(NAME, features)?);
        Ok(Columns { numbers, texts: None })
    }

    fn fault(&self, row: &[f64]) -> Option<Fault> {
        match row.split_at_checked(1 + usize::from(self.weighted)) {
            Some(([_, w], _)) if !(*w > 0.0 && w.is_finite()) => Some(Fault::Weight),
            Some((_, features)) if features.iter().all(|v| v.is_finite()) => None,
            _ => Some(Fault::Feature),
        }
    }

    fn answers(&self, groups: &[Group], _labels: &[String]) -> Result<ArrayRef> {
        let many = groups.len();
        let mut terms = TermLists::new(many, TERMS.len());
        let mut figures: [Vec<Option<f64>>; 3] = Default::default();
        let (mut positives, mut iterations, mut converged) = (vec![], vec![], vec![]);
        let mut notes = StringBuilder::new();
        let mut valid = NullBufferBuilder::new(many);
        let lead = 1 + usize::from(self.weighted);
        for group in groups {
            let width = group.width.saturating_sub(lead);
            let mut names = vec![INTERCEPT.to_string()];
            names.extend(features::names(self.features.as_ref(), width));
            let fitted = fit(&group.rows, width, self.weighted, self.l2);
            let optimum = fitted.optimum.as_ref();
            for (i, name) in names.iter().enumerate() {
                terms.push(name, optimum.map_or([None; 5], |o| estimates(o, i)));
            }
            terms.end()?;
            let told = [optimum.map(|o| o.ll), optimum.map(|o| o.ll_start), fitted.auc];
            figures.iter_mut().zip(told).for_each(|(to, v)| to.push(v));
            positives.push(count(group.iter().filter(|r| r.first() == Some(&1.0)).count()));
            iterations.push(count(optimum.map_or(0, |o| o.iterations)));
            converged.push(optimum.is_some_and(|o| o.converged));
            let trouble = match optimum {
                None if group.len() == 0 => Some(NO_ROW.to_string()),
                None => Some(
                    "all labels are alike, so nothing can be told of what leads to them"
                        .to_string(),
                ),
                Some(o) => note(o, |i| names.get(i).cloned().unwrap_or_default()),
            };
            notes.append_option(group.note(trouble));
            valid.append(group.tells());
        }
        let counts = |of: &dyn Fn(&Group) -> i64| -> ArrayRef {
            Arc::new(groups.iter().map(|g| Some(of(g))).collect::<Int64Array>())
        };
        let model = StringArray::from_iter_values(groups.iter().map(|_| "logit"));
        let mut columns: Vec<ArrayRef> = vec![Arc::new(model), terms.finish(&TERMS)?];
        columns.extend(figures.map(|f| numbers(f.into_iter())));
        columns.extend([
            counts(&|g| count(g.len())),
            Arc::new(Int64Array::from(positives)) as ArrayRef,
            counts(&|g| g.nulls),
            counts(&|g| g.dropped.total()),
            Arc::new(Float64Array::from(vec![self.l2; many])),
            Arc::new(BooleanArray::from(converged)),
            Arc::new(Int64Array::from(iterations)),
            Arc::new(notes.finish()),
        ]);
        Ok(Arc::new(StructArray::try_new(model_fields(), columns, valid.finish())?))
    }

    fn answer_size(&self, groups: usize, _rows: usize) -> usize {
        // terms of features, whose number is not known without rows
        let features = match &self.features {
            Some(DataType::Struct(fields)) => fields.len(),
            _ => 32,
        };
        groups * ((features + 1) * 200 + 512)
    }
}
