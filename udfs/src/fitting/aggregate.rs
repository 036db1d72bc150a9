//! The aggregate behind every fit.
//!
//! A row is a few numbers, and maybe a text. The state of a group is its rows one after the other
//! as they came, 8 bytes a number, and the counts of those that were left out: `nulls` with a NULL
//! in an argument, `dropped` with figures that cannot be, by what is wrong with them. What is fitted must not depend on the
//! order of the rows, so a fit sorts them first.

use std::collections::HashMap;
use std::fmt::Debug;
use std::sync::Arc;

use datafusion::arrow::array::{
    Array, ArrayRef, AsArray, BooleanArray, Float64Array, Int64Array, StringArray, StringBuilder,
};
use datafusion::arrow::datatypes::{DataType, Field, FieldRef, Float64Type, Int64Type};
use datafusion::common::{Result, exec_err, internal_err};
use datafusion::logical_expr::function::StateFieldsArgs;
use datafusion::logical_expr::utils::format_state_name;
use datafusion::logical_expr::{EmitTo, GroupsAccumulator};

use super::faults::{self, Fault, Faults};
use crate::events::Groups;
use crate::lists::{Lists, list_field};

/// What a fit says whose rows were all dropped.
pub(crate) const NO_ROW: &str = "there is no row to fit";

/// What one function does with its rows.
pub(crate) trait Fit: Clone + Debug + Send + Sync + 'static {
    /// The name of the function.
    const NAME: &'static str;

    /// The rows of the arguments.
    fn read(&self, values: &[ArrayRef]) -> Result<Columns>;

    /// Why a row (without NULL) cannot be; `None` if it can.
    fn fault(&self, row: &[f64]) -> Option<Fault>;

    /// The answers of groups.
    fn answers(&self, groups: &[Group], labels: &[String]) -> Result<ArrayRef>;

    /// Bytes that the answers of so many groups and rows may take.
    fn answer_size(&self, groups: usize, rows: usize) -> usize;
}

/// Rows of a batch, column by column. A row with a NULL is only counted.
#[derive(Debug)]
pub(crate) struct Columns {
    pub numbers: Vec<Float64Array>,
    /// what the first number of a row is the number of
    pub texts: Option<StringArray>,
}

/// The rows of one group.
#[derive(Debug, Default, Clone)]
pub(crate) struct Group {
    /// `width` numbers a row
    pub rows: Vec<f64>,
    pub width: usize,
    pub nulls: i64,
    pub dropped: Faults,
}

impl Group {
    /// Number of rows.
    pub(crate) fn len(&self) -> usize {
        self.rows.len().checked_div(self.width).unwrap_or(0)
    }

    /// Whether there is anything to tell: rows, or that all were dropped.
    pub(crate) fn tells(&self) -> bool {
        self.len() > 0 || self.dropped.total() > 0
    }

    /// What there is to say of the answer: its trouble, and why rows were dropped.
    pub(crate) fn note(&self, trouble: Option<String>) -> Option<String> {
        let said: Vec<String> = trouble.into_iter().chain(self.dropped.text()).collect();
        (!said.is_empty()).then(|| said.join("; "))
    }

    /// Each row.
    pub(crate) fn iter(&self) -> impl Iterator<Item = &[f64]> {
        self.rows.chunks_exact(self.width.max(1))
    }
}

/// The texts of rows and their numbers.
#[derive(Debug, Default, Clone)]
struct Labels {
    texts: Vec<String>,
    numbers: HashMap<String, u32>,
    size: usize,
}

impl Labels {
    fn number(&mut self, text: &str) -> Result<f64> {
        if let Some(&number) = self.numbers.get(text) {
            return Ok(f64::from(number));
        }
        let Ok(number) = u32::try_from(self.texts.len()) else {
            return exec_err!("more than {} different texts", u32::MAX);
        };
        self.texts.push(text.to_string());
        self.numbers.insert(text.to_string(), number);
        self.size += 2 * (text.len() + size_of::<String>()) + size_of::<u32>();
        Ok(f64::from(number))
    }

    fn text(&self, number: f64) -> &str {
        place(number).and_then(|i| self.texts.get(i)).map_or("", String::as_str)
    }
}

/// The place that the number of a label stands for.
#[expect(clippy::cast_possible_truncation, reason = "a label is a whole number below 2^32")]
#[expect(clippy::cast_sign_loss, reason = "a label is not negative")]
pub(crate) fn place(label: f64) -> Option<usize> {
    (label >= 0.0).then_some(label as usize)
}

/// The groups of one fit.
#[derive(Debug, Clone)]
pub(crate) struct Fits<F> {
    fit: F,
    groups: Vec<Group>,
    labels: Labels,
    /// rows have one, and the state a column of them
    labelled: bool,
    /// numbers a row, known from the first one
    width: Option<usize>,
    /// bytes of the rows of all groups
    room: usize,
    /// groups of which rows were dropped, for their answers say why
    faulty: usize,
}

