//! A model from conventional names and types, for a lake without `tenure.toml`.
//!
//! The first of the known names that a table has takes the role; names are compared without case
//! and underscores. Nothing is guessed from the data.

use datafusion::arrow::datatypes::{DataType, Field, Schema};

use super::{Model, Role, TableModel};

/// The names of each role, best first.
const NAMES: &[(Role, &[&str])] = &[
    (
        Role::Customer,
        &[
            "customer_id",
            "customer",
            "cust_id",
            "user_id",
            "client_id",
            "member_id",
            "account_id",
            "household_id",
            "visitor_id",
            "contact_id",
            "person_id",
            "buyer_id",
            "subscriber_id",
            "user",
            "uid",
        ],
    ),
    (
        Role::Time,
        &[
            "ts",
            "event_time",
            "event_ts",
            "event_timestamp",
            "timestamp",
            "occurred_at",
            "created_at",
            "order_date",
            "order_time",
            "ordered_at",
            "purchase_date",
            "purchased_at",
            "invoice_date",
            "transaction_date",
            "datetime",
            "time",
            "date",
        ],
    ),
    (Role::Event, &["event_type", "event_name", "event", "action", "activity"]),
    (
        Role::Amount,
        &[
            "amount",
            "revenue",
            "sales",
            "sales_value",
            "total",
            "total_amount",
            "total_price",
            "order_value",
            "order_total",
            "net_amount",
            "dollars",
            "spend",
            "value",
        ],
    ),
    (
        Role::Order,
        &[
            "order_id",
            "order",
            "order_no",
            "order_number",
            "basket_id",
            "invoice",
            "invoice_no",
            "invoice_id",
            "transaction_id",
        ],
    ),
    (Role::Product, &["product_id", "product", "sku", "item_id", "stock_code", "article_id"]),
    (Role::Category, &["category", "product_category", "department", "category_id"]),
    (Role::Quantity, &["quantity", "qty", "units", "items"]),
    (Role::Channel, &["channel", "utm_source", "source", "medium", "marketing_channel"]),
    (Role::Campaign, &["campaign_id", "campaign", "utm_campaign"]),
    (Role::Session, &["session_id", "session", "visit_id"]),
    (Role::Ingested, &["ingested_at", "loaded_at", "_ingested_at"]),
];

/// Names of tables that describe customers.
const PEOPLE: &[&str] = &[
    "customer",
    "user",
    "client",
    "member",
    "household",
    "people",
    "person",
    "account",
    "contact",
    "profile",
    "demographic",
    "subscriber",
];

/// Parts of the names of tables whose rows are purchases, and of those that take them back.
const SALES: &[&str] =
    &["invoice", "order", "transaction", "sales", "receipt", "purchase", "basket"];
const TAKEN_BACK: &[&str] = &["return", "refund", "cancel"];

/// Names of the price of one piece, best first.
const PRICES: &[&str] = &["unit_price", "price", "item_price"];

/// The model of a lake with these tables.
pub(crate) fn infer(tables: &[(String, Schema)]) -> Model {
    let mut model = Model { inferred: true, ..Model::default() };
    for (name, schema) in tables {
        match infer_table(name, schema) {
            Ok(table) => model.tables.push(table),
            Err(note) => model.notes.push(note),
        }
    }
    model
}

fn infer_table(name: &str, schema: &Schema) -> Result<TableModel, String> {
    let mut out = TableModel { name: name.to_string(), ..TableModel::default() };
    for (role, names) in NAMES {
        let found =
            names.iter().find_map(|n| column(schema, n).filter(|f| fits(*role, f.data_type())));
        if let Some(field) = found {
            out.roles.insert(*role, quoted(field.name()));
        }
    }
    let named = |parts: &[&str]| parts.iter().any(|p| name.to_lowercase().contains(p));
    let sells = named(SALES) && !named(TAKEN_BACK);
    // customer_orders holds orders, salesforce_contacts people
    let ordered = out.roles.contains_key(&Role::Order) || out.roles.contains_key(&Role::Quantity);
    let describes = named(PEOPLE) && !(sells && ordered && out.roles.contains_key(&Role::Time));
    if describes && !out.roles.contains_key(&Role::Event) && !out.roles.contains_key(&Role::Amount)
    {
        if !out.roles.contains_key(&Role::Customer)
            && let Some(id) = column(schema, "id")
        {
            out.roles.insert(Role::Customer, quoted(id.name()));
        }
        let customer = out.roles.get(&Role::Customer).cloned();
        let Some(customer) = customer else {
            return Err(format!("table {name} is not mapped: no column that says which customer"));
        };
        out.attributes = schema
            .fields()
            .iter()
            .map(|f| f.name().clone())
            .filter(|n| quoted(n) != customer)
            .collect();
        out.roles.retain(|role, _| *role == Role::Customer);
        return Ok(out);
    }
    if !out.roles.contains_key(&Role::Customer) {
        return Err(format!("table {name} is not mapped: no column that says which customer"));
    }
    if !out.roles.contains_key(&Role::Time) {
        return Err(format!("table {name} is not mapped: no column that says when"));
    }
    if !out.roles.contains_key(&Role::Amount)
        && let Some(amount) = amount_of_prices(schema, out.role(Role::Quantity))
    {
        out.roles.insert(Role::Amount, amount);
    }
    if !out.roles.contains_key(&Role::Event) {
        let event = if sells || out.roles.contains_key(&Role::Amount) {
            "purchase"
        } else {
            singular(name)
        };
        out.roles.insert(Role::Event, format!("'{}'", event.replace('\'', "''")));
    }
    Ok(out)
}

