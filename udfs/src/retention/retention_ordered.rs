//! `retention_ordered(ts, condition1 [, condition2, …])`: whether a customer who met the first
//! condition met the others later.
//!
//! The first value is whether any row satisfies the first condition, the i-th whether a row of a
//! later time than the first of those satisfies the i-th. A row of the same time is not later. NULL
//! conditions are false, rows with a NULL time are ignored; no rows in a group are all false. Times
//! with a zone are compared as instants. Rows in any order. The state is the first time of the first
//! condition and the last of each other: 8 bytes a condition and 8 more a group, O(conditions) a row.

use std::sync::{Arc, LazyLock};

use datafusion::arrow::array::{ArrayRef, AsArray, BooleanArray, Int64Array};
use datafusion::arrow::buffer::{NullBuffer, ScalarBuffer};
use datafusion::arrow::datatypes::{
    DataType, Field, FieldRef, Int64Type, TimestampMicrosecondType,
};
use datafusion::common::{Result, internal_err, plan_err};
use datafusion::logical_expr::function::{AccumulatorArgs, StateFieldsArgs};
use datafusion::logical_expr::utils::{AggregateOrderSensitivity, format_state_name};
use datafusion::logical_expr::{
    Accumulator, AggregateUDF, AggregateUDFImpl, Documentation, EmitTo, GroupsAccumulator,
    Signature, TypeSignature, Volatility,
};
use datafusion_macros::user_doc;

use super::returns::{answer_size, list_type, lists};
use crate::args::{self, Param, Ty, required};
use crate::conditions;
use crate::events::{Groups, OneGroup, Rows};

const NAME: &str = "retention_ordered";
const USAGE: &str = "retention_ordered(ts, condition1 [, condition2, …])";
const TS: &[Param] = &[required("ts", Ty::Instant)];

static UDAF: LazyLock<Arc<AggregateUDF>> =
    LazyLock::new(|| Arc::new(AggregateUDF::from(RetentionOrdered::default())));

/// The aggregate `retention_ordered`.
pub fn retention_ordered_udaf() -> Arc<AggregateUDF> {
    Arc::clone(&UDAF)
}

#[user_doc(
    doc_section(label = "Retention"),
    description = "Which conditions a customer met after the first: a list of booleans, one for each condition. The first is whether any row satisfies the first condition, the others whether a row later than the first of those satisfies theirs. A row of the same time is not later, so a customer who signs up and buys in one instant has not come back. A NULL condition is false, rows with a NULL time are ignored; a customer without rows met none. Times with a zone are compared as instants. Order of rows makes no difference. 1 to 64 conditions. Memory: 8 bytes a condition and 8 more a group.",
    syntax_example = "retention_ordered(ts, condition1 [, condition2, …])",
    sql_example = r#"```sql
SELECT customer, retention_ordered(ts, type = 'signup', type = 'visit') AS ordered, retention(type = 'signup', type = 'visit') AS any_order
FROM (VALUES ('ann', DATE '2018-01-01', 'signup'), ('ann', DATE '2018-01-05', 'visit'),
  ('bob', DATE '2018-01-01', 'visit'), ('bob', DATE '2018-01-05', 'signup')) AS t(customer, ts, type)
