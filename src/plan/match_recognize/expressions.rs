//! MEASURES and DEFINE: expressions that speak of other rows of a match.
//!
//! `a.amount > prev(amount)` is taken apart where it speaks of rows. Each such piece is planned over
//! the columns of the relation, without its variable, and becomes a call of a
//! [`Marker`](super::marker::Marker); what is around them is planned as any expression is.

use std::ops::ControlFlow;

use datafusion::common::tree_node::{Transformed, TransformedResult, TreeNode};
use datafusion::common::{DFSchema, DataFusionError, Result};
use datafusion::logical_expr::planner::RelationPlannerContext;
use datafusion::logical_expr::sqlparser::ast::{
    AccessExpr, Expr as SqlExpr, Function, FunctionArg, FunctionArgExpr, FunctionArguments, Ident,
    ObjectName, Value, VisitMut, VisitorMut,
};
use datafusion::logical_expr::{Expr, ExprSchemable, lit};

use super::marker::{Place, Told};
use super::variables::Variables;
use crate::error::{Error, ErrorKind, did_you_mean};
use crate::plan::named_args::place;

/// Where an expression stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Clause {
    Measures,
    /// the condition of a variable
    Define(usize),
}

/// Plans expressions of MEASURES and DEFINE.
pub(crate) struct Expressions<'a> {
    pub context: &'a mut dyn RelationPlannerContext,
    /// of the relation
    pub schema: &'a DFSchema,
    pub variables: &'a Variables,
}

impl Expressions<'_> {
    /// Plans one expression.
    pub(crate) fn plan(&mut self, written: SqlExpr, clause: Clause) -> Result<Expr> {
        let mut written = written;
        let mut pieces = Pieces { of: self, clause, found: vec![] };
        if let ControlFlow::Break(e) = written.visit(&mut pieces) {
            return Err(e);
        }
        let found = pieces.found;
        let fields = found
            .iter()
            .map(|(name, e)| {
                let field = e.to_field(self.schema)?.1;
                Ok((None, field.as_ref().clone().with_name(name).into()))
            })
            .collect::<Result<Vec<_>>>()?;
        let schema = DFSchema::new_with_metadata(fields, Default::default())?;
        let planned = self.context.sql_to_expr(written, &schema)?;
        planned
            .transform_up(|e| {
                let Expr::Column(column) = &e else { return Ok(Transformed::no(e)) };
                Ok(match found.iter().find(|(name, _)| *name == column.name) {
                    Some((_, piece)) => Transformed::yes(piece.clone()),
                    None => Transformed::no(e),
                })
            })
            .data()
    }

    fn is_aggregate(&self, name: &str) -> bool {
        self.context.context_provider().get_aggregate_meta(name).is_some()
    }

    fn is_of_windows(&self, name: &str) -> bool {
        !self.is_aggregate(name) && self.context.context_provider().get_window_meta(name).is_some()
    }

    fn name(&self, ident: &Ident) -> String {
        self.context.normalize_ident(ident.clone())
    }

    /// Takes the variable off every column, and says which it was.
    fn without_variable(&self, e: &mut SqlExpr) -> Result<Option<Ident>> {
        let mut strip = Strip { of: self, variable: None, bare: false, names: 0 };
        match e.visit(&mut strip) {
            ControlFlow::Break(e) => Err(e),
            ControlFlow::Continue(()) => Ok(strip.variable),
        }
    }

    /// The last row of a variable, or of all.
    fn last_of(&self, variable: Option<&Ident>, running: bool) -> Result<Place> {
        let (variables, name) = match variable {
            None => (vec![], String::new()),
            Some(ident) => {
                self.variables.of(&self.name(ident)).ok_or_else(|| self.unknown(ident))?
            }
        };
        Ok(Place { variables, name, first: false, offset: 0, running, shift: 0 })
    }

    fn unknown(&self, ident: &Ident) -> DataFusionError {
        let names = self.variables.all();
        let hint = did_you_mean(&ident.value, names.iter().copied()).unwrap_or_else(|| {
            format!("the variables are {}; a column stands without its table", names.join(", "))
        });
        Error::new(ErrorKind::Invalid, format!("{} is no variable of PATTERN", ident.value))
            .with_hint(hint)
            .with_place(place(ident))
            .into()
    }
}

