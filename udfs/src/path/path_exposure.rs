//! `path_exposure(path)`: a path without repeats of a step right after itself.
//!
//! NULL gives NULL. O(steps). The transform `exposure` of attribution models.

use std::sync::{Arc, LazyLock};

use datafusion::arrow::array::ArrayRef;
use datafusion::arrow::datatypes::DataType;
use datafusion::common::Result;
use datafusion::logical_expr::{Documentation, ScalarUDF};
use datafusion_macros::user_doc;

use super::path_function::{PathFunction, Paths, path_type, udf};
use crate::args::{Param, Ty, required};

static UDF: LazyLock<Arc<ScalarUDF>> = LazyLock::new(udf::<PathExposure>);

/// The function `path_exposure`.
pub fn path_exposure_udf() -> Arc<ScalarUDF> {
    Arc::clone(&UDF)
}

#[user_doc(
    doc_section(label = "Paths"),
    description = "A path in which a step that is repeated right after itself stands once. NULL gives NULL; NULL steps are equal to each other.",
    syntax_example = "path_exposure(path)",
    sql_example = r#"```sql
SELECT path_exposure(['a', 'a', 'a', 'Direct', 'a', 'Direct', 'Direct']);
-- [a, Direct, a, Direct]
```"#,
    argument(name = "path", description = "a list of steps, such as path_agg makes")
)]
#[derive(Debug, Default, PartialEq, Eq, Hash)]
struct PathExposure;

impl PathFunction for PathExposure {
    const NAME: &'static str = "path_exposure";
    const PARAMS: &'static [Param] = &[required("path", Ty::Any)];

    fn answer() -> DataType {
        path_type()
    }

    fn invoke(paths: &Paths, _others: &[ArrayRef]) -> Result<ArrayRef> {
        paths.change(|_, mut path| {
            path.dedup();
            Ok(path)
        })
    }

    fn documentation(&self) -> Option<&Documentation> {
        self.doc()
    }
}
