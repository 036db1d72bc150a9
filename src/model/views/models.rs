//! `tenure.models`: the models behind the figures of `profiles`, one row each, fitted on all
//! customers of a lake as of `tenure.as_of`.
//!
//! The view and `profiles` write the same calls, so what is told here is what was used there.

use super::Writer;

/// A model of `profiles`.
struct Model {
    /// what it tells of a customer
    purpose: &'static str,
    /// its name, which its fit has too
    name: &'static str,
    /// its parameters, in the order of their standard errors
    parameters: &'static [&'static str],
    /// whether it knows of time, and of its unit
    timed: bool,
}

const PURCHASES: Model = Model {
    purpose: "purchases",
    name: "mbg_nbd",
    parameters: &["r", "alpha", "a", "b"],
    timed: true,
};
const SPEND: Model =
    Model { purpose: "spend", name: "gamma_gamma", parameters: &["p", "q", "v"], timed: false };

/// The fit of purchases on a column of summaries: an aggregate, or a window with `OVER ()`.
pub(super) fn purchases(summary: &str) -> String {
    PURCHASES.fit(summary)
}

/// The fit of spending on a column of summaries.
pub(super) fn spend(summary: &str) -> String {
    SPEND.fit(summary)
}

/// The models of one lake.
pub(super) fn sql(w: &Writer<'_>) -> String {
    let models = [PURCHASES, SPEND].map(|model| model.sql(w));
    models.join(" UNION ALL ")
}

/// The same columns without a lake.
pub(crate) fn none() -> String {
    "SELECT CAST(NULL AS VARCHAR) AS lake, CAST(NULL AS VARCHAR) AS purpose, \
     CAST(NULL AS VARCHAR) AS model, map([''], [CAST(NULL AS DOUBLE)]) AS parameters, \
     map([''], [CAST(NULL AS DOUBLE)]) AS se, CAST(NULL AS DOUBLE) AS log_likelihood, \
     CAST(NULL AS BIGINT) AS customers, CAST(NULL AS BIGINT) AS dropped, \
     CAST(NULL AS BOOLEAN) AS converged, CAST(NULL AS BIGINT) AS iterations, \
     CAST(NULL AS DOUBLE) AS unit_days, CAST(NULL AS VARCHAR) AS note WHERE false"
        .to_string()
}

impl Model {
    fn fit(&self, summary: &str) -> String {
        format!("{}_fit({summary})", self.name)
    }

    fn sql(&self, w: &Writer<'_>) -> String {
        let list = |write: fn(&str) -> String| {
            self.parameters.iter().map(|p| write(p)).collect::<Vec<_>>().join(", ")
        };
        let names = list(|p| format!("'{p}'"));
        let values = list(|p| format!("model['{p}']"));
        let unit = if self.timed { "model['unit_days']" } else { "CAST(NULL AS DOUBLE)" };
        format!(
            "SELECT {} AS lake, '{}' AS purpose, '{}' AS model, \
             map([{names}], [{values}]) AS parameters, \
             CASE WHEN model['se'] IS NOT NULL THEN map([{names}], model['se']) END AS se, \
             model['ll'] AS log_likelihood, coalesce(model['n'], 0) AS customers, \
             coalesce(model['dropped'], 0) AS dropped, \
             coalesce(model['converged'], false) AS converged, model['iterations'] AS iterations, \
             {unit} AS unit_days, \
             CASE WHEN model IS NULL THEN 'no customer has an order' ELSE model['note'] END AS note \
             FROM (SELECT {} AS model FROM {}) AS fitted",
            super::literal(w.lake),
            self.purpose,
            self.name,
            self.fit("summary"),
            w.view("summaries"),
        )
    }
}
