//! The arguments that the funnel functions share: `(window, [mode,] ts, step1, …)`.

use datafusion::arrow::array::ArrayRef;
use datafusion::arrow::datatypes::{DataType, IntervalUnit};
use datafusion::common::{Result, ScalarValue, internal_err, plan_err};
use datafusion::logical_expr::function::AccumulatorArgs;
use datafusion::logical_expr::{Signature, TypeSignature, Volatility};

use super::core::Rules;
use super::modes::{self, Modes};
use crate::args::{self, Param, Ty, is_text, required};
use crate::conditions;
use crate::sequence_aggregate::Batch;
use crate::times;

const WINDOW: &[Param] = &[required("window", Ty::Interval)];
const MODE: &[Param] = &[required("window", Ty::Any), required("mode", Ty::Text)];

/// How a function is called.
pub(super) fn usage(function: &str) -> String {
    format!("{function}(window, [mode,] ts, step1 [, step2, …])")
}

pub(super) fn signature() -> Signature {
    Signature::new(TypeSignature::UserDefined, Volatility::Immutable)
}

/// Whether the second argument is a mode.
fn has_mode(types: &[DataType]) -> bool {
    types.get(1).is_some_and(is_text)
}

/// The types of all arguments; `modes` says whether the function has modes.
pub(super) fn coerce(function: &str, types: &[DataType], modes: bool) -> Result<Vec<DataType>> {
    let usage = if modes { usage(function) } else { usage(function).replace("[mode,] ", "") };
    let mode = usize::from(modes && has_mode(types));
    let [window, rest @ ..] = types else {
        return plan_err!("{function} needs arguments; it is called {usage}");
    };
    let (Some(ts), Some(steps)) = (rest.get(mode), rest.get(mode + 1..)) else {
        return plan_err!("{function} needs a window, a time and steps; it is called {usage}");
    };
    if let ([text, ..], 1, DataType::Boolean) = (rest, mode, ts) {
        // a step where the time should be: the text was not meant for a mode
        return plan_err!(
            "{function}: ts must be a timestamp or date, got {text}, which in this place is a mode and comes before ts; it is called {usage}"
        );
    }
    let mut out = vec![coerce_window(function, window)?];
    out.extend(std::iter::repeat_n(DataType::Utf8, mode));
    out.push(times::coerce(function, ts, &usage)?);
    out.extend(conditions::coerce(function, steps, &usage)?);
    Ok(out)
}

/// A window is an INTERVAL, or a whole number of seconds.
pub(super) fn coerce_window(function: &str, ty: &DataType) -> Result<DataType> {
    match ty {
        DataType::Interval(_) => Ok(DataType::Interval(IntervalUnit::MonthDayNano)),
        ty if is_text(ty) => Ok(DataType::Utf8),
        ty if ty.is_integer() => Ok(DataType::Int64),
        _ => plan_err!(
            "{function}: window must be an INTERVAL such as INTERVAL '1 day', or a number of seconds, got {ty}"
        ),
    }
}

/// The window in microseconds.
pub(super) fn window(function: &str, args: &AccumulatorArgs) -> Result<i64> {
    match args::constant(function, WINDOW, args.exprs, "window")? {
        ScalarValue::Int64(Some(seconds)) => match seconds.checked_mul(1_000_000) {
            Some(micros) if seconds >= 0 => Ok(micros),
            _ => plan_err!("{function}: window must be a length of time, got {seconds} seconds"),
        },
        // all steps at one time
        ScalarValue::IntervalMonthDayNano(Some(v))
            if v.months == 0 && v.days == 0 && v.nanoseconds == 0 =>
        {
            Ok(0)
        }
        value => args::fixed_micros(function, "window", &value),
    }
}

/// What a call of `window_funnel` or `window_funnel_events` asks for.
#[derive(Debug, Clone, Copy)]
pub(super) struct Funnel {
    pub rules: Rules,
    pub clickhouse: bool,
    /// which argument is the time; the steps follow
    ts: usize,
}

impl Funnel {
    pub(super) fn read(function: &str, args: &AccumulatorArgs) -> Result<Self> {
        let types: Vec<DataType> = args.expr_fields.iter().map(|f| f.data_type().clone()).collect();
        let ts = 1 + usize::from(has_mode(&types));
        let modes = if ts == 1 {
            Modes::default()
        } else {
            match args::constant(function, MODE, args.exprs, "mode")? {
                ScalarValue::Utf8(Some(text)) => modes::parse(function, &text)?,
                _ => Modes::default(),
            }
        };
        let Ok(steps) = u32::try_from(types.len().saturating_sub(ts + 1)) else {
            return internal_err!("{function} has more steps than can be counted");
        };
        let Modes { increase, once, deduplication, order, clickhouse } = modes;
        let window = window(function, args)?;
        let (exclude, entry) = (false, false);
        let rules = Rules { steps, window, increase, once, deduplication, order, exclude, entry };
        Ok(Self { rules, clickhouse, ts })
    }

    /// Pushes the rows that matter: time, and a bit for each step.
    pub(super) fn push(&self, args: &[ArrayRef], batch: &mut Batch<u64>) -> Result<()> {
        conditions::push(
            args.get(self.ts..).unwrap_or_default(),
            self.rules.unmatched_matter(),
            batch,
        )
    }
}
