//! The functions through SQL.

use std::sync::Arc;

use datafusion::arrow::array::{ArrayRef, Float64Array, RecordBatch, StringArray};
use datafusion::common::Result;
use datafusion::prelude::SessionContext;

use crate::testing::{batch, run, same_bits, session, value};

const BG: &str =
    "named_struct('model', 'bg_nbd', 'r', 0.243, 'alpha', 4.414, 'a', 0.793, 'b', 2.426)";
const GG: &str = "named_struct('model', 'gamma_gamma', 'p', 6.25, 'q', 3.74, 'v', 15.44)";
const WEEKLY: &str = "named_struct('model', 'bg_nbd', 'r', 0.243, 'alpha', 4.414, 'a', 0.793, 'b', 2.426, 'unit_days', 7)";

/// The CDNOW sample in weeks as the table `cdnow(x, tx, t, n)`.
async fn cdnow() -> Result<SessionContext> {
    let ctx = session(2, 256)?;
    let lines = include_str!("../../testdata/cdnow_summary.csv").lines().skip(2);
    let rows: Vec<Vec<f64>> =
        lines.map(|l| l.split(',').map(|v| v.parse().expect("a number")).collect()).collect();
    let column = |i: usize, by: f64| -> ArrayRef {
        Arc::new(rows.iter().map(|r| Some(r[i] / by)).collect::<Float64Array>())
    };
    let table = batch(vec![
        ("x", column(0, 1.0)),
        ("tx", column(1, 7.0)),
        ("t", column(2, 7.0)),
        ("n", column(3, 1.0)),
    ])?;
    ctx.register_batch("cdnow", table)?;
    Ok(ctx)
}

#[track_caller]
fn shows(table: &str, want: &str) {
    assert!(table.contains(want), "{want} is not in\n{table}");
}

#[tokio::test]
async fn a_cohort_is_fitted_and_scored_in_sql() -> Result<()> {
    let ctx = cdnow().await?;
    let fitted = "WITH fits AS (SELECT bg_nbd_fit(x, tx, t, n) AS bg, mbg_nbd_fit(x, tx, t, weight => n) AS mbg FROM cdnow)";
    let out = run(&ctx, &format!("{fitted} SELECT round(bg['r'], 5) AS r, round(bg['alpha'], 4) AS alpha, round(bg['a'], 4) AS a, round(bg['b'], 4) AS b, round(bg['ll'], 3) AS ll, bg['n'] AS n, bg['converged'] AS c, round(bg['se'][1], 4) AS se, round(mbg['r'], 4) AS mr, mbg['model'] AS m, round(mbg['ll'], 3) AS mll FROM fits")).await?;
    shows(
        &out,
        "| 0.24259 | 4.4136 | 0.7929 | 2.4259 | -9582.429 | 1016 | true | 0.0126 | 0.5248 | mbg_nbd | -9582.136 |",
    );
    let out = run(&ctx, &format!("{fitted} SELECT round(sum(n * expected_purchases(bg, 39, x, tx, t)), 2) AS e, round(sum(n * p_alive(bg, x, tx, t)) / sum(n), 5) AS p, round(sum(n * p_alive(mbg, x, tx, t)) / sum(n), 4) AS mp FROM cdnow CROSS JOIN fits")).await?;
    shows(&out, "| 0.81344 | 0.4487 |");
    shows(&out, "| 1653.");
    Ok(())
}

