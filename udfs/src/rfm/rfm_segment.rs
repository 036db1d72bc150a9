//! `rfm_segment(r, f, m [, scheme])` and `rfm_segment(score [, scheme])`: the name of scores.
//!
//! NULL scores give NULL, scores that the scheme does not name 'other'. O(rows of the scheme).

use std::sync::{Arc, LazyLock};

use datafusion::arrow::array::{Array, ArrayRef, AsArray, Int32Array, StringArray};
use datafusion::arrow::compute::cast;
use datafusion::arrow::datatypes::{DataType, Int32Type};
use datafusion::common::{Result, internal_err, plan_err};
use datafusion::logical_expr::simplify::{ExprSimplifyResult, SimplifyContext};
use datafusion::logical_expr::{
    ColumnarValue, Documentation, Expr, ScalarFunctionArgs, ScalarUDF, ScalarUDFImpl, Signature,
};
use datafusion_macros::user_doc;

use super::schemes::{self, SchemeRow};
use crate::args::{self, Fill, Param, Ty, option, required};

const NAME: &str = "rfm_segment";
const SCHEME: Param = option("scheme", Ty::Text, Fill::Text("standard"));
const PARAMS: &[Param] =
    &[required("r", Ty::Int), required("f", Ty::Int), required("m", Ty::Int), SCHEME];
const SCORE_PARAMS: &[Param] = &[required("score", Ty::Any), SCHEME];
/// a score, with NULLs where named arguments leave f and m out
const PADDED_PARAMS: &[Param] =
    &[required("score", Ty::Any), required("f", Ty::Int), required("m", Ty::Int), SCHEME];
const OTHER: &str = "other";

static UDF: LazyLock<Arc<ScalarUDF>> =
    LazyLock::new(|| Arc::new(ScalarUDF::from(RfmSegment::default())));

/// The function `rfm_segment`.
pub fn rfm_segment_udf() -> Arc<ScalarUDF> {
    Arc::clone(&UDF)
}

#[user_doc(
    doc_section(label = "RFM"),
    description = "The segment that scores of recency, frequency and monetary value belong to, by \
one of the schemes of tenure.rfm_scheme. 'standard' (Champions, Loyal, Potential loyalist, New \
customers, Promising, Needs attention, About to sleep, At risk, Cannot lose them, Hibernating, \
Lost) and 'shopify' are for scores of 1 to 5, 'klaviyo' for 1 to 3 (bins => 3), 'pymc' for 1 to 4 \
(bins => 4). NULL scores give NULL; scores that the scheme does not name are 'other'. The STRUCT of \
rfm_score or rfm_apply may stand in place of the three.",
    syntax_example = "rfm_segment(r, f, m [, scheme])",
    sql_example = r#"```sql
