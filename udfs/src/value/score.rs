//! What the scoring functions share: one function of SQL over a model and customers, row by row.

use std::cell::RefCell;
use std::hash::{Hash, Hasher};
use std::sync::Arc;

use datafusion::arrow::array::{ArrayRef, Float64Array};
use datafusion::arrow::datatypes::DataType;
use datafusion::common::{Result, internal_err};
use datafusion::logical_expr::{
    ColumnarValue, Documentation, ScalarFunctionArgs, ScalarUDFImpl, Signature,
};

use super::arguments::{Customers, Overloads};
use super::core::Customer;
use super::horizons::Horizons;
use super::models::{Any, Models, Role};
use crate::settings::TenureOptions;

/// A scoring function of SQL.
#[derive(Debug)]
pub(crate) struct ScoreFunction {
    calls: &'static Overloads,
    signature: Signature,
    returns: DataType,
    documentation: Option<&'static Documentation>,
    score: fn(&ScalarFunctionArgs) -> Result<ArrayRef>,
}

impl ScoreFunction {
    /// A function that gives DOUBLEs.
    pub(crate) fn new(
        calls: &'static Overloads,
        documentation: Option<&'static Documentation>,
        score: fn(&ScalarFunctionArgs) -> Result<ArrayRef>,
    ) -> Self {
        let (signature, returns) = (calls.signature(), DataType::Float64);
        Self { calls, signature, returns, documentation, score }
    }

    /// The same, giving another type.
    pub(crate) fn returning(self, returns: DataType) -> Self {
        Self { returns, ..self }
    }
}

impl PartialEq for ScoreFunction {
    fn eq(&self, other: &Self) -> bool {
        self.calls.name == other.calls.name
    }
}

impl Eq for ScoreFunction {}

impl Hash for ScoreFunction {
    fn hash<H: Hasher>(&self, state: &mut H) {
        self.calls.name.hash(state);
    }
}

impl ScalarUDFImpl for ScoreFunction {
    fn name(&self) -> &str {
        self.calls.name
    }

    fn signature(&self) -> &Signature {
        &self.signature
    }

    fn coerce_types(&self, types: &[DataType]) -> Result<Vec<DataType>> {
        self.calls.coerce(types)
    }

    fn return_type(&self, _types: &[DataType]) -> Result<DataType> {
        Ok(self.returns.clone())
    }

    fn invoke_with_args(&self, args: ScalarFunctionArgs) -> Result<ColumnarValue> {
        Ok(ColumnarValue::Array((self.score)(&args)?))
    }

    fn documentation(&self) -> Option<&Documentation> {
        self.documentation
    }
}

/// One call with its arguments read.
#[derive(Debug)]
pub(crate) struct Call<'a> {
    calls: &'static Overloads,
    args: &'a ScalarFunctionArgs,
    types: Vec<DataType>,
    pub models: Models,
    pub customers: Customers,
    pub rows: usize,
    strict: bool,
}

impl<'a> Call<'a> {
    pub(crate) fn new(calls: &'static Overloads, args: &'a ScalarFunctionArgs) -> Result<Self> {
        let types: Vec<DataType> = args.args.iter().map(|a| a.data_type()).collect();
        let name = calls.name;
        let Some(model) = args.args.first() else { return internal_err!("{name}: no arguments") };
        // what stands before the customer is read by itself
        let array = |(i, v): (usize, &ColumnarValue)| {
            v.to_array(if i < calls.lead { 1 } else { args.number_rows })
        };
        let arrays: Vec<ArrayRef> =
            args.args.iter().enumerate().map(array).collect::<Result<_>>()?;
        Ok(Self {
            calls,
            args,
            types,
            models: Models::of(name, calls.role, model)?,
            customers: calls.customers(&arrays)?,
            rows: args.number_rows,
            strict: TenureOptions::of(&args.config_options).strict,
        })
    }

