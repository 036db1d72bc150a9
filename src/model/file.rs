//! `tenure.toml`: reading and writing a model.

use std::fmt::Write as _;

use toml::{Table, Value};

use super::{Model, Role, TableModel};
use crate::error::{Error, ErrorKind, Result, did_you_mean};

const LAKE_KEYS: &[&str] = &["timezone", "as_of", "stage_policy", "options"];
const TOP_KEYS: &[&str] = &["lake", "tables", "events"];

/// What `[lake]` says while a lake is being made: by what.
const UNFINISHED: &str = "unfinished";

/// The `tenure.toml` of a lake that `maker` has begun to write.
pub(crate) fn unfinished(maker: &str) -> String {
    format!(
        "# the last file of this lake is not written yet\n[lake]\n{UNFINISHED} = {}\n",
        quoted(maker)
    )
}

/// Reads a model.
///
/// # Errors
/// Text that is not TOML, and keys or values that a model does not have, each with the nearest
/// name.
pub(crate) fn parse(text: &str) -> Result<Model> {
    let file: Table = text.parse().map_err(|e: toml::de::Error| {
        bad(format!("tenure.toml is not TOML: {}", e.message()))
            .with_hint("values are text in quotes: time = \"invoice_date\"")
    })?;
    known(&file, TOP_KEYS, "tenure.toml")?;
    let mut model = Model::default();
    if let Some(lake) = table(&file, "lake", "tenure.toml")? {
        if let Some(maker) = text_of(lake, UNFINISHED, "[lake]")? {
            return Err(bad(format!("this lake is not whole: {maker} was stopped before its end"))
                .with_hint("remove the folder and make the lake again"));
        }
        known(lake, LAKE_KEYS, "[lake]")?;
        model.timezone = text_of(lake, "timezone", "[lake]")?;
        model.as_of = text_of(lake, "as_of", "[lake]")?;
        model.stage_policy = text_of(lake, "stage_policy", "[lake]")?;
    }
    if let Some(tables) = table(&file, "tables", "tenure.toml")? {
        for (name, value) in tables {
            let Value::Table(body) = value else {
                return Err(bad(format!(
                    "tenure.toml: tables.{name} must be a table: [tables.{name}]"
                )));
            };
            model.tables.push(read_table(name, body)?);
        }
    }
    if let Some(events) = table(&file, "events", "tenure.toml")? {
        for name in events.keys() {
            if let Some(standard) = text_of(events, name, "[events]")? {
                model.renames.insert(name.clone(), standard);
            }
        }
    }
    Ok(model)
}

fn read_table(name: &str, body: &Table) -> Result<TableModel> {
    let section = format!("[tables.{name}]");
    let keys: Vec<&str> =
        ["path", "where", "attributes"].into_iter().chain(Role::ALL.map(Role::key)).collect();
    known(body, &keys, &section)?;
    let mut out = TableModel { name: name.to_string(), ..TableModel::default() };
    out.path = text_of(body, "path", &section)?;
    out.filter = text_of(body, "where", &section)?;
    for role in Role::ALL {
        if let Some(sql) = text_of(body, role.key(), &section)? {
            out.roles.insert(role, sql);
        }
    }
    match body.get("attributes") {
        None => {}
        Some(Value::Array(items)) => {
            for item in items {
                let Value::String(column) = item else {
                    return Err(bad(format!(
                        "tenure.toml {section}: attributes must be names of columns in quotes, not {item}"
                    )));
                };
                out.attributes.push(column.clone());
            }
        }
        Some(other) => {
            return Err(bad(format!(
                "tenure.toml {section}: attributes must be a list such as [\"country\"], not {other}"
            )));
        }
    }
    Ok(out)
}

fn known(table: &Table, keys: &[&str], section: &str) -> Result<()> {
    for key in table.keys() {
        if !keys.contains(&key.as_str()) {
            return Err(bad(format!("tenure.toml {section}: there is no key {key:?}")).with_hint(
                did_you_mean(key, keys.iter().copied())
                    .unwrap_or_else(|| format!("the keys are {}", keys.join(", "))),
            ));
        }
    }
    Ok(())
}

fn table<'a>(of: &'a Table, key: &str, section: &str) -> Result<Option<&'a Table>> {
    match of.get(key) {
        None => Ok(None),
        Some(Value::Table(t)) => Ok(Some(t)),
        Some(_) => Err(bad(format!("{section}: {key} must be a table: [{key}]"))),
    }
}

