//! `km_fit(duration, event [, weight, entry])`: the curve of survival of a group, by Kaplan and Meier.
//!
//! Rows with a NULL are counted in `nulls`, but a NULL entry is the start; rows that cannot be are
//! counted in `dropped`, and `note` says why. Without rows NULL; where all are dropped, `n` is 0. At
//! equal times an event comes before what is censored, and both before who comes in. Any order of
//! rows gives the same bits. O(n log n); 8 bytes a row, 8 more each for a weight and an entry, and 64
//! for each distinct duration at the end.

use std::sync::{Arc, LazyLock};

use datafusion::arrow::array::{
    ArrayRef, Float64Array, Int64Array, NullBufferBuilder, StringArray, StringBuilder, StructArray,
};
use datafusion::arrow::datatypes::{DataType, Fields};
use datafusion::common::{Result, internal_err};
use datafusion::logical_expr::AggregateUDF;
use datafusion::logical_expr::function::AccumulatorArgs;
use datafusion_macros::user_doc;

use super::arguments::{DURATION, EVENT, WEIGHT, observations};
use super::delayed::{self, Delayed, kaplan_meier_delayed};
use super::km::{Curve, kaplan_meier};
use super::observed;
use crate::args::{self, Fill, Param, Ty, option};
use crate::fitting::aggregate::{Columns, Fit, Group, NO_ROW};
use crate::fitting::answers::{FloatLists, count, field, floats, numbers};
use crate::fitting::durations;
use crate::fitting::faults::Fault;
use crate::fitting::function::{Calls, FitFunction};

const NAME: &str = "km_fit";
const ENTRY: Param = option("entry", Ty::Any, Fill::Null);
const PARAMS: &[Param] = &[DURATION, EVENT, WEIGHT, ENTRY];

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
    fields.push(field("note", DataType::Utf8));
    fields.push(field("unit_days", DataType::Float64));
    Fields::from(fields)
}

const LISTS: [&str; 8] =
    ["times", "at_risk", "events", "censored", "survival", "std_error", "ci_low", "ci_high"];
const COUNTS: [&str; 4] = ["n", "n_events", "nulls", "dropped"];

#[user_doc(
    doc_section(label = "Survival"),
    description = "How long customers stay, from durations of which some are not over yet: the product-limit estimate of Kaplan and Meier. The model is a STRUCT: model ('km'); the lists times (distinct durations, in order), at_risk (whose duration is at least that, and who came in before), events and censored (at that time), survival (the share that stays longer), std_error (Greenwood) and ci_low, ci_high (95 %, by log(-log S)); n (rows), n_events, nulls (rows with a NULL duration, event or weight, left out) and dropped (rows left out because the duration is negative or not finite, the weight not above 0, or the entry negative or not before the duration); note (why rows were dropped, and where the curve stands on nobody) and unit_days (1 where durations were INTERVALs, which are told in days; NULL where they were numbers, of a unit of your own). An event comes before what is censored at the same time. Errors and limits are NULL where survival is 0. With an entry (left truncation) a customer is at risk at the times after it alone, entry < t <= duration, for whoever had gone before could not come in: a bank's list of today's accounts has none of those that were closed last year, and without entry their owners would seem to stay longer than they do. The curve is then of those who stayed until the first entry, and where nobody was at risk for a while it stays level, since nothing is known. If all who are at risk go while others come in later, survival is 0 from there on, by the definition of the estimate; it happens where few come in early, and a later start (rows that last longer than some time, with an entry of at least that time) avoids it. note says each of the three. Without rows the model is NULL, and where all are dropped n is 0. `survival_at`, `median_survival`, `survival_quantile` and `rmst` read it; a curve is unnested to rows as in the example. Put a model as a subquery, `survival_at((SELECT km_fit(…) FROM …), 90)`, where all rows ask the same one: joined, its lists travel with every row. Any order of rows gives the same bits. O(n log n); memory: 8 bytes a row, 8 more each for a weight and an entry, and 64 for each distinct duration at the end. Kaplan & Meier 1958; Tsai, Jewell & Wang 1987.",
    syntax_example = "km_fit(duration, event [, weight, entry])",
    sql_example = r#"```sql