#[tokio::test]
async fn a_summary_stands_for_the_three_columns() -> Result<()> {
    let ctx = cdnow().await?;
    let t = "(SELECT n, x, tx, t, named_struct('frequency', CAST(x AS BIGINT), 'recency', tx, 't', t, 'unit_days', 7.0) AS s FROM cdnow)";
    for (one, other) in [
        ("bg_nbd_fit(s)['ll']", "bg_nbd_fit(x, tx, t)['ll']"),
        ("mbg_nbd_fit(s, n)['r']", "mbg_nbd_fit(x, tx, t, n)['r']"),
        ("mbg_nbd_fit(s, NULL, NULL, n, 2.5)['a']", "mbg_nbd_fit(x, tx, t, n, l2 => 2.5)['a']"),
        ("mbg_nbd_fit(s, n, 2.5)['a']", "mbg_nbd_fit(x, tx, t, n, 2.5)['a']"),
        ("mbg_nbd_fit(s)['unit_days']", "mbg_nbd_fit(x, tx, t)['unit_days'] * 7"),
    ] {
        let out = run(&ctx, &format!("SELECT {one} = {other} AS same FROM {t}")).await?;
        shows(&out, "true");
    }
    for (one, other) in [
        ("p_alive(WEEKLY, s)", "p_alive(WEEKLY, x, tx, t)"),
        ("p_alive(WEEKLY, s, NULL, NULL)", "p_alive(WEEKLY, x, tx, t)"),
        ("churn_prob(WEEKLY, s)", "1 - p_alive(WEEKLY, x, tx, t)"),
        ("churn_prob(WEEKLY, s, 10)", "churn_prob(WEEKLY, x, tx, t, 10)"),
        (
            "churn_prob(WEEKLY, s, NULL, NULL, INTERVAL '70 days')",
            "churn_prob(WEEKLY, x, tx, t, 10)",
        ),
        ("churn_prob(WEEKLY, s, '70 days')", "churn_prob(WEEKLY, x, tx, t, horizon => 10)"),
        (
            "expected_purchases(WEEKLY, INTERVAL '70 days', s)",
            "expected_purchases(WEEKLY, 10, x, tx, t)",
        ),
        ("expected_purchases(WEEKLY, 10)", "expected_purchases(WEEKLY, 10, 0, 0, 0)"),
        ("churn_score(s, 10) OVER ()", "churn_score(x, tx, t, 10) OVER ()"),
        (
            "churn_score(s, '70 days', 'bg_nbd') OVER ()",
            "churn_score(x, tx, t, 10, model => 'bg_nbd') OVER ()",
        ),
        (
            "churn_score(s, NULL, NULL, NULL, 'bg_nbd') OVER ()",
            "churn_score(x, tx, t, NULL, 'bg_nbd') OVER ()",
        ),
    ] {
        let sql = format!(
            "SELECT max(abs(d)) < 1e-15 AS same, count(d) AS n FROM (SELECT ({one}) - ({other}) AS d FROM {t})"
        );
        let out = run(&ctx, &sql.replace("WEEKLY", WEEKLY)).await?;
        assert!(out.contains("| true | 1016 |"), "{sql}\n{out}");
    }
    Ok(())
}

#[tokio::test]
async fn a_score_is_the_churn_probability_by_the_partitions_own_model() -> Result<()> {
    let ctx = cdnow().await?;
    let out = run(&ctx, "WITH parts AS (SELECT *, tx > 10 AS late FROM cdnow), fits AS (SELECT late, mbg_nbd_fit(x, tx, t) AS m FROM parts GROUP BY late) SELECT max(abs(d)) = 0 AS same, count(d) AS n FROM (SELECT churn_score(x, tx, t, 39) OVER (PARTITION BY late) - churn_prob(m, x, tx, t, 39) AS d FROM parts JOIN fits USING (late))").await?;
    shows(&out, "| true | 1016 |");
    Ok(())
}