SELECT rfm_segment(5, 5, 4), rfm_segment(1, 1, 1), rfm_segment(4, 4, 4, 'pymc'), rfm_segment(5, 5, 5, 'klaviyo');
-- Champions | Lost | Premium Customer | other
SELECT rfm_segment(s) FROM (SELECT rfm_score(d, 1, 1.0) OVER () AS s FROM (VALUES (3)) AS t(d));
-- Lost
```"#,
    argument(name = "r", description = "score of recency, or the STRUCT of scores"),
    argument(name = "f", description = "score of frequency"),
    argument(name = "m", description = "score of monetary value"),
    argument(
        name = "scheme",
        description = "'standard' (default), 'shopify', 'klaviyo' or 'pymc'"
    )
)]
#[derive(Debug, PartialEq, Eq, Hash)]
struct RfmSegment {
    signature: Signature,
}

impl Default for RfmSegment {
    fn default() -> Self {
        Self { signature: args::signature(PARAMS) }
    }
}

fn params(types: &[DataType]) -> &'static [Param] {
    match types.first() {
        Some(DataType::Struct(_)) if types.len() > 2 => PADDED_PARAMS,
        Some(DataType::Struct(_)) => SCORE_PARAMS,
        _ => PARAMS,
    }
}

impl ScalarUDFImpl for RfmSegment {
    fn name(&self) -> &str {
        NAME
    }

    fn signature(&self) -> &Signature {
        &self.signature
    }

    fn coerce_types(&self, types: &[DataType]) -> Result<Vec<DataType>> {
        if let Some(DataType::Struct(fields)) = types.first()
            && let Some(missing) = ["r", "f", "m"].iter().find(|n| fields.find(n).is_none())
        {
            return plan_err!("{NAME}: the STRUCT has no field {missing}; it must be one of rfm_score or rfm_apply");
        }
        args::coerce(NAME, params(types), types)
    }

    fn return_type(&self, _types: &[DataType]) -> Result<DataType> {
        Ok(DataType::Utf8)
    }

    /// An unknown scheme is an error even where there are no rows.
    fn simplify(&self, args: Vec<Expr>, _info: &SimplifyContext) -> Result<ExprSimplifyResult> {
        if args.len() != 3
            && let Some(Expr::Literal(scheme, _)) = args.last()
            && let Some(Some(name)) = scheme.try_as_str()
        {
            rows_of(name)?;
        }
        Ok(ExprSimplifyResult::Original(args))
    }

    fn invoke_with_args(&self, args: ScalarFunctionArgs) -> Result<ColumnarValue> {
        let n = args.number_rows;
        let arrays = args.args.iter().map(|a| a.to_array(n)).collect::<Result<Vec<_>>>()?;
        let Some(first) = arrays.first() else { return internal_err!("{NAME} needs scores") };
        let types: Vec<DataType> = arrays.iter().map(|a| a.data_type().clone()).collect();
        let [r, f, m] = match (first.data_type(), arrays.as_slice()) {
            (DataType::Struct(_), _) => fields(first)?,
            (_, [r, f, m, ..]) => [ints(r)?, ints(f)?, ints(m)?],
            _ => return internal_err!("{NAME} needs r, f and m"),
        };
        let scheme_at = params(&types).len() - 1;
        let schemes = arrays.get(scheme_at).map(|s| s.as_string::<i32>());
        let constant = match args.args.get(scheme_at) {
            Some(ColumnarValue::Array(_)) => None,
            _ => Some(rows_of(schemes.filter(|s| n > 0 && s.is_valid(0)).map_or("standard", |s| s.value(0)))?),
        };
        let out: StringArray = (0..n)
            .map(|i| {
                if r.is_null(i) || f.is_null(i) || m.is_null(i) {
                    return Ok(None);
                }
                let scheme = match (constant, schemes) {
                    (None, Some(s)) if s.is_valid(i) => rows_of(s.value(i))?,
                    (None, _) => rows_of("standard")?,
                    (Some(rows), _) => rows,
                };
                Ok(Some(schemes::segment(scheme, r.value(i), f.value(i), m.value(i)).unwrap_or(OTHER)))
            })
            .collect::<Result<_>>()?;
        Ok(ColumnarValue::Array(Arc::new(out)))
    }

    fn documentation(&self) -> Option<&Documentation> {
        self.doc()
    }
}

fn rows_of(name: &str) -> Result<&'static [SchemeRow]> {
    match schemes::scheme(name) {
        Some(rows) => Ok(rows),
        None => plan_err!("{NAME}: scheme '{name}' is unknown; use '{}'", schemes::names().join("', '")),
    }
}

fn ints(values: &ArrayRef) -> Result<Int32Array> {
    Ok(cast(values, &DataType::Int32)?.as_primitive::<Int32Type>().clone())
}

fn fields(score: &ArrayRef) -> Result<[Int32Array; 3]> {
    let score = score.as_struct();
    let field = |name: &str| match score.column_by_name(name) {
        // a NULL struct may have values in its fields
        Some(column) => ints(&datafusion::arrow::compute::nullif(
            column,
            &datafusion::arrow::compute::is_null(score)?,
        )?),
        None => internal_err!("{NAME}: the STRUCT has no field {name}"),
    };
    Ok([field("r")?, field("f")?, field("m")?])
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::testing::value;

    #[tokio::test]
    async fn scores_have_names() -> Result<()> {
        for (args, want) in [
            ("5, 1, 1", "New customers"),
            ("3, 3, 2", "Needs attention"),
            ("2, 5, 5, NULL", "At risk"),
            ("1, 5, 4, 'Standard'", "Cannot lose them"),
            ("4, 2, 2, 'shopify'", "Promising"),
            ("3, 3, 2, 'klaviyo'", "Champions"),
            ("1, 4, 1, 'pymc'", "other"),
            ("7, 7, 7", "other"),
            ("NULL, 1, 1", ""),
            ("named_struct('r', 4, 'f', 4, 'm', 4), 'pymc'", "Premium Customer"),
            ("named_struct('r', 4, 'f', 4, 'm', 4)", "Champions"),
            ("named_struct('r', 4, 'f', 4, 'm', 4), NULL, NULL, 'pymc'", "Premium Customer"),
        ] {
            assert_eq!(value(&format!("SELECT rfm_segment({args})")).await?, want, "{args}");
        }
        let mixed = "SELECT string_agg(rfm_segment(3, 3, 3, s), ' ') FROM (VALUES ('klaviyo'), (NULL)) AS t(s)";
        assert_eq!(value(mixed).await?, "Champions Needs attention");
        Ok(())
    }

    #[tokio::test]
    async fn what_cannot_be_meant_is_refused() -> Result<()> {
        for (args, want) in [
            ("1, 1, 1, 'vip'", "scheme 'vip' is unknown; use 'standard', 'shopify', 'klaviyo', 'pymc'"),
            ("named_struct('r', 1)", "the STRUCT has no field f"),
            ("1, 1", "rfm_segment takes 3 to 4 arguments, got 2"),
        ] {
            let sql = format!("SELECT rfm_segment({args}) WHERE 1 = 2");
            let err = value(&sql).await.unwrap_err().to_string();
            assert!(err.contains(want), "{args}: {err}");
        }
        Ok(())
    }
}
