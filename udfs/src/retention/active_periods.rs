//! `active_periods(period)`: the periods in which a customer was active.
//!
//! `period` is the number of the period that a row lies in, such as `periods_between` counts them
//! from a fixed time. The list has each once, from the first on. NULL is ignored, no row gives an
//! empty list; neither order nor ties make a difference. O(1) a row; memory: 8 bytes a group for
//! every 64 periods between the first and the last of all groups, up to 1,024 of them, 16 bytes for
//! what lies outside, and 8 bytes an element of the answers.

use std::sync::{Arc, LazyLock};

use datafusion::arrow::array::{ArrayRef, AsArray, BooleanArray, Int64Array};
use datafusion::arrow::datatypes::{DataType, FieldRef, Int64Type};
use datafusion::common::{Result, ScalarValue, internal_err};
use datafusion::logical_expr::function::{AccumulatorArgs, StateFieldsArgs};
use datafusion::logical_expr::utils::{AggregateOrderSensitivity, format_state_name};
use datafusion::logical_expr::{
    Accumulator, AggregateUDF, AggregateUDFImpl, Documentation, EmitTo, GroupsAccumulator,
    Signature,
};
use datafusion_macros::user_doc;

use super::period_sets::PeriodSets;
use crate::args::{self, Param, Ty, required};
use crate::events::{Groups, OneGroup, Rows};
use crate::lists::{Lists, item, list_field, list_rows, lists_of_one};

pub(super) const NAME: &str = "active_periods";
const PARAMS: &[Param] = &[required("period", Ty::Int)];
/// Bytes of a list of the answer, and of an element.
const LIST: usize = 4;
const ELEMENT: usize = 8;

static UDAF: LazyLock<Arc<AggregateUDF>> =
    LazyLock::new(|| Arc::new(AggregateUDF::from(ActivePeriods::default())));

/// The aggregate `active_periods`.
pub fn active_periods_udaf() -> Arc<AggregateUDF> {
    Arc::clone(&UDAF)
}

#[user_doc(
    doc_section(label = "Retention"),
    description = "The periods in which a customer was active: LIST<BIGINT>, each once, from the first on. period is the number of the period that a row lies in, such as periods_between counts from a fixed time. It is the smallest thing to keep of a customer from which retention can be told: retention_grid makes the matrix of the lists, of all customers or of any segment. NULL is ignored, no row gives an empty list; order and ties make no difference. O(1) a row; memory: 8 bytes a group for every 64 periods between the first and the last of all groups, up to 1,024 of them, 16 bytes for a period outside of these, and 8 bytes an element.",
    syntax_example = "active_periods(period)",
    sql_example = r#"```sql
