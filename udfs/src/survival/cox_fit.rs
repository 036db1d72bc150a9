//! `cox_fit(duration, event, features [, ties, l2, weight])`: how features change the hazard.
//!
//! Rows with a NULL are counted in `nulls`, rows that cannot be in `dropped`. Without rows NULL; where
//! all are dropped, `n` is 0 and there are no coefficients. Any order of rows gives the same bits.
//! O(n log n + n p²) for n rows of p features; 8 bytes a number of a row (duration, features, weight),
//! three times that while it is fitted.

use std::sync::{Arc, LazyLock};

use datafusion::arrow::array::{
    ArrayRef, BooleanArray, Float64Array, Int64Array, NullBufferBuilder, StringArray,
    StringBuilder, StructArray,
};
use datafusion::arrow::datatypes::{DataType, Fields};
use datafusion::common::{Result, ScalarValue, internal_err, plan_err};
use datafusion::logical_expr::AggregateUDF;
use datafusion::logical_expr::function::AccumulatorArgs;
use datafusion_macros::user_doc;

use super::arguments::{DURATION, EVENT, WEIGHT, observations};
use super::cox::{Options, Ties, fit};
use super::observed;
use super::proportional::ChiSquare;
use crate::args::{self, Fill, Param, Ty, option};
use crate::fitting::aggregate::{Columns, Fit, Group, NO_ROW};
use crate::fitting::answers::{FloatLists, count, field, floats, numbers};
use crate::fitting::durations;
use crate::fitting::faults::Fault;
use crate::fitting::features::{self, FEATURES};
use crate::fitting::function::{Calls, FitFunction};
use crate::fitting::terms::{self, TermLists, estimates, note, term_list};

const NAME: &str = "cox_fit";
const PARAMS: &[Param] = &[
    DURATION,
    EVENT,
    FEATURES,
    option("ties", Ty::Text, Fill::Text("efron")),
    option("l2", Ty::Float, Fill::Float(0.0)),
    WEIGHT,
];
const TERMS: [&str; 6] = ["coef", "hazard_ratio", "std_error", "z", "p", "mean"];
const TESTS: [&str; 2] = ["chi2", "p"];

static UDAF: LazyLock<Arc<AggregateUDF>> =
    LazyLock::new(|| Arc::new(AggregateUDF::from(FitFunction::new(&CALLS, CoxFit.doc()))));

static CALLS: Calls<Cox> = Calls {
    params: PARAMS,
    coerce,
    fields: model_fields,
    labelled: false,
    distinct: "DISTINCT would drop customers who are alike; leave it out",
    asked,
};

/// The aggregate `cox_fit`.
pub fn cox_fit_udaf() -> Arc<AggregateUDF> {
    Arc::clone(&UDAF)
}

/// The fields of a model.
fn model_fields() -> Fields {
    Fields::from(vec![
        field("model", DataType::Utf8),
        field("ties", DataType::Utf8),
        field("terms", term_list(&TERMS)),
        field("ll", DataType::Float64),
        field("ll_null", DataType::Float64),
        field("concordance", DataType::Float64),
        field("n", DataType::Int64),
        field("n_events", DataType::Int64),
        field("nulls", DataType::Int64),
        field("dropped", DataType::Int64),
        field("l2", DataType::Float64),
        field("converged", DataType::Boolean),
        field("iterations", DataType::Int64),
        field("note", DataType::Utf8),
        floats("times"),
        floats("cumulative_hazard"),
        field("ph_test", term_list(&TESTS)),
        field("ph_global", DataType::Struct(global_fields())),
        field("unit_days", DataType::Float64),
    ])
}

fn global_fields() -> Fields {
    Fields::from(vec![
        field("chi2", DataType::Float64),
        field("df", DataType::Int64),
        field("p", DataType::Float64),
    ])
}

