//! Fitted models as arguments: the STRUCT of a fit, read back, and what is asked of it.

use std::sync::Arc;

use datafusion::arrow::array::{Array, ArrayRef, AsArray, Float64Array, StringArray, StructArray};
use datafusion::arrow::buffer::NullBuffer;
use datafusion::arrow::compute::cast;
use datafusion::arrow::datatypes::{DataType, Fields, Float64Type};
use datafusion::common::{Result, exec_err, plan_err};
use datafusion::logical_expr::ColumnarValue;

use super::bg_bb::BgBb;
use super::cnbd::{Cnbd, MOST_REGULAR};
use super::contract::Contract;
use super::core::{Customer, Kind, Model};
use super::pareto::Pareto;
use super::spend::Spend;

/// A fitted model of any kind.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(crate) enum Any {
    Nbd(Model),
    Pareto(Pareto),
    Cnbd(Cnbd),
    BgBb(BgBb),
    Contract(Contract),
    Spend(Spend),
}

/// What a function wants of a model.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Role {
    /// it tells what customers will buy, or whether they stay
    Purchases,
    /// it tells what they spend at a time
    Spend,
}

/// Names of models with those of their parameters.
const KNOWN: [(&str, Role, &[&str]); 8] = [
    ("bg_nbd", Role::Purchases, &["r", "alpha", "a", "b"]),
    ("mbg_nbd", Role::Purchases, &["r", "alpha", "a", "b"]),
    ("pareto_nbd", Role::Purchases, &["r", "alpha", "s", "beta"]),
    ("mbg_cnbd", Role::Purchases, &["k", "r", "alpha", "a", "b"]),
    ("bg_bb", Role::Purchases, &["alpha", "beta", "gamma", "delta"]),
    ("sbg", Role::Purchases, &["alpha", "beta"]),
    ("bdw", Role::Purchases, &["alpha", "beta", "c"]),
    ("gamma_gamma", Role::Spend, &["p", "q", "v"]),
];

impl Role {
    fn known(self) -> impl Iterator<Item = (&'static str, &'static [&'static str])> {
        KNOWN.iter().filter(move |(_, role, _)| *role == self).map(|(name, _, of)| (*name, *of))
    }

    /// Such a model, for an error.
    fn what(self) -> &'static str {
        match self {
            Self::Purchases => "a model such as bg_nbd_fit(…) gives",
            Self::Spend => "a model of spending such as gamma_gamma_fit(…) gives",
        }
    }

    /// What is wrong with a type as a model, where something is: the first field that is missing of
    /// the model that it is most like.
    pub(crate) fn complaint(self, ty: &DataType) -> Option<String> {
        let DataType::Struct(fields) = ty else {
            return (!ty.is_null()).then(|| format!("must be {}, got {ty}", self.what()));
        };
        let missing = |of: &[&'static str]| {
            let fields: &Fields = fields;
            let mut all = ["model"].iter().chain(of).copied();
            let found = all.clone().filter(|name| fields.find(name).is_some()).count();
            Some((found, all.find(|name| fields.find(name).is_none())?))
        };
        let complaints = self.known().map(|(_, of)| missing(of)).collect::<Option<Vec<_>>>()?;
        let nearest = complaints.into_iter().rev().max_by_key(|(found, _)| *found)?;
        Some(format!("must be {}, but it has no field {:?}", self.what(), nearest.1))
    }
}

/// The error for a name that is no model's.
pub(crate) fn unknown_model<T>(
    function: &str,
    name: &str,
    known: impl Iterator<Item = &'static str>,
) -> Result<T> {
    let known: Vec<String> = known.map(|k| format!("'{k}'")).collect();
    plan_err!("{function}: {name:?} is no model that is known here; known are {}", known.join(", "))
}

impl Any {
    /// The model of a name that has these parameters.
    pub(crate) fn of(name: &str, of: &[f64]) -> Option<Self> {
        Some(match (name, of) {
            ("bg_nbd" | "mbg_nbd", &[r, alpha, a, b]) => {
                Self::Nbd(Model { kind: Kind::of(name)?, r, alpha, a, b })
            }
            ("pareto_nbd", &[r, alpha, s, beta]) => Self::Pareto(Pareto { r, alpha, s, beta }),
            ("mbg_cnbd", &[k, r, alpha, a, b]) => Self::Cnbd(Cnbd { k, r, alpha, a, b }),
            ("bg_bb", &[alpha, beta, gamma, delta]) => {
                Self::BgBb(BgBb { alpha, beta, gamma, delta })
            }
            ("sbg", &[alpha, beta]) => Self::Contract(Contract { alpha, beta, c: 1.0 }),
            ("bdw", &[alpha, beta, c]) => Self::Contract(Contract { alpha, beta, c }),
            ("gamma_gamma", &[p, q, v]) => Self::Spend(Spend { p, q, v }),
            _ => return None,
        })
    }

