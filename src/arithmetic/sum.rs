//! `sum` of whole numbers and lengths of time, which counts with more digits than its answer has.
//!
//! A sum that leaves a BIGINT halfway and comes back is right, whatever the order and the partitions
//! of the rows. Of other types it is DataFusion's. Memory: 16 bytes a group.

use std::sync::{Arc, LazyLock};

use datafusion::arrow::array::{Array, ArrayRef, AsArray, BooleanArray, Decimal128Array};
use datafusion::arrow::compute::cast;
use datafusion::arrow::datatypes::{
    DataType, Decimal128Type, Field, FieldRef, Int64Type, UInt64Type,
};
use datafusion::common::{Result, ScalarValue};
use datafusion::functions_aggregate::sum;
use datafusion::logical_expr::function::{AccumulatorArgs, StateFieldsArgs};
use datafusion::logical_expr::utils::AggregateOrderSensitivity;
use datafusion::logical_expr::{
    Accumulator, AggregateUDF, AggregateUDFImpl, Documentation, EmitTo, GroupsAccumulator,
    ReversedUDAF, SetMonotonicity, Signature,
};

use super::out_of_range;

/// What is counted with: no number of rows leaves it.
const WIDE: DataType = DataType::Decimal128(38, 0);

static UDAF: LazyLock<Arc<AggregateUDF>> =
    LazyLock::new(|| Arc::new(AggregateUDF::from(Sum { stock: sum::sum_udaf() })));

/// The aggregate `sum`.
pub(crate) fn sum_udaf() -> Arc<AggregateUDF> {
    Arc::clone(&UDAF)
}

#[derive(Debug, PartialEq, Eq, Hash)]
struct Sum {
    stock: Arc<AggregateUDF>,
}

impl AggregateUDFImpl for Sum {
    fn name(&self) -> &str {
        self.stock.name()
    }

    fn signature(&self) -> &Signature {
        self.stock.signature()
    }

    fn return_type(&self, types: &[DataType]) -> Result<DataType> {
        self.stock.return_type(types)
    }

    fn accumulator(&self, args: AccumulatorArgs) -> Result<Box<dyn Accumulator>> {
        let ty = args.return_field.data_type().clone();
        if !is_counted(&ty) {
            return self.stock.accumulator(args);
        }
        Ok(Box::new(Narrowed { sum: self.stock.accumulator(wide(args))?, ty }))
    }

    fn state_fields(&self, args: StateFieldsArgs) -> Result<Vec<FieldRef>> {
        if !is_counted(args.return_type()) {
            return self.stock.state_fields(args);
        }
        self.stock.state_fields(StateFieldsArgs { return_field: wide_field(), ..args })
    }

    fn groups_accumulator_supported(&self, args: AccumulatorArgs) -> bool {
        self.stock.groups_accumulator_supported(args)
    }

    fn create_groups_accumulator(
        &self,
        args: AccumulatorArgs,
    ) -> Result<Box<dyn GroupsAccumulator>> {
        let ty = args.return_field.data_type().clone();
        if !is_counted(&ty) {
            return self.stock.create_groups_accumulator(args);
        }
        Ok(Box::new(Narrowed { sum: self.stock.create_groups_accumulator(wide(args))?, ty }))
    }

    fn create_sliding_accumulator(&self, args: AccumulatorArgs) -> Result<Box<dyn Accumulator>> {
        let ty = args.return_field.data_type().clone();
        // of different values, DataFusion has one that slides of BIGINT only
        if !is_counted(&ty) || args.is_distinct {
            return self.stock.create_sliding_accumulator(args);
        }
        Ok(Box::new(Narrowed { sum: self.stock.create_sliding_accumulator(wide(args))?, ty }))
    }

    fn reverse_expr(&self) -> ReversedUDAF {
        self.stock.reverse_udf()
    }

    fn order_sensitivity(&self) -> AggregateOrderSensitivity {
        self.stock.order_sensitivity()
    }

    fn documentation(&self) -> Option<&Documentation> {
        self.stock.documentation()
    }

    fn set_monotonicity(&self, ty: &DataType) -> SetMonotonicity {
        self.stock.inner().set_monotonicity(ty)
    }
}

