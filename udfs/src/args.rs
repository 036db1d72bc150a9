//! What the arguments of a function mean: names, types and defaults, in one table per function.
//!
//! A function lists its [`Param`]s once; coercion, error messages, the completion of left-out
//! options while planning and the reading of constant options all follow from that list.

use datafusion::arrow::array::ArrayRef;
use datafusion::arrow::compute::kernels::cast_utils::parse_interval_month_day_nano;
use datafusion::arrow::datatypes::{DataType, IntervalMonthDayNano, IntervalUnit, TimeUnit};
use datafusion::arrow::util::display::array_value_to_string;
use datafusion::common::{Result, ScalarValue, internal_err, plan_err};
use datafusion::logical_expr::expr::{AggregateFunction, AggregateFunctionParams, WindowFunction};
use datafusion::logical_expr::function::AccumulatorArgs;
use datafusion::logical_expr::simplify::{ExprSimplifyResult, SimplifyContext};
use datafusion::logical_expr::{ColumnarValue, Expr, Signature, TypeSignature, Volatility, lit};
use datafusion::physical_expr::PhysicalExpr;
use datafusion::physical_expr::expressions::Literal;
use std::sync::Arc;

use crate::checks::require_finite::require_finite_udf;
use crate::settings::TenureOptions;

/// The type a parameter is coerced to.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Ty {
    /// a point in time; arrives as microseconds of the session's wall clock
    Time,
    /// a point in time, as microseconds; one with a zone stays an instant, for what counts lengths
    /// of time and not days
    Instant,
    /// any number, as DOUBLE
    Float,
    /// a whole number, as BIGINT
    Int,
    /// a condition
    Bool,
    /// text, as Utf8
    Text,
    /// a length of time, as INTERVAL MONTH DAY NANO; text stays text and is read by [`interval`],
    /// because an error of a cast could not say whose argument it was
    Interval,
    /// anything; the function looks for itself
    Any,
}

/// What a parameter is when it is left out or NULL.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(crate) enum Fill {
    /// it must be given
    Required,
    /// it stays NULL: the function knows what that means
    Null,
    /// `tenure.as_of`
    AsOf,
    /// `tenure.stage_policy`
    StagePolicy,
    /// `tenure.timezone`
    Timezone,
    /// `tenure.week_start`
    WeekStart,
    /// `tenure.fiscal_year_start`
    FiscalYearStart,
    Int(i64),
    Float(f64),
    Text(&'static str),
    /// an interval of so many days
    Days(i32),
}

impl Fill {
    const fn is_a_setting(self) -> bool {
        matches!(
            self,
            Self::AsOf
                | Self::StagePolicy
                | Self::Timezone
                | Self::WeekStart
                | Self::FiscalYearStart
        )
    }
}

/// One parameter of a function.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Param {
    pub name: &'static str,
    pub ty: Ty,
    pub fill: Fill,
}

/// A parameter that must be given.
pub(crate) const fn required(name: &'static str, ty: Ty) -> Param {
    Param { name, ty, fill: Fill::Required }
}

/// A parameter with a default.
pub(crate) const fn option(name: &'static str, ty: Ty, fill: Fill) -> Param {
    Param { name, ty, fill }
}

/// The signature for a list of parameters: names for `name => value`, types by [`coerce`].
pub(crate) fn signature(params: &[Param]) -> Signature {
    let names = params.iter().map(|p| p.name.to_string()).collect();
    let plain = Signature::new(TypeSignature::UserDefined, Volatility::Immutable);
    // the names are refused only if two are equal, and then the function has no named arguments
    plain.clone().with_parameter_names(names).unwrap_or(plain)
}

