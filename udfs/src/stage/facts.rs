//! The arguments that `stage_of` and `stage_reason` share, as [`Facts`] and [`Policies`] by row.
//!
//! Two forms, told apart by the number of arguments: a summary with up to three more, or the
//! times themselves (five or six).

use std::sync::Arc;

use datafusion::arrow::array::{Array, ArrayRef, AsArray, StringArray, StringBuilder};
use datafusion::arrow::datatypes::{
    DataType, Float64Type, Int64Type, TimeUnit, TimestampMicrosecondType,
};
use datafusion::common::{Result, ScalarValue, plan_err};
use datafusion::logical_expr::{ColumnarValue, ScalarFunctionArgs};

use super::core::{Facts, Policy, Purchases, Reason, Stage, decide};
use super::policy::{Policies, column};
use crate::args::{self, Fill, Param, Ty, option, required};

/// `f(summary [, policy, registered, activated])`
pub(super) const BY_SUMMARY: &[Param] = &[
    required("summary", Ty::Any),
    option("policy", Ty::Any, Fill::StagePolicy),
    option("registered", Ty::Any, Fill::Null),
    option("activated", Ty::Bool, Fill::Null),
];

/// `f(first_ts, last_ts, periods, registered_ts, as_of [, policy])`
const BY_TIMES: &[Param] = &[
    required("first_ts", Ty::Time),
    required("last_ts", Ty::Time),
    required("periods", Ty::Int),
    required("registered_ts", Ty::Time),
    option("as_of", Ty::Time, Fill::AsOf),
    option("policy", Ty::Any, Fill::StagePolicy),
];

/// The parameters of the form that a call of `n` arguments has.
pub(super) fn params(n: usize) -> &'static [Param] {
    if n > BY_SUMMARY.len() { BY_TIMES } else { BY_SUMMARY }
}

/// The types the arguments are cast to.
pub(super) fn coerce(function: &str, types: &[DataType]) -> Result<Vec<DataType>> {
    let params = params(types.len());
    let out = args::coerce(function, params, types)?;
    for (i, (ty, p)) in out.iter().zip(params).enumerate() {
        let text = matches!(ty, DataType::Utf8 | DataType::LargeUtf8 | DataType::Utf8View);
        let fits = match p.name {
            "summary" => matches!(ty, DataType::Struct(_) | DataType::Null),
            "policy" => text || matches!(ty, DataType::Struct(_) | DataType::Null),
            _ => true,
        };
        if !fits {
            let want = if p.name == "summary" {
                "the STRUCT of customer_summary(…)"
            } else {
                "a stage_policy(…) or the name of one, such as 'grocery'"
            };
            return plan_err!(
                "{function}: argument {} ({}) must be {want}, got {ty}",
                i + 1,
                p.name
            );
        }
    }
    Ok(out)
}

/// One text per row, made by `say` from what the rules decide.
pub(super) fn decide_each(
    function: &str,
    call: ScalarFunctionArgs,
    mut say: impl FnMut(Stage, &Reason, &mut StringBuilder),
) -> Result<ColumnarValue> {
    args::completed(function, params(call.args.len()), &call.args)?;
    let constant = call.args.iter().all(|a| matches!(a, ColumnarValue::Scalar(_)));
    let rows = if constant { 1 } else { call.number_rows };
    let at = params(call.args.len()).iter().position(|p| p.name == "policy");
    // a constant policy is read once
    let policies = match at.and_then(|i| call.args.get(i)) {
        Some(ColumnarValue::Scalar(v)) => Policies::of(function, &v.to_array_of_size(1)?)?,
        Some(ColumnarValue::Array(a)) => Policies::of(function, a)?,
        None => Policies::One(Policy::default()),
    };
    let columns: Vec<ArrayRef> =
        call.args.iter().map(|a| a.to_array(rows)).collect::<Result<_>>()?;
    let facts = if call.args.len() > BY_SUMMARY.len() {
        Columns::of_times(function, &columns)?
    } else {
        Columns::of_summary(function, &columns)?
    };
    let mut out = StringBuilder::with_capacity(rows, rows * 8);
    for row in 0..rows {
        let (stage, reason) = decide(&facts.at(row), &policies.at(row));
        say(stage, &reason, &mut out);
    }
    let out: StringArray = out.finish();
    if constant {
        return Ok(ColumnarValue::Scalar(ScalarValue::try_from_array(&out, 0)?));
    }
    Ok(ColumnarValue::Array(Arc::new(out)))
}

/// Whether a customer is known to have registered or been activated.
enum Known {
    Never,
    Valid(ArrayRef),
    True(ArrayRef),
}

impl Known {
    fn of(column: Option<&ArrayRef>) -> Self {
        match column {
            Some(c) if c.data_type() == &DataType::Boolean => Self::True(Arc::clone(c)),
            Some(c) if c.data_type() != &DataType::Null => Self::Valid(Arc::clone(c)),
            _ => Self::Never,
        }
    }

