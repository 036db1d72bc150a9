//! Questions about `information_schema` and other relations, sent to where these are found.

use std::ops::ControlFlow;

use datafusion::logical_expr::sqlparser::ast::{
    Expr, Ident, ObjectName, Statement, TableAlias, TableFactor, VisitMut, VisitorMut,
};

use crate::server::catalog::schema::PREFIX;
use crate::server::catalog::{information, own};

/// The schema that is the same in every database of SQL.
const SCHEMA: &str = "information_schema";

/// Sends the questions of a statement.
pub(super) fn send(statement: &mut Statement) {
    let _ = statement.visit(&mut Information);
}

/// Tables keep the names that they are asked with.
struct Information;

impl VisitorMut for Information {
    type Break = ();

    fn pre_visit_table_factor(&mut self, factor: &mut TableFactor) -> ControlFlow<()> {
        // the library knows its own tables without their schema
        if let TableFactor::Table { name, .. } = factor
            && let [table] = lower(name).as_slice()
            && own::NAMES.contains(&table.as_str())
        {
            *name = ObjectName::from(vec![Ident::new("pg_catalog"), Ident::new(table)]);
        }
        // functions of rows that there are as tables
        if let TableFactor::Table { name, args: args @ Some(_), .. } = factor
            && let Some(table) = lower(name).last()
            && ["pg_available_extensions", "pg_available_extension_versions"]
                .contains(&table.as_str())
        {
            *args = None;
        }
        if let TableFactor::Table { name, alias, .. } = factor
            && let [.., schema, table] = lower(name).as_slice()
            && schema == SCHEMA
            && information::has(table)
        {
            alias.get_or_insert_with(|| TableAlias {
                explicit: true,
                name: Ident::with_quote('"', table.as_str()),
                columns: vec![],
                at: None,
            });
            let own = Ident::new(format!("{PREFIX}{table}"));
            *name = ObjectName::from(vec![Ident::new("pg_catalog"), own]);
        }
        ControlFlow::Continue(())
    }

    fn pre_visit_expr(&mut self, expr: &mut Expr) -> ControlFlow<()> {
        // information_schema.tables.table_name
        if let Expr::CompoundIdentifier(parts) = expr
            && let Some(at) = parts.iter().position(|p| p.value.eq_ignore_ascii_case(SCHEMA))
            && parts.len() == at + 3
        {
            parts.drain(..=at);
        }
        ControlFlow::Continue(())
    }
}

/// The parts of a name in lower case.
fn lower(name: &ObjectName) -> Vec<String> {
    name.0.iter().map(|p| p.to_string().trim_matches('"').to_lowercase()).collect()
}
