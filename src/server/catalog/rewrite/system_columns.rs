//! `xmin` and `ctid`: columns that every table of PostgreSQL has and `*` leaves out. Tools ask for them
//! to see what has changed since, and which row is which. Nothing changes here, and rows have no place.

use std::ops::ControlFlow;

use datafusion::logical_expr::sqlparser::ast::{
    Expr, Ident, Select, SelectItem, Statement, Value, VisitMut, VisitorMut,
};

/// Puts values in place of them: in questions about the catalog alone, since a lake may have columns of
/// these names, and where `ctid` is asked for beside all columns of a table.
pub(super) fn fill(statement: &mut Statement, only_catalog: bool) {
    let _ = statement.visit(&mut Columns { only_catalog });
}

struct Columns {
    only_catalog: bool,
}

impl Columns {
    /// The name of such a column and what it holds.
    fn value(&self, expr: &Expr, beside_all: bool) -> Option<(Ident, Expr)> {
        let name = match expr {
            Expr::Identifier(name) => name,
            Expr::CompoundIdentifier(parts) => parts.last()?,
            _ => return None,
        };
        let value = match name.value.to_lowercase().as_str() {
            "xmin" if self.only_catalog => Value::Number("1".to_owned(), false),
            // no row is there
            "ctid" if self.only_catalog || beside_all => {
                Value::SingleQuotedString("(0,0)".to_owned())
            }
            _ => return None,
        };
        Some((name.clone(), Expr::value(value)))
    }
}

impl VisitorMut for Columns {
    type Break = ();

    fn pre_visit_select(&mut self, select: &mut Select) -> ControlFlow<()> {
        let beside_all = select.projection.iter().any(|item| {
            matches!(item, SelectItem::Wildcard(_) | SelectItem::QualifiedWildcard(..))
        });
        for item in &mut select.projection {
            if let SelectItem::UnnamedExpr(expr) = item
                && let Some((alias, expr)) = self.value(expr, beside_all)
            {
                *item = SelectItem::ExprWithAlias { expr, alias };
            }
        }
        ControlFlow::Continue(())
    }

    fn pre_visit_expr(&mut self, expr: &mut Expr) -> ControlFlow<()> {
        if let Some((_, value)) = self.value(expr, false) {
            *expr = value;
        }
        ControlFlow::Continue(())
    }
}
