//! The arguments that the functions of this family share: a customer's figures as columns or as one
//! summary STRUCT, beside models and horizons.

use datafusion::arrow::array::{Array, ArrayRef, AsArray, Float64Array, StructArray};
use datafusion::arrow::buffer::NullBuffer;
use datafusion::arrow::compute::cast;
use datafusion::arrow::datatypes::{DataType, Float64Type, IntervalUnit};
use datafusion::common::{Result, exec_err, plan_err};
use datafusion::logical_expr::{Signature, TypeSignature, Volatility};

use super::core::Customer;
use super::models::{Any, Role};
use crate::args::{self, Param, Ty};

/// The ways to call one function: with columns, with a summary in their place, and with a summary
/// where the planner has filled the places of the columns after the first with NULL (named arguments).
#[derive(Debug)]
pub(crate) struct Overloads {
    pub name: &'static str,
    /// parameters before the customer
    pub lead: usize,
    /// the fields of a summary that stand for the columns
    pub fields: &'static [&'static str],
    /// what the parameter `model` must be
    pub role: Role,
    pub columns: &'static [Param],
    pub summary: &'static [Param],
    pub gapped: &'static [Param],
    /// a summary and what follows it by place, the rest by name; empty where nothing must follow
    pub mixed: &'static [Param],
    /// of a model of contracts, which knows periods alone; empty if the function takes none
    pub contract: &'static [Param],
}

/// Fields of a summary that models of purchases read.
pub(crate) const FIGURES: [&str; 3] = ["frequency", "recency", "t"];

impl Overloads {
    /// Names and coercion.
    pub(crate) fn signature(&self) -> Signature {
        let names = self.columns.iter().map(|p| p.name.to_string()).collect();
        let plain = Signature::new(TypeSignature::UserDefined, Volatility::Immutable);
        plain.clone().with_parameter_names(names).unwrap_or(plain)
    }

