//! The terms of fitted models: made by fits, read to score and to explain.

use std::sync::Arc;

use datafusion::arrow::array::{
    Array, ArrayRef, AsArray, Float64Array, Float64Builder, ListArray, StringArray, StringBuilder,
    StructArray,
};
use datafusion::arrow::compute::cast;
use datafusion::arrow::datatypes::{DataType, Field, Fields, Float64Type};
use datafusion::common::{Result, exec_err, plan_err};
use datafusion::logical_expr::ColumnarValue;
use datafusion::scalar::ScalarValue;

use super::features::Given;
use super::newton::Optimum;
use crate::lists::{Lists, item};
use crate::rhythm::erfc;

/// Lists of a name and some numbers, one list a model.
#[derive(Debug)]
pub(crate) struct TermLists {
    names: StringBuilder,
    numbers: Vec<Float64Builder>,
    lists: Lists,
    rows: usize,
}

impl TermLists {
    /// Room for `models` lists with `numbers` numbers a term.
    pub(crate) fn new(models: usize, numbers: usize) -> Self {
        Self {
            names: StringBuilder::new(),
            numbers: (0..numbers).map(|_| Float64Builder::new()).collect(),
            lists: Lists::with_capacity(models),
            rows: 0,
        }
    }

    pub(crate) fn push<const N: usize>(&mut self, name: &str, numbers: [Option<f64>; N]) {
        self.names.append_value(name);
        self.numbers.iter_mut().zip(numbers).for_each(|(to, v)| to.append_option(v));
        self.rows += 1;
    }

    /// The terms of the next model begin.
    pub(crate) fn end(&mut self) -> Result<()> {
        self.lists.end_at(self.rows)
    }

    pub(crate) fn finish(mut self, names: &[&str]) -> Result<ArrayRef> {
        let mut columns: Vec<ArrayRef> = vec![Arc::new(self.names.finish())];
        columns.extend(self.numbers.iter_mut().map(|n| Arc::new(n.finish()) as ArrayRef));
        let terms = StructArray::try_new(term_fields(names), columns, None)?;
        Lists::column(&self.lists.finish(), Arc::new(terms))
    }
}

fn term_fields(names: &[&str]) -> Fields {
    let number = |name: &&str| Field::new(*name, DataType::Float64, true);
    let first = std::iter::once(Field::new("term", DataType::Utf8, true));
    first.chain(names.iter().map(number)).collect()
}

/// The type of such lists.
pub(crate) fn term_list(names: &[&str]) -> DataType {
    DataType::List(item(&DataType::Struct(term_fields(names))))
}

/// Coefficient, its exponential, standard error, z and p of a term.
pub(crate) fn estimates(optimum: &Optimum, i: usize) -> [Option<f64>; 5] {
    let coef = optimum.coefs.get(i).copied();
    let error = optimum.std_errors.get(i).copied().flatten();
    let z = coef.zip(error).map(|(c, e)| c / e);
    let p = z.map(|z| erfc(z.abs() / std::f64::consts::SQRT_2));
    [coef, coef.map(f64::exp).filter(|e| e.is_finite()), error, z, p]
}

/// What a fit has to say of itself.
pub(crate) fn note(optimum: &Optimum, name: impl Fn(usize) -> String) -> Option<String> {
    let names = |of: &[usize]| of.iter().map(|&i| name(i)).collect::<Vec<_>>().join(", ");
    let mut said = vec![];
    if !optimum.left_out.is_empty() {
        said.push(format!(
            "left out, for it is constant or made up of the features before it: {}",
            names(&optimum.left_out)
        ));
    }
    if !optimum.separated.is_empty() {
        said.push(format!(
            "no finite coefficient is best, for the data are separated by: {}; with a ridge, such as l2 => 1, there is one",
            names(&optimum.separated)
        ));
    } else if !optimum.converged {
        said.push(format!("not converged after {} steps", optimum.iterations));
    }
    (!said.is_empty()).then(|| said.join("; "))
}

