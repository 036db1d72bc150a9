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

/// Figures of customers who are alike, remembered by the question they answer.
///
/// Every thread keeps its own, so that the batches of one column share them: a figure is the same bits
/// whether it is computed or remembered. A place is free for the next who needs it: O(1), and five
/// megabytes a thread whatever the customers.
#[derive(Debug)]
pub(crate) struct Memory {
    function: &'static str,
    kept: Kept,
    /// the question of the row before, and its number
    last: (Question, u64),
}

/// What is asked of a model: by whom, and how far ahead.
#[derive(Debug, Default, Clone, Copy, PartialEq)]
struct Question {
    function: &'static str,
    model: [u64; 6],
    ahead: [u64; 3],
}

/// Figures by the number of a question and the customer.
#[derive(Debug, Default)]
struct Kept {
    /// those asked of late; a number is never given again
    questions: [(Question, u64); Kept::QUESTIONS],
    asked: u64,
    places: Vec<([u64; 4], f64)>,
}

impl Kept {
    const QUESTIONS: usize = 16;
    const BITS: u32 = 17;
    /// no question has the number 0
    const FREE: ([u64; 4], f64) = ([0; 4], f64::NAN);

    fn number(&mut self, question: Question) -> u64 {
        let known = |(known, number): &&(Question, u64)| *number > 0 && *known == question;
        if let Some((_, number)) = self.questions.iter().find(known) {
            return *number;
        }
        self.asked += 1;
        if let Some(oldest) = self.questions.iter_mut().min_by_key(|(_, number)| *number) {
            *oldest = (question, self.asked);
        }
        self.asked
    }

    #[inline]
    fn place(&mut self, key: [u64; 4]) -> Option<&mut ([u64; 4], f64)> {
        if self.places.is_empty() {
            self.places.resize(1 << Self::BITS, Self::FREE);
        }
        let mixed = key.iter().fold(0_u64, |hash, part| {
            (hash.rotate_left(23) ^ part).wrapping_mul(0x9E37_79B9_7F4A_7C15)
        });
        self.places.get_mut(usize::try_from(mixed >> (u64::BITS - Self::BITS)).ok()?)
    }
}

thread_local! {
    static KEPT: RefCell<Option<Kept>> = const { RefCell::new(None) };
}

impl Memory {
    /// The memory of a function that asks models of customers.
    pub(crate) fn of(function: &'static str) -> Self {
        let kept = KEPT.with(RefCell::take).unwrap_or_default();
        Self { function, kept, last: Default::default() }
    }

    /// The figure of a customer so far ahead, which `compute` gives if it is not remembered.
    #[inline]
    pub(crate) fn get(
        &mut self,
        model: &Any,
        ahead: [f64; 3],
        c: Customer,
        compute: impl FnOnce() -> f64,
    ) -> f64 {
        let question = Question {
            function: self.function,
            model: model.bits(),
            ahead: ahead.map(f64::to_bits),
        };
        if self.last.0 != question || self.last.1 == 0 {
            self.last = (question, self.kept.number(question));
        }
        let last = if model.remembers() { c.tx } else { 0.0 };
        let [x, t, last] = [c.x, c.t, last].map(f64::to_bits);
        let key = [self.last.1, x, t, last];
        match self.kept.place(key) {
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
        KEPT.with(|kept| kept.replace(Some(std::mem::take(&mut self.kept))));
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::value::core::{Kind, Model};

    /// More questions than are kept, asked in turn and again: every figure is that of its question.
    #[test]
    fn a_figure_is_that_of_its_question() {
        let model = |n: u32| {
            Any::Nbd(Model { kind: Kind::Bg, r: f64::from(n), alpha: 1.0, a: 1.0, b: 1.0 })
        };
        for function in ["one", "another", "one"] {
            let mut memory = Memory::of(function);
            for turn in 0..2_000_u32 {
                let (of, ahead, x) = (turn * 7 % 11, turn * 5 % 3, turn % 13);
                let c = Customer { x: x.into(), tx: 0.0, t: 9.0 };
                let want = f64::from(of * 10_000 + ahead * 100 + x) + function.len() as f64 / 10.0;
                let got = memory.get(&model(of), [ahead.into(), 0.0, 0.0], c, || want);
                assert_eq!(got, want, "{function} {turn}");
            }
        }
    }

    #[test]
    fn a_figure_is_computed_once() {
        let model = Any::Nbd(Model { kind: Kind::Bg, r: 1.0, alpha: 1.0, a: 1.0, b: 1.0 });
        let (c, mut computed) = (Customer { x: 1.0, tx: 2.0, t: 3.0 }, 0);
        for function in ["first", "second"].repeat(5) {
            // as the batches of two columns come in turn
            Memory::of(function).get(&model, [0.0; 3], c, || {
                computed += 1;
                1.5
            });
        }
        assert_eq!(computed, 2);
    }
}
