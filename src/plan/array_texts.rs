//! `'{a,b}'::TEXT[]`, `x = ANY('{1,2}')`: lists as PostgreSQL writes them in a text, which is how
//! drivers send them.

use std::ops::ControlFlow;

use datafusion::logical_expr::sqlparser::ast::{
    Array, BinaryOperator, DataType, Expr, Statement, Value, visit_expressions_mut,
};

/// Makes lists of the texts that stand for lists in `statement`.
pub(crate) fn read(statement: &mut Statement) {
    let _ = visit_expressions_mut(statement, |expr| {
        match expr {
            Expr::Cast { expr: inner, data_type: DataType::Array(_), .. } => {
                if let Some(elem) = literals(inner) {
                    **inner = Expr::Array(Array { elem, named: false });
                }
            }
            Expr::AnyOp { left, compare_op, right, .. } => {
                if let Some(list) = literals(right) {
                    *expr = match compare_op {
                        BinaryOperator::Eq => within(left, list, false),
                        _ => return ControlFlow::Continue(()),
                    };
                }
            }
            Expr::AllOp { left, compare_op, right } => {
                if let Some(list) = literals(right) {
                    *expr = match compare_op {
                        BinaryOperator::NotEq => within(left, list, true),
                        _ => return ControlFlow::Continue(()),
                    };
                }
            }
            _ => {}
        }
        ControlFlow::<()>::Continue(())
    });
}

/// Of no list nothing is an item.
fn within(left: &Expr, list: Vec<Expr>, negated: bool) -> Expr {
    if list.is_empty() {
        return Expr::value(Value::Boolean(negated));
    }
    Expr::InList { expr: Box::new(left.clone()), list, negated }
}

/// The items of a text as literals.
fn literals(text: &Expr) -> Option<Vec<Expr>> {
    let Expr::Value(value) = text else { return None };
    let Value::SingleQuotedString(text) = &value.value else { return None };
    let literal = |item| match item {
        Some(text) => Expr::value(Value::SingleQuotedString(text)),
        None => Expr::value(Value::Null),
    };
    Some(items(text)?.into_iter().map(literal).collect())
}

/// The items of `{a,"b c",NULL}`.
pub(crate) fn items(text: &str) -> Option<Vec<Option<String>>> {
    let inner = text.strip_prefix('{')?.strip_suffix('}')?;
    let mut out = vec![];
    if inner.trim().is_empty() {
        return Some(out);
    }
    let mut chars = inner.chars().peekable();
    loop {
        let mut item = String::new();
        let mut quoted = false;
        if chars.next_if_eq(&'"').is_some() {
            quoted = true;
            loop {
                match chars.next()? {
                    '"' => break,
                    '\\' => item.push(chars.next()?),
                    c => item.push(c),
                }
            }
        }
        loop {
            match chars.next() {
                None => {
                    out.push(finished(item, quoted));
                    return Some(out);
                }
                Some(',') => break,
                Some('{' | '}') => return None,
                Some('\\') => item.push(chars.next()?),
                Some(c) => item.push(c),
            }
        }
        out.push(finished(item, quoted));
    }
}

fn finished(item: String, quoted: bool) -> Option<String> {
    let null = !quoted && item.trim().eq_ignore_ascii_case("null");
    (!null).then(|| if quoted { item } else { item.trim().to_owned() })
}