/// The fields of the state of a fit.
pub(crate) fn state_fields(args: &StateFieldsArgs, labelled: bool) -> Vec<FieldRef> {
    let count =
        |name| Arc::new(Field::new(format_state_name(args.name, name), DataType::Int64, true));
    let mut fields = vec![
        list_field(format_state_name(args.name, "rows"), &DataType::Float64),
        count("width"),
        count("nulls"),
        list_field(format_state_name(args.name, "dropped"), &DataType::Int64),
    ];
    if labelled {
        fields.push(list_field(format_state_name(args.name, "labels"), &DataType::Utf8));
    }
    fields
}

impl<F: Fit> Fits<F> {
    pub(crate) fn new(fit: F, labelled: bool) -> Self {
        Self {
            fit,
            groups: vec![],
            labels: Labels::default(),
            labelled,
            width: None,
            room: 0,
            faulty: 0,
        }
    }

    fn grow_to(&mut self, groups: usize) {
        if self.groups.len() < groups {
            self.groups.resize_with(groups, Group::default);
        }
    }

    fn agree(&mut self, width: usize) -> Result<()> {
        match *self.width.get_or_insert(width) {
            same if same == width => Ok(()),
            other => {
                let (few, many) = (width.min(other), width.max(other));
                exec_err!(
                    "{}: some lists of features are longer than others, by {}; give every row equally many",
                    F::NAME,
                    many - few
                )
            }
        }
    }

    fn update(
        &mut self,
        values: &[ArrayRef],
        group_of: impl Fn(usize) -> usize,
        filter: Option<&BooleanArray>,
    ) -> Result<()> {
        let Columns { numbers, texts } = self.fit.read(values)?;
        let many = numbers.first().map_or(0, |c| c.len());
        let offset = usize::from(texts.is_some());
        let width = numbers.len() + offset;
        let columns: Vec<_> = numbers.iter().map(|c| (c.values(), c.nulls())).collect();
        let mut row = vec![0.0; width];
        for i in 0..many {
            if filter.is_some_and(|f| f.is_null(i) || !f.value(i)) {
                continue;
            }
            let at = group_of(i);
            let null = columns.iter().any(|(_, nulls)| nulls.is_some_and(|n| n.is_null(i)))
                || texts.as_ref().is_some_and(|t| t.is_null(i));
            if null {
                if let Some(group) = self.groups.get_mut(at) {
                    group.nulls += 1;
                }
                continue;
            }
            if let (Some(texts), Some(first)) = (&texts, row.first_mut()) {
                *first = self.labels.number(texts.value(i))?;
            }
            for (to, (from, _)) in row.iter_mut().skip(offset).zip(&columns) {
                *to = from.get(i).copied().unwrap_or(f64::NAN);
            }
            self.agree(width)?;
            let fault = self.fit.fault(&row);
            let Some(group) = self.groups.get_mut(at) else { continue };
            group.width = width;
            if let Some(fault) = fault {
                self.faulty += usize::from(group.dropped.total() == 0);
                group.dropped.count(fault);
                continue;
            }
            let before = group.rows.capacity();
            group.rows.extend_from_slice(&row);
            self.room += (group.rows.capacity() - before) * size_of::<f64>();
        }
        Ok(())
    }

    fn take(&mut self, emit_to: EmitTo) -> Vec<Group> {
        let taken = emit_to.take_needed(&mut self.groups);
        self.room = self.groups.iter().map(|g| g.rows.capacity() * size_of::<f64>()).sum();
        self.faulty = self.groups.iter().filter(|g| g.dropped.total() > 0).count();
        taken
    }

    fn to_state(&self, groups: Vec<Group>) -> Result<Vec<ArrayRef>> {
        let counts = |of: &dyn Fn(&Group) -> i64| -> ArrayRef {
            Arc::new(groups.iter().map(|g| Some(of(g))).collect::<Int64Array>())
        };
        let nulls = counts(&|g| g.nulls);
        let (mut dropped, mut faults) = (Lists::with_capacity(groups.len()), vec![]);
        for group in &groups {
            faults.extend_from_slice(group.dropped.counts());
            dropped.end_at(faults.len())?;
        }
        let dropped = Lists::column(&dropped.finish(), Arc::new(Int64Array::from(faults)))?;
        let width = counts(&|g| i64::try_from(g.width).unwrap_or(0));
        let mut rows = Lists::with_capacity(groups.len());
        let mut label_lists = Lists::with_capacity(groups.len());
        let (mut numbers, mut texts, mut end) = (vec![], StringBuilder::new(), 0);
        for mut group in groups {
            if self.labelled {
                // numbered anew, from 0 in each state
                let mut new: HashMap<u64, u32> = HashMap::new();
                for row in group.rows.chunks_exact_mut(group.width.max(1)) {
                    let Some(label) = row.first_mut() else { continue };
                    let next = u32::try_from(new.len()).unwrap_or(u32::MAX);
                    let known = new.len();
                    let number = *new.entry(label.to_bits()).or_insert(next);
                    if new.len() > known {
                        texts.append_value(self.labels.text(*label));
                        end += 1;
                    }
                    *label = f64::from(number);
                }
                label_lists.end_at(end)?;
            }
            // moves the numbers of a single group
            if numbers.is_empty() {
                numbers = group.rows;
            } else {
                numbers.append(&mut group.rows);
            }
            rows.end_at(numbers.len())?;
        }
        let numbers = Arc::new(Float64Array::from(numbers));
        let mut state = vec![Lists::column(&rows.finish(), numbers)?, width, nulls, dropped];
        if self.labelled {
            state.push(Lists::column(&label_lists.finish(), Arc::new(texts.finish()))?);
        }
        Ok(state)
    }

