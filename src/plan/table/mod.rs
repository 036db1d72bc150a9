//! Tenure's table functions: one file each. Most are a query over the relation that they are given;
//! see [`query`](super::query).

mod change_points;
mod customer_summary_between;
mod engagement_states;
mod evaluate_model;
mod evaluate_scores;
mod evaluation;
mod funnel;
mod funnel_correlation;
mod growth_accounting;
mod hazard_fit;
mod key_points;
mod lifecycle;
mod path_transitions;
mod retention_matrix;
mod seasonal_index;
mod stage_forecast;
mod stage_history;
mod stage_transitions;
mod stickiness;
mod training_set;

use super::relations::TableFunction;
use crate::engine::{FunctionInfo, FunctionKind};

/// Every table function.
pub(crate) const FUNCTIONS: &[TableFunction] = &[
    change_points::FUNCTION,
    customer_summary_between::FUNCTION,
    engagement_states::FUNCTION,
    evaluate_model::FUNCTION,
    evaluate_scores::FUNCTION,
    funnel::FUNCTION,
    funnel_correlation::FUNCTION,
    growth_accounting::FUNCTION,
    hazard_fit::FUNCTION,
    key_points::FUNCTION,
    lifecycle::FUNCTION,
    path_transitions::FUNCTION,
    retention_matrix::FUNCTION,
    seasonal_index::FUNCTION,
    stage_forecast::FUNCTION,
    stage_history::FUNCTION,
    stage_transitions::FUNCTION,
    stickiness::FUNCTION,
    training_set::FUNCTION,
];

/// What is said of a table function: how it is called follows from its parameters, of which those
/// of `needed` have no default.
fn info(
    function: &TableFunction,
    family: &str,
    needed: &[&str],
    description: &str,
    arguments: &[(&str, &str)],
    example: &str,
) -> FunctionInfo {
    let (must, may): (Vec<&str>, Vec<&str>) =
        function.parameters.iter().partition(|p| needed.contains(p));
    let list = |names: Vec<&str>| {
        names.into_iter().map(|p| format!(", {p} => …")).collect::<Vec<_>>().concat()
    };
    let mut signature = format!("FROM {}(relation{}", function.name, list(must));
    if !may.is_empty() {
        signature.push_str(&format!(" [{}]", list(may)));
    }
    signature.push(')');
    let relation = ("relation", "a table, a view, a CTE, TABLE name, or (SELECT …)");
    FunctionInfo {
        name: function.name.to_string(),
        kind: FunctionKind::Table,
        family: family.to_string(),
        signature,
        description: description.to_string(),
        arguments: std::iter::once(&relation)
            .chain(arguments)
            .map(|(name, text)| (name.to_string(), text.to_string()))
            .collect(),
        example: Some(example.to_string()),
        tenure: true,
    }
}

/// What several functions say of the same arguments.
const KEY: (&str, &str) = ("key", "who it is about; default: the column customer_id");
const TS: (&str, &str) = (
    "ts",
    "time; one with a zone is what the clock of tenure.timezone showed; default: the column ts",
);
const UNIT: (&str, &str) = (
    "unit",
    "a period: 'hour', 'day', 'week', 'month' (default), 'quarter', 'year', 'fiscal_quarter' or 'fiscal_year', as period_start has them",
);
const AS_OF: (&str, &str) = ("as_of", "rows after it do not exist; default: tenure.as_of");
