//! `events`: one row per event of any table, up to `tenure.as_of`, with a customer and a time.

use super::Writer;
use crate::model::Role;

/// The columns between `event_type` and `source`, and their types.
pub(super) const TYPED: [(Role, &str); 8] = [
    (Role::Amount, "DOUBLE"),
    (Role::Order, "VARCHAR"),
    (Role::Product, "VARCHAR"),
    (Role::Category, "VARCHAR"),
    (Role::Quantity, "DOUBLE"),
    (Role::Channel, "VARCHAR"),
    (Role::Campaign, "VARCHAR"),
    (Role::Session, "VARCHAR"),
];

pub(super) fn sql(w: &Writer<'_>) -> String {
    let parts: Vec<String> = w.event_tables().map(|(i, t)| w.events_of(i, t)).collect();
    parts.join(" UNION ALL ")
}