SELECT customer, active_periods(periods_between(TIMESTAMP '2018-01-01', day, 'month')) AS months
FROM (VALUES ('ann', DATE '2018-03-05'), ('ann', DATE '2018-01-20'), ('ann', DATE '2018-03-09'), ('bob', DATE '2018-02-01')) AS t(customer, day)
GROUP BY customer ORDER BY customer;
-- ann | [0, 2]
-- bob | [1]
```"#,
    argument(name = "period", description = "the number of the period that the row lies in")
)]
#[derive(Debug, PartialEq, Eq, Hash)]
struct ActivePeriods {
    signature: Signature,
}

impl Default for ActivePeriods {
    fn default() -> Self {
        Self { signature: args::signature(PARAMS) }
    }
}

impl AggregateUDFImpl for ActivePeriods {
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
        Ok(DataType::List(item(&DataType::Int64)))
    }

    fn is_nullable(&self) -> bool {
        false
    }

    fn default_value(&self, ty: &DataType) -> Result<ScalarValue> {
        ScalarValue::new_default(ty)
    }

    fn state_fields(&self, args: StateFieldsArgs) -> Result<Vec<FieldRef>> {
        Ok(vec![list_field(format_state_name(args.name, "periods"), &DataType::Int64)])
    }

    fn order_sensitivity(&self) -> AggregateOrderSensitivity {
        AggregateOrderSensitivity::Insensitive
    }

    fn accumulator(&self, _args: AccumulatorArgs) -> Result<Box<dyn Accumulator>> {
        Ok(Box::new(OneGroup(Active::default())))
    }

    fn groups_accumulator_supported(&self, _args: AccumulatorArgs) -> bool {
        true
    }

    fn create_groups_accumulator(
        &self,
        _args: AccumulatorArgs,
    ) -> Result<Box<dyn GroupsAccumulator>> {
        Ok(Box::new(Active::default()))
    }

    fn documentation(&self) -> Option<&Documentation> {
        self.doc()
    }
}

#[derive(Debug, Clone, Default)]
struct Active {
    sets: PeriodSets,
}

impl Groups for Active {
    fn grow(&mut self, groups: usize) -> Result<()> {
        self.sets.grow(groups);
        Ok(())
    }
}

impl GroupsAccumulator for Active {
    fn update_batch(
        &mut self,
        values: &[ArrayRef],
        groups: &[usize],
        filter: Option<&BooleanArray>,
        total: usize,
    ) -> Result<()> {
        let [periods] = values else { return internal_err!("{NAME} takes one argument") };
        self.sets.grow(total);
        let rows = Rows::new(filter, periods);
        let all = rows.all();
        let numbers = periods.as_primitive::<Int64Type>().values();
        for (row, (&group, &period)) in groups.iter().zip(numbers).enumerate() {
            if all || rows.take(row) {
                self.sets.insert(group, period);
            }
        }
        Ok(())
    }

    fn evaluate(&mut self, emit: EmitTo) -> Result<ArrayRef> {
        let groups = match emit {
            EmitTo::All => self.sets.len(),
            EmitTo::First(n) => n,
        };
        let mut lists = Lists::with_capacity(groups);
        let numbers = self.sets.take(groups, |end| lists.end_at(end))?;
        Lists::column(&lists.finish(), Arc::new(Int64Array::new(numbers.into(), None)))
    }

    fn state(&mut self, emit: EmitTo) -> Result<Vec<ArrayRef>> {
        Ok(vec![self.evaluate(emit)?])
    }

    fn merge_batch(&mut self, state: &[ArrayRef], groups: &[usize], total: usize) -> Result<()> {
        let [lists] = state else { return internal_err!("{NAME} has a state of one column") };
        self.sets.grow(total);
        let numbers = lists.as_list::<i32>().values().as_primitive::<Int64Type>().values();
        for (group, range) in list_rows(lists, groups) {
            for period in numbers.get(range).unwrap_or(&[]) {
                self.sets.insert(group, *period);
            }
        }
        Ok(())
    }

    fn convert_to_state(
        &self,
        values: &[ArrayRef],
        filter: Option<&BooleanArray>,
    ) -> Result<Vec<ArrayRef>> {
        lists_of_one(values, filter)
    }

    fn size(&self) -> usize {
        size_of::<Self>()
            + self.sets.size()
            + self.sets.len() * LIST
            + self.sets.numbers() * ELEMENT
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::testing::{batch, same_bits, value};

    #[tokio::test]
    async fn any_cut_gives_the_same_bits() -> Result<()> {
        let numbers =
            |of: fn(i64) -> Option<i64>| Arc::new(Int64Array::from_iter((0..400).map(of)));
        let rows = batch(vec![
            ("c", numbers(|i| Some(i * i % 31))),
            ("p", numbers(|i| (i % 13 > 0).then_some(i * i % 97 / 4))),
            ("far", numbers(|i| (i % 9 > 0).then_some((i * i % 17 - 8) * 400))),
        ])?;
        same_bits(&rows, "SELECT c, active_periods(p), active_periods(far) FILTER (WHERE p > 3) FROM t GROUP BY c ORDER BY c").await?;
        same_bits(&rows, "SELECT active_periods(far), active_periods(p) FROM t WHERE c < 3")
            .await?;
        Ok(())
    }

    #[tokio::test]
    async fn nobody_was_active_nowhere() -> Result<()> {
        assert_eq!(value("SELECT active_periods(1) WHERE 1 = 2").await?, "[]");
        assert_eq!(value("SELECT active_periods(NULL)").await?, "[]");
        assert_eq!(
            value(
                "SELECT active_periods(p) OVER (ORDER BY p) FROM (VALUES (3), (-9)) AS t(p) LIMIT 1"
            )
            .await?,
            "[-9]"
        );
        Ok(())
    }
}
