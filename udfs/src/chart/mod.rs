//! Pictures of numbers in a column of text.

mod bar;
mod core;
mod spark;

use std::sync::Arc;

use datafusion::logical_expr::ScalarUDF;

pub use self::core::bar as draw_bar;
pub use bar::bar_udf;
pub use spark::spark_udf;

/// The scalar functions of this family.
pub fn scalar_functions() -> Vec<Arc<ScalarUDF>> {
    vec![bar_udf(), spark_udf()]
}

/// Calls of these functions for the DataFrame API.
pub mod expr_fn {
    use datafusion::logical_expr::Expr;

    /// A bar as long as a number: `bar(value, min, max, width)`.
    pub fn bar(value: Expr, min: Expr, max: Expr, width: Expr) -> Expr {
        super::bar_udf().call(vec![value, min, max, width])
    }

    /// A line of columns as high as the numbers of a list: `spark(list)`.
    pub fn spark(list: Expr) -> Expr {
        super::spark_udf().call(vec![list])
    }
}
