//! Named arguments with real defaults: `f(a, c => 3)` becomes `f(a, NULL, 3)` before planning.
//!
//! DataFusion knows named arguments but not a gap between them. Tenure's functions take NULL for
//! an option as "the default", so filling the gaps with NULL is all that is missing. Only calls
//! that use names are touched, and only of functions that name their parameters.

use std::ops::ControlFlow;

use datafusion::logical_expr::sqlparser::ast::{
    Expr, Function, FunctionArg, FunctionArgExpr, FunctionArguments, Ident, ObjectNamePart,
    Statement, Value, visit_expressions_mut,
};
use datafusion::logical_expr::sqlparser::tokenizer::Span;

use crate::error::{Error, ErrorKind, Place, Result, did_you_mean};

/// What a function takes.
pub(crate) struct Parameters {
    pub names: Vec<String>,
    /// so many of them have no default
    pub least: usize,
}

/// Rewrites every call in `statement`; `parameters` tells those of a function.
pub(crate) fn fill_gaps(
    statement: &mut Statement,
    parameters: &dyn Fn(&str) -> Option<Parameters>,
) -> Result<()> {
    let flow = visit_expressions_mut(statement, |expr| {
        if let Expr::Function(call) = expr
            && let Err(e) = fill_call(call, parameters)
        {
            return ControlFlow::Break(e);
        }
        ControlFlow::Continue(())
    });
    match flow {
        ControlFlow::Break(e) => Err(e),
        ControlFlow::Continue(()) => Ok(()),
    }
}

fn fill_call(call: &mut Function, parameters: &dyn Fn(&str) -> Option<Parameters>) -> Result<()> {
    let FunctionArguments::List(list) = &mut call.args else { return Ok(()) };
    if !list.args.iter().any(|a| matches!(a, FunctionArg::Named { .. })) {
        return Ok(());
    }
    let function = call.name.to_string().to_lowercase();
    let Some(Parameters { names, least }) = parameters(&function) else { return Ok(()) };
    let wrong = |message: String| {
        let e = Error::new(ErrorKind::Invalid, message);
        match call.name.0.last().and_then(ObjectNamePart::as_ident) {
            Some(name) => e.with_place(place(name)),
            None => e,
        }
    };
    let mut slots: Vec<Option<FunctionArgExpr>> = vec![None; names.len()];
    let mut positional = 0;
    for arg in std::mem::take(&mut list.args) {
        let (index, value, at) = match arg {
            FunctionArg::Unnamed(value) => {
                positional += 1;
                (positional - 1, value, None)
            }
            FunctionArg::Named { name, arg, .. } => {
                let Some(i) = names.iter().position(|n| n.eq_ignore_ascii_case(&name.value)) else {
                    return Err(unknown(&function, &names, &name));
                };
                (i, arg, Some(name))
            }
            other @ FunctionArg::ExprNamed { .. } => {
                return Err(Error::new(
                    ErrorKind::Syntax,
                    format!("{function}: {other} is no argument; write name => value"),
                ));
            }
        };
        match slots.get_mut(index) {
            Some(slot @ None) => *slot = Some(value),
            Some(Some(_)) => {
                let name = names.get(index).map_or("", String::as_str);
                let e = wrong(format!("{function}: argument {name} is given twice"));
                return Err(match at {
                    Some(at) => e.with_place(place(&at)),
                    None => e,
                });
            }
            None => {
                return Err(wrong(format!(
                    "{function} takes at most {} arguments: {}",
                    names.len(),
                    names.join(", ")
                )));
            }
        }
    }
    let missing = slots.iter().zip(&names).take(least).find(|(slot, _)| slot.is_none());
    if let Some((_, name)) = missing {
        return Err(wrong(format!("{function}: argument {name} is missing"))
            .with_hint(format!("its arguments are {}", names.join(", "))));
    }
    let used = slots.iter().rposition(Option::is_some).map_or(0, |last| last + 1);
    list.args = slots
        .into_iter()
        .take(used)
        .map(|slot| FunctionArg::Unnamed(slot.unwrap_or_else(null)))
        .collect();
    Ok(())
}

fn null() -> FunctionArgExpr {
    FunctionArgExpr::Expr(Expr::Value(Value::Null.with_empty_span()))
}

fn unknown(function: &str, names: &[String], name: &Ident) -> Error {
    let known = names.iter().map(String::as_str);
    Error::new(ErrorKind::Invalid, format!("{function} has no argument {:?}", name.value))
        .with_hint(
            did_you_mean(&name.value, known)
                .unwrap_or_else(|| format!("its arguments are {}", names.join(", "))),
        )
        .with_place(place(name))
}

pub(super) fn place(name: &Ident) -> Place {
    place_of(name.span)
}

pub(super) fn place_of(span: Span) -> Place {
    let number = |n: u64| usize::try_from(n).unwrap_or(0);
    let (start, end) = (span.start, span.end);
    Place {
        line: number(start.line),
        column: number(start.column),
        end_column: number(end.column).max(number(start.column) + 1),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::plan::dialect::TenureDialect;
    use datafusion::logical_expr::sqlparser::parser::Parser;

    fn rewrite(sql: &str) -> Result<String> {
        let mut statement = Parser::parse_sql(&TenureDialect, sql).unwrap().remove(0);
        let names = |f: &str| {
            let names = || ["a", "b", "c"].iter().map(ToString::to_string).collect();
            (f == "f").then(|| Parameters { names: names(), least: 1 })
        };
        fill_gaps(&mut statement, &names)?;
        Ok(statement.to_string())
    }

    #[test]
    fn gaps_become_null_and_names_go_to_their_places() -> Result<()> {
        assert_eq!(rewrite("SELECT f(1, c => 3)")?, "SELECT f(1, NULL, 3)");
        assert_eq!(rewrite("SELECT f(c => f(1, b := 2), a => 0)")?, "SELECT f(0, NULL, f(1, 2))");
        assert_eq!(
            rewrite("SELECT f(1, b => 2) FILTER (WHERE x) FROM t")?,
            "SELECT f(1, 2) FILTER (WHERE x) FROM t"
        );
        assert_eq!(rewrite("SELECT g(x => 1), f(1)")?, "SELECT g(x => 1), f(1)");
        Ok(())
    }

    #[test]
    fn what_has_no_default_is_not_filled() {
        let e = rewrite("SELECT f(b => 3)").unwrap_err();
        assert_eq!(e.to_string(), "f: argument a is missing");
        assert_eq!(e.place().map(|p| (p.column, p.end_column)), Some((8, 9)));
    }

    #[test]
    fn an_unknown_or_doubled_name_is_an_error_with_its_place() {
        let e = rewrite("SELECT f(1, bb => 3)").unwrap_err();
        assert_eq!(e.to_string(), "f has no argument \"bb\"");
        assert_eq!(e.place().map(|p| (p.column, p.end_column)), Some((13, 15)));
        assert!(rewrite("SELECT f(1, a => 3)").unwrap_err().to_string().contains("given twice"));
        assert!(
            rewrite("SELECT f(1, 2, 3, 4, a => 3)").unwrap_err().to_string().contains("at most 3")
        );
    }
}
