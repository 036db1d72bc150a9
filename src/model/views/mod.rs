//! The canonical views, written as SQL from a checked model: one file each.
//!
//! They are planned anew for every statement, so that each sees the files, the point in time and
//! the settings of its own statement. Columns and their order are fixed; a role that no table has
//! is a column of NULLs.

mod customers;
mod events;
mod models;
mod orders;
mod profiles;
mod summaries;

use std::fmt::Write as _;

use datafusion::arrow::datatypes::DataType;

use super::check::Checked;
use super::{Role, TableModel};

pub(crate) use models::none as no_models;

/// Names of the canonical views, in the order of their building.
pub(crate) const NAMES: [&str; 5] = ["events", "orders", "customers", "summaries", "profiles"];

/// What a view is written from.
pub(crate) struct Writer<'a> {
    pub checked: &'a Checked,
    /// name of the lake, which is that of its catalog
    pub lake: &'a str,
    /// `TIMESTAMP '…'` of the statement
    pub as_of: String,
    /// time zone of the session
    pub timezone: &'a str,
    /// `tenure.horizon`
    pub horizon: &'a str,
}

impl Writer<'_> {
    /// The SQL of a canonical view.
    pub(crate) fn sql(&self, view: &str) -> Option<String> {
        match view {
            "events" => Some(events::sql(self)),
            "orders" => Some(orders::sql(self)),
            "customers" => Some(customers::sql(self)),
            "summaries" => Some(summaries::sql(self)),
            "profiles" => Some(profiles::sql(self)),
            _ => None,
        }
    }

    /// The SQL of the models behind `profiles`.
    pub(crate) fn models(&self) -> String {
        models::sql(self)
    }

    /// A canonical view as a relation.
    fn view(&self, name: &str) -> String {
        format!("{}.main.{name}", quote(self.lake))
    }

    /// A raw table as a relation.
    fn raw(&self, table: &TableModel) -> String {
        format!("{}.raw.{}", quote(self.lake), quote(&table.name))
    }

    /// The customer of a table, in the type that all tables share.
    fn customer(&self, table: &TableModel) -> String {
        customer(table.role(Role::Customer).unwrap_or("NULL"), self.checked.integer_customers)
    }

    /// A time of a table as wall-clock microseconds.
    fn time(&self, sql: &str, ty: Option<&DataType>) -> String {
        wall_clock(sql, ty, self.timezone)
    }

    /// The event of a table under its standard name.
    fn event(&self, table: &TableModel) -> String {
        let sql = format!("CAST({} AS VARCHAR)", table.role(Role::Event).unwrap_or("NULL"));
        if self.checked.model.renames.is_empty() {
            return sql;
        }
        let mut out = format!("CASE {sql}");
        for (from, to) in &self.checked.model.renames {
            let _ = write!(out, " WHEN {} THEN {}", literal(from), literal(to));
        }
        let _ = write!(out, " ELSE {sql} END");
        out
    }

    /// Whether rows of a table can be purchases: not if its event is another constant.
    fn may_purchase(&self, table: &TableModel) -> bool {
        let sql = table.role(Role::Event).unwrap_or_default().trim();
        let constant =
            sql.strip_prefix('\'').and_then(|s| s.strip_suffix('\'')).filter(|s| !s.contains('\''));
        constant.is_none_or(|name| {
            self.checked.model.renames.get(name).map_or(name, String::as_str) == "purchase"
        })
    }

    /// The rows of a table that are events, with the columns of `events`.
    fn events_of(&self, index: usize, table: &TableModel) -> String {
        let types = self.checked.types.get(index);
        let ty = |role: Role| types.and_then(|t| t.get(&role));
        let time = self.time(table.role(Role::Time).unwrap_or("NULL"), ty(Role::Time));
        let mut columns = vec![
            format!("{} AS customer_id", self.customer(table)),
            format!("{time} AS ts"),
            format!("{} AS event_type", self.event(table)),
        ];
        for (role, sql_type) in events::TYPED {
            let sql = table.role(role).unwrap_or("NULL");
            columns.push(format!("CAST({sql} AS {sql_type}) AS {}", role.column()));
        }
        columns.push(format!("CAST({} AS VARCHAR) AS source", literal(&table.name)));
        if self.has_ingested() {
            let sql = table.role(Role::Ingested).map_or_else(
                || "CAST(NULL AS TIMESTAMP(6))".to_string(),
                |sql| self.time(sql, ty(Role::Ingested)),
            );
            columns.push(format!("{sql} AS ingested_at"));
        }
        let mut condition = format!(
            "({}) IS NOT NULL AND {time} <= {}",
            table.role(Role::Customer).unwrap_or("NULL"),
            self.as_of
        );
        if let Some(filter) = &table.filter {
            let _ = write!(condition, " AND ({filter})");
        }
        format!("SELECT {} FROM {} WHERE {condition}", columns.join(", "), self.raw(table))
    }

    fn has_ingested(&self) -> bool {
        self.checked.model.event_tables().any(|t| t.roles.contains_key(&Role::Ingested))
    }

    /// Event tables with their place in the model.
    fn event_tables(&self) -> impl Iterator<Item = (usize, &TableModel)> {
        self.checked.model.tables.iter().enumerate().filter(|(_, t)| t.has_events())
    }

    /// Names of the attributes of all tables, each once, in the order of the model.
    fn attributes(&self) -> Vec<&str> {
        let mut names: Vec<&str> = vec![];
        for table in self.checked.model.attribute_tables() {
            for name in &table.attributes {
                if !names.contains(&name.as_str()) {
                    names.push(name);
                }
            }
        }
        names
    }
}

/// A customer in the type that all tables share.
pub(crate) fn customer(sql: &str, integer: bool) -> String {
    format!("CAST({sql} AS {})", if integer { "BIGINT" } else { "VARCHAR" })
}

/// A time as wall-clock microseconds in a time zone.
pub(crate) fn wall_clock(sql: &str, ty: Option<&DataType>, timezone: &str) -> String {
    use datafusion::arrow::datatypes::TimeUnit::Microsecond;
    match ty {
        Some(DataType::Timestamp(Microsecond, None)) => format!("({sql})"),
        Some(DataType::Timestamp(_, Some(_))) => {
            format!("local_time({sql}, '{}')", timezone.replace('\'', "''"))
        }
        Some(
            DataType::Utf8 | DataType::LargeUtf8 | DataType::Utf8View | DataType::Dictionary(_, _),
        ) => {
            format!("to_timestamp_micros({sql})")
        }
        _ => format!("arrow_cast({sql}, 'Timestamp(Microsecond, None)')"),
    }
}

/// A name in double quotes.
pub(crate) fn quote(name: &str) -> String {
    format!("\"{}\"", name.replace('"', "\"\""))
}

/// A text in single quotes.
pub(crate) fn literal(text: &str) -> String {
    format!("'{}'", text.replace('\'', "''"))
}
