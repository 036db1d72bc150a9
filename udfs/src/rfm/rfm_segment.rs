//! `rfm_segment(r, f, m [, scheme])` and `rfm_segment(score [, scheme])`: the name of scores.
//!
//! NULL scores give NULL, scores that the scheme does not name 'other'. A scheme of the user's own
//! is a constant list of STRUCTs; a bound that is NULL or left out is open, and the first row that
//! matches counts. O(rows of the scheme).

use std::sync::{Arc, LazyLock};

use datafusion::arrow::array::{Array, ArrayRef, AsArray, Int32Array, ListArray, StringArray};
use datafusion::arrow::compute::{cast, is_null, nullif};
use datafusion::arrow::datatypes::{DataType, Float64Type, Int32Type};
use datafusion::common::{Result, ScalarValue, internal_err, plan_err};
use datafusion::logical_expr::simplify::{ExprSimplifyResult, SimplifyContext};
use datafusion::logical_expr::{
    ColumnarValue, Documentation, Expr, ScalarFunctionArgs, ScalarUDF, ScalarUDFImpl, Signature,
};
use datafusion_macros::user_doc;

use super::schemes::{self, SchemeRow};
use crate::args::{self, Fill, Param, Ty, option, required};

const NAME: &str = "rfm_segment";
const SCHEME: Param = option("scheme", Ty::Any, Fill::Text("standard"));
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
rfm_score or rfm_apply may stand in place of the three, and a constant list of STRUCTs with segment \
and any of r_from, r_to, f_from, f_to, m_from, m_to, fm_from, fm_to (both ends included; fm is the \
mean of f and m) in place of the name of a scheme: its first row that matches counts.",
    syntax_example = "rfm_segment(r, f, m [, scheme])",
    sql_example = r#"```sql
