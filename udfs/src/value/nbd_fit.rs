//! The aggregate behind `bg_nbd_fit` and `mbg_nbd_fit`.
//!
//! The state of a group is its customers as they came (`rows.rs`: 8 bytes each where times are whole
//! numbers and the weight is 1, else 32) and the count of those that no model can have produced;
//! fitting sorts them first, so that the answer has the same bits for every order, partitioning and
//! merge. A row whose frequency, recency, t or summary is NULL is ignored.

use std::sync::Arc;

use datafusion::arrow::array::{
    Array, ArrayRef, AsArray, BooleanArray, BooleanBuilder, Float64Array, Float64Builder,
    Int64Array, Int64Builder, ListArray, ListBuilder, NullBufferBuilder, StringBuilder,
    StructArray, UInt64Array,
};
use datafusion::arrow::buffer::OffsetBuffer;
use datafusion::arrow::datatypes::{DataType, Field, FieldRef, Float64Type, Int64Type, UInt64Type};
use datafusion::common::{Result, ScalarValue, exec_err, plan_err};
use datafusion::logical_expr::function::{AccumulatorArgs, StateFieldsArgs};
use datafusion::logical_expr::utils::format_state_name;
use datafusion::logical_expr::{Accumulator, EmitTo, GroupsAccumulator};

use super::arguments::{Overloads, model_fields};
use super::core::{Customer, Kind};
use super::fit::fit;
use super::rows::{Row, Rows};
use crate::args::{self, Fill, Param, Ty, option, required};

const WEIGHT: Param = option("weight", Ty::Float, Fill::Float(1.0));
const L2: Param = option("l2", Ty::Float, Fill::Float(0.0));

const BY_COLUMNS: [Param; 5] = [
    required("frequency", Ty::Float),
    required("recency", Ty::Float),
    required("t", Ty::Float),
    WEIGHT,
    L2,
];
const BY_SUMMARY: [Param; 3] = [required("summary", Ty::Any), WEIGHT, L2];
const BY_SUMMARY_WITH_GAPS: [Param; 5] = [
    required("summary", Ty::Any),
    option("recency", Ty::Float, Fill::Null),
    option("t", Ty::Float, Fill::Null),
    WEIGHT,
    L2,
];

/// The calls of a fit.
pub(crate) const fn calls(name: &'static str) -> Overloads {
    Overloads {
        name,
        lead: 0,
        columns: &BY_COLUMNS,
        summary: &BY_SUMMARY,
        gapped: &BY_SUMMARY_WITH_GAPS,
    }
}

fn item(ty: DataType) -> FieldRef {
    Arc::new(Field::new("item", ty, false))
}

/// The fields of the state: customers as one number; others as x, tx, t, weight; rows dropped; the
/// unit in days.
pub(crate) fn state_fields(args: &StateFieldsArgs) -> Vec<FieldRef> {
    let field = |name, ty| Arc::new(Field::new(format_state_name(args.name, name), ty, true));
    vec![
        field("packed", DataType::List(item(DataType::UInt64))),
        field("others", DataType::List(item(DataType::Float64))),
        field("dropped", DataType::Int64),
        field("unit_days", DataType::Float64),
    ]
}

/// Bytes of a model: ten numbers, four standard errors, its name, and what the columns that grow
/// have room for beyond that.
const MODEL: usize = 192;

/// The customers of one group.
#[derive(Debug, Default, Clone)]
struct Group {
    rows: Rows,
    dropped: i64,
    unit_days: Option<f64>,
}

/// The groups of one fit.
#[derive(Debug)]
pub(crate) struct Groups {
    kind: Kind,
    calls: &'static Overloads,
    l2: f64,
    /// where the weight is, unless it is left out or NULL
    weight: Option<usize>,
    groups: Vec<Group>,
    /// bytes of the rows of all groups
    room: usize,
}

