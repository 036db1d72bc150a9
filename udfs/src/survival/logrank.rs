//! `logrank(duration, event, by [, weighting, p, q])`: whether groups differ in how long they stay.
//!
//! Rows with a NULL are counted in `nulls`, rows that cannot be in `dropped`. Without rows NULL; where
//! all are dropped, `n` is 0. Any order of rows gives the same bits. O(n log n + t g²) for n rows, t times of events and
//! g groups; 16 bytes a row.

use std::sync::{Arc, LazyLock};

use datafusion::arrow::array::{
    ArrayRef, AsArray, Float64Array, Int64Array, NullBufferBuilder, StringArray, StringBuilder,
    StructArray,
};
use datafusion::arrow::datatypes::{DataType, Field, Fields};
use datafusion::common::{Result, ScalarValue, exec_err, internal_err, plan_err};
use datafusion::logical_expr::AggregateUDF;
use datafusion::logical_expr::function::AccumulatorArgs;
use datafusion_macros::user_doc;

use super::arguments::{DURATION, EVENT, observations};
use super::compare::{Weighting, compare};
use super::observed;
use crate::args::{self, Fill, Param, Ty, option, required};
use crate::fitting::aggregate::{Columns, Fit, Group, place};
use crate::fitting::answers::{count, field, numbers};
use crate::fitting::durations;
use crate::fitting::faults::Fault;
use crate::fitting::function::{Calls, FitFunction};
use crate::lists::{Lists, item};

const NAME: &str = "logrank";
const PARAMS: &[Param] = &[
    DURATION,
    EVENT,
    required("by", Ty::Any),
    option("weighting", Ty::Text, Fill::Text("logrank")),
    option("p", Ty::Float, Fill::Float(1.0)),
    option("q", Ty::Float, Fill::Float(0.0)),
];

static UDAF: LazyLock<Arc<AggregateUDF>> =
    LazyLock::new(|| Arc::new(AggregateUDF::from(FitFunction::new(&CALLS, LogRank.doc()))));

static CALLS: Calls<Test> = Calls {
    params: PARAMS,
    coerce,
    fields: model_fields,
    labelled: true,
    distinct: "DISTINCT would drop customers who are alike; leave it out",
    asked,
};

/// The aggregate `logrank`.
pub fn logrank_udaf() -> Arc<AggregateUDF> {
    Arc::clone(&UDAF)
}

/// The fields of an answer.
fn model_fields() -> Fields {
    Fields::from(vec![
        field("test", DataType::Utf8),
        field("chi2", DataType::Float64),
        field("df", DataType::Int64),
        field("p", DataType::Float64),
        field("groups", DataType::List(item(&DataType::Struct(group_fields())))),
        field("n", DataType::Int64),
        field("n_events", DataType::Int64),
        field("nulls", DataType::Int64),
        field("dropped", DataType::Int64),
    ])
}

fn group_fields() -> Fields {
    Fields::from(vec![
        Field::new("group", DataType::Utf8, true),
        Field::new("n", DataType::Int64, true),
        Field::new("observed", DataType::Int64, true),
        Field::new("expected", DataType::Float64, true),
    ])
}

#[user_doc(
    doc_section(label = "Survival"),
    description = "Whether groups of customers differ in how long they stay, beyond chance: the log-rank test of any number of groups. STRUCT: test; chi2, df and p (the smaller, the less the difference looks like chance); groups, a list in order of group with group (as text), n (rows), observed (events) and expected (events if all groups were alike); n (rows), n_events, nulls (rows with a NULL argument, left out) and dropped (rows left out because the duration is negative or not finite). chi2 and p are NULL where nothing can be compared: fewer than two groups, or no event while several are there. Weightings let some times count more: 'logrank' all alike, 'wilcoxon' (Gehan, Breslow) by those at risk, 'tarone_ware' by the root of it, 'peto' by survival, 'fleming_harrington' by survival^p * (1 - survival)^q. Observed and expected are not weighted. At most 1,000 groups. Without rows NULL; where all are dropped n is 0. Any order of rows gives the same bits. O(n log n); memory: 16 bytes a row. Mantel 1966; Fleming & Harrington 1981.",
    syntax_example = "logrank(duration, event, by [, weighting, p, q])",
    sql_example = r#"```sql
