//! `retention_cells(ts, period [, starts, returns, in_range, measure, group, start, rule, hours,
//! min_count, periods, brackets])`: in which cells of a retention matrix one customer is.
//!
//! `period` is the number of the period that the row lies in, such as `periods_between` counts them
//! from a fixed time; `ts` decides what comes first. For each start that has a cohort the list has
//! one element with `n` NULL, and then one for each cell that the customer is retained in. Rules and
//! counts are in `cells.rs`, and in words at the table function `retention_matrix`, which puts the
//! cells of all customers together. NULL conditions are false, rows with a NULL time or period are
//! ignored; no start, no element. The sum of `measure` is rounded once and does not depend on the
//! order of rows. Rows in any order. Memory: 20 bytes a row, with a measure or a group 36, and 44
//! bytes an element of the answers.

use std::fmt::Debug;
use std::marker::PhantomData;
use std::sync::{Arc, LazyLock};

use datafusion::arrow::array::{
    Array, ArrayRef, AsArray, BooleanArray, Float64Array, Int64Array, NullBufferBuilder,
    StringViewArray, StringViewBuilder, StructArray, TimestampMicrosecondArray,
};
use datafusion::arrow::datatypes::{
    DataType, Field, FieldRef, Fields, Float64Type, Int64Type, TimeUnit, TimestampMicrosecondType,
};
use datafusion::common::{Result, ScalarValue, internal_err};
use datafusion::logical_expr::function::{
    AccumulatorArgs, AggregateFunctionSimplification, StateFieldsArgs,
};
use datafusion::logical_expr::utils::AggregateOrderSensitivity;
use datafusion::logical_expr::{
    Accumulator, AggregateUDF, AggregateUDFImpl, Documentation, GroupsAccumulator, Signature,
};
use datafusion_macros::user_doc;

use super::cells::{Cell, Mark, Matrix, Rule, Scratch, Start, Visit};
use super::matrix_options;
use crate::args::{self, Fill, Param, Ty, option, required};
use crate::events::Amount;
use crate::lists::{Lists, item};
use crate::payload::{Label, Texts};
use crate::sequence_aggregate::{
    Answer, Batch, Sequence, Sequences, accumulator, groups_accumulator, state_fields,
};

const NAME: &str = "retention_cells";
const PARAMS: &[Param] = &[
    required("ts", Ty::Instant),
    required("period", Ty::Int),
    option("starts", Ty::Bool, Fill::Null),
    option("returns", Ty::Bool, Fill::Null),
    option("in_range", Ty::Bool, Fill::Null),
    option("measure", Ty::Float, Fill::Null),
    option("group", Ty::Text, Fill::Null),
    option("start", Ty::Text, Fill::Text("first_ever")),
    option("rule", Ty::Text, Fill::Text("on")),
    option("hours", Ty::Int, Fill::Null),
    option("min_count", Ty::Int, Fill::Int(1)),
    option("periods", Ty::Int, Fill::Int(12)),
    option("brackets", Ty::Any, Fill::Null),
];
const MEASURE: usize = 5;
const GROUP: usize = 6;
/// Bytes of an element of the answer, and of a list.
const ELEMENT: usize = 44;
const START: usize = 16;
/// Of more cells than these a customer is seldom in all.
const USUAL_CELLS: usize = 16;

static UDAF: LazyLock<Arc<AggregateUDF>> =
    LazyLock::new(|| Arc::new(AggregateUDF::from(RetentionCells::default())));

/// The aggregate `retention_cells`.
pub fn retention_cells_udaf() -> Arc<AggregateUDF> {
    Arc::clone(&UDAF)
}