/// A call by its name in small letters.
fn call(e: &SqlExpr) -> Option<(String, &Function)> {
    match e {
        SqlExpr::Function(f) => Some((f.name.to_string().to_lowercase(), f)),
        _ => None,
    }
}

fn wrong(f: &Function, message: impl Into<String>, hint: &str) -> DataFusionError {
    let e = Error::new(ErrorKind::Invalid, message).with_hint(hint);
    match f.name.0.first().and_then(|part| part.as_ident()) {
        Some(ident) => e.with_place(place(ident)).into(),
        None => e.into(),
    }
}

/// The arguments of a call without names, DISTINCT or anything else.
fn plain_arguments(f: &Function) -> Option<Vec<&SqlExpr>> {
    let args = match &f.args {
        FunctionArguments::None => return Some(vec![]),
        FunctionArguments::Subquery(_) => return None,
        FunctionArguments::List(list) => list,
    };
    if args.duplicate_treatment.is_some() || !args.clauses.is_empty() || f.filter.is_some() {
        return None;
    }
    args.args
        .iter()
        .map(|arg| match arg {
            FunctionArg::Unnamed(FunctionArgExpr::Expr(e)) => Some(e),
            _ => None,
        })
        .collect()
}

fn whole(e: &SqlExpr) -> Option<usize> {
    match e {
        SqlExpr::Value(v) => match &v.value {
            Value::Number(digits, _) => digits.parse().ok(),
            _ => None,
        },
        _ => None,
    }
}

/// Columns without their variables.
struct Strip<'a, 'b> {
    of: &'a Expressions<'b>,
    variable: Option<Ident>,
    /// a column without a variable was there
    bare: bool,
    /// identifiers to come that are parts of a name
    names: usize,
}

impl Strip<'_, '_> {
    fn column(&mut self, variable: Option<Ident>, at: &Ident) -> Result<()> {
        let same = match (&self.variable, &variable) {
            (None, None) => true,
            (Some(a), Some(b)) => self.of.name(a) == self.of.name(b),
            (None, Some(_)) => !self.bare,
            (Some(_), None) => false,
        };
        if !same {
            return Err(Error::new(
                ErrorKind::Invalid,
                "the columns of one call must be of one variable",
            )
            .with_hint("write a call for each: last(a.x) + last(b.x), not last(a.x + b.x)")
            .with_place(place(at))
            .into());
        }
        self.bare |= variable.is_none();
        self.variable = variable.or_else(|| self.variable.take());
        Ok(())
    }
}

/// Splits `variable.column` into its parts.
fn split(e: &mut SqlExpr, of: &Expressions<'_>) -> Result<Option<(Option<Ident>, Ident)>> {
    match e {
        SqlExpr::Identifier(ident) => {
            let name = of.name(ident);
            if of.variables.of(&name).is_some()
                && !of.schema.has_column_with_unqualified_name(&name)
            {
                return Err(Error::new(
                    ErrorKind::UndefinedColumn,
                    format!("{} is a variable, not a column", ident.value),
                )
                .with_hint(format!("write {0}.column, or count({0}.*) for its rows", ident.value))
                .with_place(place(ident))
                .into());
            }
            Ok(Some((None, ident.clone())))
        }
        SqlExpr::CompoundIdentifier(parts) => {
            let Some(first) = parts.first().cloned() else { return Ok(None) };
            if of.variables.of(&of.name(&first)).is_none() {
                // a field of a STRUCT, or a table or a variable that is not there
                if of.schema.has_column_with_unqualified_name(&of.name(&first)) {
                    return Ok(Some((None, first)));
                }
                return Err(of.unknown(&first));
            }
            parts.remove(0);
            if let [column] = parts.as_slice() {
                *e = SqlExpr::Identifier(column.clone());
            }
            Ok(Some((Some(first.clone()), first)))
        }
        SqlExpr::CompoundFieldAccess { root, access_chain } => {
            let SqlExpr::Identifier(first) = root.as_ref() else { return Ok(None) };
            let first = first.clone();
            if let Some(AccessExpr::Dot(SqlExpr::Identifier(column))) = access_chain.first()
                && of.variables.of(&of.name(&first)).is_some()
            {
                **root = SqlExpr::Identifier(column.clone());
                access_chain.remove(0);
                return Ok(Some((Some(first.clone()), first)));
            }
            Ok(Some((None, first)))
        }
        _ => Ok(None),
    }
}

