//! Functions as they are called from another build of DataFusion.
//!
//! What crosses its FFI are expressions that can only be evaluated: a constant argument, such as the
//! window of a funnel, is not known to be one. Here it is found out and made a literal again.

use std::ops::Range;
use std::sync::Arc;

use tenure::datafusion::arrow::array::{ArrayRef, RecordBatch, RecordBatchOptions};
use tenure::datafusion::arrow::datatypes::{DataType, FieldRef, Schema};
use tenure::datafusion::common::{Result, ScalarValue};
use tenure::datafusion::logical_expr::function::{
    AccumulatorArgs, ExpressionArgs, PartitionEvaluatorArgs, StateFieldsArgs, WindowUDFFieldArgs,
};
use tenure::datafusion::logical_expr::utils::AggregateOrderSensitivity;
use tenure::datafusion::logical_expr::{
    Accumulator, AggregateUDF, AggregateUDFImpl, ColumnarValue, Documentation, GroupsAccumulator,
    PartitionEvaluator, Signature, WindowUDF, WindowUDFImpl,
};
use tenure::datafusion::physical_expr::PhysicalExpr;
use tenure::datafusion::physical_expr::expressions::Literal;

type Expr = Arc<dyn PhysicalExpr>;

/// The expressions, those that give one value without looking at a row as literals.
fn with_literals(exprs: &[Expr]) -> Vec<Expr> {
    let options = RecordBatchOptions::new().with_row_count(Some(1));
    let no_columns = RecordBatch::try_new_with_options(Arc::new(Schema::empty()), vec![], &options);
    let value = |expr: &Expr| match expr.evaluate(no_columns.as_ref().ok()?) {
        Ok(ColumnarValue::Scalar(value)) => Some(value),
        _ => None,
    };
    let literal = |expr: &Expr| match value(expr) {
        Some(value) if !expr.is::<Literal>() => Arc::new(Literal::new(value)) as Expr,
        _ => Arc::clone(expr),
    };
    exprs.iter().map(literal).collect()
}

/// An aggregate function.
#[derive(Debug, PartialEq, Eq, Hash)]
pub(crate) struct Aggregate(pub(crate) Arc<AggregateUDF>);

impl AggregateUDFImpl for Aggregate {
    fn name(&self) -> &str {
        self.0.name()
    }

    fn aliases(&self) -> &[String] {
        self.0.aliases()
    }

    fn signature(&self) -> &Signature {
        self.0.signature()
    }

    fn return_type(&self, arg_types: &[DataType]) -> Result<DataType> {
        self.0.return_type(arg_types)
    }

    fn return_field(&self, arg_fields: &[FieldRef]) -> Result<FieldRef> {
        self.0.return_field(arg_fields)
    }

    fn is_nullable(&self) -> bool {
        self.0.is_nullable()
    }

    fn coerce_types(&self, arg_types: &[DataType]) -> Result<Vec<DataType>> {
        self.0.coerce_types(arg_types)
    }

    fn state_fields(&self, args: StateFieldsArgs) -> Result<Vec<FieldRef>> {
        self.0.state_fields(args)
    }

    fn accumulator(&self, args: AccumulatorArgs) -> Result<Box<dyn Accumulator>> {
        self.0.accumulator(AccumulatorArgs { exprs: &with_literals(args.exprs), ..args })
    }

    fn create_sliding_accumulator(&self, args: AccumulatorArgs) -> Result<Box<dyn Accumulator>> {
        let exprs = with_literals(args.exprs);
        self.0.create_sliding_accumulator(AccumulatorArgs { exprs: &exprs, ..args })
    }

    fn groups_accumulator_supported(&self, args: AccumulatorArgs) -> bool {
        let exprs = with_literals(args.exprs);
        self.0.groups_accumulator_supported(AccumulatorArgs { exprs: &exprs, ..args })
    }

    fn create_groups_accumulator(
        &self,
        args: AccumulatorArgs,
    ) -> Result<Box<dyn GroupsAccumulator>> {
        let exprs = with_literals(args.exprs);
        self.0.create_groups_accumulator(AccumulatorArgs { exprs: &exprs, ..args })
    }

    fn order_sensitivity(&self) -> AggregateOrderSensitivity {
        self.0.order_sensitivity()
    }

    fn documentation(&self) -> Option<&Documentation> {
        self.0.documentation()
    }
}

/// A window function.
#[derive(Debug, PartialEq, Eq, Hash)]
pub(crate) struct Window(pub(crate) Arc<WindowUDF>);

impl WindowUDFImpl for Window {
    fn name(&self) -> &str {
        self.0.name()
    }

    fn aliases(&self) -> &[String] {
        self.0.aliases()
    }

    fn signature(&self) -> &Signature {
        self.0.signature()
    }

    fn field(&self, args: WindowUDFFieldArgs) -> Result<FieldRef> {
        self.0.field(args)
    }

    fn coerce_types(&self, arg_types: &[DataType]) -> Result<Vec<DataType>> {
        self.0.coerce_types(arg_types)
    }

    fn partition_evaluator(
        &self,
        args: PartitionEvaluatorArgs,
    ) -> Result<Box<dyn PartitionEvaluator>> {
        let exprs = with_literals(args.input_exprs());
        let fields = args.input_fields();
        // the caller evaluates all arguments, the function some of them
        let wanted = self.0.inner().expressions(ExpressionArgs::new(&exprs, fields));
        let place = |expr: &Expr| exprs.iter().position(|given| Arc::ptr_eq(given, expr));
        let columns = wanted.iter().filter_map(place).collect();
        let inner = self.0.partition_evaluator_factory(PartitionEvaluatorArgs::new(
            &exprs,
            fields,
            args.is_reversed(),
            args.ignore_nulls(),
        ))?;
        Ok(Box::new(Chosen { inner, columns }))
    }

    fn documentation(&self) -> Option<&Documentation> {
        self.0.documentation()
    }
}

/// An evaluator, and which of the arguments it looks at.
#[derive(Debug)]
struct Chosen {
    inner: Box<dyn PartitionEvaluator>,
    columns: Vec<usize>,
}

impl Chosen {
    fn of(&self, values: &[ArrayRef]) -> Vec<ArrayRef> {
        self.columns.iter().filter_map(|at| values.get(*at)).map(Arc::clone).collect()
    }
}

impl PartitionEvaluator for Chosen {
    fn evaluate_all(&mut self, values: &[ArrayRef], num_rows: usize) -> Result<ArrayRef> {
        self.inner.evaluate_all(&self.of(values), num_rows)
    }

    fn evaluate(&mut self, values: &[ArrayRef], range: &Range<usize>) -> Result<ScalarValue> {
        self.inner.evaluate(&self.of(values), range)
    }

    fn evaluate_all_with_rank(&self, num_rows: usize, ranks: &[Range<usize>]) -> Result<ArrayRef> {
        self.inner.evaluate_all_with_rank(num_rows, ranks)
    }

    fn get_range(&self, index: usize, rows: usize) -> Result<Range<usize>> {
        self.inner.get_range(index, rows)
    }

    fn is_causal(&self) -> bool {
        self.inner.is_causal()
    }

    fn supports_bounded_execution(&self) -> bool {
        self.inner.supports_bounded_execution()
    }

    fn uses_window_frame(&self) -> bool {
        self.inner.uses_window_frame()
    }

    fn include_rank(&self) -> bool {
        self.inner.include_rank()
    }
}