SELECT rfm_segment(5, 5, 4), rfm_segment(1, 1, 1), rfm_segment(4, 4, 4, 'pymc'), rfm_segment(5, 5, 5, 'klaviyo');
-- Champions | Lost | Premium Customer | other
SELECT rfm_segment(2, 5, 5, [named_struct('segment', 'VIP', 'r_from', 4, 'fm_from', 4), named_struct('segment', 'Win back', 'r_from', 1, 'fm_from', 4)]);
-- Win back
SELECT rfm_segment(s) FROM (SELECT rfm_score(d, 1, 1.0) OVER () AS s FROM (VALUES (3)) AS t(d));
-- Lost
```"#,
    argument(name = "r", description = "score of recency, or the STRUCT of scores"),
    argument(name = "f", description = "score of frequency"),
    argument(name = "m", description = "score of monetary value"),
    argument(
        name = "scheme",
        description = "'standard' (default), 'shopify', 'klaviyo', 'pymc', or a list of STRUCTs"
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
            return plan_err!(
                "{NAME}: the STRUCT has no field {missing}; it must be one of rfm_score or rfm_apply"
            );
        }
        let params = params(types);
        let mut out = args::coerce(NAME, params, types)?;
        if let Some(scheme) = out.get_mut(params.len() - 1) {
            *scheme = coerce_scheme(scheme)?;
        }
        Ok(out)
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
        let own;
        let (constant, names) = match args.args.get(params(&types).len() - 1) {
            None => (Some(rows_of("standard")?), None),
            Some(ColumnarValue::Scalar(ScalarValue::Utf8(name))) => {
                (Some(rows_of(name.as_deref().unwrap_or("standard"))?), None)
            }
            Some(ColumnarValue::Scalar(ScalarValue::List(list))) => {
                own = rows_of_list(list)?;
                (Some(own.as_slice()), None)
            }
            Some(ColumnarValue::Array(names)) if names.data_type() == &DataType::Utf8 => {
                (None, Some(names.as_string::<i32>()))
            }
            Some(_) => return plan_err!("{NAME}: a scheme that is a list must be a constant"),
        };
        let out: StringArray = (0..n)
            .map(|i| {
                if r.is_null(i) || f.is_null(i) || m.is_null(i) {
                    return Ok(None);
                }
                let name = names.filter(|s| s.is_valid(i)).map_or("standard", |s| s.value(i));
                let scheme = constant.map_or_else(|| rows_of(name), Ok)?;
                Ok(Some(
                    schemes::segment(scheme, r.value(i), f.value(i), m.value(i)).unwrap_or(OTHER),
                ))
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
        None => {
            plan_err!("{NAME}: scheme '{name}' is unknown; use '{}'", schemes::names().join("', '"))
        }
    }
}

/// A name as text; a list of STRUCTs as it is.
fn coerce_scheme(ty: &DataType) -> Result<DataType> {
    match ty {
        DataType::Null | DataType::Utf8 | DataType::LargeUtf8 | DataType::Utf8View => {
            Ok(DataType::Utf8)
        }
        DataType::List(item) if matches!(item.data_type(), DataType::Struct(_)) => Ok(ty.clone()),
        other => plan_err!(
            "{NAME}: scheme must be one of '{}' or a list of STRUCTs with segment, r_from, r_to, f_from, f_to, m_from, m_to; got {other}",
            schemes::names().join("', '")
        ),
    }
}

/// The rows of a scheme that is given as a list of STRUCTs.
fn rows_of_list(list: &ListArray) -> Result<Vec<SchemeRow>> {
    if list.len() != 1 || list.is_null(0) {
        return Ok(schemes::scheme("standard").unwrap_or_default().to_vec());
    }
    let items = list.value(0);
    let Some(items) = items.as_struct_opt() else {
        return plan_err!("{NAME}: scheme must be a list of STRUCTs");
    };
    const BOUNDS: [&str; 8] =
        ["r_from", "r_to", "f_from", "f_to", "m_from", "m_to", "fm_from", "fm_to"];
    let known = |name: &&str| *name == "segment" || BOUNDS.contains(name);
    if let Some(unknown) = items.column_names().into_iter().find(|name| !known(name)) {
        return plan_err!(
            "{NAME}: the scheme has an unknown field {unknown}; use segment, {}",
            BOUNDS.join(", ")
        );
    }
    let Some(segment) = items.column_by_name("segment") else {
        return plan_err!("{NAME}: the scheme has no field segment");
    };
    let segment = cast(segment, &DataType::Utf8)?;
    let segment = segment.as_string::<i32>();
    let mut bounds = vec![];
    for name in BOUNDS {
        bounds.push(items.column_by_name(name).map(|c| cast(c, &DataType::Float64)).transpose()?);
    }
    let bound = |b: usize, i: usize| {
        let column = bounds.get(b)?.as_ref()?.as_primitive::<Float64Type>();
        column.is_valid(i).then(|| column.value(i))
    };
    let scores = |b: usize, i: usize| {
        // a saturating conversion: a bound beyond the scores is beyond them still
        #[expect(clippy::cast_possible_truncation, reason = "saturates, which keeps the order")]
        let whole = |v: f64| v as i32;
        (
            bound(b, i).map_or(i32::MIN, |v| whole(v.ceil())),
            bound(b + 1, i).map_or(i32::MAX, |v| whole(v.floor())),
        )
    };
    Ok((0i64..)
        .zip(0..items.len())
        .filter(|&(_, i)| items.is_valid(i) && segment.is_valid(i))
        .map(|(ordering, i)| SchemeRow {
            scheme: "custom",
            ordering,
            segment: segment.value(i).to_string().into(),
            r: scores(0, i),
            f: scores(2, i),
            m: scores(4, i),
            fm: (bound(6, i).unwrap_or(f64::NEG_INFINITY), bound(7, i).unwrap_or(f64::INFINITY)),
            version: "",
        })
        .collect())
}

fn ints(values: &ArrayRef) -> Result<Int32Array> {
    Ok(cast(values, &DataType::Int32)?.as_primitive::<Int32Type>().clone())
}

fn fields(score: &ArrayRef) -> Result<[Int32Array; 3]> {
    let score = score.as_struct();
    let field = |name: &str| match score.column_by_name(name) {
        // a NULL struct may have values in its fields
        Some(column) => ints(&nullif(column, &is_null(score)?)?),
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
        let own = "[named_struct('segment', 'VIP', 'r_from', 4, 'r_to', NULL, 'fm_from', 4.5), named_struct('segment', 'rest', 'r_from', 2, 'r_to', 5, 'fm_from', 1.0)]";
        for (scores, want) in [("5, 5, 4", "VIP"), ("4, 4, 4", "rest"), ("1, 5, 5", "other")] {
            assert_eq!(
                value(&format!("SELECT rfm_segment({scores}, {own})")).await?,
                want,
                "{scores}"
            );
        }
        let mixed = "SELECT string_agg(rfm_segment(3, 3, 3, s), ' ') FROM (VALUES ('klaviyo'), (NULL)) AS t(s)";
        assert_eq!(value(mixed).await?, "Champions Needs attention");
        Ok(())
    }

    #[tokio::test]
    async fn what_cannot_be_meant_is_refused() -> Result<()> {
        for (args, want) in [
            (
                "1, 1, 1, 'vip'",
                "scheme 'vip' is unknown; use 'standard', 'shopify', 'klaviyo', 'pymc'",
            ),
            ("named_struct('r', 1)", "the STRUCT has no field f"),
            (
                "1, 1, 1, 7",
                "scheme must be one of 'standard', 'shopify', 'klaviyo', 'pymc' or a list of STRUCTs",
            ),
            ("1, 1", "rfm_segment takes 3 to 4 arguments, got 2"),
        ] {
            let sql = format!("SELECT rfm_segment({args}) WHERE 1 = 2");
            let err = value(&sql).await.unwrap_err().to_string();
            assert!(err.contains(want), "{args}: {err}");
        }
        Ok(())
    }
}
