//! The customers that a fit collects, group by group, and the models made of them.
//!
//! The state of a group is its customers (`rows.rs`: 8 bytes each where times are whole numbers and the
//! weight is 1, else 16 or 40) and the counts of those that tell the model nothing; fitting
//! sorts them first, so that the answer has the same bits for every order, partitioning and merge. A
//! row in which a figure or the weight is NULL is ignored. Without any row the model is NULL; where all
//! were dropped its parameters are, and it says why.

use std::sync::Arc;

use datafusion::arrow::array::{
    Array, ArrayRef, AsArray, BooleanArray, BooleanBuilder, Decimal128Array, Float64Array,
    Float64Builder, Int64Array, Int64Builder, ListArray, ListBuilder, NullBufferBuilder,
    StringArray, StructArray, UInt64Array,
};
use datafusion::arrow::buffer::OffsetBuffer;
use datafusion::arrow::datatypes::{
    DataType, Decimal128Type, Field, FieldRef, Float64Type, Int64Type, UInt64Type,
};
use datafusion::common::{Result, ScalarValue, exec_err, plan_err};
use datafusion::logical_expr::function::{AccumulatorArgs, StateFieldsArgs};
use datafusion::logical_expr::utils::format_state_name;
use datafusion::logical_expr::{Accumulator, EmitTo, GroupsAccumulator};

use super::arguments::Customers;
use super::core::Customer;
use super::fitted_models::FittedModels;
use super::model_fit::{Fitter, K, L2, Options, Usual, WEIGHT};
use super::rows::{Row, Rows};
use crate::args;
use crate::fitting::faults::Faults;

fn item(ty: DataType) -> FieldRef {
    Arc::new(Field::new("item", ty, false))
}

/// A customer of two figures: 32 and 64 bits.
const PAIR: DataType = DataType::Decimal128(38, 0);

/// The fields of the state: customers as one number; those of two figures as a longer one; others as
/// five figures; rows dropped, by fault, if any; the unit in days.
pub(super) fn state_fields(args: &StateFieldsArgs) -> Vec<FieldRef> {
    let field = |name, ty| Arc::new(Field::new(format_state_name(args.name, name), ty, true));
    vec![
        field("packed", DataType::List(item(DataType::UInt64))),
        field("pairs", DataType::List(item(PAIR))),
        field("others", DataType::List(item(DataType::Float64))),
        field("dropped", DataType::List(item(DataType::Int64))),
        field("unit_days", DataType::Float64),
    ]
}

/// Bytes of a model: a dozen numbers, standard errors, its name and notes, and what the columns that
/// grow have room for beyond that.
const MODEL: usize = 512;

/// The customers of one group.
#[derive(Debug, Default, Clone)]
struct Group {
    rows: Rows,
    dropped: Faults,
    unit_days: Option<f64>,
}

/// Rows that come in.
struct Arrived<'a, G> {
    customers: &'a Customers,
    weights: Option<&'a Float64Array>,
    filter: Option<&'a BooleanArray>,
    group_of: G,
}

/// The groups of one fit.
#[derive(Debug)]
pub(super) struct Groups {
    fitter: &'static Fitter,
    options: Options,
    models: Option<Arc<FittedModels>>,
    /// where the weight is, unless it is left out or NULL
    weight: Option<usize>,
    groups: Vec<Group>,
    /// bytes of the rows of all groups
    room: usize,
}

impl Groups {
    pub(super) fn new(
        fitter: &'static Fitter,
        models: Option<Arc<FittedModels>>,
        args: &AccumulatorArgs,
    ) -> Result<Self> {
        let calls = &fitter.calls;
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
        let k = if params.iter().any(|p| p.name == K.name) {
            match args::constant(calls.name, params, args.exprs, K.name)? {
                ScalarValue::Int64(Some(k)) if (1..=12).contains(&k) => u8::try_from(k).ok(),
                v if v.is_null() => None,
                v => return plan_err!("{}: k must be a whole number 1 to 12, got {v}", calls.name),
            }
        } else {
            None
        };
        let options = Options { l2, k: k.map(f64::from) };
        let is_null = |i: usize| {
            let literal = args
                .exprs
                .get(i)
                .and_then(|e| e.downcast_ref::<datafusion::physical_expr::expressions::Literal>());
            literal.is_some_and(|l| l.value().is_null())
        };
        let weight = calls.position(&types, WEIGHT.name).filter(|&i| !is_null(i));
        Ok(Self { fitter, options, models, weight, groups: vec![], room: 0 })
    }

