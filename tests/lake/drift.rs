//! Files that differ: what is widened, and what is refused.

use std::sync::Arc;

use datafusion::arrow::array::*;
use datafusion::arrow::datatypes::Int32Type;
use datafusion::catalog::TableProvider;
use tenure::ErrorKind;

use super::{open, table};
use crate::support::parquet::{batch, rows, session, write};

/// The answer and type of column `x` over two files, or the error.
async fn two(a: ArrayRef, b: ArrayRef) -> Result<(Vec<String>, String), tenure::Error> {
    let dir = tempfile::tempdir().unwrap();
    write(dir.path().join("t/a.parquet"), &batch(vec![("x", a)]));
    write(dir.path().join("t/b.parquet"), &batch(vec![("x", b)]));
    let ctx = session();
    let lake = open(&ctx, dir.path()).await?;
    let t = table(&ctx, &lake, "t").await?;
    let ty = t.schema().field(0).data_type().to_string();
    Ok((rows(&ctx, t, "SELECT x FROM t ORDER BY x").await?, ty))
}

#[tokio::test]
async fn what_loses_nothing_is_widened() {
    let i64s = |v: i64| Arc::new(Int64Array::from(vec![v])) as ArrayRef;
    let text: Vec<&str> = vec!["b"];
    let dictionary: DictionaryArray<Int32Type> = vec!["c"].into_iter().collect();
    let cases: Vec<(ArrayRef, ArrayRef, &[&str], &str)> = vec![
        (Arc::new(Int32Array::from(vec![1])), i64s(1 << 40), &["1", "1099511627776"], "Int64"),
        (i64s(-5), Arc::new(Int8Array::from(vec![7])), &["-5", "7"], "Int64"),
        (
            Arc::new(UInt32Array::from(vec![u32::MAX])),
            Arc::new(Int16Array::from(vec![-1])),
            &["-1", "4294967295"],
            "Int64",
        ),
        (
            Arc::new(Float32Array::from(vec![0.5])),
            Arc::new(Float64Array::from(vec![0.1])),
            &["0.1", "0.5"],
            "Float64",
        ),
        (
            Arc::new(TimestampMillisecondArray::from(vec![1_500])),
            Arc::new(TimestampMicrosecondArray::from(vec![1])),
            &["1970-01-01T00:00:00.000001", "1970-01-01T00:00:01.500"],
            "Timestamp(µs)",
        ),
        (
            Arc::new(TimestampNanosecondArray::from(vec![1])),
            Arc::new(TimestampMicrosecondArray::from(vec![1])),
            &["1970-01-01T00:00:00.000000001", "1970-01-01T00:00:00.000001"],
            "Timestamp(ns)",
        ),
        (
            Arc::new(LargeStringArray::from(vec!["a"])),
            Arc::new(StringArray::from(text)),
            &["a", "b"],
            "Utf8View",
        ),
        (Arc::new(StringArray::from(vec!["a"])), Arc::new(dictionary), &["a", "c"], "Utf8View"),
        (
            Arc::new(Decimal128Array::from(vec![150]).with_precision_and_scale(10, 2).unwrap()),
            Arc::new(Decimal128Array::from(vec![2]).with_precision_and_scale(5, 0).unwrap()),
            &["1.50", "2.00"],
            "Decimal128(10, 2)",
        ),
    ];
    for (a, b, expected, ty) in cases {
        let case = format!("{} and {}", a.data_type(), b.data_type());
        for (a, b) in [(Arc::clone(&a), Arc::clone(&b)), (b, a)] {
            let (answer, merged) = two(a, b).await.unwrap_or_else(|e| panic!("{case}: {e}"));
            assert_eq!(
                (answer.as_slice(), merged.as_str()),
                (expected.iter().map(ToString::to_string).collect::<Vec<_>>().as_slice(), ty),
                "{case}"
            );
        }
    }
}

#[tokio::test]
async fn predicates_on_widened_columns_find_every_row() {
    let dir = tempfile::tempdir().unwrap();
    let small = Int32Array::from_iter_values(0..1000);
    let large = Int64Array::from_iter_values(500..1500);
    write(dir.path().join("t/a.parquet"), &batch(vec![("x", Arc::new(small))]));
    write(
        dir.path().join("t/b.parquet"),
        &batch(vec![
            ("x", Arc::new(large)),
            ("y", Arc::new(Int64Array::from_iter_values(0..1000))),
        ]),
    );
    let ctx = session();
    let lake = open(&ctx, dir.path()).await.unwrap();
    for (sql, expected) in [
        ("SELECT count(*), min(x), max(x) FROM t", "2000 | 0 | 1499"),
        ("SELECT count(*), min(x), max(x) FROM t WHERE x >= 900", "700 | 900 | 1499"),
        ("SELECT count(*), count(y) FROM t WHERE x < 600", "700 | 100"),
        ("SELECT count(*) FROM t WHERE y IS NULL", "1000"),
        ("SELECT min(y), max(y) FROM t", "0 | 999"),
    ] {
        let t = table(&ctx, &lake, "t").await.unwrap();
        assert_eq!(rows(&ctx, t, sql).await.unwrap(), [expected], "{sql}");
    }
}

#[tokio::test]
async fn what_would_lose_something_names_files_column_and_types() {
    let cases: Vec<(ArrayRef, ArrayRef, &str)> = vec![
        (
            Arc::new(Int64Array::from(vec![1])),
            Arc::new(StringArray::from(vec!["1"])),
            "Int64 in file t/a.parquet, Utf8 in file t/b.parquet",
        ),
        (
            Arc::new(Float64Array::from(vec![1.0])),
            Arc::new(Decimal128Array::from(vec![1]).with_precision_and_scale(10, 2).unwrap()),
            "Float64 in file t/a.parquet, Decimal128(10, 2) in file t/b.parquet",
        ),
        (
            Arc::new(TimestampMicrosecondArray::from(vec![1])),
            Arc::new(TimestampMicrosecondArray::from(vec![1]).with_timezone("UTC")),
            "Timestamp(µs) in file t/a.parquet, Timestamp(µs, \"UTC\") in file t/b.parquet",
        ),
        (
            Arc::new(Date32Array::from(vec![1])),
            Arc::new(TimestampMicrosecondArray::from(vec![1])),
            "Date32 in file t/a.parquet, Timestamp(µs) in file t/b.parquet",
        ),
    ];
    for (a, b, expected) in cases {
        let error = two(a, b).await.unwrap_err();
        assert_eq!(error.kind(), ErrorKind::Drift);
        let text = format!("column x has types that do not fit together: {expected}");
        assert_eq!(error.to_string(), text);
        assert!(error.hint().is_some());
    }
}

#[tokio::test]
async fn names_that_differ_only_in_case_are_refused() {
    let dir = tempfile::tempdir().unwrap();
    let one = || Arc::new(Int64Array::from(vec![1])) as ArrayRef;
    write(dir.path().join("t/a.parquet"), &batch(vec![("Customer", one())]));
    write(dir.path().join("t/b.parquet"), &batch(vec![("customer", one())]));
    let ctx = session();
    let lake = open(&ctx, dir.path()).await.unwrap();
    let error = table(&ctx, &lake, "t").await.unwrap_err();
    assert_eq!(
        error.to_string(),
        "column names differ only in case: Customer in file t/a.parquet, customer in file t/b.parquet"
    );
}
