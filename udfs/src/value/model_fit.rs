//! Every fit of customers as a function of SQL: what differs between them is in their [`Fitter`]. What
//! is collected of a group is in `model_groups.rs`.

use std::hash::{Hash, Hasher};
use std::sync::Arc;

use datafusion::arrow::datatypes::{DataType, Field, FieldRef, Fields};
use datafusion::common::Result;
use datafusion::logical_expr::function::{AccumulatorArgs, StateFieldsArgs};
use datafusion::logical_expr::utils::AggregateOrderSensitivity;
use datafusion::logical_expr::{
    Accumulator, AggregateUDFImpl, Documentation, GroupsAccumulator, Signature,
};

use super::arguments::{Customers, Overloads};
use super::estimate::Estimate;
use super::fitted_models::FittedModels;
use super::model_groups::{Groups, One, state_fields};
use super::rows::{Row, Rows};
use crate::args::{Fill, Param, Ty, option, required};
use crate::fitting::faults::Fault;

/// How many customers a row stands for.
pub(crate) const WEIGHT: Param = option("weight", Ty::Float, Fill::Float(1.0));
/// The weight of the ridge.
pub(crate) const L2: Param = option("l2", Ty::Float, Fill::Float(0.0));
/// The regularity of purchases, where a fit has it.
pub(crate) const K: Param = option("k", Ty::Int, Fill::Null);

/// The calls of a fit to frequency, recency and t.
pub(crate) const BY_COLUMNS: &[Param] = &[
    required("frequency", Ty::Float),
    required("recency", Ty::Float),
    required("t", Ty::Float),
    WEIGHT,
    L2,
];
/// The same with a summary.
pub(crate) const BY_SUMMARY: &[Param] = &[required("summary", Ty::Any), WEIGHT, L2];
/// The same with a summary and named options.
pub(crate) const BY_SUMMARY_WITH_GAPS: &[Param] = &[
    required("summary", Ty::Any),
    option("recency", Ty::Float, Fill::Null),
    option("t", Ty::Float, Fill::Null),
    WEIGHT,
    L2,
];

/// What is fitted, and how.
#[derive(Debug)]
pub(crate) struct Fitter {
    pub calls: Overloads,
    /// the model's name
    pub model: &'static str,
    pub parameters: &'static [&'static str],
    /// other figures of the model
    pub extras: &'static [&'static str],
    /// whether its times have a unit
    pub timed: bool,
    /// what most rows are
    pub usual: Usual,
    /// a row of the input as a customer of weight 1; `None`: something is NULL
    pub row: fn(&Customers, usize) -> Option<Row>,
    /// why a row tells the model nothing
    pub fault: fn(&Row) -> Option<Fault>,
    pub fit: fn(&mut Rows, &Options) -> Option<Fitted>,
}

/// Rows that are known for what they are without a second look.
#[derive(Debug, Clone, Copy)]
pub(crate) enum Usual {
    /// frequency, recency and t in whole numbers
    Purchases,
    /// frequency and the mean of the money
    Spending,
    Unknown,
}

/// What the user chose.
#[derive(Debug, Clone, Copy, Default)]
pub(crate) struct Options {
    pub l2: f64,
    pub k: Option<f64>,
}

/// A fitted model with its other figures.
#[derive(Debug, Clone)]
pub(crate) struct Fitted {
    pub estimate: Estimate,
    pub extras: Vec<Option<f64>>,
}

impl From<Estimate> for Fitted {
    fn from(estimate: Estimate) -> Self {
        Self { estimate, extras: vec![] }
    }
}

/// A row of frequency, recency and t.
pub(crate) fn purchases(customers: &Customers, i: usize) -> Option<Row> {
    customers.get(i).map(Row::one)
}

impl Fitter {
    /// The fields of the model.
    pub(crate) fn fields(&self) -> Fields {
        let float = |name: &&str| Field::new(*name, DataType::Float64, true);
        let int = |name| Field::new(name, DataType::Int64, true);
        let mut fields = vec![Field::new("model", DataType::Utf8, true)];
        fields.extend(self.parameters.iter().map(float));
        fields.extend(self.extras.iter().map(float));
        fields.extend([
            float(&"ll"),
            int("n"),
            int("dropped"),
            Field::new_list("se", Field::new_list_field(DataType::Float64, true), true),
            Field::new("converged", DataType::Boolean, true),
            int("iterations"),
        ]);
        fields.extend(self.timed.then(|| float(&"unit_days")));
        fields.push(Field::new("note", DataType::Utf8, true));
        Fields::from(fields)
    }
}

/// A fit as a function of SQL.
#[derive(Debug)]
pub(crate) struct FitFunction {
    fitter: &'static Fitter,
    signature: Signature,
    documentation: Option<&'static Documentation>,
    /// what the statement has fitted, where it fits more than once
    models: Option<Arc<FittedModels>>,
}

impl FitFunction {
    pub(crate) fn new(
        fitter: &'static Fitter,
        documentation: Option<&'static Documentation>,
    ) -> Self {
        Self { fitter, signature: fitter.calls.signature(), documentation, models: None }
    }

    /// The same that looks among `models` first, unless it looks at some already.
    pub(super) fn among(&self, models: &Arc<FittedModels>) -> Option<Self> {
        let models = self.is_alone().then(|| Some(Arc::clone(models)))?;
        Some(Self { models, ..Self::new(self.fitter, self.documentation) })
    }

    /// Whether it has no models to look at.
    pub(super) fn is_alone(&self) -> bool {
        self.models.is_none()
    }

    fn groups(&self, args: &AccumulatorArgs) -> Result<Groups> {
        Groups::new(self.fitter, self.models.clone(), args)
    }
}

impl PartialEq for FitFunction {
    fn eq(&self, other: &Self) -> bool {
        self.fitter.calls.name == other.fitter.calls.name
    }
}

impl Eq for FitFunction {}

impl Hash for FitFunction {
    fn hash<H: Hasher>(&self, state: &mut H) {
        self.fitter.calls.name.hash(state);
    }
}

impl AggregateUDFImpl for FitFunction {
    fn name(&self) -> &str {
        self.fitter.calls.name
    }

    fn signature(&self) -> &Signature {
        &self.signature
    }

    fn coerce_types(&self, types: &[DataType]) -> Result<Vec<DataType>> {
        self.fitter.calls.coerce(types)
    }

    fn return_type(&self, _types: &[DataType]) -> Result<DataType> {
        Ok(DataType::Struct(self.fitter.fields()))
    }

    fn state_fields(&self, args: StateFieldsArgs) -> Result<Vec<FieldRef>> {
        Ok(state_fields(&args))
    }

    fn order_sensitivity(&self) -> AggregateOrderSensitivity {
        AggregateOrderSensitivity::Insensitive
    }

    fn accumulator(&self, args: AccumulatorArgs) -> Result<Box<dyn Accumulator>> {
        Ok(Box::new(One(self.groups(&args)?)))
    }

    fn groups_accumulator_supported(&self, _args: AccumulatorArgs) -> bool {
        true
    }

    fn create_groups_accumulator(
        &self,
        args: AccumulatorArgs,
    ) -> Result<Box<dyn GroupsAccumulator>> {
        Ok(Box::new(self.groups(&args)?))
    }

    fn documentation(&self) -> Option<&Documentation> {
        self.documentation
    }
}