    fn grow(&mut self, groups: usize) {
        if self.groups.len() < groups {
            self.groups.resize_with(groups, Group::default);
        }
    }

    /// `to` adds rows, and returns by how many bytes that made them larger.
    fn add(&mut self, group: usize, to: impl FnOnce(&mut Rows) -> usize) {
        if let Some(group) = self.groups.get_mut(group) {
            self.room += to(&mut group.rows);
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
                    self.fitter.calls.name
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
        let customers = self.fitter.calls.customers(values)?;
        let weights =
            self.weight.and_then(|i| values.get(i)).map(|w| w.as_primitive::<Float64Type>());
        let rows = Arrived { customers: &customers, weights, filter, group_of };
        let known =
            if filter.is_none() && weights.is_none() { customers.all_known() } else { None };
        match (self.fitter.usual, known.as_deref()) {
            (Usual::Purchases, Some([x, tx, t])) => {
                self.update_each(&rows, |to, i| to.push_whole(*x.get(i)?, *tx.get(i)?, *t.get(i)?))
            }
            (Usual::Spending, Some([x, money])) => {
                self.update_each(&rows, |to, i| to.push_spent(*x.get(i)?, *money.get(i)?))
            }
            _ => self.update_each(&rows, |_, _| None),
        }
    }

    /// Adds each row: `usual` does so where it needs no second look, and returns by how many bytes that
    /// made the group's rows larger.
    fn update_each(
        &mut self,
        rows: &Arrived<'_, impl Fn(usize) -> usize>,
        usual: impl Fn(&mut Rows, usize) -> Option<usize>,
    ) -> Result<()> {
        for i in 0..rows.customers.len() {
            let group = (rows.group_of)(i);
            match self.groups.get_mut(group).and_then(|group| usual(&mut group.rows, i)) {
                Some(more) => self.room += more,
                None => self.update_one(rows, i, group)?,
            }
        }
        Ok(())
    }

    fn update_one<G>(&mut self, rows: &Arrived<'_, G>, i: usize, group: usize) -> Result<()> {
        if rows.filter.is_some_and(|f| f.is_null(i) || !f.value(i)) {
            return Ok(());
        }
        let Some(row) = (self.fitter.row)(rows.customers, i) else { return Ok(()) };
        let weight = match rows.weights {
            Some(w) if w.is_null(i) => return Ok(()),
            Some(w) => w.value(i),
            None => 1.0,
        };
        let row = Row { weight, ..row };
        if self.fitter.timed {
            self.agree(group, rows.customers.unit_days(i))?;
        }
        match (self.fitter.fault)(&row) {
            None => self.add(group, |rows| rows.push(row)),
            Some(fault) => {
                if let Some(group) = self.groups.get_mut(group) {
                    group.dropped.count(fault);
                }
            }
        }
        Ok(())
    }

    fn to_state(&self, groups: Vec<Group>) -> Result<Vec<ArrayRef>> {
        let lists = |lengths: &[usize], items: ArrayRef| {
            if i32::try_from(items.len()).is_err() {
                return exec_err!(
                    "{}: more customers in one pass than a list can hold; group them and give their number as weight",
                    self.fitter.calls.name
                );
            }
            let offsets = OffsetBuffer::from_lengths(lengths.iter().copied());
            let item = item(items.data_type().clone());
            Ok(Arc::new(ListArray::try_new(item, offsets, items, None)?) as ArrayRef)
        };
        let dropped_of: Vec<usize> = groups.iter().map(|g| g.dropped.counts().len()).collect();
        let counts = groups.iter().flat_map(|g| g.dropped.counts());
        let dropped: Int64Array = counts.copied().map(Some).collect();
        let unit_days: Float64Array = groups.iter().map(|g| g.unit_days).collect();
        let (mut packed, mut pairs, mut others) = (vec![], vec![], vec![]);
        let (mut packed_of, mut pairs_of, mut others_of) = (vec![], vec![], vec![]);
        for group in groups {
            let (numbers, two, rows) = group.rows.into_parts();
            packed_of.push(numbers.len());
            pairs_of.push(two.len());
            others_of.push(rows.len() * 5);
            append(&mut packed, numbers);
            append(&mut pairs, two);
            for Row { customer: Customer { x, tx, t }, extra, weight } in rows {
                others.extend([x, tx, t, extra, weight]);
            }
        }
        let packed = lists(&packed_of, Arc::new(UInt64Array::from(packed)))?;
        let pairs = Decimal128Array::from(pairs).with_data_type(PAIR);
        let pairs = lists(&pairs_of, Arc::new(pairs))?;
        let others = lists(&others_of, Arc::new(Float64Array::from(others)))?;
        let dropped = lists(&dropped_of, Arc::new(dropped))?;
        Ok(vec![packed, pairs, others, dropped, Arc::new(unit_days)])
    }

    fn merge(&mut self, states: &[ArrayRef], group_of: impl Fn(usize) -> usize) -> Result<()> {
        let [packed, pairs, others, dropped, unit_days] = states else {
            return exec_err!(
                "{}: a state of {} columns, not 5",
                self.fitter.calls.name,
                states.len()
            );
        };
        let [packed, pairs, others] = [packed, pairs, others].map(|list| list.as_list::<i32>());
        let (dropped, unit_days) =
            (dropped.as_list::<i32>(), unit_days.as_primitive::<Float64Type>());
        for i in 0..packed.len() {
            let group = group_of(i);
            self.agree(group, unit_days.is_valid(i).then(|| unit_days.value(i)))?;
            if dropped.is_valid(i)
                && let Some(group) = self.groups.get_mut(group)
            {
                let counts = dropped.value(i);
                group.dropped.add(counts.as_primitive::<Int64Type>().values().iter().copied());
            }
            if [packed, pairs, others].iter().all(|list| list.is_valid(i)) {
                let [packed, pairs, others] = [packed, pairs, others].map(|list| list.value(i));
                let packed = packed.as_primitive::<UInt64Type>().values();
                let pairs = pairs.as_primitive::<Decimal128Type>().values();
                let (others, _) = others.as_primitive::<Float64Type>().values().as_chunks::<5>();
                let row = |&[x, tx, t, extra, weight]: &[f64; 5]| Row {
                    customer: Customer { x, tx, t },
                    extra,
                    weight,
                };
                self.add(group, |rows| rows.extend(packed, pairs, others.iter().map(row)));
            }
        }
        Ok(())
    }

    fn models(&self, groups: &mut [Group]) -> Result<ArrayRef> {
        let many = groups.len();
        let fitter = self.fitter;
        let figures = fitter.parameters.len() + fitter.extras.len();
        let mut floats: Vec<Float64Builder> =
            (0..figures).map(|_| Float64Builder::with_capacity(many)).collect();
        let mut ll = Float64Builder::with_capacity(many);
        let mut unit_days = Float64Builder::with_capacity(many);
        let mut ints: [Int64Builder; 3] =
            std::array::from_fn(|_| Int64Builder::with_capacity(many));
        let mut se = ListBuilder::new(Float64Builder::new());
        let mut converged = BooleanBuilder::with_capacity(many);
        let mut valid = NullBufferBuilder::new(many);
        let mut notes: Vec<Option<String>> = Vec::with_capacity(many);
        for group in groups {
            let n = i64::try_from(group.rows.len()).ok();
            let fitted = match &self.models {
                Some(models) => models.get_or_fit(fitter, &self.options, &mut group.rows),
                None => (fitter.fit)(&mut group.rows, &self.options),
            };
            // where no row tells anything the model says so, without parameters
            let answers = fitted.is_some() || group.dropped.total() > 0;
            valid.append(answers);
            let some = fitted.as_ref().map(|f| &f.estimate);
            let parameters = some.map(|f| f.parameters.as_slice()).unwrap_or_default();
            let extras = fitted.as_ref().map(|f| f.extras.as_slice()).unwrap_or_default();
            let mut values = parameters.iter().copied().map(Some).chain(extras.iter().copied());
            floats.iter_mut().for_each(|to| to.append_option(values.next().flatten()));
            ll.append_option(some.map(|f| f.ll));
            unit_days.append_option(answers.then(|| group.unit_days.unwrap_or(1.0)));
            let values = [
                n.filter(|_| answers),
                answers.then(|| group.dropped.total()),
                some.and_then(|f| i64::try_from(f.iterations).ok()),
            ];
            ints.iter_mut().zip(values).for_each(|(to, v)| to.append_option(v));
            let errors = some.and_then(|f| f.se.as_ref());
            se.append_option(errors.map(|se| se.iter().copied().map(Some)));
            converged.append_option(answers.then(|| some.is_some_and(|f| f.trouble.is_none())));
            let trouble = match some {
                Some(f) => f.trouble.as_deref(),
                None => answers.then_some("there is no row to fit"),
            };
            let trouble = trouble.map(|why| format!("not converged: {why}"));
            let told: Vec<String> = trouble.into_iter().chain(group.dropped.text()).collect();
            notes.push((answers && !told.is_empty()).then(|| told.join("; ")));
        }
        let valid = valid.finish();
        let name = |i| valid.as_ref().is_none_or(|v| v.is_valid(i)).then_some(fitter.model);
        let names: StringArray = (0..many).map(name).collect();
        let mut columns: Vec<ArrayRef> = vec![Arc::new(names)];
        columns.extend(floats.iter_mut().map(|f| Arc::new(f.finish()) as ArrayRef));
        columns.push(Arc::new(ll.finish()));
        let [n, dropped, iterations] = ints.map(|mut i| Arc::new(i.finish()) as ArrayRef);
        columns.extend([
            n,
            dropped,
            Arc::new(se.finish()),
            Arc::new(converged.finish()),
            iterations,
        ]);
        if fitter.timed {
            columns.push(Arc::new(unit_days.finish()));
        }
        columns.push(Arc::new(StringArray::from(notes)));
        Ok(Arc::new(StructArray::try_new(fitter.fields(), columns, valid)?))
    }
}

/// Adds `more` at the end; the numbers of a single group are moved.
fn append<T>(all: &mut Vec<T>, mut more: Vec<T>) {
    if all.is_empty() {
        *all = more;
    } else {
        all.append(&mut more);
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
        let mut groups = self.take(emit_to);
        self.models(&mut groups)
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
        let mut one_each = Self { groups: vec![], room: 0, models: None, ..*self };
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
pub(super) struct One(pub(super) Groups);

impl Accumulator for One {
    fn update_batch(&mut self, values: &[ArrayRef]) -> Result<()> {
        self.0.grow(1);
        self.0.update(values, |_| 0, None)
    }

    fn evaluate(&mut self) -> Result<ScalarValue> {
        self.0.grow(1);
        let mut groups = std::mem::take(&mut self.0.groups);
        let models = self.0.models(&mut groups);
        // a window may ask again, with more rows
        self.0.groups = groups;
        let models = models?;
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

    #[test]
    fn size_counts_the_models_that_will_be_made() -> Result<()> {
        for with_row in [false, true] {
            let many = 200;
            let mut groups = Groups {
                fitter: &super::super::bg_nbd_fit::FITTER,
                options: Options::default(),
                models: None,
                weight: None,
                groups: vec![],
                room: 0,
            };
            groups.grow(many);
            for group in (0..many).filter(|_| with_row) {
                let customer = Customer { x: 2.0, tx: 10.0, t: 30.0 };
                groups.add(group, |rows| rows.push(Row::one(customer)));
            }
            let size = GroupsAccumulator::size(&groups);
            let models = GroupsAccumulator::evaluate(&mut groups, EmitTo::All)?;
            let made = models.get_array_memory_size();
            assert!(made <= size, "{made} bytes of models, {size} counted");
        }
        Ok(())
    }
}
