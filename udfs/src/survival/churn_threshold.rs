//! `churn_threshold(gap, censored [, method, p, alpha_weight])`: after how long a silence a customer
//! counts as gone.
//!
//! Rows with a NULL are counted in `nulls`, rows that cannot be in `dropped`; fewer than 30 gaps give
//! NULL. Any order of rows gives the same bits. O(n log n); 8 bytes a row, and 24 for each distinct
//! length at the end.

use std::sync::{Arc, LazyLock};

use datafusion::arrow::array::{
    ArrayRef, Float64Array, Int64Array, NullBufferBuilder, StringArray, StructArray,
};
use datafusion::arrow::datatypes::{DataType, Field, Fields};
use datafusion::common::{Result, ScalarValue, internal_err, plan_err};
use datafusion::logical_expr::AggregateUDF;
use datafusion::logical_expr::function::AccumulatorArgs;
use datafusion_macros::user_doc;

use super::arguments::observations;
use super::observed;
use super::silence::{Errors, curve, least_error, percentile, whole_days};
use crate::args::{self, Fill, Param, Ty, option, required};
use crate::fitting::aggregate::{Columns, Fit, Group};
use crate::fitting::answers::{count, field, numbers};
use crate::fitting::durations;
use crate::fitting::faults::Fault;
use crate::fitting::function::{Calls, FitFunction};
use crate::lists::{Lists, item};

const NAME: &str = "churn_threshold";
const PARAMS: &[Param] = &[
    required("gap", Ty::Any),
    required("censored", Ty::Bool),
    option("method", Ty::Text, Fill::Text("dcurve")),
    option("p", Ty::Float, Fill::Float(0.9)),
    option("alpha_weight", Ty::Float, Fill::Float(0.5)),
];
/// Fewer gaps say nothing.
const LEAST: usize = 30;

static UDAF: LazyLock<Arc<AggregateUDF>> =
    LazyLock::new(|| Arc::new(AggregateUDF::from(FitFunction::new(&CALLS, ChurnThreshold.doc()))));

static CALLS: Calls<Threshold> = Calls {
    params: PARAMS,
    coerce,
    fields: model_fields,
    labelled: false,
    distinct: "DISTINCT would drop gaps that are alike; leave it out",
    asked,
};

/// The aggregate `churn_threshold`.
pub fn churn_threshold_udaf() -> Arc<AggregateUDF> {
    Arc::clone(&UDAF)
}

/// The fields of an answer.
fn model_fields() -> Fields {
    Fields::from(vec![
        field("method", DataType::Utf8),
        field("days", DataType::Float64),
        field("type1", DataType::Float64),
        field("type2", DataType::Float64),
        field("curve", DataType::List(item(&DataType::Struct(curve_fields())))),
        field("n", DataType::Int64),
        field("n_open", DataType::Int64),
        field("nulls", DataType::Int64),
        field("dropped", DataType::Int64),
    ])
}

fn curve_fields() -> Fields {
    let number = |name| Field::new(name, DataType::Float64, true);
    ["days", "type1", "type2"].into_iter().map(number).collect()
}

#[user_doc(
    doc_section(label = "Survival"),
    description = "After how many days of silence a customer counts as gone, where no contract says so, from the gaps between purchases and the gaps that are still open. Two errors are made by calling everybody gone who is silent for more than so many days: type1 is the share of the gaps that ended which were longer (called gone, and came back), type2 the share of the open gaps which are not (gone, and not called so). The D-curve (Indeed 2020), method 'dcurve', takes the days with the least alpha_weight * type1 + (1 - alpha_weight) * type2, the fewest where several are as good. Method 'percentile' takes the days by which a share p of gaps has ended, open gaps taken as not ended yet (Kaplan-Meier), since a percentile of ended gaps alone calls customers gone too soon. STRUCT: method, days, the errors type1 and type2 there, curve (a list of days, type1 and type2 for each length that occurs), n (gaps), n_open, nulls (rows with a NULL argument, left out) and dropped (gaps left out, negative or not finite). Gaps count as whole days, rounded up. days is NULL where no gap is open or none ended ('dcurve'), or where fewer than p ended in what was observed ('percentile'). NULL for fewer than 30 gaps. Let the open gap of a customer run from the last purchase to tenure.as_of. Any order of rows gives the same bits. O(n log n); memory: 8 bytes a row, and 24 for each distinct length at the end.",
    syntax_example = "churn_threshold(gap, censored [, method, p, alpha_weight])",
    sql_example = r#"```sql
WITH gaps AS (SELECT 5 + i % 20 AS gap, false AS open FROM generate_series(1, 60) AS t(i) UNION ALL SELECT 12 * i, true FROM generate_series(1, 10) AS t(i))
SELECT d.days, d.type1, d.type2, d.n, d.n_open, p.days AS p80 FROM (
  SELECT churn_threshold(gap, open) AS d, churn_threshold(gap, open, 'percentile', 0.8) AS p FROM gaps);
