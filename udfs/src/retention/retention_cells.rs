//! `retention_cells(ts, period [, starts, returns, in_range, measure, group, start, rule, hours,
//! min_count, periods, brackets])`: in which cells of a retention matrix one customer is.
//!
//! `period` is the number of the period that the row lies in, such as `periods_between` counts them
//! from a fixed time; `ts` decides what comes first. For each start that has a cohort the list has
//! one element with `n` NULL, and then one for each cell that the customer is retained in. Rules and
//! counts are in `cells.rs`, and in words at the table function `retention_matrix`, which puts the
//! cells of all customers together. NULL conditions are false, rows with a NULL time or period are
//! ignored; no start, no element. The sum of `measure` is exact for a
//! DECIMAL, else rounded once, and does not depend on the order of rows. Rows in any order. Memory:
//! 20 bytes a row, with a measure or a group 36, with one that is DECIMAL 44, and 44 to 52 bytes an
//! element of the answers.

use std::fmt::Debug;
use std::marker::PhantomData;
use std::sync::{Arc, LazyLock};

use datafusion::arrow::array::{
    Array, ArrayRef, AsArray, BooleanArray, Decimal128Array, Float64Array,
};
use datafusion::arrow::datatypes::{
    DECIMAL128_MAX_PRECISION, DataType, Decimal128Type, FieldRef, Float64Type, Int64Type,
    TimestampMicrosecondType,
};
use datafusion::common::{Result, ScalarValue, exec_err, internal_err};
use datafusion::logical_expr::function::{
    AccumulatorArgs, AggregateFunctionSimplification, StateFieldsArgs,
};
use datafusion::logical_expr::utils::AggregateOrderSensitivity;
use datafusion::logical_expr::{
    Accumulator, AggregateUDF, AggregateUDFImpl, Documentation, GroupsAccumulator, Signature,
};
use datafusion_macros::user_doc;

use super::cell_lists::{Answers, Sums, element, sum_type};
use super::cells::{Mark, Matrix, Rule, Scratch, Start, Visit};
use super::matrix_options;
use crate::args::{self, Fill, Param, Ty, option, required};
use crate::events::{Amount, Digits};
use crate::payload::Label;
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
/// Bytes of an element of the answer, with a sum that is DECIMAL, and of a list.
const ELEMENT: usize = 52;
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
    description = "In which cells of a retention matrix one customer is: LIST<STRUCT<period, start_ts, group, n, measure>>, for each start one element whose n is NULL and then one for each n that the customer is retained in. The table function retention_matrix puts those of all customers together; kept in a table, they can be put together anew by any segment. period is the number of the period that a row lies in, such as periods_between counts from a fixed time. start, rule, min_count, brackets and measure are those of retention_matrix. NULL conditions are false, rows with a NULL time or period are ignored; without a start the list is empty. The sum of measure is an exact DECIMAL if measure is one, else a DOUBLE that is rounded once, and does not depend on the order of rows. Memory: 20 bytes a row, with a measure or a group 36, with one that is DECIMAL 44, and 44 to 52 bytes an element.",
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

/// What is kept of a row.
enum Kept {
    Marks,
    /// … with a measure and a group
    Doubles,
    /// … and a measure that is DECIMAL
    Decimals,
}

/// Whether a call asks for measures or groups: then there are arguments for them.
fn kept(arguments: &[FieldRef]) -> Kept {
    let given = |at: usize| arguments.get(at).map(|f| f.data_type()).filter(|ty| !ty.is_null());
    match (given(MEASURE), given(GROUP)) {
        (None, None) => Kept::Marks,
        (Some(DataType::Decimal128(..)), _) => Kept::Decimals,
        _ => Kept::Doubles,
    }
}