/// The types that the arguments of `function` are cast to.
///
/// # Errors
/// Too few or too many arguments, or one whose type cannot be meant.
pub(crate) fn coerce(
    function: &str,
    params: &[Param],
    types: &[DataType],
) -> Result<Vec<DataType>> {
    // NULL stands for an option before the last argument that must be given
    let least = params.iter().rposition(|p| p.fill == Fill::Required).map_or(0, |last| last + 1);
    if types.len() < least || types.len() > params.len() {
        return plan_err!(
            "{function} takes {} arguments, got {}; it is called {}",
            if least == params.len() {
                least.to_string()
            } else {
                format!("{least} to {}", params.len())
            },
            types.len(),
            usage(function, params)
        );
    }
    types
        .iter()
        .zip(params)
        .enumerate()
        .map(|(i, (ty, p))| {
            coerce_one(ty, p.ty).map_or_else(
                |want| {
                    plan_err!(
                        "{function}: argument {} ({}) must be {want}, got {ty}; it is called {}",
                        i + 1,
                        p.name,
                        usage(function, params)
                    )
                },
                Ok,
            )
        })
        .collect()
}

/// `name(required, required [, option …])`
pub(crate) fn usage(function: &str, params: &[Param]) -> String {
    let mut out = format!("{function}(");
    for (i, p) in params.iter().enumerate() {
        let comma = if i == 0 { "" } else { ", " };
        if p.fill == Fill::Required {
            out.push_str(&format!("{comma}{}", p.name));
        } else {
            out.push_str(&format!("[{comma}{}]", p.name));
        }
    }
    out.push(')');
    out
}

/// Whether a type is text.
pub(crate) fn is_text(ty: &DataType) -> bool {
    matches!(ty, DataType::Utf8 | DataType::LargeUtf8 | DataType::Utf8View)
}

fn coerce_one(from: &DataType, to: Ty) -> std::result::Result<DataType, &'static str> {
    use DataType as D;
    let is_text = is_text(from);
    let is_null = matches!(from, D::Null);
    let from = match from {
        D::Dictionary(_, value) => value.as_ref(),
        other => other,
    };
    match to {
        Ty::Time | Ty::Instant => match from {
            D::Timestamp(_, tz) => Ok(D::Timestamp(TimeUnit::Microsecond, tz.clone())),
            D::Date32 | D::Date64 => Ok(D::Timestamp(TimeUnit::Microsecond, None)),
            _ if is_text || is_null => Ok(D::Timestamp(TimeUnit::Microsecond, None)),
            _ => Err("a timestamp or date"),
        },
        Ty::Float if from.is_numeric() || is_null => Ok(D::Float64),
        Ty::Float => Err("a number"),
        Ty::Int if from.is_integer() || is_null => Ok(D::Int64),
        Ty::Int => Err("a whole number"),
        Ty::Bool if matches!(from, D::Boolean) || is_null => Ok(D::Boolean),
        Ty::Bool => Err("a condition (BOOLEAN)"),
        Ty::Text if is_text || is_null || self::is_text(from) => Ok(D::Utf8),
        Ty::Text => Err("text"),
        Ty::Interval if is_text => Ok(D::Utf8),
        Ty::Interval if matches!(from, D::Interval(_)) || is_null => {
            Ok(D::Interval(IntervalUnit::MonthDayNano))
        }
        Ty::Interval => Err("an INTERVAL such as INTERVAL '30 days'"),
        Ty::Any => Ok(from.clone()),
    }
}

/// Completes the arguments of a call while it is planned: left-out and NULL options become the
/// literals of their defaults, zoned times become wall-clock time. `None`: nothing to do.
pub(crate) fn complete(
    params: &[Param],
    args: &[Expr],
    info: &SimplifyContext,
) -> Result<Option<Vec<Expr>>> {
    let mut out = Vec::with_capacity(params.len());
    let mut changed = false;
    let strict = TenureOptions::of(info.config_options()).strict;
    for (i, p) in params.iter().enumerate() {
        match args.get(i) {
            Some(e) if !is_null_literal(e) => {
                let zoned = p.ty == Ty::Time
                    && matches!(info.get_data_type(e)?, DataType::Timestamp(_, Some(_)));
                let unchecked = strict && p.ty == Ty::Float && is_unchecked(e, info)?;
                changed |= zoned || unchecked;
                out.push(if zoned {
                    crate::time::local_time::wall_clock(e.clone(), info)?
                } else if unchecked {
                    require_finite_udf().call(vec![e.clone()])
                } else {
                    e.clone()
                });
            }
            given => match default_of(p.fill, info)? {
                Some(value) => {
                    changed = true;
                    out.push(lit(value));
                }
                None => {
                    changed |= given.is_none();
                    out.push(given.cloned().unwrap_or_else(|| lit(null_of(p.ty))));
                }
            },
        }
    }
    Ok(changed.then_some(out))
}

