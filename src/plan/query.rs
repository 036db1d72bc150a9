//! Table functions that are queries: SQL with holes.
//!
//! The text of the query has the relation as the CTE `input`, and `$name` where an expression goes.
//! What is filled in are pieces of the parsed statement, not text, so that nothing can be quoted
//! wrongly and an error keeps its place. The CTEs get names that nobody gives, since DataFusion
//! refuses a CTE that has the name of one around it. The query is planned as a subquery in place of the call:
//! DataFusion drops the ORDER BY of a subquery, but for one with `OFFSET 0` after it.

use std::cell::Cell;
use std::collections::{BTreeMap, BTreeSet};
use std::ops::ControlFlow;

use datafusion::common::{DataFusionError, Result, internal_err};
use datafusion::logical_expr::sqlparser::ast::{
    Array, BinaryOperator, CastKind, Cte, DataType, Expr, Function, FunctionArg, FunctionArgExpr,
    FunctionArgumentList, FunctionArguments, Ident, Interval, ObjectName, ObjectNamePart, Query,
    Statement, TableAlias, TableFactor, TimezoneInfo, Value, With,
    helpers::attached_token::AttachedToken, visit_expressions_mut, visit_relations_mut,
};
use datafusion::logical_expr::sqlparser::parser::Parser;

use super::dialect::TenureDialect;

/// What goes into the holes.
pub(crate) type Holes = BTreeMap<&'static str, Expr>;

/// The query of `sql` over `input` as something to select from.
///
/// Its CTEs are told from those of the queries of table functions around it by `level`.
pub(crate) fn over(
    input: Box<Query>,
    sql: &str,
    holes: &Holes,
    level: &Level,
) -> Result<TableFactor> {
    let parsed = Parser::parse_sql(&TenureDialect, sql).map_err(DataFusionError::from)?;
    let Ok([mut statement]) = <[Statement; 1]>::try_from(parsed) else {
        return internal_err!("no single query: {sql}");
    };
    // before anything of the user's is in it
    rename(&mut statement, level);
    let unknown = visit_expressions_mut(&mut statement, |e| {
        if let Expr::Value(v) = e
            && let Value::Placeholder(name) = &v.value
        {
            match holes.get(name.trim_start_matches('$')) {
                Some(filling) => *e = Expr::Nested(Box::new(filling.clone())),
                None => return ControlFlow::Break(name.clone()),
            }
        }
        ControlFlow::Continue(())
    });
    if let ControlFlow::Break(name) = unknown {
        return internal_err!("nothing fills {name} in {sql}");
    }
    let Statement::Query(mut query) = statement else {
        return internal_err!("no query: {sql}");
    };
    let input = Cte {
        alias: TableAlias { explicit: true, name: own(INPUT, level), columns: vec![], at: None },
        query: input,
        from: None,
        materialized: None,
        closing_paren_token: AttachedToken::empty(),
    };
    match &mut query.with {
        Some(with) => with.cte_tables.insert(0, input),
        none => {
            *none = Some(With {
                with_token: AttachedToken::empty(),
                recursive: false,
                cte_tables: vec![input],
            });
        }
    }
    Ok(TableFactor::Derived { lateral: false, subquery: query, alias: None, sample: None })
}

/// The CTE of the relation.
const INPUT: &str = "input";

/// How many queries of table functions are being planned around one: their arguments and relations
/// may call others.
#[derive(Debug)]
pub(crate) struct Level(usize);

thread_local! {
    static PLANNED: Cell<usize> = const { Cell::new(0) };
}

impl Level {
    /// The level of a query that is planned as long as this lives, on this thread.
    pub(crate) fn enter() -> Self {
        Self(PLANNED.replace(PLANNED.get() + 1))
    }
}

impl Drop for Level {
    fn drop(&mut self) {
        PLANNED.set(self.0);
    }
}

/// The name that a CTE has in the plan.
fn own(name: &str, level: &Level) -> Ident {
    let level = if level.0 == 0 { String::new() } else { format!(" {}", level.0) };
    Ident::with_quote('"', format!("${name}{level}"))
}

/// Gives the CTEs of a query names of their own, wherever they are spoken of.
fn rename(statement: &mut Statement, level: &Level) {
    let mut names = BTreeSet::from([INPUT.to_string()]);
    if let Statement::Query(query) = statement
        && let Some(with) = &mut query.with
    {
        for cte in &mut with.cte_tables {
            names.insert(cte.alias.name.value.clone());
            cte.alias.name = own(&cte.alias.name.value, level);
        }
    }
    let _ = visit_relations_mut(statement, |relation| {
        if let [ObjectNamePart::Identifier(name)] = relation.0.as_mut_slice()
            && names.contains(&name.value)
        {
            *name = own(&name.value, level);
        }
        ControlFlow::<()>::Continue(())
    });
    let _ = visit_expressions_mut(statement, |e| {
        if let Expr::CompoundIdentifier(parts) = e
            && let Some(table) = parts.first_mut()
            && names.contains(&table.value)
        {
            *table = own(&table.value, level);
        }
        ControlFlow::<()>::Continue(())
    });
}

/// A call of a function.
pub(crate) fn call(name: &str, arguments: impl IntoIterator<Item = Expr>) -> Expr {
    let unnamed = |argument| FunctionArg::Unnamed(FunctionArgExpr::Expr(argument));
    Expr::Function(Function {
        name: ObjectName::from(vec![Ident::new(name)]),
        uses_odbc_syntax: false,
        parameters: FunctionArguments::None,
        args: FunctionArguments::List(FunctionArgumentList {
            duplicate_treatment: None,
            args: arguments.into_iter().map(unnamed).collect(),
            clauses: vec![],
        }),
        filter: None,
        null_treatment: None,
        over: None,
        within_group: vec![],
    })
}

/// One point in time less a length, for a hole.
pub(crate) fn minus(moment: Expr, length: Expr) -> Expr {
    let nested = |e| Box::new(Expr::Nested(Box::new(e)));
    let timestamp = DataType::Timestamp(Some(6), TimezoneInfo::None);
    let moment = Expr::Cast {
        kind: CastKind::Cast,
        expr: nested(moment),
        data_type: timestamp,
        format: None,
        array: false,
    };
    Expr::BinaryOp { left: Box::new(moment), op: BinaryOperator::Minus, right: nested(length) }
}

/// Text for a hole.
pub(crate) fn text(value: &str) -> Expr {
    Expr::Value(Value::SingleQuotedString(value.to_string()).with_empty_span())
}

/// A whole number for a hole.
pub(crate) fn int(value: i64) -> Expr {
    Expr::Value(Value::Number(value.to_string(), false).with_empty_span())
}

/// A length of time for a hole.
pub(crate) fn interval(value: &str) -> Expr {
    Expr::Interval(Interval {
        value: Box::new(text(value)),
        leading_field: None,
        leading_precision: None,
        last_field: None,
        fractional_seconds_precision: None,
    })
}

/// NULL for a hole.
pub(crate) fn null() -> Expr {
    Expr::Value(Value::Null.with_empty_span())
}

/// A list for a hole.
pub(crate) fn list(values: Vec<Expr>) -> Expr {
    Expr::Array(Array { elem: values, named: false })
}
