//! The columns of the canonical views are fixed: queries, reports and other programs rely on them.

use datafusion::arrow::datatypes::DataType;
use datafusion::common::tree_node::{TreeNode, TreeNodeRecursion};
use datafusion::logical_expr::{Expr, WindowFunctionDefinition};
use tenure::udfs::value::fits_alone;
use tenure::{TableKind, Tenure};

use super::{open, retail, write_orders};
use crate::support::rows;

/// The columns of a view with their types in SQL's words.
async fn columns(tenure: &Tenure, view: &str) -> String {
    let tables = tenure.tables().await.unwrap();
    let found = tables.iter().find(|t| t.schema == "main" && t.name == view);
    let found = found.unwrap_or_else(|| panic!("there is no {view}"));
    assert_eq!(found.kind, TableKind::View, "{view}");
    let word = |ty: &DataType| match ty {
        DataType::Int64 => "bigint".to_string(),
        DataType::Int32 => "int".to_string(),
        DataType::Float64 => "double".to_string(),
        DataType::Utf8 | DataType::Utf8View => "text".to_string(),
        DataType::Timestamp(unit, None) => format!("timestamp {unit:?}").to_lowercase(),
        DataType::Struct(_) => "struct".to_string(),
        other => other.to_string(),
    };
    let all: Vec<String> =
        found.columns.iter().map(|(n, ty)| format!("{n} {}", word(ty))).collect();
    all.join(", ")
}

const EVENTS: &str = "customer_id bigint, ts timestamp microsecond, event_type text, amount double, \
    order_id text, product_id text, category text, quantity double, channel text, campaign_id text, \
    session_id text, source text";
const ORDERS: &str = "customer_id bigint, order_id text, ts timestamp microsecond, amount double, \
    items bigint, channel text";
const PROFILE: &str = "stage text, stage_reason text, r int, f int, m int, rfm_score int, segment text, \
    orders bigint, revenue double, first_purchase timestamp microsecond, last_purchase timestamp microsecond, \
    p_alive double, churn_prob double, expected_purchases double, clv double, last_turning_point text, \
    last_turning_point_ts timestamp microsecond, last_channel text";

#[tokio::test]
async fn the_views_of_the_shipped_lake_have_their_columns() {
    let tenure = retail().await;
    let known = "age text, income text, home_ownership text, marital_status text, household_size text, household_comp text, kids_count text";
    assert_eq!(columns(&tenure, "events").await, EVENTS);
    assert_eq!(columns(&tenure, "orders").await, ORDERS);
    assert_eq!(
        columns(&tenure, "customers").await,
        format!("customer_id bigint, first_seen timestamp microsecond, {known}")
    );
    assert_eq!(columns(&tenure, "summaries").await, "customer_id bigint, summary struct");
    assert_eq!(
        columns(&tenure, "profiles").await,
        format!("customer_id bigint, {known}, {PROFILE}")
    );
}

/// A role that no table has is a column of NULLs, not a column less.
#[tokio::test]
async fn a_lake_that_knows_less_has_the_same_columns() {
    let folder = tempfile::tempdir().unwrap();
    write_orders(folder.path().join("orders/a.parquet"), &[(1, 0, 10.0)]);
    let tenure = open(folder.path()).await.unwrap();
    assert_eq!(columns(&tenure, "events").await, EVENTS);
    assert_eq!(columns(&tenure, "orders").await, ORDERS);
    assert_eq!(columns(&tenure, "profiles").await, format!("customer_id bigint, {PROFILE}"));
}

#[tokio::test]
async fn what_a_view_says_it_has_is_what_it_gives() {
    let tenure = retail().await;
    for table in tenure
        .tables()
        .await
        .unwrap()
        .iter()
        .filter(|t| t.schema == "main" && t.kind == TableKind::View)
    {
        let answer = tenure.run(&format!("SELECT * FROM {} LIMIT 0", table.name)).await.unwrap();
        let given: Vec<_> = answer
            .schema
            .fields()
            .iter()
            .map(|f| (f.name().clone(), f.data_type().clone()))
            .collect();
        assert_eq!(given, table.columns, "{}", table.name);
    }
}

/// How many fits of customers a statement makes, and how many of them share their models.
async fn fits(tenure: &Tenure, sql: &str) -> (usize, usize) {
    let plan = tenure.sql(sql).await.unwrap().into_optimized_plan().unwrap();
    let (mut all, mut sharing) = (0, 0);
    plan.apply_with_subqueries(|node| {
        node.apply_expressions(|e| {
            e.apply(|e| {
                let function = match e {
                    Expr::AggregateFunction(call) => Some(&call.func),
                    Expr::WindowFunction(call) => match &call.fun {
                        WindowFunctionDefinition::AggregateUDF(function) => Some(function),
                        WindowFunctionDefinition::WindowUDF(_) => None,
                    },
                    _ => None,
                };
                if let Some(fit) = function.filter(|f| f.name().ends_with("_fit")) {
                    all += 1;
                    sharing += usize::from(!fits_alone(fit));
                }
                Ok(TreeNodeRecursion::Continue)
            })
        })
    })
    .unwrap();
    (all, sharing)
}

#[tokio::test]
async fn profiles_named_twice_are_fitted_once() {
    let tenure = retail().await;
    assert_eq!(fits(&tenure, "SELECT p_alive, clv FROM profiles").await, (2, 0));
    let twice = "SELECT count(*), bool_and(a.p_alive = b.p_alive) FROM profiles AS a JOIN profiles AS b USING (customer_id)";
    assert_eq!(fits(&tenure, twice).await, (2, 2));
    let nested =
        "SELECT max(p_alive) FROM profiles WHERE p_alive < (SELECT avg(p_alive) FROM profiles)";
    assert_eq!(fits(&tenure, nested).await, (2, 2));
    assert_eq!(rows::lines(&tenure, twice).await.unwrap(), ["2469 | true"]);
    // what they share goes with the statement
    let once = rows::lines(&tenure, "SELECT p_alive FROM profiles WHERE customer_id = 7").await;
    let again = "SELECT a.p_alive FROM profiles AS a CROSS JOIN (SELECT p_alive FROM profiles LIMIT 1) AS b WHERE customer_id = 7";
    assert_eq!(rows::lines(&tenure, again).await.unwrap(), once.unwrap());
}
