//! `retention(condition1 [, condition2, …])`: whether a customer who met the first condition met the
//! others.
//!
//! The first value is whether any row satisfies the first condition, the i-th whether that is so and
//! any row, the same or another, satisfies the i-th: before or after makes no difference, for which
//! there is `retention_ordered`. NULL is false. No rows in a group are all false. 8 bytes a group,
//! O(conditions) a row. ClickHouse, `retention`.

use std::sync::{Arc, LazyLock};

use datafusion::arrow::array::{ArrayRef, AsArray, BooleanArray, UInt64Array};
use datafusion::arrow::datatypes::{DataType, Field, FieldRef, UInt64Type};
use datafusion::common::{Result, internal_err};
use datafusion::logical_expr::function::{AccumulatorArgs, StateFieldsArgs};
use datafusion::logical_expr::utils::{AggregateOrderSensitivity, format_state_name};
use datafusion::logical_expr::{
    Accumulator, AggregateUDF, AggregateUDFImpl, Documentation, EmitTo, GroupsAccumulator,
    Signature, TypeSignature, Volatility,
};
use datafusion_macros::user_doc;

use super::returns::{answer_size, list_type, lists};
use crate::conditions;
use crate::events::{Groups, OneGroup};

pub(super) const NAME: &str = "retention";
const USAGE: &str = "retention(condition1 [, condition2, …])";

static UDAF: LazyLock<Arc<AggregateUDF>> =
    LazyLock::new(|| Arc::new(AggregateUDF::from(Retention::default())));

/// The aggregate `retention`.
pub fn retention_udaf() -> Arc<AggregateUDF> {
    Arc::clone(&UDAF)
}

#[user_doc(
    doc_section(label = "Retention"),
    description = "Which conditions a customer met, provided that the first was: a list of booleans, one for each condition. The first is whether any row satisfies the first condition, the others whether that is so and any row, the same or another, satisfies theirs. Time makes no difference: a visit before the first one counts too (see retention_ordered). A NULL condition is false; a customer without rows met none. Order makes no difference. 1 to 64 conditions. Memory: 8 bytes a group. ClickHouse's retention.",
    syntax_example = "retention(condition1 [, condition2, …])",
    sql_example = r#"```sql