#[user_doc(
    doc_section(label = "Retention"),
    description = "In which cells of a retention matrix one customer is: LIST<STRUCT<period, start_ts, group, n, measure>>, for each start one element whose n is NULL and then one for each n that the customer is retained in. The table function retention_matrix puts those of all customers together; kept in a table, they can be put together anew by any segment. period is the number of the period that a row lies in, such as periods_between counts from a fixed time. start, rule, min_count, brackets and measure are those of retention_matrix. NULL conditions are false, rows with a NULL time or period are ignored; without a start the list is empty. The sum of measure is rounded once and does not depend on the order of rows. Memory: 20 bytes a row, with a measure or a group 36, and 44 bytes an element.",
    syntax_example = "retention_cells(ts, period [, starts, returns, in_range, measure, group, start, rule, hours, min_count, periods, brackets])",
    sql_example = r#"```sql
SELECT c['period'], c['n'], c['measure'] FROM (
  SELECT unnest(retention_cells(ts, periods_between(TIMESTAMP '2018-01-01', ts, 'month'), measure => amount)) AS c
  FROM (VALUES (TIMESTAMP '2018-01-05T00:00:00', 10.0), (TIMESTAMP '2018-03-02T00:00:00', 20.0), (TIMESTAMP '2018-03-20T00:00:00', 5.0)) AS t(ts, amount));
