//! `a LEFT JOIN b USING (key)`: the key is one column, which has a value wherever either table has
//! one.
//!
//! DataFusion takes the key of the left table where it is named, also in rows that only the right
//! table has, and for `*` that of the table whose name comes first in the alphabet. Here the key of
//! an outer join is written out: of the left table, of the right one, or of whichever has it.

use std::ops::ControlFlow;

use datafusion::logical_expr::sqlparser::ast::{
    BinaryOperator, Expr, Ident, Join, JoinConstraint, JoinOperator, ObjectName, OrderByKind,
    Query, ReplaceSelectElement, ReplaceSelectItem, Select, SelectItem, SetExpr, Statement,
    TableFactor, TableWithJoins, VisitMut, VisitorMut, WildcardAdditionalOptions,
};

use super::query;
use crate::error::{Error, ErrorKind, Result};

/// Writes such keys out.
///
/// # Errors
/// An outer join that is `NATURAL`: which keys it has is known when it is planned only.
pub(crate) fn write_out(statement: &mut Statement) -> Result<()> {
    let mut joins = Joins { wrong: None };
    let _ = statement.visit(&mut joins);
    joins.wrong.map_or(Ok(()), Err)
}

struct Joins {
    wrong: Option<Error>,
}

impl VisitorMut for Joins {
    type Break = ();

    fn pre_visit_query(&mut self, query: &mut Query) -> ControlFlow<()> {
        let SetExpr::Select(select) = query.body.as_mut() else { return ControlFlow::Continue(()) };
        let mut keys = vec![];
        for from in &mut select.from {
            match keys_of(from) {
                Ok(found) => keys.extend(found),
                Err(e) => {
                    self.wrong = Some(e);
                    return ControlFlow::Break(());
                }
            }
        }
        if keys.is_empty() {
            return ControlFlow::Continue(());
        }
        write_select(select, &keys);
        if let Some(order_by) = &mut query.order_by
            && let OrderByKind::Expressions(order) = &mut order_by.kind
        {
            // what is selected goes by its name
            let hidden: Vec<Key> =
                keys.into_iter().filter(|key| !gives(select, &key.name)).collect();
            order.iter_mut().for_each(|by| replace(&mut by.expr, &hidden));
        }
        ControlFlow::Continue(())
    }
}

/// A key of an outer join.
#[derive(Debug, Clone)]
struct Key {
    name: Ident,
    /// what it is
    value: Expr,
    /// whether its bare name means something else to DataFusion
    named: bool,
}

/// The keys of the outer joins of a chain. A later join by a key that may lack on the left joins by what
/// it is.
fn keys_of(from: &mut TableWithJoins) -> Result<Vec<Key>> {
    let outer = |join: &Join| sides(&join.join_operator).is_some_and(|(left, right)| left || right);
    if !from.joins.iter().any(outer) {
        return Ok(vec![]);
    }
    let mut keys: Vec<Key> = vec![];
    let mut left = vec![name_of(&from.relation)];
    for join in &mut from.joins {
        let right = name_of(&join.relation);
        let kept = sides(&join.join_operator);
        let (constraint, (keeps_left, keeps_right)) =
            match (constraint(&mut join.join_operator), kept) {
                (Some(constraint), Some(kept)) => (constraint, kept),
                _ => {
                    left.push(right);
                    continue;
                }
            };
        if matches!(constraint, JoinConstraint::Natural) && (keeps_left || keeps_right) {
            let message = "a NATURAL join that keeps rows of one side is not supported";
            return Err(Error::new(ErrorKind::NotSupported, message)
                .with_hint("name the columns: JOIN … USING (customer_id)"));
        }
        if let JoinConstraint::Using(columns) = &*constraint {
            let mut on: Option<Expr> = None;
            let mut rewrites = false;
            for column in columns {
                let Some(name) = column.0.last().and_then(|part| part.as_ident()) else { continue };
                let before = keys.iter().position(|key| same(&key.name, name));
                let first = match (before.and_then(|at| keys.get(at)), left.as_slice()) {
                    (Some(key), _) => {
                        rewrites |= key.named;
                        Some(key.value.clone())
                    }
                    (None, [Some(only)]) => Some(qualified(only, name)),
                    _ => None,
                };
                let second = right.as_ref().map(|right| qualified(right, name));
                let (Some(first), Some(second)) = (first, second) else { continue };
                let equal = Expr::BinaryOp {
                    left: Box::new(first.clone()),
                    op: BinaryOperator::Eq,
                    right: Box::new(second.clone()),
                };
                on = Some(match on {
                    None => equal,
                    Some(on) => Expr::BinaryOp {
                        left: Box::new(on),
                        op: BinaryOperator::And,
                        right: Box::new(equal),
                    },
                });
                let was = before.and_then(|at| keys.get(at)).is_some_and(|key| key.named);
                let (value, named) = match (keeps_left, keeps_right) {
                    (_, false) => (first, was),
                    (false, true) => (second, true),
                    (true, true) => (query::call("coalesce", [first, second]), true),
                };
                let key = Key { name: name.clone(), value, named };
                match before.and_then(|at| keys.get_mut(at)) {
                    Some(old) => *old = key,
                    None => keys.push(key),
                }
            }
            if let Some(on) = on.filter(|_| rewrites) {
                *constraint = JoinConstraint::On(on);
            }
        }
        left.push(right);
    }
    Ok(keys)
}

