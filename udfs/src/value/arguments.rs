//! The arguments that the functions of this family share: a customer's frequency, recency and t as
//! three columns or as one summary STRUCT, a fitted model, a horizon.

use std::sync::Arc;

use datafusion::arrow::array::{
    Array, ArrayRef, AsArray, Float64Array, IntervalMonthDayNanoArray, StringArray, StructArray,
};
use datafusion::arrow::buffer::NullBuffer;
use datafusion::arrow::compute::cast;
use datafusion::arrow::datatypes::{
    DataType, Field, Fields, Float64Type, IntervalMonthDayNanoType, IntervalUnit,
};
use datafusion::common::{Result, exec_err, plan_err};
use datafusion::logical_expr::{ColumnarValue, Signature, TypeSignature, Volatility};

use super::core::{Customer, Kind, Model};
use crate::args::{self, Param};

/// The ways to call one function: with columns, with a summary in their place, and with a summary
/// where the planner has filled the places of recency and t with NULL (named arguments).
#[derive(Debug)]
pub(crate) struct Overloads {
    pub name: &'static str,
    /// parameters before the customer
    pub lead: usize,
    pub columns: &'static [Param],
    pub summary: &'static [Param],
    pub gapped: &'static [Param],
}

impl Overloads {
    /// Names and coercion.
    pub(crate) fn signature(&self) -> Signature {
        let names = self.columns.iter().map(|p| p.name.to_string()).collect();
        let plain = Signature::new(TypeSignature::UserDefined, Volatility::Immutable);
        plain.clone().with_parameter_names(names).unwrap_or(plain)
    }

    /// The parameters that arguments of these types are for.
    pub(crate) fn params(&self, types: &[DataType]) -> &'static [Param] {
        let by_summary = match types.get(self.lead) {
            Some(DataType::Struct(_)) => true,
            Some(DataType::Null) => types.len() < self.lead + 3,
            _ => false,
        };
        if !by_summary {
            self.columns
        } else if types.len() > self.summary.len() {
            self.gapped
        } else {
            self.summary
        }
    }

    /// The place of a parameter among arguments of these types.
    pub(crate) fn position(&self, types: &[DataType], name: &str) -> Option<usize> {
        let at = self.params(types).iter().position(|p| p.name == name)?;
        (at < types.len()).then_some(at)
    }

    /// The types that the arguments are cast to.
    pub(crate) fn coerce(&self, types: &[DataType]) -> Result<Vec<DataType>> {
        let params = self.params(types);
        let mut coerced = args::coerce(self.name, params, types)?;
        for ((ty, p), i) in coerced.iter_mut().zip(params).zip(1..) {
            match p.name {
                "model" => self.check_fields(
                    ty,
                    i,
                    p,
                    &["model", "r", "alpha", "a", "b"],
                    "a model such as bg_nbd_fit(…) gives",
                )?,
                "summary" => self.check_fields(
                    ty,
                    i,
                    p,
                    &["frequency", "recency", "t"],
                    "a summary such as customer_summary(…) gives",
                )?,
                "horizon" => *ty = self.horizon_type(ty, i)?,
                _ => {}
            }
        }
        Ok(coerced)
    }

    fn check_fields(
        &self,
        ty: &DataType,
        i: usize,
        p: &Param,
        want: &[&str],
        what: &str,
    ) -> Result<()> {
        let usage = args::usage(self.name, self.columns);
        match ty {
            DataType::Null => Ok(()),
            DataType::Struct(fields) => {
                match want.iter().find(|name| fields.find(name).is_none()) {
                    None => Ok(()),
                    Some(missing) => plan_err!(
                        "{}: argument {i} ({}) must be {what}, but it has no field {missing:?}; the function is called {usage}",
                        self.name,
                        p.name
                    ),
                }
            }
            // a model's name is text, where a function takes one
            other if matches!(p.ty, args::Ty::Text) && matches!(other, DataType::Utf8) => Ok(()),
            other => plan_err!(
                "{}: argument {i} ({}) must be {what}, got {other}; the function is called {usage}",
                self.name,
                p.name
            ),
        }
    }

    fn horizon_type(&self, ty: &DataType, i: usize) -> Result<DataType> {
        match ty {
            DataType::Interval(_) => Ok(DataType::Interval(IntervalUnit::MonthDayNano)),
            DataType::Utf8 | DataType::LargeUtf8 | DataType::Utf8View => Ok(DataType::Utf8),
            DataType::Null => Ok(DataType::Float64),
            number if number.is_numeric() => Ok(DataType::Float64),
            other => plan_err!(
                "{}: argument {i} (horizon) must be a number in the model's unit or an INTERVAL such as INTERVAL '90 days', got {other}",
                self.name
            ),
        }
    }

    /// The customers of the arguments, one a row.
    pub(crate) fn customers(&self, values: &[ArrayRef]) -> Result<Customers> {
        match values.get(self.lead) {
            Some(summary) if matches!(summary.data_type(), DataType::Struct(_)) => {
                let summary = summary.as_struct();
                Ok(Customers {
                    x: floats(self.name, summary, "frequency")?,
                    tx: floats(self.name, summary, "recency")?,
                    t: floats(self.name, summary, "t")?,
                    unit_days: optional_floats(summary, "unit_days")?,
                    outer: summary.nulls().cloned(),
                })
            }
            Some(first) if !matches!(first.data_type(), DataType::Null) => {
                let column = |i: usize| match values.get(self.lead + i) {
                    Some(v) => as_floats(v),
                    None => exec_err!("{}: frequency, recency and t must all be given", self.name),
                };
                Ok(Customers {
                    x: column(0)?,
                    tx: column(1)?,
                    t: column(2)?,
                    unit_days: None,
                    outer: None,
                })
            }
            first => {
                let none = Float64Array::new_null(first.map_or(0, |f| f.len()));
                Ok(Customers {
                    x: none.clone(),
                    tx: none.clone(),
                    t: none,
                    unit_days: None,
                    outer: None,
                })
            }
        }
    }
}

