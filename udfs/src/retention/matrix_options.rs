//! What a matrix is, from the arguments of `retention_cells` and `retention_grid`.

use std::sync::Arc;

use datafusion::arrow::array::AsArray;
use datafusion::arrow::datatypes::{DataType, Int64Type};
use datafusion::common::{Result, ScalarValue, plan_err};
use datafusion::physical_expr::PhysicalExpr;

use super::cells::{Matrix, Rule, Start, each_period};
use crate::args::{self, Param};
use crate::lists::item;

/// The matrix of a call. An option that the function does not have is at its default.
///
/// # Errors
/// An option that is not a constant, or out of its bounds.
pub(super) fn matrix(
    function: &str,
    params: &[Param],
    exprs: &[Arc<dyn PhysicalExpr>],
) -> Result<Matrix> {
    let of = |name: &str| match params.iter().any(|p| p.name == name) {
        true => args::constant(function, params, exprs, name),
        false => Ok(ScalarValue::Null),
    };
    let int = |name, default: i64| match of(name)? {
        ScalarValue::Int64(Some(n)) if n >= 1 => Ok(n),
        none if none.is_null() => Ok(default),
        other => plan_err!("{function}: {name} must be at least 1, got {other}"),
    };
    let word = |name: &str, allowed: [&str; 3]| -> Result<usize> {
        let given = of(name)?;
        let Some(text) = given.try_as_str().flatten() else { return Ok(0) };
        match allowed.iter().position(|a| *a == text.trim().to_lowercase()) {
            Some(at) => Ok(at),
            None => {
                plan_err!("{function}: {name} must be '{}', got {text:?}", allowed.join("', '"))
            }
        }
    };
    let hours = of("hours")?;
    let periods = int("periods", 12)?;
    if periods > 100_000 {
        return plan_err!("{function}: periods must be at most 100000, got {periods}");
    }
    let given = brackets(function, &of("brackets")?)?;
    Ok(Matrix {
        start: match word("start", ["first_ever", "first_in_range", "recurring"])? {
            0 => Start::FirstEver,
            1 => Start::FirstInRange,
            _ => Start::Recurring,
        },
        rule: match word("rule", ["on", "on_or_after", "every"])? {
            0 => Rule::On,
            1 => Rule::OnOrAfter,
            _ => Rule::Every,
        },
        hours: if hours.is_null() { None } else { Some(int("hours", 1)?) },
        min_count: usize::try_from(int("min_count", 1)?).unwrap_or(usize::MAX),
        open: given.is_none(),
        brackets: given.unwrap_or_else(|| each_period(periods)),
    })
}

/// The list of brackets, if there is one.
fn brackets(function: &str, value: &ScalarValue) -> Result<Option<Vec<i64>>> {
    if value.is_null() {
        return Ok(None);
    }
    let wrong = || {
        plan_err!(
            "{function}: brackets must be whole numbers from 0 on that rise, two at least, such as [0, 1, 3, 7], got {value}"
        )
    };
    let Ok(ScalarValue::List(list)) = value.cast_to(&DataType::List(item(&DataType::Int64))) else {
        return wrong();
    };
    let all: Vec<Option<i64>> = list.values().as_primitive::<Int64Type>().iter().collect();
    let Some(all) = all.into_iter().collect::<Option<Vec<i64>>>() else { return wrong() };
    let rising = all.is_sorted_by(|a, b| a < b);
    if all.len() < 2 || !rising || all.first().is_some_and(|first| *first < 0) {
        return wrong();
    }
    Ok(Some(all))
}