/// [`complete`] for `ScalarUDFImpl::simplify`.
pub(crate) fn complete_scalar(
    params: &[Param],
    args: Vec<Expr>,
    info: &SimplifyContext,
    call: impl FnOnce(Vec<Expr>) -> Expr,
) -> Result<ExprSimplifyResult> {
    Ok(match complete(params, &args, info)? {
        Some(args) => ExprSimplifyResult::Simplified(call(args)),
        None => ExprSimplifyResult::Original(args),
    })
}

/// Refuses a call that [`complete`] has not seen: what a setting fills in is missing. Calls of
/// constants are folded before they are simplified; an error leaves them for later.
pub(crate) fn completed(name: &str, params: &[Param], args: &[ColumnarValue]) -> Result<()> {
    for (at, p) in params.iter().enumerate() {
        let missing = match args.get(at) {
            None => true,
            Some(ColumnarValue::Scalar(value)) => value.is_null(),
            Some(ColumnarValue::Array(_)) => false,
        };
        if missing && p.fill.is_a_setting() {
            return internal_err!("{name}: {} has not been filled in by the session", p.name);
        }
    }
    Ok(())
}

/// Refuses `f(DISTINCT …)`, which would say nothing of rows that come twice.
///
/// # Errors
/// The call has it.
pub(crate) fn no_distinct(function: &str, args: &AccumulatorArgs) -> Result<()> {
    if args.is_distinct {
        return plan_err!(
            "{function} does not take DISTINCT; leave out rows that come twice before"
        );
    }
    Ok(())
}

/// [`complete`] for `AggregateUDFImpl::simplify`.
pub(crate) fn complete_aggregate(
    params: &[Param],
    function: AggregateFunction,
    info: &SimplifyContext,
) -> Result<Expr> {
    let AggregateFunction { func, params: call } = function;
    let args = complete(params, &call.args, info)?.unwrap_or_else(|| call.args.clone());
    Ok(Expr::AggregateFunction(AggregateFunction {
        func,
        params: AggregateFunctionParams { args, ..call },
    }))
}

/// [`complete`] for `WindowUDFImpl::simplify`.
pub(crate) fn complete_window(
    params: &[Param],
    mut function: WindowFunction,
    info: &SimplifyContext,
) -> Result<Expr> {
    if let Some(args) = complete(params, &function.params.args, info)? {
        function.params.args = args;
    }
    Ok(Expr::from(function))
}

/// Whether a number can be NaN or infinite and nothing looks yet.
fn is_unchecked(e: &Expr, info: &SimplifyContext) -> Result<bool> {
    let checked = matches!(e, Expr::ScalarFunction(f) if f.func == require_finite_udf());
    Ok(!checked && !matches!(e, Expr::Literal(_, _)) && info.get_data_type(e)?.is_floating())
}

/// Whether an expression is NULL as it stands, with or without a type.
pub(crate) fn is_null_literal(e: &Expr) -> bool {
    match e {
        Expr::Literal(v, _) => v.is_null(),
        Expr::Cast(c) => is_null_literal(&c.expr),
        _ => false,
    }
}

