//! `turning_points(ts, event_type [, amount, category, …])`: what turned one customer's life.
//!
//! What counts as a turn is in `life.rs`. Rows with a NULL time or type are ignored, as are events
//! whose type is no turn (`page_view`, names that are not standard) and events after `as_of`; a
//! NULL, NaN or infinite amount is unknown. Rows in any order; events of one instant in the order
//! of the standard vocabulary, then of amount. Times are the session's wall clock. No events: an
//! empty list. 28 bytes an event that counts, 24 more while events are brought together by customer;
//! time O(n) a group where rows come in order, plus PELT for those with 2 · `min_size` purchases.
//!
//! Statistics: Killick, Fearnhead and Eckley (2012).

use std::sync::{Arc, LazyLock};

use datafusion::arrow::array::{Array, ArrayRef, AsArray, StringArray};
use datafusion::arrow::datatypes::{DataType, FieldRef, Float64Type, TimestampMicrosecondType};
use datafusion::common::{Result, ScalarValue, internal_err, plan_err};
use datafusion::logical_expr::function::{
    AccumulatorArgs, AggregateFunctionSimplification, StateFieldsArgs,
};
use datafusion::logical_expr::utils::AggregateOrderSensitivity;
use datafusion::logical_expr::{
    Accumulator, AggregateUDF, AggregateUDFImpl, Documentation, GroupsAccumulator, Signature,
};
use datafusion_macros::user_doc;

use super::life::{Reader, Reading, What};
use super::options::{numbers, penalty, size};
use super::point_list::PointList;
use super::vocabulary::Kind;
use crate::args::{self, Fill, Param, Ty, option, required};
use crate::events::Amount;
use crate::payload::Label;
use crate::sequence_aggregate::{
    Answer, Batch, Sequence, Sequences, accumulator, groups_accumulator, state_fields,
};
use crate::times::empty_list;

const NAME: &str = "turning_points";

const PARAMS: &[Param] = &[
    required("ts", Ty::Time),
    required("event_type", Ty::Any),
    option("amount", Ty::Float, Fill::Null),
    option("category", Ty::Text, Fill::Null),
    option("as_of", Ty::Time, Fill::AsOf),
    option("cart_window", Ty::Interval, Fill::Days(1)),
    option("lapse_factor", Ty::Float, Fill::Float(3.0)),
    option("lapse_min", Ty::Interval, Fill::Days(30)),
    option("rate_unit", Ty::Interval, Fill::Days(7)),
    option("penalty", Ty::Any, Fill::Text("bic")),
    option("min_size", Ty::Int, Fill::Int(4)),
    option("nth", Ty::Any, Fill::Null),
];

/// Numbers of purchases that are milestones, if none are given.
const NTH: [i64; 5] = [5, 10, 25, 50, 100];

static UDAF: LazyLock<Arc<AggregateUDF>> =
    LazyLock::new(|| Arc::new(AggregateUDF::from(TurningPoints::default())));

/// The function `turning_points`.
pub fn turning_points_udaf() -> Arc<AggregateUDF> {
    Arc::clone(&UDAF)
}

