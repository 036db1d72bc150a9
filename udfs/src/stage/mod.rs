//! Lifecycle stages: where a customer stands, why, by which thresholds, and in words.

mod core;
mod facts;
mod policy;
mod stage_label;
mod stage_of;
mod stage_policy;
mod stage_reason;

pub use stage_label::stage_label_udf;
pub use stage_of::stage_of_udf;
pub use stage_policy::stage_policy_udf;
pub use stage_reason::stage_reason_udf;

use std::sync::Arc;

use datafusion::logical_expr::ScalarUDF;

/// The scalar functions of this family.
pub fn scalar_functions() -> Vec<Arc<ScalarUDF>> {
    vec![stage_policy_udf(), stage_of_udf(), stage_reason_udf(), stage_label_udf()]
}

/// Calls of these functions for the DataFrame API.
pub mod expr_fn {
    use datafusion::logical_expr::Expr;

    /// The thresholds of a trade: `stage_policy(name)`.
    pub fn stage_policy(name: Expr) -> Expr {
        super::stage_policy_udf().call(vec![name])
    }

    /// The stage of a customer: `stage_of(summary, policy)`.
    pub fn stage_of(summary: Expr, policy: Expr) -> Expr {
        super::stage_of_udf().call(vec![summary, policy])
    }

    /// Why it is that stage: `stage_reason(summary, policy)`.
    pub fn stage_reason(summary: Expr, policy: Expr) -> Expr {
        super::stage_reason_udf().call(vec![summary, policy])
    }

    /// A stage in words: `stage_label(stage, lang)`.
    pub fn stage_label(stage: Expr, lang: Expr) -> Expr {
        super::stage_label_udf().call(vec![stage, lang])
    }
}

/// Names of the policies that there are.
pub fn policy_names() -> &'static [&'static str] {
    &core::Policy::NAMES
}

/// Whether a policy of this name exists.
///
/// # Errors
/// It does not; `what` asked for it.
pub(crate) fn check_policy(what: &str, name: &str) -> datafusion::common::Result<()> {
    policy::named(what, name).map(|_| ())
}
