//! The functions through SQL, and beside what lifelines and statsmodels say of the same data
//! (`testdata/survival/make.py`).

use std::collections::BTreeMap;
use std::sync::Arc;

use datafusion::arrow::array::{ArrayRef, AsArray, Float64Array, RecordBatch, StringArray};
use datafusion::arrow::compute::cast;
use datafusion::arrow::datatypes::{DataType, Float64Type};
use datafusion::common::Result;
use datafusion::prelude::SessionContext;

use crate::testing::{batch, run, same_bits, session};

const SETS: [(&str, &str); 5] = [
    ("waltons", include_str!("../../testdata/survival/waltons.csv")),
    ("rossi", include_str!("../../testdata/survival/rossi.csv")),
    ("lung", include_str!("../../testdata/survival/lung.csv")),
    ("g3", include_str!("../../testdata/survival/g3.csv")),
    ("dd", include_str!("../../testdata/survival/dd.csv")),
];
const ANSWERS: &str = include_str!("../../testdata/survival/answers.txt");

/// The data sets as tables of numbers, each with a weight of 1, 1.5, 2, 1, 1.5, … and an entry, 0
/// in a third of the rows.
async fn data() -> Result<SessionContext> {
    let ctx = session(2, 100)?;
    for (name, text) in SETS {
        let mut lines = text.lines().skip(1);
        let names: Vec<&str> = lines.next().expect("a heading").split(',').collect();
        let rows: Vec<Vec<f64>> =
            lines.map(|l| l.split(',').map(|v| v.parse().expect("a number")).collect()).collect();
        let mut columns: Vec<(&str, ArrayRef)> = vec![];
        for (i, name) in names.iter().enumerate() {
            let column = rows.iter().map(|r| Some(r[i])).collect::<Float64Array>();
            columns.push((name, Arc::new(column)));
        }
        let weights = (0..rows.len()).map(|i| Some(1.0 + (i % 3) as f64 / 2.0));
        columns.push(("w", Arc::new(weights.collect::<Float64Array>())));
        let entry = |(i, row): (usize, &Vec<f64>)| {
            Some(if i % 3 == 0 { 0.0 } else { (row[0] * (i * 7 % 10) as f64 / 20.0).floor() })
        };
        let entries = rows.iter().enumerate().map(entry);
        columns.push(("entry", Arc::new(entries.collect::<Float64Array>())));
        ctx.register_batch(name, batch(columns)?)?;
    }
    Ok(ctx)
}

fn answers() -> BTreeMap<&'static str, Vec<f64>> {
    let line = |line: &'static str| {
        let (name, numbers) = line.split_once(": ").expect("a name");
        (name, numbers.split(' ').map(|v| v.parse().expect("a number")).collect())
    };
    ANSWERS.lines().map(line).collect()
}

/// The numbers of the first column of a statement, or of its list; NULL is NaN.
async fn numbers(ctx: &SessionContext, sql: &str) -> Result<Vec<f64>> {
    let mut out = vec![];
    for batch in ctx.sql(sql).await?.collect().await? {
        let mut column = Arc::clone(batch.column(0));
        while let Some(list) = Arc::clone(&column).as_list_opt::<i32>() {
            column = list.iter().flatten().next().expect("a list");
        }
        let column = cast(&column, &DataType::Float64)?;
        out.extend(column.as_primitive::<Float64Type>().iter().map(|v| v.unwrap_or(f64::NAN)));
    }
    Ok(out)
}

#[track_caller]
fn close(what: &str, got: &[f64], want: &[f64], tolerance: f64) {
    assert_eq!(got.len(), want.len(), "{what}");
    for (i, (g, w)) in got.iter().zip(want).enumerate() {
        let same =
            (g - w).abs() <= tolerance * w.abs().max(1.0) || g == w || g.is_nan() && w.is_nan();
        assert!(same, "{what} {i}: {g} is not {w}");
    }
}

