//! `stage_label(stage [, lang, scheme])`: a stage in words for people.
//!
//! O(1) a row.

use std::sync::{Arc, LazyLock};

use datafusion::arrow::array::{Array, AsArray, StringArray};
use datafusion::arrow::datatypes::DataType;
use datafusion::common::{Result, ScalarValue, plan_err};
use datafusion::logical_expr::simplify::{ExprSimplifyResult, SimplifyContext};
use datafusion::logical_expr::{
    ColumnarValue, Documentation, Expr, ScalarFunctionArgs, ScalarUDF, ScalarUDFImpl, Signature,
};
use datafusion_macros::user_doc;

use super::core::Stage;
use crate::args::{self, Fill, Param, Ty, option, required};

const NAME: &str = "stage_label";

const PARAMS: &[Param] = &[
    required("stage", Ty::Text),
    option("lang", Ty::Text, Fill::Text("en")),
    option("scheme", Ty::Text, Fill::Text("clm")),
];

static UDF: LazyLock<Arc<ScalarUDF>> =
    LazyLock::new(|| Arc::new(ScalarUDF::from(StageLabel::default())));

/// The function `stage_label`.
pub fn stage_label_udf() -> Arc<ScalarUDF> {
    Arc::clone(&UDF)
}

#[user_doc(
    doc_section(label = "Stage"),
    description = "A stage of stage_of in words. Scheme 'clm' names the stage itself; 'aarrr' names which of Acquisition, Activation, Retention, Revenue and Referral it is about: anonymous and prospect: Acquisition; activated and new: Activation; growing: Revenue; loyal: Referral; active, at_risk, dormant, churned and reactivated: Retention. NULL gives NULL. A constant that is no stage is an error, a value of a column that is none gives NULL.",
    syntax_example = "stage_label(stage [, lang, scheme])",
    sql_example = r#"```sql