-- 0 | NULL | NULL
-- 0 | 0 | 10.0
-- 0 | 2 | 25.0
```"#,
    argument(name = "ts", description = "time of the row"),
    argument(name = "period", description = "the number of the period that the row lies in"),
    argument(name = "starts", description = "a condition: the row starts; default: every row"),
    argument(
        name = "returns",
        description = "a condition: the row is a return; default: every row"
    ),
    argument(
        name = "in_range",
        description = "a condition: a start in this period has a cohort; default: every one"
    ),
    argument(name = "measure", description = "what is summed in each cell; default: nothing"),
    argument(name = "group", description = "what cohorts are split by, its value at the start"),
    argument(
        name = "start",
        description = "'first_ever' (default), 'first_in_range' or 'recurring'"
    ),
    argument(name = "rule", description = "'on' (default), 'on_or_after' or 'every'"),
    argument(
        name = "hours",
        description = "hours of a cell that is counted from the start, both times down to the full hour; default: periods of the calendar"
    ),
    argument(name = "min_count", description = "so many rows make a return; default 1"),
    argument(name = "periods", description = "the last n; default 12"),
    argument(
        name = "brackets",
        description = "a list of where cells begin and where the last one ends, instead of periods"
    )
)]
#[derive(Debug, PartialEq, Eq, Hash)]
struct RetentionCells {
    signature: Signature,
}

impl Default for RetentionCells {
    fn default() -> Self {
        Self { signature: args::signature(PARAMS) }
    }
}

/// Whether a call asks for measures or groups: then there are arguments for them.
fn measured(mut types: impl Iterator<Item = DataType>) -> bool {
    let given = |ty: Option<DataType>| ty.is_some_and(|ty| ty != DataType::Null);
    given(types.nth(MEASURE)) | given(types.nth(GROUP - MEASURE - 1))
}

impl AggregateUDFImpl for RetentionCells {
    fn name(&self) -> &str {
        NAME
    }

    fn signature(&self) -> &Signature {
        &self.signature
    }

    fn coerce_types(&self, types: &[DataType]) -> Result<Vec<DataType>> {
        let mut coerced = args::coerce(NAME, PARAMS, types)?;
        for at in [MEASURE, GROUP] {
            if let (Some(DataType::Null), Some(slot)) = (types.get(at), coerced.get_mut(at)) {
                *slot = DataType::Null;
            }
        }
        Ok(coerced)
    }

    fn return_type(&self, types: &[DataType]) -> Result<DataType> {
        Ok(DataType::List(element(types.first().unwrap_or(&DataType::Null))))
    }

    fn is_nullable(&self) -> bool {
        false
    }

    fn default_value(&self, ty: &DataType) -> Result<ScalarValue> {
        ScalarValue::new_default(ty)
    }

    fn simplify(&self) -> Option<AggregateFunctionSimplification> {
        Some(Box::new(|call, info| {
            // no argument for what is not asked for
            let given = PARAMS.get(..call.params.args.len()).unwrap_or(PARAMS);
            args::complete_aggregate(given, call, info)
        }))
    }

    fn state_fields(&self, args: StateFieldsArgs) -> Result<Vec<FieldRef>> {
        Ok(if measured(args.input_fields.iter().map(|f| f.data_type().clone())) {
            state_fields::<Measured>(&args)
        } else {
            state_fields::<i64>(&args)
        })
    }

    fn order_sensitivity(&self) -> AggregateOrderSensitivity {
        AggregateOrderSensitivity::Insensitive
    }

    fn accumulator(&self, args: AccumulatorArgs) -> Result<Box<dyn Accumulator>> {
        Ok(if measured(args.expr_fields.iter().map(|f| f.data_type().clone())) {
            accumulator(Cells::<Measured>::new(&args)?)
        } else {
            accumulator(Cells::<i64>::new(&args)?)
        })
    }

    fn groups_accumulator_supported(&self, _args: AccumulatorArgs) -> bool {
        true
    }

    fn create_groups_accumulator(
        &self,
        args: AccumulatorArgs,
    ) -> Result<Box<dyn GroupsAccumulator>> {
        Ok(if measured(args.expr_fields.iter().map(|f| f.data_type().clone())) {
            groups_accumulator(Cells::<Measured>::new(&args)?)
        } else {
            groups_accumulator(Cells::<i64>::new(&args)?)
        })
    }

    fn documentation(&self) -> Option<&Documentation> {
        self.doc()
    }
}

/// The elements of the answer; `ts` is the type of the times.
pub(super) fn element(ts: &DataType) -> FieldRef {
    let ts = match ts {
        DataType::Timestamp(..) => ts.clone(),
        _ => DataType::Timestamp(TimeUnit::Microsecond, None),
    };
    item(&DataType::Struct(Fields::from(vec![
        Field::new("period", DataType::Int64, true),
        Field::new("start_ts", ts, true),
        Field::new("group", DataType::Utf8View, true),
        Field::new("n", DataType::Int64, true),
        Field::new("measure", DataType::Float64, true),
    ])))
}

type Measured = (i64, Amount, Label);

/// A payload from what a row says.
trait Given: Visit {
    fn given(mark: Mark, amount: impl FnOnce() -> Amount, group: impl FnOnce() -> Label) -> Self;
}

impl Given for i64 {
    fn given(mark: Mark, _: impl FnOnce() -> Amount, _: impl FnOnce() -> Label) -> Self {
        mark.pack()
    }
}

impl Given for Measured {
    fn given(mark: Mark, amount: impl FnOnce() -> Amount, group: impl FnOnce() -> Label) -> Self {
        (mark.pack(), amount(), group())
    }
}

#[derive(Debug, Clone)]
struct Cells<V> {
    matrix: Matrix,
    /// which conditions are left out: every row satisfies them
    every: [bool; 3],
    element: FieldRef,
    scratch: Scratch,
    visits: PhantomData<V>,
}

impl<V> Cells<V> {
    fn new(args: &AccumulatorArgs) -> Result<Self> {
        let matrix = matrix_options::matrix(NAME, PARAMS, args.exprs)?;
        // a column is no constant
        let every = ["starts", "returns", "in_range"].map(|name| {
            args::constant(NAME, PARAMS, args.exprs, name)
                .is_ok_and(|v| v.is_null() || v == ScalarValue::Boolean(Some(true)))
        });
        let ts = args.expr_fields.first().map_or(DataType::Null, |f| f.data_type().clone());
        Ok(Self {
            matrix,
            every,
            element: element(&ts),
            scratch: Scratch::default(),
            visits: PhantomData,
        })
    }
}

impl<V: Given> Sequence for Cells<V> {
    type Payload = V;
    const ANSWER: Answer = Answer { group: START + ELEMENT, event: ELEMENT };

    fn answer(&self) -> Answer {
        // of a start there may be all cells, and every row may be a start
        let cells = self.matrix.brackets.len().min(USUAL_CELLS) * ELEMENT;
        Answer {
            group: Self::ANSWER.group + if self.matrix.rule == Rule::OnOrAfter { cells } else { 0 },
            event: if self.matrix.start == Start::Recurring { cells } else { ELEMENT },
        }
    }

    fn read(&self, args: &[ArrayRef], batch: &mut Batch<V>) -> Result<()> {
        let [ts, period, rest @ ..] = args else { return internal_err!("{NAME} needs ts, period") };
        let ts = ts.as_primitive::<TimestampMicrosecondType>();
        let period = period.as_primitive::<Int64Type>();
        let mut conditions: [Option<&BooleanArray>; 3] = [None; 3];
        for ((condition, arg), every) in conditions.iter_mut().zip(rest).zip(self.every) {
            *condition = (!every).then(|| arg.as_boolean());
        }
        let [starts, returns, in_range] = conditions;
        let met = |condition: Option<&BooleanArray>, row| {
            condition.is_none_or(|c| c.is_valid(row) && c.value(row))
        };
        let not_null = |at: usize| args.get(at).filter(|a| *a.data_type() != DataType::Null);
        let measure = not_null(MEASURE).map(|a| a.as_primitive::<Float64Type>());
        let group = not_null(GROUP).map(|a| a.as_string::<i32>());
        batch.push_each(ts, |row, texts| {
            let mark = Mark {
                period: period.is_valid(row).then(|| period.value(row))?,
                starts: met(starts, row),
                returns: met(returns, row),
                in_range: met(in_range, row),
            };
            let amount = || match measure {
                Some(m) if m.is_valid(row) => Amount::new(m.value(row)),
                _ => Amount::NULL,
            };
            let label = || match group {
                Some(g) if g.is_valid(row) => texts.label(g.value(row)),
                _ => Label::NONE,
            };
            (mark.starts || mark.returns).then(|| (ts.value(row), V::given(mark, amount, label)))
        })
    }

    fn finish(&mut self, groups: Sequences<V>) -> Result<ArrayRef> {
        let mut answers = Answers::with_capacity(groups.len());
        let Self { matrix, scratch, .. } = self;
        groups.each(|visits, texts| {
            matrix.cells(visits, scratch, &mut |cell| answers.push(cell, texts));
            answers.lists.end_at(answers.n.len())
        })?;
        answers.finish(&self.element)
    }
}

/// The lists of all groups.
struct Answers {
    period: Vec<i64>,
    start: Vec<i64>,
    /// nothing before the first cell that has one
    group: Option<StringViewBuilder>,
    n: Vec<i64>,
    measure: Vec<f64>,
    /// which elements have `n` and `measure`
    is_cell: NullBufferBuilder,
    lists: Lists,
}

impl Answers {
    fn with_capacity(groups: usize) -> Self {
        Self {
            period: Vec::with_capacity(groups),
            start: Vec::with_capacity(groups),
            group: None,
            n: Vec::with_capacity(groups),
            measure: Vec::with_capacity(groups),
            is_cell: NullBufferBuilder::new(groups),
            lists: Lists::with_capacity(groups),
        }
    }

    fn push(&mut self, cell: Cell, texts: &Texts) {
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
        self.measure.push(cell.measure.unwrap_or_default());
        self.is_cell.append(cell.n.is_some());
    }

    fn finish(mut self, element: &FieldRef) -> Result<ArrayRef> {
        let DataType::Struct(fields) = element.data_type() else {
            return internal_err!("{NAME}: an element is a struct");
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
            Arc::new(Float64Array::new(self.measure.into(), is_cell)),
        ];
        let cells = StructArray::try_new(fields.clone(), columns, None)?;
        Lists::column(&self.lists.finish(), Arc::new(cells))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::testing::{batch, same_bits, session, value};
    use datafusion::arrow::array::StringArray;

    #[tokio::test]
    async fn any_cut_gives_the_same_bits() -> Result<()> {
        let numbers =
            |of: fn(i64) -> Option<i64>| Arc::new(Int64Array::from_iter((0..400).map(of)));
        let ts = (0..400i64).map(|i| (i % 11 != 2).then_some(i * i % 97 * 3_600_000_000));
        let amount = (0..400i64).map(|i| (i % 6 > 0).then_some((i * i % 53) as f64 / 10.0));
        let by = (0..400).map(|i| ["tea", "cups"].get(i * i % 3).copied());
        let rows = batch(vec![
            ("c", numbers(|i| Some(i * i % 31))),
            ("ts", Arc::new(TimestampMicrosecondArray::from_iter(ts))),
            ("p", numbers(|i| (i % 13 > 0).then_some(i * i % 97 / 24))),
            ("x", numbers(|i| (i % 9 > 0).then_some(i % 5))),
            ("amount", Arc::new(Float64Array::from_iter(amount))),
            ("by", Arc::new(StringArray::from_iter(by))),
        ])?;
        let sql = "SELECT c, retention_cells(ts, p), retention_cells(ts, p, x > 2, x < 4, p > 0, amount, by, 'recurring', 'on_or_after', NULL, 2),
              retention_cells(ts, p, x > 2, true, true, amount, NULL, 'first_in_range', 'every', 24, 1, 3) FILTER (WHERE x > 0),
              retention_cells(ts, p, true, true, true, NULL, by, NULL, NULL, NULL, NULL, NULL, [0, 1, 3])
            FROM t GROUP BY c ORDER BY c";
        same_bits(&rows, sql).await?;
        same_bits(
            &rows,
            "SELECT retention_cells(ts, p, NULL, NULL, NULL, amount) FROM t WHERE c < 3",
        )
        .await?;
        Ok(())
    }

    #[tokio::test]
    async fn nobody_has_no_cells_and_wrong_options_are_refused() -> Result<()> {
        assert_eq!(value("SELECT retention_cells(now(), 1) WHERE 1 = 2").await?, "[]");
        assert_eq!(value("SELECT retention_cells(NULL, 1)").await?, "[]");
        // start, rule, hours, min_count, periods, brackets
        for (options, want) in [
            (
                "NULL, 'often', NULL, 1, 1",
                "rule must be 'on', 'on_or_after', 'every', got \"often\"",
            ),
            ("'once'", "start must be 'first_ever', 'first_in_range', 'recurring', got \"once\""),
            ("NULL, NULL, NULL, 1, 0", "periods must be at least 1, got 0"),
            ("NULL, NULL, NULL, 1, 1000000", "periods must be at most 100000, got 1000000"),
            ("NULL, NULL, -1", "hours must be at least 1, got -1"),
            ("NULL, NULL, NULL, 1, 1, [1]", "brackets must be whole numbers from 0 on that rise"),
            ("NULL, NULL, NULL, 1, 1, [1, 3, 2]", "brackets must be whole numbers from 0 on"),
            ("NULL, NULL, NULL, 1, 1, ['a', 'b']", "brackets must be whole numbers from 0 on"),
            ("NULL, NULL, NULL, x", "(min_count) must be a constant"),
        ] {
            let sql = format!(
                "SELECT retention_cells(now(), x, NULL, NULL, NULL, NULL, NULL, {options}) FROM (VALUES (1)) AS t(x)"
            );
            let run = async { session(1, 8192)?.sql(&sql).await?.collect().await };
            let err = run.await.unwrap_err().to_string();
            assert!(err.contains(want), "{options}: {err}");
        }
        Ok(())
    }
}
