//! `stage_of(summary [, policy, registered, activated])`: the lifecycle stage of one customer.
//!
//! Also `stage_of(first_ts, last_ts, periods, registered_ts, as_of [, policy])`. The rules are in
//! `core.rs`, and `stage_reason` says which of them decided. O(1) a row.

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

const NAME: &str = "stage_of";

static UDF: LazyLock<Arc<ScalarUDF>> =
    LazyLock::new(|| Arc::new(ScalarUDF::from(StageOf::default())));

/// The function `stage_of`.
pub fn stage_of_udf() -> Arc<ScalarUDF> {
    Arc::clone(&UDF)
}

#[user_doc(
    doc_section(label = "Stage"),
    description = "The lifecycle stage of one customer. Rules in order, the first that applies decides: never bought: anonymous, or prospect if registered is given, or activated; one period with purchases, not older than new_window: new; last purchase longer ago than churn_after: churned, than dormant_after: dormant, than at_risk_after: at_risk; last purchase within new_window after a gap of at least churn_after: reactivated; trend of at least growing_min: growing; at least loyal_min periods: loyal; else active. A length equal to its threshold belongs to the milder stage. Only times in the summary are compared, so the answer is the one of its as_of. A NULL summary is a customer who never bought; a NULL policy is that of tenure.stage_policy, 'retail' unless set; registered counts if it is not NULL and not false. In the form with times, purchases and a registration after as_of do not exist, and gaps and trend are unknown: reactivated and growing do not occur. stage_reason says which rule decided.",
    syntax_example = "stage_of(summary [, policy, registered, activated])",
    sql_example = r#"```sql
SELECT stage_of(TIMESTAMP '2011-01-10T00:00:00', TIMESTAMP '2011-08-01T00:00:00', 4, NULL, TIMESTAMP '2011-12-01T00:00:00');
-- at_risk
SELECT stage_of(NULL, 'retail', TIMESTAMP '2011-01-10T00:00:00');
-- prospect
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
struct StageOf {
    signature: Signature,
}

impl Default for StageOf {
    fn default() -> Self {
        Self { signature: args::signature(BY_SUMMARY) }
    }
}

impl ScalarUDFImpl for StageOf {
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
        let udf = stage_of_udf();
        args::complete_scalar(params(given.len()), given, info, |full| udf.call(full))
    }

    fn invoke_with_args(&self, call: ScalarFunctionArgs) -> Result<ColumnarValue> {
        decide_each(NAME, call, |stage, _, out| out.append_value(stage.name()))
    }

    fn documentation(&self) -> Option<&Documentation> {
        self.doc()
    }
}

#[cfg(test)]
mod tests {
    use crate::testing::{run, session, value};
    use datafusion::common::Result;

    /// a summary with the fields that stages are decided by
    fn summary(first: &str, last: &str, previous: &str, periods: u32, trend: &str) -> String {
        let time = |t: &str| {
            if t == "NULL" {
                "CAST(NULL AS TIMESTAMP)".to_string()
            } else {
                format!("TIMESTAMP '{t}'")
            }
        };
        format!(
            "named_struct('first_ts', {}, 'last_ts', {}, 'previous_ts', {}, 'median_gap', 4.0, 'trend', CAST({trend} AS DOUBLE), 'periods', {periods}, 'unit_days', 7.0, 'as_of', TIMESTAMP '2012-01-01')",
            time(first),
            time(last),
            time(previous)
        )
    }

    async fn stage(args: &str) -> Result<String> {
        value(&format!("SELECT stage_of({args})")).await
    }

    #[tokio::test]
    async fn summaries_are_read_by_field_name() -> Result<()> {
        let s = |last: &str| summary("2010-01-01", last, "2010-02-01", 5, "NULL");
        assert_eq!(stage(&s("2011-12-15")).await?, "reactivated");
        assert_eq!(stage(&s("2011-11-15")).await?, "active");
        assert_eq!(stage(&s("2011-09-01")).await?, "at_risk");
        assert_eq!(stage(&summary("2011-12-15", "2011-12-15", "NULL", 1, "NULL")).await?, "new");
        assert_eq!(
            stage(&summary("2011-06-15", "2011-12-15", "2011-12-01", 4, "0.5")).await?,
            "growing"
        );
        Ok(())
    }

