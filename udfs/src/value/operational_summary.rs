//! `operational_summary(summary, season)`: a customer's summary with its times in operational time.
//!
//! `recency` and `t` become the operational time from the first purchase to the last and to `as_of`,
//! in units of the summary; `litt` is not known any more and NULL. All else stays: periods are still
//! days of the calendar. NULL gives NULL. O(1) a row.

use std::sync::{Arc, LazyLock};

use datafusion::arrow::array::{
    Array, ArrayRef, AsArray, Float64Array, StructArray, new_null_array,
};
use datafusion::arrow::datatypes::{DataType, Float64Type, TimestampMicrosecondType};
use datafusion::common::{Result, exec_err, internal_err, plan_err};
use datafusion::logical_expr::{
    ColumnarValue, Documentation, ScalarFunctionArgs, ScalarUDF, ScalarUDFImpl, Signature,
};
use datafusion_macros::user_doc;

use super::operational_days::{Seasons, day, season_type};
use crate::args::{self, Param, Ty, required};
use crate::summary::schema::{AS_OF, FIRST_TS, LAST_TS, LITT, RECENCY, T, UNIT_DAYS, data_type};

const NAME: &str = "operational_summary";
const PARAMS: &[Param] = &[required("summary", Ty::Any), required("season", Ty::Any)];

static UDF: LazyLock<Arc<ScalarUDF>> =
    LazyLock::new(|| Arc::new(ScalarUDF::from(OperationalSummary::default())));

/// The function `operational_summary`.
pub fn operational_summary_udf() -> Arc<ScalarUDF> {
    Arc::clone(&UDF)
}

#[user_doc(
    doc_section(label = "Value"),
    description = "A customer's summary as models want it that know no seasons: recency and t are measured in operational time, in which a day counts what its month does in `season`, twelve numbers as `seasonal_index` gives them (see `operational_days`, which gives horizons). Purchases then come at a steady rate, which is what BG/NBD and MBG/NBD suppose; customers leave at purchases, so that their leaving is the same by either clock. In Pareto/NBD they leave by the calendar, and it is not to be fitted to such summaries. litt becomes NULL, so that MBG/CNBD-k, which needs the single gaps, tells nothing. All other fields stay as they are. NULL gives NULL; a summary whose unit is shorter than a day is an error.",
    syntax_example = "operational_summary(summary, season)",
    sql_example = r#"```sql
SELECT s.t, round(o.t, 2), s.recency, round(o.recency, 2), o.frequency
FROM (SELECT s, operational_summary(s, [1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 2]) AS o FROM (
  SELECT customer_summary(ts, 10, TIMESTAMP '2018-12-31T00:00:00') AS s FROM (VALUES (TIMESTAMP '2018-11-20T09:00:00'), (TIMESTAMP '2018-11-30T09:00:00')) AS orders (ts)));
-- 41.0 | 66.37 | 10.0 | 9.22 | 1
```"#,
    argument(name = "summary", description = "the STRUCT of `customer_summary`"),
    argument(
        name = "season",
        description = "a list of twelve numbers above 0, how much a day of January … December counts, of any scale"
    )
)]
#[derive(Debug, PartialEq, Eq, Hash)]
struct OperationalSummary {
    signature: Signature,
}

impl Default for OperationalSummary {
    fn default() -> Self {
        Self { signature: args::signature(PARAMS) }
    }
}

impl ScalarUDFImpl for OperationalSummary {
    fn name(&self) -> &str {
        NAME
    }

    fn signature(&self) -> &Signature {
        &self.signature
    }

    fn coerce_types(&self, types: &[DataType]) -> Result<Vec<DataType>> {
        let types = args::coerce(NAME, PARAMS, types)?;
        let [summary, season] = types.as_slice() else {
            return internal_err!("{NAME} needs a summary and a season");
        };
        if !summary.is_null() && *summary != data_type() {
            return plan_err!(
                "{NAME}: summary must be what customer_summary(…) gives, got {summary}"
            );
        }
        Ok(vec![data_type(), season_type(NAME, season)?])
    }

    fn return_type(&self, _types: &[DataType]) -> Result<DataType> {
        Ok(data_type())
    }

    fn invoke_with_args(&self, call: ScalarFunctionArgs) -> Result<ColumnarValue> {
        let rows = call.number_rows;
        let arrays: Vec<ArrayRef> =
            call.args.iter().map(|a| a.to_array(rows)).collect::<Result<_>>()?;
        let [summary, season] = arrays.as_slice() else {
            return internal_err!("{NAME} needs a summary and a season");
        };
        let out = transformed(summary.as_struct(), Seasons::new(NAME, season))?;
        Ok(ColumnarValue::Array(Arc::new(out)))
    }

    fn documentation(&self) -> Option<&Documentation> {
        self.doc()
    }
}

fn transformed(summary: &StructArray, mut seasons: Seasons<'_>) -> Result<StructArray> {
    let [first, last, as_of] = times(summary)?;
    let Some(unit) = summary.column_by_name(UNIT_DAYS) else {
        return internal_err!("{NAME}: the summary has no unit");
    };
    let unit = unit.as_primitive::<Float64Type>();
    let rows = summary.len();
    let (mut recency, mut t) = (Vec::with_capacity(rows), Vec::with_capacity(rows));
    let mut valid = Vec::with_capacity(rows);
    for i in 0..rows {
        let season = seasons.get(i)?.filter(|_| summary.is_valid(i));
        valid.push(season.is_some());
        let Some(season) = season else {
            recency.push(None);
            t.push(None);
            continue;
        };
        let unit = unit.value(i);
        if unit < 1.0 {
            return exec_err!(
                "{NAME}: the unit of the summary is shorter than a day, and seasons are of days; make it with a unit of a day or more"
            );
        }
        let from = season.until(day(first.value(i)));
        recency.push(Some((season.until(day(last.value(i))) - from) / unit));
        t.push(Some((season.until(day(as_of.value(i))) - from) / unit));
    }
    let (fields, columns, _) = summary.clone().into_parts();
    let columns = fields
        .iter()
        .zip(columns)
        .map(|(field, column)| match field.name().as_str() {
            RECENCY => Arc::new(Float64Array::from(recency.clone())) as ArrayRef,
            T => Arc::new(Float64Array::from(t.clone())),
            LITT => new_null_array(&DataType::Float64, rows),
            _ => column,
        })
        .collect();
    Ok(StructArray::try_new(fields, columns, Some(valid.into()))?)
}

type Times<'a> = &'a datafusion::arrow::array::TimestampMicrosecondArray;

fn times(summary: &StructArray) -> Result<[Times<'_>; 3]> {
    let time = |name: &str| match summary.column_by_name(name) {
        Some(column) => Ok(column.as_primitive::<TimestampMicrosecondType>()),
        None => internal_err!("{NAME}: the summary has no {name}"),
    };
    Ok([time(FIRST_TS)?, time(LAST_TS)?, time(AS_OF)?])
}
