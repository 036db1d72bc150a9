//! `orders`: one row per order. Rows of purchases that share customer and order number are one;
//! without an order number each is its own.

use super::Writer;
use crate::model::Role;

pub(super) fn sql(w: &Writer<'_>) -> String {
    let parts: Vec<String> = w
        .event_tables()
        .filter(|(_, t)| w.may_purchase(t))
        .map(|(i, t)| {
            let rows = format!("({}) AS e WHERE event_type = 'purchase'", w.events_of(i, t));
            if t.roles.contains_key(&Role::Order) {
                format!(
                    "SELECT customer_id, order_id, min(ts) AS ts, monetary(amount) AS amount, \
                     CAST(round(coalesce(sum(quantity), CAST(count(*) AS DOUBLE))) AS BIGINT) AS items, \
                     min(channel) AS channel FROM {rows} \
                     GROUP BY customer_id, order_id, CASE WHEN order_id IS NULL THEN ts END"
                )
            } else {
                format!(
                    "SELECT customer_id, order_id, ts, amount, \
                     CAST(round(coalesce(quantity, CAST(1 AS DOUBLE))) AS BIGINT) AS items, channel FROM {rows}"
                )
            }
        })
        .collect();
    if parts.is_empty() {
        // no table can hold purchases: the view exists and is empty
        return format!(
            "SELECT customer_id, order_id, ts, amount, CAST(NULL AS BIGINT) AS items, channel FROM {} WHERE false",
            w.view("events")
        );
    }
    parts.join(" UNION ALL ")
}
