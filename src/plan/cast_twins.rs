//! `sum(items), sum(items::double)`: two casts of one thing, and the name of a cast.
//!
//! DataFusion (55.2) names what is computed without its casts and refuses two of one name: among
//! aggregates, groups and columns. Twins among groups and aggregates are written here as
//! `arrow_cast(items::double, 'Float64')`, which is the same and has its type in its name. A column that is
//! cast in an inner query is called as the column, as in PostgreSQL, and where that name is taken by its own
//! text, as at the top of a statement.

use std::collections::{BTreeMap, BTreeSet};
use std::ops::ControlFlow;

use datafusion::logical_expr::sqlparser::ast::{
    CastKind, DataType, ExactNumberInfo, Expr, GroupByExpr, Ident, ObjectNamePart, OrderBy,
    OrderByKind, Query, Select, SelectItem, SetExpr, Statement, TimezoneInfo, Value, Visit,
    VisitMut, VisitorMut, visit_expressions, visit_expressions_mut,
};

use super::query;

/// Gives every twin of `statement` a name of its own. `aggregates` knows the functions that make one row
/// of many.
pub(crate) fn tell_apart(statement: &mut Statement, aggregates: &dyn Fn(&str) -> bool) {
    let _: ControlFlow<()> = statement.visit(&mut Queries { aggregates });
}

struct Queries<'a> {
    aggregates: &'a dyn Fn(&str) -> bool,
}

impl VisitorMut for Queries<'_> {
    type Break = ();

    fn pre_visit_query(&mut self, query: &mut Query) -> ControlFlow<()> {
        let Query { body, order_by, .. } = query;
        self.selects(body, order_by.as_mut());
        ControlFlow::Continue(())
    }
}

impl Queries<'_> {
    /// Every SELECT of a query, with the order of the query if it is the only one.
    fn selects(&self, body: &mut SetExpr, order: Option<&mut OrderBy>) {
        match body {
            SetExpr::Select(select) => {
                let twins = twins(self.computed(select, order.as_deref()));
                if !twins.is_empty() {
                    write_out(&mut select.projection, &twins);
                    write_out(&mut select.group_by, &twins);
                    write_out(&mut select.having, &twins);
                    write_out(&mut select.qualify, &twins);
                    if let Some(order) = order {
                        write_out(order, &twins);
                    }
                }
                name(select);
            }
            SetExpr::SetOperation { left, right, .. } => {
                self.selects(left, None);
                self.selects(right, None);
            }
            _ => {}
        }
    }

    /// The groups, the aggregates and the windows of a SELECT.
    fn computed(&self, select: &Select, order: Option<&OrderBy>) -> Vec<Expr> {
        let mut all = vec![];
        if let GroupByExpr::Expressions(groups, _) = &select.group_by {
            all.extend(groups.iter().map(|group| meant(group, select).clone()));
        }
        let mut found = |e: &Expr| {
            if let Expr::Function(call) = e
                && (call.over.is_some() || (self.aggregates)(&call.name.to_string().to_lowercase()))
            {
                all.push(e.clone());
            }
        };
        visit(&select.projection, &mut found);
        visit(&select.having, &mut found);
        visit(&select.qualify, &mut found);
        if let Some(OrderBy { kind: OrderByKind::Expressions(by), .. }) = order {
            visit(by, &mut found);
        }
        all
    }
}

fn visit(node: &impl Visit, found: &mut impl FnMut(&Expr)) {
    let _ = visit_expressions(node, |e| {
        found(e);
        ControlFlow::<()>::Continue(())
    });
}

/// The column that a group names or numbers; itself if it does neither.
fn meant<'a>(group: &'a Expr, select: &'a Select) -> &'a Expr {
    let item = match group {
        Expr::Value(value) => match &value.value {
            Value::Number(place, _) => {
                let place = place.parse::<usize>().ok().and_then(|n| n.checked_sub(1));
                place.and_then(|place| select.projection.get(place))
            }
            _ => None,
        },
        Expr::Identifier(name) => select.projection.iter().find(
            |item| matches!(item, SelectItem::ExprWithAlias { alias, .. } if alias.value == name.value),
        ),
        _ => None,
    };
    match item {
        Some(SelectItem::UnnamedExpr(e) | SelectItem::ExprWithAlias { expr: e, .. }) => e,
        _ => group,
    }
}

