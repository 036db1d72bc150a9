//! The arguments that the functions of patterns share: `(pattern, [mode,] ts, condition1, …)`.

use datafusion::arrow::array::ArrayRef;
use datafusion::arrow::datatypes::DataType;
use datafusion::common::{Result, ScalarValue, plan_err};
use datafusion::logical_expr::function::AccumulatorArgs;
use datafusion::logical_expr::{Signature, Volatility};

use super::core::Scan;
use super::pattern;
use crate::args::{self, Param, Ty, is_text, required};
use crate::conditions;
use crate::sequence_aggregate::Batch;
use crate::times;

const PARAMS: &[Param] = &[required("pattern", Ty::Text), required("mode", Ty::Text)];

pub(super) fn signature() -> Signature {
    Signature::user_defined(Volatility::Immutable)
}

/// Whether the second argument is a mode.
fn has_mode(types: &[DataType]) -> bool {
    types.get(1).is_some_and(is_text)
}

/// The types of all arguments; `modes` says whether the function has modes.
pub(super) fn coerce(function: &str, types: &[DataType], modes: bool) -> Result<Vec<DataType>> {
    let mode = usize::from(modes && has_mode(types));
    let option = if modes { "[mode,] " } else { "" };
    let usage = format!("{function}(pattern, {option}ts, condition1 [, condition2, …])");
    let [pattern, rest @ ..] = types else {
        return plan_err!("{function} needs arguments; it is called {usage}");
    };
    if !is_text(pattern) && *pattern != DataType::Null {
        return plan_err!(
            "{function}: pattern must be text such as '(?1).*(?2)', got {pattern}; it is called {usage}"
        );
    }
    let (Some(ts), Some(others)) = (rest.get(mode), rest.get(mode + 1..)) else {
        return plan_err!(
            "{function} needs a pattern, a time and conditions; it is called {usage}"
        );
    };
    let mut out = vec![DataType::Utf8; 1 + mode];
    out.push(times::coerce(function, ts, &usage)?);
    out.extend(conditions::coerce(function, others, &usage)?);
    Ok(out)
}

/// What a call asks for.
#[derive(Debug, Clone)]
pub(super) struct Search {
    pub scan: Scan,
    /// which argument is the time; the conditions follow
    ts: usize,
}

impl Search {
    pub(super) fn read(function: &str, args: &AccumulatorArgs) -> Result<Self> {
        let types: Vec<DataType> = args.expr_fields.iter().map(|f| f.data_type().clone()).collect();
        let ts = 1 + usize::from(has_mode(&types));
        let value = args::constant(function, PARAMS, args.exprs, "pattern")?;
        let ScalarValue::Utf8(Some(text)) = value else {
            return plan_err!("{function}: pattern must be text such as '(?1).*(?2)', got {value}");
        };
        match pattern::parse(&text, types.len().saturating_sub(ts + 1)) {
            Ok(pattern) => Ok(Self { scan: Scan::new(pattern), ts }),
            Err(pattern::Wrong { at, what }) => {
                plan_err!("{function}: pattern '{text}', character {at}: {what}")
            }
        }
    }

    /// Pushes the rows that satisfy any condition: time, and a bit for each.
    pub(super) fn push(&self, args: &[ArrayRef], batch: &mut Batch<u64>) -> Result<()> {
        conditions::push(args.get(self.ts..).unwrap_or_default(), false, batch)
    }
}

/// Whether the mode asks for the longest beginning where there is no match.
pub(super) fn partial(function: &str, args: &AccumulatorArgs) -> Result<bool> {
    let types: Vec<DataType> = args.expr_fields.iter().map(|f| f.data_type().clone()).collect();
    if !has_mode(&types) {
        return Ok(false);
    }
    match args::constant(function, PARAMS, args.exprs, "mode")? {
        ScalarValue::Utf8(Some(mode)) => match mode.trim().to_ascii_lowercase().as_str() {
            "full" => Ok(false),
            "partial" => Ok(true),
            _ => plan_err!("{function}: there is no mode '{mode}'; the modes are full, partial"),
        },
        _ => Ok(false),
    }
}