/// The number from 0 up of the option `l2`.
///
/// # Errors
/// Another value.
pub(crate) fn l2(function: &str, value: &ScalarValue) -> Result<f64> {
    match value {
        ScalarValue::Float64(Some(l2)) if *l2 >= 0.0 && l2.is_finite() => Ok(*l2),
        v if v.is_null() => Ok(0.0),
        v => plan_err!("{function}: l2 must be a number from 0 up, got {v}"),
    }
}

/// Refuses what is no model of `fit`.
///
/// # Errors
/// A type that has not its fields.
pub(crate) fn check_model(function: &str, fit: &str, ty: &DataType) -> Result<()> {
    match ty {
        DataType::Null => Ok(()),
        DataType::Struct(fields) => {
            match ["model", "terms"].iter().find(|name| fields.find(name).is_none()) {
                None => Ok(()),
                Some(missing) => plan_err!(
                    "{function}: argument 1 (model) must be a model such as {fit}(…) gives, but it has no field {missing:?}"
                ),
            }
        }
        other => plan_err!(
            "{function}: argument 1 (model) must be a model such as {fit}(…) gives, got {other}"
        ),
    }
}

/// An argument as an array, and whether it is one value for all rows.
pub(crate) fn one_or_many(value: &ColumnarValue) -> Result<(ArrayRef, bool)> {
    Ok(match value {
        ColumnarValue::Array(array) => (Arc::clone(array), false),
        ColumnarValue::Scalar(scalar) => (scalar.to_array_of_size(1)?, true),
    })
}

/// What a term adds to the score of a row.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Contribution<'a> {
    pub term: &'a str,
    pub value: f64,
    pub contribution: f64,
}

/// Models that score features, one for all rows or one a row.
#[derive(Debug)]
pub(crate) struct Models {
    function: &'static str,
    /// NULL models where there are none
    columns: Option<Columns>,
    one: bool,
    given: Given,
    /// the terms looked up last, and where their features are
    looked_up: (usize, usize, Vec<usize>),
}

#[derive(Debug)]
struct Columns {
    model: StructArray,
    kind: StringArray,
    terms: ListArray,
    names: StringArray,
    coefs: Float64Array,
    /// features count from their means
    means: Option<Float64Array>,
}

impl Models {
    /// The models of an argument and the features that they score.
    pub(crate) fn of(
        function: &'static str,
        model: &ColumnarValue,
        features: &ArrayRef,
    ) -> Result<Self> {
        let (array, one) = one_or_many(model)?;
        let columns = array.as_struct_opt().map(|m| Columns::of(function, m)).transpose()?;
        let given = Given::of(function, features)?;
        Ok(Self { function, columns, one, given, looked_up: (0, 0, vec![]) })
    }

