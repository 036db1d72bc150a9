//! Reading the curves of fitted models: what `survival_at`, `survival_quantile`, `median_survival`
//! and `rmst` share.

use datafusion::arrow::array::{
    Array, ArrayRef, AsArray, Float64Array, ListArray, StringArray, StructArray,
};
use datafusion::arrow::compute::cast;
use datafusion::arrow::datatypes::{DataType, Float64Type};
use datafusion::common::{Result, exec_err, plan_err};
use datafusion::logical_expr::ColumnarValue;

use super::km::{Meaning, Steps};
use crate::args::{Fill, Param, Ty, option, required};
use crate::fitting::terms::{Models, one_or_many};
use crate::fitting::{durations, features};
use crate::lists::item;

pub(crate) const MODEL: Param = required("model", Ty::Any);
pub(crate) const FEATURES: Param = option("features", Ty::Any, Fill::Null);

/// Refuses what is no model of survival, and types features.
///
/// # Errors
/// Types that are none.
pub(crate) fn coerce(function: &str, params: &[Param], types: &mut [DataType]) -> Result<()> {
    let what = "a model such as km_fit(…) or cox_fit(…) gives";
    match types.first() {
        None | Some(DataType::Null) => {}
        Some(DataType::Struct(fields)) => {
            let missing = ["model", "times"].into_iter().find(|f| fields.find(f).is_none());
            let heights = ["survival", "cumulative_hazard"];
            let height = heights.iter().any(|f| fields.find(f).is_some());
            if let Some(missing) = missing.or((!height).then_some("survival")) {
                return plan_err!(
                    "{function}: argument 1 (model) must be {what}, but it has no field {missing:?}"
                );
            }
        }
        Some(other) => {
            return plan_err!("{function}: argument 1 (model) must be {what}, got {other}");
        }
    }
    let at = params.iter().position(|p| p.name == FEATURES.name);
    if let Some(ty) = at.and_then(|i| types.get_mut(i)) {
        *ty = features::coerce(function, ty)?;
    }
    Ok(())
}

/// Models, one for all rows or one a row.
#[derive(Debug)]
pub(crate) struct Curves {
    columns: Option<Columns>,
    one: bool,
    /// what scores the features, if there are any
    risks: Option<Models>,
}

#[derive(Debug)]
struct Columns {
    model: StructArray,
    kind: StringArray,
    times: Floats,
    survival: Option<Floats>,
    hazard: Option<Floats>,
}

/// Lists of DOUBLE.
#[derive(Debug)]
struct Floats {
    lists: ListArray,
    values: Float64Array,
}

impl Floats {
    fn of(column: &ArrayRef) -> Result<Self> {
        let lists = cast(column, &DataType::List(item(&DataType::Float64)))?;
        let lists = lists.as_list::<i32>().clone();
        let values = lists.values().as_primitive::<Float64Type>().clone();
        Ok(Self { lists, values })
    }

    fn get(&self, i: usize) -> Option<&[f64]> {
        if self.lists.is_null(i) {
            return None;
        }
        let &[from, to] = self.lists.value_offsets().get(i..i + 2)? else { return None };
        self.values.values().get(usize::try_from(from).ok()?..usize::try_from(to).ok()?)
    }
}

impl Curves {
    /// The models of an argument and the features for them.
    pub(crate) fn of(
        function: &'static str,
        model: &ColumnarValue,
        features: Option<&ColumnarValue>,
        rows: usize,
    ) -> Result<Self> {
        let (array, one) = one_or_many(model)?;
        // a list of NULLs stands for features that are left out
        let given = match features {
            Some(ColumnarValue::Scalar(s)) if s.is_null() => None,
            other => other,
        };
        let Some(of) = array.as_struct_opt() else {
            return Ok(Self { columns: None, one, risks: None });
        };
        let Some(kind) = of.column_by_name("model") else {
            return exec_err!("{function}: the model has no field \"model\"");
        };
        let Some(times) = of.column_by_name("times") else {
            return exec_err!("{function}: the model has no field \"times\"");
        };
        let floats = |name| of.column_by_name(name).map(Floats::of).transpose();
        let columns = Columns {
            model: of.clone(),
            kind: cast(kind, &DataType::Utf8)?.as_string::<i32>().clone(),
            times: Floats::of(times)?,
            survival: floats("survival")?,
            hazard: floats("cumulative_hazard")?,
        };
        let risks = match given {
            Some(_) if of.column_by_name("terms").is_none() => {
                return exec_err!(
                    "{function}: features are for a model of cox_fit; that of km_fit has none"
                );
            }
            Some(features) => Some(Models::of(function, model, &features.to_array(rows)?)?),
            None => None,
        };
        Ok(Self { columns: Some(columns), one, risks })
    }

    /// The curve of a row; `None` if the model or a feature is NULL.
    pub(crate) fn get(&mut self, row: usize) -> Result<Option<Steps<'_>>> {
        let Some(columns) = &self.columns else { return Ok(None) };
        let i = if self.one { 0 } else { row };
        if columns.model.is_null(i) || columns.kind.is_null(i) {
            return Ok(None);
        }
        let Some(times) = columns.times.get(i) else { return Ok(None) };
        if columns.kind.value(i) != "cox" {
            let heights = columns.survival.as_ref().and_then(|s| s.get(i));
            let meaning = Meaning::Survival;
            return Ok(heights.map(|heights| Steps { times, heights, meaning }));
        }
        let risk = match &mut self.risks {
            Some(models) => models.score("cox", row)?,
            None => Some(0.0),
        };
        let heights = columns.hazard.as_ref().and_then(|h| h.get(i));
        let (Some(risk), Some(heights)) = (risk, heights) else { return Ok(None) };
        Ok(Some(Steps { times, heights, meaning: Meaning::Hazard(risk.exp()) }))
    }
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
