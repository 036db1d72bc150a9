//! `monetary(amount [, method])`: what a customer is worth so far: sum, mean or median.
//!
//! NULL, NaN and infinite amounts are ignored; NULL if no amount is left. `monetary(amount)` of a
//! DECIMAL is its exact DECIMAL sum, an overflow an error; everything else is DOUBLE, rounded once
//! from the exact sum, so that order makes no difference. O(1) a row; 24 bytes a group, for the
//! median 12 bytes a row.

use std::sync::{Arc, LazyLock};

use datafusion::arrow::array::{
    Array, ArrayRef, AsArray, BooleanArray, Decimal128Array, Float64Array, Float64Builder,
    Int64Array,
};
use datafusion::arrow::datatypes::{
    DECIMAL128_MAX_PRECISION, DataType, Decimal128Type, Field, FieldRef, Float64Type, Int64Type,
};
use datafusion::common::{Result, ScalarValue, exec_datafusion_err, internal_err, plan_err};
use datafusion::logical_expr::function::{
    AccumulatorArgs, AggregateFunctionSimplification, StateFieldsArgs,
};
use datafusion::logical_expr::utils::{AggregateOrderSensitivity, format_state_name};
use datafusion::logical_expr::{
    Accumulator, AggregateUDF, AggregateUDFImpl, Documentation, EmitTo, GroupsAccumulator,
    Signature,
};
use datafusion_macros::user_doc;

use super::sums::ExactSums;
use crate::args::{self, Fill, Param, Ty, option, required};
use crate::events::{EventBuffer, Groups, OneGroup, Rows, from_order_key, order_key};
use crate::lists::{Lists, list_field, list_rows, lists_of_one};

const NAME: &str = "monetary";
const PARAMS: &[Param] =
    &[required("amount", Ty::Float), option("method", Ty::Text, Fill::Text("sum"))];

static UDAF: LazyLock<Arc<AggregateUDF>> =
    LazyLock::new(|| Arc::new(AggregateUDF::from(Monetary::default())));

/// The aggregate `monetary`.
pub fn monetary_udaf() -> Arc<AggregateUDF> {
    Arc::clone(&UDAF)
}

#[user_doc(
    doc_section(label = "RFM"),
    description = "What a customer has spent: sum, mean or median of the amounts, the M of RFM. \
NULL, NaN and infinite amounts are ignored; NULL if none is left. monetary(amount) of a DECIMAL is \
its exact DECIMAL sum; with a method, and for other numbers, the result is a DOUBLE that is rounded \
once, whatever the order of rows. Memory: 24 bytes a group, for the median 12 bytes a row.",
    syntax_example = "monetary(amount [, method])",
    sql_example = r#"```sql
