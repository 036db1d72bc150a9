//! Casts to the types by which PostgreSQL speaks of what is in its catalog.

use std::ops::ControlFlow;

use datafusion::logical_expr::sqlparser::ast::{
    BinaryOperator, DataType, Expr, Value, visit_expressions_mut,
};
use datafusion::logical_expr::sqlparser::dialect::PostgreSqlDialect;
use datafusion::logical_expr::sqlparser::parser::Parser;

/// The tables of PostgreSQL's catalog and their numbers, which are the same in every database.
const TABLES: &[(&str, i32)] = &[
    ("pg_am", 2601),
    ("pg_attrdef", 2604),
    ("pg_attribute", 1249),
    ("pg_auth_members", 1261),
    ("pg_authid", 1260),
    ("pg_cast", 2605),
    ("pg_class", 1259),
    ("pg_collation", 3456),
    ("pg_constraint", 2606),
    ("pg_conversion", 2607),
    ("pg_database", 1262),
    ("pg_depend", 2608),
    ("pg_description", 2609),
    ("pg_enum", 3501),
    ("pg_event_trigger", 3466),
    ("pg_extension", 3079),
    ("pg_foreign_data_wrapper", 2328),
    ("pg_foreign_server", 1417),
    ("pg_foreign_table", 3118),
    ("pg_index", 2610),
    ("pg_inherits", 2611),
    ("pg_language", 2612),
    ("pg_namespace", 2615),
    ("pg_opclass", 2616),
    ("pg_operator", 2617),
    ("pg_opfamily", 2753),
    ("pg_policy", 3256),
    ("pg_proc", 1255),
    ("pg_range", 3541),
    ("pg_rewrite", 2618),
    ("pg_sequence", 2224),
    ("pg_shdescription", 2396),
    ("pg_statistic_ext", 3381),
    ("pg_tablespace", 1213),
    ("pg_trigger", 2620),
    ("pg_ts_config", 3602),
    ("pg_ts_dict", 3600),
    ("pg_type", 1247),
];

/// The number of a table of PostgreSQL's catalog.
pub(in crate::server::catalog) fn number_of(table: &str) -> Option<i32> {
    TABLES.iter().find(|(name, _)| *name == table).map(|(_, number)| *number)
}

/// The statement with the numbers and names that casts of texts stand for; none if there are none.
/// The library would look them up by subqueries, which cannot stand in the condition of a join.
pub(super) fn resolved(sql: &str) -> Option<String> {
    let mut statements = Parser::parse_sql(&PostgreSqlDialect {}, sql).ok()?;
    let mut changed = false;
    let _ = visit_expressions_mut(&mut statements, |expr| {
        if let Expr::Cast { expr: inner, data_type, .. } = expr {
            // the number of a transaction
            if name(data_type) == "xid" {
                *data_type = DataType::BigInt(None);
                changed = true;
            }
            // a list of types, which is a text with blanks
            if name(data_type).ends_with("[]") && is_vector(inner) {
                changed = true;
                **inner = super::read(&format!("string_to_array(nullif({inner}, ''), ' ')"));
            }
            // a name that is put together
            if name(data_type) == "regclass" && is_put_together(inner) {
                changed = true;
                *expr = super::read(&format!("to_regclass({inner})"));
            }
        }
        if let Expr::Cast { expr: inner, data_type, .. } = expr
            && let Expr::Value(value) = inner.as_ref()
            && let Value::SingleQuotedString(text) = &value.value
            && let Some(instead) = instead(text, data_type)
        {
            changed = true;
            *expr = Expr::value(instead);
        }
        ControlFlow::<()>::Continue(())
    });
    let printed = || statements.iter().map(ToString::to_string).collect::<Vec<_>>().join("; ");
    changed.then(printed)
}

/// Whether a column holds numbers in a text, as PostgreSQL's `oidvector` does.
fn is_vector(expr: &Expr) -> bool {
    super::last(expr).is_some_and(|column| column == "proargtypes")
}

/// Whether a text is the result of something, and not a column or a constant.
fn is_put_together(expr: &Expr) -> bool {
    match expr {
        Expr::Nested(inner) => is_put_together(inner),
        Expr::BinaryOp { op, .. } => *op == BinaryOperator::StringConcat,
        Expr::Function(_) => true,
        _ => false,
    }
}

fn instead(text: &str, data_type: &DataType) -> Option<Value> {
    let plain = text.strip_prefix("pg_catalog.").unwrap_or(text);
    match name(data_type).as_str() {
        "regclass" => Some(Value::Number(number_of(plain)?.to_string(), false)),
        // functions are known by their names here
        "regproc" if plain.parse::<u32>().is_err() => {
            Some(Value::SingleQuotedString(plain.to_owned()))
        }
        _ => None,
    }
}

/// PostgreSQL's type for names is text.
pub(super) fn name_as_text(data_type: &mut DataType) {
    if name(data_type) == "name" {
        *data_type = DataType::Text;
    }
}

/// The name of a type without its schema, in lower case.
fn name(data_type: &DataType) -> String {
    let name = data_type.to_string().to_lowercase();
    name.strip_prefix("pg_catalog.").unwrap_or(&name).to_owned()
}
