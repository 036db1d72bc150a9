//! `markov_forecast(from, to, counts, states, stock, periods)`: how many will be in each state.
//!
//! A Markov chain: in each period the share `count / sum of counts of from` of those in `from` goes
//! to `to`. A state that no move leaves is stayed in. What is in stock is kept: nobody comes or goes.
//! Counts of the same pair and stock of the same state add up; rows of the lists with a NULL are
//! ignored. A NULL list gives NULL. O(periods · pairs) a row.

use std::collections::BTreeMap;
use std::sync::{Arc, LazyLock};

use datafusion::arrow::array::{
    Array, ArrayBuilder, ArrayRef, AsArray, Float64Builder, Int64Builder, ListArray, StringBuilder,
    StructArray,
};
use datafusion::arrow::buffer::{NullBuffer, OffsetBuffer};
use datafusion::arrow::datatypes::{DataType, Field, FieldRef, Fields, Float64Type, Int64Type};
use datafusion::common::{Result, exec_err, internal_err, plan_err};
use datafusion::logical_expr::{
    ColumnarValue, Documentation, ScalarFunctionArgs, ScalarUDF, ScalarUDFImpl, Signature,
};
use datafusion_macros::user_doc;

use crate::args::{self, Param, Ty, required};

const NAME: &str = "markov_forecast";
const PARAMS: &[Param] = &[
    required("from", Ty::Any),
    required("to", Ty::Any),
    required("counts", Ty::Any),
    required("states", Ty::Any),
    required("stock", Ty::Any),
    required("periods", Ty::Int),
];
/// More than anybody can mean, and what a row may take.
const MOST_PERIODS: i64 = 10_000;

static UDF: LazyLock<Arc<ScalarUDF>> =
    LazyLock::new(|| Arc::new(ScalarUDF::from(MarkovForecast::default())));

/// The function `markov_forecast`.
pub fn markov_forecast_udf() -> Arc<ScalarUDF> {
    Arc::clone(&UDF)
}

/// The stock of each state, in the order of their names, now and after each of `periods`.
fn forecast<'a>(
    moves: impl Iterator<Item = (&'a str, &'a str, f64)>,
    stock: impl Iterator<Item = (&'a str, f64)>,
    periods: i64,
    mut tell: impl FnMut(i64, &str, f64),
) {
    let mut pairs: BTreeMap<(&str, &str), f64> = BTreeMap::new();
    let mut leaving: BTreeMap<&str, f64> = BTreeMap::new();
    let mut now: BTreeMap<&str, f64> = BTreeMap::new();
    for (from, to, n) in moves {
        *pairs.entry((from, to)).or_default() += n;
        *leaving.entry(from).or_default() += n;
        now.entry(from).or_default();
        now.entry(to).or_default();
    }
    for (state, n) in stock {
        *now.entry(state).or_default() += n;
    }
    for period in 0..=periods {
        for (state, n) in &now {
            tell(period, state, *n);
        }
        let stays = |state: &str| leaving.get(state).is_none_or(|n| *n <= 0.0);
        let mut next: BTreeMap<&str, f64> =
            now.iter().map(|(s, n)| (*s, if stays(s) { *n } else { 0.0 })).collect();
        for ((from, to), n) in &pairs {
            if let (Some(there), Some(all)) = (now.get(from), leaving.get(from))
                && *all > 0.0
            {
                *next.entry(to).or_default() += there * n / all;
            }
        }
        now = next;
    }
}

#[user_doc(
    doc_section(label = "Statistics"),
    description = "How many will be in each state, by a Markov chain: a list of STRUCTs with ahead (0 is now), state and expected, in this order. from, to and counts are lists of one length that say how many went from which state to which in a period; states and stock say how many are where now. A state that no move leaves is stayed in; the sum of the stock stays the same. Counts of a pair that is named twice add up; entries with a NULL are ignored; a NULL list gives NULL. Memory: one period.",
    syntax_example = "markov_forecast(from, to, counts, states, stock, periods)",
    sql_example = r#"```sql
SELECT f['ahead'], f['state'], f['expected'] FROM (SELECT unnest(markov_forecast(
  ['active', 'active', 'idle'], ['active', 'idle', 'idle'], [3, 1, 5], ['active'], [100.0], 2)) AS f);