#[user_doc(
    doc_section(label = "Turning points"),
    description = "Everything that turned one customer's life, as a list in the order of time with ts, kind, point, before, after, score and detail. Kinds: milestone (registered, subscribed, first_purchase, second_purchase, nth_purchase; after is the amount), key_point (add_to_cart, checkout, payment: the first of each journey to a purchase), turning_point (order_cancel, cart_abandon, return, complaint, unsubscribe, upgrade, downgrade, cross_sell), lapse (the moment the silence since the last purchase exceeds lapse_factor times the customer's own median gap between days with purchases, as known by then, and lapse_min; before is that gap and after the limit, in days, score their ratio), reactivation (the purchase that ends a lapse; after is the silence in days), rate_change (before and after in purchases per rate_unit) and value_change (before and after as mean amount per purchase); the score of a change is by how much it lowers the cost beyond the penalty. Changes are found by exact PELT over the life up to as_of, for customers with at least 2 · min_size purchases: rates with a Poisson cost on the full buckets of rate_unit from the first purchase to as_of, values with a normal cost on the logarithms of positive amounts; penalty 'bic' is 2 · ln(buckets) for rates and 4 · ln(purchases) for values. A cart is abandoned at the end of cart_window after its last add_to_cart or checkout, unless payment or purchase came before; until then it is pending and not listed; an explicit cart_abandon of the same cart is not listed twice. With category, a purchase in a category not bought before is a cross_sell, unless it is the first purchase. Purchase rows of one instant are one purchase with the sum of their amounts. Event types are the standard names; others, NULLs and events after as_of are ignored; equal times in the order of the vocabulary. No events give an empty list. 28 bytes per event that counts, 24 more while events are brought together.",
    syntax_example = "turning_points(ts, event_type [, amount, category, as_of, cart_window, lapse_factor, lapse_min, rate_unit, penalty, min_size, nth])",
    sql_example = r#"```sql
