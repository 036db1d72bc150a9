//! `sequence_next_node(direction, base, ts, value, base_cond, event1, …)`: what comes after, or before,
//! a series of events of one customer.
//!
//! The rows of a customer are in the order of (time, value). One of them is the base:
//!
//! - `head`: the first row, if it satisfies `base_cond`;
//! - `tail`: the last row, if it does;
//! - `first_match`: the first row that satisfies `base_cond` and `event1`;
//! - `last_match`: the last such row.
//!
//! The base must satisfy `event1`, the row next to it `event2`, and so on; forward, these are later
//! rows, backward earlier ones. The answer is the value of the row that follows; without events that
//! of the base. NULL if there is no such base, an event is not satisfied, or no row follows. Rows
//! whose time or value is NULL are ignored, NULL conditions are false. Of rows that have time and
//! value in common those come first for which `base_cond` is false, then those whose highest event
//! is lower. O(rows) a customer; 32 bytes a row, and each text once.
//!
//! Source: ClickHouse's `sequenceNextNode`, for values of any type that has an order.

use std::sync::{Arc, LazyLock};

use datafusion::arrow::array::{
    Array, ArrayRef, AsArray, Decimal128Array, Float64Array, Int64Array, StringArray, UInt64Array,
};
use datafusion::arrow::compute::cast;
use datafusion::arrow::datatypes::{
    DataType, Decimal128Type, Float64Type, Int64Type, TimestampMicrosecondType, UInt64Type,
};
use datafusion::common::{Result, ScalarValue, exec_datafusion_err, internal_err, plan_err};
use datafusion::logical_expr::function::AccumulatorArgs;
use datafusion::logical_expr::{AggregateUDF, Documentation, Signature, Volatility};
use datafusion_macros::user_doc;

use crate::args::{self, Param, Ty, is_text, required};
use crate::conditions;
use crate::events::{from_order_key, order_key};
use crate::payload::Label;
use crate::sequence_aggregate::{Answer, Batch, Sequence, Sequences};
use crate::sequence_function::{SequenceFunction, udaf};
use crate::times;

const NAME: &str = "sequence_next_node";
const USAGE: &str =
    "sequence_next_node(direction, base, ts, value, base_cond [, event1, event2, …])";
const PARAMS: &[Param] = &[required("direction", Ty::Text), required("base", Ty::Text)];
/// one bit is for `base_cond`
const MOST_EVENTS: usize = 63;

static UDAF: LazyLock<Arc<AggregateUDF>> = LazyLock::new(udaf::<SequenceNextNode>);

/// The aggregate `sequence_next_node`.
pub fn sequence_next_node_udaf() -> Arc<AggregateUDF> {
    Arc::clone(&UDAF)
}

#[user_doc(
    doc_section(label = "Sequences"),
    description = "The value of the row that comes right after (forward) or before (backward) a series of events of a customer. The series begins at the base: head (the first row, forward only) or tail (the last row, backward only), if it satisfies base_cond; first_match or last_match, the first or last row that satisfies base_cond and event1. The base must satisfy event1, the row next to it event2, and so on, with no row between; the answer is the value of the row that follows, in its own type; without events it is the value of the base. NULL if there is no such base, an event is not satisfied or no row follows. Rows of one time are in the order of their values; rows whose time or value is NULL are ignored, NULL conditions are false. At most 63 events. Memory: 32 bytes a row, and each text once.",
    syntax_example = "sequence_next_node(direction, base, ts, value, base_cond [, event1, event2, …])",
    sql_example = r#"```sql
SELECT sequence_next_node('forward', 'head', ts, page, page = 'home', page = 'home') AS after_home,
  sequence_next_node('backward', 'last_match', ts, page, true, page = 'basket', page = 'gift') AS before_gift_and_basket
FROM (VALUES (TIMESTAMP '2018-01-01T09:00:00', 'home'), (TIMESTAMP '2018-01-01T09:05:00', 'tea'),
  (TIMESTAMP '2018-01-01T09:06:00', 'gift'), (TIMESTAMP '2018-01-01T10:00:00', 'basket')) AS t(ts, page);
