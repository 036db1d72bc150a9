//! `path_find(path, pattern [, token])`: where a pattern matches a path.
//!
//! The place of one of the tokens that take a place (all but `.*` and `[…]*`), the first if none is named:
//! the earliest that it has in any match. Places count from 1, `path_start` is at 0 and `path_end` after the
//! last. NULL if the pattern does not match, or an argument is NULL. Patterns and cost are those of
//! [`path_match`](super::path_match).
//!
//! Source: the anchors of Retentioneering, `occurrence="first"`.

use std::sync::{Arc, LazyLock};

use datafusion::arrow::array::{ArrayRef, AsArray, Int64Array};
use datafusion::arrow::datatypes::{DataType, Int64Type};
use datafusion::common::{Result, exec_err, internal_err};
use datafusion::logical_expr::{Documentation, Expr, ScalarUDF};
use datafusion_macros::user_doc;

use super::path_function::{PathFunction, Paths, udf};
use super::patterns::Patterns;
use crate::args::{Fill, Param, Ty, option, required};

static UDF: LazyLock<Arc<ScalarUDF>> = LazyLock::new(udf::<PathFind>);

/// The function `path_find`.
pub fn path_find_udf() -> Arc<ScalarUDF> {
    Arc::clone(&UDF)
}

#[user_doc(
    doc_section(label = "Paths"),
    description = "Where a pattern matches a path: the place of its first token, or of another that is named by its number (tokens that pass over steps, .* and [^a]*, do not count). It is the earliest place which that token has in any match of the whole pattern. Places count from 1; path_start is at 0, path_end after the last step. NULL if the pattern does not match, or the path or pattern is NULL. Patterns as in path_match.",
    syntax_example = "path_find(path, pattern [, token])",
    sql_example = r#"```sql
SELECT path_find(['cart', 'chat', 'cart', 'buy'], 'cart->[^chat]*->buy') AS cart,
  path_find(['cart', 'chat', 'cart', 'buy'], 'cart->[^chat]*->buy', 2) AS buy;
-- 3 | 4
```"#,
    argument(name = "path", description = "a list of steps, such as path_agg makes"),
    argument(
        name = "pattern",
        description = "tokens with -> between, such as 'cart->[^chat]*->buy'"
    ),
    argument(name = "token", description = "which token, from 1 (default)")
)]
#[derive(Debug, Default, PartialEq, Eq, Hash)]
struct PathFind;

impl PathFunction for PathFind {
    const NAME: &'static str = "path_find";
    const PARAMS: &'static [Param] = &[
        required("path", Ty::Any),
        required("pattern", Ty::Text),
        option("token", Ty::Int, Fill::Int(1)),
    ];

    fn answer() -> DataType {
        DataType::Int64
    }

    fn check(args: &[Expr]) -> Result<()> {
        Patterns::check(Self::NAME, args)
    }

    fn invoke(paths: &Paths, others: &[ArrayRef]) -> Result<ArrayRef> {
        let [pattern, token] = others else {
            return internal_err!("{} has a pattern and a token", Self::NAME);
        };
        let token = token.as_primitive::<Int64Type>();
        let mut patterns = Patterns::new(Self::NAME, pattern);
        let mut find = |row: usize, path: &[Option<&str>]| {
            let pattern = patterns.of(row)?;
            let n = token.value(row);
            match usize::try_from(n).ok().and_then(|n| n.checked_sub(1)) {
                Some(n) if n < pattern.places() => {
                    Ok(pattern.find(path, n).and_then(|place| i64::try_from(place).ok()))
                }
                _ => exec_err!(
                    "{}: token must be 1 to {}, as many as the pattern has without those that pass over steps, got {n}",
                    Self::NAME,
                    pattern.places()
                ),
            }
        };
        let answers: Result<Int64Array> =
            paths.iter().map(|(row, path)| path.map_or(Ok(None), |p| find(row, &p))).collect();
        Ok(Arc::new(answers?))
    }

    fn documentation(&self) -> Option<&Documentation> {
        self.doc()
    }
}