#[tokio::test]
async fn null_in_is_null_out_and_illegal_figures_are_null() -> Result<()> {
    for call in [
        "p_alive(NULL, 1, 2, 3)",
        "p_alive(BG, NULL, 2, 3)",
        "p_alive(BG, 1, NULL, 3)",
        "p_alive(BG, NULL)",
        "p_alive(BG, 1, 3, 2)",
        "p_alive(BG, -1, 1, 2)",
        "p_alive(BG, 1, 'NaN'::DOUBLE, 2)",
        "churn_prob(BG, 1, 3, 2, 10)",
        "churn_prob(NULL, NULL)",
        "expected_purchases(BG, NULL, 1, 2, 3)",
        "expected_purchases(BG, NULL)",
        "expected_purchases(NULL, 10)",
        "churn_score(CAST(NULL AS DOUBLE), 2, 3) OVER ()",
        "bg_nbd_fit(CAST(NULL AS DOUBLE), 2, 3)",
        "mbg_nbd_fit(1, 3, 2)['r']",
        "gamma_gamma_fit(0, 5)['p']",
        "gamma_gamma_fit(NULL)",
        "gamma_gamma_fit(2, CAST(NULL AS DOUBLE))",
        "sbg_fit(NULL, true)",
        "bdw_fit(2, CAST(NULL AS BOOLEAN))",
        "bg_bb_fit(1, 1, CAST(NULL AS DOUBLE))",
        "mbg_cnbd_fit(1, 2, 3, CAST(NULL AS DOUBLE))",
        "p_alive(mbg_nbd_fit(1, 3, 2), 1, 2, 3)",
        "expected_spend(GG, NULL)",
        "expected_spend(GG, 1, NULL)",
        "expected_spend(GG, 1, -4)",
        "expected_spend(NULL, 1, 4)",
        "clv(BG, GG, NULL, INTERVAL '1 year', 0.1)",
        "clv(BG, GG, 1, 2, 3, NULL, INTERVAL '1 year', 0.1)",
        "clv(BG, GG, 1, 3, 2, 5, INTERVAL '1 year', 0.1)",
        "clv(BG, GG, 1, 2, 3, 5, NULL, 0.1)",
        "clv(BG, GG, 1, 2, 3, 5, INTERVAL '1 year', NULL)",
        "clv(BG, NULL, 1, 2, 3, 5, INTERVAL '1 year', 0.1)",
        "clv_residual(BG, NULL, 1, 2, 3)",
        "clv_residual(NULL, 0.1, 1, 2, 3)",
        "explain_churn(BG, 1, 3, 2)",
        "explain_churn(NULL, 1, 2, 3)",
        "historic_clv(NULL)",
        "predicted_clv(BG, GG, NULL)",
        "total_clv(BG, GG, NULL)",
        "next_order_date(BG, NULL)",
    ] {
        let sql = format!("SELECT ({}) IS NULL", call.replace("BG", BG).replace("GG", GG));
        assert_eq!(value(&sql).await?, "true", "{call}");
    }
    let numbers = "SELECT round(churn_prob(BG, 2, 30.43, 38.86, NULL), 6)";
    assert_eq!(value(&numbers.replace("BG", BG)).await?, "0.273421");
    Ok(())
}

#[tokio::test]
async fn illegal_rows_are_counted_and_null_rows_are_not() -> Result<()> {
    let out = value("SELECT (m['n'] || ' used, ' || m['dropped'] || ' dropped') FROM (SELECT bg_nbd_fit(x, tx, t, w) AS m FROM (VALUES (0, 0, 9, 1), (2, 5, 9, 1), (1, 7, 9, 2), (1, 10, 9, 1), (1, 0, 9, 1), (0, 3, 9, 1), (-1, 0, 9, 1), (1.5, 3, 9, 1), ('NaN'::DOUBLE, 3, 9, 1), (1, 1, 'Infinity'::DOUBLE, 1), (1, 1, 9, 0), (1, NULL, 9, 1), (1, 1, 9, NULL)) AS v (x, tx, t, w))").await?;
    assert_eq!(out, "3 used, 8 dropped");
    Ok(())
}