fn as_floats(array: &ArrayRef) -> Result<Float64Array> {
    Ok(cast(array, &DataType::Float64)?.as_primitive::<Float64Type>().clone())
}

fn floats(function: &str, of: &StructArray, name: &str) -> Result<Float64Array> {
    match of.column_by_name(name) {
        Some(column) => as_floats(column),
        None => exec_err!("{function}: the STRUCT has no field {name:?}"),
    }
}

fn optional_floats(of: &StructArray, name: &str) -> Result<Option<Float64Array>> {
    of.column_by_name(name).map(as_floats).transpose()
}

fn at(array: &Float64Array, i: usize) -> Option<f64> {
    array.is_valid(i).then(|| array.value(i))
}

/// Frequency, recency and t of many customers.
#[derive(Debug)]
pub(crate) struct Customers {
    x: Float64Array,
    tx: Float64Array,
    t: Float64Array,
    unit_days: Option<Float64Array>,
    outer: Option<NullBuffer>,
}

impl Customers {
    pub(crate) fn len(&self) -> usize {
        self.x.len()
    }

    /// One customer; `None` if any figure is NULL.
    #[inline]
    pub(crate) fn get(&self, i: usize) -> Option<Customer> {
        if self.outer.as_ref().is_some_and(|n| n.is_null(i)) {
            return None;
        }
        Some(Customer { x: at(&self.x, i)?, tx: at(&self.tx, i)?, t: at(&self.t, i)? })
    }

    /// The length of the unit of that customer's times in days, where it is known.
    pub(crate) fn unit_days(&self, i: usize) -> Option<f64> {
        at(self.unit_days.as_ref()?, i)
    }
}

/// Fitted models, one for all rows or one a row.
#[derive(Debug)]
pub(crate) enum Models {
    One(Option<(Model, f64)>),
    Many(Box<Columns>),
}

#[derive(Debug)]
pub(crate) struct Columns {
    function: &'static str,
    kind: StringArray,
    parameters: [Float64Array; 4],
    unit_days: Option<Float64Array>,
    outer: Option<NullBuffer>,
}

impl Models {
    /// The models of an argument.
    pub(crate) fn of(function: &'static str, value: &ColumnarValue) -> Result<Self> {
        let (array, one) = match value {
            ColumnarValue::Array(array) => (Arc::clone(array), false),
            ColumnarValue::Scalar(scalar) => (scalar.to_array_of_size(1)?, true),
        };
        let Some(models) = array.as_struct_opt() else { return Ok(Self::One(None)) };
        let Some(kind) = models.column_by_name("model") else {
            return exec_err!("{function}: the model has no field \"model\"");
        };
        let columns = Columns {
            function,
            kind: cast(kind, &DataType::Utf8)?.as_string::<i32>().clone(),
            parameters: [
                floats(function, models, "r")?,
                floats(function, models, "alpha")?,
                floats(function, models, "a")?,
                floats(function, models, "b")?,
            ],
            unit_days: optional_floats(models, "unit_days")?,
            outer: models.nulls().cloned(),
        };
        Ok(if one { Self::One(columns.get(0)?) } else { Self::Many(Box::new(columns)) })
    }

    /// The model of a row and the length of its unit in days; `None` if it is NULL.
    pub(crate) fn get(&self, i: usize) -> Result<Option<(Model, f64)>> {
        match self {
            Self::One(model) => Ok(*model),
            Self::Many(columns) => columns.get(i),
        }
    }
}

impl Columns {
    fn get(&self, i: usize) -> Result<Option<(Model, f64)>> {
        if self.outer.as_ref().is_some_and(|n| n.is_null(i)) || self.kind.is_null(i) {
            return Ok(None);
        }
        let name = self.kind.value(i);
        let Some(kind) = Kind::of(name) else { return unknown_model(self.function, name) };
        let [r, alpha, a, b] = self.parameters.each_ref().map(|p| at(p, i));
        let (Some(r), Some(alpha), Some(a), Some(b)) = (r, alpha, a, b) else { return Ok(None) };
        if [r, alpha, a, b].iter().any(|v| !v.is_finite() || *v <= 0.0) {
            return exec_err!(
                "{}: the parameters r, alpha, a, b of a model must be positive numbers, got {r}, {alpha}, {a}, {b}",
                self.function
            );
        }
        let unit_days = self.unit_days.as_ref().and_then(|u| at(u, i)).unwrap_or(1.0);
        Ok(Some((Model { kind, r, alpha, a, b }, unit_days)))
    }
}

