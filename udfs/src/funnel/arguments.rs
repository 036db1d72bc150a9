//! The arguments that the funnel functions share: `(window, [mode,] ts, step1, …)`.

use std::sync::Arc;

use datafusion::arrow::array::{ArrayRef, AsArray, ListArray, TimestampMicrosecondArray};
use datafusion::arrow::buffer::OffsetBuffer;
use datafusion::arrow::datatypes::{
    DataType, Field, IntervalUnit, TimeUnit, TimestampMicrosecondType,
};
use datafusion::common::{Result, ScalarValue, internal_err, plan_err};
use datafusion::logical_expr::function::AccumulatorArgs;
use datafusion::logical_expr::{Signature, TypeSignature, Volatility};

use super::core::Rules;
use super::modes::{self, Modes};
use crate::args::{self, Param, Ty, required};
use crate::conditions;
use crate::sequence_aggregate::Batch;

const WINDOW: &[Param] = &[required("window", Ty::Interval)];
const MODE: &[Param] = &[required("window", Ty::Any), required("mode", Ty::Text)];
const TS: &[Param] = &[required("ts", Ty::Instant)];

/// How a function is called.
pub(super) fn usage(function: &str) -> String {
    format!("{function}(window, [mode,] ts, step1 [, step2, …])")
}

pub(super) fn signature() -> Signature {
    Signature::new(TypeSignature::UserDefined, Volatility::Immutable)
}

fn is_text(ty: &DataType) -> bool {
    matches!(ty, DataType::Utf8 | DataType::LargeUtf8 | DataType::Utf8View)
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
    let mut out = vec![coerce_window(function, window)?];
    out.extend(std::iter::repeat_n(DataType::Utf8, mode));
    if is_text(ts) {
        return plan_err!(
            "{function}: ts must be a timestamp or date, got {ts}; it is called {usage}"
        );
    }
    match args::coerce(function, TS, std::slice::from_ref(ts)) {
        Ok(ts) => out.extend(ts),
        Err(_) => {
            return plan_err!(
                "{function}: ts must be a timestamp or date, got {ts}; it is called {usage}"
            );
        }
    }
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
        let rules = Rules { steps, window, increase, once, deduplication, order, exclude: false };
        Ok(Self { rules, clickhouse, ts })
    }

    /// Pushes the rows that matter: time, and a bit for each step.
    pub(super) fn push(&self, args: &[ArrayRef], batch: &mut Batch<u64>) -> Result<()> {
        push(args.get(self.ts..).unwrap_or_default(), self.rules.unmatched_matter(), batch)
    }
}

/// Pushes rows of a time and of conditions: those that meet any, or all.
pub(super) fn push(args: &[ArrayRef], unmatched: bool, batch: &mut Batch<u64>) -> Result<()> {
    let [ts, steps @ ..] = args else { return internal_err!("a funnel needs a time and steps") };
    let ts = ts.as_primitive::<TimestampMicrosecondType>();
    let times = ts.values();
    let masks = conditions::masks(steps);
    batch.push_each(ts, |row, _| {
        let mask = masks.get(row).copied().unwrap_or_default();
        let time = times.get(row).copied().unwrap_or_default();
        (mask != 0 || unmatched).then_some((time, mask))
    })
}

/// A list of times as `ts` has them.
pub(super) fn list_of_times(types: &[DataType]) -> DataType {
    let time = types.iter().find(|t| matches!(t, DataType::Timestamp(_, _)));
    let time = time.cloned().unwrap_or(DataType::Timestamp(TimeUnit::Microsecond, None));
    DataType::List(Arc::new(Field::new_list_field(time, true)))
}

/// Lists of `times`, each of its length, of a type that [`list_of_times`] gave.
pub(super) fn lists_of_times(
    times: Vec<i64>,
    lengths: Vec<usize>,
    ty: &DataType,
) -> Result<ArrayRef> {
    let DataType::List(item) = ty else { return internal_err!("{ty} is no list of times") };
    let zone = match item.data_type() {
        DataType::Timestamp(_, zone) => zone.clone(),
        _ => None,
    };
    let times = TimestampMicrosecondArray::from(times).with_timezone_opt(zone);
    let offsets = OffsetBuffer::from_lengths(lengths);
    Ok(Arc::new(ListArray::try_new(Arc::clone(item), offsets, Arc::new(times), None)?))
}
