//! `rfm_score(recency, frequency, monetary [, bins, method, cuts]) OVER (…)`: scores from 1 to 5
//! within the window's partition.
//!
//! NULL, NaN or infinite input gives NULL and is not counted. Equal values always get equal scores
//! (for 'ntile': equal customers). The order of rows, and an ORDER BY or frame of the window, make
//! no difference: the whole partition is scored at once. O(n log n) a partition; 24 bytes a row
//! and 8 to sort. See `core.rs` for the methods.

use std::sync::{Arc, LazyLock};

use datafusion::arrow::array::{Array, ArrayRef, AsArray};
use datafusion::arrow::compute::cast;
use datafusion::arrow::datatypes::{DataType, Field, FieldRef, Float64Type};
use datafusion::common::{Result, ScalarValue, plan_datafusion_err, plan_err};
use datafusion::logical_expr::function::{PartitionEvaluatorArgs, WindowUDFFieldArgs};
use datafusion::logical_expr::{
    Documentation, PartitionEvaluator, Signature, WindowUDF, WindowUDFImpl,
};
use datafusion_macros::user_doc;

use super::core::{Cuts, ntile_scores, quantile_cuts, rfm_cuts};
use super::input::{
    BINS, FREQUENCY, METHOD, MONETARY, RECENCY, SUMMARY, Shapes, bins, rows, score_array,
    score_fields,
};
use crate::args::{self, Fill, Param, Ty, option};
use crate::lists::item;

const NAME: &str = "rfm_score";
const CUTS: Param = option("cuts", Ty::Any, Fill::Null);
const SHAPES: Shapes = Shapes {
    name: NAME,
    three: &[RECENCY, FREQUENCY, MONETARY, BINS, METHOD, CUTS],
    summary: &[SUMMARY, BINS, METHOD, CUTS],
    at: 0,
};

static UDWF: LazyLock<Arc<WindowUDF>> =
    LazyLock::new(|| Arc::new(WindowUDF::from(RfmScore::default())));

/// The window function `rfm_score`.
pub fn rfm_score_udwf() -> Arc<WindowUDF> {
    Arc::clone(&UDWF)
}

#[user_doc(
    doc_section(label = "RFM"),
    description = "Scores of recency, frequency and monetary value within the window's partition, \
5 being the best: STRUCT<r, f, m, score, fm> with score = 100 r + 10 f + m (NULL where a score has \
two digits) and fm = (f + m) / 2. A summary of customer_summary may stand in place of the three: \
then recency is the days from last_ts to as_of, frequency its periods, monetary its revenue. \
Methods: 'quantile' scores 1 + floor(bins * share of worse customers), so that equal values always \
score equally; 'ntile' makes bins of equal size as SQL's ntile does, ties told apart by the other \
two values, customers equal in all three sharing the lower score; 'rfm' is the rule of the R \
package rfm (quantiles of type 7, plus 1); 'fixed' takes cut points. NULL, NaN or infinite input \
gives NULL and is not counted. Order and frame of the window make no difference. Memory: 32 bytes a \
row of the partition.",
    syntax_example = "rfm_score(recency, frequency, monetary [, bins, method, cuts]) OVER (…)",
    sql_example = r#"```sql
