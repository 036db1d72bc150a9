//! Tenure's functions as rows of `pg_proc`.

use std::sync::Arc;

use datafusion::arrow::array::{
    ArrayRef, BooleanArray, Int32Array, RecordBatch, StringArray, new_null_array,
};
use datafusion::arrow::compute::cast;
use datafusion::arrow::datatypes::{Field, Schema, SchemaRef};
use datafusion::common::Result;

use crate::{FunctionKind, Tenure};

/// Above what PostgreSQL gives its own, below what relations get… and far from both.
const FIRST_OID: i32 = 1_000_000;
/// The type that PostgreSQL is told a function has; what it has depends on its arguments.
const TEXT: i32 = 25;

/// A function as `\df` shows it.
#[derive(Debug, Clone)]
pub(super) struct Routine {
    pub(super) oid: i32,
    pub(super) name: String,
    pub(super) kind: FunctionKind,
    pub(super) arguments: String,
    pub(super) result: String,
    pub(super) description: String,
}

/// Tenure's own functions.
pub(super) fn routines(tenure: &Tenure) -> Vec<Routine> {
    let own = |f: &crate::FunctionInfo| f.tenure || f.kind == FunctionKind::Table;
    let arguments = |signature: &str| {
        let inner = signature.split_once('(').map_or("", |(_, rest)| rest);
        inner.trim().trim_end_matches(')').to_owned()
    };
    tenure
        .functions()
        .into_iter()
        .filter(own)
        .zip(FIRST_OID..)
        .map(|(f, oid)| Routine {
            oid,
            kind: f.kind,
            arguments: arguments(&f.signature),
            result: if f.kind == FunctionKind::Table { "SETOF record" } else { "text" }.to_owned(),
            description: f.description.trim().to_owned(),
            name: f.name,
        })
        .collect()
}

/// The rows of `pg_proc` in its own columns; what Tenure does not know is NULL.
pub(super) fn rows(
    routines: &[Routine],
    schema: &SchemaRef,
    namespace: i32,
) -> Result<RecordBatch> {
    let rows = routines.len();
    let kinds = routines.iter().map(|r| match r.kind {
        FunctionKind::Scalar | FunctionKind::Table => "f",
        FunctionKind::Aggregate => "a",
        FunctionKind::Window => "w",
    });
    let texts = |of: fn(&Routine) -> &str| -> ArrayRef {
        Arc::new(routines.iter().map(|r| Some(of(r))).collect::<StringArray>())
    };
    let same = |n: i32| -> ArrayRef { Arc::new(Int32Array::from(vec![n; rows])) };
    let known: Vec<(&str, ArrayRef)> = vec![
        ("oid", Arc::new(routines.iter().map(|r| Some(r.oid)).collect::<Int32Array>())),
        ("proname", texts(|r| &r.name)),
        ("pronamespace", same(namespace)),
        ("proowner", same(10)),
        ("prolang", same(12)),
        ("prokind", Arc::new(kinds.map(Some).collect::<StringArray>())),
        (
            "proretset",
            Arc::new(
                routines
                    .iter()
                    .map(|r| Some(r.kind == FunctionKind::Table))
                    .collect::<BooleanArray>(),
            ),
        ),
        ("prosecdef", Arc::new(BooleanArray::from(vec![false; rows]))),
        ("proleakproof", Arc::new(BooleanArray::from(vec![false; rows]))),
        ("proisstrict", Arc::new(BooleanArray::from(vec![false; rows]))),
        ("provolatile", Arc::new(StringArray::from(vec!["s"; rows]))),
        ("proparallel", Arc::new(StringArray::from(vec!["s"; rows]))),
        ("prorettype", same(TEXT)),
        ("pronargs", same(0)),
        ("pronargdefaults", same(0)),
        ("provariadic", same(0)),
        ("prosrc", texts(|r| &r.name)),
    ];
    let columns = schema
        .fields()
        .iter()
        .map(|field| match known.iter().find(|(name, _)| name == field.name()) {
            Some((_, array)) => Ok(cast(array, field.data_type())?),
            None => Ok(new_null_array(field.data_type(), rows)),
        })
        .collect::<Result<Vec<_>>>()?;
    Ok(RecordBatch::try_new(nullable(schema), columns)?)
}

/// The same columns, which may be NULL.
pub(super) fn nullable(schema: &SchemaRef) -> SchemaRef {
    let fields = schema.fields().iter().map(|f| f.as_ref().clone().with_nullable(true));
    Arc::new(Schema::new(fields.collect::<Vec<Field>>()))
}