    /// What tells it from others: its kind and its parameters.
    pub(crate) fn bits(&self) -> [u64; 6] {
        let (kind, parameters) = match *self {
            Self::Nbd(Model { kind, r, alpha, a, b }) => {
                (if kind == Kind::Bg { 0 } else { 1 }, [r, alpha, a, b, 0.0])
            }
            Self::Pareto(Pareto { r, alpha, s, beta }) => (2, [r, alpha, s, beta, 0.0]),
            Self::Cnbd(Cnbd { k, r, alpha, a, b }) => (3, [k, r, alpha, a, b]),
            Self::BgBb(BgBb { alpha, beta, gamma, delta }) => (4, [alpha, beta, gamma, delta, 0.0]),
            Self::Contract(Contract { alpha, beta, c }) => (5, [alpha, beta, c, 0.0, 0.0]),
            Self::Spend(Spend { p, q, v }) => (6, [p, q, v, 0.0, 0.0]),
        };
        let [a, b, c, d, e] = parameters.map(f64::to_bits);
        [kind, a, b, c, d, e]
    }

    /// Whether it counts periods or opportunities, which have no length.
    pub(crate) fn counts(&self) -> bool {
        matches!(self, Self::BgBb(_) | Self::Contract(_))
    }

    /// Whether a customer is what the model speaks of.
    pub(crate) fn speaks_of(&self, c: Customer) -> bool {
        c.is_legal() && (!matches!(self, Self::BgBb(_)) || BgBb::speaks_of(c))
    }

    /// The probability that the customer will buy again at all; under contract, to be there still.
    pub(crate) fn p_alive(&self, c: Customer) -> f64 {
        match self {
            Self::Nbd(m) => m.p_alive(c),
            Self::Pareto(m) => m.p_alive(c),
            Self::Cnbd(m) => m.p_alive(c),
            Self::BgBb(m) => m.p_alive(c),
            Self::Contract(m) => m.survival(0.0, c.t),
            Self::Spend(_) => f64::NAN,
        }
    }

    /// The probability that the customer buys nothing within `h`, or has left within it; `None`: ever.
    pub(crate) fn churn(&self, c: Customer, h: Option<f64>) -> f64 {
        match self {
            Self::Nbd(m) => m.churn(c, h),
            Self::Pareto(m) => m.churn(c, h),
            Self::Cnbd(m) => m.churn(c, h),
            Self::BgBb(m) => m.churn(c, h),
            Self::Contract(m) => m.churn(c.t, h),
            Self::Spend(_) => f64::NAN,
        }
    }

    /// The probability by which [`Self::mean_if_alive`] is to be multiplied.
    pub(crate) fn alive_now(&self, c: Customer) -> f64 {
        match self {
            Self::BgBb(m) => m.p_alive_now(c),
            Self::Contract(_) => 1.0,
            other => other.p_alive(c),
        }
    }

    /// Purchases or renewals expected within `h` if the customer is alive.
    pub(crate) fn mean_if_alive(&self, c: Customer, h: f64) -> f64 {
        match self {
            Self::Nbd(m) => m.mean_if_alive(c, h),
            Self::Pareto(m) => m.mean_if_alive(c, h),
            Self::Cnbd(m) => m.mean_if_alive(c, h),
            Self::BgBb(m) => m.mean_if_alive(c, h),
            Self::Contract(m) => m.renewals(c.t, h),
            Self::Spend(_) => f64::NAN,
        }
    }

    /// The probability of exactly `n` purchases or renewals within `h`.
    pub(crate) fn count(&self, c: Customer, n: f64, h: f64) -> f64 {
        let if_alive = match self {
            Self::Nbd(m) => m.count_if_alive(c, n, h),
            Self::Pareto(m) => m.count_if_alive(c, n, h),
            Self::Cnbd(m) => m.count_if_alive(c, n, h),
            Self::BgBb(m) => m.count_if_alive(c, n, h),
            Self::Contract(m) => return m.exactly(c.t, n, h),
            Self::Spend(_) => return f64::NAN,
        };
        // who is gone buys nothing
        if n == 0.0 { self.churn(c, Some(h)) } else { self.alive_now(c) * if_alive }
    }

    /// Purchases or renewals expected ever if the customer is alive, discounted by e^−delta for a unit.
    pub(crate) fn residual_if_alive(&self, c: Customer, delta: f64) -> f64 {
        match self {
            Self::Nbd(m) => m.residual_if_alive(c, delta),
            Self::Cnbd(m) => m.residual_if_alive(c, delta),
            Self::Pareto(m) => m.residual_if_alive(c, delta),
            Self::BgBb(m) => m.residual_if_alive(c, delta),
            // about to decide on the next renewal, which is paid at once
            Self::Contract(m) => m.residual(c.t + 1.0, delta),
            Self::Spend(_) => f64::NAN,
        }
    }

    /// Whether [`Self::mean_if_alive`] depends on the last purchase.
    pub(crate) fn remembers(&self) -> bool {
        matches!(self, Self::Cnbd(_))
    }
}

fn all_equal<T: PartialEq>(mut all: impl Iterator<Item = T>) -> bool {
    let first = all.next();
    all.all(|one| Some(one) == first)
}