/// The error for a name that is no model's.
pub(crate) fn unknown_model<T>(function: &str, name: &str) -> Result<T> {
    let known = Kind::ALL.map(|k| format!("'{}'", k.name())).join(", ");
    plan_err!("{function}: {name:?} is no model that is known here; known are {known}")
}

/// The customer of a row if the model can speak of it: legal and in the same unit of time.
pub(crate) fn legal(
    function: &str,
    customers: &Customers,
    i: usize,
    unit_days: f64,
    strict: bool,
) -> Result<Option<Customer>> {
    let Some(customer) = customers.get(i) else { return Ok(None) };
    if let Some(unit) = customers.unit_days(i)
        && unit != unit_days
    {
        return exec_err!(
            "{function}: the model counts time in units of {unit_days} days, the summary in units of {unit}; make both with the same unit"
        );
    }
    if strict && customer.tx > customer.t {
        return exec_err!(
            "{function}: recency {} is longer than t {}; both count from the first purchase, so t cannot be shorter",
            customer.tx,
            customer.t
        );
    }
    Ok(customer.is_legal().then_some(customer))
}

/// The intervals of texts; what a column holds is not repeated in an error.
fn read_intervals(function: &str, texts: &StringArray, shown: bool) -> Result<ArrayRef> {
    let read = |text| match args::interval(function, "horizon", text) {
        Err(_) if !shown => {
            exec_err!("{function}: horizon holds a text that is no INTERVAL such as '7 days'")
        }
        read => read,
    };
    let intervals = texts.iter().map(|text| text.map(read).transpose());
    Ok(Arc::new(intervals.collect::<Result<IntervalMonthDayNanoArray>>()?))
}

/// How far to look ahead, one for all rows or one a row.
#[derive(Debug)]
pub(crate) struct Horizons {
    function: &'static str,
    array: Option<ArrayRef>,
    one: bool,
}

impl Horizons {
    /// The horizons of an argument; none where it is left out.
    pub(crate) fn of(function: &'static str, value: Option<&ColumnarValue>) -> Result<Self> {
        let (array, one) = match value {
            None => (None, true),
            Some(ColumnarValue::Array(array)) => (Some(Arc::clone(array)), false),
            Some(ColumnarValue::Scalar(scalar)) => (Some(scalar.to_array_of_size(1)?), true),
        };
        let array = array.map(|array| match array.as_string_opt::<i32>() {
            Some(texts) => read_intervals(function, texts, one),
            None => Ok(array),
        });
        Ok(Self { function, array: array.transpose()?, one })
    }

    /// The horizon of a row in units of `unit_days` days; `None` if it is NULL.
    pub(crate) fn get(&self, i: usize, unit_days: f64) -> Result<Option<f64>> {
        let i = if self.one { 0 } else { i };
        let Some(array) = self.array.as_ref().filter(|a| i < a.len() && a.is_valid(i)) else {
            return Ok(None);
        };
        let function = self.function;
        let horizon = if let Some(numbers) = array.as_primitive_opt::<Float64Type>() {
            numbers.value(i)
        } else if let Some(intervals) = array.as_primitive_opt::<IntervalMonthDayNanoType>() {
            let v = intervals.value(i);
            if v.months != 0 {
                return exec_err!(
                    "{function}: horizon must have one fixed length, and months and years do not; use days, such as INTERVAL '90 days'"
                );
            }
            #[expect(
                clippy::cast_precision_loss,
                reason = "parts of a day, far below the model's precision"
            )]
            let of_day = v.nanoseconds as f64 / 86_400e9;
            (f64::from(v.days) + of_day) / unit_days
        } else {
            return Ok(None);
        };
        if horizon >= 0.0 && horizon.is_finite() {
            Ok(Some(horizon))
        } else {
            exec_err!(
                "{function}: horizon must be a length of time from now on, got {horizon} units of {unit_days} days"
            )
        }
    }
}

/// The fields of a fitted model.
pub(crate) fn model_fields() -> Fields {
    let float = |name| Field::new(name, DataType::Float64, true);
    let int = |name| Field::new(name, DataType::Int64, true);
    Fields::from(vec![
        Field::new("model", DataType::Utf8, true),
        float("r"),
        float("alpha"),
        float("a"),
        float("b"),
        float("ll"),
        int("n"),
        int("dropped"),
        Field::new_list("se", Field::new_list_field(DataType::Float64, true), true),
        Field::new("converged", DataType::Boolean, true),
        int("iterations"),
        float("unit_days"),
    ])
}
