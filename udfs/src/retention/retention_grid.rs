//! `retention_grid(cells [, start, rule, periods, brackets])`: the cells of a retention matrix, counted
//! over customers.
//!
//! `cells` are the lists of `retention_cells`, or of `active_periods`: then a customer starts and
//! returns in each of the periods of their list, in any order and each once, and the options are
//! those of `retention_cells`. NULL lists and NULL elements are ignored, and so are
//! measures that are NULL or not finite. Sums of DECIMALs are exact, others are rounded
//! once, so that any order of the customers gives the same bits. O(1) an element; memory: about 80 bytes a cell of the matrix, whatever the
//! number of customers.

use std::sync::{Arc, LazyLock};

use datafusion::arrow::array::{
    Array, ArrayRef, AsArray, Float64Array, Int64Array, StringViewArray, StructArray,
    TimestampMicrosecondArray,
};
use datafusion::arrow::datatypes::{
    DataType, Decimal128Type, Field, FieldRef, Fields, Float64Type, Int64Type, TimeUnit,
    TimestampMicrosecondType,
};
use datafusion::common::{Result, ScalarValue, exec_err, internal_err, plan_err};
use datafusion::logical_expr::function::{
    AccumulatorArgs, AggregateFunctionSimplification, StateFieldsArgs,
};
use datafusion::logical_expr::utils::{AggregateOrderSensitivity, format_state_name};
use datafusion::logical_expr::{
    Accumulator, AggregateUDF, AggregateUDFImpl, Documentation, Signature,
};
use datafusion_macros::user_doc;

use super::cell_lists::{Sums, element, sum_type};
use super::cells::{Mark, Matrix, Scratch};
use super::grid::{Count, Grid};
use super::matrix_options;
use crate::args::{self, Fill, Param, Ty, option, required};
use crate::exact_sum::ExactSum;
use crate::lists::{item, list_field, one_list, ranges, runs};

const NAME: &str = "retention_grid";
const PARAMS: &[Param] = &[
    required("cells", Ty::Any),
    option("start", Ty::Text, Fill::Text("first_ever")),
    option("rule", Ty::Text, Fill::Text("on")),
    option("periods", Ty::Int, Fill::Int(12)),
    option("brackets", Ty::Any, Fill::Null),
];
/// Numbers of periods are in so many bits.
const PERIOD_BITS: u32 = 61;
/// Fields of an element of `retention_cells`.
const CELL: [&str; 5] = ["period", "start_ts", "group", "n", "measure"];

static UDAF: LazyLock<Arc<AggregateUDF>> =
    LazyLock::new(|| Arc::new(AggregateUDF::from(RetentionGrid::default())));

/// The aggregate `retention_grid`.
pub fn retention_grid_udaf() -> Arc<AggregateUDF> {
    Arc::clone(&UDAF)
}

#[user_doc(
    doc_section(label = "Retention"),
    description = "A retention matrix put together from the cells of its customers: LIST<STRUCT<period, group, n, customers, measure, first_start, last_start>>, by period, group and n. cells are the lists of retention_cells, or those of active_periods: then a customer starts and returns in each of the periods, start, rule, periods and brackets are those of retention_matrix, and first_start and last_start are NULL. The element of a cohort whose n is NULL counts those who started, the others those who were retained in n; measure is their sum, first_start and last_start are when the first and the last of them started. The table function retention_matrix asks for all of this in one call; with the lists kept in a table, the matrix of any segment is a GROUP BY away. NULL lists, NULL elements and measures that are NULL or not finite are ignored; no cells give an empty list. Any order of rows gives the same bits. O(1) an element; memory: about 80 bytes a cell of the matrix.",
    syntax_example = "retention_grid(cells [, start, rule, periods, brackets])",
    sql_example = r#"```sql
