//! `km_fit(duration, event [, weight])`: the curve of survival of a group, by Kaplan and Meier.
//!
//! Rows with a NULL are counted in `nulls`, rows that cannot be in `dropped`; no row left gives
//! NULL. At equal times an event comes before what is censored. Any order of rows gives the same
//! bits. O(n log n); 8 bytes a row, 16 with a weight, and 64 for each distinct duration at the end.

use std::sync::{Arc, LazyLock};

use datafusion::arrow::array::{ArrayRef, Int64Array, NullBufferBuilder, StringArray, StructArray};
use datafusion::arrow::datatypes::{DataType, Fields};
use datafusion::common::Result;
use datafusion::logical_expr::AggregateUDF;
use datafusion::logical_expr::function::AccumulatorArgs;
use datafusion_macros::user_doc;

use super::arguments::{DURATION, EVENT, WEIGHT, observations};
use super::km::{Curve, kaplan_meier};
use super::observed;
use crate::args::{self, Param};
use crate::fitting::aggregate::{Columns, Fit, Group};
use crate::fitting::answers::{FloatLists, count, field, floats};
use crate::fitting::durations;
use crate::fitting::function::{Calls, FitFunction};

const NAME: &str = "km_fit";
const PARAMS: &[Param] = &[DURATION, EVENT, WEIGHT];

static UDAF: LazyLock<Arc<AggregateUDF>> =
    LazyLock::new(|| Arc::new(AggregateUDF::from(FitFunction::new(&CALLS, KmFit.doc()))));

static CALLS: Calls<Km> = Calls {
    params: PARAMS,
    coerce,
    fields: model_fields,
    labelled: false,
    distinct: "DISTINCT would drop customers who are alike; leave it out, or group them and give their number as weight",
    asked,
};

/// The aggregate `km_fit`.
pub fn km_fit_udaf() -> Arc<AggregateUDF> {
    Arc::clone(&UDAF)
}

/// The fields of a curve.
fn model_fields() -> Fields {
    let mut fields = vec![field("model", DataType::Utf8)];
    fields.extend(LISTS.map(floats));
    fields.extend(COUNTS.map(|name| field(name, DataType::Int64)));
    Fields::from(fields)
}

const LISTS: [&str; 8] =
    ["times", "at_risk", "events", "censored", "survival", "std_error", "ci_low", "ci_high"];
const COUNTS: [&str; 4] = ["n", "n_events", "nulls", "dropped"];

#[user_doc(
    doc_section(label = "Survival"),
    description = "How long customers stay, from durations of which some are not over yet: the product-limit estimate of Kaplan and Meier. The model is a STRUCT: model ('km'); the lists times (distinct durations, in order), at_risk (whose duration is at least that), events and censored (at that time), survival (the share that stays longer), std_error (Greenwood) and ci_low, ci_high (95 %, by log(-log S)); n (rows), n_events, nulls (rows with a NULL argument, left out) and dropped (rows left out because the duration is negative or not finite, or the weight is not above 0). An event comes before what is censored at the same time. Errors and limits are NULL where survival is 0. Without rows the model is NULL. `survival_at`, `median_survival`, `survival_quantile` and `rmst` read it; a curve is unnested to rows as in the example. Put a model as a subquery, `survival_at((SELECT km_fit(…) FROM …), 90)`, where all rows ask the same one: joined, its lists travel with every row. Any order of rows gives the same bits. O(n log n); memory: 8 bytes a row, 16 with a weight, and 64 for each distinct duration at the end. Kaplan & Meier 1958.",
    syntax_example = "km_fit(duration, event [, weight])",
    sql_example = r#"```sql