/// Whether rows of the left and of the right are kept that have no counterpart; none for a join that
/// gives only one of the two.
fn sides(join: &JoinOperator) -> Option<(bool, bool)> {
    match join {
        JoinOperator::Join(_) | JoinOperator::Inner(_) => Some((false, false)),
        JoinOperator::Left(_) | JoinOperator::LeftOuter(_) => Some((true, false)),
        JoinOperator::Right(_) | JoinOperator::RightOuter(_) => Some((false, true)),
        JoinOperator::FullOuter(_) => Some((true, true)),
        _ => None,
    }
}

fn constraint(join: &mut JoinOperator) -> Option<&mut JoinConstraint> {
    match join {
        JoinOperator::Join(constraint)
        | JoinOperator::Inner(constraint)
        | JoinOperator::Left(constraint)
        | JoinOperator::LeftOuter(constraint)
        | JoinOperator::Right(constraint)
        | JoinOperator::RightOuter(constraint)
        | JoinOperator::FullOuter(constraint) => Some(constraint),
        _ => None,
    }
}

/// The name by which columns of a relation are called.
fn name_of(factor: &TableFactor) -> Option<Vec<Ident>> {
    match factor {
        TableFactor::Table { alias: Some(alias), .. }
        | TableFactor::Derived { alias: Some(alias), .. }
        | TableFactor::Function { alias: Some(alias), .. }
        | TableFactor::TableFunction { alias: Some(alias), .. }
        | TableFactor::UNNEST { alias: Some(alias), .. }
        | TableFactor::MatchRecognize { alias: Some(alias), .. } => Some(vec![alias.name.clone()]),
        TableFactor::Table { name, args: None, .. } => idents(name),
        _ => None,
    }
}

fn idents(name: &ObjectName) -> Option<Vec<Ident>> {
    name.0.iter().map(|part| part.as_ident().cloned()).collect()
}

fn qualified(relation: &[Ident], column: &Ident) -> Expr {
    Expr::CompoundIdentifier(relation.iter().chain([column]).cloned().collect())
}

fn same(one: &Ident, other: &Ident) -> bool {
    folded(one) == folded(other)
}

fn folded(name: &Ident) -> String {
    if name.quote_style.is_some() { name.value.clone() } else { name.value.to_lowercase() }
}

/// Whether a column of this name is selected.
fn gives(select: &Select, name: &Ident) -> bool {
    select.projection.iter().any(|item| match item {
        SelectItem::ExprWithAlias { alias, .. } => same(alias, name),
        SelectItem::UnnamedExpr(Expr::CompoundIdentifier(parts)) => {
            parts.last().is_some_and(|last| same(last, name))
        }
        SelectItem::Wildcard(_) | SelectItem::QualifiedWildcard(..) => true,
        _ => false,
    })
}

fn write_select(select: &mut Select, keys: &[Key]) {
    for item in &mut select.projection {
        match item {
            SelectItem::Wildcard(options) => replace_in_all(options, keys),
            // it keeps its name
            SelectItem::UnnamedExpr(Expr::Identifier(name)) => {
                if let Some(key) = keys.iter().find(|key| key.named && same(&key.name, name)) {
                    let alias = name.clone();
                    *item = SelectItem::ExprWithAlias { expr: key.value.clone(), alias };
                }
            }
            _ => {}
        }
    }
    // what joins by itself stays
    let from = std::mem::take(&mut select.from);
    replace(select, keys);
    select.from = from;
}

/// `*` with the keys as they are.
fn replace_in_all(options: &mut WildcardAdditionalOptions, keys: &[Key]) {
    let items = &mut options.opt_replace.get_or_insert(ReplaceSelectItem { items: vec![] }).items;
    for key in keys {
        if !items.iter().any(|item| same(&item.column_name, &key.name)) {
            items.push(Box::new(ReplaceSelectElement {
                expr: key.value.clone(),
                column_name: key.name.clone(),
                as_keyword: true,
            }));
        }
    }
}

/// Puts what keys are in the place of their bare names.
fn replace<T: VisitMut>(part: &mut T, keys: &[Key]) {
    let _: ControlFlow<()> = part.visit(&mut Names { keys, depth: 0 });
}

struct Names<'a> {
    keys: &'a [Key],
    /// names in a query inside may be its own
    depth: usize,
}

impl VisitorMut for Names<'_> {
    type Break = ();

    fn pre_visit_query(&mut self, _: &mut Query) -> ControlFlow<()> {
        self.depth += 1;
        ControlFlow::Continue(())
    }

    fn post_visit_query(&mut self, _: &mut Query) -> ControlFlow<()> {
        self.depth -= 1;
        ControlFlow::Continue(())
    }

    fn post_visit_expr(&mut self, expr: &mut Expr) -> ControlFlow<()> {
        if let Expr::Identifier(name) = expr
            && self.depth == 0
            && let Some(key) = self.keys.iter().find(|key| key.named && same(&key.name, name))
        {
            *expr = key.value.clone();
        }
        ControlFlow::Continue(())
    }
}
