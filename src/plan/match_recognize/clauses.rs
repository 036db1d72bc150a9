//! The clauses of `MATCH_RECOGNIZE` as a plan.

use std::sync::Arc;

use datafusion::arrow::datatypes::DataType;
use datafusion::common::{Column, DataFusionError, Result};
use datafusion::logical_expr::logical_plan::Extension;
use datafusion::logical_expr::planner::{PlannedRelation, RelationPlannerContext};
use datafusion::logical_expr::sqlparser::ast::{
    AfterMatchSkip, BinaryOperator, EmptyMatchesMode, Expr as SqlExpr, FunctionArg,
    FunctionArgExpr, Ident, MatchRecognizePattern, MatchRecognizeSymbol, ObjectNamePart,
    RepetitionQuantifier, RowsPerMatch, SymbolDefinition, TableFactor,
};
use datafusion::logical_expr::{Expr, ExprSchemable, LogicalPlan, LogicalPlanBuilder, SortExpr};

use super::expressions::{Clause, Expressions};
use super::node::{MatchRecognize, Rows, Search, Skip};
use super::program::{MAX_STEPS, Pattern, Program, TooLong};
use super::tokens::{EXCLUDED, SUBQUERY, SUBSET};
use super::variables::Variables;
use crate::error::{Error, ErrorKind, did_you_mean};
use crate::plan::named_args::place;

/// Plans `… MATCH_RECOGNIZE (…)`.
pub(crate) fn plan(
    relation: TableFactor,
    context: &mut dyn RelationPlannerContext,
) -> Result<PlannedRelation> {
    let TableFactor::MatchRecognize {
        table,
        partition_by,
        order_by,
        measures,
        rows_per_match,
        after_match_skip,
        pattern,
        symbols,
        alias,
    } = relation
    else {
        return Err(wrong("this is no MATCH_RECOGNIZE", "report this statement"));
    };
    let input = without_qualifiers(context.plan(searched(*table))?)?;
    let schema = Arc::clone(input.schema());
    let mut variables = Variables::default();
    let pattern = read_pattern(&pattern, &mut variables, context)?;
    if let Err(TooLong) = Program::of(&pattern) {
        return Err(Error::new(
            ErrorKind::TooComplex,
            format!("the pattern needs more than {MAX_STEPS} steps"),
        )
        .with_hint("a{1000} takes a thousand, PERMUTE one for each row of each order: write + or *, or permute fewer variables")
        .into());
    }
    let definitions = read_definitions(symbols, &mut variables, context)?;
    let rows = read_rows(rows_per_match, &pattern)?;
    let skip = read_skip(after_match_skip, &variables, context)?;

    if order_by.is_empty() {
        return Err(wrong(
            "MATCH_RECOGNIZE needs ORDER BY: a pattern is one of rows in an order",
            "write ORDER BY ts, after PARTITION BY customer_id",
        ));
    }
    if rows == Rows::One && partition_by.is_empty() && measures.is_empty() {
        return Err(wrong(
            "MATCH_RECOGNIZE tells nothing: it has neither PARTITION BY nor MEASURES",
            "write MEASURES count(*) AS rows, or ALL ROWS PER MATCH",
        ));
    }
    let partition_by =
        partition_by.into_iter().map(|e| context.sql_to_expr(e, &schema)).collect::<Result<_>>()?;
    let order_by = order_by
        .into_iter()
        .map(|key| {
            let asc = key.options.asc.unwrap_or(true);
            // as DataFusion orders NULLs by default
            let nulls_first = key.options.nulls_first.unwrap_or(!asc);
            Ok(SortExpr::new(context.sql_to_expr(key.expr, &schema)?, asc, nulls_first))
        })
        .collect::<Result<_>>()?;

    let mut named: Vec<(Ident, SqlExpr)> = vec![];
    for measure in measures {
        named.push((measure.alias, measure.expr));
    }
    let names: Vec<String> =
        named.iter().map(|(alias, _)| context.normalize_ident(alias.clone())).collect();
    let mut expressions = Expressions { context, schema: &schema, variables: &variables };
    let mut measures = vec![];
    for ((_, written), name) in named.iter().zip(names) {
        measures.push((name, expressions.plan(written.clone(), Clause::Measures)?));
    }
    let mut conditions = vec![];
    for (ident, variable, written) in definitions {
        let condition = expressions.plan(written, Clause::Define(variable))?;
        let ty = condition.get_type(&schema)?;
        if !matches!(ty, DataType::Boolean | DataType::Null) {
            return Err(at(
                Error::new(
                    ErrorKind::Invalid,
                    format!("the condition of {} is {ty}, not true or false", ident.value),
                )
                .with_hint("compare it with something: DEFINE a AS amount > 0"),
                &ident,
            ));
        }
        conditions.push((variable, condition));
    }
    let search = Search { variables, pattern, rows, skip };
    let node = MatchRecognize::try_new(
        input,
        Arc::new(search),
        partition_by,
        order_by,
        measures,
        conditions,
    );
    let node = node.map_err(|e| twice(e, &named))?;
    let plan = LogicalPlan::Extension(Extension { node: Arc::new(node) });
    Ok(PlannedRelation::new(plan, alias))
}

