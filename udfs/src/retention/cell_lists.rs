//! The lists of cells that `retention_cells` and `retention_grid` answer with.

use std::sync::Arc;

use datafusion::arrow::array::{
    ArrayRef, Decimal128Array, Float64Array, Int64Array, NullBufferBuilder, StringViewArray,
    StringViewBuilder, StructArray, TimestampMicrosecondArray,
};
use datafusion::arrow::buffer::NullBuffer;
use datafusion::arrow::datatypes::{
    DECIMAL128_MAX_PRECISION, DataType, Field, FieldRef, Fields, TimeUnit,
};
use datafusion::common::{Result, internal_err};

use super::cells::Cell;
use crate::exact_sum::ExactSum;
use crate::lists::{Lists, item};
use crate::payload::Texts;

/// The type of sums of a measure: those of DECIMALs have every digit.
pub(super) fn sum_type(measure: Option<&DataType>) -> DataType {
    match measure {
        Some(DataType::Decimal128(_, scale)) => {
            DataType::Decimal128(DECIMAL128_MAX_PRECISION, *scale)
        }
        _ => DataType::Float64,
    }
}

/// The elements of the answer; `ts` is the type of the times, `sum` that of the measures.
pub(super) fn element(ts: &DataType, sum: &DataType) -> FieldRef {
    let ts = match ts {
        DataType::Timestamp(..) => ts.clone(),
        _ => DataType::Timestamp(TimeUnit::Microsecond, None),
    };
    item(&DataType::Struct(Fields::from(vec![
        Field::new("period", DataType::Int64, true),
        Field::new("start_ts", ts, true),
        Field::new("group", DataType::Utf8View, true),
        Field::new("n", DataType::Int64, true),
        Field::new("measure", sum.clone(), true),
    ])))
}

/// Sums in the order of their elements.
pub(super) enum Sums {
    Doubles(Vec<f64>),
    /// with the type, and whether one had too many digits
    Decimals(Vec<i128>, DataType, bool),
}

impl Sums {
    /// None yet, for elements of these fields.
    pub(super) fn of(fields: &Fields) -> Self {
        match fields.iter().find(|f| f.name() == "measure").map(|f| f.data_type()) {
            Some(ty @ DataType::Decimal128(..)) => Self::Decimals(vec![], ty.clone(), false),
            _ => Self::Doubles(vec![]),
        }
    }

    fn with_capacity(mut self, sums: usize) -> Self {
        match &mut self {
            Self::Doubles(all) => all.reserve(sums),
            Self::Decimals(all, ..) => all.reserve(sums),
        }
        self
    }

    /// 0 for none.
    pub(super) fn push(&mut self, sum: Option<&ExactSum>) {
        match self {
            Self::Doubles(all) => all.push(sum.map_or(0.0, ExactSum::value)),
            Self::Decimals(all, _, over) => {
                let digits = sum.map_or(Some(0), ExactSum::whole);
                *over |= digits.is_none();
                all.push(digits.unwrap_or_default());
            }
        }
    }

    /// Whether a sum had more digits than a DECIMAL has.
    pub(super) fn overflowed(&self) -> bool {
        matches!(self, Self::Decimals(_, _, true))
    }

    pub(super) fn finish(self, nulls: Option<NullBuffer>) -> ArrayRef {
        match self {
            Self::Doubles(all) => Arc::new(Float64Array::new(all.into(), nulls)),
            Self::Decimals(all, ty, _) => {
                Arc::new(Decimal128Array::new(all.into(), nulls).with_data_type(ty))
            }
        }
    }
}

/// The lists of all groups.
pub(super) struct Answers {
    period: Vec<i64>,
    start: Vec<i64>,
    /// nothing before the first cell that has one
    group: Option<StringViewBuilder>,
    n: Vec<i64>,
    measure: Sums,
    /// which elements have `n` and `measure`
    is_cell: NullBufferBuilder,
    lists: Lists,
}

impl Answers {
    pub(super) fn with_capacity(groups: usize, measure: Sums) -> Self {
        Self {
            period: Vec::with_capacity(groups),
            start: Vec::with_capacity(groups),
            group: None,
            n: Vec::with_capacity(groups),
            measure: measure.with_capacity(groups),
            is_cell: NullBufferBuilder::new(groups),
            lists: Lists::with_capacity(groups),
        }
    }

    /// Adds an element to the list that is being written.
    pub(super) fn push(&mut self, cell: Cell<'_>, texts: &Texts) {
        let group = texts.get(cell.group);
        if group.is_some() || self.group.is_some() {
            let before = self.n.len();
            let groups = self.group.get_or_insert_with(|| {
                let mut groups = StringViewBuilder::new();
                (0..before).for_each(|_| groups.append_null());
                groups
            });
            groups.append_option(group);
        }
        self.period.push(cell.period);
        self.start.push(cell.start);
        self.n.push(cell.n.unwrap_or_default());
        self.measure.push(cell.measure);
        self.is_cell.append(cell.n.is_some());
    }

    /// Ends the list that is being written; the next element is that of another.
    pub(super) fn end_list(&mut self) -> Result<()> {
        self.lists.end_at(self.n.len())
    }

    /// Whether a sum had more digits than a DECIMAL has.
    pub(super) fn overflowed(&self) -> bool {
        self.measure.overflowed()
    }

    /// The lists, whose elements are of this field.
    pub(super) fn finish(mut self, element: &FieldRef) -> Result<ArrayRef> {
        let DataType::Struct(fields) = element.data_type() else {
            return internal_err!("an element is a struct");
        };
        let ts = fields.iter().find(|f| f.name() == "start_ts");
        let ts = ts.map_or(&DataType::Null, |f| f.data_type());
        let is_cell = self.is_cell.finish();
        let group = match self.group {
            Some(mut groups) => groups.finish(),
            None => StringViewArray::new_null(self.n.len()),
        };
        let start = TimestampMicrosecondArray::new(self.start.into(), None);
        let columns: Vec<ArrayRef> = vec![
            Arc::new(Int64Array::new(self.period.into(), None)),
            Arc::new(start.with_data_type(ts.clone())),
            Arc::new(group),
            Arc::new(Int64Array::new(self.n.into(), is_cell.clone())),
            self.measure.finish(is_cell),
        ];
        let cells = StructArray::try_new(fields.clone(), columns, None)?;
        Lists::column(&self.lists.finish(), Arc::new(cells))
    }
}
