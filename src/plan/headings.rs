//! Headings as they were written: `round(avg(x), 2)`, not `round(avg(t.x),Int64(2))`.
//!
//! An item of the outermost SELECT without a name is named by its own text. Columns keep their
//! names, the first time, and what comes again has a number; inner queries keep DataFusion's, by which outer ones may refer to them.

use datafusion::logical_expr::sqlparser::ast::{
    Distinct, Expr, Ident, OrderBy, OrderByKind, Select, SelectItem,
    SelectItemQualifiedWildcardKind, SetExpr, Statement,
};

use super::query::int;

/// `SELECT DISTINCT upper(x) … ORDER BY upper(x)`: DataFusion (55.2) asks for `x` among the items, where
/// what is computed is named by its place.
fn by_place(select: &Select, order: &mut OrderBy) {
    let OrderByKind::Expressions(all) = &mut order.kind else { return };
    for by in all {
        // a number is a place already
        if matches!(by.expr, Expr::Identifier(_) | Expr::CompoundIdentifier(_) | Expr::Value(_)) {
            continue;
        }
        let is_it = |item: &SelectItem| match item {
            SelectItem::UnnamedExpr(e) | SelectItem::ExprWithAlias { expr: e, .. } => *e == by.expr,
            _ => false,
        };
        // a star before it stands for many items
        let plain = |item: &&SelectItem| {
            matches!(item, SelectItem::UnnamedExpr(_) | SelectItem::ExprWithAlias { .. })
        };
        let place = select.projection.iter().take_while(plain).position(is_it);
        if let Some(place) = place.and_then(|place| i64::try_from(place + 1).ok()) {
            by.expr = int(place);
        }
    }
}

/// Longest text that makes a heading.
const LONGEST: usize = 60;

/// Names the unnamed items of a query's outermost SELECT.
pub(crate) fn name(statement: &mut Statement) {
    let Statement::Query(query) = statement else { return };
    let SetExpr::Select(select) = query.body.as_mut() else { return };
    // DISTINCT compares its ORDER BY with the items as they stand
    if select.distinct.is_some() {
        if let (Some(Distinct::Distinct), Some(order)) = (&select.distinct, &mut query.order_by) {
            by_place(select, order);
        }
        return;
    }
    let starred = Starred::of(select);
    let mut before: Vec<String> = vec![];
    let mut aliases: Vec<String> = vec![];
    for item in &mut select.projection {
        if let SelectItem::ExprWithAlias { alias, .. } = item {
            let again = aliases.iter().filter(|a| **a == alias.value).count();
            aliases.push(alias.value.clone());
            if again > 0 {
                *alias = Ident::with_quote('"', format!("{}_{}", alias.value, again + 1));
            }
            continue;
        }
        let SelectItem::UnnamedExpr(expr) = item else { continue };
        let column = match &*expr {
            Expr::Wildcard(_) => continue,
            Expr::Identifier(name) => Some(name),
            Expr::CompoundIdentifier(names) => names.last(),
            _ => None,
        };
        let mut text = expr.to_string();
        let again = before.iter().filter(|t| **t == text).count();
        let again = again + usize::from(starred.has(expr));
        before.push(text.clone());
        if let Some(column) = column {
            text.clone_from(&column.value);
        }
        let name = match again {
            0 if column.is_some() || text.chars().count() > LONGEST => continue,
            0 => text,
            // two items of one text cannot both have its name: f(1), f(1)_2
            again => {
                let short: String = text.chars().take(LONGEST).collect();
                format!("{short}_{}", again + 1)
            }
        };
        *item =
            SelectItem::ExprWithAlias { expr: expr.clone(), alias: Ident::with_quote('"', name) };
    }
}

/// What the stars among the items stand for.
#[derive(Default)]
struct Starred {
    /// every column there is
    all: bool,
    /// those of these relations
    of: Vec<String>,
    /// there is no other relation
    alone: bool,
}

impl Starred {
    fn of(select: &Select) -> Self {
        let mut starred = Self {
            alone: matches!(select.from.as_slice(), [from] if from.joins.is_empty()),
            ..Self::default()
        };
        for item in &select.projection {
            match item {
                SelectItem::Wildcard(_) => starred.all = true,
                SelectItem::QualifiedWildcard(
                    SelectItemQualifiedWildcardKind::ObjectName(name),
                    _,
                ) => starred.of.push(name.to_string()),
                _ => {}
            }
        }
        starred
    }

    /// Whether a column is one of them.
    fn has(&self, expr: &Expr) -> bool {
        match expr {
            Expr::Identifier(_) => self.all || self.alone && !self.of.is_empty(),
            Expr::CompoundIdentifier(names) => {
                let relation = names.iter().rev().skip(1).rev().map(ToString::to_string);
                self.all || self.of.contains(&relation.collect::<Vec<_>>().join("."))
            }
            _ => false,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::plan::dialect::TenureDialect;
    use datafusion::logical_expr::sqlparser::parser::Parser;

    fn named(sql: &str) -> String {
        let mut statement = Parser::parse_sql(&TenureDialect, sql).unwrap().remove(0);
        name(&mut statement);
        statement.to_string()
    }

    #[test]
    fn what_has_no_name_is_named_by_its_text() {
        assert_eq!(
            named("SELECT a, t.b, 1, round(avg(x), 2), c AS d FROM (SELECT 2) AS t"),
            "SELECT a, t.b, 1 AS \"1\", round(avg(x), 2) AS \"round(avg(x), 2)\", c AS d FROM (SELECT 2) AS t"
        );
        assert_eq!(
            named("SELECT a, t.b, A, a, t.b, b FROM t"),
            "SELECT a, t.b, A, a AS \"a_2\", t.b AS \"b_2\", b FROM t"
        );
        assert_eq!(
            named("SELECT *, a, t.b, sum(c) AS x, avg(c) AS x FROM t"),
            "SELECT *, a AS \"a_2\", t.b AS \"b_2\", sum(c) AS x, avg(c) AS \"x_2\" FROM t"
        );
        assert_eq!(
            named("SELECT t.*, t.a, u.a, b FROM t, u"),
            "SELECT t.*, t.a AS \"a_2\", u.a, b FROM t, u"
        );
        assert_eq!(named("SELECT DISTINCT lower(a) FROM t"), "SELECT DISTINCT lower(a) FROM t");
        assert_eq!(
            named("SELECT NULL, a, NULL, NULL FROM t"),
            "SELECT NULL AS \"NULL\", a, NULL AS \"NULL_2\", NULL AS \"NULL_3\" FROM t"
        );
    }
}
