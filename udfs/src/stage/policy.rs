//! A policy as a STRUCT value: its fields, and reading it back by name.

use std::sync::{Arc, LazyLock};

use datafusion::arrow::array::{
    Array, ArrayRef, AsArray, Float64Array, Int64Array, StringArray, StructArray,
};
use datafusion::arrow::compute::cast;
use datafusion::arrow::datatypes::{DataType, Field, Fields};
use datafusion::common::{Result, ScalarValue, exec_err, plan_err};

use super::core::{Basis, Policy};

static FIELDS: LazyLock<Fields> = LazyLock::new(|| {
    let text = ["name", "basis"].map(|n| Field::new(n, DataType::Utf8, true));
    let days = ["new_window", "at_risk_after", "dormant_after", "churn_after"];
    let days = days.map(|n| Field::new(n, DataType::Float64, true));
    let loyal = [Field::new("loyal_min", DataType::Int64, true)];
    let rest =
        ["growing_min", "at_risk_gaps", "dormant_gaps", "churn_gaps", "gap_floor", "gap_cap"];
    let rest = rest.map(|n| Field::new(n, DataType::Float64, true));
    text.into_iter().chain(days).chain(loyal).chain(rest).collect()
});

/// The fields of the STRUCT of a policy.
pub(super) fn fields() -> Fields {
    FIELDS.clone()
}

/// One policy as a value.
pub(super) fn to_scalar(name: &str, p: &Policy) -> ScalarValue {
    let float = |x: f64| Arc::new(Float64Array::from(vec![x])) as ArrayRef;
    let text = |x: &str| Arc::new(StringArray::from(vec![x])) as ArrayRef;
    let columns = vec![
        text(name),
        text(p.basis.name()),
        float(p.new_window),
        float(p.at_risk_after),
        float(p.dormant_after),
        float(p.churn_after),
        Arc::new(Int64Array::from(vec![p.loyal_min])),
        float(p.growing_min),
        float(p.at_risk_gaps),
        float(p.dormant_gaps),
        float(p.churn_gaps),
        float(p.gap_floor),
        float(p.gap_cap),
    ];
    ScalarValue::Struct(Arc::new(StructArray::new(fields(), columns, None)))
}

/// The policy of a name.
///
/// # Errors
/// There is none.
pub(crate) fn named(function: &str, name: &str) -> Result<Policy> {
    Policy::named(name).map_or_else(
        || {
            plan_err!(
                "{function}: {name:?} is no policy; there are {}; or write stage_policy('retail', churn_after => INTERVAL '200 days')",
                Policy::NAMES.map(|n| format!("'{n}'")).join(", ")
            )
        },
        Ok,
    )
}

/// A column of policies: structs, names or NULLs (the default).
pub(super) enum Policies {
    /// one for all rows
    One(Policy),
    Each(Vec<Policy>),
}

impl Policies {
    /// Reads `column`, whose single row holds for all rows.
    pub(super) fn of(function: &str, column: &ArrayRef) -> Result<Self> {
        let mut all = match column.data_type() {
            DataType::Null => vec![Policy::default(); column.len()],
            DataType::Struct(_) => from_structs(function, column.as_struct())?,
            _ => {
                let names = cast(column, &DataType::Utf8)?;
                let names = names.as_string::<i32>();
                names
                    .iter()
                    .map(|n| n.map_or_else(|| Ok(Policy::default()), |n| named(function, n)))
                    .collect::<Result<_>>()?
            }
        };
        Ok(match (all.len(), all.pop()) {
            (1, Some(only)) => Self::One(only),
            (_, last) => {
                all.extend(last);
                Self::Each(all)
            }
        })
    }

    pub(super) fn at(&self, row: usize) -> Policy {
        match self {
            Self::One(p) => *p,
            Self::Each(all) => all.get(row).copied().unwrap_or_default(),
        }
    }
}

fn from_structs(function: &str, s: &StructArray) -> Result<Vec<Policy>> {
    let float = |name: &str| column(function, s, name, &DataType::Float64);
    let basis = column(function, s, "basis", &DataType::Utf8)?;
    let basis = basis.as_string::<i32>();
    let loyal = column(function, s, "loyal_min", &DataType::Int64)?;
    let columns = [
        float("new_window")?,
        float("at_risk_after")?,
        float("dormant_after")?,
        float("churn_after")?,
        float("growing_min")?,
        float("at_risk_gaps")?,
        float("dormant_gaps")?,
        float("churn_gaps")?,
        float("gap_floor")?,
        float("gap_cap")?,
    ];
    let default = Policy::default();
    (0..s.len())
        .map(|row| {
            if s.is_null(row) {
                return Ok(default);
            }
            let [
                new_window,
                at_risk_after,
                dormant_after,
                churn_after,
                growing_min,
                at_risk_gaps,
                dormant_gaps,
                churn_gaps,
                gap_floor,
                gap_cap,
            ] = columns.each_ref().map(|c| {
                let c = c.as_primitive::<datafusion::arrow::datatypes::Float64Type>();
                if c.is_valid(row) { c.value(row) } else { f64::NAN }
            });
            let loyal = loyal.as_primitive::<datafusion::arrow::datatypes::Int64Type>();
            let basis = if basis.is_valid(row) { basis.value(row) } else { "absolute" };
            let Some(basis) = Basis::from_name(basis) else {
                return exec_err!(
                    "{function}: a policy's basis must be 'absolute' or 'cadence', got {basis:?}"
                );
            };
            let policy = Policy {
                basis,
                new_window,
                at_risk_after,
                dormant_after,
                churn_after,
                loyal_min: if loyal.is_valid(row) { loyal.value(row) } else { 0 },
                growing_min,
                at_risk_gaps,
                dormant_gaps,
                churn_gaps,
                gap_floor,
                gap_cap,
            };
            match policy.fault() {
                Some(fault) => exec_err!("{function}: the policy does not hold: {fault}"),
                None => Ok(policy),
            }
        })
        .collect()
}

/// A field of a STRUCT by its name, in the type that is wanted.
///
/// # Errors
/// There is no such field.
pub(super) fn column(
    function: &str,
    s: &StructArray,
    name: &str,
    ty: &DataType,
) -> Result<ArrayRef> {
    match s.column_by_name(name) {
        Some(c) if c.data_type() == ty => Ok(Arc::clone(c)),
        Some(c) => Ok(cast(c, ty)?),
        None => plan_err!("{function}: the struct has no field {name}"),
    }
}