-- 0 | active | 100.0
-- 0 | idle | 0.0
-- 1 | active | 75.0
-- 1 | idle | 25.0
-- 2 | active | 56.25
-- 2 | idle | 43.75
```"#,
    argument(name = "from", description = "states that were left, or stayed in"),
    argument(name = "to", description = "states that were come to"),
    argument(name = "counts", description = "how many each"),
    argument(name = "states", description = "states now"),
    argument(name = "stock", description = "how many are in each of them"),
    argument(name = "periods", description = "how many periods ahead, 0 to 10000")
)]
#[derive(Debug, PartialEq, Eq, Hash)]
struct MarkovForecast {
    signature: Signature,
}

impl Default for MarkovForecast {
    fn default() -> Self {
        Self { signature: args::signature(PARAMS) }
    }
}

fn fields() -> Fields {
    Fields::from(vec![
        Field::new("ahead", DataType::Int64, false),
        Field::new("state", DataType::Utf8, false),
        Field::new("expected", DataType::Float64, false),
    ])
}

fn item() -> FieldRef {
    Arc::new(Field::new_list_field(DataType::Struct(fields()), true))
}

impl ScalarUDFImpl for MarkovForecast {
    fn name(&self) -> &str {
        NAME
    }

    fn signature(&self) -> &Signature {
        &self.signature
    }

    fn coerce_types(&self, types: &[DataType]) -> Result<Vec<DataType>> {
        let given = args::coerce(NAME, PARAMS, types)?;
        let wanted = [true, true, false, true, false];
        let mut out = Vec::with_capacity(given.len());
        for (i, ty) in given.iter().enumerate() {
            let (Some(text), Some(p)) = (wanted.get(i), PARAMS.get(i)) else {
                out.push(ty.clone());
                continue;
            };
            let fits = match ty {
                DataType::List(item) | DataType::LargeList(item) => match item.data_type() {
                    DataType::Null => true,
                    t if *text => args::is_text(t),
                    t => t.is_numeric(),
                },
                ty => ty.is_null(),
            };
            if !fits {
                return plan_err!(
                    "{NAME}: argument {} ({}) must be a list of {}, got {ty}",
                    i + 1,
                    p.name,
                    if *text { "texts" } else { "numbers" }
                );
            }
            let item = if *text { DataType::Utf8 } else { DataType::Float64 };
            out.push(DataType::List(Arc::new(Field::new_list_field(item, true))));
        }
        Ok(out)
    }

    fn return_type(&self, _types: &[DataType]) -> Result<DataType> {
        Ok(DataType::List(item()))
    }

    fn invoke_with_args(&self, call: ScalarFunctionArgs) -> Result<ColumnarValue> {
        let arrays = ColumnarValue::values_to_arrays(&call.args)?;
        let [from, to, counts, states, stock, periods] = arrays.as_slice() else {
            return internal_err!("{NAME} takes six arguments");
        };
        let lists = [from, to, counts, states, stock].map(|a| a.as_list::<i32>());
        let periods = periods.as_primitive::<Int64Type>();
        let mut out = Out::default();
        for row in 0..periods.len() {
            if periods.is_null(row) || lists.iter().any(|l| l.is_null(row)) {
                out.close(false);
                continue;
            }
            let n = periods.value(row);
            if !(0..=MOST_PERIODS).contains(&n) {
                return exec_err!("{NAME}: periods must be 0 to {MOST_PERIODS}, got {n}");
            }
            let [from, to, counts, states, stock] = lists.map(|l| l.value(row));
            if from.len() != to.len() || from.len() != counts.len() || states.len() != stock.len() {
                return exec_err!(
                    "{NAME}: from, to and counts must be of one length, and states and stock; got {}, {}, {}, {} and {}",
                    from.len(),
                    to.len(),
                    counts.len(),
                    states.len(),
                    stock.len()
                );
            }
            let (from, to, states) = (text(&from), text(&to), text(&states));
            let (counts, stock) = (numbers(&counts), numbers(&stock));
            let moves = from.zip(to).zip(counts).filter_map(|((f, t), n)| Some((f?, t?, n?)));
            let now = states.zip(stock).filter_map(|(s, n)| Some((s?, n?)));
            forecast(moves, now, n, |ahead, state, expected| {
                out.ahead.append_value(ahead);
                out.state.append_value(state);
                out.expected.append_value(expected);
            });
            out.close(true);
        }
        Ok(ColumnarValue::Array(out.finish()?))
    }

    fn documentation(&self) -> Option<&Documentation> {
        self.doc()
    }
}

fn text(list: &ArrayRef) -> impl Iterator<Item = Option<&str>> {
    list.as_string::<i32>().iter()
}

fn numbers(list: &ArrayRef) -> impl Iterator<Item = Option<f64>> {
    list.as_primitive::<Float64Type>().iter()
}

/// The lists of all rows while they are written.
#[derive(Default)]
struct Out {
    ahead: Int64Builder,
    state: StringBuilder,
    expected: Float64Builder,
    ends: Vec<usize>,
    valid: Vec<bool>,
}

impl Out {
    fn close(&mut self, valid: bool) {
        self.ends.push(self.ahead.len());
        self.valid.push(valid);
    }

    fn finish(mut self) -> Result<ArrayRef> {
        let columns: Vec<ArrayRef> = vec![
            Arc::new(self.ahead.finish()),
            Arc::new(self.state.finish()),
            Arc::new(self.expected.finish()),
        ];
        let values = StructArray::try_new(fields(), columns, None)?;
        let lengths = std::iter::once(0).chain(self.ends.iter().copied()).zip(&self.ends);
        let offsets = OffsetBuffer::from_lengths(lengths.map(|(from, to)| to - from));
        let nulls = NullBuffer::from(self.valid);
        Ok(Arc::new(ListArray::try_new(item(), offsets, Arc::new(values), Some(nulls))?))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::testing::value;

    #[test]
    fn the_stock_is_kept_and_comes_to_rest() {
        // two states: the share in a comes to rest at 0.2 / (0.1 + 0.2)
        let moves = [("a", "a", 9.0), ("a", "b", 1.0), ("b", "a", 2.0), ("b", "b", 8.0)];
        let mut last = BTreeMap::new();
        let mut sums = vec![0.0; 101];
        forecast(moves.into_iter(), [("a", 30.0), ("b", 60.0)].into_iter(), 100, |k, s, n| {
            sums[usize::try_from(k).unwrap()] += n;
            if k == 1 {
                assert!((n - if s == "a" { 39.0 } else { 51.0 }).abs() < 1e-12, "{s} {n}");
            }
            last.insert(s.to_string(), n);
        });
        assert!(sums.iter().all(|s| (s - 90.0).abs() < 1e-9), "{sums:?}");
        assert!((last["a"] - 60.0).abs() < 1e-9 && (last["b"] - 30.0).abs() < 1e-9, "{last:?}");
    }

    #[tokio::test]
    async fn lists_add_up_and_nulls_are_left_out() -> Result<()> {
        assert_eq!(
            value("SELECT markov_forecast(['a', 'a', NULL], ['b', 'b', 'c'], [1, 1, 7], ['a', 'd', 'd'], [4, 1, 2], 1)").await?,
            "[{ahead: 0, state: a, expected: 4.0}, {ahead: 0, state: b, expected: 0.0}, {ahead: 0, state: d, expected: 3.0}, {ahead: 1, state: a, expected: 0.0}, {ahead: 1, state: b, expected: 4.0}, {ahead: 1, state: d, expected: 3.0}]"
        );
        assert_eq!(
            value("SELECT markov_forecast(NULL, NULL, NULL, ['a'], [4], 1) IS NULL").await?,
            "true"
        );
        assert_eq!(value("SELECT markov_forecast([], [], [], [], [], 3)").await?, "[]");
        for (args, says) in [
            ("['a'], ['b', 'c'], [1], ['a'], [1], 1", "must be of one length"),
            ("['a'], ['b'], [1], ['a'], [1], -1", "periods must be 0 to 10000, got -1"),
            ("[1], ['b'], [1], ['a'], [1], 1", "argument 1 (from) must be a list of texts"),
            ("['a'], ['b'], ['x'], ['a'], [1], 1", "argument 3 (counts) must be a list of numbers"),
        ] {
            let said =
                value(&format!("SELECT markov_forecast({args})")).await.unwrap_err().to_string();
            assert!(said.contains(says), "{args}: {said}");
        }
        Ok(())
    }
}
