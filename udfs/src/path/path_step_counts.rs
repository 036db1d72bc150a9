//! `path_step_counts(steps)`: how often one step follows another, over the paths of all customers.
//!
//! `steps` are the lists of `path_steps`. NULL lists and NULL elements are ignored. The median is
//! exact: lengths are kept, 8 bytes each; besides, memory is that of the different pairs. O(1) an
//! element. Rows in any order give the same bits.

use std::sync::{Arc, LazyLock};

use datafusion::arrow::array::{
    Array, ArrayRef, AsArray, Float64Array, Int64Array, StringArray, StructArray,
};
use datafusion::arrow::datatypes::{
    DataType, Field, FieldRef, Fields, Float64Type, Int32Type, Int64Type,
};
use datafusion::common::{Result, ScalarValue, internal_err, plan_err};
use datafusion::logical_expr::function::{AccumulatorArgs, StateFieldsArgs};
use datafusion::logical_expr::utils::{AggregateOrderSensitivity, format_state_name};
use datafusion::logical_expr::{
    Accumulator, AggregateUDF, AggregateUDFImpl, Documentation, Signature,
};
use datafusion_macros::user_doc;

use super::path_steps::element;
use super::transitions::{Pair, Transitions};
use crate::args::{self, Param, Ty, required};
use crate::lists::{item, list_field, one_list, runs};

const NAME: &str = "path_step_counts";
const PARAMS: &[Param] = &[required("steps", Ty::Any)];
/// A table of places for so many pairs is made for a batch; with more, pairs are looked up.
const TABLE: usize = 1 << 16;

static UDAF: LazyLock<Arc<AggregateUDF>> =
    LazyLock::new(|| Arc::new(AggregateUDF::from(PathStepCounts::default())));

/// The aggregate `path_step_counts`.
pub fn path_step_counts_udaf() -> Arc<AggregateUDF> {
    Arc::clone(&UDAF)
}

#[user_doc(
    doc_section(label = "Paths"),
    description = "How often one step follows another, over the paths of all customers: LIST<STRUCT<step, next_step, n, n_flagged, median_seconds>>, by step and next_step. steps are the lists of path_steps; n_flagged counts those on flagged paths. The median is exact, and NULL for steps from path_start and to path_end. The table function path_transitions asks for all of this in one call. NULL lists and NULL elements are ignored; no steps give an empty list. Any order of rows gives the same bits. Memory: 8 bytes a step for the median, besides the different pairs.",
    syntax_example = "path_step_counts(steps)",
    sql_example = r#"```sql
SELECT c['step'], c['next_step'], c['n'], c['median_seconds'] FROM (
  SELECT unnest(path_step_counts(steps)) AS c FROM (
    SELECT path_steps(page, ts) AS steps
    FROM (VALUES (7, TIMESTAMP '2018-01-01T09:00:00', 'home'), (7, TIMESTAMP '2018-01-01T09:01:00', 'tea'),
      (8, TIMESTAMP '2018-01-02T09:00:00', 'home'), (8, TIMESTAMP '2018-01-02T09:02:00', 'tea')) AS t(customer_id, ts, page)
    GROUP BY customer_id));
