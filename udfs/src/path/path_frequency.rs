//! `path_frequency(path)`: how often each step stands in a path.
//!
//! Steps in the order in which they come first, each with its number: `a(4)`. NULL gives NULL, NULL steps
//! are left out. O(steps). The transform `frequency` of attribution models.

use std::sync::{Arc, LazyLock};

use datafusion::arrow::array::ArrayRef;
use datafusion::arrow::datatypes::DataType;
use datafusion::common::{HashMap, Result};
use datafusion::logical_expr::{Documentation, ScalarUDF};
use datafusion_macros::user_doc;

use super::path_function::{PathFunction, Paths, path_type, udf};
use crate::args::{Param, Ty, required};

static UDF: LazyLock<Arc<ScalarUDF>> = LazyLock::new(udf::<PathFrequency>);

/// The function `path_frequency`.
pub fn path_frequency_udf() -> Arc<ScalarUDF> {
    Arc::clone(&UDF)
}

#[user_doc(
    doc_section(label = "Paths"),
    description = "The steps of a path in the order in which they come first, each once and with how often it stands in the path: a(4). NULL gives NULL; steps that are NULL are left out.",
    syntax_example = "path_frequency(path)",
    sql_example = r#"```sql
SELECT path_frequency(['a', 'a', 'a', 'Direct', 'a', 'Direct', 'Direct']);
-- [a(4), Direct(3)]
```"#,
    argument(name = "path", description = "a list of steps, such as path_agg makes")
)]
#[derive(Debug, Default, PartialEq, Eq, Hash)]
struct PathFrequency;

impl PathFunction for PathFrequency {
    const NAME: &'static str = "path_frequency";
    const PARAMS: &'static [Param] = &[required("path", Ty::Any)];

    fn answer() -> DataType {
        path_type()
    }

    fn invoke(paths: &Paths, _others: &[ArrayRef]) -> Result<ArrayRef> {
        paths.change(|_, path| {
            let mut places = HashMap::new();
            let mut counts: Vec<(&str, usize)> = vec![];
            for step in path.into_iter().flatten() {
                let place = *places.entry(step).or_insert(counts.len());
                match counts.get_mut(place) {
                    Some(count) => count.1 += 1,
                    None => counts.push((step, 1)),
                }
            }
            Ok(counts.into_iter().map(|(step, n)| Some(format!("{step}({n})"))).collect())
        })
    }

    fn documentation(&self) -> Option<&Documentation> {
        self.doc()
    }
}