impl VisitorMut for Strip<'_, '_> {
    type Break = DataFusionError;

    fn pre_visit_expr(&mut self, e: &mut SqlExpr) -> ControlFlow<DataFusionError> {
        flow(self.strip(e))
    }
}

impl Strip<'_, '_> {
    fn strip(&mut self, e: &mut SqlExpr) -> Result<()> {
        refuse_query(e)?;
        if let Some((name, f)) = call(e) {
            if is_navigation(&name) || is_about_the_match(&name) {
                return Err(wrong(
                    f,
                    format!("{name} cannot stand inside this call"),
                    "a row is looked up from outside to inside, prev(last(a.x)), and an aggregate takes columns, sum(a.x)",
                ));
            }
            if self.of.is_aggregate(&name) {
                return Err(wrong(
                    f,
                    format!("the aggregate {name} cannot stand inside this call"),
                    "an aggregate takes columns and is not looked up at a row: sum(a.x)",
                ));
            }
        }
        if matches!(e, SqlExpr::Identifier(_)) && self.names > 0 {
            self.names -= 1;
            return Ok(());
        }
        if let Some((variable, at)) = split(e, self.of)? {
            self.column(variable, &at)?;
            if let SqlExpr::CompoundFieldAccess { access_chain, .. } = e {
                let is_name =
                    |a: &&AccessExpr| matches!(a, AccessExpr::Dot(SqlExpr::Identifier(_)));
                self.names += 1 + access_chain.iter().filter(is_name).count();
            }
        }
        Ok(())
    }
}

fn flow(result: Result<()>) -> ControlFlow<DataFusionError> {
    match result {
        Ok(()) => ControlFlow::Continue(()),
        Err(e) => ControlFlow::Break(e),
    }
}

fn is_navigation(name: &str) -> bool {
    matches!(name, "first" | "last" | "prev" | "next")
}

fn is_about_the_match(name: &str) -> bool {
    matches!(name, "classifier" | "match_number" | "final" | "running")
}

fn refuse_query(e: &SqlExpr) -> Result<()> {
    let is_query =
        matches!(e, SqlExpr::Subquery(_) | SqlExpr::Exists { .. } | SqlExpr::InSubquery { .. });
    if is_query {
        return Err(Error::new(
            ErrorKind::NotSupported,
            "a subquery cannot stand in MEASURES or DEFINE",
        )
        .with_hint("join what it finds to the relation before MATCH_RECOGNIZE")
        .into());
    }
    Ok(())
}

/// Takes out what speaks of rows.
struct Pieces<'a, 'b> {
    of: &'a mut Expressions<'b>,
    clause: Clause,
    found: Vec<(String, Expr)>,
}

impl VisitorMut for Pieces<'_, '_> {
    type Break = DataFusionError;

    fn pre_visit_expr(&mut self, e: &mut SqlExpr) -> ControlFlow<DataFusionError> {
        flow(self.piece(e))
    }
}