SELECT p['ts'], p['kind'], p['point'] FROM (SELECT unnest(turning_points(ts, type, amount, NULL, TIMESTAMP '2011-06-01T00:00:00')) AS p FROM (VALUES (TIMESTAMP '2011-01-01T10:00:00', 'signup', NULL), (TIMESTAMP '2011-01-02T10:00:00', 'purchase', 20.0), (TIMESTAMP '2011-01-12T10:00:00', 'purchase', 25.0), (TIMESTAMP '2011-03-01T09:00:00', 'add_to_cart', NULL)) t(ts, type, amount));
-- 2011-01-01T10:00:00 | milestone | registered
-- 2011-01-02T10:00:00 | milestone | first_purchase
-- 2011-01-12T10:00:00 | milestone | second_purchase
-- 2011-02-11T10:00:00 | lapse | lapse
-- 2011-03-01T09:00:00 | key_point | add_to_cart
-- 2011-03-02T09:00:00 | turning_point | cart_abandon
```"#,
    argument(name = "ts", description = "when"),
    argument(name = "event_type", description = "a standard event name, such as 'purchase'"),
    argument(name = "amount", description = "money of the event"),
    argument(name = "category", description = "category of what was bought; makes cross_sell"),
    argument(name = "as_of", description = "events after it do not exist; default `tenure.as_of`"),
    argument(name = "cart_window", description = "how long a cart may wait; default 24 hours"),
    argument(
        name = "lapse_factor",
        description = "silence in own median gaps that is a lapse; default 3"
    ),
    argument(
        name = "lapse_min",
        description = "silence that is no lapse in any case; default 30 days"
    ),
    argument(
        name = "rate_unit",
        description = "length of the buckets purchases are counted in; default 7 days"
    ),
    argument(
        name = "penalty",
        description = "what a change must gain: 'bic' (default) or a number"
    ),
    argument(
        name = "min_size",
        description = "least number of buckets, or purchases, between changes; default 4"
    ),
    argument(
        name = "nth",
        description = "numbers of purchases that are milestones; default [5, 10, 25, 50, 100]"
    )
)]
#[derive(Debug, PartialEq, Eq, Hash)]
struct TurningPoints {
    signature: Signature,
}

impl Default for TurningPoints {
    fn default() -> Self {
        Self { signature: args::signature(PARAMS) }
    }
}

impl TurningPoints {
    fn lives(&self, a: &AccumulatorArgs) -> Result<Lives> {
        args::no_distinct(NAME, a)?;
        let of = |name| args::constant(NAME, PARAMS, a.exprs, name);
        let length = |name| args::fixed_micros(NAME, name, &of(name)?);
        // a column that is left out is not looked at
        let given = |name| of(name).map_or(true, |v| !v.is_null());
        let lapse_factor = match of("lapse_factor")? {
            ScalarValue::Float64(Some(f)) if f.is_finite() && f > 0.0 => f,
            other => return plan_err!("{NAME}: lapse_factor must be positive, got {other}"),
        };
        let min_size = size(NAME, "min_size", &of("min_size")?, 4)?;
        if min_size < 2 {
            return plan_err!("{NAME}: min_size must be at least 2, got {min_size}");
        }
        let how = Reading {
            as_of: match of("as_of")? {
                ScalarValue::TimestampMicrosecond(Some(t), _) => t,
                other => return plan_err!("{NAME}: as_of must be a timestamp, got {other}"),
            },
            cart_window: length("cart_window")?,
            lapse_factor,
            lapse_min: length("lapse_min")?,
            rate_unit: length("rate_unit")?,
            penalty: penalty(NAME, &of("penalty")?)?,
            min_size,
            nth: numbers(NAME, "nth", &of("nth")?, &NTH)?,
        };
        let (amounts, categories) = (given("amount"), given("category"));
        Ok(Lives { how, amounts, categories, reader: Reader::default() })
    }
}

impl AggregateUDFImpl for TurningPoints {
    fn name(&self) -> &str {
        NAME
    }

    fn signature(&self) -> &Signature {
        &self.signature
    }

    fn coerce_types(&self, types: &[DataType]) -> Result<Vec<DataType>> {
        let mut out = args::coerce(NAME, PARAMS, types)?;
        if let (Some(to), Some(from)) = (out.get_mut(1), types.get(1)) {
            let text = |t: &DataType| {
                matches!(t, DataType::Utf8 | DataType::LargeUtf8 | DataType::Utf8View)
            };
            *to = match from {
                DataType::Null => DataType::Utf8,
                // read as it is: each name once
                DataType::Dictionary(_, names) if text(names) => from.clone(),
                from if text(from) => from.clone(),
                _ => {
                    return plan_err!(
                        "{NAME}: argument 2 (event_type) must be text, got {from}; it is called {}",
                        args::usage(NAME, PARAMS)
                    );
                }
            };
        }
        Ok(out)
    }

    fn return_type(&self, _types: &[DataType]) -> Result<DataType> {
        Ok(DataType::List(PointList::item()))
    }

    fn is_nullable(&self) -> bool {
        false
    }

    fn default_value(&self, ty: &DataType) -> Result<ScalarValue> {
        empty_list(ty)
    }

    fn state_fields(&self, a: StateFieldsArgs) -> Result<Vec<FieldRef>> {
        Ok(state_fields::<What>(&a))
    }

    fn simplify(&self) -> Option<AggregateFunctionSimplification> {
        Some(Box::new(|f, info| args::complete_aggregate(PARAMS, f, info)))
    }

    fn order_sensitivity(&self) -> AggregateOrderSensitivity {
        AggregateOrderSensitivity::Insensitive
    }

    fn accumulator(&self, a: AccumulatorArgs) -> Result<Box<dyn Accumulator>> {
        Ok(accumulator(self.lives(&a)?))
    }

    fn groups_accumulator_supported(&self, _a: AccumulatorArgs) -> bool {
        true
    }

    fn create_groups_accumulator(&self, a: AccumulatorArgs) -> Result<Box<dyn GroupsAccumulator>> {
        Ok(groups_accumulator(self.lives(&a)?))
    }

    fn documentation(&self) -> Option<&Documentation> {
        self.doc()
    }
}

/// The lives of customers.
#[derive(Debug, Clone)]
struct Lives {
    how: Reading,
    amounts: bool,
    categories: bool,
    reader: Reader,
}

impl Sequence for Lives {
    type Payload = What;
    // a point has 44 bytes and three texts, 20 to 80, and columns that grow have up to twice the
    // room; in a busy life nearly every event is one
    const ANSWER: Answer = Answer { group: 4, event: 128 };

    fn read(&self, args: &[ArrayRef], batch: &mut Batch<What>) -> Result<()> {
        let [ts, event_type, amount, category, ..] = args else {
            return internal_err!("{NAME} needs ts, event_type, amount and category");
        };
        let ts = ts.as_primitive::<TimestampMicrosecondType>();
        let (times, as_of) = (ts.values(), self.how.as_of);
        let kinds = kinds(event_type);
        let amount = self.amounts.then(|| amount.as_primitive::<Float64Type>());
        let category: Option<&StringArray> = self.categories.then(|| category.as_string::<i32>());
        batch.push_each(ts, |row, texts| {
            let (&kind, &at) = (kinds.get(row)?.as_ref()?, times.get(row)?);
            if at > as_of {
                return None;
            }
            let amount = match amount {
                Some(a) if a.is_valid(row) => Amount::new(a.value(row)),
                _ => Amount::NULL,
            };
            let category = match category {
                Some(c) if kind == Kind::Purchase && c.is_valid(row) => texts.label(c.value(row)),
                _ => Label::NONE,
            };
            Some((at, (kind, amount, category)))
        })
    }

    fn finish(&mut self, lives: Sequences<What>) -> Result<ArrayRef> {
        // mostly there are half as many turns as events, or more
        let mut list = PointList::with_capacity(lives.len(), lives.events() / 2);
        lives.each(|events, texts| {
            list.append(self.reader.read(events, &self.how), texts, &self.how)
        })?;
        list.finish()
    }
}

/// What each row is; of a dictionary each name is looked at once.
fn kinds(names: &ArrayRef) -> Vec<Option<Kind>> {
    fn all<'a>(names: impl Iterator<Item = Option<&'a str>>) -> Vec<Option<Kind>> {
        names.map(|n| n.and_then(|n| Kind::of(n.as_bytes()))).collect()
    }
    match names.data_type() {
        DataType::Utf8 => all(names.as_string::<i32>().iter()),
        DataType::LargeUtf8 => all(names.as_string::<i64>().iter()),
        DataType::Utf8View => all(names.as_string_view().iter()),
        DataType::Dictionary(..) => {
            let dictionary = names.as_any_dictionary();
            let values = kinds(dictionary.values());
            let keys = dictionary.normalized_keys();
            let rows = keys.iter().enumerate();
            rows.map(|(row, key)| {
                values.get(*key).copied().flatten().filter(|_| names.is_valid(row))
            })
            .collect()
        }
        _ => vec![],
    }
}

#[cfg(test)]
#[allow(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "test data")]
mod tests {
    use super::*;
    use crate::testing::{batch, run, same_bits, session, value};
    use datafusion::arrow::array::{Float64Array, Int64Array, TimestampMicrosecondArray};
    use datafusion::arrow::util::display::array_value_to_string;

    const STORY: &str = "(VALUES
        (TIMESTAMP '2011-01-01T08:00:00', 'signup', NULL, NULL),
        (TIMESTAMP '2011-01-01T08:05:00', 'page_view', NULL, NULL),
        (TIMESTAMP '2011-01-02T09:00:00', 'add_to_cart', 20.0, 'books'),
        (TIMESTAMP '2011-01-02T09:10:00', 'checkout', 20.0, NULL),
        (TIMESTAMP '2011-01-02T09:12:00', 'purchase', 20.0, 'books'),
        (TIMESTAMP '2011-01-12T10:00:00', 'purchase', 30.0, 'books'),
        (TIMESTAMP '2011-01-13T10:00:00', 'complaint', NULL, NULL),
        (TIMESTAMP '2011-04-02T10:00:00', 'purchase', 40.0, 'toys'),
        (TIMESTAMP '2011-05-01T10:00:00', 'add_to_cart', 10.0, 'art'),
        (TIMESTAMP '2011-05-05T10:00:00', 'Lottery', 10.0, 'art'),
        (TIMESTAMP '2011-05-20T10:00:00', 'add_to_cart', 10.0, 'art'),
        (TIMESTAMP '2011-06-20T10:00:00', 'purchase', 10.0, 'art')) t(ts, type, amount, category)";

    #[tokio::test]
    async fn a_life_from_registration_to_a_cart_that_waits() -> Result<()> {
        let ctx = session(1, 8192)?;
        let sql = format!(
            "SELECT p['ts'] ts, p['kind'] kind, p['point'] point, p['before'] b, p['after'] a, p['score'] s, p['detail'] d FROM (SELECT unnest(turning_points(ts, type, amount, category, TIMESTAMP '2011-05-21T09:59:59')) p FROM {STORY})"
        );
        let want = "\
+---------------------+---------------+-----------------+------+------+-----+--------------------------------------------------------+
| ts                  | kind          | point           | b    | a    | s   | d                                                      |
+---------------------+---------------+-----------------+------+------+-----+--------------------------------------------------------+
| 2011-01-01T08:00:00 | milestone     | registered      |      |      |     |                                                        |
| 2011-01-02T09:00:00 | key_point     | add_to_cart     |      | 20.0 |     |                                                        |
| 2011-01-02T09:10:00 | key_point     | checkout        |      | 20.0 |     |                                                        |
| 2011-01-02T09:12:00 | milestone     | first_purchase  |      | 20.0 |     |                                                        |
| 2011-01-12T10:00:00 | milestone     | second_purchase |      | 30.0 |     |                                                        |
| 2011-01-13T10:00:00 | turning_point | complaint       |      |      |     |                                                        |
| 2011-02-11T10:00:00 | lapse         | lapse           | 10.0 | 30.0 | 3.0 | no purchase for 30 days, own median gap 10 days        |
| 2011-04-02T10:00:00 | turning_point | cross_sell      |      | 40.0 |     | toys                                                   |
| 2011-04-02T10:00:00 | reactivation  | reactivation    | 10.0 | 80.0 | 8.0 | first purchase after 80 days, own median gap 10 days   |
| 2011-05-01T10:00:00 | key_point     | add_to_cart     |      | 10.0 |     |                                                        |
| 2011-05-02T10:00:00 | turning_point | cart_abandon    |      |      |     | neither payment nor purchase within 24 hours           |
| 2011-05-20T10:00:00 | key_point     | add_to_cart     |      | 10.0 |     |                                                        |
+---------------------+---------------+-----------------+------+------+-----+--------------------------------------------------------+";
        let squeeze = |t: &str| {
            t.lines()
                .filter(|l| !l.starts_with('+'))
                .map(|l| l.split_whitespace().collect::<Vec<_>>().join(" "))
                .collect::<Vec<_>>()
                .join("\n")
        };
        assert_eq!(squeeze(&run(&ctx, &sql).await?), squeeze(want));
        Ok(())
    }

    #[tokio::test]
    async fn names_are_read_from_every_kind_of_text_and_options_are_heard() -> Result<()> {
        let of =
            |ty: &str, rest: &str| format!("SELECT turning_points(ts, {ty}{rest}) FROM {STORY}");
        let plain = value(&of("type", "")).await?;
        assert!(
            plain.contains("second_purchase")
                && !plain.contains("nth_purchase")
                && !plain.contains("cross_sell")
        );
        for ty in ["Utf8View", "LargeUtf8", "Dictionary(Int32, Utf8)"] {
            assert_eq!(plain, value(&of(&format!("arrow_cast(type, '{ty}')"), "")).await?, "{ty}");
        }
        let options = ", NULL, NULL, NULL, INTERVAL '60 days', 20, NULL, NULL, NULL, NULL";
        let third = value(&of("type", &format!("{options}, [3, 4]"))).await?;
        assert!(third.contains("purchase 3") && third.contains("purchase 4"), "{third}");
        assert!(!third.contains("cart_abandon") && !third.contains("reactivation"), "{third}");
        assert!(value(&of("type", &format!("{options}, 4"))).await?.contains("purchase 4"));
        Ok(())
    }

    #[tokio::test]
    async fn nothing_gives_an_empty_list_and_nonsense_is_refused() -> Result<()> {
        assert_eq!(
            value(&format!("SELECT turning_points(ts, type) FROM {STORY} WHERE false")).await?,
            "[]"
        );
        assert_eq!(value("SELECT turning_points(NULL, 'purchase')").await?, "[]");
        assert_eq!(value("SELECT turning_points(TIMESTAMP '2011-01-01', NULL)").await?, "[]");
        for (args, says) in [
            ("ts, 5", "argument 2 (event_type) must be text, got Int64"),
            ("ts, type, NULL, NULL, NULL, NULL, 0", "lapse_factor must be positive, got 0"),
            (
                "ts, type, NULL, NULL, NULL, INTERVAL '1 month'",
                "cart_window must have one fixed length",
            ),
            (
                "ts, type, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, 1",
                "min_size must be at least 2, got 1",
            ),
            (
                "ts, type, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, 'x'",
                "nth must be a whole number or a list of them, at least 3, got x",
            ),
            (
                "ts, type, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, [2]",
                "at least 3, got",
            ),
        ] {
            let said = value(&format!("SELECT turning_points({args}) FROM {STORY}"))
                .await
                .unwrap_or_else(|e| e.to_string());
            assert!(said.contains(says), "{args}: {said}");
        }
        Ok(())
    }

    #[tokio::test]
    async fn every_plan_gives_the_same_bits() -> Result<()> {
        let n = 900i64;
        let noise = |i: i64| (i * 7919 + i * i * 31 + 13) % 101;
        let types = [
            "purchase",
            "purchase",
            "add_to_cart",
            "page_view",
            "return",
            "purchase",
            "signup",
            "payment",
            "cart_abandon",
            "purchase",
        ];
        let categories = ["toys", "books", "art", "food", "tea"];
        let rows = batch(vec![
            ("k", Arc::new(Int64Array::from_iter_values((0..n).map(|i| noise(i) % 7))) as ArrayRef),
            (
                "ts",
                Arc::new(
                    (0..n)
                        .map(|i| {
                            (noise(i) != 5).then(|| {
                                1_280_000_000_000_000
                                    + (i / 3 + if i > 500 { i } else { 0 }) * 20_000_000_000
                            })
                        })
                        .collect::<TimestampMicrosecondArray>(),
                ),
            ),
            (
                "type",
                Arc::new(
                    (0..n)
                        .map(|i| (noise(i) != 7).then(|| types[(noise(i) % 10) as usize]))
                        .collect::<StringArray>(),
                ),
            ),
            (
                "amount",
                Arc::new(
                    (0..n)
                        .map(|i| {
                            (noise(i) != 9)
                                .then(|| noise(i) as f64 / 7.0 + if i < 420 { 40.3 } else { 0.1 })
                        })
                        .collect::<Float64Array>(),
                ),
            ),
            (
                "category",
                Arc::new(
                    (0..n)
                        .map(|i| (noise(i) != 11).then(|| categories[(noise(i + 1) % 5) as usize]))
                        .collect::<StringArray>(),
                ),
            ),
        ])?;
        let got = same_bits(
            &rows,
            "SELECT k, turning_points(ts, type, amount, category) p FROM t GROUP BY k ORDER BY k",
        )
        .await?;
        let text: String = (0..got.num_rows())
            .map(|r| array_value_to_string(got.column(1), r))
            .collect::<Result<_, _>>()?;
        for kind in
            ["milestone", "key_point", "cart_abandon", "cross_sell", "value_change", "rate_change"]
        {
            assert!(text.contains(kind), "{kind}");
        }
        same_bits(&rows, "SELECT turning_points(ts, type, amount) p, turning_points(ts, type) FILTER (WHERE k = 1) q FROM t").await?;
        Ok(())
    }
}
