//! `rfm_fit(recency, frequency, monetary [, bins, method])`: cut points, for `rfm_apply`.
//!
//! The very cut points that `rfm_score` scores by: applied to the population they came from they
//! give its scores. NULL, NaN or infinite input is not counted; nothing left is NULL. Order and
//! ties make no difference. O(n log n); 28 bytes a row.

use std::sync::{Arc, LazyLock};

use datafusion::arrow::array::{
    ArrayRef, AsArray, BooleanArray, Float64Array, Int64Array, StructArray,
};
use datafusion::arrow::buffer::NullBuffer;
use datafusion::arrow::datatypes::{DataType, Field, FieldRef, Fields, Float64Type};
use datafusion::common::{Result, ScalarValue, internal_err, plan_err};
use datafusion::logical_expr::function::{AccumulatorArgs, StateFieldsArgs};
use datafusion::logical_expr::utils::{AggregateOrderSensitivity, format_state_name};
use datafusion::logical_expr::{
    Accumulator, AggregateUDF, AggregateUDFImpl, Documentation, EmitTo, GroupsAccumulator,
    Signature,
};
use datafusion_macros::user_doc;

use super::core::{Better, Cuts, Row, complete, quantile_cuts, rfm_cuts};
use super::input::{BINS, FREQUENCY, METHOD, MONETARY, RECENCY, SUMMARY, Shapes, bins, rows};
use crate::args;
use crate::events::{EventBuffer, Groups, OneGroup, Rows, from_order_key, order_key};
use crate::lists::{Lists, item, list_field, list_rows, lists_of_one};

const NAME: &str = "rfm_fit";
const SHAPES: Shapes = Shapes {
    name: NAME,
    three: &[RECENCY, FREQUENCY, MONETARY, BINS, METHOD],
    summary: &[SUMMARY, BINS, METHOD],
    at: 0,
};

static UDAF: LazyLock<Arc<AggregateUDF>> =
    LazyLock::new(|| Arc::new(AggregateUDF::from(RfmFit::default())));

/// The aggregate `rfm_fit`.
pub fn rfm_fit_udaf() -> Arc<AggregateUDF> {
    Arc::clone(&UDAF)
}

/// The fields of the cut points.
pub(crate) fn model_fields() -> Fields {
    let list = DataType::List(item(&DataType::Float64));
    [
        ("r_cuts", list.clone()),
        ("f_cuts", list.clone()),
        ("m_cuts", list),
        ("bins", DataType::Int64),
        ("n", DataType::Int64),
    ]
    .into_iter()
    .map(|(name, ty)| Field::new(name, ty, true))
    .collect()
}

#[user_doc(
    doc_section(label = "RFM"),
    description = "The cut points that rfm_score scores a population by, to score others or later \
months by rfm_apply: STRUCT<r_cuts, f_cuts, m_cuts, bins, n>, n being the customers counted. A \
score is 1 plus the number of cut points below the value (above it for recency). A summary of \
customer_summary may stand in place of the three. Rows with NULL, NaN or infinite input are not \
counted; NULL if none is left. Order and ties make no difference. Memory: 28 bytes a row.",
    syntax_example = "rfm_fit(recency, frequency, monetary [, bins, method])",
    sql_example = r#"```sql
SELECT m.r_cuts, m.f_cuts, m.m_cuts, m.bins, m.n FROM (
  SELECT rfm_fit(days, orders, spent, 2) AS m
  FROM (VALUES (2, 9, 90.0), (30, 4, 55.0), (60, 4, 80.0), (90, 1, 20.0)) AS t(days, orders, spent));