/// The type in which the digits of a DECIMAL are read.
fn as_decimal(ty: &DataType) -> Option<DataType> {
    match ty {
        DataType::Decimal32(p, s) | DataType::Decimal64(p, s) | DataType::Decimal128(p, s) => {
            Some(DataType::Decimal128(*p, *s))
        }
        DataType::Decimal256(_, s) => Some(DataType::Decimal128(DECIMAL128_MAX_PRECISION, *s)),
        _ => None,
    }
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
        if let (Some(decimal), Some(slot)) =
            (types.get(MEASURE).and_then(as_decimal), coerced.get_mut(MEASURE))
        {
            *slot = decimal;
        }
        for at in [MEASURE, GROUP] {
            if let (Some(DataType::Null), Some(slot)) = (types.get(at), coerced.get_mut(at)) {
                *slot = DataType::Null;
            }
        }
        Ok(coerced)
    }

    fn return_type(&self, types: &[DataType]) -> Result<DataType> {
        let ts = types.first().unwrap_or(&DataType::Null);
        Ok(DataType::List(element(ts, &sum_type(types.get(MEASURE)))))
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
        Ok(match kept(args.input_fields) {
            Kept::Marks => state_fields::<i64>(&args),
            Kept::Doubles => state_fields::<Measured>(&args),
            Kept::Decimals => state_fields::<Exact>(&args),
        })
    }

    fn order_sensitivity(&self) -> AggregateOrderSensitivity {
        AggregateOrderSensitivity::Insensitive
    }

    fn accumulator(&self, args: AccumulatorArgs) -> Result<Box<dyn Accumulator>> {
        Ok(match kept(args.expr_fields) {
            Kept::Marks => accumulator(Cells::<i64>::new(&args)?),
            Kept::Doubles => accumulator(Cells::<Measured>::new(&args)?),
            Kept::Decimals => accumulator(Cells::<Exact>::new(&args)?),
        })
    }

    fn groups_accumulator_supported(&self, _args: AccumulatorArgs) -> bool {
        true
    }

    fn create_groups_accumulator(
        &self,
        args: AccumulatorArgs,
    ) -> Result<Box<dyn GroupsAccumulator>> {
        Ok(match kept(args.expr_fields) {
            Kept::Marks => groups_accumulator(Cells::<i64>::new(&args)?),
            Kept::Doubles => groups_accumulator(Cells::<Measured>::new(&args)?),
            Kept::Decimals => groups_accumulator(Cells::<Exact>::new(&args)?),
        })
    }

    fn documentation(&self) -> Option<&Documentation> {
        self.doc()
    }
}

type Measured = (i64, Amount, Label);
type Exact = (i64, Digits, Label);

/// A payload from what a row says.
trait Given: Visit {
    /// Where the amounts are read from.
    type Amounts<'a>;

    fn amounts(measure: Option<&ArrayRef>) -> Self::Amounts<'_>;

    fn given(
        mark: Mark,
        amounts: &Self::Amounts<'_>,
        row: usize,
        group: impl FnOnce() -> Label,
    ) -> Self;
}

impl Given for i64 {
    type Amounts<'a> = ();

    fn amounts(_: Option<&ArrayRef>) {}

    fn given(mark: Mark, (): &(), _: usize, _: impl FnOnce() -> Label) -> Self {
        mark.pack()
    }
}

impl Given for Measured {
    type Amounts<'a> = Option<&'a Float64Array>;

    fn amounts(measure: Option<&ArrayRef>) -> Self::Amounts<'_> {
        measure.map(|m| m.as_primitive::<Float64Type>())
    }

    fn given(
        mark: Mark,
        amounts: &Self::Amounts<'_>,
        row: usize,
        group: impl FnOnce() -> Label,
    ) -> Self {
        let amount = match amounts {
            Some(m) if m.is_valid(row) => Amount::new(m.value(row)),
            _ => Amount::NULL,
        };
        (mark.pack(), amount, group())
    }
}

impl Given for Exact {
    type Amounts<'a> = Option<&'a Decimal128Array>;

    fn amounts(measure: Option<&ArrayRef>) -> Self::Amounts<'_> {
        measure.map(|m| m.as_primitive::<Decimal128Type>())
    }

    fn given(
        mark: Mark,
        amounts: &Self::Amounts<'_>,
        row: usize,
        group: impl FnOnce() -> Label,
    ) -> Self {
        let digits = match amounts {
            Some(m) if m.is_valid(row) => Digits::new(m.value(row)),
            _ => Digits::NULL,
        };
        (mark.pack(), digits, group())
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
        args::no_distinct(NAME, args)?;
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
            element: element(&ts, &sum_type(args.expr_fields.get(MEASURE).map(|f| f.data_type()))),
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
        let amounts = V::amounts(not_null(MEASURE));
        let group = not_null(GROUP).map(|a| a.as_string::<i32>());
        batch.push_each(ts, |row, texts| {
            let mark = Mark {
                period: period.is_valid(row).then(|| period.value(row))?,
                starts: met(starts, row),
                returns: met(returns, row),
                in_range: met(in_range, row),
            };
            let label = || match group {
                Some(g) if g.is_valid(row) => texts.label(g.value(row)),
                _ => Label::NONE,
            };
            (mark.starts || mark.returns)
                .then(|| (ts.value(row), V::given(mark, &amounts, row, label)))
        })
    }

    fn finish(&mut self, groups: Sequences<V>) -> Result<ArrayRef> {
        let DataType::Struct(fields) = self.element.data_type() else {
            return internal_err!("{NAME}: an element is a struct");
        };
        let mut answers = Answers::with_capacity(groups.len(), Sums::of(fields));
        let Self { matrix, scratch, .. } = self;
        groups.each(|visits, texts| {
            matrix.cells(visits, scratch, &mut |cell| answers.push(cell, texts));
            if answers.overflowed() {
                return exec_err!("{NAME}: a sum of measure has more than 38 digits");
            }
            answers.end_list()
        })?;
        answers.finish(&self.element)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::testing::{batch, same_bits, session, value};
    use datafusion::arrow::array::{Int64Array, StringArray, TimestampMicrosecondArray};

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