SELECT unnest(m.times) AS days, unnest(m.at_risk) AS at_risk, unnest(m.events) AS events, round(unnest(m.survival), 4) AS survival
FROM (SELECT km_fit(days, gone) AS m FROM (VALUES (30, true), (30, true), (45, false), (60, true), (90, false), (90, false)) AS customers (days, gone));
-- 30.0 | 6.0 | 2.0 | 0.6667
-- 45.0 | 4.0 | 0.0 | 0.6667
-- 60.0 | 3.0 | 1.0 | 0.4444
-- 90.0 | 2.0 | 0.0 | 0.4444
SELECT unnest(m.times) AS days, unnest(m.at_risk) AS at_risk, round(unnest(m.survival), 4) AS survival
FROM (SELECT km_fit(days, gone, entry => entry) AS m FROM (VALUES (30, true, 0), (45, true, NULL), (50, false, 30), (60, true, 45), (90, false, 20)) AS accounts (days, gone, entry));
-- 30.0 | 3.0 | 0.6667
-- 45.0 | 3.0 | 0.4444
-- 50.0 | 3.0 | 0.4444
-- 60.0 | 2.0 | 0.2222
-- 90.0 | 1.0 | 0.2222
```"#,
    argument(
        name = "duration",
        description = "how long the customer was observed: a number in any unit, or an INTERVAL, which is told in days (a month has 30)"
    ),
    argument(
        name = "event",
        description = "whether the event (leaving) ended the duration; false: censored, the customer was still there when it was measured"
    ),
    argument(name = "weight", description = "how many customers the row stands for; default 1"),
    argument(
        name = "entry",
        description = "how long the customer had been there when observation began, in the unit of duration, or an INTERVAL; below duration, and only a customer who had not gone by then can be in the data; NULL or 0: observed from the start, as all are by default"
    )
)]
#[derive(Debug)]
struct KmFit;

/// What may be of several types becomes one.
fn coerce(types: &mut [DataType]) -> Result<()> {
    if let Some(duration) = types.first_mut() {
        *duration = durations::coerce(NAME, DURATION.name, duration)?;
    }
    if let Some(entry) = types.get_mut(3) {
        *entry = durations::coerce(NAME, ENTRY.name, entry)?;
    }
    Ok(())
}

/// The fit that the constants of a call ask for.
fn asked(args: &AccumulatorArgs) -> Result<Km> {
    let given = |param: Param| args::is_given(PARAMS, args.exprs, param.name);
    let unit_days = durations::unit_days(args);
    Ok(Km { weighted: given(WEIGHT), delayed: given(ENTRY), unit_days })
}

/// A row is an observation, its weight if there is one, and its entry if there is one.
#[derive(Debug, Clone)]
struct Km {
    weighted: bool,
    delayed: bool,
    unit_days: Option<f64>,
}

impl Km {
    /// The weight and the entry of a row.
    fn extras(&self, row: &[f64]) -> (f64, f64) {
        let entry = if self.delayed { row.last().copied() } else { None };
        let weight = if self.weighted { row.get(1).copied() } else { None };
        (weight.unwrap_or(1.0), entry.unwrap_or(0.0))
    }

    /// The curve of a group, and what has to be known to read it.
    fn curve(&self, group: &Group) -> (Curve, Option<String>) {
        if self.delayed {
            let row = |row: &[f64]| {
                let (weight, entry) = self.extras(row);
                Some(Delayed { observation: row.first().copied()?, weight, entry })
            };
            let rows: Vec<Delayed> = group.iter().filter_map(row).collect();
            let fitted = kaplan_meier_delayed(&rows);
            let note = fitted.note();
            return (fitted.curve, note);
        }
        if self.weighted {
            let observations: Vec<f64> =
                group.iter().filter_map(|row| row.first().copied()).collect();
            let weights: Vec<f64> = group.iter().map(|row| self.extras(row).0).collect();
            return (kaplan_meier(&observations, Some(&weights)), None);
        }
        (kaplan_meier(&group.rows, None), None)
    }
}

impl Fit for Km {
    const NAME: &'static str = NAME;

    fn read(&self, values: &[ArrayRef]) -> Result<Columns> {
        let mut numbers = observations(NAME, values, self.weighted.then_some(2))?;
        if self.delayed {
            let Some(entries) = values.get(3) else { return internal_err!("{NAME} needs entries") };
            let entries = durations::days(NAME, ENTRY.name, entries)?;
            // adding 0 makes −0 a 0
            let entries = entries.iter().map(|entry| Some(entry.unwrap_or(0.0) + 0.0));
            numbers.push(entries.collect::<Float64Array>());
        }
        Ok(Columns { numbers, texts: None })
    }

    fn fault(&self, row: &[f64]) -> Option<Fault> {
        let Some(&observation) = row.first() else { return Some(Fault::Duration) };
        let (weight, entry) = self.extras(row);
        if !observed::is_legal(observation) {
            Some(Fault::Duration)
        } else if !(weight > 0.0 && weight.is_finite()) {
            Some(Fault::Weight)
        } else if entry == 0.0 || entry > 0.0 && entry < observation.abs() {
            None
        } else {
            Some(Fault::Entry)
        }
    }

    fn answers(&self, groups: &[Group], _labels: &[String]) -> Result<ArrayRef> {
        let rows: usize = groups.iter().map(Group::len).sum();
        // most durations are shared by several customers
        let mut lists: [FloatLists; 8] =
            std::array::from_fn(|_| FloatLists::with_capacity(groups.len(), rows / 8));
        let mut counts: [Vec<i64>; 4] = std::array::from_fn(|_| Vec::with_capacity(groups.len()));
        let mut notes = StringBuilder::new();
        let mut valid = NullBufferBuilder::new(groups.len());
        for group in groups {
            let (curve, trouble) = self.curve(group);
            let trouble = if group.len() == 0 { Some(NO_ROW.to_string()) } else { trouble };
            notes.append_option(group.tells().then(|| group.note(trouble)).flatten());
            let events =
                group.iter().filter(|row| row.first().is_some_and(|d| d.is_sign_positive()));
            let numbers =
                [count(group.len()), count(events.count()), group.nulls, group.dropped.total()];
            counts.iter_mut().zip(numbers).for_each(|(to, n)| to.push(n));
            valid.append(group.tells());
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
        columns.push(Arc::new(notes.finish()));
        columns.push(numbers(groups.iter().map(|_| self.unit_days)));
        Ok(Arc::new(StructArray::try_new(model_fields(), columns, valid.finish())?))
    }

    fn answer_size(&self, groups: usize, rows: usize) -> usize {
        // eight lists that grow to twice what they hold, their ends, four counts, the name and the
        // end of the note
        let note = size_of::<i32>() + if self.delayed { delayed::NOTE } else { 0 };
        rows * 8 * 2 * size_of::<f64>()
            + groups * (size_of::<[i32; 8]>() + size_of::<[i64; 4]>() + 25 + note)
    }
}