/// The relation that is searched; see `tokens` for what a subquery looks like.
fn searched(table: TableFactor) -> TableFactor {
    if let TableFactor::Table { name, alias, args: Some(args), .. } = &table
        && let [ObjectNamePart::Identifier(name)] = name.0.as_slice()
        && name.value == SUBQUERY
        && let [FunctionArg::Unnamed(FunctionArgExpr::Expr(SqlExpr::Subquery(query)))] =
            args.args.as_slice()
    {
        let (subquery, alias) = (query.clone(), alias.clone());
        return TableFactor::Derived { lateral: false, subquery, alias, sample: None };
    }
    table
}

fn wrong(message: &str, hint: &str) -> DataFusionError {
    Error::new(ErrorKind::Invalid, message).with_hint(hint).into()
}

fn at(e: Error, ident: &Ident) -> DataFusionError {
    e.with_place(place(ident)).into()
}

/// A measure that has the name of another column.
fn twice(e: DataFusionError, measures: &[(Ident, SqlExpr)]) -> DataFusionError {
    let message = e.to_string();
    let named = |(ident, _): &&(Ident, SqlExpr)| {
        message.contains("duplicate") && message.contains(&ident.value.to_lowercase())
    };
    match measures.iter().rev().find(named) {
        Some((ident, _)) => at(
            Error::new(ErrorKind::Invalid, format!("the answer has {} twice", ident.value))
                .with_hint("give the measure a name that no column of the answer has"),
            ident,
        ),
        None => e,
    }
}

/// The relation's columns by their names alone, as the clauses speak of them.
fn without_qualifiers(input: LogicalPlan) -> Result<LogicalPlan> {
    let mut names: Vec<&str> = input.schema().fields().iter().map(|f| f.name().as_str()).collect();
    names.sort_unstable();
    if let Some(name) = names.windows(2).find_map(|pair| match pair {
        [a, b] if a == b => Some(*a),
        _ => None,
    }) {
        return Err(wrong(
            &format!("MATCH_RECOGNIZE over a relation that has the column {name} twice"),
            "name the columns in a subquery: (SELECT a.x, b.y FROM …) MATCH_RECOGNIZE (…)",
        ));
    }
    let columns: Vec<Expr> = input
        .schema()
        .iter()
        .map(|(qualifier, field)| {
            Expr::Column(Column::from((qualifier, field))).alias(field.name().as_str())
        })
        .collect();
    LogicalPlanBuilder::from(input).project(columns)?.build()
}