fn default_of(fill: Fill, info: &SimplifyContext) -> Result<Option<ScalarValue>> {
    Ok(match fill {
        Fill::Required | Fill::Null => None,
        Fill::AsOf => {
            Some(ScalarValue::TimestampMicrosecond(Some(TenureOptions::as_of_in(info)?), None))
        }
        Fill::StagePolicy => {
            let name = TenureOptions::of(info.config_options()).stage_policy;
            Some(ScalarValue::Utf8(Some(name.trim().to_string())))
        }
        Fill::Timezone => {
            let timezone = TenureOptions::of(info.config_options()).tz()?;
            Some(ScalarValue::Utf8(Some(timezone.name().to_string())))
        }
        Fill::WeekStart => {
            let day = TenureOptions::of(info.config_options()).week_start;
            Some(ScalarValue::Utf8(Some(day.trim().to_string())))
        }
        Fill::FiscalYearStart => {
            let month = TenureOptions::of(info.config_options()).fiscal_year_start;
            Some(ScalarValue::Int64(i64::try_from(month).ok()))
        }
        Fill::Int(v) => Some(ScalarValue::Int64(Some(v))),
        Fill::Float(v) => Some(ScalarValue::Float64(Some(v))),
        Fill::Text(v) => Some(ScalarValue::Utf8(Some(v.to_string()))),
        Fill::Days(v) => Some(ScalarValue::new_interval_mdn(0, v, 0)),
    })
}

fn null_of(ty: Ty) -> ScalarValue {
    match ty {
        Ty::Time | Ty::Instant => ScalarValue::TimestampMicrosecond(None, None),
        Ty::Float => ScalarValue::Float64(None),
        Ty::Int => ScalarValue::Int64(None),
        Ty::Bool => ScalarValue::Boolean(None),
        Ty::Text => ScalarValue::Utf8(None),
        Ty::Interval => ScalarValue::IntervalMonthDayNano(None),
        Ty::Any => ScalarValue::Null,
    }
}

/// Whether an optional argument is there: neither left out nor NULL as it stands.
pub(crate) fn is_given(params: &[Param], exprs: &[Arc<dyn PhysicalExpr>], name: &str) -> bool {
    let given = params.iter().position(|p| p.name == name).and_then(|i| exprs.get(i));
    given.is_some_and(|e| e.downcast_ref::<Literal>().is_none_or(|l| !l.value().is_null()))
}

/// The constant value of an option of an aggregate or window function; NULL if left out.
///
/// # Errors
/// The argument is not a constant, or a text that should be an interval and is none.
pub(crate) fn constant(
    function: &str,
    params: &[Param],
    exprs: &[Arc<dyn PhysicalExpr>],
    name: &str,
) -> Result<ScalarValue> {
    let Some(i) = params.iter().position(|p| p.name == name) else {
        return internal_err!("{function} has no parameter {name}");
    };
    match exprs.get(i) {
        None => Ok(params.get(i).map_or(ScalarValue::Null, |p| null_of(p.ty))),
        Some(e) => match e.downcast_ref::<Literal>() {
            Some(l) if params.get(i).is_some_and(|p| p.ty == Ty::Interval) => {
                as_interval(function, name, l.value())
            }
            Some(l) => Ok(l.value().clone()),
            None => {
                plan_err!("{function}: argument {} ({name}) must be a constant, got {e}", i + 1)
            }
        },
    }
}

/// The value of an argument that is an interval: text is read as one.
///
/// # Errors
/// As [`interval`].
pub(crate) fn as_interval(function: &str, name: &str, value: &ScalarValue) -> Result<ScalarValue> {
    Ok(match value {
        ScalarValue::Utf8(text) => {
            let read = text.as_deref().map(|text| interval(function, name, text));
            ScalarValue::IntervalMonthDayNano(read.transpose()?)
        }
        other => other.clone(),
    })
}

