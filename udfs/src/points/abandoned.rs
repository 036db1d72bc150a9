//! `abandoned(window, ts, add_cond, convert_cond [, as_of])`: what became of a customer's carts.
//!
//! What a cart is, and when it is abandoned, is in `carts.rs`; `turning_points` tells of the same
//! carts. NULL conditions are false; rows with a NULL time and rows after `as_of` are ignored. Rows
//! in any order; at one time things are put in first. Times are the session's wall clock. No rows:
//! no carts. O(n log n) a customer, O(n) where rows come in order; 20 bytes a row that satisfies a
//! condition.

use std::sync::{Arc, LazyLock};

use datafusion::arrow::array::{
    ArrayRef, AsArray, Int64Array, StructArray, TimestampMicrosecondArray,
};
use datafusion::arrow::datatypes::{DataType, Field, Fields, TimeUnit, TimestampMicrosecondType};
use datafusion::common::{Result, ScalarValue, internal_err};
use datafusion::logical_expr::expr::AggregateFunction;
use datafusion::logical_expr::function::AccumulatorArgs;
use datafusion::logical_expr::simplify::SimplifyContext;
use datafusion::logical_expr::{AggregateUDF, Documentation, Expr, Signature};
use datafusion_macros::user_doc;

use super::carts::{ADD, CONVERT, Carts, carts};
use crate::args::{self, Fill, Param, Ty, option, required};
use crate::conditions;
use crate::sequence_aggregate::{Answer, Batch, Sequence, Sequences, distinct_to_front};
use crate::sequence_function::{SequenceFunction, udaf};
use crate::summary::customer_summary::as_of;

const PARAMS: &[Param] = &[
    required("window", Ty::Interval),
    required("ts", Ty::Time),
    required("add_cond", Ty::Bool),
    required("convert_cond", Ty::Bool),
    option("as_of", Ty::Time, Fill::AsOf),
];

static UDAF: LazyLock<Arc<AggregateUDF>> = LazyLock::new(udaf::<Abandoned>);

/// The aggregate `abandoned`.
pub fn abandoned_udaf() -> Arc<AggregateUDF> {
    Arc::clone(&UDAF)
}

static FIELDS: LazyLock<Fields> = LazyLock::new(|| {
    let count = |name: &str| Field::new(name, DataType::Int64, true);
    let time = DataType::Timestamp(TimeUnit::Microsecond, None);
    Fields::from(vec![
        count("abandoned"),
        count("pending"),
        count("converted"),
        Field::new("last_abandoned_ts", time, true),
    ])
});

#[user_doc(
    doc_section(label = "Turning points"),
    description = "What became of a customer's carts: STRUCT<abandoned, pending, converted, last_abandoned_ts>. Rows that satisfy add_cond within window of the one before, and before a conversion, are one cart. It is converted by the first row that satisfies convert_cond less than window after its last addition, abandoned when the window ends without one, and pending if the window has not ended by as_of: such a cart is no abandoned one yet. last_abandoned_ts is when the window of the last abandoned cart ended. A conversion without a cart is nothing; at one time things are put in first; a row may do both. These are the carts of turning_points. NULL conditions are false; NULL times and rows after as_of are ignored; no rows are no carts. Times are the session's wall clock. Memory: 20 bytes a row that satisfies a condition.",
    syntax_example = "abandoned(window, ts, add_cond, convert_cond [, as_of])",
    sql_example = r#"```sql
SELECT abandoned(INTERVAL '1 day', ts, type = 'add_to_cart', type = 'purchase', TIMESTAMP '2018-01-10T12:00:00')
FROM (VALUES (TIMESTAMP '2018-01-01T10:00:00', 'add_to_cart'), (TIMESTAMP '2018-01-01T10:05:00', 'add_to_cart'),
  (TIMESTAMP '2018-01-01T11:00:00', 'purchase'), (TIMESTAMP '2018-01-05T10:00:00', 'add_to_cart'),
  (TIMESTAMP '2018-01-10T09:00:00', 'add_to_cart')) AS t(ts, type);
