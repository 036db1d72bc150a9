//! `path_trim(path, n)`: the last n steps of a path.
//!
//! NULL gives NULL. O(n).

use std::sync::{Arc, LazyLock};

use datafusion::arrow::array::{ArrayRef, AsArray};
use datafusion::arrow::datatypes::{DataType, Int64Type};
use datafusion::common::{Result, exec_err, internal_err};
use datafusion::logical_expr::{Documentation, ScalarUDF};
use datafusion_macros::user_doc;

use super::path_function::{PathFunction, Paths, path_type, udf};
use crate::args::{Param, Ty, required};

static UDF: LazyLock<Arc<ScalarUDF>> = LazyLock::new(udf::<PathTrim>);

/// The function `path_trim`.
pub fn path_trim_udf() -> Arc<ScalarUDF> {
    Arc::clone(&UDF)
}

#[user_doc(
    doc_section(label = "Paths"),
    description = "The last n steps of a path; a shorter path stays as it is. NULL gives NULL.",
    syntax_example = "path_trim(path, n)",
    sql_example = r#"```sql
SELECT path_trim(['home', 'tea', 'cart', 'buy'], 2);
-- [cart, buy]
```"#,
    argument(name = "path", description = "a list of steps, such as path_agg makes"),
    argument(name = "n", description = "how many steps at most, from 0")
)]
#[derive(Debug, Default, PartialEq, Eq, Hash)]
struct PathTrim;

impl PathFunction for PathTrim {
    const NAME: &'static str = "path_trim";
    const PARAMS: &'static [Param] = &[required("path", Ty::Any), required("n", Ty::Int)];

    fn answer() -> DataType {
        path_type()
    }

    fn invoke(paths: &Paths, others: &[ArrayRef]) -> Result<ArrayRef> {
        let [n] = others else { return internal_err!("{} has a number", Self::NAME) };
        let n = n.as_primitive::<Int64Type>();
        paths.change(|row, mut path| {
            let Ok(n) = usize::try_from(n.value(row)) else {
                return exec_err!("{}: n must be 0 or more, got {}", Self::NAME, n.value(row));
            };
            path.drain(..path.len().saturating_sub(n));
            Ok(path)
        })
    }

    fn documentation(&self) -> Option<&Documentation> {
        self.doc()
    }
}