/// The interval of a text: `'30 days'`, or `'week'` for one of it.
///
/// # Errors
/// A text that is no interval.
pub(crate) fn interval(function: &str, name: &str, text: &str) -> Result<IntervalMonthDayNano> {
    let unit = text.trim().to_lowercase();
    let read = match unit.as_str() {
        "quarter" => parse_interval_month_day_nano("3 months"),
        one if !one.is_empty() && one.chars().all(|c| c.is_ascii_alphabetic()) => {
            parse_interval_month_day_nano(&format!("1 {one}"))
        }
        amounts => parse_interval_month_day_nano(amounts),
    };
    read.or_else(|_| {
        plan_err!(
            "{function}: {name} must be an INTERVAL such as INTERVAL '7 days', or a text such as '7 days' or 'week', got {text:?}"
        )
    })
}

/// The answer of a scalar function: `out`, or its only value where every argument was one value.
pub(crate) fn answer(given: &[ColumnarValue], out: ArrayRef) -> Result<ColumnarValue> {
    if given.iter().all(|g| matches!(g, ColumnarValue::Scalar(_))) {
        return Ok(ColumnarValue::Scalar(ScalarValue::try_from_array(&out, 0)?));
    }
    Ok(ColumnarValue::Array(out))
}

/// The length in microseconds of an interval that has one: no months.
///
/// # Errors
/// NULL, months or years, or a length that is not positive.
pub(crate) fn fixed_micros(function: &str, name: &str, value: &ScalarValue) -> Result<i64> {
    let ScalarValue::IntervalMonthDayNano(Some(v)) = value else {
        return plan_err!(
            "{function}: {name} must be an INTERVAL such as INTERVAL '1 day', got {value}"
        );
    };
    if v.months != 0 {
        return plan_err!(
            "{function}: {name} must have one fixed length, and months and years do not; use days, such as INTERVAL '30 days'"
        );
    }
    let nanos = i128::from(v.days) * 86_400_000_000_000 + i128::from(v.nanoseconds);
    match i64::try_from(nanos / 1_000) {
        Ok(m) if m > 0 => Ok(m),
        Ok(0) if nanos > 0 => {
            plan_err!("{function}: {name} must not be shorter than a microsecond")
        }
        _ => plan_err!(
            "{function}: {name} must be a positive length of time, got {}",
            array_value_to_string(&value.to_array()?, 0)?
        ),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_text_is_an_interval_or_a_unit() {
        let of = |text| {
            interval("f", "unit", text)
                .map(|v| (v.months, v.days, v.nanoseconds))
                .map_err(|e| e.strip_backtrace().replace("Error during planning: ", ""))
        };
        for (text, is) in [
            ("day", (0, 1, 0)),
            (" Week", (0, 7, 0)),
            ("month", (1, 0, 0)),
            ("QUARTER", (3, 0, 0)),
            ("year", (12, 0, 0)),
            ("hour", (0, 0, 3_600_000_000_000)),
            ("2 months 3 days", (2, 3, 0)),
        ] {
            assert_eq!(of(text), Ok(is), "{text}");
        }
        for text in ["", "mnth", "fortnight", "1 mnth", "2018-01-01"] {
            assert_eq!(
                of(text),
                Err(format!(
                    "f: unit must be an INTERVAL such as INTERVAL '7 days', or a text such as '7 days' or 'week', got {text:?}"
                ))
            );
        }
    }

    #[test]
    fn a_length_that_is_none_is_told_readably() {
        let of = |days, nanos| {
            fixed_micros("f", "unit", &ScalarValue::new_interval_mdn(0, days, nanos))
                .map_err(|e| e.strip_backtrace().replace("Error during planning: ", ""))
        };
        let wrong = |got| Err(format!("f: unit must be a positive length of time, got {got}"));
        assert_eq!(of(1, 1_500), Ok(86_400_000_001));
        assert_eq!(of(-3, 0), wrong("-3 days"));
        assert_eq!(of(0, 0), wrong("0 secs"));
        assert_eq!(of(0, 999), Err("f: unit must not be shorter than a microsecond".into()));
    }
}
