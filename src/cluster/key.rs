//! The columns that a table is sorted by.

use datafusion::arrow::datatypes::{DataType, SchemaRef};
use datafusion::common::DFSchema;
use datafusion::execution::SessionState;
use datafusion::logical_expr::Expr;

use crate::error::{Error, ErrorKind, Result};
use crate::lake::clustered::key::KeyKind;
use crate::lake::clustered::verify::is_time;
use crate::model::check::Checked;
use crate::model::views;
use crate::model::{Role, TableModel};

/// A column to sort by.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct By {
    pub(super) column: String,
    /// what is written into it, if the table has no such column
    pub(super) sql: Option<String>,
}

/// The columns of a table that has customers.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct Keys {
    pub(super) customer: By,
    pub(super) time: Option<By>,
    /// of a table that describes customers: of several rows of a customer, the one that sorts last
    /// counts (see the view `customers`), and comes first
    pub(super) attributes: Vec<String>,
}

impl Keys {
    /// Of a table of the model; `None` if it says nothing of customers.
    pub(super) fn of(
        table: &TableModel,
        index: usize,
        checked: &Checked,
        schema: &SchemaRef,
        state: &SessionState,
    ) -> Result<Option<Self>> {
        let Some(customer) = table.role(Role::Customer) else { return Ok(None) };
        let column = |sql: &str| column(sql, schema, state);
        let kind = kind(checked);
        let by_customer = match column(customer) {
            Some((name, ty)) if ty == kind.data_type() => By { column: name, sql: None },
            _ => computed(
                "tenure_customer",
                views::customer(customer, kind == KeyKind::Int),
                schema,
            )?,
        };
        let time = match table.role(Role::Time) {
            None => None,
            Some(sql) => Some(match column(sql) {
                Some((name, ty)) if is_time(&ty) => By { column: name, sql: None },
                _ => {
                    let ty = checked.types.get(index).and_then(|types| types.get(&Role::Time));
                    let instant = matches!(ty, Some(DataType::Timestamp(_, Some(_))));
                    let sql =
                        if instant { sql.to_owned() } else { views::wall_clock(sql, ty, "UTC") };
                    computed("tenure_time", sql, schema)?
                }
            }),
        };
        let mut attributes = if time.is_none() { table.attributes.clone() } else { vec![] };
        attributes.retain(|attribute| *attribute != by_customer.column);
        Ok(Some(Self { customer: by_customer, time, attributes }))
    }

    /// The columns of customer and time.
    pub(super) fn both(&self) -> impl Iterator<Item = &By> {
        [Some(&self.customer), self.time.as_ref()].into_iter().flatten()
    }

    /// All columns to sort by, and whether descending.
    pub(super) fn columns(&self) -> impl Iterator<Item = (&str, bool)> {
        let both = self.both().map(|by| (by.column.as_str(), false));
        both.chain(self.attributes.iter().map(|attribute| (attribute.as_str(), true)))
    }

    /// The table in the model of the clustered lake.
    pub(super) fn model(&self, table: &mut TableModel) {
        let mut role = |role: Role, by: &By| {
            if by.sql.is_some() {
                table.roles.insert(role, by.column.clone());
            }
        };
        role(Role::Customer, &self.customer);
        if let Some(time) = &self.time {
            role(Role::Time, time);
        }
    }
}

/// What the customers of a lake are in its views.
pub(super) fn kind(checked: &Checked) -> KeyKind {
    if checked.integer_customers { KeyKind::Int } else { KeyKind::Text }
}

/// The column that an expression is, if it is no more than that.
fn column(sql: &str, schema: &SchemaRef, state: &SessionState) -> Option<(String, DataType)> {
    let qualified = DFSchema::try_from(schema.as_ref().clone()).ok()?;
    match state.create_logical_expr(sql, &qualified).ok()? {
        Expr::Column(column) => {
            let field = schema.field_with_name(&column.name).ok()?;
            Some((column.name, field.data_type().clone()))
        }
        _ => None,
    }
}

fn computed(name: &str, sql: String, schema: &SchemaRef) -> Result<By> {
    if schema.column_with_name(name).is_some() {
        let message = format!("a table of the lake has a column {name} already");
        return Err(Error::new(ErrorKind::Usage, message)
            .with_hint(format!("name it in tenure.toml as it is, or rename it: {sql}")));
    }
    Ok(By { column: name.to_owned(), sql: Some(sql) })
}
