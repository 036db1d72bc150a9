//! `customers`: one row per customer seen anywhere, with the attributes of the tables that have
//! them. Where a table describes a customer twice, the row that sorts last by all attributes counts.

use super::{Writer, quote};

pub(super) fn sql(w: &Writer<'_>) -> String {
    let mut seen = vec![format!("SELECT customer_id, ts FROM {}", w.view("events"))];
    let mut joins = String::new();
    let mut columns =
        vec!["k.customer_id AS customer_id".to_string(), "k.first_seen AS first_seen".to_string()];
    for (i, table) in w.checked.model.attribute_tables().enumerate() {
        let (raw, customer) = (w.raw(table), w.customer(table));
        let filter = table.filter.as_ref().map_or_else(String::new, |f| format!(" AND ({f})"));
        seen.push(format!(
            "SELECT {customer} AS customer_id, CAST(NULL AS TIMESTAMP(6)) AS ts FROM {raw} WHERE {customer} IS NOT NULL{filter}"
        ));
        let names: Vec<String> = table.attributes.iter().map(|a| quote(a)).collect();
        let order: Vec<String> = names.iter().map(|n| format!("{n} DESC NULLS LAST")).collect();
        joins.push_str(&format!(
            " LEFT JOIN (SELECT * FROM (SELECT {customer} AS tenure_key, {}, row_number() OVER (PARTITION BY {customer} ORDER BY {}) AS tenure_row FROM {raw} WHERE {customer} IS NOT NULL{filter}) AS r{i} WHERE tenure_row = 1) AS a{i} ON k.customer_id = a{i}.tenure_key",
            names.join(", "),
            order.join(", "),
        ));
    }
    for name in w.attributes() {
        let holders: Vec<String> = w
            .checked
            .model
            .attribute_tables()
            .enumerate()
            .filter(|(_, t)| t.attributes.iter().any(|a| a == name))
            .map(|(i, _)| format!("a{i}.{}", quote(name)))
            .collect();
        let value = if let [one] = holders.as_slice() {
            one.clone()
        } else {
            format!("coalesce({})", holders.join(", "))
        };
        columns.push(format!("{value} AS {}", quote(name)));
    }
    format!(
        "SELECT {} FROM (SELECT customer_id, min(ts) AS first_seen FROM ({}) AS s GROUP BY customer_id) AS k{joins}",
        columns.join(", "),
        seen.join(" UNION ALL "),
    )
}