    /// The parameters that arguments of these types are for.
    pub(crate) fn params(&self, types: &[DataType]) -> &'static [Param] {
        let few = types.len() < self.lead + self.fields.len();
        match types.get(self.lead) {
            Some(DataType::Struct(_)) if types.len() > self.summary.len() => {
                // coercion has made numbers of the NULLs that fill a gap
                let next = types.get(self.lead + 1);
                let by_place =
                    next.is_some_and(|ty| args::is_text(ty) || matches!(ty, DataType::Interval(_)));
                if by_place && !self.mixed.is_empty() { self.mixed } else { self.gapped }
            }
            Some(DataType::Struct(_)) => self.summary,
            Some(DataType::Null) if few => self.summary,
            Some(_) if few && types.len() <= self.contract.len() => self.contract,
            _ => self.columns,
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
            let complaint = match p.name {
                // a model's name is text, where a function takes one
                "model" if p.ty == Ty::Text => None,
                "model" | "purchase_model" => self.role.complaint(ty),
                "spend_model" => Role::Spend.complaint(ty),
                "summary" => self.no_summary(ty),
                "horizon" => {
                    *ty = self.horizon_type(ty, i)?;
                    None
                }
                _ => None,
            };
            if let Some(complaint) = complaint {
                return plan_err!(
                    "{}: argument {i} ({}) {complaint}; the function is called {}",
                    self.name,
                    p.name,
                    args::usage(self.name, self.columns)
                );
            }
        }
        Ok(coerced)
    }

    fn no_summary(&self, ty: &DataType) -> Option<String> {
        let what = "must be a summary such as customer_summary(…) gives";
        match ty {
            DataType::Null => None,
            DataType::Struct(fields) => {
                let missing = self.fields.iter().find(|name| fields.find(name).is_none())?;
                Some(format!("{what}, but it has no field {missing:?}"))
            }
            other => Some(format!("{what}, got {other}")),
        }
    }

    fn horizon_type(&self, ty: &DataType, i: usize) -> Result<DataType> {
        match ty {
            DataType::Interval(_) | DataType::Duration(_) => {
                Ok(DataType::Interval(IntervalUnit::MonthDayNano))
            }
            text if args::is_text(text) => Ok(DataType::Utf8),
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
        let types: Vec<DataType> = values.iter().map(|v| v.data_type().clone()).collect();
        let under_contract = std::ptr::eq(self.params(&types), self.contract);
        let figures = if under_contract { 1 } else { self.fields.len() };
        let columns = |columns| Customers {
            function: self.name,
            columns,
            under_contract,
            unit_days: None,
            outer: None,
        };
        match values.get(self.lead) {
            Some(summary) if matches!(summary.data_type(), DataType::Struct(_)) => {
                let gap = values.iter().skip(self.lead + 1).take(self.fields.len() - 1);
                if std::ptr::eq(self.params(&types), self.gapped)
                    && gap.into_iter().any(|v| v.null_count() < v.len() && !v.data_type().is_null())
                {
                    return exec_err!(
                        "{}: after a summary give the options all by name, or all by place",
                        self.name
                    );
                }
                let summary = summary.as_struct();
                let fields = self.fields.iter().map(|field| floats(self.name, summary, field));
                Ok(Customers {
                    unit_days: optional_floats(summary, "unit_days")?,
                    outer: summary.nulls().cloned(),
                    ..columns(fields.collect::<Result<_>>()?)
                })
            }
            Some(first) if !matches!(first.data_type(), DataType::Null) => {
                let column = |i: usize| match values.get(self.lead + i) {
                    Some(v) => as_floats(v),
                    None => exec_err!(
                        "{}: {} must all be given or none, or a summary in their place",
                        self.name,
                        self.fields.join(", ")
                    ),
                };
                Ok(columns((0..figures).map(column).collect::<Result<_>>()?))
            }
            first => {
                let none = Float64Array::new_null(first.map_or(0, |f| f.len()));
                Ok(columns(vec![none; figures]))
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

/// The figures of many customers.
#[derive(Debug)]
pub(crate) struct Customers {
    function: &'static str,
    columns: Vec<Float64Array>,
    /// they are periods alone
    under_contract: bool,
    unit_days: Option<Float64Array>,
    outer: Option<NullBuffer>,
}

impl Customers {
    pub(crate) fn len(&self) -> usize {
        self.columns.first().map_or(0, |c| c.len())
    }

    /// All figures, column for column, where none is NULL and no unit is given.
    pub(crate) fn all_known(&self) -> Option<Vec<&[f64]>> {
        let known = self.outer.is_none() && self.unit_days.is_none();
        let columns = self.columns.iter().filter(|c| c.null_count() == 0);
        let columns: Vec<&[f64]> = columns.map(|c| c.values().as_ref()).collect();
        (known && columns.len() == self.columns.len()).then_some(columns)
    }

    /// Whether the whole row is NULL.
    pub(crate) fn is_null(&self, i: usize) -> bool {
        self.outer.as_ref().is_some_and(|n| n.is_null(i))
    }

    /// One figure of one customer, in the order of the columns.
    #[inline]
    pub(crate) fn figure(&self, place: usize, i: usize) -> Option<f64> {
        at(self.columns.get(place)?, i).filter(|_| !self.is_null(i))
    }

    /// One customer; `None` if any of the figures that make one is NULL.
    #[inline]
    pub(crate) fn get(&self, i: usize) -> Option<Customer> {
        if self.is_null(i) {
            return None;
        }
        match self.columns.as_slice() {
            [x, tx, t, ..] => Some(Customer { x: at(x, i)?, tx: at(tx, i)?, t: at(t, i)? }),
            [periods, ..] => Some(Customer { x: 0.0, tx: 0.0, t: at(periods, i)? }),
            [] => None,
        }
    }

    /// The length of the unit of that customer's times in days, where it is known.
    pub(crate) fn unit_days(&self, i: usize) -> Option<f64> {
        at(self.unit_days.as_ref()?, i)
    }

    /// The customer of a row if the model can speak of it: legal and in the same unit of time.
    pub(crate) fn legal(
        &self,
        i: usize,
        (model, unit_days): (&Any, f64),
        strict: bool,
    ) -> Result<Option<Customer>> {
        let function = self.function;
        let Some(customer) = self.get(i) else { return Ok(None) };
        if self.under_contract != matches!(model, Any::Contract(_)) {
            return if self.under_contract {
                exec_err!(
                    "{function}: this model wants frequency, recency and t, or a summary; periods alone are for models of contracts such as sbg_fit(…) gives"
                )
            } else {
                exec_err!(
                    "{function}: a model of contracts knows the number of periods alone; give that in place of frequency, recency and t"
                )
            };
        }
        if let Some(unit) = self.unit_days(i)
            && unit != unit_days
            && !model.counts()
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
        Ok(model.speaks_of(customer).then_some(customer))
    }
}