#[user_doc(
    doc_section(label = "Survival"),
    description = "How features change the hazard of leaving, from durations of which some are not over yet: the proportional hazards of Cox, by partial likelihood. The model is a STRUCT: model ('cox'), ties; terms, a list with term (the name), coef, hazard_ratio (exp(coef)), std_error, z, p and mean of each feature; ll and ll_null (log partial likelihood, with and without the features), concordance (of pairs of which one is known to have gone first, the share that the model has in that order; equal risks count half); n (rows), n_events, nulls (rows with a NULL argument or feature, left out) and dropped (rows left out because a figure is not finite, the duration negative, or the weight not above 0); l2, converged, iterations, note (also why rows were dropped); times and cumulative_hazard (Breslow's, of the customer whose features are the means); ph_test, a list with term, chi2 and p of each feature, and ph_global, a STRUCT with chi2, df and p of all at once: whether the hazards are proportional; unit_days (1 where durations were INTERVALs, which are told in days; NULL where they were numbers, of a unit of your own). A feature that is constant, or made up of the features before it, has coef 0 and no error; where the data separate, so that no finite coefficient is best, converged is false and std_error is NULL; note says which features. The model takes a feature to multiply the hazard by the same number at all times. ph_test looks whether it does, by the trend of the scaled Schoenfeld residuals over the share of customers who have gone before (Grambsch & Therneau 1994, over Kaplan and Meier's estimate as in R's cox.zph before survival 3.0, which makes a score test of it; lifelines counts the event itself as gone, too): the smaller p, the less a trend looks like chance, and with many features one p below 0.05 is no wonder, so look at ph_global first. Fit the early and the late time by themselves, or groups, where it fails. A weight counts as so many customers with ties => 'breslow', and nearly so with Efron's, where those who go at one time share its mean weight, as in R and lifelines. With l2 the test is cautious. chi2 and p are NULL where converged is false, where no two events are at different times, and of a feature that is left out. Without events the coefficients are NULL; without rows the model is, and where all are dropped n is 0. `cox_hazard`, `explain_cox`, `survival_at`, `median_survival` and `rmst` read it. Any order of rows gives the same bits. O(n log n + n p^2) for p features; memory: 8 bytes a number of a row. Cox 1972; Efron 1977; Breslow 1974; Grambsch & Therneau, Biometrika 81 (1994).",
    syntax_example = "cox_fit(duration, event, features [, ties, l2, weight])",
    sql_example = r#"```sql
SELECT t.term, round(t.coef, 4) AS coef, round(t.hazard_ratio, 3) AS hazard_ratio, round(t.p, 3) AS p FROM (
  SELECT unnest(cox_fit(days, gone, {'orders': orders, 'app': channel = 'app'}).terms) AS t FROM (VALUES
    (20, true, 1, 'web'), (35, true, 3, 'web'), (41, true, 1, 'app'), (60, true, 4, 'web'), (75, false, 2, 'app'), (80, true, 2, 'app'), (90, false, 5, 'web'), (90, false, 1, 'app')
  ) AS customers (days, gone, orders, channel));
-- orders | -1.8667 | 0.155 | 0.07
-- app | -6.0163 | 0.002 | 0.062
SELECT t.term, round(t.chi2, 3) AS chi2, round(t.p, 3) AS p FROM (
  SELECT unnest(cox_fit(days, gone, {'orders': orders, 'app': app}).ph_test) AS t FROM (VALUES
    (20, true, 1, 0), (35, true, 3, 0), (41, true, 1, 1), (60, true, 4, 0), (75, false, 2, 1), (80, true, 2, 1), (90, false, 5, 0), (90, false, 1, 1)
  ) AS customers (days, gone, orders, app));
