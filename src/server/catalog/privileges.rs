//! `has_table_privilege(…)` and its like: a lake can be read by everyone who has logged in, and
//! written by nobody.

use std::hash::{Hash, Hasher};
use std::sync::Arc;

use datafusion::arrow::array::{AsArray, BooleanArray};
use datafusion::arrow::compute::cast;
use datafusion::arrow::datatypes::DataType;
use datafusion::common::{Result, exec_err};
use datafusion::execution::context::SessionContext;
use datafusion::logical_expr::{
    ColumnarValue, ScalarFunctionArgs, ScalarUDF, ScalarUDFImpl, Signature, Volatility,
};

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
        let signature = Signature::variadic_any(Volatility::Stable);
        context.register_udf(ScalarUDF::from(HasPrivilege { name, signature }));
    }
}

/// One of a list of privileges is enough; to grant it is another.
fn held(privileges: &str) -> bool {
    privileges.split(',').any(|one| HELD.contains(&one.trim().to_lowercase().as_str()))
}

#[derive(Debug)]
struct HasPrivilege {
    name: &'static str,
    signature: Signature,
}

impl PartialEq for HasPrivilege {
    fn eq(&self, other: &Self) -> bool {
        self.name == other.name
    }
}

impl Eq for HasPrivilege {}

impl Hash for HasPrivilege {
    fn hash<H: Hasher>(&self, state: &mut H) {
        self.name.hash(state);
    }
}

impl ScalarUDFImpl for HasPrivilege {
    fn name(&self) -> &str {
        self.name
    }

    fn signature(&self) -> &Signature {
        &self.signature
    }

    fn return_type(&self, _: &[DataType]) -> Result<DataType> {
        Ok(DataType::Boolean)
    }

    fn invoke_with_args(&self, args: ScalarFunctionArgs) -> Result<ColumnarValue> {
        // whose and on what comes first
        let Some(privileges) = args.args.last() else {
            return exec_err!("{} needs a privilege", self.name);
        };
        let privileges = cast(&privileges.to_array(args.number_rows)?, &DataType::Utf8)?;
        let held = privileges.as_string::<i32>().iter().map(|p| p.map(held));
        Ok(ColumnarValue::Array(Arc::new(held.collect::<BooleanArray>())))
    }
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
