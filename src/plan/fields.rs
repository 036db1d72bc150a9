//! `f(…).field` and `(expression).field`: the field of a STRUCT that has no name of its own.
//!
//! DataFusion takes a field after a column, but after a call or parentheses only as text in
//! brackets; so `.field` becomes what it plans.

use std::ops::ControlFlow;

use datafusion::logical_expr::sqlparser::ast::{
    AccessExpr, Expr, Statement, Value, visit_expressions_mut,
};

/// Rewrites every field after an expression in `statement`; case folds as in other names.
pub(crate) fn name(statement: &mut Statement) {
    let _: ControlFlow<()> = visit_expressions_mut(statement, |expr| {
        if let Expr::CompoundFieldAccess { root, access_chain } = expr {
            // `t.p['ts']`: names that follow a name are one name, of a column
            let named = matches!(**root, Expr::Identifier(_) | Expr::CompoundIdentifier(_));
            let is_dot = |access: &AccessExpr| matches!(access, AccessExpr::Dot(_));
            let name =
                if named { access_chain.iter().take_while(|a| is_dot(a)).count() } else { 0 };
            for access in access_chain.iter_mut().skip(name) {
                if let AccessExpr::Dot(field) = access
                    && let Expr::Identifier(ident) = field
                {
                    let name = match ident.quote_style {
                        Some(_) => ident.value.clone(),
                        None => ident.value.to_lowercase(),
                    };
                    *field = Expr::Value(Value::SingleQuotedString(name).with_empty_span());
                }
            }
        }
        ControlFlow::Continue(())
    });
}