#[tokio::test]
async fn curves_are_those_of_lifelines_and_statsmodels() -> Result<()> {
    let (ctx, answers) = (data().await?, answers());
    for (name, _) in SETS {
        let field = async |field: &str| {
            let sql = format!("SELECT km_fit(duration, event = 1)['{field}'] FROM {name}");
            numbers(&ctx, &sql).await
        };
        for list in ["times", "at_risk", "events", "censored", "survival", "ci_low", "ci_high"] {
            let what = format!("{name} {list}");
            close(&what, &field(list).await?, &answers[what.as_str()], 1e-12);
        }
        // statsmodels has the times of events alone
        let wanted = &answers[format!("{name} std_error_times").as_str()];
        let errors: Vec<f64> = field("times")
            .await?
            .into_iter()
            .zip(field("std_error").await?)
            .filter(|(t, _)| wanted.contains(t))
            .map(|(_, e)| e)
            .collect();
        let what = format!("{name} std_error");
        close(&what, &errors, &answers[what.as_str()], 1e-12);
        let of = async |call: &str| {
            let sql = format!(
                "SELECT {call} FROM (SELECT km_fit(duration, event = 1) AS m, km_fit(duration, event = 1, w) AS wm FROM {name})"
            );
            numbers(&ctx, &sql).await
        };
        let median = &answers[format!("{name} median").as_str()];
        close(name, &of("coalesce(median_survival(m), 'Infinity')").await?, median, 0.0);
        let &[half, area] = &answers[format!("{name} rmst").as_str()][..] else { panic!("{name}") };
        close(name, &of(&format!("rmst(m, {half:?})")).await?, &[area], 1e-12);
        let weighted = &answers[format!("{name} weighted").as_str()];
        close(name, &of("wm['survival']").await?, weighted, 1e-12);
        for (what, options) in [("delayed", "NULL, entry"), ("delayed weighted", "w, entry")] {
            let model = format!("km_fit(duration, event = 1, {options})");
            // lifelines cuts the weights at risk to whole numbers before it makes limits of them
            let lists = ["at_risk", "survival", "ci_low", "ci_high"];
            for list in &lists[..if what == "delayed" { 4 } else { 2 }] {
                let sql = format!("SELECT {model}['{list}'] FROM {name}");
                let want = &answers[format!("{name} {what} {list}").as_str()];
                close(&format!("{name} {what} {list}"), &numbers(&ctx, &sql).await?, want, 1e-12);
            }
            let median =
                format!("SELECT coalesce(median_survival({model}), 'Infinity') FROM {name}");
            let want = &answers[format!("{name} {what} median").as_str()];
            close(name, &numbers(&ctx, &median).await?, want, 0.0);
        }
    }
    Ok(())
}

#[tokio::test]
async fn published_figures_of_waltons() -> Result<()> {
    let ctx = data().await?;
    let out = run(&ctx, "SELECT mir, m['n'] AS n, median_survival(m) AS median, round(survival_at(m, 50), 6) AS s50 FROM (SELECT mir, km_fit(duration, event = 1) AS m FROM waltons GROUP BY mir) ORDER BY mir").await?;
    assert!(out.contains("| 0.0 | 129 | 58.0   | 0.765076 |"), "{out}");
    assert!(out.contains("| 1.0 | 34  | 26.0   | 0.058824 |"), "{out}");
    let m = "(SELECT km_fit(duration, event = 1) AS m FROM waltons)";
    let first = numbers(&ctx, &format!("SELECT m['survival'] FROM {m}")).await?;
    close("survival", &first[..4], &[0.993865, 0.987730, 0.969210, 0.950690], 5e-7);
    let whole =
        numbers(&ctx, &format!("SELECT [median_survival(m), survival_at(m, 50), m['n']] FROM {m}"))
            .await?;
    close("waltons", &whole, &[56.0, 0.616817, 163.0], 5e-7);
    Ok(())
}

/// Customers with ties, NULLs and figures that cannot be, in three regions.
fn customers() -> Result<RecordBatch> {
    let mut state = 7_u64;
    let mut next = |below: u64| {
        state =
            state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        (state >> 33) % below
    };
    let (mut region, mut d, mut gone, mut w) = (vec![], vec![], vec![], vec![]);
    let (mut a, mut b, mut g) = (vec![], vec![], vec![]);
    for i in 0..160 {
        region.push((i % 17 > 0).then_some(["north", "south", "west"][i % 3]));
        d.push(
            (next(20) > 0)
                .then(|| next(30) as f64 / 7.0 - 0.1 + f64::from(next(40) == 0) * f64::NAN),
        );
        gone.push((next(30) > 0).then(|| next(3) > 0));
        w.push((next(25) > 0).then(|| next(7) as f64 / 3.0));
        a.push((next(25) > 0).then(|| next(50) as f64 / 3.0));
        b.push(Some(next(2) as f64));
        g.push(
            (next(25) > 0).then(|| {
                ["new", "old", "vip"][usize::from(next(2) == 0) + usize::from(next(3) == 0)]
            }),
        );
    }
    let float = |v: Vec<Option<f64>>| Arc::new(Float64Array::from(v)) as ArrayRef;
    batch(vec![
        ("region", Arc::new(StringArray::from(region))),
        ("d", float(d)),
        ("gone", Arc::new(datafusion::arrow::array::BooleanArray::from(gone))),
        ("w", float(w)),
        ("a", float(a)),
        ("b", float(b)),
        ("g", Arc::new(StringArray::from(g))),
    ])
}

