//! `customer_summary(ts, amount [, as_of, unit])`: a customer's purchases as one STRUCT.
//!
//! - What: the fields of `schema.rs`. Purchases of one calendar day count as one (for a unit
//!   shorter than a day: those of one unit) and their amounts are added up; times are differences
//!   of such periods, in units. `t` is measured to the period of `as_of`, which is inclusive.
//! - NULL: a row with NULL `ts` is ignored. A NULL, NaN or infinite amount counts as an order, adds
//!   no money, and a period that has no other amount is no part of `monetary_value`.
//! - Equal timestamps are one period like all others; the order of rows never matters, because
//!   money is added in order of (time, amount), with compensated rounding.
//! - Time zone: days are those of the session's wall clock.
//! - A group without purchases gives NULL.
//! - Cost: O(n), and O(k log k) for a customer whose k purchases came out of order. Memory: 20 bytes
//!   a purchase, 36 while they are sorted by customer.
//! - Source: see `core.rs`; the definitions agree with `summary_data_from_transaction_data` of
//!   Lifetimes and `rfm_summary` of PyMC-Marketing, except that a unit longer than a day does not
//!   make periods longer (they call this `freq`; Hardie's published figures count days / 7), that
//!   `as_of` is never taken from the data, and that `monetary_value` without repeats is NULL, not 0.

use std::sync::{Arc, LazyLock};

use datafusion::arrow::array::{
    Array, ArrayRef, AsArray, Float64Array, Int64Array, StructArray, TimestampMicrosecondArray,
};
use datafusion::arrow::buffer::NullBuffer;
use datafusion::arrow::datatypes::{DataType, FieldRef, Float64Type, TimestampMicrosecondType};
use datafusion::common::{Result, ScalarValue, internal_err, plan_err};
use datafusion::logical_expr::function::{
    AccumulatorArgs, AggregateFunctionSimplification, StateFieldsArgs,
};
use datafusion::logical_expr::utils::AggregateOrderSensitivity;
use datafusion::logical_expr::{
    Accumulator, AggregateUDF, AggregateUDFImpl, Documentation, GroupsAccumulator, Signature,
};
use datafusion::physical_expr::PhysicalExpr;
use datafusion_macros::user_doc;

use super::core::{self, Summarizer, Summary, Unit};
use super::schema;
use crate::args::{self, Fill, Param, Ty, option, required};
use crate::events::Amount;
use crate::sequence_aggregate::{
    Answer, Batch, Sequence, Sequences, accumulator, groups_accumulator, state_fields,
};

const NAME: &str = "customer_summary";
const PARAMS: &[Param] = &[
    required("ts", Ty::Time),
    required("amount", Ty::Float),
    option("as_of", Ty::Time, Fill::AsOf),
    option("unit", Ty::Interval, Fill::Days(1)),
];

static UDAF: LazyLock<Arc<AggregateUDF>> =
    LazyLock::new(|| Arc::new(AggregateUDF::from(CustomerSummary::default())));

/// The aggregate `customer_summary`.
pub fn customer_summary_udaf() -> Arc<AggregateUDF> {
    Arc::clone(&UDAF)
}

#[user_doc(
    doc_section(label = "Customer summary"),
    description = "A customer's purchases as one STRUCT, which stages, scores and models read: \
frequency (repeat periods), recency (first to last period), t (first period to as_of), \
monetary_value (mean amount of the repeat periods), litt (sum of the logarithms of the gaps), \
first_ts, last_ts, previous_ts, median_gap, trend (-1 to 1: more periods in the first or the second \
half of the customer's life; NULL under 3 periods), periods, orders (rows), revenue, unit_days, \
as_of. Purchases of one day count as one period (with a unit shorter than a day: those of one \
unit); times are in units. Rows after as_of and rows with NULL ts are ignored; a NULL, NaN or \
infinite amount counts as an order without money. Days are those of tenure.timezone. The order of \
rows and equal times make no difference. No purchases: NULL. Memory: 20 bytes a purchase, 36 \
while they are sorted by customer. Source: Fader, Hardie & Lee (2005).",
    syntax_example = "customer_summary(ts, amount [, as_of, unit])",
    sql_example = r#"```sql