SELECT round(t.chi2, 4) AS chi2, t.df, round(t.p, 4) AS p, t.groups[1].observed, round(t.groups[1].expected, 2) AS expected FROM (
  SELECT logrank(days, gone, plan) AS t FROM (VALUES
    ('free', 6, true), ('free', 7, true), ('free', 10, true), ('free', 15, true), ('free', 19, false),
    ('pro', 20, false), ('pro', 25, true), ('pro', 32, false), ('pro', 34, true), ('pro', 40, false)) AS customers (plan, days, gone));
-- 6.1315 | 1 | 0.0133 | 4 | 1.61
```"#,
    argument(
        name = "duration",
        description = "how long the customer was observed: a number in any unit, or an INTERVAL, which is told in days"
    ),
    argument(
        name = "event",
        description = "whether the event ended the duration; false: censored"
    ),
    argument(name = "by", description = "the group of the customer, of any type that has a text"),
    argument(
        name = "weighting",
        description = "'logrank' (default), 'wilcoxon', 'tarone_ware', 'peto' or 'fleming_harrington'"
    ),
    argument(
        name = "p",
        description = "for 'fleming_harrington': the more, the more early times count; default 1"
    ),
    argument(
        name = "q",
        description = "for 'fleming_harrington': the more, the more late times count; default 0"
    )
)]
#[derive(Debug)]
struct LogRank;

/// What may be of several types becomes one.
fn coerce(types: &mut [DataType]) -> Result<()> {
    if let [duration, _, by, ..] = types {
        *duration = durations::coerce(NAME, DURATION.name, duration)?;
        if by.is_nested() {
            return plan_err!("{NAME}: by must have a text, got {by}");
        }
        *by = DataType::Utf8;
    }
    Ok(())
}

/// The fit that the constants of a call ask for.
fn asked(args: &AccumulatorArgs) -> Result<Test> {
    let constant = |name| args::constant(NAME, PARAMS, args.exprs, name);
    let power = |name, default| match constant(name)? {
        ScalarValue::Float64(Some(v)) if v >= 0.0 && v.is_finite() => Ok(v),
        v if v.is_null() => Ok(default),
        v => plan_err!("{NAME}: {name} must be a number from 0 up, got {v}"),
    };
    let name = match constant("weighting")? {
        ScalarValue::Utf8(Some(name)) => name.to_lowercase(),
        _ => "logrank".to_string(),
    };
    let (p, q) = (power("p", 1.0)?, power("q", 0.0)?);
    let found = [
        ("logrank", Weighting::LogRank),
        ("wilcoxon", Weighting::Wilcoxon),
        ("tarone_ware", Weighting::TaroneWare),
        ("peto", Weighting::Peto),
        ("fleming_harrington", Weighting::FlemingHarrington(p, q)),
    ]
    .into_iter()
    .find(|(n, _)| *n == name);
    match found {
        Some((name, weighting)) => Ok(Test { name, weighting }),
        None => plan_err!(
            "{NAME}: weighting '{name}' is unknown; use 'logrank', 'wilcoxon', 'tarone_ware', 'peto' or 'fleming_harrington'"
        ),
    }
}

/// A row is the number of its group and an observation.
#[derive(Debug, Clone)]
struct Test {
    name: &'static str,
    weighting: Weighting,
}

/// More groups than this are not compared: the test needs the square of it.
const MOST: usize = 1_000;

impl Fit for Test {
    const NAME: &'static str = NAME;

    fn read(&self, values: &[ArrayRef]) -> Result<Columns> {
        let Some(by) = values.get(2) else { return internal_err!("{NAME} needs groups") };
        let texts = by.as_string::<i32>().clone();
        Ok(Columns { numbers: observations(NAME, values, None)?, texts: Some(texts) })
    }

    fn fault(&self, row: &[f64]) -> Option<Fault> {
        row.last().is_none_or(|o| !observed::is_legal(*o)).then_some(Fault::Duration)
    }

    fn answers(&self, groups: &[Group], labels: &[String]) -> Result<ArrayRef> {
        let (mut names, mut lists, mut end) =
            (StringBuilder::new(), Lists::with_capacity(groups.len()), 0);
        let (mut sizes, mut observed_events, mut expected) = (vec![], vec![], vec![]);
        let (mut chi2, mut df, mut p, mut events) = (vec![], vec![], vec![], vec![]);
        let mut valid = NullBufferBuilder::new(groups.len());
        for group in groups {
            // groups in the order of their texts, whatever came first
            let text = |label: usize| labels.get(label).map_or("", String::as_str);
            let label = |row: &[f64]| row.first().copied().and_then(place).unwrap_or(0);
            let mut known: Vec<usize> = group.iter().map(label).collect();
            known.sort_unstable();
            known.dedup();
            known.sort_by(|a, b| text(*a).cmp(text(*b)));
            if known.len() > MOST {
                return exec_err!(
                    "{NAME}: {} groups, and at most {MOST} are compared; put those that are alike together",
                    known.len()
                );
            }
            let mut places = vec![0; labels.len()];
            for (at, &label) in known.iter().enumerate() {
                if let Some(place) = places.get_mut(label) {
                    *place = at;
                }
            }
            let row = |row: &[f64]| {
                let at = places.get(label(row)).copied().unwrap_or(0);
                (at, row.get(1).copied().unwrap_or(0.0))
            };
            let rows: Vec<(usize, f64)> = group.iter().map(row).collect();
            let compared = compare(&rows, known.len(), self.weighting);
            for (&label, [n, observed, expects]) in known.iter().zip(compared.groups) {
                names.append_value(text(label));
                sizes.push(whole(n));
                observed_events.push(whole(observed));
                expected.push(Some(expects));
                end += 1;
            }
            lists.end_at(end)?;
            chi2.push(compared.chi2);
            df.push(count(compared.df));
            p.push(compared.p);
            events.push(count(rows.iter().filter(|r| r.1.is_sign_positive()).count()));
            valid.append(group.tells());
        }
        let of_groups = StructArray::try_new(
            group_fields(),
            vec![
                Arc::new(names.finish()),
                Arc::new(Int64Array::from(sizes)),
                Arc::new(Int64Array::from(observed_events)),
                Arc::new(Float64Array::from(expected)),
            ],
            None,
        )?;
        let counts = |of: &dyn Fn(&Group) -> i64| -> ArrayRef {
            Arc::new(groups.iter().map(|g| Some(of(g))).collect::<Int64Array>())
        };
        let columns: Vec<ArrayRef> = vec![
            Arc::new(StringArray::from_iter_values(groups.iter().map(|_| self.name))),
            numbers(chi2.into_iter()),
            Arc::new(Int64Array::from(df)),
            numbers(p.into_iter()),
            Lists::column(&lists.finish(), Arc::new(of_groups))?,
            counts(&|g| count(g.len())),
            Arc::new(Int64Array::from(events)),
            counts(&|g| g.nulls),
            counts(&|g| g.dropped.total()),
        ];
        Ok(Arc::new(StructArray::try_new(model_fields(), columns, valid.finish())?))
    }

    fn answer_size(&self, groups: usize, rows: usize) -> usize {
        // at most a group a row, whose text is counted with the rows
        rows * 2 * (3 * size_of::<f64>() + size_of::<i32>() + 16) + groups * 10 * size_of::<f64>()
    }
}

/// A sum of ones.
#[expect(clippy::cast_possible_truncation, reason = "a number of rows")]
fn whole(n: f64) -> i64 {
    n as i64
}
