//! Statements that are described and not run, and tables that a program brings.

use std::sync::Arc;

use datafusion::arrow::datatypes::DataType;
use datafusion::common::ScalarValue;
use datafusion::datasource::MemTable;
use tenure::{ErrorKind, Params, Tenure};

use super::{empty, error, retail, value};

#[tokio::test]
async fn parameters_and_columns_are_told_without_running() {
    let tenure = retail().await;
    let none = Params::new();
    let sql =
        "SELECT customer_id, amount FROM orders WHERE amount > $least AND items = $1 LIMIT $n";
    let told = tenure.prepare(sql, &none).await.unwrap();
    let names: Vec<&str> = told.parameters.iter().map(|(name, _)| name.as_str()).collect();
    assert_eq!(names, ["1", "least", "n"]);
    assert_eq!(told.parameters[1].1, Some(DataType::Float64));
    let schema = told.schema.unwrap();
    assert_eq!(schema.field(1).name(), "amount");
    // a value that is given is no parameter any more
    let given = Params::parse("least=1.5").unwrap();
    let told = tenure.prepare(sql, &given).await.unwrap();
    assert_eq!(told.parameters.len(), 2);
    // what cannot be planned without its value is told by name only
    let told = tenure.prepare("SELECT window_funnel($w, ts, true) FROM orders", &none).await;
    assert_eq!(told.unwrap().parameters[0].0, "w");
    let e = tenure.prepare("SELECT nothing FROM orders", &none).await.unwrap_err();
    assert_eq!((e.kind(), e.place().map(|p| p.column)), (ErrorKind::UndefinedColumn, Some(8)));
}

#[tokio::test]
async fn what_is_described_changes_nothing() {
    let tenure = empty().await;
    let none = Params::new();
    for sql in [
        "CREATE TABLE t AS SELECT 1 AS x",
        "SET tenure.horizon = '1 day'",
        "DROP TABLE IF EXISTS t",
    ] {
        let told = tenure.prepare(sql, &none).await.unwrap();
        assert_eq!(told.schema.map(|s| s.fields().len()), Some(0), "{sql}");
    }
    assert_eq!(error(&tenure, "SELECT * FROM t").await.kind(), ErrorKind::UndefinedTable);
    assert_eq!(
        value(&tenure, "SELECT value FROM tenure.settings WHERE name = 'tenure.horizon'").await,
        "90 days"
    );
}

#[tokio::test]
async fn values_by_position() {
    let tenure = empty().await;
    let params = Params::positional([ScalarValue::from(20_i64), ScalarValue::from("x")]);
    let frame = tenure.sql_with("SELECT $1 + 1 AS n, $2 AS s", &params).await.unwrap();
    let batches = frame.collect().await.unwrap();
    assert_eq!(ScalarValue::try_from_array(batches[0].column(0), 0).unwrap(), 21_i64.into());
    let e = tenure.sql_with("SELECT $3", &params).await.unwrap_err();
    assert_eq!(e.to_string(), "parameter $3 has no value: 2 values are given");
}

#[tokio::test]
async fn tables_are_brought_and_forgotten() {
    let tenure = retail().await;
    let batches = tenure.sql("SELECT 1 AS x").await.unwrap().collect().await.unwrap();
    let table = Arc::new(MemTable::try_new(batches[0].schema(), vec![batches]).unwrap());
    tenure.register_table("Given", Arc::clone(&table) as _).unwrap();
    assert_eq!(value(&tenure, "SELECT x FROM \"Given\"").await, "1");
    let e = tenure.register_table("Given", Arc::clone(&table) as _).unwrap_err();
    assert_eq!((e.kind(), e.kind().sqlstate()), (ErrorKind::Exists, "42P07"));
    assert!(tenure.register_table("orders", table).is_err());
    assert!(tenure.deregister_table("orders").is_err());
    assert!(tenure.deregister_table("Given").unwrap());
    assert!(!tenure.deregister_table("Given").unwrap());
}

#[tokio::test]
async fn a_kept_statement_sees_the_moment_at_which_it_runs() {
    let tenure = retail().await;
    value_of_none(
        &tenure,
        "PREPARE newest AS SELECT max(ts) <= TIMESTAMP '2017-06-01' FROM events",
    )
    .await;
    assert_eq!(value(&tenure, "EXECUTE newest").await, "false");
    value_of_none(&tenure, "SET tenure.as_of = '2017-06-01'").await;
    assert_eq!(value(&tenure, "EXECUTE newest").await, "true");
    let told = tenure.prepare("EXECUTE newest", &Params::new()).await.unwrap();
    assert_eq!(told.schema.unwrap().field(0).data_type(), &DataType::Boolean);
    // every table function, as it would be written out
    for relation in [
        "funnel(events, steps => [event_type = 'purchase'], window => INTERVAL '1 day')",
        "lifecycle(events)",
    ] {
        let sql = format!("SELECT count(*) FROM {relation}");
        value_of_none(&tenure, &format!("PREPARE once AS {sql}")).await;
        assert_eq!(value(&tenure, "EXECUTE once").await, value(&tenure, &sql).await);
        value_of_none(&tenure, "DEALLOCATE once").await;
    }
    let e = error(&tenure, "EXECUTE newest(1)").await;
    assert_eq!((e.kind(), e.place().map(|p| p.column)), (ErrorKind::Invalid, Some(9)));
}

async fn value_of_none(tenure: &Tenure, sql: &str) {
    assert_eq!(tenure.sql(sql).await.unwrap().count().await.unwrap(), 0, "{sql}");
}