SELECT s.frequency, s.recency, s.t, s.monetary_value, s.orders, s.revenue
FROM (SELECT customer_summary(ts, amount, TIMESTAMP '2018-01-31') AS s
      FROM (VALUES (TIMESTAMP '2018-01-01T09:00:00', 10.0), (TIMESTAMP '2018-01-01T18:00:00', 5.0),
                   (TIMESTAMP '2018-01-11T12:00:00', 20.0), (TIMESTAMP '2018-01-25T12:00:00', 30.0)) AS t(ts, amount));
-- 2 | 24.0 | 30.0 | 25.0 | 4 | 65.0
SELECT s.t, s.first_ts, s.previous_ts
FROM (SELECT customer_summary(ts, amount, as_of => TIMESTAMP '2018-01-15', unit => INTERVAL '7 days') AS s
      FROM (VALUES (TIMESTAMP '2018-01-01T09:00:00', 10.0), (TIMESTAMP '2018-01-08T09:00:00', 10.0)) AS t(ts, amount));
-- 2.0 | 2018-01-01T09:00:00 | 2018-01-01T09:00:00
```"#,
    argument(name = "ts", description = "time of a purchase"),
    argument(name = "amount", description = "its amount; negative for a refund"),
    argument(
        name = "as_of",
        description = "a constant point in time, inclusive; default: `tenure.as_of`"
    ),
    argument(
        name = "unit",
        description = "a constant INTERVAL without months, or a text such as 'week', that times are measured in; default: one day"
    )
)]
#[derive(Debug, PartialEq, Eq, Hash)]
struct CustomerSummary {
    signature: Signature,
}

impl Default for CustomerSummary {
    fn default() -> Self {
        Self { signature: args::signature(PARAMS) }
    }
}

impl AggregateUDFImpl for CustomerSummary {
    fn name(&self) -> &str {
        NAME
    }

    fn signature(&self) -> &Signature {
        &self.signature
    }

    fn coerce_types(&self, types: &[DataType]) -> Result<Vec<DataType>> {
        args::coerce(NAME, PARAMS, types)
    }

    fn return_type(&self, _types: &[DataType]) -> Result<DataType> {
        Ok(schema::data_type())
    }

    fn simplify(&self) -> Option<AggregateFunctionSimplification> {
        Some(Box::new(|function, info| args::complete_aggregate(PARAMS, function, info)))
    }

    fn state_fields(&self, args: StateFieldsArgs) -> Result<Vec<FieldRef>> {
        Ok(state_fields::<Amount>(&args))
    }

    fn order_sensitivity(&self) -> AggregateOrderSensitivity {
        AggregateOrderSensitivity::Insensitive
    }

    fn accumulator(&self, args: AccumulatorArgs) -> Result<Box<dyn Accumulator>> {
        Ok(accumulator(Purchases::try_new(&args)?))
    }

    fn groups_accumulator_supported(&self, _args: AccumulatorArgs) -> bool {
        true
    }

    fn create_groups_accumulator(
        &self,
        args: AccumulatorArgs,
    ) -> Result<Box<dyn GroupsAccumulator>> {
        Ok(groups_accumulator(Purchases::try_new(&args)?))
    }

    fn documentation(&self) -> Option<&Documentation> {
        self.doc()
    }
}

/// The constant `as_of` of a call, in microseconds.
pub(crate) fn as_of(
    function: &str,
    params: &[Param],
    exprs: &[Arc<dyn PhysicalExpr>],
) -> Result<i64> {
    match args::constant(function, params, exprs, "as_of")? {
        ScalarValue::TimestampMicrosecond(Some(micros), _) => Ok(micros),
        // DataFusion does not complete the arguments of an aggregate that is used as a window
        v if v.is_null() => plan_err!(
            "{function}: with OVER (…) as_of must be given, such as as_of => TIMESTAMP '2018-01-01'"
        ),
        other => plan_err!("{function}: as_of must be a constant point in time, got {other}"),
    }
}

/// The constant `unit` of a call, in microseconds; a day by default.
pub(crate) fn unit(
    function: &str,
    params: &[Param],
    exprs: &[Arc<dyn PhysicalExpr>],
) -> Result<i64> {
    let unit = args::constant(function, params, exprs, "unit")?;
    if unit.is_null() { Ok(core::DAY) } else { args::fixed_micros(function, "unit", &unit) }
}

/// The purchases of all groups.
#[derive(Debug, Clone)]
struct Purchases {
    as_of: i64,
    unit: Unit,
    summarizer: Summarizer,
}

impl Purchases {
    fn try_new(args: &AccumulatorArgs) -> Result<Self> {
        if args.is_distinct {
            return plan_err!(
                "{NAME} does not take DISTINCT: purchases of one day are one period anyway"
            );
        }
        Ok(Self {
            as_of: as_of(NAME, PARAMS, args.exprs)?,
            unit: Unit::new(unit(NAME, PARAMS, args.exprs)?),
            summarizer: Summarizer::default(),
        })
    }
}

impl Sequence for Purchases {
    type Payload = Amount;
    const ANSWER: Answer = Answer { group: Columns::ROW, event: 0 };

    fn read(&self, args: &[ArrayRef], batch: &mut Batch<Amount>) -> Result<()> {
        let [ts, amount, ..] = args else { return internal_err!("{NAME} needs ts and amount") };
        let ts = ts.as_primitive::<TimestampMicrosecondType>();
        let amount = amount.as_primitive::<Float64Type>();
        let has_nulls = amount.null_count() > 0;
        batch.push_each(ts, |row, _| {
            let null = has_nulls && amount.is_null(row);
            let money = if null { Amount::NULL } else { Amount::new(amount.value(row)) };
            let time = ts.value(row);
            (time <= self.as_of).then_some((time, money))
        })
    }

    fn finish(&mut self, groups: Sequences<Amount>) -> Result<ArrayRef> {
        let n = groups.len();
        let mut columns = Columns::with_capacity(n);
        groups.each(|purchases, _| {
            columns.push(self.summarizer.summarize(purchases, self.as_of, self.unit));
            Ok(())
        })?;
        columns.finish(vec![self.as_of; n], self.unit)
    }
}

/// The columns of the STRUCT while they are written.
pub(super) struct Columns {
    valid: Vec<bool>,
    frequency: Vec<i64>,
    recency: Vec<f64>,
    t: Vec<f64>,
    monetary_value: Vec<Option<f64>>,
    litt: Vec<f64>,
    first_ts: Vec<i64>,
    last_ts: Vec<i64>,
    previous_ts: Vec<Option<i64>>,
    median_gap: Vec<Option<f64>>,
    trend: Vec<Option<f64>>,
    orders: Vec<i64>,
    revenue: Vec<f64>,
}

impl Columns {
    /// Bytes a customer: those of a summary, `periods`, `unit_days` and `as_of`.
    const ROW: usize = size_of::<Summary>() + 3 * size_of::<i64>();

    pub(super) fn with_capacity(n: usize) -> Self {
        Self {
            valid: Vec::with_capacity(n),
            frequency: Vec::with_capacity(n),
            recency: Vec::with_capacity(n),
            t: Vec::with_capacity(n),
            monetary_value: Vec::with_capacity(n),
            litt: Vec::with_capacity(n),
            first_ts: Vec::with_capacity(n),
            last_ts: Vec::with_capacity(n),
            previous_ts: Vec::with_capacity(n),
            median_gap: Vec::with_capacity(n),
            trend: Vec::with_capacity(n),
            orders: Vec::with_capacity(n),
            revenue: Vec::with_capacity(n),
        }
    }

    pub(super) fn push(&mut self, summary: Option<Summary>) {
        self.valid.push(summary.is_some());
        let s = summary.unwrap_or(Summary::EMPTY);
        self.frequency.push(s.frequency);
        self.recency.push(s.recency);
        self.t.push(s.t);
        self.monetary_value.push(s.monetary_value);
        self.litt.push(s.litt);
        self.first_ts.push(s.first_ts);
        self.last_ts.push(s.last_ts);
        self.previous_ts.push(s.previous_ts);
        self.median_gap.push(s.median_gap);
        self.trend.push(s.trend);
        self.orders.push(s.orders);
        self.revenue.push(s.revenue);
    }

    /// The fields in the order of `schema::fields`, which the constructor of the array checks;
    /// `as_of` has the point in time of each summary.
    pub(super) fn finish(self, as_of: Vec<i64>, unit: Unit) -> Result<ArrayRef> {
        let n = self.valid.len();
        let nulls = NullBuffer::from(self.valid);
        let nulls = (nulls.null_count() > 0).then_some(nulls);
        let ints = |v: Vec<i64>| Arc::new(Int64Array::new(v.into(), nulls.clone())) as ArrayRef;
        let floats = |v: Vec<f64>| Arc::new(Float64Array::new(v.into(), nulls.clone())) as ArrayRef;
        let maybe = |v: Vec<Option<f64>>| Arc::new(Float64Array::from(v)) as ArrayRef;
        let times = |v: Vec<i64>| {
            Arc::new(TimestampMicrosecondArray::new(v.into(), nulls.clone())) as ArrayRef
        };
        let periods = self.frequency.iter().map(|f| f + 1).collect();
        let columns = vec![
            ints(self.frequency),
            floats(self.recency),
            floats(self.t),
            maybe(self.monetary_value),
            floats(self.litt),
            times(self.first_ts),
            times(self.last_ts),
            Arc::new(TimestampMicrosecondArray::from(self.previous_ts)),
            maybe(self.median_gap),
            maybe(self.trend),
            ints(periods),
            ints(self.orders),
            floats(self.revenue),
            floats(vec![unit.days(); n]),
            times(as_of),
        ];
        Ok(Arc::new(StructArray::try_new(schema::fields(), columns, nulls)?))
    }
}

#[cfg(test)]
#[allow(
    clippy::cast_possible_truncation,
    clippy::cast_possible_wrap,
    clippy::cast_sign_loss,
    reason = "test data"
)]
mod tests {
    use datafusion::arrow::datatypes::Int64Type;
    use datafusion::assert_batches_eq;
    use datafusion::datasource::MemTable;

    use super::*;
    use crate::testing::{batch, run, same_bits, session, value};

    const DAY: i64 = 86_400_000_000;

    /// The CDNOW sample: customer, ts, amount.
    fn cdnow() -> Result<datafusion::arrow::array::RecordBatch> {
        let rows: Vec<Vec<i64>> = include_str!("../../testdata/cdnow_sample.csv")
            .lines()
            .filter(|l| !l.starts_with('#'))
            .map(|l| l.split(',').map(|x| x.parse().unwrap()).collect())
            .collect();
        let ts = rows.iter().map(|r| (9_862 + r[1]) * DAY);
        batch(vec![
            ("c", Arc::new(Int64Array::from_iter_values(rows.iter().map(|r| r[0])))),
            ("ts", Arc::new(TimestampMicrosecondArray::from_iter_values(ts))),
            (
                "amount",
                Arc::new(Float64Array::from_iter_values(rows.iter().map(|r| r[2] as f64 / 100.0))),
            ),
        ])
    }

    #[tokio::test]
    async fn cdnow_gives_the_published_figures() -> Result<()> {
        let ctx = session(2, 1024)?;
        let rows = cdnow()?;
        ctx.register_table("t", Arc::new(MemTable::try_new(rows.schema(), vec![vec![rows]])?))?;
        let sql = "WITH s AS (SELECT c, customer_summary(ts, amount, TIMESTAMP '1997-09-30', INTERVAL '7 days') AS s FROM t GROUP BY c)
            SELECT count(*) AS customers, sum(s.frequency) AS x, count(*) FILTER (WHERE s.frequency = 0) AS zero,
                   round(avg(s.monetary_value)) AS mean, round(stddev(s.monetary_value)) AS sd,
                   round(max(s.monetary_value)) AS max FROM s";
        assert_batches_eq!(
            [
                "+-----------+------+------+------+------+-------+",
                "| customers | x    | zero | mean | sd   | max   |",
                "+-----------+------+------+------+------+-------+",
                "| 2357      | 2457 | 1411 | 35.0 | 30.0 | 300.0 |",
                "+-----------+------+------+------+------+-------+",
            ],
            &ctx.sql(sql).await?.collect().await?
        );
        let one = "SELECT s.frequency, round(s.recency, 3) AS recency, round(s.t, 3) AS t, s.unit_days FROM
            (SELECT customer_summary(ts, amount, TIMESTAMP '1997-09-30', INTERVAL '7 days') AS s FROM t WHERE c = 1)";
        assert!(run(&ctx, one).await?.contains("| 30.429  | 38.857 | 7.0 "));
        Ok(())
    }

    #[tokio::test]
    async fn any_order_and_any_cut_give_the_same_bits() -> Result<()> {
        let n = 400usize;
        let step = |i: usize| (i * 7_919) % 1_009;
        let rows = batch(vec![
            ("c", Arc::new(Int64Array::from_iter_values((0..n).map(|i| (step(i) % 23) as i64)))),
            (
                "ts",
                Arc::new(TimestampMicrosecondArray::from_iter(
                    (0..n).map(|i| (i % 11 != 3).then(|| (step(i + 5) % 40) as i64 * DAY / 3)),
                )),
            ),
            (
                "amount",
                Arc::new(Float64Array::from_iter((0..n).map(|i| match i % 13 {
                    0 => None,
                    1 => Some(f64::NAN),
                    2 => Some(f64::NEG_INFINITY),
                    _ => Some((step(i + 9) as f64 - 200.0) / 7.0),
                }))),
            ),
        ])?;
        let grouped = same_bits(
            &rows,
            "SELECT c, customer_summary(ts, amount, TIMESTAMP '1970-01-11') FILTER (WHERE c % 5 <> 1 OR amount > 0) AS s FROM t GROUP BY c ORDER BY c",
        )
        .await?;
        assert_eq!(grouped.num_rows(), 23);
        let whole = same_bits(&rows, "SELECT customer_summary(ts, amount) AS s FROM t").await?;
        let s = whole.column(0).as_struct();
        let orders = s.column_by_name(schema::ORDERS).unwrap().as_primitive::<Int64Type>().value(0);
        assert_eq!(orders as usize, (0..n).filter(|i| i % 11 != 3).count());
        Ok(())
    }

    #[tokio::test]
    async fn no_purchase_is_null() -> Result<()> {
        for rows in ["(NULL, 1.0)", "('2012-01-02', 1.0)"] {
            let sql = format!(
                "SELECT customer_summary(CAST(ts AS TIMESTAMP), amount) IS NULL FROM (VALUES {rows}) AS t(ts, amount)"
            );
            assert_eq!(value(&sql).await?, "true", "{rows}");
        }
        let empty =
            "SELECT customer_summary(ts, 1.0) IS NULL FROM (SELECT now() AS ts) WHERE 1 = 2";
        assert_eq!(value(empty).await?, "true");
        Ok(())
    }

    #[tokio::test]
    async fn a_window_sees_the_customer_grow() -> Result<()> {
        let sql = "SELECT s.periods FROM (SELECT ts, customer_summary(ts, 1.0, TIMESTAMP '2012-01-01') OVER (ORDER BY ts) AS s FROM
            (VALUES (TIMESTAMP '2011-01-01'), (TIMESTAMP '2011-01-02'), (TIMESTAMP '2011-01-05')) AS t(ts)) ORDER BY ts";
        let got = run(&session(1, 8192)?, sql).await?;
        let periods: String = got.chars().filter(char::is_ascii_digit).collect();
        assert_eq!(periods, "123", "{got}");
        let without = value("SELECT customer_summary(now(), 1.0) OVER ()").await.unwrap_err();
        assert!(without.to_string().contains("with OVER (…) as_of must be given"), "{without}");
        Ok(())
    }

    #[tokio::test]
    async fn what_cannot_be_meant_is_refused() -> Result<()> {
        for (args, want) in [
            ("ts", "customer_summary takes 2 to 4 arguments, got 1"),
            ("ts, 'x' = 'y'", "argument 2 (amount) must be a number"),
            (
                "ts, 1.0, unit => INTERVAL '1 month', as_of => NULL",
                "unit must have one fixed length",
            ),
            ("ts, 1.0, ts", "argument 3 (as_of) must be a constant"),
            ("DISTINCT ts, 1.0", "does not take DISTINCT"),
        ] {
            let sql = format!(
                "SELECT customer_summary({args}) FROM (SELECT TIMESTAMP '2011-01-01' AS ts UNION ALL SELECT now())"
            );
            let err = value(&sql).await.unwrap_err().to_string();
            assert!(err.contains(want), "{args}: {err}");
        }
        Ok(())
    }
}