fn read_pattern(
    pattern: &MatchRecognizePattern,
    variables: &mut Variables,
    context: &dyn RelationPlannerContext,
) -> Result<Pattern> {
    let mut all = |parts: &[MatchRecognizePattern]| -> Result<Vec<Pattern>> {
        parts.iter().map(|part| read_pattern(part, variables, context)).collect()
    };
    Ok(match pattern {
        MatchRecognizePattern::Symbol(symbol) => read_symbol(symbol, variables, context)?,
        MatchRecognizePattern::Exclude(symbol) => {
            Pattern::Excluded(Box::new(read_symbol(symbol, variables, context)?))
        }
        MatchRecognizePattern::Permute(symbols) => {
            let mut numbers = vec![];
            for symbol in symbols {
                if let Pattern::Variable(number) = read_symbol(symbol, variables, context)? {
                    numbers.push(number);
                }
            }
            Pattern::Permute(numbers)
        }
        MatchRecognizePattern::Concat(parts) => Pattern::Sequence(all(parts)?),
        MatchRecognizePattern::Alternation(ways) => Pattern::Alternatives(all(ways)?),
        MatchRecognizePattern::Group(inner) => {
            // ({- "excluded" -} (…)), see tokens
            if let MatchRecognizePattern::Concat(parts) = inner.as_ref()
                && let [MatchRecognizePattern::Exclude(mark), excluded] = parts.as_slice()
                && matches!(mark, MatchRecognizeSymbol::Named(name) if name.value == EXCLUDED && name.quote_style.is_some())
            {
                return Ok(Pattern::Excluded(Box::new(read_pattern(
                    excluded, variables, context,
                )?)));
            }
            read_pattern(inner, variables, context)?
        }
        MatchRecognizePattern::Repetition(inner, quantifier) => {
            let (quantified, quantifier, greedy) = match inner.as_ref() {
                // a*? is a* that takes as few rows as it can
                MatchRecognizePattern::Repetition(inside, first)
                    if *quantifier == RepetitionQuantifier::AtMostOne =>
                {
                    (inside.as_ref(), first, false)
                }
                other => (other, quantifier, true),
            };
            if matches!(quantified, MatchRecognizePattern::Repetition(..)) {
                return Err(wrong(
                    &format!("a quantifier follows a quantifier in PATTERN: {pattern}"),
                    "write the repetition of a repetition with parentheses: (a+){2}",
                ));
            }
            let number = |n: &u32| usize::try_from(*n).unwrap_or(usize::MAX);
            let (least, most) = match quantifier {
                RepetitionQuantifier::ZeroOrMore => (0, None),
                RepetitionQuantifier::OneOrMore => (1, None),
                RepetitionQuantifier::AtMostOne => (0, Some(1)),
                RepetitionQuantifier::Exactly(n) => (number(n), Some(number(n))),
                RepetitionQuantifier::AtLeast(n) => (number(n), None),
                RepetitionQuantifier::AtMost(n) => (0, Some(number(n))),
                RepetitionQuantifier::Range(n, m) => (number(n), Some(number(m))),
            };
            if most.is_some_and(|most| most < least || most == 0) {
                return Err(wrong(
                    &format!("{quantifier} in PATTERN lets nothing be taken"),
                    "the second number is at least 1, and no less than the first",
                ));
            }
            let what = Box::new(read_pattern(quantified, variables, context)?);
            Pattern::Repeat { what, least, most, greedy }
        }
    })
}

fn read_symbol(
    symbol: &MatchRecognizeSymbol,
    variables: &mut Variables,
    context: &dyn RelationPlannerContext,
) -> Result<Pattern> {
    Ok(match symbol {
        MatchRecognizeSymbol::Start => Pattern::Start,
        MatchRecognizeSymbol::End => Pattern::End,
        MatchRecognizeSymbol::Named(name) => {
            let key = context.normalize_ident(name.clone());
            Pattern::Variable(variables.in_pattern(key, &name.value))
        }
    })
}

/// The conditions of DEFINE; SUBSET, which stands among them, goes to the variables.
fn read_definitions(
    symbols: Vec<SymbolDefinition>,
    variables: &mut Variables,
    context: &dyn RelationPlannerContext,
) -> Result<Vec<(Ident, usize, SqlExpr)>> {
    let mut out: Vec<(Ident, usize, SqlExpr)> = vec![];
    for SymbolDefinition { symbol, definition } in symbols {
        if symbol.value == SUBSET && symbol.quote_style.is_some() {
            read_subset(&definition, variables, context)?;
            continue;
        }
        let name = context.normalize_ident(symbol.clone());
        let Some(number) = variables.number(&name) else {
            if variables.of(&name).is_some() {
                return Err(at(
                    Error::new(
                        ErrorKind::Invalid,
                        format!("{} is a subset and has no condition", symbol.value),
                    )
                    .with_hint("define its variables"),
                    &symbol,
                ));
            }
            return Err(at(not_in_pattern(&symbol, variables), &symbol));
        };
        if out.iter().any(|(_, defined, _)| *defined == number) {
            return Err(at(
                Error::new(ErrorKind::Invalid, format!("{} is defined twice", symbol.value))
                    .with_hint("join its conditions with AND or OR"),
                &symbol,
            ));
        }
        out.push((symbol, number, definition));
    }
    Ok(out)
}