SELECT c, s.r, s.f, s.m, s.score, s.fm FROM (
  SELECT c, rfm_score(days, orders, spent) OVER () AS s
  FROM (VALUES ('a', 2, 9, 90.0), ('b', 30, 4, 55.0), ('c', 60, 4, 80.0), ('d', 90, 1, 20.0), ('e', 200, 1, NULL)) AS t(c, days, orders, spent)
) ORDER BY c;
-- a | 4 | 4 | 4 | 444 | 4.0
-- b | 3 | 2 | 2 | 322 | 2.0
-- c | 2 | 2 | 3 | 223 | 2.5
-- d | 1 | 1 | 1 | 111 | 1.0
-- e | NULL | NULL | NULL | NULL | NULL
```"#,
    argument(
        name = "recency",
        description = "how long ago the last purchase was: an INTERVAL (a month counts 30 days) or a number; the less, the better"
    ),
    argument(name = "frequency", description = "how often the customer bought"),
    argument(name = "monetary", description = "how much the customer spent"),
    argument(name = "bins", description = "the best score, a constant from 2 to 100; default: 5"),
    argument(
        name = "method",
        description = "'quantile' (default), 'ntile', 'rfm' or 'fixed', a constant"
    ),
    argument(
        name = "cuts",
        description = "for 'fixed': constant cut points for recency, frequency and monetary, as [[…], […], […]] or as the STRUCT of rfm_fit; a score is 1 plus the number of cut points that lie below the value (above it for recency)"
    )
)]
#[derive(Debug, PartialEq, Eq, Hash)]
struct RfmScore {
    signature: Signature,
}

impl Default for RfmScore {
    fn default() -> Self {
        Self { signature: args::signature(SHAPES.three) }
    }
}

impl WindowUDFImpl for RfmScore {
    fn name(&self) -> &str {
        NAME
    }

    fn signature(&self) -> &Signature {
        &self.signature
    }

    fn coerce_types(&self, types: &[DataType]) -> Result<Vec<DataType>> {
        SHAPES.coerce(types)
    }

    fn field(&self, args: WindowUDFFieldArgs) -> Result<FieldRef> {
        Ok(Arc::new(Field::new(args.name(), DataType::Struct(score_fields()), true)))
    }

    fn partition_evaluator(
        &self,
        args: PartitionEvaluatorArgs,
    ) -> Result<Box<dyn PartitionEvaluator>> {
        let types: Vec<DataType> =
            args.input_fields().iter().map(|f| f.data_type().clone()).collect();
        let params = SHAPES.of(&types);
        let constant = |name| args::constant(NAME, params, args.input_exprs(), name);
        let bins = bins(NAME, &constant("bins")?)?;
        let cuts = constant("cuts")?;
        let method = match constant("method")? {
            v if v.is_null() => "quantile".to_string(),
            ScalarValue::Utf8(Some(m)) => m.to_ascii_lowercase(),
            other => return plan_err!("{NAME}: method must be text, got {other}"),
        };
        let method = match method.as_str() {
            "fixed" if cuts.is_null() => {
                return plan_err!(
                    "{NAME}: method 'fixed' needs cuts => [[…], […], […]] for recency, frequency and monetary"
                );
            }
            "fixed" => Method::Fixed(cuts_of(&cuts)?),
            _ if !cuts.is_null() => {
                return plan_err!("{NAME}: cuts are for method => 'fixed', not for '{method}'");
            }
            "quantile" => Method::Quantile,
            "ntile" => Method::Ntile,
            "rfm" => Method::Rfm,
            _ => {
                return plan_err!(
                    "{NAME}: method '{method}' is unknown; use 'quantile', 'ntile', 'rfm' or 'fixed'"
                );
            }
        };
        Ok(Box::new(Scorer { bins, method }))
    }

    fn documentation(&self) -> Option<&Documentation> {
        self.doc()
    }
}

#[derive(Debug)]
enum Method {
    Quantile,
    Ntile,
    Rfm,
    Fixed(Cuts),
}

#[derive(Debug)]
struct Scorer {
    bins: usize,
    method: Method,
}

impl PartitionEvaluator for Scorer {
    fn evaluate_all(&mut self, values: &[ArrayRef], _num_rows: usize) -> Result<ArrayRef> {
        let rows = rows(NAME, values)?;
        let fitted;
        let cuts = match &self.method {
            Method::Ntile => return score_array(&ntile_scores(&rows, self.bins)),
            Method::Fixed(cuts) => cuts,
            Method::Quantile => {
                fitted = Cuts::fit(&rows, self.bins, quantile_cuts);
                &fitted
            }
            Method::Rfm => {
                fitted = Cuts::fit(&rows, self.bins, rfm_cuts);
                &fitted
            }
        };
        score_array(&rows.iter().map(|row| cuts.scores(row)).collect::<Vec<_>>())
    }
}

/// Constant cut points: three lists, or a STRUCT that has them.
fn cuts_of(value: &ScalarValue) -> Result<Cuts> {
    let wrong = || {
        plan_datafusion_err!(
            "{NAME}: cuts must be three lists of numbers, for recency, frequency and monetary, such as [[180, 90, 30], [1, 3, 6], [50, 100, 500]], or the STRUCT of rfm_fit; got {value}"
        )
    };
    let array = value.to_array()?;
    let numbers = |list: &ArrayRef| -> Result<Vec<f64>> {
        let list = cast(list, &DataType::List(item(&DataType::Float64))).map_err(|_| wrong())?;
        let list = list.as_list::<i32>();
        if list.len() != 1 || list.is_null(0) {
            return Err(wrong());
        }
        let values = list.value(0);
        let values = values.as_primitive::<Float64Type>();
        if values.iter().any(|v| v.is_none_or(f64::is_nan)) {
            return Err(wrong());
        }
        Ok(values.values().to_vec())
    };
    let lists: Vec<Vec<f64>> = match array.data_type() {
        DataType::Struct(_) => ["r_cuts", "f_cuts", "m_cuts"]
            .iter()
            .map(|name| numbers(array.as_struct().column_by_name(name).ok_or_else(wrong)?))
            .collect::<Result<_>>()?,
        DataType::List(_) => {
            let three = array.as_list::<i32>().value(0);
            (0..three.len()).map(|i| numbers(&three.slice(i, 1))).collect::<Result<_>>()?
        }
        _ => return Err(wrong()),
    };
    lists.try_into().map(Cuts).map_err(|_| wrong())
}

#[cfg(test)]
mod tests {
    use datafusion::prelude::SessionContext;

    use crate::testing::{run, session, value};

    use super::*;

    const FIVE: &str = "(VALUES ('a', 2, 9, 90.0), ('b', 30, 4, 55.0), ('c', 60, 4, 80.0), ('d', 90, 1, 20.0), ('e', 200, 1, 5.0), ('f', NULL, 1, 7.0)) AS t(c, d, n, a)";

    async fn scores(ctx: &SessionContext, call: &str) -> Result<String> {
        let sql = format!(
            "SELECT string_agg(coalesce(CAST(s.score AS VARCHAR), 'NULL'), ' ' ORDER BY c) AS s FROM (SELECT c, {call} AS s FROM {FIVE})"
        );
        Ok(run(ctx, &sql)
            .await?
            .lines()
            .nth(3)
            .unwrap_or_default()
            .trim_matches(['|', ' '])
            .to_string())
    }

    #[tokio::test]
    async fn every_method_scores_from_worst_to_best() -> Result<()> {
        let ctx = session(2, 2)?;
        for (call, want) in [
            ("rfm_score(d, n, a) OVER ()", "555 433 334 212 111 NULL"),
            ("rfm_score(d, n, a, 5, 'quantile') OVER (ORDER BY a)", "555 433 334 212 111 NULL"),
            (
                "rfm_score(arrow_cast(d * 86400000000, 'Duration(Microsecond)'), n, a, 3) OVER ()",
                "333 222 222 111 111 NULL",
            ),
            ("rfm_score(d, n, a, 5, 'ntile') OVER ()", "555 443 334 222 111 NULL"),
            (
                "rfm_score(d, n, a, 5, 'fixed', [[100, 50], [1, 5], [50.0]]) OVER ()",
                "332 322 222 211 111 NULL",
            ),
            (
                "rfm_score(d, n, a, 5, 'fixed', named_struct('r_cuts', [100], 'f_cuts', [1, 5], 'm_cuts', [50.0])) OVER ()",
                "232 222 222 211 111 NULL",
            ),
        ] {
            assert_eq!(scores(&ctx, call).await?, want, "{call}");
        }
        Ok(())
    }

    #[tokio::test]
    async fn partitions_are_scored_by_themselves_and_a_summary_stands_for_the_three() -> Result<()>
    {
        let ctx = session(2, 2)?;
        let sql = "WITH s AS (SELECT c, customer_summary(CAST(ts AS TIMESTAMP), a, TIMESTAMP '2011-12-31') AS s FROM
                (VALUES (1, '2011-12-01', 5.0), (1, '2011-12-02', 5.0), (2, '2011-01-01', 1.0), (3, NULL, 1.0)) AS t(c, ts, a) GROUP BY c)
            SELECT string_agg(concat_ws(' ', x.score, y.score, z.score, w.score), ', ' ORDER BY c) AS s FROM (
              SELECT c, rfm_score(s) OVER () AS x, rfm_score(s) OVER (PARTITION BY c) AS y,
                rfm_score(s, 2, 'ntile') OVER () AS z, rfm_score(s, NULL, NULL, 2) OVER () AS w FROM s)";
        let got = run(&ctx, sql).await?;
        assert!(got.contains("333 111 222 222, 111 111 111 111, "), "{got}");
        Ok(())
    }

    #[tokio::test]
    async fn nobody_is_scored_without_complaint() -> Result<()> {
        assert_eq!(value("SELECT rfm_score(NULL, NULL, NULL) OVER () IS NULL").await?, "true");
        assert_eq!(value("SELECT rfm_score(1, 1, 1) OVER () WHERE 1 = 2").await?, "no row");
        Ok(())
    }

    #[tokio::test]
    async fn what_cannot_be_meant_is_refused() -> Result<()> {
        for (args, want) in [
            ("1, 2", "rfm_score takes 3 to 6 arguments, got 2"),
            ("now(), 2, 3", "recency must be a length of time, not a time"),
            ("1, 2, 3, 1", "bins must be a whole number from 2 to 100"),
            ("1, 2, 3, 5, 'kmeans'", "use 'quantile', 'ntile', 'rfm' or 'fixed'"),
            ("1, 2, 3, 5, 'fixed'", "needs cuts"),
            ("1, 2, 3, 5, 'fixed', [[1], [2]]", "cuts must be three lists"),
            ("1, 2, 3, 5, 'ntile', [[1], [2], [3]]", "cuts are for method => 'fixed'"),
            ("named_struct('a', 1)", "the STRUCT has no field as_of"),
        ] {
            let err =
                value(&format!("SELECT rfm_score({args}) OVER ()")).await.unwrap_err().to_string();
            assert!(err.contains(want), "{args}: {err}");
        }
        Ok(())
    }
}
