//! `path_remove(path, step)`: a path without a step, unless nothing else is in it.
//!
//! NULL gives NULL. O(steps). The transform `remove_if_not_all` of attribution models, for example of
//! direct visits.

use std::sync::{Arc, LazyLock};

use datafusion::arrow::array::{ArrayRef, AsArray};
use datafusion::arrow::datatypes::DataType;
use datafusion::common::{Result, internal_err};
use datafusion::logical_expr::{Documentation, ScalarUDF};
use datafusion_macros::user_doc;

use super::path_function::{PathFunction, Paths, path_type, udf};
use crate::args::{Param, Ty, required};

static UDF: LazyLock<Arc<ScalarUDF>> = LazyLock::new(udf::<PathRemove>);

/// The function `path_remove`.
pub fn path_remove_udf() -> Arc<ScalarUDF> {
    Arc::clone(&UDF)
}

#[user_doc(
    doc_section(label = "Paths"),
    description = "A path without a step, wherever it stands; a path that has nothing else stays as it is, so that no path becomes empty. A NULL path or step gives NULL; steps that are NULL stay.",
    syntax_example = "path_remove(path, step)",
    sql_example = r#"```sql
SELECT path_remove(['a', 'a', 'a', 'Direct', 'a', 'Direct', 'Direct'], 'Direct');
-- [a, a, a, a]
SELECT path_remove(['Direct', 'Direct'], 'Direct');
-- [Direct, Direct]
```"#,
    argument(name = "path", description = "a list of steps, such as path_agg makes"),
    argument(name = "step", description = "the step to take out")
)]
#[derive(Debug, Default, PartialEq, Eq, Hash)]
struct PathRemove;

impl PathFunction for PathRemove {
    const NAME: &'static str = "path_remove";
    const PARAMS: &'static [Param] = &[required("path", Ty::Any), required("step", Ty::Text)];

    fn answer() -> DataType {
        path_type()
    }

    fn invoke(paths: &Paths, others: &[ArrayRef]) -> Result<ArrayRef> {
        let [step] = others else { return internal_err!("{} has a step", Self::NAME) };
        let step = step.as_string::<i32>();
        paths.change(|row, mut path| {
            let step = Some(step.value(row));
            if path.iter().any(|s| *s != step) {
                path.retain(|s| *s != step);
            }
            Ok(path)
        })
    }

    fn documentation(&self) -> Option<&Documentation> {
        self.doc()
    }
}