/// The texts of what is the same as another but for its casts.
fn twins(all: Vec<Expr>) -> BTreeSet<String> {
    let mut same: BTreeMap<String, BTreeSet<String>> = BTreeMap::new();
    for e in all {
        same.entry(plain(e.clone(), true)).or_default().insert(plain(e, false));
    }
    same.into_values().filter(|texts| texts.len() > 1).flatten().collect()
}

/// The text of an expression without parentheses, and perhaps without casts.
fn plain(mut expr: Expr, without_casts: bool) -> String {
    let small = |ident: &mut Ident| {
        if ident.quote_style.is_none() {
            ident.value = ident.value.to_lowercase();
        }
    };
    let _ = visit_expressions_mut(&mut expr, |e| {
        let inner = match e {
            Expr::Nested(inner) => Some(inner),
            Expr::Cast { expr: inner, .. } if without_casts => Some(inner),
            Expr::Identifier(name) => {
                small(name);
                None
            }
            Expr::CompoundIdentifier(names) => {
                names.iter_mut().for_each(small);
                None
            }
            Expr::Function(call) => {
                for part in &mut call.name.0 {
                    if let ObjectNamePart::Identifier(name) = part {
                        small(name);
                    }
                }
                None
            }
            _ => None,
        };
        if let Some(inner) = inner.map(|inner| inner.as_ref().clone()) {
            *e = inner;
        }
        ControlFlow::<()>::Continue(())
    });
    expr.to_string()
}

/// Writes the casts inside of twins as calls.
fn write_out(node: &mut impl VisitMut, twins: &BTreeSet<String>) {
    let _ = visit_expressions_mut(node, |e| {
        if twins.contains(&plain(e.clone(), false)) {
            let _ = visit_expressions_mut(e, |e| {
                if let Expr::Cast { kind, expr, data_type, .. } = e
                    && matches!(kind, CastKind::Cast | CastKind::DoubleColon)
                    && has_column(expr)
                    && let Some(ty) = arrow_type(data_type)
                {
                    *e = query::call("arrow_cast", [e.clone(), query::text(&ty)]);
                }
                ControlFlow::<()>::Continue(())
            });
        }
        ControlFlow::<()>::Continue(())
    });
}

fn has_column(expr: &Expr) -> bool {
    let mut found = false;
    visit(expr, &mut |e| {
        found |= matches!(e, Expr::Identifier(_) | Expr::CompoundIdentifier(_));
    });
    found
}

/// What DataFusion makes of a type, as `arrow_cast` spells it.
fn arrow_type(data_type: &DataType) -> Option<String> {
    let plain = match data_type {
        DataType::Boolean | DataType::Bool => "Boolean",
        DataType::TinyInt(_) => "Int8",
        DataType::SmallInt(_) | DataType::Int2(_) => "Int16",
        DataType::Int(_) | DataType::Integer(_) | DataType::Int4(_) => "Int32",
        DataType::BigInt(_) | DataType::Int8(_) => "Int64",
        DataType::Real | DataType::Float4 | DataType::Float(_) => "Float32",
        DataType::DoublePrecision | DataType::Double(_) | DataType::Float8 => "Float64",
        DataType::Text | DataType::Varchar(None) | DataType::String(None) => "Utf8View",
        DataType::Date => "Date32",
        DataType::Timestamp(None, TimezoneInfo::None | TimezoneInfo::WithoutTimeZone) => {
            "Timestamp(Nanosecond, None)"
        }
        DataType::Decimal(ExactNumberInfo::PrecisionAndScale(precision, scale))
        | DataType::Numeric(ExactNumberInfo::PrecisionAndScale(precision, scale))
            if *precision <= 38 =>
        {
            return Some(format!("Decimal128({precision}, {scale})"));
        }
        _ => return None,
    };
    Some(plain.to_owned())
}

/// Names the casts among the items that have no name.
fn name(select: &mut Select) {
    // DataFusion would take the name for the column where groups are chosen
    let free = select.having.is_none() && select.qualify.is_none();
    let star = |item: &SelectItem| {
        matches!(item, SelectItem::Wildcard(_) | SelectItem::QualifiedWildcard(..))
    };
    let starred = select.projection.iter().any(star);
    let mut taken: Vec<String> = select.projection.iter().filter_map(called).collect();
    for item in &mut select.projection {
        let SelectItem::UnnamedExpr(expr) = item else { continue };
        let Some(column) = cast_column(expr) else { continue };
        let alias = if starred || taken.contains(&column.value) {
            Ident::with_quote('"', expr.to_string())
        } else if free {
            column.clone()
        } else {
            continue;
        };
        taken.push(alias.value.clone());
        *item = SelectItem::ExprWithAlias { expr: expr.clone(), alias };
    }
}

