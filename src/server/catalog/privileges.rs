//! `has_table_privilege(…)` and its like: a lake can be read by everyone who has logged in, and
//! written by nobody.

use std::sync::Arc;

use datafusion::arrow::array::{ArrayRef, AsArray, BooleanArray};
use datafusion::arrow::compute::cast;
use datafusion::arrow::datatypes::DataType;
use datafusion::common::{Result, exec_err};
use datafusion::execution::context::SessionContext;
use datafusion::logical_expr::{ScalarFunctionArgs, Volatility};

use super::functions::OfSession;

const FUNCTIONS: [&str; 13] = [
    "has_any_column_privilege",
    "has_column_privilege",
    "has_database_privilege",
    "has_foreign_data_wrapper_privilege",
    "has_function_privilege",
    "has_language_privilege",
    "has_schema_privilege",
    "has_sequence_privilege",
    "has_server_privilege",
    "has_table_privilege",
    "has_tablespace_privilege",
    "has_type_privilege",
    "pg_has_role",
];

/// What everyone may do.
const HELD: [&str; 5] = ["connect", "execute", "member", "select", "usage"];

/// Registers the functions.
pub(super) fn register(context: &SessionContext) {
    for name in FUNCTIONS {
        let function = move |args: &ScalarFunctionArgs| -> Result<ArrayRef> {
            // whose and on what comes first
            let Some(privileges) = args.args.last() else {
                return exec_err!("{name} needs a privilege");
            };
            let privileges = cast(&privileges.to_array(args.number_rows)?, &DataType::Utf8)?;
            let held = privileges.as_string::<i32>().iter().map(|p| p.map(held));
            Ok(Arc::new(held.collect::<BooleanArray>()))
        };
        let gives = DataType::Boolean;
        context.register_udf(OfSession::function(name, Volatility::Stable, gives, function));
    }
}

/// One of a list of privileges is enough; to grant it is another.
fn held(privileges: &str) -> bool {
    privileges.split(',').any(|one| HELD.contains(&one.trim().to_lowercase().as_str()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn reading_is_held_and_writing_is_not() {
        for privileges in ["SELECT", "usage", "INSERT, Select"] {
            assert!(held(privileges), "{privileges}");
        }
        for privileges in ["INSERT", "update", "CREATE", "SELECT WITH GRANT OPTION", ""] {
            assert!(!held(privileges), "{privileges}");
        }
    }
}