#[tokio::test]
async fn what_is_wrong_is_named() -> Result<()> {
    for (sql, want) in [
        (
            "SELECT p_alive(named_struct('model', 'weibull', 'r', 1, 'alpha', 1, 'a', 1, 'b', 1), 1, 2, 3)",
            "known are 'bg_nbd', 'mbg_nbd', 'pareto_nbd'",
        ),
        (
            "SELECT p_alive(named_struct('model', 'pareto_nbd', 'r', 1, 'alpha', 1, 'a', 1, 'b', 1), 1, 2, 3)",
            "the model \"pareto_nbd\" has no field \"s\"",
        ),
        (
            "SELECT p_alive(named_struct('model', 'bg_nbd', 'r', 1, 'alpha', 1, 'a', -1, 'b', 1), 1, 2, 3)",
            "must be positive",
        ),
        ("SELECT expected_spend(BG, 1, 2)", "must be a model of spending"),
        (
            "SELECT clv(BG, BG, 1, 2, 3, 4, INTERVAL '1 year', 0)",
            "argument 2 (spend_model) must be a model of spending",
        ),
        (
            "SELECT clv(BG, GG, 1, 2, 3, 4, 12, 0)",
            "horizon must be an INTERVAL such as INTERVAL '12 months'",
        ),
        (
            "SELECT clv(BG, GG, 1, 2, 3, 4, INTERVAL '101 years', 0)",
            "horizon must be up to 100 years, got 101",
        ),
        (
            "SELECT clv(BG, GG, 1, 2, 3, 4, INTERVAL '1 year', -0.1)",
            "discount_annual must be a number from 0 up",
        ),
        ("SELECT clv_residual(BG, 0, 1, 2, 3)", "discount must be above 0"),
        ("SELECT p_alive(SBG, 1, 2, 3)", "give that in place of frequency, recency and t"),
        ("SELECT p_alive(BG, 3)", "periods alone are for models of contracts"),
        ("SELECT churn_prob(SBG, 3, INTERVAL '3 days')", "give the horizon as their number"),
        ("SELECT mbg_cnbd_fit(1, 2, 3, 4, 13)", "k must be a whole number 1 to 12, got 13"),
        ("SELECT mbg_cnbd_fit(1, 2, 3, 4, 1.5)", "(k) must be a whole number"),
        (
            "SELECT next_order_date(BG, named_struct('frequency', 1, 'recency', 2, 't', 3))",
            "no field \"as_of\"",
        ),
        ("SELECT gamma_gamma_fit(named_struct('frequency', 1))", "no field \"monetary_value\""),
        ("SELECT p_alive(1, 1, 2, 3)", "p_alive: argument 1 (model) must be a model"),
        ("SELECT p_alive(named_struct('model', 'bg_nbd'), 1, 2, 3)", "no field \"r\""),
        ("SELECT p_alive(BG, named_struct('frequency', 1))", "no field \"recency\""),
        (
            "SELECT churn_prob(BG, 1, 2, 3, INTERVAL '1 month')",
            "horizon must have one fixed length",
        ),
        ("SELECT churn_prob(BG, 1, 2, 3, -1)", "horizon must be a length of time"),
        ("SELECT expected_purchases(BG, 10, 1, 2)", "must all be given or none"),
        (
            "SELECT p_alive(WEEKLY, named_struct('frequency', 1, 'recency', 2, 't', 3, 'unit_days', 1))",
            "units of 7 days, the summary in units of 1",
        ),
        (
            "SELECT bg_nbd_fit(s) FROM (VALUES (named_struct('frequency', 1, 'recency', 2, 't', 3, 'unit_days', 1)), (named_struct('frequency', 1, 'recency', 2, 't', 3, 'unit_days', 7))) AS v (s)",
            "units of 1 days, others of 7",
        ),
        ("SELECT bg_nbd_fit(DISTINCT 1, 2, 3)", "DISTINCT would drop customers who are alike"),
        ("SELECT bg_nbd_fit(1, 2, 3, 1, -1)", "l2 must be a number from 0 up"),
        ("SELECT churn_score(1, 2, 3, 4, 'pareto') OVER ()", "known are 'bg_nbd', 'mbg_nbd'"),
        ("SELECT bg_nbd_fit(1, 2)", "bg_nbd_fit takes 3 to 5 arguments"),
    ] {
        let sql = sql.replace("SBG", "named_struct('model', 'sbg', 'alpha', 0.7, 'beta', 1.2)");
        let sql = sql.replace("BG", BG).replace("GG", GG).replace("WEEKLY", WEEKLY);
        let error = value(&sql).await.expect_err(&sql).to_string();
        assert!(error.contains(want), "{sql}: {error}");
    }
    let ctx = session(1, 10)?;
    run(&ctx, "SET tenure.strict = true").await?;
    let error = run(&ctx, &format!("SELECT p_alive({BG}, 1, 3, 2)")).await.expect_err("strict");
    assert!(error.to_string().contains("recency 3 is longer than t 2"), "{error}");
    Ok(())
}

