//! `stage_policy([name] [, option => …])`: the thresholds of the lifecycle stages as a value.
//!
//! Constants only, so the call is a literal in every plan. O(1).

use std::sync::{Arc, LazyLock};

use datafusion::arrow::datatypes::DataType;
use datafusion::common::{Result, ScalarValue, plan_datafusion_err, plan_err};
use datafusion::logical_expr::simplify::{ExprSimplifyResult, SimplifyContext};
use datafusion::logical_expr::{
    ColumnarValue, Documentation, Expr, ScalarFunctionArgs, ScalarUDF, ScalarUDFImpl, Signature,
    lit,
};
use datafusion_macros::user_doc;

use super::core::{Basis, Policy};
use super::policy;
use crate::args::{self, Fill, Param, Ty, option};

const NAME: &str = "stage_policy";

const PARAMS: &[Param] = &[
    option("name", Ty::Text, Fill::Text("retail")),
    option("basis", Ty::Text, Fill::Null),
    option("new_window", Ty::Interval, Fill::Null),
    option("at_risk_after", Ty::Interval, Fill::Null),
    option("dormant_after", Ty::Interval, Fill::Null),
    option("churn_after", Ty::Interval, Fill::Null),
    option("loyal_min", Ty::Int, Fill::Null),
    option("growing_min", Ty::Float, Fill::Null),
    option("at_risk_gaps", Ty::Float, Fill::Null),
    option("dormant_gaps", Ty::Float, Fill::Null),
    option("churn_gaps", Ty::Float, Fill::Null),
    option("gap_floor", Ty::Interval, Fill::Null),
    option("gap_cap", Ty::Interval, Fill::Null),
];

static UDF: LazyLock<Arc<ScalarUDF>> =
    LazyLock::new(|| Arc::new(ScalarUDF::from(StagePolicy::default())));

/// The function `stage_policy`.
pub fn stage_policy_udf() -> Arc<ScalarUDF> {
    Arc::clone(&UDF)
}

#[user_doc(
    doc_section(label = "Stage"),
    description = "The thresholds that stage_of decides by, as a STRUCT: the ones of a trade, each of which an option replaces. Lengths are in days in the result. Names: 'retail' (new_window 30, at_risk_after 90, dormant_after 180, churn_after 365 days, loyal_min 6 periods), 'grocery' (14, 28, 56, 112 days, 12), 'fashion' (45, 120, 240, 450 days, 4), 'hospitality' (30, 45, 90, 180 days, 8), 'saas' (30, 35, 60, 90 days, 12: one payment a month), 'durables' (90, 365, 730, 1095 days, 3). With basis => 'cadence' the three silences are at_risk_gaps, dormant_gaps and churn_gaps (3, 6, 12) times the customer's own median gap, that gap taken as at least gap_floor and at most gap_cap; customers without a gap keep the days. Arguments are constants, lengths INTERVALs or texts such as '60 days' or 'week'; NULL means the default; at_risk_after < dormant_after < churn_after must hold.",
    syntax_example = "stage_policy([name] [, basis, new_window, at_risk_after, dormant_after, churn_after, loyal_min, growing_min, at_risk_gaps, dormant_gaps, churn_gaps, gap_floor, gap_cap])",
    sql_example = r#"```sql
