//! `a + b - c * …` of whole numbers of one type, from the left to the right.
//!
//! A chain is one function and not one in another: expressions of hundreds of operators are no deeper
//! than others.

use std::sync::Arc;

use datafusion::arrow::compute::kernels::numeric::{add, mul, sub};
use datafusion::arrow::datatypes::{DataType, Field, FieldRef};
use datafusion::common::{Result, internal_err};
use datafusion::logical_expr::expr::ScalarFunction;
use datafusion::logical_expr::interval_arithmetic::{Interval, apply_operator};
use datafusion::logical_expr::sort_properties::{ExprProperties, SortProperties};
use datafusion::logical_expr::{
    ColumnarValue, Expr, Operator, ReturnFieldArgs, ScalarFunctionArgs, ScalarUDF, ScalarUDFImpl,
    Signature, Volatility,
};
use datafusion::physical_expr_common::datum::apply;

use super::out_of_range;

/// What each operand but the first is to those before it.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub(super) struct Chain {
    operators: Vec<Operator>,
    ty: DataType,
    name: String,
    signature: Signature,
}

/// Whether DataFusion's wraps.
pub(super) fn wraps(operator: Operator) -> bool {
    matches!(operator, Operator::Plus | Operator::Minus | Operator::Multiply)
}

/// The chain that an expression is, if it is one.
pub(super) fn chain(e: &Expr) -> Option<&Chain> {
    match e {
        Expr::ScalarFunction(call) => call.func.inner().downcast_ref(),
        _ => None,
    }
}

/// `left operator right`, both of which have the type.
pub(super) fn call(left: Expr, operator: Operator, right: Expr, ty: DataType) -> Expr {
    let mut operators = chain(&left).map_or(vec![], |chain| chain.operators.clone());
    operators.push(operator);
    let mut args = match left {
        Expr::ScalarFunction(call) if operators.len() > 1 => call.args,
        first => vec![first],
    };
    args.push(right);
    let name = operators.iter().map(Operator::to_string).collect();
    let signature = Signature::any(args.len(), Volatility::Immutable);
    let chain = Chain { operators, ty, name, signature };
    Expr::ScalarFunction(ScalarFunction::new_udf(Arc::new(ScalarUDF::from(chain)), args))
}

impl Chain {
    /// The type of all operands.
    pub(super) fn ty(&self) -> &DataType {
        &self.ty
    }

    /// From the first operand on, what `step` makes of what there is and the next.
    fn fold<T, U>(
        &self,
        operands: &[T],
        first: impl Fn(&T) -> U,
        step: impl Fn(U, Operator, &T) -> Result<U>,
    ) -> Result<U> {
        let Some((one, others)) = operands.split_first() else {
            return internal_err!("{} has operands", self.name);
        };
        self.operators
            .iter()
            .zip(others)
            .try_fold(first(one), |all, (op, next)| step(all, *op, next))
    }
}

impl ScalarUDFImpl for Chain {
    fn name(&self) -> &str {
        &self.name
    }

    /// as of the operators that it stands for
    fn schema_name(&self, args: &[Expr]) -> Result<String> {
        let name = |e: &Expr| e.schema_name().to_string();
        self.fold(args, name, |all, op, next| Ok(format!("{all} {op} {}", next.schema_name())))
    }

    fn signature(&self) -> &Signature {
        &self.signature
    }

    fn return_type(&self, _types: &[DataType]) -> Result<DataType> {
        Ok(self.ty.clone())
    }

    fn return_field_from_args(&self, args: ReturnFieldArgs) -> Result<FieldRef> {
        let nullable = args.arg_fields.iter().any(|field| field.is_nullable());
        Ok(Arc::new(Field::new(&self.name, self.ty.clone(), nullable)))
    }

    fn invoke_with_args(&self, args: ScalarFunctionArgs) -> Result<ColumnarValue> {
        self.fold(&args.args, ColumnarValue::clone, |all, op, next| {
            let kernel = match op {
                Operator::Plus => add,
                Operator::Minus => sub,
                _ => mul,
            };
            apply(&all, next, kernel).map_err(|_| out_of_range(&op.to_string(), &self.ty))
        })
    }

    fn evaluate_bounds(&self, inputs: &[&Interval]) -> Result<Interval> {
        let first = |interval: &&Interval| Interval::clone(interval);
        self.fold(inputs, first, |all, op, next| apply_operator(&op, &all, next))
    }

    fn output_ordering(&self, inputs: &[ExprProperties]) -> Result<SortProperties> {
        let first = |input: &ExprProperties| input.sort_properties;
        self.fold(inputs, first, |all, op, next| {
            Ok(match op {
                Operator::Plus => all.add(&next.sort_properties),
                Operator::Minus => all.sub(&next.sort_properties),
                _ => SortProperties::Unordered,
            })
        })
    }
}