/// Customers with duplicates, NULLs and illegal figures, in three regions.
fn customers() -> Result<RecordBatch> {
    let mut state = 7_u64;
    let mut next = |below: u64| {
        state =
            state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        (state >> 33) % below
    };
    let (mut region, mut x, mut tx, mut t, mut w) = (vec![], vec![], vec![], vec![], vec![]);
    for i in 0..150 {
        region.push((i % 17 > 0).then_some(["north", "south", "west"][i % 3]));
        let age = 20 + next(40);
        let n = if next(3) == 0 { 1 + next(6) } else { 0 };
        x.push((next(20) > 0).then_some(n as f64));
        tx.push((next(30) > 0).then_some(if n == 0 {
            0.0
        } else {
            (1 + next(age + 2)) as f64 / 7.0
        }));
        t.push(Some(age as f64 / 7.0));
        w.push((next(25) > 0).then_some(1.0 + next(3) as f64 / 3.0));
    }
    let float = |v: Vec<Option<f64>>| Arc::new(Float64Array::from(v)) as ArrayRef;
    batch(vec![
        ("region", Arc::new(StringArray::from(region))),
        ("x", float(x)),
        ("tx", float(tx)),
        ("t", float(t)),
        ("w", float(w)),
    ])
}

#[tokio::test]
async fn a_fit_has_the_same_bits_however_its_rows_arrive() -> Result<()> {
    let rows = customers()?;
    same_bits(&rows, "SELECT region, bg_nbd_fit(x, tx, t), mbg_nbd_fit(x, tx, t, w, 0.5) FROM t GROUP BY region ORDER BY region").await?;
    same_bits(&rows, "SELECT region, bg_nbd_fit(x, round(tx * 7), round(t * 7)), mbg_nbd_fit(x, round(tx * 7), round(t * 7), round(w)) FROM t GROUP BY region ORDER BY region").await?;
    same_bits(&rows, "SELECT mbg_nbd_fit(x, tx, t, w), bg_nbd_fit(x, tx, t) FILTER (WHERE region = 'south') FROM t").await?;
    same_bits(&rows, "SELECT region, x, tx, t, w, churn_score(x, tx, t, 5) OVER (PARTITION BY region) FROM t ORDER BY region, x, tx, t, w").await?;
    same_bits(&rows, "SELECT x, tx, t, p_alive(m, x, tx, t), churn_prob(m, x, tx, t, 3), expected_purchases(m, 3, x, tx, t) FROM t CROSS JOIN (SELECT bg_nbd_fit(x, tx, t, l2 => 1, weight => 1) AS m FROM t) ORDER BY x, tx, t").await?;
    Ok(())
}

#[tokio::test]
async fn every_other_fit_has_the_same_bits_however_its_rows_arrive() -> Result<()> {
    let rows = customers()?;
    same_bits(&rows, "SELECT region, pareto_nbd_fit(x, tx, t), mbg_cnbd_fit(x, tx, t, x * 0.3, NULL, w) FROM t GROUP BY region ORDER BY region").await?;
    same_bits(&rows, "SELECT region, gamma_gamma_fit(x, t * t - 20, w, 0.5), sbg_fit(round(t), x > 1), bdw_fit(round(t), x > 1, w) FROM t GROUP BY region ORDER BY region").await?;
    same_bits(&rows, "SELECT bg_bb_fit(x, round(tx * 7), round(t * 7), w), gamma_gamma_fit(x, t), pareto_nbd_fit(x, round(tx * 7), round(t * 7), round(w)) FROM t").await?;
    same_bits(&rows, "SELECT x, tx, t, p_alive(m, x, tx, t), churn_prob(m, x, tx, t, 3), clv(m, g, x, tx, t, t, INTERVAL '90 days', 0.1), clv_residual(m, 0.1, x, tx, t), explain_churn(m, x, tx, t) FROM t CROSS JOIN (SELECT pareto_nbd_fit(x, tx, t, NULL, 1) AS m, gamma_gamma_fit(x, t, NULL, 1) AS g FROM t) ORDER BY x, tx, t").await?;
    Ok(())
}

