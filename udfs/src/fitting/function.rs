//! Every fit as a function of SQL: what differs between them is in their [`Fit`] and their [`Calls`].

use std::fmt::Debug;
use std::hash::{Hash, Hasher};

use datafusion::arrow::datatypes::{DataType, FieldRef, Fields};
use datafusion::common::{Result, plan_err};
use datafusion::logical_expr::function::{AccumulatorArgs, StateFieldsArgs};
use datafusion::logical_expr::utils::AggregateOrderSensitivity;
use datafusion::logical_expr::{
    Accumulator, AggregateUDFImpl, Documentation, GroupsAccumulator, Signature,
};

use super::aggregate::{Fit, Fits, state_fields};
use crate::args::{self, Param};
use crate::events::OneGroup;

/// How a fit is called, and what it answers.
pub(crate) struct Calls<F> {
    pub params: &'static [Param],
    /// makes types of those arguments that may be of several
    pub coerce: fn(&mut [DataType]) -> Result<()>,
    /// the fields of the answer
    pub fields: fn() -> Fields,
    /// whether each row has a text
    pub labelled: bool,
    /// what to say of DISTINCT
    pub distinct: &'static str,
    /// the fit that the constants of a call ask for
    pub asked: fn(&AccumulatorArgs) -> Result<F>,
}

/// A fit as a function of SQL.
pub(crate) struct FitFunction<F: Fit> {
    calls: &'static Calls<F>,
    signature: Signature,
    documentation: Option<&'static Documentation>,
}

impl<F: Fit> FitFunction<F> {
    pub(crate) fn new(
        calls: &'static Calls<F>,
        documentation: Option<&'static Documentation>,
    ) -> Self {
        Self { calls, signature: args::signature(calls.params), documentation }
    }

    fn fits(&self, args: &AccumulatorArgs) -> Result<Fits<F>> {
        if args.is_distinct {
            return plan_err!("{}: {}", F::NAME, self.calls.distinct);
        }
        Ok(Fits::new((self.calls.asked)(args)?, self.calls.labelled))
    }
}

impl<F: Fit> Debug for FitFunction<F> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("FitFunction").field("name", &F::NAME).finish_non_exhaustive()
    }
}

impl<F: Fit> PartialEq for FitFunction<F> {
    fn eq(&self, _: &Self) -> bool {
        // of one type of fit there is one function
        true
    }
}

impl<F: Fit> Eq for FitFunction<F> {}

impl<F: Fit> Hash for FitFunction<F> {
    fn hash<H: Hasher>(&self, state: &mut H) {
        F::NAME.hash(state);
    }
}

impl<F: Fit> AggregateUDFImpl for FitFunction<F> {
    fn name(&self) -> &str {
        F::NAME
    }

    fn signature(&self) -> &Signature {
        &self.signature
    }

    fn coerce_types(&self, types: &[DataType]) -> Result<Vec<DataType>> {
        let mut types = args::coerce(F::NAME, self.calls.params, types)?;
        (self.calls.coerce)(&mut types)?;
        Ok(types)
    }

    fn return_type(&self, _types: &[DataType]) -> Result<DataType> {
        Ok(DataType::Struct((self.calls.fields)()))
    }

    fn state_fields(&self, args: StateFieldsArgs) -> Result<Vec<FieldRef>> {
        Ok(state_fields(&args, self.calls.labelled))
    }

    fn order_sensitivity(&self) -> AggregateOrderSensitivity {
        AggregateOrderSensitivity::Insensitive
    }

    fn accumulator(&self, args: AccumulatorArgs) -> Result<Box<dyn Accumulator>> {
        Ok(Box::new(OneGroup(self.fits(&args)?)))
    }

    fn groups_accumulator_supported(&self, _args: AccumulatorArgs) -> bool {
        true
    }

    fn create_groups_accumulator(
        &self,
        args: AccumulatorArgs,
    ) -> Result<Box<dyn GroupsAccumulator>> {
        Ok(Box::new(self.fits(&args)?))
    }

    fn documentation(&self) -> Option<&Documentation> {
        self.documentation
    }
}