SELECT c['period'], c['n'], c['customers'], c['measure'] FROM (
  SELECT unnest(retention_grid(cells)) AS c FROM (
    SELECT retention_cells(ts, periods_between(TIMESTAMP '2018-01-01', ts, 'month'), measure => amount) AS cells
    FROM (VALUES (7, TIMESTAMP '2018-01-05T00:00:00', 10.0), (7, TIMESTAMP '2018-03-02T00:00:00', 20.0), (8, TIMESTAMP '2018-01-20T00:00:00', 5.0)) AS t(customer_id, ts, amount)
    GROUP BY customer_id));
-- 0 | NULL | 2 | 0.0
-- 0 | 0 | 2 | 15.0
-- 0 | 2 | 1 | 20.0
SELECT c['period'], c['n'], c['customers'] FROM (
  SELECT unnest(retention_grid(months, periods => 2)) AS c FROM (VALUES ([0, 2]), ([0]), ([1, 2])) AS t(months));
-- 0 | NULL | 2
-- 0 | 0 | 2
-- 0 | 2 | 1
-- 1 | NULL | 1
-- 1 | 0 | 1
-- 1 | 1 | 1
```"#,
    argument(
        name = "cells",
        description = "the list of `retention_cells` or of `active_periods`, of one customer each"
    ),
    argument(
        name = "start",
        description = "of active_periods: 'first_ever' (default), 'first_in_range' (the same here) or 'recurring'"
    ),
    argument(
        name = "rule",
        description = "of active_periods: 'on' (default), 'on_or_after' or 'every'"
    ),
    argument(name = "periods", description = "of active_periods: the last n; default 12"),
    argument(
        name = "brackets",
        description = "of active_periods: a list of where cells begin and where the last one ends, instead of periods"
    )
)]
#[derive(Debug, PartialEq, Eq, Hash)]
struct RetentionGrid {
    signature: Signature,
}

impl Default for RetentionGrid {
    fn default() -> Self {
        Self { signature: args::signature(PARAMS) }
    }
}

/// The types of the times and the sums in lists of cells; none if they are something else.
fn cell_types(cells: &DataType) -> Option<(DataType, DataType)> {
    let usual = (DataType::Timestamp(TimeUnit::Microsecond, None), DataType::Float64);
    let Some(of) = element_type(cells) else { return cells.is_null().then_some(usual) };
    let DataType::Struct(fields) = of else { return of.is_null().then_some(usual) };
    let named = fields.iter().map(|f| f.name().as_str()).eq(CELL);
    let of = |name| fields.iter().find(|f| f.name() == name).map(|f| f.data_type());
    match (of("start_ts")?, of("measure")?) {
        (DataType::Timestamp(_, zone), measure) if named => Some((
            DataType::Timestamp(TimeUnit::Microsecond, zone.clone()),
            sum_type(Some(measure)),
        )),
        _ => None,
    }
}

/// What lists are of.
fn element_type(lists: &DataType) -> Option<&DataType> {
    match lists {
        DataType::List(of)
        | DataType::LargeList(of)
        | DataType::ListView(of)
        | DataType::LargeListView(of)
        | DataType::FixedSizeList(of, _) => Some(of.data_type()),
        _ => None,
    }
}

/// Whether they are lists of numbers of periods.
fn are_periods(lists: &DataType) -> bool {
    element_type(lists).is_some_and(DataType::is_integer)
}

/// The elements of the answer.
fn answer(start: &DataType, sum: &DataType) -> Fields {
    Fields::from(vec![
        Field::new("period", DataType::Int64, true),
        Field::new("group", DataType::Utf8View, true),
        Field::new("n", DataType::Int64, true),
        Field::new("customers", DataType::Int64, true),
        Field::new("measure", sum.clone(), true),
        Field::new("first_start", start.clone(), true),
        Field::new("last_start", start.clone(), true),
    ])
}

impl AggregateUDFImpl for RetentionGrid {
    fn name(&self) -> &str {
        NAME
    }

    fn signature(&self) -> &Signature {
        &self.signature
    }

    fn coerce_types(&self, types: &[DataType]) -> Result<Vec<DataType>> {
        let mut coerced = args::coerce(NAME, PARAMS, types)?;
        let options = coerced.len() > 1;
        let Some(cells) = coerced.first_mut() else { return internal_err!("{NAME} needs cells") };
        *cells = match cell_types(cells) {
            _ if are_periods(cells) || (options && cells.is_null()) => {
                DataType::List(item(&DataType::Int64))
            }
            Some(_) if options => {
                return plan_err!(
                    "{NAME}: start, rule, periods and brackets are given to retention_cells where cells are its lists"
                );
            }
            Some((start, sum)) => DataType::List(element(&start, &sum)),
            None => {
                return plan_err!(
                    "{NAME}: cells must be lists of retention_cells or of active_periods, got {cells}"
                );
            }
        };
        Ok(coerced)
    }

    fn simplify(&self) -> Option<AggregateFunctionSimplification> {
        Some(Box::new(|call, info| {
            let given = PARAMS.get(..call.params.args.len()).unwrap_or(PARAMS);
            args::complete_aggregate(given, call, info)
        }))
    }

    fn return_type(&self, types: &[DataType]) -> Result<DataType> {
        let usual = || (DataType::Timestamp(TimeUnit::Microsecond, None), DataType::Float64);
        let (start, sum) = types.first().and_then(cell_types).unwrap_or_else(usual);
        Ok(DataType::List(item(&DataType::Struct(answer(&start, &sum)))))
    }

    fn is_nullable(&self) -> bool {
        false
    }

    fn default_value(&self, ty: &DataType) -> Result<ScalarValue> {
        ScalarValue::new_default(ty)
    }

    fn state_fields(&self, args: StateFieldsArgs) -> Result<Vec<FieldRef>> {
        let field =
            |(name, ty): &(&str, DataType)| list_field(format_state_name(args.name, name), ty);
        Ok(STATE.iter().map(field).collect())
    }

    fn order_sensitivity(&self) -> AggregateOrderSensitivity {
        AggregateOrderSensitivity::Insensitive
    }

    fn accumulator(&self, args: AccumulatorArgs) -> Result<Box<dyn Accumulator>> {
        args::no_distinct(NAME, &args)?;
        let DataType::List(element) = args.return_field.data_type() else {
            return internal_err!("{NAME} gives a list");
        };
        let DataType::Struct(fields) = element.data_type() else {
            return internal_err!("{NAME}: an element is a struct");
        };
        let counts = Counts { grid: Grid::default(), fields: fields.clone() };
        if !args.expr_fields.first().is_some_and(|f| are_periods(f.data_type())) {
            return Ok(Box::new(counts));
        }
        let matrix = matrix_options::matrix(NAME, PARAMS, args.exprs)?;
        Ok(Box::new(OfPeriods {
            counts,
            matrix,
            scratch: Scratch::default(),
            periods: vec![],
            visits: vec![],
        }))
    }

    fn documentation(&self) -> Option<&Documentation> {
        self.doc()
    }
}

/// What a state consists of: one element for each cell, and the parts of all sums after another.
const STATE: [(&str, DataType); 8] = [
    ("period", DataType::Int64),
    ("group", DataType::Utf8View),
    ("n", DataType::Int64),
    ("customers", DataType::Int64),
    ("first", DataType::Int64),
    ("last", DataType::Int64),
    ("parts_end", DataType::Int64),
    ("parts", DataType::Float64),
];

#[derive(Debug)]
struct Counts {
    grid: Grid,
    /// of an element of the answer
    fields: Fields,
}

impl Accumulator for Counts {
    fn update_batch(&mut self, values: &[ArrayRef]) -> Result<()> {
        let [lists] = values else { return internal_err!("{NAME} takes one argument") };
        let lists = lists.as_list::<i32>();
        let cells = lists.values().as_struct();
        let [period, start, group, n, measure] = cells.columns() else {
            return internal_err!("{NAME}: a cell has five fields");
        };
        let period = period.as_primitive::<Int64Type>();
        let start = start.as_primitive::<TimestampMicrosecondType>();
        let group = group.as_string_view();
        let n = n.as_primitive::<Int64Type>();
        let digits = measure.as_primitive_opt::<Decimal128Type>();
        let doubles = measure.as_primitive_opt::<Float64Type>();
        let grouped = group.null_count() < group.len();
        for i in runs(lists).flatten() {
            if cells.is_null(i) || period.is_null(i) || start.is_null(i) {
                continue;
            }
            let group = (grouped && group.is_valid(i)).then(|| group.value(i));
            let n = n.is_valid(i).then(|| n.value(i));
            let count = self.grid.cohort(period.value(i), group).cell(n);
            count.add(start.value(i));
            if measure.is_valid(i) {
                doubles.into_iter().for_each(|m| count.add_measure(m.value(i)));
                digits.into_iter().for_each(|m| count.measure.add_whole(m.value(i)));
            }
        }
        Ok(())
    }

    fn evaluate(&mut self) -> Result<ScalarValue> {
        let start = self.fields.last().map_or(&DataType::Null, |f| f.data_type());
        let rows: Vec<Flat<'_>> = self.flat().collect();
        let int = |of: fn(&Flat<'_>) -> Option<i64>| -> ArrayRef {
            Arc::new(rows.iter().map(of).collect::<Int64Array>())
        };
        let time = |of: fn((i64, i64)) -> i64| -> ArrayRef {
            let times: TimestampMicrosecondArray =
                rows.iter().map(|r| r.count.starts().map(of)).collect();
            Arc::new(times.with_data_type(start.clone()))
        };
        let mut sums = Sums::of(&self.fields);
        rows.iter().for_each(|r| sums.push(Some(&r.count.measure)));
        if sums.overflowed() {
            return exec_err!("{NAME}: a sum of measure has more than 38 digits");
        }
        let columns: Vec<ArrayRef> = vec![
            int(|r| Some(r.period)),
            Arc::new(rows.iter().map(|r| r.group).collect::<StringViewArray>()),
            int(|r| r.n),
            int(|r| Some(r.count.customers)),
            sums.finish(None),
            time(|starts| starts.0),
            time(|starts| starts.1),
        ];
        let cells = StructArray::try_new(self.fields.clone(), columns, None)?;
        one_list(Arc::new(cells))
    }

    fn state(&mut self) -> Result<Vec<ScalarValue>> {
        let rows: Vec<Flat<'_>> = self.flat().collect();
        let int = |of: fn(&Flat<'_>) -> Option<i64>| -> ArrayRef {
            Arc::new(rows.iter().map(of).collect::<Int64Array>())
        };
        let mut parts: Vec<f64> = vec![];
        let mut ends: Vec<i64> = Vec::with_capacity(rows.len());
        for row in &rows {
            parts.extend_from_slice(row.count.measure.parts());
            ends.push(i64::try_from(parts.len()).unwrap_or(i64::MAX));
        }
        let columns: Vec<ArrayRef> = vec![
            int(|r| Some(r.period)),
            Arc::new(rows.iter().map(|r| r.group).collect::<StringViewArray>()),
            int(|r| r.n),
            int(|r| Some(r.count.customers)),
            int(|r| Some(r.count.first)),
            int(|r| Some(r.count.last)),
            Arc::new(Int64Array::from(ends)),
            Arc::new(Float64Array::from(parts)),
        ];
        columns.into_iter().map(one_list).collect()
    }

    fn merge_batch(&mut self, states: &[ArrayRef]) -> Result<()> {
        let [period, group, n, customers, first, last, ends, parts] = states else {
            return internal_err!("{NAME}: a state has eight columns");
        };
        for row in 0..period.len() {
            let list = |column: &ArrayRef| column.as_list::<i32>().value(row);
            let [period, n, customers, first, last, ends] =
                [period, n, customers, first, last, ends].map(list);
            let [period, n, customers, first, last, ends] =
                [&period, &n, &customers, &first, &last, &ends]
                    .map(|c| c.as_primitive::<Int64Type>());
            let (group, parts) = (list(group), list(parts));
            let (group, parts) = (group.as_string_view(), parts.as_primitive::<Float64Type>());
            let mut from = 0;
            for i in 0..period.len() {
                let to = usize::try_from(ends.value(i)).unwrap_or(0);
                let count = Count {
                    customers: customers.value(i),
                    measure: ExactSum::from_parts(parts.values().get(from..to).unwrap_or(&[])),
                    first: first.value(i),
                    last: last.value(i),
                };
                from = to;
                let group = group.is_valid(i).then(|| group.value(i));
                let n = n.is_valid(i).then(|| n.value(i));
                self.grid.cohort(period.value(i), group).cell(n).merge(&count);
            }
        }
        Ok(())
    }

    fn size(&self) -> usize {
        size_of::<Self>() + self.grid.size()
    }
}

/// The counts of customers of whom the periods are known in which they were active.
#[derive(Debug)]
struct OfPeriods {
    counts: Counts,
    matrix: Matrix,
    scratch: Scratch,
    /// of one customer
    periods: Vec<i64>,
    visits: Vec<(i64, i64)>,
}

impl Accumulator for OfPeriods {
    fn update_batch(&mut self, values: &[ArrayRef]) -> Result<()> {
        let Some(lists) = values.first() else { return internal_err!("{NAME} needs cells") };
        let lists = lists.as_list::<i32>();
        let numbers = lists.values().as_primitive::<Int64Type>();
        let Self { counts, matrix, scratch, periods, visits } = self;
        for rows in ranges(lists) {
            periods.clear();
            periods.extend(rows.filter(|row| numbers.is_valid(*row)).map(|row| numbers.value(row)));
            let long =
                |period: &&i64| period.unsigned_abs().leading_zeros() <= i64::BITS - PERIOD_BITS;
            if let Some(period) = periods.iter().find(long) {
                return exec_err!("{NAME}: {period} is not the number of a period");
            }
            if !periods.is_sorted_by(|a, b| a < b) {
                periods.sort_unstable();
                periods.dedup();
            }
            if matrix.one_is_enough() {
                matrix.cells_of_periods(periods, |period, cells| {
                    let cohort = counts.grid.cohort(period, None);
                    cohort.cell(None).add_one();
                    cells.for_each(|n| cohort.cell(Some(n)).add_one());
                });
                continue;
            }
            visits.clear();
            visits.extend(periods.iter().map(|period| {
                let mark = Mark { period: *period, starts: true, returns: true, in_range: true };
                (*period, mark.pack())
            }));
            matrix.cells(visits, scratch, &mut |cell| {
                counts.grid.cohort(cell.period, None).cell(cell.n).add_one();
            });
        }
        Ok(())
    }

    fn evaluate(&mut self) -> Result<ScalarValue> {
        self.counts.evaluate()
    }

    fn state(&mut self) -> Result<Vec<ScalarValue>> {
        self.counts.state()
    }

    fn merge_batch(&mut self, states: &[ArrayRef]) -> Result<()> {
        self.counts.merge_batch(states)
    }

    fn size(&self) -> usize {
        size_of::<Self>() - size_of::<Counts>()
            + self.counts.size()
            + self.periods.capacity() * size_of::<i64>()
            + self.visits.capacity() * size_of::<(i64, i64)>()
    }
}

/// A cell of the matrix.
struct Flat<'a> {
    period: i64,
    group: Option<&'a str>,
    n: Option<i64>,
    count: &'a Count,
}

impl Counts {
    fn flat(&self) -> impl Iterator<Item = Flat<'_>> {
        self.grid.sorted().into_iter().flat_map(|((period, group), cohort)| {
            cohort.cells().map(|(n, count)| Flat {
                period: *period,
                group: group.as_deref(),
                n,
                count,
            })
        })
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
            |of: fn(i64) -> Option<i64>| Arc::new(Int64Array::from_iter((0..600).map(of)));
        let ts = (0..600i64).map(|i| Some(i * i % 97 * 3_600_000_000));
        let amount = (0..600i64).map(|i| (i % 6 > 0).then_some((i * i % 53) as f64 / 10.0));
        let by = (0..600).map(|i| ["tea", "cups"].get(i * i % 3).copied());
        let rows = batch(vec![
            ("c", numbers(|i| Some(i * i % 131))),
            ("segment", numbers(|i| Some(i * i % 131 % 4))),
            ("ts", Arc::new(TimestampMicrosecondArray::from_iter(ts))),
            ("p", numbers(|i| Some(i * i % 97 / 24))),
            ("amount", Arc::new(Float64Array::from_iter(amount))),
            ("by", Arc::new(StringArray::from_iter(by))),
        ])?;
        let lists = "SELECT segment, retention_cells(ts, p, true, true, true, amount, by, 'recurring') AS cells FROM t GROUP BY c, segment";
        same_bits(&rows, &format!("SELECT retention_grid(cells) FROM ({lists})")).await?;
        same_bits(&rows, &format!("SELECT segment, retention_grid(cells), retention_grid(cells) FILTER (WHERE segment > 1) FROM ({lists}) GROUP BY segment ORDER BY segment")).await?;
        Ok(())
    }

    /// The grid is what unnesting the cells and counting them gives.
    #[tokio::test]
    async fn it_counts_what_is_in_the_lists() -> Result<()> {
        let logs = "SELECT n % 50 AS c, arrow_cast(n * 7919 % 1000 * 3600000000, 'Timestamp(Microsecond, None)') AS ts, n * 7919 % 1000 / 24 AS p, CASE WHEN n % 3 = 0 THEN 'a' WHEN n % 3 = 1 THEN 'b' END AS g, CAST(n % 7 AS DOUBLE) / 4 AS m FROM (SELECT unnest(range(0, 700)) AS n)";
        let lists = format!(
            "SELECT retention_cells(ts, p, true, true, true, m, g, 'recurring') AS cells FROM ({logs}) GROUP BY c"
        );
        let grid = format!(
            "SELECT g['period'], g['group'], g['n'], g['customers'], g['measure'], g['first_start'], g['last_start'] FROM (SELECT unnest(retention_grid(cells)) AS g FROM ({lists}))"
        );
        let counted = format!(
            "SELECT c['period'], c['group'], c['n'], count(*), coalesce(sum(c['measure']), 0), min(c['start_ts']), max(c['start_ts']) FROM (SELECT unnest(cells) AS c FROM ({lists})) GROUP BY 1, 2, 3"
        );
        let apart = format!(
            "SELECT (SELECT count(*) FROM ({grid})) > 500 AND (SELECT count(*) FROM ({grid} EXCEPT {counted})) + (SELECT count(*) FROM ({counted} EXCEPT {grid})) = 0"
        );
        assert_eq!(value(&apart).await?, "true");
        Ok(())
    }

    #[tokio::test]
    async fn nothing_gives_nothing_and_other_lists_are_refused() -> Result<()> {
        assert_eq!(value("SELECT retention_grid(NULL)").await?, "[]");
        assert_eq!(value("SELECT retention_grid(NULL, 'recurring')").await?, "[]");
        assert_eq!(
            value("SELECT retention_grid(arrow_cast([NULL, NULL], 'List(Int64)'))").await?,
            "[]"
        );
        for (cells, want) in [
            ("1", "got Int64"),
            ("['a']", "lists of retention_cells or of active_periods, got List"),
            ("[1], 'never'", "start must be 'first_ever', 'first_in_range', 'recurring'"),
            ("[1], NULL, NULL, NULL, [2]", "brackets must be whole numbers"),
            ("[-1152921504606846977]", "-1152921504606846977 is not the number of a period"),
            ("[1152921504606846976]", "1152921504606846976 is not the number of a period"),
            ("retention_cells(now(), 1), 'recurring'", "are given to retention_cells"),
        ] {
            let sql = format!("SELECT retention_grid({cells})");
            let run = async { session(1, 8192)?.sql(&sql).await?.collect().await };
            let err = run.await.unwrap_err().to_string();
            assert!(err.contains(want), "{cells}: {err}");
        }
        Ok(())
    }
}