impl Groups {
    pub(crate) fn new(
        kind: Kind,
        calls: &'static Overloads,
        args: &AccumulatorArgs,
    ) -> Result<Self> {
        if args.is_distinct {
            return plan_err!(
                "{}: DISTINCT would drop customers who are alike; leave it out, or group them and give their number as weight",
                calls.name
            );
        }
        let types: Vec<DataType> = args.expr_fields.iter().map(|f| f.data_type().clone()).collect();
        let params = calls.params(&types);
        let l2 = match args::constant(calls.name, params, args.exprs, L2.name)? {
            ScalarValue::Float64(Some(l2)) if l2 >= 0.0 && l2.is_finite() => l2,
            v if v.is_null() => 0.0,
            v => return plan_err!("{}: l2 must be a number from 0 up, got {v}", calls.name),
        };
        let is_null = |i: usize| {
            let literal = args
                .exprs
                .get(i)
                .and_then(|e| e.downcast_ref::<datafusion::physical_expr::expressions::Literal>());
            literal.is_some_and(|l| l.value().is_null())
        };
        let weight = calls.position(&types, WEIGHT.name).filter(|&i| !is_null(i));
        Ok(Self { kind, calls, l2, weight, groups: vec![], room: 0 })
    }

    fn grow(&mut self, groups: usize) {
        if self.groups.len() < groups {
            self.groups.resize_with(groups, Group::default);
        }
    }

    fn add(&mut self, group: usize, to: impl FnOnce(&mut Rows)) {
        if let Some(group) = self.groups.get_mut(group) {
            let before = group.rows.size();
            to(&mut group.rows);
            self.room += group.rows.size() - before;
        }
    }

    fn agree(&mut self, group: usize, unit_days: Option<f64>) -> Result<()> {
        let (Some(group), Some(unit)) = (self.groups.get_mut(group), unit_days) else {
            return Ok(());
        };
        match group.unit_days {
            Some(other) if other != unit => {
                let (short, long) = (unit.min(other), unit.max(other));
                exec_err!(
                    "{}: some summaries count time in units of {short} days, others of {long}; make all with the same unit",
                    self.calls.name
                )
            }
            _ => {
                group.unit_days = Some(unit);
                Ok(())
            }
        }
    }

    fn take(&mut self, emit_to: EmitTo) -> Vec<Group> {
        let taken = emit_to.take_needed(&mut self.groups);
        self.room = self.groups.iter().map(|g| g.rows.size()).sum();
        taken
    }

    fn update(
        &mut self,
        values: &[ArrayRef],
        group_of: impl Fn(usize) -> usize,
        filter: Option<&BooleanArray>,
    ) -> Result<()> {
        let customers = self.calls.customers(values)?;
        let weights =
            self.weight.and_then(|i| values.get(i)).map(|w| w.as_primitive::<Float64Type>());
        for i in 0..customers.len() {
            if filter.is_some_and(|f| f.is_null(i) || !f.value(i)) {
                continue;
            }
            let Some(customer) = customers.get(i) else { continue };
            let weight = match weights {
                Some(w) if w.is_null(i) => continue,
                Some(w) => w.value(i),
                None => 1.0,
            };
            let (group, row) = (group_of(i), Row { customer, weight });
            self.agree(group, customers.unit_days(i))?;
            if row.is_legal() {
                self.add(group, |rows| rows.push(row));
            } else if let Some(group) = self.groups.get_mut(group) {
                group.dropped += 1;
            }
        }
        Ok(())
    }

    fn to_state(&self, groups: Vec<Group>) -> Result<Vec<ArrayRef>> {
        let lists = |lengths: &[usize], items: ArrayRef| {
            if i32::try_from(items.len()).is_err() {
                return exec_err!(
                    "{}: more customers in one pass than a list can hold; group them and give their number as weight",
                    self.calls.name
                );
            }
            let offsets = OffsetBuffer::from_lengths(lengths.iter().copied());
            let item = item(items.data_type().clone());
            Ok(Arc::new(ListArray::try_new(item, offsets, items, None)?) as ArrayRef)
        };
        let dropped: Int64Array = groups.iter().map(|g| Some(g.dropped)).collect();
        let unit_days: Float64Array = groups.iter().map(|g| g.unit_days).collect();
        let (mut packed, mut others) = (vec![], vec![]);
        let (mut packed_of, mut others_of) = (vec![], vec![]);
        for group in groups {
            let (mut numbers, rows) = group.rows.into_parts();
            packed_of.push(numbers.len());
            others_of.push(rows.len() * 4);
            // moves the numbers of a single group
            if packed.is_empty() {
                packed = numbers;
            } else {
                packed.append(&mut numbers);
            }
            for Row { customer: Customer { x, tx, t }, weight } in rows {
                others.extend([x, tx, t, weight]);
            }
        }
        let packed = lists(&packed_of, Arc::new(UInt64Array::from(packed)))?;
        let others = lists(&others_of, Arc::new(Float64Array::from(others)))?;
        Ok(vec![packed, others, Arc::new(dropped), Arc::new(unit_days)])
    }

