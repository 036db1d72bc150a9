//! The roles that a client sees: its own user, and `tenure`, whom everything belongs to and who
//! cannot log in. Who else may log in is not told.

use std::sync::Arc;

use datafusion::arrow::array::{ArrayRef, BooleanArray, Int32Array, RecordBatch, StringArray};
use datafusion::arrow::datatypes::SchemaRef;
use datafusion::common::Result;

use super::batch::filled;

/// The role that owns everything: PostgreSQL's first one has this number.
pub(super) const OWNER: i32 = 10;
/// Its name.
pub(super) const OWNER_NAME: &str = "tenure";
/// The user of the session: below the numbers of relations.
const USER: i32 = 16_383;

/// Numbers and names of the roles, and who can log in.
fn roles(user: &str) -> Vec<(i32, &str, bool)> {
    if user == OWNER_NAME {
        return vec![(OWNER, user, true)];
    }
    vec![(OWNER, OWNER_NAME, false), (USER, user, true)]
}

/// The number of a user.
pub(super) fn number_of(user: &str) -> i32 {
    if user == OWNER_NAME { OWNER } else { USER }
}

/// The name of a role by its number.
pub(super) fn name_of(oid: i64, user: &str) -> String {
    let found = roles(user).into_iter().find(|(number, _, _)| i64::from(*number) == oid);
    found.map_or_else(|| format!("unknown (OID={oid})"), |(_, name, _)| name.to_owned())
}

/// The rows of `pg_roles` and `pg_authid` in their own columns.
pub(super) fn rows(user: &str, schema: &SchemaRef) -> Result<RecordBatch> {
    let roles = roles(user);
    let numbers = |of: fn(&(i32, &str, bool)) -> i32| -> ArrayRef {
        Arc::new(roles.iter().map(|role| Some(of(role))).collect::<Int32Array>())
    };
    let switches = |of: fn(&(i32, &str, bool)) -> bool| -> ArrayRef {
        Arc::new(roles.iter().map(|role| Some(of(role))).collect::<BooleanArray>())
    };
    let names: ArrayRef =
        Arc::new(roles.iter().map(|(_, name, _)| Some(*name)).collect::<StringArray>());
    let known = vec![
        ("oid", numbers(|(oid, _, _)| *oid)),
        ("rolname", names),
        ("rolsuper", switches(|_| false)),
        ("rolinherit", switches(|_| true)),
        ("rolcreaterole", switches(|_| false)),
        ("rolcreatedb", switches(|_| false)),
        ("rolcanlogin", switches(|(_, _, can)| *can)),
        ("rolreplication", switches(|_| false)),
        ("rolbypassrls", switches(|_| false)),
        ("rolconnlimit", numbers(|_| -1)),
    ];
    filled(schema, &known, roles.len())
}
