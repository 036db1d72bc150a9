//! Functions as PostgreSQL's catalog has them: the rows of `pg_proc`, and their documentation.

use std::collections::HashMap;
use std::sync::Arc;

use datafusion::arrow::array::{
    ArrayRef, BooleanArray, Int16Array, Int32Array, RecordBatch, StringArray,
};
use datafusion::arrow::datatypes::{Field, Schema, SchemaRef};
use datafusion::common::Result;
use pgwire::api::Type;

use super::batch::{filled, number};
use super::roles;
use super::signatures::{self, Shape};
use crate::server::types::names::sql_name;
use crate::{FunctionInfo, FunctionKind, Tenure};

/// Above what PostgreSQL gives its own, below what relations get… and far from both.
const FIRST_OID: i32 = 1_000_000;
/// `pg_proc` itself, by which `pg_description` knows what it describes.
const PG_PROC: i32 = 1255;

/// A function as `\df` shows it.
#[derive(Debug, Clone)]
pub(super) struct Routine {
    pub(super) oid: i32,
    pub(super) info: FunctionInfo,
    pub(super) shape: Shape,
}

/// Every function of a session.
pub(super) fn routines(tenure: &Tenure) -> Vec<Routine> {
    let functions = tenure.functions();
    let shapes = signatures::shapes(&tenure.context().state(), &functions);
    let numbered = functions.into_iter().zip(shapes).zip(FIRST_OID..);
    numbered.map(|((info, shape), oid)| Routine { oid, info, shape }).collect()
}

impl Routine {
    /// Whether it is Tenure's own: PostgreSQL's functions are in its catalog already.
    pub(super) fn is_own(&self) -> bool {
        self.info.tenure || self.in_from()
    }

    /// Whether it stands in FROM.
    pub(super) fn in_from(&self) -> bool {
        self.info.kind == FunctionKind::Table
    }

    /// `bigint`, `SETOF record`.
    pub(super) fn result(&self) -> String {
        let name = sql_name(&self.shape.gives, -1);
        if self.in_from() { format!("SETOF {name}") } else { name }
    }

    /// The arguments with their types where they are known and always the same, otherwise as the
    /// documentation has them.
    pub(super) fn arguments(&self) -> String {
        if self.shape.takes.is_empty() || self.info.signature.contains(") or ") {
            let (_, inner) = self.info.signature.split_once('(').unwrap_or_default();
            return inner.trim().trim_end_matches(')').to_owned();
        }
        let argument = |(at, (name, pg)): (usize, &(String, Type))| {
            // NULL for an option is its default
            let default = if at < self.shape.least { "" } else { " DEFAULT NULL" };
            format!("{name} {}{default}", sql_name(pg, -1))
        };
        self.shape.takes.iter().enumerate().map(argument).collect::<Vec<_>>().join(", ")
    }

    pub(super) fn description(&self) -> String {
        self.info.description.trim().to_owned()
    }
}

/// The rows of `pg_proc` in its own columns; what Tenure does not know is NULL.
pub(super) fn rows(
    routines: &[&Routine],
    schema: &SchemaRef,
    namespace: i32,
) -> Result<RecordBatch> {
    let rows = routines.len();
    let texts = |of: &dyn Fn(&Routine) -> String| -> ArrayRef {
        Arc::new(routines.iter().map(|r| Some(of(r))).collect::<StringArray>())
    };
    let numbers = |of: &dyn Fn(&Routine) -> i32| -> ArrayRef {
        Arc::new(routines.iter().map(|r| Some(of(r))).collect::<Int32Array>())
    };
    let switches = |of: &dyn Fn(&Routine) -> bool| -> ArrayRef {
        Arc::new(routines.iter().map(|r| Some(of(r))).collect::<BooleanArray>())
    };
    let count = |n: usize| i32::try_from(n).unwrap_or(i32::MAX);
    let known: Vec<(&str, ArrayRef)> = vec![
        ("oid", numbers(&|r| r.oid)),
        ("proname", texts(&|r| r.info.name.clone())),
        ("pronamespace", numbers(&|_| namespace)),
        ("proowner", numbers(&|_| roles::OWNER)),
        ("prolang", numbers(&|_| 12)),
        ("procost", numbers(&|_| 1)),
        ("prorows", numbers(&|r| if r.in_from() { 1000 } else { 0 })),
        ("prokind", texts(&|r| kind(r.info.kind).to_owned())),
        ("proretset", switches(&Routine::in_from)),
        ("prosecdef", switches(&|_| false)),
        ("proleakproof", switches(&|_| false)),
        ("proisstrict", switches(&|_| false)),
        ("provolatile", texts(&|_| "s".to_owned())),
        ("proparallel", texts(&|_| "s".to_owned())),
        ("prorettype", numbers(&|r| number(r.shape.gives.oid()))),
        ("pronargs", numbers(&|r| count(r.shape.takes.len()))),
        (
            "pronargdefaults",
            numbers(&|r| count(r.shape.takes.len() - r.shape.least.min(r.shape.takes.len()))),
        ),
        ("proargtypes", texts(&|r| joined(r, " ", |(_, pg)| pg.oid().to_string()))),
        ("proargnames", argument_names(routines)),
        ("provariadic", numbers(&|_| 0)),
        ("prosrc", texts(&|r| r.info.name.clone())),
    ];
    filled(schema, &known, rows)
}

