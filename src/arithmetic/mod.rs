//! Whole numbers that do not wrap: an answer that its type cannot hold is an error.
//!
//! DataFusion calculates with whole numbers modulo 2⁶⁴, in `a + b` as in `sum(a)`, and says nothing
//! where that makes another number of them.

mod operator;
mod sum;

use datafusion::arrow::datatypes::DataType;
use datafusion::arrow::error::ArrowError;
use datafusion::common::config::ConfigOptions;
use datafusion::common::tree_node::Transformed;
use datafusion::common::{DFSchema, DataFusionError, Result, ScalarValue};
use datafusion::logical_expr::{BinaryExpr, Expr, ExprSchemable, LogicalPlan, Operator};
use datafusion::optimizer::AnalyzerRule;

use crate::plan::expressions::rewrite;
use crate::render::type_name;

pub(crate) use sum::sum_udaf;

/// Writes operators that tell for those that wrap.
#[derive(Debug, Default)]
pub(crate) struct CheckedArithmetic;

impl AnalyzerRule for CheckedArithmetic {
    fn analyze(&self, plan: LogicalPlan, _config: &ConfigOptions) -> Result<LogicalPlan> {
        rewrite(plan, may_wrap, checked)
    }

    fn name(&self) -> &'static str {
        "checked_arithmetic"
    }
}

fn may_wrap(e: &Expr) -> bool {
    match e {
        Expr::BinaryExpr(BinaryExpr { op, .. }) => operator::wraps(*op),
        e => matches!(e, Expr::Negative(_)),
    }
}

/// `e` by an operator that tells, if it is one of whole numbers.
fn checked(e: Expr, schema: &DFSchema) -> Result<Transformed<Expr>> {
    let ty = match &e {
        Expr::BinaryExpr(BinaryExpr { left, op, right }) if operator::wraps(*op) => {
            let right = whole_number(right, schema)?;
            whole_number(left, schema)?.filter(|ty| right.as_ref() == Some(ty))
        }
        Expr::Negative(of) => whole_number(of, schema)?,
        _ => None,
    };
    Ok(match (e, ty) {
        (Expr::BinaryExpr(BinaryExpr { left, op, right }), Some(ty)) => {
            Transformed::yes(operator::call(*left, op, *right, ty))
        }
        (Expr::Negative(of), Some(ty)) => {
            let nothing = Expr::Literal(ScalarValue::new_zero(&ty)?, None);
            Transformed::yes(operator::call(nothing, Operator::Minus, *of, ty))
        }
        (e, _) => Transformed::no(e),
    })
}

/// The type of `e`, if it is one of whole numbers.
fn whole_number(e: &Expr, schema: &DFSchema) -> Result<Option<DataType>> {
    let ty = match operator::chain(e) {
        Some(chain) => chain.ty().clone(),
        None => e.get_type(schema)?,
    };
    Ok(Some(ty).filter(DataType::is_integer))
}

fn out_of_range(operation: &str, ty: &DataType) -> DataFusionError {
    let what = format!("{} cannot hold the answer of {operation}", type_name(ty));
    DataFusionError::from(ArrowError::ArithmeticOverflow(what))
}