-- tea | tea
```"#,
    argument(name = "direction", description = "constant 'forward' or 'backward'"),
    argument(
        name = "base",
        description = "constant 'head', 'tail', 'first_match' or 'last_match'"
    ),
    argument(name = "ts", description = "time of the row"),
    argument(name = "value", description = "text, a number, a time or a condition"),
    argument(name = "base_cond", description = "a condition on the base"),
    argument(
        name = "event1, …",
        description = "conditions on the base and the rows that follow it"
    )
)]
#[derive(Debug, Default, PartialEq, Eq, Hash)]
struct SequenceNextNode;

impl SequenceFunction for SequenceNextNode {
    const NAME: &'static str = NAME;
    const ALIASES: &'static [&'static str] = &["sequencenextnode", "sequenceNextNode"];
    const NULLABLE: bool = true;
    type Sequence = NextNode;

    fn signature() -> Signature {
        Signature::user_defined(Volatility::Immutable)
    }

    fn coerce(types: &[DataType]) -> Result<Vec<DataType>> {
        let [direction, base, ts, value, conditions @ ..] = types else {
            return plan_err!(
                "{NAME} takes at least 5 arguments, got {}; it is called {USAGE}",
                types.len()
            );
        };
        for (name, ty) in [("direction", direction), ("base", base)] {
            if !is_text(ty) {
                return plan_err!("{NAME}: {name} must be text, got {ty}; it is called {USAGE}");
            }
        }
        let mut out = vec![DataType::Utf8; 2];
        out.push(times::coerce(NAME, ts, USAGE)?);
        out.push(value_type(value)?);
        if conditions.len() > 1 + MOST_EVENTS {
            return plan_err!(
                "{NAME} takes at most {MOST_EVENTS} events, got {}",
                conditions.len() - 1
            );
        }
        out.extend(conditions::coerce(NAME, conditions, USAGE)?);
        Ok(out)
    }

    fn return_type(types: &[DataType]) -> Result<DataType> {
        match types.get(3) {
            Some(value) => Ok(value.clone()),
            None => internal_err!("{NAME} has a value"),
        }
    }

    fn empty(ty: &DataType) -> Result<ScalarValue> {
        ScalarValue::try_from(ty)
    }

    fn sequence(args: &AccumulatorArgs) -> Result<NextNode> {
        let text = |name| match args::constant(NAME, PARAMS, args.exprs, name)? {
            ScalarValue::Utf8(Some(text)) => Ok(text),
            value => plan_err!("{NAME}: {name} must be text, got {value}"),
        };
        let (direction, base) = (text("direction")?, text("base")?);
        let forward = match direction.as_str() {
            "forward" => true,
            "backward" => false,
            _ => {
                return plan_err!(
                    "{NAME}: direction must be 'forward' or 'backward', got '{direction}'"
                );
            }
        };
        let base = match base.as_str() {
            "head" if forward => Base::Head,
            "tail" if !forward => Base::Tail,
            "first_match" => Base::FirstMatch,
            "last_match" => Base::LastMatch,
            "head" | "tail" => {
                return plan_err!(
                    "{NAME}: no row comes {} the base '{base}'; head goes forward and tail backward",
                    if forward { "after" } else { "before" }
                );
            }
            _ => {
                return plan_err!(
                    "{NAME}: base must be 'head', 'tail', 'first_match' or 'last_match', got '{base}'"
                );
            }
        };
        let events = args.exprs.len().saturating_sub(5);
        if events == 0 && matches!(base, Base::FirstMatch | Base::LastMatch) {
            return plan_err!("{NAME}: the base first_match or last_match needs an event1");
        }
        Ok(NextNode { forward, base, events, answer: args.return_field.data_type().clone() })
    }

    fn documentation(&self) -> Option<&Documentation> {
        self.doc()
    }
}

/// The type that a value is told in: its own.
fn value_type(ty: &DataType) -> Result<DataType> {
    match ty {
        DataType::Dictionary(_, value) => value_type(value),
        DataType::Null => Ok(DataType::Utf8),
        ty if is_text(ty) => Ok(DataType::Utf8),
        ty if ty.is_integer() || ty.is_floating() => Ok(ty.clone()),
        DataType::Boolean
        | DataType::Decimal128(_, _)
        | DataType::Date32
        | DataType::Date64
        | DataType::Timestamp(_, _) => Ok(ty.clone()),
        _ => plan_err!(
            "{NAME}: value must be text, a number, a time or a condition, got {ty}; cast it to one, such as VARCHAR"
        ),
    }
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Base {
    Head,
    Tail,
    FirstMatch,
    LastMatch,
}

/// A row beside its time: a value that is a text, or else its [`keys`]; a bit for each event; and
/// [`BASE`].
type Payload = (Label, i64, u64);
/// The row satisfies `base_cond`.
const BASE: u64 = 1 << 63;

#[derive(Debug, Clone)]
struct NextNode {
    forward: bool,
    base: Base,
    events: usize,
    answer: DataType,
}

impl NextNode {
    /// The row that is asked for.
    fn next<'a>(&self, rows: &'a [(i64, Payload)]) -> Option<&'a Payload> {
        let satisfies = |row: usize, bit: u64| rows.get(row).is_some_and(|r| r.1.2 & bit == bit);
        let base = match self.base {
            Base::Head => Some(0),
            Base::Tail => rows.len().checked_sub(1),
            Base::FirstMatch => (0..rows.len()).find(|&r| satisfies(r, BASE | 1)),
            Base::LastMatch => (0..rows.len()).rev().find(|&r| satisfies(r, BASE | 1)),
        }?;
        let at = |i: usize| {
            if self.forward { base.checked_add(i) } else { base.checked_sub(i) }
        };
        let all = (0..self.events).all(|i| at(i).is_some_and(|row| satisfies(row, 1 << i)));
        let next = at(self.events).filter(|_| all && satisfies(base, BASE))?;
        rows.get(next).map(|r| &r.1)
    }
}

impl Sequence for NextNode {
    type Payload = Payload;
    // a text, and where it is
    const ANSWER: Answer = Answer { group: 64, event: 0 };

    fn read(&self, args: &[ArrayRef], batch: &mut Batch<Payload>) -> Result<()> {
        let [_, _, ts, value, base_cond, events @ ..] = args else {
            return internal_err!("{NAME} has at least 5 arguments, got {}", args.len());
        };
        let ts = ts.as_primitive::<TimestampMicrosecondType>();
        let mut masks = vec![0u64; ts.len()];
        for (i, event) in events.iter().enumerate() {
            conditions::set(&mut masks, event.as_boolean(), 1 << i);
        }
        conditions::set(&mut masks, base_cond.as_boolean(), BASE);
        let mask = |row: usize| masks.get(row).copied().unwrap_or_default();
        if let Some(texts_of) = value.as_string_opt::<i32>() {
            return batch.push_each(ts, |row, texts| {
                let label = texts_of.is_valid(row).then(|| texts.label(texts_of.value(row)))?;
                Some((ts.value(row), (label, 0, mask(row))))
            });
        }
        let keys = keys(value)?;
        batch.push_each(ts, |row, _| {
            let key = keys.is_valid(row).then(|| keys.value(row))?;
            Some((ts.value(row), (Label::NONE, key, mask(row))))
        })
    }

    fn finish(&mut self, groups: Sequences<Payload>) -> Result<ArrayRef> {
        if self.answer == DataType::Utf8 {
            let mut out: Vec<Option<String>> = Vec::with_capacity(groups.len());
            groups.each(|rows, texts| {
                let label = self.next(rows).map(|r| r.0);
                out.push(label.and_then(|l| texts.get(l)).map(str::to_string));
                Ok(())
            })?;
            return Ok(Arc::new(StringArray::from(out)));
        }
        let mut out = Vec::with_capacity(groups.len());
        groups.each(|rows, _| {
            out.push(self.next(rows).map(|r| r.1));
            Ok(())
        })?;
        from_keys(Int64Array::from(out), &self.answer)
    }
}

/// Whole numbers that sort as the values do.
fn keys(values: &ArrayRef) -> Result<Int64Array> {
    match values.data_type() {
        ty if ty.is_floating() => {
            let values = cast(values, &DataType::Float64)?;
            Ok(values.as_primitive::<Float64Type>().unary(order_key))
        }
        DataType::UInt64 => {
            Ok(values.as_primitive::<UInt64Type>().unary(|v| (v ^ 1 << 63).cast_signed()))
        }
        DataType::Decimal128(_, scale) => values.as_primitive::<Decimal128Type>().try_unary(|v| {
            i64::try_from(v).map_err(|_| {
                exec_datafusion_err!(
                    "{NAME}: value {v}e-{scale} has too many digits; at most 18 can be told, cast it to VARCHAR"
                )
            })
        }),
        DataType::Date32 => Ok(cast_to_int(&cast(values, &DataType::Int32)?)?),
        _ => cast_to_int(values),
    }
}

fn cast_to_int(values: &ArrayRef) -> Result<Int64Array> {
    Ok(cast(values, &DataType::Int64)?.as_primitive::<Int64Type>().clone())
}

/// The values that have these [`keys`].
fn from_keys(keys: Int64Array, ty: &DataType) -> Result<ArrayRef> {
    Ok(match ty {
        ty if ty.is_floating() => {
            let values: Float64Array = keys.unary(from_order_key);
            cast(&values, ty)?
        }
        DataType::UInt64 => {
            let values: UInt64Array = keys.unary(|k| k.cast_unsigned() ^ 1 << 63);
            Arc::new(values)
        }
        DataType::Decimal128(precision, scale) => {
            let values: Decimal128Array = keys.unary(i128::from);
            Arc::new(values.with_precision_and_scale(*precision, *scale)?)
        }
        DataType::Date32 => cast(&cast(&keys, &DataType::Int32)?, ty)?,
        _ => cast(&keys, ty)?,
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::testing::{batch, same_bits, value};
    use datafusion::arrow::array::{
        BooleanArray, Date32Array, Int8Array, TimestampMicrosecondArray,
    };

    #[test]
    fn a_value_comes_back_from_its_key_and_keys_sort_as_values_do() -> Result<()> {
        let decimals = Decimal128Array::from(vec![Some(-150), None, Some(0), Some(7)]);
        let columns: Vec<ArrayRef> = vec![
            Arc::new(Int8Array::from(vec![Some(-128), None, Some(0), Some(127)])),
            Arc::new(UInt64Array::from(vec![Some(0), None, Some(1 << 63), Some(u64::MAX)])),
            Arc::new(Float64Array::from(vec![Some(-2.5), None, Some(0.0), Some(1e300)])),
            Arc::new(decimals.with_precision_and_scale(10, 2)?),
            Arc::new(Date32Array::from(vec![Some(-1), None, Some(0), Some(17_000)])),
            Arc::new(BooleanArray::from(vec![Some(false), None, Some(false), Some(true)])),
            Arc::new(
                TimestampMicrosecondArray::from(vec![Some(-5), None, Some(0), Some(9)])
                    .with_timezone("Europe/London"),
            ),
        ];
        for column in columns {
            let keys = keys(&column)?;
            assert!(keys.value(0) <= keys.value(2) && keys.value(2) < keys.value(3));
            assert_eq!(&from_keys(keys, column.data_type())?, &column);
        }
        let wide = Decimal128Array::from(vec![i128::MAX]).with_precision_and_scale(38, 2)?;
        let e = keys(&(Arc::new(wide) as ArrayRef)).unwrap_err().to_string();
        assert!(e.contains("too many digits"), "{e}");
        Ok(())
    }

    /// All that the definition says, row by row.
    fn naive(ask: &NextNode, rows: &[(i64, Payload)]) -> Option<i64> {
        let mut rows = rows.to_vec();
        let mut base = (0..rows.len()).filter(|&i| match ask.base {
            Base::Head => i == 0 && rows[i].1.2 & BASE != 0,
            Base::Tail => i + 1 == rows.len() && rows[i].1.2 & BASE != 0,
            _ => rows[i].1.2 & BASE != 0 && rows[i].1.2 & 1 != 0,
        });
        let base = if ask.base == Base::LastMatch { base.next_back() } else { base.next() }?;
        let mut series: Vec<_> = if ask.forward {
            rows.drain(base..).collect()
        } else {
            rows.drain(..=base).rev().collect()
        };
        series.truncate(ask.events + 1);
        let (next, events) = series.split_last()?;
        let holds = events.iter().enumerate().all(|(i, r)| r.1.2 >> i & 1 == 1);
        (events.len() == ask.events && holds).then_some(next.1.1)
    }

    #[test]
    fn random_logs_have_the_row_of_the_definition() {
        let mut state = 5u64;
        let mut below = |n: u64| {
            state = state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1);
            (state >> 33) % n
        };
        let mut found = 0;
        for _ in 0..20_000 {
            let (forward, base) = match below(6) {
                0 => (true, Base::Head),
                1 => (false, Base::Tail),
                n => (n % 2 == 0, if n < 4 { Base::FirstMatch } else { Base::LastMatch }),
            };
            let least = usize::from(matches!(base, Base::FirstMatch | Base::LastMatch));
            let events = least + usize::try_from(below(3)).unwrap();
            let ask = NextNode { forward, base, events, answer: DataType::Int64 };
            let mut rows: Vec<(i64, Payload)> = (0..below(8))
                .map(|i| {
                    let mask = below(8) | if below(3) > 0 { BASE } else { 0 };
                    (0, (Label::NONE, i64::try_from(i).unwrap(), mask))
                })
                .collect();
            rows.sort_unstable();
            let got = ask.next(&rows).map(|r| r.1);
            assert_eq!(got, naive(&ask, &rows), "{ask:?} {rows:?}");
            found += usize::from(got.is_some());
        }
        assert!(found > 4_000, "{found}");
    }

    #[tokio::test]
    async fn wrong_arguments_are_named() {
        for (args, want) in [
            (
                "'up', 'head', ts, e, true, true",
                "direction must be 'forward' or 'backward', got 'up'",
            ),
            (
                "'forward', 'first', ts, e, true, true",
                "base must be 'head', 'tail', 'first_match' or 'last_match', got 'first'",
            ),
            (
                "'forward', 'tail', ts, e, true, true",
                "no row comes after the base 'tail'; head goes forward and tail backward",
            ),
            ("'backward', 'head', ts, e, true, true", "no row comes before the base 'head'"),
            ("'forward', 'last_match', ts, e, true", "needs an event1"),
            (
                "'forward', 'head', ts, [e], true",
                "value must be text, a number, a time or a condition, got List",
            ),
            ("'forward', 'head', ts, e, 1", "condition 1 must be a condition"),
            ("'forward', 'head', e, e, true", "ts must be a timestamp or date"),
            ("'forward', 'head', ts, e", "1 to 64 conditions, got 0"),
            ("'forward', 'head', ts", "at least 5 arguments, got 3"),
            ("e, 'head', ts, e, true", "(direction) must be a constant"),
            ("1, 'head', ts, e, true", "direction must be text, got Int64"),
        ] {
            let sql = format!(
                "SELECT sequence_next_node({args}) FROM (SELECT TIMESTAMP '2018-01-01' ts, 'x' e)"
            );
            let e = value(&sql).await.unwrap_err().to_string();
            assert!(e.contains(want) && e.contains(NAME), "{args}: {e}");
        }
    }

    #[tokio::test]
    async fn the_order_and_the_cut_of_the_rows_make_no_difference() -> Result<()> {
        let noise = |i: i64| (i * i * 31 + i * 7_919 + 13) % 101;
        let n = 400;
        let ts = |i: i64| (noise(i + 3) % 9 != 5).then(|| noise(i + 1) % 31 * 1_000_000);
        let text = |i: i64| (noise(i) % 8 != 3).then(|| format!("page {}", noise(i + 8) % 4));
        let rows = batch(vec![
            ("k", Arc::new((0..n).map(|i| noise(i) % 9).collect::<Int64Array>())),
            ("ts", Arc::new((0..n).map(ts).collect::<TimestampMicrosecondArray>())),
            ("page", Arc::new((0..n).map(text).collect::<StringArray>())),
            ("n", Arc::new((0..n).map(|i| noise(i + 5) % 3).collect::<Int64Array>())),
        ])?;
        let got = same_bits(&rows, "SELECT k, sequence_next_node('forward', 'first_match', ts, page, n < 2, n = 1, n > 0) a, sequence_next_node('backward', 'tail', ts, n, true, n >= 0) b FROM t GROUP BY k ORDER BY k").await?;
        assert!(got.column(1).null_count() < got.num_rows());
        assert!(got.column(2).null_count() < got.num_rows());
        same_bits(&rows, "SELECT sequence_next_node('forward', 'head', ts, page, true) FROM t")
            .await?;
        Ok(())
    }
}
