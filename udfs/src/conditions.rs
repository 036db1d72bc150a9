//! Conditions as arguments: looked at once a batch, and packed into one number a row.

use datafusion::arrow::array::{Array, ArrayRef, AsArray, BooleanArray};
use datafusion::arrow::datatypes::{DataType, TimestampMicrosecondType};
use datafusion::common::{Result, internal_err, plan_err};

use crate::sequence_aggregate::Batch;

/// Conditions that a function can take: a bit each.
pub(crate) const MOST: usize = 64;

/// Bit i of a row's number says whether condition i (from 0) is true; NULL is false.
pub(crate) fn masks(conditions: &[ArrayRef]) -> Vec<u64> {
    let mut masks = vec![0u64; conditions.first().map_or(0, |c| c.len())];
    for (i, condition) in conditions.iter().take(MOST).enumerate() {
        set(&mut masks, condition.as_boolean(), 1 << i);
    }
    masks
}

/// Sets `bit` where `condition` is true.
pub(crate) fn set(masks: &mut [u64], condition: &BooleanArray, bit: u64) {
    let mut add = |row: usize| {
        if let Some(mask) = masks.get_mut(row) {
            *mask |= bit;
        }
    };
    match condition.nulls() {
        Some(nulls) => (condition.values() & nulls.inner()).set_indices().for_each(&mut add),
        None => condition.values().set_indices().for_each(&mut add),
    }
}

/// The types of conditions, from the first on; `usage` is how `function` is called.
///
/// # Errors
/// None, too many, or one that is no condition.
pub(crate) fn coerce(function: &str, types: &[DataType], usage: &str) -> Result<Vec<DataType>> {
    if types.is_empty() || types.len() > MOST {
        return plan_err!(
            "{function} takes 1 to {MOST} conditions, got {}; it is called {usage}",
            types.len()
        );
    }
    for (i, ty) in types.iter().enumerate() {
        if !matches!(ty, DataType::Boolean | DataType::Null) {
            return plan_err!(
                "{function}: condition {} must be a condition (BOOLEAN), got {ty}; it is called {usage}",
                i + 1
            );
        }
    }
    Ok(vec![DataType::Boolean; types.len()])
}

/// Pushes rows of a time and of conditions: those that meet any; where `unmatched` is set, all.
pub(crate) fn push(args: &[ArrayRef], unmatched: bool, batch: &mut Batch<u64>) -> Result<()> {
    let [ts, conditions @ ..] = args else { return internal_err!("conditions come after a time") };
    let ts = ts.as_primitive::<TimestampMicrosecondType>();
    let times = ts.values();
    let masks = masks(conditions);
    batch.push_each(ts, |row, _| {
        let mask = masks.get(row).copied().unwrap_or_default();
        let time = times.get(row).copied().unwrap_or_default();
        (mask != 0 || unmatched).then_some((time, mask))
    })
}