    /// What each term adds to the score of a row, in order; `None` if the model, a coefficient or
    /// a feature is NULL.
    ///
    /// # Errors
    /// A model of another kind, a feature that is not given.
    pub(crate) fn explain<'a>(
        &'a mut self,
        kind: &str,
        row: usize,
        out: &mut Vec<Contribution<'a>>,
    ) -> Result<bool> {
        out.clear();
        let Some(columns) = &self.columns else { return Ok(false) };
        let i = if self.one { 0 } else { row };
        if columns.model.is_null(i) || columns.kind.is_null(i) || columns.terms.is_null(i) {
            return Ok(false);
        }
        if columns.kind.value(i) != kind {
            return exec_err!(
                "{}: the model is of kind {:?}, not {kind:?}",
                self.function,
                columns.kind.value(i)
            );
        }
        let &[from, to] = columns.terms.value_offsets().get(i..i + 2).unwrap_or_default() else {
            return Ok(false);
        };
        let (from, to) = (usize::try_from(from).unwrap_or(0), usize::try_from(to).unwrap_or(0));
        let name = |t: usize| columns.names.value(t);
        let is_intercept = |t: usize| kind == "logit" && t == from;
        let features = || (from..to).filter(|&t| !is_intercept(t));
        if (self.looked_up.0, self.looked_up.1) != (from, to) {
            let names: Vec<&str> = features().map(name).collect();
            self.looked_up = (from, to, self.given.places(self.function, &names)?);
        }
        let places = &self.looked_up.2;
        if !self.given.has(self.function, row, places.len())? {
            return Ok(false);
        }
        let mut places = places.iter();
        for t in from..to {
            if columns.coefs.is_null(t) {
                return Ok(false);
            }
            let coef = columns.coefs.value(t);
            if is_intercept(t) {
                out.push(Contribution { term: name(t), value: 1.0, contribution: coef });
                continue;
            }
            let value = places.next().and_then(|&place| self.given.value(row, place));
            let Some(value) = value else { return Ok(false) };
            let mean = columns.means.as_ref().map_or(0.0, |m| m.value(t));
            out.push(Contribution {
                term: name(t),
                value,
                contribution: coef * (value - mean) + 0.0,
            });
        }
        Ok(true)
    }

    /// The sum of what the terms add.
    pub(crate) fn score(&mut self, kind: &str, row: usize) -> Result<Option<f64>> {
        let mut terms = vec![];
        let told = self.explain(kind, row, &mut terms)?;
        let sum = terms.iter().fold(0.0, |sum, t| sum + t.contribution);
        Ok(told.then_some(sum).filter(|s: &f64| !s.is_nan()))
    }
}

impl Columns {
    fn of(function: &str, model: &StructArray) -> Result<Self> {
        let field = |of: &StructArray, name: &str| match of.column_by_name(name) {
            Some(column) => Ok(Arc::clone(column)),
            None => exec_err!("{function}: the model has no field {name:?}"),
        };
        let kind = cast(&field(model, "model")?, &DataType::Utf8)?;
        let terms = field(model, "terms")?;
        let Some(terms) = terms.as_list_opt::<i32>() else {
            return exec_err!("{function}: the terms of the model are no list");
        };
        let Some(of_terms) = terms.values().as_struct_opt() else {
            return exec_err!("{function}: the terms of the model are no list of STRUCT");
        };
        let names = cast(&field(of_terms, "term")?, &DataType::Utf8)?;
        let floats = |name| -> Result<Float64Array> {
            let column = cast(&field(of_terms, name)?, &DataType::Float64)?;
            Ok(column.as_primitive::<Float64Type>().clone())
        };
        let means = of_terms.column_by_name("mean").map(|_| floats("mean")).transpose()?;
        Ok(Self {
            model: model.clone(),
            kind: kind.as_string::<i32>().clone(),
            terms: terms.clone(),
            names: names.as_string::<i32>().clone(),
            coefs: floats("coef")?,
            means,
        })
    }
}

/// What an explanation is: `LIST<STRUCT<term, value, contribution>>`.
pub(crate) fn explanation() -> DataType {
    term_list(&["value", "contribution"])
}

/// The explanations of rows.
pub(crate) fn explanations(models: &mut Models, kind: &str, rows: usize) -> Result<ArrayRef> {
    let mut lists = TermLists::new(rows, 2);
    let mut valid = Vec::with_capacity(rows);
    for row in 0..rows {
        let mut terms = vec![];
        valid.push(models.explain(kind, row, &mut terms)?);
        if valid.last() == Some(&true) {
            for Contribution { term, value, contribution } in terms {
                lists.push(term, [Some(value), Some(contribution)]);
            }
        }
        lists.end()?;
    }
    let lists = lists.finish(&["value", "contribution"])?;
    let (field, offsets, values, _) = lists.as_list::<i32>().clone().into_parts();
    Ok(Arc::new(ListArray::try_new(field, offsets, values, Some(valid.into()))?))
}
