//! `rfm_apply(model, recency, frequency, monetary)`: scores by frozen cut points.
//!
//! NULL model, or NULL, NaN or infinite input: NULL. O(bins) a row, no allocation but the result.

use std::sync::{Arc, LazyLock};

use datafusion::arrow::array::{Array, AsArray, Float64Array, ListArray, StructArray};
use datafusion::arrow::compute::cast;
use datafusion::arrow::datatypes::{DataType, Field, Float64Type};
use datafusion::common::{Result, internal_err, plan_err};
use datafusion::logical_expr::{
    ColumnarValue, Documentation, ScalarFunctionArgs, ScalarUDF, ScalarUDFImpl, Signature,
};
use datafusion_macros::user_doc;

use super::core::scores;
use super::input::{
    FREQUENCY, MONETARY, RECENCY, SUMMARY, Shapes, rows, score_array, score_fields,
};
use crate::args::{self, Param, Ty, required};
use crate::lists::item;

const NAME: &str = "rfm_apply";
const MODEL: Param = required("model", Ty::Any);
const SHAPES: Shapes = Shapes {
    name: NAME,
    three: &[MODEL, RECENCY, FREQUENCY, MONETARY],
    summary: &[MODEL, SUMMARY],
    at: 1,
};
const CUTS: [&str; 3] = ["r_cuts", "f_cuts", "m_cuts"];

static UDF: LazyLock<Arc<ScalarUDF>> =
    LazyLock::new(|| Arc::new(ScalarUDF::from(RfmApply::default())));

/// The function `rfm_apply`.
pub fn rfm_apply_udf() -> Arc<ScalarUDF> {
    Arc::clone(&UDF)
}

#[user_doc(
    doc_section(label = "RFM"),
    description = "Scores of recency, frequency and monetary value by the cut points of rfm_fit, so \
that months and regions compare: STRUCT<r, f, m, score, fm> as of rfm_score. A summary of \
customer_summary may stand in place of the three. NULL if the model or an input is NULL, NaN or \
infinite.",
    syntax_example = "rfm_apply(model, recency, frequency, monetary)",
    sql_example = r#"```sql
SELECT s.r, s.f, s.m, s.score FROM (
  SELECT rfm_apply(named_struct('r_cuts', [180, 90, 60, 30], 'f_cuts', [1, 2, 4, 8], 'm_cuts', [50, 100, 200, 500]), 45, 3, 1000.0) AS s);
