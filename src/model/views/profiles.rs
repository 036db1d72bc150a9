//! `profiles`: the 360° view, one row per customer, as of `tenure.as_of`.
//!
//! Scores compare a customer with all customers of the lake. The model behind `p_alive`,
//! `churn_prob` and `expected_purchases` is fitted on all of them, and so is that of spending behind
//! `clv`, the revenue expected within the horizon without discount; `tenure.models` shows both. Where the
//! model of spending does not speak of a customer, the mean of the days with orders so far stands in its
//! place. The last turning point is one that changed something: milestones and decision points are not
//! shown here.

use super::{Writer, literal, models, quote};

pub(super) fn sql(w: &Writer<'_>) -> String {
    let horizon = format!("INTERVAL {}", literal(w.horizon));
    let (purchases, spend) = (models::purchases("s.summary"), models::spend("s.summary"));
    let attributes: String = w.attributes().iter().map(|a| format!("{}, ", quote(a))).collect();
    let base_attributes: String =
        w.attributes().iter().map(|a| format!("c.{0} AS {0}, ", quote(a))).collect();
    let (customers, summaries, events) =
        (w.view("customers"), w.view("summaries"), w.view("events"));
    format!(
        "SELECT customer_id, {attributes}\
         stage_of(summary, registered => first_seen) AS stage, \
         stage_reason(summary, registered => first_seen) AS stage_reason, \
         rfm['r'] AS r, rfm['f'] AS f, rfm['m'] AS m, rfm['score'] AS rfm_score, \
         rfm_segment(rfm) AS segment, \
         coalesce(summary['orders'], 0) AS orders, coalesce(summary['revenue'], CAST(0 AS DOUBLE)) AS revenue, \
         summary['first_ts'] AS first_purchase, summary['last_ts'] AS last_purchase, \
         p_alive(buys, summary) AS p_alive, \
         churn_prob(buys, summary, {horizon}) AS churn_prob, \
         expected AS expected_purchases, \
         coalesce(clv(buys, spends, summary, {horizon}, 0.0), \
           expected * summary['revenue'] / CAST(summary['periods'] AS DOUBLE)) AS clv, \
         turn['point'] AS last_turning_point, turn['ts'] AS last_turning_point_ts, last_channel \
         FROM (SELECT *, expected_purchases(buys, {horizon}, summary) AS expected FROM (\
           SELECT c.customer_id AS customer_id, c.first_seen AS first_seen, {base_attributes}s.summary AS summary, \
             rfm_score(s.summary) OVER () AS rfm, {purchases} OVER () AS buys, {spend} OVER () AS spends, \
             t.turn AS turn, t.last_channel AS last_channel \
           FROM {customers} AS c \
           LEFT JOIN {summaries} AS s ON c.customer_id = s.customer_id \
           LEFT JOIN (SELECT customer_id, array_element(array_filter(turning_points(ts, event_type, amount), p -> p['kind'] NOT IN ('milestone', 'key_point')), -1) AS turn, \
             last_value(channel ORDER BY ts, channel) FILTER (WHERE channel IS NOT NULL) AS last_channel \
             FROM {events} GROUP BY customer_id) AS t ON c.customer_id = t.customer_id) AS scored) AS base"
    )
}