-- {abandoned: 1, pending: 1, converted: 1, last_abandoned_ts: 2018-01-06T10:00:00}
```"#,
    argument(
        name = "window",
        description = "how long a cart may wait, a constant INTERVAL without months"
    ),
    argument(name = "ts", description = "time of the row"),
    argument(name = "add_cond", description = "whether the row puts something into the cart"),
    argument(name = "convert_cond", description = "whether the row is a payment or a purchase"),
    argument(
        name = "as_of",
        description = "a constant point in time; rows after it do not exist; default: `tenure.as_of`"
    )
)]
#[derive(Debug, Default, PartialEq, Eq, Hash)]
struct Abandoned;

impl SequenceFunction for Abandoned {
    const NAME: &'static str = "abandoned";
    type Sequence = AllCarts;

    fn signature() -> Signature {
        args::signature(PARAMS)
    }

    fn coerce(types: &[DataType]) -> Result<Vec<DataType>> {
        args::coerce(Self::NAME, PARAMS, types)
    }

    fn return_type(_types: &[DataType]) -> Result<DataType> {
        Ok(DataType::Struct(FIELDS.clone()))
    }

    fn complete(call: AggregateFunction, info: &SimplifyContext) -> Result<Expr> {
        args::complete_aggregate(PARAMS, call, info)
    }

    fn empty(_ty: &DataType) -> Result<ScalarValue> {
        ScalarValue::try_from_array(&structs(&[Carts::default()])?, 0)
    }

    fn sequence(args: &AccumulatorArgs) -> Result<AllCarts> {
        let window = args::constant(Self::NAME, PARAMS, args.exprs, "window")?;
        Ok(AllCarts {
            window: args::fixed_micros(Self::NAME, "window", &window)?,
            as_of: as_of(Self::NAME, PARAMS, args.exprs)?,
        })
    }

    fn documentation(&self) -> Option<&Documentation> {
        self.doc()
    }
}

#[derive(Debug, Clone)]
struct AllCarts {
    window: i64,
    as_of: i64,
}

impl Sequence for AllCarts {
    type Payload = u64;
    const ANSWER: Answer = Answer { group: size_of::<Carts>(), event: 0 };

    fn read(&self, args: &[ArrayRef], batch: &mut Batch<u64>) -> Result<()> {
        let [_, ts, add, convert, ..] = args else {
            return internal_err!("abandoned needs a time and two conditions");
        };
        let ts = ts.as_primitive::<TimestampMicrosecondType>();
        let mut masks = vec![0; ts.len()];
        conditions::set(&mut masks, add.as_boolean(), ADD);
        conditions::set(&mut masks, convert.as_boolean(), CONVERT);
        batch.push_each(ts, |row, _| {
            let time = ts.value(row);
            let mask = masks.get(row).copied().unwrap_or_default();
            (mask != 0 && time <= self.as_of).then_some((time, mask))
        })
    }

    fn finish(&mut self, groups: Sequences<u64>) -> Result<ArrayRef> {
        let mut all = Vec::with_capacity(groups.len());
        groups.each(|events, _| {
            all.push(carts(events, self.window, self.as_of));
            Ok(())
        })?;
        structs(&all)
    }

    fn condense(&self, events: &mut [(i64, u64)]) -> usize {
        distinct_to_front(events)
    }
}

fn structs(all: &[Carts]) -> Result<ArrayRef> {
    let count = |of: fn(&Carts) -> i64| -> ArrayRef {
        Arc::new(Int64Array::from_iter_values(all.iter().map(of)))
    };
    let last = TimestampMicrosecondArray::from_iter(all.iter().map(|c| c.last_abandoned));
    let columns =
        vec![count(|c| c.abandoned), count(|c| c.pending), count(|c| c.converted), Arc::new(last)];
    Ok(Arc::new(StructArray::try_new(FIELDS.clone(), columns, None)?))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::testing::{batch, same_bits, session, value};
    use datafusion::arrow::array::{BooleanArray, StringArray};

    const HOUR: i64 = 3_600_000_000;

    #[tokio::test]
    async fn any_cut_gives_the_same_bits() -> Result<()> {
        let ts = (0..400i64).map(|i| (i % 11 != 2).then_some(i * i % 97 * HOUR));
        let rows = batch(vec![
            ("c", Arc::new(Int64Array::from_iter_values((0..400i64).map(|i| i * i % 30)))),
            ("ts", Arc::new(TimestampMicrosecondArray::from_iter(ts))),
            (
                "a",
                Arc::new(
                    (0..400i64).map(|i| (i % 7 > 0).then_some(i % 3 > 0)).collect::<BooleanArray>(),
                ),
            ),
            (
                "b",
                Arc::new(
                    (0..400i64)
                        .map(|i| (i % 5 > 0).then_some(i % 4 == 1))
                        .collect::<BooleanArray>(),
                ),
            ),
        ])?;
        let call = "abandoned(INTERVAL '5 hours', ts, a, b, as_of => TIMESTAMP '1970-01-04')";
        same_bits(
            &rows,
            &format!("SELECT c, {call}, {call} FILTER (WHERE a) FROM t GROUP BY c ORDER BY c"),
        )
        .await?;
        same_bits(&rows, &format!("SELECT {call} FROM t")).await?;
        Ok(())
    }

    /// One cart more or less would tell that the two functions disagree on what a cart is.
    #[tokio::test]
    async fn the_carts_are_those_of_turning_points() -> Result<()> {
        let mut state = 1u64;
        let mut draw = |n: u64| {
            state = state
                .wrapping_mul(6_364_136_223_846_793_005)
                .wrapping_add(1_442_695_040_888_963_407);
            i64::try_from((state >> 33) % n).unwrap_or_default()
        };
        let n = 6_000;
        let types: Vec<&str> = (0..n)
            .map(|_| match draw(6) {
                0 => "payment",
                1 => "purchase",
                _ => "add_to_cart",
            })
            .collect();
        let customers: Vec<i64> = (0..n).map(|_| draw(900)).collect();
        let rows = batch(vec![
            ("c", Arc::new(Int64Array::from(customers))),
            (
                "ts",
                Arc::new(TimestampMicrosecondArray::from_iter_values(
                    (0..n).map(|_| draw(200) * HOUR),
                )),
            ),
            ("type", Arc::new(StringArray::from(types))),
        ])?;
        let ctx = session(2, 8192)?;
        ctx.register_batch("t", rows)?;
        let sql = "WITH a AS (
              SELECT c, abandoned(INTERVAL '1 day', ts, type = 'add_to_cart', type <> 'add_to_cart', TIMESTAMP '1970-01-09') AS s,
                turning_points(ts, type, NULL, NULL, TIMESTAMP '1970-01-09', INTERVAL '1 day') AS p FROM t GROUP BY c),
            b AS (SELECT c, count(*) AS n, max(p['ts']) AS last FROM (SELECT c, unnest(p) AS p FROM a) WHERE p['point'] = 'cart_abandon' GROUP BY c)
            SELECT count(*) AS customers, sum(b.n) > 300, count(*) FILTER (WHERE s['abandoned'] <> coalesce(b.n, 0) OR s['last_abandoned_ts'] IS DISTINCT FROM b.last) AS differ,
              count(DISTINCT s['abandoned']) > 3 FROM a LEFT JOIN b USING (c)";
        let got = crate::testing::run(&ctx, sql).await?;
        let row = got.lines().nth(3).unwrap_or_default();
        let row: Vec<&str> = row.split('|').map(str::trim).collect();
        assert_eq!(row[2..5], ["true", "0", "true"], "{got}");
        Ok(())
    }

    #[tokio::test]
    async fn nothing_is_no_cart_and_wrong_arguments_are_refused() -> Result<()> {
        let none = "{abandoned: 0, pending: 0, converted: 0, last_abandoned_ts: }";
        for rows in ["WHERE 1 = 2", ""] {
            let sql = format!("SELECT abandoned(INTERVAL '1 day', NULL, true, false) {rows}");
            assert_eq!(value(&sql).await?, none);
        }
        for (args, want) in [
            ("INTERVAL '1 month', now(), true, true", "window must have one fixed length"),
            ("INTERVAL '0 days', now(), true, true", "window must be a positive length of time"),
            ("INTERVAL '1 day', now(), 1, true", "argument 3 (add_cond) must be a condition"),
            ("INTERVAL '1 day', now(), true", "abandoned takes 4 to 5 arguments, got 3"),
        ] {
            let sql = format!("SELECT abandoned({args})");
            let err = value(&sql).await.unwrap_err().to_string();
            assert!(err.contains(want), "{args}: {err}");
        }
        Ok(())
    }
}
