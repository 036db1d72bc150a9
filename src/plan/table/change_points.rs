//! `FROM change_points(relation, …)`: the aggregate of that name as a relation.
//!
//! One row per change: the customer (or whatever `key` is), when, the levels before and after.
//! With `key => NULL` the whole relation is one series. Planned as the aggregate, an unnest and a
//! projection, so that filters and projections go on to the lake.

use datafusion::common::Result;
use datafusion::functions::core::expr_fn::get_field;
use datafusion::logical_expr::{Expr, LogicalPlan, LogicalPlanBuilder, col, ident};

use crate::engine::{FunctionInfo, FunctionKind};
use crate::plan::relations::{Call, TableFunction};

pub(crate) const FUNCTION: TableFunction = TableFunction {
    name: "change_points",
    parameters: &["key", "ts", "value", "unit", "method", "cost", "penalty", "min_size", "as_of"],
    plan,
    documentation,
};

const EXAMPLE: &str = "\
SELECT customer_id, ts, before, after, direction FROM change_points(
  (SELECT * FROM (VALUES (7, TIMESTAMP '2011-01-01T00:00:00', 2.0), (7, TIMESTAMP '2011-01-02T00:00:00', 2.0), (7, TIMESTAMP '2011-01-03T00:00:00', 2.0),
    (7, TIMESTAMP '2011-01-04T00:00:00', 9.0), (7, TIMESTAMP '2011-01-05T00:00:00', 9.0), (7, TIMESTAMP '2011-01-06T00:00:00', 9.0)) AS t(customer_id, ts, amount)),
  as_of => TIMESTAMP '2011-02-01T00:00:00');
-- 7 | 2011-01-04T00:00:00 | 2.0 | 9.0 | up";
const POINTS: &str = "change_points";

fn plan(mut call: Call<'_>) -> Result<LogicalPlan> {
    let key = call.column("key", "customer_id")?;
    let ts = call.required("ts", "ts")?;
    let value = call.required("value", "amount")?;
    let mut args = vec![ts, value];
    for option in ["unit", "method", "cost", "penalty", "min_size", "as_of"] {
        args.push(call.option(option)?);
    }
    let points = call.aggregate(POINTS, args)?.alias(POINTS);
    let mut columns: Vec<Expr> = Vec::with_capacity(7);
    let mut group = Vec::with_capacity(1);
    let mut order = Vec::with_capacity(2);
    if let Some(key) = key {
        let name = match &key {
            Expr::Column(c) => c.name.clone(),
            _ => "key".to_string(),
        };
        group.push(key.alias(&name));
        order.push(ident(&name).sort(true, false));
        columns.push(ident(name));
    }
    order.push(ident("ts").sort(true, false));
    let field = |name: &str| get_field(col(POINTS), name).alias(name);
    columns.extend(["ts", "before", "after", "change", "direction", "score"].map(field));
    LogicalPlanBuilder::from(call.input)
        .aggregate(group, [points])?
        .unnest_column(POINTS)?
        .filter(col(POINTS).is_not_null())?
        .project(columns)?
        .sort(order)?
        // the order of a subquery is dropped, but for one that something is left out of
        .limit(0, None)?
        .build()
}

fn documentation() -> FunctionInfo {
    let argument = |name: &str, text: &str| (name.to_string(), text.to_string());
    FunctionInfo {
        name: "change_points".to_string(),
        kind: FunctionKind::Table,
        family: "Turning points".to_string(),
        signature: "FROM change_points(relation [, key => …, ts => …, value => …, unit => …, method => …, cost => …, penalty => …, min_size => …, as_of => …])".to_string(),
        description: "The points in time at which the level of a series changed, one row each, per customer or per any other key, in the order of key and time. The series is `value` summed in buckets of `unit`. See the aggregate of the same name for methods, costs and NULLs. A relation without rows gives no rows.".to_string(),
        arguments: vec![
            argument("relation", "a table, a view, a CTE, TABLE name, or (SELECT …)"),
            argument("key", "one series for each; default: customer_id, if the relation has it; NULL: one series in all"),
            argument("ts", "time; default: the column ts"),
            argument("value", "what is summed; default: the column amount"),
            argument("unit", "length of a bucket, such as INTERVAL '7 days'"),
            argument("method, cost, penalty, min_size, as_of", "as for the aggregate"),
        ],
        example: Some(EXAMPLE.to_string()),
        tenure: true,
    }
}