#[tokio::test]
async fn a_fit_has_the_same_bits_however_its_rows_arrive() -> Result<()> {
    let rows = customers()?;
    same_bits(&rows, "SELECT region, km_fit(d, gone), km_fit(round(d), gone, w) FROM t GROUP BY region ORDER BY region").await?;
    same_bits(
        &rows,
        "SELECT km_fit(d, gone, w), km_fit(d, gone) FILTER (WHERE region = 'south') FROM t",
    )
    .await?;
    let delayed = "km_fit(d, gone, NULL, a / 5 - 0.5), km_fit(round(d), gone, w, b), km_fit(d, gone, w / 7, a / 7) FILTER (WHERE b = 1)";
    same_bits(&rows, &format!("SELECT region, {delayed} FROM t GROUP BY region ORDER BY region"))
        .await?;
    same_bits(&rows, &format!("SELECT {delayed} FROM t")).await?;
    Ok(())
}

#[tokio::test]
async fn tests_of_groups_are_those_of_lifelines() -> Result<()> {
    let (ctx, answers) = (data().await?, answers());
    let mut told = 0;
    for (name, by) in
        [("waltons", "mir"), ("rossi", "mar"), ("lung", "ecog"), ("g3", "rit"), ("dd", "democracy")]
    {
        for test in ["logrank", "wilcoxon", "tarone_ware", "peto", "fleming_harrington"] {
            let Some(want) = answers.get(format!("{name} {test}").as_str()) else { continue };
            let sql = format!(
                "SELECT [t['chi2'], t['p']] FROM (SELECT logrank(duration, event = 1, {by}, '{test}', 1, 0.5) AS t FROM {name})"
            );
            let got = numbers(&ctx, &sql).await?;
            close(&format!("{name} {test}"), &got[..1], &want[..1], 1e-10);
            // relative, for it is tiny
            assert!((got[1] / want[1] - 1.0).abs() < 1e-8, "{name} {test}: {got:?}");
            told += 1;
        }
    }
    assert!(told >= 24, "{told}");
    let out = run(&ctx, "SELECT round(t['chi2'], 6) AS chi2, t['df'] AS df, t['groups'][2]['observed'] AS o, round(t['groups'][2]['expected'], 6) AS e FROM (SELECT logrank(duration, event = 1, CAST(mir AS INT)) AS t FROM waltons)").await?;
    assert!(out.contains("| 122.249126 | 1  | 34 | 7.07551 |"), "{out}");
    Ok(())
}

/// The features of a data set, as a STRUCT and as a list.
fn features(name: &str) -> [String; 2] {
    let text = SETS.iter().find(|s| s.0 == name).expect("a set").1;
    let names: Vec<&str> = text.lines().nth(1).expect("a heading").split(',').skip(2).collect();
    let fields: Vec<String> = names.iter().map(|n| format!("'{n}', {n}")).collect();
    [format!("named_struct({})", fields.join(", ")), format!("[{}]", names.join(", "))]
}