    fn merge(&mut self, states: &[ArrayRef], group_of: impl Fn(usize) -> usize) -> Result<()> {
        let [packed, others, dropped, unit_days] = states else {
            return exec_err!("{}: a state of {} columns, not 4", self.calls.name, states.len());
        };
        let (packed, others) = (packed.as_list::<i32>(), others.as_list::<i32>());
        let (dropped, unit_days) =
            (dropped.as_primitive::<Int64Type>(), unit_days.as_primitive::<Float64Type>());
        for i in 0..packed.len() {
            let group = group_of(i);
            self.agree(group, unit_days.is_valid(i).then(|| unit_days.value(i)))?;
            if dropped.is_valid(i)
                && let Some(group) = self.groups.get_mut(group)
            {
                group.dropped += dropped.value(i);
            }
            if packed.is_valid(i) && others.is_valid(i) {
                let (packed, others) = (packed.value(i), others.value(i));
                let packed = packed.as_primitive::<UInt64Type>().values();
                let (others, _) = others.as_primitive::<Float64Type>().values().as_chunks::<4>();
                let row = |&[x, tx, t, weight]: &[f64; 4]| Row {
                    customer: Customer { x, tx, t },
                    weight,
                };
                self.add(group, |rows| rows.extend(packed, others.iter().map(row)));
            }
        }
        Ok(())
    }

    fn models(&self, groups: Vec<Group>) -> Result<ArrayRef> {
        let many = groups.len();
        let mut names = StringBuilder::new();
        let mut floats: [Float64Builder; 6] =
            std::array::from_fn(|_| Float64Builder::with_capacity(many));
        let mut ints: [Int64Builder; 3] =
            std::array::from_fn(|_| Int64Builder::with_capacity(many));
        let mut se = ListBuilder::new(Float64Builder::new());
        let mut converged = BooleanBuilder::with_capacity(many);
        let mut valid = NullBufferBuilder::new(many);
        for group in groups {
            let n = i64::try_from(group.rows.len()).ok();
            let fit = fit(self.kind, group.rows, self.l2);
            valid.append(fit.is_some());
            let some = fit.as_ref();
            names.append_option(some.map(|f| f.model.kind.name()));
            let values = [
                some.map(|f| f.model.r),
                some.map(|f| f.model.alpha),
                some.map(|f| f.model.a),
                some.map(|f| f.model.b),
                some.map(|f| f.ll),
                some.map(|_| group.unit_days.unwrap_or(1.0)),
            ];
            floats.iter_mut().zip(values).for_each(|(to, v)| to.append_option(v));
            let values = [
                n.filter(|_| some.is_some()),
                some.map(|_| group.dropped),
                some.and_then(|f| i64::try_from(f.iterations).ok()),
            ];
            ints.iter_mut().zip(values).for_each(|(to, v)| to.append_option(v));
            se.append_option(some.and_then(|f| f.se).map(|se| se.map(Some)));
            converged.append_option(some.map(|f| f.converged));
        }
        let [r, alpha, a, b, ll, unit_days] = floats.map(|mut f| Arc::new(f.finish()) as ArrayRef);
        let [n, dropped, iterations] = ints.map(|mut i| Arc::new(i.finish()) as ArrayRef);
        let columns = vec![
            Arc::new(names.finish()) as ArrayRef,
            r,
            alpha,
            a,
            b,
            ll,
            n,
            dropped,
            Arc::new(se.finish()),
            Arc::new(converged.finish()),
            iterations,
            unit_days,
        ];
        Ok(Arc::new(StructArray::try_new(model_fields(), columns, valid.finish())?))
    }
}

