//! Reading the curves of fitted models: what `survival_at`, `survival_quantile`, `median_survival`
//! and `rmst` share.

use std::sync::Arc;

use datafusion::arrow::array::{Array, ArrayRef, AsArray, Float64Array, ListArray, StructArray};
use datafusion::arrow::compute::cast;
use datafusion::arrow::datatypes::{DataType, Float64Type};
use datafusion::common::{Result, exec_err, plan_err};
use datafusion::logical_expr::ColumnarValue;

use super::km::{Meaning, Steps};
use crate::args::{Param, Ty, required};
use crate::events::item;
use crate::fitting::durations;

pub(crate) const MODEL: Param = required("model", Ty::Any);

/// Refuses what is no model of survival.
///
/// # Errors
/// A type that is none.
pub(crate) fn check_model(function: &str, ty: &DataType) -> Result<()> {
    let what = "a model such as km_fit(…) gives";
    match ty {
        DataType::Null => Ok(()),
        DataType::Struct(fields) => {
            match ["model", "times", "survival"].iter().find(|f| fields.find(f).is_none()) {
                None => Ok(()),
                Some(missing) => plan_err!(
                    "{function}: argument 1 (model) must be {what}, but it has no field {missing:?}"
                ),
            }
        }
        other => plan_err!("{function}: argument 1 (model) must be {what}, got {other}"),
    }
}

/// Models, one for all rows or one a row.
#[derive(Debug)]
pub(crate) struct Curves {
    models: Option<Columns>,
    one: bool,
}

#[derive(Debug)]
struct Columns {
    model: StructArray,
    times: Floats,
    survival: Floats,
}

/// Lists of DOUBLE.
#[derive(Debug)]
pub(crate) struct Floats {
    lists: ListArray,
    values: Float64Array,
}

impl Floats {
    pub(crate) fn of(function: &str, model: &StructArray, name: &str) -> Result<Self> {
        let Some(column) = model.column_by_name(name) else {
            return exec_err!("{function}: the model has no field {name:?}");
        };
        let lists = cast(column, &DataType::List(item(&DataType::Float64)))?;
        let lists = lists.as_list::<i32>().clone();
        let values = lists.values().as_primitive::<Float64Type>().clone();
        Ok(Self { lists, values })
    }

    pub(crate) fn get(&self, i: usize) -> Option<&[f64]> {
        if self.lists.is_null(i) {
            return None;
        }
        let &[from, to] = self.lists.value_offsets().get(i..i + 2)? else { return None };
        self.values.values().get(usize::try_from(from).ok()?..usize::try_from(to).ok()?)
    }
}

impl Curves {
    pub(crate) fn of(function: &str, value: &ColumnarValue) -> Result<Self> {
        let (array, one) = one_or_many(value)?;
        let Some(model) = array.as_struct_opt() else { return Ok(Self { models: None, one }) };
        let columns = Columns {
            model: model.clone(),
            times: Floats::of(function, model, "times")?,
            survival: Floats::of(function, model, "survival")?,
        };
        Ok(Self { models: Some(columns), one })
    }

    /// The curve of a row; `None` if the model is NULL.
    pub(crate) fn get(&self, row: usize) -> Option<Steps<'_>> {
        let columns = self.models.as_ref()?;
        let i = if self.one { 0 } else { row };
        if columns.model.is_null(i) {
            return None;
        }
        let (times, heights) = (columns.times.get(i)?, columns.survival.get(i)?);
        Some(Steps { times, heights, meaning: Meaning::Survival })
    }
}

/// An argument as an array, and whether it is one value for all rows.
pub(crate) fn one_or_many(value: &ColumnarValue) -> Result<(ArrayRef, bool)> {
    Ok(match value {
        ColumnarValue::Array(array) => (Arc::clone(array), false),
        ColumnarValue::Scalar(scalar) => (scalar.to_array_of_size(1)?, true),
    })
}

/// Times since the start, one a row; NaN as NULL.
pub(crate) fn times(
    function: &str,
    name: &str,
    value: &ColumnarValue,
    rows: usize,
) -> Result<Float64Array> {
    let times = durations::days(function, name, &value.to_array(rows)?)?;
    Ok(times.iter().map(|t| t.filter(|t| !t.is_nan())).collect())
}