-- [60.0] | [4.0] | [55.0] | 2 | 4
```"#,
    argument(name = "recency", description = "an INTERVAL or a number; the less, the better"),
    argument(name = "frequency", description = "how often the customer bought"),
    argument(name = "monetary", description = "how much the customer spent"),
    argument(name = "bins", description = "the best score, a constant from 2 to 100; default: 5"),
    argument(name = "method", description = "'quantile' (default) or 'rfm', as for rfm_score")
)]
#[derive(Debug, PartialEq, Eq, Hash)]
struct RfmFit {
    signature: Signature,
}

impl Default for RfmFit {
    fn default() -> Self {
        Self { signature: args::signature(SHAPES.three) }
    }
}

impl AggregateUDFImpl for RfmFit {
    fn name(&self) -> &str {
        NAME
    }

    fn signature(&self) -> &Signature {
        &self.signature
    }

    fn coerce_types(&self, types: &[DataType]) -> Result<Vec<DataType>> {
        SHAPES.coerce(types)
    }

    fn return_type(&self, _types: &[DataType]) -> Result<DataType> {
        Ok(DataType::Struct(model_fields()))
    }

    fn state_fields(&self, args: StateFieldsArgs) -> Result<Vec<FieldRef>> {
        let field = |name| list_field(format_state_name(args.name, name), &DataType::Float64);
        Ok(vec![field("r"), field("f"), field("m")])
    }

    fn order_sensitivity(&self) -> AggregateOrderSensitivity {
        AggregateOrderSensitivity::Insensitive
    }

    fn accumulator(&self, args: AccumulatorArgs) -> Result<Box<dyn Accumulator>> {
        Ok(Box::new(OneGroup(Population::try_new(&args)?)))
    }

    fn groups_accumulator_supported(&self, _args: AccumulatorArgs) -> bool {
        true
    }

    fn create_groups_accumulator(
        &self,
        args: AccumulatorArgs,
    ) -> Result<Box<dyn GroupsAccumulator>> {
        Ok(Box::new(Population::try_new(&args)?))
    }

    fn documentation(&self) -> Option<&Documentation> {
        self.doc()
    }
}

/// The customers of all groups: recency as the key that sorts, frequency and money as payload.
#[derive(Debug, Clone)]
struct Population {
    customers: EventBuffer<(i64, i64)>,
    bins: usize,
    cuts_of: fn(&mut [f64], usize, Better) -> Vec<f64>,
}

impl Population {
    fn try_new(args: &AccumulatorArgs) -> Result<Self> {
        if args.is_distinct {
            return plan_err!("{NAME} does not take DISTINCT: every customer counts");
        }
        let types: Vec<DataType> = args.expr_fields.iter().map(|f| f.data_type().clone()).collect();
        let params = SHAPES.of(&types);
        let constant = |name| args::constant(NAME, params, args.exprs, name);
        let cuts_of = match constant("method")? {
            v if v.is_null() => quantile_cuts,
            ScalarValue::Utf8(Some(m)) if m.eq_ignore_ascii_case("quantile") => quantile_cuts,
            ScalarValue::Utf8(Some(m)) if m.eq_ignore_ascii_case("rfm") => rfm_cuts,
            other => {
                return plan_err!("{NAME}: method '{other}' is unknown; use 'quantile' or 'rfm'");
            }
        };
        Ok(Self {
            customers: EventBuffer::default(),
            bins: bins(NAME, &constant("bins")?)?,
            cuts_of,
        })
    }

    fn push(&mut self, group: usize, row: &Row) {
        if complete(row) {
            let [r, f, m] = row.map(order_key);
            self.customers.push(group, r, (f, m));
        }
    }
}

fn row_of(&(r, (f, m)): &(i64, (i64, i64))) -> Row {
    [r, f, m].map(from_order_key)
}

impl Groups for Population {
    fn grow(&mut self, groups: usize) -> Result<()> {
        self.customers.reserve(groups, 0)
    }
}

impl GroupsAccumulator for Population {
    fn update_batch(
        &mut self,
        values: &[ArrayRef],
        group_indices: &[usize],
        opt_filter: Option<&BooleanArray>,
        total_num_groups: usize,
    ) -> Result<()> {
        let Some(first) = values.first() else { return internal_err!("{NAME} needs recency") };
        self.customers.reserve(total_num_groups, group_indices.len())?;
        let taken = Rows::new(opt_filter, first);
        for (i, (&group, row)) in group_indices.iter().zip(rows(NAME, values)?).enumerate() {
            if taken.take(i) {
                self.push(group, &row);
            }
        }
        Ok(())
    }

    fn evaluate(&mut self, emit_to: EmitTo) -> Result<ArrayRef> {
        let groups = self.customers.emitted(emit_to);
        let (bins, cuts_of) = (self.bins, self.cuts_of);
        // as many as there can be: no more is held than size() says
        let mut flat: [Vec<f64>; 3] =
            std::array::from_fn(|_| Vec::with_capacity(groups * bins.saturating_sub(1)));
        let mut lists = Lists::with_capacity(groups);
        let mut n = Vec::with_capacity(groups);
        let mut population: Vec<Row> = vec![];
        self.customers.drain(emit_to, |customers| {
            population.clear();
            population.extend(customers.iter().map(row_of));
            n.push(i64::try_from(population.len()).unwrap_or(i64::MAX));
            for (to, cuts) in flat.iter_mut().zip(Cuts::fit(&population, bins, cuts_of).0) {
                to.extend(cuts);
            }
            // the three components have equally many cut points
            lists.end_at(flat[0].len())
        })?;
        let offsets = lists.finish();
        let nulls = NullBuffer::from_iter(n.iter().map(|&n| n > 0));
        let mut columns = flat
            .into_iter()
            .map(|cuts| Lists::column(&offsets, Arc::new(Float64Array::from(cuts))))
            .collect::<Result<Vec<_>>>()?;
        columns.push(Arc::new(Int64Array::from(vec![
            i64::try_from(bins).unwrap_or(i64::MAX);
            groups
        ])));
        columns.push(Arc::new(Int64Array::from(n)));
        Ok(Arc::new(StructArray::try_new(model_fields(), columns, Some(nulls))?))
    }

    fn state(&mut self, emit_to: EmitTo) -> Result<Vec<ArrayRef>> {
        let mut flat: [Vec<f64>; 3] = Default::default();
        let mut lists = Lists::with_capacity(self.customers.emitted(emit_to));
        self.customers.drain(emit_to, |customers| {
            for row in customers.iter().map(row_of) {
                for (to, value) in flat.iter_mut().zip(row) {
                    to.push(value);
                }
            }
            lists.end_at(flat[0].len())
        })?;
        let offsets = lists.finish();
        flat.into_iter().map(|v| Lists::column(&offsets, Arc::new(Float64Array::from(v)))).collect()
    }

    fn merge_batch(
        &mut self,
        values: &[ArrayRef],
        group_indices: &[usize],
        total_num_groups: usize,
    ) -> Result<()> {
        let [r, f, m] = values else { return internal_err!("{NAME} has three state columns") };
        let flat = |a: &ArrayRef| a.as_list::<i32>().values().as_primitive::<Float64Type>().clone();
        let (rs, fs, ms) = (flat(r), flat(f), flat(m));
        self.customers.reserve(total_num_groups, rs.len())?;
        for (group, range) in list_rows(r, group_indices) {
            for i in range {
                self.push(group, &[rs.value(i), fs.value(i), ms.value(i)]);
            }
        }
        Ok(())
    }

    fn convert_to_state(
        &self,
        values: &[ArrayRef],
        opt_filter: Option<&BooleanArray>,
    ) -> Result<Vec<ArrayRef>> {
        let rows = rows(NAME, values)?;
        let column = |i: usize| -> ArrayRef {
            let value = |row: &Row| complete(row).then(|| row.get(i).copied()).flatten();
            Arc::new(rows.iter().map(value).collect::<Float64Array>())
        };
        lists_of_one(&[column(0), column(1), column(2)], opt_filter)
    }

    fn size(&self) -> usize {
        // three lists of cut points and where they end, bins and n
        let answer = 3 * (self.bins * size_of::<f64>() + size_of::<i32>()) + 2 * size_of::<i64>();
        size_of::<Self>() + self.customers.size(self.customers.groups() * answer)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::testing::{batch, same_bits, session, value};
    use datafusion::datasource::MemTable;

    fn population() -> Result<datafusion::arrow::array::RecordBatch> {
        let n = 211i64;
        let column = |f: fn(i64) -> Option<f64>| -> ArrayRef {
            Arc::new((0..n).map(f).collect::<Float64Array>())
        };
        batch(vec![
            ("c", Arc::new(Int64Array::from_iter_values((0..n).map(|i| i % 3)))),
            ("d", column(|i| (i % 31 != 5).then_some((i * i % 97) as f64 / 4.0))),
            ("n", column(|i| Some((i * i % 5) as f64))),
            (
                "a",
                column(|i| {
                    Some(if i % 41 == 7 { f64::NAN } else { (i * 31 % 61) as f64 / 3.0 - 2.0 })
                }),
            ),
        ])
    }

    #[tokio::test]
    async fn applied_to_its_own_population_it_gives_its_scores() -> Result<()> {
        let ctx = session(2, 64)?;
        let rows = population()?;
        ctx.register_table("t", Arc::new(MemTable::try_new(rows.schema(), vec![vec![rows]])?))?;
        for options in ["", ", 4", ", 5, 'rfm'", ", 12"] {
            let sql = format!(
                "SELECT count(*), count(a.r), count(*) FILTER (WHERE a IS DISTINCT FROM s) FROM (
                   SELECT rfm_apply(m, d, n, a) AS a, rfm_score(d, n, a{options}) OVER (PARTITION BY t.c) AS s
                   FROM t JOIN (SELECT c, rfm_fit(d, n, a{options}) AS m FROM t GROUP BY c) AS f ON t.c = f.c)"
            );
            let got = ctx.sql(&sql).await?.collect().await?;
            let count = |i: usize| {
                got[0].column(i).as_primitive::<datafusion::arrow::datatypes::Int64Type>().value(0)
            };
            assert_eq!((count(0), count(1), count(2)), (211, 199, 0), "{options}");
        }
        Ok(())
    }

    #[tokio::test]
    async fn any_cut_gives_the_same_bits() -> Result<()> {
        let rows = population()?;
        same_bits(&rows, "SELECT c, rfm_fit(d, n, a) FILTER (WHERE n <> 1), rfm_fit(d, n, a, 3, 'rfm') FROM t GROUP BY c ORDER BY c").await?;
        same_bits(&rows, "SELECT rfm_fit(d, n, a) FROM t").await?;
        Ok(())
    }

    #[tokio::test]
    async fn nobody_makes_no_model() -> Result<()> {
        assert_eq!(value("SELECT rfm_fit(NULL, 1, 1) IS NULL").await?, "true");
        assert_eq!(value("SELECT rfm_fit(1, 1, 1) IS NULL WHERE 1 = 2").await?, "true");
        assert_eq!(value("SELECT rfm_apply(rfm_fit(NULL, 1, 1), 1, 1, 1) IS NULL").await?, "true");
        let err = value("SELECT rfm_fit(1, 1, 1, 5, 'ntile')").await.unwrap_err().to_string();
        assert!(err.contains("use 'quantile' or 'rfm'"), "{err}");
        Ok(())
    }
}