GROUP BY customer ORDER BY customer;
-- ann | [true, true] | [true, true]
-- bob | [true, false] | [true, true]
```"#,
    argument(name = "ts", description = "time of the row"),
    argument(
        name = "condition1, …",
        description = "conditions; the first is what the others come after"
    )
)]
#[derive(Debug, PartialEq, Eq, Hash)]
struct RetentionOrdered {
    signature: Signature,
}

impl Default for RetentionOrdered {
    fn default() -> Self {
        Self { signature: Signature::new(TypeSignature::UserDefined, Volatility::Immutable) }
    }
}

impl AggregateUDFImpl for RetentionOrdered {
    fn name(&self) -> &str {
        NAME
    }

    fn signature(&self) -> &Signature {
        &self.signature
    }

    fn coerce_types(&self, types: &[DataType]) -> Result<Vec<DataType>> {
        let Some((ts, conditions)) = types.split_first() else {
            return plan_err!("{NAME} needs a time and conditions; it is called {USAGE}");
        };
        let Ok(mut out) = args::coerce(NAME, TS, std::slice::from_ref(ts)) else {
            return plan_err!(
                "{NAME}: ts must be a timestamp or date, got {ts}; it is called {USAGE}"
            );
        };
        out.extend(conditions::coerce(NAME, conditions, USAGE)?);
        Ok(out)
    }

    fn return_type(&self, _types: &[DataType]) -> Result<DataType> {
        Ok(list_type())
    }

    fn state_fields(&self, args: StateFieldsArgs) -> Result<Vec<FieldRef>> {
        let conditions = args.input_fields.len().saturating_sub(1);
        let name = |i| format_state_name(args.name, &format!("met{i}"));
        Ok((0..conditions)
            .map(|i| Arc::new(Field::new(name(i), DataType::Int64, true)) as FieldRef)
            .collect())
    }

    fn order_sensitivity(&self) -> AggregateOrderSensitivity {
        AggregateOrderSensitivity::Insensitive
    }

    fn accumulator(&self, args: AccumulatorArgs) -> Result<Box<dyn Accumulator>> {
        Ok(Box::new(OneGroup(MetWhen::new(args.exprs.len().saturating_sub(1)))))
    }

    fn groups_accumulator_supported(&self, _args: AccumulatorArgs) -> bool {
        true
    }

    fn create_groups_accumulator(
        &self,
        args: AccumulatorArgs,
    ) -> Result<Box<dyn GroupsAccumulator>> {
        Ok(Box::new(MetWhen::new(args.exprs.len().saturating_sub(1))))
    }

    fn documentation(&self) -> Option<&Documentation> {
        self.doc()
    }
}

/// When each group met the conditions: the first for the first time, the others for the last.
#[derive(Debug, Clone)]
struct MetWhen {
    conditions: usize,
    /// which were met at all: a bit each
    met: Vec<u64>,
    /// a time for each condition of each group, and nothing if it was not met
    times: Vec<i64>,
}

impl MetWhen {
    const fn new(conditions: usize) -> Self {
        Self { conditions, met: vec![], times: vec![] }
    }

    /// `group` meets the conditions of `mask` at a time.
    #[inline]
    fn add(&mut self, group: usize, mut mask: u64, time: i64) {
        let from = group * self.conditions;
        let times = self.times.get_mut(from..from + self.conditions);
        let (Some(met), Some(times)) = (self.met.get_mut(group), times) else { return };
        let before = *met;
        *met |= mask;
        while mask != 0 {
            let i = mask.trailing_zeros() as usize;
            mask &= mask - 1;
            let Some(slot) = times.get_mut(i) else { return };
            *slot = match ((before >> i) & 1 != 0, i) {
                (false, _) => time,
                (true, 0) => time.min(*slot),
                (true, _) => time.max(*slot),
            };
        }
    }

    /// The groups of `emit`, with the times of each; they are forgotten.
    fn take(&mut self, emit: EmitTo) -> (Vec<u64>, Vec<i64>) {
        let met = emit.take_needed(&mut self.met);
        let times = match emit {
            EmitTo::All => std::mem::take(&mut self.times),
            EmitTo::First(_) => self.times.drain(..met.len() * self.conditions).collect(),
        };
        (met, times)
    }
}

impl Groups for MetWhen {
    fn grow(&mut self, groups: usize) -> Result<()> {
        let groups = groups.max(self.met.len());
        self.met.resize(groups, 0);
        self.times.resize(groups * self.conditions, 0);
        Ok(())
    }
}

impl GroupsAccumulator for MetWhen {
    fn update_batch(
        &mut self,
        values: &[ArrayRef],
        groups: &[usize],
        filter: Option<&BooleanArray>,
        total: usize,
    ) -> Result<()> {
        let [ts, conditions @ ..] = values else { return internal_err!("{NAME} needs ts") };
        self.grow(total)?;
        let masks = conditions::masks(conditions);
        let rows = Rows::new(filter, ts);
        let times = ts.as_primitive::<TimestampMicrosecondType>().values();
        for (row, ((&group, &mask), &time)) in groups.iter().zip(&masks).zip(times).enumerate() {
            if mask != 0 && rows.take(row) {
                self.add(group, mask, time);
            }
        }
        Ok(())
    }

    fn evaluate(&mut self, emit: EmitTo) -> Result<ArrayRef> {
        let (met, times) = self.take(emit);
        let groups = met.iter().zip(times.chunks_exact(self.conditions.max(1)));
        let answers = groups.map(|(met, times)| {
            let first = times.first().filter(|_| met & 1 != 0);
            first.map_or(0, |first| {
                let later = times.iter().enumerate().filter(|(_, t)| *t > first);
                later.fold(1, |all, (i, _)| all | (met & (1 << i)))
            })
        });
        lists(answers, self.conditions)
    }

    fn state(&mut self, emit: EmitTo) -> Result<Vec<ArrayRef>> {
        let (met, times) = self.take(emit);
        Ok((0..self.conditions)
            .map(|i| {
                let times: ScalarBuffer<i64> =
                    times.iter().skip(i).step_by(self.conditions).copied().collect();
                let nulls: NullBuffer = met.iter().map(|m| (m >> i) & 1 != 0).collect();
                Arc::new(Int64Array::new(times, Some(nulls))) as ArrayRef
            })
            .collect())
    }

    fn merge_batch(&mut self, state: &[ArrayRef], groups: &[usize], total: usize) -> Result<()> {
        self.grow(total)?;
        for (i, times) in state.iter().enumerate() {
            let times = times.as_primitive::<Int64Type>();
            for (&group, time) in groups.iter().zip(times) {
                if let Some(time) = time {
                    self.add(group, 1 << i, time);
                }
            }
        }
        Ok(())
    }

    fn convert_to_state(
        &self,
        values: &[ArrayRef],
        filter: Option<&BooleanArray>,
    ) -> Result<Vec<ArrayRef>> {
        let [ts, conditions @ ..] = values else { return internal_err!("{NAME} needs ts") };
        let times = ts.as_primitive::<TimestampMicrosecondType>();
        let rows = Rows::new(filter, ts);
        Ok(conditions
            .iter()
            .map(|c| {
                let met = Rows::new(Some(c.as_boolean()), times);
                let nulls: NullBuffer =
                    (0..times.len()).map(|row| met.take(row) && rows.take(row)).collect();
                Arc::new(Int64Array::new(times.values().clone(), Some(nulls))) as ArrayRef
            })
            .collect())
    }

    fn size(&self) -> usize {
        size_of::<Self>()
            + (self.met.capacity() + self.times.capacity()) * size_of::<u64>()
            + self.met.len() * answer_size(self.conditions)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::testing::{batch, same_bits, session, value};
    use datafusion::arrow::array::TimestampMicrosecondArray;

    fn draws(seed: u64) -> impl FnMut(usize) -> usize {
        let mut state = seed;
        move |n| {
            state = state
                .wrapping_mul(6_364_136_223_846_793_005)
                .wrapping_add(1_442_695_040_888_963_407);
            (state >> 33) as usize % n
        }
    }

    #[test]
    fn random_logs_have_the_retention_of_the_definition() -> Result<()> {
        let mut draw = draws(3);
        let (rows, groups, conditions) = (90_000, 25_000, 4);
        let time = |t: usize| [i64::MIN, 0, 1, 2, i64::MAX][t];
        let times: Vec<Option<i64>> =
            (0..rows).map(|_| (draw(9) > 0).then(|| time(draw(5)))).collect();
        let met: Vec<Vec<Option<bool>>> = (0..conditions)
            .map(|_| (0..rows).map(|_| [None, Some(true), Some(false)][draw(3)]).collect())
            .collect();
        let groups_of: Vec<usize> = (0..rows).map(|_| draw(groups)).collect();
        let filter: BooleanArray = (0..rows).map(|i| (i % 7 > 0).then_some(i % 5 > 0)).collect();
        let mut values: Vec<ArrayRef> =
            vec![Arc::new(TimestampMicrosecondArray::from(times.clone()))];
        values.extend(met.iter().map(|c| Arc::new(BooleanArray::from(c.clone())) as ArrayRef));

        let mut once = MetWhen::new(conditions);
        once.update_batch(&values, &groups_of, Some(&filter), groups)?;
        let mut in_states = MetWhen::new(conditions);
        let states = in_states.convert_to_state(&values, Some(&filter))?;
        in_states.merge_batch(&states, &groups_of, groups)?;
        let states = in_states.state(EmitTo::First(groups / 2))?;
        let mut got = vec![once.evaluate(EmitTo::All)?];
        got.push(in_states.evaluate(EmitTo::All)?);
        let mut last = MetWhen::new(conditions);
        last.merge_batch(&states, &(0..groups / 2).collect::<Vec<_>>(), groups / 2)?;
        got.push(last.evaluate(EmitTo::All)?);

        let mut rows_of = vec![vec![]; groups];
        for (row, group) in groups_of.iter().enumerate().filter(|(i, _)| i % 7 > 0 && i % 5 > 0) {
            if let Some(t) = times[row] {
                rows_of[*group].push((t, row));
            }
        }
        for (group, rows) in rows_of.iter().enumerate() {
            let first = rows.iter().filter(|r| met[0][r.1] == Some(true)).map(|r| r.0).min();
            let returned = |c: usize| {
                first.is_some_and(|f| rows.iter().any(|r| r.0 > f && met[c][r.1] == Some(true)))
            };
            let want: BooleanArray = (0..conditions)
                .map(|c| Some(if c == 0 { first.is_some() } else { returned(c) }))
                .collect();
            let of =
                |list: &ArrayRef, at: usize| list.as_list::<i32>().value(at).as_boolean().clone();
            assert_eq!(of(&got[0], group), want, "{rows:?}");
            match group.checked_sub(groups / 2) {
                None => assert_eq!(of(&got[2], group), want),
                Some(at) => assert_eq!(of(&got[1], at), want),
            }
        }
        Ok(())
    }

    #[tokio::test]
    async fn any_cut_gives_the_same_bits() -> Result<()> {
        let mut draw = draws(5);
        let mut flags = || {
            Arc::new(
                (0..300)
                    .map(|_| [None, Some(true), Some(false)][draw(3)])
                    .collect::<BooleanArray>(),
            )
        };
        let (x, y, z) = (flags(), flags(), flags());
        let ts = (0..300i64).map(|i| (i % 11 != 2).then_some(i * i % 23));
        let rows = batch(vec![
            ("c", Arc::new(Int64Array::from_iter_values((0..300i64).map(|i| i * i % 90)))),
            ("ts", Arc::new(TimestampMicrosecondArray::from_iter(ts))),
            ("x", x),
            ("y", y),
            ("z", z),
        ])?;
        same_bits(&rows, "SELECT c, retention_ordered(ts, x, y, z), retention_ordered(ts, z, x) FILTER (WHERE y) FROM t GROUP BY c ORDER BY c").await?;
        same_bits(&rows, "SELECT retention_ordered(ts, x, y, z) FROM t WHERE c < 3").await?;
        Ok(())
    }

    #[tokio::test]
    async fn nobody_met_nothing_and_wrong_arguments_are_refused() -> Result<()> {
        let none = "SELECT retention_ordered(now(), true, NULL) WHERE 1 = 2";
        assert_eq!(value(none).await?, "[false, false]");
        assert_eq!(value("SELECT retention_ordered(NULL, true, true)").await?, "[false, false]");
        for (args, want) in [
            ("", "needs a time and conditions"),
            ("true, true", "ts must be a timestamp or date, got Boolean"),
            ("now()", "takes 1 to 64 conditions, got 0"),
            ("now(), 1", "condition 1 must be a condition (BOOLEAN), got Int64"),
        ] {
            let sql = format!("SELECT retention_ordered({args}) FROM (VALUES (1)) AS t(x)");
            let err = session(1, 8192)?.sql(&sql).await.unwrap_err().to_string();
            assert!(err.contains(want), "{args}: {err}");
        }
        Ok(())
    }
}
