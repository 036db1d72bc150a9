//! An aggregate function of sequences from what is its own.
//!
//! [`SequenceFunction`] names what differs between such functions: name, arguments, types and the
//! [`Sequence`] that answers; [`SequenceUdaf`] is the rest of what DataFusion asks of an aggregate.

use std::fmt::Debug;
use std::hash::Hash;
use std::sync::Arc;

use datafusion::arrow::datatypes::{DataType, FieldRef};
use datafusion::common::{Result, ScalarValue};
use datafusion::logical_expr::expr::AggregateFunction;
use datafusion::logical_expr::function::{
    AccumulatorArgs, AggregateFunctionSimplification, StateFieldsArgs,
};
use datafusion::logical_expr::simplify::SimplifyContext;
use datafusion::logical_expr::utils::AggregateOrderSensitivity;
use datafusion::logical_expr::{
    Accumulator, AggregateUDF, AggregateUDFImpl, Documentation, Expr, GroupsAccumulator, Signature,
};

use crate::args;
use crate::sequence_aggregate::{Sequence, accumulator, groups_accumulator, state_fields};

/// What is a function's own.
pub(crate) trait SequenceFunction:
    Debug + Default + PartialEq + Eq + Hash + Send + Sync + 'static
{
    const NAME: &'static str;
    /// other names: as they are written without quotes, and with them
    const ALIASES: &'static [&'static str] = &[];
    /// an empty group has an answer other than NULL
    const NULLABLE: bool = false;
    type Sequence: Sequence;

    fn signature() -> Signature;

    /// The types that the arguments are cast to.
    fn coerce(types: &[DataType]) -> Result<Vec<DataType>>;

    /// The type of the answer, from types that were coerced.
    fn return_type(types: &[DataType]) -> Result<DataType>;

    /// The call with its defaults filled in, while it is planned.
    fn complete(call: AggregateFunction, _info: &SimplifyContext) -> Result<Expr> {
        Ok(Expr::AggregateFunction(call))
    }

    /// The answer without a GROUP BY and without rows.
    fn empty(ty: &DataType) -> Result<ScalarValue>;

    /// What answers, from constant arguments.
    fn sequence(args: &AccumulatorArgs) -> Result<Self::Sequence>;

    fn documentation(&self) -> Option<&Documentation>;
}

/// The aggregate function.
pub(crate) fn udaf<F: SequenceFunction>() -> Arc<AggregateUDF> {
    Arc::new(AggregateUDF::from(SequenceUdaf::<F> {
        function: F::default(),
        signature: F::signature(),
        aliases: F::ALIASES.iter().map(ToString::to_string).collect(),
    }))
}

#[derive(Debug, PartialEq, Eq, Hash)]
struct SequenceUdaf<F> {
    function: F,
    signature: Signature,
    aliases: Vec<String>,
}

impl<F: SequenceFunction> AggregateUDFImpl for SequenceUdaf<F> {
    fn name(&self) -> &str {
        F::NAME
    }

    fn aliases(&self) -> &[String] {
        &self.aliases
    }

    fn signature(&self) -> &Signature {
        &self.signature
    }

    fn coerce_types(&self, types: &[DataType]) -> Result<Vec<DataType>> {
        F::coerce(types)
    }

    fn return_type(&self, types: &[DataType]) -> Result<DataType> {
        F::return_type(types)
    }

    fn is_nullable(&self) -> bool {
        F::NULLABLE
    }

    fn default_value(&self, ty: &DataType) -> Result<ScalarValue> {
        F::empty(ty)
    }

    fn simplify(&self) -> Option<AggregateFunctionSimplification> {
        Some(Box::new(F::complete))
    }

    fn state_fields(&self, args: StateFieldsArgs) -> Result<Vec<FieldRef>> {
        Ok(state_fields::<<F::Sequence as Sequence>::Payload>(&args))
    }

    fn order_sensitivity(&self) -> AggregateOrderSensitivity {
        AggregateOrderSensitivity::Insensitive
    }

    fn accumulator(&self, args: AccumulatorArgs) -> Result<Box<dyn Accumulator>> {
        args::no_distinct(F::NAME, &args)?;
        Ok(accumulator(F::sequence(&args)?))
    }

    fn groups_accumulator_supported(&self, _args: AccumulatorArgs) -> bool {
        true
    }

    fn create_groups_accumulator(
        &self,
        args: AccumulatorArgs,
    ) -> Result<Box<dyn GroupsAccumulator>> {
        args::no_distinct(F::NAME, &args)?;
        Ok(groups_accumulator(F::sequence(&args)?))
    }

    fn documentation(&self) -> Option<&Documentation> {
        self.function.documentation()
    }
}
