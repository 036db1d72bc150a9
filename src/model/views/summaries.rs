//! `summaries`: `customer_summary` of every customer's orders.

use super::Writer;

pub(super) fn sql(w: &Writer<'_>) -> String {
    format!(
        "SELECT customer_id, customer_summary(ts, amount, {}) AS summary FROM {} GROUP BY customer_id",
        w.as_of,
        w.view("orders")
    )
}
