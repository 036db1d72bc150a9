//! `path_first(path)`: a path in which each step stands once, where it comes first.
//!
//! NULL gives NULL. O(steps). The transform `first` of attribution models.

use std::sync::{Arc, LazyLock};

use datafusion::arrow::array::ArrayRef;
use datafusion::arrow::datatypes::DataType;
use datafusion::common::{HashSet, Result};
use datafusion::logical_expr::{Documentation, ScalarUDF};
use datafusion_macros::user_doc;

use super::path_function::{PathFunction, Paths, path_type, udf};
use crate::args::{Param, Ty, required};

static UDF: LazyLock<Arc<ScalarUDF>> = LazyLock::new(udf::<PathFirst>);

/// The function `path_first`.
pub fn path_first_udf() -> Arc<ScalarUDF> {
    Arc::clone(&UDF)
}

#[user_doc(
    doc_section(label = "Paths"),
    description = "A path in which each step stands once, at the place where it comes first. NULL gives NULL; NULL steps are equal to each other.",
    syntax_example = "path_first(path)",
    sql_example = r#"```sql
SELECT path_first(['a', 'a', 'a', 'Direct', 'a', 'Direct', 'Direct']);
-- [a, Direct]
```"#,
    argument(name = "path", description = "a list of steps, such as path_agg makes")
)]
#[derive(Debug, Default, PartialEq, Eq, Hash)]
struct PathFirst;

impl PathFunction for PathFirst {
    const NAME: &'static str = "path_first";
    const PARAMS: &'static [Param] = &[required("path", Ty::Any)];

    fn answer() -> DataType {
        path_type()
    }

    fn invoke(paths: &Paths, _others: &[ArrayRef]) -> Result<ArrayRef> {
        paths.change(|_, mut path| {
            let mut seen = HashSet::new();
            path.retain(|step| seen.insert(*step));
            Ok(path)
        })
    }

    fn documentation(&self) -> Option<&Documentation> {
        self.doc()
    }
}