SELECT monetary(amount), monetary(amount, 'mean'), monetary(amount, 'median') FROM (VALUES (10.0), (20.0), (60.0), (NULL)) AS t(amount);
-- 90.0 | 30.0 | 20.0
```"#,
    argument(name = "amount", description = "the amount of a purchase; negative for a refund"),
    argument(name = "method", description = "'sum' (default), 'mean' or 'median'")
)]
#[derive(Debug, PartialEq, Eq, Hash)]
struct Monetary {
    signature: Signature,
}

impl Default for Monetary {
    fn default() -> Self {
        Self { signature: args::signature(PARAMS) }
    }
}

#[derive(Debug, Clone, Copy, PartialEq)]
enum Method {
    Sum,
    Mean,
    Median,
}

fn method(args: &AccumulatorArgs) -> Result<Method> {
    match args::constant(NAME, PARAMS, args.exprs, "method")? {
        v if v.is_null() => Ok(Method::Sum),
        ScalarValue::Utf8(Some(m)) => match m.to_ascii_lowercase().as_str() {
            "sum" => Ok(Method::Sum),
            "mean" => Ok(Method::Mean),
            "median" => Ok(Method::Median),
            _ => plan_err!("{NAME}: method {m:?} is unknown; use 'sum', 'mean' or 'median'"),
        },
        other => plan_err!("{NAME}: method must be text, got {other}"),
    }
}

fn exact_decimal(types: &[FieldRef]) -> Option<i8> {
    match types {
        [amount] => match amount.data_type() {
            DataType::Decimal128(_, scale) => Some(*scale),
            _ => None,
        },
        _ => None,
    }
}

impl AggregateUDFImpl for Monetary {
    fn name(&self) -> &str {
        NAME
    }

    fn signature(&self) -> &Signature {
        &self.signature
    }

    fn coerce_types(&self, types: &[DataType]) -> Result<Vec<DataType>> {
        let coerced = args::coerce(NAME, PARAMS, types)?;
        Ok(match types {
            [
                DataType::Decimal32(p, s) | DataType::Decimal64(p, s) | DataType::Decimal128(p, s),
            ] => {
                vec![DataType::Decimal128(*p, *s)]
            }
            [DataType::Decimal256(_, s)] => {
                vec![DataType::Decimal128(DECIMAL128_MAX_PRECISION, *s)]
            }
            _ => coerced,
        })
    }

    fn return_type(&self, types: &[DataType]) -> Result<DataType> {
        Ok(match types {
            [DataType::Decimal128(_, s)] => DataType::Decimal128(DECIMAL128_MAX_PRECISION, *s),
            _ => DataType::Float64,
        })
    }

    fn state_fields(&self, args: StateFieldsArgs) -> Result<Vec<FieldRef>> {
        let field = |name, ty| Arc::new(Field::new(format_state_name(args.name, name), ty, true));
        Ok(match args.return_field.data_type() {
            decimal @ DataType::Decimal128(..) => vec![field("sum", decimal.clone())],
            _ => vec![
                list_field(format_state_name(args.name, "parts"), &DataType::Float64),
                field("count", DataType::Int64),
            ],
        })
    }

    fn simplify(&self) -> Option<AggregateFunctionSimplification> {
        // a method that is left out stays out: with one, a DECIMAL would become a DOUBLE
        Some(Box::new(|call, info| {
            let given = PARAMS.get(..call.params.args.len()).unwrap_or(PARAMS);
            args::complete_aggregate(given, call, info)
        }))
    }

    fn order_sensitivity(&self) -> AggregateOrderSensitivity {
        AggregateOrderSensitivity::Insensitive
    }

    fn accumulator(&self, args: AccumulatorArgs) -> Result<Box<dyn Accumulator>> {
        if args.is_distinct {
            return plan_err!("{NAME} does not take DISTINCT");
        }
        Ok(match (exact_decimal(args.expr_fields), method(&args)?) {
            (Some(scale), _) => Box::new(OneGroup(Decimals::new(scale))),
            (None, Method::Median) => Box::new(OneGroup(Median::default())),
            (None, method) => Box::new(OneGroup(Doubles::new(method))),
        })
    }

    fn groups_accumulator_supported(&self, args: AccumulatorArgs) -> bool {
        !args.is_distinct
    }

    fn create_groups_accumulator(
        &self,
        args: AccumulatorArgs,
    ) -> Result<Box<dyn GroupsAccumulator>> {
        Ok(match (exact_decimal(args.expr_fields), method(&args)?) {
            (Some(scale), _) => Box::new(Decimals::new(scale)),
            (None, Method::Median) => Box::new(Median::default()),
            (None, method) => Box::new(Doubles::new(method)),
        })
    }

    fn documentation(&self) -> Option<&Documentation> {
        self.doc()
    }
}

/// Sums and means of doubles.
#[derive(Debug, Clone)]
struct Doubles {
    sums: ExactSums,
    method: Method,
}

impl Doubles {
    fn new(method: Method) -> Self {
        Self { sums: ExactSums::default(), method }
    }
}

impl Groups for Doubles {
    fn grow(&mut self, groups: usize) -> Result<()> {
        self.sums.grow(groups);
        Ok(())
    }
}

impl GroupsAccumulator for Doubles {
    fn update_batch(
        &mut self,
        values: &[ArrayRef],
        group_indices: &[usize],
        opt_filter: Option<&BooleanArray>,
        total_num_groups: usize,
    ) -> Result<()> {
        let Some(amount) = values.first() else { return internal_err!("{NAME} needs amount") };
        let amount = amount.as_primitive::<Float64Type>();
        self.grow(total_num_groups)?;
        let rows = Rows::new(opt_filter, amount);
        for (i, (&group, &value)) in group_indices.iter().zip(amount.values()).enumerate() {
            if value.is_finite() && rows.take(i) {
                self.sums.add(group, value, 1);
            }
        }
        Ok(())
    }

    fn evaluate(&mut self, emit_to: EmitTo) -> Result<ArrayRef> {
        let mut out = Float64Builder::with_capacity(self.sums.emitted(emit_to));
        let method = self.method;
        self.sums.drain(emit_to, |sum, n| {
            match method {
                _ if n == 0 => out.append_null(),
                Method::Mean => out.append_value(sum.value() / n as f64),
                Method::Sum | Method::Median => out.append_value(sum.value()),
            }
            Ok(())
        })?;
        Ok(Arc::new(out.finish()))
    }

    fn state(&mut self, emit_to: EmitTo) -> Result<Vec<ArrayRef>> {
        let groups = self.sums.emitted(emit_to);
        let mut counts = Vec::with_capacity(groups);
        let mut lists = Lists::with_capacity(groups);
        let mut parts = Vec::with_capacity(2 * groups);
        self.sums.drain(emit_to, |sum, n| {
            counts.push(n);
            sum.write(&mut parts);
            lists.end_at(parts.len())
        })?;
        Ok(vec![
            Lists::column(&lists.finish(), Arc::new(Float64Array::from(parts)))?,
            Arc::new(Int64Array::from(counts)),
        ])
    }

    fn merge_batch(
        &mut self,
        values: &[ArrayRef],
        group_indices: &[usize],
        total_num_groups: usize,
    ) -> Result<()> {
        let [lists, counts] = values else { return internal_err!("{NAME} has two state columns") };
        self.grow(total_num_groups)?;
        for (&group, &n) in group_indices.iter().zip(counts.as_primitive::<Int64Type>().values()) {
            self.sums.add(group, 0.0, n);
        }
        let parts = lists.as_list::<i32>().values().as_primitive::<Float64Type>();
        for (group, range) in list_rows(lists, group_indices) {
            for &part in parts.values().get(range).unwrap_or_default() {
                if part.is_finite() {
                    self.sums.add(group, part, 0);
                }
            }
        }
        Ok(())
    }

    fn convert_to_state(
        &self,
        values: &[ArrayRef],
        opt_filter: Option<&BooleanArray>,
    ) -> Result<Vec<ArrayRef>> {
        let Some(amount) = values.first() else { return internal_err!("{NAME} needs amount") };
        let counts: Int64Array = {
            let amount = amount.as_primitive::<Float64Type>();
            let rows = Rows::new(opt_filter, amount);
            let taken = |(i, v): (usize, &f64)| i64::from(v.is_finite() && rows.take(i));
            amount.values().iter().enumerate().map(taken).collect::<Vec<_>>().into()
        };
        let mut state = lists_of_one(std::slice::from_ref(amount), opt_filter)?;
        state.push(Arc::new(counts));
        Ok(state)
    }

    fn size(&self) -> usize {
        size_of::<Self>() + self.sums.size()
    }
}

/// Medians: the amounts of all groups, as keys that sort as they do.
#[derive(Debug, Clone, Default)]
struct Median {
    amounts: EventBuffer<()>,
}

impl Groups for Median {
    fn grow(&mut self, groups: usize) -> Result<()> {
        self.amounts.reserve(groups, 0)
    }
}

impl GroupsAccumulator for Median {
    fn update_batch(
        &mut self,
        values: &[ArrayRef],
        group_indices: &[usize],
        opt_filter: Option<&BooleanArray>,
        total_num_groups: usize,
    ) -> Result<()> {
        let Some(amount) = values.first() else { return internal_err!("{NAME} needs amount") };
        let amount = amount.as_primitive::<Float64Type>();
        self.amounts.reserve(total_num_groups, group_indices.len())?;
        let rows = Rows::new(opt_filter, amount);
        for (i, (&group, &value)) in group_indices.iter().zip(amount.values()).enumerate() {
            if value.is_finite() && rows.take(i) {
                self.amounts.push(group, order_key(value), ());
            }
        }
        Ok(())
    }

    fn evaluate(&mut self, emit_to: EmitTo) -> Result<ArrayRef> {
        let mut medians = Vec::with_capacity(self.amounts.emitted(emit_to));
        self.amounts.drain_sorted(emit_to, |keys| {
            let at = |i: usize| keys.get(i).map(|k| from_order_key(k.0));
            let middle = at(keys.len().saturating_sub(1) / 2).zip(at(keys.len() / 2));
            // halves first: no overflow
            medians.push(middle.map(|(a, b)| if a == b { a } else { a / 2.0 + b / 2.0 }));
            Ok(())
        })?;
        Ok(Arc::new(Float64Array::from(medians)))
    }

    fn state(&mut self, emit_to: EmitTo) -> Result<Vec<ArrayRef>> {
        let n = self.amounts.emitted(emit_to);
        let mut lists = Lists::with_capacity(n);
        let mut amounts = Vec::with_capacity(self.amounts.len());
        self.amounts.drain(emit_to, |keys| {
            amounts.extend(keys.iter().map(|k| from_order_key(k.0)));
            lists.end_at(amounts.len())
        })?;
        Ok(vec![
            Lists::column(&lists.finish(), Arc::new(Float64Array::from(amounts)))?,
            Arc::new(Int64Array::from(vec![0; n])),
        ])
    }

    fn merge_batch(
        &mut self,
        values: &[ArrayRef],
        group_indices: &[usize],
        total_num_groups: usize,
    ) -> Result<()> {
        let [lists, _] = values else { return internal_err!("{NAME} has two state columns") };
        let amounts = lists.as_list::<i32>().values().as_primitive::<Float64Type>();
        self.amounts.reserve(total_num_groups, amounts.len())?;
        for (group, range) in list_rows(lists, group_indices) {
            for &value in amounts.values().get(range).unwrap_or_default() {
                if value.is_finite() {
                    self.amounts.push(group, order_key(value), ());
                }
            }
        }
        Ok(())
    }

    fn convert_to_state(
        &self,
        values: &[ArrayRef],
        opt_filter: Option<&BooleanArray>,
    ) -> Result<Vec<ArrayRef>> {
        let mut state = lists_of_one(values.get(..1).unwrap_or_default(), opt_filter)?;
        let n = state.first().map_or(0, |s| s.len());
        state.push(Arc::new(Int64Array::from(vec![0; n])));
        Ok(state)
    }

    fn size(&self) -> usize {
        size_of::<Self>() + self.amounts.size(size_of::<Option<f64>>())
    }
}

/// Exact sums of decimals.
#[derive(Debug, Clone)]
struct Decimals {
    sums: Vec<Option<i128>>,
    scale: i8,
}

impl Decimals {
    fn new(scale: i8) -> Self {
        Self { sums: vec![], scale }
    }

    fn array(&self, sums: Vec<Option<i128>>) -> Result<ArrayRef> {
        let array = Decimal128Array::from(sums)
            .with_precision_and_scale(DECIMAL128_MAX_PRECISION, self.scale)?;
        array.validate_decimal_precision(DECIMAL128_MAX_PRECISION)?;
        Ok(Arc::new(array))
    }
}

impl Groups for Decimals {
    fn grow(&mut self, groups: usize) -> Result<()> {
        if self.sums.len() < groups {
            self.sums.resize(groups, None);
        }
        Ok(())
    }
}

impl GroupsAccumulator for Decimals {
    fn update_batch(
        &mut self,
        values: &[ArrayRef],
        group_indices: &[usize],
        opt_filter: Option<&BooleanArray>,
        total_num_groups: usize,
    ) -> Result<()> {
        let Some(amount) = values.first() else { return internal_err!("{NAME} needs amount") };
        let amount = amount.as_primitive::<Decimal128Type>();
        self.grow(total_num_groups)?;
        let rows = Rows::new(opt_filter, amount);
        for (i, (&group, &value)) in group_indices.iter().zip(amount.values()).enumerate() {
            if rows.take(i)
                && let Some(sum) = self.sums.get_mut(group)
            {
                let total = sum.unwrap_or(0).checked_add(value).ok_or_else(|| {
                    exec_datafusion_err!(
                        "{NAME}: the sum of DECIMAL amounts overflows; cast amount to DOUBLE"
                    )
                })?;
                *sum = Some(total);
            }
        }
        Ok(())
    }

    fn evaluate(&mut self, emit_to: EmitTo) -> Result<ArrayRef> {
        let sums = emit_to.take_needed(&mut self.sums);
        self.array(sums)
    }

    fn state(&mut self, emit_to: EmitTo) -> Result<Vec<ArrayRef>> {
        Ok(vec![self.evaluate(emit_to)?])
    }

    fn merge_batch(
        &mut self,
        values: &[ArrayRef],
        group_indices: &[usize],
        total_num_groups: usize,
    ) -> Result<()> {
        self.update_batch(values, group_indices, None, total_num_groups)
    }

    fn convert_to_state(
        &self,
        values: &[ArrayRef],
        opt_filter: Option<&BooleanArray>,
    ) -> Result<Vec<ArrayRef>> {
        let Some(amount) = values.first() else { return internal_err!("{NAME} needs amount") };
        let amount = amount.as_primitive::<Decimal128Type>();
        let rows = Rows::new(opt_filter, amount);
        let taken = |(i, &v): (usize, &i128)| rows.take(i).then_some(v);
        Ok(vec![self.array(amount.values().iter().enumerate().map(taken).collect())?])
    }

    fn size(&self) -> usize {
        size_of::<Self>() + self.sums.capacity() * size_of::<Option<i128>>()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::testing::{batch, same_bits, value};

    #[tokio::test]
    async fn methods_mean_what_they_say() -> Result<()> {
        let sql = |call: &str, rows: &str| format!("SELECT {call} FROM (VALUES {rows}) AS t(a)");
        let rows = "(1e16), (1.0), (-1e16), (NULL), (CAST('NaN' AS DOUBLE)), (2.5)";
        assert_eq!(value(&sql("monetary(a)", rows)).await?, "3.5");
        assert_eq!(value(&sql("monetary(a, 'mean')", rows)).await?, "0.875");
        assert_eq!(value(&sql("monetary(a, 'MEDIAN')", rows)).await?, "1.75");
        for method in ["sum", "mean", "median"] {
            let null = sql(&format!("monetary(CAST(a AS DOUBLE), '{method}')"), "(NULL), ('inf')");
            assert_eq!(value(&null).await?, "", "{method}");
        }
        Ok(())
    }

    #[tokio::test]
    async fn decimals_stay_exact() -> Result<()> {
        let sql = "SELECT monetary(CAST(a AS DECIMAL(20, 2))) FROM (VALUES ('90071992547409.93'), ('0.01'), (NULL)) AS t(a)";
        assert_eq!(value(sql).await?, "90071992547409.94");
        let typed =
            "SELECT arrow_typeof(monetary(CAST(a AS DECIMAL(20, 2)))) FROM (VALUES ('1')) AS t(a)";
        assert_eq!(value(typed).await?, "Decimal128(38, 2)");
        Ok(())
    }

    #[tokio::test]
    async fn unknown_methods_are_refused_by_name() -> Result<()> {
        let err = value("SELECT monetary(1.0, 'margin')").await.unwrap_err().to_string();
        assert!(
            err.contains("method \"margin\" is unknown; use 'sum', 'mean' or 'median'"),
            "{err}"
        );
        Ok(())
    }

    #[tokio::test]
    async fn any_cut_gives_the_same_bits() -> Result<()> {
        let amounts = (0..300i32).map(|i| match i % 17 {
            0 => None,
            1 => Some(f64::NAN),
            k => Some(f64::from(i * i % 91 - 40) * 1.1f64.powi(k * 9)),
        });
        let rows = batch(vec![
            ("c", Arc::new(Int64Array::from_iter_values((0..300i64).map(|i| i * i % 19)))),
            ("a", Arc::new(Float64Array::from_iter(amounts))),
        ])?;
        let calls = "monetary(a), monetary(a, 'mean') FILTER (WHERE c <> 4), monetary(a, 'median'), monetary(CAST(c AS DECIMAL(9, 2))) FILTER (WHERE a > 0)";
        same_bits(&rows, &format!("SELECT c, {calls} FROM t GROUP BY c ORDER BY c")).await?;
        same_bits(&rows, &format!("SELECT {calls} FROM t")).await?;
        Ok(())
    }
}