/// The name of an item that has one.
fn called(item: &SelectItem) -> Option<String> {
    match item {
        SelectItem::UnnamedExpr(Expr::Identifier(name)) => Some(name.value.clone()),
        SelectItem::UnnamedExpr(Expr::CompoundIdentifier(names)) => {
            names.last().map(|name| name.value.clone())
        }
        SelectItem::ExprWithAlias { alias, .. } => Some(alias.value.clone()),
        _ => None,
    }
}

/// The column that is cast.
fn cast_column(expr: &Expr) -> Option<&Ident> {
    let Expr::Cast { expr, .. } = expr else { return None };
    match expr.as_ref() {
        Expr::Identifier(name) => Some(name),
        Expr::CompoundIdentifier(names) => names.last(),
        cast => cast_column(cast),
    }
}

#[cfg(test)]
mod tests {
    use datafusion::logical_expr::sqlparser::parser::Parser;

    use super::*;
    use crate::plan::dialect::TenureDialect;

    fn apart(sql: &str) -> String {
        let mut statement = Parser::parse_sql(&TenureDialect, sql).unwrap().remove(0);
        tell_apart(&mut statement, &|name| ["sum", "count"].contains(&name));
        statement.to_string()
    }

    #[test]
    fn aggregates_and_groups_have_their_types_in_their_names() {
        assert_eq!(
            apart("SELECT sum(a) AS x, SUM((a)::DOUBLE) AS y FROM t ORDER BY sum(a::DOUBLE)"),
            "SELECT sum(a) AS x, SUM(arrow_cast((a)::DOUBLE, 'Float64')) AS y FROM t \
             ORDER BY sum(arrow_cast(a::DOUBLE, 'Float64'))"
        );
        assert_eq!(
            apart("SELECT f(a) AS m, CAST(f(a) AS DATE) AS d, count(*) FROM t GROUP BY 1, d"),
            "SELECT f(a) AS m, arrow_cast(CAST(f(a) AS DATE), 'Date32') AS d, count(*) FROM t GROUP BY 1, d"
        );
        assert_eq!(
            apart("SELECT 1 FROM t GROUP BY a, a::DATE UNION SELECT 2 FROM u GROUP BY a::INT, a"),
            "SELECT 1 FROM t GROUP BY a, arrow_cast(a::DATE, 'Date32') \
             UNION SELECT 2 FROM u GROUP BY arrow_cast(a::INT, 'Int32'), a"
        );
    }

    #[test]
    fn a_cast_is_called_as_its_column_or_by_its_text() {
        assert_eq!(
            apart("SELECT * FROM (SELECT t.a::DATE, b::INT::TEXT FROM t)"),
            "SELECT * FROM (SELECT t.a::DATE AS a, b::INT::TEXT AS b FROM t)"
        );
        for (items, named) in [
            ("t.a, a::DATE", "t.a, a::DATE AS \"a::DATE\""),
            ("a::DATE, t.a", "a::DATE AS \"a::DATE\", t.a"),
            ("a::DATE, a::INT", "a::DATE AS a, a::INT AS \"a::INT\""),
            ("*, a::DATE", "*, a::DATE AS \"a::DATE\""),
            ("a::DATE, b AS a", "a::DATE AS \"a::DATE\", b AS a"),
        ] {
            assert_eq!(
                apart(&format!("SELECT * FROM (SELECT {items} FROM t)")),
                format!("SELECT * FROM (SELECT {named} FROM t)")
            );
        }
    }

    #[test]
    fn what_has_no_twin_stays() {
        for sql in [
            "SELECT sum(a), sum(t.a), sum((a)) FROM t",
            "SELECT a::DATE AS b, count(DISTINCT a::DATE) FROM t GROUP BY a::DATE",
            "SELECT sum(a)::INT, sum(a) AS b FROM t",
            "SELECT CAST(a AS INT) AS x, CAST(b AS INT) AS y FROM t GROUP BY 1, 2",
            "SELECT f(a) AS x, f(a::INT) AS y FROM t",
            "SELECT sum(\"A\"), sum(a::INT) FROM t",
            "SELECT a::DATE FROM t GROUP BY a::DATE HAVING count(*) > 1",
        ] {
            assert_eq!(apart(sql), sql);
        }
    }
}
