//! `FROM evaluate_scores(relation, …)`: how good scores were, from rows that have them beside what
//! happened.

use datafusion::common::{Result, plan_err};
use datafusion::logical_expr::LogicalPlan;

use super::evaluation::{REPORTS, report, sizes};
use super::info;
use crate::engine::FunctionInfo;
use crate::plan::query::Holes;
use crate::plan::relations::{Call, TableFunction};

pub(crate) const FUNCTION: TableFunction = TableFunction {
    name: "evaluate_scores",
    parameters: &[
        "report",
        "actual",
        "expected",
        "probability",
        "frequency",
        "model",
        "top",
        "groups",
    ],
    plan,
    documentation,
};

const EXAMPLE: &str = "\
SELECT n, actual, expected, bias, mae, auc, brier FROM evaluate_scores(
  (SELECT * FROM (VALUES (0, 0.5, 0.25), (2, 1.5, 0.75), (0, 0.0, 0.0), (1, 1.0, 0.25)) AS t(bought, expected, probability)), actual => bought);
-- 4 | 3.0 | 3.0 | 0.0 | 0.25 | 0.875 | 0.171875
SELECT \"group\", n, expected, actual FROM evaluate_scores(
  (SELECT * FROM (VALUES (false, 0.25), (true, 0.75), (false, 0.0), (true, 0.25)) AS t(came_back, probability)), actual => came_back, report => 'calibration', groups => 2);
-- 1 | 3 | 0.16666666666666666 | 0.3333333333333333
-- 2 | 1 | 0.75 | 1.0";

fn plan(mut call: Call<'_>) -> Result<LogicalPlan> {
    let mut holes = Holes::new();
    let word = call.word("report", &REPORTS)?;
    holes.insert("actual", call.written_or_column("actual", "actual")?);
    sizes(&mut call, &mut holes)?;
    let needed = match word {
        "frequency" => Some("frequency"),
        "calibration" => Some("probability"),
        _ => None,
    };
    for name in ["expected", "probability", "frequency", "model"] {
        let e = if needed == Some(name) {
            call.written_or_column(name, name)?
        } else {
            call.written_or_column_or_null(name, name)
        };
        holes.insert(name, e);
    }
    let is_null = |name| holes.get(name).is_some_and(|e| e.to_string() == "NULL");
    if is_null("expected") && is_null("probability") {
        return plan_err!(
            "evaluate_scores needs expected => … or probability => …, such as expected => expected_purchases(model, holdout_t, summary)"
        );
    }
    call.query(
        &format!(
            "WITH scored AS (
  SELECT CAST($model AS VARCHAR) AS model, CAST($frequency AS BIGINT) AS frequency, CAST($actual AS DOUBLE) AS actual,
    CAST($expected AS DOUBLE) AS expected, CAST($probability AS DOUBLE) AS probability, CAST(NULL AS VARCHAR) AS note
  FROM input WHERE $actual IS NOT NULL),
{}",
            report(word)
        ),
        &holes,
    )
}

pub(super) const SAID: &str = "report => 'figures' is one row a model: model, n (rows), actual and expected (their sums), bias ((expected - actual) / actual), mae (mean absolute error), rmse (root of the mean squared error), rmsle (the same of ln(1 + x)), active (rows whose actual is above 0), expected_active (sum of the probabilities), auc (the probability that who was active had the greater probability than who was not, ties by halves), brier (mean squared error of the probability) and note. report => 'frequency' is one row a model and frequency, up to top and more ('7+'): n, actual and expected (means), mae. report => 'calibration' is one row a model and group of equal size by probability, the lowest first: group, n, lowest, highest and expected (the mean of the probabilities), actual (the share that was active); equal probabilities are in one group, so that groups can be missing.";

pub(super) const ARGUMENTS: [(&str, &str); 2] = [
    ("top", "for 'frequency': the last bucket, of this frequency and more; default 7"),
    ("groups", "for 'calibration': how many groups; default 10"),
];

fn documentation() -> FunctionInfo {
    let mut arguments = vec![
        ("report", "'figures' (default), 'frequency' or 'calibration'"),
        (
            "actual",
            "what happened: a number such as holdout_frequency, or true and false; default: the column actual",
        ),
        ("expected", "the number that was expected; default: the column expected, if there is one"),
        (
            "probability",
            "of anything to happen, of actual > 0; default: the column probability, if there is one",
        ),
        ("frequency", "for 'frequency'; default: the column frequency"),
        (
            "model",
            "which model a row's scores are of, or any other group; default: the column model, if there is one, else one group",
        ),
    ];
    arguments.extend(ARGUMENTS);
    info(
        &FUNCTION,
        "Value",
        &[],
        &format!(
            "How good scores were, from rows that have what was said beside what happened; any model will do, of churn too. {SAID} Rows with a NULL actual are ignored; a NULL expected or probability is left out of what it would be part of. A figure that cannot be (no rows, or all alike) is NULL. The order of rows makes no difference to any bit. Memory: the rows, sorted by probability. See evaluate_model for what a model says of customers it has not seen."
        ),
        &arguments,
        EXAMPLE,
    )
}
