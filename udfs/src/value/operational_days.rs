//! `operational_days(from, to, season)`: how long it is from one day to another, by the season.
//!
//! Of the days after `from` up to `to` each counts what its month does in `season`, scaled so that a
//! mean year has its length; negative if `to` comes first. NULL gives NULL. O(1) a row.

use std::sync::{Arc, LazyLock};

use datafusion::arrow::array::{Array, ArrayRef, AsArray, Float64Array};
use datafusion::arrow::datatypes::{DataType, Field, Float64Type, TimestampMicrosecondType};
use datafusion::common::{Result, exec_err, internal_err, plan_err};
use datafusion::logical_expr::{
    ColumnarValue, Documentation, ScalarFunctionArgs, ScalarUDF, ScalarUDFImpl, Signature,
};
use datafusion_macros::user_doc;

use super::season::Season;
use crate::args::{self, Param, Ty, required};
use crate::summary::core::DAY;

const NAME: &str = "operational_days";
const PARAMS: &[Param] =
    &[required("from", Ty::Time), required("to", Ty::Time), required("season", Ty::Any)];

static UDF: LazyLock<Arc<ScalarUDF>> =
    LazyLock::new(|| Arc::new(ScalarUDF::from(OperationalDays::default())));

/// The function `operational_days`.
pub fn operational_days_udf() -> Arc<ScalarUDF> {
    Arc::clone(&UDF)
}

#[user_doc(
    doc_section(label = "Value"),
    description = "How many days it is from one day to another in operational time, in which customers buy at a steady rate though they do not by the calendar: each of the days after `from` up to `to` counts what its month does in `season`, twelve numbers as `seasonal_index` gives them, scaled so that a mean year is as long as it is. It is the horizon, in days, for models that were fitted to summaries of `operational_summary`. Negative if `to` comes first. NULL gives NULL; a season that has not twelve numbers above 0 is an error. Times count by their day.",
    syntax_example = "operational_days(from, to, season)",
    sql_example = r#"```sql
SELECT round(operational_days(DATE '2018-11-30', DATE '2018-12-31', season), 2), round(operational_days(DATE '2018-01-31', DATE '2018-02-28', season), 2), round(operational_days(DATE '2017-12-31', DATE '2018-12-31', season), 2)
FROM (SELECT [1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 2] AS season);
-- 57.15 | 25.81 | 365.02
```"#,
    argument(name = "from", description = "a timestamp or a date; its day does not count"),
    argument(name = "to", description = "a timestamp or a date; its day does"),
    argument(
        name = "season",
        description = "a list of twelve numbers above 0, how much a day of January … December counts, of any scale"
    )
)]
#[derive(Debug, PartialEq, Eq, Hash)]
struct OperationalDays {
    signature: Signature,
}

impl Default for OperationalDays {
    fn default() -> Self {
        Self { signature: args::signature(PARAMS) }
    }
}

impl ScalarUDFImpl for OperationalDays {
    fn name(&self) -> &str {
        NAME
    }

    fn signature(&self) -> &Signature {
        &self.signature
    }

    fn coerce_types(&self, types: &[DataType]) -> Result<Vec<DataType>> {
        let mut types = args::coerce(NAME, PARAMS, types)?;
        if let Some(season) = types.last_mut() {
            *season = season_type(NAME, season)?;
        }
        Ok(types)
    }

    fn return_type(&self, _types: &[DataType]) -> Result<DataType> {
        Ok(DataType::Float64)
    }

    fn invoke_with_args(&self, call: ScalarFunctionArgs) -> Result<ColumnarValue> {
        let rows = call.number_rows;
        let arrays: Vec<ArrayRef> =
            call.args.iter().map(|a| a.to_array(rows)).collect::<Result<_>>()?;
        let [from, to, season] = arrays.as_slice() else {
            return internal_err!("{NAME} needs from, to and season");
        };
        let (from, to) = (
            from.as_primitive::<TimestampMicrosecondType>(),
            to.as_primitive::<TimestampMicrosecondType>(),
        );
        let mut seasons = Seasons::new(NAME, season);
        let days = |i| -> Result<Option<f64>> {
            let Some(season) = seasons.get(i)? else { return Ok(None) };
            if from.is_null(i) || to.is_null(i) {
                return Ok(None);
            }
            Ok(Some(season.until(day(to.value(i))) - season.until(day(from.value(i)))))
        };
        let out: Float64Array = (0..rows).map(days).collect::<Result<_>>()?;
        Ok(ColumnarValue::Array(Arc::new(out)))
    }

    fn documentation(&self) -> Option<&Documentation> {
        self.doc()
    }
}

/// The day of a time in microseconds, from 1970-01-01.
pub(super) fn day(micros: i64) -> i64 {
    micros.div_euclid(DAY)
}

/// The type that a season is cast to.
pub(super) fn season_type(function: &str, given: &DataType) -> Result<DataType> {
    match given {
        DataType::List(item) | DataType::LargeList(item) | DataType::FixedSizeList(item, _)
            if item.data_type().is_numeric() || item.data_type().is_null() =>
        {
            Ok(DataType::List(Arc::new(Field::new_list_field(DataType::Float64, true))))
        }
        DataType::Null => {
            Ok(DataType::List(Arc::new(Field::new_list_field(DataType::Float64, true))))
        }
        other => plan_err!(
            "{function}: season must be a list of twelve numbers, such as array_agg(index ORDER BY month) of seasonal_index gives, got {other}"
        ),
    }
}

/// The seasons of rows, which are nearly always one.
#[derive(Debug)]
pub(super) struct Seasons<'a> {
    function: &'static str,
    lists: &'a ArrayRef,
    last: Option<(Vec<f64>, Season)>,
}

impl<'a> Seasons<'a> {
    pub(super) fn new(function: &'static str, lists: &'a ArrayRef) -> Self {
        Self { function, lists, last: None }
    }

    /// The season of a row; `None`: NULL.
    pub(super) fn get(&mut self, i: usize) -> Result<Option<Season>> {
        let lists = self.lists.as_list::<i32>();
        if lists.is_null(i) {
            return Ok(None);
        }
        let list = lists.value(i);
        let numbers = list.as_primitive::<Float64Type>();
        if let Some((before, season)) = &self.last
            && numbers.null_count() == 0
            && before.as_slice() == numbers.values().as_ref()
        {
            return Ok(Some(*season));
        }
        let found = (numbers.null_count() == 0).then(|| Season::new(numbers.values())).flatten();
        let Some(season) = found else {
            return exec_err!(
                "{}: season must be twelve numbers above 0, one for each month",
                self.function
            );
        };
        self.last = Some((numbers.values().to_vec(), season));
        Ok(Some(season))
    }
}