#[tokio::test]
async fn a_summary_stands_for_the_columns_of_every_other_function() -> Result<()> {
    let ctx = cdnow().await?;
    let t = "(SELECT n, x, tx, t, x * 0.5 AS litt, 10 + x AS m, named_struct('frequency', CAST(x AS BIGINT), 'recency', tx, 't', t, 'litt', x * 0.5, 'monetary_value', 10 + x, 'revenue', 11.0, 'unit_days', 7.0) AS s FROM cdnow)";
    for (one, other) in [
        ("pareto_nbd_fit(s, n)['s']", "pareto_nbd_fit(x, tx, t, n)['s']"),
        ("pareto_nbd_fit(s, NULL, NULL, n)['unit_days']", "7.0"),
        ("mbg_cnbd_fit(s, 2, n)['a']", "mbg_cnbd_fit(x, tx, t, litt, 2, n)['a']"),
        ("mbg_cnbd_fit(s, NULL, NULL, NULL, 2)['a']", "mbg_cnbd_fit(x, tx, t, litt, 2)['a']"),
        ("gamma_gamma_fit(s, n)['q']", "gamma_gamma_fit(x, m, n)['q']"),
        ("gamma_gamma_fit(s, NULL, NULL, 0.5)['q']", "gamma_gamma_fit(x, m, NULL, 0.5)['q']"),
    ] {
        let out = run(&ctx, &format!("SELECT {one} = {other} AS same FROM {t}")).await?;
        shows(&out, "true");
    }
    for (one, other) in [
        ("expected_spend(GG, s)", "expected_spend(GG, x, m)"),
        (
            "clv(WEEKLY, GG, s, INTERVAL '1 year', 0.1)",
            "clv(WEEKLY, GG, x, tx, t, m, INTERVAL '12 months', 0.1)",
        ),
        (
            "clv(WEEKLY, GG, s, INTERVAL '200 days', 0.1, 0.5)",
            "clv(WEEKLY, GG, x, tx, t, m, '200 days', 0.1, 0.5)",
        ),
        (
            "clv(WEEKLY, GG, s, NULL, NULL, NULL, INTERVAL '200 days', 0)",
            "clv(WEEKLY, GG, x, tx, t, m, '200 days', 0)",
        ),
        ("clv_residual(WEEKLY, 0.1, s)", "clv_residual(WEEKLY, 0.1, x, tx, t)"),
        ("predicted_clv(WEEKLY, GG, s)", "clv(WEEKLY, GG, x, tx, t, m, INTERVAL '365 days', 0)"),
        ("total_clv(WEEKLY, GG, s)", "predicted_clv(WEEKLY, GG, s) + 11"),
        ("historic_clv(s)", "11"),
        (
            "explain_churn(WEEKLY, s)[4]['contribution']",
            "explain_churn(WEEKLY, x, tx, t)[4]['contribution']",
        ),
        (
            "explain_churn(WEEKLY, s, NULL, NULL, 9)[2]['contribution']",
            "explain_churn(WEEKLY, x, tx, t, 9)[2]['contribution']",
        ),
    ] {
        let sql = format!(
            "SELECT max(abs(d)) < 1e-9 AS same, count(d) AS n FROM (SELECT ({one}) - ({other}) AS d FROM {t})"
        );
        let sql = sql.replace("WEEKLY", WEEKLY).replace("GG", GG);
        let out = run(&ctx, &sql).await?;
        assert!(out.contains("| true | 1016 |"), "{sql}\n{out}");
    }
    Ok(())
}

#[tokio::test]
async fn many_groups_are_fitted_each_by_itself() -> Result<()> {
    let ctx = cdnow().await?;
    let out = run(&ctx, "WITH parts AS (SELECT *, CAST(t AS BIGINT) % 7 AS part FROM cdnow), grouped AS (SELECT part, bg_nbd_fit(x, tx, t, n)['ll'] AS ll FROM parts GROUP BY part), alone AS (SELECT bg_nbd_fit(x, tx, t, n) FILTER (WHERE part = 3)['ll'] AS ll FROM parts) SELECT count(*) AS n, count(DISTINCT grouped.ll) AS d, max(CASE WHEN part = 3 THEN abs(grouped.ll - alone.ll) END) = 0 AS same FROM grouped CROSS JOIN alone").await?;
    shows(&out, "| 7 | 7 | true |");
    Ok(())
}