#[tokio::test]
async fn hazards_are_those_of_lifelines_and_statsmodels() -> Result<()> {
    let (ctx, answers) = (data().await?, answers());
    for (name, _) in SETS {
        let want = |what: &str| answers[format!("{name} {what}").as_str()].as_slice();
        let [fields, list] = features(name);
        let model = |options: &str, features: &str| {
            format!("(SELECT cox_fit(duration, event = 1, {features}{options}) AS m FROM {name})")
        };
        let terms = async |field: &str, from: &str| {
            numbers(
                &ctx,
                &format!("SELECT t['{field}'] FROM (SELECT unnest(m['terms']) AS t FROM {from})"),
            )
            .await
        };
        // lifelines stops its search early
        let efron = model("", &fields);
        close(name, &terms("coef", &efron).await?, want("cox coef"), 2e-7);
        close(name, &terms("std_error", &efron).await?, want("cox std_error"), 2e-7);
        close(name, &terms("p", &efron).await?, want("cox p"), 2e-6);
        let ll = format!("SELECT [m['ll'], m['ll_null']] FROM {efron}");
        close(name, &numbers(&ctx, &ll).await?, want("cox ll"), 1e-11);
        let concordance = format!("SELECT m['concordance'] FROM {efron}");
        close(name, &numbers(&ctx, &concordance).await?, want("cox concordance"), 1e-12);
        let of =
            async |what: &str| numbers(&ctx, &format!("SELECT m['{what}'] FROM {efron}")).await;
        let (times, hazard) = (of("times").await?, of("cumulative_hazard").await?);
        for (t, h) in want("cox hazard_times").iter().zip(want("cox hazard")) {
            let at = times.partition_point(|time| time <= t);
            let got = at.checked_sub(1).map_or(0.0, |i| hazard[i]);
            close(name, &[got], &[*h], 2e-6);
        }
        let each = |field: &str| {
            format!("SELECT t['{field}'] FROM (SELECT unnest(m['ph_test']) AS t FROM {efron})")
        };
        for (sql, figure) in [
            (each("chi2"), "cox ph_chi2"),
            (each("p"), "cox ph_p"),
            (format!("SELECT m['ph_global']['chi2'] FROM {efron}"), "cox ph_global"),
        ] {
            let got = numbers(&ctx, &sql).await?;
            assert_eq!(got.len(), want(figure).len());
            for (got, want) in got.iter().zip(want(figure)) {
                assert!((got / want - 1.0).abs() < 1e-6, "{name} {figure}: {got} {want}");
            }
        }
        let breslow = model(", 'breslow'", &list);
        close(name, &terms("coef", &breslow).await?, want("breslow coef"), 1e-9);
        close(name, &terms("std_error", &breslow).await?, want("breslow std_error"), 1e-9);
        let ll = format!("SELECT m['ll'] FROM {breslow}");
        close(name, &numbers(&ctx, &ll).await?, want("breslow ll"), 1e-11);
        let weighted = model(", NULL, NULL, w", &list);
        close(name, &terms("coef", &weighted).await?, want("cox weighted coef"), 1e-6);
        close(name, &terms("std_error", &weighted).await?, want("cox weighted std_error"), 1e-6);
        // scores, by name and by place
        let scores = format!(
            "SELECT count(*) FILTER (WHERE abs(cox_hazard(m, {fields}) - cox_hazard(m, {list})) > 0
                OR abs(survival_at(m, duration, {list}) - exp(-cox_hazard(m, {fields}) * h)) > 1e-12)
             FROM (SELECT *, -ln(survival_at(m, duration)) AS h FROM {name} CROSS JOIN {efron})"
        );
        assert_eq!(numbers(&ctx, &scores).await?, [0.0], "{name}");
    }
    // the first rows of a file, in its order
    let first = numbers(&ctx, "SELECT cox_hazard(m, {'prio': 3, 'paro': 1, 'fin': 0, 'age': 27, 'race': 1, 'wexp': 0, 'mar': 0}) FROM (SELECT cox_fit(duration, event = 1, {'fin': fin, 'age': age, 'race': race, 'wexp': wexp, 'mar': mar, 'paro': paro, 'prio': prio}) AS m FROM rossi)").await;
    close("rossi", &first?, &answers["rossi cox first_partial_hazards"][..1], 1e-6);
    Ok(())
}

