//! `SELECT orders.* FROM main.orders`: a table's columns by its name without the schema, for which
//! DataFusion wants the name as it stands in FROM; and `FROM orders` alone, which are all columns.

use std::ops::ControlFlow;

use datafusion::logical_expr::sqlparser::ast::{
    ObjectName, Select, SelectFlavor, SelectItem, SelectItemQualifiedWildcardKind, Statement,
    TableFactor, VisitMut, VisitorMut, WildcardAdditionalOptions,
};

/// Gives such wildcards the whole name. One that could mean two tables stays, and is refused.
pub(crate) fn qualify(statement: &mut Statement) {
    let _: ControlFlow<()> = statement.visit(&mut Wildcards);
}

struct Wildcards;

impl VisitorMut for Wildcards {
    type Break = ();

    fn pre_visit_select(&mut self, select: &mut Select) -> ControlFlow<()> {
        if select.flavor == SelectFlavor::FromFirstNoSelect && select.projection.is_empty() {
            let all = SelectItem::Wildcard(WildcardAdditionalOptions::default());
            select.projection.push(all);
        }
        let Select { projection, from, .. } = select;
        let factors = || {
            from.iter().flat_map(|f| {
                std::iter::once(&f.relation).chain(f.joins.iter().map(|join| &join.relation))
            })
        };
        for item in projection {
            let SelectItem::QualifiedWildcard(SelectItemQualifiedWildcardKind::ObjectName(name), _) =
                item
            else {
                continue;
            };
            if name.0.len() != 1 || factors().any(|factor| is_alias(factor, name)) {
                continue;
            }
            let mut tables = factors().filter_map(|factor| match factor {
                TableFactor::Table { name: whole, alias: None, .. }
                    if whole.0.len() > 1 && same(whole.0.last(), name.0.last()) =>
                {
                    Some(whole)
                }
                _ => None,
            });
            if let (Some(whole), None) = (tables.next(), tables.next()) {
                *name = whole.clone();
            }
        }
        ControlFlow::Continue(())
    }
}

/// Whether a relation of FROM goes by this name alone.
fn is_alias(factor: &TableFactor, name: &ObjectName) -> bool {
    match factor {
        TableFactor::Table { name: own, alias: None, .. } => {
            own.0.len() == 1 && same(own.0.last(), name.0.last())
        }
        TableFactor::Table { alias: Some(alias), .. }
        | TableFactor::Derived { alias: Some(alias), .. } => name
            .0
            .last()
            .is_some_and(|last| unquoted(&last.to_string()) == unquoted(&alias.name.to_string())),
        _ => false,
    }
}

fn same<T: ToString>(one: Option<&T>, other: Option<&T>) -> bool {
    let plain = |part: &T| unquoted(&part.to_string());
    one.map(plain) == other.map(plain)
}

/// A name as it is looked up.
fn unquoted(name: &str) -> String {
    match name.strip_prefix('"') {
        Some(quoted) => quoted.trim_end_matches('"').to_owned(),
        None => name.to_lowercase(),
    }
}