SELECT unnest(m.times) AS days, unnest(m.at_risk) AS at_risk, unnest(m.events) AS events, round(unnest(m.survival), 4) AS survival
FROM (SELECT km_fit(days, gone) AS m FROM (VALUES (30, true), (30, true), (45, false), (60, true), (90, false), (90, false)) AS customers (days, gone));
-- 30.0 | 6.0 | 2.0 | 0.6667
-- 45.0 | 4.0 | 0.0 | 0.6667
-- 60.0 | 3.0 | 1.0 | 0.4444
-- 90.0 | 2.0 | 0.0 | 0.4444
```"#,
    argument(
        name = "duration",
        description = "how long the customer was observed: a number in any unit, or an INTERVAL, which is told in days (a month has 30)"
    ),
    argument(
        name = "event",
        description = "whether the event (leaving) ended the duration; false: censored, the customer was still there when it was measured"
    ),
    argument(name = "weight", description = "how many customers the row stands for; default 1")
)]
#[derive(Debug)]
struct KmFit;

/// What may be of several types becomes one.
fn coerce(types: &mut [DataType]) -> Result<()> {
    if let Some(duration) = types.first_mut() {
        *duration = durations::coerce(NAME, DURATION.name, duration)?;
    }
    Ok(())
}

/// The fit that the constants of a call ask for.
fn asked(args: &AccumulatorArgs) -> Result<Km> {
    let weighted = args::is_given(PARAMS, args.exprs, WEIGHT.name);
    Ok(Km { weighted })
}

/// A row is an observation, and its weight if there is one.
#[derive(Debug, Clone)]
struct Km {
    weighted: bool,
}

impl Fit for Km {
    const NAME: &'static str = NAME;

    fn read(&self, values: &[ArrayRef]) -> Result<Columns> {
        let numbers = observations(NAME, values, self.weighted.then_some(2))?;
        Ok(Columns { numbers, texts: None })
    }

    fn is_legal(&self, row: &[f64]) -> bool {
        match row {
            [duration] => observed::is_legal(*duration),
            [duration, weight] => {
                observed::is_legal(*duration) && *weight > 0.0 && weight.is_finite()
            }
            _ => false,
        }
    }

    fn answers(&self, groups: &[Group], _labels: &[String]) -> Result<ArrayRef> {
        let rows: usize = groups.iter().map(Group::len).sum();
        // most durations are shared by several customers
        let mut lists: [FloatLists; 8] =
            std::array::from_fn(|_| FloatLists::with_capacity(groups.len(), rows / 8));
        let mut counts: [Vec<i64>; 4] = std::array::from_fn(|_| Vec::with_capacity(groups.len()));
        let mut valid = NullBufferBuilder::new(groups.len());
        for group in groups {
            let (observations, weights): (Vec<f64>, Vec<f64>);
            let curve = if group.width == 2 {
                observations = group.iter().filter_map(|row| row.first().copied()).collect();
                weights = group.iter().filter_map(|row| row.get(1).copied()).collect();
                kaplan_meier(&observations, Some(&weights))
            } else {
                kaplan_meier(&group.rows, None)
            };
            let events =
                group.iter().filter(|row| row.first().is_some_and(|d| d.is_sign_positive()));
            let numbers = [count(group.len()), count(events.count()), group.nulls, group.dropped];
            counts.iter_mut().zip(numbers).for_each(|(to, n)| to.push(n));
            valid.append(group.len() > 0);
            let Curve { times, at_risk, events, censored, survival, std_error, ci_low, ci_high } =
                curve;
            let [t, n, d, c, s, e, low, high] = &mut lists;
            for (to, list) in [(t, times), (n, at_risk), (d, events), (c, censored), (s, survival)]
            {
                to.push(&list)?;
            }
            for (to, list) in [(e, std_error), (low, ci_low), (high, ci_high)] {
                to.push_options(&list)?;
            }
        }
        let model = StringArray::from_iter_values(groups.iter().map(|_| "km"));
        let mut columns: Vec<ArrayRef> = vec![Arc::new(model)];
        for list in lists {
            columns.push(list.finish()?);
        }
        columns.extend(counts.map(|c| Arc::new(Int64Array::from(c)) as ArrayRef));
        Ok(Arc::new(StructArray::try_new(model_fields(), columns, valid.finish())?))
    }

    fn answer_size(&self, groups: usize, rows: usize) -> usize {
        // eight lists that grow to twice what they hold, their ends, four counts and the name
        rows * 8 * 2 * size_of::<f64>()
            + groups * (size_of::<[i32; 8]>() + size_of::<[i64; 4]>() + 16)
    }
}