fn as_floats(array: &ArrayRef) -> Result<Float64Array> {
    Ok(cast(array, &DataType::Float64)?.as_primitive::<Float64Type>().clone())
}

/// Fitted models, one for all rows or one a row.
#[derive(Debug)]
pub(crate) enum Models {
    One(Option<(Any, f64)>),
    Many(Box<Columns>),
}

#[derive(Debug)]
pub(crate) struct Columns {
    function: &'static str,
    role: Role,
    name: StringArray,
    figures: Vec<(&'static str, Float64Array)>,
    unit_days: Option<Float64Array>,
    outer: Option<NullBuffer>,
}

impl Models {
    /// The models of an argument.
    pub(crate) fn of(function: &'static str, role: Role, value: &ColumnarValue) -> Result<Self> {
        let (array, one) = match value {
            ColumnarValue::Array(array) => (Arc::clone(array), false),
            ColumnarValue::Scalar(scalar) => (scalar.to_array_of_size(1)?, true),
        };
        let Some(models) = array.as_struct_opt() else { return Ok(Self::One(None)) };
        let Some(name) = models.column_by_name("model") else {
            return exec_err!("{function}: the model has no field \"model\"");
        };
        let columns = Columns {
            function,
            role,
            name: cast(name, &DataType::Utf8)?.as_string::<i32>().clone(),
            figures: Columns::figures(models)?,
            unit_days: models.column_by_name("unit_days").map(as_floats).transpose()?,
            outer: models.nulls().cloned(),
        };
        // such as one model of all customers, put beside each of them by `OVER ()` or a join
        let one = one || columns.are_alike();
        Ok(if one { Self::One(columns.get(0)?) } else { Self::Many(Box::new(columns)) })
    }

    /// The model of a row and the length of its unit in days; `None` if it is NULL.
    pub(crate) fn get(&self, i: usize) -> Result<Option<(Any, f64)>> {
        match self {
            Self::One(model) => Ok(*model),
            Self::Many(columns) => columns.get(i),
        }
    }
}

impl Columns {
    /// All parameters of known models that the STRUCT has.
    fn figures(models: &StructArray) -> Result<Vec<(&'static str, Float64Array)>> {
        let mut figures: Vec<(&'static str, Float64Array)> = vec![];
        for name in KNOWN.iter().flat_map(|(_, _, of)| *of) {
            if let Some(column) = models.column_by_name(name)
                && figures.iter().all(|(known, _)| known != name)
            {
                figures.push((name, as_floats(column)?));
            }
        }
        Ok(figures)
    }

    /// Whether every row has the same model, and there is a row.
    fn are_alike(&self) -> bool {
        let named = self.name.null_count() == 0 && all_equal(self.name.iter());
        let figures = || self.figures.iter().map(|(_, column)| column).chain(&self.unit_days);
        let same = |column: &Float64Array| match column.null_count() {
            0 => all_equal(column.values().iter().map(|v| v.to_bits())),
            nulls => nulls == column.len(),
        };
        !self.name.is_empty()
            && self.outer.as_ref().is_none_or(|nulls| nulls.null_count() == 0)
            && named
            && figures().all(same)
    }

    fn get(&self, i: usize) -> Result<Option<(Any, f64)>> {
        if self.outer.as_ref().is_some_and(|n| n.is_null(i)) || self.name.is_null(i) {
            return Ok(None);
        }
        let (function, name) = (self.function, self.name.value(i));
        let is_meant = |known: &str| known.eq_ignore_ascii_case(name.trim());
        let Some((known, of)) = self.role.known().find(|(known, _)| is_meant(known)) else {
            return unknown_model(function, name, self.role.known().map(|(k, _)| k));
        };
        let mut values = [0.0; 5];
        for (value, parameter) in values.iter_mut().zip(of) {
            let Some((_, column)) = self.figures.iter().find(|(name, _)| name == parameter) else {
                return exec_err!("{function}: the model {known:?} has no field {parameter:?}");
            };
            if column.is_null(i) {
                return Ok(None);
            }
            *value = column.value(i);
        }
        let values = values.get(..of.len()).unwrap_or_default();
        if values.iter().any(|v| !v.is_finite() || *v <= 0.0) {
            let got: Vec<String> = values.iter().map(|v| format!("{v:?}")).collect();
            return exec_err!(
                "{function}: the parameters {} of a model must be positive numbers, got {}",
                of.join(", "),
                got.join(", ")
            );
        }
        let Some(model) = Any::of(known, values) else { return Ok(None) };
        if let Any::Cnbd(Cnbd { k, .. }) = model
            && (k.fract() != 0.0 || k > MOST_REGULAR)
        {
            return exec_err!(
                "{function}: k of a model must be a whole number up to {MOST_REGULAR}, got {k}"
            );
        }
        let unit_days =
            self.unit_days.as_ref().filter(|u| u.is_valid(i)).map_or(1.0, |u| u.value(i));
        Ok(Some((model, unit_days)))
    }
}