fn group_at(groups: &[usize]) -> impl Fn(usize) -> usize {
    |i| groups.get(i).copied().unwrap_or(usize::MAX)
}

impl GroupsAccumulator for Groups {
    fn update_batch(
        &mut self,
        values: &[ArrayRef],
        group_indices: &[usize],
        opt_filter: Option<&BooleanArray>,
        total_num_groups: usize,
    ) -> Result<()> {
        self.grow(total_num_groups);
        self.update(values, group_at(group_indices), opt_filter)
    }

    fn evaluate(&mut self, emit_to: EmitTo) -> Result<ArrayRef> {
        let groups = self.take(emit_to);
        self.models(groups)
    }

    fn state(&mut self, emit_to: EmitTo) -> Result<Vec<ArrayRef>> {
        let groups = self.take(emit_to);
        self.to_state(groups)
    }

    fn merge_batch(
        &mut self,
        values: &[ArrayRef],
        group_indices: &[usize],
        total_num_groups: usize,
    ) -> Result<()> {
        self.grow(total_num_groups);
        self.merge(values, group_at(group_indices))
    }

    fn convert_to_state(
        &self,
        values: &[ArrayRef],
        opt_filter: Option<&BooleanArray>,
    ) -> Result<Vec<ArrayRef>> {
        let rows = values.first().map_or(0, |v| v.len());
        let mut one_each = Self { groups: vec![], room: 0, ..*self };
        one_each.grow(rows);
        one_each.update(values, |i| i, opt_filter)?;
        let groups = one_each.take(EmitTo::All);
        one_each.to_state(groups)
    }

    fn size(&self) -> usize {
        size_of::<Self>()
            // DataFusion reserves all models at once, and cannot spill any more then
            + self.groups.len() * MODEL
            + self.groups.capacity() * size_of::<Group>()
            + self.room
    }
}

/// One group.
#[derive(Debug)]
pub(crate) struct One(pub Groups);

impl Accumulator for One {
    fn update_batch(&mut self, values: &[ArrayRef]) -> Result<()> {
        self.0.grow(1);
        self.0.update(values, |_| 0, None)
    }

    fn evaluate(&mut self) -> Result<ScalarValue> {
        self.0.grow(1);
        let models = self.0.models(self.0.groups.clone())?;
        ScalarValue::try_from_array(&models, 0)
    }

    fn size(&self) -> usize {
        GroupsAccumulator::size(&self.0)
    }

    fn state(&mut self) -> Result<Vec<ScalarValue>> {
        self.0.grow(1);
        let state = GroupsAccumulator::state(&mut self.0, EmitTo::All)?;
        state.iter().map(|a| ScalarValue::try_from_array(a, 0)).collect()
    }

    fn merge_batch(&mut self, states: &[ArrayRef]) -> Result<()> {
        self.0.grow(1);
        self.0.merge(states, |_| 0)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    static CALLS: Overloads = calls("bg_nbd_fit");

    #[test]
    fn size_counts_the_models_that_will_be_made() -> Result<()> {
        for with_row in [false, true] {
            let many = 200;
            let mut groups = Groups {
                kind: Kind::Bg,
                calls: &CALLS,
                l2: 0.0,
                weight: None,
                groups: vec![],
                room: 0,
            };
            groups.grow(many);
            for group in (0..many).filter(|_| with_row) {
                let customer = Customer { x: 2.0, tx: 10.0, t: 30.0 };
                groups.add(group, |rows| rows.push(Row { customer, weight: 1.0 }));
            }
            let size = GroupsAccumulator::size(&groups);
            let models = GroupsAccumulator::evaluate(&mut groups, EmitTo::All)?;
            let made = models.get_array_memory_size();
            assert!(made <= size, "{made} bytes of models, {size} counted");
        }
        Ok(())
    }
}
