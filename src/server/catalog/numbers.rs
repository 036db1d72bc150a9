//! Numbers of databases, schemas and relations.
//!
//! The library counts them up in the order in which a session asks for them. Tools keep numbers over
//! connections and look columns up by them later, so here a number follows from the name: it is the
//! same in every session and after every start. That two names share one of two thousand million is
//! taken into account as much as PostgreSQL takes it that its counter starts over.

use std::collections::HashMap;
use std::sync::Arc;

use datafusion::arrow::array::{ArrayRef, AsArray, Int32Array, RecordBatch};
use datafusion::arrow::datatypes::Int32Type;
use datafusion::common::Result;

use super::complete::PG_CATALOG;
use super::rewrite::casts;

/// The first number that is not PostgreSQL's own.
const FIRST: i32 = 16_384;

/// The columns of the library's tables that have its numbers.
pub(super) const COLUMNS: &[(&str, &[&str])] = &[
    ("pg_attribute", &["attrelid"]),
    ("pg_class", &["oid", "relnamespace", "relfilenode"]),
    ("pg_namespace", &["oid"]),
];

/// The number of a database.
pub(super) fn of_database(name: &str) -> i32 {
    hashed(&["database", name])
}

/// The number of a schema.
fn of_schema(name: &str) -> i32 {
    if name == "pg_catalog" { PG_CATALOG } else { hashed(&["schema", name]) }
}

/// The number of a relation: that of one of PostgreSQL's own is the same everywhere.
pub(super) fn of_relation(schema: &str, name: &str) -> i32 {
    let own = casts::number_of(name).filter(|_| schema == "pg_catalog");
    own.unwrap_or_else(|| hashed(&["relation", schema, name]))
}

/// FNV-1a of the words, each with a byte after it that no text has.
fn hashed(words: &[&str]) -> i32 {
    let bytes = words.iter().flat_map(|word| word.bytes().chain([0xff]));
    let hash = bytes.fold(0xcbf2_9ce4_8422_2325_u64, |hash, byte| {
        (hash ^ u64::from(byte)).wrapping_mul(0x0100_0000_01b3)
    });
    let range = u64::from(i32::MAX.abs_diff(FIRST));
    FIRST + i32::try_from(hash % range).unwrap_or_default()
}

/// What the library's numbers become.
pub(super) struct Numbers(HashMap<i32, i32>);

impl Numbers {
    /// From the library's `pg_namespace` and `pg_class`.
    pub(super) fn new(schemas: &[RecordBatch], relations: &[RecordBatch]) -> Self {
        let mut names = HashMap::new();
        for batch in schemas {
            let named = column(batch, "oid").zip(batch.column_by_name("nspname"));
            let Some((numbers, schema)) = named else { continue };
            for (number, schema) in numbers.iter().zip(schema.as_string::<i32>()) {
                names.extend(number.zip(schema));
            }
        }
        let mut new: HashMap<i32, i32> =
            names.iter().map(|(number, schema)| (*number, of_schema(schema))).collect();
        for batch in relations {
            let named = column(batch, "oid").zip(column(batch, "relnamespace"));
            let Some(((numbers, schemas), relation)) = named.zip(batch.column_by_name("relname"))
            else {
                continue;
            };
            for ((number, schema), relation) in
                numbers.iter().zip(schemas).zip(relation.as_string::<i32>())
            {
                let schema = schema.and_then(|number| names.get(&number));
                if let (Some(number), Some(schema), Some(relation)) = (number, schema, relation) {
                    new.insert(number, of_relation(schema, relation));
                }
            }
        }
        Self(new)
    }

    /// The rows with the new numbers in these columns.
    pub(super) fn put(&self, batch: &RecordBatch, names: &[&str]) -> Result<RecordBatch> {
        let mut columns = batch.columns().to_vec();
        for name in names {
            let Some((at, _)) = batch.schema_ref().column_with_name(name) else { continue };
            if let (Some(old), Some(slot)) = (column(batch, name), columns.get_mut(at)) {
                let new = |number: i32| self.0.get(&number).copied().unwrap_or(number);
                let new: Int32Array = old.iter().map(|number| number.map(new)).collect();
                *slot = Arc::new(new) as ArrayRef;
            }
        }
        Ok(RecordBatch::try_new(batch.schema(), columns)?)
    }
}

fn column<'a>(batch: &'a RecordBatch, name: &str) -> Option<&'a Int32Array> {
    batch.column_by_name(name)?.as_primitive_opt::<Int32Type>()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_number_follows_from_the_name() {
        let numbers = [
            of_relation("main", "orders"),
            of_relation("raw", "orders"),
            of_relation("mai", "norders"),
            of_schema("main"),
            of_database("main"),
        ];
        assert!(numbers.iter().all(|n| *n >= FIRST), "{numbers:?}");
        let mut distinct = numbers.to_vec();
        distinct.sort_unstable();
        distinct.dedup();
        assert_eq!(distinct.len(), numbers.len(), "{numbers:?}");
        // kept by tools: never to change
        assert_eq!(of_relation("main", "orders"), 2_119_707_197);
        assert_eq!((of_schema("pg_catalog"), of_relation("pg_catalog", "pg_class")), (11, 1259));
    }
}