impl Pieces<'_, '_> {
    fn piece(&mut self, e: &mut SqlExpr) -> Result<()> {
        refuse_query(e)?;
        let (told, inner) = match self.told(e, None)? {
            Some(found) => found,
            None => match split(e, self.of)? {
                Some((variable, _)) => {
                    let place = self.of.last_of(variable.as_ref(), true)?;
                    (
                        Told::Value(place),
                        vec![self.of.context.sql_to_expr(e.clone(), self.of.schema)?],
                    )
                }
                None => return Ok(()),
            },
        };
        let mut name = told.shown(&inner);
        let expr = match (&told, self.clause) {
            // the row is taken as that variable, or it is not taken
            (Told::Classifier(place), Clause::Define(variable))
                if place.is_near(variable) && place.shift == 0 =>
            {
                lit(self.of.variables.shown(variable))
            }
            _ => told.expr(inner),
        };
        while self.found.iter().any(|(n, e)| *n == name && *e != expr) {
            name.push('\'');
        }
        *e = SqlExpr::Identifier(Ident::with_quote('"', name.clone()));
        if !self.found.iter().any(|(n, _)| *n == name) {
            self.found.push((name, expr));
        }
        Ok(())
    }

    /// What a call asks of the match; `None` if it is a call like any other.
    fn told(&mut self, e: &SqlExpr, running: Option<bool>) -> Result<Option<(Told, Vec<Expr>)>> {
        let Some((name, f)) = call(e) else { return Ok(None) };
        let is_running = running.unwrap_or(true);
        if f.over.is_some() || self.of.is_of_windows(&name) {
            return Err(wrong(
                f,
                format!("the window function {name} cannot stand in MEASURES or DEFINE"),
                "prev(x) and next(x) look at the rows before and after; anything else is called in a subquery, to match over that",
            ));
        }
        match name.as_str() {
            "final" | "running" => {
                let arguments = plain_arguments(f);
                let Some([inner]) = arguments.as_deref() else {
                    return Err(wrong(
                        f,
                        format!("{name} stands before one call"),
                        "such as FINAL last(a.x)",
                    ));
                };
                if name == "final" && self.clause != Clause::Measures {
                    return Err(wrong(
                        f,
                        "FINAL cannot stand in DEFINE",
                        "a condition sees the match up to its row; leave FINAL out",
                    ));
                }
                match self.told(inner, Some(name == "running"))? {
                    Some(found) if running.is_none() => Ok(Some(found)),
                    _ => Err(wrong(
                        f,
                        format!(
                            "{} stands before first, last, classifier or an aggregate",
                            name.to_uppercase()
                        ),
                        "such as FINAL last(a.x) or RUNNING sum(a.x)",
                    )),
                }
            }
            "match_number" => match plain_arguments(f).as_deref() {
                Some([]) => Ok(Some((Told::MatchNumber, vec![]))),
                _ => Err(wrong(f, "match_number takes no arguments", "write match_number()")),
            },
            "classifier" => {
                let variable = self.classifier(f)?;
                let place = self.of.last_of(variable.as_ref(), is_running)?;
                Ok(Some((Told::Classifier(place), vec![])))
            }
            _ if is_navigation(&name) => self.navigation(&name, f, running).map(Some),
            _ if self.of.is_aggregate(&name) => self.aggregate(&name, f, is_running).map(Some),
            _ => Ok(None),
        }
    }

    /// The argument of classifier().
    fn classifier(&self, f: &Function) -> Result<Option<Ident>> {
        match plain_arguments(f).as_deref() {
            Some([]) => Ok(None),
            Some([SqlExpr::Identifier(variable)]) => Ok(Some(variable.clone())),
            _ => Err(wrong(
                f,
                "classifier takes a variable or nothing",
                "write classifier() or classifier(a)",
            )),
        }
    }

