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
            // in t.p['x'] the dot is part of the column's name
            let mut in_name = matches!(root.as_ref(), Expr::Identifier(_));
            for access in access_chain {
                in_name &= matches!(access, AccessExpr::Dot(_));
                if let AccessExpr::Dot(field) = access
                    && !in_name
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