fn text_of(of: &Table, key: &str, section: &str) -> Result<Option<String>> {
    match of.get(key) {
        None => Ok(None),
        Some(Value::String(s)) => Ok(Some(s.clone())),
        Some(Value::Datetime(d)) => Ok(Some(d.to_string())),
        Some(other) => {
            Err(bad(format!("tenure.toml {section}: {key} must be text in quotes, not {other}")))
        }
    }
}

fn bad(message: String) -> Error {
    Error::new(ErrorKind::Model, message)
}

/// Storage options of `[lake.options]`: the one part that is needed before the lake is open.
pub(crate) fn options(text: &str) -> Vec<(String, String)> {
    let Ok(file) = text.parse::<Table>() else { return vec![] };
    let options = file.get("lake").and_then(|l| l.get("options")).and_then(Value::as_table);
    options.map_or_else(Vec::new, |t| {
        t.iter().filter_map(|(k, v)| v.as_str().map(|v| (k.clone(), v.to_string()))).collect()
    })
}

/// Writes a model as `tenure.toml`.
pub(crate) fn write(model: &Model) -> String {
    let mut out = String::from(
        "# What this lake's tables mean. Every value is a column or an SQL expression over the\n# table's columns; a constant is in single quotes inside: event = \"'purchase'\".\n[lake]\n",
    );
    let _ = writeln!(out, "timezone = {}", quoted(model.timezone.as_deref().unwrap_or("UTC")));
    if let Some(as_of) = &model.as_of {
        let _ = writeln!(out, "as_of = {}", quoted(as_of));
    }
    if let Some(policy) = &model.stage_policy {
        let _ = writeln!(out, "stage_policy = {}", quoted(policy));
    }
    for table in &model.tables {
        let _ = writeln!(out, "\n[tables.{}]", key(&table.name));
        let path = table.path.clone().unwrap_or_else(|| format!("{}/", table.name));
        let _ = writeln!(out, "path = {}", quoted(&path));
        for role in Role::ALL {
            if let Some(sql) = table.role(role) {
                let _ = writeln!(out, "{} = {}", role.key(), quoted(sql));
            }
        }
        if let Some(filter) = &table.filter {
            let _ = writeln!(out, "where = {}", quoted(filter));
        }
        if !table.attributes.is_empty() {
            let names: Vec<String> = table.attributes.iter().map(|a| quoted(a)).collect();
            let _ = writeln!(out, "attributes = [{}]", names.join(", "));
        }
    }
    if !model.renames.is_empty() {
        out.push_str("\n[events]\n");
        for (from, to) in &model.renames {
            let _ = writeln!(out, "{} = {}", quoted(from), quoted(to));
        }
    }
    for note in &model.notes {
        let _ = writeln!(out, "\n# {note}");
    }
    out
}

fn quoted(s: &str) -> String {
    Value::String(s.to_string()).to_string()
}

fn key(name: &str) -> String {
    let bare =
        !name.is_empty() && name.chars().all(|c| c.is_ascii_alphanumeric() || c == '_' || c == '-');
    if bare { name.to_string() } else { quoted(name) }
}

#[cfg(test)]
mod tests {
    use super::*;

    const SHOP: &str = r#"
[lake]
timezone = "Europe/London"

[tables.invoices]
customer = "customer_id"
time = "invoice_date"
event = "CASE WHEN starts_with(invoice_no, 'C') THEN 'return' ELSE 'purchase' END"
amount = "quantity * unit_price"
where = "customer_id IS NOT NULL"

[tables.people]
customer = "id"
attributes = ["country"]

[events]
"Order Completed" = "purchase"
"#;

    #[test]
    fn a_model_is_read_and_written_back() -> Result<()> {
        let model = parse(SHOP)?;
        assert_eq!(model.event_tables().count(), 1);
        assert_eq!(model.attribute_tables().count(), 1);
        assert_eq!(model.renames.get("Order Completed").map(String::as_str), Some("purchase"));
        let mut again = parse(&write(&model))?;
        for t in &mut again.tables {
            t.path = None;
        }
        assert_eq!(again, model);
        Ok(())
    }

    #[test]
    fn a_wrong_key_is_named_with_the_nearest() {
        let e = parse("[tables.a]\ncustmer = \"id\"").unwrap_err();
        assert_eq!(e.to_string(), "tenure.toml [tables.a]: there is no key \"custmer\"");
        assert!(e.hint().is_some_and(|h| h.contains("customer")));
        assert!(parse("[tables.a]\ntime = 3").unwrap_err().to_string().contains("must be text"));
        assert!(parse("[tables").unwrap_err().to_string().contains("not TOML"));
    }
}
