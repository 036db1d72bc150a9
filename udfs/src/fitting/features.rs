//! Features as arguments: a STRUCT, whose fields are their names, or a list of numbers.

use datafusion::arrow::array::{Array, ArrayRef, AsArray, Float64Array, Float64Builder, ListArray};
use datafusion::arrow::buffer::NullBuffer;
use datafusion::arrow::compute::cast;
use datafusion::arrow::datatypes::{DataType, Float64Type, TimeUnit};
use datafusion::common::{Result, exec_err, plan_err};

use crate::args::{Param, Ty, required};
use crate::lists::item;

pub(crate) const FEATURES: Param = required("features", Ty::Any);

/// The type that features are cast to.
///
/// # Errors
/// Neither a STRUCT nor a list, none at all, or one that is neither a number nor a length of time.
pub(crate) fn coerce(function: &str, ty: &DataType) -> Result<DataType> {
    let is_number = |t: &DataType| t.is_numeric() || t.is_null() || *t == DataType::Boolean;
    let is_feature = |t: &DataType| is_number(t) || matches!(t, DataType::Duration(_));
    match ty {
        DataType::Struct(fields) => match fields.iter().find(|f| !is_feature(f.data_type())) {
            Some(field) => plan_err!(
                "{function}: the feature {} is {}; make it a number, a condition such as {{'{}': {} = …}}, or a length of time",
                field.name(),
                field.data_type(),
                field.name(),
                field.name()
            ),
            None if fields.is_empty() => plan_err!("{function}: there are no features"),
            None => Ok(ty.clone()),
        },
        DataType::List(field) | DataType::LargeList(field) | DataType::FixedSizeList(field, _)
            if is_number(field.data_type()) =>
        {
            Ok(DataType::List(item(&DataType::Float64)))
        }
        DataType::Null => Ok(DataType::List(item(&DataType::Float64))),
        other => plan_err!(
            "{function}: features must be a STRUCT of numbers and conditions, such as {{'orders': orders, 'mobile': channel = 'mobile'}}, or a list of numbers, got {other}"
        ),
    }
}

/// The names of features of a type that [`coerce`] gave; those of a list are x1, x2, …
pub(crate) fn names(ty: Option<&DataType>, width: usize) -> Vec<String> {
    match ty {
        Some(DataType::Struct(fields)) => fields.iter().map(|f| f.name().clone()).collect(),
        _ => (1..=width).map(|i| format!("x{i}")).collect(),
    }
}

/// What lies between two times counts in days.
fn numbers(array: &ArrayRef) -> Result<Float64Array> {
    if let DataType::Duration(unit) = array.data_type() {
        let day = match unit {
            TimeUnit::Second => 86_400.0,
            TimeUnit::Millisecond => 86_400e3,
            TimeUnit::Microsecond => 86_400e6,
            TimeUnit::Nanosecond => 86_400e9,
        };
        let units = cast(&cast(array, &DataType::Int64)?, &DataType::Float64)?;
        return Ok(units.as_primitive::<Float64Type>().unary(|n| n / day));
    }
    let numbers = cast(array, &DataType::Float64)?;
    // adding 0 makes −0 a 0
    Ok(numbers.as_primitive::<Float64Type>().unary(|v| v + 0.0))
}

/// One column a feature.
///
/// # Errors
/// Lists that are not equally long, or empty.
pub(crate) fn columns(function: &str, features: &ArrayRef) -> Result<Vec<Float64Array>> {
    if let Some(fields) = features.as_struct_opt() {
        let of = |column: &ArrayRef| -> Result<Float64Array> {
            let column = numbers(column)?;
            let nulls = NullBuffer::union(fields.nulls(), column.nulls());
            Ok(Float64Array::new(column.values().clone(), nulls))
        };
        return fields.columns().iter().map(of).collect();
    }
    let lists = features.as_list::<i32>();
    let lengths = || (0..lists.len()).filter(|&i| lists.is_valid(i)).map(|i| lists.value_length(i));
    let Some(length) = lengths().next() else {
        return Ok(vec![Float64Array::new_null(lists.len())]);
    };
    if let Some(other) = lengths().find(|&l| l != length) {
        return exec_err!(
            "{function}: one row has {length} features, another {other}; give every row equally many"
        );
    }
    let width = usize::try_from(length).unwrap_or(0);
    if width == 0 {
        return exec_err!("{function}: there are no features");
    }
    let mut columns: Vec<Float64Builder> =
        (0..width).map(|_| Float64Builder::with_capacity(lists.len())).collect();
    for i in 0..lists.len() {
        let row = lists.is_valid(i).then(|| lists.value(i));
        let row = row.as_ref().map(|r| r.as_primitive::<Float64Type>());
        for (j, column) in columns.iter_mut().enumerate() {
            column.append_option(row.filter(|r| r.is_valid(j)).map(|r| r.value(j) + 0.0));
        }
    }
    Ok(columns.into_iter().map(|mut c| c.finish()).collect())
}

/// The features of rows that are scored.
#[derive(Debug)]
pub(crate) enum Given {
    Struct(Vec<String>, Vec<Float64Array>),
    List(ListArray, Float64Array),
}

impl Given {
    /// The features of an argument that [`coerce`] has typed.
    pub(crate) fn of(function: &str, features: &ArrayRef) -> Result<Self> {
        if features.as_struct_opt().is_some() {
            let names = names(Some(features.data_type()), 0);
            return Ok(Self::Struct(names, columns(function, features)?));
        }
        let lists = features.as_list::<i32>().clone();
        let values = numbers(lists.values())?;
        Ok(Self::List(lists, values))
    }

    /// The place of each of the features `names`.
    ///
    /// # Errors
    /// One that is not given.
    pub(crate) fn places(&self, function: &str, names: &[&str]) -> Result<Vec<usize>> {
        let Self::Struct(given, _) = self else { return Ok((0..names.len()).collect()) };
        let place = |name: &&str| match given.iter().position(|g| g == name) {
            Some(place) => Ok(place),
            None => exec_err!(
                "{function}: the model has the feature {name}, and the features given are {}",
                given.join(", ")
            ),
        };
        names.iter().map(place).collect()
    }

    /// The value of a feature; `None` if it is NULL or not finite.
    pub(crate) fn value(&self, row: usize, place: usize) -> Option<f64> {
        let (column, i) = match self {
            Self::Struct(_, columns) => (columns.get(place)?, row),
            Self::List(lists, values) => {
                let start = lists.value_offsets().get(row).copied()?;
                (values, usize::try_from(start).ok()? + place)
            }
        };
        (i < column.len() && column.is_valid(i)).then(|| column.value(i)).filter(|v| v.is_finite())
    }

    /// Whether a row has features, as many as the model.
    ///
    /// # Errors
    /// A list that is longer or shorter.
    pub(crate) fn has(&self, function: &str, row: usize, many: usize) -> Result<bool> {
        match self {
            Self::Struct(..) => Ok(true),
            Self::List(lists, _) if lists.is_null(row) => Ok(false),
            Self::List(lists, _) => match usize::try_from(lists.value_length(row)) {
                Ok(same) if same == many => Ok(true),
                _ => exec_err!(
                    "{function}: the model has {many} features, a row {}",
                    lists.value_length(row)
                ),
            },
        }
    }
}
