//! Columns without a name, of which the engine wants no two alike: `SELECT NULL, NULL`.

use datafusion::logical_expr::sqlparser::ast::{Expr, Ident, SelectItem, SetExpr, Statement};

/// Names items of the outermost SELECT that say the same.
pub(super) fn name(statement: &mut Statement) {
    let Statement::Query(query) = statement else { return };
    let SetExpr::Select(select) = query.body.as_mut() else { return };
    let texts: Vec<String> = select.projection.iter().map(ToString::to_string).collect();
    for (at, item) in (1..).zip(&mut select.projection) {
        let SelectItem::UnnamedExpr(expr) = item else { continue };
        if matches!(expr, Expr::Identifier(_) | Expr::CompoundIdentifier(_) | Expr::Wildcard(_)) {
            continue;
        }
        let text = expr.to_string();
        if texts.iter().filter(|t| **t == text).count() > 1 {
            let alias = Ident::with_quote('"', format!("?column?{at}"));
            *item = SelectItem::ExprWithAlias { expr: expr.clone(), alias };
        }
    }
}