-- home | tea | 2 | 90.0
-- path_start | home | 2 | NULL
-- tea | path_end | 2 | NULL
```"#,
    argument(name = "steps", description = "the list of `path_steps`, of one path each")
)]
#[derive(Debug, PartialEq, Eq, Hash)]
struct PathStepCounts {
    signature: Signature,
}

impl Default for PathStepCounts {
    fn default() -> Self {
        Self { signature: args::signature(PARAMS) }
    }
}

/// The elements of the answer.
fn answer() -> Fields {
    Fields::from(vec![
        Field::new("step", DataType::Utf8, true),
        Field::new("next_step", DataType::Utf8, true),
        Field::new("n", DataType::Int64, true),
        Field::new("n_flagged", DataType::Int64, true),
        Field::new("median_seconds", DataType::Float64, true),
    ])
}

/// Whether a type is that of `path_steps`, or was before it lay in a file.
fn is_steps(ty: &DataType) -> bool {
    let names = |fields: &Fields| {
        fields.iter().map(|f| f.name().as_str()).eq(["step", "next_step", "seconds", "flagged"])
    };
    match ty {
        DataType::Null => true,
        DataType::List(of)
        | DataType::LargeList(of)
        | DataType::ListView(of)
        | DataType::LargeListView(of)
        | DataType::FixedSizeList(of, _) => match of.data_type() {
            DataType::Null => true,
            DataType::Struct(fields) => names(fields),
            _ => false,
        },
        _ => false,
    }
}

impl AggregateUDFImpl for PathStepCounts {
    fn name(&self) -> &str {
        NAME
    }

    fn signature(&self) -> &Signature {
        &self.signature
    }

    fn coerce_types(&self, types: &[DataType]) -> Result<Vec<DataType>> {
        let coerced = args::coerce(NAME, PARAMS, types)?;
        match coerced.first() {
            Some(steps) if is_steps(steps) => Ok(vec![DataType::List(element())]),
            Some(steps) => plan_err!("{NAME}: steps must be lists of path_steps, got {steps}"),
            None => internal_err!("{NAME} needs steps"),
        }
    }

    fn return_type(&self, _types: &[DataType]) -> Result<DataType> {
        Ok(DataType::List(item(&DataType::Struct(answer()))))
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
        Ok(Box::new(Counts::default()))
    }

    fn documentation(&self) -> Option<&Documentation> {
        self.doc()
    }
}

/// What a state consists of: one element for each pair, and the lengths of all of them after another.
const STATE: [(&str, DataType); 6] = [
    ("step", DataType::Utf8),
    ("next_step", DataType::Utf8),
    ("n", DataType::Int64),
    ("n_flagged", DataType::Int64),
    ("seconds_end", DataType::Int64),
    ("seconds", DataType::Float64),
];

#[derive(Debug, Default)]
struct Counts {
    all: Transitions,
}

impl Counts {
    /// The numbers here of the texts of a dictionary.
    fn numbers(&mut self, names: &ArrayRef) -> Vec<u32> {
        names.as_string::<i32>().iter().map(|name| self.all.number(name.unwrap_or(""))).collect()
    }
}

impl Accumulator for Counts {
    fn update_batch(&mut self, values: &[ArrayRef]) -> Result<()> {
        let [lists] = values else { return internal_err!("{NAME} takes one argument") };
        let lists = lists.as_list::<i32>();
        let steps = lists.values().as_struct();
        let [from, to, seconds, flagged] = steps.columns() else {
            return internal_err!("{NAME}: a step has four fields");
        };
        let (from, to) = (from.as_dictionary::<Int32Type>(), to.as_dictionary::<Int32Type>());
        let (seconds, flagged) = (seconds.as_primitive::<Float64Type>(), flagged.as_boolean());
        let (numbers, others) = (self.numbers(from.values()), self.numbers(to.values()));
        // a pair of keys is looked up once a batch
        let wide = numbers.len().saturating_mul(others.len()) > TABLE;
        let mut table = vec![None; if wide { 0 } else { numbers.len() * others.len() }];
        let mut add = |i: usize| -> Option<()> {
            if steps.is_null(i) {
                return None;
            }
            let (step, next) = (from.key(i)?, to.key(i)?);
            let known = table.get_mut(step * others.len() + next).filter(|_| !wide);
            let place = match known {
                Some(Some(place)) => *place,
                other => {
                    let place = self.all.place(*numbers.get(step)?, *others.get(next)?);
                    if let Some(slot) = other {
                        *slot = Some(place);
                    }
                    place
                }
            };
            let pair = self.all.pair(place)?;
            pair.n += 1;
            pair.flagged += i64::from(flagged.is_valid(i) && flagged.value(i));
            if seconds.is_valid(i) {
                pair.seconds.push(seconds.value(i));
            }
            Some(())
        };
        for i in runs(lists).flatten() {
            add(i);
        }
        Ok(())
    }

    fn evaluate(&mut self) -> Result<ScalarValue> {
        let pairs = self.all.sorted();
        let text = |of: fn((&str, &str)) -> String| -> ArrayRef {
            let names = pairs.iter().map(|p| Some(of(self.all.names(p))));
            Arc::new(names.collect::<StringArray>())
        };
        let int = |of: fn(&Pair) -> i64| -> ArrayRef {
            Arc::new(pairs.iter().map(|p| Some(of(p))).collect::<Int64Array>())
        };
        let columns: Vec<ArrayRef> = vec![
            text(|names| names.0.to_string()),
            text(|names| names.1.to_string()),
            int(|p| p.n),
            int(|p| p.flagged),
            Arc::new(pairs.iter().map(|p| p.median()).collect::<Float64Array>()),
        ];
        let counts = StructArray::try_new(answer(), columns, None)?;
        one_list(Arc::new(counts))
    }

    fn state(&mut self) -> Result<Vec<ScalarValue>> {
        let pairs = self.all.sorted();
        let text = |of: fn((&str, &str)) -> String| -> ArrayRef {
            let names = pairs.iter().map(|p| Some(of(self.all.names(p))));
            Arc::new(names.collect::<StringArray>())
        };
        let mut seconds: Vec<f64> = Vec::with_capacity(pairs.iter().map(|p| p.seconds.len()).sum());
        let mut ends: Vec<i64> = Vec::with_capacity(pairs.len());
        for pair in &pairs {
            seconds.extend_from_slice(&pair.seconds);
            ends.push(i64::try_from(seconds.len()).unwrap_or(i64::MAX));
        }
        let columns: [ArrayRef; 6] = [
            text(|names| names.0.to_string()),
            text(|names| names.1.to_string()),
            Arc::new(pairs.iter().map(|p| Some(p.n)).collect::<Int64Array>()),
            Arc::new(pairs.iter().map(|p| Some(p.flagged)).collect::<Int64Array>()),
            Arc::new(Int64Array::from(ends)),
            Arc::new(Float64Array::from(seconds)),
        ];
        columns.into_iter().map(one_list).collect()
    }

    fn merge_batch(&mut self, states: &[ArrayRef]) -> Result<()> {
        let [step, next, n, flagged, ends, seconds] = states else {
            return internal_err!("{NAME}: a state has six columns");
        };
        for row in 0..step.len() {
            let list = |column: &ArrayRef| column.as_list::<i32>().value(row);
            let (step, next, n, flagged) = (list(step), list(next), list(n), list(flagged));
            let (ends, seconds) = (list(ends), list(seconds));
            let (step, next) = (step.as_string::<i32>(), next.as_string::<i32>());
            let (n, flagged) = (n.as_primitive::<Int64Type>(), flagged.as_primitive::<Int64Type>());
            let ends = ends.as_primitive::<Int64Type>();
            let seconds = seconds.as_primitive::<Float64Type>().values();
            let mut begin = 0;
            for i in 0..step.len() {
                let end = usize::try_from(ends.value(i)).unwrap_or(0);
                let (from, to) = (self.all.number(step.value(i)), self.all.number(next.value(i)));
                let place = self.all.place(from, to);
                if let Some(pair) = self.all.pair(place) {
                    pair.n += n.value(i);
                    pair.flagged += flagged.value(i);
                    pair.seconds.extend_from_slice(seconds.get(begin..end).unwrap_or(&[]));
                }
                begin = end;
            }
        }
        Ok(())
    }

    fn size(&self) -> usize {
        size_of::<Self>() + self.all.size()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::testing::{batch, same_bits, session, value};
    use datafusion::arrow::array::TimestampMicrosecondArray;

    #[tokio::test]
    async fn any_cut_gives_the_same_bits() -> Result<()> {
        let noise = |i: i64| (i * i * 31 + i * 7_919 + 13) % 101;
        let n = 600;
        let ts = |i: i64| Some(noise(i + 1) % 31 * 1_500_000);
        let text = |i: i64| (noise(i) % 8 != 3).then(|| format!("page {}", noise(i + 8) % 4));
        let rows = batch(vec![
            ("k", Arc::new((0..n).map(|i| noise(i) % 47).collect::<Int64Array>())),
            ("ts", Arc::new((0..n).map(ts).collect::<TimestampMicrosecondArray>())),
            ("page", Arc::new((0..n).map(text).collect::<StringArray>())),
        ])?;
        let paths = "SELECT k, path_steps(page, ts, k % 3 = 0) AS steps FROM t GROUP BY k";
        same_bits(&rows, &format!("SELECT path_step_counts(steps) FROM ({paths})")).await?;
        same_bits(&rows, &format!("SELECT k % 4 AS g, path_step_counts(steps), path_step_counts(steps) FILTER (WHERE k > 9) FROM ({paths}) GROUP BY g ORDER BY g")).await?;
        Ok(())
    }

    /// What is counted is what unnesting the steps and counting them gives.
    #[tokio::test]
    async fn it_counts_what_is_in_the_lists() -> Result<()> {
        let logs = "SELECT n % 60 AS k, arrow_cast(n * 7919 % 1000 * 3600000000, 'Timestamp(Microsecond, None)') AS ts, concat('p', n * 31 % 7) AS page FROM (SELECT unnest(range(0, 900)) AS n)";
        let paths =
            format!("SELECT path_steps(page, ts, page = 'p3') AS steps FROM ({logs}) GROUP BY k");
        let grid = format!(
            "SELECT c['step'], c['next_step'], c['n'], c['n_flagged'], c['median_seconds'] FROM (SELECT unnest(path_step_counts(steps)) AS c FROM ({paths}))"
        );
        let counted = format!(
            "SELECT CAST(s['step'] AS VARCHAR), CAST(s['next_step'] AS VARCHAR), count(*), count(*) FILTER (WHERE s['flagged']), median(s['seconds']) FROM (SELECT unnest(steps) AS s FROM ({paths})) GROUP BY 1, 2"
        );
        let apart = format!(
            "SELECT (SELECT count(*) FROM ({grid})) > 20 AND (SELECT count(*) FROM ({grid} EXCEPT {counted})) + (SELECT count(*) FROM ({counted} EXCEPT {grid})) = 0"
        );
        assert_eq!(value(&apart).await?, "true");
        Ok(())
    }

    #[tokio::test]
    async fn nothing_gives_nothing_and_other_lists_are_refused() -> Result<()> {
        assert_eq!(value("SELECT path_step_counts(NULL)").await?, "[]");
        for (steps, want) in [("1", "got Int64"), ("['a']", "lists of path_steps")] {
            let sql = format!("SELECT path_step_counts({steps})");
            let err = session(1, 8192)?.sql(&sql).await.unwrap_err().to_string();
            assert!(err.contains(want), "{steps}: {err}");
        }
        Ok(())
    }
}