    fn merge(&mut self, states: &[ArrayRef], groups: &[usize]) -> Result<()> {
        let [rows, width, nulls, dropped, labels @ ..] = states else {
            return internal_err!("{}: a state of {} columns", F::NAME, states.len());
        };
        let (rows, dropped) = (rows.as_list::<i32>(), dropped.as_list::<i32>());
        let [width, nulls] = [width, nulls].map(|c| c.as_primitive::<Int64Type>());
        let counts = dropped.values().as_primitive::<Int64Type>().values();
        for (i, &at) in groups.iter().enumerate() {
            let count = |of: &Int64Array| if of.is_valid(i) { of.value(i) } else { 0 };
            let values = rows.value(i);
            let numbers = values.as_primitive::<Float64Type>().values();
            // as they are numbered here
            let mut new = vec![];
            if let [labels] = labels {
                let texts = labels.as_list::<i32>().value(i);
                for text in texts.as_string::<i32>().iter().flatten() {
                    new.push(self.labels.number(text)?);
                }
            }
            let width = usize::try_from(count(width)).unwrap_or(0);
            if width > 0 {
                self.agree(width)?;
            }
            let Some(group) = self.groups.get_mut(at) else { continue };
            group.nulls += count(nulls);
            let faults = match dropped.value_offsets().get(i..i + 2) {
                Some(&[from, to]) => usize::try_from(from).ok().zip(usize::try_from(to).ok()),
                _ => None,
            };
            let faults = faults.and_then(|(from, to)| counts.get(from..to)).unwrap_or_default();
            if !faults.is_empty() {
                self.faulty += usize::from(group.dropped.total() == 0);
                group.dropped.add(faults.iter().copied());
            }
            if width == 0 {
                continue;
            }
            group.width = width;
            let (from, before) = (group.rows.len(), group.rows.capacity());
            group.rows.extend_from_slice(numbers);
            self.room += (group.rows.capacity() - before) * size_of::<f64>();
            if self.labelled {
                for row in group.rows.get_mut(from..).unwrap_or_default().chunks_exact_mut(width) {
                    if let Some(label) = row.first_mut()
                        && let Some(number) = new.get(place(*label).unwrap_or(usize::MAX))
                    {
                        *label = *number;
                    }
                }
            }
        }
        Ok(())
    }
}

fn group_at(groups: &[usize]) -> impl Fn(usize) -> usize {
    |i| groups.get(i).copied().unwrap_or(usize::MAX)
}

impl<F: Fit> Groups for Fits<F> {
    fn grow(&mut self, groups: usize) -> Result<()> {
        self.grow_to(groups);
        Ok(())
    }
}

impl<F: Fit> GroupsAccumulator for Fits<F> {
    fn update_batch(
        &mut self,
        values: &[ArrayRef],
        group_indices: &[usize],
        opt_filter: Option<&BooleanArray>,
        total_num_groups: usize,
    ) -> Result<()> {
        self.grow_to(total_num_groups);
        self.update(values, group_at(group_indices), opt_filter)
    }

    fn evaluate(&mut self, emit_to: EmitTo) -> Result<ArrayRef> {
        let groups = self.take(emit_to);
        self.fit.answers(&groups, &self.labels.texts)
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
        self.grow_to(total_num_groups);
        self.merge(values, group_indices)
    }

    fn convert_to_state(
        &self,
        values: &[ArrayRef],
        opt_filter: Option<&BooleanArray>,
    ) -> Result<Vec<ArrayRef>> {
        let rows = values.first().map_or(0, |v| v.len());
        let mut one_each = Self::new(self.fit.clone(), self.labelled);
        one_each.grow_to(rows);
        one_each.update(values, |i| i, opt_filter)?;
        let groups = one_each.take(EmitTo::All);
        one_each.to_state(groups)
    }

    fn size(&self) -> usize {
        let rows = self.room / (self.width.unwrap_or(1) * size_of::<f64>());
        size_of::<Self>()
            + self.groups.capacity() * size_of::<Group>()
            + self.room
            + self.labels.size
            // DataFusion reserves all answers at once, and cannot spill any more then
            + self.fit.answer_size(self.groups.len(), rows)
            + self.faulty * faults::TEXT
    }
}
