//! What a statement takes and gives, told without running it.

use std::collections::HashMap;
use std::sync::Arc;

use chrono::Utc;
use datafusion::arrow::datatypes::{DataType, Field, FieldRef, Fields, Schema, SchemaRef};
use datafusion::common::config::ConfigOptions;
use datafusion::logical_expr::LogicalPlan;
use datafusion::sql::parser::Statement as Parsed;

use super::{Statement, Tenure, guard};
use crate::error::{Error, Result};
use crate::params::{self, Params};
use crate::plan;

/// A statement that was planned and not run.
#[derive(Debug, Clone, PartialEq)]
pub struct Prepared {
    /// placeholders without a value, `name` of `$name` and `1` of `$1`, with their types as far as
    /// the statement tells them; positions come first and in order
    pub parameters: Vec<(String, Option<DataType>)>,
    /// columns of the answer; `None` where they cannot be told before the parameters have values
    pub schema: Option<SchemaRef>,
}

impl Tenure {
    /// Plans a statement as far as that is possible without the values that `params` lacks. It
    /// changes nothing, whatever the statement.
    ///
    /// # Errors
    /// As [`Self::sql_with`], but placeholders need no values.
    pub async fn prepare(&self, sql: &str, params: &Params) -> Result<Prepared> {
        let statement = Statement::new(Utc::now());
        let open = params.clone().open();
        let work = async {
            let mut state = self.context.state();
            let (mut parsed, _) = self.meant(plan::read(sql)?, &state, &open).await?;
            plan::rewrite(&mut parsed, &state, &open)?;
            let names = names(&parsed);
            statement.freeze(&mut state)?;
            let plan = match Box::pin(state.statement_to_plan(parsed)).await {
                Ok(plan) => plan,
                // a placeholder may stand where only a literal can be planned
                Err(_) if !names.is_empty() => {
                    let parameters = names.into_iter().map(|name| (name, None)).collect();
                    return Ok(Prepared { parameters, schema: None });
                }
                Err(e) => return Err(e.into()),
            };
            self.allow(&plan)?;
            let types = plan.get_parameter_types().unwrap_or_default();
            Ok::<_, Error>(Prepared {
                parameters: typed(names, &types),
                schema: Some(columns(&plan, state.config_options())),
            })
        };
        guard::planning(Arc::clone(&statement).scope(work))
            .await
            .map_err(|e| self.explained(e, sql))
    }
}

fn names(parsed: &Parsed) -> Vec<String> {
    match parsed {
        Parsed::Statement(inner) => params::names(inner),
        Parsed::Explain(explain) => names(&explain.statement),
        _ => vec![],
    }
}

fn typed(
    names: Vec<String>,
    types: &HashMap<String, Option<DataType>>,
) -> Vec<(String, Option<DataType>)> {
    let of = |name: &str| types.get(&format!("${name}")).cloned().flatten();
    names.into_iter().map(|name| (name.clone(), of(&name))).collect()
}

/// Columns of the rows that the plan gives: statements that only change something give none.
fn columns(plan: &LogicalPlan, options: &ConfigOptions) -> SchemaRef {
    match plan {
        LogicalPlan::Ddl(_) | LogicalPlan::Statement(_) => Arc::new(Schema::empty()),
        plan if options.optimizer.expand_views_at_output => {
            let schema = plan.schema().inner();
            let fields = schema.fields().iter().map(|field| match field.data_type() {
                DataType::Utf8View => of_type(field, DataType::LargeUtf8),
                DataType::BinaryView => of_type(field, DataType::LargeBinary),
                _ => Arc::clone(field),
            });
            let fields: Fields = fields.collect();
            Arc::new(Schema::new_with_metadata(fields, schema.metadata().clone()))
        }
        plan => Arc::clone(plan.schema().inner()),
    }
}

fn of_type(field: &Field, data_type: DataType) -> FieldRef {
    Arc::new(field.clone().with_data_type(data_type))
}