/// Whether DataFusion's sum of this type wraps.
fn is_counted(ty: &DataType) -> bool {
    ty.is_integer() || matches!(ty, DataType::Duration(_))
}

fn wide_field() -> FieldRef {
    Arc::new(Field::new("sum", WIDE, true))
}

fn wide(args: AccumulatorArgs<'_>) -> AccumulatorArgs<'_> {
    AccumulatorArgs { return_field: wide_field(), ..args }
}

/// A sum of wide numbers that is told whole numbers and answers with one.
#[derive(Debug)]
struct Narrowed<S> {
    sum: S,
    ty: DataType,
}

impl<S> Narrowed<S> {
    fn narrow(&self, sum: &dyn Array) -> Result<ArrayRef> {
        // a cast would say which number it is
        let sum = sum.as_primitive::<Decimal128Type>();
        let range = match self.ty {
            DataType::UInt64 => 0..=i128::from(u64::MAX),
            _ => i128::from(i64::MIN)..=i128::from(i64::MAX),
        };
        if sum.iter().flatten().any(|sum| !range.contains(&sum)) {
            return Err(out_of_range("sum", &self.ty));
        }
        let whole = if self.ty == DataType::UInt64 { &DataType::UInt64 } else { &DataType::Int64 };
        Ok(cast(&cast(sum, whole)?, &self.ty)?)
    }
}

fn widen(values: &[ArrayRef]) -> Result<Vec<ArrayRef>> {
    let wide = |values: &ArrayRef| -> Result<ArrayRef> {
        let wide: Decimal128Array = match values.data_type() {
            DataType::UInt64 => values.as_primitive::<UInt64Type>().unary(i128::from),
            _ => cast(values, &DataType::Int64)?.as_primitive::<Int64Type>().unary(i128::from),
        };
        Ok(Arc::new(wide.with_data_type(WIDE)))
    };
    values.iter().map(wide).collect()
}

impl Accumulator for Narrowed<Box<dyn Accumulator>> {
    fn update_batch(&mut self, values: &[ArrayRef]) -> Result<()> {
        self.sum.update_batch(&widen(values)?)
    }

    fn evaluate(&mut self) -> Result<ScalarValue> {
        let sum = self.sum.evaluate()?.to_array()?;
        ScalarValue::try_from_array(&self.narrow(&sum)?, 0)
    }

    fn size(&self) -> usize {
        self.sum.size()
    }

    fn state(&mut self) -> Result<Vec<ScalarValue>> {
        self.sum.state()
    }

    fn merge_batch(&mut self, states: &[ArrayRef]) -> Result<()> {
        self.sum.merge_batch(states)
    }

    fn retract_batch(&mut self, values: &[ArrayRef]) -> Result<()> {
        self.sum.retract_batch(&widen(values)?)
    }

    fn supports_retract_batch(&self) -> bool {
        self.sum.supports_retract_batch()
    }
}

impl GroupsAccumulator for Narrowed<Box<dyn GroupsAccumulator>> {
    fn update_batch(
        &mut self,
        values: &[ArrayRef],
        groups: &[usize],
        filter: Option<&BooleanArray>,
        total: usize,
    ) -> Result<()> {
        self.sum.update_batch(&widen(values)?, groups, filter, total)
    }

    fn evaluate(&mut self, emit_to: EmitTo) -> Result<ArrayRef> {
        let sums = self.sum.evaluate(emit_to)?;
        self.narrow(&sums)
    }

    fn state(&mut self, emit_to: EmitTo) -> Result<Vec<ArrayRef>> {
        self.sum.state(emit_to)
    }

    fn merge_batch(&mut self, states: &[ArrayRef], groups: &[usize], total: usize) -> Result<()> {
        self.sum.merge_batch(states, groups, total)
    }

    fn convert_to_state(
        &self,
        values: &[ArrayRef],
        filter: Option<&BooleanArray>,
    ) -> Result<Vec<ArrayRef>> {
        self.sum.convert_to_state(&widen(values)?, filter)
    }

    fn size(&self) -> usize {
        self.sum.size()
    }
}