    fn at(&self, row: usize) -> bool {
        match self {
            Self::Never => false,
            Self::Valid(c) => c.is_valid(row),
            Self::True(c) => c.is_valid(row) && c.as_boolean().value(row),
        }
    }
}

/// The columns that facts are read from; those that a form does not have are `None`.
struct Columns {
    /// the summary itself: NULL where nothing was bought
    whole: Option<ArrayRef>,
    as_of: Option<ArrayRef>,
    first: Option<ArrayRef>,
    last: Option<ArrayRef>,
    previous: Option<ArrayRef>,
    median_gap: Option<ArrayRef>,
    unit_days: Option<ArrayRef>,
    trend: Option<ArrayRef>,
    periods: Option<ArrayRef>,
    registered: Known,
    /// a registration later than `as_of` is not known yet
    registered_by_as_of: bool,
    activated: Known,
}

impl Columns {
    fn of_summary(function: &str, columns: &[ArrayRef]) -> Result<Self> {
        let mut out = Self {
            whole: columns.first().cloned(),
            as_of: None,
            first: None,
            last: None,
            previous: None,
            median_gap: None,
            unit_days: None,
            trend: None,
            periods: None,
            registered: Known::of(columns.get(2)),
            registered_by_as_of: false,
            activated: Known::of(columns.get(3)),
        };
        let Some(s) = columns.first().and_then(|c| c.as_struct_opt()) else { return Ok(out) };
        let time = DataType::Timestamp(TimeUnit::Microsecond, None);
        out.as_of = Some(column(function, s, "as_of", &time)?);
        out.first = Some(column(function, s, "first_ts", &time)?);
        out.last = Some(column(function, s, "last_ts", &time)?);
        out.previous = Some(column(function, s, "previous_ts", &time)?);
        out.median_gap = Some(column(function, s, "median_gap", &DataType::Float64)?);
        out.unit_days = Some(column(function, s, "unit_days", &DataType::Float64)?);
        out.trend = Some(column(function, s, "trend", &DataType::Float64)?);
        out.periods = Some(column(function, s, "periods", &DataType::Int64)?);
        Ok(out)
    }

    fn of_times(function: &str, columns: &[ArrayRef]) -> Result<Self> {
        let [first, last, periods, registered, as_of, ..] = columns else {
            return plan_err!("{function}: it is called {}", args::usage(function, BY_TIMES));
        };
        Ok(Self {
            whole: None,
            as_of: Some(Arc::clone(as_of)),
            first: Some(Arc::clone(first)),
            last: Some(Arc::clone(last)),
            previous: None,
            median_gap: None,
            unit_days: None,
            trend: None,
            periods: Some(Arc::clone(periods)),
            registered: Known::of(Some(registered)),
            registered_by_as_of: true,
            activated: Known::Never,
        })
    }

    fn at(&self, row: usize) -> Facts {
        let mut registered = self.registered.at(row);
        if registered
            && self.registered_by_as_of
            && let Known::Valid(r) = &self.registered
            && let Some(as_of) = time(self.as_of.as_ref(), row)
        {
            registered = time(Some(r), row).is_some_and(|r| r <= as_of);
        }
        Facts { registered, activated: self.activated.at(row), purchases: self.purchases(row) }
    }

    fn purchases(&self, row: usize) -> Option<Purchases> {
        if self.whole.as_ref().is_some_and(|w| w.is_null(row)) {
            return None;
        }
        let as_of = time(self.as_of.as_ref(), row)?;
        let last = time(self.last.as_ref(), row)?;
        let periods = self.periods.as_ref()?;
        let periods = periods.is_valid(row).then(|| periods.as_primitive::<Int64Type>().value(row));
        let periods = periods.unwrap_or(1);
        let first = time(self.first.as_ref(), row).unwrap_or(last);
        // what lies after as_of does not exist
        (periods > 0 && first <= as_of).then(|| Purchases {
            as_of,
            first,
            last: last.min(as_of),
            previous: time(self.previous.as_ref(), row),
            median_gap: float(self.median_gap.as_ref(), row)
                .map(|gap| gap * float(self.unit_days.as_ref(), row).unwrap_or(1.0)),
            trend: float(self.trend.as_ref(), row),
            periods,
        })
    }
}

fn time(column: Option<&ArrayRef>, row: usize) -> Option<i64> {
    let c = column?.as_primitive_opt::<TimestampMicrosecondType>()?;
    c.is_valid(row).then(|| c.value(row))
}

fn float(column: Option<&ArrayRef>, row: usize) -> Option<f64> {
    let c = column?.as_primitive_opt::<Float64Type>()?;
    c.is_valid(row).then(|| c.value(row))
}