/// The rows of `pg_aggregate`: how PostgreSQL would go about it is not said.
pub(super) fn aggregates(routines: &[Routine]) -> Result<RecordBatch> {
    let own = |r: &&Routine| r.is_own() && r.info.kind == FunctionKind::Aggregate;
    let all: Vec<&Routine> = routines.iter().filter(own).collect();
    let regproc = HashMap::from([("pg.oid_alias".to_owned(), "regproc".to_owned())]);
    let char = HashMap::from([("pg.char".to_owned(), String::new())]);
    let mut fields = vec![];
    let mut columns: Vec<ArrayRef> = vec![];
    let mut add = |name: &str, of: Option<&HashMap<String, String>>, column: ArrayRef| {
        let field = Field::new(name, column.data_type().clone(), true);
        fields.push(field.with_metadata(of.cloned().unwrap_or_default()));
        columns.push(column);
    };
    let numbers = |of: &dyn Fn(&Routine) -> i32| -> ArrayRef {
        Arc::new(all.iter().map(|r| Some(of(r))).collect::<Int32Array>())
    };
    let same = |text: &str| -> ArrayRef { Arc::new(StringArray::from(vec![text; all.len()])) };
    let nothing = || -> ArrayRef { Arc::new(StringArray::from(vec![None::<&str>; all.len()])) };
    let no = || -> ArrayRef { Arc::new(BooleanArray::from(vec![false; all.len()])) };
    add("aggfnoid", Some(&regproc), numbers(&|r| r.oid));
    add("aggkind", Some(&char), same("n"));
    add("aggnumdirectargs", None, Arc::new(Int16Array::from(vec![0; all.len()])));
    for name in ["trans", "final", "combine", "serial", "deserial", "mtrans", "minvtrans", "mfinal"]
    {
        add(&format!("agg{name}fn"), Some(&regproc), numbers(&|_| 0));
    }
    add("aggfinalextra", None, no());
    add("aggmfinalextra", None, no());
    add("aggfinalmodify", Some(&char), same("r"));
    add("aggmfinalmodify", Some(&char), same("r"));
    add("aggsortop", None, numbers(&|_| 0));
    add("aggtranstype", None, numbers(&|r| number(r.shape.gives.oid())));
    add("aggtransspace", None, numbers(&|_| 0));
    add("aggmtranstype", None, numbers(&|_| 0));
    add("aggmtransspace", None, numbers(&|_| 0));
    add("agginitval", None, nothing());
    add("aggminitval", None, nothing());
    Ok(RecordBatch::try_new(Arc::new(Schema::new(fields)), columns)?)
}

/// `pg_proc.proargnames` as text; NULL where no argument has a name.
fn argument_names(routines: &[&Routine]) -> ArrayRef {
    let names = |routine: &&Routine| {
        let named = !routine.shape.takes.is_empty();
        named.then(|| format!("{{{}}}", joined(routine, ",", |(name, _)| name.clone())))
    };
    Arc::new(routines.iter().map(names).collect::<StringArray>())
}

/// `pg_proc.prokind`.
fn kind(kind: FunctionKind) -> &'static str {
    match kind {
        FunctionKind::Scalar | FunctionKind::Table => "f",
        FunctionKind::Aggregate => "a",
        FunctionKind::Window => "w",
    }
}

fn joined(routine: &Routine, by: &str, of: fn(&(String, Type)) -> String) -> String {
    routine.shape.takes.iter().map(of).collect::<Vec<_>>().join(by)
}

/// The documentation of functions as rows of `pg_description`.
pub(super) fn descriptions(routines: &[&Routine], schema: &SchemaRef) -> Result<RecordBatch> {
    let same = |n: i32| -> ArrayRef { Arc::new(Int32Array::from(vec![n; routines.len()])) };
    let oids = routines.iter().map(|r| Some(r.oid)).collect::<Int32Array>();
    let texts = routines.iter().map(|r| Some(r.description())).collect::<StringArray>();
    let known: Vec<(&str, ArrayRef)> = vec![
        ("objoid", Arc::new(oids)),
        ("classoid", same(PG_PROC)),
        ("objsubid", same(0)),
        ("description", Arc::new(texts)),
    ];
    filled(schema, &known, routines.len())
}