/// What a row is worth by the price of a piece: without a quantity, a price named just so.
fn amount_of_prices(schema: &Schema, quantity: Option<&str>) -> Option<String> {
    let price = |names: &[&str]| {
        let find = |n: &&str| column(schema, n).filter(|f| fits(Role::Amount, f.data_type()));
        names.iter().find_map(find).map(|f| quoted(f.name()))
    };
    match quantity {
        Some(quantity) => Some(format!("{quantity} * {}", price(PRICES)?)),
        None => price(&["price"]),
    }
}

fn column<'a>(schema: &'a Schema, name: &str) -> Option<&'a Field> {
    let plain = |s: &str| s.to_lowercase().replace('_', "");
    schema.fields().iter().map(AsRef::as_ref).find(|f| plain(f.name()) == plain(name))
}

fn fits(role: Role, ty: &DataType) -> bool {
    let ty = match ty {
        DataType::Dictionary(_, value) => value.as_ref(),
        other => other,
    };
    let text = matches!(ty, DataType::Utf8 | DataType::LargeUtf8 | DataType::Utf8View);
    match role {
        Role::Time | Role::Ingested => {
            matches!(ty, DataType::Timestamp(_, _) | DataType::Date32 | DataType::Date64)
        }
        Role::Amount | Role::Quantity => ty.is_numeric(),
        Role::Event => text,
        _ => text || ty.is_integer(),
    }
}

/// `returns` → `return`: the event that a row of the table is.
fn singular(name: &str) -> &str {
    name.strip_suffix('s').filter(|s| !s.ends_with('s') && !s.is_empty()).unwrap_or(name)
}

/// A column as SQL: in quotes unless it is plain.
fn quoted(name: &str) -> String {
    let plain = name.chars().next().is_some_and(|c| c.is_ascii_lowercase() || c == '_')
        && name.chars().all(|c| c.is_ascii_lowercase() || c.is_ascii_digit() || c == '_');
    if plain
        && !["order", "user", "group", "time", "date", "value", "timestamp", "session"]
            .contains(&name)
    {
        name.to_string()
    } else {
        format!("\"{}\"", name.replace('"', "\"\""))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use datafusion::arrow::datatypes::TimeUnit;

    fn schema(columns: &[(&str, DataType)]) -> Schema {
        Schema::new(
            columns.iter().map(|(n, t)| Field::new(*n, t.clone(), true)).collect::<Vec<_>>(),
        )
    }

    #[test]
    fn a_table_of_sales_holds_purchases_worth_quantity_times_price() {
        let ts = DataType::Timestamp(TimeUnit::Microsecond, None);
        let people = |more: &[(&str, DataType)]| {
            let mut all = vec![("customer_id", DataType::Int64), ("date", ts.clone())];
            all.extend_from_slice(more);
            schema(&all)
        };
        let (price, quantity) = (DataType::Float64, DataType::Int64);
        let model = infer(&[
            (
                "Online_Invoices".into(),
                people(&[("Quantity", quantity.clone()), ("UnitPrice", price.clone())]),
            ),
            ("customer_orders".into(), people(&[("order_id", DataType::Int64)])),
            ("bids".into(), people(&[("price", price.clone())])),
            ("baskets".into(), people(&[("qty", quantity.clone()), ("item_price", price.clone())])),
            (
                "sales".into(),
                people(&[("total", price.clone()), ("qty", quantity), ("price", price)]),
            ),
            ("order_returns".into(), people(&[])),
        ]);
        let of = |t: usize| (model.tables[t].role(Role::Event), model.tables[t].role(Role::Amount));
        assert_eq!(of(0), (Some("'purchase'"), Some("\"Quantity\" * \"UnitPrice\"")));
        assert_eq!(of(1), (Some("'purchase'"), None));
        assert_eq!(of(2), (Some("'purchase'"), Some("price")));
        assert_eq!(of(3), (Some("'purchase'"), Some("qty * item_price")));
        assert_eq!(of(4), (Some("'purchase'"), Some("total")));
        assert_eq!(of(5), (Some("'order_return'"), None));
    }

    #[test]
    fn conventional_names_take_their_roles() {
        let ts = DataType::Timestamp(TimeUnit::Microsecond, None);
        let model = infer(&[
            (
                "orders".into(),
                schema(&[
                    ("CustomerID", DataType::Int64),
                    ("InvoiceDate", ts.clone()),
                    ("Total", DataType::Float64),
                    ("order", DataType::Utf8),
                ]),
            ),
            ("returns".into(), schema(&[("user_id", DataType::Utf8), ("created_at", ts)])),
            ("people".into(), schema(&[("id", DataType::Int64), ("country", DataType::Utf8)])),
            ("stores".into(), schema(&[("store", DataType::Int64)])),
        ]);
        let role = |t: usize, r| model.tables.get(t).and_then(|t| t.role(r));
        assert_eq!(role(0, Role::Customer), Some("\"CustomerID\""));
        assert_eq!(role(0, Role::Event), Some("'purchase'"));
        assert_eq!(role(0, Role::Order), Some("\"order\""));
        assert_eq!(role(1, Role::Event), Some("'return'"));
        assert_eq!(model.tables[2].attributes, ["country"]);
        assert_eq!(model.notes, ["table stores is not mapped: no column that says which customer"]);
        assert!(model.inferred && model.maps_events());
    }
}