    /// The argument for a parameter, if it is given.
    pub(crate) fn argument(&self, name: &str) -> Option<&'a ColumnarValue> {
        self.args.args.get(self.calls.position(&self.types, name)?)
    }

    /// A number for each row.
    pub(crate) fn numbers(&self, name: &str) -> Result<Option<Float64Array>> {
        let Some(value) = self.argument(name) else { return Ok(None) };
        let array = value.cast_to(&DataType::Float64, None)?.to_array(self.rows)?;
        Ok(array.as_any().downcast_ref::<Float64Array>().cloned())
    }

    pub(crate) fn horizons(&self) -> Result<Horizons> {
        Horizons::of(self.calls.name, self.argument("horizon"))
    }

    /// Models of spending that stand beside the first.
    pub(crate) fn spend_models(&self) -> Result<Models> {
        match self.argument("spend_model") {
            Some(value) => Models::of(self.calls.name, Role::Spend, value),
            None => Ok(Models::One(None)),
        }
    }

    /// The model of a row with its unit, and the customer if it can speak of him.
    #[inline]
    pub(crate) fn row(&self, i: usize) -> Result<Option<((Any, f64), Customer)>> {
        let Some((model, unit_days)) = self.models.get(i)? else { return Ok(None) };
        let customer = self.customers.legal(i, (&model, unit_days), self.strict)?;
        Ok(customer.map(|c| ((model, unit_days), c)))
    }

    /// A score for each row that has a model and a customer.
    pub(crate) fn score(
        &self,
        mut of: impl FnMut(usize, (&Any, f64), Customer) -> Result<Option<f64>>,
    ) -> Result<ArrayRef> {
        let score = |i| match self.row(i)? {
            Some(((model, unit_days), c)) => of(i, (&model, unit_days), c),
            None => Ok(None),
        };
        let out: Float64Array = (0..self.rows).map(score).collect::<Result<_>>()?;
        Ok(Arc::new(out))
    }
}

/// Figures of customers who are alike, remembered where model and horizon are the same for all rows.
///
/// Every thread keeps those of the question it was asked last, so that the batches of one column share
/// them: a figure is the same bits whether it is computed or remembered. A place is free for the next
/// who needs it: O(1), and a megabyte a thread whatever the customers.
#[derive(Debug)]
pub(crate) struct Memory(Option<Kept>);

#[derive(Debug)]
struct Kept {
    function: &'static str,
    model: [u64; 6],
    ahead: [u64; 3],
    places: Vec<([u64; 3], f64)>,
}

thread_local! {
    static LAST: RefCell<Option<Kept>> = const { RefCell::new(None) };
}

impl Memory {
    const PLACES: usize = 1 << 15;
    /// no time has these bits
    const FREE: ([u64; 3], f64) = ([u64::MAX; 3], f64::NAN);

    /// One that remembers nothing.
    pub(crate) fn none() -> Self {
        Self(None)
    }

    /// The memory of a function that asks a model how it is so far ahead.
    pub(crate) fn of(function: &'static str, model: &Any, ahead: [f64; 3]) -> Self {
        let (model, ahead) = (model.bits(), ahead.map(f64::to_bits));
        let last = LAST.with(RefCell::take);
        let same = |k: &Kept| k.function == function && k.model == model && k.ahead == ahead;
        Self(Some(match last {
            Some(kept) if same(&kept) => kept,
            last => {
                let mut places = last.map(|kept| kept.places).unwrap_or_default();
                places.clear();
                places.resize(Self::PLACES, Self::FREE);
                Kept { function, model, ahead, places }
            }
        }))
    }

    /// The figure of a customer, which `compute` gives if it is not remembered.
    #[inline]
    pub(crate) fn get(&mut self, model: &Any, c: Customer, compute: impl FnOnce() -> f64) -> f64 {
        let Some(kept) = &mut self.0 else { return compute() };
        let last = if model.remembers() { c.tx } else { 0.0 };
        let key = [c.x, c.t, last].map(f64::to_bits);
        let mixed = key.iter().fold(0_u64, |hash, part| {
            (hash.rotate_left(23) ^ part).wrapping_mul(0x9E37_79B9_7F4A_7C15)
        });
        let place = usize::try_from(mixed >> 49).unwrap_or(0);
        match kept.places.get_mut(place) {
            Some((known, figure)) => {
                if *known != key {
                    (*known, *figure) = (key, compute());
                }
                *figure
            }
            None => compute(),
        }
    }
}

impl Drop for Memory {
    fn drop(&mut self) {
        LAST.with(|last| last.replace(self.0.take()));
    }
}