-- 4 | 3 | 5 | 435
```"#,
    argument(
        name = "model",
        description = "STRUCT with the lists r_cuts, f_cuts and m_cuts: a score is 1 plus the number of cut points below the value (above it for recency)"
    ),
    argument(
        name = "recency",
        description = "an INTERVAL (a month counts 30 days) or a number; the less, the better"
    ),
    argument(name = "frequency", description = "how often the customer bought"),
    argument(name = "monetary", description = "how much the customer spent")
)]
#[derive(Debug, PartialEq, Eq, Hash)]
struct RfmApply {
    signature: Signature,
}

impl Default for RfmApply {
    fn default() -> Self {
        Self { signature: args::signature(SHAPES.three) }
    }
}

impl ScalarUDFImpl for RfmApply {
    fn name(&self) -> &str {
        NAME
    }

    fn signature(&self) -> &Signature {
        &self.signature
    }

    fn coerce_types(&self, types: &[DataType]) -> Result<Vec<DataType>> {
        let mut out = SHAPES.coerce(types)?;
        if let Some(model) = out.first_mut() {
            *model = coerce_model(model)?;
        }
        Ok(out)
    }

    fn return_type(&self, _types: &[DataType]) -> Result<DataType> {
        Ok(DataType::Struct(score_fields()))
    }

    fn invoke_with_args(&self, args: ScalarFunctionArgs) -> Result<ColumnarValue> {
        let n = args.number_rows;
        let arrays = args.args.iter().map(|a| a.to_array(n)).collect::<Result<Vec<_>>>()?;
        let Some((model, values)) = arrays.split_first() else {
            return internal_err!("{NAME} needs a model");
        };
        let rows = rows(NAME, values)?;
        if model.data_type().is_null() {
            return Ok(ColumnarValue::Array(score_array(&vec![None; n])?));
        }
        let model = model.as_struct();
        let [r, f, m] = CUTS.map(|name| CutLists::try_new(model, name));
        let (r, f, m) = (r?, f?, m?);
        let scored: Vec<_> = rows
            .iter()
            .enumerate()
            .map(|(i, row)| {
                let cuts = [r.get(i)?, f.get(i)?, m.get(i)?];
                if model.is_valid(i) { scores(cuts, row) } else { None }
            })
            .collect();
        Ok(ColumnarValue::Array(score_array(&scored)?))
    }

    fn documentation(&self) -> Option<&Documentation> {
        self.doc()
    }
}

/// The cut points as lists of DOUBLE, the rest of the model as it is.
fn coerce_model(ty: &DataType) -> Result<DataType> {
    match ty {
        DataType::Null => Ok(DataType::Null),
        DataType::Struct(fields) if CUTS.iter().all(|c| fields.find(c).is_some()) => {
            let list = DataType::List(item(&DataType::Float64));
            let field = |f: &Arc<Field>| match CUTS.contains(&f.name().as_str()) {
                true => Arc::new(f.as_ref().clone().with_data_type(list.clone())),
                false => Arc::clone(f),
            };
            Ok(DataType::Struct(fields.iter().map(field).collect()))
        }
        other => plan_err!(
            "{NAME}: model must be a STRUCT with r_cuts, f_cuts and m_cuts, as rfm_fit returns it; got {other}"
        ),
    }
}

/// One list of cut points of every row.
struct CutLists {
    lists: ListArray,
    values: Float64Array,
}

impl CutLists {
    fn try_new(model: &StructArray, name: &str) -> Result<Self> {
        let Some(column) = model.column_by_name(name) else {
            return internal_err!("{NAME}: the model has no field {name}");
        };
        let column = cast(column, &DataType::List(item(&DataType::Float64)))?;
        let lists = column.as_list::<i32>().clone();
        let values = lists.values().as_primitive::<Float64Type>().clone();
        Ok(Self { lists, values })
    }

    /// The cut points of a row; `None` for NULL.
    fn get(&self, row: usize) -> Option<&[f64]> {
        let offsets = self.lists.value_offsets();
        let from = usize::try_from(*offsets.get(row)?).ok()?;
        let to = usize::try_from(*offsets.get(row + 1)?).ok()?;
        if self.lists.is_null(row) { None } else { self.values.values().get(from..to) }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::testing::value;

    #[tokio::test]
    async fn null_is_not_scored() -> Result<()> {
        for (args, want) in [
            ("named_struct('r_cuts', [5], 'f_cuts', [5], 'm_cuts', [5]), 5, 6, 6", "122"),
            (
                "named_struct('r_cuts', [5], 'f_cuts', [5], 'm_cuts', [5]), INTERVAL '2 days', 6, 6",
                "222",
            ),
            ("named_struct('r_cuts', [5], 'f_cuts', [5], 'm_cuts', [5]), 5, NULL, 6", ""),
            ("NULL, 5, 6, 6", ""),
            ("named_struct('r_cuts', [5], 'f_cuts', NULL, 'm_cuts', [5]), 5, 6, 6", ""),
        ] {
            assert_eq!(
                value(&format!("SELECT s.score FROM (SELECT rfm_apply({args}) AS s)")).await?,
                want,
                "{args}"
            );
        }
        let err =
            value("SELECT rfm_apply(named_struct('r', 1), 5, 6, 6)").await.unwrap_err().to_string();
        assert!(err.contains("model must be a STRUCT with r_cuts, f_cuts and m_cuts"), "{err}");
        Ok(())
    }
}
