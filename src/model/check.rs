//! A model held against the tables: every expression must plan, and have a type its role can use.

use std::collections::BTreeMap;

use datafusion::arrow::datatypes::{DataType, SchemaRef};
use datafusion::common::{DFSchema, DataFusionError, SchemaError};
use datafusion::execution::SessionState;
use datafusion::logical_expr::ExprSchemable;

use super::{Model, Role, TableModel};
use crate::error::{Error, ErrorKind, Result, did_you_mean};

/// A model whose expressions are known to plan.
#[derive(Debug, Clone, Default)]
pub(crate) struct Checked {
    pub model: Model,
    /// per table of the model: the type of each role
    pub types: Vec<BTreeMap<Role, DataType>>,
    /// whether every table's customer is a whole number
    pub integer_customers: bool,
}

/// Checks `model`; `schemas` are the columns of its tables, in the model's order.
pub(crate) fn check(model: Model, schemas: &[SchemaRef], state: &SessionState) -> Result<Checked> {
    let mut types = Vec::with_capacity(model.tables.len());
    for (table, schema) in model.tables.iter().zip(schemas) {
        types.push(check_table(table, schema, state)?);
    }
    if !model.inferred && model.tables.iter().all(|t| t.roles.is_empty() && t.attributes.is_empty())
    {
        return Err(Error::new(ErrorKind::Model, "tenure.toml maps nothing: no table says which column is what")
            .with_hint("write at least [tables.<name>] with customer, time and event; `tenure init` writes a first version"));
    }
    let integer_customers = types
        .iter()
        .filter_map(|t: &BTreeMap<Role, DataType>| t.get(&Role::Customer))
        .all(DataType::is_integer);
    Ok(Checked { model, types, integer_customers })
}

fn check_table(
    table: &TableModel,
    schema: &SchemaRef,
    state: &SessionState,
) -> Result<BTreeMap<Role, DataType>> {
    let section = format!("tenure.toml [tables.{}]", table.name);
    let columns: Vec<&str> = schema.fields().iter().map(|f| f.name().as_str()).collect();
    let qualified = DFSchema::try_from(schema.as_ref().clone())?;
    let type_of = |key: &str, sql: &str| -> Result<DataType> {
        state
            .create_logical_expr(sql, &qualified)
            .and_then(|e| e.get_type(&qualified))
            .map_err(|e| explain(&section, key, sql, &columns, e))
    };
    let mut types = BTreeMap::new();
    for (role, sql) in &table.roles {
        let ty = type_of(role.key(), sql)?;
        require(&section, *role, sql, &ty)?;
        types.insert(*role, ty);
    }
    if let Some(filter) = &table.filter {
        let ty = type_of("where", filter)?;
        if ty != DataType::Boolean {
            return Err(Error::new(
                ErrorKind::Model,
                format!("{section}: where = {filter:?} must be a condition, and is {ty}"),
            ));
        }
    }
    for name in &table.attributes {
        if !columns.contains(&name.as_str()) {
            return Err(no_column(&section, "attributes", name, &columns));
        }
    }
    for (needed, given) in [(Role::Customer, Role::Time), (Role::Time, Role::Event)] {
        if table.roles.contains_key(&given) && !table.roles.contains_key(&needed) {
            return Err(Error::new(
                ErrorKind::Model,
                format!("{section} says {} and not {}", given.key(), needed.key()),
            )
            .with_hint("an event needs customer, time and event"));
        }
    }
    if table.has_events() && !table.roles.contains_key(&Role::Event) {
        return Err(Error::new(
            ErrorKind::Model,
            format!("{section} says customer and time, and not event"),
        )
        .with_hint("a column or a constant such as event = \"'purchase'\""));
    }
    Ok(types)
}

fn require(section: &str, role: Role, sql: &str, ty: &DataType) -> Result<()> {
    let text = matches!(
        ty,
        DataType::Utf8 | DataType::LargeUtf8 | DataType::Utf8View | DataType::Dictionary(_, _)
    );
    let (good, want) = match role {
        Role::Time | Role::Ingested => (
            text || matches!(ty, DataType::Timestamp(_, _) | DataType::Date32 | DataType::Date64),
            "a timestamp or date (to_timestamp_seconds(x) makes one of a number)",
        ),
        Role::Amount | Role::Quantity => {
            (ty.is_numeric(), "a number (CAST(x AS DOUBLE) makes one of text)")
        }
        Role::Event => (text, "text"),
        _ => return Ok(()),
    };
    if good {
        return Ok(());
    }
    Err(Error::new(
        ErrorKind::Model,
        format!("{section}: {} = {sql:?} must be {want}, and is {ty}", role.key()),
    ))
}

fn explain(section: &str, key: &str, sql: &str, columns: &[&str], e: DataFusionError) -> Error {
    if let Some(name) = missing_column(&e) {
        return no_column(section, key, &name, columns);
    }
    let e = Error::from(e);
    let out = Error::new(e.kind(), format!("{section}: {key} = {sql:?}: {e}"));
    let out = Error::new(ErrorKind::Model, out.to_string());
    match e.hint() {
        Some(hint) => out.with_hint(hint),
        None => out,
    }
}

fn missing_column(e: &DataFusionError) -> Option<String> {
    match e {
        DataFusionError::SchemaError(inner, _) => match inner.as_ref() {
            SchemaError::FieldNotFound { field, .. } => Some(field.name.clone()),
            _ => None,
        },
        DataFusionError::Diagnostic(_, inner) | DataFusionError::Context(_, inner) => {
            missing_column(inner)
        }
        DataFusionError::Collection(all) => all.iter().find_map(missing_column),
        _ => None,
    }
}

fn no_column(section: &str, key: &str, name: &str, columns: &[&str]) -> Error {
    let hint = did_you_mean(name, columns.iter().copied())
        .unwrap_or_else(|| format!("the columns are {}", columns.join(", ")));
    let constant = if key == "event" {
        format!("; a constant is written event = \"'{name}'\"")
    } else {
        String::new()
    };
    Error::new(
        ErrorKind::Model,
        format!("{section}: {key} names the column {name:?}, which does not exist"),
    )
    .with_hint(format!("{hint}{constant}"))
}