fn not_in_pattern(symbol: &Ident, variables: &Variables) -> Error {
    let names = variables.all();
    let hint = did_you_mean(&symbol.value, names.iter().copied())
        .unwrap_or_else(|| format!("the variables of PATTERN are {}", names.join(", ")));
    Error::new(ErrorKind::Invalid, format!("{} is not in PATTERN", symbol.value)).with_hint(hint)
}

/// `u = (a, b)`
fn read_subset(
    definition: &SqlExpr,
    variables: &mut Variables,
    context: &dyn RelationPlannerContext,
) -> Result<()> {
    let usage = "it is written SUBSET u = (a, b), after PATTERN and before DEFINE";
    let SqlExpr::BinaryOp { left, op: BinaryOperator::Eq, right } = definition else {
        return Err(wrong(&format!("SUBSET {definition} is no subset"), usage));
    };
    let members: Vec<&SqlExpr> = match right.as_ref() {
        SqlExpr::Tuple(members) => members.iter().collect(),
        SqlExpr::Nested(member) => vec![member.as_ref()],
        other => return Err(wrong(&format!("SUBSET … = {other} has no variables"), usage)),
    };
    let SqlExpr::Identifier(name) = left.as_ref() else {
        return Err(wrong(&format!("SUBSET {left} is no name"), usage));
    };
    let mut of = vec![];
    for member in members {
        let SqlExpr::Identifier(member) = member else {
            return Err(wrong(&format!("{member} is no variable"), usage));
        };
        match variables.number(&context.normalize_ident(member.clone())) {
            Some(number) => of.push(number),
            None => return Err(at(not_in_pattern(member, variables), member)),
        }
    }
    let key = context.normalize_ident(name.clone());
    if variables.of(&key).is_some() {
        return Err(at(
            Error::new(ErrorKind::Invalid, format!("{} is a variable already", name.value))
                .with_hint("give the subset a name of its own"),
            name,
        ));
    }
    variables.add_subset(key, of);
    Ok(())
}

fn read_rows(rows: Option<RowsPerMatch>, pattern: &Pattern) -> Result<Rows> {
    let rows = match rows {
        None | Some(RowsPerMatch::OneRow) => Rows::One,
        Some(RowsPerMatch::AllRows(None | Some(EmptyMatchesMode::Show))) => {
            Rows::All { empty: true, unmatched: false }
        }
        Some(RowsPerMatch::AllRows(Some(EmptyMatchesMode::Omit))) => {
            Rows::All { empty: false, unmatched: false }
        }
        Some(RowsPerMatch::AllRows(Some(EmptyMatchesMode::WithUnmatched))) => {
            Rows::All { empty: true, unmatched: true }
        }
    };
    if matches!(rows, Rows::All { unmatched: true, .. }) && has_excluded(pattern) {
        return Err(wrong(
            "{- … -} cannot be used WITH UNMATCHED ROWS",
            "rows that a match takes and does not show are neither; leave one of the two out",
        ));
    }
    Ok(rows)
}

fn has_excluded(pattern: &Pattern) -> bool {
    match pattern {
        Pattern::Excluded(_) => true,
        Pattern::Variable(_) | Pattern::Start | Pattern::End | Pattern::Permute(_) => false,
        Pattern::Sequence(parts) | Pattern::Alternatives(parts) => parts.iter().any(has_excluded),
        Pattern::Repeat { what, .. } => has_excluded(what),
    }
}

fn read_skip(
    skip: Option<AfterMatchSkip>,
    variables: &Variables,
    context: &dyn RelationPlannerContext,
) -> Result<Skip> {
    let (name, first) = match skip {
        None | Some(AfterMatchSkip::PastLastRow) => return Ok(Skip::PastLast),
        Some(AfterMatchSkip::ToNextRow) => return Ok(Skip::ToNext),
        Some(AfterMatchSkip::ToFirst(name)) => (name, true),
        Some(AfterMatchSkip::ToLast(name)) => (name, false),
    };
    match variables.of(&context.normalize_ident(name.clone())) {
        Some((variables, _)) => Ok(Skip::To { variables, name: name.value, first }),
        None => Err(at(not_in_pattern(&name, variables), &name)),
    }
}