SELECT stage_label('at_risk');
-- At risk
SELECT stage_label('at_risk', 'zh');
-- 预警
SELECT stage_label('loyal', 'en', 'aarrr');
-- Referral
```"#,
    argument(name = "stage", description = "a stage, such as 'at_risk'"),
    argument(name = "lang", description = "'en' (default) or 'zh'"),
    argument(name = "scheme", description = "'clm' (default) or 'aarrr'")
)]
#[derive(Debug, PartialEq, Eq, Hash)]
struct StageLabel {
    signature: Signature,
}

impl Default for StageLabel {
    fn default() -> Self {
        Self { signature: args::signature(PARAMS) }
    }
}

impl ScalarUDFImpl for StageLabel {
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
        Ok(DataType::Utf8)
    }

    fn simplify(&self, given: Vec<Expr>, info: &SimplifyContext) -> Result<ExprSimplifyResult> {
        args::complete_scalar(PARAMS, given, info, |full| stage_label_udf().call(full))
    }

    fn invoke_with_args(&self, call: ScalarFunctionArgs) -> Result<ColumnarValue> {
        let lang = choice(&call.args, 1, "lang", &["en", "zh"])?;
        let scheme = choice(&call.args, 2, "scheme", &["clm", "aarrr"])?;
        let label = |stage: Option<&str>| {
            stage.and_then(Stage::from_name).map(|s| match (lang, scheme) {
                (0, 0) => english(s),
                (_, 0) => chinese(s),
                (0, _) => lever(s).0,
                _ => lever(s).1,
            })
        };
        match call.args.into_iter().next() {
            Some(ColumnarValue::Scalar(ScalarValue::Utf8(stage))) => {
                let stage = stage.as_deref();
                // what the user wrote, unlike what a column holds
                if let Some(name) = stage.filter(|s| Stage::from_name(s).is_none()) {
                    let names = Stage::ALL.map(|s| format!("'{}'", s.name())).join(", ");
                    return plan_err!("{NAME}: {name:?} is no stage; stages are {names}");
                }
                let label = label(stage).map(str::to_string);
                Ok(ColumnarValue::Scalar(ScalarValue::Utf8(label)))
            }
            Some(ColumnarValue::Array(stages)) if stages.data_type() == &DataType::Utf8 => {
                let labels: StringArray = stages.as_string::<i32>().iter().map(label).collect();
                Ok(ColumnarValue::Array(Arc::new(labels)))
            }
            _ => plan_err!("{NAME}: argument 1 (stage) must be text"),
        }
    }

    fn documentation(&self) -> Option<&Documentation> {
        self.doc()
    }
}

/// The place in `accepted` of a constant option; 0 where it is left out.
fn choice(args: &[ColumnarValue], at: usize, name: &str, accepted: &[&str]) -> Result<usize> {
    let given = match args.get(at) {
        None | Some(ColumnarValue::Scalar(ScalarValue::Utf8(None))) => return Ok(0),
        Some(ColumnarValue::Scalar(ScalarValue::Utf8(Some(v)))) => v,
        Some(_) => return plan_err!("{NAME}: argument {} ({name}) must be a constant", at + 1),
    };
    accepted.iter().position(|a| a == given).map_or_else(
        || plan_err!("{NAME}: {name} must be '{}', got {given:?}", accepted.join("' or '")),
        Ok,
    )
}

const fn english(stage: Stage) -> &'static str {
    match stage {
        Stage::Anonymous => "Anonymous",
        Stage::Prospect => "Prospect",
        Stage::Activated => "Activated",
        Stage::New => "New",
        Stage::Growing => "Growing",
        Stage::Active => "Active",
        Stage::Loyal => "Loyal",
        Stage::AtRisk => "At risk",
        Stage::Dormant => "Dormant",
        Stage::Churned => "Churned",
        Stage::Reactivated => "Reactivated",
    }
}

const fn chinese(stage: Stage) -> &'static str {
    match stage {
        Stage::Anonymous => "匿名",
        Stage::Prospect => "潜客",
        Stage::Activated => "已激活",
        Stage::New => "新客",
        Stage::Growing => "成长",
        Stage::Active => "活跃",
        Stage::Loyal => "忠诚",
        Stage::AtRisk => "预警",
        Stage::Dormant => "沉睡",
        Stage::Churned => "流失",
        Stage::Reactivated => "回流",
    }
}

/// Which of the five a stage is about: what to work on with a customer who is in it.
const fn lever(stage: Stage) -> (&'static str, &'static str) {
    match stage {
        Stage::Anonymous | Stage::Prospect => ("Acquisition", "获客"),
        Stage::Activated | Stage::New => ("Activation", "激活"),
        Stage::Growing => ("Revenue", "变现"),
        Stage::Loyal => ("Referral", "推荐"),
        Stage::Active | Stage::AtRisk | Stage::Dormant | Stage::Churned | Stage::Reactivated => {
            ("Retention", "留存")
        }
    }
}

#[cfg(test)]
mod tests {
    use crate::testing::{run, session, value};
    use datafusion::common::Result;

    #[tokio::test]
    async fn columns_are_labelled_and_what_is_no_stage_gives_null() -> Result<()> {
        let ctx = session(1, 8192)?;
        let text = run(
            &ctx,
            "SELECT s, stage_label(s, 'zh') l FROM (VALUES ('prospect'), ('new'), ('growing'), ('active'), ('loyal'), ('at_risk'), ('dormant'), ('churned'), ('reactivated'), ('anonymous'), ('activated')) v(s)",
        )
        .await?;
        for label in [
            "潜客",
            "新客",
            "成长",
            "活跃",
            "忠诚",
            "预警",
            "沉睡",
            "流失",
            "回流",
            "匿名",
            "已激活",
        ] {
            assert!(text.contains(label), "{label}: {text}");
        }
        assert_eq!(value("SELECT stage_label(s) FROM (VALUES ('gold')) v(s)").await?, "");
        assert_eq!(
            value("SELECT stage_label(s) FROM (VALUES (CAST(NULL AS VARCHAR))) v(s)").await?,
            ""
        );
        assert_eq!(value("SELECT stage_label('churned', NULL, 'aarrr')").await?, "Retention");
        assert_eq!(
            value("SELECT stage_label('churned', scheme => 'aarrr', lang => 'zh')").await?,
            "留存"
        );
        Ok(())
    }

    #[tokio::test]
    async fn unknown_constants_are_refused_with_what_is_accepted() -> Result<()> {
        let said =
            |sql: &'static str| async move { value(sql).await.unwrap_or_else(|e| e.to_string()) };
        assert!(
            said("SELECT stage_label('gold')")
                .await
                .contains("\"gold\" is no stage; stages are 'anonymous', 'prospect'")
        );
        assert!(
            said("SELECT stage_label('new', 'fr')")
                .await
                .contains("lang must be 'en' or 'zh', got \"fr\"")
        );
        assert!(
            said("SELECT stage_label('new', 'en', 'x')")
                .await
                .contains("scheme must be 'clm' or 'aarrr', got \"x\"")
        );
        Ok(())
    }
}
