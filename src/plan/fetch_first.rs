//! `FETCH FIRST n ROWS ONLY`: how the standard writes LIMIT, and DataFusion does not read it; and
//! `LIMIT '5'`, as drivers send a number whose type nobody told them.

use std::ops::ControlFlow;

use datafusion::logical_expr::sqlparser::ast::{
    Expr, LimitClause, Query, Statement, Value, VisitMut, VisitorMut,
};

/// Makes every such clause of `statement` a limit. What no limit says stays
/// and is refused: `WITH TIES`, `PERCENT`, a limit beside it.
pub(crate) fn limit(statement: &mut Statement) {
    let _: ControlFlow<()> = statement.visit(&mut Limits);
}

struct Limits;

impl VisitorMut for Limits {
    type Break = ();

    fn pre_visit_query(&mut self, query: &mut Query) -> ControlFlow<()> {
        if let Some(LimitClause::LimitOffset { limit, offset, .. }) = &mut query.limit_clause {
            let offset = offset.as_mut().map(|offset| &mut offset.value);
            limit.iter_mut().chain(offset).for_each(number);
        }
        let free = match &query.limit_clause {
            None => true,
            Some(LimitClause::LimitOffset { limit, limit_by, .. }) => {
                limit.is_none() && limit_by.is_empty()
            }
            Some(LimitClause::OffsetCommaLimit { .. }) => false,
        };
        let Some(fetch) = query.fetch.take_if(|f| free && !f.with_ties && !f.percent) else {
            return ControlFlow::Continue(());
        };
        // without a number it is one row
        let one = || Expr::Value(Value::Number("1".to_string(), false).with_empty_span());
        let offset = match query.limit_clause.take() {
            Some(LimitClause::LimitOffset { offset, .. }) => offset,
            _ => None,
        };
        let limit = Some(fetch.quantity.unwrap_or_else(one));
        query.limit_clause = Some(LimitClause::LimitOffset { limit, offset, limit_by: vec![] });
        ControlFlow::Continue(())
    }
}

/// A number out of the text that it is written in.
fn number(count: &mut Expr) {
    if let Expr::Value(value) = count
        && let Value::SingleQuotedString(text) = &value.value
        && text.trim().parse::<u64>().is_ok()
    {
        value.value = Value::Number(text.trim().to_owned(), false);
    }
}
