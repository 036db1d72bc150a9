//! PostgreSQL's names of types, as `format_type` and `information_schema` write them.

use pgwire::api::Type;

/// The name of a type in SQL: `bigint`, `text[]`, `numeric(10,2)`; `modifier` is -1 if there is none.
pub(in crate::server) fn sql_name(pg: &Type, modifier: i32) -> String {
    name(pg.name(), modifier)
}

fn name(internal: &str, modifier: i32) -> String {
    // the array of a type is named after it
    if let Some(item) = internal.strip_prefix('_') {
        return format!("{}[]", name(item, modifier));
    }
    let length = (modifier > 4).then(|| modifier - 4);
    let fraction = (modifier >= 0).then_some(modifier);
    let with = |name: &str, number: Option<i32>| match number {
        Some(number) => format!("{name}({number})"),
        None => name.to_owned(),
    };
    match internal {
        "bool" => "boolean".to_owned(),
        "int2" => "smallint".to_owned(),
        "int4" => "integer".to_owned(),
        "int8" => "bigint".to_owned(),
        "float4" => "real".to_owned(),
        "float8" => "double precision".to_owned(),
        "bpchar" => with("character", length),
        "varchar" => with("character varying", length),
        "varbit" => "bit varying".to_owned(),
        "time" => format!("{} without time zone", with("time", fraction)),
        "timetz" => format!("{} with time zone", with("time", fraction)),
        "timestamp" => format!("{} without time zone", with("timestamp", fraction)),
        "timestamptz" => format!("{} with time zone", with("timestamp", fraction)),
        "numeric" => match precision_and_scale(modifier) {
            Some((precision, scale)) => format!("numeric({precision},{scale})"),
            None => "numeric".to_owned(),
        },
        // words of SQL, which PostgreSQL quotes
        "char" | "any" => format!("\"{internal}\""),
        _ => internal.to_owned(),
    }
}

/// What the modifier of a `numeric` says.
pub(in crate::server) fn precision_and_scale(modifier: i32) -> Option<(i32, i32)> {
    let packed = modifier.checked_sub(4).filter(|packed| *packed >= 0)?;
    Some(((packed >> 16) & 0xffff, packed & 0xffff))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_are_those_of_postgresql() {
        // as PostgreSQL 15 answers SELECT format_type(oid, modifier)
        for (pg, modifier, name) in [
            (Type::INT8, -1, "bigint"),
            (Type::FLOAT8, -1, "double precision"),
            (Type::BOOL, -1, "boolean"),
            (Type::TIMESTAMP, -1, "timestamp without time zone"),
            (Type::TIMESTAMPTZ, 3, "timestamp(3) with time zone"),
            (Type::NUMERIC, -1, "numeric"),
            (Type::NUMERIC, (10 << 16 | 2) + 4, "numeric(10,2)"),
            (Type::VARCHAR, 14, "character varying(10)"),
            (Type::TEXT_ARRAY, -1, "text[]"),
            (Type::INT8_ARRAY, -1, "bigint[]"),
            (Type::JSON, -1, "json"),
            (Type::CHAR, -1, "\"char\""),
            (Type::RECORD, -1, "record"),
            (Type::ANYELEMENT, -1, "anyelement"),
        ] {
            assert_eq!(sql_name(&pg, modifier), name);
        }
    }
}