-- orders | 1.608 | 0.205
-- app | 1.468 | 0.226
```"#,
    argument(
        name = "duration",
        description = "how long the customer was observed: a number in any unit, or an INTERVAL, which is told in days"
    ),
    argument(
        name = "event",
        description = "whether the event ended the duration; false: censored"
    ),
    argument(
        name = "features",
        description = "a STRUCT of numbers, conditions and lengths of time (in days), such as {'orders': orders, 'app': channel = 'app'}, or a list of numbers (named x1, x2, …); known when the duration began"
    ),
    argument(
        name = "ties",
        description = "how events at the same time are treated: 'efron' (default) or 'breslow'"
    ),
    argument(
        name = "l2",
        description = "ridge: subtracts half of l2 times the squared coefficients, of features in units of their standard deviation, from the log-likelihood; default 0"
    ),
    argument(name = "weight", description = "how much the row counts; default 1")
)]
#[derive(Debug)]
struct CoxFit;

/// What may be of several types becomes one.
fn coerce(types: &mut [DataType]) -> Result<()> {
    if let [duration, _, features, ..] = types {
        *duration = durations::coerce(NAME, DURATION.name, duration)?;
        *features = features::coerce(NAME, features)?;
    }
    Ok(())
}

/// The fit that the constants of a call ask for.
fn asked(args: &AccumulatorArgs) -> Result<Cox> {
    let constant = |name| args::constant(NAME, PARAMS, args.exprs, name);
    let ties = match constant("ties")? {
        v if v.is_null() => Ties::Efron,
        ScalarValue::Utf8(Some(t)) if t.eq_ignore_ascii_case("efron") => Ties::Efron,
        ScalarValue::Utf8(Some(t)) if t.eq_ignore_ascii_case("breslow") => Ties::Breslow,
        v => return plan_err!("{NAME}: ties '{v}' are unknown; use 'efron' or 'breslow'"),
    };
    let l2 = terms::l2(NAME, &constant("l2")?)?;
    let weighted = args::is_given(PARAMS, args.exprs, WEIGHT.name);
    let features = args.expr_fields.get(2).map(|f| f.data_type().clone());
    let unit_days = durations::unit_days(args);
    Ok(Cox { options: Options { ties, l2, weighted }, features, unit_days })
}

/// A row is an observation, its weight if there is one, and the features.
#[derive(Debug, Clone)]
struct Cox {
    options: Options,
    features: Option<DataType>,
    unit_days: Option<f64>,
}

impl Fit for Cox {
    const NAME: &'static str = NAME;

    fn read(&self, values: &[ArrayRef]) -> Result<Columns> {
        let Some(features) = values.get(2) else { return internal_err!("{NAME} needs features") };
        let mut numbers = observations(NAME, values, self.options.weighted.then_some(5))?;
        numbers.extend(features::columns(NAME, features)?);
        Ok(Columns { numbers, texts: None })
    }

    fn fault(&self, row: &[f64]) -> Option<Fault> {
        let lead = 1 + usize::from(self.options.weighted);
        match row.split_at_checked(lead) {
            Some(([o, ..], _)) if !observed::is_legal(*o) => Some(Fault::Duration),
            Some(([_, w], _)) if !(*w > 0.0 && w.is_finite()) => Some(Fault::Weight),
            Some((_, features)) if features.iter().all(|v| v.is_finite()) => None,
            _ => Some(Fault::Feature),
        }
    }

    fn answers(&self, groups: &[Group], _labels: &[String]) -> Result<ArrayRef> {
        let many = groups.len();
        let mut terms = TermLists::new(many, TERMS.len());
        let mut tests = TermLists::new(many, TESTS.len());
        let mut global = Vec::with_capacity(many);
        let (mut times, mut hazards) =
            (FloatLists::with_capacity(many, 0), FloatLists::with_capacity(many, 0));
        let mut figures: [Vec<Option<f64>>; 3] = Default::default();
        let (mut events, mut iterations, mut converged) = (vec![], vec![], vec![]);
        let mut notes = StringBuilder::new();
        let mut valid = NullBufferBuilder::new(many);
        let lead = 1 + usize::from(self.options.weighted);
        for group in groups {
            let width = group.width.saturating_sub(lead);
            let names = features::names(self.features.as_ref(), width);
            let fitted = fit(&group.rows, width, self.options);
            let nothing = fitted.events == 0.0;
            let optimum = &fitted.optimum;
            for (i, (name, mean)) in names.iter().zip(&fitted.means).enumerate() {
                let [coef, ratio, error, z, p] =
                    if nothing { [None; 5] } else { estimates(optimum, i) };
                terms.push(name, [coef, ratio, error, z, p, (group.len() > 0).then_some(*mean)]);
                let tested = fitted.proportional.as_ref();
                let tested = tested.and_then(|t| t.features.get(i).copied().flatten());
                tests.push(name, [tested.map(|t| t.chi2), tested.map(|t| t.p)]);
            }
            terms.end()?;
            tests.end()?;
            global.push(fitted.proportional.as_ref().and_then(|t| t.all));
            times.push(&fitted.times)?;
            hazards.push(&fitted.hazard)?;
            let of = |value: f64| (!nothing).then_some(value);
            let told = [of(optimum.ll), of(optimum.ll_start), fitted.concordance];
            figures.iter_mut().zip(told).for_each(|(to, v)| to.push(v));
            events.push(count(
                group.iter().filter(|r| r.first().is_some_and(|d| d.is_sign_positive())).count(),
            ));
            iterations.push(count(optimum.iterations));
            converged.push(optimum.converged && !nothing);
            notes.append_option(group.note(if group.len() == 0 {
                Some(NO_ROW.to_string())
            } else if nothing {
                Some("no events, so nothing can be told of what leads to them".to_string())
            } else {
                note(optimum, |i| names.get(i).cloned().unwrap_or_default())
            }));
            valid.append(group.tells());
        }
        let text = |text: &str| -> ArrayRef {
            Arc::new(StringArray::from_iter_values(groups.iter().map(|_| text)))
        };
        let counts = |of: &dyn Fn(&Group) -> i64| -> ArrayRef {
            Arc::new(groups.iter().map(|g| Some(of(g))).collect::<Int64Array>())
        };
        let ties = if self.options.ties == Ties::Efron { "efron" } else { "breslow" };
        let mut columns: Vec<ArrayRef> = vec![text("cox"), text(ties), terms.finish(&TERMS)?];
        columns.extend(figures.map(|f| numbers(f.into_iter())));
        columns.extend([
            counts(&|g| count(g.len())),
            Arc::new(Int64Array::from(events)),
            counts(&|g| g.nulls),
            counts(&|g| g.dropped.total()),
            Arc::new(Float64Array::from(vec![self.options.l2; many])),
            Arc::new(BooleanArray::from(converged)),
            Arc::new(Int64Array::from(iterations)),
            Arc::new(notes.finish()),
            times.finish()?,
            hazards.finish()?,
            tests.finish(&TESTS)?,
            globals(&global)?,
            numbers(groups.iter().map(|_| self.unit_days)),
        ]);
        Ok(Arc::new(StructArray::try_new(model_fields(), columns, valid.finish())?))
    }

    fn answer_size(&self, groups: usize, rows: usize) -> usize {
        // two lists of times; terms of features, whose number is not known without rows
        let features = match &self.features {
            Some(DataType::Struct(fields)) => fields.len(),
            _ => 32,
        };
        rows * 2 * 2 * size_of::<f64>() + groups * (features * 280 + 553)
    }
}

/// The tests of all features at once; NULL where there is none.
fn globals(tests: &[Option<ChiSquare>]) -> Result<ArrayRef> {
    let numbers =
        |of: &dyn Fn(&ChiSquare) -> f64| numbers(tests.iter().map(|t| t.as_ref().map(of)));
    let df: Int64Array = tests.iter().map(|t| t.as_ref().map(|t| count(t.df))).collect();
    let columns = vec![numbers(&|t| t.chi2), Arc::new(df) as ArrayRef, numbers(&|t| t.p)];
    let valid = tests.iter().map(Option::is_some).collect();
    Ok(Arc::new(StructArray::try_new(global_fields(), columns, Some(valid))?))
}