    fn navigation(
        &mut self,
        name: &str,
        f: &Function,
        running: Option<bool>,
    ) -> Result<(Told, Vec<Expr>)> {
        let physical = matches!(name, "prev" | "next");
        let usage = if physical { "(a.x) or (a.x, 2)" } else { "(a.x) or (a.x, 1)" };
        let (inner, offset) = match plain_arguments(f).as_deref() {
            Some([inner]) => (*inner, usize::from(physical)),
            Some([inner, rows]) => match whole(rows) {
                Some(rows) => (*inner, rows),
                None => {
                    return Err(wrong(
                        f,
                        format!("{name} takes a whole number of rows from 0 on, got {rows}"),
                        "write the number itself",
                    ));
                }
            },
            _ => {
                return Err(wrong(
                    f,
                    format!("{name} takes a column, and how many rows"),
                    &format!("it is called {name}{usage}"),
                ));
            }
        };
        if physical && running.is_some() {
            return Err(wrong(
                f,
                format!("FINAL and RUNNING do not stand before {name}"),
                &format!("write them inside: {name}(FINAL last(a.x))"),
            ));
        }
        let inside = call(inner).map(|(name, _)| name).unwrap_or_default();
        let looked_up = matches!(inside.as_str(), "first" | "last" | "final" | "running");
        let (mut told, inner) = if inside == "classifier" || (physical && looked_up) {
            match self.told(inner, running)? {
                Some(found) => found,
                None => return Err(wrong(f, format!("{name} takes a column"), usage)),
            }
        } else {
            let mut inner = inner.clone();
            let variable = self.of.without_variable(&mut inner)?;
            let place = self.of.last_of(variable.as_ref(), running.unwrap_or(true))?;
            let inner = self.of.context.sql_to_expr(inner, self.of.schema)?;
            (Told::Value(place), vec![inner])
        };
        let (Told::Value(place) | Told::Classifier(place)) = &mut told else {
            return Err(wrong(
                f,
                format!("{name} takes a column, first or last"),
                "an aggregate is not looked up at a row",
            ));
        };
        if physical {
            let rows = i64::try_from(offset).unwrap_or(i64::MAX);
            place.shift = if name == "prev" { -rows } else { rows };
        } else {
            place.first = name == "first";
            place.offset = offset;
        }
        Ok((told, inner))
    }

    fn aggregate(&mut self, name: &str, f: &Function, running: bool) -> Result<(Told, Vec<Expr>)> {
        let mut f = f.clone();
        let mut strip = Strip { of: self.of, variable: None, bare: false, names: 0 };
        if f.filter.is_some() || !f.within_group.is_empty() {
            return Err(wrong(
                &f,
                format!("{name} takes no FILTER and no WITHIN GROUP in MATCH_RECOGNIZE"),
                "take the rows by a variable, or write CASE WHEN … THEN x END",
            ));
        }
        if let FunctionArguments::List(list) = &mut f.args {
            if !list.clauses.is_empty() {
                return Err(wrong(
                    &f,
                    format!("{name} takes its rows in the order of the match"),
                    "leave ORDER BY and what else stands after the arguments out",
                ));
            }
            for arg in &mut list.args {
                // count(a.*)
                if let FunctionArg::Unnamed(all) = arg
                    && let FunctionArgExpr::QualifiedWildcard(ObjectName(parts)) = all
                    && let Some(variable) = parts.first().and_then(|part| part.as_ident()).cloned()
                {
                    strip.column(Some(variable.clone()), &variable)?;
                    *all = FunctionArgExpr::Wildcard;
                } else if let ControlFlow::Break(e) = arg.visit(&mut strip) {
                    return Err(e);
                }
            }
        }
        let variable = strip.variable;
        let Place { variables, name: of, .. } = self.of.last_of(variable.as_ref(), running)?;
        let planned = self.of.context.sql_to_expr(SqlExpr::Function(f.clone()), self.of.schema)?;
        let planned = planned.unalias();
        if !matches!(planned, Expr::AggregateFunction(_)) {
            return Err(wrong(
                &f,
                format!("{name} cannot be called in MATCH_RECOGNIZE"),
                "sum, count, min, max, avg and other aggregates of columns can",
            ));
        }
        Ok((Told::Aggregate { variables, name: of, running }, vec![planned]))
    }
}