    #[tokio::test]
    async fn a_policy_is_a_struct_or_a_name_and_null_is_the_default() -> Result<()> {
        let s = summary("2010-01-01", "2011-11-01", "2011-10-01", 5, "NULL");
        assert_eq!(stage(&s).await?, "active");
        assert_eq!(stage(&format!("{s}, NULL")).await?, "active");
        assert_eq!(stage(&format!("{s}, 'grocery'")).await?, "dormant");
        assert_eq!(stage(&format!("{s}, stage_policy('grocery')")).await?, "dormant");
        // own gap 4 weeks: at risk after 84 days, and 61 have gone by
        assert_eq!(stage(&format!("{s}, stage_policy('retail', 'cadence')")).await?, "active");
        Ok(())
    }

    #[tokio::test]
    async fn without_purchases_registration_decides() -> Result<()> {
        assert_eq!(stage("NULL").await?, "anonymous");
        assert_eq!(stage("NULL, NULL, DATE '2011-01-01'").await?, "prospect");
        assert_eq!(stage("NULL, NULL, true").await?, "prospect");
        assert_eq!(stage("NULL, NULL, false").await?, "anonymous");
        assert_eq!(stage("NULL, NULL, DATE '2011-01-01', true").await?, "activated");
        assert_eq!(stage("NULL, NULL, NULL, NULL, TIMESTAMP '2011-01-01'").await?, "anonymous");
        // no point in time: the session's, also in a call of constants
        assert_eq!(
            stage("TIMESTAMP '2011-01-01', TIMESTAMP '2011-09-01', 3, NULL, NULL").await?,
            "at_risk"
        );
        // a registration after as_of is not known yet
        let times =
            |at: &str| format!("NULL, NULL, NULL, TIMESTAMP '{at}', TIMESTAMP '2011-06-01'");
        assert_eq!(stage(&times("2011-05-01")).await?, "prospect");
        assert_eq!(stage(&times("2011-07-01")).await?, "anonymous");
        Ok(())
    }

    #[tokio::test]
    async fn columns_and_the_session_point_in_time() -> Result<()> {
        let ctx = session(2, 3)?;
        let sql = "SELECT p, stage_of(f, l, n, NULL, NULL, p), stage_reason(f, l, n, NULL, NULL, p) FROM (VALUES
            (TIMESTAMP '2011-01-01', TIMESTAMP '2011-10-20', 3, 'retail'),
            (TIMESTAMP '2011-01-01', TIMESTAMP '2011-10-20', 3, 'grocery'),
            (NULL, NULL, NULL, 'saas')) v(f, l, n, p) ORDER BY p";
        let text = run(&ctx, sql).await?;
        assert!(
            text.contains("last purchase 73 days ago, more than dormant_after = 56 days"),
            "{text}"
        );
        assert!(text.contains("| grocery | dormant    "), "{text}");
        assert!(text.contains("| retail  | active     "), "{text}");
        assert!(text.contains("| saas    | anonymous  "), "{text}");
        Ok(())
    }

    #[tokio::test]
    async fn what_is_no_summary_or_policy_is_refused() -> Result<()> {
        let said = |sql: String| async move { value(&sql).await.unwrap_or_else(|e| e.to_string()) };
        assert!(
            said("SELECT stage_of(5)".into())
                .await
                .contains("stage_of: argument 1 (summary) must be the STRUCT of customer_summary")
        );
        assert!(
            said("SELECT stage_of(NULL, 5)".into())
                .await
                .contains("argument 2 (policy) must be a stage_policy")
        );
        assert!(
            said("SELECT stage_of(NULL, 'bank')".into()).await.contains("\"bank\" is no policy")
        );
        assert!(
            said("SELECT stage_of(named_struct('a', 1))".into())
                .await
                .contains("the struct has no field as_of")
        );
        Ok(())
    }
}
