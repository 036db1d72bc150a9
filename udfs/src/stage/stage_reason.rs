//! `stage_reason(summary [, policy, registered, activated])`: why `stage_of` says what it says.
//!
//! The arguments of `stage_of`, in both forms; one sentence a row. O(1) a row.

use std::fmt::Write;
use std::sync::{Arc, LazyLock};

use datafusion::arrow::datatypes::DataType;
use datafusion::common::Result;
use datafusion::logical_expr::simplify::{ExprSimplifyResult, SimplifyContext};
use datafusion::logical_expr::{
    ColumnarValue, Documentation, Expr, ScalarFunctionArgs, ScalarUDF, ScalarUDFImpl, Signature,
};
use datafusion_macros::user_doc;

use super::facts::{BY_SUMMARY, coerce, decide_each, params};
use crate::args;

const NAME: &str = "stage_reason";

static UDF: LazyLock<Arc<ScalarUDF>> =
    LazyLock::new(|| Arc::new(ScalarUDF::from(StageReason::default())));

/// The function `stage_reason`.
pub fn stage_reason_udf() -> Arc<ScalarUDF> {
    Arc::clone(&UDF)
}

#[user_doc(
    doc_section(label = "Stage"),
    description = "Why stage_of gives a customer the stage it does: the one rule that decided, in a sentence with its numbers. Same arguments and NULLs as stage_of.",
    syntax_example = "stage_reason(summary [, policy, registered, activated])",
    sql_example = r#"```sql
SELECT stage_reason(TIMESTAMP '2011-01-10T00:00:00', TIMESTAMP '2011-08-01T00:00:00', 4, NULL, TIMESTAMP '2011-12-01T00:00:00');
-- last purchase 122 days ago, more than at_risk_after = 90 days
SELECT stage_reason(NULL, 'retail', TIMESTAMP '2011-01-10T00:00:00');
-- registered, no purchase yet
```"#,
    argument(
        name = "summary",
        description = "the STRUCT of customer_summary(…), NULL for who never bought; or five or six arguments: first_ts, last_ts, periods, registered_ts, as_of [, policy]"
    ),
    argument(
        name = "policy",
        description = "a stage_policy(…), or the name of one; default: tenure.stage_policy, which is 'retail' unless set"
    ),
    argument(
        name = "registered",
        description = "when, or whether, the customer registered; matters for who never bought"
    ),
    argument(
        name = "activated",
        description = "whether the customer did what counts as activation"
    )
)]
#[derive(Debug, PartialEq, Eq, Hash)]
struct StageReason {
    signature: Signature,
}

impl Default for StageReason {
    fn default() -> Self {
        Self { signature: args::signature(BY_SUMMARY) }
    }
}

impl ScalarUDFImpl for StageReason {
    fn name(&self) -> &str {
        NAME
    }

    fn signature(&self) -> &Signature {
        &self.signature
    }

    fn coerce_types(&self, types: &[DataType]) -> Result<Vec<DataType>> {
        coerce(NAME, types)
    }

    fn return_type(&self, _types: &[DataType]) -> Result<DataType> {
        Ok(DataType::Utf8)
    }

    fn simplify(&self, given: Vec<Expr>, info: &SimplifyContext) -> Result<ExprSimplifyResult> {
        let udf = stage_reason_udf();
        args::complete_scalar(params(given.len()), given, info, |full| udf.call(full))
    }

    fn invoke_with_args(&self, call: ScalarFunctionArgs) -> Result<ColumnarValue> {
        decide_each(NAME, call, |_, reason, out| {
            // writing to a builder cannot fail; the row is ended all the same
            let _ = write!(out, "{reason}");
            out.append_value("");
        })
    }

    fn documentation(&self) -> Option<&Documentation> {
        self.doc()
    }
}