SELECT customer, retention(day = 1, day = 2, day = 3) AS r
FROM (VALUES ('ann', 1), ('ann', 3), ('bob', 2), ('bob', 3)) AS t(customer, day)
GROUP BY customer ORDER BY customer;
-- ann | [true, false, true]
-- bob | [false, false, false]
```"#,
    argument(
        name = "condition1, …",
        description = "conditions; the first is what the others build on"
    )
)]
#[derive(Debug, PartialEq, Eq, Hash)]
struct Retention {
    signature: Signature,
}

impl Default for Retention {
    fn default() -> Self {
        Self { signature: Signature::new(TypeSignature::UserDefined, Volatility::Immutable) }
    }
}

impl AggregateUDFImpl for Retention {
    fn name(&self) -> &str {
        NAME
    }

    fn signature(&self) -> &Signature {
        &self.signature
    }

    fn coerce_types(&self, types: &[DataType]) -> Result<Vec<DataType>> {
        conditions::coerce(NAME, types, USAGE)
    }

    fn return_type(&self, _types: &[DataType]) -> Result<DataType> {
        Ok(list_type())
    }

    fn state_fields(&self, args: StateFieldsArgs) -> Result<Vec<FieldRef>> {
        let name = format_state_name(args.name, "met");
        Ok(vec![Arc::new(Field::new(name, DataType::UInt64, true))])
    }

    fn order_sensitivity(&self) -> AggregateOrderSensitivity {
        AggregateOrderSensitivity::Insensitive
    }

    fn accumulator(&self, args: AccumulatorArgs) -> Result<Box<dyn Accumulator>> {
        Ok(Box::new(OneGroup(Met::new(args.exprs.len()))))
    }

    fn groups_accumulator_supported(&self, _args: AccumulatorArgs) -> bool {
        true
    }

    fn create_groups_accumulator(
        &self,
        args: AccumulatorArgs,
    ) -> Result<Box<dyn GroupsAccumulator>> {
        Ok(Box::new(Met::new(args.exprs.len())))
    }

    fn documentation(&self) -> Option<&Documentation> {
        self.doc()
    }
}

/// Which conditions each group met: a bit each.
#[derive(Debug, Clone)]
struct Met {
    conditions: usize,
    met: Vec<u64>,
}

impl Met {
    const fn new(conditions: usize) -> Self {
        Self { conditions, met: vec![] }
    }

    fn add(&mut self, groups: &[usize], masks: &[u64]) {
        for (&group, mask) in groups.iter().zip(masks) {
            if let Some(met) = self.met.get_mut(group) {
                *met |= mask;
            }
        }
    }
}

/// What each row meets; nothing if `filter` does not take it.
pub(super) fn masks(values: &[ArrayRef], filter: Option<&BooleanArray>) -> Vec<u64> {
    let mut masks = conditions::masks(values);
    if let Some(filter) = filter {
        for (mask, take) in masks.iter_mut().zip(filter) {
            *mask *= u64::from(take == Some(true));
        }
    }
    masks
}

impl Groups for Met {
    fn grow(&mut self, groups: usize) -> Result<()> {
        self.met.resize(self.met.len().max(groups), 0);
        Ok(())
    }
}

impl GroupsAccumulator for Met {
    fn update_batch(
        &mut self,
        values: &[ArrayRef],
        groups: &[usize],
        filter: Option<&BooleanArray>,
        total: usize,
    ) -> Result<()> {
        self.grow(total)?;
        self.add(groups, &masks(values, filter));
        Ok(())
    }

    fn evaluate(&mut self, emit: EmitTo) -> Result<ArrayRef> {
        // without the first, none counts
        let met = emit.take_needed(&mut self.met).into_iter();
        lists(met.map(|m| if m & 1 == 0 { 0 } else { m }), self.conditions)
    }

    fn state(&mut self, emit: EmitTo) -> Result<Vec<ArrayRef>> {
        Ok(vec![Arc::new(UInt64Array::from(emit.take_needed(&mut self.met)))])
    }

    fn merge_batch(&mut self, state: &[ArrayRef], groups: &[usize], total: usize) -> Result<()> {
        let [met] = state else { return internal_err!("{NAME} has a state of one column") };
        self.grow(total)?;
        self.add(groups, met.as_primitive::<UInt64Type>().values());
        Ok(())
    }

    fn convert_to_state(
        &self,
        values: &[ArrayRef],
        filter: Option<&BooleanArray>,
    ) -> Result<Vec<ArrayRef>> {
        Ok(vec![Arc::new(UInt64Array::from(masks(values, filter)))])
    }

    fn size(&self) -> usize {
        size_of::<Self>()
            + self.met.capacity() * size_of::<u64>()
            + self.met.len() * answer_size(self.conditions)
    }
}

#[cfg(test)]
mod tests {
    use std::fmt::Write;

    use super::*;
    use crate::testing::{batch, same_bits, session, value};
    use datafusion::arrow::array::{Array, Int64Array};

    /// 5 users came on the first day, 10 on the second and 15 on the third, each also on the days
    /// before theirs: the example of ClickHouse's documentation.
    #[tokio::test]
    async fn the_example_of_clickhouse() -> Result<()> {
        let mut days = String::new();
        for (day, users) in [(1, 5), (2, 10), (3, 15)] {
            (0..users).for_each(|u| write!(days, "({u}, {day}),").unwrap());
        }
        let sql = format!(
            "SELECT concat_ws(' ', sum(CAST(r[1] AS INT)), sum(CAST(r[2] AS INT)), sum(CAST(r[3] AS INT))) FROM
               (SELECT retention(d = 1, d = 2, d = 3) AS r FROM (VALUES {}) AS t(u, d) GROUP BY u)",
            days.trim_end_matches(',')
        );
        assert_eq!(value(&sql).await?, "5 5 5");
        Ok(())
    }

    /// A column of each condition, of all 64: NULL, false and true.
    fn log(rows: usize, conditions: usize, seed: u64) -> Vec<Vec<Option<bool>>> {
        let mut state = seed;
        let mut draw = || {
            state = state
                .wrapping_mul(6_364_136_223_846_793_005)
                .wrapping_add(1_442_695_040_888_963_407);
            [None, Some(true), Some(false), Some(false)][(state >> 33) as usize % 4]
        };
        (0..conditions).map(|_| (0..rows).map(|_| draw()).collect()).collect()
    }

    #[test]
    fn random_logs_have_the_retention_of_the_definition() -> Result<()> {
        for (seed, conditions) in [(1, 1), (2, 3), (3, 5), (4, 64)] {
            let (rows, groups) = (30_000, 20_000);
            let log = log(rows, conditions, seed);
            let groups_of: Vec<usize> = (0..rows).map(|i| i * i % groups).collect();
            let filter: BooleanArray =
                (0..rows).map(|i| (i % 7 > 0).then_some(i % 5 > 0)).collect();
            let columns: Vec<ArrayRef> =
                log.iter().map(|c| Arc::new(BooleanArray::from(c.clone())) as ArrayRef).collect();
            let mut met = Met::new(conditions);
            met.update_batch(&columns, &groups_of, Some(&filter), groups)?;
            let got = met.evaluate(EmitTo::All)?;
            let mut rows_of = vec![vec![]; groups];
            for (row, group) in groups_of.iter().enumerate().filter(|(i, _)| i % 7 > 0 && i % 5 > 0)
            {
                rows_of[*group].push(row);
            }
            for (group, rows) in rows_of.iter().enumerate() {
                let any = |c: usize| rows.iter().any(|r| log[c][*r] == Some(true));
                let want: BooleanArray = (0..conditions).map(|c| Some(any(0) && any(c))).collect();
                assert_eq!(got.as_list::<i32>().value(group).as_boolean(), &want, "group {group}");
            }
            assert_eq!((got.len(), met.met.len()), (groups, 0));
        }
        Ok(())
    }

    #[tokio::test]
    async fn any_cut_gives_the_same_bits() -> Result<()> {
        let log = log(300, 3, 9);
        let of = |c: usize| Arc::new(BooleanArray::from(log[c].clone())) as ArrayRef;
        let rows = batch(vec![
            ("c", Arc::new(Int64Array::from_iter_values((0..300i64).map(|i| i * i % 90)))),
            ("x", of(0)),
            ("y", of(1)),
            ("z", of(2)),
        ])?;
        same_bits(&rows, "SELECT c, retention(x, y, z), retention(z, x) FILTER (WHERE y) FROM t GROUP BY c ORDER BY c").await?;
        same_bits(&rows, "SELECT retention(x, y, z) FROM t WHERE c < 3").await?;
        Ok(())
    }

    #[tokio::test]
    async fn nobody_met_nothing_and_what_is_no_condition_is_refused() -> Result<()> {
        assert_eq!(value("SELECT retention(true, NULL) WHERE 1 = 2").await?, "[false, false]");
        assert_eq!(value("SELECT retention(NULL, true)").await?, "[false, false]");
        for (args, want) in [
            ("", "retention takes 1 to 64 conditions, got 0"),
            ("1", "condition 1 must be a condition (BOOLEAN), got Int64"),
            (&["true"; 65].join(", "), "got 65"),
        ] {
            let sql = format!("SELECT retention({args}) FROM (VALUES (1)) AS t(x)");
            let err = session(1, 8192)?.sql(&sql).await.unwrap_err().to_string();
            assert!(err.contains(want), "{args}: {err}");
        }
        Ok(())
    }
}