-- 23.0 | 0.05 | 0.1 | 70 | 10 | 23.0
```"#,
    argument(
        name = "gap",
        description = "days from a purchase to the next, or to now if there was none: a number or an INTERVAL"
    ),
    argument(name = "censored", description = "whether the gap is still open"),
    argument(name = "method", description = "'dcurve' (default) or 'percentile'"),
    argument(
        name = "p",
        description = "for 'percentile': the share, above 0 and below 1; default 0.9"
    ),
    argument(
        name = "alpha_weight",
        description = "for 'dcurve': how much type1 counts, from 0 to 1; default 0.5"
    )
)]
#[derive(Debug)]
struct ChurnThreshold;

/// What may be of several types becomes one.
fn coerce(types: &mut [DataType]) -> Result<()> {
    if let Some(gap) = types.first_mut() {
        *gap = durations::coerce(NAME, "gap", gap)?;
    }
    Ok(())
}

/// The fit that the constants of a call ask for.
fn asked(args: &AccumulatorArgs) -> Result<Threshold> {
    let constant = |name| args::constant(NAME, PARAMS, args.exprs, name);
    let p = match constant("p")? {
        ScalarValue::Float64(Some(p)) if p > 0.0 && p < 1.0 => p,
        v if v.is_null() => 0.9,
        v => return plan_err!("{NAME}: p must be a share above 0 and below 1, got {v}"),
    };
    let alpha = match constant("alpha_weight")? {
        ScalarValue::Float64(Some(a)) if (0.0..=1.0).contains(&a) => a,
        v if v.is_null() => 0.5,
        v => return plan_err!("{NAME}: alpha_weight must be from 0 to 1, got {v}"),
    };
    let method = match constant("method")? {
        v if v.is_null() => Method::DCurve(alpha),
        ScalarValue::Utf8(Some(m)) if m.eq_ignore_ascii_case("dcurve") => Method::DCurve(alpha),
        ScalarValue::Utf8(Some(m)) if m.eq_ignore_ascii_case("percentile") => Method::Percentile(p),
        v => {
            return plan_err!("{NAME}: method '{v}' is unknown; use 'dcurve' or 'percentile'");
        }
    };
    Ok(Threshold { method })
}

#[derive(Debug, Clone, Copy)]
enum Method {
    /// with the weight of type I
    DCurve(f64),
    Percentile(f64),
}

/// A row is a gap; an event ends it.
#[derive(Debug, Clone)]
struct Threshold {
    method: Method,
}

impl Fit for Threshold {
    const NAME: &'static str = NAME;

    fn read(&self, values: &[ArrayRef]) -> Result<Columns> {
        let observed = observations(NAME, values, None)?;
        let Some(open) = observed.first() else { return internal_err!("{NAME} needs gaps") };
        // what is open has not ended
        let gaps: Float64Array = open.unary(|gap| whole_days(-gap));
        Ok(Columns { numbers: vec![gaps], texts: None })
    }

    fn fault(&self, row: &[f64]) -> Option<Fault> {
        row.first().is_none_or(|gap| !observed::is_legal(*gap)).then_some(Fault::Duration)
    }

    fn answers(&self, groups: &[Group], _labels: &[String]) -> Result<ArrayRef> {
        let mut lists = Lists::with_capacity(groups.len());
        let mut of_curves: [Vec<Option<f64>>; 3] = Default::default();
        let mut answers: [Vec<Option<f64>>; 3] = Default::default();
        let mut valid = NullBufferBuilder::new(groups.len());
        for group in groups {
            let told = group.len() >= LEAST;
            valid.append(told);
            let curve = if told { curve(&group.rows) } else { vec![] };
            let days = match self.method {
                Method::DCurve(alpha) => least_error(&curve, alpha),
                Method::Percentile(p) => told.then(|| percentile(&group.rows, p)).flatten(),
            };
            let at = days.and_then(|days| curve.iter().find(|e| e.days == days));
            let errors = [days, at.and_then(|e| e.type1), at.and_then(|e| e.type2)];
            answers.iter_mut().zip(errors).for_each(|(to, v)| to.push(v));
            for &Errors { days, type1, type2 } in &curve {
                of_curves.iter_mut().zip([Some(days), type1, type2]).for_each(|(to, v)| to.push(v));
            }
            lists.end_at(of_curves.first().map_or(0, Vec::len))?;
        }
        let method = match self.method {
            Method::DCurve(_) => "dcurve",
            Method::Percentile(_) => "percentile",
        };
        let columns = of_curves.map(|c| numbers(c.into_iter()));
        let curves = StructArray::try_new(curve_fields(), columns.into(), None)?;
        let counts = |of: &dyn Fn(&Group) -> i64| -> ArrayRef {
            Arc::new(groups.iter().map(|g| Some(of(g))).collect::<Int64Array>())
        };
        let open = |g: &Group| count(g.rows.iter().filter(|gap| gap.is_sign_negative()).count());
        let mut columns: Vec<ArrayRef> =
            vec![Arc::new(StringArray::from_iter_values(groups.iter().map(|_| method)))];
        columns.extend(answers.map(|a| numbers(a.into_iter())));
        columns.push(Lists::column(&lists.finish(), Arc::new(curves))?);
        columns.extend([
            counts(&|g| count(g.len())),
            counts(&open),
            counts(&|g| g.nulls),
            counts(&|g| g.dropped.total()),
        ]);
        Ok(Arc::new(StructArray::try_new(model_fields(), columns, valid.finish())?))
    }

    fn answer_size(&self, groups: usize, rows: usize) -> usize {
        rows * 2 * 3 * size_of::<f64>() + groups * 12 * size_of::<f64>()
    }
}
