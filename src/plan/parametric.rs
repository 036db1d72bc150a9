//! ClickHouse's calls with parameters: `windowFunnel(3600, 'strict_order')(ts, a, b)` is
//! `windowFunnel(3600, 'strict_order', ts, a, b)`.
//!
//! DataFusion parses the parameters and forgets them. For functions that ClickHouse's users know by
//! these names they become the first arguments; several words of a mode become one text. Any other
//! call with parameters is refused.

use std::ops::ControlFlow;

use datafusion::logical_expr::sqlparser::ast::{
    Expr, Function, FunctionArg, FunctionArgExpr, FunctionArguments, Statement, Value,
    visit_expressions_mut,
};

use super::named_args::place;
use crate::error::{Error, ErrorKind, Result};

/// Functions whose parameters come first here.
const KNOWN: &[&str] = &[
    "sequence_count",
    "sequence_match",
    "sequence_match_events",
    "sequence_next_node",
    "sequencecount",
    "sequencematch",
    "sequencematchevents",
    "sequencenextnode",
    "window_funnel",
    "windowfunnel",
];

/// Rewrites every call in `statement`.
pub(crate) fn rewrite(statement: &mut Statement) -> Result<()> {
    let flow = visit_expressions_mut(statement, |expr| match expr {
        Expr::Function(call) => match rewrite_call(call) {
            Ok(()) => ControlFlow::Continue(()),
            Err(e) => ControlFlow::Break(e),
        },
        _ => ControlFlow::Continue(()),
    });
    match flow {
        ControlFlow::Break(e) => Err(e),
        ControlFlow::Continue(()) => Ok(()),
    }
}

fn rewrite_call(call: &mut Function) -> Result<()> {
    let FunctionArguments::List(parameters) = &call.parameters else { return Ok(()) };
    let name = call.name.to_string().to_lowercase();
    let (true, FunctionArguments::List(args)) = (KNOWN.contains(&name.as_str()), &mut call.args)
    else {
        let e = Error::new(
            ErrorKind::NotSupported,
            format!("{name} has no parameters in parentheses of their own"),
        )
        .with_hint(format!("write all arguments in one list: {name}(…, …)"));
        let at = call.name.0.first().and_then(|part| part.as_ident());
        return Err(match at {
            Some(ident) => e.with_place(place(ident)),
            None => e,
        });
    };
    let mut first: Vec<FunctionArg> = vec![];
    for parameter in &parameters.args {
        match (text(parameter), first.last_mut()) {
            // the words of a mode
            (Some(word), Some(last)) if name.starts_with("window") => match text(last) {
                Some(words) => *last = argument(format!("{words},{word}")),
                None => first.push(parameter.clone()),
            },
            _ => first.push(parameter.clone()),
        }
    }
    args.args.splice(0..0, first);
    call.parameters = FunctionArguments::None;
    Ok(())
}

fn text(argument: &FunctionArg) -> Option<&str> {
    match argument {
        FunctionArg::Unnamed(FunctionArgExpr::Expr(Expr::Value(v))) => match &v.value {
            Value::SingleQuotedString(text) => Some(text),
            _ => None,
        },
        _ => None,
    }
}

fn argument(text: String) -> FunctionArg {
    let value = Value::SingleQuotedString(text).with_empty_span();
    FunctionArg::Unnamed(FunctionArgExpr::Expr(Expr::Value(value)))
}