#[tokio::test]
async fn each_row_may_have_its_own_model_and_horizon() -> Result<()> {
    let ctx = cdnow().await?;
    let out = run(&ctx, "WITH fits AS (SELECT 'a' AS k, bg_nbd_fit(x, tx, t, n) AS m, INTERVAL '10 days' AS h FROM cdnow UNION ALL SELECT 'b', mbg_nbd_fit(x, tx, t, n), INTERVAL '240 hours' FROM cdnow UNION ALL SELECT 'c', NULL, INTERVAL '1 day') SELECT k, round(p_alive(m, 0, 0, 38.86), 4) AS p, churn_prob(m, 0, 0, 38.86, h) = churn_prob(m, 0, 0, 38.86, 10) AS same, expected_purchases(m, h, 0, 0, 38.86) = expected_purchases(m, 10, 0, 0, 38.86) AS too FROM fits ORDER BY k").await?;
    shows(&out, "| a | 1.0    | true | true |");
    shows(&out, "| b | 0.3897 | true | true |");
    shows(&out, "| c |        |      |      |");
    Ok(())
}

#[tokio::test]
async fn the_dataframe_api_builds_the_same_calls() -> Result<()> {
    use datafusion::logical_expr::{col, lit};
    let ctx = cdnow().await?;
    let fit = super::expr_fn::bg_nbd_fit(col("x"), col("tx"), col("t")).alias("m");
    let fits = ctx.table("cdnow").await?.aggregate(vec![], vec![fit])?;
    let scored = fits.select(vec![
        super::expr_fn::expected_purchases(col("m"), lit(39), lit(2), lit(30.43), lit(38.86)),
        super::expr_fn::churn_prob(col("m"), lit(2), lit(30.43), lit(38.86), lit(39)),
        super::expr_fn::p_alive(col("m"), lit(2), lit(30.43), lit(38.86)),
    ])?;
    assert_eq!(scored.count().await?, 1);
    Ok(())
}

/// Every statement of every example gives the rows that are written under it.
#[tokio::test]
async fn the_examples_are_true() -> Result<()> {
    let mut examples = vec![];
    examples.extend(super::scalar_functions().iter().filter_map(|f| f.documentation().cloned()));
    examples.extend(super::aggregate_functions().iter().filter_map(|f| f.documentation().cloned()));
    examples.extend(super::window_functions().iter().filter_map(|f| f.documentation().cloned()));
    assert_eq!(examples.len(), 23);
    for text in examples.into_iter().filter_map(|d| d.sql_example) {
        let (mut sql, mut want) = (String::new(), String::new());
        let mut checked = 0;
        for line in text.lines().chain(["SELECT"]) {
            if let Some(row) = line.strip_prefix("-- ") {
                want.push_str(row);
                want.push('\n');
                continue;
            }
            if !want.is_empty() {
                assert_eq!(rows(&sql).await?, want, "{sql}");
                (sql, want, checked) = (String::new(), String::new(), checked + 1);
            }
            if !line.starts_with("```") {
                sql.push_str(line);
                sql.push('\n');
            }
        }
        assert!(checked > 0, "{text}");
    }
    Ok(())
}

async fn rows(sql: &str) -> Result<String> {
    use datafusion::arrow::util::display::{ArrayFormatter, FormatOptions};
    let mut out = String::new();
    for batch in session(1, 8192)?.sql(sql).await?.collect().await? {
        let options = FormatOptions::default().with_null("NULL");
        let columns = batch.columns().iter().map(|c| ArrayFormatter::try_new(c, &options));
        let columns = columns.collect::<std::result::Result<Vec<_>, _>>()?;
        for i in 0..batch.num_rows() {
            let row: Vec<String> = columns.iter().map(|c| c.value(i).to_string()).collect();
            out.push_str(&row.join(" | "));
            out.push('\n');
        }
    }
    Ok(out)
}
