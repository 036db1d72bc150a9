//! `path_match(path, pattern)`: whether a pattern matches a path.
//!
//! Patterns and matches are described in `pattern.rs`. NULL gives NULL. O(steps · tokens); a pattern that
//! is a constant is read once.
//!
//! Source: the path patterns of Retentioneering.

use std::sync::{Arc, LazyLock};

use datafusion::arrow::array::{ArrayRef, BooleanArray};
use datafusion::arrow::datatypes::DataType;
use datafusion::common::{Result, internal_err};
use datafusion::logical_expr::{Documentation, Expr, ScalarUDF};
use datafusion_macros::user_doc;

use super::path_function::{PathFunction, Paths, udf};
use super::patterns::Patterns;
use crate::args::{Param, Ty, required};

static UDF: LazyLock<Arc<ScalarUDF>> = LazyLock::new(udf::<PathMatch>);

/// The function `path_match`.
pub fn path_match_udf() -> Arc<ScalarUDF> {
    Arc::clone(&UDF)
}

#[user_doc(
    doc_section(label = "Paths"),
    description = "Whether a pattern matches a path, anywhere in it. A pattern is tokens with -> between: cart is that step, [a|b] one of several, [^a|b] a step that is none of them, . any step; each follows right after the one before. Between them .* passes over any number of steps, [^a|b]* and [a|b]* over such steps only. path_start and path_end are the boundaries of the path, which . and [^a] never match. A step that is NULL is matched by . alone. A NULL path or pattern gives NULL.",
    syntax_example = "path_match(path, pattern)",
    sql_example = r#"```sql
SELECT path_match(['home', 'cart', 'chat', 'buy'], 'cart->.*->buy') AS bought,
  path_match(['home', 'cart', 'chat', 'buy'], 'cart->[^chat]*->buy') AS without_chat,
  path_match(['home', 'cart', 'chat', 'buy'], 'path_start->[^buy]*->path_end') AS never_bought;
-- true | false | false
```"#,
    argument(name = "path", description = "a list of steps, such as path_agg makes"),
    argument(
        name = "pattern",
        description = "tokens with -> between, such as 'cart->[^chat]*->buy'"
    )
)]
#[derive(Debug, Default, PartialEq, Eq, Hash)]
struct PathMatch;

impl PathFunction for PathMatch {
    const NAME: &'static str = "path_match";
    const PARAMS: &'static [Param] = &[required("path", Ty::Any), required("pattern", Ty::Text)];

    fn answer() -> DataType {
        DataType::Boolean
    }

    fn check(args: &[Expr]) -> Result<()> {
        Patterns::check(Self::NAME, args)
    }

    fn invoke(paths: &Paths, others: &[ArrayRef]) -> Result<ArrayRef> {
        let [pattern] = others else { return internal_err!("{} has a pattern", Self::NAME) };
        let mut patterns = Patterns::new(Self::NAME, pattern);
        let answers: Result<BooleanArray> = paths
            .iter()
            .map(|(row, path)| path.map(|p| Ok(patterns.of(row)?.matches(&p))).transpose())
            .collect();
        Ok(Arc::new(answers?))
    }

    fn documentation(&self) -> Option<&Documentation> {
        self.doc()
    }
}