SELECT stage_policy('grocery')['churn_after'];
-- 112.0
SELECT stage_policy('retail', 'cadence')['churn_gaps'];
-- 12.0
SELECT stage_policy('retail', 'absolute', INTERVAL '14 days', INTERVAL '60 days')['at_risk_after'];
-- 60.0
```"#,
    argument(
        name = "name",
        description = "trade whose thresholds to start from; default 'retail'"
    ),
    argument(
        name = "basis",
        description = "'absolute' (days) or 'cadence' (multiples of the own median gap)"
    ),
    argument(
        name = "new_window",
        description = "how long one purchase makes a new customer, and a return a reactivated one"
    ),
    argument(name = "at_risk_after", description = "silence beyond which a customer is at risk"),
    argument(name = "dormant_after", description = "silence beyond which a customer is dormant"),
    argument(name = "churn_after", description = "silence beyond which a customer is churned"),
    argument(
        name = "loyal_min",
        description = "periods with purchases that make a customer loyal, at least 2"
    ),
    argument(
        name = "growing_min",
        description = "trend that makes a customer growing, above 0 and at most 1; 0.3 means 1.86 times as many purchases in the later half"
    ),
    argument(
        name = "at_risk_gaps",
        description = "at_risk_after in own gaps, for basis 'cadence'"
    ),
    argument(
        name = "dormant_gaps",
        description = "dormant_after in own gaps, for basis 'cadence'"
    ),
    argument(name = "churn_gaps", description = "churn_after in own gaps, for basis 'cadence'"),
    argument(name = "gap_floor", description = "shortest length an own gap is taken for"),
    argument(name = "gap_cap", description = "longest length an own gap is taken for")
)]
#[derive(Debug, PartialEq, Eq, Hash)]
struct StagePolicy {
    signature: Signature,
}

impl Default for StagePolicy {
    fn default() -> Self {
        Self { signature: args::signature(PARAMS) }
    }
}

impl ScalarUDFImpl for StagePolicy {
    fn name(&self) -> &str {
        NAME
    }

    fn signature(&self) -> &Signature {
        &self.signature
    }

    fn coerce_types(&self, types: &[DataType]) -> Result<Vec<DataType>> {
        args::coerce(NAME, PARAMS, types)
    }

    fn return_type(&self, _types: &[DataType]) -> Result<DataType> {
        Ok(DataType::Struct(policy::fields()))
    }

    fn simplify(&self, given: Vec<Expr>, _info: &SimplifyContext) -> Result<ExprSimplifyResult> {
        let values: Option<Vec<ScalarValue>> = given
            .iter()
            .map(|e| if let Expr::Literal(v, _) = e { Some(v.clone()) } else { None })
            .collect();
        Ok(match values {
            Some(values) => ExprSimplifyResult::Simplified(lit(build(&values)?)),
            None => ExprSimplifyResult::Original(given),
        })
    }

    fn invoke_with_args(&self, given: ScalarFunctionArgs) -> Result<ColumnarValue> {
        let values: Option<Vec<ScalarValue>> = given
            .args
            .into_iter()
            .map(|v| if let ColumnarValue::Scalar(v) = v { Some(v) } else { None })
            .collect();
        match values {
            Some(values) => Ok(ColumnarValue::Scalar(build(&values)?)),
            None => plan_err!("{NAME}: its arguments must be constants"),
        }
    }

    fn documentation(&self) -> Option<&Documentation> {
        self.doc()
    }
}

fn build(values: &[ScalarValue]) -> Result<ScalarValue> {
    let of = |name: &str| {
        let at = PARAMS.iter().position(|p| p.name == name);
        at.and_then(|i| values.get(i)).filter(|v| !v.is_null())
    };
    let text = |name: &str| match of(name) {
        Some(ScalarValue::Utf8(Some(s))) => Some(s.clone()),
        _ => None,
    };
    let name = text("name").unwrap_or_else(|| "retail".to_string());
    let mut p: Policy = policy::named(NAME, &name)?;
    if let Some(basis) = text("basis") {
        p.basis = Basis::from_name(&basis).ok_or_else(|| {
            plan_datafusion_err!("{NAME}: basis must be 'absolute' or 'cadence', got {basis:?}")
        })?;
    }
    for (name, days) in [
        ("new_window", &mut p.new_window),
        ("at_risk_after", &mut p.at_risk_after),
        ("dormant_after", &mut p.dormant_after),
        ("churn_after", &mut p.churn_after),
        ("gap_floor", &mut p.gap_floor),
        ("gap_cap", &mut p.gap_cap),
    ] {
        if let Some(v) = of(name) {
            let v = args::as_interval(NAME, name, v)?;
            *days = args::fixed_micros(NAME, name, &v)? as f64 / 86_400_000_000.0;
        }
    }
    for (name, number) in [
        ("growing_min", &mut p.growing_min),
        ("at_risk_gaps", &mut p.at_risk_gaps),
        ("dormant_gaps", &mut p.dormant_gaps),
        ("churn_gaps", &mut p.churn_gaps),
    ] {
        if let Some(ScalarValue::Float64(Some(v))) = of(name) {
            *number = *v;
        }
    }
    if let Some(ScalarValue::Int64(Some(v))) = of("loyal_min") {
        p.loyal_min = *v;
    }
    match p.fault() {
        Some(fault) => plan_err!("{NAME}: {fault}"),
        None => Ok(policy::to_scalar(&name, &p)),
    }
}

#[cfg(test)]
mod tests {
    use crate::testing::{run, session, value};
    use datafusion::common::Result;

    #[tokio::test]
    async fn options_replace_single_thresholds_of_a_trade() -> Result<()> {
        assert_eq!(
            value("SELECT stage_policy('grocery', NULL, NULL, INTERVAL '21 days', NULL, NULL, 20)")
                .await?,
            "{name: grocery, basis: absolute, new_window: 14.0, at_risk_after: 21.0, dormant_after: 56.0, churn_after: 112.0, loyal_min: 20, growing_min: 0.3, at_risk_gaps: 3.0, dormant_gaps: 6.0, churn_gaps: 12.0, gap_floor: 3.0, gap_cap: 28.0}"
        );
        assert_eq!(
            value("SELECT stage_policy(name => 'saas', basis => 'cadence')['basis']").await?,
            "cadence"
        );
        assert_eq!(value("SELECT stage_policy()['name']").await?, "retail");
        assert_eq!(
            value("SELECT stage_policy('retail', NULL, 'week', '60 days')['at_risk_after']")
                .await?,
            "60.0"
        );
        assert_eq!(value("SELECT stage_policy(NULL)['at_risk_after']").await?, "90.0");
        Ok(())
    }

    #[tokio::test]
    async fn what_cannot_hold_is_refused_while_planning() -> Result<()> {
        let ctx = session(1, 8192)?;
        for (sql, says) in [
            ("'bank'", "stage_policy: \"bank\" is no policy; there are 'retail', 'grocery'"),
            (
                "'retail', NULL, NULL, INTERVAL '200 days'",
                "at_risk_after < dormant_after < churn_after must hold, got 200, 180 and 365 days",
            ),
            ("'retail', 'weeks'", "basis must be 'absolute' or 'cadence', got \"weeks\""),
            ("'retail', NULL, NULL, NULL, NULL, NULL, 1", "loyal_min must be at least 2, got 1"),
            ("'retail', NULL, INTERVAL '1 month'", "must have one fixed length"),
            (
                "'retail', NULL, 'soon'",
                "stage_policy: new_window must be an INTERVAL such as INTERVAL '7 days', or a text such as '7 days' or 'week', got \"soon\"",
            ),
        ] {
            let sql = format!("EXPLAIN SELECT stage_policy({sql})");
            let said = run(&ctx, &sql).await.unwrap_or_else(|e| e.to_string());
            assert!(said.contains(says), "{sql}: {said}");
        }
        Ok(())
    }
}
