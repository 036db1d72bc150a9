//! The rows of a table in the order of customer and time.

use std::sync::Arc;

use datafusion::common::Column;
use datafusion::dataframe::DataFrame;
use datafusion::datasource::TableProvider;
use datafusion::datasource::source::DataSourceExec;
use datafusion::execution::SendableRecordBatchStream;
use datafusion::logical_expr::{Expr, lit};
use datafusion::physical_plan::{ExecutionPlan, execute_stream};

use super::journal::Rest;
use super::key::Keys;
use crate::engine::Tenure;
use crate::error::Result;
use crate::lake::LakeTable;

/// Rows under way, and the plan that makes them.
pub(super) struct Sorted {
    pub(super) rows: SendableRecordBatchStream,
    pub(super) plan: Arc<dyn ExecutionPlan>,
}

/// The rows of `new`, which has not got the columns that are computed, and of `old`, which has,
/// from a customer on.
pub(super) async fn rows(
    tenure: &Tenure,
    keys: &Keys,
    new: Option<Arc<LakeTable>>,
    old: Option<Arc<LakeTable>>,
    from: &Rest,
) -> Result<Option<Sorted>> {
    let frame = match (new, old) {
        (None, None) => return Ok(None),
        (Some(new), None) => with_keys(tenure, keys, new)?,
        (None, Some(old)) => tenure.context().read_table(old)?,
        (Some(new), Some(old)) => {
            let old = tenure.context().read_table(old)?;
            with_keys(tenure, keys, new)?.union_by_name(old)?
        }
    };
    let customer = || Expr::Column(Column::from_name(keys.customer.column.as_str()));
    let frame = match from {
        Rest::Begin => frame,
        Rest::Customer(key) => {
            frame.filter(customer().gt_eq(lit(key.scalar())).or(customer().is_null()))?
        }
        Rest::Nobody => frame.filter(customer().is_null())?,
    };
    let by = keys.columns().map(|(column, descending)| {
        Expr::Column(Column::from_name(column)).sort(!descending, false)
    });
    let frame = frame.sort(by.collect())?;
    let (state, plan) = frame.into_parts();
    let plan = state.create_physical_plan(&plan).await?;
    let rows = execute_stream(Arc::clone(&plan), state.task_ctx())?;
    Ok(Some(Sorted { rows, plan }))
}

/// The columns of a table and those that it is sorted by.
fn with_keys(tenure: &Tenure, keys: &Keys, table: Arc<LakeTable>) -> Result<DataFrame> {
    let schema = table.schema();
    let frame = tenure.context().read_table(table)?;
    let mut columns: Vec<Expr> = schema
        .fields()
        .iter()
        .map(|field| Expr::Column(Column::from_name(field.name().as_str())))
        .collect();
    let state = tenure.context().state();
    for by in keys.both() {
        if let Some(sql) = &by.sql {
            let value = state.create_logical_expr(sql, frame.schema())?;
            columns.push(value.alias(by.column.as_str()));
        }
    }
    Ok(frame.select(columns)?)
}

/// Rows that the scans of a plan have made so far.
pub(super) fn rows_read(plan: &Arc<dyn ExecutionPlan>) -> u64 {
    let own = match plan.downcast_ref::<DataSourceExec>() {
        Some(_) => plan.metrics().and_then(|metrics| metrics.output_rows()),
        None => None,
    };
    let own = own.map_or(0, |rows| u64::try_from(rows).unwrap_or(u64::MAX));
    plan.children().into_iter().map(rows_read).fold(own, u64::saturating_add)
}
