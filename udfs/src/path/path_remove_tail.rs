//! `path_remove_tail(path, step)`: a path that does not end in a step, unless nothing else is in it.
//!
//! NULL gives NULL. O(steps). The transform `remove_if_last_and_not_all` of attribution models.

use std::sync::{Arc, LazyLock};

use datafusion::arrow::array::{ArrayRef, AsArray};
use datafusion::arrow::datatypes::DataType;
use datafusion::common::{Result, internal_err};
use datafusion::logical_expr::{Documentation, ScalarUDF};
use datafusion_macros::user_doc;

use super::path_function::{PathFunction, Paths, path_type, udf};
use crate::args::{Param, Ty, required};

static UDF: LazyLock<Arc<ScalarUDF>> = LazyLock::new(udf::<PathRemoveTail>);

/// The function `path_remove_tail`.
pub fn path_remove_tail_udf() -> Arc<ScalarUDF> {
    Arc::clone(&UDF)
}

#[user_doc(
    doc_section(label = "Paths"),
    description = "A path without a step at its end, however often it is repeated there; a path that has nothing else stays as it is, so that no path becomes empty. A NULL path or step gives NULL.",
    syntax_example = "path_remove_tail(path, step)",
    sql_example = r#"```sql
SELECT path_remove_tail(['a', 'a', 'a', 'Direct', 'a', 'Direct', 'Direct'], 'Direct');
-- [a, a, a, Direct, a]
SELECT path_remove_tail(['Direct', 'Direct'], 'Direct');
-- [Direct, Direct]
```"#,
    argument(name = "path", description = "a list of steps, such as path_agg makes"),
    argument(name = "step", description = "the step to take out")
)]
#[derive(Debug, Default, PartialEq, Eq, Hash)]
struct PathRemoveTail;

impl PathFunction for PathRemoveTail {
    const NAME: &'static str = "path_remove_tail";
    const PARAMS: &'static [Param] = &[required("path", Ty::Any), required("step", Ty::Text)];

    fn answer() -> DataType {
        path_type()
    }

    fn invoke(paths: &Paths, others: &[ArrayRef]) -> Result<ArrayRef> {
        let [step] = others else { return internal_err!("{} has a step", Self::NAME) };
        let step = step.as_string::<i32>();
        paths.change(|row, mut path| {
            let step = Some(step.value(row));
            if let Some(last) = path.iter().rposition(|s| *s != step) {
                path.truncate(last + 1);
            }
            Ok(path)
        })
    }

    fn documentation(&self) -> Option<&Documentation> {
        self.doc()
    }
}