/// What R's `cox.zph` said before survival 3.0 (Fox, 'Cox Proportional-Hazards Regression for Survival
/// Data', 2002).
#[tokio::test]
async fn published_tests_of_proportional_hazards() -> Result<()> {
    let ctx = data().await?;
    let out = run(&ctx, "SELECT t['term'] AS term, round(t['chi2'], 5) AS chi2, round(t['p'], 4) AS p, round(m['ph_global']['chi2'], 5) AS all, m['ph_global']['df'] AS df, round(m['ph_global']['p'], 4) AS p_all
        FROM (SELECT m, unnest(m['ph_test']) AS t FROM (SELECT cox_fit(duration, event = 1, {'fin': fin, 'age': age, 'prio': prio}) AS m FROM rossi))").await?;
    for line in [
        "| fin  | 0.00507 | 0.9433 | 7.13046 | 3  | 0.0679 |",
        "| age  | 6.54147 | 0.0105 | 7.13046 | 3  | 0.0679 |",
        "| prio | 0.77288 | 0.3793 | 7.13046 | 3  | 0.0679 |",
    ] {
        assert!(out.contains(line), "{out}");
    }
    Ok(())
}

#[tokio::test]
async fn odds_are_those_of_statsmodels_and_scikit_learn() -> Result<()> {
    let (ctx, answers) = (data().await?, answers());
    // whoever has the gene dies: the data separate
    for (name, _) in SETS.into_iter().filter(|s| s.0 != "waltons") {
        let want = |what: &str| answers[format!("{name} logit {what}").as_str()].as_slice();
        let [fields, list] = features(name);
        let model = |options: &str, features: &str| {
            format!("(SELECT logit_fit(event = 1, {features}{options}) AS m FROM {name})")
        };
        let terms = async |field: &str, from: &str| {
            numbers(
                &ctx,
                &format!("SELECT t['{field}'] FROM (SELECT unnest(m['terms']) AS t FROM {from})"),
            )
            .await
        };
        let plain = model("", &fields);
        close(name, &terms("coef", &plain).await?, want("coef"), 1e-9);
        close(name, &terms("std_error", &plain).await?, want("std_error"), 1e-8);
        close(name, &terms("p", &plain).await?, want("p"), 1e-8);
        let figures = format!("SELECT [m['ll'], m['auc']] FROM {plain}");
        let wanted = [want("ll")[0], want("auc")[0]];
        close(name, &numbers(&ctx, &figures).await?, &wanted, 1e-11);
        let null = format!("SELECT m['ll_null'] FROM {plain}");
        close(name, &numbers(&ctx, &null).await?, &want("ll")[1..], 1e-8);
        let weighted = model(", NULL, w", &list);
        close(name, &terms("coef", &weighted).await?, want("weighted coef"), 1e-8);
        close(name, &terms("std_error", &weighted).await?, want("weighted std_error"), 1e-7);
        let ridge = model(", 2.5", &list);
        close(name, &terms("coef", &ridge).await?, want("ridge coef"), 1e-8);
        let scores = format!(
            "SELECT [sum(logit_predict(m, {fields})) - sum(event), sum(logit_predict(m, {list}) - logit_predict(m, {fields}))] FROM {name} CROSS JOIN {plain}"
        );
        close(name, &numbers(&ctx, &scores).await?, &[0.0, 0.0], 1e-8);
    }
    let out = run(&ctx, "SELECT m['converged'] AS c, m['note'] AS note FROM (SELECT logit_fit(event = 1, {'mir': mir}) AS m FROM waltons)").await?;
    assert!(
        out.contains("false") && out.contains("separated by: mir; with a ridge, such as l2 => 1"),
        "{out}"
    );
    Ok(())
}

#[tokio::test]
async fn explanations_add_up() -> Result<()> {
    let ctx = data().await?;
    let [fields, _] = features("rossi");
    for (explain, score, fit) in [
        ("explain_cox", "ln(cox_hazard", "cox_fit(duration, event = 1,"),
        ("explain_logit", "ln(1 / (1 / logit_predict", "logit_fit(event = 1,"),
    ] {
        let close = if explain == "explain_cox" { ")" } else { " - 1))" };
        let sql = format!("SELECT max(abs(s - e)) < 1e-9, count(*) FROM (
            SELECT i, min(s) AS s, sum(e['contribution']) AS e FROM (
              SELECT i, {score}(m, {fields}){close} AS s, unnest({explain}(m, {fields})) AS e
              FROM (SELECT *, row_number() OVER () AS i FROM rossi) CROSS JOIN (SELECT {fit} {fields}) AS m FROM rossi))
            GROUP BY i)");
        let out = run(&ctx, &sql).await?;
        assert!(out.contains("| true ") && out.contains("| 432 "), "{out}");
    }
    Ok(())
}

#[tokio::test]
async fn models_have_the_same_bits_however_their_rows_arrive() -> Result<()> {
    let rows = customers()?;
    for calls in [
        "logrank(d, gone, g), logrank(round(d), gone, b, 'fleming_harrington', 1, 1)",
        "cox_fit(d, gone, {'a': a, 'b': b}), cox_fit(round(d), gone, [a, b], 'breslow', 0.5, w)",
        "logit_fit(gone, {'a': a, 'b': b}), logit_fit(gone, [a], 0.5, w)",
        "churn_threshold(d * 5, gone), churn_threshold(a, gone, 'percentile', 0.3)",
    ] {
        same_bits(&rows, &format!("SELECT region, {calls} FROM t GROUP BY region ORDER BY region"))
            .await?;
        same_bits(&rows, &format!("SELECT {calls} FROM t")).await?;
    }
    Ok(())
}
